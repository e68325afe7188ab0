/* null-io.c - see null-io.h.
 *
 * One timer ticks all streams, at the smallest quantum that is asked for and not faster than every 5 ms. Frames follow
 * the clock and not the ticks: a late tick moves more of them, up to MAX_TICK; what a stopped process missed beyond
 * that is gone, as with a real device.
 */
#include "audio/null-io.h"

#include <assert.h>
#include <errno.h>

#include "audio/port-rt.h"
#include "base/clock.h"
#include "base/list.h"

enum { TICK_MIN = 240, MAX_TICK = 4800 }; /* frames */

struct stream {
        struct audio_stream base;
        struct list link; /* in nullio.streams */
        enum audio_direction direction;
        uint32_t quantum;
        struct audio_port *port;              /* a reference */
        const struct audio_stream_events *ev; /* borrowed */
        void *ctx;
        uint64_t start_us, moved; /* frames since then */
        float gain;
        bool told;
};

struct nullio {
        struct audio_io base;
        struct loop *loop; /* borrowed */
        struct list streams;
        struct loop_source *tick;
        void (*changed)(void *ctx);
        void *watcher;
        bool refreshed; /* `changed` is owed */
};

static void move_frames(struct stream *s, uint64_t now_us)
{
        float frames[MAX_TICK] = { 0 };
        uint64_t due = (now_us - s->start_us) * AUDIO_RATE / US_PER_SEC, n = due - s->moved;

        s->moved = due;
        atomic_store(&s->port->period_us, now_us);
        if (n > MAX_TICK)
                n = MAX_TICK;
        if (n > 0 && s->direction == AUDIO_CAPTURE)
                port_capture_rt(s->port, frames, (uint32_t)n);
        else if (n > 0)
                port_playback_rt(s->port, &s->gain, frames, (uint32_t)n);
}

static struct stream *next_to_tell(struct nullio *io)
{
        struct stream *s;

        list_for_each (s, &io->streams, link)
                if (!s->told) {
                        s->told = true;
                        return s;
                }
        return NULL;
}

static void on_tick(void *ctx)
{
        struct nullio *io = ctx;
        uint64_t now_us = loop_now_us(io->loop);
        uint32_t quantum = MAX_TICK;
        struct stream *s;

        while ((s = next_to_tell(io))) /* the receiver may close any stream */
                s->ev->state(true, s->direction == AUDIO_CAPTURE, "", 0, s->ctx);
        if (io->refreshed && io->changed) {
                io->refreshed = false;
                io->changed(io->watcher);
        }
        if (list_is_empty(&io->streams))
                return;
        list_for_each (s, &io->streams, link) {
                move_frames(s, now_us);
                if (s->quantum < quantum)
                        quantum = s->quantum;
        }
        (void)loop_set_timer(io->tick, now_us + (quantum < TICK_MIN ? TICK_MIN : quantum) * US_PER_SEC / AUDIO_RATE);
}

static int stream_open(struct audio_io *base, const struct audio_stream_params *p, struct audio_port *port,
                       const struct audio_stream_events *ev, void *ctx, struct audio_stream **ret)
{
        struct nullio *io = (struct nullio *)base;
        struct stream *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->base.io = base;
        s->direction = p->direction;
        s->quantum = p->quantum;
        s->port = audio_port_ref(port);
        s->ev = ev;
        s->ctx = ctx;
        s->start_us = loop_now_us(io->loop);
        list_append(&io->streams, &s->link);
        (void)loop_set_timer(io->tick, 0);
        *ret = &s->base;
        return 0;
}

static void stream_close(struct audio_stream *base)
{
        struct stream *s = (struct stream *)base;

        list_remove(&s->link);
        audio_port_unref(s->port);
        free(s);
}

static bool is_available(struct audio_io *io)
{
        (void)io;
        return true;
}

/* There is no device, and nowhere to move to. */
static int stream_set_target(struct audio_stream *base, const char *target)
{
        (void)base;
        (void)target;
        return 0;
}

static size_t list_devices(struct audio_io *io, struct audio_device *ret, size_t max)
{
        (void)io;
        (void)ret;
        (void)max;
        return 0;
}

static void watch(struct audio_io *base, void (*changed)(void *ctx), void *ctx)
{
        struct nullio *io = (struct nullio *)base;

        io->changed = changed;
        io->watcher = ctx;
}

static void refresh(struct audio_io *base)
{
        struct nullio *io = (struct nullio *)base;

        io->refreshed = true;
        (void)loop_set_timer(io->tick, 0);
}

static const struct audio_io_ops ops = {
        stream_open, stream_close, is_available, stream_set_target, list_devices, watch, refresh,
};

int nullio_new(struct loop *loop, struct audio_io **ret)
{
        _cleanup_free_ struct nullio *io = calloc(1, sizeof(*io));
        int r;

        if (!io)
                return -ENOMEM;
        io->base.ops = &ops;
        io->loop = loop;
        list_init(&io->streams);
        r = loop_add_timer(loop, LOOP_NEVER, on_tick, io, &io->tick);
        if (r < 0)
                return r;
        *ret = &take_ptr(io)->base;
        return 0;
}

struct audio_io *nullio_free(struct audio_io *base)
{
        struct nullio *io = (struct nullio *)base;

        if (!io)
                return NULL;
        assert(list_is_empty(&io->streams));
        loop_remove(io->tick);
        free(io);
        return NULL;
}
