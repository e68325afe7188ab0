/* rules.c - see conformance.h. */
#include <errno.h>

#include "base/clock.h"
#include "conformance/conformance.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "wire/room-token.h"

static void sign_token(struct bed *b)
{
        struct engine_join params = bed_join_params(b, "me");
        struct room_token t = { .nonce = 1 };

        snprintf(t.app_id, sizeof(t.app_id), "%s", params.app_id);
        snprintf(t.room_id, sizeof(t.room_id), "%s", params.room_id);
        snprintf(t.user_id, sizeof(t.user_id), "%s", params.user_id);
        ASSERT_OK(room_token_mint(&t, params.app_key, &b->token));
}

static void bed_init(struct bed *b, const struct subject *subject)
{
        static unsigned beds;

        *b = (struct bed){ .subject = subject, .loop = vloop_new(1000 * US_PER_SEC) };
        (void)snprintf(b->room, sizeof(b->room), "room-%u", ++beds);
        rand_seed(&b->rng, 1);
        sign_token(b);
        b->env = (struct engine_env){ .loop = b->loop, .rng = &b->rng };
        subject->set_up(b);
        ASSERT_OK(engine_new(b->ops, &b->env, &b->server, &recorder_events, &b->rec, &b->engine));
}

static void bed_done(struct bed *b)
{
        if (b->engine)
                b->engine->ops->free(b->engine);
        recorder_clear(&b->rec);
        b->subject->run(b, "");
        recorder_expect(&b->rec, ""); /* nothing comes after free */
        b->subject->tear_down(b);
        vloop_free(b->loop);
        free(b->token);
}

struct engine_join bed_join_params(const struct bed *b, const char *user_id)
{
        return (struct engine_join){ .app_id = "0123456789abcdef01234567",
                                     .room_id = b->room,
                                     .user_id = user_id,
                                     .token = b->token,
                                     .app_key = "an app's key for tests",
                                     .api_key = "devkey",
                                     .api_secret = "0123456789abcdef0123456789abcdef",
                                     .auto_publish = true,
                                     .auto_subscribe = true,
                                     .visible = true,
                                     .voice = { 20, 32000, 5, true, true },
                                     .reconnect_s = 60 };
}

/* These lines come, and no others. */
static void expect(struct bed *b, const char *lines)
{
        b->subject->run(b, lines);
        recorder_expect(&b->rec, lines);
}

static int join(struct bed *b)
{
        struct engine_join params = bed_join_params(b, "me");

        return b->engine->ops->join(b->engine, ++b->op, &params);
}

static int leave(struct bed *b)
{
        return b->engine->ops->leave(b->engine, ++b->op);
}

/* The operation asked for last succeeds, and nothing comes from inside it. */
static void expect_success(struct bed *b)
{
        char line[32];

        recorder_expect(&b->rec, "");
        snprintf(line, sizeof(line), "done %u ok; ", b->op);
        expect(b, line);
}

static void join_well(struct bed *b)
{
        ASSERT_OK(join(b));
        expect_success(b);
}

