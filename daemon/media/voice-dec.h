/* voice-dec.h - Opus decoder for speech: packets of 2.5–120 ms to 48 kHz mono, concealment, in-band FEC, DTX.
 *
 * Network thread. One allocation at creation, none after. Packets are foreign bytes: voice_packet_inspect() refuses
 * what is malformed before a decoder sees it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum {
        VOICE_SAMPLES_MAX = 5760, /* 120 ms, the longest Opus packet */
        VOICE_STEP = 120          /* 2.5 ms: concealment comes in multiples of this */
};

struct voice_packet_info {
        uint32_t samples; /* 120–5760 */
        bool dtx;         /* no sound inside: silence begins or goes on */
        bool fec;         /* carries a copy of the frame before it */
};

/* -EBADMSG: not an Opus packet (RFC 6716 3.4). */
int voice_packet_inspect(const uint8_t *payload, size_t len, struct voice_packet_info *ret);

struct voice_dec;

int voice_dec_new(struct voice_dec **ret);
struct voice_dec *voice_dec_free(struct voice_dec *d);
void voice_dec_reset(struct voice_dec *d);

/* All three give the samples written, or -EBADMSG. `frames` has room for VOICE_SAMPLES_MAX; samples are within ±1. */
int voice_dec_decode(struct voice_dec *d, const uint8_t *payload, size_t len, float *frames);
/* The `samples` before this packet, from its FEC copy; more than one packet's worth: the beginning is concealed. */
int voice_dec_decode_fec(struct voice_dec *d, const uint8_t *payload, size_t len, uint32_t samples, float *frames);
/* What was probably there; after a DTX packet comfort noise. `samples` is rounded down to VOICE_STEP, at least one. */
int voice_dec_conceal(struct voice_dec *d, uint32_t samples, float *frames);

DEFINE_CLEANUP(struct voice_dec *, voice_dec_free)
