/* subject-janus.c - see conformance.h: the janus engine, its connection and its runtime being fakes, on a Janus made
 * of text. */
#include <errno.h>

#include "base/clock.h"
#include "conformance/conformance.h"
#include "engine/janus/janus.h"
#include "fakes/fake-janus.h"
#include "fakes/fake-rtc.h"
#include "lib/test.h"
#include "lib/vloop.h"

struct far {
        struct fake_janus janus;
        struct fake_rtc rtc;
};

static struct far *making; /* whose engine is being made: create() has no other way to the fakes */

static int create(const struct engine_env *env, const struct url *server, const struct engine_events *ev, void *ctx,
                  struct engine **ret)
{
        struct janus_config config = { .env = env,
                                       .ops = &janus_engine_ops,
                                       .url = "ws://test/",
                                       .conn = fake_sigconn_provider(making->janus.conn),
                                       .rtc = &fake_rtc_ops,
                                       .ev = ev,
                                       .ctx = ctx };

        (void)server;
        return janus_new(&config, ret);
}

static const struct engine_ops janus_on_fakes = { .name = "janus", .create = create };

static void set_up(struct bed *b)
{
        struct far *f = calloc(1, sizeof(*f));

        ASSERT(f);
        fake_janus_init(&f->janus, b->loop);
        fake_rtc_init(&f->rtc, b->loop);
        b->far = making = f;
        b->ops = &janus_on_fakes;
}

static void tear_down(struct bed *b)
{
        struct far *f = b->far;

        fake_janus_done(&f->janus);
        free(f);
}

static struct fake_janus *server(struct bed *b)
{
        return &((struct far *)b->far)->janus;
}

static void run(struct bed *b, const char *lines)
{
        (void)lines;
        vloop_run_for(b->loop, 2 * US_PER_SEC);
}

/* Not wholly: news of the room still come. */
static void hang(struct bed *b)
{
        server(b)->silent_on = strstr(server(b)->heard, "joinandconfigure") ? "unpublish" : "joinandconfigure";
}

static void fail_join(struct bed *b)
{
        server(b)->refuse = "joinandconfigure";
        server(b)->refuse_code = 432;
}

static void enters(struct bed *b, const char *user_id)
{
        struct fake_janus *j = server(b);

        snprintf(j->present, sizeof(j->present), "{\"id\":\"%s\",\"publisher\":true}", user_id);
        fake_janus_enters(j, user_id);
}

static void exits(struct bed *b, const char *user_id)
{
        char members[160];

        server(b)->present[0] = '\0';
        snprintf(members, sizeof(members), "\"leaving\":\"%s\"", user_id);
        fake_janus_say(server(b), FAKE_JANUS_PUB, members);
}

static void replace_us(struct bed *b)
{
        strcpy(server(b)->present, "{\"id\":\"me\",\"publisher\":true}");
        fake_janus_say(server(b), FAKE_JANUS_PUB, "\"leaving\":\"ok\",\"reason\":\"kicked\"");
}

static void kick_us(struct bed *b)
{
        fake_janus_say(server(b), FAKE_JANUS_PUB, "\"leaving\":\"ok\",\"reason\":\"kicked\"");
}

static void lose(struct bed *b)
{
        fake_sigconn_drop(server(b)->conn, -ECONNRESET, 0, "reset");
}

const struct subject subject_janus = { "janus", set_up, tear_down,  run,     hang,  fail_join, "room full", enters,
                                       exits,   NULL,   replace_us, kick_us, false, lose,      true };
