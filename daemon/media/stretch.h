/* stretch.h - sound a little shorter or longer at the same pitch: one period of the voice left out or played twice,
 * where the sound is similar to itself (the idea of WSOLA).
 *
 * Whether a place is similar is judged by the 6 ms before it and the few behind it over which it is faded; where both
 * are quiet any place is good. A period is 2.5 to 12.5 ms; one at most goes or comes in a call. What was played last
 * is remembered: so that it can be played once more, also when nothing has come yet that could follow it
 * (stretch_draw()). All of what is remembered has passed through here, so every call goes on without a step where the
 * one before ended.
 *
 * The caller's memory and thread; fixed memory, no allocation, no errors. Equal input gives equal output.
 */
#pragma once

#include <stdint.h>

enum {
        STRETCH_LAG_MIN = 120,
        STRETCH_LAG_MAX = 600, /* a voice of 80 Hz */
        STRETCH_CONTEXT = 300, /* what is compared before a place */
        STRETCH_PAST = STRETCH_LAG_MAX + STRETCH_CONTEXT
};

struct stretch {
        float past[STRETCH_PAST]; /* what was given out last */
};

void stretch_init(struct stretch *s);
/* Takes n frames (up to VOICE_SAMPLES_MAX) and gives them with about as many more as wished, or (negative) fewer;
 * never more than that, and none where no place is as similar (-1 … 1) as asked for. Room in `out`: n +
 * STRETCH_LAG_MAX. */
uint32_t stretch_process(struct stretch *s, const float *in, uint32_t n, int32_t wish, float similar, float *out);
/* The last period once more: the voice is held until what follows it comes, which then fits. Gives at most
 * STRETCH_LAG_MAX frames. */
uint32_t stretch_draw(struct stretch *s, float *out);
