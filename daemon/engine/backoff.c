/* backoff.c - see backoff.h. */
#include "engine/backoff.h"

#include "base/clock.h"

#define FIRST_US (250 * US_PER_MS)
#define MOST_US  (5 * US_PER_SEC)

uint64_t backoff_pause_us(unsigned attempts, uint64_t chance)
{
        uint64_t us = FIRST_US, mixed = (chance + attempts) * UINT64_C(0x9e3779b97f4a7c15);

        if (attempts == 0)
                return 0;
        for (unsigned i = 1; i < attempts && us < MOST_US; i++)
                us *= 2;
        if (us > MOST_US)
                us = MOST_US;
        return us * 3 / 4 + (mixed >> 32) % (us / 2);
}
