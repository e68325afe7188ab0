/* test-rtcp-session.c - two sessions that hear each other, in virtual time; what they send is read back with
 * wire/rtcp. */
#include "transport/rtcp-session.h"

#include <errno.h>

#include "base/loop.h"
#include "lib/test.h"

enum { DELAY_US = 15000 };

struct end {
        struct rtcp_session *s;
        struct end *other;
        uint64_t *now_us;
        unsigned n_sent, n_resent, n_byes, n_gone, n_sr, n_rr_blocks, n_nacks, n_cnames;
        uint32_t bye_ssrc;
        struct rtcp_path_report report;
        uint8_t last[1300];
        size_t last_len;
};

static void count_sender(const struct rtcp_sender *s, void *ctx)
{
        (void)s;
        ((struct end *)ctx)->n_sr++;
}

static void count_report(uint32_t reporter, const struct rtcp_report *r, void *ctx)
{
        (void)reporter;
        (void)r;
        ((struct end *)ctx)->n_rr_blocks++;
}

static void count_nack(uint32_t media_ssrc, uint16_t seq, void *ctx)
{
        (void)media_ssrc;
        (void)seq;
        ((struct end *)ctx)->n_nacks++;
}

static void count_cname(uint32_t ssrc, const char *cname, size_t len, void *ctx)
{
        (void)ssrc;
        ASSERT_EQ(len, 3);
        ASSERT_MEM(cname, "abc", 3);
        ((struct end *)ctx)->n_cnames++;
}

static void on_send(uint8_t *data, size_t len, size_t size, void *ctx)
{
        static const struct rtcp_visitor visitor = {
                .sender = count_sender, .report = count_report, .nack = count_nack, .cname = count_cname
        };
        struct end *e = ctx;

        ASSERT_GT(size, len);
        ASSERT_LE(len, sizeof(e->last));
        e->n_sent++;
        memcpy(e->last, data, len);
        e->last_len = len;
        ASSERT_OK(rtcp_parse(data, len, &visitor, e));
        if (e->other)
                ASSERT_OK(rtcp_session_input(e->other->s, data, len, *e->now_us + DELAY_US));
}

static void on_resend(const uint8_t *packet, size_t len, void *ctx)
{
        struct end *e = ctx;

        ASSERT_EQ(len, 40);
        ASSERT_EQ(packet[0], 'w');
        e->n_resent++;
}

static void on_bye(struct rtp_source *source, void *ctx)
{
        struct end *e = ctx;

        e->n_byes++;
        e->bye_ssrc = source->ssrc;
}

static void on_gone(struct rtp_source *source, void *ctx)
{
        (void)source;
        ((struct end *)ctx)->n_gone++;
}

static void on_report(const struct rtcp_path_report *r, void *ctx)
{
        ((struct end *)ctx)->report = *r;
}

static const struct rtcp_session_events events = {
        .send = on_send, .resend = on_resend, .bye = on_bye, .gone = on_gone, .report = on_report
};

struct pair {
        struct end a, b;
        uint64_t now_us;
        struct rng rng;
};

static int open_end(struct pair *p, struct end *e, uint32_t ssrc)
{
        const struct rtcp_session_config config = { .cname = "abc",
                                                    .rng = &p->rng,
                                                    .ssrc = ssrc,
                                                    .now_us = p->now_us,
                                                    .unix_us = UINT64_C(1700000000000000) + ssrc };

        *e = (struct end){ .now_us = &p->now_us };
        return rtcp_session_new(&config, &events, e, &e->s);
}

static void open_pair(struct pair *p)
{
        *p = (struct pair){ .now_us = 5000000 };
        rand_seed(&p->rng, 5);
        ASSERT_OK(open_end(p, &p->a, 100));
        ASSERT_OK(open_end(p, &p->b, 200));
        p->a.other = &p->b;
        p->b.other = &p->a;
}

static void close_pair(struct pair *p)
{
        rtcp_session_free(p->a.s);
        rtcp_session_free(p->b.s);
}

static void run_until(struct pair *p, uint64_t end_us)
{
        for (;;) {
                uint64_t a = rtcp_session_next_us(p->a.s), b = rtcp_session_next_us(p->b.s), next = a < b ? a : b;

                if (next > end_us)
                        break;
                p->now_us = next > p->now_us ? next : p->now_us;
                rtcp_session_timeout(p->a.s, p->now_us);
                rtcp_session_timeout(p->b.s, p->now_us);
        }
        p->now_us = end_us;
}

static struct rtp_packet packet(uint16_t seq)
{
        return (struct rtp_packet){ .seq = seq, .timestamp = (uint32_t)seq * 960, .ssrc = 100, .payload_len = 20 };
}

