/* delay.c - see delay.h. */
#include "media/delay.h"

#include <string.h>

#include "base/clock.h"

enum {
        MEMORY_PACKETS = 1024, /* the histogram forgets with this time constant */
        LATE_COST_MS = 4500,   /* what it is worth in delay that nothing is made up for late packets */
        DRAWN_COST_MS = 1000,  /* … and that nothing is drawn out until they come */
        DRAWN_BINS = 4,        /* so late a packet may be without anything being made up */
        STEP_US = 16000,       /* a longer way is at least so much longer */
        FIRST_GUESS_US = 10000 /* before anything is known */
};
static const uint32_t TOTAL = 1u << 30;
static const uint64_t WINDOW_US = 2 * US_PER_SEC;
/* A pause after which an old base says nothing: clocks drift by up to 9 ms. */
static const uint64_t PAUSE_US = 30 * US_PER_SEC;
/* A packet that much behind is not late, its sender's time line has a hole (a mute without time, a suspended machine).
 */
static const int64_t REBASE_US = 1000000;
static const uint64_t STEP_MEMORY_US = 30 * US_PER_SEC;

void delay_init(struct delay *d)
{
        memset(d, 0, sizeof(*d));
        d->weight[FIRST_GUESS_US / DELAY_BIN_US] = TOTAL;
        d->packets = 1;
        d->quantile_us = FIRST_GUESS_US;
}

void delay_restart(struct delay *d)
{
        d->started = false;
}

int64_t delay_base_us(const struct delay *d)
{
        int64_t least = d->base_us[0];

        for (uint32_t i = 1; i < DELAY_WINDOWS; i++)
                if (d->base_us[i] < least)
                        least = d->base_us[i];
        return least;
}

static void start(struct delay *d, int64_t transit_us, uint64_t arrival_us)
{
        for (uint32_t i = 0; i < DELAY_WINDOWS; i++)
                d->base_us[i] = transit_us;
        d->window_end_us = arrival_us + WINDOW_US;
        d->last_transit_us = transit_us;
        d->run = 0;
        d->stepped_at_us = 0;
        d->started = true;
}

/* One window at a time, so that a pause does not make the base forget all. */
static void follow_base(struct delay *d, int64_t transit_us, uint64_t arrival_us)
{
        if (arrival_us >= d->window_end_us) {
                d->window = (d->window + 1) % DELAY_WINDOWS;
                d->base_us[d->window] = transit_us;
                d->window_end_us = arrival_us + WINDOW_US;
        } else if (transit_us < d->base_us[d->window]) {
                d->base_us[d->window] = transit_us;
        }
}

/* The n-th packet counts 2/(n + 1), which forgets the first guess within half a second, and later always
 * 1/MEMORY_PACKETS. */
static void count(struct delay *d, int64_t late_us)
{
        uint32_t bin = late_us / DELAY_BIN_US < DELAY_BINS ? (uint32_t)(late_us / DELAY_BIN_US) : DELAY_BINS - 1;
        uint32_t keep, sum = 0;

        if (d->packets < 2 * MEMORY_PACKETS - 1)
                d->packets++;
        keep = 65536 - 131072 / (d->packets + 1);
        for (uint32_t i = 0; i < DELAY_BINS; i++) {
                d->weight[i] = (d->weight[i] >> 16) * keep + ((d->weight[i] & 65535) * keep >> 16);
                sum += d->weight[i];
        }
        d->weight[bin] += TOTAL - sum;
}

/* The delay at which one millisecond more is no longer worth what it saves of late packets. So the share of late
 * packets is not fixed: with exponential delays of mean m it is about m / LATE_COST_MS, 0.06 % on a line that is
 * nearly good, 0.5 % on one that would need 300 ms for that; and one packet out of the ordinary does not move it. */
static void find_quantile(struct delay *d)
{
        uint64_t drawn = 0, made_up = 0, cost, least = UINT64_MAX;

        for (uint32_t i = DELAY_BINS; i > 0; i--) {
                cost = ((uint64_t)i * DELAY_BIN_US << 30) + drawn * DRAWN_COST_MS * 1000 +
                       made_up * LATE_COST_MS * 1000;
                if (cost <= least) {
                        least = cost;
                        d->quantile_us = i * DELAY_BIN_US;
                }
                drawn += d->weight[i - 1];
                if (i + DRAWN_BINS <= DELAY_BINS)
                        made_up += d->weight[i + DRAWN_BINS - 1];
        }
}

uint32_t delay_target_us(const struct delay *d)
{
        int64_t held_us = d->stepped_us - delay_base_us(d);

        if (d->stepped_at_us == 0 || d->last_arrival_us > d->stepped_at_us + STEP_MEMORY_US || held_us < 0)
                held_us = 0;
        return d->quantile_us + (uint32_t)held_us;
}

/* ---- steps ---- */

static void count_run(struct delay *d)
{
        for (uint32_t i = 0; i < d->run; i++)
                count(d, d->run_us[i] - delay_base_us(d));
        d->run = 0;
}

static void step_up(struct delay *d, uint64_t now_us)
{
        int64_t least = d->run_us[0];

        for (uint32_t i = 1; i < d->run; i++)
                least = d->run_us[i] < least ? d->run_us[i] : least;
        for (uint32_t i = 0; i < DELAY_WINDOWS; i++)
                d->base_us[i] = least;
        d->stepped_us = least;
        d->stepped_at_us = now_us;
        count_run(d);
}

/* Late packets wait to be counted until one comes that is not, or so many have come that it is a step. */
static void judge(struct delay *d, int64_t transit_us, int64_t late_us)
{
        if (late_us < STEP_US) {
                count_run(d);
                count(d, late_us);
                return;
        }
        d->run_us[d->run++] = transit_us;
        if (d->run == DELAY_STEP_PACKETS)
                step_up(d, d->last_arrival_us);
}

static void follow_jitter(struct delay *d, int64_t transit_us)
{
        int64_t diff = transit_us - d->last_transit_us;

        if (diff < 0)
                diff = -diff;
        if (diff > REBASE_US)
                diff = REBASE_US;
        d->jitter_16 = (uint32_t)((int64_t)d->jitter_16 + diff - (((int64_t)d->jitter_16 + 8) >> 4));
        d->last_transit_us = transit_us;
}

void delay_observe(struct delay *d, int64_t timestamp, uint64_t arrival_us, bool pre_roll)
{
        int64_t transit_us = (int64_t)arrival_us - delay_media_us(timestamp), late_us;

        if (!d->started || transit_us - delay_base_us(d) > REBASE_US || arrival_us > d->last_arrival_us + PAUSE_US)
                start(d, transit_us, arrival_us);
        d->last_arrival_us = arrival_us;
        follow_base(d, transit_us, arrival_us);
        follow_jitter(d, transit_us);
        late_us = transit_us - delay_base_us(d);
        if (pre_roll && late_us > d->quantile_us)
                return;
        judge(d, transit_us, late_us);
        find_quantile(d);
}

void delay_observe_copy(struct delay *d, int64_t timestamp, uint64_t arrival_us)
{
        int64_t late_us = (int64_t)arrival_us - delay_media_us(timestamp) - delay_base_us(d);

        if (!d->started || late_us < 0 || late_us > REBASE_US)
                return;
        count(d, late_us);
        find_quantile(d);
}
