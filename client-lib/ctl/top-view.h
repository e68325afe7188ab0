/* top-view.h - what `rtcroomctl top` knows of the room, and how that looks in a terminal of any size.
 *
 * Drawing is a function of the state alone: tests draw without terminal and daemon.
 */
#pragma once

#include "ctl/screen.h"
#include "rtcroom/rtcroom.h"

/* Figures of one person's stream, between two looks at the counters. */
struct top_figures {
        char user_id[129];
        double packets, lost, delay_s, delay_count; /* counters as they were last */
        int delay_ms;                               /* in the jitter buffer; -1: nothing is played */
        double loss;                                /* 0–1; -1 likewise */
};

enum { TOP_PEOPLE_MAX = 256 };

struct top_state {
        struct rtcroom_state room;
        struct rtcroom_participant people[TOP_PEOPLE_MAX];
        float levels[TOP_PEOPLE_MAX], peaks[TOP_PEOPLE_MAX]; /* of the same places */
        size_t n_people;
        struct top_figures figures[TOP_PEOPLE_MAX];
        size_t n_figures;
        double rtt_s, out_loss; /* -1: unknown */
        float microphone_level, microphone_peak;
        char selected[129]; /* who; kept while people come and go */
        size_t first;       /* the person in the uppermost row: kept, too, as long as the selected one is in view */
        char note[128];     /* what went wrong with the last key, "" nothing */
};

/* The selected one's place; the first one's if that person is gone. */
size_t top_selected(const struct top_state *t);
/* Selects the person `by` places further, within the list. */
void top_select(struct top_state *t, int by);
/* Takes one figure of rtcroom_context_get_stats(); top_stats_begin() before the first, top_stats_end() after the last
 * of a look. */
struct top_stats {
        struct top_figures now[TOP_PEOPLE_MAX];
        size_t n;
        double rtt_s, out_loss;
};
void top_stats_begin(struct top_stats *s);
void top_stats_add(struct top_stats *s, const char *object, const char *name, double number, const char *text);
void top_stats_end(const struct top_stats *s, struct top_state *t);

/* rows, columns and utf8 of the picture are given; draws all its lines. */
void top_draw(struct top_state *t, struct picture *p);
