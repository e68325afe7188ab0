/* test-rtp-source.c - RFC 3550 arithmetic by hand-computed cases, and which packets are asked for when. */
#include "transport/rtp-source.h"

#include "base/loop.h"
#include "lib/test.h"

enum { FRAME = 960, FRAME_US = 20000 };

static void put(struct rtp_source *s, uint16_t seq, uint64_t now_us)
{
        (void)rtp_source_put(s, seq, (uint32_t)seq * FRAME, now_us);
}

/* Frames first … last, 20 ms apart, beginning at `at_us`. */
static void put_run(struct rtp_source *s, unsigned first, unsigned last, uint64_t at_us)
{
        for (unsigned i = first; i <= last; i++)
                put(s, (uint16_t)i, at_us + (uint64_t)(i - first) * FRAME_US);
}

TEST(nothing_lost)
{
        struct rtp_source s;
        struct rtcp_report r;

        rtp_source_init(&s, 1, 48000, 100);
        put_run(&s, 100, 149, 0);
        rtp_source_report(&s, 1000000, &r);
        ASSERT_EQ(r.ssrc, 1);
        ASSERT_EQ(r.lost, 0);
        ASSERT_EQ(r.fraction_lost, 0);
        ASSERT_EQ(r.highest_seq, 149);
        ASSERT_EQ(r.jitter, 0);
        ASSERT_EQ(r.last_sr, 0);
        ASSERT_EQ(r.delay, 0);
}

TEST(losses_of_the_interval_and_in_all)
{
        struct rtp_source s;
        struct rtcp_report r;

        rtp_source_init(&s, 1, 48000, 0);
        put_run(&s, 0, 74, 0);
        put_run(&s, 100, 100, 2000000); /* 25 of 101 */
        rtp_source_report(&s, 2000000, &r);
        ASSERT_EQ(r.lost, 25);
        ASSERT_EQ(r.fraction_lost, 25 * 256 / 101);
        put_run(&s, 101, 110, 2020000); /* none of the next ten */
        rtp_source_report(&s, 3000000, &r);
        ASSERT_EQ(r.lost, 25);
        ASSERT_EQ(r.fraction_lost, 0);
}

TEST(numbers_wrap)
{
        struct rtp_source s;
        struct rtcp_report r;

        rtp_source_init(&s, 1, 48000, 65530);
        put_run(&s, 65530, 65545, 0); /* truncated to 16 bits by put() */
        rtp_source_report(&s, 0, &r);
        ASSERT_EQ(r.highest_seq, 65545);
        ASSERT_EQ(r.lost, 0);
}

TEST(begins_at_zero)
{
        struct rtp_source s;
        struct rtcp_report r;

        rtp_source_init(&s, 1, 48000, 0);
        put_run(&s, 0, 9, 0);
        rtp_source_report(&s, 0, &r);
        ASSERT_EQ(r.highest_seq, 9);
        ASSERT_EQ(r.lost, 0);
}

TEST(what_was_found_is_not_asked_for)
{
        uint16_t seqs[RTP_SOURCE_MISSING_MAX];
        struct rtp_source s;

        rtp_source_init(&s, 1, 48000, 0);
        put_run(&s, 0, 4, 0);
        put(&s, 8, 160000);
        rtp_source_found(&s, 6);
        rtp_source_found(&s, 7);
        rtp_source_found(&s, 3); /* was there */
        ASSERT_EQ(rtp_source_due(&s, 160000, 0, seqs), 1);
        ASSERT_EQ(seqs[0], 5);
        rtp_source_found(&s, 5);
        ASSERT_EQ(rtp_source_next_us(&s), LOOP_NEVER);
}

TEST(a_jump_is_a_new_beginning)
{
        struct rtp_source s;
        struct rtcp_report r;

        rtp_source_init(&s, 1, 48000, 10);
        put_run(&s, 10, 20, 0);
        put_run(&s, 30000, 30010, 500000);
        rtp_source_report(&s, 0, &r);
        ASSERT_EQ(r.lost, 0);
        ASSERT_EQ(r.highest_seq, 30010);
        put_run(&s, 5, 8, 800000); /* back, too */
        rtp_source_report(&s, 0, &r);
        ASSERT_EQ(r.lost, 0);
        ASSERT_EQ(r.highest_seq, 8);
}

