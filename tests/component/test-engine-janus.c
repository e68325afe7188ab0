/* test-engine-janus.c - the janus backend against a scripted Janus and a fake runtime: the order of things, and every
 * way in which a server can misbehave. What holds for any engine is in test-engine-conformance.c. */
#include <errno.h>

#include "base/clock.h"
#include "fakes/janus-bed.h"

TEST(join_takes_two_flights)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        ASSERT_STR(fake_sigconn_params(b.janus.conn)->subprotocol, "janus-protocol");
}

TEST(listening_only_needs_no_publisher)
{
        _bed_ b;

        bed_init(&b);
        b.params.auto_publish = false;
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; ");
        fake_janus_expect(&b.janus, "create attach attach create join ");
        fake_rtc_expect(&b.rtc, "");
}

TEST(those_present_are_announced_after_the_join)
{
        _bed_ b;

        bed_init(&b);
        b.janus.attendee = true;
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; joined alice audio>audio; joined quiet; ");
        fake_janus_expect(&b.janus, "create attach attach create joinandconfigure join start ");
        fake_rtc_expect(&b.rtc, "open 1; capture 1; offer 1; open 2; answer 1; remote-offer 2; bind 2 0 alice; ");
}

TEST(who_comes_is_subscribed_and_who_goes_forgotten)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"joining\":{\"id\":\"alice\"}");
        pass(&b);
        recorder_expect(&b.rec, "joined alice; ");
        fake_janus_enters(&b.janus, "alice");
        pass(&b);
        recorder_expect(&b.rec, "updated alice audio; updated alice audio>audio; ");
        fake_janus_expect(&b.janus, "join start ");
        fake_rtc_expect(&b.rtc, "open 2; remote-offer 2; bind 2 0 alice; ");
        fake_janus_enters(&b.janus, "bob");
        pass(&b);
        fake_janus_expect(&b.janus, "update start ");
        fake_rtc_expect(&b.rtc, "remote-offer 2; bind 2 1 bob; ");
        recorder_clear(&b.rec);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"unpublished\":\"alice\"");
        pass(&b);
        recorder_expect(&b.rec, "updated alice; ");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"leaving\":\"alice\"");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"leaving\":\"nobody\"");
        pass(&b);
        recorder_expect(&b.rec, "left alice; ");
        fake_rtc_expect(&b.rtc, "unbind 2 0; ");
}

TEST(one_change_of_the_subscription_at_a_time)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        for (char user[] = "a"; user[0] <= 'e'; user[0]++)
                fake_janus_enters(&b.janus, user);
        pass(&b);
        fake_janus_expect(&b.janus, "join start update start ");
        ASSERT(recorder_has(&b.rec, "updated e audio>audio"));
}

TEST(without_auto_subscribe_only_wishes_count)
{
        _bed_ b;

        bed_init(&b);
        b.params.auto_subscribe = false;
        join_well(&b);
        ASSERT_OK(b.engine->ops->subscribe(b.engine, 2, "bob", ENGINE_AUDIO, true)); /* not there yet: kept */
        fake_janus_enters(&b.janus, "alice");
        pass(&b);
        fake_janus_expect(&b.janus, "");
        recorder_expect(&b.rec, "done 2 ok; joined alice audio; ");
        fake_janus_enters(&b.janus, "bob");
        pass(&b);
        fake_janus_expect(&b.janus, "join start ");
        recorder_expect(&b.rec, "joined bob audio; updated bob audio>audio; ");
        ASSERT_OK(b.engine->ops->subscribe(b.engine, 3, "bob", ENGINE_AUDIO, false));
        pass(&b);
        recorder_expect(&b.rec, "done 3 ok; updated bob audio; ");
        fake_janus_expect(&b.janus, "update start ");
}

TEST(video_is_not_for_this_engine)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        ASSERT_OK(b.engine->ops->publish(b.engine, 2, ENGINE_VIDEO, true));
        ASSERT_OK(b.engine->ops->subscribe(b.engine, 3, "alice", ENGINE_VIDEO, true));
        pass(&b);
        recorder_expect(&b.rec, "done 2 not supported; done 3 not supported; ");
}

