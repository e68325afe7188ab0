/* test-loop-event.c - the control thread's loop on real descriptors, timers and signals (milliseconds of real time).
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "lib/test.h"
#include "loop-event.h"

struct fixture {
        struct loop *loop;
        struct loop_source *fd, *timer, *other, *sig;
        int sock[2];
        unsigned fd_calls, timer_calls, other_calls, signals;
        uint32_t seen;
        uint64_t due_us, fired_us;
};

static void setup(struct fixture *f)
{
        *f = (struct fixture){ .sock = { -1, -1 } };
        ASSERT_OK(loop_event_new(&f->loop));
        ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, f->sock));
}

static void teardown(struct fixture *f)
{
        f->fd = loop_remove(f->fd);
        f->timer = loop_remove(f->timer);
        f->other = loop_remove(f->other);
        f->sig = loop_remove(f->sig);
        f->loop = loop_event_free(f->loop);
        close_fd(f->sock[0]);
        close_fd(f->sock[1]);
}

static void on_fd(int fd, uint32_t events, void *ctx)
{
        struct fixture *f = ctx;
        char byte;

        f->fd_calls++;
        f->seen = events;
        (void)!read(fd, &byte, 1);
        loop_event_stop(f->loop);
}

static void on_timer(void *ctx)
{
        struct fixture *f = ctx;

        f->timer_calls++;
        f->fired_us = loop_now_us(f->loop);
        loop_event_stop(f->loop);
}

TEST(readable)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(loop_add_fd(f.loop, f.sock[0], LOOP_READ, on_fd, &f, &f.fd));
        ASSERT_EQ(write(f.sock[1], "x", 1), 1);
        ASSERT_OK(loop_event_run(f.loop));
        ASSERT_EQ(f.seen, LOOP_READ);
        teardown(&f);
}

TEST(writable_when_asked_for)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(loop_add_fd(f.loop, f.sock[0], LOOP_READ, on_fd, &f, &f.fd));
        ASSERT_OK(loop_set_fd_events(f.fd, LOOP_READ | LOOP_WRITE));
        ASSERT_OK(loop_event_run(f.loop));
        ASSERT_EQ(f.seen, LOOP_WRITE);
        teardown(&f);
}

TEST(hangup_is_told_apart)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(loop_add_fd(f.loop, f.sock[0], LOOP_READ, on_fd, &f, &f.fd));
        f.sock[1] = close_fd(f.sock[1]);
        ASSERT_OK(loop_event_run(f.loop));
        ASSERT_EQ(f.seen, LOOP_READ | LOOP_HANGUP);
        teardown(&f);
}

TEST(no_interest_no_report)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(loop_add_fd(f.loop, f.sock[0], 0, on_fd, &f, &f.fd));
        ASSERT_OK(loop_add_timer(f.loop, loop_now_us(f.loop) + 5000, on_timer, &f, &f.timer));
        ASSERT_EQ(write(f.sock[1], "x", 1), 1);
        ASSERT_OK(loop_event_run(f.loop));
        ASSERT_EQ(f.fd_calls, 0);
        ASSERT_EQ(f.timer_calls, 1);
        teardown(&f);
}

TEST(timer_is_never_early)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(loop_add_timer(f.loop, LOOP_NEVER, on_timer, &f, &f.timer));
        for (uint64_t us = 300; us < 5000; us += 700) {
                f.due_us = loop_now_us(f.loop) + us;
                ASSERT_OK(loop_set_timer(f.timer, f.due_us));
                ASSERT_OK(loop_event_run(f.loop));
                ASSERT_GE(f.fired_us, f.due_us);
        }
        teardown(&f);
}

static void on_other(void *ctx)
{
        struct fixture *f = ctx;

        f->other_calls++;
}

/* The callback removes itself and a timer that is due in the same turn. */
static void on_remove_all(void *ctx)
{
        struct fixture *f = ctx;

        f->timer = loop_remove(f->timer);
        f->other = loop_remove(f->other);
        f->timer_calls++;
        loop_event_stop(f->loop);
}

TEST(callback_removes_itself_and_others)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(loop_add_timer(f.loop, 0, on_remove_all, &f, &f.timer));
        ASSERT_OK(loop_add_timer(f.loop, 1, on_other, &f, &f.other));
        ASSERT_OK(loop_event_run(f.loop));
        ASSERT_EQ(f.timer_calls, 1);
        ASSERT_EQ(f.other_calls, 0);
        teardown(&f);
}

static void on_again(void *ctx)
{
        struct fixture *f = ctx;

        if (++f->timer_calls == 3)
                loop_event_stop(f->loop);
        else
                ASSERT_OK(loop_set_timer(f->timer, 0));
}

TEST(a_timer_in_the_past_runs_in_the_next_turn)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(loop_add_timer(f.loop, 0, on_again, &f, &f.timer));
        ASSERT_OK(loop_event_run(f.loop));
        ASSERT_EQ(f.timer_calls, 3);
        teardown(&f);
}

static void on_signal(int signo, void *ctx)
{
        struct fixture *f = ctx;

        ASSERT_EQ(signo, SIGUSR1);
        f->signals++;
        loop_event_stop(f->loop);
}

TEST(signals_arrive_on_the_loop)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(loop_event_add_signal(f.loop, SIGUSR1, on_signal, &f, &f.sig));
        ASSERT_OK(raise(SIGUSR1));
        ASSERT_EQ(f.signals, 0);
        ASSERT_OK(loop_event_run(f.loop));
        ASSERT_EQ(f.signals, 1);
        teardown(&f);
}

TEST_OOM(construction)
{
        struct loop *l = NULL;
        struct loop_source *a = NULL, *b = NULL;
        int r = loop_event_new(&l);

        if (r >= 0)
                r = loop_add_timer(l, LOOP_NEVER, on_other, NULL, &a);
        if (r >= 0)
                r = loop_add_fd(l, 0, 0, on_fd, NULL, &b);
        loop_remove(a);
        loop_remove(b);
        loop_event_free(l);
        return r < 0 ? r : 0;
}
