/* world.h - two users of an engine on a real server, in real time. Their sound comes from and goes to ports of the
 * test's own, so no sound server is needed: a tone each, of another frequency. */
#pragma once

#include "engine/engine.h"
#include "fakes/engine-recorder.h"
#include "lib/tone.h"
#include "media/gate.h"

enum { WORLD_HEARD = 48000 }; /* the last second */

struct user {
        const char *name;
        struct engine *engine;
        struct recorder rec;
        struct tone tone;
        struct audio_port *mic, *ear;
        struct capture_gate gate;
        float gain, heard[WORLD_HEARD];
        size_t n_heard;
        uint64_t asked_us, joined_us;
};

struct world {
        struct loop *loop;
        struct net_thread *net;
        struct engine_env env;
        struct loop_source *clock, *limit;
        struct user user[2]; /* "alice", 440 Hz; "bob", 1000 Hz */
        uint64_t period_us;
        bool timed_out;
};

/* url NULL: the test is skipped, for `why`. Each is lent the port in which he hears the other. */
void world_init(struct world *w, const struct engine_ops *ops, const char *url, const char *why);
void world_done(struct world *w);
#define _world_ _cleanup_(world_done) struct world

void run_for(struct world *w, unsigned ms);
/* Until the recorder has it. */
void await(struct world *w, struct user *u, const char *what);
void join(struct user *u, const struct engine_join *params); /* op 1 */
void leave(struct world *w, struct user *u);                 /* op 2 */
/* Of a tone, in the last second that was heard. */
double level(const struct user *u, double hz);
void report_join(const struct user *u);
/* Both hear each other, and nobody himself. */
void expect_sound(struct world *w);
