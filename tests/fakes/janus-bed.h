/* janus-bed.h - a janus engine in virtual time, between a Janus made of text and a runtime that carries nothing. */
#pragma once

#include "engine/janus/janus.h"
#include "fakes/engine-recorder.h"
#include "fakes/fake-janus.h"
#include "fakes/fake-rtc.h"
#include "lib/test.h"
#include "lib/vloop.h"

struct bed {
        struct loop *loop;
        struct rng rng;
        struct engine_env env;
        struct fake_janus janus;
        struct fake_rtc rtc;
        struct engine *engine;
        struct recorder rec;
        struct engine_join params;
};

void bed_init(struct bed *b);
void bed_done(struct bed *b); /* nothing may come after the engine is freed */
#define _bed_ _cleanup_(bed_done) struct bed

void pass(struct bed *b); /* 10 ms: time for all that needs no timer */
void join(struct bed *b);
void join_well(struct bed *b); /* and forgets what that took */
