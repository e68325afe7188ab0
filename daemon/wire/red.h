/* red.h - RTP payload for redundant audio data, RFC 2198: one packet with the newest frame and copies of some before.
 *
 * Pure; any thread; no allocation. Everything borrowed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
        RED_BLOCKS_MAX = 10,    /* with the newest frame; browsers send up to nine copies */
        RED_LEN_MAX = 1023,     /* of a copy: 10 bits */
        RED_OFFSET_MAX = 16383, /* 14 bits: 341 ms at 48 kHz */
        RED_COPY_HEADER = 4,
        RED_NEWEST_HEADER = 1
};

struct red_block {
        uint8_t payload_type; /* 0–127 */
        uint16_t offset;      /* how much earlier than the packet's timestamp; 0 for the newest */
        const uint8_t *data;
        size_t len;
};

/* The blocks in the order of the packet: the oldest copy first, the newest frame last. Returns how many, at least 1.
 * -EPROTO: it ends inside a header or a copy, or has more than RED_BLOCKS_MAX. */
int red_parse(const uint8_t *data, size_t len, struct red_block blocks[static RED_BLOCKS_MAX]);
/* The same back; n is at least 1. Returns the length. -EMSGSIZE: it does not fit, or a copy is too long or too old
 * for its header. */
int red_build(const struct red_block *blocks, size_t n, void *buf, size_t size);
