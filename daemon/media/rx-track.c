/* rx-track.c - receiving: packets → decryption, if any → jitter buffer → Opus → drift correction → playback ring. See
 * track.h.
 *
 * Frames are decrypted when they come, not when they are played: what the jitter buffer asks of a frame (how long it
 * is, whether it has a copy of the one before, whether silence follows) is inside. One that cannot be decrypted is as
 * good as lost.
 *
 * Packets are checked as Opus when they come; level and speaking follow the level they carry at once, or, where they
 * carry none, the decoded sound. Pumping decodes as long as the ring holds less than the graph takes next: at once
 * what is there, and what is not (a late frame, the beginning of a spurt) DECIDE_US before the graph comes for it, so
 * that sound starts to the sample when it is due and a frame is made up only when it cannot be waited for any longer.
 *
 * The sound never breaks off or begins with a step: before the ring runs empty because nothing is left to play, 5 ms
 * fade out; after that it fades in. What is made up longer than 20 ms fades away within 100 more, and what comes then
 * fades in. In DTX the decoder's comfort noise is played for as long as it can be heard, then
 * nothing is decoded at all until the sender speaks. Network thread.
 */
#include "media/track.h"

#include <errno.h>

#include "base/clock.h"
#include "base/loop.h"
#include "media/drift.h"
#include "media/fade.h"
#include "media/jbuf.h"
#include "media/level.h"
#include "media/voice-dec.h"

enum {
        FADE = 240,
        CONCEALED_LOUD = 960,  /* from then on … */
        CONCEALED_FADE = 4800, /* … concealment fades, within so long */
        COMFORT_QUIETEST = 70, /* -dBov: quieter noise is not worth decoding */
        SILENCE_STEP = 120,    /* the decoder makes up multiples of 2.5 ms */
        DECIDE_US = 1500       /* before the period: for timers of whole milliseconds and the decoder */
};

struct rx_track {
        struct audio_port *port; /* referenced, or NULL */
        struct jbuf *jbuf;       /* owned */
        struct voice_dec *dec;   /* owned */
        struct e2ee_open e2ee;
        encryption_fn encryption; /* or NULL */
        speaking_fn speaking;
        void *ctx;
        struct drift drift;
        struct level level;
        struct rx_stats stats;
        uint32_t follows;    /* the timestamp of a packet that follows the last one without silence */
        bool has_level;      /* the last packet told its level */
        bool flowing;        /* the ring ends in sound: fade out before it ends */
        uint32_t concealing; /* samples made up without interruption */
        uint32_t drawn;      /* drawn out until a packet comes, not yet counted as inserted or made up */
        struct fade fade;
        bool comfort; /* the noise of the sender can be heard */
};

int rx_track_new(struct audio_port *port, speaking_fn speaking, void *ctx, struct rx_track **ret)
{
        _cleanup_(rx_track_freep) struct rx_track *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        r = jbuf_new(&t->jbuf);
        if (r < 0)
                return r;
        r = voice_dec_new(&t->dec);
        if (r < 0)
                return r;
        (void)e2ee_open_init(&t->e2ee, NULL); /* fails for keys only */
        drift_init(&t->drift);
        t->speaking = speaking;
        t->ctx = ctx;
        rx_track_set_port(t, port);
        *ret = take_ptr(t);
        return 0;
}

struct rx_track *rx_track_free(struct rx_track *t)
{
        if (!t)
                return NULL;
        rx_track_set_port(t, NULL);
        jbuf_free(t->jbuf);
        voice_dec_free(t->dec);
        e2ee_open_done(&t->e2ee);
        free(t);
        return NULL;
}

int rx_track_decrypt(struct rx_track *t, struct e2ee_keys *keys, encryption_fn encryption)
{
        e2ee_open_done(&t->e2ee);
        t->encryption = encryption;
        return e2ee_open_init(&t->e2ee, keys);
}

void rx_track_set_port(struct rx_track *t, struct audio_port *port)
{
        if (port == t->port)
                return;
        if (t->port) {
                atomic_store(&t->port->active, false);
                atomic_store(&t->port->level, 0);
                audio_port_unref(t->port);
                jbuf_clear(t->jbuf);
                voice_dec_reset(t->dec);
        }
        t->port = port ? audio_port_ref(port) : NULL;
        t->flowing = t->comfort = false;
        t->concealing = t->drawn = 0;
        t->fade.gain = 0;
        drift_restart(&t->drift);
}

