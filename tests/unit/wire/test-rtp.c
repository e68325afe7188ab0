/* Unit tests of wire/rtp and wire/rtp-ext: golden bytes, round trips, every way of being cut or wrong. */
#include <errno.h>

#include "base/cleanup.h"
#include "lib/test.h"
#include "wire/rtp-ext.h"
#include "wire/rtp.h"

/* Opus as Chromium sends it: level id 1 (V, -47 dBov), mid id 4 "0", padding to a word. */
static const uint8_t golden[] = { 0x90, 0xef, 0x12, 0x34, 0x00, 0x00, 0x0b, 0xb8, 0xde, 0xad, 0xbe, 0xef,
                                  0xbe, 0xde, 0x00, 0x01, 0x10, 0xaf, 0x40, 0x30, 0xfc, 0xff, 0xfe };
static const struct rtp_ext_ids ids = { .mid = 4, .level = 1 };

TEST(golden_packet_reads_and_writes_back)
{
        struct rtp_packet p;
        struct rtp_ext ext;
        uint8_t buf[64], block[RTP_EXT_BLOCK_MAX];

        ASSERT_OK(rtp_parse(golden, sizeof(golden), &p));
        ASSERT(p.marker);
        ASSERT_EQ(p.payload_type, 111);
        ASSERT_EQ(p.seq, 0x1234);
        ASSERT_EQ(p.timestamp, 3000);
        ASSERT_EQ(p.ssrc, 0xdeadbeefu);
        ASSERT_EQ(p.payload_len, 3);
        ASSERT_MEM(p.payload, "\xfc\xff\xfe", 3);
        ASSERT(rtp_ext_parse(&p, &ids, &ext));
        ASSERT_STR(ext.mid, "0");
        ASSERT_EQ(ext.level_dbov, 47);
        ASSERT(ext.voice);

        p.ext = NULL;
        ASSERT_OK(rtp_ext_build(&ids, &ext, block, sizeof(block), &p));
        ASSERT_EQ(rtp_build(&p, buf, sizeof(buf)), sizeof(golden));
        ASSERT_MEM(buf, golden, sizeof(golden));
        ASSERT_EQ(rtp_build(&p, buf, sizeof(golden) - 1), -EMSGSIZE);
}

TEST(csrcs_round_trip)
{
        struct rtp_packet p = { .n_csrc = 15, .payload_type = 127, .payload = (const uint8_t *)"x", .payload_len = 1 },
                          q;
        uint8_t buf[100];
        int n;

        for (uint32_t i = 0; i < 15; i++)
                p.csrc[i] = i * 77;
        n = rtp_build(&p, buf, sizeof(buf));
        ASSERT_EQ(n, 12 + 60 + 1);
        ASSERT_OK(rtp_parse(buf, (size_t)n, &q));
        ASSERT_EQ(q.n_csrc, 15);
        ASSERT_EQ(q.csrc[14], 14 * 77);
        ASSERT_EQ(q.payload[0], 'x');
        ASSERT(q.ext == NULL);
}

TEST(padding_is_stripped_or_refused)
{
        uint8_t b[16] = { 0xa0, 0x6f, [12] = 1, 2, 0, 2 };
        struct rtp_packet p;

        ASSERT_OK(rtp_parse(b, sizeof(b), &p));
        ASSERT_EQ(p.payload_len, 2);
        b[15] = 4; /* all of it */
        ASSERT_OK(rtp_parse(b, sizeof(b), &p));
        ASSERT_EQ(p.payload_len, 0);
        b[15] = 5;
        ASSERT_EQ(rtp_parse(b, sizeof(b), &p), -EPROTO);
        b[15] = 0;
        ASSERT_EQ(rtp_parse(b, sizeof(b), &p), -EPROTO);
        ASSERT_EQ(rtp_parse(b, 12, &p), -EPROTO);
}

TEST(contradicting_lengths_are_refused)
{
        uint8_t b[sizeof(golden)];
        struct rtp_packet p = { .seq = 7 };

        for (size_t n = 0; n < 20; n++)
                ASSERT_EQ(rtp_parse(golden, n, &p), -EPROTO);
        memcpy(b, golden, sizeof(b));
        b[0] = 0x50; /* version 1 */
        ASSERT_EQ(rtp_parse(b, sizeof(b), &p), -EPROTO);
        b[0] = 0x92; /* two CSRCs push the extension out of the packet */
        ASSERT_EQ(rtp_parse(b, sizeof(b), &p), -EPROTO);
        ASSERT_EQ(p.seq, 7);
}

static bool parse_block(uint16_t profile, const void *bytes, size_t len, const struct rtp_ext_ids *with,
                        struct rtp_ext *ret)
{
        struct rtp_packet p = { .ext_profile = profile, .ext = bytes, .ext_len = len };

