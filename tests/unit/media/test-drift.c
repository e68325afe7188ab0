/* Unit tests of media/drift: rate, splices, no clicks. A delay line is simulated by the frames it takes and gives. */
#include "media/drift.h"
#include "media/voice-dec.h"

#include "base/cleanup.h"
#include "lib/test.h"
#include "lib/tone.h"

enum { FRAME = 960 };

/* Runs the tone through it; every frame the excess is what is left of the first one, plus clock skew. Returns it. */
struct run {
        double hz, amplitude, excess_us, skew_ppm;
        unsigned frames, samples; /* length of a frame */
};

struct result {
        double excess_us, roughness, amplitude;
        uint64_t in, out;
};

static struct result run(struct drift *d, const struct run *r)
{
        struct tone t = { .hz = r->hz, .amplitude = r->amplitude };
        struct result res = { .excess_us = r->excess_us };
        float in[VOICE_SAMPLES_MAX], out[VOICE_SAMPLES_MAX + DRIFT_GROWTH_MAX],
                joined[2 + VOICE_SAMPLES_MAX + DRIFT_GROWTH_MAX];
        float last[2] = { 0 };

        for (unsigned i = 0; i < r->frames; i++) {
                uint32_t n;

                drift_observe(d, (int64_t)res.excess_us, r->samples);
                tone_fill(&t, in, r->samples);
                n = drift_process(d, in, r->samples, out);
                ASSERT_LE(n, r->samples + DRIFT_GROWTH_MAX);
                memcpy(joined, last, sizeof(last));
                memcpy(joined + 2, out, n * sizeof(*out));
                if (i > 0)
                        res.roughness = fmax(res.roughness, tone_roughness(joined, n + 2));
                memcpy(last, out + n - 2, sizeof(last));
                res.in += r->samples;
                res.out += n;
                res.excess_us += ((double)n - r->samples * (1 - r->skew_ppm / 1e6)) / 0.048;
                res.amplitude = tone_find(out, n, r->hz);
        }
        return res;
}

/* Second difference of a sine of that amplitude and frequency. */
static double smooth(double hz, double amplitude)
{
        return amplitude * pow(2 * M_PI * hz / 48000, 2);
}

TEST(nothing_to_do_changes_nothing)
{
        struct drift d;
        struct result res;

        drift_init(&d);
        res = run(&d, &(struct run){ .hz = 1000, .amplitude = 0.5, .frames = 50, .samples = FRAME });
        ASSERT_EQ(res.in, res.out);
        ASSERT_NEAR(res.amplitude, 0.5, 0.01);
        ASSERT_LE(res.roughness, smooth(1000, 0.5) * 1.05);
        ASSERT_EQ(d.inserted + d.removed, 0);
}

TEST(clocks_300_ppm_apart_are_held_within_1_ms_without_clicks)
{
        for (int ppm = -300; ppm <= 300; ppm += 200) {
                struct drift d;
                struct result res;

                drift_init(&d);
                res = run(&d,
                          &(struct run){
                                  .hz = 440, .amplitude = 0.5, .skew_ppm = ppm, .frames = 1200, .samples = FRAME });
                ASSERT_NEAR(res.excess_us, ppm * 2.5, 200); /* in proportion: 2.5 s of skew */
                ASSERT_LE(res.roughness, smooth(440, 0.5) * 1.05);
                ASSERT_NEAR(res.amplitude, 0.5, 0.02);
        }
}

TEST(a_large_excess_is_spliced_away_without_clicks)
{
        static const double excesses_us[] = { 30000, 150000, -20000, -100000 };
        static const unsigned samples[] = { 480, 960, 1920, 2880 };

        for (unsigned k = 0; k < ARRAY_SIZE(excesses_us); k++)
                for (unsigned i = 0; i < ARRAY_SIZE(samples); i++) {
                        struct drift d;
                        struct result res;

                        drift_init(&d);
                        res = run(&d, &(struct run){ .hz = 200,
                                                     .amplitude = 0.5,
                                                     .excess_us = excesses_us[k],
                                                     .frames = 96000 * 2 / samples[i],
                                                     .samples = samples[i] });
                        ASSERT_NEAR(res.excess_us, 0, 6500);
                        ASSERT_LE(res.roughness, smooth(200, 0.5) * 3);
                        ASSERT_GT(excesses_us[k] > 0 ? d.removed : d.inserted, 0);
                }
}

TEST(silence_is_spliced_anywhere)
{
        struct drift d;
        struct result res;

        drift_init(&d);
        res = run(&d, &(struct run){ .hz = 200, .excess_us = 100000, .frames = 75, .samples = FRAME });
        ASSERT_NEAR(res.excess_us, 0, 6500);
}

TEST(noise_is_left_alone_while_it_is_not_urgent)
{
        struct drift d;
        struct rng {
                uint32_t x;
        } rng = { 1 };
        float in[FRAME], out[FRAME + DRIFT_GROWTH_MAX];

        drift_init(&d);
        for (int i = 0; i < 100; i++) {
                for (int k = 0; k < FRAME; k++) {
                        rng.x = rng.x * 1664525 + 1013904223;
                        in[k] = (float)(rng.x >> 8) / (1 << 24) - 0.5f;
                }
                drift_observe(&d, 20000, FRAME);
                drift_process(&d, in, FRAME, out);
        }
        ASSERT_GT(d.removed, 0);
        ASSERT_LE(d.removed, 100 * FRAME / 500 + 1); /* what resampling at 0.2 % takes */
}

TEST(restart_forgets_all_but_the_counts)
{
        struct drift d;

        drift_init(&d);
        run(&d, &(struct run){ .hz = 200, .amplitude = 0.5, .excess_us = 100000, .frames = 50, .samples = FRAME });
        ASSERT_GT(d.removed, 0);
        drift_restart(&d);
        ASSERT_GT(d.removed, 0);
        ASSERT_NEAR(d.excess_us, 0, 0);
}

TEST(short_and_long_frames)
{
        static const unsigned samples[] = { 240, 5760 };

        for (unsigned i = 0; i < ARRAY_SIZE(samples); i++)
                for (int sign = -1; sign <= 1; sign += 2) {
                        struct drift d;
                        struct result res;

                        drift_init(&d);
                        res = run(&d, &(struct run){ .hz = 400,
                                                     .amplitude = 0.5,
                                                     .excess_us = sign * 60000,
                                                     .frames = 480000 / samples[i],
                                                     .samples = samples[i] });
                        ASSERT_NEAR(res.excess_us, 0, 6500);
                }
}
