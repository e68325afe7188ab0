/* delay.h - what the line does to packets: base transit, histogram of delays, steps, RFC 3550 jitter. Part of jbuf.
 *
 * Three things are told apart. *Lateness* of single packets, be it jitter, reordering or a stall whose packets then
 * come all at once, is counted in the histogram, and waited for as far as it is worth it. A *step* is a way that got
 * longer: half a second in which no packet was as quick as before. It moves the base, and is not lateness; for half a
 * minute the target stays such that a second one like it would not be heard. A way that got *shorter* moves the base
 * with its first packet.
 *
 * Integer arithmetic throughout, so that a trace gives the same result everywhere. The caller's memory and thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
        DELAY_BIN_US = 2000,
        DELAY_BINS = 250,  /* 0.5 s; longer delays count in the last one */
        DELAY_WINDOWS = 5, /* of two seconds each: how long the base remembers a fast packet */
        DELAY_STEP_PACKETS = 25
};

struct delay {
        bool started;
        int64_t base_us[DELAY_WINDOWS]; /* smallest transit of each window */
        uint32_t window;                /* the current one */
        uint64_t window_end_us, last_arrival_us;
        int64_t last_transit_us;
        uint32_t jitter_16;          /* RFC 3550 jitter in µs, times 16 */
        uint32_t packets;            /* counted in the histogram, up to its memory */
        uint32_t weight[DELAY_BINS]; /* sums up to about 2^30 */
        uint32_t quantile_us;
        int64_t run_us[DELAY_STEP_PACKETS]; /* transits of late packets, not counted yet: the beginning of a step? */
        uint32_t run;
        int64_t stepped_us;     /* the base after the last step … */
        uint64_t stepped_at_us; /* … and when that was; 0: never */
};

void delay_init(struct delay *d);
void delay_restart(struct delay *d); /* a new time line on the same path: the histogram stays */
/* A packet with this RTP time (48 kHz, unwrapped) arrived. pre_roll: at the beginning of a talk spurt, where the
 * sender may have kept it; a delay beyond the quantile is then not the line's and is not counted. */
void delay_observe(struct delay *d, int64_t timestamp, uint64_t arrival_us, bool pre_roll);
/* A packet that was lost came as a copy in a later one: so late is the sound then, which counts like any lateness, so
 * that a line worth it waits for copies; but how the line itself strays is not seen by it. */
void delay_observe_copy(struct delay *d, int64_t timestamp, uint64_t arrival_us);
int64_t delay_base_us(const struct delay *d);
uint32_t delay_target_us(const struct delay *d); /* what is worth waiting for, counted from the base */

/* RTP time in µs. */
static inline int64_t delay_media_us(int64_t timestamp)
{
        return timestamp * 125 / 6;
}
