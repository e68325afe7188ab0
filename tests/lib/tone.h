/* tone.h - test signals and how to find them again: sine, chirp, Goertzel, click detector. Mono float, 48 kHz.
 *
 * A steady tone is noise to Opus: with DTX on it is switched off after about two seconds. Where DTX is on, use a tone
 * that swells (beat_hz 1–8), which passes as speech for ever. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tone {
        double hz, amplitude, beat_hz; /* beat_hz 0: steady; else it swells so often from nothing to the amplitude */
        double phase, beat_phase;      /* in turns: go on from call to call */
};

void tone_fill(struct tone *t, float *frames, size_t n);
/* Sweeps from the tone's frequency by so many Hz a second. */
void tone_fill_chirp(struct tone *t, double hz_per_s, float *frames, size_t n);
/* Mean amplitude of that frequency in the frames (Goertzel), 0–1. */
double tone_find(const float *frames, size_t n, double hz);
double tone_rms(const float *frames, size_t n);
/* Largest second difference: a click is a jump in slope that no tone of that amplitude and frequency has. */
double tone_roughness(const float *frames, size_t n);
