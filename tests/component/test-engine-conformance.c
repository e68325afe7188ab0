/* test-engine-conformance.c - what every engine must do, told once and run over each.
 *
 * A subject stands for one engine on a scripted server; a test sees it only through engine_new() and the recorder, and
 * makes things happen at the far end through the subject's hooks.
 */
#include <errno.h>

#include "base/clock.h"
#include "engine/fake/fake-engine.h"
#include "engine/janus/janus.h"
#include "fakes/engine-recorder.h"
#include "fakes/fake-janus.h"
#include "fakes/fake-rtc.h"
#include "lib/test.h"
#include "lib/vloop.h"

struct bed;

struct subject {
        const char *name;
        const struct engine_ops *ops;
        void (*set_up)(struct bed *b);
        void (*tear_down)(struct bed *b);
        void (*hang_join)(struct bed *b); /* the next join is not answered by the server … */
        void (*fail_join)(struct bed *b); /* … or refused as ENGINE_ROOM_FULL */
        void (*hang_publish)(struct bed *b);
        void (*enters)(struct bed *b, const char *user_id); /* publishing, and heard by us */
        void (*exits)(struct bed *b, const char *user_id);
        void (*kick_us)(struct bed *b);
};

struct bed {
        const struct subject *subject;
        struct loop *loop;
        struct rng rng;
        struct engine_env env;
        struct engine *engine;
        struct recorder rec;
        uint32_t op;
        struct fake_script script; /* of the fake engine */
        struct fake_janus janus;   /* the server of the janus engine … */
        struct fake_rtc rtc;       /* … and its runtime */
};

/* ---- subject: fake ---- */

static void fake_set_up(struct bed *b)
{
        b->env.fake = &b->script;
}

static void fake_tear_down(struct bed *b)
{
        ASSERT(!b->script.engine);
}

static void fake_hang_join(struct bed *b)
{
        b->script.answer[FAKE_JOIN].hang = true;
}

static void fake_fail_join(struct bed *b)
{
        b->script.answer[FAKE_JOIN].result.reason = ENGINE_ROOM_FULL;
}

static void fake_hang_publish(struct bed *b)
{
        b->script.answer[FAKE_PUBLISH].hang = true;
}

static void fake_enters(struct bed *b, const char *user_id)
{
        struct engine_participant p = { user_id, ENGINE_AUDIO, ENGINE_AUDIO, false };

        ASSERT_OK(fake_participant(&b->script, ENGINE_PARTICIPANT_JOINED, &p));
}

static void fake_exits(struct bed *b, const char *user_id)
{
        struct engine_participant p = { .user_id = user_id };

        ASSERT_OK(fake_participant(&b->script, ENGINE_PARTICIPANT_LEFT, &p));
}

static void fake_kick_us(struct bed *b)
{
        ASSERT_OK(fake_end(&b->script, ENGINE_KICKED));
}

/* ---- subject: janus, on a scripted server ---- */

static struct bed *making; /* whose engine is being made: create() has no other way to the fakes */

static int janus_create(const struct engine_env *env, const struct url *server, const struct engine_events *ev,
                        void *ctx, struct engine **ret)
{
        struct janus_config config = { .env = env,
                                       .ops = &janus_engine_ops,
                                       .url = "ws://test/",
                                       .conn = fake_sigconn_provider(making->janus.conn),
                                       .rtc = &fake_rtc_ops,
                                       .ev = ev,
                                       .ctx = ctx };

        (void)server;
        return janus_new(&config, ret);
}

static const struct engine_ops janus_on_fakes = { .name = "janus", .create = janus_create };

static void janus_set_up(struct bed *b)
{
        fake_janus_init(&b->janus, b->loop);
        fake_rtc_init(&b->rtc, b->loop);
        making = b;
}

static void janus_tear_down(struct bed *b)
{
        fake_janus_done(&b->janus);
}

static void janus_hang_join(struct bed *b)
{
        b->janus.silent_on = "joinandconfigure";
}

static void janus_fail_join(struct bed *b)
{
        b->janus.refuse = "joinandconfigure";
        b->janus.refuse_code = 432;
}

static void janus_hang_publish(struct bed *b)
{
        b->janus.silent_on = "unpublish";
}

static void janus_enters(struct bed *b, const char *user_id)
{
        fake_janus_enters(&b->janus, user_id);
}

static void janus_exits(struct bed *b, const char *user_id)
{
        char members[160];

        snprintf(members, sizeof(members), "\"leaving\":\"%s\"", user_id);
        fake_janus_say(&b->janus, FAKE_JANUS_PUB, members);
}

