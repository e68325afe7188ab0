/* clock.h - the one place that reads the time. Everyone else is handed it, or asks its loop. Threads: any. */
#pragma once

#include <stdint.h>

#define US_PER_MS  UINT64_C(1000)
#define US_PER_SEC UINT64_C(1000000)

uint64_t clock_monotonic_us(void); /* CLOCK_MONOTONIC; for loop implementations and RT callbacks (RT safe) */
uint64_t clock_asleep_us(void);    /* how long the machine was suspended since it started */
uint64_t clock_realtime_us(void);  /* since 1970; for token expiry and RTCP NTP stamps only */
