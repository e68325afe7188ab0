/* End to end in virtual time: microphone → tx-track → simulated network → rx-track → speaker, and rx-track alone. */
#include <sched.h>

#include "base/loop.h"
#include "lib/netsim.h"
#include "lib/test.h"
#include "lib/tone.h"
#include "media/level.h"
#include "media/track.h"
#include "wire/red.h"

enum { QUANTUM = 256 };

/* The same graph for both ends but for the clock of the speaker. */
struct path {
        struct netsim *net;
        struct audio_port *microphone, *speaker;
        struct capture_gate gate;
        struct tx_track *tx;
        struct rx_track *rx;
        struct tone tone;
        bool mute;
        uint16_t seq;
        double mic_us, speaker_us; /* time of the next period */
        double skew_ppm;           /* the speaker's clock runs so much fast */
        bool no_level;
        bool red; /* frames travel with their copies */
        unsigned sent, started, stopped, underruns;
        enum e2ee_state encryption; /* as told last */
        unsigned encryption_changes;
        float heard[48000]; /* the last second that was played */
        unsigned at;
        bool listen; /* for clicks */
        double roughness;
};

/* As transport does it, where copies come before the frame they go with. */
static void wrap(const struct media_frame *f, struct netsim_packet *ret)
{
        struct red_block blocks[REDUNDANCY_MAX + 1];
        int n;

        for (size_t i = 0; i < f->n_copies; i++)
                blocks[i] = (struct red_block){ 111, (uint16_t)(f->timestamp - f->copies[i].timestamp),
                                                f->copies[i].payload, f->copies[i].len };
        blocks[f->n_copies] = (struct red_block){ 111, 0, f->payload, f->len };
        n = red_build(blocks, f->n_copies + 1, ret->payload, sizeof(ret->payload));
        ASSERT_GT(n, 0);
        ret->len = (size_t)n;
}

static void unwrap(struct rx_track *rx, const struct netsim_packet *p)
{
        struct red_block blocks[RED_BLOCKS_MAX];
        int n = red_parse(p->payload, p->len, blocks);

        ASSERT_GT(n, 0);
        for (int i = 0; i < n - 1; i++)
                rx_track_put_copy(rx, (uint16_t)(p->seq - (n - 1 - i)), p->timestamp - blocks[i].offset,
                                  blocks[i].data, blocks[i].len, p->due_us);
        rx_track_put(rx, p->seq, p->timestamp, p->marker, blocks[n - 1].data, blocks[n - 1].len, p->level_dbov,
                     p->due_us);
}

static void on_send(const struct media_frame *f, void *ctx)
{
        struct path *p = ctx;
        struct netsim_packet packet = { .seq = p->seq++,
                                        .timestamp = f->timestamp,
                                        .marker = f->marker,
                                        .level_dbov = p->no_level ? -1 : f->level_dbov,
                                        .len = f->len };

        ASSERT_LE(f->len, NETSIM_PAYLOAD_MAX);
        if (p->red)
                wrap(f, &packet);
        else
                memcpy(packet.payload, f->payload, f->len);
        netsim_send(p->net, &packet, (uint64_t)p->mic_us);
        p->sent++;
}

static void on_local_speaking(bool speaking, void *ctx)
{
        (void)speaking;
        (void)ctx;
}

static void on_speaking(bool speaking, void *ctx)
{
        struct path *p = ctx;

        p->started += speaking;
        p->stopped += !speaking;
}

static void on_encryption(enum e2ee_state state, void *ctx)
{
        struct path *p = ctx;

        p->encryption = state;
        p->encryption_changes++;
}

static struct path *path_new(const struct netsim_config *net, const struct voice_config *c)
{
        struct path *p = calloc(1, sizeof(*p));

        ASSERT(p);
        p->net = netsim_new(net);
        p->gate.conditions = GATE_ALL;
        p->tone = (struct tone){ .hz = 440, .amplitude = 0.5 };
        p->seq = 65500;
        p->mic_us = 1e6;
        p->speaker_us = 1e6 + 1234;
        ASSERT_OK(audio_port_new(8192, &p->microphone));
        ASSERT_OK(audio_port_new(RX_RING_FRAMES, &p->speaker));
        atomic_store(&p->microphone->quantum, QUANTUM);
        atomic_store(&p->speaker->quantum, QUANTUM);
        ASSERT_OK(tx_track_new(c, p->microphone, &p->gate, on_send, on_local_speaking, p, &p->tx));
        ASSERT_OK(rx_track_new(p->speaker, on_speaking, p, &p->rx));
        return p;
}

