/* drift.c - see drift.h. */
#include "media/drift.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "media/voice-dec.h"

enum {
        OVERSHOOT = 96,       /* 2 ms more than the excess may go, or a low voice would rarely fit */
        SPACING = 2400,       /* 50 ms between splices … */
        SPACING_URGENT = 960, /* … or 20 ms when far off */
        SMOOTHING = 16384     /* frames: time constant of the observed excess, 0.34 s */
};
static const float SPLICE_LATE_US = 6000, SPLICE_EARLY_US = -5000, URGENT_US = 40000;
static const float RESAMPLE_US = 1500, RESAMPLED_US = 300; /* where resampling begins, and where it ends */
static const float TIME_CONSTANT_US = 2.5e6f;              /* an excess is worked off by resampling within so long */
static const float RATE_MAX = 0.002f;
static const float SIMILAR = 0.85f, SIMILAR_URGENT = 0.6f;

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

void drift_shift(struct drift *d, int32_t samples)
{
        d->excess_us += (float)samples * 125 / 6;
}

void drift_observe(struct drift *d, int64_t excess_us, uint32_t samples)
{
        float share = (float)samples / SMOOTHING;

        d->excess_us += ((float)excess_us - d->excess_us) * (share > 1 ? 1 : share);
}

/* ---- resampling ---- */

/* Catmull-Rom: the cubic through x[1] and x[2] with the slopes of their neighbours; t from 0 to 1 between the two. */
static inline float interpolate(const float *x, float t)
{
        float slope = 0.5f * (x[2] - x[0]), end_slope = 0.5f * (x[3] - x[1]), rise = x[2] - x[1];
        float c3 = slope + end_slope - 2 * rise;

        return ((c3 * t + rise - slope - c3) * t + slope) * t + x[1];
}

/* At the rate it has, between two frames as before. */
static uint32_t shift(struct drift *d, const float *in, uint32_t n, float at, float *out)
{
        float c[4];

        for (int i = 0; i < 4; i++)
                c[i] = interpolate((const float[4]){ i == 0, i == 1, i == 2, i == 3 }, at);
        for (uint32_t i = 0; i < n; i++)
                out[i] = c[0] * in[i] + c[1] * in[i + 1] + c[2] * in[i + 2] + c[3] * in[i + 3];
        memcpy(d->kept, in + n, sizeof(d->kept));
        return n;
}

/* `in` begins with the three frames kept from before, followed by n new ones. */
static uint32_t resample(struct drift *d, const float *in, uint32_t n, double step, float *out)
{
        double at = d->at;
        uint32_t written = 0;

        if (step == 1)
                return shift(d, in, n, (float)at, out);
        for (; at < n; at += step) {
                uint32_t k = (uint32_t)at;

                out[written++] = interpolate(in + k, (float)(at - k));
        }
        d->at = at - n;
        memcpy(d->kept, in + n, sizeof(d->kept));
        return written;
}

static double choose_step(struct drift *d)
{
        float off = d->excess_us / TIME_CONSTANT_US;

        d->resampling = fabsf(d->excess_us) > (d->resampling ? RESAMPLED_US : RESAMPLE_US);
        return d->resampling ? 1 + (double)fminf(fmaxf(off, -RATE_MAX), RATE_MAX) : 1;
}

static void count(struct drift *d, uint32_t before, uint32_t after)
{
        if (after > before)
                d->inserted += after - before;
        else
                d->removed += before - after;
}

/* ---- stretching ---- */

/* How many frames more (fewer: negative) would be right now. */
static int32_t wish(const struct drift *d)
{
        bool late = d->excess_us > 0;
        uint32_t spacing = fabsf(d->excess_us) > URGENT_US ? SPACING_URGENT : SPACING;
        int32_t off = (int32_t)(fabsf(d->excess_us) * 0.048f) + OVERSHOOT;

        if ((late ? d->excess_us < SPLICE_LATE_US : d->excess_us > SPLICE_EARLY_US) || d->since_splice < spacing)
                return 0;
        return late ? -off : off;
}

uint32_t drift_process(struct drift *d, const float *in, uint32_t n, float *out)
{
        float stretched[3 + VOICE_SAMPLES_MAX + STRETCH_LAG_MAX];
        float similar = fabsf(d->excess_us) > URGENT_US ? SIMILAR_URGENT : SIMILAR;
        uint32_t len, written;

        assert(n <= VOICE_SAMPLES_MAX);
        memcpy(stretched, d->kept, sizeof(d->kept));
        len = stretch_process(&d->stretch, in, n, wish(d), similar, stretched + 3);
        if (len != n) {
                d->since_splice = 0;
                drift_shift(d, (int32_t)len - (int32_t)n);
                count(d, n, len);
        } else {
                d->since_splice += n < SPACING - d->since_splice ? n : SPACING - d->since_splice;
        }
        written = resample(d, stretched, len, choose_step(d), out);
        count(d, len, written);
        return written;
}

uint32_t drift_draw(struct drift *d, float *out)
{
        float drawn[3 + STRETCH_LAG_MAX];
        uint32_t n;

        memcpy(drawn, d->kept, sizeof(d->kept));
        n = stretch_draw(&d->stretch, drawn + 3);
        drift_shift(d, (int32_t)n);
        return resample(d, drawn, n, 1, out);
}
