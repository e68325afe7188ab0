/* level.c - see level.h.
 *
 * The noise floor is kept as headroom above the lowest floor. It climbs 2 dB a second while it is louder than the
 * floor and falls at once when it is not; it is bounded, so that a steady tone or a long monologue never becomes
 * "noise". All of it is integer work on whole frames but the one square root hidden in log10().
 */
#include "media/level.h"

#include <math.h>

enum {
        FLOOR_LOWEST = 60,      /* -dBov: nothing below this counts as noise worth following */
        HEADROOM_MAX = 10000,   /* mdB: the floor ends at -50 dBov */
        CLIMB_US_PER_MDB = 500, /* 2 dB a second */
        SPEECH_OVER_FLOOR = 10, /* dB */
        HYSTERESIS = 6          /* dB: once speaking, this much less is loud enough */
};

/* The meter's share of the new value for each 20 ms, rising and falling. */
static const float METER_RISE = 0.6f, METER_FALL = 0.15f;

uint8_t level_measure(const float *frames, size_t n, double *ret_energy)
{
        float sum[4] = { 0 };
        double mean, db;
        size_t i;

        for (i = 0; i + 4 <= n; i += 4)
                for (size_t k = 0; k < 4; k++)
                        sum[k] += frames[i + k] * frames[i + k];
        for (; i < n; i++)
                sum[0] += frames[i] * frames[i];
        mean = n ? ((double)sum[0] + (double)sum[1] + (double)sum[2] + (double)sum[3]) / (double)n : 0;
        *ret_energy = mean;
        if (!(mean > 2e-13)) /* -127 dBov; also what is not a number */
                return LEVEL_SILENCE;
        db = -10 * log10(mean);
        return db < 0 ? 0 : (uint8_t)(db + 0.5);
}

static void follow_floor(struct level *l, uint8_t dbov, uint32_t duration_us)
{
        uint32_t over = dbov < FLOOR_LOWEST ? (uint32_t)(FLOOR_LOWEST - dbov) * 1000 : 0;

        if (over <= l->headroom)
                l->headroom = over;
        else
                l->headroom += duration_us / CLIMB_US_PER_MDB;
        if (l->headroom > HEADROOM_MAX)
                l->headroom = HEADROOM_MAX;
}

static void follow_meter(struct level *l, uint8_t dbov, uint32_t duration_us)
{
        float now = dbov >= LEVEL_SILENCE ? 0 : powf(10, -(float)dbov / 20);
        float share = (now > l->meter ? METER_RISE : METER_FALL) * (float)duration_us / 20000;

        l->meter += (now - l->meter) * (share > 1 ? 1 : share);
        if (l->meter < 1e-6f)
                l->meter = 0;
}

static bool is_loud(const struct level *l, uint8_t dbov)
{
        int threshold = FLOOR_LOWEST - (int)l->headroom / 1000 - SPEECH_OVER_FLOOR + (l->speaking ? HYSTERESIS : 0);

        return dbov <= threshold;
}

bool level_update(struct level *l, uint8_t dbov, uint32_t duration_us, uint64_t now_us)
{
        bool loud = is_loud(l, dbov), was = l->speaking;

        follow_floor(l, dbov, duration_us);
        follow_meter(l, dbov, duration_us);
        l->heard_us = now_us;
        if (!loud) {
                l->loud_us = 0;
                return level_tick(l, now_us);
        }
        if (l->loud_us < LEVEL_ONSET_US)
                l->loud_us += duration_us;
        if (l->loud_us < LEVEL_ONSET_US && !was)
                return false;
        l->speaking = true;
        l->release_us = now_us + LEVEL_RELEASE_US;
        return !was;
}

bool level_tick(struct level *l, uint64_t now_us)
{
        if (now_us >= l->heard_us + LEVEL_RELEASE_US)
                return level_reset(l);
        if (!l->speaking || now_us < l->release_us)
                return false;
        l->speaking = false;
        return true;
}

uint64_t level_deadline(const struct level *l)
{
        if (l->speaking)
                return l->release_us;
        return l->meter > 0 ? l->heard_us + LEVEL_RELEASE_US : UINT64_MAX;
}

bool level_reset(struct level *l)
{
        bool was = l->speaking;

        l->speaking = false;
        l->loud_us = 0;
        l->meter = 0;
        return was;
}
