/* redundancy.h - which frames of before go out once more with the newest one, and how many of them.
 *
 * One, and from a reported loss of 5 % on two. One also where nothing is reported: reports are the server's, of the
 * way to it; what its listeners lose it keeps to itself (LiveKit's by default), and sends them nothing again, trusting
 * in the copies. A report that is better than the one before is believed slowly (an eighth of the loss, at least one
 * percent, each time, about once a second): loss comes in bursts, and a second without any says little about the next.
 *
 * What was said is kept, not what was silent; copies stop where the far end's silence begins. The caller's memory and
 * thread; no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        REDUNDANCY_MAX = 2,         /* copies beside a frame */
        REDUNDANCY_COPY_MAX = 1023, /* bytes; a longer frame is not kept (RFC 2198: 10 bits) */
        REDUNDANCY_AGE_MAX = 16383  /* samples (14 bits) */
};

struct media_copy {
        const uint8_t *payload; /* borrowed */
        size_t len;
        uint32_t timestamp;
};

struct redundancy {
        bool on;
        uint8_t loss_percent;
        unsigned n; /* frames kept, the oldest first */
        struct {
                uint32_t timestamp;
                uint16_t len;
                uint8_t data[REDUNDANCY_COPY_MAX];
        } kept[REDUNDANCY_MAX];
};

void redundancy_set(struct redundancy *r, bool on); /* begins with nothing kept */
void redundancy_report(struct redundancy *r, uint8_t loss_percent);
/* The copies that go with a frame of this timestamp, the oldest first; valid until the next frame is kept. */
size_t redundancy_get(const struct redundancy *r, uint32_t timestamp, struct media_copy copies[static REDUNDANCY_MAX]);
void redundancy_keep(struct redundancy *r, const uint8_t *payload, size_t len, uint32_t timestamp);
void redundancy_clear(struct redundancy *r);
