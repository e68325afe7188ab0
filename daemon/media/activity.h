/* activity.h - does somebody speak into this microphone? The detector of voice activity.
 *
 * Told of 10 ms at a time. Two levels are watched, that of the sound above the rumble of fans and mains and that of
 * its treble (where the consonants are that carry no voice), each against its own noise floor: the quietest 100 ms of
 * the last 2.5 s. It opens after 40 ms that are loud in a row, so a key press does not open it, and closes 400 ms
 * after the last that were; once open, less is loud enough. Noise that stays is the floor after 2.5 s. The caller's
 * memory and thread; no errors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACTIVITY_BLOCK = 480, ACTIVITY_ONSET_BLOCKS = 4, ACTIVITY_HOLD_BLOCKS = 40 };
enum { ACTIVITY_WINDOWS = 25, ACTIVITY_WINDOW_BLOCKS = 10 };

struct activity_band {
        double energy;                    /* sum over the window that is not over yet */
        uint8_t window[ACTIVITY_WINDOWS]; /* -dBov, of each tenth of a second */
};

struct activity {
        bool open;
        uint32_t loud, hold;    /* blocks: loud in a row; left to hold */
        uint32_t at, in_window; /* the window, and blocks in it so far */
        struct activity_band sound, treble;
        float rumble, last; /* of the filters: what is left out, and the sample before the block */
};

void activity_init(struct activity *a);
/* True: somebody speaks. */
bool activity_update(struct activity *a, const float block[static ACTIVITY_BLOCK]);
void activity_close(struct activity *a); /* nobody speaks; the floor is remembered */
