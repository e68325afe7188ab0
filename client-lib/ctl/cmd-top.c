/* cmd-top.c - `rtcroomctl top`: the room on a full screen, with keys.
 *
 * Ten times a second the levels are read from shared memory, which asks nobody; once a second, and after each event
 * and key, people and settings are asked for, and the statistics once a second. What has not changed is not drawn.
 * The terminal is given back in one place, however it ends: key, signal, the room, the daemon.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/screen.h"
#include "ctl/top-view.h"

enum { TICK_US = 100000, LOOK_US = 1000000, VOLUME_STEP = 10 };

struct top {
        struct rtcroom *r;
        struct rtcroom_context *c;
        struct rtcroom_levels *levels; /* owned */
        struct screen screen;
        struct picture picture;
        struct top_state state;
        struct top_stats stats;
        uint64_t tick_us, look_us; /* when due */
        int signal_fd;
        bool quit, gone;
        char escape; /* bytes of an arrow key so far: 0, ESC, '[' */
};

/* ---- what is known ---- */

static int look_at_people(struct top *t)
{
        struct rtcroom_participant *list;
        size_t n;
        int k = rtcroom_context_get_participants(t->c, &list, &n);

        if (k < 0)
                return k;
        t->state.n_people = n < TOP_PEOPLE_MAX ? n : TOP_PEOPLE_MAX;
        memcpy(t->state.people, list, t->state.n_people * sizeof(*list));
        free(list);
        return 0;
}

static void on_stat(const char *object, const char *name, double number, const char *text, void *user)
{
        top_stats_add(user, object, name, number, text);
}

static int look(struct top *t, uint64_t now_us)
{
        int k = rtcroom_context_get_state(t->c, &t->state.room);

        if (k >= 0)
                k = look_at_people(t);
        if (k < 0 || now_us < t->look_us)
                return k;
        t->look_us = now_us + LOOK_US;
        top_stats_begin(&t->stats);
        k = rtcroom_context_get_stats(t->c, on_stat, &t->stats);
        if (k >= 0)
                top_stats_end(&t->stats, &t->state);
        return k;
}

static const struct rtcroom_level *level_of(const struct rtcroom_levels_now *now, const char *user_id)
{
        for (size_t i = 0; i < now->n_people; i++)
                if (strcmp(now->people[i].user_id, user_id) == 0)
                        return &now->people[i];
        return NULL;
}

/* -ENOENT: the room has ended. */
static int read_levels(struct top *t)
{
        struct rtcroom_levels_now now;
        int k = rtcroom_levels_read(t->levels, &now);

        if (k < 0 || !now.in_room)
                return -ENOENT;
        for (size_t i = 0; i < t->state.n_people; i++) {
                struct rtcroom_participant *p = &t->state.people[i];
                const struct rtcroom_level *l = level_of(&now, p->user_id);

                t->state.levels[i] = l ? l->level : 0;
                t->state.peaks[i] = l ? l->peak : 0;
                p->speaking = l && l->speaking;
        }
        t->state.microphone_level = now.microphone_level;
        t->state.microphone_peak = now.microphone_peak;
        return 0;
}

static int refresh(struct top *t)
{
        uint64_t now_us = ctl_now_us();
        int k = now_us >= t->look_us ? look(t, now_us) : 0;

        if (k >= 0)
                k = read_levels(t);
        if (k < 0)
                return k;
        t->tick_us = now_us + TICK_US;
        screen_measure(&t->picture);
        top_draw(&t->state, &t->picture);
        return screen_show(&t->screen, &t->picture);
}

/* ---- keys ---- */

static int change_volume(struct top *t, int percent)
{
        const struct rtcroom_participant *p = &t->state.people[top_selected(&t->state)];
        double volume = p->volume + percent / 100.0;

        if (t->state.n_people == 0 || p->self)
                return 0;
        return rtcroom_context_set_volume(t->c, p->user_id, volume < 0 ? 0 : volume > 2 ? 2 : volume);
}

static int mute_member(struct top *t)
{
        const struct rtcroom_participant *p = &t->state.people[top_selected(&t->state)];

        if (t->state.n_people == 0)
                return 0;
        return p->self ? rtcroom_context_set_muted(t->c, !t->state.room.muted)
                       : rtcroom_context_set_participant_muted(t->c, p->user_id, !p->muted);
}

/* A terminal tells of a key that goes down, not of its going up: it presses and releases in turn. The daemon releases
 * it, too, when our connection closes. */
static int talk(struct top *t)
{
        return t->state.room.talking ? rtcroom_context_stop_talking(t->c) : rtcroom_context_start_talking(t->c);
}

static int obey(struct top *t, char key)
{
        switch (key) {
        case 'k': top_select(&t->state, -1); return 0;
        case 'j': top_select(&t->state, 1); return 0;
        case '+':
        case '=': return change_volume(t, VOLUME_STEP);
        case '-': return change_volume(t, -VOLUME_STEP);
        case 'm': return mute_member(t);
        case 'M': return rtcroom_context_set_muted(t->c, !t->state.room.muted);
        case 'd': return rtcroom_context_set_deafened(t->c, !t->state.room.deafened);
        case ' ': return talk(t);
        case 'q': t->quit = true; return 0;
        default: return 0;
        }
}

