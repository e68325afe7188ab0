/* Unit tests of media/tx-track: frames, clock, DTX, speaking, and above all the gate. */
#include <errno.h>

#include "base/loop.h"
#include "base/rand.h"
#include "lib/test.h"
#include "lib/tone.h"
#include "media/level.h"
#include "media/track.h"
#include "media/voice-dec.h"

enum { QUANTUM = 256 };

static const struct voice_config usual = { .frame_ms = 20, .bitrate = 32000, .complexity = 0, .dtx = true };

struct bench {
        struct audio_port *port;
        struct capture_gate gate;
        struct tx_track *track;
        struct voice_dec *dec;
        double now_us;
        unsigned sent, markers, changes;
        unsigned silences; /* signs of life between spurts, not counted as sent */
        bool speaking;
        struct media_frame last, last_silence;
        double forbidden; /* loudest 3 kHz that came out of a decoder at the other end */
};

static void on_send(const struct media_frame *f, void *ctx)
{
        struct bench *b = ctx;
        float out[VOICE_SAMPLES_MAX];
        int n = voice_dec_decode(b->dec, f->payload, f->len, out);

        ASSERT_GT(n, 0);
        if (f->len == 3 && memcmp(f->payload, "\xf8\xff\xfe", 3) == 0) {
                b->silences++;
                ASSERT(f->marker && !f->voice && f->level_dbov == LEVEL_SILENCE && f->n_copies == 0);
                b->last_silence = *f;
                return;
        }
        b->sent++;
        b->markers += f->marker;
        if (f->marker)
                voice_dec_reset(b->dec);
        b->forbidden = fmax(b->forbidden, tone_find(out, (size_t)n, 3000));
        b->last = *f;
        b->last.payload = NULL;
}

static void on_speaking(bool speaking, void *ctx)
{
        struct bench *b = ctx;

        ASSERT_NE(speaking, b->speaking);
        b->speaking = speaking;
        b->changes++;
}

static struct bench *bench_new(const struct voice_config *c)
{
        struct bench *b = calloc(1, sizeof(*b));

        ASSERT(b);
        b->now_us = 1e6;
        ASSERT_OK(audio_port_new_capture(8192, &b->port));
        atomic_store(&b->port->quantum, QUANTUM);
        ASSERT_OK(voice_dec_new(&b->dec));
        ASSERT_OK(tx_track_new(c, b->port, &b->gate, on_send, on_speaking, b, &b->track));
        return b;
}

static struct bench *bench_free(struct bench *b)
{
        tx_track_free(b->track);
        audio_port_unref(b->port);
        voice_dec_free(b->dec);
        free(b);
        return NULL;
}
DEFINE_CLEANUP(struct bench *, bench_free)

static void set_all(struct bench *b, bool open)
{
        for (uint32_t c = 1; c <= GATE_ALL; c <<= 1)
                capture_gate_set(&b->gate, (enum gate_condition)c, open);
}

/* One period of the graph: the microphone delivers the tone, the track is pumped. */
static uint64_t period(struct bench *b, struct tone *t)
{
        float frames[QUANTUM] = { 0 };

        if (t)
                tone_fill(t, frames, QUANTUM);
        ASSERT_EQ(pcm_ring_write(b->port->ring, frames, QUANTUM), QUANTUM);
        b->now_us += QUANTUM / 0.048;
        return tx_track_pump(b->track, (uint64_t)b->now_us);
}

static void periods(struct bench *b, struct tone *t, unsigned n)
{
        while (n-- > 0)
                period(b, t);
}

TEST_OOM(new_fails_cleanly)
{
        static struct audio_port *port;
        _cleanup_(tx_track_freep) struct tx_track *t = NULL;
        struct capture_gate gate = { 0 };

        if (!port) {
                test_oom_allow(-1);
                ASSERT_OK(audio_port_new(1024, &port));
                test_oom_allow(0);
                return -ENOMEM * (tx_track_new(&usual, port, &gate, on_send, on_speaking, NULL, &t) == -ENOMEM);
        }
        return tx_track_new(&usual, port, &gate, on_send, on_speaking, NULL, &t);
}

