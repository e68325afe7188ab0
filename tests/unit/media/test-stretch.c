/* Unit tests of media/stretch: length, pitch, loudness, no clicks; and of media/fade. */
#include "media/stretch.h"

#include "base/cleanup.h"
#include "base/rand.h"
#include "lib/test.h"
#include "lib/tone.h"
#include "media/fade.h"
#include "media/voice-dec.h"

enum { FRAME = 960, SECONDS = 2, ROOM = 48000 * SECONDS * 3 };

/* Two seconds of something, stretched frame by frame as wished; what came of it. */
struct run {
        void (*source)(double t, unsigned i, float *ret);
        int32_t wish;
        float similar;
        unsigned draw_every; /* frames; 0: never */
        uint32_t in, out;
        float sound[ROOM], original[48000 * SECONDS];
};

static double hz;

static void sine(double t, unsigned i, float *ret)
{
        (void)i;
        *ret = (float)(0.5 * sin(2 * M_PI * hz * t));
}

/* A voice: glottal pulses of a pitch that glides, through two resonances; ten harmonics with formants. */
static void voice(double t, unsigned i, float *ret)
{
        double phase = 2 * M_PI * (120 * t + 20 * sin(2 * M_PI * 0.7 * t)), sum = 0;

        (void)i;
        for (int k = 1; k <= 20; k++) {
                double f = 120 * k, gain = exp(-pow((f - 600) / 300, 2)) + 0.5 * exp(-pow((f - 1700) / 400, 2)) + 0.05;

                sum += gain * sin(k * phase);
        }
        *ret = (float)(0.08 * sum * (0.7 + 0.3 * sin(2 * M_PI * 4 * t)));
}

static void noise(double t, unsigned i, float *ret)
{
        uint32_t x = i * 2654435761u;

        (void)t;
        x = (x ^ x >> 16) * 2246822519u;
        x = (x ^ x >> 13) * 3266489917u;
        *ret = (float)(x >> 16) / 65536 - 0.5f;
}

static struct run *run(const struct run *as)
{
        struct run *r = malloc(sizeof(*r));
        struct stretch s;
        float out[VOICE_SAMPLES_MAX + STRETCH_LAG_MAX];

        ASSERT(r);
        *r = *as;
        stretch_init(&s);
        for (unsigned k = 0; k < 48000 * SECONDS; k++)
                as->source(k / 48000.0, k, &r->original[k]);
        for (unsigned f = 0; r->in < 48000 * SECONDS; f++, r->in += FRAME) {
                uint32_t n = stretch_process(&s, r->original + r->in, FRAME, as->wish, as->similar, out);

                ASSERT(as->wish < 0 ? n <= FRAME && n + (uint32_t)-as->wish >= FRAME : n >= FRAME);
                ASSERT(as->wish < 0 || n <= FRAME + (uint32_t)as->wish);
                memcpy(r->sound + r->out, out, n * sizeof(*out));
                r->out += n;
                if (as->draw_every && f % as->draw_every == as->draw_every - 1) {
                        n = stretch_draw(&s, out);
                        ASSERT(n >= STRETCH_LAG_MIN && n <= STRETCH_LAG_MAX);
                        memcpy(r->sound + r->out, out, n * sizeof(*out));
                        r->out += n;
                }
                ASSERT_LE(r->out, ROOM - 2 * FRAME);
        }
        return r;
}

static struct run *run_free(struct run *r)
{
        free(r);
        return NULL;
}
DEFINE_CLEANUP(struct run *, run_free)

/* Amplitude of a frequency in pieces, so that where in its period a piece begins does not matter. */
static double amplitude(const struct run *r, double at_hz)
{
        double sum = 0;
        uint32_t pieces = r->out / 4800;

        for (uint32_t i = 0; i < pieces; i++)
                sum += tone_find(r->sound + (size_t)i * 4800, 4800, at_hz);
        return sum / pieces;
}

static double largest_jump(const float *x, uint32_t n)
{
        double most = 0;

        for (uint32_t i = 1; i < n; i++)
                most = fmax(most, fabs((double)(x[i] - x[i - 1])));
        return most;
}

TEST(without_a_wish_nothing_changes)
{
        _cleanup_(run_freep) struct run *r = run(&(struct run){ .source = voice, .similar = 0.5f });

        ASSERT_EQ(r->out, r->in);
        ASSERT_EQ(memcmp(r->sound, r->original, r->in * sizeof(float)), 0);
}

static const struct {
        const char *name;
        int32_t wish;
        unsigned draw_every;
        double least, most; /* length that comes of it */
} ways[] = {
        { "shorter", -600, 0, 0.35, 0.9 },
        { "longer", 600, 0, 1.1, 1.65 },
        { "drawn", 0, 5, 1.02, 1.13 },
};

