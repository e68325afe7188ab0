/* Unit tests of media/e2ee and e2ee-keys: frames of LiveKit's own code, and what becomes of others. */
#include "media/e2ee.h"

#include <errno.h>
#include <sched.h>

#include "base/clock.h"
#include "base/rand.h"
#include "lib/test.h"

#define PASSPHRASE         "secret of the room"
#define RATCHET_PASSPHRASE "schl\xc3\xbcssel \xf0\x9f\x94\x91"

static size_t unhex(const char *hex, uint8_t *to)
{
        size_t n = 0;

        for (unsigned byte; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
                to[n] = (uint8_t)byte;
        return n;
}

static struct e2ee_keys *new_keys(const char *passphrase)
{
        struct e2ee_keys *k;

        ASSERT_OK(e2ee_keys_new(passphrase, &k));
        while (e2ee_keys_known(k) == 0)
                sched_yield();
        return k;
}

/* Those that no test moves along the ratchet are made once. Their thread must have ended before OpenSSL cleans up. */
static struct e2ee_keys *usual, *another;

static void drop_keys(void)
{
        e2ee_keys_unref(usual);
        e2ee_keys_unref(another);
}

static struct e2ee_keys *keys_of(const char *passphrase)
{
        struct e2ee_keys **k = strcmp(passphrase, PASSPHRASE) == 0 ? &usual : &another;

        if (!*k) {
                bool first = !usual && !another;

                *k = new_keys(passphrase);
                if (first)
                        atexit(drop_keys); /* that is before what OpenSSL has registered by now */
        }
        return e2ee_keys_ref(*k);
}

/* Two ends. The passphrases may differ, or be NULL: that end has none. */
struct bench {
        struct e2ee_keys *ours, *theirs;
        struct e2ee_seal *seal;
        struct e2ee_open open;
        uint64_t now_us;
        uint8_t frame[E2EE_FRAME_MAX + 64], room[E2EE_FRAME_MAX];
        const uint8_t *at;
        size_t len;
};

static struct bench *bench_new(const char *theirs, const char *ours)
{
        struct bench *b = calloc(1, sizeof(*b));

        ASSERT(b);
        b->now_us = 5 * US_PER_SEC;
        b->theirs = theirs ? keys_of(theirs) : NULL;
        b->ours = ours ? keys_of(ours) : NULL;
        if (theirs)
                ASSERT_OK(e2ee_seal_new(b->theirs, &b->seal));
        ASSERT_OK(e2ee_open_init(&b->open, b->ours));
        return b;
}

static struct bench *bench_free(struct bench *b)
{
        e2ee_seal_free(b->seal);
        e2ee_open_done(&b->open);
        e2ee_keys_unref(b->ours);
        e2ee_keys_unref(b->theirs);
        free(b);
        return NULL;
}
DEFINE_CLEANUP(struct bench *, bench_free)

static bool deliver(struct bench *b, const void *frame, size_t len)
{
        b->now_us += 20000;
        memmove(b->frame, frame, len);
        b->at = b->frame;
        b->len = len;
        return e2ee_open_frame(&b->open, &b->at, &b->len, b->room, b->now_us);
}

static bool deliver_sealed(struct bench *b, const char *text)
{
        uint8_t sealed[E2EE_FRAME_MAX];
        int n = e2ee_seal_frame(b->seal, (const uint8_t *)text, strlen(text), sealed);

        ASSERT_EQ(n, strlen(text) + E2EE_OVERHEAD);
        return deliver(b, sealed, (size_t)n);
}

/* What the worker of livekit-client 2 (its frame cryptor, with a shared key) makes of frames of a participant, with
 * SSRC 1234abcd at RTP time 12345678, after so many requests to ratchet. */
static const struct {
        unsigned ratchets; /* with 0 the passphrase is PASSPHRASE */
        const char *clear, *sealed;
} known[] = {
        { 0, "f8fffe", "f8df266141de156222e8f2d800599e146a421a1234abcd00bc614e00bbb61b0c00" },
        { 0, "78", "786bdf5cb7b9736eb6e2aa7153385de7aa1234abcd00bc614e00bbb61a0c00" },
        { 0, "7887a1b2c3d4e5f60718293a4b5c6d7e8f90010203040506",
          "7891946121cdd7a1360e5dec7ce892dafc6d8455f51f4536785ba93c83aa689adc7a074d3dee3bdf1234abcd00bc614e00bbb6190c0"
          "0" },
        { 0, "f8fffe", "f8b9dd26ad600f89127b84958b7501bcab95cf1234abcd00bc614e00bb7c720c05" },
        { 2, "f8fffe", "f89ea1f5061fc8f42b8fb9d65ea55aa0a288a61234abcd00bc614e00bbdb530c00" },
        { 2, "7887a1b2c3d4e5f60718293a4b5c6d7e8f90010203040506",
          "78001c11d1b08fd1c982e77780f1f67fb2e6ebca88ca4d738454abd95ad2b9b63a3fd5a19814408f1234abcd00bc614e00bbdb510c0"
          "0" },
};

TEST(frames_of_livekit_are_opened)
{
        for (size_t i = 0; known[i].ratchets == 0; i++) {
                _cleanup_(bench_freep) struct bench *b = bench_new(NULL, PASSPHRASE);
                uint8_t sealed[128], clear[128];
                size_t len = unhex(known[i].sealed, sealed), clear_len = unhex(known[i].clear, clear);

                ASSERT(deliver(b, sealed, len));
                ASSERT_EQ(b->len, clear_len);
                ASSERT_MEM(b->at, clear, clear_len);
                ASSERT_EQ(b->open.steps[sealed[len - 1]], 0);
                ASSERT_EQ(b->open.state, E2EE_OK);
        }
}

TEST(the_layout_is_livekits)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(PASSPHRASE, PASSPHRASE);
        uint8_t first[64], second[64];
        int n = e2ee_seal_frame(b->seal, (const uint8_t *)"\x78opus", 5, first);

        ASSERT_EQ(n, 35);
        ASSERT_EQ(first[0], 0x78);
        ASSERT_EQ(first[33], 12);
        ASSERT_EQ(first[34], 0);
        ASSERT_EQ(e2ee_seal_frame(b->seal, (const uint8_t *)"\x78opus", 5, second), 35);
        ASSERT_MEM(first + 21, second + 21, 8); /* of this track */
        ASSERT(memcmp(first + 29, second + 29, 4) != 0);
        ASSERT(deliver(b, first, 35));
        ASSERT_EQ(b->len, 5);
        ASSERT_MEM(b->at, "\x78opus", 5);
}

