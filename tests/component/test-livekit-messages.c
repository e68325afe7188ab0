/* test-livekit-messages.c - the livekit engine and messages that cannot go out at once: when their senders are told,
 * and what. The connection and the runtime are fakes, the server is made of structs. */
#include <errno.h>

#include "base/clock.h"
#include "engine/livekit/livekit.h"
#include "fakes/engine-recorder.h"
#include "fakes/fake-livekit.h"
#include "fakes/fake-rtc.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "wire/room-token.h"

struct bed {
        struct loop *loop;
        struct rng rng;
        struct engine_env env;
        struct fake_livekit server;
        struct fake_rtc rtc;
        struct engine *engine;
        struct recorder rec;
        char *token; /* owned */
};

static void pass(struct bed *b, unsigned ms)
{
        vloop_run_for(b->loop, ms * US_PER_MS);
}

static void bed_done(struct bed *b)
{
        if (b->engine)
                b->engine->ops->free(b->engine);
        fake_livekit_done(&b->server);
        vloop_free(b->loop);
        free(b->token);
}
#define _bed_ _cleanup_(bed_done) struct bed

#define APP  "0123456789abcdef01234567"
#define KEY  "an app's key for tests"
#define ROOM "room"
#define USER "me"

/* In a room; the data channels are not open yet. */
static void be_in(struct bed *b)
{
        struct room_token t = { .app_id = APP, .room_id = ROOM, .user_id = USER, .nonce = 1 };
        struct engine_join params = { .app_id = APP,
                                      .room_id = ROOM,
                                      .user_id = USER,
                                      .app_key = KEY,
                                      .api_key = "devkey",
                                      .api_secret = "0123456789abcdef0123456789abcdef",
                                      .auto_publish = true,
                                      .auto_subscribe = true,
                                      .visible = true,
                                      .voice = { 20, 32000, 5, true, true },
                                      .reconnect_s = 60 };
        struct livekit_config config = { .env = &b->env,
                                         .ops = &livekit_engine_ops,
                                         .rtc = &fake_rtc_ops,
                                         .ev = &recorder_events,
                                         .ctx = &b->rec };
        struct url server;

        *b = (struct bed){ .loop = vloop_new(1000 * US_PER_SEC) };
        rand_seed(&b->rng, 1);
        b->env = (struct engine_env){ .loop = b->loop, .rng = &b->rng };
        fake_livekit_init(&b->server, b->loop);
        fake_rtc_init(&b->rtc, b->loop);
        ASSERT_OK(url_parse("ws://test:7880", &server));
        config.server = &server;
        config.conn = fake_sigconn_provider(b->server.conn);
        ASSERT_OK(livekit_new(&config, &b->engine));
        ASSERT_OK(room_token_mint(&t, KEY, &b->token));
        params.token = b->token;
        ASSERT_OK(livekit_engine_ops.join(b->engine, 1, &params));
        pass(b, 100);
        recorder_expect(&b->rec, "done 1 ok; ");
        b->rtc.trace[0] = '\0';
}

static void open_channel(struct bed *b, unsigned peer)
{
        fake_rtc_data_open(&b->rtc, peer, "_reliable");
        pass(b, 10);
}

static void say(struct bed *b, uint32_t op)
{
        struct engine_message m = { .topic = "", .data = "hello", .len = 5, .reliable = true };

        ASSERT_OK(b->engine->ops->send_message(b->engine, op, &m));
        pass(b, 10);
}

TEST(a_sender_waits_for_the_channel)
{
        _bed_ b;

        be_in(&b);
        say(&b, 2);
        say(&b, 3);
        recorder_expect(&b.rec, "");
        open_channel(&b, 1);
        ASSERT(recorder_has(&b.rec, "done 2 ok; "));
        ASSERT(recorder_has(&b.rec, "done 3 ok; "));
        say(&b, 4);
        ASSERT(recorder_has(&b.rec, "done 4 ok; "));
        ASSERT(strstr(b.rtc.trace, "data 1 _reliable"));
}

TEST(a_sender_waits_while_the_channel_is_full)
{
        _bed_ b;

        be_in(&b);
        open_channel(&b, 1);
        b.rtc.data_error = -EAGAIN;
        say(&b, 2);
        pass(&b, 500);
        recorder_expect(&b.rec, "");
        b.rtc.data_error = 0;
        pass(&b, 60);
        recorder_expect(&b.rec, "done 2 ok; ");
}

TEST(not_everybody_can_wait)
{
        _bed_ b;

        be_in(&b);
        for (uint32_t op = 2; op < 66; op++)
                say(&b, op);
        recorder_expect(&b.rec, "");
        say(&b, 66);
        recorder_expect(&b.rec, "done 66 congested; ");
}

TEST(who_waits_hears_of_the_end_before_the_room_does)
{
        _bed_ b;

        be_in(&b);
        say(&b, 2);
        say(&b, 3);
        fake_livekit_leave(&b.server, LIVEKIT__DISCONNECT_REASON__PARTICIPANT_REMOVED,
                           LIVEKIT__LEAVE_ACTION__DISCONNECT);
        pass(&b, 10);
        recorder_expect(&b.rec, "done 2 cancelled; done 3 cancelled; state idle kicked; ");
}

TEST(who_waits_hears_of_it_before_who_leaves)
{
        _bed_ b;

        be_in(&b);
        say(&b, 2);
        ASSERT_OK(b.engine->ops->leave(b.engine, 3));
        pass(&b, 10);
        recorder_expect(&b.rec, "done 2 cancelled; done 3 ok; ");
}

/* It is kept, and goes out when there is a session again. */
TEST(a_message_outlives_a_loss)
{
        _bed_ b;

        be_in(&b);
        say(&b, 2);
        b.server.forgets = true;
        fake_sigconn_drop(b.server.conn, -ECONNRESET, 0, "reset");
        pass(&b, 2000);
        recorder_expect(&b.rec, "state reconnecting server gone; done 2 ok; state joined ok; ");
        ASSERT(!strstr(b.rtc.trace, "data "));
        open_channel(&b, 2);
        ASSERT(strstr(b.rtc.trace, "data 2 _reliable"));
}

/* The channel of before is none of the new session's. */
TEST(nothing_is_said_over_a_channel_that_is_gone)
{
        _bed_ b;

        be_in(&b);
        open_channel(&b, 1);
        ASSERT_OK(b.engine->ops->set_visible(b.engine, 2, false));
        pass(&b, 500);
        ASSERT_OK(b.engine->ops->set_visible(b.engine, 3, true));
        pass(&b, 500);
        recorder_clear(&b.rec);
        say(&b, 4);
        ASSERT(!strstr(b.rtc.trace, "data "));
        recorder_expect(&b.rec, "");
        open_channel(&b, 3);
        recorder_expect(&b.rec, "done 4 ok; ");
        ASSERT(strstr(b.rtc.trace, "data 3 _reliable"));
}

TEST(an_engine_that_goes_leaves_nobody_waiting)
{
        _bed_ b;

        be_in(&b);
        say(&b, 2);
        b.engine->ops->free(b.engine);
        b.engine = NULL;
        pass(&b, 100);
}
