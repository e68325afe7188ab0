/* level-ring.h - the writer's side of the shared memory of levels: rtcroom/levels.h says how it looks and is read.
 *
 * The memory is sealed against shrinking, growing and every writer but this mapping; descriptors for readers are
 * opened anew and read-only. A reader needs no word to say that it is done: the kernel tells when the last use of a
 * descriptor ends, its mappings included. Control thread; negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "rtcroom/levels.h"

enum { LEVEL_RING_SLOTS = 256, LEVEL_RING_FRAMES = 16 };

struct level_ring;

struct level_frame {
        uint64_t time_us;
        uint32_t n_entries; /* at most LEVEL_RING_SLOTS; those of free slots are zero */
        float microphone_level, microphone_peak;
        struct rtcroom_levels_entry entries[LEVEL_RING_SLOTS];
};

int level_ring_new(uint32_t interval_us, struct level_ring **ret);
/* Leaves the mark of the end. What readers have mapped stays theirs. */
struct level_ring *level_ring_free(struct level_ring *ring);
DEFINE_CLEANUP(struct level_ring *, level_ring_free)

/* A descriptor to give away; owned by the caller. */
int level_ring_open(struct level_ring *ring);
/* Becomes readable when level_ring_is_read() may have another answer. Borrowed. */
int level_ring_watch_fd(const struct level_ring *ring);
/* Whether a descriptor or a mapping is in use. True as well where the kernel cannot tell. */
bool level_ring_is_read(struct level_ring *ring);

void level_ring_set_state(struct level_ring *ring, enum rtcroom_levels_state state);
/* participant 0: the slot is free (user_id is not looked at). */
void level_ring_set_slot(struct level_ring *ring, uint32_t slot, uint32_t participant, const char *user_id);
void level_ring_write(struct level_ring *ring, const struct level_frame *frame);
