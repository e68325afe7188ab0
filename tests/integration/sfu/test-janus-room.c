/* test-janus-room.c - the janus engine on a real Janus (lib/janus.sh): two of us hear each other, strangers do not get
 * in, and a Janus that is killed is noticed. Sound comes from and goes to ports of our own, so no sound server is
 * needed. */
#include "engine/janus/janus.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "audio/port-rt.h"
#include "base/clock.h"
#include "fakes/engine-recorder.h"
#include "lib/test.h"
#include "lib/tone.h"
#include "loop-event.h"
#include "net/net-thread.h"
#include "wire/janus-token.h"

enum { PERIOD = 256, HEARD = 48000 };

static const char app_id[] = "0123456789abcdef01234567", app_key[] = "an app's key for tests";

struct user {
        const char *name;
        struct engine *engine;
        struct recorder rec;
        struct tone tone;
        struct audio_port *mic, *ear;
        struct capture_gate gate;
        float gain, heard[HEARD];
        size_t n_heard;
        uint64_t asked_us, joined_us;
};

struct world {
        struct loop *loop;
        struct net_thread *net;
        struct engine_env env;
        struct loop_source *clock, *limit;
        struct user user[2];
        uint64_t period_us;
        bool timed_out;
};

/* The sound card of both users. */
static void on_clock(void *ctx)
{
        struct world *w = ctx;
        float frames[PERIOD];

        for (size_t i = 0; i < ARRAY_SIZE(w->user); i++) {
                struct user *u = &w->user[i];

                tone_fill(&u->tone, frames, PERIOD);
                port_capture_rt(u->mic, frames, PERIOD);
                port_playback_rt(u->ear, &u->gain, frames, PERIOD);
                for (size_t n = 0; n < PERIOD; n++)
                        u->heard[u->n_heard++ % HEARD] = frames[n];
        }
        w->period_us += PERIOD * US_PER_SEC / AUDIO_RATE;
        (void)loop_set_timer(w->clock, w->period_us);
        loop_event_stop(w->loop); /* once a period the test looks whether what it waits for is there */
}

static void on_limit(void *ctx)
{
        ((struct world *)ctx)->timed_out = true;
}

static void note_join(struct recorder *r, void *ctx)
{
        struct user *u = ctx;

        if (!u->joined_us && recorder_has(r, "done 1 ok"))
                u->joined_us = clock_monotonic_us();
}

static void user_init(struct world *w, struct user *u, const char *name, double hz)
{
        struct url url;

        *u = (struct user){ .name = name, .tone = { .hz = hz, .amplitude = 0.5, .beat_hz = 4 } };
        u->rec.hook = note_join;
        u->rec.hook_ctx = u;
        ASSERT_OK(audio_port_new(4096, &u->mic));
        ASSERT_OK(audio_port_new(4096, &u->ear));
        atomic_store(&u->gate.conditions, GATE_ALL);
        ASSERT_OK(url_parse(getenv("JANUS_URL"), &url));
        ASSERT_OK(engine_new(&janus_engine_ops, &w->env, &url, &recorder_events, &u->rec, &u->engine));
        ASSERT_OK(u->engine->ops->set_capture(u->engine, u->mic, &u->gate));
}

static void world_init(struct world *w)
{
        if (!getenv("JANUS_URL"))
                test_skip("run it under lib/janus.sh");
        *w = (struct world){ 0 };
        ASSERT_OK(loop_event_new(&w->loop));
        w->env = (struct engine_env){ .loop = w->loop, .rng = &rand_system, .net = &w->net };
        user_init(w, &w->user[0], "alice", 440);
        user_init(w, &w->user[1], "bob", 1000);
        ASSERT_OK(w->user[0].engine->ops->set_playback(w->user[0].engine, "bob", w->user[0].ear));
        ASSERT_OK(w->user[1].engine->ops->set_playback(w->user[1].engine, "alice", w->user[1].ear));
        w->period_us = loop_now_us(w->loop);
        ASSERT_OK(loop_add_timer(w->loop, w->period_us, on_clock, w, &w->clock));
        ASSERT_OK(loop_add_timer(w->loop, LOOP_NEVER, on_limit, w, &w->limit));
}