TEST(whatever_is_sealed_opens)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(PASSPHRASE, PASSPHRASE);
        struct rng rng;
        uint8_t frame[1100], sealed[1100 + E2EE_OVERHEAD];

        rand_seed(&rng, 1);
        for (size_t len = 1; len <= sizeof(frame); len += 1 + rand_u32(&rng) % 7) {
                rng.fill(&rng, frame, len);
                ASSERT_EQ(e2ee_seal_frame(b->seal, frame, len, sealed), len + E2EE_OVERHEAD);
                ASSERT(deliver(b, sealed, len + E2EE_OVERHEAD));
                ASSERT_EQ(b->len, len);
                ASSERT_MEM(b->at, frame, len);
        }
        ASSERT_EQ(b->open.failures, 0);
}

TEST(no_bit_of_a_frame_can_be_changed)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(PASSPHRASE, PASSPHRASE);
        uint8_t sealed[64];
        int len = e2ee_seal_frame(b->seal, (const uint8_t *)"\x78opus frame", 11, sealed);

        for (int bit = 0; bit < (len - 1) * 8; bit++) { /* but for the index: every slot of the ring has the key */
                sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
                ASSERT(!deliver(b, sealed, (size_t)len));
                sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t cut = 1; cut < (size_t)len; cut++)
                ASSERT(!deliver(b, sealed, cut));
        ASSERT(deliver(b, sealed, (size_t)len));
}

TEST(one_key_one_iv)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(PASSPHRASE, NULL);
        struct e2ee_seal *other;
        uint8_t a[64], c[64];

        ASSERT_OK(e2ee_seal_new(b->theirs, &other));
        ASSERT_EQ(e2ee_seal_frame(b->seal, (const uint8_t *)"x", 1, a), 31);
        ASSERT_EQ(e2ee_seal_frame(other, (const uint8_t *)"x", 1, c), 31);
        ASSERT(memcmp(a + 17, c + 17, 12) != 0);
        e2ee_seal_free(other);
}

TEST(a_wrong_key_is_silence_and_told_once)
{
        _cleanup_(bench_freep) struct bench *b = bench_new("another", PASSPHRASE);

        for (unsigned i = 1; i <= 100; i++) {
                ASSERT(!deliver_sealed(b, "xopus"));
                ASSERT_EQ(b->open.state, i < E2EE_TOLERANCE ? E2EE_NONE : E2EE_WRONG_KEY);
        }
        ASSERT_EQ(b->open.failures, 100);
}

