/* test-token.c - which token opens which room on which server. The 001 form in full:
 * tests/unit/wire/test-room-token.c.
 */
#include "app/token.h"
#include "base/cleanup.h"
#include "lib/test.h"
#include "wire/jwt.h"
#include "wire/room-token.h"

#define APP "0123456789abcdef01234567"
#define KEY "appkey"

enum { NOW_S = 1700000000 };

static const struct jwt_grant good = {
        .key = "k", .identity = "alice", .room = "r", .expires_at = NOW_S + 100, .room_join = true, .can_publish = true
};

static enum token_verdict judge(const char *engine, const char *token, const char *app_key, bool has_key_pair,
                                struct token_life *ret)
{
        struct token_claim claim = { .app_id = APP,
                                     .room_id = "r",
                                     .user_id = "alice",
                                     .token = token,
                                     .app_key = app_key,
                                     .engine = engine,
                                     .has_key_pair = has_key_pair,
                                     .now_s = NOW_S };

        return token_judge(&claim, ret);
}

static enum token_verdict judge_grant(const struct jwt_grant *g, struct token_life *ret)
{
        _cleanup_free_ char *token = NULL;

        ASSERT_OK(jwt_mint(g, "whose secret does not matter here", &token));
        return judge("livekit", token, NULL, false, ret);
}

static char *room_token(const char *room, uint32_t expire_at)
{
        struct room_token t = { .app_id = APP, .user_id = "alice", .expire_at = expire_at };
        char *text;

        (void)snprintf(t.room_id, sizeof(t.room_id), "%s", room);
        ASSERT_OK(room_token_mint(&t, KEY, &text));
        return text;
}

TEST(the_grant_of_a_jwt_is_checked_before_connecting)
{
        struct token_life life;
        struct jwt_grant g = good;

        ASSERT_EQ(judge_grant(&g, &life), TOKEN_GOOD);
        ASSERT_EQ(life.expires_at, NOW_S + 100);
        ASSERT(!life.ends_room && !life.only_listens);
        g.can_publish = false;
        ASSERT_EQ(judge_grant(&g, &life), TOKEN_GOOD);
        ASSERT(life.only_listens);
        g.room_join = false;
        ASSERT_EQ(judge_grant(&g, &life), TOKEN_BAD);
        g = good;
        memcpy(g.room, "other", 6);
        ASSERT_EQ(judge_grant(&g, &life), TOKEN_BAD);
        g.room[0] = '\0'; /* servers refuse it: "no room name" */
        ASSERT_EQ(judge_grant(&g, &life), TOKEN_BAD);
        g = good;
        memcpy(g.identity, "bob", 4);
        ASSERT_EQ(judge_grant(&g, &life), TOKEN_BAD);
}

TEST(the_times_of_a_jwt_are_checked)
{
        struct token_life life;
        struct jwt_grant g = good;

        g.expires_at = NOW_S;
        ASSERT_EQ(judge_grant(&g, &life), TOKEN_GOOD);
        g.expires_at = NOW_S - 1;
        ASSERT_EQ(judge_grant(&g, &life), TOKEN_BAD);
        g.expires_at = 0; /* old servers take it */
        ASSERT_EQ(judge_grant(&g, &life), TOKEN_GOOD);
        ASSERT_EQ(life.expires_at, 0);
        g.not_before = NOW_S + 60;
        ASSERT_EQ(judge_grant(&g, &life), TOKEN_GOOD);
        g.not_before = NOW_S + 61;
        ASSERT_EQ(judge_grant(&g, &life), TOKEN_BAD);
}

TEST(a_livekit_takes_a_001_token_only_where_both_keys_are_configured)
{
        _cleanup_free_ char *token = room_token("r", NOW_S + 5), *other = room_token("other", 0),
                            *old = room_token("r", NOW_S - 1);
        struct token_life life;

        ASSERT_EQ(judge("livekit", token, KEY, true, &life), TOKEN_GOOD);
        ASSERT_EQ(life.expires_at, NOW_S + 5);
        ASSERT(life.ends_room);
        ASSERT_EQ(judge("livekit", token, KEY, false, &life), TOKEN_BAD);
        ASSERT_EQ(judge("livekit", token, NULL, true, &life), TOKEN_BAD);
        ASSERT_EQ(judge("livekit", token, "another", true, &life), TOKEN_BAD);
        ASSERT_EQ(judge("livekit", other, KEY, true, &life), TOKEN_BAD);
        ASSERT_EQ(judge("livekit", old, KEY, true, &life), TOKEN_BAD);
        ASSERT_EQ(judge("livekit", "nonsense", KEY, true, &life), TOKEN_BAD);
        ASSERT_EQ(judge("livekit", "", NULL, false, &life), TOKEN_BAD);
}

TEST(a_jwt_opens_no_janus_where_the_key_is_known)
{
        _cleanup_free_ char *jwt = NULL, *token = room_token("r", 0);
        struct token_life life;

        ASSERT_OK(jwt_mint(&good, "s", &jwt));
        ASSERT_EQ(judge("janus", jwt, KEY, true, &life), TOKEN_BAD);
        ASSERT_EQ(judge("janus", token, KEY, false, &life), TOKEN_GOOD);
        ASSERT(life.ends_room && life.expires_at == 0);
        ASSERT_EQ(judge("janus", "its own", NULL, true, &life), TOKEN_GOOD);
        ASSERT_EQ(judge("embedded", "its own", NULL, true, &life), TOKEN_BAD);
}
