/* rtp.h - RTP packets, RFC 3550 section 5.1: bytes ⇄ struct without allocation.
 *
 * The extension block stays raw here; rtp-ext.h reads and makes it. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTP_HEADER_MIN = 12, RTP_MAX_CSRC = 15 };

struct rtp_packet {
        bool marker;
        uint8_t payload_type; /* 0–127 */
        uint16_t seq;
        uint32_t timestamp, ssrc;
        uint8_t n_csrc;
        uint32_t csrc[RTP_MAX_CSRC];
        uint16_t ext_profile;   /* meaningful with ext only */
        const uint8_t *ext;     /* borrowed; NULL: no extension block */
        size_t ext_len;         /* a multiple of 4 */
        const uint8_t *payload; /* borrowed; without padding */
        size_t payload_len;
};

/* Borrows the bytes. -EPROTO: not RTP version 2, or its lengths contradict each other. */
int rtp_parse(const uint8_t *data, size_t len, struct rtp_packet *ret);
/* Writes header, extension block and payload, no padding. Returns the length, or -EMSGSIZE: does not fit. */
int rtp_build(const struct rtp_packet *p, void *buf, size_t size);

/* How far b is ahead of a, with wrap-around: negative when behind (RFC 3550 A.1). */
static inline int rtp_seq_diff(uint16_t a, uint16_t b)
{
        return (int16_t)(uint16_t)(b - a);
}