static struct path *path_free(struct path *p)
{
        tx_track_free(p->tx);
        rx_track_free(p->rx);
        audio_port_unref(p->microphone);
        audio_port_unref(p->speaker);
        netsim_free(p->net);
        free(p);
        return NULL;
}
DEFINE_CLEANUP(struct path *, path_free)

static void microphone_period(struct path *p)
{
        float frames[QUANTUM] = { 0 };

        if (!p->mute)
                tone_fill(&p->tone, frames, QUANTUM);
        pcm_ring_write(p->microphone->ring, frames, QUANTUM);
        tx_track_pump(p->tx, (uint64_t)p->mic_us);
        p->mic_us += QUANTUM / 0.048;
}

static void speaker_period(struct path *p)
{
        float frames[2 + QUANTUM] = { 0 };
        uint32_t n;

        if (atomic_load(&p->speaker->resting)) {
                p->speaker_us += QUANTUM / 0.048;
                return;
        }
        test_rt_enter();
        n = pcm_ring_read(p->speaker->ring, frames + 2, QUANTUM);
        if (n < QUANTUM && atomic_load(&p->speaker->active))
                p->underruns++;
        ASSERT_EQ(test_rt_leave(), 0);
        frames[0] = p->heard[(p->at + 48000 - 2) % 48000];
        frames[1] = p->heard[(p->at + 48000 - 1) % 48000];
        if (p->listen)
                p->roughness = fmax(p->roughness, tone_roughness(frames, QUANTUM + 2));
        for (unsigned i = 0; i < QUANTUM; i++, p->at = (p->at + 1) % 48000)
                p->heard[p->at] = frames[2 + i];
        ASSERT(rx_track_pump(p->rx, (uint64_t)p->speaker_us) >= (uint64_t)p->speaker_us);
        p->speaker_us += QUANTUM / 0.048 / (1 + p->skew_ppm / 1e6);
}

static void receive(struct path *p)
{
        struct netsim_packet n;

        while (netsim_receive(p->net, (uint64_t)p->speaker_us, &n)) {
                if (p->red)
                        unwrap(p->rx, &n);
                else
                        rx_track_put(p->rx, n.seq, n.timestamp, n.marker, n.payload, n.len, n.level_dbov, n.due_us);
                if (atomic_load(&p->speaker->resting))
                        (void)rx_track_pump(p->rx, (uint64_t)p->speaker_us);
        }
}

static void run(struct path *p, double seconds)
{
        double end_us = p->mic_us + seconds * 1e6;

        while (p->mic_us < end_us) {
                if (p->mic_us <= p->speaker_us) {
                        microphone_period(p);
                        continue;
                }
                receive(p);
                speaker_period(p);
        }
}

/* Amplitude of the tone over the last second, in pieces short enough for a small shift of pitch not to matter. */
static double tone_heard(const struct path *p, double hz)
{
        double sum = 0;

        for (unsigned i = 0; i < 48000; i += 2400)
                sum += tone_find(p->heard + i, 2400, hz);
        return sum / 20;
}

/* Mean stay in the jitter buffer since the last call, in ms. */
static double stay_ms(struct path *p, struct rx_stats *last)
{
        struct rx_stats s;
        double ms;

        rx_track_get_stats(p->rx, &s);
        ms = (double)(s.jbuf_delay_us_total - last->jbuf_delay_us_total) /
             (double)(s.jbuf_emitted - last->jbuf_emitted) / 1000;
        *last = s;
        return ms;
}

static const struct voice_config quick = { .frame_ms = 20, .bitrate = 16000, .complexity = 0 };

TEST_OOM(rx_track_new_fails_cleanly)
{
        _cleanup_(rx_track_freep) struct rx_track *t = NULL;

        return rx_track_new(NULL, on_speaking, NULL, &t);
}

