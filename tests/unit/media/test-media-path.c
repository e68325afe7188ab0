/* End to end in virtual time: microphone → tx-track → simulated network → rx-track → speaker, and rx-track alone. */
#include "base/loop.h"
#include "fakes/voice-path.h"
#include "lib/test.h"
#include "media/level.h"

static const struct voice_config quick = { .frame_ms = 20, .bitrate = 16000, .complexity = 0 };

TEST_OOM(rx_track_new_fails_cleanly)
{
        _cleanup_(rx_track_freep) struct rx_track *t = NULL;

        return rx_track_new(NULL, path_on_speaking, NULL, &t);
}

TEST(clean_line_is_clean_and_quick)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        struct rx_stats s = { 0 };
        double ms;

        path_run(p, 1);
        path_stay_ms(p, &s);
        p->listen = true;
        path_run(p, 5);
        ms = path_stay_ms(p, &s);
        printf("  stays %.1f ms, target %u us, tone %.3f, roughness %.4f\n", ms, s.target_delay_us, path_tone(p, 440),
               p->roughness);
        ASSERT_LE(ms, 15);
        ASSERT_NEAR(path_tone(p, 440), 0.5, 0.1);
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

                path_run(p, 2);
                ASSERT_NEAR(path_tone(p, 440), 0.5, 0.1);
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
        path_run(p, 1);
        p->net->config.delay_us = 0;
        while (!netsim_receive(p->net, UINT64_MAX, &packet))
                path_run(p, 0.005);
        rx_track_free(p->rx);
        ASSERT_OK(rx_track_new(p->speaker, path_on_speaking, p, &p->rx));
        p->skew_ppm = skew_ppm;
        for (unsigned minute = 0; minute < 10; minute++) {
                for (double end_us = p->speaker_us + 60e6; p->speaker_us < end_us; path_speaker(p))
                        for (; p->mic_us <= p->speaker_us; p->mic_us += 20000, timestamp += 960)
                                rx_track_put(p->rx, p->seq++, timestamp, false, packet.payload, packet.len, 10,
                                             (uint64_t)p->mic_us);
                last_ms = path_stay_ms(p, &s);
                if (minute == 0)
                        first_ms = last_ms;
                ASSERT_NEAR(path_tone(p, 400), 0.5, 0.15);
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
                path_run(p, 8);
                ASSERT_LE(path_stay_ms(p, &s), 15);
                ASSERT_NEAR(path_tone(p, 440), 0.5, 0.1);
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
        path_run(p, 4);
        path_stay_ms(p, &s);
        before = s;
        path_run(p, 8);
        path_stay_ms(p, &s);
        ASSERT_GT(s.packets_lost, 0);
        /* One in ten is lost, and one in ten of those has lost its copy too. */
        ASSERT_LE(s.samples_concealed - before.samples_concealed, (s.samples_total - before.samples_total) / 30);
        ASSERT_NEAR(path_tone(p, 440), 0.45, 0.15);
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
        path_run(p, 4);
        path_stay_ms(p, &s);
        before = s;
        path_run(p, 20);
        *ret_stay_ms = path_stay_ms(p, &s);
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
        path_run(p, 1);
        path_stay_ms(p, &s);
        path_run(p, 5);
        ms = path_stay_ms(p, &s);
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

        path_run(p, 8);
        ASSERT_LE(path_stay_ms(p, &s), 60);
        ASSERT_LE(s.samples_concealed, s.samples_total / 20);
        ASSERT_GT(s.packets_duplicate, 0);
        ASSERT(s.jitter_us > 3000 && s.jitter_us < 15000);
        ASSERT_NEAR(path_tone(p, 440), 0.4, 0.2);
}

