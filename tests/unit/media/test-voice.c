/* Unit tests of media/voice-enc and media/voice-dec: every frame length, DTX, FEC, concealment, malformed packets. */
#include <errno.h>

#include "base/rand.h"
#include "lib/test.h"
#include "lib/tone.h"
#include "media/track.h"
#include "media/voice-dec.h"
#include "media/voice-enc.h"

static const struct voice_config usual = {
        .frame_ms = 20, .bitrate = 32000, .complexity = 5, .dtx = true, .fec = true
};

static struct voice_enc *encoder(const struct voice_config *c)
{
        struct voice_enc *e = NULL;

        ASSERT_OK(voice_enc_new(c, &e));
        return e;
}

static struct voice_dec *decoder(void)
{
        struct voice_dec *d = NULL;

        ASSERT_OK(voice_dec_new(&d));
        return d;
}

TEST_OOM(encoder_new_fails_cleanly)
{
        _cleanup_(voice_enc_freep) struct voice_enc *e = NULL;

        return voice_enc_new(&usual, &e);
}

TEST_OOM(decoder_new_fails_cleanly)
{
        _cleanup_(voice_dec_freep) struct voice_dec *d = NULL;

        return voice_dec_new(&d);
}

TEST(settings_out_of_range_are_refused)
{
        static const struct voice_config bad[] = {
                { .frame_ms = 0, .bitrate = 32000 },
                { .frame_ms = 30, .bitrate = 32000 },
                { .frame_ms = 20, .bitrate = 5999 },
                { .frame_ms = 20, .bitrate = 510001 },
                { .frame_ms = 20, .bitrate = 32000, .complexity = 11 },
        };
        struct voice_enc *e = NULL;

        for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
                ASSERT_EQ(voice_enc_new(&bad[i], &e), -EINVAL);
        ASSERT(!e);
}

TEST(tone_survives_every_frame_length)
{
        static const uint32_t lengths[] = { 10, 20, 40, 60 };

        for (unsigned k = 0; k < ARRAY_SIZE(lengths); k++) {
                struct voice_config c = { .frame_ms = lengths[k], .bitrate = 32000, .complexity = 5 };
                _cleanup_(voice_enc_freep) struct voice_enc *e = encoder(&c);
                _cleanup_(voice_dec_freep) struct voice_dec *d = decoder();
                struct tone t = { .hz = 440, .amplitude = 0.5 };
                float in[2880], out[VOICE_SAMPLES_MAX];
                uint32_t n = voice_enc_frame_samples(e);

                ASSERT_EQ(n, lengths[k] * 48);
                for (unsigned i = 0; i < 600 / lengths[k]; i++) {
                        uint8_t packet[VOICE_PACKET_MAX];
                        struct voice_packet_info info;
                        int len;

                        tone_fill(&t, in, n);
                        len = voice_enc_encode(e, in, packet);
                        ASSERT_GT(len, 2);
                        ASSERT_OK(voice_packet_inspect(packet, (size_t)len, &info));
                        ASSERT_EQ(info.samples, n);
                        ASSERT(!info.dtx && !info.fec);
                        ASSERT_EQ(voice_dec_decode(d, packet, (size_t)len, out), n);
                }
                ASSERT_NEAR(tone_find(out, n, 440), 0.5, 0.1);
        }
}

TEST(silence_is_told_once_and_refreshed)
{
        _cleanup_(voice_enc_freep) struct voice_enc *e = encoder(&usual);
        struct tone t = { .hz = 300, .amplitude = 0.3, .beat_hz = 4 };
        unsigned sent = 0, empty = 0, run = 0;
        uint8_t packet[VOICE_PACKET_MAX];
        float in[960];

        for (int i = 0; i < 50; i++) {
                tone_fill(&t, in, 960);
                ASSERT_GT(voice_enc_encode(e, in, packet), 2);
        }
        memset(in, 0, sizeof(in));
        for (int i = 0; i < 250; i++) { /* five seconds */
                int len = voice_enc_encode(e, in, packet);

                sent += len > 0;
                empty += len > 0 && len <= 2;
                run = len > 0 && len <= 2 ? run + 1 : 0;
                ASSERT_LE(run, 1);
        }
        ASSERT_GE(empty, 1);
        ASSERT_LE(sent, 60);
        voice_enc_reset(e);
        tone_fill(&t, in, 960);
        ASSERT_GT(voice_enc_encode(e, in, packet), 2);
}

/* Speech-like: a chirp with a rhythm. Encodes n packets with FEC at 20 % loss. */
static void encode_chirp(struct voice_enc *e, unsigned n, uint8_t packets[][VOICE_PACKET_MAX], int *lens)
{
        struct tone t = { .hz = 200, .amplitude = 0.5 };
        float in[960];

        voice_enc_set_loss(e, 20);
        for (unsigned i = 0; i < n; i++) {
                tone_fill_chirp(&t, 300, in, 960);
                lens[i] = voice_enc_encode(e, in, packets[i]);
                ASSERT_GT(lens[i], 0);
        }
}

