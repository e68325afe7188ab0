/* drift.c - see drift.h.
 *
 * Splicing happens at the beginning of a chunk. To remove a period: the chunk goes on with its sample `lag` after
 * fading over from its beginning. To insert one: from the beginning of the chunk the sound fades over to what was
 * played `lag` before, and then runs through it into the chunk once more. Either way both sides of the fade
 * are continuous with what is around them.
 */
#include "media/drift.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "media/voice-dec.h"

enum {
        LAG_MIN = 120, /* 2.5 ms */
        FADE = 240,
        OVERSHOOT = 96,       /* 2 ms more than the excess may go, or a low voice would rarely fit */
        COARSE = 4,           /* the search looks at every fourth sample first */
        SPACING = 2400,       /* 50 ms between splices … */
        SPACING_URGENT = 960, /* … or 20 ms when far off */
        SMOOTHING = 16384     /* frames: time constant of the observed excess, 0.34 s */
};
static const float SPLICE_LATE_US = 6000, SPLICE_EARLY_US = -5000, URGENT_US = 40000;
static const float TIME_CONSTANT_US = 2.5e6f; /* an excess is worked off by resampling within so long */
static const float RATE_MAX = 0.002f;
static const float SIMILAR = 0.85f, SIMILAR_URGENT = 0.6f;
static const float QUIET = 1e-5f; /* mean square, -50 dBov: any place is good enough */

void drift_init(struct drift *d)
{
        memset(d, 0, sizeof(*d));
        d->since_splice = SPACING;
}

void drift_restart(struct drift *d)
{
        uint64_t inserted = d->inserted, removed = d->removed;

        drift_init(d);
        d->inserted = inserted;
        d->removed = removed;
}

void drift_resync(struct drift *d)
{
        d->excess_us = 0;
}

void drift_observe(struct drift *d, int64_t excess_us, uint32_t samples)
{
        float share = (float)samples / SMOOTHING;

        d->excess_us += ((float)excess_us - d->excess_us) * (share > 1 ? 1 : share);
}

/* ---- splicing ---- */

struct match {
        uint32_t lag;
        float similarity; /* −1 … 1 */
};

/* How alike n samples (of which every step-th is looked at) are. */
static float similarity(const float *a, const float *b, uint32_t n, uint32_t step)
{
        float ab = 0, aa = 1e-9f, bb = 1e-9f;

        for (uint32_t i = 0; i < n; i += step) {
                ab += a[i] * b[i];
                aa += a[i] * a[i];
                bb += b[i] * b[i];
        }
        return ab / sqrtf(aa * bb);
}

/* The lag at which `there - lag` (direction -1) or `there + lag` (1) looks most like `here`. */
static struct match find_match(const float *here, int direction, uint32_t lag_max, uint32_t fade)
{
        struct match best = { .lag = LAG_MIN, .similarity = -1 }, coarse;

        for (uint32_t lag = LAG_MIN; lag <= lag_max; lag += COARSE) {
                float s = similarity(here, here + direction * (int)lag, fade, COARSE);

                if (s > best.similarity)
                        best = (struct match){ lag, s };
        }
        coarse = best;
        best.similarity = -1;
        for (uint32_t lag = coarse.lag - COARSE + 1; lag < coarse.lag + COARSE; lag++) {
                float s;

                if (lag < LAG_MIN || lag > lag_max)
                        continue;
                s = similarity(here, here + direction * (int)lag, fade, 1);
                if (s > best.similarity)
                        best = (struct match){ lag, s };
        }
        return best;
}

static float mean_square(const float *x, uint32_t n)
{
        float sum = 0;

        for (uint32_t i = 0; i < n; i++)
                sum += x[i] * x[i];
        return sum / (float)n;
}

static void fade_over(const float *from, const float *to, uint32_t n, float *out)
{
        for (uint32_t i = 0; i < n; i++) {
                float t = ((float)i + 0.5f) / (float)n;

                out[i] = from[i] + (to[i] - from[i]) * t;
        }
}

/* The lag to splice at, or 0. `here` is preceded by DRIFT_LAG_MAX frames of the past and followed by n frames. */
static uint32_t choose_lag(const struct drift *d, const float *here, uint32_t n, uint32_t fade)
{
        bool late = d->excess_us > 0, urgent = fabsf(d->excess_us) > URGENT_US;
        uint32_t off = (uint32_t)(fabsf(d->excess_us) * 0.048f) + OVERSHOOT, lag_max = late ? n - fade : DRIFT_LAG_MAX;
        struct match m;

        if (lag_max > DRIFT_LAG_MAX)
                lag_max = DRIFT_LAG_MAX;
        if (lag_max > off)
                lag_max = off;
        if (lag_max < LAG_MIN)
                return 0;
        if (mean_square(here, n) < QUIET && mean_square(here - lag_max, lag_max) < QUIET)
                return lag_max;
        m = find_match(here, late ? 1 : -1, lag_max, fade);
        return m.similarity > (urgent ? SIMILAR_URGENT : SIMILAR) ? m.lag : 0;
}

