/* loop-event.c - see loop-event.h. Control thread. The only file that knows libevent.
 *
 * The base is made without libevent's cached clock and with its precise timer: a timer counts from the moment it is
 * set, in real microseconds, and not from the start of the turn in ticks of the kernel's coarse clock. Timers are
 * absolute here and relative there; one that still fires early is armed again for the rest.
 *
 * libevent folds a hang-up into "readable and writable". The descriptor is asked again by poll(2) before the callback,
 * which tells LOOP_HANGUP from the others and drops readiness that an earlier callback of the same turn has used up.
 *
 * A source is one allocation with its struct event inside. libevent reads what it needs of an event before it calls
 * back and forgets it on event_del(), so a callback may free its own source and any other.
 */
#include "loop-event.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>

#include "base/clock.h"

struct loop_event {
        struct loop base;
        struct event_base *events; /* owned */
        unsigned n_sources;
};

struct source {
        struct loop_source base;
        struct event event;
        union {
                loop_fd_fn fd_fn;
                loop_timer_fn timer_fn;
                loop_signal_fn signal_fn;
        };
        void *ctx;
        uint64_t due_us; /* of a timer */
        short poll_events;
};

static struct loop_event *owner(struct source *s)
{
        return (struct loop_event *)s->base.loop;
}

static uint64_t now_us(struct loop *l)
{
        (void)l;
        return clock_monotonic_us();
}

static int source_new(struct loop *l, void *ctx, struct source **ret)
{
        struct source *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->base.loop = l;
        s->ctx = ctx;
        ((struct loop_event *)l)->n_sources++;
        *ret = s;
        return 0;
}

static void source_remove(struct loop_source *base)
{
        struct source *s = (struct source *)base;

        event_del(&s->event);
        owner(s)->n_sources--;
        free(s);
}

static void on_fd(evutil_socket_t fd, short what, void *data)
{
        struct source *s = data;
        struct pollfd p = { .fd = fd, .events = s->poll_events };
        uint32_t got = 0;

        (void)what;
        if (poll(&p, 1, 0) <= 0)
                return;
        if (p.revents & POLLIN)
                got |= LOOP_READ;
        if (p.revents & POLLOUT)
                got |= LOOP_WRITE;
        if (p.revents & (POLLHUP | POLLERR))
                got |= LOOP_HANGUP;
        s->fd_fn(fd, got, s->ctx);
}

static int set_fd_events(struct loop_source *base, uint32_t events)
{
        struct source *s = (struct source *)base;
        int fd = event_get_fd(&s->event);
        short poll_events = 0, what = EV_PERSIST;

        if (events & LOOP_READ) {
                poll_events |= POLLIN;
                what |= EV_READ;
        }
        if (events & LOOP_WRITE) {
                poll_events |= POLLOUT;
                what |= EV_WRITE;
        }
        if (poll_events == s->poll_events)
                return 0;
        event_del(&s->event);
        event_assign(&s->event, owner(s)->events, fd, what, on_fd, s);
        s->poll_events = poll_events;
        return poll_events && event_add(&s->event, NULL) < 0 ? -ENOMEM : 0;
}

static int add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *ctx, struct loop_source **ret)
{
        struct source *s;
        int r;

        r = source_new(l, ctx, &s);
        if (r < 0)
                return r;
        s->fd_fn = fn;
        event_assign(&s->event, owner(s)->events, fd, EV_PERSIST, on_fd, s);
        r = set_fd_events(&s->base, events);
        if (r < 0) {
                source_remove(&s->base);
                return r;
        }
        *ret = &s->base;
        return 0;
}

static int set_timer(struct loop_source *base, uint64_t due_us)
{
        struct source *s = (struct source *)base;
        uint64_t now = clock_monotonic_us(), left_us = due_us > now ? due_us - now : 0;
        struct timeval tv = { .tv_sec = (time_t)(left_us / US_PER_SEC),
                              .tv_usec = (suseconds_t)(left_us % US_PER_SEC) };

        s->due_us = due_us;
        if (due_us == LOOP_NEVER)
                return event_del(&s->event) < 0 ? -EIO : 0;
        return event_add(&s->event, &tv) < 0 ? -ENOMEM : 0;
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
        struct source *s = data;

        (void)fd;
        (void)what;
        if (s->due_us > clock_monotonic_us()) {
                (void)set_timer(&s->base, s->due_us); /* cannot fail: the heap has just given up this entry */
                return;
        }
        s->due_us = LOOP_NEVER;
        s->timer_fn(s->ctx);
}

static int add_timer(struct loop *l, uint64_t due_us, loop_timer_fn fn, void *ctx, struct loop_source **ret)
{
        struct source *s;
        int r;

        r = source_new(l, ctx, &s);
        if (r < 0)
                return r;
        s->timer_fn = fn;
        evtimer_assign(&s->event, owner(s)->events, on_timer, s);
        r = set_timer(&s->base, due_us);
        if (r < 0) {
                source_remove(&s->base);
                return r;
        }
        *ret = &s->base;
        return 0;
}

static const struct loop_ops ops = { now_us, add_fd, set_fd_events, add_timer, set_timer, source_remove };

static void on_signal(evutil_socket_t signo, short what, void *data)
{
        struct source *s = data;

        (void)what;
        s->signal_fn(signo, s->ctx);
}

int loop_event_add_signal(struct loop *l, int signo, loop_signal_fn fn, void *ctx, struct loop_source **ret)
{
        struct source *s;
        int r;

        r = source_new(l, ctx, &s);
        if (r < 0)
                return r;
        s->signal_fn = fn;
        evsignal_assign(&s->event, owner(s)->events, signo, on_signal, s);
        if (event_add(&s->event, NULL) < 0) {
                source_remove(&s->base);
                return -ENOMEM;
        }
        *ret = &s->base;
        return 0;
}

int loop_event_new(struct loop **ret)
{
        _cleanup_free_ struct loop_event *l = calloc(1, sizeof(*l));
        struct event_config *config;

        if (!l)
                return -ENOMEM;
        l->base.ops = &ops;
        config = event_config_new();
        if (!config)
                return -ENOMEM;
        event_config_set_flag(config,
                              EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME | EVENT_BASE_FLAG_PRECISE_TIMER);
        l->events = event_base_new_with_config(config);
        event_config_free(config);
        if (!l->events)
                return -ENOMEM;
        *ret = &take_ptr(l)->base;
        return 0;
}

struct loop *loop_event_free(struct loop *base)
{
        struct loop_event *l = (struct loop_event *)base;

        if (!l)
                return NULL;
        assert(l->n_sources == 0);
        event_base_free(l->events);
        free(l);
        return NULL;
}

int loop_event_run(struct loop *l)
{
        /* not event_base_dispatch(): a loop whose last source went away still waits for its stop */
        return event_base_loop(((struct loop_event *)l)->events, EVLOOP_NO_EXIT_ON_EMPTY) < 0 ? -EIO : 0;
}

void loop_event_stop(struct loop *l)
{
        event_base_loopexit(((struct loop_event *)l)->events, NULL);
}
