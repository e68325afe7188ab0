/* fade.c - see fade.h. */
#include "media/fade.h"

#include <math.h>

void fade_to(struct fade *f, float gain, uint32_t pace, float *frames, uint32_t n)
{
        float step = copysignf(1.0f / (float)pace, gain - f->gain);
        uint32_t i = 0;

        for (; i < n && f->gain != gain; i++) {
                f->gain += step;
                if (step > 0 ? f->gain > gain : f->gain < gain)
                        f->gain = gain;
                frames[i] *= f->gain;
        }
        for (; gain != 1 && i < n; i++)
                frames[i] *= gain;
}