static void janus_kick_us(struct bed *b)
{
        fake_janus_say(&b->janus, FAKE_JANUS_PUB, "\"leaving\":\"ok\",\"reason\":\"kicked\"");
}

static const struct subject subjects[] = {
        { "janus", &janus_on_fakes, janus_set_up, janus_tear_down, janus_hang_join, janus_fail_join,
          janus_hang_publish, janus_enters, janus_exits, janus_kick_us },
        { "fake", &fake_engine_ops, fake_set_up, fake_tear_down, fake_hang_join, fake_fail_join, fake_hang_publish,
          fake_enters, fake_exits, fake_kick_us },
};

/* ---- the bed ---- */

static void bed_init(struct bed *b, const struct subject *subject)
{
        static const struct url nowhere = { .engine = "fake" };

        *b = (struct bed){ .subject = subject, .loop = vloop_new(1000 * US_PER_SEC) };
        rand_seed(&b->rng, 1);
        b->env = (struct engine_env){ .loop = b->loop, .rng = &b->rng };
        subject->set_up(b);
        ASSERT_OK(engine_new(subject->ops, &b->env, &nowhere, &recorder_events, &b->rec, &b->engine));
}

static void bed_done(struct bed *b)
{
        if (b->engine)
                b->engine->ops->free(b->engine);
        recorder_clear(&b->rec);
        vloop_run_for(b->loop, 10 * US_PER_SEC);
        recorder_expect(&b->rec, ""); /* nothing comes after free */
        b->subject->tear_down(b);
        vloop_free(b->loop);
}

static void pass_time(struct bed *b)
{
        vloop_run_for(b->loop, 50 * US_PER_MS);
}

static int join(struct bed *b)
{
        static const struct engine_join params = {
                .app_id = "0123456789abcdef01234567",
                .room_id = "room",
                .user_id = "me",
                .token = "token",
                .app_key = "key",
                .auto_publish = true,
                .auto_subscribe = true,
                .voice = { 20, 32000, 5, true, true },
        };

        return b->engine->ops->join(b->engine, ++b->op, &params);
}

static int leave(struct bed *b)
{
        return b->engine->ops->leave(b->engine, ++b->op);
}

static void join_well(struct bed *b)
{
        ASSERT_OK(join(b));
        recorder_expect(&b->rec, ""); /* nothing from inside the op */
        pass_time(b);
        ASSERT(recorder_has(&b->rec, " ok; "));
        recorder_clear(&b->rec);
}

#define CONFORM(id)                                                 \
        static void conform_##id(struct bed *b);                    \
        TEST(id)                                                    \
        {                                                           \
                for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) { \
                        struct bed b;                               \
                                                                    \
                        bed_init(&b, &subjects[i]);                 \
                        conform_##id(&b);                           \
                        bed_done(&b);                               \
                }                                                   \
        }                                                           \
        static void conform_##id(struct bed *b)

/* ---- the rules ---- */

CONFORM(free_without_join)
{
        pass_time(b);
        recorder_expect(&b->rec, "");
}

CONFORM(join_and_leave)
{
        ASSERT_OK(join(b));
        recorder_expect(&b->rec, "");
        pass_time(b);
        recorder_expect(&b->rec, "done 1 ok; ");
        ASSERT_OK(leave(b));
        recorder_expect(&b->rec, "");
        pass_time(b);
        recorder_expect(&b->rec, "done 2 ok; ");
}

CONFORM(join_twice_is_busy)
{
        ASSERT_OK(join(b));
        ASSERT_EQ(join(b), -EBUSY);
        pass_time(b);
        recorder_expect(&b->rec, "done 1 ok; ");
        ASSERT_EQ(join(b), -EBUSY);
        pass_time(b);
        recorder_expect(&b->rec, "");
}

CONFORM(room_operations_need_a_room)
{
        const struct engine_ops *ops = b->engine->ops;

        ASSERT_EQ(ops->publish(b->engine, 90, ENGINE_AUDIO, true), -ENOTCONN);
        ASSERT_EQ(ops->subscribe(b->engine, 91, "alice", ENGINE_AUDIO, true), -ENOTCONN);
        ASSERT_EQ(ops->update_token(b->engine, 92, "token"), -ENOTCONN);
        ASSERT_EQ(ops->get_stats(b->engine, 93), -ENOTCONN);
        pass_time(b);
        recorder_expect(&b->rec, "");
}

CONFORM(leave_without_room_succeeds)
{
        ASSERT_OK(leave(b));
        recorder_expect(&b->rec, "");
        pass_time(b);
        recorder_expect(&b->rec, "done 1 ok; ");
}

