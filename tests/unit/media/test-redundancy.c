/* Unit tests of media/redundancy: which copies go with a frame. */
#include "media/redundancy.h"

#include "base/cleanup.h"
#include "lib/test.h"

enum { FRAME = 960 };

static struct redundancy spaced(uint8_t near, uint8_t far)
{
        struct redundancy r = { 0 };

        redundancy_set(&r, (struct adapt_copies){ { near, far } });
        return r;
}

static void keep(struct redundancy *r, uint32_t i)
{
        uint8_t payload[3] = { (uint8_t)i, 1, 2 };

        redundancy_keep(r, payload, sizeof(payload), i * FRAME);
}

/* How far back the copies are that go with frame i, the oldest first, as a decimal number. */
static unsigned backs_at(const struct redundancy *r, uint32_t i)
{
        struct media_copy copies[REDUNDANCY_MAX];
        size_t n = redundancy_get(r, i * FRAME, copies);
        unsigned backs = 0;

        for (size_t k = 0; k < n; k++) {
                ASSERT_EQ(copies[k].len, 3);
                ASSERT_EQ(copies[k].payload[0] * FRAME, copies[k].timestamp);
                backs = backs * 10 + i - copies[k].payload[0];
        }
        return backs;
}

TEST(copies_are_of_the_frames_that_were_asked_for)
{
        static const struct {
                uint8_t near, far;
                unsigned at[6]; /* with frame 1, 2 … */
        } cases[] = { { 0, 0, { 0, 0, 0, 0, 0, 0 } },
                      { 1, 0, { 0, 1, 1, 1, 1, 1 } },
                      { 1, 2, { 0, 1, 21, 21, 21, 21 } },
                      { 1, 3, { 0, 1, 1, 31, 31, 31 } },
                      { 1, 4, { 0, 1, 1, 1, 41, 41 } } };

        for (unsigned c = 0; c < ARRAY_SIZE(cases); c++) {
                struct redundancy r = spaced(cases[c].near, cases[c].far);

                for (uint32_t i = 1; i <= 6; i++) {
                        ASSERT_EQ(backs_at(&r, i), cases[c].at[i - 1]);
                        keep(&r, i);
                }
        }
}

TEST(off_it_keeps_nothing)
{
        struct redundancy r = spaced(1, 2);

        keep(&r, 1);
        redundancy_set(&r, (struct adapt_copies){ { 0, 0 } });
        keep(&r, 2);
        ASSERT_EQ(backs_at(&r, 3), 0);
        redundancy_set(&r, (struct adapt_copies){ { 1, 2 } });
        ASSERT_EQ(backs_at(&r, 3), 0);
        keep(&r, 3);
        ASSERT_EQ(backs_at(&r, 4), 1);
        redundancy_clear(&r);
        ASSERT_EQ(backs_at(&r, 4), 0);
}

TEST(another_spacing_takes_what_is_kept)
{
        struct redundancy r = spaced(1, 0);

        for (uint32_t i = 1; i <= 4; i++)
                keep(&r, i);
        redundancy_set(&r, (struct adapt_copies){ { 1, 4 } });
        ASSERT_EQ(backs_at(&r, 5), 41);
}

TEST(a_pause_or_another_length_begins_a_new_run)
{
        struct redundancy r = spaced(1, 2);

        keep(&r, 1);
        keep(&r, 2);
        ASSERT_EQ(backs_at(&r, 3), 21);
        ASSERT_EQ(backs_at(&r, 4), 0); /* after a pause */
        keep(&r, 4);
        ASSERT_EQ(backs_at(&r, 6), 2); /* frames of 40 ms from here on */
        keep(&r, 6);
        ASSERT_EQ(backs_at(&r, 8), 42);
        ASSERT_EQ(backs_at(&r, 7), 0);
}

TEST(a_frame_too_long_for_the_header_is_not_kept)
{
        static const uint8_t big[REDUNDANCY_COPY_MAX + 1];
        struct media_copy copies[REDUNDANCY_MAX];
        struct redundancy r = spaced(1, 2);

        redundancy_keep(&r, big, REDUNDANCY_COPY_MAX, 0);
        redundancy_keep(&r, big, 1, FRAME);
        ASSERT_EQ(redundancy_get(&r, 2 * FRAME, copies), 2);
        ASSERT_EQ(copies[0].len, REDUNDANCY_COPY_MAX);
        ASSERT_EQ(copies[1].len, 1);
        redundancy_keep(&r, big, REDUNDANCY_COPY_MAX + 1, 2 * FRAME); /* and those before it would be miscounted */
        ASSERT_EQ(redundancy_get(&r, 3 * FRAME, copies), 0);
}

TEST(the_clock_may_wrap)
{
        struct redundancy r = spaced(1, 0);
        struct media_copy copies[REDUNDANCY_MAX];

        redundancy_keep(&r, (const uint8_t *)"x", 1, UINT32_MAX - 100);
        ASSERT_EQ(redundancy_get(&r, 859, copies), 1);
}
