/* test-bus-loop.c - the adapter: deadlines, write interest, fairness, the end of the connection. */
#include "bus/bus-loop.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "fakes/p2p-bus.h"
#include "lib/test.h"
#include "lib/vloop.h"

#define START_US UINT64_C(5000000)

struct fixture {
        struct loop *loop;
        struct p2p_bus p;
        struct bus_loop *bl;
        unsigned gone, calls;
        int error;
};

static void on_gone(int error, void *ctx)
{
        struct fixture *f = ctx;

        f->gone++;
        f->error = error;
}

static int count(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct fixture *f = ctx;

        (void)m, (void)error;
        f->calls++;
        return 1;
}

static void begin(struct fixture *f)
{
        *f = (struct fixture){ .loop = vloop_new(START_US) };
        p2p_bus_init(&f->p, f->loop);
        ASSERT_OK(bus_loop_new(f->loop, f->p.server, on_gone, f, &f->bl));
        ASSERT_OK(sd_bus_add_filter(f->p.server, NULL, count, f));
}

static void end(struct fixture *f)
{
        f->bl = bus_loop_free(f->bl);
        p2p_bus_done(&f->p);
        f->loop = vloop_free(f->loop);
}

static int note_error(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        (void)error;
        *(bool *)ctx = sd_bus_message_is_method_error(m, NULL) > 0;
        return 0;
}

/* The trap: sd-bus's deadline is absolute, in real CLOCK_MONOTONIC, and the loop lives in virtual time. */
TEST(deadline_is_absolute)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct fixture f;
        bool failed = false;

        begin(&f);
        ASSERT_OK(sd_bus_message_new_method_call(f.p.server, &m, NULL, "/x", "x.y", "Z"));
        ASSERT_OK(sd_bus_call_async(f.p.server, NULL, m, note_error, &failed, 1000));
        usleep(2000); /* sd-bus reads the real clock: the call is overdue now, in virtual time it never would be */
        bus_loop_rearm(f.bl);
        vloop_turn(f.loop);
        ASSERT(failed);
        end(&f);
}

TEST(deadline_in_the_future_is_not_now)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct fixture f;
        bool failed = false;

        begin(&f);
        ASSERT_OK(sd_bus_message_new_method_call(f.p.server, &m, NULL, "/x", "x.y", "Z"));
        ASSERT_OK(sd_bus_call_async(f.p.server, NULL, m, note_error, &failed, 5 * US_PER_SEC));
        bus_loop_rearm(f.bl);
        vloop_run_for(f.loop, 4 * US_PER_SEC); /* a deadline taken as relative, or as 0, would run wild here */
        ASSERT(!failed);
        ASSERT_EQ(f.gone, 0);
        end(&f);
}

/* More than the socket holds: what is left is written when the peer reads, without anybody sending again. */
TEST(writes_when_the_peer_reads)
{
        enum { MESSAGES = 400 };
        struct fixture f;

        begin(&f);
        for (int i = 0; i < MESSAGES; i++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
                static const char text[2048] = { [0 ... 2046] = 'x' };

                ASSERT_OK(sd_bus_message_new_signal(f.p.server, &m, "/x", "x.y", "Z"));
                ASSERT_OK(sd_bus_message_append(m, "s", text));
                ASSERT_OK(sd_bus_send(f.p.server, m, NULL));
                bus_loop_rearm(f.bl);
        }
        p2p_bus_settle(&f.p);
        ASSERT_EQ(f.p.n_arrived, MESSAGES);
        end(&f);
}

/* A flood is cut into turns, and nothing of it is forgotten. */
TEST(a_flood_leaves_turns_for_others)
{
        struct fixture f;

        begin(&f);
        for (int i = 0; i < 300; i++) {
                sd_bus_message *m = p2p_bus_call(&f.p, ":1.1", "/x", "x.y", "Z");

                ASSERT_OK(sd_bus_message_set_expect_reply(m, false));
                p2p_bus_send(&f.p, m);
        }
        vloop_turn(f.loop);
        ASSERT_GT(f.calls, 0);
        ASSERT_LT(f.calls, 300);
        p2p_bus_settle(&f.p);
        ASSERT_EQ(f.calls, 300);
        end(&f);
}

TEST(the_end_is_told_once)
{
        struct fixture f;

        begin(&f);
        sd_bus_close(f.p.client);
        for (int i = 0; i < 5; i++)
                vloop_turn(f.loop);
        ASSERT_EQ(f.gone, 1);
        ASSERT_LT(f.error, 0);
        bus_loop_rearm(f.bl); /* legal afterwards */
        vloop_turn(f.loop);
        ASSERT_EQ(f.gone, 1);
        end(&f);
}

/* Closed by ourselves, outside of processing: the owner still hears of it. */
TEST(own_close_is_noticed)
{
        struct fixture f;

        begin(&f);
        sd_bus_close(f.p.server);
        bus_loop_rearm(f.bl);
        ASSERT_EQ(f.gone, 0); /* not from inside a call */
        vloop_turn(f.loop);
        ASSERT_EQ(f.gone, 1);
        end(&f);
}

TEST_OOM(construction)
{
        struct p2p_bus p;
        struct loop *loop;
        struct bus_loop *bl = NULL;
        int r;

        loop = vloop_new(0);
        if (!loop)
                return -ENOMEM;
        p2p_bus_init(&p, loop); /* allocates nothing of ours */
        r = bus_loop_new(loop, p.server, on_gone, NULL, &bl);
        bus_loop_free(bl);
        p2p_bus_done(&p);
        vloop_free(loop);
        return r;
}