TEST(every_frame_is_sent_with_level_and_clock)
{
        static const uint32_t lengths[] = { 10, 20, 40, 60 };

        for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
                struct voice_config c = { .frame_ms = lengths[i], .bitrate = 24000 };
                _cleanup_(bench_freep) struct bench *b = bench_new(&c);
                struct tone t = { .hz = 400, .amplitude = 0.5 };
                uint32_t timestamp;
                struct tx_stats s;

                set_all(b, true);
                periods(b, &t, 40);
                ASSERT_EQ(b->markers, 1);
                timestamp = b->last.timestamp;
                b->sent = 0;
                periods(b, &t, 225); /* 1.2 s */
                ASSERT_NEAR(b->sent, 1200 / lengths[i], 1);
                ASSERT_EQ(b->last.timestamp - timestamp, b->sent * lengths[i] * 48);
                ASSERT_EQ(b->markers, 1);
                ASSERT_EQ(b->last.level_dbov, 9);
                ASSERT(b->last.voice && b->speaking);
                ASSERT_LE(b->now_us - b->last.capture_us, lengths[i] * 1000);
                tx_track_get_stats(b->track, &s);
                ASSERT_EQ(s.frames_dtx, 0);
                ASSERT_GT(s.bytes, s.frames_encoded * 2);
        }
}

TEST(while_shut_nothing_is_sent_and_the_ring_stays_empty)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
        struct tone t = { .hz = 400, .amplitude = 0.5 };
        struct tx_stats s;

        set_all(b, true);
        capture_gate_set(&b->gate, GATE_CONSENT, false);
        for (int i = 0; i < 100; i++) {
                ASSERT_EQ(period(b, &t), LOOP_NEVER);
                ASSERT_EQ(pcm_ring_fill(b->port->ring), 0);
        }
        tx_track_get_stats(b->track, &s);
        ASSERT_EQ(b->sent, 0);
        ASSERT_EQ(s.frames_encoded, 0);
        ASSERT_EQ(s.frames_gated, 100 * QUANTUM / 960);
        ASSERT_EQ(b->changes, 0);
}

TEST(shutting_ends_speech_and_keeps_the_clock_in_time)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
        struct tone t = { .hz = 400, .amplitude = 0.5, .beat_hz = 4 };
        struct media_frame before;
        unsigned sent;

        set_all(b, true);
        periods(b, &t, 100);
        ASSERT(b->speaking);
        before = b->last;
        sent = b->sent;
        capture_gate_set(&b->gate, GATE_UNMUTED, false);
        periods(b, &t, 1);
        ASSERT(!b->speaking);
        ASSERT_NEAR(atomic_load(&b->port->level), 0, 0);
        periods(b, &t, 500);
        ASSERT_EQ(b->sent, sent);
        capture_gate_set(&b->gate, GATE_UNMUTED, true);
        while (b->sent == sent)
                period(b, &t);
        ASSERT(b->last.marker);
        ASSERT_NEAR((b->last.timestamp - before.timestamp) / 0.048, b->last.capture_us - before.capture_us, 50);
}

TEST(a_stalled_device_moves_the_clock)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
        struct tone t = { .hz = 400, .amplitude = 0.5, .beat_hz = 4 };
        struct media_frame before;

        set_all(b, true);
        periods(b, &t, 100);
        before = b->last;
        b->now_us += 3e6;
        ASSERT_EQ(tx_track_pump(b->track, (uint64_t)b->now_us), LOOP_NEVER);
        ASSERT(!b->speaking);
        periods(b, &t, 10);
        ASSERT_NEAR((b->last.timestamp - before.timestamp) / 0.048, b->last.capture_us - before.capture_us, 50);
}

struct clock_check {
        struct voice_dec *dec;
        uint32_t next;            /* timestamp */
        unsigned frames, lengths; /* lengths: bit per 10 ms */
};

static void check_clock(const struct media_frame *f, void *ctx)
{
        struct clock_check *c = ctx;
        float out[VOICE_SAMPLES_MAX];
        uint32_t samples = (uint32_t)voice_dec_decode(c->dec, f->payload, f->len, out);

        if (c->frames++ > 0)
                ASSERT_EQ(f->timestamp, c->next);
        c->next = f->timestamp + samples;
        c->lengths |= 1U << samples / 480;
}

static void ignore_speaking(bool speaking, void *ctx)
{
        (void)speaking;
        (void)ctx;
}

