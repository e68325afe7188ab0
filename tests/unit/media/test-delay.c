/* Unit tests of media/delay: steps of the line, spikes and reordering are told apart. */
#include "media/delay.h"

#include "base/clock.h"
#include "lib/test.h"

enum { FRAME = 960, FRAME_US = 20000, WAY_US = 30000 };

struct path {
        struct delay d;
        uint32_t i; /* packets so far */
};

/* n packets that take so long, the first of them also `spike_us` more, the next 20 ms less, and so on: a stall. */
static void packets(struct path *p, uint32_t n, int64_t way_us, int64_t spike_us)
{
        for (uint32_t k = 0; k < n; k++, p->i++) {
                int64_t more_us = spike_us - (int64_t)k * FRAME_US;

                delay_observe(&p->d, (int64_t)p->i * FRAME,
                              (uint64_t)((int64_t)p->i * FRAME_US + way_us + (more_us > 0 ? more_us : 0)), false);
        }
}

static struct path settled(void)
{
        struct path p = { 0 };

        delay_init(&p.d);
        packets(&p, 2000, WAY_US, 0);
        ASSERT_EQ(delay_base_us(&p.d), WAY_US);
        ASSERT_LE(delay_target_us(&p.d), 4000u);
        return p;
}

TEST(a_longer_way_moves_the_base_within_half_a_second_and_is_not_lateness)
{
        struct path p = settled();

        packets(&p, DELAY_STEP_PACKETS - 1, WAY_US + 150000, 0);
        ASSERT_EQ(delay_base_us(&p.d), WAY_US);
        packets(&p, 1, WAY_US + 150000, 0);
        ASSERT_EQ(delay_base_us(&p.d), WAY_US + 150000);
        ASSERT_LE(delay_target_us(&p.d), 4000u);
}

TEST(a_shorter_way_moves_the_base_at_once)
{
        struct path p = settled();

        packets(&p, 1, WAY_US - 20000, 0);
        ASSERT_EQ(delay_base_us(&p.d), WAY_US - 20000);
        ASSERT_LE(delay_target_us(&p.d), 4000u);
}

TEST(after_a_step_the_next_one_is_waited_for_half_a_minute)
{
        struct path p = settled();

        packets(&p, 250, WAY_US + 150000, 0);
        packets(&p, 250, WAY_US, 0);
        ASSERT_EQ(delay_base_us(&p.d), WAY_US);
        ASSERT_GE(delay_target_us(&p.d), 150000u);
        ASSERT_LE(delay_target_us(&p.d), 154000u);
        packets(&p, 1250, WAY_US, 0);
        ASSERT_LE(delay_target_us(&p.d), 4000u);
}

TEST(one_stall_is_no_step_and_moves_nothing)
{
        struct path p = settled();

        packets(&p, 50, WAY_US, 200000);
        ASSERT_EQ(delay_base_us(&p.d), WAY_US);
        ASSERT_LE(delay_target_us(&p.d), 20000u);
}

TEST(stalls_again_and_again_are_waited_for)
{
        struct path p = settled();

        for (int i = 0; i < 10; i++)
                packets(&p, 150, WAY_US, 200000);
        ASSERT_EQ(delay_base_us(&p.d), WAY_US);
        ASSERT_GE(delay_target_us(&p.d), 180000u);
}

/* Each twentieth is overtaken by the one behind it. */
TEST(reordering_is_waited_for_and_no_step)
{
        struct path p = settled();

        for (int i = 0; i < 50; i++) {
                packets(&p, 18, WAY_US, 0);
                delay_observe(&p.d, (int64_t)(p.i + 1) * FRAME, (uint64_t)(p.i + 1) * FRAME_US + WAY_US, false);
                delay_observe(&p.d, (int64_t)p.i * FRAME, (uint64_t)p.i * FRAME_US + WAY_US + 30000, false);
                p.i += 2;
        }
        ASSERT_EQ(delay_base_us(&p.d), WAY_US);
        ASSERT_GE(delay_target_us(&p.d), 22000u);
        ASSERT_LE(delay_target_us(&p.d), 34000u);
}

TEST(a_new_time_line_forgets_steps)
{
        struct path p = settled();

        packets(&p, 50, WAY_US + 150000, 0);
        delay_restart(&p.d);
        packets(&p, 1, WAY_US, 0);
        ASSERT_LE(delay_target_us(&p.d), 4000u);
}