TEST(publish_operations_follow_one_another)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        ASSERT_OK(b.engine->ops->publish(b.engine, 2, ENGINE_AUDIO, false));
        ASSERT_OK(b.engine->ops->publish(b.engine, 3, ENGINE_AUDIO, true));
        ASSERT_OK(b.engine->ops->publish(b.engine, 4, ENGINE_AUDIO, true));
        pass(&b);
        recorder_expect(&b.rec, "done 2 ok; done 3 ok; done 4 ok; ");
        fake_janus_expect(&b.janus, "unpublish publish ");
        fake_rtc_expect(&b.rtc, "close 1; open 2; capture 2; offer 2; answer 2; ");
}

TEST(a_publisher_that_does_not_connect_fails_the_operation_only)
{
        _bed_ b;

        bed_init(&b);
        b.params.auto_publish = false;
        join(&b);
        recorder_clear(&b.rec);
        b.rtc.never_connects = true;
        ASSERT_OK(b.engine->ops->publish(b.engine, 2, ENGINE_AUDIO, true));
        vloop_run_for(b.loop, 6 * US_PER_SEC);
        recorder_expect(&b.rec, "done 2 media connection failed; ");
        b.rtc.never_connects = false;
        ASSERT_OK(b.engine->ops->publish(b.engine, 3, ENGINE_AUDIO, true));
        vloop_run_for(b.loop, 2 * US_PER_SEC);
        recorder_expect(&b.rec, "done 3 ok; ");
}

TEST(a_join_whose_media_does_not_come_up_fails)
{
        _bed_ b;

        bed_init(&b);
        b.rtc.never_connects = true;
        join(&b);
        recorder_expect(&b.rec, "");
        vloop_run_for(b.loop, 6 * US_PER_SEC);
        recorder_expect(&b.rec, "done 1 media connection failed; ");
        ASSERT(!fake_sigconn_is_open(b.janus.conn));
}

TEST(an_empty_room_is_destroyed_and_another_is_not)
{
        for (unsigned others = 0; others < 2; others++) {
                _bed_ b;

                bed_init(&b);
                b.janus.others = others;
                join_well(&b);
                ASSERT_OK(b.engine->ops->leave(b.engine, 2));
                pass(&b);
                recorder_expect(&b.rec, "done 2 ok; ");
                /* the room, unless others are in it, and the session */
                fake_janus_expect(&b.janus, others ? "leave listparticipants destroy "
                                                   : "leave listparticipants allowed destroy destroy ");
                ASSERT(!fake_sigconn_is_open(b.janus.conn));
        }
}

TEST(a_server_that_does_not_answer_the_leave_is_left_within_a_second)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        b.janus.silent = true;
        ASSERT_OK(b.engine->ops->leave(b.engine, 2));
        vloop_run_for(b.loop, 900 * US_PER_MS);
        recorder_expect(&b.rec, "");
        vloop_run_for(b.loop, 200 * US_PER_MS);
        recorder_expect(&b.rec, "done 2 ok; ");
}

/* ---- refusals ---- */

static void expect_refusal(const char *request, int code, const char *done)
{
        _bed_ b;

        bed_init(&b);
        b.janus.refuse = request;
        b.janus.refuse_code = code;
        join(&b);
        recorder_expect(&b.rec, done);
        ASSERT(!fake_sigconn_is_open(b.janus.conn));
        join(&b); /* the next one works */
        recorder_expect(&b.rec, "done 1 ok; ");
}

TEST(refusals_have_their_reasons)
{
        expect_refusal("create", 403, "done 1 invalid token; ");
        expect_refusal("attach", 405, "done 1 invalid token; ");
        expect_refusal("joinandconfigure", 433, "done 1 invalid token; ");
        expect_refusal("joinandconfigure", 432, "done 1 room full; ");
        expect_refusal("attach", 460, "done 1 server error 460; ");
        expect_refusal("joinandconfigure", 0, "done 1 protocol error; ");
}