TEST(clean_line_is_clean_and_quick)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        struct rx_stats s = { 0 };
        double ms;

        run(p, 1);
        stay_ms(p, &s);
        p->listen = true;
        run(p, 5);
        ms = stay_ms(p, &s);
        printf("  stays %.1f ms, target %u us, tone %.3f, roughness %.4f\n", ms, s.target_delay_us, tone_heard(p, 440),
               p->roughness);
        ASSERT_LE(ms, 15);
        ASSERT_NEAR(tone_heard(p, 440), 0.5, 0.1);
        ASSERT_EQ(s.samples_concealed, 0);
        ASSERT_EQ(s.packets_lost + s.packets_late + s.packets_duplicate + s.decode_errors, 0);
        ASSERT_EQ(p->underruns, 0);
        ASSERT_EQ(p->started, 1);
        ASSERT_EQ(p->stopped, 0);
        ASSERT_NEAR(atomic_load(&p->speaker->level), 0.35, 0.05);
        ASSERT(atomic_load(&p->speaker->active));
        ASSERT(p->roughness < 0.02); /* 440 Hz at 0.5 has 0.0017; the codec adds some */
        ASSERT(s.energy > 0.3 && s.energy < 1);
}

TEST(every_frame_length_plays)
{
        static const uint32_t lengths[] = { 10, 40, 60 };

        for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
                struct voice_config c = { .frame_ms = lengths[i], .bitrate = 24000 };
                _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &c);

                run(p, 2);
                ASSERT_NEAR(tone_heard(p, 440), 0.5, 0.1);
                ASSERT_EQ(p->underruns, 0);
        }
}

/* Feeds the speaker's side with one packet over and over for minutes: all of rx without the price of an encoder. */
static void ten_minutes(double skew_ppm)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 20000 }, &quick);
        struct rx_stats s = { 0 };
        struct netsim_packet packet;
        double first_ms, last_ms = 0;
        uint32_t timestamp = 0;

        p->tone.hz = 400; /* whole periods in a frame: the packet can repeat */
        run(p, 1);
        p->net->config.delay_us = 0;
        while (!netsim_receive(p->net, UINT64_MAX, &packet))
                run(p, 0.005);
        rx_track_free(p->rx);
        ASSERT_OK(rx_track_new(p->speaker, on_speaking, p, &p->rx));
        p->skew_ppm = skew_ppm;
        for (unsigned minute = 0; minute < 10; minute++) {
                for (double end_us = p->speaker_us + 60e6; p->speaker_us < end_us; speaker_period(p))
                        for (; p->mic_us <= p->speaker_us; p->mic_us += 20000, timestamp += 960)
                                rx_track_put(p->rx, p->seq++, timestamp, false, packet.payload, packet.len, 10,
                                             (uint64_t)p->mic_us);
                last_ms = stay_ms(p, &s);
                if (minute == 0)
                        first_ms = last_ms;
                ASSERT_NEAR(tone_heard(p, 400), 0.5, 0.15);
                ASSERT_LE(last_ms, 16);
        }
        ASSERT_NEAR(last_ms, first_ms, 3);
        ASSERT_LE(s.samples_concealed, 480);
        ASSERT_NEAR((double)s.samples_inserted - (double)s.samples_removed, skew_ppm * 600 * 0.048, 800);
}

TEST(ten_minutes_with_a_fast_speaker)
{
        ten_minutes(200);
}

TEST(ten_minutes_with_a_slow_speaker)
{
        ten_minutes(-200);
}

TEST(whole_path_under_skew)
{
        for (int ppm = -200; ppm <= 200; ppm += 400) {
                _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
                struct rx_stats s = { 0 };

                p->skew_ppm = ppm;
                run(p, 8);
                ASSERT_LE(stay_ms(p, &s), 15);
                ASSERT_NEAR(tone_heard(p, 440), 0.5, 0.1);
                ASSERT_LE(s.samples_concealed, 480);
        }
}

TEST(loss_is_repaired_from_the_copies)
{
        struct voice_config c = { .frame_ms = 20, .bitrate = 32000, .complexity = 0, .fec = true };
        _cleanup_(path_freep) struct path *p =
                path_new(&(struct netsim_config){ .seed = 3, .delay_us = 10000, .loss = 0.1 }, &c);
        struct rx_stats s = { 0 }, before;

        tx_track_report(p->tx, &(struct adapt_report){ .loss_percent = 10 });
        run(p, 4);
        stay_ms(p, &s);
        before = s;
        run(p, 8);
        stay_ms(p, &s);
        ASSERT_GT(s.packets_lost, 0);
        /* One in ten is lost, and one in ten of those has lost its copy too. */
        ASSERT_LE(s.samples_concealed - before.samples_concealed, (s.samples_total - before.samples_total) / 30);
        ASSERT_NEAR(tone_heard(p, 440), 0.45, 0.15);
}

