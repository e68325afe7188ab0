/* Unit tests of wire/rtcp: golden compound, round trips, atomic refusal of damaged ones. */
#include <errno.h>
#include <stdarg.h>

#include "lib/test.h"
#include "wire/rtcp.h"

struct seen {
        char log[2048];
};

static void note(void *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(void *ctx, const char *fmt, ...)
{
        struct seen *s = ctx;
        size_t n = strlen(s->log);
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(s->log + n, sizeof(s->log) - n, fmt, ap);
        va_end(ap);
}

static void on_sender(const struct rtcp_sender *s, void *ctx)
{
        note(ctx, "sr %u %llx %u %u %u;", s->ssrc, (unsigned long long)s->ntp, s->rtp_timestamp, s->packets,
             s->octets);
}

static void on_report(uint32_t reporter, const struct rtcp_report *r, void *ctx)
{
        note(ctx, "rb %u %u %u %d %u %u %u %u;", reporter, r->ssrc, r->fraction_lost, r->lost, r->highest_seq,
             r->jitter, r->last_sr, r->delay);
}

static void on_cname(uint32_t ssrc, const char *cname, size_t len, void *ctx)
{
        note(ctx, "cname %u %.*s;", ssrc, (int)len, cname);
}

static void on_bye(uint32_t ssrc, void *ctx)
{
        note(ctx, "bye %u;", ssrc);
}

static void on_nack(uint32_t media, uint16_t seq, void *ctx)
{
        note(ctx, "nack %u %u;", media, seq);
}

static const struct rtcp_visitor all = { on_sender, on_report, on_cname, on_bye, on_nack };

static int parse(const void *data, size_t len, struct seen *ret)
{
        memset(ret, 0, sizeof(*ret));
        return rtcp_parse(data, len, &all, ret);
}

/* An empty RR; SDES with CNAME "ab", a NOTE and a second chunk; XR, which is skipped; BYE with a reason. */
/* clang-format off */
static const uint8_t golden[] = {
        0x80, 201, 0, 1, 0, 0, 0, 7,
        0x82, 202, 0, 5, 0, 0, 0, 7, 1, 2, 'a', 'b', 7, 1, '!', 0, 0, 0, 0, 8, 1, 1, 'c', 0,
        0x80, 207, 0, 1, 1, 2, 3, 4,
        0x81, 203, 0, 3, 0, 0, 0, 7, 5, 'l', 'a', 't', 'e', 'r', 0, 0,
};
/* clang-format on */

TEST(golden_compound)
{
        struct seen s;

        ASSERT_OK(parse(golden, sizeof(golden), &s));
        ASSERT_STR(s.log, "cname 7 ab;cname 8 c;bye 7;");
}

TEST(a_damaged_compound_is_refused_whole)
{
        struct seen s;

        for (size_t n = 0; n < sizeof(golden); n++) {
                bool between = n == 8 || n == 32 || n == 40;

                ASSERT_EQ(parse(golden, n, &s), between ? 0 : -EPROTO);
                if (!between)
                        ASSERT_STR(s.log, "");
        }
}

static const struct rtcp_sender sender = { 1, UINT64_C(0x0123456789abcdef), 2, 3, 4 };
static const struct rtcp_report reports[] = {
        { 5, 255, -1, 0xffffffff, 6, 7, 8 },
        { 9, 0, 0x7fffff, 10, 11, 12, 13 },
        { 14, 1, -0x800000, 15, 16, 17, 18 },
};

TEST(reports_round_trip)
{
        uint8_t buf[300];
        struct wbuf b = wbuf_init(buf, sizeof(buf));
        struct seen s;

        rtcp_put_sr(&b, &sender, reports, 2);
        rtcp_put_rr(&b, 77, &reports[2], 1);
        rtcp_put_cname(&b, 1, "name");
        rtcp_put_bye(&b, (uint32_t[]){ 1, 2 }, 2);
        ASSERT(b.ok);
        ASSERT_EQ(b.at, 28 + 48 + 8 + 24 + 16 + 12);
        ASSERT_OK(parse(buf, b.at, &s));
        ASSERT_STR(s.log, "sr 1 123456789abcdef 2 3 4;rb 1 5 255 -1 4294967295 6 7 8;rb 1 9 0 8388607 10 11 12 13;"
                          "rb 77 14 1 -8388608 15 16 17 18;cname 1 name;bye 1;bye 2;");
}

TEST(loss_beyond_24_bits_is_clamped)
{
        struct rtcp_report r[] = { { .lost = INT32_MAX }, { .lost = INT32_MIN } };
        uint8_t buf[100];
        struct wbuf b = wbuf_init(buf, sizeof(buf));
        struct seen s;

        rtcp_put_rr(&b, 0, r, 2);
        ASSERT_OK(parse(buf, b.at, &s));
        ASSERT_STR(s.log, "rb 0 0 0 8388607 0 0 0 0;rb 0 0 0 -8388608 0 0 0 0;");
}

TEST(cname_of_every_length_is_padded_right)
{
        char name[RTCP_MAX_CNAME + 1] = "";
        uint8_t buf[300];
        struct seen s;

        for (size_t n = 0; n <= RTCP_MAX_CNAME; n++) {
                struct wbuf b = wbuf_init(buf, sizeof(buf));
                char wanted[300];

                rtcp_put_cname(&b, 3, name);
                ASSERT_EQ(b.at % 4, 0);
                ASSERT_OK(parse(buf, b.at, &s));
                snprintf(wanted, sizeof(wanted), "cname 3 %s;", name);
                ASSERT_STR(s.log, wanted);
                if (n < RTCP_MAX_CNAME)
                        name[n] = 'n';
        }
}

TEST(nacks_share_entries_and_wrap)
{
        static const uint16_t seqs[] = { 65530, 65531, 10, 11, 30, 30 }; /* 10 is 16 after 65530, 30 is 19 after 11 */
        uint8_t buf[100];
        struct wbuf b = wbuf_init(buf, sizeof(buf));
        struct seen s;

        rtcp_put_nack(&b, 1, 2, seqs, 6);
        ASSERT_EQ(b.at, 12 + 4 * 4);
        ASSERT_OK(parse(buf, b.at, &s));
        ASSERT_STR(s.log, "nack 2 65530;nack 2 65531;nack 2 10;nack 2 11;nack 2 30;nack 2 30;");
}

TEST(padding_belongs_to_the_last_packet)
{
        uint8_t bye[] = { 0xa1, 203, 0, 2, 0, 0, 0, 9, 0, 0, 0, 4, 0x80, 201, 0, 1, 0, 0, 0, 1 };
        struct seen s;

        ASSERT_OK(parse(bye, 12, &s));
        ASSERT_STR(s.log, "bye 9;");
        ASSERT_EQ(parse(bye, sizeof(bye), &s), -EPROTO);
        for (uint8_t n = 0; n < 16; n++) {
                bye[11] = n; /* 8 leaves nothing of the packet's one SSRC, others are no words or too many */
                ASSERT_EQ(parse(bye, 12, &s), n == 4 ? 0 : -EPROTO);
        }
}

TEST(counts_beyond_the_packet_are_refused)
{
        static const uint8_t rr[] = { 0x81, 201, 0, 1, 0, 0, 0, 1 };
        static const uint8_t nack[] = { 0x81, 205, 0, 1, 0, 0, 0, 1 };
        static const uint8_t sdes[] = { 0x81, 202, 0, 2, 0, 0, 0, 1, 1, 3, 'a', 'b' };
        static const uint8_t endless[] = { 0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, 'a', 'b' }; /* no end mark */
        static const uint8_t version[] = { 0x41, 203, 0, 1, 0, 0, 0, 1 };
        struct seen s;

        ASSERT_EQ(parse(rr, sizeof(rr), &s), -EPROTO);
        ASSERT_EQ(parse(nack, sizeof(nack), &s), -EPROTO);
        ASSERT_EQ(parse(sdes, sizeof(sdes), &s), -EPROTO);
        ASSERT_EQ(parse(endless, sizeof(endless), &s), -EPROTO);
        ASSERT_EQ(parse(version, sizeof(version), &s), -EPROTO);
}

TEST(a_visitor_may_be_partial)
{
        static const struct rtcp_visitor nobody;

        ASSERT_OK(rtcp_parse(golden, sizeof(golden), &nobody, NULL));
}

TEST(what_does_not_fit_is_told)
{
        uint8_t buf[27];
        struct wbuf b = wbuf_init(buf, sizeof(buf));

        rtcp_put_sr(&b, &sender, NULL, 0);
        ASSERT(!b.ok);
}

TEST(rtcp_is_told_from_rtp)
{
        ASSERT(rtcp_is_rtcp((const uint8_t[]){ 0x80, 200 }, 2));
        ASSERT(rtcp_is_rtcp((const uint8_t[]){ 0x81, 223 }, 2));
        ASSERT(!rtcp_is_rtcp((const uint8_t[]){ 0x80, 111 }, 2));
        ASSERT(!rtcp_is_rtcp((const uint8_t[]){ 0x80, 111 | 0x80 }, 2)); /* RTP with marker */
        ASSERT(!rtcp_is_rtcp((const uint8_t[]){ 0x00, 200 }, 2));
        ASSERT(!rtcp_is_rtcp((const uint8_t[]){ 0x80 }, 1));
}

TEST(ntp_stamps)
{
        ASSERT_EQ(rtcp_ntp_from_unix_us(0) >> 32, 2208988800);
        ASSERT_EQ(rtcp_ntp_from_unix_us(1500000) & 0xffffffff, 0x80000000);
        ASSERT_EQ(rtcp_ntp_middle(UINT64_C(0x0123456789abcdef)), 0x456789ab);
}