static void world_done(struct world *w)
{
        for (size_t i = 0; i < ARRAY_SIZE(w->user); i++) {
                struct user *u = &w->user[i];

                u->engine->ops->free(u->engine);
                audio_port_unref(u->mic);
                audio_port_unref(u->ear);
        }
        w->net = net_thread_free(w->net);
        w->clock = loop_remove(w->clock);
        w->limit = loop_remove(w->limit);
        w->loop = loop_event_free(w->loop);
}

#define _world_ _cleanup_(world_done) struct world
static void run_for(struct world *w, unsigned ms)
{
        uint64_t end_us = loop_now_us(w->loop) + ms * US_PER_MS;

        while (loop_now_us(w->loop) < end_us)
                ASSERT_OK(loop_event_run(w->loop));
}

/* Until the recorder has it. */
static void await(struct world *w, struct user *u, const char *what)
{
        w->timed_out = false;
        (void)loop_set_timer(w->limit, loop_now_us(w->loop) + 8 * US_PER_SEC);
        while (!recorder_has(&u->rec, what) && !w->timed_out)
                ASSERT_OK(loop_event_run(w->loop));
        (void)loop_set_timer(w->limit, LOOP_NEVER);
        if (w->timed_out)
                test_fail(__FILE__, __LINE__, "%s: no \"%s\" in \"%s\"", u->name, what, u->rec.text);
}

static void join_as(struct user *u, const char *room, const char *key, const char *token)
{
        struct engine_join params = { .app_id = app_id,
                                      .room_id = room,
                                      .user_id = u->name,
                                      .token = token,
                                      .app_key = key,
                                      .auto_publish = true,
                                      .auto_subscribe = true,
                                      .visible = true,
                                      .voice = { 20, 32000, 5, false, true } };

        u->asked_us = clock_monotonic_us();
        u->joined_us = 0;
        recorder_clear(&u->rec);
        ASSERT_OK(u->engine->ops->join(u->engine, 1, &params));
}

static void leave(struct world *w, struct user *u)
{
        recorder_clear(&u->rec);
        ASSERT_OK(u->engine->ops->leave(u->engine, 2));
        await(w, u, "done 2 ok");
}

/* In pieces of 100 ms: over a whole second the least drift of a clock would cancel the tone out. */
static double level(const struct user *u, double hz)
{
        enum { PIECE = AUDIO_RATE / 10 };
        double sum = 0;

        for (size_t at = 0; at < HEARD; at += PIECE)
                sum += tone_find(u->heard + at, PIECE, hz);
        return sum / (HEARD / PIECE);
}

static void report_join(const struct user *u)
{
        printf("# %s joined in %.1f ms\n", u->name, (double)(u->joined_us - u->asked_us) / 1000);
}

TEST(two_hear_each_other)
{
        _world_ w;
        struct user *alice = &w.user[0], *bob = &w.user[1];

        world_init(&w);
        join_as(alice, "room", app_key, "");
        await(&w, alice, "done 1 ok");
        join_as(bob, "room", app_key, "");
        await(&w, bob, "done 1 ok");
        await(&w, alice, "updated bob audio>audio");
        await(&w, bob, "alice audio>audio"); /* there already: in one word or two */
        await(&w, alice, "speaking bob 1");
        await(&w, bob, "speaking alice 1");
        run_for(&w, 2000);
        report_join(alice);
        report_join(bob);
        printf("# alice hears 1000 Hz at %.3f, 440 at %.3f; bob 440 Hz at %.3f, 1000 at %.3f\n", level(alice, 1000),
               level(alice, 440), level(bob, 440), level(bob, 1000));
        ASSERT(level(alice, 1000) > 0.1);
        ASSERT(level(alice, 440) < 0.01);
        ASSERT(level(bob, 440) > 0.1);
        ASSERT(level(bob, 1000) < 0.01);
        ASSERT_OK(bob->engine->ops->publish(bob->engine, 3, ENGINE_AUDIO, false));
        await(&w, alice, "updated bob; ");
        await(&w, bob, "done 3 ok");
        recorder_clear(&alice->rec);
        ASSERT_OK(bob->engine->ops->publish(bob->engine, 4, ENGINE_AUDIO, true));
        await(&w, bob, "done 4 ok");
        await(&w, alice, "updated bob audio>audio");
        recorder_clear(&alice->rec);
        leave(&w, bob);
        await(&w, alice, "left bob");
        leave(&w, alice);
}

