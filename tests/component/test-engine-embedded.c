/* test-engine-embedded.c - the embedded engine over a stand-in for Janus that answers a ping and nothing else: what
 * becomes of a join that waits for it, and of the process behind. With a real one it is tested in integration. */
#include "engine/embedded/embedded.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "engine/embedded/janus-child.h"
#include "fakes/engine-recorder.h"
#include "fakes/janus-stand-in.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "net/net-thread.h"

/* The machine has an address whatever it is tested on. */
static struct sockaddr_in v4 = { .sin_family = AF_INET };
static char eth0[] = "eth0";
static struct ifaddrs interfaces = { NULL, eth0, IFF_UP | IFF_RUNNING, (struct sockaddr *)&v4, NULL, { NULL }, NULL };

int getifaddrs(struct ifaddrs **ret)
{
        *ret = &interfaces;
        return 0;
}

void freeifaddrs(struct ifaddrs *all)
{
        ASSERT(all == &interfaces);
}

struct bed {
        struct janus_stand_in janus;
        struct loop *loop;
        struct net_thread *net;    /* made by the engine … */
        struct janus_child *child; /* … and so is this */
        struct engine_env env;
        struct engine *engine;
        struct recorder rec;
        uint32_t op;
};

static int make_engine(struct bed *b)
{
        static const struct url url = { .engine = "embedded" };

        return engine_new(&embedded_engine_ops, &b->env, &url, &recorder_events, &b->rec, &b->engine);
}

static int bed_init(struct bed *b)
{
        *b = (struct bed){ .loop = vloop_new(1000 * US_PER_SEC) };
        if (!b->loop)
                return -ENOMEM;
        janus_stand_in_init(&b->janus);
        b->env = (struct engine_env){ .loop = b->loop,
                                      .rng = &rand_system,
                                      .net = &b->net,
                                      .runtime_dir = b->janus.runtime,
                                      .janus = &b->child,
                                      .embedded_idle_s = 30 };
        return make_engine(b);
}

static void free_engine(struct bed *b)
{
        b->engine->ops->free(b->engine);
        b->engine = NULL;
}

static void bed_done(struct bed *b)
{
        if (b->engine)
                free_engine(b);
        if (b->loop) {
                recorder_clear(&b->rec);
                vloop_run_for(b->loop, US_PER_SEC);
                recorder_expect(&b->rec, ""); /* nothing comes after free */
                janus_child_free(b->child);
                b->net = net_thread_free(b->net);
                ASSERT(waitpid(-1, NULL, WNOHANG) < 0); /* no process is left */
                janus_stand_in_done(&b->janus);
        }
        vloop_free(b->loop);
}

#define _bed_ _cleanup_(bed_done) struct bed

static const struct ice_server turn[] = { { .url = "turn:t", .username = "u", .credential = "c" },
                                          { .url = "stun:s" } };

static int join_with(struct bed *b, const char *app_key)
{
        struct engine_join params = { .app_id = "0123456789abcdef01234567",
                                      .room_id = "r",
                                      .user_id = "me",
                                      .token = "001",
                                      .app_key = app_key,
                                      .ice_servers = turn,
                                      .n_ice_servers = 2,
                                      .voice = { 20, 32000, 5, true, true } };

        return b->engine->ops->join(b->engine, ++b->op, &params);
}

static int join(struct bed *b)
{
        return join_with(b, "an app's key");
}

static int leave(struct bed *b)
{
        return b->engine->ops->leave(b->engine, ++b->op);
}