TEST(silence_costs_nothing_and_speech_comes_back)
{
        struct voice_config c = { .frame_ms = 20, .bitrate = 24000, .dtx = true };
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &c);
        struct rx_stats before = { 0 }, s = { 0 };
        unsigned sent;

        p->tone.beat_hz = 4;
        path_run(p, 2);
        ASSERT_EQ(p->started, 1);
        p->mute = true;
        path_run(p, 2);
        path_stay_ms(p, &before);
        ASSERT_EQ(p->stopped, 1);
        ASSERT_EQ(p->underruns, 0);
        ASSERT_EQ(before.packets_lost, 0);
        ASSERT_EQ(before.samples_concealed, 0);
        ASSERT(!atomic_load(&p->speaker->active));
        sent = p->sent;
        path_run(p, 2);
        ASSERT_LE(p->sent - sent, 12);
        path_stay_ms(p, &s);
        ASSERT_LE(s.frames_decoded - before.frames_decoded, 12);
        p->mute = false;
        path_run(p, 2);
        ASSERT_EQ(p->started, 2);
        ASSERT_NEAR(path_tone(p, 440), 0.25, 0.05);
        path_stay_ms(p, &s);
        ASSERT_EQ(s.samples_concealed, 0);
}

TEST(a_stream_rests_in_silence_and_loses_nothing_of_what_is_said_next)
{
        struct voice_config c = { .frame_ms = 20, .bitrate = 24000, .dtx = true };
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &c);
        struct rx_stats before, s;

        p->tone.beat_hz = 4;
        path_run(p, 2);
        ASSERT(!audio_port_rest(p->speaker, (uint64_t)p->speaker_us - 1000000));
        p->mute = true;
        path_run(p, 2);
        ASSERT(audio_port_rest(p->speaker, (uint64_t)p->speaker_us - 1000000));
        rx_track_get_stats(p->rx, &before);
        path_run(p, 3); /* some frames come that keep the noise up */
        ASSERT(atomic_load(&p->speaker->resting));
        rx_track_get_stats(p->rx, &s);
        ASSERT_GT(s.packets, before.packets + 3);
        ASSERT_EQ(s.frames_decoded, before.frames_decoded);
        p->mute = false;
        path_run(p, 2);
        ASSERT(!atomic_load(&p->speaker->resting));
        ASSERT_NEAR(path_tone(p, 440), 0.25, 0.05);
        rx_track_get_stats(p->rx, &before);
        ASSERT_GE(before.frames_decoded - s.frames_decoded, 98);
        ASSERT_EQ(before.packets_late, 0);
        ASSERT_EQ(before.samples_concealed, 0);
}

TEST(speaking_ends_when_packets_stop)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        uint64_t due_us, last_us;

        path_run(p, 1);
        ASSERT_EQ(p->started, 1);
        capture_gate_set(&p->gate, GATE_UNMUTED, false);
        path_run(p, 0.1);
        last_us = (uint64_t)p->speaker_us;
        due_us = rx_track_pump(p->rx, last_us);
        ASSERT(due_us > last_us && due_us <= last_us + LEVEL_RELEASE_US);
        ASSERT_EQ(rx_track_pump(p->rx, due_us), LOOP_NEVER);
        ASSERT_EQ(p->stopped, 1);
        ASSERT_NEAR(atomic_load(&p->speaker->level), 0, 0);
        path_run(p, 1);
        ASSERT(!atomic_load(&p->speaker->active));
        capture_gate_set(&p->gate, GATE_UNMUTED, true); /* a gap of the clock, not a loss */
        path_run(p, 1.5);
        ASSERT_NEAR(path_tone(p, 440), 0.5, 0.1);
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
                path_run(p, 0.5);
                p->tone.hz = 1000;
                path_run(p, 0.05);
                key(p, true);
                p->tone.hz = 440;
                path_run(p, 0.8);
                ASSERT_GE(heard_ms(p, 1000), 25); /* played a little faster already */
                ASSERT_LE(heard_ms(p, 1000), 65);
                ASSERT_LE(heard_ms(p, 2000), 15); /* 60 ms of look-back, in blocks of 10 */
                path_run(p, 1);
                path_stay_ms(p, &s);
                path_run(p, 1);
                late_ms = path_stay_ms(p, &s);
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
                path_run(p, 1);
                ASSERT_EQ(p->started, 0);
                p->mute = false;
                for (begin_us = p->mic_us; p->started == 0;)
                        path_run(p, 0.001);
                ASSERT_LE(p->speaker_us - begin_us, 20000 + 10000 + 60000);
                path_run(p, 0.5);
                p->mute = true;
                for (begin_us = p->mic_us; p->stopped == 0;)
                        path_run(p, 0.001);
                ASSERT_GE(p->speaker_us - begin_us, LEVEL_RELEASE_US);
                ASSERT_LE(p->speaker_us - begin_us, LEVEL_RELEASE_US + 20000 + 10000 + 60000);
                ASSERT_EQ(p->started, 1);
        }
}