TEST(who_does_not_encrypt_is_not_played_by_who_has_a_key)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(NULL, PASSPHRASE);

        for (unsigned i = 1; i <= E2EE_TOLERANCE; i++)
                ASSERT(!deliver(b,
                                "\x78"
                                "clear as day, and long enough to be something else",
                                50));
        ASSERT_EQ(b->open.state, E2EE_CLEAR);
}

TEST(frames_slipped_in_are_not_played_and_change_nothing)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(PASSPHRASE, PASSPHRASE);

        for (unsigned i = 0; i < 50; i++) {
                ASSERT(deliver_sealed(b, "xopus"));
                ASSERT(!deliver(b,
                                "\x78"
                                "injected",
                                9));
                ASSERT_EQ(b->open.state, E2EE_OK);
        }
}

TEST(without_a_key_what_is_encrypted_is_silence)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(PASSPHRASE, NULL);

        for (unsigned i = 1; i <= 50; i++)
                ASSERT(!deliver_sealed(b, "xopus")); /* from the first: it would be noise */
        ASSERT_EQ(b->open.state, E2EE_NO_KEY);
        ASSERT(deliver(b,
                       "\x78"
                       "clear",
                       6));
        ASSERT_EQ(b->open.state, E2EE_NONE);
        ASSERT(deliver_sealed(b, "xopus")); /* may be chance, as it is once in 4096 frames */
        ASSERT(deliver_sealed(b, "xopus"));
        ASSERT(!deliver_sealed(b, "xopus"));
}

TEST(clear_sound_between_two_without_keys_is_left_alone)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(NULL, NULL);
        struct rng rng;
        uint8_t frame[80];

        rand_seed(&rng, 2);
        rng.fill(&rng, frame, sizeof(frame));
        ASSERT(deliver(b, frame, sizeof(frame)));
        for (unsigned i = 0; i < 20000; i++) {
                rng.fill(&rng, frame, sizeof(frame));
                ASSERT(deliver(b, frame, sizeof(frame)));
                ASSERT_EQ(b->len, sizeof(frame));
        }
        ASSERT_EQ(b->open.state, E2EE_NONE);
        ASSERT_EQ(b->open.failures, 0);
}

TEST(silence_of_the_server_passes_whoever_has_a_key)
{
        static const char *const passphrases[] = { NULL, PASSPHRASE };
        uint8_t silence[80 + 65] = { 0xf8, 0xff, 0xfe };

        for (size_t i = 0; i < ARRAY_SIZE(passphrases); i++) {
                _cleanup_(bench_freep) struct bench *b = bench_new(NULL, passphrases[i]);

                memcpy(silence + 80, "trailer of room", 15);
                ASSERT(deliver(b, silence, 95));
                ASSERT_EQ(b->len, 3);
                ASSERT_MEM(b->at, "\xf8\xff\xfe", 3);
                ASSERT(deliver(b, silence, 80));
                ASSERT_EQ(b->open.state, E2EE_NONE);
                ASSERT_EQ(b->open.failures, 0);
        }
}

TEST(nothing_but_silence_passes_as_the_servers)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(NULL, PASSPHRASE);
        uint8_t silence[80 + 65] = { 0xf8, 0xff, 0xfe };

        ASSERT(!deliver(b, silence, 79));
        ASSERT(!deliver(b, silence, 145));
        silence[79] = 1;
        ASSERT(!deliver(b, silence, 95));
}

TEST(nothing_is_nothing)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(NULL, PASSPHRASE);

        ASSERT(deliver(b, "", 0));
        ASSERT_EQ(b->len, 0);
        ASSERT_EQ(b->open.failures, 0);
}

TEST(trouble_is_told_at_most_once_in_a_second)
{
        _cleanup_(bench_freep) struct bench *b = bench_new(PASSPHRASE, PASSPHRASE);
        enum e2ee_state last = E2EE_NONE;
        unsigned changes = 0;

        for (unsigned i = 0; i < 500; i++) { /* ten seconds of a server that plays games */
                if (i % 12 == 11)
                        ASSERT(deliver_sealed(b, "xopus"));
                else
                        ASSERT(!deliver(b,
                                        "\x78"
                                        "clear",
                                        6));
                changes += b->open.state != last;
                last = b->open.state;
        }
        ASSERT_GE(changes, 2);
        ASSERT_LE(changes, 22);
}