/* The worst second of a line that loses one packet in ten, with no, one and two copies; and what the wait costs. */
static double concealed_with_copies(bool copies, uint8_t reported_loss, double *ret_stay_ms)
{
        struct voice_config c = { .frame_ms = 20, .bitrate = 32000, .complexity = 0 };
        _cleanup_(path_freep) struct path *p =
                path_new(&(struct netsim_config){ .seed = 3, .delay_us = 10000, .loss = 0.1 }, &c);
        struct rx_stats s = { 0 }, before;

        p->red = true;
        p->no_level = true;
        tx_track_set_format(p->tx, false, false, copies);
        tx_track_report(p->tx, &(struct adapt_report){ .loss_percent = reported_loss });
        run(p, 4);
        stay_ms(p, &s);
        before = s;
        run(p, 20);
        *ret_stay_ms = stay_ms(p, &s);
        ASSERT_GT(s.packets_lost - before.packets_lost, 60); /* a copy does not undo what the network did */
        ASSERT_EQ(s.copies > 0, copies);
        ASSERT_LE(s.copies_discarded, s.copies);
        return (double)(s.samples_concealed - before.samples_concealed) /
               (double)(s.samples_total - before.samples_total);
}

TEST(loss_is_repaired_from_copies_beside_the_frames)
{
        double stay[3], none = concealed_with_copies(false, 0, &stay[0]),
                        one = concealed_with_copies(true, 0, &stay[1]),
                        two = concealed_with_copies(true, 10, &stay[2]);

        printf("  10 %% lost: concealed %.2f %%, with a copy %.2f %%, with two %.2f %%; stays %.0f, %.0f, %.0f ms\n",
               none * 100, one * 100, two * 100, stay[0], stay[1], stay[2]);
        ASSERT(none > 0.08);
        ASSERT(one < 0.02);
        ASSERT(two < 0.004);
        ASSERT(stay[2] < stay[0] + 50);
}

TEST(copies_on_a_clean_line_cost_nothing_but_bytes)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        struct rx_stats s = { 0 };
        double ms;

        p->red = true;
        tx_track_set_format(p->tx, false, false, true);
        tx_track_report(p->tx, &(struct adapt_report){ .loss_percent = 10 });
        run(p, 1);
        stay_ms(p, &s);
        run(p, 5);
        ms = stay_ms(p, &s);
        ASSERT_GT(s.copies, 500);
        ASSERT_EQ(s.copies_discarded, s.copies);
        ASSERT_LE(ms, 15);
        ASSERT_EQ(s.samples_concealed, 0);
        ASSERT_EQ(s.packets_lost + s.packets_late + s.packets_duplicate + s.decode_errors, 0);
}

TEST(a_rough_line_keeps_its_voice)
{
        struct netsim_config net = {
                .seed = 4, .delay_us = 20000, .jitter_us = 6000, .loss = 0.02, .duplicate = 0.05, .reorder = true
        };
        _cleanup_(path_freep) struct path *p = path_new(&net, &quick);
        struct rx_stats s = { 0 };

        run(p, 8);
        ASSERT_LE(stay_ms(p, &s), 60);
        ASSERT_LE(s.samples_concealed, s.samples_total / 20);
        ASSERT_GT(s.packets_duplicate, 0);
        ASSERT(s.jitter_us > 3000 && s.jitter_us < 15000);
        ASSERT_NEAR(tone_heard(p, 440), 0.4, 0.2);
}

TEST(silence_costs_nothing_and_speech_comes_back)
{
        struct voice_config c = { .frame_ms = 20, .bitrate = 24000, .dtx = true };
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &c);
        struct rx_stats before = { 0 }, s = { 0 };
        unsigned sent;

        p->tone.beat_hz = 4;
        run(p, 2);
        ASSERT_EQ(p->started, 1);
        p->mute = true;
        run(p, 2);
        stay_ms(p, &before);
        ASSERT_EQ(p->stopped, 1);
        ASSERT_EQ(p->underruns, 0);
        ASSERT_EQ(before.packets_lost, 0);
        ASSERT_EQ(before.samples_concealed, 0);
        ASSERT(!atomic_load(&p->speaker->active));
        sent = p->sent;
        run(p, 2);
        ASSERT_LE(p->sent - sent, 12);
        stay_ms(p, &s);
        ASSERT_LE(s.frames_decoded - before.frames_decoded, 12);
        p->mute = false;
        run(p, 2);
        ASSERT_EQ(p->started, 2);
        ASSERT_NEAR(tone_heard(p, 440), 0.25, 0.05);
        stay_ms(p, &s);
        ASSERT_EQ(s.samples_concealed, 0);
}