        return rtp_ext_parse(&p, with, ret);
}

TEST(two_byte_form)
{
        static const uint8_t block[] = { 0, 1, 1, 0x05, 4, 3, 'a', 'b', 'c', 9, 0, 0 };
        struct rtp_ext ext;

        ASSERT(parse_block(0x1000, block, sizeof(block), &ids, &ext));
        ASSERT_STR(ext.mid, "abc");
        ASSERT_EQ(ext.level_dbov, 5);
        ASSERT(!ext.voice);
        ASSERT(parse_block(0x100f, block, sizeof(block), &ids, &ext)); /* appbits */
        ASSERT_STR(ext.mid, "abc");
        ASSERT(parse_block(0x1100, block, sizeof(block), &ids, &ext)); /* somebody else's block */
        ASSERT_STR(ext.mid, "");
        ASSERT_EQ(ext.level_dbov, -1);
}

TEST(damage_costs_the_damaged_value_only)
{
        static const uint8_t overrun[] = { 0x10, 0x7f, 0x4f, 'm' };     /* mid of 16 bytes, one there */
        static const uint8_t long_level[] = { 0x11, 0x7f, 0x00, 0x00 }; /* a level of two bytes */
        static const uint8_t nul_mid[] = { 0x41, 'a', 0, 0 };
        static const uint8_t stop[] = { 0x10, 0x01, 0xf0, 0x40 }; /* id 15: nothing after it counts */
        struct rtp_ext ext;

        ASSERT(!parse_block(0xbede, overrun, 4, &ids, &ext));
        ASSERT_EQ(ext.level_dbov, 127);
        ASSERT_STR(ext.mid, "");
        ASSERT(!parse_block(0xbede, long_level, 4, &ids, &ext));
        ASSERT_EQ(ext.level_dbov, -1);
        ASSERT(!parse_block(0xbede, nul_mid, 4, &ids, &ext));
        ASSERT_STR(ext.mid, "");
        ASSERT(parse_block(0xbede, stop, 4, &ids, &ext));
        ASSERT_EQ(ext.level_dbov, 1);
}

TEST(numbers_not_agreed_on_are_not_read)
{
        static const struct rtp_ext_ids none = { 0 };
        static const uint8_t block[] = { 0x03, 'a', 'b', 'c', 'd', 0, 0, 0 }; /* one-byte id 0, with a length */
        struct rtp_ext ext = { .mid = "x", .level_dbov = 3 };
        struct rtp_packet p = { 0 };
        uint8_t buf[RTP_EXT_BLOCK_MAX];

        ASSERT(parse_block(0xbede, block, sizeof(block), &none, &(struct rtp_ext){ 0 }));
        ASSERT_OK(rtp_ext_build(&none, &ext, buf, sizeof(buf), &p));
        ASSERT(p.ext == NULL);
}

TEST(built_blocks_read_back)
{
        static const struct rtp_ext_ids tried[] = { { 1, 2 }, { 14, 1 }, { 15, 1 }, { 1, 200 }, { 0, 3 }, { 3, 0 } };
        static const char *const mids[] = { "", "0", "sixteen-letters-", "seventeen-letters",
                                            "thirty-one-letters-are-the-most" };

        for (size_t i = 0; i < ARRAY_SIZE(tried); i++)
                for (size_t m = 0; m < ARRAY_SIZE(mids); m++) {
                        struct rtp_ext in = { .level_dbov = 99, .voice = true }, out;
                        struct rtp_packet p = { 0 };
                        uint8_t buf[RTP_EXT_BLOCK_MAX];

                        strcpy(in.mid, mids[m]);
                        ASSERT_OK(rtp_ext_build(&tried[i], &in, buf, sizeof(buf), &p));
                        ASSERT_EQ(p.ext_len % 4, 0);
                        ASSERT(rtp_ext_parse(&p, &tried[i], &out));
                        ASSERT_STR(out.mid, tried[i].mid ? mids[m] : "");
                        ASSERT_EQ(out.level_dbov, tried[i].level ? 99 : -1);
                }
}

TEST(block_that_does_not_fit)
{
        struct rtp_ext ext = { .mid = "abc", .level_dbov = 1 };
        struct rtp_packet p = { 0 };
        uint8_t buf[7];

        ASSERT_EQ(rtp_ext_build(&ids, &ext, buf, sizeof(buf), &p), -EMSGSIZE);
        ASSERT(p.ext == NULL);
}

TEST(sequence_numbers_wrap)
{
        ASSERT_EQ(rtp_seq_diff(65535, 0), 1);
        ASSERT_EQ(rtp_seq_diff(0, 65535), -1);
        ASSERT_EQ(rtp_seq_diff(10, 12), 2);
}
