/* net-thread.c - see net-thread.h.
 *
 * Everything is made by control before the thread starts and freed by control after it was joined; in between the
 * loop, the context and what hangs on them are the thread's alone. What both touch: the two mailboxes (a mutex each),
 * and the eventfd that asks the thread to end, which is not a message so that a full mailbox cannot stop shutdown.
 *
 * All signals are blocked on the thread, and so on the worker threads GIO starts from it: control alone receives them.
 */
#include "net/net-thread.h"

#include <assert.h>
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "net/loop-glib.h"

enum { MAILBOX_CAPACITY = 4096 };
#define HOLD_MAX_US (2 * US_PER_SEC) /* how long objects that say goodbye to a server may delay the end */

struct net_thread {
        GMainContext *context;    /* owned */
        struct loop *loop;        /* owned */
        struct mailbox *inbox;    /* owned; drained by the thread */
        struct mailbox *replies;  /* owned; drained by control */
        int end_fd;               /* owned; readable: end */
        struct loop_source *end;  /* owned; the thread's */
        struct loop_source *late; /* owned; the thread's: HOLD_MAX_US are over */
        pthread_t thread;
        /* the thread's */
        unsigned holds;
        bool ending, expired;
};

static void on_late(void *ctx)
{
        struct net_thread *t = ctx;

        t->expired = true;
}

static void on_end(int fd, uint32_t events, void *ctx)
{
        struct net_thread *t = ctx;

        (void)fd;
        (void)events;
        (void)loop_set_fd_events(t->end, 0);
        (void)loop_set_timer(t->late, loop_now_us(t->loop) + HOLD_MAX_US);
        t->ending = true;
        mailbox_drain(t->inbox); /* what was posted before the end, whether or not its wake-up was seen yet */
}

static void *thread_main(void *arg)
{
        struct net_thread *t = arg;

        pthread_setname_np(pthread_self(), "rtcroomd-net");
        g_main_context_push_thread_default(t->context);
        while (!t->ending || (t->holds > 0 && !t->expired))
                (void)g_main_context_iteration(t->context, TRUE);
        /* Completions of what was cancelled last; bounded, for a descriptor that nobody closed stays ready. */
        for (int budget = 100; budget > 0 && g_main_context_iteration(t->context, FALSE); budget--)
                ;
        g_main_context_pop_thread_default(t->context);
        return NULL;
}

static int start(struct net_thread *t)
{
        sigset_t all, old;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = pthread_create(&t->thread, NULL, thread_main, t);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return -r;
}

/* Frees what exists; the thread is not (or no longer) running. */
static void release(struct net_thread *t)
{
        mailbox_free(t->inbox);
        mailbox_free(t->replies);
        loop_remove(t->end);
        loop_remove(t->late);
        close_fd(t->end_fd);
        loop_glib_free(t->loop);
        if (t->context)
                g_main_context_unref(t->context);
        free(t);
}

static int build(struct net_thread *t, struct loop *control)
{
        int r;

        t->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (t->end_fd < 0)
                return -errno;
        t->context = g_main_context_new();
        r = loop_glib_new(t->context, &t->loop);
        if (r < 0)
                return r;
        r = loop_add_fd(t->loop, t->end_fd, LOOP_READ, on_end, t, &t->end);
        if (r < 0)
                return r;
        r = loop_add_timer(t->loop, LOOP_NEVER, on_late, t, &t->late);
        if (r < 0)
                return r;
        r = mailbox_new(t->loop, MAILBOX_CAPACITY, NULL, &t->inbox);
        if (r < 0)
                return r;
        return mailbox_new(control, MAILBOX_CAPACITY, NULL, &t->replies);
}

int net_thread_new(struct loop *control, struct net_thread **ret)
{
        struct net_thread *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        r = build(t, control);
        if (r >= 0)
                r = start(t);
        if (r < 0) {
                release(t);
                return r;
        }
        *ret = t;
        return 0;
}

struct net_thread *net_thread_free(struct net_thread *t)
{
        if (!t)
                return NULL;
        assert(!net_thread_is_current(t));
        (void)eventfd_write(t->end_fd, 1);
        pthread_join(t->thread, NULL);
        release(t);
        return NULL;
}

int net_thread_post(struct net_thread *t, mail_fn run, mail_free_fn free_data, void *data)
{
        return mailbox_post(t->inbox, run, free_data, data);
}

int net_thread_reply(struct net_thread *t, mail_fn run, mail_free_fn free_data, void *data)
{
        return mailbox_post(t->replies, run, free_data, data);
}

void net_thread_hold(struct net_thread *t)
{
        assert(net_thread_is_current(t));
        t->holds++;
}

void net_thread_release(struct net_thread *t)
{
        assert(net_thread_is_current(t) && t->holds > 0);
        t->holds--;
}

struct loop *net_thread_loop(struct net_thread *t)
{
        return t->loop;
}

GMainContext *net_thread_context(struct net_thread *t)
{
        return t->context;
}

bool net_thread_is_current(const struct net_thread *t)
{
        return pthread_equal(t->thread, pthread_self());
}
