/* Unit tests of base/mailbox: order, bound, ownership at every end a message can meet, two threads. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "base/mailbox.h"
#include "lib/test.h"
#include "lib/vloop.h"

struct target {
        struct mailbox *mb;
        char log[256];
        unsigned freed;
        unsigned next; /* two threads: the number expected */
        bool done;
};

struct letter {
        struct target *to;
        const char *text;
};

static void run_letter(void *target, void *data)
{
        struct target *t = target;
        struct letter *l = data;

        ASSERT(l->to == t);
        strcat(t->log, l->text);
}

static void free_letter(void *data)
{
        struct letter *l = data;

        l->to->freed++;
        free(l);
}

static int post(struct target *t, const char *text)
{
        struct letter *l = malloc(sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        *l = (struct letter){ t, text };
        r = mailbox_post(t->mb, run_letter, free_letter, l);
        if (r < 0)
                free(l);
        return r;
}

static struct loop *make(struct target *t, size_t capacity)
{
        struct loop *l = vloop_new(1);

        ASSERT_OK(mailbox_new(l, capacity, t, &t->mb));
        return l;
}

TEST(messages_run_in_order_on_the_loop)
{
        struct target t = { 0 };
        struct loop *l = make(&t, 8);

        ASSERT_OK(post(&t, "a"));
        ASSERT_OK(post(&t, "b"));
        ASSERT_STR(t.log, ""); /* never from inside post */
        vloop_turn(l);
        ASSERT_STR(t.log, "ab");
        ASSERT_EQ(t.freed, 2);
        ASSERT_OK(post(&t, "c")); /* wakes again after it was empty */
        vloop_turn(l);
        ASSERT_STR(t.log, "abc");
        mailbox_free(t.mb);
        vloop_free(l);
}

TEST(a_full_mailbox_refuses_and_leaves_the_data)
{
        struct target t = { 0 };
        struct loop *l = make(&t, 2);

        ASSERT_OK(post(&t, "a"));
        ASSERT_OK(post(&t, "b"));
        ASSERT_EQ(post(&t, "c"), -ENOBUFS); /* freed by post(): a double free otherwise */
        ASSERT_EQ(t.freed, 0);
        mailbox_drain(t.mb);
        ASSERT_STR(t.log, "ab");
        ASSERT_OK(post(&t, "d")); /* the ring wraps */
        ASSERT_OK(post(&t, "e"));
        mailbox_drain(t.mb);
        ASSERT_STR(t.log, "abde");
        mailbox_free(t.mb);
        vloop_free(l);
}

TEST(what_is_left_is_freed_without_a_run)
{
        struct target t = { 0 };
        struct loop *l = make(&t, 4);

        ASSERT_OK(post(&t, "a"));
        ASSERT_OK(post(&t, "b"));
        ASSERT(mailbox_free(t.mb) == NULL);
        ASSERT(mailbox_free(NULL) == NULL);
        ASSERT_EQ(t.freed, 2);
        ASSERT_STR(t.log, "");
        vloop_free(l); /* asserts that the source is gone */
}

static void run_and_post_again(void *target, void *data)
{
        struct target *t = target;

        (void)data;
        strcat(t->log, "x");
        ASSERT_OK(mailbox_post(t->mb, run_and_post_again, NULL, NULL));
}

TEST(a_message_that_posts_another_does_not_hold_the_loop)
{
        struct target t = { 0 };
        struct loop *l = make(&t, 3);

        ASSERT_OK(mailbox_post(t.mb, run_and_post_again, NULL, NULL));
        vloop_turn(l);
        ASSERT_STR(t.log, "xxx"); /* at most its capacity in one turn */
        vloop_turn(l);            /* and the rest is not forgotten */
        ASSERT_STR(t.log, "xxxxxx");
        mailbox_free(t.mb);
        vloop_free(l);
}

enum { THREADS = 3, PER_THREAD = 1000 };

struct poster {
        struct target *to;
        unsigned next; /* written by the receiver only */
};
struct numbered {
        struct poster *from;
        unsigned number;
};

static void run_numbered(void *target, void *data)
{
        struct target *t = target;
        struct numbered *n = data;

        ASSERT_EQ(n->number, n->from->next);
        n->from->next++;
        t->done = ++t->next == THREADS * PER_THREAD;
}

static void *post_many(void *arg)
{
        struct poster *p = arg;

        for (unsigned i = 0; i < PER_THREAD; i++) {
                struct numbered *n = malloc(sizeof(*n));

                ASSERT(n);
                *n = (struct numbered){ p, i };
                while (mailbox_post(p->to->mb, run_numbered, free, n) == -ENOBUFS)
                        sched_yield();
        }
        return NULL;
}

TEST(many_threads_post_and_nothing_is_lost)
{
        struct target t = { 0 };
        struct poster posters[THREADS];
        pthread_t threads[THREADS];
        struct loop *l = make(&t, 64);

        for (int i = 0; i < THREADS; i++) {
                posters[i] = (struct poster){ .to = &t };
                ASSERT_EQ(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
        }
        ASSERT(vloop_run_until(l, &t.done, 30000));
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        mailbox_free(t.mb);
        vloop_free(l);
}

TEST_OOM(new_fails_cleanly)
{
        struct target t = { 0 };
        struct loop *l = vloop_new(1);
        int r = l ? mailbox_new(l, 4, &t, &t.mb) : -ENOMEM;

        mailbox_free(t.mb);
        if (l)
                vloop_free(l);
        return r;
}