TEST(a_room_that_vanished_is_entered_on_a_fresh_handle)
{
        _bed_ b;

        bed_init(&b);
        b.janus.refuse = "joinandconfigure";
        b.janus.refuse_code = 426;
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; ");
        fake_janus_expect(&b.janus,
                          "create attach attach create joinandconfigure detach attach create joinandconfigure ");
}

TEST(a_feed_that_vanished_is_asked_for_again)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        b.janus.refuse = "join";
        b.janus.refuse_code = 428;
        fake_janus_enters(&b.janus, "alice");
        vloop_run_for(b.loop, 500 * US_PER_MS);
        fake_janus_expect(&b.janus, "join join start ");
        ASSERT(recorder_has(&b.rec, "updated alice audio>audio"));
}

/* ---- silence ---- */

TEST(a_server_that_falls_silent_while_joining_times_out)
{
        static const char *const at[] = { "create", "attach", "joinandconfigure" };

        for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
                _bed_ b;

                bed_init(&b);
                b.janus.silent_on = at[i];
                join(&b);
                vloop_run_for(b.loop, 4900 * US_PER_MS);
                recorder_expect(&b.rec, "");
                vloop_run_for(b.loop, 200 * US_PER_MS);
                recorder_expect(&b.rec, "done 1 timed out; ");
        }
}

TEST(a_frozen_server_is_noticed_by_the_keepalive)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        vloop_run_for(b.loop, 14 * US_PER_SEC);
        fake_janus_expect(&b.janus, "keepalive keepalive ");
        recorder_expect(&b.rec, "");
        b.janus.silent = true;
        vloop_run_for(b.loop, 7 * US_PER_SEC);
        recorder_expect(&b.rec, "");
        vloop_run_for(b.loop, 2 * US_PER_SEC);
        recorder_expect(&b.rec, "state idle server gone; ");
}

/* ---- closes ---- */

TEST(a_server_that_closes_at_each_stage)
{
        static const char *const at[] = { "create", "attach", "joinandconfigure" };

        for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
                _bed_ b;

                bed_init(&b);
                b.janus.silent_on = at[i];
                join(&b);
                fake_sigconn_drop(b.janus.conn, -ECONNRESET, 0, "reset");
                pass(&b);
                recorder_expect(&b.rec, "done 1 server unreachable; ");
        }
}

TEST(a_server_killed_in_a_call_ends_the_room_and_the_next_join_works)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        ASSERT_OK(b.engine->ops->publish(b.engine, 2, ENGINE_AUDIO, false));
        b.janus.silent = true;
        pass(&b);
        fake_sigconn_drop(b.janus.conn, -ECONNRESET, 0, "reset");
        pass(&b);
        recorder_expect(&b.rec, "done 2 server gone; state idle server gone; ");
        b.janus.silent = false;
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; ");
}

TEST(no_connection_at_all)
{
        _bed_ b;

        bed_init(&b);
        fake_sigconn_refuse_opens(b.janus.conn, -ECONNREFUSED);
        join(&b);
        recorder_expect(&b.rec, "done 1 server unreachable; ");
}

TEST(transport_lost_waits_for_the_reason)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        fake_rtc_peer_state(&b.rtc, 1, PEER_STATE_FAILED, PEER_CLOSED_BY_REMOTE);
        pass(&b);
        recorder_expect(&b.rec, "");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"leaving\":\"ok\",\"reason\":\"kicked\"");
        vloop_run_for(b.loop, 2 * US_PER_SEC);
        recorder_expect(&b.rec, "state idle kicked; ");
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; ");
        fake_rtc_peer_state(&b.rtc, 2, PEER_STATE_FAILED, PEER_CONSENT_LOST);
        vloop_run_for(b.loop, 2 * US_PER_SEC);
        recorder_expect(&b.rec, "state idle media connection failed; ");
}

