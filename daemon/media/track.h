/* track.h - the two ends of the media path: capture ring → gate → Opus (tx), packets → jitter buffer → Opus → ring
 * (rx).
 *
 * Network thread only; no sockets, no PipeWire; time is a parameter. The owner calls _pump() whenever the port's
 * wake_fd fires (each period of the graph), and at the time _pump() asks for. Pull model: an rx track decodes only
 * when its ring holds less than the graph will take next, so no queue stands between decoder and device, and the clock
 * of the device is the clock of the decoder: what drift is left shows in the jitter buffer's level and is corrected
 * there. What is not there yet is given up for lost only right before the graph's next period.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/audio-port.h"
#include "media/e2ee.h"
#include "media/gate.h"
#include "media/redundancy.h"

/* ---- sending ---- */

struct voice_config {
        uint32_t frame_ms;   /* 10, 20, 40, 60 */
        uint32_t bitrate;    /* bit/s */
        uint32_t complexity; /* 0–10 */
        bool dtx, fec;
        bool signs_of_life; /* between spurts, where the server wants them: a frame without sound every two seconds */
};

/* One encoded frame. Everything is borrowed for the call. */
struct media_frame {
        const uint8_t *payload;
        size_t len;
        uint32_t timestamp;                       /* 48 kHz, advances over gaps */
        bool marker;                              /* first after silence (RFC 3551 4.1) */
        uint8_t level_dbov;                       /* 0–127 for ssrc-audio-level (RFC 6464), 127 silence */
        bool voice;                               /* V bit of RFC 6464 */
        uint64_t capture_us;                      /* when its last sample was captured */
        struct media_copy copies[REDUNDANCY_MAX]; /* of frames sent before, the oldest first */
        size_t n_copies;
};

struct tx_stats {
        uint64_t frames_encoded, frames_gated, frames_dtx, frames_unsealed /* for want of a key */, bytes;
        uint64_t samples;          /* that were encoded … */
        uint64_t capture_us_total; /* … and the summed delay of their frames' ends, microphone → encoder */
};

struct tx_track;
typedef void (*tx_send_fn)(const struct media_frame *frame, void *ctx);
typedef void (*speaking_fn)(bool speaking, void *ctx);

/* Refs the port; the gate is borrowed and outlives the track. */
int tx_track_new(const struct voice_config *config, struct audio_port *port, const struct capture_gate *gate,
                 tx_send_fn send, speaking_fn speaking, void *ctx, struct tx_track **ret);
struct tx_track *tx_track_free(struct tx_track *t);
/* Encodes every whole frame in the ring. Returns when to be called again at the latest (µs, or LOOP_NEVER). */
uint64_t tx_track_pump(struct tx_track *t, uint64_t now_us);
/* From now on everything is encrypted with these keys (referenced); until the first is there nothing is sent. */
int tx_track_encrypt(struct tx_track *t, struct e2ee_keys *keys);
/* What a receiver says of the way to it: repair, bit rate and length of frames follow (media/adapt.h). */
void tx_track_report(struct tx_track *t, const struct adapt_report *report);
/* What the other side takes: silence that is not sent, copies inside frames (each also as configured), and copies
 * beside them. */
void tx_track_set_format(struct tx_track *t, bool dtx, bool fec, bool redundant);
void tx_track_get_stats(const struct tx_track *t, struct tx_stats *ret);

/* ---- receiving ---- */

struct rx_stats {
        uint64_t packets, bytes, packets_lost, packets_late, packets_duplicate, decode_errors;
        uint64_t copies, copy_bytes; /* that came beside frames (RFC 2198) … */
        uint64_t copies_discarded;   /* … and were not needed, or came too late */
        uint64_t frames_undecrypted; /* held back: not encrypted as they should be (media/e2ee.h) */
        uint64_t frames_decoded, samples_concealed, samples_total, concealment_events;
        uint64_t samples_inserted, samples_removed; /* by time scaling and drift correction */
        uint64_t jbuf_emitted;                      /* frames of 48 kHz samples that left the jitter buffer … */
        uint64_t jbuf_delay_us_total; /* … and their summed stay, packet arrival → decoder (W3C jitterBufferDelay) */
        uint64_t jbuf_target_us_total; /* … what was aimed at (jitterBufferTargetDelay) … */
        uint64_t processing_us_total;  /* … arrival → decoded (totalProcessingDelay) … */
        uint64_t playout_us_total;     /* … decoded → loudspeaker, as far as it is known (totalPlayoutDelay) */
        uint32_t jitter_us, target_delay_us;
        double energy; /* W3C totalAudioEnergy */
};

struct rx_track;
typedef void (*encryption_fn)(enum e2ee_state state, void *ctx);

/* Ring of a playback port: the longest packet (120 ms) beside a quantum of 2048. */
enum { RX_RING_FRAMES = 8192 };

int rx_track_new(struct audio_port *port /* may be NULL: counted, not decoded */, speaking_fn speaking, void *ctx,
                 struct rx_track **ret);
struct rx_track *rx_track_free(struct rx_track *t);
void rx_track_set_port(struct rx_track *t, struct audio_port *port); /* NULL detaches */
/* What is played has to be encrypted with these keys (referenced; NULL: must not be encrypted). Before the first
 * packet. */
int rx_track_decrypt(struct rx_track *t, struct e2ee_keys *keys, encryption_fn encryption);
/* One RTP packet of this stream. level_dbov < 0: the packet carried no level. seq is the 16 bit number of the wire. */
void rx_track_put(struct rx_track *t, uint16_t seq, uint32_t timestamp, bool marker, const uint8_t *payload,
                  size_t len, int level_dbov, uint64_t arrival_us);
/* A copy of an earlier packet that came with another one, which is put after it. */
void rx_track_put_copy(struct rx_track *t, uint16_t seq, uint32_t timestamp, const uint8_t *payload, size_t len,
                       uint64_t arrival_us);
uint64_t rx_track_pump(struct rx_track *t, uint64_t now_us);
void rx_track_get_stats(const struct rx_track *t, struct rx_stats *ret);

DEFINE_CLEANUP(struct tx_track *, tx_track_free)
DEFINE_CLEANUP(struct rx_track *, rx_track_free)
