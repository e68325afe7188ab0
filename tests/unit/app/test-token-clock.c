/* test-token-clock.c - expiry by the wall clock, which may jump, on timers that count monotonic time. */
#include "app/token.h"
#include "base/clock.h"
#include "lib/test.h"
#include "lib/vloop.h"

enum { START_S = 1700000000 };

static struct loop *loop;
static uint64_t jump_us; /* by how much the wall clock was set ahead, or the machine slept */

static uint64_t wall_us(void)
{
        return START_S * US_PER_SEC + loop_now_us(loop) + jump_us;
}

struct heard {
        unsigned warnings, ends;
};

static void on_warning(void *ctx)
{
        ((struct heard *)ctx)->warnings++;
}

static void on_end(void *ctx)
{
        ((struct heard *)ctx)->ends++;
}

static void start(struct token_clock *t, struct heard *h)
{
        *h = (struct heard){ 0 };
        jump_us = 0;
        loop = vloop_new(0);
        ASSERT_OK(token_clock_init(t, loop, wall_us));
        t->will_expire = on_warning;
        t->expired = on_end;
        t->ctx = h;
}

static void set(struct token_clock *t, uint64_t expires_at)
{
        token_clock_set(t, (struct token_life){ .expires_at = expires_at, .ends_room = true });
}

static void finish(struct token_clock *t)
{
        token_clock_done(t);
        vloop_free(loop);
}

TEST(never_means_never)
{
        struct token_clock t = { 0 };
        struct heard h;

        start(&t, &h);
        set(&t, 0);
        vloop_run_for(loop, 3600 * US_PER_SEC);
        ASSERT_EQ(h.warnings + h.ends, 0);
        finish(&t);
}

TEST(warning_and_end_come_once)
{
        struct token_clock t = { 0 };
        struct heard h;

        start(&t, &h);
        set(&t, START_S + 1000);
        vloop_run_for(loop, 970 * US_PER_SEC - 1);
        ASSERT_EQ(h.warnings, 0);
        vloop_run_for(loop, 1);
        ASSERT_EQ(h.warnings, 1);
        vloop_run_for(loop, 31 * US_PER_SEC - 1);
        ASSERT_EQ(h.ends, 0);
        vloop_run_for(loop, 1);
        ASSERT_EQ(h.ends, 1);
        vloop_run_for(loop, 1000 * US_PER_SEC);
        ASSERT_EQ(h.warnings, 1);
        ASSERT_EQ(h.ends, 1);
        finish(&t);
}

TEST(a_stopped_clock_is_silent)
{
        struct token_clock t = { 0 };
        struct heard h;

        start(&t, &h);
        set(&t, START_S + 100);
        vloop_run_for(loop, 60 * US_PER_SEC);
        set(&t, 0);
        vloop_run_for(loop, 100 * US_PER_SEC);
        ASSERT_EQ(h.warnings + h.ends, 0);
        finish(&t);
}

TEST(a_machine_that_slept_notices_soon)
{
        struct token_clock t = { 0 };
        struct heard h;

        start(&t, &h);
        set(&t, START_S + 3600);
        vloop_run_for(loop, 10 * US_PER_SEC);
        jump_us = 7200 * US_PER_SEC;
        vloop_run_for(loop, 30 * US_PER_SEC);
        ASSERT_EQ(h.ends, 1);
        finish(&t);
}

TEST(the_largest_expiry_is_no_overflow)
{
        struct token_clock t = { 0 };
        struct heard h;

        start(&t, &h);
        set(&t, UINT32_MAX);
        vloop_run_for(loop, 3600 * US_PER_SEC);
        ASSERT_EQ(h.warnings + h.ends, 0);
        set(&t, 1); /* and the smallest no underflow */
        vloop_run_for(loop, 1);
        ASSERT_EQ(h.ends, 1);
        finish(&t);
}

TEST(what_only_opens_a_room_never_ends_it)
{
        struct token_clock t = { 0 };
        struct heard h;

        start(&t, &h);
        set(&t, START_S + 100);
        token_clock_set(&t, (struct token_life){ .expires_at = START_S + 100 });
        ASSERT_EQ(t.life.expires_at, START_S + 100);
        vloop_run_for(loop, 200 * US_PER_SEC);
        ASSERT_EQ(h.warnings + h.ends, 0);
        finish(&t);
}