/* A full queue makes frames longer and an empty one shorter: the clock counts samples all the same. */
TEST(frames_of_other_lengths_keep_the_clock)
{
        static const struct voice_config c = { .frame_ms = 20, .bitrate = 24000, .complexity = 0 };
        _cleanup_(bench_freep) struct bench *b = bench_new(&c);
        struct tone t = { .hz = 400, .amplitude = 0.5 };
        struct clock_check check = { .dec = b->dec };

        b->track = tx_track_free(b->track);
        ASSERT_OK(tx_track_new(&c, b->port, &b->gate, check_clock, ignore_speaking, &check, &b->track));
        set_all(b, true);
        for (unsigned s = 0; s < 40; s++) {
                uint32_t rtt_us = s > 3 && s < 20 ? 400000 : 20000;

                tx_track_report(b->track, &(struct adapt_report){ .rtt_us = rtt_us });
                periods(b, &t, 37);
        }
        ASSERT_EQ(check.lengths, 1U << 2 | 1U << 4 | 1U << 6);
}

TEST(silence_is_not_sent_and_speech_after_it_is_marked)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
        struct tone t = { .hz = 400, .amplitude = 0.5, .beat_hz = 4 };
        struct media_frame before;
        struct tx_stats s;
        unsigned sent;

        set_all(b, true);
        periods(b, &t, 200);
        periods(b, NULL, 300);
        sent = b->sent;
        periods(b, NULL, 375); /* 2 s: a refresh and its end marker each 400 ms */
        ASSERT_LE(b->sent - sent, 12);
        ASSERT(!b->speaking);
        ASSERT_EQ(b->last.level_dbov, LEVEL_SILENCE);
        tx_track_get_stats(b->track, &s);
        ASSERT_GT(s.frames_dtx, 100);
        while (b->now_us - (double)b->last.capture_us < 100000)
                period(b, NULL);
        before = b->last;
        t.beat_phase = 0;
        for (sent = b->sent; b->sent == sent;)
                period(b, &t);
        ASSERT(b->last.marker);
        ASSERT_NEAR((b->last.timestamp - before.timestamp) / 0.048, b->last.capture_us - before.capture_us, 50);
}

static void key(struct bench *b, bool pressed)
{
        capture_gate_set_transmit(&b->gate, TRANSMIT_PUSH_TO_TALK, pressed);
        tx_track_pump(b->track, (uint64_t)b->now_us); /* control wakes the network thread */
}

TEST(a_key_sends_at_once_and_ends_at_once)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
        struct tone t = { .hz = 400, .amplitude = 0.5, .beat_hz = 4 };
        struct media_frame before = { 0 };
        unsigned sent;

        set_all(b, true);
        key(b, false);
        for (int spurt = 1; spurt <= 20; spurt++) {
                periods(b, &t, 100 + (unsigned)spurt);
                sent = b->sent;
                key(b, true);
                ASSERT_EQ(b->sent, sent + 3); /* the look-back, without waiting for another sample */
                ASSERT_EQ(b->markers, spurt);
                if (spurt > 1)
                        ASSERT_NEAR((b->last.timestamp - before.timestamp) / 0.048,
                                    b->last.capture_us - before.capture_us, 100);
                periods(b, &t, 47); /* 251 ms: another 12 frames */
                ASSERT_NEAR(b->sent, sent + 15, 1);
                ASSERT(b->speaking);
                before = b->last;
                sent = b->sent;
                key(b, false);
                periods(b, &t, 9); /* 48 ms: the frame under way and one of silence */
                ASSERT_EQ(b->sent, sent + 2);
                ASSERT_EQ(b->last.level_dbov, LEVEL_SILENCE);
                ASSERT_EQ(b->last.timestamp - before.timestamp, 2 * 960);
                ASSERT(!b->speaking);
                before = b->last;
        }
        ASSERT_EQ(b->markers, 20);
}

TEST(what_is_captured_is_seen_before_it_is_sent)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
        struct tone t = { .hz = 440, .amplitude = 0.5 };

        set_all(b, true);
        key(b, false);
        periods(b, &t, 40);
        ASSERT_NEAR(b->port->captured_level, 0, 0); /* nobody looks */
        ASSERT_NEAR(audio_port_take_captured_peak(b->port), 0, 0);
        periods(b, &t, 40);
        ASSERT_EQ(b->sent, 0);
        ASSERT(b->port->captured_level > 0.2f);
        ASSERT_NEAR(audio_port_take_captured_peak(b->port), 0.5, 0.05);
        ASSERT_NEAR(b->port->level, 0, 0);
        ASSERT_NEAR(audio_port_take_peak(b->port), 0, 0);
        capture_gate_set(&b->gate, GATE_UNMUTED, false); /* not even how loud it is */
        periods(b, &t, 1);
        ASSERT_NEAR(b->port->captured_level, 0, 0);
        (void)audio_port_take_captured_peak(b->port);
        periods(b, &t, 40);
        ASSERT_NEAR(audio_port_take_captured_peak(b->port), 0, 0);
        ASSERT_NEAR(b->port->captured_level, 0, 0);
}

