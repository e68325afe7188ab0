/* acoustics.h - people and rooms for tests of sound processing: voices, noise, and the way from a loudspeaker to a
 * microphone. Mono float, 48 kHz; the same numbers every time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Something that behaves like speech: syllables of a gliding voice with formants, hisses, pauses between words and
 * sentences. Different people by seed. Scaled to this RMS over the whole. */
void acoustics_speak(uint32_t seed, double rms, float *out, size_t n);
void acoustics_noise(uint32_t seed, double rms, float *out, size_t n); /* stationary, more bass than treble */

struct acoustics_room {
        double delay_ms, reverberation_ms, gain; /* gain: of the power, as amplitude */
};
/* Adds what the room makes of `played` to `heard`. */
void acoustics_echo(const struct acoustics_room *room, uint32_t seed, const float *played, float *heard, size_t n);

double acoustics_db(const float *x, size_t n); /* mean power, dBFS */
/* Correlation (-1 to 1) of y with x `lag` frames earlier. */
double acoustics_correlation(const float *x, const float *y, size_t n, size_t lag);
