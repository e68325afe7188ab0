/* tx-track.c - sending: capture ring → gate → processing → look-back (transmit.h) → gate → level → Opus → encryption,
 * if any → the owner's send function. See track.h.
 *
 * While the gate is shut the ring is emptied at every pump, and so is the look-back. When it opens, three things may
 * still hold sound from before: the ring (emptied once more), the period the graph is working on and the latency of
 * the device, which are skipped as they come in; and the encoder, which is reset. Samples pass the gate twice, into
 * the look-back and out of it, both times under the closings that were seen when it was last found open: what waited
 * in the look-back while the gate was shut for a moment goes nowhere.
 *
 * The RTP clock counts samples; over a gap (gate, between spurts, stalled device) it follows the time instead.
 * Network thread.
 */
#include "media/track.h"

#include <errno.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/rand.h"
#include "media/level.h"
#include "media/transmit.h"
#include "media/voice-enc.h"

enum {
        FRAME_SAMPLES_MAX = 2880,
        SILENCE_SAMPLES = 960,
        SILENCE_PERIOD_US = 2000000,
        STALL_US = 100000,      /* capture times stray less than this unless the device stood still */
        LATENCY_MAX_US = 500000 /* a graph that claims more is not believed */
};

struct tx_track {
        struct audio_port *port;         /* referenced */
        const struct capture_gate *gate; /* borrowed */
        struct voice_enc *enc;           /* owned */
        struct e2ee_seal *seal;          /* owned; NULL: sent as it is */
        tx_send_fn send;
        speaking_fn speaking;
        void *ctx;
        struct level level;    /* of what is sent */
        struct level captured; /* while somebody looks at it */
        struct tx_stats stats;
        uint32_t samples;      /* of a frame as configured: what did not pass the gate is counted in these */
        uint32_t last_samples; /* of the last frame */
        bool open;             /* the gate, when last looked at */
        uint32_t closings;     /* likewise: samples pass under these */
        uint32_t skip;         /* frames still to come that were captured before it opened */
        uint64_t samples_gated;
        bool silent;        /* the frame before was not sent: the next carries the marker */
        bool resumed;       /* no frame yet of this spurt */
        uint32_t timestamp; /* of the last frame */
        uint64_t end_us;    /* when it ended; 0: there was none */
        bool dtx, fec;      /* as configured */
        bool signs_of_life; /* likewise */
        struct adapt adapt;
        struct transmit transmit;
        struct redundancy redundancy;
        float frames[FRAME_SAMPLES_MAX];
};

int tx_track_new(const struct voice_config *config, struct audio_port *port, const struct capture_gate *gate,
                 tx_send_fn send, speaking_fn speaking, void *ctx, struct tx_track **ret)
{
        _cleanup_(tx_track_freep) struct tx_track *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        r = voice_enc_new(config, &t->enc);
        if (r < 0)
                return r;
        t->port = audio_port_ref(port);
        t->gate = gate;
        t->send = send;
        t->speaking = speaking;
        t->ctx = ctx;
        t->samples = voice_enc_frame_samples(t->enc);
        t->dtx = config->dtx;
        t->fec = config->fec;
        t->signs_of_life = config->signs_of_life;
        adapt_init(&t->adapt, config->bitrate, config->frame_ms);
        adapt_format(&t->adapt, config->fec, false);
        transmit_init(&t->transmit, config->frame_ms);
        t->timestamp = rand_u32(&rand_system); /* RFC 3550 5.1 */
        *ret = take_ptr(t);
        return 0;
}

struct tx_track *tx_track_free(struct tx_track *t)
{
        if (!t)
                return NULL;
        if (t->port) {
                atomic_store(&t->port->level, 0);
                atomic_store(&t->port->captured_level, 0);
        }
        audio_port_unref(t->port);
        voice_enc_free(t->enc);
        e2ee_seal_free(t->seal);
        free(t);
        return NULL;
}

int tx_track_encrypt(struct tx_track *t, struct e2ee_keys *keys)
{
        struct e2ee_seal *seal;
        int r;

        r = e2ee_seal_new(keys, &seal);
        if (r < 0)
                return r;
        e2ee_seal_free(t->seal);
        t->seal = seal;
        return 0;
}

static void empty_ring(struct tx_track *t)
{
        t->samples_gated += pcm_ring_skip(t->port->ring, UINT32_MAX);
}

/* In frames: what the graph may deliver from now on although it was captured before. */
static uint32_t frames_under_way(const struct audio_port *port)
{
        uint32_t latency_us = atomic_load(&port->latency_us);

        if (latency_us > LATENCY_MAX_US)
                latency_us = LATENCY_MAX_US;
        return latency_us * 6 / 125 + atomic_load(&port->quantum);
}

static void stop_speaking(struct tx_track *t)
{
        if (level_reset(&t->level))
                t->speaking(false, t->ctx);
}

