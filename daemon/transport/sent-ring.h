/* sent-ring.h - the last packets sent, as encrypted, so that a NACK (RFC 4585) can be answered with the same bytes.
 *
 * Network thread. One second and more of audio; a slot's memory grows to what its packets need and is reused.
 * Resending is bounded: each packet once in 10 ms, all together 50 a second with bursts of 25, so a flood of NACKs
 * costs little.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { SENT_RING_SLOTS = 64 };

struct sent_packet {
        uint8_t *data; /* owned */
        size_t len, size;
        uint16_t seq;
        uint64_t resent_us; /* 0: not yet */
};

struct sent_ring {
        struct sent_packet slots[SENT_RING_SLOTS]; /* by the low bits of the number */
        uint64_t credit_us;                        /* time saved up for resending, at RESEND_COST_US a packet */
        uint64_t seen_us;
};

void sent_ring_init(struct sent_ring *r, uint64_t now_us);
void sent_ring_done(struct sent_ring *r);
/* Copies. Out of memory: the packet cannot be asked for, nothing else happens. */
void sent_ring_put(struct sent_ring *r, uint16_t seq, const uint8_t *data, size_t len);
/* The packet (borrowed), or NULL: too old, never sent, or over the bounds. */
const struct sent_packet *sent_ring_take(struct sent_ring *r, uint16_t seq, uint64_t now_us);
