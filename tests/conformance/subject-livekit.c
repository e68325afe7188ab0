/* subject-livekit.c - see conformance.h: the livekit engine, its connection and its runtime being fakes, on a LiveKit
 * server made of structs. The app has a key pair, so that visibility is not for a token to say. */
#include <errno.h>

#include "base/clock.h"
#include "conformance/conformance.h"
#include "engine/livekit/livekit.h"
#include "fakes/fake-livekit.h"
#include "fakes/fake-rtc.h"
#include "lib/test.h"
#include "lib/vloop.h"

struct far {
        struct fake_livekit server;
        struct fake_rtc rtc;
        unsigned opened; /* the last peer whose channel for messages is open */
};

static struct far *making; /* whose engine is being made: create() has no other way to the fakes */

static int create(const struct engine_env *env, const struct url *server, const struct engine_events *ev, void *ctx,
                  struct engine **ret)
{
        struct livekit_config config = { .env = env,
                                         .ops = &livekit_engine_ops,
                                         .server = server,
                                         .conn = fake_sigconn_provider(making->server.conn),
                                         .rtc = &fake_rtc_ops,
                                         .ev = ev,
                                         .ctx = ctx };

        return livekit_new(&config, ret);
}

static const struct engine_ops livekit_on_fakes = { .name = "livekit", .create = create };

static void set_up(struct bed *b)
{
        struct far *f = calloc(1, sizeof(*f));

        ASSERT(f);
        fake_livekit_init(&f->server, b->loop);
        fake_rtc_init(&f->rtc, b->loop);
        b->far = making = f;
        b->ops = &livekit_on_fakes;
        ASSERT_OK(url_parse("ws://test:7880", &b->server));
}

static void tear_down(struct bed *b)
{
        struct far *f = b->far;

        fake_livekit_done(&f->server);
        free(f);
}

static struct fake_livekit *server(struct bed *b)
{
        return &((struct far *)b->far)->server;
}

/* The channels of a peer that is new. */
static void open_channels(struct far *f)
{
        unsigned peer = 0;

        for (const char *at = f->rtc.trace; (at = strstr(at, "channel ")); at++)
                peer = (unsigned)atoi(at + strlen("channel "));
        if (!f->rtc.rt || peer == f->opened)
                return;
        f->opened = peer;
        fake_rtc_data_open(&f->rtc, peer, "_reliable");
        fake_rtc_data_open(&f->rtc, peer, "_lossy");
}

static void run(struct bed *b, const char *lines)
{
        (void)lines;
        vloop_run_for(b->loop, US_PER_SEC / 10);
        open_channels(b->far);
        vloop_run_for(b->loop, 2 * US_PER_SEC);
}

/* Not wholly: news of the room still come. */
static void hang(struct bed *b)
{
        if (server(b)->sid[0])
                server(b)->ignore_offers = 1;
        else
                server(b)->ignore_requests = 1;
}

static void fail_join(struct bed *b)
{
        server(b)->refuse_status = 401;
        server(b)->refuse_body = "invalid API key";
}

static void enters(struct bed *b, const char *user_id)
{
        fake_livekit_enters(server(b), user_id);
}

static void exits(struct bed *b, const char *user_id)
{
        fake_livekit_exits(server(b), user_id);
}

static void replace_us(struct bed *b)
{
        fake_livekit_leave(server(b), LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY,
                           LIVEKIT__LEAVE_ACTION__DISCONNECT);
}

static void kick_us(struct bed *b)
{
        fake_livekit_leave(server(b), LIVEKIT__DISCONNECT_REASON__PARTICIPANT_REMOVED,
                           LIVEKIT__LEAVE_ACTION__DISCONNECT);
}

static void lose(struct bed *b)
{
        fake_sigconn_drop(server(b)->conn, -ECONNRESET, 0, "reset");
}

const struct subject subject_livekit = { .name = "livekit",
                                         .set_up = set_up,
                                         .tear_down = tear_down,
                                         .run = run,
                                         .hang = hang,
                                         .fail_join = fail_join,
                                         .refusal = "invalid token 401",
                                         .enters = enters,
                                         .exits = exits,
                                         .replace_us = replace_us,
                                         .kick_us = kick_us,
                                         .lose = lose };