TEST(a_sine_keeps_its_frequency_and_loudness_without_clicks)
{
        static const double tones[] = { 100, 150, 220, 440, 1000, 3000 };

        for (unsigned w = 0; w < ARRAY_SIZE(ways); w++)
                for (unsigned i = 0; i < ARRAY_SIZE(tones); i++) {
                        _cleanup_(run_freep) struct run *r = NULL;

                        hz = tones[i];
                        r = run(&(struct run){ .source = sine,
                                               .wish = ways[w].wish,
                                               .similar = 0.85f,
                                               .draw_every = ways[w].draw_every });
                        ASSERT(r->out >= r->in * ways[w].least && r->out <= r->in * ways[w].most);
                        ASSERT_NEAR(amplitude(r, hz), 0.5, 0.02);
                        ASSERT_LE(tone_roughness(r->sound, r->out), 0.5 * pow(2 * M_PI * hz / 48000, 2) * 2 + 0.002);
                }
}

TEST(a_voice_keeps_its_power_and_has_no_clicks)
{
        for (unsigned w = 0; w < ARRAY_SIZE(ways); w++) {
                _cleanup_(run_freep) struct run *r = run(&(struct run){
                        .source = voice, .wish = ways[w].wish, .similar = 0.6f, .draw_every = ways[w].draw_every });
                double before = tone_rms(r->original, r->in), jump = largest_jump(r->original, r->in);

                printf("  %-8s %.3f times as long, power %.3f, largest jump %.3f of what was there\n", ways[w].name,
                       (double)r->out / r->in, pow(tone_rms(r->sound, r->out) / before, 2),
                       largest_jump(r->sound, r->out) / jump);
                ASSERT(r->out >= r->in * ways[w].least && r->out <= r->in * ways[w].most);
                ASSERT_NEAR(tone_rms(r->sound, r->out) / before, 1, 0.06);
                ASSERT_LE(largest_jump(r->sound, r->out), jump * 1.1);
        }
}

TEST(what_is_not_similar_is_left_alone)
{
        _cleanup_(run_freep) struct run *r = run(&(struct run){ .source = noise, .wish = -600, .similar = 0.6f });

        ASSERT_EQ(r->out, r->in);
}

TEST(drawn_noise_stays_as_loud)
{
        _cleanup_(run_freep) struct run *r = run(&(struct run){ .source = noise, .draw_every = 3 });

        ASSERT_NEAR(tone_rms(r->sound, r->out), tone_rms(r->original, r->in), 0.02);
}

TEST(frames_of_every_length)
{
        static const uint32_t lengths[] = { 0, 1, 119, 120, 239, 240, 480, 481, 1920, VOICE_SAMPLES_MAX };
        static float in[VOICE_SAMPLES_MAX], out[VOICE_SAMPLES_MAX + STRETCH_LAG_MAX];
        struct tone t = { .hz = 300, .amplitude = 0.5 };

        for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
                for (int sign = -1; sign <= 1; sign += 2) {
                        struct stretch s;
                        uint32_t n, changed = 0;

                        stretch_init(&s);
                        for (int k = 0; k < 20; k++) {
                                tone_fill(&t, in, lengths[i]);
                                n = stretch_process(&s, in, lengths[i], sign * 600, 0.85f, out);
                                changed += n != lengths[i];
                                ASSERT(sign < 0 ? n <= lengths[i] : n >= lengths[i]);
                        }
                        ASSERT_EQ(changed > 10, lengths[i] >= 240);
                }
}

TEST(equal_input_gives_equal_output)
{
        struct run as = { .source = voice, .wish = -400, .similar = 0.6f, .draw_every = 7 };
        _cleanup_(run_freep) struct run *a = run(&as), *b = run(&as);

        ASSERT_EQ(a->out, b->out);
        ASSERT_EQ(memcmp(a->sound, b->sound, a->out * sizeof(float)), 0);
}

TEST(a_fade_goes_on_where_it_was)
{
        struct fade f = { 0 };
        float frames[500];

        for (unsigned i = 0; i < 500; i++)
                frames[i] = 1;
        fade_to(&f, 1, 240, frames, 100);
        ASSERT_NEAR(frames[99], 100.0 / 240, 1e-5);
        fade_to(&f, 1, 240, frames + 100, 400);
        ASSERT_NEAR(frames[100], 101.0 / 240, 1e-5);
        ASSERT_LE(largest_jump(frames, 500), 1.01 / 240);
        ASSERT_NEAR(frames[260], 1, 0);
        for (unsigned i = 0; i < 500; i++)
                frames[i] = 1;
        fade_to(&f, 0, 100, frames, 500);
        ASSERT_NEAR(frames[49], 0.5, 1e-5);
        ASSERT_NEAR(frames[101], 0, 0);
        ASSERT_NEAR(frames[499], 0, 0);
}