TEST(the_copy_is_better_than_concealment)
{
        enum { N = 40 };
        _cleanup_(voice_enc_freep) struct voice_enc *e = encoder(&usual);
        _cleanup_(voice_dec_freep) struct voice_dec *whole = decoder(), *with_fec = decoder(), *without = decoder();
        static uint8_t packets[N][VOICE_PACKET_MAX];
        float want[VOICE_SAMPLES_MAX], fec[VOICE_SAMPLES_MAX], plc[VOICE_SAMPLES_MAX];
        double fec_error = 0, plc_error = 0;
        int lens[N];

        encode_chirp(e, N, packets, lens);
        for (int i = 10; i < N; i++) {
                struct voice_packet_info info;
                bool lost = i % 5 == 0;

                ASSERT_EQ(voice_dec_decode(whole, packets[i], (size_t)lens[i], want), 960);
                if (!lost) {
                        voice_dec_decode(with_fec, packets[i], (size_t)lens[i], fec);
                        voice_dec_decode(without, packets[i], (size_t)lens[i], plc);
                        continue;
                }
                ASSERT_LT(i + 1, N);
                ASSERT_OK(voice_packet_inspect(packets[i + 1], (size_t)lens[i + 1], &info));
                ASSERT(info.fec);
                ASSERT_EQ(voice_dec_decode_fec(with_fec, packets[i + 1], (size_t)lens[i + 1], 960, fec), 960);
                ASSERT_EQ(voice_dec_conceal(without, 960, plc), 960);
                for (int k = 0; k < 960; k++) {
                        fec_error += pow((double)fec[k] - (double)want[k], 2);
                        plc_error += pow((double)plc[k] - (double)want[k], 2);
                }
        }
        ASSERT_LE(fec_error * 4, plc_error);
}

TEST(concealment_fades)
{
        _cleanup_(voice_enc_freep) struct voice_enc *e = encoder(&usual);
        _cleanup_(voice_dec_freep) struct voice_dec *d = decoder();
        static uint8_t packets[20][VOICE_PACKET_MAX];
        float out[VOICE_SAMPLES_MAX];
        double before;
        int lens[20];

        encode_chirp(e, 20, packets, lens);
        for (int i = 0; i < 20; i++)
                voice_dec_decode(d, packets[i], (size_t)lens[i], out);
        before = tone_rms(out, 960);
        ASSERT_EQ(voice_dec_conceal(d, 960, out), 960);
        ASSERT_GT(tone_rms(out, 960) * 10, before);
        for (int i = 0; i < 20; i++)
                ASSERT_EQ(voice_dec_conceal(d, 1000, out), 960); /* rounded down */
        ASSERT_LE(tone_rms(out, 960) * 20, before);
        ASSERT_EQ(voice_dec_conceal(d, 1, out), VOICE_STEP);
        ASSERT_EQ(voice_dec_conceal(d, 1 << 20, out), VOICE_SAMPLES_MAX);
}

TEST(malformed_packets_are_refused)
{
        static const struct {
                uint8_t bytes[8];
                size_t len;
        } bad[] = {
                { { 0 }, 0 },
                { { 0x79, 1, 2, 3 }, 4 },       /* code 1, odd length: two frames of unequal size */
                { { 0x7a, 200, 1 }, 3 },        /* code 2, the first frame longer than the packet */
                { { 0x7b }, 1 },                /* code 3 without a count */
                { { 0x7b, 0 }, 2 },             /* no frame */
                { { 0x1b, 0x03, 0, 0, 0 }, 5 }, /* three times 60 ms */
                { { 0x7b, 0x3f, 1 }, 3 },       /* 63 frames */
                { { 0x7b, 0x41, 0xff }, 3 },    /* padding beyond the end */
        };
        struct voice_packet_info info = { .samples = 7 };

        for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
                ASSERT_EQ(voice_packet_inspect(bad[i].bytes, bad[i].len, &info), -EBADMSG);
        ASSERT_EQ(info.samples, 7);
}

TEST(whatever_passes_inspection_can_be_decoded)
{
        _cleanup_(voice_dec_freep) struct voice_dec *d = decoder();
        struct rng rng;
        float out[VOICE_SAMPLES_MAX];
        unsigned passed = 0;

        rand_seed(&rng, 1);
        for (int i = 0; i < 2000; i++) {
                size_t len = rand_u32(&rng) % 60;
                uint8_t *packet = malloc(len + 1);
                struct voice_packet_info info;

                rng.fill(&rng, packet, len);
                if (voice_packet_inspect(packet, len, &info) == 0) {
                        int n = voice_dec_decode(d, packet, len, out);

                        ASSERT(n == (int)info.samples || n == -EBADMSG);
                        voice_dec_decode_fec(d, packet, len, info.samples, out);
                        passed++;
                }
                free(packet);
        }
        ASSERT_GT(passed, 200);
}
