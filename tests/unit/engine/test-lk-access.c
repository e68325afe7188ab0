/* Unit tests of engine/livekit/lk-access.c: which token goes with which connection, what is made from a `001` token,
 * and what a refused upgrade means. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/livekit/lk-access.h"
#include "lib/test.h"
#include "wire/room-token.h"

#define APP    "0123456789abcdef01234567"
#define NOW_S  1700000000u
#define NOW_US (NOW_S * US_PER_SEC)

static char *jwt(uint64_t expires_at, bool hidden)
{
        struct jwt_grant g = { .key = "k", .identity = "alice", .room = "r", .room_join = true, .hidden = hidden };
        char *token;

        g.expires_at = expires_at;
        ASSERT_OK(jwt_mint(&g, "s", &token));
        return token;
}

static char *room_token(uint32_t expire_at, const uint16_t *privileges, size_t n, uint32_t until)
{
        struct room_token t = { .app_id = APP, .expire_at = expire_at, .room_id = "*", .user_id = "alice" };
        char *text;

        t.n_privileges = n;
        for (size_t i = 0; i < n; i++) {
                t.privileges[i].key = privileges[i];
                t.privileges[i].value = until;
        }
        ASSERT_OK(room_token_mint(&t, "appkey", &text));
        return text;
}

static int begin(struct lk_access *a, const char *token, bool with_pair, bool visible)
{
        struct engine_join p = { .app_id = APP, .room_id = "r", .user_id = "alice", .token = token };

        *a = (struct lk_access){ 0 };
        p.visible = visible;
        p.api_key = with_pair ? "APIkey" : NULL;
        p.api_secret = with_pair ? "secret" : NULL;
        return lk_access_begin(a, &p, NOW_US);
}

static const char *bearer(struct lk_access *a, uint64_t now_s)
{
        const char *header;

        ASSERT_OK(lk_access_authorization(a, now_s * US_PER_SEC, &header));
        ASSERT(strncmp(header, "Bearer ", 7) == 0);
        return header + 7;
}

static void read_made(struct lk_access *a, uint64_t now_s, struct jwt_grant *ret)
{
        const char *token = bearer(a, now_s);

        ASSERT_EQ(jwt_verify(token, "secret"), 1);
        ASSERT_OK(jwt_parse(token, ret));
        ASSERT_STR(ret->key, "APIkey");
        ASSERT_STR(ret->identity, "alice");
        ASSERT_STR(ret->room, "r");
        ASSERT(ret->room_join);
}

TEST(a_jwt_goes_as_it_is)
{
        _cleanup_free_ char *token = jwt(NOW_S + 60, false);
        struct lk_access a;

        ASSERT_OK(begin(&a, token, true, true));
        ASSERT_STR(bearer(&a, NOW_S), token);
        ASSERT_STR(bearer(&a, NOW_S + 600), token); /* expired or not: the server says so */
        lk_access_done(&a);
}

TEST(the_newest_that_still_holds_is_in_force)
{
        _cleanup_free_ char *given = jwt(NOW_S + 6000, false), *newer = jwt(NOW_S + 600, false),
                            *later = jwt(NOW_S + 9000, false);
        struct lk_access a;

        ASSERT_OK(begin(&a, given, false, true));
        ASSERT_OK(lk_access_refreshed(&a, newer));
        ASSERT_STR(bearer(&a, NOW_S), newer);
        ASSERT_OK(lk_access_refreshed(&a, "no token"));
        ASSERT_STR(bearer(&a, NOW_S + 599), newer);
        ASSERT_STR(bearer(&a, NOW_S + 600), given); /* after a long sleep */
        ASSERT_OK(lk_access_refreshed(&a, later));
        ASSERT_STR(bearer(&a, NOW_S + 600), later);
        ASSERT_STR(bearer(&a, NOW_S + 9999), later); /* neither holds */
        ASSERT_OK(lk_access_update(&a, given, NOW_US));
        ASSERT_STR(bearer(&a, NOW_S + 600), given);
        lk_access_done(&a);
}

