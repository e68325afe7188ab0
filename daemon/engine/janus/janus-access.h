/* janus-access.h - what opens a Janus for one room: tokens signed with the AppKey, or the pair that was handed in.
 *
 * Signed tokens run for a day and are made anew every hour, so a session outlives any of them. Control thread; pure
 * but for the time, which is a parameter. Secrets: wiped when done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/janus/janus-fsm.h"

struct janus_access {
        bool signing;
        char secret[JANUS_SECRET_SIZE];
        char room[JANUS_ROOM_NAME_SIZE];
        uint64_t signed_us; /* since 1970, as a suspended machine's tokens grow old, too */
};

/* Fills the access and the room's part of `ret_join`, and hands the tokens to the machine.
 * -EACCES: without an AppKey the token is no pair. */
int janus_access_begin(struct janus_access *a, const struct engine_join *params, struct janus_fsm *f,
                       uint64_t realtime_us, struct janus_join *ret_join);
/* Signs anew when the hour is over. */
int janus_access_refresh(struct janus_access *a, struct janus_fsm *f, uint64_t realtime_us);
/* A new pair; with an AppKey nothing is to be done. -EACCES: no pair. */
int janus_access_update(struct janus_access *a, struct janus_fsm *f, const char *token);
void janus_access_done(struct janus_access *a);
