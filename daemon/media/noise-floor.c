/* noise-floor.c - see noise-floor.h. */
#include "media/noise-floor.h"

enum { HALF_CHUNKS = 400 };

/* Where each level begins, as mean square: -62, -54 and -46 dBFS. A voice is at about -25. */
static const float begins[] = { 0, 6.3e-7f, 4.0e-6f, 2.5e-5f };
#define HYSTERESIS 0.5f /* 3 dB */

void noise_floor_init(struct noise_floor *f)
{
        *f = (struct noise_floor){ .quietest = 1, .before = 1 };
}

static unsigned level_for(float floor, unsigned now)
{
        unsigned level = 3;

        while (level > 0 && floor < begins[level] * (level <= now ? HYSTERESIS : 1))
                level--;
        return level;
}

unsigned noise_floor_update(struct noise_floor *f, float mean_square)
{
        float floor;

        if (mean_square < f->quietest)
                f->quietest = mean_square;
        floor = f->quietest < f->before ? f->quietest : f->before;
        if (++f->chunks < HALF_CHUNKS)
                return f->level;
        f->level = level_for(floor, f->level);
        f->before = f->quietest;
        f->quietest = 1;
        f->chunks = 0;
        return f->level;
}
