/* cmd-watch.c - commands that go on looking: levels (meters in the terminal) and monitor (events of every room). */
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum { METER_US = 100000, METER_WIDTH = 40 };

static void print_meter(const struct rtcroom_participant *p)
{
        /* 0 to -60 dB across the width: what the ear calls even steps */
        double db = p->level > 0 ? 20 * log10(p->level) : -100;
        int filled = (int)((db + 60) / 60 * METER_WIDTH);
        char bar[METER_WIDTH + 1];

        filled = filled < 0 ? 0 : filled > METER_WIDTH ? METER_WIDTH : filled;
        memset(bar, '#', (size_t)filled);
        memset(bar + filled, '.', (size_t)(METER_WIDTH - filled));
        bar[METER_WIDTH] = '\0';
        print_part(stdout, "%-20.20s %s %5.0f dB %s", p->user_id, bar, db < -99 ? -99.0 : db,
                   p->speaking ? "speaking" : "");
        puts("\033[K");
}

static void print_levels(const struct ctl *o, const struct rtcroom_participant *list, size_t n)
{
        struct json_object *j, *levels;

        if (!o->json) {
                for (size_t i = 0; i < n; i++)
                        print_meter(&list[i]);
                return;
        }
        j = event_json(o, "levels");
        levels = json_object_new_object();
        for (size_t i = 0; i < n; i++)
                json_object_object_add(levels, list[i].user_id, json_object_new_double(list[i].level));
        json_object_object_add(j, "levels", levels);
        print_json(j);
}

int cmd_levels(struct ctl *o, int argc, char **argv)
{
        struct rtcroom_participant *list;
        struct rtcroom_context *c;
        size_t n = 0, printed = 0;
        struct rtcroom *r;
        int k;

        (void)argv;
        if (argc != 0)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl levels [--count N]");
        k = open_room(o, &r, &c);
        if (k != 0)
                return k;
        for (unsigned i = 0; o->count == 0 || i < o->count; i++) {
                k = rtcroom_context_get_participants(c, &list, &n);
                if (k < 0)
                        break;
                if (printed > 0 && !o->json && isatty(STDOUT_FILENO))
                        printf("\033[%zuA", printed);
                print_levels(o, list, n);
                free(list);
                printed = n;
                k = loop_until(r, NULL, METER_US);
                if (k != 0)
                        break;
        }
        if (k < 0)
                k = fail_errno(o, r, k);
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
