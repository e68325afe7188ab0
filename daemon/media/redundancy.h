/* redundancy.h - frames of before that go out once more with the newest one (RFC 2198).
 *
 * Which ones is the plan's to say (adapt.h), in distances. A copy has no number: browsers place it by how much older
 * it is, we too (transport/peer-media.c). LiveKit's server instead counts the blocks back, for listeners who take no
 * redundant audio: to them spaced copies bring nothing, which is why they are spaced only where losses are long.
 *
 * So that age tells the number, copies are of one unbroken run of equal frames: a pause, or frames of another length,
 * begin a new one. What was said is kept, not what was silent. The caller's memory and thread; no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/adapt.h"

enum {
        REDUNDANCY_MAX = 2,        /* copies beside a frame */
        REDUNDANCY_BACK_MAX = 4,   /* distance of a copy, in packets */
        REDUNDANCY_COPY_MAX = 1023 /* bytes; a longer frame is not kept (RFC 2198: 10 bits) */
};

struct media_copy {
        const uint8_t *payload; /* borrowed */
        size_t len;
        uint32_t timestamp;
};

struct redundancy {
        struct adapt_copies copies;
        uint32_t step;      /* between two timestamps of the run */
        unsigned n, newest; /* frames kept in a ring */
        struct {
                uint32_t timestamp;
                uint16_t len;
                uint8_t data[REDUNDANCY_COPY_MAX];
        } kept[REDUNDANCY_BACK_MAX];
};

/* Which copies from now on; with none nothing is kept either. */
void redundancy_set(struct redundancy *r, struct adapt_copies copies);
/* The copies that go with a frame of this timestamp, the oldest first; valid until the next frame is kept. */
size_t redundancy_get(const struct redundancy *r, uint32_t timestamp, struct media_copy copies[static REDUNDANCY_MAX]);
void redundancy_keep(struct redundancy *r, const uint8_t *payload, size_t len, uint32_t timestamp);
void redundancy_clear(struct redundancy *r);
