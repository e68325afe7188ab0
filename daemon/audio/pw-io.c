/* pw-io.c - see pw-io.h. The streams that are asked for, put into whatever graph there is, and what is told of them.
 *
 * Everything that PipeWire says (connection, node states, links) only marks that something has changed; one timer in
 * the next turn of the loop then looks at the whole: broken nodes are made again, and each stream whose state differs
 * from what was last told is told. So an event is never emitted from inside a call into PipeWire, and its receiver may
 * close any stream.
 *
 * People who may speak have their node at hand: a node that is there sounds within a cycle, one that has to be made
 * within some 50 ms. But each takes 300 KB here and more in the server. So beyond AT_HAND of them a node is made when
 * its port needs it, and given back when it has rested for GIVE_BACK_US: a crowd costs what speaks in it.
 *
 * After the last stream has been closed PipeWire is given back, with its thread and memory, once IDLE_US have passed:
 * leaving a room and joining the next does not pay for it twice.
 */
#include "audio/pw-io.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "audio/pw-core.h"
#include "audio/pw-devices.h"
#include "audio/pw-node.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"

LOG_TOPIC("audio/pw-io");

enum { IDLE_US = 10 * 1000 * 1000, REMAKE_US = 1000 * 1000, AT_HAND = 8, GIVE_BACK_US = 20 * 1000 * 1000 };

struct state {
        bool connected, from_source;
        uint64_t serial;
};

struct stream {
        struct audio_stream base;
        struct list link;                     /* in pwio.streams */
        struct pwnode *node;                  /* owned */
        struct loop_source *need;             /* owned; of the node */
        const struct audio_stream_events *ev; /* borrowed */
        void *ctx;
        struct state told;
        uint64_t remake_us; /* not before: a node that PipeWire gave up; 0: none is waiting */
};

struct pwio {
        struct audio_io base;
        struct loop *loop;   /* borrowed */
        struct pwcore *core; /* owned */
        struct list streams;
        struct loop_source *look; /* the next look at the whole */
        struct loop_source *idle; /* armed while there is no stream */
        void (*devices_changed)(void *ctx);
        void *watcher;
        bool devices_news; /* to be told with the next look */
};

/* ---- looking ---- */

static void look_at(struct pwio *io, uint64_t due_us)
{
        (void)loop_set_timer(io->look, due_us);
}

static void look_soon(void *ctx)
{
        look_at(ctx, 0);
}

static struct state state_of(const struct pwio *io, const struct stream *s)
{
        const struct graph *g = pwcore_graph(io->core);
        uint32_t id = pwnode_id(s->node);
        uint64_t serial = id == PWNODE_NO_ID || pwnode_is_broken(s->node) ? 0 : graph_serial(g, id);

        return (struct state){
                .connected = serial != 0,
                .from_source = serial != 0 && pwnode_is_capture(s->node) && graph_is_fed_by_source(g, id),
                .serial = serial,
        };
}

static bool state_equals(const struct state *a, const struct state *b)
{
        return a->connected == b->connected && a->from_source == b->from_source && a->serial == b->serial;
}

/* The first stream whose state is news; its new state is noted down. NULL: everybody is up to date. */
static struct stream *next_to_tell(struct pwio *io)
{
        struct stream *s;

        list_for_each (s, &io->streams, link) {
                struct state now = state_of(io, s);

                if (state_equals(&now, &s->told))
                        continue;
                s->told = now;
                return s;
        }
        return NULL;
}

/* Playback nodes in the graph. */
static unsigned count_nodes(const struct pwio *io)
{
        const struct stream *s;
        unsigned n = 0;

        list_for_each (s, &io->streams, link)
                n += pwnode_is_attached(s->node) && !pwnode_is_capture(s->node);
        return n;
}

