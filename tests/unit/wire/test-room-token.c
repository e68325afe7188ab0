/* Unit tests of wire/room-token: three published vectors (P), four of our own (V), and every negative case. */
#include <errno.h>

#include "base/cleanup.h"
#include "lib/test.h"
#include "wire/room-token.h"

struct vector {
        const char *app_id, *app_key, *room_id, *user_id;
        uint32_t nonce, issued_at, expire_at, privileges[5];
        size_t first, n; /* keys first … first + n - 1 */
        const char *token;
};

#define U16     "uuuuuuuuuuuuuuuu"
#define U128    U16 U16 U16 U16 U16 U16 U16 U16
#define FIVE(v) { v, v, v, v, v }, 0, 5

/* clang-format off */
static const struct vector vectors[] = {
        { "123456781234567812345678", "app key", "room_1", "user_1", 16909060, 1784793600, 1784800800,
        FIVE(1784800800),
          "001123456781234567812345678PAAEAwIBAMphaiDmYWoGAHJvb21fMQYAdXNlcl8xBQAAACDmYWoBACDmYWoCACDmYWoDACDmYWoEA"
          "CDmYWogAH2Abc2RqGxUiKo3THh8a0VBZXtZ93pLZIvkFvs1jHOG" },
        { "123456781234567812345678", "test-app-key", "ses_000001", "usr_000001", 305419896, 1767225600, 1767226800,
          FIVE(1767226800),
          "001123456781234567812345678RAB4VjQSALlVabC9VWkKAHNlc18wMDAwMDEKAHVzcl8wMDAwMDEFAAAAsL1VaQEAsL1VaQIAsL1Va"
          "QMAsL1VaQQAsL1VaSAAc6rmZCLFAiEotqwNHTsdhg3CcSp8yG8vCIybtxr8Aik=" },
        { "123456781234567812345678", "test-app-key", "room_a", "user_a", 42, 1700000000, 1700003600, FIVE(1700003600),
          "001123456781234567812345678PAAqAAAAAPFTZRD/U2UGAHJvb21fYQYAdXNlcl9hBQAAABD/U2UBABD/U2UCABD/U2UDABD/U2UEA"
          "BD/U2UgAOqeDD8uqGKWTHW3inxcy//HPg0dmihkOjyYAWtIsbsd" },
        { "0123456789abcdef01234567", "0123456789abcdef0123456789abcdef", "room-1", "alice", 1, 1700000000, 1700003600,
          FIVE(1700003600),
          "0010123456789abcdef01234567OwABAAAAAPFTZRD/U2UGAHJvb20tMQUAYWxpY2UFAAAAEP9TZQEAEP9TZQIAEP9TZQMAEP9TZQQAE"
          "P9TZSAAGPk+w43O5AbjGnEGyPBvI/wzaslwG9YP2Sj2QjAuHiU=" },
        { "0123456789abcdef01234567", "0123456789abcdef0123456789abcdef", "A.z_0-9@x", "u@h.example-1_2",
        4294967295, 1, 0,
          { 0 }, 4, 1,
          "0010123456789abcdef01234567MAD/////AQAAAAAAAAAJAEEuel8wLTlAeA8AdUBoLmV4YW1wbGUtMV8yAQAEAAAAAAAgAAyYZoZyv"
          "8LSh5Yx4Hx68QVLxPIQDaRbT9rNPxR6laAE" },
        { "ZZZZZZZZZZZZZZZZZZZZZZZZ", "k", "*", U128, 99999999, 1767225600, 4294967295, { 0 }, 0, 0,
          "001ZZZZZZZZZZZZZZZZZZZZZZZZkwD/4PUFALlVaf////8BACqAAHV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1d"
          "XV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1d"
          "XV1dXV1dXV1dXV1AAAgAM2UmV8sE6yeyisqS1hbcP05VWr6Ib2xy8wxP0npRw7c" },
        { "123456781234567812345678", "app key", "new room", "new user id", 305419896, 1700000000, 1700003600,
          { 1700001800, 1700001800, 1700001800, 1700001800, 0 }, 0, 5,
          "001123456781234567812345678QwB4VjQSAPFTZRD/U2UIAG5ldyByb29tCwBuZXcgdXNlciBpZAUAAAAI+FNlAQAI+FNlAgAI+FNlA"
          "wAI+FNlBAAAAAAAIACcoebcAJm/XinoYPay/FrGT59FJYeyH00w9h1THuF92A==" },
};
/* clang-format on */

