/* profile.h - what a server says of somebody: name, metadata, attributes. Copies, fit for the bus.
 *
 * Bounded: each text to its first byte that is not UTF-8; the name cut at PROFILE_NAME_MAX; metadata, and all
 * attributes together, left out beyond PROFILE_TEXT_MAX; and the profiles of all in one room at PROFILE_ROOM_MAX, so
 * that they fit into one message of the bus. Control thread.
 */
#pragma once

#include "engine/engine.h"

enum {
        PROFILE_NAME_MAX = 256,
        PROFILE_TEXT_MAX = 64 * 1024,
        PROFILE_ROOM_MAX = 8 * 1024 * 1024,
        PROFILE_ATTRIBUTES_MAX = 256
};

enum profile_part { PROFILE_NAME = 1, PROFILE_METADATA = 2, PROFILE_ATTRIBUTES = 4 }; /* mask */

struct profile {
        char *name, *metadata;               /* owned, NULL: none */
        struct engine_attribute *attributes; /* owned with their texts, by key, each key once */
        size_t n_attributes;
        size_t bytes; /* of all of it, counted in room_bytes */
};

/* Which parts changed. What there is no memory for stays as it was. room_bytes: of all profiles of the room. */
uint32_t profile_set(struct profile *p, const struct engine_participant *from, size_t *room_bytes);
void profile_clear(struct profile *p, size_t *room_bytes);