/* ---- notices ---- */

TEST(a_destroyed_room_is_dismissed)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"videoroom\":\"destroyed\"");
        pass(&b);
        recorder_expect(&b.rec, "state idle room dismissed; ");
}

TEST(a_user_called_ok_is_a_user)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        fake_janus_enters(&b.janus, "ok");
        pass(&b);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"unpublished\":\"ok\"");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"leaving\":\"ok\"");
        pass(&b);
        recorder_expect(&b.rec, "joined ok audio; updated ok audio>audio; updated ok; left ok; ");
}

TEST(a_moderator_mutes)
{
        _bed_ b;

        bed_init(&b);
        b.params.auto_subscribe = false;
        join_well(&b);
        fake_janus_enters(&b.janus, "alice");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"id\":\"alice\",\"mid\":\"0\",\"moderation\":\"muted\"");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"id\":\"alice\",\"mid\":\"0\",\"moderation\":\"unmuted\"");
        pass(&b);
        recorder_expect(&b.rec, "joined alice audio; updated alice audio muted; updated alice audio; ");
}

TEST(speech_is_told_with_the_name_of_who_speaks)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        fake_janus_enters(&b.janus, "alice");
        pass(&b);
        recorder_clear(&b.rec);
        fake_rtc_speaking(&b.rtc, 1, NULL, true);
        fake_rtc_speaking(&b.rtc, 2, "0", true);
        fake_rtc_speaking(&b.rtc, 2, "7", true);
        fake_rtc_speaking(&b.rtc, 9, "0", true);
        pass(&b);
        recorder_expect(&b.rec, "speaking self 1; speaking alice 1; ");
}

TEST(what_is_wrong_with_encryption_is_told_of_whom_it_is)
{
        _cleanup_(e2ee_keys_unrefp) struct e2ee_keys *keys = NULL;
        _bed_ b;

        ASSERT_OK(e2ee_keys_new("secret", &keys));
        bed_init(&b);
        b.params.e2ee = keys;
        b.janus.attendee = true;
        join(&b);
        fake_rtc_expect(&b.rtc, "open 1 encrypted; capture 1; offer 1; open 2 encrypted; answer 1; remote-offer 2; "
                                "bind 2 0 alice; ");
        recorder_clear(&b.rec);
        fake_rtc_encryption(&b.rtc, 2, "0", E2EE_OK);
        fake_rtc_encryption(&b.rtc, 2, "7", E2EE_OK);
        fake_rtc_encryption(&b.rtc, 9, "0", E2EE_OK);
        fake_rtc_encryption(&b.rtc, 2, "0", E2EE_WRONG_KEY);
        pass(&b);
        recorder_expect(&b.rec, "updated alice audio>audio encryption: ok; "
                                "updated alice audio>audio encryption: wrong key; ");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"unpublished\":\"alice\"");
        pass(&b);
        recorder_expect(&b.rec, "updated alice; ");
}

TEST(the_end_of_the_session_ends_the_room)
{
        _bed_ b;
        char text[128];

        bed_init(&b);
        join_well(&b);
        fake_sigconn_message(b.janus.conn, "{\"janus\":\"timeout\",\"session_id\":1}"); /* somebody else's */
        pass(&b);
        recorder_expect(&b.rec, "");
        snprintf(text, sizeof(text), "{\"janus\":\"timeout\",\"session_id\":%llu}",
                 (unsigned long long)b.janus.session);
        fake_sigconn_message(b.janus.conn, text);
        pass(&b);
        recorder_expect(&b.rec, "state idle server gone; ");
}

/* ---- bad input ---- */

TEST(double_answers_change_nothing)
{
        _bed_ b;

        bed_init(&b);
        b.janus.twice = true;
        join_well(&b);
        fake_janus_enters(&b.janus, "alice");
        pass(&b);
        fake_rtc_expect(&b.rtc, "open 2; remote-offer 2; bind 2 0 alice; ");
        recorder_clear(&b.rec);
        ASSERT_OK(b.engine->ops->leave(b.engine, 2));
        pass(&b);
        recorder_expect(&b.rec, "done 2 ok; ");
}

