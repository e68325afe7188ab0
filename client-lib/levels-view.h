/* levels-view.h - reading a ring of levels that somebody else writes: nothing in it is trusted.
 *
 * The memory may hold anything and change at any time; it is only ever read, each number once, and within the bounds
 * that were checked when the view was made. One thread. Negative errno.
 */
#pragma once

#include <stddef.h>

#include "rtcroom/levels.h"
#include "rtcroom/rtcroom.h"

enum { LEVELS_VIEW_SLOTS_MAX = 1024, LEVELS_VIEW_FRAMES_MAX = 256 };

struct levels_view {
        const char *map; /* borrowed */
        /* of the header, as it was when the view was made */
        uint32_t slots_offset, slot_size, n_slots, frames_offset, frame_size, n_frames, entries_offset, entry_size;
        uint64_t seen;                        /* frames before this one have been read */
        struct rtcroom_levels_entry *entries; /* owned: n_slots of them, the frame being read */
        uint32_t *person;                     /* owned: for each slot its place in people, NOBODY */
        struct rtcroom_level *people;         /* owned: n_slots of them, handed out */
        size_t n_people;
        uint64_t time_us;
        float microphone_level, microphone_peak;
};

/* -EIO: not a ring of a version that is known. -ENOMEM. */
int levels_view_init(struct levels_view *v, const void *map, size_t size);
void levels_view_done(struct levels_view *v);
/* As rtcroom_levels_read(). */
int levels_view_read(struct levels_view *v, struct rtcroom_levels_now *ret);
