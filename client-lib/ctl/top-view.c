/* top-view.c - see top-view.h.
 *
 *   room kitchen · you are alice · embedded · joined
 *   microphone on  ██████████····│····  push-to-talk, silent    sound on    rtt 12 ms, loss 0.0 %
 *
 *     NAME          LEVEL                VOLUME  DELAY   LOSS  QUALITY
 *   ● bob           ██████████·····│·····  100 %  42 ms  0.1 %  good
 *
 * What does not fit goes from the right: quality, loss, delay, volume; the meter takes what is left.
 */
#include "ctl/top-view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

enum { HEAD_ROWS = 4, FOOT_ROWS = 1, METER_MIN = 8, METER_MAX = 40 };

/* ---- selection ---- */

size_t top_selected(const struct top_state *t)
{
        for (size_t i = 0; i < t->n_people; i++)
                if (strcmp(t->people[i].user_id, t->selected) == 0)
                        return i;
        return 0;
}

void top_select(struct top_state *t, int by)
{
        long at = (long)top_selected(t) + by, last = (long)t->n_people - 1;

        if (last < 0)
                return;
        at = at < 0 ? 0 : at > last ? last : at;
        snprintf(t->selected, sizeof(t->selected), "%s", t->people[at].user_id);
}

/* ---- statistics ---- */

void top_stats_begin(struct top_stats *s)
{
        s->n = 0;
        s->rtt_s = s->out_loss = -1;
}

static void add_inbound(struct top_stats *s, unsigned long at, const char *name, double number, const char *text)
{
        struct top_figures *f = &s->now[at];

        while (s->n <= at)
                s->now[s->n++] = (struct top_figures){ .delay_ms = -1, .loss = -1 };
        if (text && strcmp(name, "userId") == 0)
                snprintf(f->user_id, sizeof(f->user_id), "%s", text);
        else if (strcmp(name, "packetsReceived") == 0)
                f->packets = number;
        else if (strcmp(name, "packetsLost") == 0)
                f->lost = number;
        else if (strcmp(name, "jitterBufferDelay") == 0)
                f->delay_s = number;
        else if (strcmp(name, "jitterBufferEmittedCount") == 0)
                f->delay_count = number;
}

void top_stats_add(struct top_stats *s, const char *object, const char *name, double number, const char *text)
{
        static const char inbound[] = "inbound-rtp.";
        unsigned long at;

        if (strncmp(object, inbound, strlen(inbound)) == 0) {
                at = strtoul(object + strlen(inbound), NULL, 10);
                if (at < TOP_PEOPLE_MAX)
                        add_inbound(s, at, name, number, text);
        } else if (strcmp(object, "candidate-pair.0") == 0 && strcmp(name, "currentRoundTripTime") == 0) {
                s->rtt_s = number;
        } else if (strcmp(object, "remote-inbound-rtp.0") == 0 && strcmp(name, "fractionLost") == 0) {
                s->out_loss = number;
        }
}

static const struct top_figures *figures_of(const struct top_state *t, const char *user_id)
{
        for (size_t i = 0; i < t->n_figures; i++)
                if (strcmp(t->figures[i].user_id, user_id) == 0)
                        return &t->figures[i];
        return NULL;
}

static void compare(struct top_figures *now, const struct top_figures *before)
{
        double packets = now->packets - before->packets, lost = now->lost - before->lost;
        double ms = 1e3 * (now->delay_s - before->delay_s) / (now->delay_count - before->delay_count);

        if (now->delay_count > before->delay_count && ms >= 0 && ms < 1e6)
                now->delay_ms = (int)(ms + 0.5);
        if (packets >= 0 && lost >= 0 && packets + lost > 0 && packets + lost < 1e9)
                now->loss = lost / (packets + lost);
}

