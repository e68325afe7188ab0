/* cmd-ptt.c - what is sent: the transmit mode, and the key of push-to-talk.
 *
 * The daemon releases the key when the connection that pressed it closes, so "ptt start" stays until it is released:
 * a script or a hot key runs it in the background, and "ptt stop" ends it. Killed, it releases the key, too.
 *
 * A terminal tells of keys that go down and, by repeating them, that they are down still, but not of their going up.
 * So space presses and releases in turn; any other key presses, and counts as released when it repeats no more.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum {
        ASK_US = 100000,
        FIRST_REPEAT_US = 700000, /* keyboards wait up to so long before they repeat a key … */
        REPEAT_US = 150000        /* … and then do it more often than this */
};

/* ---- transmit ---- */

static int show_mode(const struct ctl *o, struct rtcroom_context *c)
{
        struct rtcroom_state s;
        int k = rtcroom_context_get_state(c, &s);

        if (k < 0)
                return k;
        if (o->json) {
                struct json_object *j = json_object_new_object();

                json_object_object_add(j, "transmitMode", json_object_new_string(s.transmit_mode));
                json_object_object_add(j, "talking", json_object_new_boolean(s.talking));
                print_json(j);
        } else {
                print_line(stdout, "%s%s", s.transmit_mode, s.talking ? ", talking" : "");
        }
        return 0;
}

int cmd_transmit(struct ctl *o, int argc, char **argv)
{
        struct rtcroom_context *c;
        struct rtcroom *r;
        int k;

        if (argc > 1)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl transmit [continuous|voice-activity|push-to-talk]");
        k = open_room(o, &r, &c);
        if (k != 0)
                return k;
        k = argc == 1 ? rtcroom_context_set_transmit_mode(c, argv[0]) : show_mode(o, c);
        if (k < 0)
                k = fail_errno(o, r, k);
        rtcroom_close(r);
        return k;
}

/* ---- ptt ---- */

static void tell(const struct ctl *o, bool talking)
{
        if (o->json)
                print_json(event_json(o, talking ? "talking" : "quiet"));
        else
                print_event(o, "%s", talking ? "talking" : "quiet");
}

/* Everybody may release the key, so it is asked for. 1: it is pressed. */
static int is_talking(struct rtcroom_context *c)
{
        struct rtcroom_state s;
        int k = rtcroom_context_get_state(c, &s);

        return k < 0 ? k : s.talking;
}

/* Until somebody releases it. */
static int hold(const struct ctl *o, struct rtcroom *r, struct rtcroom_context *c)
{
        int k = rtcroom_context_start_talking(c);

        if (k >= 0)
                k = is_talking(c);
        if (k == 0)
                return fail(o, EXIT_FAILED, "not in a room");
        if (k > 0)
                tell(o, true);
        while (k > 0) {
                if (loop_until(r, NULL, ASK_US) == 1)
                        (void)rtcroom_context_stop_talking(c);
                k = is_talking(c);
        }
        if (k == 0)
                tell(o, false);
        return k;
}

struct keyboard {
        const struct ctl *o;
        struct rtcroom_context *c;
        bool talking, quit;
        uint64_t until_us; /* a key that is held; UINT64_MAX: space */
};

static int press(struct keyboard *kb, bool talking)
{
        int k = 0;

        if (talking != kb->talking)
                k = talking ? rtcroom_context_start_talking(kb->c) : rtcroom_context_stop_talking(kb->c);
        if (k >= 0 && talking != kb->talking)
                tell(kb->o, talking);
        kb->talking = talking;
        return k;
}

static int obey(struct keyboard *kb, char key)
{
        bool held = kb->talking && kb->until_us != UINT64_MAX;

        if (key == 'q') {
                kb->quit = true;
                return 0;
        }
        if (key == ' ') {
                kb->until_us = UINT64_MAX;
                return press(kb, !kb->talking || held);
        }
        if (!kb->talking || held)
                kb->until_us = ctl_now_us() + (held ? REPEAT_US : FIRST_REPEAT_US);
        return press(kb, true);
}

static int read_keys(struct keyboard *kb)
{
        char keys[64];
        ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));
        int k = 0;

        if (n <= 0)
                kb->quit = true;
        for (ssize_t i = 0; k >= 0 && !kb->quit && i < n; i++)
                k = obey(kb, keys[i]);
        return k;
}

static int step(struct keyboard *kb, struct rtcroom *r)
{
        uint64_t now_us = ctl_now_us();
        bool held = kb->talking && kb->until_us != UINT64_MAX;
        int k = loop_until_key(r, !held ? ASK_US : kb->until_us > now_us ? kb->until_us - now_us : 0);

        if (k == 1)
                kb->quit = true;
        if (k == 2)
                return read_keys(kb);
        if (k != 0)
                return k;
        if (held)
                return press(kb, ctl_now_us() < kb->until_us);
        k = is_talking(kb->c);
        if (k >= 0 && k != kb->talking) { /* somebody else did it */
                kb->talking = k;
                kb->until_us = UINT64_MAX;
                tell(kb->o, k);
        }
        return k;
}

static int on_keyboard(const struct ctl *o, struct rtcroom *r, struct rtcroom_context *c)
{
        struct keyboard kb = { .o = o, .c = c };
        struct termios before, raw;
        int k = 0;

        if (tcgetattr(STDIN_FILENO, &before) < 0)
                return fail(o, EXIT_USAGE, "this is no terminal: rtcroomctl ptt start, rtcroomctl ptt stop");
        raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        if (!o->json)
                print_line(stdout, "space: talk and stop; any other key: talk while it is held; q: quit");
        while (k >= 0 && !kb.quit)
                k = step(&kb, r);
        if (kb.talking)
                (void)rtcroom_context_stop_talking(c);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
        return k < 0 ? k : 0;
}

static void hint(const struct ctl *o, struct rtcroom_context *c)
{
        struct rtcroom_state s;

        if (rtcroom_context_get_state(c, &s) >= 0 && strcmp(s.transmit_mode, "push-to-talk") != 0 && !o->json)
                print_line(stderr,
                           "the transmit mode is %s, where the key does nothing: rtcroomctl transmit push-to-talk",
                           s.transmit_mode);
}

int cmd_ptt(struct ctl *o, int argc, char **argv)
{
        bool start = argc == 1 && strcmp(argv[0], "start") == 0, stop = argc == 1 && strcmp(argv[0], "stop") == 0;
        struct rtcroom_context *c;
        struct rtcroom *r;
        int k;

        if (argc > 0 && !start && !stop)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl ptt [start|stop]");
        k = open_room(o, &r, &c);
        if (k != 0)
                return k;
        if (!stop)
                hint(o, c);
        k = stop ? rtcroom_context_stop_talking(c) : start ? hold(o, r, c) : on_keyboard(o, r, c);
        if (k < 0)
                k = fail_errno(o, r, k);
        rtcroom_close(r);
        return k;
}