static const struct vector *const alice = &vectors[3];

static void fill(const struct vector *v, struct room_token *ret)
{
        *ret = (struct room_token){ .nonce = v->nonce, .issued_at = v->issued_at, .expire_at = v->expire_at };
        strcpy(ret->app_id, v->app_id);
        strcpy(ret->room_id, v->room_id);
        strcpy(ret->user_id, v->user_id);
        for (size_t i = 0; i < v->n; i++) {
                ret->privileges[i].key = (uint16_t)(v->first + i);
                ret->privileges[i].value = v->privileges[i];
        }
        ret->n_privileges = v->n;
}

TEST(vectors_mint_bit_exactly)
{
        for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
                _cleanup_free_ char *text = NULL;
                struct room_token t;

                fill(&vectors[i], &t);
                ASSERT_OK(room_token_mint(&t, vectors[i].app_key, &text));
                ASSERT_STR(text, vectors[i].token);
        }
}

TEST(vectors_parse)
{
        for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
                struct room_token t, wanted;

                fill(&vectors[i], &wanted);
                ASSERT_OK(room_token_parse(vectors[i].token, &t));
                memcpy(wanted.signature, t.signature, sizeof(t.signature));
                ASSERT_MEM(&t, &wanted, sizeof(t));
        }
}

TEST(vectors_verify_and_another_key_does_not)
{
        for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
                const struct vector *v = &vectors[i];
                uint32_t expire_at = 7;
                char key[64];

                ASSERT_EQ(room_token_verify(v->token, v->app_id, v->app_key, v->room_id, v->user_id, v->issued_at,
                                            &expire_at),
                          ROOM_TOKEN_OK);
                ASSERT_EQ(expire_at, v->expire_at);
                snprintf(key, sizeof(key), "%sx", v->app_key);
                ASSERT_EQ(
                        room_token_verify(v->token, v->app_id, key, v->room_id, v->user_id, v->issued_at, &expire_at),
                        ROOM_TOKEN_BAD_SIGNATURE);
                ASSERT_EQ(room_token_verify(v->token, v->app_id, "", v->room_id, v->user_id, v->issued_at, &expire_at),
                          ROOM_TOKEN_BAD_SIGNATURE);
        }
}

static enum room_token_verdict verify_alice(const char *app_id, const char *room, const char *user, uint64_t now)
{
        uint32_t expire_at;

        return room_token_verify(alice->token, app_id, alice->app_key, room, user, now, &expire_at);
}

TEST(bound_to_app_room_and_user)
{
        ASSERT_EQ(verify_alice(alice->app_id, "room-1", "alice", 0), ROOM_TOKEN_OK);
        ASSERT_EQ(verify_alice("0123456789abcdef01234568", "room-1", "alice", 0), ROOM_TOKEN_WRONG_APP);
        ASSERT_EQ(verify_alice("0123456789abcdef0123456", "room-1", "alice", 0), ROOM_TOKEN_WRONG_APP);
        ASSERT_EQ(verify_alice(alice->app_id, "room-2", "alice", 0), ROOM_TOKEN_WRONG_ROOM);
        ASSERT_EQ(verify_alice(alice->app_id, "room-", "alice", 0), ROOM_TOKEN_WRONG_ROOM);
        ASSERT_EQ(verify_alice(alice->app_id, "room-1", "alicf", 0), ROOM_TOKEN_WRONG_USER);
}

TEST(expiry_is_the_second_after)
{
        ASSERT_EQ(verify_alice(alice->app_id, "room-1", "alice", 1700003600), ROOM_TOKEN_OK);
        ASSERT_EQ(verify_alice(alice->app_id, "room-1", "alice", 1700003601), ROOM_TOKEN_EXPIRED);
}

TEST(zero_never_expires_and_times_are_unsigned)
{
        uint32_t expire_at;

        ASSERT_EQ(room_token_verify(vectors[4].token, vectors[4].app_id, vectors[4].app_key, "A.z_0-9@x",
                                    "u@h.example-1_2", UINT64_MAX, &expire_at),
                  ROOM_TOKEN_OK);
        ASSERT_EQ(expire_at, 0);
        ASSERT_EQ(room_token_verify(vectors[5].token, vectors[5].app_id, "k", "any-room", U128, UINT64_C(4294967295),
                                    &expire_at),
                  ROOM_TOKEN_OK); /* and the wildcard admits to any room */
        ASSERT_EQ(room_token_verify(vectors[5].token, vectors[5].app_id, "k", "any-room", U128, UINT64_C(4294967296),
                                    &expire_at),
                  ROOM_TOKEN_EXPIRED);
}