TEST(taps_do_not_shift_the_clock)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
        struct tone t = { .hz = 400, .amplitude = 0.5, .beat_hz = 4 };
        struct media_frame before;
        uint32_t timestamp;

        set_all(b, true);
        key(b, false);
        periods(b, &t, 50);
        key(b, true);
        before = b->last;
        for (int i = 0; i < 30; i++) {
                timestamp = b->last.timestamp;
                periods(b, &t, (unsigned)i % 7);
                key(b, i % 2);
                ASSERT_LE(b->last.timestamp - timestamp, 48 * 100);
        }
        periods(b, &t, 100);
        key(b, false);
        periods(b, &t, 100);
        key(b, true);
        ASSERT_NEAR((b->last.timestamp - before.timestamp) / 0.048, b->last.capture_us - before.capture_us, 500);
}

TEST(between_spurts_nothing_is_encoded)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
        struct tone t = { .hz = 400, .amplitude = 0.5, .beat_hz = 4 };
        struct tx_stats s;

        set_all(b, true);
        key(b, false);
        periods(b, &t, 500);
        capture_gate_set_transmit(&b->gate, TRANSMIT_VOICE_ACTIVITY, false);
        periods(b, NULL, 500);
        tx_track_get_stats(b->track, &s);
        ASSERT_EQ(s.frames_encoded, 0);
        ASSERT_EQ(b->sent, 0);
        ASSERT(!b->speaking);
        periods(b, &t, 50);
        ASSERT(b->speaking);
}

/* Where a server would take the way for lost. The frame is in nobody's way when a spurt begins. */
TEST(between_spurts_there_are_signs_of_life)
{
        struct voice_config wanted = usual;
        _cleanup_(bench_freep) struct bench *b = NULL;
        struct tone t = { .hz = 400, .amplitude = 0.5 };
        struct media_frame silence;

        wanted.signs_of_life = true;
        b = bench_new(&wanted);

        set_all(b, true);
        key(b, false);
        periods(b, &t, 1000);
        ASSERT_EQ(b->silences, 0); /* nothing was said yet: nothing is missed */
        key(b, true);
        key(b, false);
        periods(b, &t, 1875 + 20); /* 10 s */
        ASSERT_EQ(b->silences, 5);
        for (int i = 0; i < 50; i++) {
                silence = b->last_silence;
                for (int j = 0; j < 400 && b->last_silence.timestamp == silence.timestamp; j++)
                        period(b, &t);
                ASSERT_NE(b->last_silence.timestamp, silence.timestamp);
                silence = b->last_silence;
                b->last = (struct media_frame){ 0 };
                key(b, true);
                ASSERT_NEAR((b->last.timestamp - silence.timestamp) / 0.048, b->last.capture_us - silence.capture_us,
                            100);
                ASSERT_GE(b->last.timestamp - silence.timestamp, 3 * 960); /* the look-back is behind it */
                key(b, false);
                periods(b, &t, 20);
        }
        capture_gate_set(&b->gate, GATE_UNMUTED, false);
        silence = b->last_silence;
        periods(b, &t, 1000);
        ASSERT_EQ(b->last_silence.timestamp, silence.timestamp); /* muted, the server knows */
}

/* Muted for a moment while nobody looks: what was kept from before must not come out with the next press. */
TEST(a_closing_empties_the_look_back)
{
        for (uint32_t c = 1; c <= GATE_ALL; c <<= 1) {
                _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
                struct tone secret = { .hz = 3000, .amplitude = 0.9 }, allowed = { .hz = 400, .amplitude = 0.3 };

                set_all(b, true);
                key(b, false);
                periods(b, &secret, 50);
                capture_gate_set(&b->gate, (enum gate_condition)c, false);
                capture_gate_set(&b->gate, (enum gate_condition)c, true);
                key(b, true);
                ASSERT_EQ(b->sent, 0);
                periods(b, &allowed, 50);
                ASSERT_GT(b->sent, 5);
                ASSERT(b->forbidden < 0.04);
        }
}

/* While the gate is shut the microphone hears 3 kHz; while it is open, 400 Hz. Conditions come and go at random, also
 * several times between two pumps, modes and keys too, and the graph delivers with latency: nothing of 3 kHz may ever
 * be sent. */