/* Before the first period there is no telling how much of it was captured before the gate opened. */
static void follow_gate(struct tx_track *t)
{
        uint32_t closings;
        bool open = capture_gate_look(t->gate, &closings) && atomic_load(&t->port->quantum) > 0;

        if (open && t->open && closings == t->closings)
                return;
        t->closings = closings;
        t->open = open;
        empty_ring(t);
        transmit_clear(&t->transmit);
        redundancy_clear(&t->redundancy);
        stop_speaking(t);
        if (!open)
                return;
        if (atomic_load(&t->port->voice_proc))
                voice_proc_restart(atomic_load(&t->port->voice_proc));
        voice_enc_reset(t->enc);
        t->skip = frames_under_way(t->port);
}

static uint32_t duration_us(uint32_t samples)
{
        return samples / 48 * 1000; /* frames are whole milliseconds */
}

/* Moves the RTP clock to the frame of so many samples that ended at end_us. */
static void advance_clock(struct tx_track *t, uint32_t samples, uint64_t end_us)
{
        uint64_t expected_us = t->end_us + duration_us(samples);
        uint64_t gap_us = t->end_us && end_us > expected_us ? end_us - expected_us : 0;

        t->timestamp += t->last_samples;
        t->last_samples = samples;
        if (gap_us > (t->resumed ? 0 : STALL_US)) {
                t->timestamp += (uint32_t)(gap_us * 6 / 125);
                t->silent = true;
        }
        t->resumed = false;
        t->end_us = end_us;
}

/* Copies go only with speech: what was kept of a pause is never sent again. */
static void send_packet(struct tx_track *t, struct media_frame *f)
{
        if (f->voice)
                f->n_copies = redundancy_get(&t->redundancy, f->timestamp, f->copies);
        t->stats.bytes += f->len;
        t->send(f, t->ctx);
        redundancy_keep(&t->redundancy, f->payload, f->len, f->timestamp);
        t->silent = false;
}

/* Bytes of the frame as it is sent; 0: it cannot be, and is lost as if it had been silence. */
static int seal(struct tx_track *t, const uint8_t **frame, int len, uint8_t *room)
{
        if (!t->seal)
                return len;
        len = e2ee_seal_frame(t->seal, *frame, (size_t)len, room);
        *frame = room;
        if (len > 0)
                return len;
        t->stats.frames_unsealed++;
        return 0;
}

static void encode(struct tx_track *t, uint32_t samples, uint64_t end_us)
{
        uint8_t packet[VOICE_PACKET_MAX], sealed[VOICE_PACKET_MAX + E2EE_OVERHEAD];
        const uint8_t *payload = packet;
        double energy;
        uint8_t dbov = level_measure(t->frames, samples, &energy);
        int n;

        voice_enc_set_frame(t->enc, samples);
        n = voice_enc_encode(t->enc, t->frames, packet);
        audio_port_meter(t->port, t->frames, samples);
        advance_clock(t, samples, end_us);
        if (level_update(&t->level, dbov, duration_us(samples), end_us))
                t->speaking(t->level.speaking, t->ctx);
        t->stats.frames_encoded++;
        if (n <= 0)
                t->stats.frames_dtx++;
        else
                n = seal(t, &payload, n, sealed);
        if (n <= 0) {
                t->silent = true;
                return;
        }
        send_packet(t, &(struct media_frame){ .payload = payload,
                                              .len = (size_t)n,
                                              .timestamp = t->timestamp,
                                              .marker = t->silent,
                                              .level_dbov = dbov,
                                              .voice = t->level.speaking,
                                              .capture_us = end_us });
}

/* What came through the gate: muted, it is not even measured. */
static void meter_captured(struct tx_track *t, const float block[static TRANSMIT_BLOCK], uint64_t end_us)
{
        double energy;

        if (!atomic_load(&t->port->metered))
                return;
        (void)level_update(&t->captured, level_measure(block, TRANSMIT_BLOCK, &energy), TRANSMIT_BLOCK * 125 / 6,
                           end_us);
        audio_port_meter_captured(t->port, block, TRANSMIT_BLOCK);
}

static void tell_levels(struct tx_track *t, uint64_t now_us)
{
        if (!t->open || !atomic_load(&t->port->metered))
                (void)level_reset(&t->captured);
        else
                (void)level_tick(&t->captured, now_us);
        atomic_store(&t->port->captured_level, t->captured.meter);
        atomic_store(&t->port->level, t->level.meter);
}

/* A block from the ring through gate and processing. What the gate holds back does not get into the processing. */
static bool read_block(struct tx_track *t, float block[static TRANSMIT_BLOCK], uint64_t end_us)
{
        struct voice_proc *v = atomic_load(&t->port->voice_proc);
        float played[TRANSMIT_BLOCK];

        if (!v)
                (void)pcm_ring_read(t->port->ring, block, TRANSMIT_BLOCK);
        else
                (void)pcm_ring_read_pairs(t->port->ring, block, played, TRANSMIT_BLOCK);
        if (!capture_gate_pass(t->gate, t->closings, block, TRANSMIT_BLOCK))
                return false;
        meter_captured(t, block, end_us);
        if (v)
                voice_proc_run(v, block, played, TRANSMIT_BLOCK);
        return true;
}

