/* Unit tests of app/quality: figures between two looks, and every grade at its limits. */
#include "app/quality.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "lib/test.h"

enum { TWO_SECONDS = 2 * US_PER_SEC };

static struct quality_figures look(struct quality_stream *s, uint64_t expected, int64_t lost, uint64_t bytes,
                                   uint64_t reports)
{
        struct quality_figures f;

        quality_look(
                s,
                &(struct quality_counters){ .expected = expected, .lost = lost, .bytes = bytes, .reports = reports },
                TWO_SECONDS, &f);
        return f;
}

TEST(figures_are_those_since_the_look_before)
{
        struct quality_stream s = { 0 };
        struct quality_figures f = look(&s, 1000, 500, 90000, 0);

        ASSERT(!f.known); /* nothing to compare with */
        ASSERT_EQ(quality_grade(&f, 0, 0), QUALITY_UNKNOWN);
        f = look(&s, 1100, 505, 98000, 0);
        ASSERT(f.known && !f.down);
        ASSERT_EQ(f.expected, 100);
        ASSERT_EQ(f.lost, 5);
        ASSERT_EQ(f.bitrate, 32000);
        ASSERT_NEAR(quality_loss_rate(&f), 0.05, 1e-9);
        f = look(&s, 1100, 505, 98000, 0); /* silence */
        ASSERT(!f.known);
        ASSERT_EQ(f.bitrate, 0);
        ASSERT_NEAR(quality_loss_rate(&f), 0, 1e-9);
}

TEST(counts_that_make_no_sense_are_bounded)
{
        struct quality_stream s = { 0 };
        struct quality_figures f;

        (void)look(&s, 100, 10, 1000, 0);
        f = look(&s, 200, 5, 2000, 0); /* late packets take losses back */
        ASSERT_EQ(f.lost, 0);
        f = look(&s, 210, 500, 3000, 0);
        ASSERT_EQ(f.lost, 10);
        ASSERT_EQ(quality_grade(&f, 0, 0), QUALITY_DOWN);
        f = look(&s, 20, 0, 100, 0); /* another stream: joined again */
        ASSERT(!f.known);
        f = look(&s, 120, 1, 5000, 0);
        ASSERT_EQ(f.expected, 100);
        ASSERT_EQ(f.lost, 1);
}

TEST(every_limit)
{
        static const struct {
                uint64_t lost; /* of 1000 */
                uint32_t rtt_ms, jitter_ms;
                enum quality_grade grade;
        } cases[] = {
                { 0, 0, 0, QUALITY_EXCELLENT },  { 10, 150, 20, QUALITY_EXCELLENT },
                { 11, 0, 0, QUALITY_GOOD },      { 0, 151, 0, QUALITY_GOOD },
                { 0, 0, 21, QUALITY_GOOD },      { 30, 300, 40, QUALITY_GOOD },
                { 31, 0, 0, QUALITY_POOR },      { 0, 301, 0, QUALITY_POOR },
                { 0, 0, 41, QUALITY_POOR },      { 80, 500, 80, QUALITY_POOR },
                { 81, 0, 0, QUALITY_BAD },       { 0, 501, 0, QUALITY_BAD },
                { 0, 0, 81, QUALITY_BAD },       { 200, 1000, 160, QUALITY_BAD },
                { 201, 0, 0, QUALITY_VERY_BAD }, { 0, 1001, 0, QUALITY_VERY_BAD },
                { 0, 0, 161, QUALITY_VERY_BAD }, { 999, 60000, 60000, QUALITY_VERY_BAD },
                { 1000, 0, 0, QUALITY_DOWN },    { 5, 10, 90, QUALITY_BAD }, /* the worst of the three */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct quality_figures f = { .known = true, .expected = 1000, .lost = cases[i].lost };

                if (quality_grade(&f, cases[i].rtt_ms * 1000, cases[i].jitter_ms * 1000) != cases[i].grade)
                        test_fail(__FILE__, __LINE__, "case %zu: %d", i,
                                  quality_grade(&f, cases[i].rtt_ms * 1000, cases[i].jitter_ms * 1000));
        }
}

TEST(a_far_end_that_falls_silent_is_down)
{
        struct quality_stream s = { 0 };
        uint64_t sent = 0, reports = 0;

        (void)look(&s, sent, 0, 0, reports);
        for (int i = 0; i < 5; i++)
                ASSERT(!look(&s, sent += 100, 0, 0, reports += 2).down);
        ASSERT(!look(&s, sent += 100, 0, 0, reports).down); /* one interval may be chance */
        ASSERT(look(&s, sent += 100, 0, 0, reports).down);
        ASSERT(!look(&s, sent, 0, 0, reports).down); /* nothing is sent, so nothing is reported */
        {
                struct quality_figures f = look(&s, sent += 100, 0, 0, reports);

                ASSERT(f.down);
                ASSERT_EQ(quality_grade(&f, 1000, 1000), QUALITY_DOWN);
                ASSERT_NEAR(quality_loss_rate(&f), 1, 1e-9);
        }
        ASSERT(!look(&s, sent += 100, 0, 0, reports + 1).down);
}

TEST(bad_news_of_the_silent_are_no_news)
{
        ASSERT_EQ(quality_said(ENGINE_QUALITY_UNKNOWN, false), QUALITY_UNKNOWN);
        ASSERT_EQ(quality_said(ENGINE_QUALITY_EXCELLENT, false), QUALITY_EXCELLENT);
        ASSERT_EQ(quality_said(ENGINE_QUALITY_POOR, false), QUALITY_POOR);
        ASSERT_EQ(quality_said(ENGINE_QUALITY_LOST, false), QUALITY_DOWN);
        ASSERT_EQ(quality_said(ENGINE_QUALITY_GOOD, true), QUALITY_GOOD);
        ASSERT_EQ(quality_said(ENGINE_QUALITY_POOR, true), QUALITY_UNKNOWN);
        ASSERT_EQ(quality_said(ENGINE_QUALITY_LOST, true), QUALITY_UNKNOWN);
}

TEST(a_far_end_that_never_reports_is_not_down)
{
        struct quality_stream s = { 0 };

        for (uint64_t i = 0; i < 10; i++)
                ASSERT(!look(&s, i * 100, 0, i * 1000, 0).down);
}
