/* drift.h - plays a little faster or slower, so that the delay of the jitter buffer stays where it should be.
 *
 * Told by how much each frame leaves too late (jbuf_out.excess_us), it corrects
 *   - up to 5 ms, which covers clocks that disagree by 300 ppm and more, by resampling at most 0.2 % off the rate
 *     (cubic interpolation; a third of a hundredth of a semitone is not heard). Within 1.5 ms nothing is done, and
 *     what passes is copied;
 *   - more than that by leaving periods of the voice out or playing them twice (stretch.h). Where nothing is similar,
 *     or in chunks under 5 ms, it only resamples.
 * The caller's memory and thread; no allocation; no errors. RT safe, though it runs on the network thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/stretch.h"

enum {
        DRIFT_GROWTH_MAX = 640 /* process() gives at most so many frames more than it takes (for up to 120 ms) */
};

struct drift {
        float excess_us;       /* smoothed */
        uint32_t since_splice; /* frames */
        bool resampling;
        double at; /* reading position of the resampler behind the three frames it keeps */
        float kept[3];
        struct stretch stretch;
        uint64_t inserted, removed; /* frames */
};

void drift_init(struct drift *d);
/* The sound stopped: what is played next follows silence, and its delay has nothing to do with what was. */
void drift_restart(struct drift *d);
/* The delay jumped for a known reason: measures it anew. */
void drift_resync(struct drift *d);
/* The same, by so much. */
void drift_shift(struct drift *d, int32_t samples);
/* A frame of so many samples left this much too late (negative: too early). */
void drift_observe(struct drift *d, int64_t excess_us, uint32_t samples);
/* Takes n frames, gives the corrected ones (room for n + DRIFT_GROWTH_MAX). */
uint32_t drift_process(struct drift *d, const float *in, uint32_t n, float *out);
/* Nothing has come yet: gives what was played last a little longer (stretch_draw; the same room). What follows is that
 * much later; not counted as inserted, for it may turn out to stand for something that was lost. */
uint32_t drift_draw(struct drift *d, float *out);