TEST(cycles)
{
        _world_ w;
        struct user *alice = &w.user[0];

        world_init(&w);
        for (unsigned i = 0; i < 20; i++) {
                join_as(alice, "room", app_key, "");
                await(&w, alice, "done 1 ok");
                if (i % 5 == 0)
                        report_join(alice);
                leave(&w, alice);
        }
}

TEST(rooms_do_not_mix)
{
        _world_ w;

        world_init(&w);
        join_as(&w.user[0], "one", app_key, "");
        join_as(&w.user[1], "two", app_key, "");
        await(&w, &w.user[0], "done 1 ok");
        await(&w, &w.user[1], "done 1 ok");
        run_for(&w, 300);
        ASSERT(!recorder_has(&w.user[0].rec, "bob"));
        ASSERT(!recorder_has(&w.user[1].rec, "alice"));
}

/* The secret is right, the room another: Janus itself has to look. */
static void pair_for(const char *room, char *ret, size_t size)
{
        char secret[JANUS_SECRET_SIZE], name[JANUS_ROOM_NAME_SIZE];
        _cleanup_free_ char *api = NULL, *room_token = NULL;
        uint64_t expires = clock_realtime_us() / US_PER_SEC + 60;

        ASSERT_OK(janus_token_secret(app_key, app_id, secret));
        ASSERT_OK(janus_room_name(app_id, room, name));
        ASSERT_OK(janus_token_sign_api(secret, expires, &api));
        ASSERT_OK(janus_token_sign_room(secret, expires, name, &room_token));
        snprintf(ret, size, "janus:%s|%s", api, room_token);
}

TEST(janus_refuses_strangers)
{
        char pair[1024];
        _world_ w;
        struct user *alice = &w.user[0], *bob = &w.user[1];

        world_init(&w);
        join_as(alice, "room", app_key, "");
        await(&w, alice, "done 1 ok");
        join_as(bob, "room", "another key", "");
        await(&w, bob, "done 1 invalid token");
        join_as(bob, "room", NULL, "janus:nothing|nothing");
        await(&w, bob, "done 1 invalid token");
        pair_for("elsewhere", pair, sizeof(pair));
        join_as(bob, "room", NULL, pair);
        await(&w, bob, "done 1 invalid token");
        pair_for("room", pair, sizeof(pair));
        join_as(bob, "room", NULL, pair);
        await(&w, bob, "done 1 ok");
        await(&w, alice, "joined bob");
}

TEST(the_echo_comes_back)
{
        _world_ w;
        struct user *alice = &w.user[0];

        world_init(&w);
        ASSERT_OK(alice->engine->ops->set_playback(alice->engine, "bob", NULL));
        ASSERT_OK(alice->engine->ops->set_playback(alice->engine, "echo", alice->ear));
        join_as(alice, ENGINE_ECHO_ROOM, app_key, "");
        await(&w, alice, "joined echo audio>audio");
        run_for(&w, 2500);
        printf("# the echo of 440 Hz comes at %.3f\n", level(alice, 440));
        ASSERT(level(alice, 440) > 0.1);
        leave(&w, alice);
}

TEST(the_same_user_twice_is_the_later_one)
{
        _world_ w;

        world_init(&w);
        w.user[1].name = "alice";
        join_as(&w.user[0], "room", app_key, "");
        await(&w, &w.user[0], "done 1 ok");
        join_as(&w.user[1], "room", app_key, "");
        await(&w, &w.user[1], "done 1 ok");
        await(&w, &w.user[0], "state idle duplicate login");
        run_for(&w, 500);
        ASSERT(!recorder_has(&w.user[1].rec, "state")); /* and that is how it stays */
}

/* Last in the file: nothing is left to talk to. */
TEST(zz_a_killed_janus_is_noticed)
{
        _world_ w;
        struct user *alice = &w.user[0];

        world_init(&w);
        join_as(alice, "room", app_key, "");
        await(&w, alice, "done 1 ok");
        ASSERT_EQ(kill((pid_t)atoi(getenv("JANUS_PID")), SIGKILL), 0);
        await(&w, alice, "state idle server gone");
        join_as(alice, "room", app_key, "");
        await(&w, alice, "done 1 server unreachable");
}
