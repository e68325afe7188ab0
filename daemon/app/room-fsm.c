/* room-fsm.c - the table of room-fsm.h. Pure; DESTROYED is a state of contexts only and never entered here. */
#include "app/room-fsm.h"

const char *room_state_to_string(enum room_state s)
{
        static const char *const words[_ROOM_STATE_MAX] = { "idle",         "joining", "joined",
                                                            "reconnecting", "leaving", "destroyed" };

        return words[s];
}

const char *room_event_to_string(enum room_event e)
{
        static const char *const words[_ROOM_EVENT_MAX] = { "join",  "join ok", "join failed", "lost",   "back",
                                                            "ended", "leave",   "left",        "timeout" };

        return words[e];
}

#define ENDED (ROOM_DO_CLOSE | ROOM_DO_DROP | ROOM_DO_INTERRUPT | ROOM_DO_VACATE)
#define UNDO  (ROOM_DO_FAIL_JOIN | ROOM_DO_DROP | ROOM_DO_VACATE)
#define GO    (ROOM_DO_CLOSE | ROOM_DO_LEAVE)
#define GONE  (ROOM_DO_DROP | ROOM_DO_VACATE)

static const struct {
        bool legal;
        struct room_step step;
} table[_ROOM_STATE_MAX][_ROOM_EVENT_MAX] = {
        [ROOM_STATE_IDLE] = {
                [ROOM_JOIN] = { true, { ROOM_STATE_JOINING, 0 } },
        },
        [ROOM_STATE_JOINING] = {
                [ROOM_JOIN_OK] = { true, { ROOM_STATE_JOINED, ROOM_DO_ENTER } },
                [ROOM_JOIN_FAILED] = { true, { ROOM_STATE_IDLE, UNDO } },
                [ROOM_TIMEOUT] = { true, { ROOM_STATE_IDLE, UNDO } },
                [ROOM_LEAVE] = { true, { ROOM_STATE_LEAVING, GO } },
        },
        [ROOM_STATE_JOINED] = {
                [ROOM_LOST] = { true, { ROOM_STATE_RECONNECTING, ROOM_DO_TELL_LOST } },
                [ROOM_ENDED] = { true, { ROOM_STATE_IDLE, ENDED } },
                [ROOM_LEAVE] = { true, { ROOM_STATE_LEAVING, GO } },
        },
        [ROOM_STATE_RECONNECTING] = {
                [ROOM_BACK] = { true, { ROOM_STATE_JOINED, ROOM_DO_TELL_BACK } },
                [ROOM_ENDED] = { true, { ROOM_STATE_IDLE, ENDED } },
                [ROOM_LEAVE] = { true, { ROOM_STATE_LEAVING, GO } },
        },
        [ROOM_STATE_LEAVING] = {
                [ROOM_LEFT] = { true, { ROOM_STATE_IDLE, GONE } },
                [ROOM_TIMEOUT] = { true, { ROOM_STATE_IDLE, GONE } },
        },
};

bool room_fsm_step(enum room_state from, enum room_event event, struct room_step *ret)
{
        if (!table[from][event].legal)
                return false;
        *ret = table[from][event].step;
        return true;
}