#define AWAIT(b, condition)                                                             \
        do {                                                                            \
                static const bool never;                                                \
                                                                                        \
                for (unsigned _i = 0; !(condition); _i++) {                             \
                        if (_i == 5000)                                                 \
                                test_fail(__FILE__, __LINE__, "never: %s", #condition); \
                        (void)vloop_run_until((b)->loop, &never, 0);                    \
                }                                                                       \
        } while (0)

/* Until the backend waits for an answer that never comes. */
static void join_until_silence(struct bed *b)
{
        unsigned before = janus_stand_in_requests(&b->janus);

        ASSERT_OK(join(b));
        AWAIT(b, janus_stand_in_requests(&b->janus) > before);
        recorder_expect(&b->rec, "");
}

/* ---- without a key ---- */

TEST(without_an_app_key_nobody_can_sign)
{
        _bed_ b;

        ASSERT_OK(bed_init(&b));
        ASSERT_OK(join_with(&b, NULL));
        recorder_expect(&b.rec, "");
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 1 invalid token; ");
        ASSERT(!janus_stand_in_is_up(&b.janus));
}

TEST(every_leave_is_answered_after_the_join)
{
        _bed_ b;

        ASSERT_OK(bed_init(&b));
        ASSERT_OK(join_with(&b, NULL));
        ASSERT_OK(leave(&b));
        ASSERT_OK(leave(&b));
        recorder_expect(&b.rec, "");
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 1 invalid token; done 2 ok; done 3 ok; ");
        ASSERT_OK(leave(&b));
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 4 ok; ");
}

TEST(freed_with_a_join_unanswered)
{
        _bed_ b;

        ASSERT_OK(bed_init(&b));
        ASSERT_OK(join_with(&b, NULL));
}

/* ---- a join that waits for Janus ---- */

TEST(a_join_fails_with_what_kept_janus_from_starting)
{
        _bed_ b;

        ASSERT_OK(bed_init(&b));
        setenv("RTCROOMD_JANUS", "/dev/null/janus", 1);
        ASSERT_OK(join(&b));
        recorder_expect(&b.rec, ""); /* known at once, but not from inside */
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 1 janus is not installed; ");
        ASSERT_STR(b.rec.last.detail, "janus is not installed");
}

TEST(leave_cuts_a_join_that_waits)
{
        _bed_ b;

        ASSERT_OK(bed_init(&b));
        janus_stand_in_behave("deaf");
        ASSERT_OK(join(&b));
        vloop_run_for(b.loop, US_PER_SEC);
        ASSERT_OK(leave(&b));
        ASSERT_OK(leave(&b));
        recorder_expect(&b.rec, "");
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 1 cancelled; done 2 ok; done 3 ok; ");
        ASSERT_OK(join(&b)); /* and again */
        ASSERT_OK(leave(&b));
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 4 cancelled; done 5 ok; ");
}

TEST(too_many_leaves_are_refused)
{
        _bed_ b;

        ASSERT_OK(bed_init(&b));
        ASSERT_OK(join_with(&b, NULL));
        for (unsigned i = 0; i < 8; i++)
                ASSERT_OK(leave(&b));
        ASSERT_EQ(leave(&b), -EBUSY);
        vloop_run_for(b.loop, US_PER_SEC);
        ASSERT(recorder_has(&b.rec, "done 1 invalid token; done 2 ok; "));
        ASSERT(recorder_has(&b.rec, "done 9 ok; "));
        ASSERT(!recorder_has(&b.rec, "done 10"));
}

TEST(freed_while_the_join_waits)
{
        _bed_ b;

        ASSERT_OK(bed_init(&b));
        ASSERT_OK(join(&b));
        AWAIT(&b, janus_stand_in_starts(&b.janus) > 0);
}

static void free_now(struct recorder *r, void *ctx)
{
        r->hook = NULL;
        free_engine(ctx);
}

TEST(freed_from_inside_each_answer_of_a_join_that_was_cut)
{
        for (unsigned n = 0; n < 2; n++) {
                _bed_ b;

                ASSERT_OK(bed_init(&b));
                ASSERT_OK(join(&b));
                ASSERT_OK(leave(&b));
                if (n == 0) {
                        b.rec.hook = free_now;
                        b.rec.hook_ctx = &b;
                }
                vloop_run_for(b.loop, US_PER_SEC);
                recorder_expect(&b.rec, n == 0 ? "done 1 cancelled; " : "done 1 cancelled; done 2 ok; ");
        }
}

static void join_now(struct recorder *r, void *ctx)
{
        r->hook = NULL;
        ASSERT_OK(join_with(ctx, NULL));
}

TEST(a_failed_join_may_be_repeated_from_inside_its_answer)
{
        _bed_ b;

        ASSERT_OK(bed_init(&b));
        b.rec.hook = join_now;
        b.rec.hook_ctx = &b;
        ASSERT_OK(join_with(&b, NULL));
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 1 invalid token; done 2 invalid token; ");
}

/* ---- one that the backend has taken over ---- */

TEST(leave_and_free_once_the_backend_joins)
{
        _bed_ b;

        ASSERT_OK(bed_init(&b));
        join_until_silence(&b);
        ASSERT_OK(leave(&b));
        recorder_expect(&b.rec, "");
        vloop_run_for(b.loop, 3 * US_PER_SEC);
        recorder_expect(&b.rec, "done 1 cancelled; done 2 ok; ");
        join_until_silence(&b);
        b.rec.hook = free_now;
        b.rec.hook_ctx = &b;
        ASSERT_OK(leave(&b));
        vloop_run_for(b.loop, 3 * US_PER_SEC);
        recorder_expect(&b.rec, "done 3 cancelled; ");
}

TEST(a_janus_that_does_not_answer_is_replaced)
{
        _bed_ b;
        pid_t pid;

        ASSERT_OK(bed_init(&b));
        join_until_silence(&b);
        pid = janus_stand_in_pid(&b.janus);
        vloop_run_for(b.loop, 60 * US_PER_SEC);
        recorder_expect(&b.rec, "done 1 timed out; ");
        AWAIT(&b, !janus_stand_in_is_up(&b.janus));
        join_until_silence(&b);
        ASSERT_NE(janus_stand_in_pid(&b.janus), pid);
}

TEST(janus_goes_when_nobody_is_in)
{
        _bed_ b;

        ASSERT_OK(bed_init(&b));
        join_until_silence(&b);
        ASSERT_OK(leave(&b));
        vloop_run_for(b.loop, 3 * US_PER_SEC);
        ASSERT(janus_stand_in_is_up(&b.janus));
        vloop_run_for(b.loop, 30 * US_PER_SEC);
        AWAIT(&b, !janus_stand_in_is_up(&b.janus));
}

TEST(a_second_engine_shares_the_janus)
{
        _bed_ b;
        struct engine *first;

        ASSERT_OK(bed_init(&b));
        first = b.engine;
        ASSERT_OK(make_engine(&b));
        first->ops->free(first);
        join_until_silence(&b);
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 1);
}

TEST_OOM(new_and_free)
{
        struct bed b;
        int r = bed_init(&b);

        bed_done(&b);
        return r;
}

/* Up to where the join waits; what fails later is answered, see the backend's own test. */
TEST_OOM(join_and_free)
{
        struct bed b;
        int r = bed_init(&b);

        if (r >= 0)
                r = join(&b);
        if (r >= 0 && test_oom_hit())
                r = -ENOMEM; /* the start failed, the join will */
        bed_done(&b);
        return r;
}