TEST(a_stream_rests_in_silence_and_loses_nothing_of_what_is_said_next)
{
        struct voice_config c = { .frame_ms = 20, .bitrate = 24000, .dtx = true };
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &c);
        struct rx_stats before, s;

        p->tone.beat_hz = 4;
        run(p, 2);
        ASSERT(!audio_port_rest(p->speaker, (uint64_t)p->speaker_us - 1000000));
        p->mute = true;
        run(p, 2);
        ASSERT(audio_port_rest(p->speaker, (uint64_t)p->speaker_us - 1000000));
        rx_track_get_stats(p->rx, &before);
        run(p, 3); /* some frames come that keep the noise up */
        ASSERT(atomic_load(&p->speaker->resting));
        rx_track_get_stats(p->rx, &s);
        ASSERT_GT(s.packets, before.packets + 3);
        ASSERT_EQ(s.frames_decoded, before.frames_decoded);
        p->mute = false;
        run(p, 2);
        ASSERT(!atomic_load(&p->speaker->resting));
        ASSERT_NEAR(tone_heard(p, 440), 0.25, 0.05);
        rx_track_get_stats(p->rx, &before);
        ASSERT_GE(before.frames_decoded - s.frames_decoded, 98);
        ASSERT_EQ(before.packets_late, 0);
        ASSERT_EQ(before.samples_concealed, 0);
}

TEST(speaking_ends_when_packets_stop)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        uint64_t due_us, last_us;

        run(p, 1);
        ASSERT_EQ(p->started, 1);
        capture_gate_set(&p->gate, GATE_UNMUTED, false);
        run(p, 0.1);
        last_us = (uint64_t)p->speaker_us;
        due_us = rx_track_pump(p->rx, last_us);
        ASSERT(due_us > last_us && due_us <= last_us + LEVEL_RELEASE_US);
        ASSERT_EQ(rx_track_pump(p->rx, due_us), LOOP_NEVER);
        ASSERT_EQ(p->stopped, 1);
        ASSERT_NEAR(atomic_load(&p->speaker->level), 0, 0);
        run(p, 1);
        ASSERT(!atomic_load(&p->speaker->active));
        capture_gate_set(&p->gate, GATE_UNMUTED, true); /* a gap of the clock, not a loss */
        run(p, 1.5);
        ASSERT_NEAR(tone_heard(p, 440), 0.5, 0.1);
}

/* How many ms of the last second had this tone. */
static unsigned heard_ms(const struct path *p, double hz)
{
        float window[240];
        unsigned ms = 0;

        for (unsigned i = 0; i < 48000; i += 240) {
                for (unsigned k = 0; k < 240; k++)
                        window[k] = p->heard[(p->at + i + k) % 48000];
                ms += tone_find(window, 240, hz) > 0.15 ? 5 : 0;
        }
        return ms;
}

static void key(struct path *p, bool pressed)
{
        capture_gate_set_transmit(&p->gate, TRANSMIT_PUSH_TO_TALK, pressed);
        tx_track_pump(p->tx, (uint64_t)p->mic_us);
}

/* Each spurt comes as a burst of three frames. The buffer takes them up: the 50 ms before the press are heard, what
 * was earlier is not, the delay comes down within the spurt, and the target does not learn from bursts. */
TEST(spurts_keep_their_beginning_and_lose_their_delay)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        struct rx_stats s = { 0 };
        double late_ms = 0;

        key(p, false);
        p->mute = false;
        for (int spurt = 0; spurt < 25; spurt++) {
                p->tone.hz = 2000;
                run(p, 0.5);
                p->tone.hz = 1000;
                run(p, 0.05);
                key(p, true);
                p->tone.hz = 440;
                run(p, 0.8);
                ASSERT_GE(heard_ms(p, 1000), 25); /* played a little faster already */
                ASSERT_LE(heard_ms(p, 1000), 65);
                ASSERT_LE(heard_ms(p, 2000), 15); /* 60 ms of look-back, in blocks of 10 */
                run(p, 1);
                stay_ms(p, &s);
                run(p, 1);
                late_ms = stay_ms(p, &s);
                key(p, false);
        }
        printf("  at the end of the last spurt a packet stays %.1f ms, target %u us\n", late_ms, s.target_delay_us);
        ASSERT_LE(late_ms, 20);
        ASSERT_LE(s.target_delay_us, 20000);
        ASSERT_EQ(s.packets_lost + s.packets_late, 0);
        ASSERT_EQ(p->underruns, 0);
}