TEST(garbage_is_dropped)
{
        static const char *const garbage[] = {
                "",
                "x",
                "{",
                "[]",
                "null",
                "{}",
                "{\"janus\":7}",
                "{\"janus\":\"event\"}",
                "{\"janus\":\"success\",\"transaction\":\"1\"}",
                "{\"janus\":\"event\",\"sender\":1001}",
                "{\"janus\":\"event\",\"sender\":1001,\"plugindata\":{\"data\":7}}",
                "{\"janus\":\"event\",\"sender\":1002,\"plugindata\":{\"data\":{\"videoroom\":\"attached\"}}}",
                "{\"janus\":\"event\",\"sender\":1001,\"plugindata\":{\"data\":{\"videoroom\":\"joined\","
                "\"publishers\":[7,{},[]]}}}",
                "{\"janus\":\"event\",\"sender\":1001,\"jsep\":{\"type\":\"answer\",\"sdp\":\"v=0\"}}",
        };
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
                fake_sigconn_message(b.janus.conn, garbage[i]);
        fake_sigconn_binary(b.janus.conn, "\0\1\2", 3);
        pass(&b);
        recorder_expect(&b.rec, "");
        fake_janus_expect(&b.janus, "");
        fake_rtc_expect(&b.rtc, "");
}

TEST(welcomed_and_thrown_out_in_one_message)
{
        _bed_ b;

        bed_init(&b);
        b.janus.silent_on = "joinandconfigure";
        join(&b);
        fake_sigconn_message(b.janus.conn,
                             "{\"janus\":\"event\",\"transaction\":\"5\",\"sender\":1001,\"plugindata\":{\"data\":{"
                             "\"videoroom\":\"joined\",\"leaving\":\"ok\",\"reason\":\"kicked\"}}}");
        vloop_run_for(b.loop, 2 * US_PER_SEC);
        recorder_expect(&b.rec, "done 1 kicked; ");
}

TEST(unusable_descriptions_are_a_protocol_error)
{
        _bed_ b;

        bed_init(&b);
        b.rtc.refuses_descriptions = true;
        join(&b);
        recorder_expect(&b.rec, "done 1 protocol error; ");
}

TEST(a_message_that_does_not_fit_has_a_clear_result)
{
        _bed_ b;

        bed_init(&b);
        fake_sigconn_limit_send(b.janus.conn, 500);
        join(&b);
        recorder_expect(&b.rec, "done 1 not supported; ");
        ASSERT(strstr(b.rec.last.detail, "8192"));
}

TEST(candidates_wait_for_their_description)
{
        _bed_ b;

        bed_init(&b);
        b.janus.silent_on = "attach";
        join(&b);
        fake_rtc_candidate(&b.rtc, 1, "candidate:1 1 udp 1 10.0.0.1 5 typ host");
        fake_rtc_candidate(&b.rtc, 1, NULL);
        pass(&b);
        fake_janus_expect(&b.janus, "create attach attach ");
        fake_sigconn_message(b.janus.conn, "{\"janus\":\"success\",\"transaction\":\"2\",\"data\":{\"id\":1001}}");
        pass(&b);
        fake_janus_expect(&b.janus, "create joinandconfigure trickle trickle ");
        recorder_expect(&b.rec, "done 1 ok; ");
        fake_rtc_candidate(&b.rtc, 1, "candidate:2 1 udp 1 10.0.0.1 6 typ host");
        pass(&b);
        fake_janus_expect(&b.janus, "trickle ");
}

/* ---- tokens ---- */

