/* bus-loop.c - sd-bus ⇄ struct loop.
 *
 * sd-bus has no loop of its own: it tells a descriptor, the events it wants now (writing only while something is
 * queued) and a deadline. All three change with every message sent or received, so they are read again ("re-armed")
 * after processing and after every send that happens elsewhere; an adapter that forgets the second sends late or
 * never.
 *
 * sd_bus_get_timeout() is absolute, in CLOCK_MONOTONIC (0: something is queued, process now; UINT64_MAX: nothing).
 * The loop's clock is asked for the same instant by difference, so that a loop in virtual time works too.
 *
 * At most MESSAGES_PER_TURN messages are handled in one turn: a flood of requests cannot keep timers and other
 * descriptors from running. What is left makes the deadline 0, hence the next turn goes on with it.
 *
 * Control thread. Owns a reference to the connection and two loop sources; the connection outlives both.
 */
#include "bus/bus-loop.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"

LOG_TOPIC("bus/bus-loop");

enum { MESSAGES_PER_TURN = 64 };

struct bus_loop {
        struct loop *loop;                     /* borrowed */
        sd_bus *bus;                           /* a reference */
        struct loop_source *fd_source, *timer; /* owned */
        bool processing, gone;
        void (*gone_fn)(int error, void *ctx);
        void *ctx;
};

static uint64_t due_from_bus(struct bus_loop *bl, uint64_t until_us)
{
        uint64_t now_us;

        if (until_us == UINT64_MAX)
                return LOOP_NEVER;
        now_us = clock_monotonic_us();
        return loop_now_us(bl->loop) + (until_us > now_us ? until_us - now_us : 0);
}

/* Stops watching; the owner hears of it after that, and may free us. */
static void end(struct bus_loop *bl, int error)
{
        bl->gone = true;
        bl->fd_source = loop_remove(bl->fd_source);
        bl->timer = loop_remove(bl->timer);
        log_debug("connection ended: %d", error);
        bl->gone_fn(error, bl->ctx);
}

void bus_loop_rearm(struct bus_loop *bl)
{
        uint64_t until_us = UINT64_MAX;
        uint32_t wanted = 0;
        int events;

        if (bl->processing || bl->gone)
                return;
        events = sd_bus_get_events(bl->bus);
        if (events < 0 || sd_bus_get_timeout(bl->bus, &until_us) < 0) {
                (void)loop_set_timer(bl->timer, 0); /* closed: processing tells why, in the next turn */
                return;
        }
        if (events & POLLIN)
                wanted |= LOOP_READ;
        if (events & POLLOUT)
                wanted |= LOOP_WRITE;
        (void)loop_set_fd_events(bl->fd_source,
                                 wanted); /* fails for want of memory only: the deadline below remains */
        (void)loop_set_timer(bl->timer, due_from_bus(bl, until_us));
}

static void process(struct bus_loop *bl)
{
        int r = 1;

        bl->processing = true;
        for (unsigned n = 0; r > 0 && n < MESSAGES_PER_TURN; n++)
                r = sd_bus_process(bl->bus, NULL);
        bl->processing = false;
        if (r < 0)
                end(bl, r);
        else
                bus_loop_rearm(bl);
}

static void on_fd(int fd, uint32_t events, void *ctx)
{
        (void)fd;
        (void)events; /* sd-bus finds out by itself */
        process(ctx);
}

static void on_timer(void *ctx)
{
        process(ctx);
}

int bus_loop_new(struct loop *loop, sd_bus *bus, void (*gone)(int error, void *ctx), void *ctx, struct bus_loop **ret)
{
        _cleanup_(bus_loop_freep) struct bus_loop *bl = calloc(1, sizeof(*bl));
        int fd, r;

        if (!bl)
                return -ENOMEM;
        bl->loop = loop;
        bl->bus = sd_bus_ref(bus);
        bl->gone_fn = gone;
        bl->ctx = ctx;
        fd = sd_bus_get_fd(bus);
        if (fd < 0)
                return fd;
        r = loop_add_timer(loop, LOOP_NEVER, on_timer, bl, &bl->timer);
        if (r < 0)
                return r;
        r = loop_add_fd(loop, fd, LOOP_READ, on_fd, bl, &bl->fd_source);
        if (r < 0)
                return r;
        bus_loop_rearm(bl);
        *ret = take_ptr(bl);
        return 0;
}

struct bus_loop *bus_loop_free(struct bus_loop *bl)
{
        if (!bl)
                return NULL;
        loop_remove(bl->fd_source);
        loop_remove(bl->timer);
        sd_bus_unref(bl->bus);
        free(bl);
        return NULL;
}
