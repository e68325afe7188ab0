/* test-srtpctx.c - two contexts with mirrored keys: round trips, replay, tampering, forgotten sources. */
#include "transport/srtpctx.h"

#include <errno.h>

#include "lib/test.h"

enum { SIZE = 256, SSRC = 0x11223344 };

static const enum srtp_suite suites[] = { SRTP_SUITE_AES128_CM_SHA1_80, SRTP_SUITE_AEAD_AES_128_GCM,
                                          SRTP_SUITE_AEAD_AES_256_GCM };

struct packet {
        _Alignas(8) uint8_t data[SIZE];
        size_t len;
};

static void make_pair(enum srtp_suite suite, struct srtpctx **ret_a, struct srtpctx **ret_b)
{
        struct srtp_keying a = { .suite = suite }, b = { .suite = suite };

        for (size_t i = 0; i < SRTP_KEYING_MAX; i++) {
                a.local[i] = b.remote[i] = (uint8_t)(i * 7 + 1);
                a.remote[i] = b.local[i] = (uint8_t)(i * 13 + 5);
        }
        ASSERT_OK(srtpctx_new(&a, ret_a));
        ASSERT_OK(srtpctx_new(&b, ret_b));
}

static struct packet rtp(uint16_t seq)
{
        struct packet p = { .data = { 0x80, 111, (uint8_t)(seq >> 8), (uint8_t)seq, 0, 0, 3, 0xc0, 0x11, 0x22, 0x33,
                                      0x44 } };

        memset(p.data + 12, 'x', 60);
        p.len = 72;
        return p;
}

static struct packet sent(struct srtpctx *c, uint16_t seq)
{
        struct packet p = rtp(seq);

        ASSERT_OK(srtpctx_protect_rtp(c, p.data, &p.len, SIZE));
        return p;
}

TEST(round_trip_of_every_suite)
{
        for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
                struct srtpctx *a, *b;
                struct packet plain = rtp(5), p;
                struct packet rr = { .data = { 0x80, 201, 0, 1, 0x11, 0x22, 0x33, 0x44 }, .len = 8 };

                make_pair(suites[i], &a, &b);
                p = sent(a, 5);
                ASSERT_GT(p.len, plain.len);
                ASSERT(memcmp(p.data + 12, plain.data + 12, 60) != 0);
                ASSERT_OK(srtpctx_unprotect_rtp(b, p.data, &p.len));
                ASSERT_EQ(p.len, plain.len);
                ASSERT_MEM(p.data, plain.data, plain.len);
                ASSERT_OK(srtpctx_protect_rtcp(b, rr.data, &rr.len, SIZE));
                ASSERT_LE(rr.len, 8 + SRTP_TRAILER_MAX);
                ASSERT_OK(srtpctx_unprotect_rtcp(a, rr.data, &rr.len));
                ASSERT_EQ(rr.len, 8);
                srtpctx_free(a);
                srtpctx_free(b);
        }
}

TEST(replay_and_old_are_refused)
{
        struct srtpctx *a, *b;
        struct packet first, again, late;

        make_pair(SRTP_SUITE_AEAD_AES_128_GCM, &a, &b);
        first = again = sent(a, 100);
        late = sent(a, 101);
        ASSERT_OK(srtpctx_unprotect_rtp(b, first.data, &first.len));
        ASSERT_EQ(srtpctx_unprotect_rtp(b, again.data, &again.len), -EALREADY);
        for (uint16_t seq = 102; seq < 228; seq++) { /* 101 stays within the window of 128 */
                struct packet p = sent(a, seq);

                ASSERT_OK(srtpctx_unprotect_rtp(b, p.data, &p.len));
        }
        again = late;
        ASSERT_OK(srtpctx_unprotect_rtp(b, late.data, &late.len));
        ASSERT_EQ(srtpctx_unprotect_rtp(b, again.data, &again.len), -EALREADY);
        srtpctx_free(a);
        srtpctx_free(b);
}

TEST(protecting_a_number_twice_is_refused)
{
        struct srtpctx *a, *b;
        struct packet p = rtp(9);

        make_pair(SRTP_SUITE_AEAD_AES_128_GCM, &a, &b);
        (void)sent(a, 9);
        ASSERT_EQ(srtpctx_protect_rtp(a, p.data, &p.len, SIZE), -EALREADY);
        srtpctx_free(a);
        srtpctx_free(b);
}

TEST(tampered_bytes_are_refused)
{
        struct srtpctx *a, *b;
        struct packet p, good;

        make_pair(SRTP_SUITE_AES128_CM_SHA1_80, &a, &b);
        good = p = sent(a, 1);
        p.data[20] ^= 1;
        ASSERT_EQ(srtpctx_unprotect_rtp(b, p.data, &p.len), -EBADMSG);
        ASSERT_OK(srtpctx_unprotect_rtp(b, good.data, &good.len)); /* the failure left no trace */
        for (size_t len = 0; len < 20; len++) {
                p = good;
                p.len = len;
                ASSERT_LT(srtpctx_unprotect_rtp(b, p.data, &p.len), 0);
                p.len = len;
                ASSERT_LT(srtpctx_unprotect_rtcp(b, p.data, &p.len), 0);
        }
        srtpctx_free(a);
        srtpctx_free(b);
}

TEST(forgotten_source_starts_anew)
{
        struct srtpctx *a, *b;
        struct packet p, again;

        make_pair(SRTP_SUITE_AEAD_AES_256_GCM, &a, &b);
        p = again = sent(a, 7);
        ASSERT_OK(srtpctx_unprotect_rtp(b, p.data, &p.len));
        srtpctx_forget(b, SSRC + 1);
        p = again;
        ASSERT_EQ(srtpctx_unprotect_rtp(b, p.data, &p.len), -EALREADY);
        srtpctx_forget(b, SSRC);
        ASSERT_OK(srtpctx_unprotect_rtp(b, again.data, &again.len));
        srtpctx_free(a);
        srtpctx_free(b);
}

TEST(unknown_suite_is_refused)
{
        struct srtp_keying k = { .suite = (enum srtp_suite)2 };
        struct srtpctx *c = NULL;
        size_t key, salt;

        ASSERT_EQ(srtpctx_new(&k, &c), -ENOTSUP);
        ASSERT_EQ(srtp_suite_lengths((enum srtp_suite)2, &key, &salt), -ENOTSUP);
        ASSERT(!c);
}

TEST_OOM(constructor)
{
        struct srtp_keying k = { .suite = SRTP_SUITE_AEAD_AES_128_GCM };
        struct srtpctx *c = NULL;
        int r = srtpctx_new(&k, &c);

        srtpctx_free(c);
        return r;
}