/* From the first sample at the microphone to the word that somebody speaks: a frame, the network, 60 ms; and the end.
 * With and without somebody to listen: nothing is decoded for it. */
TEST(speaking_is_told_in_time)
{
        for (int listening = 0; listening < 2; listening++) {
                _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
                double begin_us;

                if (!listening)
                        rx_track_set_port(p->rx, NULL);
                p->mute = true;
                run(p, 1);
                ASSERT_EQ(p->started, 0);
                p->mute = false;
                for (begin_us = p->mic_us; p->started == 0;)
                        run(p, 0.001);
                ASSERT_LE(p->speaker_us - begin_us, 20000 + 10000 + 60000);
                run(p, 0.5);
                p->mute = true;
                for (begin_us = p->mic_us; p->stopped == 0;)
                        run(p, 0.001);
                ASSERT_GE(p->speaker_us - begin_us, LEVEL_RELEASE_US);
                ASSERT_LE(p->speaker_us - begin_us, LEVEL_RELEASE_US + 20000 + 10000 + 60000);
                ASSERT_EQ(p->started, 1);
        }
}

TEST(without_level_in_the_packets_the_sound_tells)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);

        p->no_level = true;
        run(p, 1);
        ASSERT_EQ(p->started, 1);
        ASSERT_NEAR(atomic_load(&p->speaker->level), 0.35, 0.05);
        p->mute = true;
        run(p, 1);
        ASSERT_EQ(p->stopped, 1);
}

TEST(without_a_port_packets_are_counted_and_speaking_goes_on)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        struct rx_stats s;

        rx_track_set_port(p->rx, NULL);
        run(p, 1);
        rx_track_get_stats(p->rx, &s);
        ASSERT_GT(s.packets, 40);
        ASSERT_EQ(s.frames_decoded, 0);
        ASSERT_EQ(p->started, 1);
        ASSERT_EQ(pcm_ring_fill(p->speaker->ring), 0);
        rx_track_set_port(p->rx, p->speaker);
        run(p, 1.5);
        ASSERT_NEAR(tone_heard(p, 440), 0.5, 0.1);
        ASSERT_EQ(p->speaker->refs, 2);
        rx_track_set_port(p->rx, NULL);
        ASSERT_EQ(p->speaker->refs, 1);
        ASSERT(!atomic_load(&p->speaker->active));
}

TEST(before_the_first_period_one_frame_is_kept)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);

        atomic_store(&p->speaker->quantum, 0);
        for (int i = 0; i < 200; i++) {
                microphone_period(p);
                p->speaker_us = p->mic_us;
                receive(p);
                rx_track_pump(p->rx, (uint64_t)p->speaker_us);
                ASSERT_LE(pcm_ring_fill(p->speaker->ring), 960);
        }
        atomic_store(&p->speaker->quantum, QUANTUM);
        run(p, 1.5);
        ASSERT_NEAR(tone_heard(p, 440), 0.5, 0.1);
}

/* A graph that tells when its periods begin: what the speaker has to ask between two of them. */
static void pump_until_next_period(struct path *p, uint64_t due_us)
{
        uint64_t next_us = (uint64_t)p->speaker_us, now_us = next_us - QUANTUM * 125 / 6;
        struct netsim_packet n;

        for (; now_us < next_us; now_us += 250) {
                bool came = false;

                while (netsim_receive(p->net, now_us, &n)) {
                        rx_track_put(p->rx, n.seq, n.timestamp, n.marker, n.payload, n.len, n.level_dbov, n.due_us);
                        came = true;
                }
                if (came || now_us >= due_us)
                        due_us = rx_track_pump(p->rx, now_us);
        }
}