TEST(a_jwt_is_made_anew_for_each_connection)
{
        static const uint16_t all[] = { 0, 1, 2, 3, 4 };
        _cleanup_free_ char *token = room_token(NOW_S + 7200, all, 5, NOW_S + 7200), *newer = jwt(NOW_S + 60, false);
        struct lk_access a;
        struct jwt_grant g;

        ASSERT_OK(begin(&a, token, true, true));
        read_made(&a, NOW_S, &g);
        ASSERT(g.can_publish && g.can_subscribe && g.can_publish_data && !g.hidden);
        ASSERT_EQ(g.expires_at, NOW_S + 3600);
        read_made(&a, NOW_S + 5000, &g);
        ASSERT_EQ(g.expires_at, NOW_S + 7200); /* not beyond what was granted */
        ASSERT_OK(lk_access_refreshed(&a, newer));
        ASSERT_STR(bearer(&a, NOW_S), newer);
        read_made(&a, NOW_S + 60, &g);
        lk_access_done(&a);
}

TEST(privileges_become_the_grant)
{
        static const struct {
                uint16_t keys[2];
                size_t n;
                uint32_t until;
                bool publish, subscribe;
        } cases[] = {
                { { 0, 4 }, 2, 0, true, true },
                { { 4 }, 1, NOW_S, false, true },
                { { 1 }, 1, NOW_S, true, false },
                { { 0, 4 }, 2, NOW_S - 1, false, false },
                { { 0 }, 0, 0, true, true } /* names none */,
                { { 9 }, 1, 0, false, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *token = room_token(0, cases[i].keys, cases[i].n, cases[i].until);
                struct lk_access a;
                struct jwt_grant g;

                ASSERT_OK(begin(&a, token, true, true));
                read_made(&a, NOW_S, &g);
                ASSERT_EQ(g.can_publish, cases[i].publish);
                ASSERT_EQ(g.can_publish_data, cases[i].publish);
                ASSERT_EQ(g.can_subscribe, cases[i].subscribe);
                lk_access_done(&a);
        }
}

TEST(what_opens_nothing_is_refused)
{
        _cleanup_free_ char *room = room_token(0, NULL, 0, 0), *good = jwt(0, false);
        struct lk_access a;

        ASSERT_EQ(begin(&a, "nonsense", true, true), -EACCES);
        lk_access_done(&a);
        ASSERT_EQ(begin(&a, NULL, true, true), -EACCES);
        lk_access_done(&a);
        ASSERT_EQ(begin(&a, room, false, true), -EACCES); /* nothing to make a JWT with */
        lk_access_done(&a);
        ASSERT_OK(begin(&a, good, false, true));
        ASSERT_EQ(lk_access_update(&a, "001nonsense", NOW_US), -EACCES);
        ASSERT_STR(bearer(&a, NOW_S), good);
        lk_access_done(&a);
}

TEST(who_is_not_to_be_seen_needs_a_token_that_hides)
{
        _cleanup_free_ char *open = jwt(0, false), *hiding = jwt(0, true), *room = room_token(0, NULL, 0, 0),
                            *newer = jwt(NOW_S + 60, false);
        struct lk_access a;
        struct jwt_grant g;

        ASSERT_EQ(begin(&a, open, true, false), -EOPNOTSUPP);
        lk_access_done(&a);
        ASSERT_OK(begin(&a, hiding, true, true));
        ASSERT(!lk_access_is_visible(&a) && lk_access_can_be(&a, false) && !lk_access_can_be(&a, true));
        lk_access_set_visible(&a, true);
        ASSERT_STR(bearer(&a, NOW_S), hiding);
        lk_access_done(&a);

        ASSERT_OK(begin(&a, room, true, false));
        read_made(&a, NOW_S, &g);
        ASSERT(g.hidden);
        ASSERT(lk_access_can_be(&a, true));
        ASSERT_OK(lk_access_refreshed(&a, newer));
        lk_access_set_visible(&a, true); /* what the server refreshed is of the old kind */
        read_made(&a, NOW_S, &g);
        ASSERT(!g.hidden);
        lk_access_done(&a);
}

TEST(refusals_are_told_apart)
{
        static const struct {
                unsigned status;
                const char *text;
                enum lk_refusal refusal;
                enum engine_reason reason;
                const char *detail;
        } cases[] = {
                { 401, "invalid API key", LK_REFUSED, ENGINE_INVALID_TOKEN, "invalid API key" },
                { 401, "invalid token: (hidden), error: token is expired", LK_REFUSED, ENGINE_TOKEN_EXPIRED,
                  "token is expired" },
                { 403, "", LK_REFUSED, ENGINE_INVALID_TOKEN, "HTTP status 403" },
                { 400, "identity cannot be empty", LK_REFUSED, ENGINE_REFUSED, "identity cannot be empty" },
                { 404, "requested room does not exist", LK_REFUSED, ENGINE_REFUSED, "requested room does not exist" },
                { 404, "404 page not found", LK_REFUSED_OLD_SERVER, ENGINE_REFUSED,
                  "no LiveKit server at this address" },
                { 404, "", LK_REFUSED_OLD_SERVER, ENGINE_REFUSED, "no LiveKit server at this address" },
                { 500, "connection closed by media", LK_REFUSED_FOR_NOW, ENGINE_ROOM_FULL,
                  "connection closed by media" },
                { 403, "room has exceeded its max participants", LK_REFUSED, ENGINE_ROOM_FULL,
                  "room has exceeded its max participants" },
                { 500, "timed out while waiting for signal response", LK_REFUSED_FOR_NOW, ENGINE_REFUSED,
                  "timed out while waiting for signal response" },
                { 502, "<html>", LK_REFUSED_FOR_NOW, ENGINE_REFUSED, "HTTP status 502" },
                { 429, "slow down", LK_REFUSED_FOR_NOW, ENGINE_REFUSED, "slow down" },
                { 302, "Found", LK_REFUSED, ENGINE_REFUSED, "Found" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct engine_result res;

                ASSERT_EQ(lk_access_refused(cases[i].status, cases[i].text, &res), cases[i].refusal);
                ASSERT_EQ(res.reason, cases[i].reason);
                ASSERT_EQ(res.err, cases[i].reason == ENGINE_ROOM_FULL ? 0 : cases[i].status);
                ASSERT_STR(res.detail, cases[i].detail);
        }
}

TEST_OOM(every_step_fails_cleanly)
{
        static const char room[] =
                "0010123456789abcdef01234567OwABAAAAAPFTZRD/U2UGAHJvb20tMQUAYWxpY2UFAAAAEP9TZQEAEP9T"
                "ZQIAEP9TZQMAEP9TZQQAEP9TZSAAGPk+w43O5AbjGnEGyPBvI/wzaslwG9YP2Sj2QjAuHiU=";
        static const struct engine_join p = { .app_id = APP,
                                              .room_id = "r",
                                              .user_id = "alice",
                                              .visible = true,
                                              .token = room,
                                              .api_key = "k",
                                              .api_secret = "s" };
        struct lk_access a = { 0 };
        const char *header = NULL;
        char made[1024] = "";
        int r = lk_access_begin(&a, &p, NOW_US);

        if (r >= 0)
                r = lk_access_authorization(&a, NOW_US, &header);
        if (r >= 0)
                (void)snprintf(made, sizeof(made), "%s", header + strlen("Bearer "));
        if (r >= 0)
                r = lk_access_refreshed(&a, made);
        if (r >= 0)
                r = lk_access_update(&a, made, NOW_US);
        lk_access_done(&a);
        return r;
}
