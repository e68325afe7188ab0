/* fake-wallclock.c - see fake-wallclock.h. The program's own gettimeofday() comes before libc's for every library. */
#include "fakes/fake-wallclock.h"

#include <sys/time.h>
#include <time.h>

#include "base/clock.h"

static struct loop *followed;

void fake_wallclock_follow(struct loop *l)
{
        followed = l;
}

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
        struct timespec ts;
        uint64_t now_us;

        (void)tz;
        if (!followed) {
                (void)clock_gettime(CLOCK_REALTIME, &ts);
                *tv = (struct timeval){ .tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000 };
                return 0;
        }
        now_us = loop_now_us(followed);
        *tv = (struct timeval){ .tv_sec = (time_t)(now_us / US_PER_SEC),
                                .tv_usec = (suseconds_t)(now_us % US_PER_SEC) };
        return 0;
}