static void check_gate(const struct voice_proc_config *processing)
{
        enum { DELAYED = 3 }; /* periods of latency */

        for (uint64_t seed = 0; seed < 18; seed++) {
                _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
                struct tone allowed = { .hz = 400, .amplitude = 0.3, .beat_hz = 3 },
                            secret = { .hz = 3000, .amplitude = 0.9 };
                float line[DELAYED][QUANTUM] = { { 0 } };
                struct rng rng;

                rand_seed(&rng, seed);
                ASSERT_OK(audio_port_set_processing(b->port, processing));
                atomic_store(&b->port->latency_us, DELAYED * QUANTUM * 125 / 6);
                for (unsigned i = 0; i < 500; i++) {
                        float frames[QUANTUM];
                        bool glitch = rand_u32(&rng) % 50 == 0, was_open;

                        /* Half of the time all conditions hold, or the gate would hardly ever open. */
                        if (rand_u32(&rng) % 40 == 0)
                                set_all(b, true);
                        if (rand_u32(&rng) % 40 == 0)
                                capture_gate_set(&b->gate, (enum gate_condition)(1u << rand_u32(&rng) % 6),
                                                 rand_u32(&rng) % 2);
                        if (rand_u32(&rng) % 20 == 0)
                                capture_gate_set_transmit(&b->gate, (enum transmit_mode)(seed % _TRANSMIT_MODE_MAX),
                                                          rand_u32(&rng) % 3 > 0);
                        was_open = capture_gate_is_open(&b->gate);
                        tone_fill(was_open && !glitch ? &allowed : &secret, frames, QUANTUM);
                        if (was_open && glitch) { /* shut during this period, open again before anybody looks */
                                capture_gate_set(&b->gate, GATE_UNMUTED, false);
                                capture_gate_set(&b->gate, GATE_UNMUTED, true);
                        }
                        pcm_ring_write(b->port->ring, line[i % DELAYED], QUANTUM);
                        memcpy(line[i % DELAYED], frames, sizeof(frames));
                        b->now_us += QUANTUM / 0.048;
                        tx_track_pump(b->track, (uint64_t)b->now_us);
                }
                /* The onset of 400 Hz leaves up to 0.02 there; one period of the secret leaves 0.18 and more. */
                ASSERT(b->forbidden < 0.04);
                ASSERT_GT(b->sent, 10);
        }
}

TEST(nothing_said_behind_a_shut_gate_is_ever_sent)
{
        check_gate(&(struct voice_proc_config){ 0 });
}

TEST(nor_is_it_kept_in_what_processes_the_voice)
{
        check_gate(&(struct voice_proc_config){ .echo = true, .noise = ANS_LOW });
}

/* A microphone that hears the loudspeaker and nothing else, 20 ms late. */
TEST(an_echo_is_taken_out_before_it_is_sent)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
        struct tone played = { .hz = 3000, .amplitude = 0.5, .beat_hz = 3 };
        float far[960] = { 0 }, heard[960];

        ASSERT_OK(audio_port_set_processing(b->port, &(struct voice_proc_config){ .echo = true }));
        ASSERT(b->port->wants_far);
        set_all(b, true);
        for (unsigned i = 0; i < 200; i++) {
                memcpy(heard, far, sizeof(far));
                tone_fill(&played, far, 960);
                ASSERT_EQ(pcm_ring_write_pairs(b->port->ring, heard, far, 960), 960);
                b->now_us += 20000;
                if (i == 150)
                        b->forbidden = 0;
                tx_track_pump(b->track, (uint64_t)b->now_us);
                if (i == 10)
                        ASSERT_GT(100 * b->forbidden, 10);
        }
        ASSERT_LT(1000 * b->forbidden, 20);
}

/* What the RT side may call. */
TEST(the_port_is_rt_safe)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(&usual);
        float frames[QUANTUM] = { 0 };

        test_rt_enter();
        for (int i = 0; i < 100; i++) {
                atomic_fetch_add(&b->port->xruns, QUANTUM - pcm_ring_write(b->port->ring, frames, QUANTUM));
                atomic_fetch_add(&b->port->frames, pcm_ring_read(b->port->ring, frames, QUANTUM));
                atomic_fetch_add(&b->port->periods, 1);
        }
        ASSERT_EQ(test_rt_leave(), 0);
        ASSERT_EQ(b->port->frames, 100 * QUANTUM);
}