static void heard(struct rx_track *t, uint8_t dbov, uint32_t samples, uint64_t now_us)
{
        if (level_update(&t->level, dbov, samples * 125 / 6, now_us))
                t->speaking(t->level.speaking, t->ctx);
}

static bool decrypt(struct rx_track *t, const uint8_t **payload, size_t *len, uint8_t room[static E2EE_FRAME_MAX],
                    uint64_t now_us)
{
        enum e2ee_state before = t->e2ee.state;
        bool r = e2ee_open_frame(&t->e2ee, payload, len, room, now_us);

        if (t->e2ee.state != before && t->encryption)
                t->encryption(t->e2ee.state, t->ctx);
        return r;
}

static bool rests(const struct rx_track *t)
{
        return t->port && atomic_load_explicit(&t->port->resting, memory_order_relaxed);
}

/* Sound is two frames in a row: in DTX a single one comes now and then, to keep the noise up, for which no device is
 * woken. */
static void follow_need(struct rx_track *t, uint32_t timestamp, const struct voice_packet_info *info, uint64_t now_us)
{
        bool sound = !info->dtx && timestamp == t->follows;

        t->follows = info->dtx ? timestamp - 1 : timestamp + info->samples;
        if (t->port && sound)
                audio_port_need(t->port, now_us);
}

void rx_track_put(struct rx_track *t, uint16_t seq, uint32_t timestamp, bool marker, const uint8_t *payload,
                  size_t len, int level_dbov, uint64_t arrival_us)
{
        uint8_t room[E2EE_FRAME_MAX];
        struct voice_packet_info info;
        enum jbuf_put r;

        if (!decrypt(t, &payload, &len, room, arrival_us))
                return;
        if (voice_packet_inspect(payload, len, &info) < 0) {
                t->stats.decode_errors++;
                return;
        }
        t->stats.packets++;
        t->stats.bytes += len;
        follow_need(t, timestamp, &info, arrival_us);
        if (rests(t)) /* nobody reads: only the last one is kept, with which sound may begin */
                jbuf_clear(t->jbuf);
        r = jbuf_put(t->jbuf, &(struct jbuf_packet){ .seq = seq,
                                                     .timestamp = timestamp,
                                                     .samples = info.samples,
                                                     .marker = marker,
                                                     .dtx = info.dtx,
                                                     .fec = info.fec,
                                                     .payload = payload,
                                                     .len = len,
                                                     .arrival_us = arrival_us });
        t->has_level = level_dbov >= 0;
        if (r == JBUF_PUT_OK && t->has_level)
                heard(t, level_dbov > LEVEL_SILENCE ? LEVEL_SILENCE : (uint8_t)level_dbov, info.samples, arrival_us);
        if (!t->port)
                jbuf_clear(t->jbuf);
}

void rx_track_put_copy(struct rx_track *t, uint16_t seq, uint32_t timestamp, const uint8_t *payload, size_t len,
                       uint64_t arrival_us)
{
        uint8_t room[E2EE_FRAME_MAX];
        struct voice_packet_info info;
        enum jbuf_put r = JBUF_PUT_LATE;

        t->stats.copies++;
        t->stats.copy_bytes += len;
        if (t->port && decrypt(t, &payload, &len, room, arrival_us) && voice_packet_inspect(payload, len, &info) == 0)
                r = jbuf_put(t->jbuf, &(struct jbuf_packet){ .seq = seq,
                                                             .timestamp = timestamp,
                                                             .samples = info.samples,
                                                             .dtx = info.dtx,
                                                             .fec = info.fec,
                                                             .copy = true,
                                                             .payload = payload,
                                                             .len = len,
                                                             .arrival_us = arrival_us });
        t->stats.copies_discarded += r != JBUF_PUT_OK;
}

/* ---- what comes next: each gives the samples written to pcm, 0 for none ---- */

static uint32_t conceal(struct rx_track *t, uint32_t samples, float *pcm)
{
        int n = voice_dec_conceal(t->dec, samples, pcm);

        if (n < 0)
                return 0;
        t->stats.concealment_events += t->concealing == 0;
        t->concealing += (uint32_t)n;
        t->stats.samples_concealed += (uint32_t)n;
        return (uint32_t)n;
}

