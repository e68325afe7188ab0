/* pw-tap.c - see pw-tap.h.
 *
 * Functions that end in _rt run on PipeWire's data thread, inside the gate, and may use only the stream's RT-safe
 * calls (dequeue, queue, get_time), the port's atomics and port-rt.h. The gate is what keeps them off a port that is
 * given back: removing the listener would not (libpipewire 0.3.65 clears the callback under the data thread's feet),
 * so the listener stays until pw_stream_destroy() has taken the node out of the data loop.
 *
 * Why a stream is not destroyed when it is closed: the server sends descriptors (the eventfds of our node's transport
 * and of the nodes it is linked to) while it sets a node up and links it. Those that arrive when the stream is gone on
 * our side are for an object unknown, and libpipewire 0.3.65 drops such a message without closing what came with it.
 * So the server is asked to destroy the node, as a tool would; the stream lives on to receive what is under way,
 * learns in the same order of events that its node is no more, and is destroyed then. A node that has no id yet is
 * asked for as soon as it has one. A server that does not answer has its time, then the stream is destroyed all the
 * same.
 */
#include "audio/pw-tap.h"

#include <errno.h>
#include <pipewire/pipewire.h>
#include <spa/param/audio/format-utils.h>

#include "audio/far-mix.h"
#include "audio/port-rt.h"
#include "audio/rt-gate.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"

LOG_TOPIC("audio/pw-tap");

struct pwtap {
        struct list link; /* in the list of the retired */
        enum audio_direction direction;
        struct pw_stream *stream; /* owned */
        struct spa_hook listener;
        struct audio_port *port;    /* a reference; NULL when retired */
        void (*changed)(void *ctx); /* NULL when retired */
        void *ctx;
        bool broken;
        bool asked; /* retired: the server was told to destroy the node */
        uint64_t deadline_us;
        struct rt_gate gate; /* between RT and the port; shut when retired */
        float gain;          /* RT: where the ramp stands */
        struct far_mix *far; /* borrowed, the data thread's; it outlives the thread */
        struct far_place place;
};

/* ---- the data thread ---- */

static void note_latency_rt(struct pwtap *t, const struct pw_time *at)
{
        if (at->rate.denom == 0 || at->delay < 0)
                return;
        atomic_store_explicit(&t->port->latency_us,
                              (uint32_t)((uint64_t)at->delay * US_PER_SEC * at->rate.num / at->rate.denom),
                              memory_order_relaxed);
}

static void capture_rt(struct pwtap *t, const struct spa_data *d, uint64_t cycle_ns)
{
        uint32_t offset = SPA_MIN(d->chunk->offset, d->maxsize), size = SPA_MIN(d->chunk->size, d->maxsize - offset);
        const float *heard = SPA_PTROFF(d->data, offset, const float);
        uint32_t n = size / (uint32_t)sizeof(float);
        float played[FAR_MIX_PERIOD_MAX];

        if (n > FAR_MIX_PERIOD_MAX || !atomic_load_explicit(&t->port->wants_far, memory_order_relaxed)) {
                port_capture_rt(t->port, heard, n);
                return;
        }
        far_mix_take_rt(t->far, &t->place, cycle_ns, played, n);
        port_capture_far_rt(t->port, heard, played, n);
}

static void playback_rt(struct pwtap *t, const struct spa_data *d, uint64_t requested, uint64_t cycle_ns)
{
        uint32_t frames = d->maxsize / (uint32_t)sizeof(float);

        if (requested > 0 && requested < frames)
                frames = (uint32_t)requested;
        port_playback_rt(t->port, &t->gain, d->data, frames);
        far_mix_add_rt(t->far, &t->place, cycle_ns, d->data, frames);
        d->chunk->offset = 0;
        d->chunk->stride = sizeof(float);
        d->chunk->size = frames * (uint32_t)sizeof(float);
}

static void process_rt(struct pwtap *t)
{
        struct pw_time at = { 0 };
        struct pw_buffer *b;

        (void)pw_stream_get_time_n(t->stream, &at, sizeof(at));
        atomic_store_explicit(&t->port->period_us, (uint64_t)at.now / 1000, memory_order_relaxed);
        while ((b = pw_stream_dequeue_buffer(t->stream))) {
                const struct spa_data *d = &b->buffer->datas[0];

                if (d->data && t->direction == AUDIO_CAPTURE)
                        capture_rt(t, d, (uint64_t)at.now);
                else if (d->data)
                        playback_rt(t, d, b->requested, (uint64_t)at.now);
                pw_stream_queue_buffer(t->stream, b);
                if (t->direction == AUDIO_PLAYBACK)
                        break; /* one period is asked for, whatever number of buffers lies about */
        }
        note_latency_rt(t, &at);
}

static void on_process_rt(void *data)
{
        struct pwtap *t = data;

        if (!rt_gate_enter_rt(&t->gate))
                return;
        process_rt(t);
        rt_gate_leave_rt(&t->gate);
}

/* ---- in use ---- */

