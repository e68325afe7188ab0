/* test-engine.c - the registry, the words, and the wrapper under want of memory. */
#include "engine/engine.h"

#include <errno.h>

#include "base/clock.h"
#include "engine/fake/fake-engine.h"
#include "lib/test.h"
#include "lib/vloop.h"

TEST(every_reason_and_state_has_a_word)
{
        for (int i = 0; i < _ENGINE_REASON_MAX; i++)
                ASSERT(engine_reason_to_string((enum engine_reason)i));
        for (int i = 0; i < _ENGINE_STATE_MAX; i++)
                ASSERT(engine_state_to_string((enum engine_state)i));
        ASSERT(!engine_reason_to_string(_ENGINE_REASON_MAX));
        ASSERT(!engine_state_to_string(_ENGINE_STATE_MAX));
}

TEST(fake_is_found_only_when_enabled)
{
        struct url url = { .engine = "fake" };

        unsetenv("RTCROOMD_FAKE_ENGINE");
        ASSERT(!engine_find(&url));
        setenv("RTCROOMD_FAKE_ENGINE", "0", 1);
        ASSERT(!engine_find(&url));
        setenv("RTCROOMD_FAKE_ENGINE", "1", 1);
        ASSERT(engine_find(&url) == &fake_engine_ops);
        unsetenv("RTCROOMD_FAKE_ENGINE");
}

TEST(unknown_engine_is_not_found)
{
        struct url url = { .engine = "nosuch" };

        ASSERT(!engine_find(&url));
}

TEST(names_are_those_of_the_table)
{
        setenv("RTCROOMD_FAKE_ENGINE", "1", 1);
        for (const char *const *n = engine_names(); *n; n++) {
                struct url url = { 0 };

                snprintf(url.engine, sizeof(url.engine), "%s", *n);
                ASSERT(engine_find(&url));
                ASSERT_STR(engine_find(&url)->name, *n);
        }
        unsetenv("RTCROOMD_FAKE_ENGINE");
}

static void ignore_op(uint32_t op, const struct engine_result *res, void *ctx)
{
        (void)op, (void)res, (void)ctx;
}
static void ignore_state(enum engine_state s, const struct engine_result *why, void *ctx)
{
        (void)s, (void)why, (void)ctx;
}
static void ignore_participant(enum engine_change c, const struct engine_participant *p, void *ctx)
{
        (void)c, (void)p, (void)ctx;
}
static const struct engine_events ignore = { .op_done = ignore_op,
                                             .state = ignore_state,
                                             .participant = ignore_participant };

TEST_OOM(new_join_free)
{
        struct loop *loop = vloop_new(US_PER_SEC);
        struct engine_env env = { .loop = loop, .rng = &rand_system };
        struct engine_join params = { .app_id = "app", .room_id = "room", .user_id = "me", .token = "t" };
        struct url url = { .engine = "fake" };
        struct engine *e = NULL;
        int r = !loop ? -ENOMEM : engine_new(&fake_engine_ops, &env, &url, &ignore, NULL, &e);

        if (r >= 0) {
                r = e->ops->join(e, 1, &params);
                vloop_run_for(loop, US_PER_SEC);
                e->ops->free(e);
        }
        vloop_free(loop);
        return r;
}
