/* test-engine-embedded.c - the embedded engine as far as it goes without a Janus; with one it is tested in
 * integration. */
#include "engine/embedded/embedded.h"

#include <errno.h>

#include "base/clock.h"
#include "engine/embedded/janus-child.h"
#include "fakes/engine-recorder.h"
#include "lib/test.h"
#include "lib/vloop.h"

struct bed {
        struct loop *loop;
        struct janus_child *child; /* made by the engine */
        struct engine_env env;
        struct engine *engine;
        struct recorder rec;
};

static int bed_init(struct bed *b)
{
        static const struct url url = { .engine = "embedded" };

        *b = (struct bed){ .loop = vloop_new(1000 * US_PER_SEC) };
        if (!b->loop)
                return -ENOMEM;
        b->env = (struct engine_env){ .loop = b->loop,
                                      .rng = &rand_system,
                                      .runtime_dir = "/nonexistent",
                                      .janus = &b->child,
                                      .embedded_idle_s = 30 };
        return engine_new(&embedded_engine_ops, &b->env, &url, &recorder_events, &b->rec, &b->engine);
}

static void bed_done(struct bed *b)
{
        if (b->engine)
                b->engine->ops->free(b->engine);
        janus_child_free(b->child);
        vloop_free(b->loop);
}

static int join_without_key(struct bed *b)
{
        static const struct engine_join params = {
                .app_id = "0123456789abcdef01234567", .room_id = "r", .user_id = "me", .token = "001"
        };

        return b->engine->ops->join(b->engine, 1, &params);
}

TEST(without_an_app_key_nobody_can_sign)
{
        _cleanup_(bed_done) struct bed b;

        ASSERT_OK(bed_init(&b));
        ASSERT_OK(join_without_key(&b));
        recorder_expect(&b.rec, "");
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 1 invalid token; ");
}

TEST(every_leave_is_answered_after_the_join)
{
        _cleanup_(bed_done) struct bed b;

        ASSERT_OK(bed_init(&b));
        ASSERT_OK(join_without_key(&b));
        ASSERT_OK(b.engine->ops->leave(b.engine, 2));
        ASSERT_OK(b.engine->ops->leave(b.engine, 3));
        recorder_expect(&b.rec, "");
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 1 invalid token; done 2 ok; done 3 ok; ");
        ASSERT_OK(b.engine->ops->leave(b.engine, 4));
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 4 ok; ");
}

TEST(freed_with_a_join_unanswered)
{
        _cleanup_(bed_done) struct bed b;

        ASSERT_OK(bed_init(&b));
        ASSERT_OK(join_without_key(&b));
        b.engine->ops->free(b.engine);
        b.engine = NULL;
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "");
}

TEST_OOM(new_and_free)
{
        struct bed b;
        int r = bed_init(&b);

        bed_done(&b);
        return r;
}
