/* rtp-ext.h - RTP header extensions, RFC 8285 (one-byte and two-byte form), for the two that audio rooms use:
 * mid (RFC 8843 section 15) and ssrc-audio-level (RFC 6464). Others are skipped. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/rtp.h"

#define RTP_EXT_URI_MID   "urn:ietf:params:rtp-hdrext:sdes:mid"
#define RTP_EXT_URI_LEVEL "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

enum { RTP_EXT_MID_MAX = 31, RTP_EXT_BLOCK_MAX = 40 };

/* Numbers agreed on in SDP (a=extmap); 0: not agreed on. */
struct rtp_ext_ids {
        uint8_t mid, level;
};

struct rtp_ext {
        char mid[RTP_EXT_MID_MAX + 1]; /* "": none */
        int level_dbov;                /* 0 (loudest) – 127 (silence), meaning -dBov; -1: none */
        bool voice;                    /* V bit; meaningful with a level */
};

/* Reads the block of a parsed packet. A block that ends inside an element, or an element of a wrong length, gives what
 * was whole before it: a damaged extension costs its value, not the sound. False: something was damaged. */
bool rtp_ext_parse(const struct rtp_packet *p, const struct rtp_ext_ids *ids, struct rtp_ext *ret);
/* Makes the block in buf and points p->ext at it. Values without an agreed number are left out; with none left the
 * packet gets no block. The one-byte form where it fits. -EMSGSIZE: buf too small (RTP_EXT_BLOCK_MAX always does). */
int rtp_ext_build(const struct rtp_ext_ids *ids, const struct rtp_ext *ext, uint8_t *buf, size_t size,
                  struct rtp_packet *p);