static void hear(struct pair *p, uint16_t seq, bool ask)
{
        struct rtp_packet rtp = packet(seq);
        struct rtp_source *source = rtcp_session_find(p->b.s, 100);

        if (!source)
                ASSERT_OK(rtcp_session_add(p->b.s, 100, 3, seq, &source));
        rtcp_session_received(p->b.s, source, &rtp, ask, p->now_us + DELAY_US);
}

static void send_one(struct pair *p, uint16_t seq, bool lost)
{
        struct rtp_packet rtp = packet(seq);
        uint8_t wire[40];

        memset(wire, 'w', sizeof(wire));
        rtcp_session_sent(p->a.s, &rtp, wire, sizeof(wire), p->now_us);
        if (!lost)
                hear(p, seq, true);
        run_until(p, p->now_us + 20000);
}

TEST(silence_needs_no_reports)
{
        struct pair p;

        open_pair(&p);
        ASSERT_EQ(rtcp_session_next_us(p.a.s), LOOP_NEVER);
        send_one(&p, 1, false);
        run_until(&p, p.now_us + 20000000);
        ASSERT_LE(p.a.n_sent, 4); /* a sender for two more seconds */
        ASSERT_EQ(p.b.n_sent, 1); /* nothing new to report on after the first */
        ASSERT_EQ(rtcp_session_next_us(p.a.s), LOOP_NEVER);
        close_pair(&p);
}

TEST(reports_come_about_once_a_second_and_measure)
{
        struct pair p;
        struct rtcp_session_stats s;

        open_pair(&p);
        for (uint16_t seq = 0; seq < 500; seq++)
                send_one(&p, seq, false);
        ASSERT_GE(p.a.n_sr, 8);
        ASSERT_LE(p.a.n_sr, 14);
        ASSERT_GE(p.b.n_rr_blocks, 8);
        ASSERT_EQ(p.b.n_sr, 0);
        ASSERT_EQ(p.a.n_cnames, p.a.n_sent);
        rtcp_session_get_stats(p.a.s, &s);
        ASSERT_NEAR(s.rtt_us, 2 * DELAY_US, 500);
        ASSERT_EQ(s.packets_sent, 500);
        ASSERT_EQ(s.bytes_sent, 10000);
        ASSERT_EQ(s.remote_packets_lost, 0);
        ASSERT_EQ(s.reports, p.b.n_rr_blocks);
        close_pair(&p);
}

TEST(loss_is_told_and_asked_for)
{
        struct pair p;
        struct rtcp_session_stats s;

        open_pair(&p);
        for (uint16_t seq = 0; seq < 200; seq++)
                send_one(&p, seq, seq % 10 == 5); /* what is sent again does not arrive either */
        rtcp_session_get_stats(p.a.s, &s);
        ASSERT_NEAR(s.remote_fraction_lost, 0.1, 0.05);
        ASSERT_NEAR(p.a.report.loss_percent, 10, 5);
        ASSERT_GT(s.remote_packets_lost, 10);
        ASSERT_EQ(p.b.n_nacks, 60); /* 20 lost, three times each */
        ASSERT_EQ(s.nacks_received, 60);
        ASSERT_EQ(s.retransmitted, p.a.n_resent);
        ASSERT_GE(p.a.n_resent, 55);
        close_pair(&p);
}

/* The pattern of losses, seen by what is asked for: three in a row are one loss, asked for again or not. */
TEST(bursts_are_told_from_single_losses)
{
        for (unsigned burst = 1; burst <= 3; burst++) {
                struct pair p;

                open_pair(&p);
                for (uint16_t seq = 0; seq < 300; seq++)
                        send_one(&p, seq, seq % 15 >= 5 && seq % 15 < 5 + burst);
                ASSERT_NEAR(p.a.report.burst, burst, 0.35); /* a report may come amid one */
                ASSERT_NEAR(p.a.report.rtt_us, 2 * DELAY_US, 2000);
                close_pair(&p);
        }
}

/* Where the other side asks for nothing, what is lost on the way here is the pattern. */
TEST(bursts_are_seen_in_what_comes_in)
{
        struct pair p;
        struct rtp_packet rtp = packet(0);
        struct rtp_source *source;

        open_pair(&p);
        send_one(&p, 0, false);
        ASSERT_OK(rtcp_session_add(p.a.s, 300, 3, 0, &source));
        for (uint16_t seq = 0; seq < 150; seq++) {
                rtp.seq = seq;
                if (seq % 10 < 8)
                        rtcp_session_received(p.a.s, source, &rtp, false, p.now_us);
                send_one(&p, seq + 1, false);
        }
        ASSERT_EQ(p.a.report.burst, 2);
        ASSERT_EQ(p.a.report.loss_percent, 0);
        close_pair(&p);
}

TEST(no_asking_where_it_was_not_agreed)
{
        struct pair p;

        open_pair(&p);
        hear(&p, 1, false);
        hear(&p, 5, false);
        run_until(&p, p.now_us + 3000000);
        ASSERT_EQ(p.b.n_nacks, 0);
        close_pair(&p);
}

