/* activity.c - see activity.h.
 *
 * Levels are in -dBov as in level.h: less is louder. The floor of a band is bounded below, since nothing quieter than
 * LOWEST is anybody's voice, and begins at FIRST_GUESS: speech in the very first moment must not become the floor.
 */
#include "media/activity.h"

#include <math.h>
#include <string.h>

#include "media/level.h"

enum {
        LOWEST_SOUND = 70,  /* -dBov */
        LOWEST_TREBLE = 76, /* the treble of a voice is quieter */
        FIRST_GUESS = 55,
        OPENS = 9, /* dB above the floor */
        STAYS = 6
};

static const float RUMBLE = 0.02f; /* a low pass of 150 Hz */

void activity_init(struct activity *a)
{
        *a = (struct activity){ 0 };
        memset(a->sound.window, FIRST_GUESS, sizeof(a->sound.window));
        memset(a->treble.window, FIRST_GUESS, sizeof(a->treble.window));
}

static int floor_of(const struct activity_band *b, int lowest)
{
        int quietest = 0;

        for (size_t i = 0; i < ACTIVITY_WINDOWS; i++)
                if (b->window[i] > quietest)
                        quietest = b->window[i];
        return quietest < lowest ? quietest : lowest;
}

static uint8_t to_dbov(double energy)
{
        return energy > 2e-13 ? (uint8_t)fmax(0.5 - 10 * log10(energy), 0) : LEVEL_SILENCE;
}

/* The band's level is so much above its floor; the floor follows. */
static bool is_over(struct activity *a, struct activity_band *b, double energy, int lowest)
{
        int floor = floor_of(b, lowest);

        b->energy += energy;
        if (a->in_window == 0) {
                b->window[a->at] = to_dbov(b->energy / ACTIVITY_WINDOW_BLOCKS);
                b->energy = 0;
        }
        return to_dbov(energy) <= floor - (a->open ? STAYS : OPENS);
}

static bool is_loud(struct activity *a, const float *block)
{
        float sound[ACTIVITY_BLOCK], treble[ACTIVITY_BLOCK];
        double sound_energy, treble_energy;
        bool loud;

        for (size_t i = 0; i < ACTIVITY_BLOCK; i++) {
                a->rumble += (block[i] - a->rumble) * RUMBLE;
                sound[i] = block[i] - a->rumble;
                treble[i] = block[i] - a->last;
                a->last = block[i];
        }
        (void)level_measure(sound, ACTIVITY_BLOCK, &sound_energy);
        (void)level_measure(treble, ACTIVITY_BLOCK, &treble_energy);
        a->in_window = (a->in_window + 1) % ACTIVITY_WINDOW_BLOCKS;
        loud = is_over(a, &a->sound, sound_energy, LOWEST_SOUND);
        loud |= is_over(a, &a->treble, treble_energy, LOWEST_TREBLE);
        if (a->in_window == 0)
                a->at = (a->at + 1) % ACTIVITY_WINDOWS;
        return loud;
}

bool activity_update(struct activity *a, const float block[static ACTIVITY_BLOCK])
{
        a->loud = is_loud(a, block) ? a->loud + 1 : 0;
        if (a->loud >= ACTIVITY_ONSET_BLOCKS) {
                a->open = true;
                a->hold = ACTIVITY_HOLD_BLOCKS;
        } else if (a->open && --a->hold == 0) {
                a->open = false;
        }
        return a->open;
}

void activity_close(struct activity *a)
{
        a->open = false;
        a->loud = 0;
}
