/* Unit tests of net/loop-glib: descriptors, timers, removal from inside callbacks. No thread is started. */
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <glib.h>

#include "base/clock.h"
#include "lib/test.h"
#include "net/loop-glib.h"

struct fixture {
        GMainContext *context;
        struct loop *loop;
        struct loop_source *a, *b;
        unsigned n_a, n_b;
        uint32_t events;
};

static void setup(struct fixture *f)
{
        *f = (struct fixture){ .context = g_main_context_new() };
        ASSERT_OK(loop_glib_new(f->context, &f->loop));
}

static void teardown(struct fixture *f)
{
        loop_glib_free(f->loop);
        g_main_context_unref(f->context);
}

static void turn(struct fixture *f)
{
        (void)g_main_context_iteration(f->context, FALSE);
}

static void note_fd(int fd, uint32_t events, void *ctx)
{
        struct fixture *f = ctx;

        (void)fd;
        f->n_a++;
        f->events = events;
}

TEST(descriptor_reports_what_is_asked_for)
{
        struct fixture f;
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        setup(&f);
        ASSERT_OK(loop_add_fd(f.loop, fd, LOOP_READ, note_fd, &f, &f.a));
        turn(&f);
        ASSERT_EQ(f.n_a, 0);
        ASSERT_OK(eventfd_write(fd, 1));
        turn(&f);
        ASSERT_EQ(f.n_a, 1);
        ASSERT_EQ(f.events, LOOP_READ);
        ASSERT_OK(loop_set_fd_events(f.a, LOOP_WRITE));
        turn(&f);
        ASSERT_EQ(f.events, LOOP_WRITE);
        ASSERT_OK(loop_set_fd_events(f.a, 0));
        turn(&f);
        ASSERT_EQ(f.n_a, 2);
        ASSERT_OK(loop_set_fd_events(f.a, LOOP_READ | LOOP_WRITE));
        turn(&f);
        ASSERT_EQ(f.events, LOOP_READ | LOOP_WRITE);
        loop_remove(f.a);
        turn(&f);
        ASSERT_EQ(f.n_a, 3);
        close(fd);
        teardown(&f);
}

TEST(hangup_is_reported_but_not_to_who_asks_for_nothing)
{
        struct fixture f;
        int fds[2];

        setup(&f);
        ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
        ASSERT_OK(loop_add_fd(f.loop, fds[0], 0, note_fd, &f, &f.a));
        close(fds[1]);
        turn(&f);
        ASSERT_EQ(f.n_a, 0);
        ASSERT_OK(loop_set_fd_events(f.a, LOOP_READ));
        turn(&f);
        ASSERT_EQ(f.n_a, 1);
        ASSERT(f.events & LOOP_HANGUP);
        loop_remove(f.a);
        close(fds[0]);
        teardown(&f);
}

static void note_a(void *ctx)
{
        ((struct fixture *)ctx)->n_a++;
}

TEST(timer_fires_once_and_never_early)
{
        struct fixture f;
        uint64_t due, now;

        setup(&f);
        ASSERT_OK(loop_add_timer(f.loop, LOOP_NEVER, note_a, &f, &f.a));
        turn(&f);
        ASSERT_EQ(f.n_a, 0);
        due = loop_now_us(f.loop) + 5 * US_PER_MS;
        ASSERT_OK(loop_set_timer(f.a, due));
        while (f.n_a == 0)
                (void)g_main_context_iteration(f.context, TRUE);
        now = loop_now_us(f.loop);
        ASSERT_GE(now, due);
        ASSERT_LT(now, due + 50 * US_PER_MS); /* 1 ms, and what a busy machine adds */
        turn(&f);
        ASSERT_EQ(f.n_a, 1);
        ASSERT_OK(loop_set_timer(f.a, 0)); /* in the past: the next turn */
        ASSERT_EQ(f.n_a, 1);
        turn(&f);
        ASSERT_EQ(f.n_a, 2);
        loop_remove(f.a);
        teardown(&f);
}

static void remove_both(void *ctx)
{
        struct fixture *f = ctx;

        f->n_b++;
        f->a = loop_remove(f->a);
        f->b = loop_remove(f->b);
}

TEST(callback_may_remove_its_own_source_and_others)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(loop_add_timer(f.loop, 0, remove_both, &f, &f.a));
        ASSERT_OK(loop_add_timer(f.loop, 0, remove_both, &f, &f.b)); /* due in the same turn */
        turn(&f);
        turn(&f);
        ASSERT_EQ(f.n_b, 1);
        teardown(&f);
}

static void switch_off(int fd, uint32_t events, void *ctx)
{
        struct fixture *f = ctx;

        (void)fd;
        (void)events;
        f->n_b++;
        (void)loop_set_fd_events(f->a, 0);
        (void)loop_set_fd_events(f->b, 0);
}

TEST(descriptor_switched_off_in_the_same_turn_is_silent)
{
        struct fixture f;
        int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

        setup(&f);
        ASSERT_OK(loop_add_fd(f.loop, fd, LOOP_READ, switch_off, &f, &f.a));
        ASSERT_OK(loop_add_fd(f.loop, fd, LOOP_READ, switch_off, &f, &f.b));
        turn(&f);
        turn(&f);
        ASSERT_EQ(f.n_b, 1);
        loop_remove(f.a);
        loop_remove(f.b);
        close(fd);
        teardown(&f);
}

TEST_OOM(new_fails_cleanly)
{
        GMainContext *context = g_main_context_new();
        struct loop *l = NULL;
        int r;

        r = loop_glib_new(context, &l);
        loop_glib_free(l);
        g_main_context_unref(context);
        return r;
}
