/* Unit tests of media/redundancy: which copies go with a frame, by what the receivers report. */
#include "media/redundancy.h"

#include "lib/test.h"

enum { FRAME = 960 };

static struct redundancy with_loss(uint8_t percent)
{
        struct redundancy r = { 0 };

        redundancy_set(&r, true);
        redundancy_report(&r, percent);
        return r;
}

static void keep(struct redundancy *r, uint32_t i)
{
        uint8_t payload[3] = { (uint8_t)i, 1, 2 };

        redundancy_keep(r, payload, sizeof(payload), i * FRAME);
}

static size_t copies_at(const struct redundancy *r, uint32_t i)
{
        struct media_copy copies[REDUNDANCY_MAX];
        size_t n = redundancy_get(r, i * FRAME, copies);

        for (size_t k = 0; k < n; k++) { /* those right before, the oldest first */
                ASSERT_EQ(copies[k].payload[0], i - n + k);
                ASSERT_EQ(copies[k].timestamp, (i - n + k) * FRAME);
                ASSERT_EQ(copies[k].len, 3);
        }
        return n;
}

TEST(the_reported_loss_decides_how_many)
{
        static const struct {
                uint8_t percent;
                size_t copies;
        } rule[] = { { 0, 1 }, { 4, 1 }, { 5, 2 }, { 100, 2 } };

        for (unsigned i = 0; i < 4; i++) {
                struct redundancy r = with_loss(rule[i].percent);

                ASSERT_EQ(copies_at(&r, 1), 0); /* nothing was said before */
                keep(&r, 1);
                ASSERT_EQ(copies_at(&r, 2), 1);
                keep(&r, 2);
                keep(&r, 3);
                ASSERT_EQ(copies_at(&r, 4), rule[i].copies);
        }
}

TEST(worse_is_believed_at_once_and_better_slowly)
{
        struct redundancy r = with_loss(1);

        redundancy_report(&r, 20);
        ASSERT_EQ(r.loss_percent, 20);
        redundancy_report(&r, 0);
        ASSERT_EQ(r.loss_percent, 17);
        for (unsigned i = 0; i < 20; i++)
                redundancy_report(&r, 2);
        ASSERT_EQ(r.loss_percent, 2);
        for (unsigned i = 0; i < 2; i++)
                redundancy_report(&r, 0);
        ASSERT_EQ(r.loss_percent, 0);
        redundancy_report(&r, 255);
        ASSERT_EQ(r.loss_percent, 255);
        redundancy_report(&r, 0);
        ASSERT_EQ(r.loss_percent, 223);
}

TEST(off_it_keeps_nothing)
{
        struct redundancy r = with_loss(10);

        keep(&r, 1);
        redundancy_set(&r, false);
        keep(&r, 2);
        ASSERT_EQ(copies_at(&r, 3), 0);
        redundancy_set(&r, true);
        ASSERT_EQ(copies_at(&r, 3), 0);
        keep(&r, 3);
        ASSERT_EQ(copies_at(&r, 4), 1);
        redundancy_clear(&r);
        ASSERT_EQ(copies_at(&r, 4), 0);
}

TEST(what_a_header_cannot_say_is_left_out)
{
        static const uint8_t big[REDUNDANCY_COPY_MAX + 1];
        struct redundancy r = with_loss(10);
        struct media_copy copies[REDUNDANCY_MAX];

        redundancy_keep(&r, big, REDUNDANCY_COPY_MAX, 0);
        redundancy_keep(&r, big, 1, FRAME);
        ASSERT_EQ(redundancy_get(&r, REDUNDANCY_AGE_MAX, copies), 2);
        ASSERT_EQ(copies[0].len, REDUNDANCY_COPY_MAX);
        ASSERT_EQ(redundancy_get(&r, REDUNDANCY_AGE_MAX + 1, copies), 1);
        ASSERT_EQ(copies[0].len, 1);
        ASSERT_EQ(redundancy_get(&r, FRAME + REDUNDANCY_AGE_MAX + 1, copies), 0);
        redundancy_keep(&r, big, REDUNDANCY_COPY_MAX + 1, 2 * FRAME); /* and those before it would be miscounted */
        ASSERT_EQ(redundancy_get(&r, 3 * FRAME, copies), 0);
}

TEST(the_clock_may_wrap)
{
        struct redundancy r = with_loss(1);
        struct media_copy copies[REDUNDANCY_MAX];

        redundancy_keep(&r, (const uint8_t *)"x", 1, UINT32_MAX - 100);
        ASSERT_EQ(redundancy_get(&r, 859, copies), 1);
}
