/* vloop.c - see vloop.h. */
#include "lib/vloop.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "base/list.h"
#include "lib/test.h"

struct vloop {
        struct loop base;
        uint64_t now_us;
        struct list sources;
};

struct vsource {
        struct loop_source base;
        struct list link; /* in vloop.sources */
        int fd;           /* -1: a timer */
        uint32_t events;
        uint64_t due_us;
        bool dead; /* removed while the loop was in a callback: freed at the end of the turn */
        loop_fd_fn fd_fn;
        loop_timer_fn timer_fn;
        void *ctx;
};

static uint64_t now_us(struct loop *l)
{
        return ((struct vloop *)l)->now_us;
}

static struct vsource *add(struct loop *l, void *ctx)
{
        struct vsource *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        s->base.loop = l;
        s->fd = -1;
        s->due_us = LOOP_NEVER;
        s->ctx = ctx;
        list_append(&((struct vloop *)l)->sources, &s->link);
        return s;
}

static int add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *ctx, struct loop_source **ret)
{
        struct vsource *s = add(l, ctx);

        if (!s)
                return -ENOMEM;
        s->fd = fd;
        s->events = events;
        s->fd_fn = fn;
        *ret = &s->base;
        return 0;
}

static int set_fd_events(struct loop_source *s, uint32_t events)
{
        ((struct vsource *)s)->events = events;
        return 0;
}

static int add_timer(struct loop *l, uint64_t due_us, loop_timer_fn fn, void *ctx, struct loop_source **ret)
{
        struct vsource *s = add(l, ctx);

        if (!s)
                return -ENOMEM;
        s->due_us = due_us;
        s->timer_fn = fn;
        *ret = &s->base;
        return 0;
}

static int set_timer(struct loop_source *s, uint64_t due_us)
{
        ((struct vsource *)s)->due_us = due_us;
        return 0;
}

static void remove_source(struct loop_source *s)
{
        ((struct vsource *)s)->dead = true;
}

static const struct loop_ops ops = { now_us, add_fd, set_fd_events, add_timer, set_timer, remove_source };

struct loop *vloop_new(uint64_t start_us)
{
        struct vloop *v = calloc(1, sizeof(*v));

        if (!v)
                return NULL;
        v->base.ops = &ops;
        v->now_us = start_us;
        list_init(&v->sources);
        return &v->base;
}

static void sweep_dead(struct vloop *v)
{
        struct vsource *s;

        list_for_each (s, &v->sources, link)
                if (s->dead) {
                        list_remove(&s->link);
                        free(s);
                }
}

struct loop *vloop_free(struct loop *l)
{
        struct vloop *v = (struct vloop *)l;

        if (!v)
                return NULL;
        sweep_dead(v);
        ASSERT(list_is_empty(&v->sources));
        free(v);
        return NULL;
}

static void poll_fd(struct vsource *s)
{
        struct pollfd p = { .fd = s->fd };
        uint32_t got = 0;

        if (s->events & LOOP_READ)
                p.events |= POLLIN;
        if (s->events & LOOP_WRITE)
                p.events |= POLLOUT;
        if (!p.events || poll(&p, 1, 0) <= 0)
                return;
        if (p.revents & POLLIN)
                got |= LOOP_READ;
        if (p.revents & POLLOUT)
                got |= LOOP_WRITE;
        if (p.revents & (POLLHUP | POLLERR))
                got |= LOOP_HANGUP;
        s->fd_fn(s->fd, got, s->ctx);
}

static struct vsource *first_due(struct vloop *v, uint64_t until_us)
{
        struct vsource *s, *best = NULL;

        list_for_each (s, &v->sources, link)
                if (!s->dead && s->due_us <= until_us && s->due_us != LOOP_NEVER &&
                    (!best || s->due_us < best->due_us))
                        best = s;
        return best;
}

static void fire(struct vsource *s)
{
        s->due_us = LOOP_NEVER;
        s->timer_fn(s->ctx);
}

void vloop_turn(struct loop *l)
{
        struct vloop *v = (struct vloop *)l;
        struct vsource *s;

        for (struct list *at = v->sources.next; at != &v->sources; at = at->next) {
                s = container_of(at, struct vsource, link);
                if (!s->dead && s->fd >= 0)
                        poll_fd(s);
        }
        for (int budget = 1000; budget > 0 && (s = first_due(v, v->now_us)); budget--)
                fire(s);
        sweep_dead(v);
}

void vloop_run_for(struct loop *l, uint64_t us)
{
        struct vloop *v = (struct vloop *)l;
        uint64_t end_us = v->now_us + us;
        struct vsource *s;

        vloop_turn(l);
        while ((s = first_due(v, end_us))) {
                if (s->due_us > v->now_us)
                        v->now_us = s->due_us;
                fire(s);
                vloop_turn(l);
        }
        v->now_us = end_us;
        vloop_turn(l);
}

bool vloop_run_until(struct loop *l, const bool *flag, unsigned real_ms)
{
        for (unsigned i = 0; i <= real_ms; i++) {
                vloop_run_for(l, 1000);
                if (*flag)
                        return true;
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
        return false;
}
