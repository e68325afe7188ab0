/* test-app-token.c - tokens at the join, their renewal and their end. */
#include "fakes/app-rig.h"
#include "lib/test.h"
#include "lib/vloop.h"

static uint32_t in_seconds(unsigned s)
{
        return (uint32_t)(rig_realtime_us() / 1000000) + s;
}

static int join_with(struct rig *rig, struct context *c, const char *room, const char *user, const char *token)
{
        _cleanup_(options_freep) struct options *o = NULL;

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_string(o, "roomId", room));
        ASSERT_OK(options_add_string(o, "userId", user));
        ASSERT_OK(options_add_string(o, "token", token));
        return rig_call(rig, c, 1, API_JOIN, take_ptr(o));
}

static struct context *joined_until(struct rig *rig, uint32_t expire_at)
{
        _cleanup_free_ char *token = rig_token("room", "me", expire_at);
        struct context *c = rig_context(rig, 1);

        ASSERT_OK(join_with(rig, c, "room", "me", token));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "joinRtcRoom:ok"));
        return c;
}

static uint64_t expiry_of(struct context *c)
{
        struct context_view v;

        context_get(c, &v);
        return v.token_expires_at;
}

TEST(bad_tokens_are_refused_before_the_engine)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);
        struct {
                char *token;
                bool good;
        } cases[] = {
                { strdup("nonsense"), false },
                { strdup("janus:a,b|c,d"), false }, /* a server's own token where the AppKey is known */
                { rig_token("other", "me", 0), false },
                { rig_token("room", "you", 0), false },
                { rig_token("room", "me", in_seconds(0) - 1), false },
                { rig_token("room", "me", in_seconds(0)), true },
                { rig_token("*", "me", 0), true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                (void)rig_take(rig);
                ASSERT_OK(join_with(rig, c, "room", "me", cases[i].token));
                rig_turn(rig);
                ASSERT(strstr(rig->trace,
                              cases[i].good ? "joinRtcRoom:ok" : "21101/115902D joinRtcRoom:fail invalid token"));
                ASSERT_EQ(rig->script.calls[FAKE_JOIN], (i >= 5) + (i >= 6));
                ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
                rig_turn(rig);
                free(cases[i].token);
        }
}

TEST(where_no_key_is_known_the_server_judges)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c;

        ASSERT_EQ(rig_create_for(rig, 1, "keyless", "fake:", &c), CREATE_OK);
        ASSERT_OK(join_with(rig, c, "room", "me", "janus:a|b"));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "joinRtcRoom:ok"));
        ASSERT_STR(rig->script.token, "janus:a|b");
        ASSERT_EQ(expiry_of(c), 0);
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_turn(rig);

        ASSERT_EQ(rig_create_for(rig, 1, "keyless", "embedded:", &c), CREATE_OK);
        ASSERT_OK(join_with(rig, c, "room", "me", "janus:a|b"));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "21101/115902D joinRtcRoom:fail invalid token"));
}

TEST(expiry_is_announced_and_then_happens)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        uint32_t at = in_seconds(100);
        struct context *c = joined_until(rig, at);

        ASSERT_EQ(expiry_of(c), at);
        rig_run_ms(rig, 69999);
        ASSERT_STR(rig_take(rig), "");
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "will-expire 1\n");
        rig_run_ms(rig, 30999); /* the second of the expiry itself is still good */
        ASSERT_STR(rig_take(rig), "");
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "room -\nperson- 1 me\nstate 1 21108 token expired\nstate 1 -1009 token expired\n"
                                  "interrupted 1 -1009 token expired\nmembers 1\n");
        ASSERT_EQ(expiry_of(c), 0);
        ASSERT(!rig->script.engine);
        rig_run_ms(rig, 100000);
        ASSERT_STR(rig_take(rig), "");
}

TEST(expiry_ends_the_reconnecting_too)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = joined_until(rig, in_seconds(60));
        struct engine_result gone = { .reason = ENGINE_SERVER_GONE };

        ASSERT_OK(fake_state(&rig->script, ENGINE_STATE_RECONNECTING, &gone));
        rig_run_ms(rig, 60999);
        (void)rig_take(rig);
        rig_run_ms(rig, 1001);
        ASSERT_STR(rig_take(rig), "room -\nperson- 1 me\nstate 1 21108 token expired\nstate 1 -1009 token expired\n"
                                  "interrupted 1 -1009 token expired\nmembers 1\n");
        ASSERT_EQ(expiry_of(c), 0);
        ASSERT(!rig->script.engine);
}

TEST(expiry_is_announced_at_once_when_little_remains)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        _cleanup_free_ char *token = rig_token("room", "me", in_seconds(5));

        ASSERT_OK(join_with(rig, rig_context(rig, 1), "room", "me", token));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "members 1 me\n"));
        ASSERT(strstr(rig->taken, "will-expire 1\n"));
}

TEST(a_new_token_moves_the_end)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = joined_until(rig, in_seconds(60));
        _cleanup_free_ char *token = rig_token("room", "me", in_seconds(200));

        rig_run_ms(rig, 40000);
        ASSERT(strstr(rig_take(rig), "will-expire 1\n"));
        ASSERT_OK(rig_update_token(rig, c, 1, token));
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "done 1 :1.1 #2 updateToken 0/0 updateToken:ok\n");
        ASSERT_STR(rig->script.token, token);
        rig_run_ms(rig, 100000);
        ASSERT_STR(rig_take(rig), "");
        rig_run_ms(rig, 70000);
        ASSERT(strstr(rig_take(rig), "will-expire 1\n")); /* for the new one, once more */
}

TEST(a_bad_new_token_leaves_the_old_in_force)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        uint32_t at = in_seconds(100);
        struct context *c = joined_until(rig, at);
        _cleanup_free_ char *foreign = rig_token("room", "you", 0), *refused = rig_token("room", "me", 0);

        ASSERT_OK(rig_update_token(rig, c, 1, foreign));
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "done 1 :1.1 #2 updateToken 21101/115902D updateToken:fail invalid token\n");
        rig->script.answer[FAKE_UPDATE_TOKEN].result.reason = ENGINE_INVALID_TOKEN; /* the server's opinion */
        ASSERT_OK(rig_update_token(rig, c, 1, refused));
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "done 1 :1.1 #3 updateToken 21101/115902D updateToken:fail invalid token\n");
        ASSERT_EQ(expiry_of(c), at);
}

TEST(outside_a_room_there_is_no_token_to_update)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        _cleanup_free_ char *token = rig_token("room", "me", 0);
        struct context *c = rig_context(rig, 1);

        (void)rig_take(rig);
        ASSERT_OK(rig_update_token(rig, c, 1, token));
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "done 1 :1.1 #1 updateToken 21102/115903F updateToken:fail not in a room\n");
}
