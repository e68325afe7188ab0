/* acoustics.c - see acoustics.h. */
#include "lib/acoustics.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "lib/tone.h"

enum { RATE = 48000, FORMANTS = 3, REFLECTIONS = 150 };

static double uniform(uint32_t *seed) /* 0–1 */
{
        *seed = *seed * 1664525 + 1013904223;
        return (*seed >> 8) / 16777216.0;
}

struct resonator {
        double a, b, gain, y1, y2;
};

static void resonator_tune(struct resonator *r, double hz, double width)
{
        double pole = exp(-M_PI * width / RATE);

        r->a = 2 * pole * cos(2 * M_PI * hz / RATE);
        r->b = -pole * pole;
        r->gain = 1 - pole;
}

static double resonate(struct resonator *r, double x)
{
        double y = r->gain * x + r->a * r->y1 + r->b * r->y2;

        r->y2 = r->y1;
        r->y1 = y;
        return y;
}

struct mouth {
        uint32_t seed;
        double pitch, phase;  /* Hz; of the glottis, in turns */
        double glide;         /* Hz per frame */
        bool voiced;          /* else a hiss */
        size_t left, length;  /* frames of the syllable or pause */
        double loudness;      /* 0: a pause */
        unsigned until_pause; /* syllables */
        struct resonator formants[FORMANTS];
        double inside; /* the sample before, behind the lips */
};

static void next_syllable(struct mouth *m)
{
        static const double lowest[FORMANTS] = { 300, 900, 2300 }, highest[FORMANTS] = { 800, 2200, 3200 };

        if (m->until_pause-- == 0) {
                m->until_pause = 3 + (unsigned)(6 * uniform(&m->seed));
                m->loudness = 0;
                m->length = m->left = (size_t)(RATE * (0.15 + 0.25 * uniform(&m->seed)));
                return;
        }
        m->voiced = uniform(&m->seed) < 0.8;
        m->loudness = 0.5 + 0.5 * uniform(&m->seed);
        m->length = m->left = (size_t)(RATE * (0.10 + 0.15 * uniform(&m->seed)));
        m->glide = m->pitch * (uniform(&m->seed) - 0.5) / (double)m->length;
        for (int i = 0; i < FORMANTS; i++)
                resonator_tune(&m->formants[i], lowest[i] + (highest[i] - lowest[i]) * uniform(&m->seed), 60 + 40 * i);
        if (!m->voiced)
                resonator_tune(&m->formants[0], 4000 + 2000 * uniform(&m->seed), 1500);
}

static double next_sample(struct mouth *m)
{
        double x, y = 0;

        if (m->left == 0)
                next_syllable(m);
        m->left--;
        m->phase += (m->pitch + m->glide * (double)(m->length - m->left)) / RATE;
        x = m->voiced ? 0.5 - m->phase : uniform(&m->seed) - 0.5;
        if (m->phase >= 1)
                m->phase -= 1;
        x *= m->loudness * sin(M_PI * (double)m->left / (double)m->length);
        for (int i = 0; i < FORMANTS; i++)
                y += resonate(&m->formants[i], x);
        x = y - 0.97 * m->inside; /* lips radiate treble better than bass */
        m->inside = y;
        return x;
}

static void scale(double rms, float *x, size_t n)
{
        float by = (float)(rms / tone_rms(x, n));

        for (size_t i = 0; i < n; i++)
                x[i] *= by;
}

void acoustics_speak(uint32_t seed, double rms, float *out, size_t n)
{
        struct mouth m = { .seed = seed, .until_pause = 4 };

        m.pitch = 90 + 120 * uniform(&m.seed);
        for (size_t i = 0; i < n; i++)
                out[i] = (float)next_sample(&m);
        scale(rms, out, n);
}

void acoustics_noise(uint32_t seed, double rms, float *out, size_t n)
{
        double low = 0;

        for (size_t i = 0; i < n; i++) {
                double white = uniform(&seed) - 0.5;

                low += 0.05 * (white - low);
                out[i] = (float)(0.2 * white + low);
        }
        scale(rms, out, n);
}

void acoustics_echo(const struct acoustics_room *room, uint32_t seed, const float *played, float *heard, size_t n)
{
        size_t at[REFLECTIONS];
        double tap[REFLECTIONS], power = 0;

        for (int k = 0; k < REFLECTIONS; k++) {
                double late = k ? uniform(&seed) : 0; /* the first is the direct way */

                at[k] = (size_t)((room->delay_ms + late * room->reverberation_ms) * RATE / 1000);
                tap[k] = (k ? 0.25 * (2 * uniform(&seed) - 1) : 1) * pow(10, -3 * late);
                power += tap[k] * tap[k];
        }
        for (int k = 0; k < REFLECTIONS; k++) {
                float by = (float)(tap[k] * room->gain / sqrt(power));

                for (size_t i = at[k]; i < n; i++)
                        heard[i] += by * played[i - at[k]];
        }
}

double acoustics_db(const float *x, size_t n)
{
        return 20 * log10(tone_rms(x, n) + 1e-9);
}

double acoustics_correlation(const float *x, const float *y, size_t n, size_t lag)
{
        double xy = 0, xx = 0, yy = 0;

        assert(lag < n);
        for (size_t i = lag; i < n; i++) {
                xy += (double)x[i - lag] * (double)y[i];
                xx += (double)x[i - lag] * (double)x[i - lag];
                yy += (double)y[i] * (double)y[i];
        }
        return xy / sqrt(xx * yy + 1e-30);
}