static uint32_t decode_frame(struct rx_track *t, const struct jbuf_out *o, float *pcm)
{
        uint64_t begin_us = clock_monotonic_us(), took_us; /* of the machine: work takes no virtual time */
        int n = voice_dec_decode(t->dec, o->payload, o->len, pcm);

        took_us = clock_monotonic_us() - begin_us;
        t->stats.jbuf_emitted += o->samples;
        t->stats.jbuf_delay_us_total += o->stay_us * o->samples;
        t->stats.jbuf_target_us_total += (uint64_t)jbuf_target_us(t->jbuf) * o->samples;
        t->stats.processing_us_total += (o->stay_us + took_us) * o->samples;
        if (o->resumed)
                drift_resync(&t->drift);
        drift_observe(&t->drift, o->excess_us, o->samples);
        if (n < 0) {
                t->stats.decode_errors++;
                return conceal(t, o->samples, pcm);
        }
        t->stats.frames_decoded++;
        t->concealing = 0;
        if (!o->dtx)
                t->comfort = true;
        return (uint32_t)n;
}

static uint32_t decode_fec(struct rx_track *t, const struct jbuf_out *o, float *pcm)
{
        int n = voice_dec_decode_fec(t->dec, o->payload, o->len, o->samples, pcm);

        if (n < 0)
                return conceal(t, o->samples, pcm);
        t->concealing = 0;
        return (uint32_t)n;
}

static uint32_t comfort_noise(struct rx_track *t, uint32_t samples, float *pcm)
{
        double energy;
        int n;

        t->concealing = 0;
        if (!t->comfort)
                return 0;
        n = voice_dec_conceal(t->dec, (samples + SILENCE_STEP - 1) / SILENCE_STEP * SILENCE_STEP, pcm);
        if (n < 0)
                return 0;
        t->comfort = level_measure(pcm, (size_t)n, &energy) < COMFORT_QUIETEST;
        return samples;
}

/* What was drawn out is time that was inserted, but where a packet was lost it was made up. */
static void settle_drawn(struct rx_track *t, uint32_t replaced)
{
        uint32_t inserted = t->drawn - replaced;

        t->stats.samples_concealed += replaced;
        t->stats.samples_inserted += inserted;
        t->stats.concealment_events += replaced > 0 && t->concealing == 0;
        drift_shift(&t->drift, -(int32_t)replaced);
        t->drawn = 0;
}

/* When the graph comes for sound, and how much more it takes then. */
struct demand {
        uint64_t now_us;
        uint32_t ahead;   /* frames from now until it comes */
        uint32_t queued;  /* in the ring */
        uint32_t missing; /* to a whole period */
};

static uint32_t next_sound(struct rx_track *t, const struct demand *d, enum jbuf_get what, const struct jbuf_out *o,
                           float *pcm)
{
        switch (what) {
        case JBUF_GET_FRAME: return decode_frame(t, o, pcm);
        case JBUF_GET_FEC: return decode_fec(t, o, pcm);
        case JBUF_GET_CONCEAL: return conceal(t, o->samples, pcm);
        case JBUF_GET_SILENCE: return comfort_noise(t, o->samples < d->missing ? o->samples : d->missing, pcm);
        case JBUF_GET_DRAW: /* not decoded: draw_out() */
        case JBUF_GET_WAIT: t->concealing = 0; return 0;
        }
        return 0;
}

/* ---- into the ring ---- */

static void write_ring(struct rx_track *t, const float *pcm, uint32_t n)
{
        float out[VOICE_SAMPLES_MAX + DRIFT_GROWTH_MAX];

        n = drift_process(&t->drift, pcm, n, out);
        t->stats.samples_removed += n - pcm_ring_write(t->port->ring, out, n); /* only a ring too small loses any */
}

/* Nothing more to play. True if the end was written. */
static bool end_sound(struct rx_track *t)
{
        float pcm[VOICE_SAMPLES_MAX];
        int n;

        if (!t->flowing)
                return false;
        t->flowing = false;
        n = t->fade.gain > 0 ? voice_dec_conceal(t->dec, FADE, pcm) : 0;
        if (n > 0) {
                fade_to(&t->fade, 0, FADE, pcm, (uint32_t)n);
                write_ring(t, pcm, (uint32_t)n);
        }
        t->fade.gain = 0;
        atomic_store(&t->port->active, false);
        drift_restart(&t->drift);
        return n > 0;
}

static void draw_out(struct rx_track *t)
{
        float out[STRETCH_LAG_MAX];
        uint32_t n = drift_draw(&t->drift, out);

        jbuf_drawn(t->jbuf, n);
        t->drawn += n;
        t->stats.samples_total += n;
        (void)pcm_ring_write(t->port->ring, out, n);
}

