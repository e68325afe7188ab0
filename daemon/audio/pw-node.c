/* pw-node.c - see pw-node.h.
 *
 * Functions that end in _rt run on PipeWire's data thread and may use only the stream's RT-safe calls (dequeue, queue,
 * get_time), the port's atomics and port-rt.h. What they share with the control thread is `stream`, `port` and `gain`:
 * set before the stream is connected, left alone until pw_stream_destroy() has taken it out of the data loop.
 */
#include "audio/pw-node.h"

#include <assert.h>
#include <errno.h>
#include <pipewire/pipewire.h>
#include <spa/param/audio/format-utils.h>
#include <string.h>

#include "audio/port-rt.h"
#include "base/clock.h"
#include "base/log.h"

LOG_TOPIC("audio/pw-node");

struct pwnode {
        enum audio_direction direction;
        char *name, *description, *app_name, *target; /* owned */
        uint32_t quantum;
        struct audio_port *port; /* a reference */
        void (*changed)(void *ctx);
        void *ctx;
        struct pw_stream *stream; /* owned; NULL while detached */
        struct spa_hook listener;
        bool broken;
        float gain; /* RT: where the ramp stands */
};

/* ---- the data thread ---- */

static void note_latency_rt(struct pwnode *n)
{
        struct pw_time t;

        if (pw_stream_get_time_n(n->stream, &t, sizeof(t)) < 0 || t.rate.denom == 0 || t.delay < 0)
                return;
        atomic_store_explicit(&n->port->latency_us,
                              (uint32_t)((uint64_t)t.delay * US_PER_SEC * t.rate.num / t.rate.denom),
                              memory_order_relaxed);
}

static void capture_rt(struct pwnode *n, const struct spa_data *d)
{
        uint32_t offset = SPA_MIN(d->chunk->offset, d->maxsize), size = SPA_MIN(d->chunk->size, d->maxsize - offset);

        port_capture_rt(n->port, SPA_PTROFF(d->data, offset, const float), size / (uint32_t)sizeof(float));
}

static void playback_rt(struct pwnode *n, const struct spa_data *d, uint64_t requested)
{
        uint32_t frames = d->maxsize / (uint32_t)sizeof(float);

        if (requested > 0 && requested < frames)
                frames = (uint32_t)requested;
        port_playback_rt(n->port, &n->gain, d->data, frames);
        d->chunk->offset = 0;
        d->chunk->stride = sizeof(float);
        d->chunk->size = frames * (uint32_t)sizeof(float);
}

static void on_process_rt(void *data)
{
        struct pwnode *n = data;
        struct pw_buffer *b;

        while ((b = pw_stream_dequeue_buffer(n->stream))) {
                const struct spa_data *d = &b->buffer->datas[0];

                if (d->data && n->direction == AUDIO_CAPTURE)
                        capture_rt(n, d);
                else if (d->data)
                        playback_rt(n, d, b->requested);
                pw_stream_queue_buffer(n->stream, b);
                if (n->direction == AUDIO_PLAYBACK)
                        break; /* one period is asked for, whatever number of buffers lies about */
        }
        note_latency_rt(n);
}

/* ---- control ---- */

static void on_state_changed(void *data, enum pw_stream_state old, enum pw_stream_state state, const char *error)
{
        struct pwnode *n = data;

        log_debug("%s: %s -> %s%s%s", n->name, pw_stream_state_as_string(old), pw_stream_state_as_string(state),
                  error ? ": " : "", error ? error : "");
        n->broken = state == PW_STREAM_STATE_ERROR || (state == PW_STREAM_STATE_UNCONNECTED && old > state);
        n->changed(n->ctx);
}

static const struct pw_stream_events stream_events = {
        PW_VERSION_STREAM_EVENTS,
        .state_changed = on_state_changed,
        .process = on_process_rt,
};

static struct pw_properties *properties(const struct pwnode *n)
{
        struct pw_properties *p =
                pw_properties_new(PW_KEY_MEDIA_TYPE, "Audio", PW_KEY_MEDIA_CATEGORY,
                                  n->direction == AUDIO_CAPTURE ? "Capture" : "Playback", PW_KEY_MEDIA_ROLE,
                                  "Communication", PW_KEY_MEDIA_NAME, n->description, PW_KEY_NODE_NAME, n->name,
                                  PW_KEY_NODE_DESCRIPTION, n->description, PW_KEY_APP_NAME, n->app_name, NULL);

