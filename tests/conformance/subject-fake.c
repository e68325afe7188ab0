/* subject-fake.c - see conformance.h: the fake engine, which does as its script says. */
#include "base/clock.h"
#include "conformance/conformance.h"
#include "engine/fake/fake-engine.h"
#include "lib/test.h"
#include "lib/vloop.h"

static void set_up(struct bed *b)
{
        struct fake_script *s = calloc(1, sizeof(*s));

        ASSERT(s);
        b->far = b->env.fake = s;
        b->ops = &fake_engine_ops;
}

static void tear_down(struct bed *b)
{
        struct fake_script *s = b->far;

        ASSERT(!s->engine);
        free(s);
}

static void run(struct bed *b, const char *lines)
{
        (void)lines;
        vloop_run_for(b->loop, 2 * US_PER_SEC);
}

static void hang(struct bed *b)
{
        struct fake_script *s = b->far;

        s->answer[FAKE_JOIN].hang = s->answer[FAKE_PUBLISH].hang = true;
}

static void fail_join(struct bed *b)
{
        ((struct fake_script *)b->far)->answer[FAKE_JOIN].result.reason = ENGINE_ROOM_FULL;
}

static void enters(struct bed *b, const char *user_id)
{
        struct engine_participant p = { user_id, ENGINE_AUDIO, ENGINE_AUDIO, false };

        ASSERT_OK(fake_participant(b->far, ENGINE_PARTICIPANT_JOINED, &p));
}

static void exits(struct bed *b, const char *user_id)
{
        struct engine_participant p = { .user_id = user_id };

        ASSERT_OK(fake_participant(b->far, ENGINE_PARTICIPANT_LEFT, &p));
}

static void replace_us(struct bed *b)
{
        ASSERT_OK(fake_end(b->far, ENGINE_DUPLICATE_LOGIN));
}

static void kick_us(struct bed *b)
{
        ASSERT_OK(fake_end(b->far, ENGINE_KICKED));
}

static void lose(struct bed *b)
{
        ASSERT_OK(fake_lose(b->far));
}

const struct subject subject_fake = { "fake", set_up, tear_down, run,        hang,    fail_join, "room full",
                                      enters, exits,  NULL,      replace_us, kick_us, false,     lose };