static void run_stamped(struct path *p, double seconds)
{
        double end_us = p->mic_us + seconds * 1e6;

        while (p->mic_us < end_us) {
                while (p->mic_us <= p->speaker_us)
                        microphone_period(p);
                atomic_store(&p->speaker->period_us, (uint64_t)p->speaker_us);
                speaker_period(p);
                pump_until_next_period(p, 0);
        }
}

TEST(between_periods_a_late_frame_is_waited_for)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        struct rx_stats before, s;
        uint64_t samples, whole_us, target_us;

        run_stamped(p, 10);
        rx_track_get_stats(p->rx, &before);
        run_stamped(p, 10);
        rx_track_get_stats(p->rx, &s);
        samples = s.jbuf_emitted - before.jbuf_emitted;
        whole_us = s.jbuf_delay_us_total - before.jbuf_delay_us_total + s.playout_us_total - before.playout_us_total;
        ASSERT_EQ(s.samples_concealed, before.samples_concealed);
        ASSERT_EQ(p->underruns, 0);
        target_us = s.jbuf_target_us_total - before.jbuf_target_us_total;
        printf("  sounds %.1f ms after it came, target %.1f ms\n", (double)whole_us / (double)samples / 1000,
               (double)target_us / (double)samples / 1000);
        /* it sounds when it is due: the target after the fastest; up to 4 ms of the sender's periods are its own
         * jitter */
        ASSERT_NEAR((double)whole_us / (double)samples, (double)target_us / (double)samples - 2000, 1500);
}

TEST(a_frame_that_does_not_come_is_made_up_before_the_period)
{
        _cleanup_(path_freep) struct path *p =
                path_new(&(struct netsim_config){ .delay_us = 10000, .loss = 0.1 }, &quick);
        struct rx_stats s;

        run_stamped(p, 10);
        rx_track_get_stats(p->rx, &s);
        ASSERT_GT(s.samples_concealed, 10 * 4800 / 2);
        ASSERT_EQ(p->underruns, 0);
}

TEST(a_spurt_begins_to_the_sample)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        uint64_t due_us = 0, now_us = 5000000, put_us = now_us + 1000, sounds_us, next_us = 0;
        struct netsim_packet n;
        float frames[QUANTUM];
        struct rx_stats s;

        while (!netsim_receive(p->net, UINT64_MAX, &n))
                microphone_period(p);
        rx_track_put(p->rx, n.seq, n.timestamp, true, n.payload, n.len, 20, put_us);
        for (int i = 0; i < 20 && pcm_ring_fill(p->speaker->ring) == 0; i++) {
                atomic_store(&p->speaker->period_us, now_us);
                ASSERT_EQ(pcm_ring_read(p->speaker->ring, frames, QUANTUM), 0);
                next_us = now_us + QUANTUM * 125 / 6;
                due_us = rx_track_pump(p->rx, now_us > put_us ? now_us : put_us);
                ASSERT_EQ(pcm_ring_fill(p->speaker->ring), 0); /* not yet: what comes may change it */
                ASSERT_LT(due_us, next_us);
                rx_track_pump(p->rx, due_us);
                now_us = next_us;
        }
        rx_track_get_stats(p->rx, &s);
        sounds_us = next_us + (pcm_ring_fill(p->speaker->ring) - 960) * 125 / 6;
        ASSERT_NEAR((double)sounds_us, (double)(put_us + s.target_delay_us), 50);
}

TEST(a_large_quantum_plays_without_underrun)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        float frames[2048];

        atomic_store(&p->speaker->quantum, 2048);
        for (int i = 0; i < 100; i++) {
                for (int k = 0; k < 8; k++)
                        microphone_period(p);
                p->speaker_us = p->mic_us;
                receive(p);
                if (i > 20)
                        ASSERT_EQ(pcm_ring_read(p->speaker->ring, frames, 2048), 2048);
                else
                        pcm_ring_read(p->speaker->ring, frames, 2048);
                rx_track_pump(p->rx, (uint64_t)p->speaker_us);
        }
        ASSERT_NEAR(tone_find(frames, 2048, 440), 0.5, 0.15);
}

