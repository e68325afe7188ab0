/* The bad line that tests and benchmarks send through. */
#include "lib/line.h"

#include <errno.h>
#include <math.h>

#include "base/clock.h"
#include "lib/test.h"

enum { FRAME_US = 20000, PACKETS = 20000 };

static struct line *line_of(const char *trace, uint64_t seed)
{
        struct line *l;
        unsigned n;

        ASSERT_OK(line_new(trace, seed, &l, &n));
        return l;
}

struct outcome {
        unsigned lost, bursts, copies, overtaken, stalled;
        double mean_ms, most_ms, last_ms;
};

static struct outcome send_all(struct line *l, unsigned packets, size_t bytes)
{
        struct outcome o = { 0 };
        uint64_t last_us = 0, due_us[LINE_COPIES_MAX];
        bool losing = false;

        for (unsigned i = 0; i < packets; i++) {
                uint64_t now_us = 1000000 + (uint64_t)i * FRAME_US;
                unsigned n = line_pass(l, now_us, bytes, true, due_us);

                o.lost += n == 0;
                o.bursts += n == 0 && !losing;
                losing = n == 0;
                for (unsigned c = 0; c < n; c++) {
                        double ms = (double)(due_us[c] - now_us) / 1e3;

                        o.copies++;
                        o.overtaken += due_us[c] < last_us;
                        o.stalled += ms > 100;
                        o.mean_ms += ms;
                        o.most_ms = fmax(o.most_ms, ms);
                        o.last_ms = ms;
                        last_us = due_us[c];
                }
        }
        o.mean_ms /= o.copies ? o.copies : 1;
        return o;
}

static struct outcome outcome_of(const char *trace)
{
        _cleanup_(line_freep) struct line *l = line_of(trace, 1);

        return send_all(l, PACKETS, 100);
}

TEST(a_constant_delay_is_constant)
{
        struct outcome o = outcome_of("at 0 delay 40");

        ASSERT_EQ(o.copies, PACKETS);
        ASSERT_NEAR(o.mean_ms, 40, 1e-9);
        ASSERT_NEAR(o.most_ms, 40, 1e-9);
}

TEST(exponential_jitter_has_its_mean_and_overtakes_unless_told_not_to)
{
        ASSERT_NEAR(outcome_of("at 0 jitter 15").mean_ms, 15, 0.5);
        ASSERT_LT(100u, outcome_of("at 0 jitter 15").overtaken);
        ASSERT_EQ(outcome_of("at 0 jitter 15 order 1").overtaken, 0u);
        ASSERT_NEAR(outcome_of("at 0 uniform 10").mean_ms, 5, 0.2);
}

TEST(loss_has_its_share_and_its_bursts_their_length)
{
        struct outcome alone = outcome_of("at 0 loss 10"), bursts = outcome_of("at 0 loss 10 burst 3");

        ASSERT_NEAR(alone.lost / (double)PACKETS, 0.10, 0.01);
        ASSERT_NEAR(alone.lost / (double)alone.bursts, 1.11, 0.05);
        ASSERT_NEAR(bursts.lost / (double)PACKETS, 0.10, 0.015);
        ASSERT_NEAR(bursts.lost / (double)bursts.bursts, 3, 0.3);
        ASSERT_EQ(outcome_of("at 0 loss 100").copies, 0u);
}

TEST(some_come_twice_and_some_late)
{
        struct outcome o = outcome_of("at 0 reorder 5 late 50");

        ASSERT_NEAR(outcome_of("at 0 duplicate 5").copies / (double)PACKETS, 1.05, 0.01);
        ASSERT_NEAR(o.mean_ms, 2.5, 0.3);
        ASSERT_NEAR(o.most_ms, 50, 1e-9);
}

TEST(a_stall_holds_what_comes_and_lets_it_out_together)
{
        struct outcome o = outcome_of("at 0 stall 200 every 2000");

        ASSERT_NEAR(o.most_ms, 200, 1e-9);
        ASSERT_NEAR(o.stalled / (double)PACKETS, 0.05, 0.005); /* five of a hundred wait longer than 100 ms */
        ASSERT_EQ(o.lost, 0u);
}

TEST(a_narrow_outlet_queues_and_drops)
{
        struct outcome slow = outcome_of("at 0 rate 80"), full = outcome_of("at 0 rate 20 queue 100");

        ASSERT_NEAR(slow.most_ms, 10, 1e-6); /* 100 bytes at 80 kbit/s */
        ASSERT_NEAR(full.lost / (double)PACKETS, 0.5, 0.01);
        ASSERT(full.most_ms <= 140);
}

TEST(a_slow_clock_drifts)
{
        ASSERT_NEAR(outcome_of("at 0 delay 100 drift 200").last_ms, 180, 0.1); /* 400 s at 200 ppm */
        ASSERT_NEAR(outcome_of("at 0 delay 100 drift -200").last_ms, 20, 0.1);
}

TEST(steps_follow_each_other_and_come_again)
{
        _cleanup_(line_freep) struct line *l =
                line_of("# a step\nat 0 delay 40\nat 2 delay 190 # and back\nagain 4\n", 1);
        uint64_t due_us[LINE_COPIES_MAX];

        for (unsigned s = 0; s < 8; s++) {
                ASSERT_EQ(line_pass(l, s * US_PER_SEC, 100, true, due_us), 1u);
                ASSERT_EQ(due_us[0], s * US_PER_SEC + (s % 4 < 2 ? 40000 : 190000));
        }
}

TEST(what_is_not_impaired_is_delayed_only)
{
        _cleanup_(line_freep) struct line *l = line_of("at 0 delay 25 loss 100", 1);
        uint64_t due_us[LINE_COPIES_MAX];

        ASSERT_EQ(line_pass(l, 0, 100, false, due_us), 1u);
        ASSERT_EQ(due_us[0], 25000u);
        ASSERT_EQ(line_pass(l, 0, 100, true, due_us), 0u);
}

TEST(equal_seeds_give_equal_lines)
{
        for (uint64_t seed = 1; seed < 4; seed++) {
                _cleanup_(line_freep) struct line *a = line_of("at 0 jitter 15 loss 5 burst 2 duplicate 1", seed);
                _cleanup_(line_freep) struct line *b = line_of("at 0 jitter 15 loss 5 burst 2 duplicate 1", seed);
                struct outcome x = send_all(a, 1000, 100), y = send_all(b, 1000, 100);

                ASSERT_EQ(memcmp(&x, &y, sizeof(x)), 0);
        }
}

TEST(a_wrong_trace_is_told_with_its_line)
{
        static const struct {
                const char *trace;
                unsigned line;
        } wrong[] = {
                { "", 1 },
                { "at 1 delay 4", 1 },
                { "at 0 delay", 1 },
                { "at 0 delay x", 1 },
                { "at 0 delay 1\nat 0 delay 2", 2 },
                { "at 0 loss 101", 1 },
                { "at 0 loss -1", 1 },
                { "at 0 colour 1", 1 },
                { "# what\nnow 0", 2 },
                { "at 0 delay 1\nagain 0", 2 },
                { "at 0 delay 1\nagain 1 delay 2", 2 },
                { "at nan", 1 },
        };
        struct line *l;
        unsigned n;

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                ASSERT_EQ(line_new(wrong[i].trace, 1, &l, &n), -EINVAL);
                ASSERT_EQ(n, wrong[i].line);
        }
}
