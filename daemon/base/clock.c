/* clock.c - see clock.h. */
#include "base/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t id)
{
        struct timespec ts;

        clock_gettime(id, &ts);
        return (uint64_t)ts.tv_sec * US_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_monotonic_us(void)
{
        return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_asleep_us(void)
{
        uint64_t monotonic_us = clock_monotonic_us(), boot_us = read_us(CLOCK_BOOTTIME);

        return boot_us > monotonic_us ? boot_us - monotonic_us : 0;
}

uint64_t clock_realtime_us(void)
{
        return read_us(CLOCK_REALTIME);
}
