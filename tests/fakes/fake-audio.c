/* fake-audio.c - see fake-audio.h. */
#include "fakes/fake-audio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/test.h"

static void stream_free(struct fake_stream *s)
{
        list_remove(&s->link);
        audio_port_unref(s->port);
        free(s->node_name);
        free(s->description);
        free(s->app_name);
        free(s);
}

static int stream_new(const struct audio_stream_params *p, struct fake_stream **ret)
{
        struct fake_stream *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        list_init(&s->link);
        s->direction = p->direction;
        s->node_name = strdup(p->node_name);
        s->description = strdup(p->description);
        s->app_name = strdup(p->app_name);
        (void)snprintf(s->target, sizeof(s->target), "%s", p->target);
        if (!s->node_name || !s->description || !s->app_name) {
                stream_free(s);
                return -ENOMEM;
        }
        *ret = s;
        return 0;
}

static int open_stream(struct audio_io *io, const struct audio_stream_params *p, struct audio_port *port,
                       const struct audio_stream_events *ev, void *ctx, struct audio_stream **ret)
{
        struct fake_audio *a = (struct fake_audio *)io;
        struct fake_stream *s;
        int r = a->refuse;

        ASSERT_EQ(ev->version, 0);
        if (r >= 0)
                r = stream_new(p, &s);
        if (r < 0)
                return r;
        s->base.io = io;
        s->port = audio_port_ref(port);
        s->ev = ev;
        s->ctx = ctx;
        list_append(&a->streams, &s->link);
        a->n_open++;
        a->n_opened++;
        *ret = &s->base;
        return 0;
}

static void close_stream(struct audio_stream *stream)
{
        ((struct fake_audio *)stream->io)->n_open--;
        stream_free((struct fake_stream *)stream);
}

static bool is_available(struct audio_io *io)
{
        return ((struct fake_audio *)io)->refuse == 0;
}

static int set_target(struct audio_stream *stream, const char *target)
{
        struct fake_stream *s = (struct fake_stream *)stream;

        (void)snprintf(s->target, sizeof(s->target), "%s", target);
        return 0;
}

static size_t list_devices(struct audio_io *io, struct audio_device *ret, size_t max)
{
        struct fake_audio *a = (struct fake_audio *)io;

        ASSERT(a->n_devices <= max);
        memcpy(ret, a->devices, a->n_devices * sizeof(*ret));
        return a->n_devices;
}

static void watch(struct audio_io *io, void (*changed)(void *ctx), void *ctx)
{
        struct fake_audio *a = (struct fake_audio *)io;

        a->changed = changed;
        a->watcher = ctx;
}

static void refresh(struct audio_io *io)
{
        ((struct fake_audio *)io)->n_refreshed++;
}

static const struct audio_io_ops ops = {
        open_stream, close_stream, is_available, set_target, list_devices, watch, refresh,
};

void fake_audio_init(struct fake_audio *a)
{
        *a = (struct fake_audio){ .base.ops = &ops };
        list_init(&a->streams);
}

void fake_audio_done(struct fake_audio *a)
{
        ASSERT(list_is_empty(&a->streams));
        ASSERT_EQ(a->n_open, 0);
}

struct fake_stream *fake_audio_find(struct fake_audio *a, const char *node_name)
{
        struct fake_stream *s;

        list_for_each (s, &a->streams, link)
                if (strcmp(s->node_name, node_name) == 0)
                        return s;
        return NULL;
}

struct fake_stream *fake_audio_capture(struct fake_audio *a)
{
        struct fake_stream *s;

        list_for_each (s, &a->streams, link)
                if (s->direction == AUDIO_CAPTURE)
                        return s;
        return NULL;
}

void fake_audio_state(struct fake_stream *s, uint64_t serial, bool linked_to_source)
{
        s->ev->state(serial > 0, linked_to_source, serial > 0 ? s->node_name : "", serial, s->ctx);
}