CONFORM(leave_while_joining_fails_the_join_first)
{
        b->subject->hang_join(b);
        ASSERT_OK(join(b));
        pass_time(b);
        ASSERT_OK(leave(b));
        recorder_expect(&b->rec, "");
        vloop_run_for(b->loop, 2 * US_PER_SEC);
        recorder_expect(&b->rec, "done 1 cancelled; done 2 ok; ");
}

CONFORM(leave_at_once_after_join)
{
        ASSERT_OK(join(b));
        ASSERT_OK(leave(b));
        vloop_run_for(b->loop, 2 * US_PER_SEC);
        recorder_expect(&b->rec, "done 1 cancelled; done 2 ok; ");
        join_well(b);
}

CONFORM(leave_twice_answers_both)
{
        join_well(b);
        ASSERT_OK(leave(b));
        ASSERT_OK(leave(b));
        vloop_run_for(b->loop, 2 * US_PER_SEC);
        recorder_expect(&b->rec, "done 2 ok; done 3 ok; ");
}

CONFORM(refused_join_leaves_nothing_behind)
{
        b->subject->fail_join(b);
        ASSERT_OK(join(b));
        pass_time(b);
        ASSERT(recorder_has(&b->rec, "done 1 room full"));
        recorder_clear(&b->rec);
        ASSERT_EQ(b->engine->ops->publish(b->engine, 90, ENGINE_AUDIO, true), -ENOTCONN);
}

CONFORM(join_leave_join)
{
        for (unsigned i = 0; i < 5; i++) {
                join_well(b);
                ASSERT_OK(leave(b));
                pass_time(b);
                ASSERT(recorder_has(&b->rec, " ok; "));
                recorder_clear(&b->rec);
        }
}

CONFORM(participants_come_and_go)
{
        join_well(b);
        b->subject->enters(b, "alice");
        pass_time(b);
        ASSERT(recorder_has(&b->rec, "joined alice audio"));
        recorder_clear(&b->rec);
        b->subject->exits(b, "alice");
        pass_time(b);
        recorder_expect(&b->rec, "left alice; ");
}

CONFORM(operations_in_a_room_are_answered_once)
{
        const struct engine_ops *ops = b->engine->ops;

        join_well(b);
        ASSERT_OK(ops->publish(b->engine, 11, ENGINE_AUDIO, false));
        pass_time(b);
        recorder_expect(&b->rec, "done 11 ok; ");
        ASSERT_OK(ops->publish(b->engine, 12, ENGINE_AUDIO, true));
        pass_time(b);
        recorder_expect(&b->rec, "done 12 ok; ");
        ASSERT_OK(ops->subscribe(b->engine, 13, "alice", ENGINE_AUDIO, false));
        pass_time(b);
        recorder_expect(&b->rec, "done 13 ok; ");
        ASSERT_OK(ops->get_stats(b->engine, 14));
        pass_time(b);
        recorder_expect(&b->rec, "stats 14; ");
}

CONFORM(being_kicked_fails_what_is_in_flight_first)
{
        join_well(b);
        b->subject->hang_publish(b);
        ASSERT_OK(b->engine->ops->publish(b->engine, 11, ENGINE_AUDIO, false));
        pass_time(b);
        recorder_expect(&b->rec, "");
        b->subject->kick_us(b);
        pass_time(b);
        recorder_expect(&b->rec, "done 11 kicked; state idle kicked; ");
        ASSERT_EQ(b->engine->ops->publish(b->engine, 12, ENGINE_AUDIO, true), -ENOTCONN);
}

CONFORM(leave_cancels_what_is_in_flight)
{
        join_well(b);
        b->subject->hang_publish(b);
        ASSERT_OK(b->engine->ops->publish(b->engine, 11, ENGINE_AUDIO, false));
        ASSERT_OK(leave(b));
        vloop_run_for(b->loop, 2 * US_PER_SEC);
        recorder_expect(&b->rec, "done 11 cancelled; done 2 ok; ");
}

CONFORM(free_while_joining)
{
        b->subject->hang_join(b);
        ASSERT_OK(join(b));
        pass_time(b);
        recorder_expect(&b->rec, "");
}

CONFORM(free_in_a_room_with_operations_in_flight)
{
        join_well(b);
        b->subject->hang_publish(b);
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
        pass_time(b);
        recorder_expect(&b->rec, "done 1 ok; ");
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
        vloop_run_for(b->loop, 2 * US_PER_SEC);
        recorder_expect(&b->rec, "done 1 ok; done 2 ok; ");
}

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
        vloop_run_for(b->loop, US_PER_SEC);
        ASSERT_EQ(mic->refs, 1);
        ASSERT_EQ(ear->refs, 1);
}
