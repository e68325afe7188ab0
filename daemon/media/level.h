/* level.h - loudness of a frame and whether somebody speaks: for meters, for RFC 6464 and for the Speaking property.
 *
 * Levels are in -dBov, the number RFC 6464 carries: 0 is the RMS of a full-scale square wave, 127 is silence. The
 * detector needs 30 ms above a threshold that follows the noise floor, and ends 300 ms after the last loud frame, so
 * neither a key press nor the gap between two words flips it. Network thread; time is a parameter; no errors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEVEL_SILENCE = 127, LEVEL_ONSET_US = 30000, LEVEL_RELEASE_US = 300000 };

/* Zeroed memory is a silent detector. */
struct level {
        bool speaking;
        float meter;         /* linear 0–1, quick to rise and slow to fall */
        uint32_t headroom;   /* mdB by which the noise floor lies above the lowest one */
        uint32_t loud_us;    /* how long it has been loud without a break */
        uint64_t release_us; /* when speaking ends unless it is loud again */
        uint64_t heard_us;   /* end of the last frame, loud or not: the meter falls to 0 when no more come */
};

uint8_t level_measure(const float *frames, size_t n, double *ret_energy /* mean square */);
/* A frame of this loudness lasting duration_us ended at now_us. True when `speaking` changed. */
bool level_update(struct level *l, uint8_t dbov, uint32_t duration_us, uint64_t now_us);
bool level_tick(struct level *l, uint64_t now_us); /* nothing was heard until now_us; true as above */
uint64_t level_deadline(const struct level *l);    /* when to tick at the latest, UINT64_MAX: no need */
bool level_reset(struct level *l);                 /* silent at once; true as above */
