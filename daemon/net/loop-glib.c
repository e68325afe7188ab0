/* loop-glib.c - struct loop over a GMainContext: one GSource per descriptor or timer.
 *
 * Thread: the one that iterates the context. A source is one allocation, the GSource first and our face inside it, so
 * it lives as long as GLib needs it: a callback may remove its own source, and one removed by another callback of the
 * same turn is not dispatched. GLib ends the process when it finds no memory, so adding does not fail.
 *
 * Timers use the ready time of the GSource (CLOCK_MONOTONIC in µs, as ours); GLib rounds its wait up to whole
 * milliseconds, so one fires at most 1 ms late.
 */
#include "net/loop-glib.h"

#include <assert.h>
#include <errno.h>
#include <glib.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct glib_loop {
        struct loop base;
        GMainContext *context; /* owned reference */
        unsigned n_sources;
};

struct glib_source {
        GSource source; /* must be first for GLib; loop_source is reached by container_of() */
        struct loop_source base;
        int fd;       /* -1: a timer */
        gpointer tag; /* of the watched descriptor; NULL while nothing is asked for */
        uint32_t events;
        union {
                loop_fd_fn fd_fn;
                loop_timer_fn timer_fn;
        };
        void *ctx; /* borrowed from who added it */
};

static struct glib_source *from_base(struct loop_source *s)
{
        return container_of(s, struct glib_source, base);
}

static uint64_t now_us(struct loop *l)
{
        (void)l;
        return clock_monotonic_us();
}

static GIOCondition to_condition(uint32_t events)
{
        return (events & LOOP_READ ? G_IO_IN : 0) | (events & LOOP_WRITE ? G_IO_OUT : 0);
}

static gboolean dispatch_fd(GSource *source, GSourceFunc unused_fn, gpointer unused_data)
{
        struct glib_source *s = (struct glib_source *)source;
        GIOCondition got;
        uint32_t events = 0;

        (void)unused_fn;
        (void)unused_data;
        if (!s->tag) /* another callback of this turn switched it off */
                return G_SOURCE_CONTINUE;
        got = g_source_query_unix_fd(source, s->tag);
        if (got & G_IO_IN)
                events |= LOOP_READ;
        if (got & G_IO_OUT)
                events |= LOOP_WRITE;
        events &= s->events;
        if (got & (G_IO_HUP | G_IO_ERR | G_IO_NVAL))
                events |= LOOP_HANGUP;
        if (events)
                s->fd_fn(s->fd, events, s->ctx);
        return G_SOURCE_CONTINUE;
}

static gboolean dispatch_timer(GSource *source, GSourceFunc unused_fn, gpointer unused_data)
{
        struct glib_source *s = (struct glib_source *)source;

        (void)unused_fn;
        (void)unused_data;
        g_source_set_ready_time(source, -1);
        s->timer_fn(s->ctx);
        return G_SOURCE_CONTINUE;
}

/* GLib keeps pointers to these without const. */
static GSourceFuncs *fd_funcs(void)
{
        static const GSourceFuncs funcs = { .dispatch = dispatch_fd };

        return (GSourceFuncs *)&funcs;
}

static GSourceFuncs *timer_funcs(void)
{
        static const GSourceFuncs funcs = { .dispatch = dispatch_timer };

        return (GSourceFuncs *)&funcs;
}

static struct glib_source *add(struct loop *l, GSourceFuncs *funcs, void *ctx)
{
        struct glib_loop *g = (struct glib_loop *)l;
        struct glib_source *s = (struct glib_source *)g_source_new(funcs, sizeof(*s));

        s->base.loop = l;
        s->fd = -1;
        s->ctx = ctx;
        g_source_set_static_name(&s->source, "rtcroomd");
        g_source_attach(&s->source, g->context);
        g->n_sources++;
        return s;
}

static int set_fd_events(struct loop_source *base, uint32_t events)
{
        struct glib_source *s = from_base(base);

        s->events = events;
        if (s->tag && events)
                g_source_modify_unix_fd(&s->source, s->tag, to_condition(events));
        else if (events)
                s->tag = g_source_add_unix_fd(&s->source, s->fd, to_condition(events));
        else if (s->tag) /* a watched descriptor reports its hang-up whatever is asked for */
                g_source_remove_unix_fd(&s->source, take_ptr(s->tag));
        return 0;
}

static int add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *ctx, struct loop_source **ret)
{
        struct glib_source *s = add(l, fd_funcs(), ctx);

        s->fd = fd;
        s->fd_fn = fn;
        *ret = &s->base;
        return set_fd_events(&s->base, events);
}

static int set_timer(struct loop_source *base, uint64_t due_us)
{
        g_source_set_ready_time(&from_base(base)->source, due_us > INT64_MAX ? -1 : (gint64)due_us);
        return 0;
}

static int add_timer(struct loop *l, uint64_t due_us, loop_timer_fn fn, void *ctx, struct loop_source **ret)
{
        struct glib_source *s = add(l, timer_funcs(), ctx);

        s->timer_fn = fn;
        *ret = &s->base;
        return set_timer(&s->base, due_us);
}

static void remove_source(struct loop_source *base)
{
        struct glib_source *s = from_base(base);

        ((struct glib_loop *)base->loop)->n_sources--;
        g_source_destroy(&s->source);
        g_source_unref(&s->source);
}

static const struct loop_ops loop_glib_ops = { now_us, add_fd, set_fd_events, add_timer, set_timer, remove_source };

int loop_glib_new(GMainContext *context, struct loop **ret)
{
        struct glib_loop *g = calloc(1, sizeof(*g));

        if (!g)
                return -ENOMEM;
        g->base.ops = &loop_glib_ops;
        g->context = g_main_context_ref(context);
        *ret = &g->base;
        return 0;
}

struct loop *loop_glib_free(struct loop *l)
{
        struct glib_loop *g = (struct glib_loop *)l;

        if (!g)
                return NULL;
        assert(g->n_sources == 0);
        g_main_context_unref(g->context);
        free(g);
        return NULL;
}