TEST(without_level_in_the_packets_the_sound_tells)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);

        p->no_level = true;
        path_run(p, 1);
        ASSERT_EQ(p->started, 1);
        ASSERT_NEAR(atomic_load(&p->speaker->level), 0.35, 0.05);
        p->mute = true;
        path_run(p, 1);
        ASSERT_EQ(p->stopped, 1);
}

TEST(without_a_port_packets_are_counted_and_speaking_goes_on)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        struct rx_stats s;

        rx_track_set_port(p->rx, NULL);
        path_run(p, 1);
        rx_track_get_stats(p->rx, &s);
        ASSERT_GT(s.packets, 40);
        ASSERT_EQ(s.frames_decoded, 0);
        ASSERT_EQ(p->started, 1);
        ASSERT_EQ(pcm_ring_fill(p->speaker->ring), 0);
        rx_track_set_port(p->rx, p->speaker);
        path_run(p, 1.5);
        ASSERT_NEAR(path_tone(p, 440), 0.5, 0.1);
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
                path_microphone(p);
                p->speaker_us = p->mic_us;
                path_receive(p);
                rx_track_pump(p->rx, (uint64_t)p->speaker_us);
                ASSERT_LE(pcm_ring_fill(p->speaker->ring), 960);
        }
        atomic_store(&p->speaker->quantum, PATH_QUANTUM);
        path_run(p, 1.5);
        ASSERT_NEAR(path_tone(p, 440), 0.5, 0.1);
}

/* A graph that tells when its periods begin: what the speaker has to ask between two of them. */
static void pump_until_next_period(struct path *p, uint64_t due_us)
{
        uint64_t next_us = (uint64_t)p->speaker_us, now_us = next_us - PATH_QUANTUM * 125 / 6;
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
                        path_microphone(p);
                atomic_store(&p->speaker->period_us, (uint64_t)p->speaker_us);
                path_speaker(p);
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
        float frames[PATH_QUANTUM];
        struct rx_stats s;

        while (!netsim_receive(p->net, UINT64_MAX, &n))
                path_microphone(p);
        rx_track_put(p->rx, n.seq, n.timestamp, true, n.payload, n.len, 20, put_us);
        for (int i = 0; i < 20 && pcm_ring_fill(p->speaker->ring) == 0; i++) {
                atomic_store(&p->speaker->period_us, now_us);
                ASSERT_EQ(pcm_ring_read(p->speaker->ring, frames, PATH_QUANTUM), 0);
                next_us = now_us + PATH_QUANTUM * 125 / 6;
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
                        path_microphone(p);
                p->speaker_us = p->mic_us;
                path_receive(p);
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

        path_run(p, 1);
        for (uint16_t i = 0; i < 100; i++)
                rx_track_put(p->rx, (uint16_t)(i * 777), i * 99999u, true, bad, sizeof(bad), 0,
                             (uint64_t)p->speaker_us);
        rx_track_put(p->rx, 0, 0, false, bad, 0, -1, (uint64_t)p->speaker_us);
        path_run(p, 1.5);
        rx_track_get_stats(p->rx, &s);
        ASSERT_EQ(s.decode_errors, 101);
        ASSERT_EQ(s.packets_lost + s.packets_late, 0);
        ASSERT_NEAR(path_tone(p, 440), 0.5, 0.1);
}
