/* room-fsm.h - the states of the one room of a desktop user, as a pure table: event → next state and what to do.
 *
 *   idle ─JOIN→ joining ─JOIN_OK→ joined ⇄ reconnecting        every state but idle ─LEAVE→ leaving ─LEFT→ idle
 *
 * room.c feeds the events and carries the actions out; nothing here knows an engine, a context or the time. An event
 * that means nothing in a state (an answer that came too late) is not in the table and is ignored. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/manager.h"

enum room_event {
        ROOM_JOIN,        /* a join passed every check */
        ROOM_JOIN_OK,     /* the engine joined */
        ROOM_JOIN_FAILED, /* it could not */
        ROOM_LOST,        /* the engine lost its server and tries again by itself */
        ROOM_BACK,        /* and succeeded */
        ROOM_ENDED,       /* without our wish: kicked, expired, server gone */
        ROOM_LEAVE,       /* we want out: exit, destroy, owner gone, shutdown */
        ROOM_LEFT,        /* the engine has left */
        ROOM_TIMEOUT,     /* join or leave took longer than our own net allows */
        _ROOM_EVENT_MAX
};
const char *room_event_to_string(enum room_event e);

/* Carried out in this order. */
enum room_action {                             /* mask */
                   ROOM_DO_FAIL_JOIN = 1 << 0, /* complete the pending join with the reason */
                   ROOM_DO_CLOSE = 1 << 1,     /* devices shut, participants gone, operations in flight failed */
                   ROOM_DO_LEAVE = 1 << 2,     /* ask the engine to leave, watch its time */
                   ROOM_DO_DROP = 1 << 3,      /* free the engine */
                   ROOM_DO_ENTER = 1 << 4,     /* complete the join, announce ourselves, open devices */
                   ROOM_DO_TELL_LOST = 1 << 5,
                   ROOM_DO_TELL_BACK = 1 << 6,
                   ROOM_DO_INTERRUPT = 1 << 7, /* tell why the room ended */
                   ROOM_DO_VACATE = 1 << 8     /* the room is nobody's: complete who waited for that */
};

struct room_step {
        enum room_state next;
        uint32_t actions;
};

/* False: the event means nothing in this state; ret untouched. */
bool room_fsm_step(enum room_state from, enum room_event event, struct room_step *ret);