void top_stats_end(const struct top_stats *s, struct top_state *t)
{
        static const struct top_figures none;
        struct top_figures now[TOP_PEOPLE_MAX];

        memcpy(now, s->now, s->n * sizeof(now[0]));
        for (size_t i = 0; i < s->n; i++) {
                const struct top_figures *before = figures_of(t, now[i].user_id);

                compare(&now[i], before ? before : &none);
        }
        memcpy(t->figures, now, s->n * sizeof(now[0]));
        t->n_figures = s->n;
        t->rtt_s = s->rtt_s;
        t->out_loss = s->out_loss;
}

/* ---- drawing ---- */

static void put(const struct picture *p, struct line *l, const char *text)
{
        line_text(p, l, text, (int)strlen(text));
}

static void put_dot(const struct picture *p, struct line *l)
{
        put(p, l, " ");
        line_sign(p, l, SIGN_DOT);
        put(p, l, " ");
}

static void put_meter(const struct picture *p, struct line *l, float level, float peak, int width)
{
        int filled = meter_cells((double)level, width), mark = meter_cells((double)peak, width) - 1;

        for (int i = 0; i < width; i++)
                line_sign(p, l, i < filled ? SIGN_FULL : i == mark ? SIGN_PEAK : SIGN_EMPTY);
}

static void put_percent(const struct picture *p, struct line *l, double part)
{
        char text[32];

        snprintf(text, sizeof(text), "%.1f %%", 100 * part);
        put(p, l, text);
}

static void draw_room(const struct top_state *t, const struct picture *p, struct line *l)
{
        line_bold(l);
        put(p, l, "room ");
        put(p, l, t->room.room_id);
        line_plain(l);
        put_dot(p, l);
        put(p, l, "you are ");
        put(p, l, t->room.user_id);
        put_dot(p, l);
        put(p, l, t->room.engine);
        put_dot(p, l);
        put(p, l, t->room.state);
}

static const char *transmission(const struct top_state *t)
{
        if (strcmp(t->room.transmit_mode, "push-to-talk") == 0)
                return t->room.talking ? "push-to-talk: TALKING" : "push-to-talk: silent";
        return strcmp(t->room.transmit_mode, "voice-activity") == 0 ? "voice activity" : "continuous";
}

static void draw_voice(const struct top_state *t, const struct picture *p, struct line *l)
{
        char text[48];

        put(p, l, t->room.muted ? "microphone MUTED " : t->room.audio_capture ? "microphone on " : "microphone off ");
        put_meter(p, l, t->microphone_level, t->microphone_peak, p->columns < 60 ? METER_MIN : 2 * METER_MIN);
        put(p, l, t->room.deafened ? "  sound OFF" : "  sound on");
        put(p, l, "  ");
        put(p, l, transmission(t));
        if (t->rtt_s >= 0) {
                snprintf(text, sizeof(text), "  rtt %.0f ms", 1e3 * t->rtt_s);
                put(p, l, text);
        }
        if (t->out_loss >= 0) {
                put(p, l, "  loss ");
                put_percent(p, l, t->out_loss);
        }
}

/* How wide each column is at this width of the terminal; 0: left out. */
struct columns {
        int name, meter, volume, delay, loss, quality;
};

static void fit(int width, struct columns *c)
{
        *c = (struct columns){ .name = width < 40 ? 12 : width < 100 ? 18 : 32 };
        int left = width - 4 - c->name; /* the sign before and the state behind the name */

        c->volume = left >= METER_MIN + 8 ? 8 : 0;
        c->delay = left >= METER_MIN + 16 ? 8 : 0;
        c->loss = left >= METER_MIN + 25 ? 9 : 0;
        c->quality = left >= METER_MIN + 36 ? 11 : 0;
        c->meter = left - c->volume - c->delay - c->loss - c->quality;
        c->meter = c->meter > METER_MAX ? METER_MAX : c->meter < METER_MIN ? 0 : c->meter;
        if (c->meter == 0)
                c->name = width - 4;
}

static void put_right(const struct picture *p, struct line *l, const char *text, int width)
{
        char field[24];

        if (width == 0)
                return;
        snprintf(field, sizeof(field), "%*s", width, text);
        line_text(p, l, field, width);
}

