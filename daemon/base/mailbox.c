/* mailbox.c - see mailbox.h. The queue is a ring of fixed size; the mutex guards the ring only. */
#include "base/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

struct mail {
        mail_fn run;
        mail_free_fn free_data;
        void *data; /* owned */
};

struct mailbox {
        void *target; /* borrowed from the receiver */
        int wake_fd;
        struct loop_source *source; /* owned */
        pthread_mutex_t lock;       /* guards head, count and ring */
        size_t head, count, capacity;
        struct mail ring[];
};

static void discard(struct mail *m)
{
        if (m->free_data)
                m->free_data(m->data);
}

static bool take_mail(struct mailbox *mb, struct mail *ret)
{
        bool found = false;

        pthread_mutex_lock(&mb->lock);
        if (mb->count > 0) {
                *ret = mb->ring[mb->head];
                mb->head = (mb->head + 1) % mb->capacity;
                if (--mb->count == 0)
                        mb->head = 0; /* so that a quiet mailbox never touches more than its first page */
                found = true;
        }
        pthread_mutex_unlock(&mb->lock);
        return found;
}

static void on_wake(int fd, uint32_t events, void *ctx)
{
        eventfd_t n;

        (void)events;
        (void)eventfd_read(fd, &n); /* EAGAIN: an earlier turn has drained it */
        mailbox_drain(ctx);
}

int mailbox_new(struct loop *loop, size_t capacity, void *target, struct mailbox **ret)
{
        _cleanup_(mailbox_freep) struct mailbox *mb = NULL;
        int r;

        assert(capacity > 0);
        mb = calloc(1, sizeof(*mb) + capacity * sizeof(struct mail));
        if (!mb)
                return -ENOMEM;
        mb->target = target;
        mb->capacity = capacity;
        pthread_mutex_init(&mb->lock, NULL);
        mb->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (mb->wake_fd < 0)
                return -errno;
        r = loop_add_fd(loop, mb->wake_fd, LOOP_READ, on_wake, mb, &mb->source);
        if (r < 0)
                return r;
        *ret = take_ptr(mb);
        return 0;
}

struct mailbox *mailbox_free(struct mailbox *mb)
{
        struct mail m;

        if (!mb)
                return NULL;
        loop_remove(mb->source);
        while (take_mail(mb, &m))
                discard(&m);
        close_fd(mb->wake_fd);
        pthread_mutex_destroy(&mb->lock);
        free(mb);
        return NULL;
}

int mailbox_post(struct mailbox *mb, mail_fn run, mail_free_fn free_data, void *data)
{
        bool first = false;

        pthread_mutex_lock(&mb->lock);
        if (mb->count == mb->capacity) {
                pthread_mutex_unlock(&mb->lock);
                return -ENOBUFS;
        }
        mb->ring[(mb->head + mb->count) % mb->capacity] = (struct mail){ run, free_data, data };
        first = mb->count++ == 0;
        pthread_mutex_unlock(&mb->lock);
        if (first)
                (void)eventfd_write(mb->wake_fd, 1); /* cannot overflow: one write per empty-to-filled change */
        return 0;
}

void mailbox_drain(struct mailbox *mb)
{
        struct mail m;

        /* Bounded: a message that posts another to its own mailbox does not hold the loop for ever. */
        for (size_t budget = mb->capacity; budget > 0 && take_mail(mb, &m); budget--) {
                m.run(mb->target, m.data);
                discard(&m);
        }
        pthread_mutex_lock(&mb->lock);
        if (mb->count > 0) /* a poster that found the queue non-empty did not wake us */
                (void)eventfd_write(mb->wake_fd, 1);
        pthread_mutex_unlock(&mb->lock);
}
