/* janus-bed.c - see janus-bed.h. */
#include "fakes/janus-bed.h"

#include "base/clock.h"

void bed_init(struct bed *b)
{
        struct janus_config config = { .ops = &janus_engine_ops, .url = "ws://test/", .rtc = &fake_rtc_ops };
        static struct engine *engine;

        *b = (struct bed){ .loop = vloop_new(1000 * US_PER_SEC) };
        rand_seed(&b->rng, 1);
        b->env = (struct engine_env){ .loop = b->loop, .rng = &b->rng };
        fake_janus_init(&b->janus, b->loop);
        fake_rtc_init(&b->rtc, b->loop);
        config.env = &b->env;
        config.conn = fake_sigconn_provider(b->janus.conn);
        config.ev = &recorder_events;
        config.ctx = &b->rec;
        ASSERT_OK(janus_new(&config, &engine));
        b->engine = engine;
        b->params = (struct engine_join){ .app_id = "0123456789abcdef01234567",
                                          .room_id = "room",
                                          .user_id = "me",
                                          .token = "verified",
                                          .app_key = "key",
                                          .auto_publish = true,
                                          .auto_subscribe = true,
                                          .visible = true,
                                          .voice = { 20, 32000, 5, true, true } };
}

void bed_done(struct bed *b)
{
        if (b->engine)
                b->engine->ops->free(b->engine);
        recorder_clear(&b->rec);
        vloop_run_for(b->loop, 20 * US_PER_SEC);
        recorder_expect(&b->rec, "");
        fake_janus_done(&b->janus);
        vloop_free(b->loop);
}

void pass(struct bed *b)
{
        vloop_run_for(b->loop, 10 * US_PER_MS);
}

void join(struct bed *b)
{
        ASSERT_OK(b->engine->ops->join(b->engine, 1, &b->params));
        recorder_expect(&b->rec, "");
        pass(b);
}

void join_well(struct bed *b)
{
        join(b);
        recorder_expect(&b->rec, "done 1 ok; ");
        fake_janus_expect(&b->janus, "create attach attach create joinandconfigure ");
        fake_rtc_expect(&b->rtc, "open 1; capture 1; offer 1; answer 1; ");
}