/* The answers to NACKs take 400 ms: after the first ones only a probe now and then. */
TEST(no_asking_when_answers_are_late)
{
        struct pair p;
        unsigned before;

        open_pair(&p);
        p.b.other = NULL;
        hear(&p, 0, true);
        hear(&p, 2, true);
        rtcp_session_timeout(p.b.s, p.now_us + DELAY_US);
        ASSERT_EQ(p.b.n_nacks, 1);
        p.now_us += 400000;
        hear(&p, 1, true);
        before = p.b.n_nacks;
        for (uint16_t seq = 4; seq < 400; seq = (uint16_t)(seq + 2)) {
                hear(&p, seq, true);
                rtcp_session_timeout(p.b.s, p.now_us + DELAY_US);
                p.now_us += 40000;
        }
        ASSERT_GE(p.b.n_nacks - before, 1);
        ASSERT_LE(p.b.n_nacks - before, 3); /* in eight seconds */
        close_pair(&p);
}

TEST(bye_ends_a_source)
{
        struct pair p;

        open_pair(&p);
        send_one(&p, 1, false);
        rtcp_session_bye(p.a.s, p.now_us);
        ASSERT_EQ(p.b.n_byes, 1);
        ASSERT_EQ(p.b.bye_ssrc, 100);
        ASSERT(!rtcp_session_find(p.b.s, 100));
        rtcp_session_bye(p.a.s, p.now_us); /* of a source that is gone */
        ASSERT_EQ(p.b.n_byes, 1);
        close_pair(&p);
}

TEST(sources_of_a_section_are_forgotten)
{
        struct pair p;
        struct rtp_source *source;

        open_pair(&p);
        ASSERT_OK(rtcp_session_add(p.a.s, 1, 7, 0, &source));
        ASSERT_OK(rtcp_session_add(p.a.s, 2, 8, 0, &source));
        rtcp_session_forget(p.a.s, 7);
        ASSERT(!rtcp_session_find(p.a.s, 1));
        ASSERT(rtcp_session_find(p.a.s, 2));
        ASSERT_EQ(p.a.n_gone, 0);
        close_pair(&p);
}

TEST(very_many_sources_stay_bounded)
{
        struct pair p;
        struct rtp_source *source;
        unsigned before;

        open_pair(&p);
        p.a.other = NULL;
        for (uint32_t ssrc = 1; ssrc <= 3000; ssrc++) {
                const struct rtp_packet rtp = { .seq = 1, .ssrc = ssrc };

                ASSERT_OK(rtcp_session_add(p.a.s, ssrc, 0, 1, &source));
                rtcp_session_received(p.a.s, source, &rtp, true, p.now_us);
        }
        ASSERT_EQ(p.a.n_gone, 3000 - 1024);
        ASSERT(!rtcp_session_find(p.a.s, 1));
        ASSERT(rtcp_session_find(p.a.s, 3000));
        before = p.a.n_sent;
        run_until(&p, p.now_us + 2000000);
        ASSERT_EQ(p.a.n_rr_blocks, 1024); /* each once, in as many packets as that takes */
        ASSERT_EQ(p.a.n_sent - before, (1024 + 30) / 31);
        close_pair(&p);
}

TEST(foreign_and_broken_rtcp)
{
        struct pair p;
        uint8_t buf[200];
        struct wbuf b = wbuf_init(buf, sizeof(buf));
        const struct rtcp_report about_us = { .ssrc = 100, .fraction_lost = 255, .last_sr = 1, .delay = 7 };
        const uint16_t seq = 9;

        open_pair(&p);
        rtcp_put_rr(&b, 999, &about_us, 1);
        rtcp_put_nack(&b, 999, 100, &seq, 1);
        rtcp_put_nack(&b, 999, 12345, &seq, 1);
        ASSERT_OK(rtcp_session_input(p.a.s, buf, b.at, p.now_us));
        ASSERT_EQ(p.a.report.loss_percent, 0); /* nothing was sent: a report on it is nonsense */
        ASSERT_EQ(p.a.n_resent, 0);
        ASSERT_EQ(rtcp_session_input(p.a.s, buf, b.at - 1, p.now_us), -EPROTO);
        ASSERT_EQ(rtcp_session_input(p.a.s, buf, 0, p.now_us), -EPROTO);
        close_pair(&p);
}

TEST_OOM(constructor)
{
        struct pair p = { .now_us = 1 };
        struct rtp_source *source;
        int r;

        rand_seed(&p.rng, 5);
        r = open_end(&p, &p.a, 1);
        if (r < 0)
                return r;
        r = rtcp_session_add(p.a.s, 5, 0, 0, &source);
        rtcp_session_free(p.a.s);
        return r;
}
