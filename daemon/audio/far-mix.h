/* far-mix.h - what all our streams play, added up and laid beside what a microphone hears: the echo canceller's far
 * end.
 *
 * The data thread of one PipeWire context calls all its streams, so the mix is that thread's alone and has no atomics.
 * A capture stream is the clock: in each of its cycles it takes as many frames as the microphone gave. A playback
 * stream of the same cycle (the same time stamp) adds at the place that is taken in the next one, whichever of the two
 * is called first; the loudspeaker is not quicker than that. A stream under another driver has a cycle of its own: it
 * goes on where it stopped, and jumps only when it came too late or ran too far ahead.
 *
 * RT safe. The caller's memory; zeroed memory is silence.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { FAR_MIX_FRAMES = 8192, FAR_MIX_PERIOD_MAX = FAR_MIX_FRAMES / 4 }; /* longer periods are played unheard */

/* A stream's place in the mix. Zeroed memory has none yet. */
struct far_place {
        uint32_t at; /* the next frame it reads or writes */
        bool known;
};

struct far_mix {
        const struct far_place *clock; /* the reader whose cycles count; compared, never followed */
        uint64_t clock_ns;             /* its cycle */
        uint32_t clock_at;             /* what it reads next */
        uint32_t clock_frames;         /* it read last */
        uint64_t added_ns;             /* the last cycle that something was played in */
        bool in_step;                  /* what is played has the clock's cycles */
        uint32_t end;                  /* nothing was written from here on */
        float frames[FAR_MIX_FRAMES];
};

/* n ≤ FAR_MIX_PERIOD_MAX frames are played in the cycle of this time stamp. Nobody reads: nothing happens. */
void far_mix_add_rt(struct far_mix *m, struct far_place *p, uint64_t now_ns, const float *played, uint32_t n);
/* What was played while n frames were captured. */
void far_mix_take_rt(struct far_mix *m, struct far_place *p, uint64_t now_ns, float *far, uint32_t n);