static void on_state_changed(void *data, enum pw_stream_state old, enum pw_stream_state state, const char *error)
{
        struct pwtap *t = data;

        log_debug("node %u: %s -> %s%s%s", pw_stream_get_node_id(t->stream), pw_stream_state_as_string(old),
                  pw_stream_state_as_string(state), error ? ": " : "", error ? error : "");
        t->broken = state == PW_STREAM_STATE_ERROR || (state == PW_STREAM_STATE_UNCONNECTED && old > state);
        if (t->changed)
                t->changed(t->ctx);
}

static const struct pw_stream_events stream_events = {
        PW_VERSION_STREAM_EVENTS,
        .state_changed = on_state_changed,
        .process = on_process_rt,
};

static int connect_stream(struct pwtap *t)
{
        uint8_t buffer[1024];
        struct spa_pod_builder b = SPA_POD_BUILDER_INIT(buffer, sizeof(buffer));
        struct spa_audio_info_raw info = { .format = SPA_AUDIO_FORMAT_F32,
                                           .rate = AUDIO_RATE,
                                           .channels = 1,
                                           .position = { SPA_AUDIO_CHANNEL_MONO } };
        const struct spa_pod *format = spa_format_audio_raw_build(&b, SPA_PARAM_EnumFormat, &info);

        return pw_stream_connect(
                t->stream, t->direction == AUDIO_CAPTURE ? PW_DIRECTION_INPUT : PW_DIRECTION_OUTPUT, PW_ID_ANY,
                PW_STREAM_FLAG_AUTOCONNECT | PW_STREAM_FLAG_MAP_BUFFERS | PW_STREAM_FLAG_RT_PROCESS, &format, 1);
}

int pwtap_new(struct pw_core *core, struct pw_properties *props, enum audio_direction direction,
              struct audio_port *port, struct far_mix *far, void (*changed)(void *ctx), void *ctx, struct pwtap **ret)
{
        _cleanup_(pwtap_freep) struct pwtap *t = calloc(1, sizeof(*t));
        int r;

        if (!t) {
                pw_properties_free(props);
                return -ENOMEM;
        }
        list_init(&t->link);
        t->direction = direction;
        t->port = audio_port_ref(port);
        t->far = far;
        t->changed = changed;
        t->ctx = ctx;
        t->stream = pw_stream_new(core, pw_properties_get(props, PW_KEY_NODE_NAME), props); /* takes props */
        if (!t->stream)
                return -errno;
        pw_stream_add_listener(t->stream, &t->listener, &stream_events, t);
        r = connect_stream(t);
        if (r < 0)
                return r;
        *ret = take_ptr(t);
        return 0;
}

bool pwtap_is_linked(const struct pwtap *t)
{
        return pw_stream_get_state(t->stream, NULL) >= PW_STREAM_STATE_PAUSED;
}

void pwtap_set_role(struct pwtap *t, const char *role)
{
        const struct spa_dict_item item = SPA_DICT_ITEM_INIT(PW_KEY_MEDIA_ROLE, role);

        (void)pw_stream_update_properties(t->stream, &SPA_DICT_INIT(&item, 1));
}

void pwtap_set_active(struct pwtap *t, bool active)
{
        log_debug("node %u %s", pwtap_id(t), active ? "works" : "rests");
        (void)pw_stream_set_active(t->stream, active);
}

static void cut(struct pwtap *t)
{
        if (!t->port)
                return;
        rt_gate_shut(&t->gate);
        t->port = audio_port_unref(t->port);
        t->changed = NULL;
}

struct pwtap *pwtap_free(struct pwtap *t)
{
        if (!t)
                return NULL;
        cut(t);
        list_remove(&t->link);
        if (t->stream)
                pw_stream_destroy(t->stream);
        free(t);
        return NULL;
}

uint32_t pwtap_id(const struct pwtap *t)
{
        return pw_stream_get_node_id(t->stream);
}

bool pwtap_is_broken(const struct pwtap *t)
{
        return t->broken;
}

/* ---- on its way out ---- */

void pwtap_retire(struct pwtap *t, uint64_t deadline_us, struct list *retired)
{
        cut(t);
        t->deadline_us = deadline_us;
        list_append(retired, &t->link);
}

static bool is_over(struct pwtap *t, struct pw_registry *registry)
{
        if (pw_stream_get_state(t->stream, NULL) == PW_STREAM_STATE_UNCONNECTED)
                return true;
        if (!t->asked && pwtap_id(t) != PWTAP_NO_ID) {
                pw_registry_destroy(registry, pwtap_id(t));
                t->asked = true;
        }
        return false;
}

uint64_t pwtap_end_retired(struct list *retired, struct pw_registry *registry, uint64_t now_us)
{
        uint64_t due_us = LOOP_NEVER;
        struct pwtap *t;

        list_for_each (t, retired, link) {
                if (is_over(t, registry)) {
                        pwtap_free(t);
                } else if (now_us >= t->deadline_us) {
                        log_warning("PipeWire does not let go of node %u", pwtap_id(t));
                        pwtap_free(t);
                } else if (t->deadline_us < due_us) {
                        due_us = t->deadline_us;
                }
        }
        return due_us;
}

void pwtap_free_retired(struct list *retired)
{
        struct pwtap *t;

        list_for_each (t, retired, link)
                pwtap_free(t);
}