static void send_frames(struct tx_track *t, uint64_t now_us)
{
        struct transmit_frame f;

        while (transmit_get(&t->transmit, t->frames, &f)) {
                if (!capture_gate_pass(t->gate, t->closings, t->frames, f.samples))
                        continue;
                if (f.first)
                        t->silent = t->resumed = true;
                t->stats.samples += f.samples;
                t->stats.capture_us_total += f.samples * (now_us - f.end_us + atomic_load(&t->port->latency_us));
                encode(t, f.samples, f.end_us);
                if (f.last)
                        stop_speaking(t);
        }
}

/* A sign of life, for LiveKit: its server takes the way for lost when nothing comes any more from a microphone that is
 * not muted. It is a frame of Opus (RFC 6716) without sound, not an encoded one: nothing of it was captured. It has
 * the place of what has just left the look-back, so that a spurt may begin at any time. */
static void send_silence(struct tx_track *t)
{
        static const uint8_t silence[] = { 0xf8, 0xff, 0xfe };
        uint8_t sealed[sizeof(silence) + E2EE_OVERHEAD];
        const uint8_t *payload = silence;
        uint64_t end_us = transmit_forgotten_us(&t->transmit);
        int n;

        if (t->end_us == 0 || end_us < t->end_us + SILENCE_PERIOD_US)
                return;
        n = seal(t, &payload, sizeof(silence), sealed);
        advance_clock(t, SILENCE_SAMPLES, end_us);
        if (n > 0)
                t->send(&(struct media_frame){ .payload = payload,
                                               .len = (size_t)n,
                                               .timestamp = t->timestamp,
                                               .marker = true,
                                               .level_dbov = LEVEL_SILENCE,
                                               .capture_us = end_us },
                        t->ctx);
        t->stats.bytes += (uint64_t)n;
        t->silent = true;
}

/* When the newest sample of the ring got there. */
static uint64_t last_period_us(const struct tx_track *t, uint64_t now_us)
{
        uint64_t period_us = atomic_load(&t->port->period_us);

        return period_us <= now_us && period_us + STALL_US > now_us ? period_us : now_us;
}

/* From the ring into the look-back. False: not a whole block is there. */
static bool take_block(struct tx_track *t, uint64_t now_us)
{
        uint64_t newest_us = last_period_us(t, now_us), ago_us, end_us;
        uint32_t fill = pcm_ring_fill(t->port->ring);
        float block[TRANSMIT_BLOCK];

        if (fill < TRANSMIT_BLOCK)
                return false;
        ago_us = (uint64_t)(fill - TRANSMIT_BLOCK) * 125 / 6;
        end_us = newest_us > ago_us ? newest_us - ago_us : 0;
        if (read_block(t, block, end_us))
                transmit_put(&t->transmit, block, end_us);
        else
                t->samples_gated += TRANSMIT_BLOCK;
        return true;
}

static void pump_open(struct tx_track *t, uint64_t now_us)
{
        uint32_t skipped = pcm_ring_skip(t->port->ring, t->skip);
        bool talking;
        enum transmit_mode mode = capture_gate_transmit(t->gate, &talking);

        t->skip -= skipped;
        t->samples_gated += skipped;
        transmit_control(&t->transmit, mode, talking);
        send_frames(t, now_us);
        while (take_block(t, now_us))
                send_frames(t, now_us);
        if (t->signs_of_life)
                send_silence(t);
}

uint64_t tx_track_pump(struct tx_track *t, uint64_t now_us)
{
        follow_gate(t);
        if (t->open)
                pump_open(t, now_us);
        if (level_tick(&t->level, now_us))
                t->speaking(false, t->ctx);
        tell_levels(t, now_us);
        return level_deadline(&t->level);
}

static void follow_plan(struct tx_track *t)
{
        struct adapt_plan p;

        adapt_get_plan(&t->adapt, &p);
        voice_enc_set_loss(t->enc, p.fec_percent);
        voice_enc_set_bitrate(t->enc, p.bitrate);
        transmit_set_frame(&t->transmit, p.frame_ms);
        redundancy_set(&t->redundancy, p.copies);
}

void tx_track_report(struct tx_track *t, const struct adapt_report *report)
{
        adapt_report(&t->adapt, report);
        follow_plan(t);
}

void tx_track_set_format(struct tx_track *t, bool dtx, bool fec, bool redundant)
{
        voice_enc_set_dtx(t->enc, t->dtx && dtx);
        voice_enc_set_fec(t->enc, t->fec && fec);
        adapt_format(&t->adapt, t->fec && fec, redundant);
        follow_plan(t);
}

void tx_track_get_stats(const struct tx_track *t, struct tx_stats *ret)
{
        *ret = t->stats;
        ret->frames_gated = t->samples_gated / t->samples;
}