static void attach(struct pwio *io, struct stream *s)
{
        int r;

        if (!pwcore_get(io->core))
                return;
        r = pwnode_attach(s->node, io->core);
        if (r >= 0)
                return;
        log_warning("%s cannot be put into the graph: %s", pwnode_name(s->node), strerror(-r));
        s->remake_us = loop_now_us(io->loop) + REMAKE_US;
        look_at(io, s->remake_us);
}

static void attach_or_wait(struct pwio *io, struct stream *s)
{
        if (count_nodes(io) < AT_HAND || !pwnode_can_wait(s->node))
                attach(io, s);
}

/* A node that PipeWire gave up is taken out after a while and made again. (At once would be too often: there is no
 * device, say, and the session manager refuses every new node.) Returns when to look again. */
static uint64_t mend(struct pwio *io, struct stream *s, uint64_t now_us)
{
        bool is_out = pwnode_id(s->node) == PWNODE_NO_ID && s->remake_us;

        if (!pwnode_is_broken(s->node) && !is_out) {
                s->remake_us = 0;
                return LOOP_NEVER;
        }
        if (s->remake_us == 0)
                s->remake_us = now_us + REMAKE_US;
        if (now_us < s->remake_us)
                return s->remake_us;
        s->remake_us = 0;
        pwnode_detach(s->node);
        attach_or_wait(io, s);
        return s->remake_us ? s->remake_us : LOOP_NEVER;
}

/* Returns when to look again. */
static uint64_t give_back(struct pwio *io, struct stream *s, uint64_t now_us)
{
        uint64_t since_us = pwnode_resting_since(s->node);

        if (since_us == 0 || pwnode_is_capture(s->node) || count_nodes(io) <= AT_HAND)
                return LOOP_NEVER;
        if (now_us < since_us + GIVE_BACK_US)
                return since_us + GIVE_BACK_US;
        pwnode_detach(s->node);
        return LOOP_NEVER;
}

static void on_look(void *ctx)
{
        struct pwio *io = ctx;
        uint64_t now_us = loop_now_us(io->loop), next_us = LOOP_NEVER;
        struct stream *s;

        list_for_each (s, &io->streams, link) {
                uint64_t due_us = mend(io, s, now_us);

                if (due_us < next_us)
                        next_us = due_us;
                due_us = pwnode_settle(s->node, now_us);
                if (due_us < next_us)
                        next_us = due_us;
                due_us = give_back(io, s, now_us);
                if (due_us < next_us)
                        next_us = due_us;
        }
        look_at(io, next_us);
        if (io->devices_news && io->devices_changed) {
                io->devices_news = false;
                io->devices_changed(io->watcher);
        }
        while ((s = next_to_tell(io))) /* from the start each time: the receiver may close any stream */
                s->ev->state(s->told.connected, s->told.from_source, s->told.connected ? pwnode_name(s->node) : "",
                             s->told.serial, s->ctx);
}

/* ---- the connection ---- */

static void on_up(struct pw_core *core, void *ctx)
{
        struct pwio *io = ctx;
        struct stream *s;

        (void)core;
        list_for_each (s, &io->streams, link)
                attach_or_wait(io, s);
}

static void on_down(void *ctx)
{
        struct pwio *io = ctx;
        struct stream *s;

        list_for_each (s, &io->streams, link) {
                pwnode_detach(s->node);
                s->remake_us = 0;
        }
        io->devices_news = true;
        look_soon(io);
}

static void on_devices(void *ctx)
{
        struct pwio *io = ctx;

        io->devices_news = true;
        look_soon(io);
}

static const struct pwcore_events core_events = {
        .up = on_up, .down = on_down, .graph = look_soon, .devices = on_devices
};

static void on_idle(void *ctx)
{
        struct pwio *io = ctx;

        log_debug("no stream is left: PipeWire is given back");
        pwcore_stop(io->core);
        (void)malloc_trim(0); /* the largest user of memory is gone, and the next call may be days away */
}

/* ---- the streams ---- */

