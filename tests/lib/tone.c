/* tone.c - see tone.h. */
#include "lib/tone.h"

#include <math.h>

void tone_fill_chirp(struct tone *t, double hz_per_s, float *frames, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                double swell = 0.5 + 0.5 * cos(2 * M_PI * t->beat_phase);

                frames[i] = (float)(t->amplitude * swell * sin(2 * M_PI * t->phase));
                t->beat_phase += t->beat_hz / 48000;
                t->phase += t->hz / 48000;
                t->phase -= floor(t->phase);
                t->hz += hz_per_s / 48000;
        }
}

void tone_fill(struct tone *t, float *frames, size_t n)
{
        tone_fill_chirp(t, 0, frames, n);
}

double tone_find(const float *frames, size_t n, double hz)
{
        double w = 2 * cos(2 * M_PI * hz / 48000), s1 = 0, s2 = 0;

        for (size_t i = 0; i < n; i++) {
                double s = (double)frames[i] + w * s1 - s2;

                s2 = s1;
                s1 = s;
        }
        return n ? 2 * sqrt(fmax(s1 * s1 + s2 * s2 - w * s1 * s2, 0)) / (double)n : 0;
}

double tone_rms(const float *frames, size_t n)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += (double)frames[i] * (double)frames[i];
        return n ? sqrt(sum / (double)n) : 0;
}

double tone_roughness(const float *frames, size_t n)
{
        double most = 0;

        for (size_t i = 2; i < n; i++)
                most = fmax(most, fabs((double)frames[i] - 2 * (double)frames[i - 1] + (double)frames[i - 2]));
        return most;
}
