/* test-jwt.c - LiveKit tokens: one made by hand with the openssl command line, what mints parses, and what is refused.
 */
#include "wire/jwt.h"

#include <errno.h>

#include "base/cleanup.h"
#include "lib/test.h"

/* H='{"alg":"HS256","typ":"JWT"}'  P=the claims  b64url() { base64 -w0 | tr +/ -_ | tr -d =; }
 * printf %s.%s $(b64url <<<$H) $(b64url <<<$P) | openssl dgst -sha256 -hmac secret -binary | b64url */
#define HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
#define PAYLOAD                                                                                                       \
        "eyJpc3MiOiJkZXZrZXkiLCJzdWIiOiJhbGljZSIsIm5hbWUiOiJBbCIsImV4cCI6MTkwMDAwMDAwMCwidmlkZW8iOnsicm9vbUpvaW4iOnR" \
        "ydWUsInJvb20iOiJyMSIsImNhblN1YnNjcmliZSI6ZmFsc2V9fQ"
#define SIGNATURE "R-4mLmE0xoLkXITH0gc1eeRuQDRkDjOQRYceDuwN3n0"

static const char known[] = HEADER "." PAYLOAD "." SIGNATURE;

TEST(a_token_made_by_hand)
{
        struct jwt_grant g;

        ASSERT_OK(jwt_parse(known, &g));
        ASSERT_STR(g.key, "devkey");
        ASSERT_STR(g.identity, "alice");
        ASSERT_STR(g.name, "Al");
        ASSERT_STR(g.room, "r1");
        ASSERT_EQ(g.expires_at, 1900000000);
        ASSERT_EQ(g.not_before, 0);
        ASSERT(g.room_join && g.can_publish && !g.can_subscribe && g.can_publish_data && !g.hidden && !g.room_admin);
        ASSERT_EQ(jwt_verify(known, "secret"), 1);
        ASSERT_EQ(jwt_verify(known, "secret "), 0);
        ASSERT_EQ(jwt_verify(known, ""), 0);
}

TEST(what_is_minted_parses)
{
        struct jwt_grant g = { .key = "k",
                               .identity = "bob",
                               .room = "a/\"b\"",
                               .name = "B\xc3\xb6",
                               .expires_at = 1,
                               .not_before = 7,
                               .room_join = true,
                               .can_subscribe = true,
                               .hidden = true,
                               .room_admin = true };
        struct jwt_grant back = { 0 };
        _cleanup_free_ char *token = NULL;

        ASSERT_OK(jwt_mint(&g, "0123456789abcdef0123456789abcdef", &token));
        ASSERT(!strpbrk(token, "+/=\n"));
        ASSERT_OK(jwt_parse(token, &back));
        ASSERT_STR(back.room, g.room);
        ASSERT_STR(back.name, g.name);
        ASSERT_STR(back.identity, "bob");
        ASSERT(back.room_join && !back.can_publish && back.can_subscribe && !back.can_publish_data && back.hidden &&
               back.room_admin);
        ASSERT_EQ(back.expires_at, 1);
        ASSERT_EQ(back.not_before, 7);
        ASSERT_EQ(jwt_verify(token, "0123456789abcdef0123456789abcdef"), 1);
        token[strlen(token) / 2] ^= 1;
        ASSERT_EQ(jwt_verify(token, "0123456789abcdef0123456789abcdef"), 0);
}

TEST(minting_needs_key_identity_and_secret)
{
        struct jwt_grant whole = { .key = "k", .identity = "i" }, no_key = { .identity = "i" },
                         nobody = { .key = "k" };
        char *token = NULL;

        ASSERT_EQ(jwt_mint(&whole, "", &token), -EINVAL);
        ASSERT_EQ(jwt_mint(&no_key, "s", &token), -EINVAL);
        ASSERT_EQ(jwt_mint(&nobody, "s", &token), -EINVAL);
        ASSERT(!token);
}

/* Payloads in clear; each makes a token that is refused, and leaves the grant alone. */
TEST(what_is_no_token)
{
        static const char *const bad[] = {
                "",
                "a",
                "a.b",
                HEADER "." PAYLOAD,
                HEADER "." PAYLOAD ".x.y",
                HEADER "=." PAYLOAD "." SIGNATURE,
                HEADER ".e30x." SIGNATURE,                     /* {} and garbage */
                HEADER ".W10." SIGNATURE,                      /* [] */
                HEADER ".eyJ2aWRlbyI6MX0." SIGNATURE,          /* {"video":1} */
                HEADER ".eyJzdWIiOjF9." SIGNATURE,             /* {"sub":1} */
                HEADER ".eyJleHAiOi0xfQ." SIGNATURE,           /* {"exp":-1} */
                HEADER ".eyJleHAiOiIxIn0." SIGNATURE,          /* {"exp":"1"} */
                HEADER ".eyJzdWIiOiJhXHUwMDAwYiJ9." SIGNATURE, /* {"sub":"a\\u0000b"} */
                "eyJhbGciOiJub25lIn0." PAYLOAD ".",            /* alg none */
                "eyJhbGciOiJSUzI1NiJ9." PAYLOAD "." SIGNATURE, /* RS256 */
                "e30." PAYLOAD "." SIGNATURE,
        };
        struct jwt_grant g = { .key = "before" };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ASSERT_EQ(jwt_parse(bad[i], &g), -EINVAL);
        ASSERT_STR(g.key, "before");
}

TEST(absent_claims_have_defaults)
{
        struct jwt_grant g;

        ASSERT_OK(jwt_parse(HEADER ".eyJqdGkiOiJqIn0.", &g)); /* {"jti":"j"} */
        ASSERT_STR(g.identity, "j");
        ASSERT(!g.room_join && g.can_publish && g.can_subscribe && g.can_publish_data && !g.expires_at);
}

TEST(too_long_a_token)
{
        char text[JWT_MAX + 10];
        struct jwt_grant g;

        memset(text, 'A', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        text[10] = text[20] = '.';
        ASSERT_EQ(jwt_parse(text, &g), -EINVAL);
        ASSERT_EQ(jwt_verify(text, "s"), -EINVAL);
}

TEST_OOM(minting_under_want_of_memory)
{
        struct jwt_grant g = { .key = "k", .identity = "bob", .room = "r", .room_join = true, .expires_at = 1 };
        _cleanup_free_ char *token = NULL;
        int r = jwt_mint(&g, "secret", &token);

        return r < 0 ? r : jwt_parse(token, &g);
}
