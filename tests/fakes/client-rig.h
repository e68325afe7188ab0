/* client-rig.h - a program that uses librtcroom with nothing but poll(2), and a double of the daemon behind its bus.
 *
 * "Nothing more comes" is shown by a mark, a signal sent last: order is kept.
 */
#pragma once

#include "fakes/daemon-double.h"
#include "rtcroom/rtcroom.h"

#define CONTEXT   DOUBLE_NAME ".Context"
#define DESTROYED "engine has been destroyed,please invoke tt.createRtcRoomContext create new engine"

struct rig {
        struct daemon_double d;
        struct rtcroom *r;
        struct rtcroom_context *c; /* /context/1, its events counted below */
        unsigned marks, gone, events;
        unsigned free_at; /* free the context inside this event, counted from 1 */
        unsigned turns;   /* operations completed */
};

/* What one operation's callbacks saw. */
struct outcome {
        struct rig *rig;
        unsigned successes, fails, completes;
        int err_no, error_code;
        char type[8], msg[256];
        enum { FREE_NOWHERE, FREE_IN_SUCCESS, FREE_IN_FAIL, FREE_IN_COMPLETE } free_in;
        unsigned turn; /* its place among those that completed */
};

void rig_init(struct rig *g);
void rig_done(struct rig *g);
/* A context whose events are checked and counted: two lists are "alice", "bob"; codes -1004 "duplicate login". */
struct rtcroom_context *rig_create(struct rig *g);

struct rtcroom_callbacks rig_watch(struct rig *g, struct outcome *o);
void outcome_on_fail(struct rtcroom_context *c, const struct rtcroom_error *e, void *user);
void outcome_assert_destroyed(const struct outcome *o, const char *api);
void outcome_assert_framework(const struct outcome *o, const char *msg);

/* ---- the loop ---- */

uint64_t rig_now_us(void);
/* Dispatches, and waits for at most 20 ms. The library's errno. */
int rig_turn(struct rig *g);
/* Everything sent before has been seen when this returns. */
void rig_settle(struct rig *g);
#define RIG_PUMP_UNTIL(g, condition)                                     \
        for (uint64_t end_us = rig_now_us() + 20000000; !(condition);) { \
                ASSERT_OK(rig_turn(g));                                  \
                ASSERT(rig_now_us() < end_us);                           \
        }

/* ---- what the daemon does ---- */

struct completion {
        const char *path; /* NULL: of the rig's context */
        uint32_t number;
        int err_no, error_code;
        const char *type, *msg;
};
void rig_send_completed(struct daemon_double *d, const void *arg);
#define COMPLETE(g, ...) daemon_double_run(&(g)->d, rig_send_completed, &(struct completion){ __VA_ARGS__ })

struct owner_change {
        const char *sender, *name, *old_owner, *new_owner;
};
void rig_send_owner_change(struct daemon_double *d, const void *arg);
#define OWNER_CHANGES(g, ...) daemon_double_run(&(g)->d, rig_send_owner_change, &(struct owner_change){ __VA_ARGS__ })

void rig_send_mark(struct daemon_double *d, const void *arg);
/* Destroy calls that have arrived. */
unsigned rig_destroys(struct rig *g);
int is_operation(sd_bus_message *m);
int stay_silent(struct daemon_double *d, sd_bus_message *m); /* a hook */
