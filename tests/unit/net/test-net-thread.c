/* Unit tests of net/net-thread: order, both directions, a full mailbox, what happens to messages at the end. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "net/net-thread.h"

struct fixture {
        struct loop *control;
        struct net_thread *net;
        bool done;
        unsigned next, freed;
        atomic_uint ran;
        sem_t gate;
        struct loop_source *timer;
};

static void setup(struct fixture *f)
{
        *f = (struct fixture){ .control = vloop_new(0) };
        sem_init(&f->gate, 0, 0);
        ASSERT_OK(net_thread_new(f->control, &f->net));
}

static void teardown(struct fixture *f)
{
        net_thread_free(f->net);
        vloop_free(f->control);
        sem_destroy(&f->gate);
}

struct note {
        struct fixture *f;
        unsigned number;
};

static struct note *note_new(struct fixture *f, unsigned number)
{
        struct note *n = malloc(sizeof(*n));

        ASSERT(n);
        *n = (struct note){ f, number };
        return n;
}

static void on_answer(void *target, void *data)
{
        struct note *n = data;

        ASSERT(!target);
        ASSERT(!net_thread_is_current(n->f->net));
        ASSERT_EQ(n->number, n->f->next++);
        n->f->done = n->number == 999;
}

static void on_call(void *target, void *data)
{
        struct note *n = data;
        char name[16];

        ASSERT(!target);
        ASSERT(net_thread_is_current(n->f->net));
        ASSERT_OK(pthread_getname_np(pthread_self(), name, sizeof(name)));
        ASSERT_STR(name, "rtcroomd-net");
        ASSERT_OK(net_thread_reply(n->f->net, on_answer, free, note_new(n->f, n->number)));
}

TEST(calls_and_answers_keep_their_order)
{
        struct fixture f;

        setup(&f);
        for (unsigned i = 0; i < 1000; i++)
                ASSERT_OK(net_thread_post(f.net, on_call, free, note_new(&f, i)));
        ASSERT(vloop_run_until(f.control, &f.done, 5000));
        teardown(&f);
}

static void wait_for_gate(void *target, void *data)
{
        struct fixture *f = data;

        (void)target;
        sem_wait(&f->gate);
}

static void count(void *target, void *data)
{
        struct fixture *f = data;

        (void)target;
        atomic_fetch_add(&f->ran, 1);
}

TEST(full_mailbox_refuses_and_shutdown_still_runs_what_waits)
{
        struct fixture f;
        unsigned n = 0;

        setup(&f);
        ASSERT_OK(net_thread_post(f.net, wait_for_gate, NULL, &f));
        while (net_thread_post(f.net, count, NULL, &f) == 0)
                n++;
        ASSERT_GE(n, 4095);
        ASSERT_LE(n, 4096);
        ASSERT_EQ(net_thread_post(f.net, count, NULL, &f), -ENOBUFS);
        sem_post(&f.gate);
        f.net = net_thread_free(f.net);
        ASSERT_EQ(f.ran, n);
        teardown(&f);
}

static void free_and_count(void *data)
{
        ((struct fixture *)data)->freed++;
}

static void never(void *target, void *data)
{
        (void)target;
        (void)data;
        ASSERT(false);
}

static void reply_unread(void *target, void *data)
{
        struct fixture *f = data;

        (void)target;
        ASSERT_OK(net_thread_reply(f->net, never, free_and_count, f));
}

TEST(replies_that_did_not_run_are_freed)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(net_thread_post(f.net, reply_unread, NULL, &f));
        f.net = net_thread_free(f.net);
        ASSERT_EQ(f.freed, 1);
        teardown(&f);
}

static void let_go(void *ctx)
{
        struct fixture *f = ctx;

        f->timer = loop_remove(f->timer);
        atomic_fetch_add(&f->ran, 1);
        net_thread_release(f->net);
}

static void hold(void *target, void *data)
{
        struct fixture *f = data;
        struct loop *l = net_thread_loop(f->net);

        (void)target;
        net_thread_hold(f->net);
        ASSERT_OK(loop_add_timer(l, loop_now_us(l) + 20 * US_PER_MS, let_go, f, &f->timer));
}

TEST(end_waits_for_who_holds)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(net_thread_post(f.net, hold, NULL, &f));
        f.net = net_thread_free(f.net);
        ASSERT_EQ(f.ran, 1);
        teardown(&f);
}

static void report_signals(void *target, void *data)
{
        struct fixture *f = data;
        sigset_t set;

        (void)target;
        ASSERT_OK(pthread_sigmask(SIG_SETMASK, NULL, &set));
        if (sigismember(&set, SIGTERM) && sigismember(&set, SIGCHLD) && sigismember(&set, SIGHUP))
                atomic_fetch_add(&f->ran, 1);
}

TEST(signals_are_blocked_on_the_thread_only)
{
        struct fixture f;
        sigset_t set;

        setup(&f);
        ASSERT_OK(net_thread_post(f.net, report_signals, NULL, &f));
        f.net = net_thread_free(f.net);
        ASSERT_EQ(f.ran, 1);
        ASSERT_OK(pthread_sigmask(SIG_SETMASK, NULL, &set));
        ASSERT(!sigismember(&set, SIGTERM));
        teardown(&f);
}

TEST(start_and_end_again_and_again)
{
        for (unsigned i = 0; i < 50; i++) {
                struct fixture f;

                setup(&f);
                ASSERT_OK(net_thread_post(f.net, count, NULL, &f));
                teardown(&f);
                ASSERT_EQ(f.ran, 1);
        }
}

TEST_OOM(new_fails_cleanly)
{
        struct loop *control = vloop_new(0);
        struct net_thread *t = NULL;
        int r;

        if (!control)
                return -ENOMEM;
        r = net_thread_new(control, &t);
        net_thread_free(t);
        vloop_free(control);
        return r;
}