TEST(every_changed_character_is_noticed)
{
        char text[512];
        uint32_t expire_at = 7;

        snprintf(text, sizeof(text), "%s", alice->token);
        for (size_t i = 0; text[i]; i++) {
                char was = text[i];

                text[i] = was == 'A' ? 'B' : 'A';
                ASSERT_NE(room_token_verify(text, alice->app_id, alice->app_key, "room-1", "alice", 0, &expire_at),
                          ROOM_TOKEN_OK);
                text[i] = was;
        }
        ASSERT_EQ(expire_at, 7);
}

static void expect_malformed(const char *text)
{
        struct room_token t = { .nonce = 99 };

        if (room_token_parse(text, &t) != -EPROTO)
                test_fail(__FILE__, __LINE__, "accepted: %s", text);
        ASSERT_EQ(t.nonce, 99);
}

TEST(texts_that_are_no_token)
{
        char text[1200];

        expect_malformed("");
        expect_malformed("001");
        snprintf(text, sizeof(text), "002%s", alice->token + 3);
        expect_malformed(text);
        for (size_t n = 0; n < strlen(alice->token); n++) { /* 27 exactly is one of them */
                memcpy(text, alice->token, n);
                text[n] = '\0';
                expect_malformed(text);
        }
        snprintf(text, sizeof(text), "%s====", alice->token);
        expect_malformed(text);
        snprintf(text, sizeof(text), "%s\n", alice->token);
        expect_malformed(text);
        snprintf(text, sizeof(text), "%s", alice->token);
        text[40] = ' ';
        expect_malformed(text);
        text[40] = '-'; /* the alphabet of URLs */
        expect_malformed(text);
        text[40] = '=';
        expect_malformed(text);
        snprintf(text, sizeof(text), "%s", alice->token);
        text[5] = '\x1b'; /* in the appId */
        expect_malformed(text);
        snprintf(text, sizeof(text), "%s", alice->token);
        text[strlen(text) - 2]++; /* HiU= → HiV=: the same bytes, but not the canonical text */
        expect_malformed(text);
        memset(text + 27, 'A', 1100);
        text[27 + 1100] = '\0';
        expect_malformed(text);
}

/* Tokens of any content, well signed or not: what is malformed is so before any key is tried. */
static void make(const void *content, size_t len, char *ret)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const uint8_t *c = content;

        ret += sprintf(ret, "001%s", alice->app_id);
        ASSERT_EQ(len % 3, 0); /* no padding to make here */
        for (size_t i = 0; i < len; i += 3) {
                uint32_t bits = (uint32_t)(c[i] << 16 | c[i + 1] << 8 | c[i + 2]);

                for (int shift = 18; shift >= 0; shift -= 6)
                        *ret++ = digits[bits >> shift & 63];
        }
        *ret = '\0';
}

struct content { /* nonce and times all zero */
        uint8_t bytes[1024];
        size_t len;
};

static void put16(struct content *c, unsigned v)
{
        c->bytes[c->len++] = (uint8_t)v;
        c->bytes[c->len++] = (uint8_t)(v >> 8);
}

static void put(struct content *c, const void *p, size_t n)
{
        memcpy(c->bytes + c->len, p, n);
        c->len += n;
}

/* msg with an id of room_len bytes (a multiple of 3 keeps the whole one), n keys, and lengths that lie by so much. */
static void make_content(struct content *c, size_t room_len, const uint16_t *keys, size_t n, int msg_lie,
                         int count_lie, unsigned signature_len)
{
        static const uint8_t zeros[256];
        char name[300];

        memset(name, 'r', sizeof(name));
        *c = (struct content){ 0 };
        put16(c, (unsigned)((int)(18 + room_len + 6 * n) + msg_lie));
        put(c, zeros, 12);
        put16(c, (unsigned)room_len);
        put(c, name, room_len);
        put16(c, 0);
        put16(c, (unsigned)((int)n + count_lie));
        for (size_t i = 0; i < n; i++) {
                put16(c, keys[i]);
                put(c, zeros, 4);
        }
        put16(c, signature_len);
        put(c, zeros, signature_len);
}