/* Arrow keys come as ESC [ A or ESC O A: they become j and k. Returns 0 while more is to come. */
static char decode(struct top *t, char byte)
{
        char before = t->escape;

        t->escape = 0;
        if (byte == 033)
                t->escape = byte;
        else if (before == 033 && (byte == '[' || byte == 'O'))
                t->escape = '[';
        else if (before == '[')
                return byte == 'A' ? 'k' : byte == 'B' ? 'j' : 0;
        else
                return byte;
        return 0;
}

static void on_keys(struct top *t)
{
        char bytes[64];
        ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

        if (n <= 0) { /* the terminal is gone */
                t->quit = true;
                return;
        }
        for (ssize_t i = 0; i < n && !t->quit; i++) {
                char key = decode(t, bytes[i]);
                int k = key ? obey(t, key) : 0;

                if (!key)
                        continue;
                snprintf(t->state.note, sizeof(t->state.note), "%s", k < 0 ? rtcroom_last_error(t->r) : "");
                if (k >= 0 && !t->quit) /* what the key changed, before the next one is looked at */
                        (void)look(t, 0);
        }
}

/* ---- events ---- */

static void on_list(struct rtcroom_context *c, const char *const *ids, void *user)
{
        struct top *t = user;

        (void)c, (void)ids;
        t->look_us = 0;
}

static void on_state(struct rtcroom_context *c, int err_no, const char *err_msg, void *user)
{
        struct top *t = user;

        (void)c;
        if (err_no != 0)
                snprintf(t->state.note, sizeof(t->state.note), "%s", err_msg);
        t->look_us = 0;
}

static void on_gone(struct rtcroom_context *c, void *user)
{
        (void)c;
        ((struct top *)user)->gone = true;
}

static const struct rtcroom_events events = { .members_changed = on_list, .state_changed = on_state, .gone = on_gone };

/* ---- the loop ---- */

static int catch_signals(void)
{
        static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                sigaddset(&set, numbers[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void on_signal(struct top *t)
{
        struct signalfd_siginfo info;

        while (read(t->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
                if (info.ssi_signo != SIGWINCH)
                        t->quit = true;
        t->tick_us = 0; /* another size: drawn at once */
}

static int wait_ms(const struct top *t)
{
        uint64_t now_us = ctl_now_us(), due_us = t->tick_us, bus_us = UINT64_MAX;

        (void)rtcroom_get_timeout(t->r, &bus_us);
        due_us = bus_us < due_us ? bus_us : due_us;
        return due_us > now_us ? (int)((due_us - now_us + 999) / 1000) : 0;
}

static int turn(struct top *t)
{
        struct pollfd p[] = { { .fd = rtcroom_get_fd(t->r), .events = (short)rtcroom_get_events(t->r) },
                              { .fd = STDIN_FILENO, .events = POLLIN },
                              { .fd = t->signal_fd, .events = POLLIN } };
        int k;

        if (poll(p, 3, wait_ms(t)) < 0 && errno != EINTR)
                return -errno;
        if (p[2].revents)
                on_signal(t);
        if (p[1].revents && !t->quit) {
                on_keys(t);
                t->tick_us = 0;
        }
        do
                k = rtcroom_dispatch(t->r);
        while (k > 0);
        if (k < 0 || t->gone)
                return -ENOTCONN;
        return t->quit || ctl_now_us() < t->tick_us ? 0 : refresh(t);
}

static int run(struct top *t)
{
        int k = rtcroom_subscribe(t->r);

        if (k >= 0)
                k = rtcroom_context_open_levels(t->c, &t->levels);
        if (k < 0)
                return k;
        rtcroom_context_set_events(t->c, &events, t);
        t->signal_fd = catch_signals();
        k = t->signal_fd < 0 ? -errno : screen_open(&t->screen);
        while (k >= 0 && !t->quit)
                k = turn(t);
        screen_close(&t->screen);
        close(t->signal_fd);
        rtcroom_levels_close(t->levels);
        return k;
}

static int explain(const struct ctl *o, const struct top *t, int k)
{
        if (k >= 0)
                return EXIT_OK;
        if (t->gone || k == -ENOTCONN)
                return fail(o, EXIT_NO_DAEMON, "the daemon has ended");
        if (k == -ENOENT)
                return fail(o, EXIT_NO_ROOM, "the room has ended");
        if (k == -ENOTTY)
                return fail(o, EXIT_USAGE, "top needs a terminal");
        return fail_errno(o, t->r, k);
}

int cmd_top(struct ctl *o, int argc, char **argv)
{
        struct top *t;
        int k;

        (void)argv;
        if (argc != 0 || o->json)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl top");
        t = calloc(1, sizeof(*t));
        if (!t)
                return fail(o, EXIT_FAILED, "out of memory");
        k = open_room(o, &t->r, &t->c);
        if (k == 0) {
                k = explain(o, t, run(t));
                rtcroom_close(t->r);
        }
        free(t);
        return k;
}