static void on_need(int fd, uint32_t events, void *ctx)
{
        struct stream *s = ctx;

        (void)fd;
        (void)events;
        pwnode_wake(s->node);
        if (!pwnode_is_attached(s->node))
                attach((struct pwio *)s->base.io, s);
        look_soon(s->base.io);
}

static struct stream *stream_free(struct stream *s)
{
        if (!s)
                return NULL;
        loop_remove(s->need);
        pwnode_free(s->node);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(struct stream *, stream_free)

static void stream_close(struct audio_stream *base)
{
        struct stream *s = (struct stream *)base;
        struct pwio *io = (struct pwio *)base->io;

        list_remove(&s->link);
        stream_free(s);
        if (list_is_empty(&io->streams))
                (void)loop_set_timer(io->idle, loop_now_us(io->loop) + IDLE_US);
}

static int stream_open(struct audio_io *base, const struct audio_stream_params *p, struct audio_port *port,
                       const struct audio_stream_events *ev, void *ctx, struct audio_stream **ret)
{
        struct pwio *io = (struct pwio *)base;
        _cleanup_(stream_freep) struct stream *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        r = pwnode_new(p, port, look_soon, io, &s->node);
        if (r < 0)
                return r;
        r = loop_add_fd(io->loop, pwnode_need_fd(s->node), LOOP_READ, on_need, s, &s->need);
        if (r < 0)
                return r;
        s->base.io = base;
        s->ev = ev;
        s->ctx = ctx;
        list_append(&io->streams, &s->link);
        (void)loop_set_timer(io->idle, LOOP_NEVER);
        pwcore_start(io->core);
        attach_or_wait(io, s);
        *ret = &take_ptr(s)->base;
        return 0;
}

static bool is_available(struct audio_io *base)
{
        return pwcore_get(((struct pwio *)base)->core) != NULL;
}

static int stream_set_target(struct audio_stream *base, const char *target)
{
        struct stream *s = (struct stream *)base;

        return pwnode_set_target(s->node, target);
}

/* ---- the devices ---- */

static size_t list_devices(struct audio_io *base, struct audio_device *ret, size_t max)
{
        struct pwdevices *d = pwcore_devices(((struct pwio *)base)->core);

        return d ? pwdevices_list(d, ret, max) : 0;
}

static void watch(struct audio_io *base, void (*changed)(void *ctx), void *ctx)
{
        struct pwio *io = (struct pwio *)base;

        io->devices_changed = changed;
        io->watcher = ctx;
}

static void refresh(struct audio_io *base)
{
        struct pwio *io = (struct pwio *)base;

        if (pwcore_devices(io->core))
                on_devices(io);
        else
                pwcore_start(io->core);
        if (list_is_empty(&io->streams))
                (void)loop_set_timer(io->idle, loop_now_us(io->loop) + IDLE_US);
}

static const struct audio_io_ops ops = {
        stream_open, stream_close, is_available, stream_set_target, list_devices, watch, refresh,
};

static void iop(struct pwio **io)
{
        if (*io)
                pwio_free(&(*io)->base);
}

int pwio_new(struct loop *loop, struct audio_io **ret)
{
        _cleanup_(iop) struct pwio *io = calloc(1, sizeof(*io));
        int r;

        if (!io)
                return -ENOMEM;
        io->base.ops = &ops;
        io->loop = loop;
        list_init(&io->streams);
        r = pwcore_new(loop, &core_events, io, &io->core);
        if (r >= 0)
                r = loop_add_timer(loop, LOOP_NEVER, on_look, io, &io->look);
        if (r >= 0)
                r = loop_add_timer(loop, LOOP_NEVER, on_idle, io, &io->idle);
        if (r < 0)
                return r;
        *ret = &take_ptr(io)->base;
        return 0;
}

struct audio_io *pwio_free(struct audio_io *base)
{
        struct pwio *io = (struct pwio *)base;

        if (!io)
                return NULL;
        assert(list_is_empty(&io->streams));
        pwcore_free(io->core);
        loop_remove(io->look);
        loop_remove(io->idle);
        free(io);
        return NULL;
}