TEST(malformed_packets_are_counted_and_change_nothing)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        static const uint8_t bad[] = { 0x7b, 0x00 };
        struct rx_stats s;

        run(p, 1);
        for (uint16_t i = 0; i < 100; i++)
                rx_track_put(p->rx, (uint16_t)(i * 777), i * 99999u, true, bad, sizeof(bad), 0,
                             (uint64_t)p->speaker_us);
        rx_track_put(p->rx, 0, 0, false, bad, 0, -1, (uint64_t)p->speaker_us);
        run(p, 1.5);
        rx_track_get_stats(p->rx, &s);
        ASSERT_EQ(s.decode_errors, 101);
        ASSERT_EQ(s.packets_lost + s.packets_late, 0);
        ASSERT_NEAR(tone_heard(p, 440), 0.5, 0.1);
}

/* ---- encrypted end to end ---- */

static struct e2ee_keys *keys_of(const char *passphrase)
{
        struct e2ee_keys *k;

        if (!passphrase)
                return NULL;
        ASSERT_OK(e2ee_keys_new(passphrase, &k));
        while (e2ee_keys_known(k) == 0)
                sched_yield();
        return k;
}

static struct path *encrypted_path(const struct netsim_config *net, const struct voice_config *c, const char *sender,
                                   const char *receiver)
{
        _cleanup_(e2ee_keys_unrefp) struct e2ee_keys *sealed = keys_of(sender), *opened = keys_of(receiver);
        struct path *p = path_new(net, c);

        if (sealed)
                ASSERT_OK(tx_track_encrypt(p->tx, sealed));
        ASSERT_OK(rx_track_decrypt(p->rx, opened, on_encryption));
        return p;
}

TEST(with_the_same_key_it_sounds_and_heals_as_ever)
{
        const struct netsim_config lossy = { .delay_us = 10000, .loss = 0.05, .seed = 3 };
        struct voice_config fec = { .frame_ms = 20, .bitrate = 24000, .fec = true };
        _cleanup_(path_freep) struct path *p = encrypted_path(&lossy, &fec, "secret", "secret");
        struct rx_stats s;

        tx_track_report(p->tx, &(struct adapt_report){ .loss_percent = 20 });
        run(p, 3);
        rx_track_get_stats(p->rx, &s);
        ASSERT_NEAR(tone_heard(p, 440), 0.5, 0.1);
        ASSERT_EQ(p->encryption, E2EE_OK);
        ASSERT_EQ(p->encryption_changes, 1);
        ASSERT_EQ(p->started, 1);
        ASSERT_EQ(s.frames_undecrypted + s.decode_errors, 0);
        ASSERT_GT(s.packets_lost, 0);
}

/* Whoever sends, whoever listens: without the key for it there is silence, nobody speaks, and it is told once. */
TEST(what_cannot_be_decrypted_is_silence)
{
        static const struct {
                const char *sender, *receiver;
                enum e2ee_state state;
        } cases[] = { { "secret", "another", E2EE_WRONG_KEY },
                      { NULL, "secret", E2EE_CLEAR },
                      { "secret", NULL, E2EE_NO_KEY } };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(path_freep) struct path *p = encrypted_path(&(struct netsim_config){ .delay_us = 10000 },
                                                                      &quick, cases[i].sender, cases[i].receiver);
                struct rx_stats s;

                run(p, 2);
                rx_track_get_stats(p->rx, &s);
                ASSERT_NEAR(s.energy, 0, 0);
                ASSERT_EQ(s.packets, 0);
                ASSERT_NEAR(s.frames_undecrypted, 100, 3);
                ASSERT_EQ(p->encryption, cases[i].state);
                ASSERT_EQ(p->encryption_changes, 1);
                ASSERT_EQ(p->started, 0);
        }
}

TEST(until_the_key_is_there_nothing_is_sent)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        _cleanup_(e2ee_keys_unrefp) struct e2ee_keys *k = NULL;
        struct tx_stats s;

        ASSERT_OK(e2ee_keys_new("secret", &k));
        ASSERT_OK(tx_track_encrypt(p->tx, k));
        for (unsigned i = 0; i < 10; i++)
                microphone_period(p); /* takes less time than the key does; sent it is only with the key in any case */
        tx_track_get_stats(p->tx, &s);
        ASSERT_EQ(s.frames_unsealed + p->sent, s.frames_encoded);
        while (e2ee_keys_known(k) == 0)
                sched_yield();
        ASSERT_OK(rx_track_decrypt(p->rx, k, on_encryption));
        run(p, 2);
        ASSERT_EQ(p->encryption, E2EE_OK);
        ASSERT_NEAR(tone_heard(p, 440), 0.5, 0.1);
}