static void draw_titles(const struct picture *p, const struct columns *c, struct line *l)
{
        put(p, l, "    ");
        line_text(p, l, "NAME", c->name);
        if (c->meter)
                line_text(p, l, "LEVEL", c->meter);
        put_right(p, l, "VOLUME", c->volume);
        put_right(p, l, "DELAY", c->delay);
        put_right(p, l, "LOSS", c->loss);
        put_right(p, l, "QUALITY", c->quality);
}

static void put_figures(const struct top_figures *f, const struct picture *p, const struct columns *c, struct line *l)
{
        char text[24] = "";

        if (f && f->delay_ms >= 0)
                snprintf(text, sizeof(text), "%d ms", f->delay_ms);
        put_right(p, l, text, c->delay);
        text[0] = '\0';
        if (f && f->loss >= 0)
                snprintf(text, sizeof(text), "%.1f %%", 100 * f->loss);
        put_right(p, l, text, c->loss);
}

/* One letter behind the sign: y(ou), m(uted by you), M(uted at the far end), - (does not send). */
static const char *state_of(const struct top_state *t, const struct rtcroom_participant *who)
{
        if (who->self)
                return t->room.muted ? "m " : "y ";
        if (who->muted)
                return "m ";
        if (who->audio_muted)
                return "M ";
        return who->audio_published ? "  " : "- ";
}

static void draw_person(const struct top_state *t, size_t i, const struct picture *p, const struct columns *c,
                        struct line *l)
{
        static const char *const grades[] = { "", "excellent", "good", "poor", "bad", "very bad", "down" };
        const struct rtcroom_participant *who = &t->people[i];
        char text[24];

        if (i == top_selected(t))
                line_reverse(l);
        if (who->speaking)
                line_sign(p, l, SIGN_SPEAKING);
        else
                put(p, l, " ");
        put(p, l, " ");
        put(p, l, state_of(t, who));
        line_text(p, l, who->user_id, c->name - 1);
        put(p, l, " ");
        if (c->meter)
                put_meter(p, l, t->levels[i], t->peaks[i], c->meter);
        snprintf(text, sizeof(text), "%.0f %%", 100 * who->volume);
        put_right(p, l, who->self ? "" : text, c->volume);
        put_figures(figures_of(t, who->user_id), p, c, l);
        put_right(p, l, grades[who->quality < 7 ? who->quality : 0], c->quality);
        line_text(p, l, "", p->columns - l->width); /* the selection reaches the margin */
        line_plain(l);
}

static void draw_help(const struct top_state *t, const struct picture *p, struct line *l)
{
        if (t->note[0]) {
                line_bold(l);
                put(p, l, t->note);
                line_plain(l);
                return;
        }
        line_sign(p, l, SIGN_ARROWS);
        put(p, l, " select  +/- volume  m mute member  M microphone  d deafen  space talk  q quit");
}

static void scroll(struct top_state *t, size_t rows)
{
        size_t at = top_selected(t);

        if (t->first > at)
                t->first = at;
        if (rows > 0 && at >= t->first + rows)
                t->first = at - rows + 1;
        if (t->first > 0 && t->n_people <= rows)
                t->first = 0;
}

void top_draw(struct top_state *t, struct picture *p)
{
        size_t rows = p->rows > HEAD_ROWS + FOOT_ROWS ? (size_t)(p->rows - HEAD_ROWS - FOOT_ROWS) : 0;
        struct columns c;

        for (int i = 0; i < p->rows; i++) {
                p->lines[i].len = 0;
                p->lines[i].width = 0;
                p->lines[i].text[0] = '\0';
        }
        fit(p->columns, &c);
        scroll(t, rows);
        draw_room(t, p, &p->lines[0]);
        if (p->rows > HEAD_ROWS) {
                draw_voice(t, p, &p->lines[1]);
                draw_titles(p, &c, &p->lines[3]);
        }
        for (size_t i = 0; i < rows && t->first + i < t->n_people; i++)
                draw_person(t, t->first + i, p, &c, &p->lines[HEAD_ROWS + i]);
        if (p->rows > 1)
                draw_help(t, p, &p->lines[p->rows - 1]);
}