/* `here` as in choose_lag(). Returns the frames written, n if nothing was done. */
static uint32_t splice(struct drift *d, const float *here, uint32_t n, float *out)
{
        uint32_t fade = n >= 2 * FADE + LAG_MIN ? FADE : n / 4, lag = choose_lag(d, here, n, fade);

        if (lag == 0) {
                memcpy(out, here, n * sizeof(*out));
                return n;
        }
        d->since_splice = 0;
        if (d->excess_us > 0) {
                fade_over(here, here + lag, fade, out);
                memcpy(out + fade, here + lag + fade, (n - lag - fade) * sizeof(*out));
                d->excess_us -= (float)lag * 125 / 6;
                d->removed += lag;
                return n - lag;
        }
        if (fade > lag)
                fade = lag;
        fade_over(here, here - lag, fade, out);
        memcpy(out + fade, here - lag + fade, (lag - fade + n) * sizeof(*out));
        d->excess_us += (float)lag * 125 / 6;
        d->inserted += lag;
        return n + lag;
}

static bool wants_splice(const struct drift *d, uint32_t n)
{
        uint32_t spacing = fabsf(d->excess_us) > URGENT_US ? SPACING_URGENT : SPACING;

        return (d->excess_us > SPLICE_LATE_US || d->excess_us < SPLICE_EARLY_US) && d->since_splice >= spacing &&
               n >= 2 * LAG_MIN;
}

/* ---- resampling ---- */

/* Catmull-Rom: the cubic through x[1] and x[2] with the slopes of their neighbours; t from 0 to 1 between the two. */
static inline float interpolate(const float *x, float t)
{
        float slope = 0.5f * (x[2] - x[0]), end_slope = 0.5f * (x[3] - x[1]), rise = x[2] - x[1];
        float c3 = slope + end_slope - 2 * rise;

        return ((c3 * t + rise - slope - c3) * t + slope) * t + x[1];
}

/* `in` begins with the three frames kept from before, followed by n new ones. */
static uint32_t resample(struct drift *d, const float *in, uint32_t n, double step, float *out)
{
        double at = d->at;
        uint32_t written = 0;

        for (; at < n; at += step) {
                uint32_t k = (uint32_t)at;

                out[written++] = interpolate(in + k, (float)(at - k));
        }
        d->at = at - n;
        memcpy(d->kept, in + n, sizeof(d->kept));
        return written;
}

static double choose_step(const struct drift *d)
{
        float off = d->excess_us / TIME_CONSTANT_US;

        return 1 + (double)fminf(fmaxf(off, -RATE_MAX), RATE_MAX);
}

static void count_resampled(struct drift *d, uint32_t n, uint32_t written)
{
        if (written > n)
                d->inserted += written - n;
        else
                d->removed += n - written;
}

static void remember(struct drift *d, const float *frames, uint32_t n)
{
        if (n >= DRIFT_LAG_MAX) {
                memcpy(d->past, frames + n - DRIFT_LAG_MAX, sizeof(d->past));
                return;
        }
        memmove(d->past, d->past + n, (DRIFT_LAG_MAX - n) * sizeof(*d->past));
        memcpy(d->past + DRIFT_LAG_MAX - n, frames, n * sizeof(*d->past));
}

uint32_t drift_process(struct drift *d, const float *in, uint32_t n, float *out)
{
        float spliced[3 + VOICE_SAMPLES_MAX + DRIFT_LAG_MAX], with_past[DRIFT_LAG_MAX + VOICE_SAMPLES_MAX];
        uint32_t len = n, written;

        assert(n <= VOICE_SAMPLES_MAX);
        memcpy(spliced, d->kept, sizeof(d->kept));
        if (wants_splice(d, n)) {
                memcpy(with_past, d->past, sizeof(d->past));
                memcpy(with_past + DRIFT_LAG_MAX, in, n * sizeof(*in));
                len = splice(d, with_past + DRIFT_LAG_MAX, n, spliced + 3);
        } else {
                memcpy(spliced + 3, in, n * sizeof(*in));
                d->since_splice += n < SPACING - d->since_splice ? n : SPACING - d->since_splice;
        }
        remember(d, in, n);
        written = resample(d, spliced, len, choose_step(d), out);
        count_resampled(d, len, written);
        return written;
}
