/* What an rx-track plays where packets are late or missing: packets by hand, sound looked at sample by sample. */
#include "lib/test.h"
#include "lib/tone.h"
#include "media/track.h"
#include "media/voice-enc.h"

enum { QUANTUM = 240, FRAME = 960, HEARD_MAX = 48000 * 10 };

struct rig {
        struct audio_port *port;
        struct rx_track *rx;
        struct voice_enc *enc;
        struct tone tone;
        uint32_t sent;
        uint64_t now_us;
        unsigned at; /* frames heard */
        float heard[HEARD_MAX];
};

static void on_speaking(bool speaking, void *ctx)
{
        (void)speaking;
        (void)ctx;
}

static struct rig *rig_new(void)
{
        static const struct voice_config c = { .frame_ms = 20, .bitrate = 32000, .complexity = 5 };
        struct rig *r = calloc(1, sizeof(*r));

        ASSERT(r);
        r->tone = (struct tone){ .hz = 200, .amplitude = 0.5 };
        r->now_us = 1000000;
        ASSERT_OK(voice_enc_new(&c, &r->enc));
        ASSERT_OK(audio_port_new(RX_RING_FRAMES, &r->port));
        atomic_store(&r->port->quantum, QUANTUM);
        ASSERT_OK(rx_track_new(r->port, on_speaking, r, &r->rx));
        return r;
}

static struct rig *rig_free(struct rig *r)
{
        rx_track_free(r->rx);
        audio_port_unref(r->port);
        voice_enc_free(r->enc);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(struct rig *, rig_free)

static void play_5_ms(struct rig *r)
{
        ASSERT_LE(r->at + QUANTUM, HEARD_MAX);
        memset(r->heard + r->at, 0, QUANTUM * sizeof(float));
        (void)pcm_ring_read(r->port->ring, r->heard + r->at, QUANTUM);
        r->at += QUANTUM;
        (void)rx_track_pump(r->rx, r->now_us);
        r->now_us += 5000;
}

/* 20 ms of the sender's time, in which its packet arrives after so many times 5 ms, or (4) never. */
static void frame(struct rig *r, unsigned when)
{
        uint8_t payload[VOICE_PACKET_MAX];
        float pcm[FRAME];
        int len;

        tone_fill(&r->tone, pcm, FRAME);
        len = voice_enc_encode(r->enc, pcm, payload);
        ASSERT_GT(len, 0);
        for (unsigned i = 0; i < 4; i++) {
                if (i == when)
                        rx_track_put(r->rx, (uint16_t)r->sent, r->sent * FRAME, r->sent == 0, payload, (size_t)len, 10,
                                     r->now_us);
                play_5_ms(r);
        }
        r->sent++;
}

static void frames(struct rig *r, unsigned n, unsigned when)
{
        while (n-- > 0)
                frame(r, when);
}

static double rms_at(const struct rig *r, unsigned from, int ms)
{
        return tone_rms(r->heard + from + ms * 48, 480);
}

TEST(what_is_made_up_fades_away_and_sound_comes_back)
{
        _cleanup_(rig_freep) struct rig *r = rig_new();
        unsigned stop, back;
        double loud;

        frames(r, 100, 0);
        loud = rms_at(r, r->at, -100);
        ASSERT_NEAR(loud, 0.35, 0.03);
        stop = r->at;
        frames(r, 20, 4);
        back = r->at;
        frames(r, 20, 0);
        for (int ms = 0; ms < 160; ms += 10)
                printf("%s%.2f", ms ? ", " : "  every 10 ms ", rms_at(r, stop, ms) / loud);
        printf("\n");
        for (int ms = 20; ms < 130; ms += 10) /* never louder again */
                ASSERT_LE(rms_at(r, stop, ms + 10), rms_at(r, stop, ms) + 0.02 * loud);
        ASSERT_GE(rms_at(r, stop, 10), 0.7 * loud);
        ASSERT_LE(rms_at(r, stop, 90), 0.6 * loud);
        ASSERT_LE(rms_at(r, stop, 150), 0.001);
        ASSERT_GE(rms_at(r, back, 40), 0.9 * loud);
        ASSERT_LE(tone_roughness(r->heard + stop - 4800, r->at - stop), 0.01); /* no clicks anywhere */
}

TEST(a_packet_a_little_late_is_waited_for_without_anything_made_up)
{
        _cleanup_(rig_freep) struct rig *r = rig_new();
        struct rx_stats before, s;
        unsigned late;

        frames(r, 200, 0);
        rx_track_get_stats(r->rx, &before);
        late = r->at;
        frame(r, 3); /* 15 ms */
        frames(r, 100, 0);
        rx_track_get_stats(r->rx, &s);
        ASSERT_EQ(s.samples_concealed, before.samples_concealed);
        ASSERT_GT(s.samples_inserted, before.samples_inserted);
        ASSERT_GT(s.samples_removed, before.samples_removed); /* and the delay came back */
        ASSERT_LE(tone_roughness(r->heard + late - 4800, r->at - late), 0.004);
        for (int ms = 0; ms < 1900; ms += 10)
                ASSERT_NEAR(rms_at(r, late, ms), 0.35, 0.03);
}

TEST(a_lost_packet_is_counted_as_made_up_to_its_length)
{
        _cleanup_(rig_freep) struct rig *r = rig_new();
        struct rx_stats before, s;

        frames(r, 200, 0);
        rx_track_get_stats(r->rx, &before);
        frame(r, 4);
        frames(r, 50, 0);
        rx_track_get_stats(r->rx, &s);
        ASSERT_NEAR((double)(s.samples_concealed - before.samples_concealed), FRAME, 120);
        ASSERT_EQ(s.concealment_events - before.concealment_events, 1);
        ASSERT_EQ(s.packets_lost, 1);
}
