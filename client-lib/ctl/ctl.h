/* ctl.h - what the files of rtcroomctl share: options, commands, output, the loop that stays.
 *
 * One thread. Exit codes: 0 done, 1 the operation failed, 2 usage, 3 no session bus or no daemon, 4 no room or nobody
 * of that name, 5 access denied.
 */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rtcroom/rtcroom.h"

enum { EXIT_REFUSED = 99 /* inside: a message was, and its words are printed */ };
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3, EXIT_NO_ROOM = 4, EXIT_DENIED = 5 };

/* Options of all commands; a command looks at those it has. NULL: not given. Borrowed from argv. */
struct ctl {
        bool json;
        const char *app, *server, *user, *room, *token, *token_file, *key, *key_file, *e2ee_key_file, *config,
                *api_key, *secret_file;
        uint64_t expires_s;     /* of a token to be made; 0 never */
        uint32_t context;       /* number; 0: the one with a room */
        unsigned count;         /* repetitions of levels and stats; 0: until interrupted */
        const char *message;    /* what send says */
        const char *topic, *to; /* of messages; to: user ids with commas between them */
        bool no_publish, no_subscribe, invisible, livekit;
        int ans;           /* noise suppression of a join; -1: as it is */
        uint64_t start_us; /* monotonic: lines are stamped with the time since then */
};

int cmd_join(struct ctl *o, int argc, char **argv);
int cmd_chat(struct ctl *o, int argc, char **argv);
int cmd_send(struct ctl *o, int argc, char **argv);
int cmd_echo_test(struct ctl *o, int argc, char **argv);
int cmd_leave(struct ctl *o, int argc, char **argv);
int cmd_status(struct ctl *o, int argc, char **argv);
int cmd_members(struct ctl *o, int argc, char **argv);
int cmd_mute(struct ctl *o, int argc, char **argv);
int cmd_unmute(struct ctl *o, int argc, char **argv);
int cmd_transmit(struct ctl *o, int argc, char **argv);
int cmd_ptt(struct ctl *o, int argc, char **argv);
int cmd_volume(struct ctl *o, int argc, char **argv);
int cmd_devices(struct ctl *o, int argc, char **argv);
int cmd_device(struct ctl *o, int argc, char **argv);
int cmd_levels(struct ctl *o, int argc, char **argv);
int cmd_top(struct ctl *o, int argc, char **argv);
int cmd_stats(struct ctl *o, int argc, char **argv);
int cmd_monitor(struct ctl *o, int argc, char **argv);
int cmd_token(struct ctl *o, int argc, char **argv);
int cmd_consent(struct ctl *o, int argc, char **argv);

/* ---- output.c ---- */

struct json_object;
uint64_t ctl_now_us(void);
/* Prints the object on one line and frees it. */
void print_json(struct json_object *o);
void add_text(struct json_object *j, const char *name, const char *text);
void add_flag(struct json_object *j, const char *name, bool flag);
/* A new object {"ms": …, "event": name}. */
struct json_object *event_json(const struct ctl *o, const char *event);
/* All text for people goes through these: names and words come from others, and a terminal obeys what it is sent.
 * Control characters and what is no UTF-8 are shown as \x1b. The line's end is added. */
void print_line(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void print_part(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* without the end */
/* How many of `width` cells of a meter a level fills: 0 to -60 dB across them, what the ear calls even steps. */
int meter_cells(double level, int width);
/* Text form of an event: "  0.123 s  text". */
void print_event(const struct ctl *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int fail(const struct ctl *o, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Prints the connection's last error; the exit code for a negative errno of librtcroom. */
int fail_errno(const struct ctl *o, struct rtcroom *r, int err);

/* Waits for a room of one's own: joins, runs `stay` until it returns, leaves. cmd-join.c */
struct session;
int with_room(struct ctl *o, const char *room,
              int (*stay)(struct session *s, struct rtcroom *r, struct rtcroom_context *c));
void session_keep(struct session *s, void *memory); /* freed when nothing of the room calls back any more */
const struct ctl *session_ctl(const struct session *s);
const bool *session_ended(const struct session *s); /* the room has, or the daemon */

/* Prints every event of a context, as text or JSON; user is the struct ctl. */
extern const struct rtcroom_events printing_events;

/* ---- loop.c ---- */

/* Dispatches until *done, SIGINT/SIGTERM (returns 1, once; the signals stay blocked), timeout_us from now (returns 0)
 * or an error. done may be NULL. UINT64_MAX: no limit. */
int loop_until(struct rtcroom *r, const bool *done, uint64_t timeout_us);
/* The same, and returns 2 when there is something to read from standard input, … */
int loop_until_input(struct rtcroom *r, const bool *done, uint64_t timeout_us);
/* … without `done`; returns 2 when there is something to read from standard input. */
int loop_until_key(struct rtcroom *r, uint64_t timeout_us);
/* Opens the bus; connects; the exit code or 0. */
int open_room(const struct ctl *o, struct rtcroom **ret_r, struct rtcroom_context **ret_c);
/* Opens, runs one call on the context, closes. fn: an exit code, or a negative errno of the library. */
int on_context(struct ctl *o, int (*fn)(struct ctl *o, struct rtcroom_context *c, char **argv), char **argv);
