/* world.c - see world.h. */
#include "world.h"

#include "audio/port-rt.h"
#include "base/clock.h"
#include "lib/test.h"
#include "loop-event.h"
#include "net/net-thread.h"

enum { PERIOD = 256 };

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
                        u->heard[u->n_heard++ % WORLD_HEARD] = frames[n];
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

static void user_init(struct world *w, struct user *u, const struct engine_ops *ops, const struct url *url,
                      const char *name, double hz)
{
        *u = (struct user){ .name = name, .tone = { .hz = hz, .amplitude = 0.5, .beat_hz = 4 } };
        u->rec.hook = note_join;
        u->rec.hook_ctx = u;
        ASSERT_OK(audio_port_new(4096, &u->mic));
        ASSERT_OK(audio_port_new(4096, &u->ear));
        atomic_store(&u->gate.conditions, GATE_ALL);
        ASSERT_OK(engine_new(ops, &w->env, url, &recorder_events, &u->rec, &u->engine));
        ASSERT_OK(u->engine->ops->set_capture(u->engine, u->mic, &u->gate));
}

void world_init(struct world *w, const struct engine_ops *ops, const char *url, const char *why)
{
        struct url server;

        if (!url)
                test_skip(why);
        ASSERT_OK(url_parse(url, &server));
        *w = (struct world){ 0 };
        ASSERT_OK(loop_event_new(&w->loop));
        w->env = (struct engine_env){ .loop = w->loop, .rng = &rand_system, .net = &w->net };
        user_init(w, &w->user[0], ops, &server, "alice", 440);
        user_init(w, &w->user[1], ops, &server, "bob", 1000);
        ASSERT_OK(w->user[0].engine->ops->set_playback(w->user[0].engine, "bob", w->user[0].ear));
        ASSERT_OK(w->user[1].engine->ops->set_playback(w->user[1].engine, "alice", w->user[1].ear));
        w->period_us = loop_now_us(w->loop);
        ASSERT_OK(loop_add_timer(w->loop, w->period_us, on_clock, w, &w->clock));
        ASSERT_OK(loop_add_timer(w->loop, LOOP_NEVER, on_limit, w, &w->limit));
}

void world_done(struct world *w)
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

void run_for(struct world *w, unsigned ms)
{
        uint64_t end_us = loop_now_us(w->loop) + ms * US_PER_MS;

        while (loop_now_us(w->loop) < end_us)
                ASSERT_OK(loop_event_run(w->loop));
}

/* Until the recorder has it. */
void await(struct world *w, struct user *u, const char *what)
{
        w->timed_out = false;
        (void)loop_set_timer(w->limit, loop_now_us(w->loop) + 8 * US_PER_SEC);
        while (!recorder_has(&u->rec, what) && !w->timed_out)
                ASSERT_OK(loop_event_run(w->loop));
        (void)loop_set_timer(w->limit, LOOP_NEVER);
        if (w->timed_out)
                test_fail(__FILE__, __LINE__, "%s: no \"%s\" in \"%s\"", u->name, what, u->rec.text);
}

void join(struct user *u, const struct engine_join *params)
{
        u->asked_us = clock_monotonic_us();
        u->joined_us = 0;
        recorder_clear(&u->rec);
        ASSERT_OK(u->engine->ops->join(u->engine, 1, params));
}

void leave(struct world *w, struct user *u)
{
        recorder_clear(&u->rec);
        ASSERT_OK(u->engine->ops->leave(u->engine, 2));
        await(w, u, "done 2 ok");
}

/* In pieces of 100 ms: over a whole second the least drift of a clock would cancel the tone out. */
double level(const struct user *u, double hz)
{
        enum { PIECE = AUDIO_RATE / 10 };
        double sum = 0;

        for (size_t at = 0; at < WORLD_HEARD; at += PIECE)
                sum += tone_find(u->heard + at, PIECE, hz);
        return sum / (WORLD_HEARD / PIECE);
}

void report_join(const struct user *u)
{
        printf("# %s joined in %.1f ms\n", u->name, (double)(u->joined_us - u->asked_us) / 1000);
}

void expect_sound(struct world *w)
{
        const struct user *alice = &w->user[0], *bob = &w->user[1];

        run_for(w, 2000);
        printf("# alice hears 1000 Hz at %.3f, 440 at %.3f; bob 440 Hz at %.3f, 1000 at %.3f\n", level(alice, 1000),
               level(alice, 440), level(bob, 440), level(bob, 1000));
        ASSERT(level(alice, 1000) > 0.1);
        ASSERT(level(alice, 440) < 0.01);
        ASSERT(level(bob, 440) > 0.1);
        ASSERT(level(bob, 1000) < 0.01);
}
