/* noise-floor.h - how loud it is when nobody speaks, and what that asks for: the automatic mode of noise suppression.
 *
 * The floor is the quietest chunk of the last four to eight seconds: nobody speaks for so long without a breath. The
 * caller's memory and thread; no errors.
 */
#pragma once

#include <stdint.h>

struct noise_floor {
        float quietest, before; /* mean squares: of this half of the time, of the half before */
        uint32_t chunks;        /* of this half */
        unsigned level;         /* 0–3, as of ans_mode */
};

void noise_floor_init(struct noise_floor *f);
/* A chunk of 10 ms of this mean square. Returns the level that the noise asks for. */
unsigned noise_floor_update(struct noise_floor *f, float mean_square);