TEST(without_an_app_key_only_a_pair_is_accepted)
{
        _bed_ b;

        bed_init(&b);
        b.params.app_key = NULL;
        join(&b);
        recorder_expect(&b.rec, "done 1 invalid token; ");
        ASSERT_EQ(fake_sigconn_opens(b.janus.conn), 0);
        b.params.token = "janus:api|room";
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; ");
        ASSERT_OK(b.engine->ops->update_token(b.engine, 2, "001..."));
        ASSERT_OK(b.engine->ops->update_token(b.engine, 3, "janus:new|newer"));
        pass(&b);
        recorder_expect(&b.rec, "done 2 invalid token; done 3 ok; ");
}

static void check_tokens(struct fake_sigconn *c, const char *data, size_t len, bool binary, void *ctx)
{
        bool *seen = ctx;

        (void)c, (void)len, (void)binary;
        ASSERT(strstr(data, ",janus,janus.plugin.videoroom,janus.plugin.echotest:")); /* on every request */
        *seen = true;
}

TEST(requests_carry_signed_tokens)
{
        bool seen = false;
        _bed_ b;

        bed_init(&b);
        fake_sigconn_set_handler(b.janus.conn, check_tokens, &seen);
        join(&b);
        ASSERT(seen);
}

TEST(the_echo_test_is_a_room_with_an_echo)
{
        _bed_ b;

        bed_init(&b);
        b.params.room_id = ENGINE_ECHO_ROOM;
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; joined echo audio>audio; ");
        fake_janus_expect(&b.janus, "create attach message ");
        fake_rtc_expect(&b.rtc, "open 1; capture 1; offer 1; answer 1; bind 1 0 echo; ");
        ASSERT_OK(b.engine->ops->leave(b.engine, 2));
        pass(&b);
        recorder_expect(&b.rec, "done 2 ok; ");
}

/* ---- want of memory ---- */

static int do_join(struct bed *b)
{
        return b->engine->ops->join(b->engine, 1, &b->params);
}

static int do_publish(struct bed *b)
{
        return b->engine->ops->publish(b->engine, 2, ENGINE_AUDIO, false);
}

static int do_subscribe(struct bed *b)
{
        return b->engine->ops->subscribe(b->engine, 2, "bob", ENGINE_AUDIO, true);
}

static int do_leave(struct bed *b)
{
        return b->engine->ops->leave(b->engine, 2);
}

/* One operation with little memory: refused, or answered exactly once; and whatever became of the room, the next join
 * works. False: nothing was missing any more. */
static bool starve(int (*op)(struct bed *b), bool in_room, long allowed)
{
        _bed_ b;
        bool hit;
        int r;

        bed_init(&b);
        if (in_room)
                join_well(&b);
        test_oom_allow(allowed);
        r = op(&b);
        hit = test_oom_hit();
        test_oom_allow(-1);
        vloop_run_for(b.loop, 2 * US_PER_SEC);
        ASSERT((r < 0) == !recorder_has(&b.rec, "done "));
        if (!recorder_has(&b.rec, "state idle")) { /* still in a room, or never was */
                ASSERT_OK(b.engine->ops->leave(b.engine, 9));
                vloop_run_for(b.loop, 2 * US_PER_SEC);
        }
        recorder_clear(&b.rec);
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; ");
        return hit;
}

TEST(operations_survive_want_of_memory)
{
        for (long n = 0; starve(do_join, false, n); n++)
                ASSERT_LT(n, 1000);
        for (long n = 0; starve(do_publish, true, n); n++)
                ASSERT_LT(n, 1000);
        for (long n = 0; starve(do_subscribe, true, n); n++)
                ASSERT_LT(n, 1000);
        for (long n = 0; starve(do_leave, true, n); n++)
                ASSERT_LT(n, 1000);
}

TEST_OOM(new_and_free)
{
        struct loop *loop = vloop_new(1000 * US_PER_SEC);
        struct engine_env env = { .loop = loop, .rng = &rand_system };
        struct url url = { .engine = "janus", .host = "localhost" };
        struct engine *e;
        int r = loop ? engine_new(&janus_engine_ops, &env, &url, &recorder_events, NULL, &e) : -ENOMEM;

        if (r >= 0)
                e->ops->free(e);
        vloop_free(loop);
        return r;
}
