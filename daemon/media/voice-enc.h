/* voice-enc.h - Opus encoder for speech: 48 kHz mono, variable bit rate, in-band FEC, DTX (RFC 6716, RFC 7587).
 *
 * Network thread. One allocation at creation, none after.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct voice_config;
struct voice_enc;

/* What fits a datagram beside RTP, extensions and the SRTP tag. */
enum { VOICE_PACKET_MAX = 1100 };

/* -EINVAL: a value of the configuration is out of range; -ENOMEM. */
int voice_enc_new(const struct voice_config *config, struct voice_enc **ret);
struct voice_enc *voice_enc_free(struct voice_enc *e);

void voice_enc_set_frame(struct voice_enc *e, uint32_t samples); /* 10, 20, 40 or 60 ms of them */
void voice_enc_set_bitrate(struct voice_enc *e, uint32_t bitrate);
uint32_t voice_enc_frame_samples(const struct voice_enc *e);
/* Encodes one frame of voice_enc_frame_samples(). Bytes written to packet (VOICE_PACKET_MAX); 0: nothing to send. */
int voice_enc_encode(struct voice_enc *e, const float *frames, uint8_t *packet);
void voice_enc_reset(struct voice_enc *e); /* forgets what it heard, keeps its settings */
void voice_enc_set_loss(struct voice_enc *e, uint8_t percent);
void voice_enc_set_dtx(struct voice_enc *e, bool on);
void voice_enc_set_fec(struct voice_enc *e, bool on);

DEFINE_CLEANUP(struct voice_enc *, voice_enc_free)