TEST(contents_that_contradict_themselves)
{
        static const struct {
                size_t room_len, n;
                uint16_t keys[3];
                int msg_lie, count_lie;
                unsigned signature_len;
                bool good;
        } cases[] = {
                { 6, 2, { 1, 2 }, 0, 0, 32, true },
                { 0, 0, { 0 }, 0, 0, 32, true },
                { 6, 3, { 0, 5, 65535 }, 0, 0, 32, true }, /* unknown keys are tolerated */
                { 126, 0, { 0 }, 0, 0, 32, true },
                { 129, 0, { 0 }, 0, 0, 32, false },   /* longer than any id */
                { 6, 2, { 2, 1 }, 0, 0, 32, false },  /* unsorted */
                { 6, 2, { 1, 1 }, 0, 0, 32, false },  /* duplicate */
                { 6, 2, { 1, 2 }, 0, 1, 32, false },  /* more keys than bytes */
                { 6, 2, { 1, 2 }, 0, -1, 32, false }, /* bytes behind the last key */
                { 6, 2, { 1, 2 }, 0, 64, 32, false },
                { 6, 2, { 1, 2 }, 3, 0, 32, false },    /* message reaches into the signature */
                { 6, 2, { 1, 2 }, 1000, 0, 32, false }, /* message reaches past the end */
                { 6, 2, { 1, 2 }, -6, 0, 32, false },
                { 6, 2, { 1, 2 }, 0, 0, 35, false }, /* signatures of other lengths */
                { 6, 2, { 1, 2 }, 0, 0, 29, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct content c;
                struct room_token t;
                char text[1600];

                make_content(&c, cases[i].room_len, cases[i].keys, cases[i].n, cases[i].msg_lie, cases[i].count_lie,
                             cases[i].signature_len);
                make(c.bytes, c.len, text);
                if (room_token_parse(text, &t) != (cases[i].good ? 0 : -EPROTO))
                        test_fail(__FILE__, __LINE__, "case %zu", i);
                if (!cases[i].good)
                        continue;
                put(&c, "abc", 3); /* bytes behind the signature */
                make(c.bytes, c.len, text);
                ASSERT_EQ(room_token_parse(text, &t), -EPROTO);
        }
}

TEST(an_id_with_a_nul_is_malformed)
{
        struct content c;
        char text[1600];

        make_content(&c, 6, NULL, 0, 0, 0, 32);
        c.bytes[2 + 12 + 2 + 3] = '\0';
        make(c.bytes, c.len, text);
        expect_malformed(text);
}

TEST(what_cannot_be_minted)
{
        struct room_token t;
        char *text = NULL;

        fill(alice, &t);
        ASSERT_EQ(room_token_mint(&t, "", &text), -EINVAL);
        t.app_id[23] = '\0';
        ASSERT_EQ(room_token_mint(&t, "k", &text), -EINVAL);
        fill(alice, &t);
        t.privileges[1].key = 0;
        ASSERT_EQ(room_token_mint(&t, "k", &text), -EINVAL);
        ASSERT(text == NULL);
}

TEST(the_largest_token)
{
        _cleanup_free_ char *text = NULL;
        struct room_token t, back;

        fill(alice, &t);
        memset(t.room_id, 'r', ROOM_TOKEN_MAX_ID);
        memset(t.user_id, 'u', ROOM_TOKEN_MAX_ID);
        ASSERT_OK(room_token_mint(&t, "k", &text));
        ASSERT_EQ(strlen(text), 483);
        text = (free(text), NULL);
        t.n_privileges = ROOM_TOKEN_MAX_PRIVILEGES;
        for (size_t i = 0; i < ROOM_TOKEN_MAX_PRIVILEGES; i++)
                t.privileges[i].key = (uint16_t)(i * 1000);
        ASSERT_OK(room_token_mint(&t, "k", &text));
        ASSERT_OK(room_token_parse(text, &back));
        ASSERT_STR(back.user_id, t.user_id);
        ASSERT_EQ(back.privileges[63].key, 63000);
}

TEST(verdicts_have_names)
{
        for (int v = 0; v < _ROOM_TOKEN_VERDICT_MAX; v++)
                ASSERT(room_token_verdict_to_string((enum room_token_verdict)v)[0] != '\0');
        ASSERT_STR(room_token_verdict_to_string(ROOM_TOKEN_WRONG_USER), "wrong user");
}

TEST_OOM(minting_fails_cleanly)
{
        _cleanup_free_ char *text = NULL;
        struct room_token t;

        fill(alice, &t);
        return room_token_mint(&t, "k", &text);
}
