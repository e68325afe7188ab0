/* Unit tests of media/adapt: what reports make of the plan. */
#include "media/adapt.h"

#include "base/cleanup.h"
#include "lib/test.h"

enum { BITRATE = 32000, RTT_US = 40000 };

static struct adapt fresh(bool fec, bool redundant)
{
        struct adapt a;

        adapt_init(&a, BITRATE, 20);
        adapt_format(&a, fec, redundant);
        return a;
}

static struct adapt_plan plan(const struct adapt *a)
{
        struct adapt_plan p;

        adapt_get_plan(a, &p);
        return p;
}

static struct adapt_plan after(struct adapt *a, uint8_t loss, uint32_t rtt_us, double burst, unsigned times)
{
        while (times-- > 0)
                adapt_report(a, &(struct adapt_report){ loss, rtt_us, burst });
        return plan(a);
}

TEST(loss_and_its_bursts_decide_the_repair)
{
        static const struct {
                bool fec, redundant;
                uint8_t loss;
                double burst;
                uint8_t near, far, fec_percent;
        } rule[] = { { true, true, 0, 0, 1, 0, 0 },    { true, true, 4, 3, 1, 0, 0 },
                     { true, true, 5, 1, 1, 2, 0 },    { true, true, 10, 1.1, 1, 2, 10 },
                     { true, true, 20, 0, 1, 2, 20 },  { true, true, 9, 2, 1, 3, 0 },
                     { true, true, 10, 3, 1, 4, 10 },  { false, true, 20, 1, 1, 2, 0 },
                     { true, false, 0, 0, 0, 0, 0 },   { true, false, 1, 1, 0, 0, 1 },
                     { true, false, 20, 3, 0, 0, 20 }, { false, false, 20, 3, 0, 0, 0 } };

        for (unsigned i = 0; i < ARRAY_SIZE(rule); i++) {
                struct adapt a = fresh(rule[i].fec, rule[i].redundant);
                struct adapt_plan p = after(&a, rule[i].loss, RTT_US, rule[i].burst, 1);

                ASSERT_EQ(p.copies.back[0], rule[i].near);
                ASSERT_EQ(p.copies.back[1], rule[i].far);
                ASSERT_EQ(p.fec_percent, rule[i].fec_percent);
                ASSERT_EQ(p.bitrate, BITRATE);
                ASSERT_EQ(p.frame_ms, 20);
        }
}

TEST(worse_is_believed_at_once_and_better_slowly)
{
        struct adapt a = fresh(true, false);

        after(&a, 1, RTT_US, 1, 1);
        ASSERT_EQ(after(&a, 20, RTT_US, 1, 1).fec_percent, 20);
        ASSERT_EQ(after(&a, 0, RTT_US, 0, 1).fec_percent, 17);
        ASSERT_EQ(after(&a, 2, RTT_US, 1, 20).fec_percent, 2);
        ASSERT_EQ(after(&a, 0, RTT_US, 0, 2).fec_percent, 0);
}

TEST(one_long_loss_is_not_yet_a_pattern)
{
        struct adapt a = fresh(true, true);

        after(&a, 10, RTT_US, 1, 5);
        ASSERT_EQ(after(&a, 10, RTT_US, 3, 1).copies.back[1], 2);
        ASSERT_EQ(after(&a, 10, RTT_US, 3, 1).copies.back[1], 3);
        ASSERT_EQ(after(&a, 10, RTT_US, 3, 4).copies.back[1], 4);
        ASSERT_EQ(after(&a, 10, RTT_US, 0, 9).copies.back[1], 4); /* nothing was seen of it */
        ASSERT_EQ(after(&a, 10, RTT_US, 1, 9).copies.back[1], 2);
}

TEST(random_loss_takes_no_bits)
{
        struct adapt a = fresh(true, true);

        ASSERT_EQ(after(&a, 29, RTT_US, 1, 100).bitrate, BITRATE);
}

/* Copies go first, then the headers are thinned out, then the voice; all come back, and the configured length is the
 * shortest. */
TEST(a_queue_shrinks_what_is_sent)
{
        struct adapt a = fresh(true, true);
        struct adapt_plan before = after(&a, 8, RTT_US, 1, 3), p = before;
        bool one = false, none = false, longer = false;

        ASSERT_EQ(after(&a, 8, RTT_US + 150000, 1, 1).bitrate, BITRATE); /* once is chance */
        after(&a, 8, RTT_US, 1, 1);
        for (unsigned i = 0; i < 12; i++) {
                p = after(&a, 8, RTT_US + 400000, 1, 1);
                one |= p.copies.back[0] == 1 && p.copies.back[1] == 0;
                none |= p.copies.back[0] == 0 && p.frame_ms == 20;
                longer |= p.frame_ms == 40;
        }
        ASSERT(one && none && longer);
        ASSERT_EQ(p.frame_ms, 60);
        ASSERT_EQ(p.bitrate, 6000);
        p = after(&a, 8, RTT_US, 1, 60);
        ASSERT_EQ(memcmp(&p, &before, sizeof(p)), 0);
}

TEST(a_policer_is_a_queue_without_waiting)
{
        struct adapt a = fresh(true, true);

        ASSERT_LT(after(&a, 60, RTT_US, 5, 4).bitrate, BITRATE);
        ASSERT_EQ(after(&a, 0, 0, 0, 100).bitrate, BITRATE); /* nor need there be a round trip at all */
}

TEST(a_path_that_became_longer_is_no_queue_for_ever)
{
        struct adapt a = fresh(false, false);

        after(&a, 0, RTT_US, 0, 10);
        ASSERT_LT(after(&a, 0, RTT_US + 250000, 0, 10).bitrate, BITRATE);
        ASSERT_EQ(after(&a, 0, RTT_US + 250000, 0, 200).bitrate, BITRATE);
}

TEST(a_low_bitrate_of_the_configuration_is_enough)
{
        struct adapt a;
        struct adapt_plan p;

        adapt_init(&a, 8000, 10);
        adapt_format(&a, true, true);
        p = after(&a, 10, RTT_US, 1, 10);
        ASSERT_EQ(p.bitrate, 8000);
        ASSERT_EQ(p.frame_ms, 10);
        ASSERT_EQ(p.copies.back[1], 2);
        p = after(&a, 10, RTT_US + 400000, 1, 20);
        ASSERT_EQ(p.frame_ms, 60);
        ASSERT_EQ(p.bitrate, 6000);
}