TEST(a_sender_that_ratchets_is_followed)
{
        struct e2ee_keys *k = new_keys(RATCHET_PASSPHRASE);
        uint8_t sealed[128], room[E2EE_FRAME_MAX];
        size_t len = unhex(known[4].sealed, sealed), n = len;
        const uint8_t *at = sealed;
        struct e2ee_seal *s;
        struct e2ee_open o;

        ASSERT_OK(e2ee_open_init(&o, k));
        ASSERT(!e2ee_open_frame(&o, &at, &n, room, 1));
        for (uint64_t now = 2; !e2ee_open_frame(&o, &at, &n, room, now); now++)
                sched_yield(); /* the failures have the next steps worked out */
        ASSERT_EQ(o.steps[0], 2);
        ASSERT_EQ(o.steps[1], 0);
        at = sealed;
        n = unhex(known[5].sealed, sealed);
        ASSERT(e2ee_open_frame(&o, &at, &n, room, 1));
        ASSERT_EQ(n, unhex(known[5].clear, sealed));
        ASSERT_MEM(room, sealed, n);
        ASSERT_EQ(o.state, E2EE_OK);
        e2ee_open_done(&o);

        /* and what we send is where the others are: a newcomer finds it two steps on */
        ASSERT_OK(e2ee_seal_new(k, &s));
        ASSERT_EQ(e2ee_seal_frame(s, (const uint8_t *)"x", 1, sealed), 31);
        ASSERT_OK(e2ee_open_init(&o, k));
        at = sealed;
        n = 31;
        ASSERT(e2ee_open_frame(&o, &at, &n, room, 1));
        ASSERT_EQ(o.steps[0], 2);
        e2ee_open_done(&o);
        e2ee_seal_free(s);
        e2ee_keys_unref(k);
}

TEST(before_the_key_is_there_nothing_is_sent_or_blamed)
{
        struct e2ee_keys *k;
        struct e2ee_seal *s;
        struct e2ee_open o;
        uint8_t sealed[128], room[E2EE_FRAME_MAX];
        const uint8_t *frame = sealed;
        size_t len = unhex(known[0].sealed, sealed);
        uint8_t to[64];

        ASSERT_OK(e2ee_keys_new(PASSPHRASE, &k));
        ASSERT_OK(e2ee_seal_new(k, &s));
        ASSERT_OK(e2ee_open_init(&o, k));
        if (e2ee_keys_known(k) == 0) { /* 30 ms; should this thread stand still so long, the next lines prove it */
                ASSERT(!e2ee_open_frame(&o, &frame, &len, room, 1) || e2ee_keys_known(k) > 0);
                ASSERT(e2ee_seal_frame(s, (const uint8_t *)"x", 1, to) == 0 || e2ee_keys_known(k) > 0);
        }
        while (e2ee_keys_known(k) == 0)
                sched_yield();
        ASSERT_EQ(o.failures, 0);
        ASSERT_EQ(e2ee_seal_frame(s, (const uint8_t *)"x", 1, to), 31);
        e2ee_seal_free(s);
        e2ee_open_done(&o);
        e2ee_keys_unref(k);
}

TEST(passphrases_have_bounds)
{
        char text[E2EE_PASSPHRASE_MAX + 2] = "";
        struct e2ee_keys *k;

        ASSERT_EQ(e2ee_keys_new("", &k), -EINVAL);
        memset(text, 'x', E2EE_PASSPHRASE_MAX + 1);
        ASSERT_EQ(e2ee_keys_new(text, &k), -EINVAL);
        text[E2EE_PASSPHRASE_MAX] = '\0';
        ASSERT_OK(e2ee_keys_new(text, &k));
        e2ee_keys_unref(k);
}

TEST(the_chain_has_an_end)
{
        _cleanup_(e2ee_keys_unrefp) struct e2ee_keys *k = new_keys("x");

        e2ee_keys_want(k, UINT32_MAX); /* bounded; the rest is not waited for when the reference goes */
        ASSERT_LE(e2ee_keys_known(k), E2EE_STEPS_MAX);
}

TEST_OOM(both_ends_fail_cleanly)
{
        _cleanup_(e2ee_keys_unrefp) struct e2ee_keys *k = NULL;
        _cleanup_(e2ee_seal_freep) struct e2ee_seal *s = NULL;
        struct e2ee_open o = { 0 };
        int r = e2ee_keys_new("x", &k);

        if (r >= 0)
                r = e2ee_seal_new(k, &s);
        if (r >= 0)
                r = e2ee_open_init(&o, k);
        e2ee_open_done(&o);
        return r;
}