/* Every other packet 5 ms late: |D| is 240 units each time, and J climbs towards it (RFC 3550 A.8). */
TEST(jitter_follows_the_formula)
{
        struct rtp_source s;
        struct rtcp_report r;
        double j = 0;

        rtp_source_init(&s, 1, 48000, 0);
        for (unsigned i = 0; i < 200; i++) {
                put(&s, (uint16_t)i, (uint64_t)i * FRAME_US + (i % 2 ? 5000 : 0));
                if (i > 0)
                        j += (240 - j) / 16;
        }
        rtp_source_report(&s, 0, &r);
        ASSERT_NEAR(r.jitter, j, 2);
        ASSERT_GT(r.jitter, 230);
}

TEST(delay_since_sender_report)
{
        struct rtp_source s;
        struct rtcp_report r;

        rtp_source_init(&s, 1, 48000, 0);
        put(&s, 0, 0);
        rtp_source_sender_report(&s, UINT64_C(0x1122334455667788), 1000000);
        rtp_source_report(&s, 1500000, &r);
        ASSERT_EQ(r.last_sr, 0x33445566);
        ASSERT_EQ(r.delay, 32768); /* half a second in 1/65536 */
}

TEST(a_gap_is_asked_for_at_once_and_thrice)
{
        struct rtp_source s;
        uint16_t seqs[RTP_SOURCE_MISSING_MAX];

        rtp_source_init(&s, 1, 48000, 0);
        put(&s, 0, 0);
        ASSERT_EQ(rtp_source_next_us(&s), LOOP_NEVER);
        put(&s, 3, 60000);
        ASSERT_EQ(rtp_source_next_us(&s), 60000);
        ASSERT_EQ(rtp_source_due(&s, 60000, 10000, seqs), 2);
        ASSERT_EQ(seqs[0], 1);
        ASSERT_EQ(seqs[1], 2);
        ASSERT_EQ(rtp_source_next_us(&s), 80000); /* at least 20 ms apart */
        ASSERT_EQ(rtp_source_due(&s, 79999, 10000, seqs), 0);
        ASSERT_EQ(rtp_source_put(&s, 1, FRAME, 72000), 12000); /* the answer, 12 ms after it was asked for */
        ASSERT_EQ(rtp_source_due(&s, 80000, 40000, seqs), 1);
        ASSERT_EQ(seqs[0], 2);
        ASSERT_EQ(rtp_source_next_us(&s), 140000); /* one and a half round trips */
        ASSERT_EQ(rtp_source_due(&s, 140000, 40000, seqs), 1);
        ASSERT_EQ(rtp_source_due(&s, 209999, 40000, seqs), 0);
        ASSERT_EQ(rtp_source_due(&s, 210000, 40000, seqs), 0); /* too late now: forgotten */
        ASSERT_EQ(s.n_missing, 0);
        ASSERT_EQ(rtp_source_next_us(&s), LOOP_NEVER);
}

TEST(an_outage_is_not_asked_for)
{
        struct rtp_source s;
        uint16_t seqs[RTP_SOURCE_MISSING_MAX];

        rtp_source_init(&s, 1, 48000, 0);
        put(&s, 0, 0);
        put(&s, RTP_SOURCE_MISSING_MAX + 2, 400000);
        ASSERT_EQ(s.n_missing, 0);
        put(&s, RTP_SOURCE_MISSING_MAX + 2 + RTP_SOURCE_MISSING_MAX + 1, 800000);
        ASSERT_EQ(rtp_source_due(&s, 800000, 0, seqs), RTP_SOURCE_MISSING_MAX);
        put(&s, RTP_SOURCE_MISSING_MAX * 2 + 3 + 4, 880000); /* the oldest make room */
        ASSERT_EQ(s.n_missing, RTP_SOURCE_MISSING_MAX);
        rtp_source_give_up(&s);
        ASSERT_EQ(s.n_missing, 0);
}