/* A spurt is due within the next period: silence up to there. */
static bool begin_later(struct rx_track *t, const struct jbuf_out *o, uint32_t missing)
{
        static const float silence[240];
        int64_t n = (-o->excess_us * 6 + 124) / 125;

        if (n <= 0 || n >= missing)
                return false;
        for (uint32_t left = (uint32_t)n; left > 0;)
                left -= pcm_ring_write(t->port->ring, silence, left < 240 ? left : 240);
        return true;
}

static bool play_next(struct rx_track *t, const struct demand *d)
{
        float pcm[VOICE_SAMPLES_MAX];
        struct jbuf_out o;
        enum jbuf_get what = jbuf_get(t->jbuf, d->now_us, d->ahead + d->queued, &o);
        double energy;
        uint8_t dbov;
        uint32_t n;

        if (what == JBUF_GET_DRAW) {
                draw_out(t);
                return true;
        }
        if (what != JBUF_GET_FEC && what != JBUF_GET_CONCEAL)
                settle_drawn(t, o.replaced);
        n = next_sound(t, d, what, &o, pcm);
        if (n == 0)
                return end_sound(t) || begin_later(t, &o, d->missing);
        dbov = level_measure(pcm, n, &energy);
        if (!t->has_level)
                heard(t, dbov, n, d->now_us);
        audio_port_meter(t->port, pcm, n);
        t->stats.energy += energy * n / AUDIO_RATE;
        t->stats.samples_total += n;
        t->stats.playout_us_total +=
                (uint64_t)n * ((d->ahead + d->queued) * 125 / 6 + atomic_load(&t->port->latency_us));
        if (t->concealing > CONCEALED_LOUD)
                fade_to(&t->fade, 0, CONCEALED_FADE, pcm, n);
        else
                fade_to(&t->fade, 1, FADE, pcm, n);
        t->flowing = true;
        write_ring(t, pcm, n);
        atomic_store(&t->port->active, true);
        return true;
}

/* 0: there is no telling; the graph stands still or begins just now. */
static uint64_t next_period_us(const struct audio_port *port, uint32_t quantum, uint64_t now_us)
{
        uint64_t last_us = atomic_load(&port->period_us), next_us = last_us + quantum * 125 / 6;

        return last_us != 0 && last_us <= now_us && next_us > now_us ? next_us : 0;
}

/* Returns when to be called again; LOOP_NEVER: with the next period or packet. */
static uint64_t fill_ring(struct rx_track *t, uint64_t now_us)
{
        uint32_t quantum = atomic_load(&t->port->quantum), want = quantum ? quantum : 1;
        uint64_t next_us = next_period_us(t->port, quantum, now_us);
        struct demand d = { .now_us = now_us, .ahead = next_us ? (uint32_t)(next_us - now_us) * 6 / 125 : 0 };

        jbuf_set_margin(t->jbuf, (quantum ? quantum : AUDIO_QUANTUM_DEFAULT) * 125 / 6 + DECIDE_US);
        if (want > pcm_ring_capacity(t->port->ring) / 2)
                want = pcm_ring_capacity(t->port->ring) / 2;
        while ((d.queued = pcm_ring_fill(t->port->ring)) < want) {
                enum jbuf_next next = jbuf_next(t->jbuf);

                if (next == JBUF_NEXT_LATER && now_us + DECIDE_US < next_us)
                        return next_us - DECIDE_US;
                d.missing = want - d.queued;
                if (!play_next(t, &d))
                        break;
        }
        return LOOP_NEVER;
}

uint64_t rx_track_pump(struct rx_track *t, uint64_t now_us)
{
        uint64_t due_us = t->port && !rests(t) ? fill_ring(t, now_us) : LOOP_NEVER, level_us;

        if (level_tick(&t->level, now_us))
                t->speaking(false, t->ctx);
        if (t->port)
                atomic_store(&t->port->level, t->level.meter);
        level_us = level_deadline(&t->level);
        return due_us < level_us ? due_us : level_us;
}

void rx_track_get_stats(const struct rx_track *t, struct rx_stats *ret)
{
        struct jbuf_stats j;

        jbuf_get_stats(t->jbuf, &j);
        *ret = t->stats;
        ret->frames_undecrypted = t->e2ee.failures;
        ret->packets_lost = j.lost;
        ret->packets_late = j.late + j.discarded;
        ret->packets_duplicate = j.duplicate;
        ret->jitter_us = j.jitter_us;
        ret->target_delay_us = j.target_us;
        ret->samples_inserted += t->drift.inserted;
        ret->samples_removed += t->drift.removed;
}
