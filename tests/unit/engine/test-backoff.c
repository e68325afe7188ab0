/* test-backoff.c - the pauses between tries to come back to a server. */
#include "base/clock.h"
#include "engine/backoff.h"
#include "lib/test.h"
#include "lib/vloop.h"

TEST(the_first_try_is_made_at_once)
{
        ASSERT_EQ(backoff_pause_us(0, 0), 0);
        ASSERT_EQ(backoff_pause_us(0, UINT64_MAX), 0);
}

TEST(pauses_double_up_to_five_seconds)
{
        static const unsigned ms[] = { 250, 500, 1000, 2000, 4000, 5000, 5000 };

        for (unsigned i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
                for (uint64_t chance = 0; chance < 1000; chance++) {
                        uint64_t us = backoff_pause_us(i + 1, chance * UINT64_C(0x123456789)),
                                 mean = ms[i] * US_PER_MS;

                        ASSERT_LE(mean * 3 / 4, us);
                        ASSERT_LT(us, mean * 5 / 4);
                }
        ASSERT_LT(backoff_pause_us(UINT32_MAX, UINT64_MAX), 6250 * US_PER_MS); /* and for ever after */
}

TEST(two_who_lost_the_same_server_do_not_come_back_together)
{
        unsigned apart = 0;

        for (unsigned i = 1; i <= 100; i++) {
                uint64_t a = backoff_pause_us(i, 1), b = backoff_pause_us(i, 1000);

                apart += (a > b ? a - b : b - a) > 20 * US_PER_MS;
        }
        ASSERT_GT(apart, 80);
}

struct server {
        struct loop *loop;
        struct loop_source *timer;
        unsigned tries;
};

/* It refuses before anybody could have waited for it. */
static void refuse(void *ctx)
{
        struct server *s = ctx;

        ASSERT_OK(loop_set_timer(s->timer, loop_now_us(s->loop) + backoff_pause_us(s->tries++, 7)));
}

TEST(tries_that_fail_at_once_are_not_used_up_in_a_moment)
{
        struct server s = { .loop = vloop_new(1000 * US_PER_SEC) };

        ASSERT(s.loop);
        ASSERT_OK(loop_add_timer(s.loop, 0, refuse, &s, &s.timer));
        vloop_run_for(s.loop, US_PER_SEC);
        ASSERT_LE(s.tries, 4);
        vloop_run_for(s.loop, 59 * US_PER_SEC);
        ASSERT_GT(s.tries, 10);
        ASSERT_LT(s.tries, 25);
        loop_remove(s.timer);
        vloop_free(s.loop);
}
