/* loop.h - what a module may ask of the event loop of its thread: descriptors, timers, the next turn, the time.
 *
 * Three implementations: loop-event.c (libevent, control thread), net/loop-glib.c (GMainContext, network thread) and
 * tests/lib/vloop.c (virtual time, for tests). A module takes a `struct loop *` at creation and asks no other clock.
 *
 * Time is monotonic, in µs. Every call belongs to the thread of the loop. A callback may remove its own source and
 * any other. Sources are owned by whoever added them; loop_remove() is legal on NULL and returns NULL.
 * Errors: negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_source;

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 }; /* HANGUP is reported, never asked for */

typedef void (*loop_fd_fn)(int fd, uint32_t events, void *ctx);
typedef void (*loop_timer_fn)(void *ctx);

struct loop_ops {
        uint64_t (*now_us)(struct loop *l);
        /* The loop does not own the descriptor. events may be 0 (nothing is reported until it is changed). */
        int (*add_fd)(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *ctx, struct loop_source **ret);
        int (*set_fd_events)(struct loop_source *s, uint32_t events);
        /* One shot, at an absolute time; LOOP_NEVER: disarmed. In the past: the next turn. */
        int (*add_timer)(struct loop *l, uint64_t due_us, loop_timer_fn fn, void *ctx, struct loop_source **ret);
        int (*set_timer)(struct loop_source *s, uint64_t due_us);
        void (*remove)(struct loop_source *s);
};

#define LOOP_NEVER UINT64_MAX

/* First member of every implementation. */
struct loop {
        const struct loop_ops *ops;
};

/* First member of every implementation's source. */
struct loop_source {
        struct loop *loop;
};

static inline uint64_t loop_now_us(struct loop *l)
{
        return l->ops->now_us(l);
}

static inline int loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *ctx,
                              struct loop_source **ret)
{
        return l->ops->add_fd(l, fd, events, fn, ctx, ret);
}

static inline int loop_set_fd_events(struct loop_source *s, uint32_t events)
{
        return s->loop->ops->set_fd_events(s, events);
}

/* A timer is made once (LOOP_NEVER) by who needs it and set as often as wanted. A timer due at 0 runs in the next
 * turn of the loop: that is how work is deferred out of a callback. */
static inline int loop_add_timer(struct loop *l, uint64_t due_us, loop_timer_fn fn, void *ctx,
                                 struct loop_source **ret)
{
        return l->ops->add_timer(l, due_us, fn, ctx, ret);
}

static inline int loop_set_timer(struct loop_source *s, uint64_t due_us)
{
        return s->loop->ops->set_timer(s, due_us);
}

static inline struct loop_source *loop_remove(struct loop_source *s)
{
        if (s)
                s->loop->ops->remove(s);
        return NULL;
}
