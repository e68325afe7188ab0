/* cmd-watch.c - commands that go on looking: levels (meters in the terminal) and monitor (events of every room). */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum { METER_US = 100000, METER_WIDTH = 40 };

static void print_meter(const char *name, double level, double peak, const char *word)
{
        int filled = meter_cells(level, METER_WIDTH), mark = meter_cells(peak, METER_WIDTH);
        double db = level > 0 ? 20 * log10(level) : -99;
        char bar[METER_WIDTH + 1];

        memset(bar, '#', (size_t)filled);
        memset(bar + filled, '.', (size_t)(METER_WIDTH - filled));
        if (mark > filled)
                bar[mark - 1] = '|';
        bar[METER_WIDTH] = '\0';
        print_part(stdout, "%-20.20s %s %5.0f dB %s", name, bar, db < -99 ? -99.0 : db, word);
        puts("\033[K");
}

/* Returns the lines printed. */
static size_t print_levels(const struct ctl *o, const struct rtcroom_levels_now *now)
{
        struct json_object *j, *levels, *peaks;

        if (!o->json) {
                print_meter("(microphone)", (double)now->microphone_level, (double)now->microphone_peak, "");
                for (size_t i = 0; i < now->n_people; i++)
                        print_meter(now->people[i].user_id, (double)now->people[i].level, (double)now->people[i].peak,
                                    now->people[i].speaking ? "speaking" : "");
                return now->n_people + 1;
        }
        j = event_json(o, "levels");
        levels = json_object_new_object();
        peaks = json_object_new_object();
        for (size_t i = 0; i < now->n_people; i++) {
                const struct rtcroom_level *p = &now->people[i];

                json_object_object_add(levels, p->user_id, json_object_new_double((double)p->level));
                json_object_object_add(peaks, p->user_id, json_object_new_double((double)p->peak));
        }
        json_object_object_add(j, "levels", levels);
        json_object_object_add(j, "peaks", peaks);
        json_object_object_add(j, "microphone", json_object_new_double((double)now->microphone_level));
        print_json(j);
        return 0;
}

static void on_gone(struct rtcroom_context *c, void *user)
{
        (void)c;
        *(bool *)user = true;
}

/* Until the count is reached, the room ends (-ENOENT), the daemon is gone (0) or a signal comes (1). A daemon that was
 * killed leaves no mark in the levels. */
static int show_levels(const struct ctl *o, struct rtcroom *r, struct rtcroom_levels *l, const bool *gone)
{
        struct rtcroom_levels_now now;
        size_t printed = 0;
        int k = 0;

        for (unsigned i = 0; (o->count == 0 || i < o->count) && k == 0 && !*gone; i++) {
                k = rtcroom_levels_read(l, &now);
                if (k < 0 || !now.in_room)
                        return -ENOENT;
                if (printed > 0 && isatty(STDOUT_FILENO))
                        printf("\033[%zuA", printed);
                printed = print_levels(o, &now);
                printf("%s", o->json || !isatty(STDOUT_FILENO) ? "" : "\033[J"); /* somebody has left: a line less */
                k = loop_until(r, gone, METER_US);
        }
        return k;
}

int cmd_levels(struct ctl *o, int argc, char **argv)
{
        static const struct rtcroom_events events = { .gone = on_gone };
        struct rtcroom_levels *l = NULL;
        struct rtcroom_context *c;
        struct rtcroom *r;
        bool gone = false;
        int k;

        (void)argv;
        if (argc != 0)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl levels [--count N]");
        k = open_room(o, &r, &c);
        if (k != 0)
                return k;
        k = rtcroom_context_open_levels(c, &l);
        if (k < 0) {
                k = fail_errno(o, r, k);
        } else {
                rtcroom_context_set_events(c, &events, &gone);
                k = show_levels(o, r, l, &gone);
                if (gone)
                        k = fail(o, EXIT_NO_DAEMON, "the daemon has ended");
                else if (k == -ENOENT)
                        k = fail(o, EXIT_NO_ROOM, "the room has ended");
                else if (k < 0)
                        k = fail_errno(o, r, k);
        }
        rtcroom_levels_close(l);
        rtcroom_close(r);
        return k == 1 ? EXIT_OK : k;
}

/* ---- monitor ---- */

struct monitor {
        const struct ctl *o;
        struct rtcroom_context *c; /* owned: the context with the room, or NULL */
        bool changed, in_room;
};

static void on_room(struct rtcroom *r, bool in_room, void *user)
{
        struct monitor *m = user;

        (void)r;
        m->in_room = in_room;
        m->changed = true;
}

static void print_room(const struct monitor *m)
{
        struct rtcroom_state s;
        bool known = m->c && rtcroom_context_get_state(m->c, &s) >= 0;

        if (m->o->json) {
                struct json_object *j = event_json(m->o, m->in_room ? "entered" : "ended");

                if (known && m->in_room) {
                        json_object_object_add(j, "roomId", json_object_new_string(s.room_id));
                        json_object_object_add(j, "userId", json_object_new_string(s.user_id));
                }
                print_json(j);
        } else if (m->in_room && known) {
                print_event(m->o, "in room %s as %s", s.room_id, s.user_id);
        } else {
                print_event(m->o, "in no room");
        }
}

/* Attaches to the room's context when there is one, lets go when there is none. */
static void follow(struct monitor *m, struct rtcroom *r)
{
        if (m->in_room && !m->c && rtcroom_attach_context(r, 0, &m->c) >= 0)
                rtcroom_context_set_events(m->c, &printing_events, (void *)m->o);
        print_room(m);
        if (!m->in_room)
                m->c = rtcroom_context_free(m->c);
        m->changed = false;
}

int cmd_monitor(struct ctl *o, int argc, char **argv)
{
        struct monitor m = { .o = o };
        struct rtcroom *r;
        int k;

        (void)argv;
        if (argc != 0)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl monitor");
        if (rtcroom_open(&r) < 0)
                return fail(o, EXIT_NO_DAEMON, "there is no session bus");
        k = rtcroom_subscribe(r);
        if (k >= 0)
                k = rtcroom_set_room_watch(r, on_room, &m);
        if (k >= 0 && rtcroom_attach_context(r, 0, &m.c) >= 0) { /* there is a room already */
                rtcroom_context_set_events(m.c, &printing_events, o);
                m.in_room = m.changed = true;
        }
        while (k == 0) {
                if (m.changed)
                        follow(&m, r);
                k = loop_until(r, &m.changed, UINT64_MAX);
        }
        if (k < 0)
                k = fail_errno(o, r, k);
        rtcroom_close(r);
        return k == 1 ? EXIT_OK : k;
}
