/* fade.h - a gain that moves evenly, so that no sound begins, breaks off or comes back with a step.
 *
 * The caller's memory and thread; no errors.
 */
#pragma once

#include <stdint.h>

struct fade {
        float gain; /* reached so far */
};

/* The frames at a gain that goes on from where it was, at a pace of 1 in `pace` frames, to `gain`. */
void fade_to(struct fade *f, float gain, uint32_t pace, float *frames, uint32_t n);
