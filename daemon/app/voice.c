/* voice.c - the microphone, mute and deafness. See voice.h.
 *
 * Control thread. Closing goes device, engine, reference, like a participant's node; the gate is shut before all of
 * it.
 */
#include "app/voice.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "app/manager-state.h"

LOG_TOPIC("app/voice");

enum { CAPTURE_RING_FRAMES = 8192 };

static void append_escaped(char *buf, size_t size, const char *s, const char *plain)
{
        size_t at = strlen(buf);

        for (; *s && at + 3 < size; s++) {
                unsigned char ch = (unsigned char)*s;

                if (isalnum(ch) || strchr(plain, ch))
                        buf[at++] = (char)ch;
                else
                        at += (size_t)snprintf(buf + at, size - at, "%%%02X", ch);
        }
        buf[at] = '\0';
}

void voice_node_name(const char *app_id, const char *user_id, char *buf, size_t size)
{
        (void)snprintf(buf, size, "rtcroomd.");
        append_escaped(buf, size, app_id, "_-"); /* so that the next dot is the one between the two */
        if (!user_id)
                return;
        append_escaped(buf, size, ".", ".");
        append_escaped(buf, size, user_id, "_-.");
}

const char *voice_program_name(const struct context *c)
{
        const char *slash = strrchr(c->exe_path, '/');

        if (c->program[0])
                return c->program;
        if (slash && slash[1])
                return slash + 1;
        return c->app_id;
}

/* ---- the device ---- */

static void on_stream_state(bool connected, bool linked_to_source, const char *node_name, uint64_t serial, void *ctx)
{
        struct room *room = ctx;

        capture_gate_set(&room->voice.gate, GATE_MICROPHONE, connected && linked_to_source);
        if (room->voice.port)
                audio_port_wake(room->voice.port);
        if (room->self)
                participant_set_node(room->self, connected ? node_name : "", connected ? serial : 0);
}

static int open_device(struct room *room)
{
        static const struct audio_stream_events events = { 0, on_stream_state };
        const struct manager *m = room->manager;
        struct voice *v = &room->voice;
        char name[NODE_NAME_MAX + 1], description[ID_MAX + 32];
        int r = audio_port_new_capture(CAPTURE_RING_FRAMES, &v->port);

        if (r < 0)
                return r;
        voice_node_name(room->context->app_id, NULL, name, sizeof(name));
        (void)snprintf(description, sizeof(description), "Microphone in %s", room->room_id);
        r = m->env.audio->ops->open(
                m->env.audio,
                &(struct audio_stream_params){ .direction = AUDIO_CAPTURE,
                                               .node_name = name,
                                               .description = description,
                                               .app_name = voice_program_name(room->context),
                                               .target = devices_target(room->context, AUDIO_CAPTURE),
                                               .quantum = m->config->quantum },
                v->port, &events, room, &v->stream);
        if (r < 0)
                return r;
        return room->engine->ops->set_capture(room->engine, v->port, &v->gate);
}

_Static_assert((int)ANS_MODE_MAX == (int)ANS_AUTOMATIC, "the modes of the contract are those of voice-proc");

static void apply_processing(struct voice *v, const struct voice_settings *s)
{
        int r = audio_port_set_processing(v->port, &(struct voice_proc_config){ .echo = s->echo_cancellation,
                                                                                .gain = s->automatic_gain_control,
                                                                                .noise = (enum ans_mode)s->ans_mode });

        if (r < 0)
                log_warning("the microphone's sound is not processed as it should be: %s", strerror(-r));
}

static void close_device(struct room *room)
{
        struct voice *v = &room->voice;

        capture_gate_set(&v->gate, GATE_MICROPHONE, false);
        v->stream = audio_stream_close(v->stream);
        if (v->port && room->engine)
                (void)room->engine->ops->set_capture(room->engine, NULL, NULL); /* taking back cannot fail */
        v->port = audio_port_unref(v->port);
        if (room->self)
                participant_set_node(room->self, "", 0);
}

/* Behind a shut gate the microphone may rest. What it is linked to is no matter: that is seen while it rests, too. */
static void follow_need(struct room *room)
{
        struct audio_port *port = room->voice.port;

        if ((atomic_load(&room->voice.gate.conditions) | GATE_MICROPHONE) == GATE_ALL)
                audio_port_need(port, AUDIO_PORT_ALWAYS);
        else if (atomic_load(&port->needed_us) == AUDIO_PORT_ALWAYS)
                atomic_store(&port->needed_us, loop_now_us(room->manager->env.loop));
}

static void set_gate(struct room *room, const struct context *c)
{
        struct voice *v = &room->voice;

        capture_gate_set(&v->gate, GATE_CONSENT, c && c->consented);
        capture_gate_set(&v->gate, GATE_JOINED, c && room->state == ROOM_STATE_JOINED);
        capture_gate_set(&v->gate, GATE_CAPTURE, c && context_wants_capture(c));
        capture_gate_set(&v->gate, GATE_PUBLISHED, c && room_is_in(room) && room->published && !c->invisible);
        capture_gate_set(&v->gate, GATE_UNMUTED, c && !c->muted);
        capture_gate_set_transmit(&v->gate, c ? c->settings.transmit_mode : TRANSMIT_CONTINUOUS, c && c->talker);
        if (v->port)
                audio_port_wake(v->port);
}

void voice_update(struct room *room)
{
        const struct context *c = room->context;
        struct voice *v = &room->voice;
        bool wanted = room_is_in(room) && c && room->published && context_wants_capture(c);
        int r;

        set_gate(room, c);
        if (!wanted) {
                if (v->port)
                        close_device(room);
                return;
        }
        r = v->port ? 0 : open_device(room);
        if (r < 0) {
                log_warning("the microphone stays closed: %s", strerror(-r));
                close_device(room);
                return;
        }
        apply_processing(v, &c->settings);
        follow_need(room);
}

void voice_close(struct room *room)
{
        capture_gate_shut(&room->voice.gate);
        close_device(room);
}

/* ---- what the bus sets ---- */

void context_set_muted(struct context *c, bool muted)
{
        struct room *room = &c->manager->room;

        if (c->muted == muted)
                return;
        c->muted = muted;
        context_changed(c, CONTEXT_MUTED);
        if (room->context != c)
                return;
        voice_update(room);
        if (room->engine)
                (void)room->engine->ops->set_muted(room->engine,
                                                   muted); /* for the others to see; nothing is sent anyway */
        if (room->self)
                participant_changed(room->self, PARTICIPANT_MUTED);
}

void context_set_deafened(struct context *c, bool deafened)
{
        struct participant *p;

        if (c->deafened == deafened)
                return;
        c->deafened = deafened;
        list_for_each (p, &c->participants, link)
                participant_apply_gain(p);
        context_changed(c, CONTEXT_DEAFENED);
}