#define CONFORM(id)                                                   \
        static void conform_##id(struct bed *b);                      \
        TEST(id)                                                      \
        {                                                             \
                for (size_t i = 0; subjects[i]; i++) {                \
                        struct bed b;                                 \
                                                                      \
                        bed_init(&b, subjects[i]);                    \
                        conform_##id(&b);                             \
                        bed_done(&b);                                 \
                        printf("# %s: %s\n", #id, subjects[i]->name); \
                }                                                     \
        }                                                             \
        static void conform_##id(struct bed *b)

/* ---- the rules ---- */

CONFORM(free_without_join)
{
        expect(b, "");
}

CONFORM(join_and_leave)
{
        join_well(b);
        ASSERT_OK(leave(b));
        expect_success(b);
}

CONFORM(join_twice_is_busy)
{
        ASSERT_OK(join(b));
        ASSERT_EQ(join(b), -EBUSY);
        expect(b, "done 1 ok; ");
        ASSERT_EQ(join(b), -EBUSY);
        expect(b, "");
}

static const struct engine_message hello = { .topic = "", .data = "hello", .len = 5, .text = true, .reliable = true };

CONFORM(room_operations_need_a_room)
{
        const struct engine_ops *ops = b->engine->ops;

        ASSERT_EQ(ops->publish(b->engine, 90, ENGINE_AUDIO, true), -ENOTCONN);
        ASSERT_EQ(ops->subscribe(b->engine, 91, "alice", ENGINE_AUDIO, true), -ENOTCONN);
        ASSERT_EQ(ops->update_token(b->engine, 92, b->token), -ENOTCONN);
        ASSERT_EQ(ops->get_stats(b->engine, 93), -ENOTCONN);
        ASSERT_EQ(ops->send_message(b->engine, 94, &hello), -ENOTCONN);
        expect(b, "");
}

CONFORM(leave_without_room_succeeds)
{
        ASSERT_OK(leave(b));
        expect_success(b);
}

CONFORM(leave_while_joining_fails_the_join_first)
{
        b->subject->hang(b);
        ASSERT_OK(join(b));
        expect(b, "");
        ASSERT_OK(leave(b));
        recorder_expect(&b->rec, "");
        expect(b, "done 1 cancelled; done 2 ok; ");
}

CONFORM(leave_at_once_after_join)
{
        ASSERT_OK(join(b));
        ASSERT_OK(leave(b));
        expect(b, "done 1 cancelled; done 2 ok; ");
        join_well(b);
}

CONFORM(leave_twice_answers_both)
{
        join_well(b);
        ASSERT_OK(leave(b));
        ASSERT_OK(leave(b));
        expect(b, "done 2 ok; done 3 ok; ");
}

CONFORM(refused_join_leaves_nothing_behind)
{
        char line[64];

        b->subject->fail_join(b);
        ASSERT_OK(join(b));
        snprintf(line, sizeof(line), "done 1 %s; ", b->subject->refusal);
        expect(b, line);
        ASSERT_EQ(b->engine->ops->publish(b->engine, 90, ENGINE_AUDIO, true), -ENOTCONN);
}

CONFORM(join_leave_join)
{
        for (unsigned i = 0; i < 5; i++) {
                join_well(b);
                ASSERT_OK(leave(b));
                expect_success(b);
        }
}

CONFORM(participants_come_and_go)
{
        static const char first[] = "joined alice", last[] = "left alice; ";

        join_well(b);
        b->subject->enters(b, "alice");
        b->subject->run(b, "alice audio>audio; "); /* in one line or several */
        ASSERT(strncmp(b->rec.text, first, strlen(first)) == 0);
        ASSERT(recorder_has(&b->rec, "alice audio>audio; "));
        recorder_clear(&b->rec);
        b->subject->exits(b, "alice");
        b->subject->run(b, last); /* perhaps silent before */
        ASSERT_GE(strlen(b->rec.text), strlen(last));
        ASSERT_STR(b->rec.text + strlen(b->rec.text) - strlen(last), last);
}

CONFORM(operations_in_a_room_are_answered_once)
{
        const struct engine_ops *ops = b->engine->ops;

        join_well(b);
        ASSERT_OK(ops->publish(b->engine, 11, ENGINE_AUDIO, false));
        expect(b, "done 11 ok; ");
        ASSERT_OK(ops->publish(b->engine, 12, ENGINE_AUDIO, true));
        expect(b, "done 12 ok; ");
        ASSERT_OK(ops->subscribe(b->engine, 13, "alice", ENGINE_AUDIO, false));
        expect(b, "done 13 ok; ");
        ASSERT_OK(ops->get_stats(b->engine, 14));
        expect(b, "stats 14; ");
}

CONFORM(messages_are_taken_or_not_supported)
{
        struct engine_message none = { .topic = "nothing" };
        char line[64];

        join_well(b);
        for (uint32_t op = 11; op < 13; op++) {
                ASSERT_OK(b->engine->ops->send_message(b->engine, op, op == 11 ? &hello : &none));
                snprintf(line, sizeof(line), "done %u %s; ", op, b->subject->mute ? "not supported" : "ok");
                expect(b, line);
        }
}

CONFORM(being_kicked_ends_the_room)
{
        join_well(b);
        b->subject->kick_us(b);
        expect(b, "state idle kicked; ");
        ASSERT_EQ(b->engine->ops->publish(b->engine, 12, ENGINE_AUDIO, true), -ENOTCONN);
        join_well(b);
}

/* Somebody who is there must never have seen us. */
CONFORM(the_invisible_hear_and_are_not_seen)
{
        struct engine_join params = bed_join_params(b, "me");

        params.visible = false;
        ASSERT_OK(b->engine->ops->join(b->engine, ++b->op, &params));
        expect_success(b);
        b->subject->enters(b, "alice");
        b->subject->run(b, "alice audio>audio; "); /* in one line or several */
        recorder_clear(&b->rec);
        ASSERT_OK(b->engine->ops->publish(b->engine, 11, ENGINE_AUDIO, true));
        ASSERT_OK(b->engine->ops->publish(b->engine, 12, ENGINE_AUDIO, false));
        ASSERT_OK(b->engine->ops->set_visible(b->engine, 13, false));
        expect(b, "done 11 not supported; done 12 ok; done 13 ok; ");
        b->subject->exits(b, "alice");
        b->subject->run(b, "left alice; ");
        if (b->subject->sees_us)
                ASSERT(!b->subject->sees_us(b, "alice"));
        recorder_clear(&b->rec);
        ASSERT_OK(leave(b));
        expect(b, "done 2 ok; ");
}

CONFORM(who_becomes_visible_is_seen_and_publishes_when_asked_to)
{
        struct engine_join params = bed_join_params(b, "me");

        ASSERT_EQ(b->engine->ops->set_visible(b->engine, 90, true), -ENOTCONN);
        params.visible = false;
        ASSERT_OK(b->engine->ops->join(b->engine, ++b->op, &params));
        expect_success(b);
        ASSERT_OK(b->engine->ops->set_visible(b->engine, 11, true));
        expect(b, "done 11 ok; ");
        ASSERT_OK(b->engine->ops->publish(b->engine, 12, ENGINE_AUDIO, true));
        expect(b, "done 12 ok; ");
        b->subject->enters(b, "alice");
        b->subject->run(b, "alice audio>audio; ");
        if (b->subject->sees_us)
                ASSERT(b->subject->sees_us(b, "alice"));
        recorder_clear(&b->rec);
        ASSERT_OK(b->engine->ops->set_visible(b->engine, 13, false));
        expect(b, "done 13 ok; ");
        ASSERT_OK(b->engine->ops->publish(b->engine, 14, ENGINE_AUDIO, true));
        expect(b, "done 14 not supported; ");
}

CONFORM(the_later_login_wins)
{
        join_well(b);
        b->subject->replace_us(b);
        expect(b, "state idle duplicate login; ");
        ASSERT_EQ(b->engine->ops->publish(b->engine, 12, ENGINE_AUDIO, true), -ENOTCONN);
}

CONFORM(being_kicked_fails_what_is_in_flight_first)
{
        if (b->subject->hangs_wholly)
                return;
        join_well(b);
        b->subject->hang(b);
        ASSERT_OK(b->engine->ops->publish(b->engine, 11, ENGINE_AUDIO, false));
        expect(b, "");
        b->subject->kick_us(b);
        expect(b, "done 11 kicked; state idle kicked; ");
}

CONFORM(leave_cancels_what_is_in_flight)
{
        join_well(b);
        b->subject->hang(b);
        ASSERT_OK(b->engine->ops->publish(b->engine, 11, ENGINE_AUDIO, false));
        ASSERT_OK(leave(b));
        expect(b, "done 11 cancelled; done 2 ok; ");
}

CONFORM(free_while_joining)
{
        b->subject->hang(b);
        ASSERT_OK(join(b));
        expect(b, "");
}

CONFORM(free_in_a_room_with_operations_in_flight)
{
        join_well(b);
        b->subject->hang(b);
        ASSERT_OK(b->engine->ops->publish(b->engine, 11, ENGINE_AUDIO, false));
        ASSERT_OK(b->engine->ops->get_stats(b->engine, 12));
}

static void free_engine(struct recorder *r, void *ctx)
{
        struct bed *b = ctx;

        r->hook = NULL;
        b->engine->ops->free(b->engine);
        b->engine = NULL;
}

CONFORM(free_from_inside_an_event)
{
        ASSERT_OK(join(b));
        b->rec.hook = free_engine;
        b->rec.hook_ctx = b;
        expect(b, "done 1 ok; ");
        ASSERT(!b->engine);
}

static void leave_now(struct recorder *r, void *ctx)
{
        r->hook = NULL;
        ASSERT_OK(leave(ctx));
}

CONFORM(leave_from_inside_an_event)
{
        b->rec.hook = leave_now;
        b->rec.hook_ctx = b;
        ASSERT_OK(join(b));
        expect(b, "done 1 ok; done 2 ok; ");
}

/* ---- a connection that is lost ---- */

#define RESTORED "state reconnecting server gone; state joined ok; "

CONFORM(a_lost_connection_is_restored)
{
        join_well(b);
        for (unsigned i = 0; i < 3; i++) {
                b->subject->lose(b);
                expect(b, RESTORED);
        }
        ASSERT_OK(b->engine->ops->publish(b->engine, 11, ENGINE_AUDIO, false));
        expect(b, "done 11 ok; ");
        ASSERT_OK(leave(b));
        expect_success(b);
}

CONFORM(members_outlive_a_lost_connection)
{
        join_well(b);
        b->subject->enters(b, "alice");
        b->subject->run(b, "alice audio>audio; ");
        recorder_clear(&b->rec);
        b->subject->lose(b);
        expect(b, RESTORED);
        ASSERT_OK(b->engine->ops->subscribe(b->engine, 11, "alice", ENGINE_AUDIO, false));
        b->subject->run(b, "done 11 ok; "); /* an engine may tell what became of it, or leave it at that */
        ASSERT(!recorder_has(&b->rec, "left"));
        recorder_clear(&b->rec);
}

CONFORM(without_patience_a_lost_connection_ends_the_room)
{
        struct engine_join params = bed_join_params(b, "me");

        params.reconnect_s = 0;
        ASSERT_OK(b->engine->ops->join(b->engine, ++b->op, &params));
        expect_success(b);
        b->subject->lose(b);
        expect(b, "state idle server gone; ");
        join_well(b);
}

static void ask_for_things(struct recorder *r, void *ctx)
{
        struct bed *b = ctx;
        const struct engine_ops *ops = b->engine->ops;

        r->hook = NULL;
        ASSERT_OK(ops->publish(b->engine, 11, ENGINE_AUDIO, false));
        ASSERT_OK(ops->subscribe(b->engine, 12, "alice", ENGINE_AUDIO, false));
        ASSERT_OK(ops->update_token(b->engine, 13, b->token));
        ASSERT_OK(ops->set_visible(b->engine, 14, false));
}

CONFORM(operations_while_reconnecting_succeed)
{
        join_well(b);
        b->rec.hook = ask_for_things;
        b->rec.hook_ctx = b;
        b->subject->lose(b);
        expect(b, "state reconnecting server gone; done 11 ok; done 12 ok; done 13 ok; done 14 ok; state joined ok; ");
}

CONFORM(operations_in_flight_survive_a_lost_connection)
{
        if (b->subject->hangs_wholly)
                return;
        join_well(b);
        b->subject->hang(b);
        ASSERT_OK(b->engine->ops->publish(b->engine, 11, ENGINE_AUDIO, false));
        expect(b, "");
        b->subject->lose(b);
        expect(b, "done 11 ok; " RESTORED);
}

CONFORM(leave_while_reconnecting)
{
        join_well(b);
        b->rec.hook = leave_now;
        b->rec.hook_ctx = b;
        b->subject->lose(b);
        expect(b, "state reconnecting server gone; done 2 ok; ");
        join_well(b);
}

CONFORM(free_while_reconnecting)
{
        join_well(b);
        b->rec.hook = free_engine;
        b->rec.hook_ctx = b;
        b->subject->lose(b);
        expect(b, "state reconnecting server gone; ");
}

/* ---- ports ---- */

CONFORM(ports_can_be_lent_at_any_time)
{
        static const struct capture_gate gate;
        const struct engine_ops *ops = b->engine->ops;
        _cleanup_(audio_port_unrefp) struct audio_port *mic = NULL, *ear = NULL;

        ASSERT_OK(audio_port_new(4096, &mic));
        ASSERT_OK(audio_port_new(4096, &ear));
        ASSERT_OK(ops->set_capture(b->engine, mic, &gate));
        ASSERT_OK(ops->set_playback(b->engine, "alice", ear));
        join_well(b);
        ASSERT_OK(ops->set_playback(b->engine, "alice", NULL));
        ASSERT_OK(ops->set_playback(b->engine, "alice", ear));
        ASSERT_OK(ops->set_capture(b->engine, NULL, NULL));
        ASSERT_OK(ops->set_capture(b->engine, mic, &gate));
        b->engine->ops->free(b->engine);
        b->engine = NULL;
        b->subject->run(b, "");
        ASSERT_EQ(mic->refs, 1);
        ASSERT_EQ(ear->refs, 1);
}