        if (!p)
                return NULL;
        pw_properties_setf(p, PW_KEY_NODE_LATENCY, "%u/%d", n->quantum, AUDIO_RATE);
        /* both sides of a stereo microphone are averaged: by default they would be added up, 3 dB above full scale */
        if (n->direction == AUDIO_CAPTURE)
                pw_properties_set(p, "channelmix.normalize", "true");
        if (*n->target)
                pw_properties_set(p, PW_KEY_TARGET_OBJECT, n->target);
        return p;
}

static int connect_stream(struct pwnode *n)
{
        uint8_t buffer[1024];
        struct spa_pod_builder b = SPA_POD_BUILDER_INIT(buffer, sizeof(buffer));
        struct spa_audio_info_raw info = { .format = SPA_AUDIO_FORMAT_F32,
                                           .rate = AUDIO_RATE,
                                           .channels = 1,
                                           .position = { SPA_AUDIO_CHANNEL_MONO } };
        const struct spa_pod *format = spa_format_audio_raw_build(&b, SPA_PARAM_EnumFormat, &info);

        return pw_stream_connect(
                n->stream, n->direction == AUDIO_CAPTURE ? PW_DIRECTION_INPUT : PW_DIRECTION_OUTPUT, PW_ID_ANY,
                PW_STREAM_FLAG_AUTOCONNECT | PW_STREAM_FLAG_MAP_BUFFERS | PW_STREAM_FLAG_RT_PROCESS, &format, 1);
}

int pwnode_attach(struct pwnode *n, struct pw_core *core)
{
        struct pw_properties *p = properties(n);
        int r;

        assert(!n->stream);
        if (!p)
                return -ENOMEM;
        n->broken = false;
        n->gain = 0.0f;
        n->stream = pw_stream_new(core, n->name, p); /* takes p */
        if (!n->stream)
                return -errno;
        spa_zero(n->listener);
        pw_stream_add_listener(n->stream, &n->listener, &stream_events, n);
        r = connect_stream(n);
        if (r < 0)
                pwnode_detach(n);
        return r < 0 ? r : 0;
}

void pwnode_detach(struct pwnode *n)
{
        if (!n->stream)
                return;
        spa_hook_remove(&n->listener); /* what follows is our own doing and no event */
        pw_stream_destroy(n->stream);
        n->stream = NULL;
        n->broken = false;
}

int pwnode_new(const struct audio_stream_params *p, struct audio_port *port, void (*changed)(void *ctx), void *ctx,
               struct pwnode **ret)
{
        _cleanup_(pwnode_freep) struct pwnode *n = calloc(1, sizeof(*n));

        if (!n)
                return -ENOMEM;
        n->direction = p->direction;
        n->quantum = p->quantum;
        n->changed = changed;
        n->ctx = ctx;
        n->name = strdup(p->node_name);
        n->description = strdup(p->description);
        n->app_name = strdup(p->app_name);
        n->target = strdup(p->target);
        if (!n->name || !n->description || !n->app_name || !n->target)
                return -ENOMEM;
        n->port = audio_port_ref(port);
        *ret = take_ptr(n);
        return 0;
}

struct pwnode *pwnode_free(struct pwnode *n)
{
        if (!n)
                return NULL;
        pwnode_detach(n);
        audio_port_unref(n->port);
        free(n->name);
        free(n->description);
        free(n->app_name);
        free(n->target);
        free(n);
        return NULL;
}

uint32_t pwnode_id(const struct pwnode *n)
{
        return n->stream ? pw_stream_get_node_id(n->stream) : PWNODE_NO_ID;
}

bool pwnode_is_broken(const struct pwnode *n)
{
        return n->broken;
}

const char *pwnode_name(const struct pwnode *n)
{
        return n->name;
}

bool pwnode_is_capture(const struct pwnode *n)
{
        return n->direction == AUDIO_CAPTURE;
}
