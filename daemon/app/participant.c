/* participant.c - records of people, their playback nodes and volumes. See participant.h.
 *
 * Control thread. Order of closing: the device's stream first (it leaves the audio thread), then the engine gives the
 * port back, then our reference goes.
 */
#include "app/participant.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/levels.h"
#include "app/manager-state.h"

LOG_TOPIC("app/participant");

enum { PLAYBACK_RING_FRAMES = 8192 };

static struct room *room_of(const struct participant *p)
{
        return &p->context->manager->room;
}

int participant_new(struct context *c, const char *user_id, bool self, struct participant **ret)
{
        _cleanup_(participant_freep) struct participant *p = NULL;
        int r = context_reserve(c, c->n_participants + 1);

        if (r < 0)
                return r;
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        list_init(&p->link);
        p->context = c;
        p->self = self;
        p->volume = volumes_get(c->manager->volumes, c->app_id, user_id, &p->muted);
        p->user_id = strdup(user_id);
        if (!p->user_id)
                return -ENOMEM;
        *ret = take_ptr(p);
        return 0;
}

/* ---- the node ---- */

void participant_set_node(struct participant *p, const char *name, uint64_t serial)
{
        if (strcmp(name, p->node_name ? p->node_name : "") == 0 && serial == p->node_serial)
                return;
        free(p->node_name);
        p->node_name = name[0] ? strdup(name) : NULL; /* nameless for want of memory: only told less */
        p->node_serial = serial;
        participant_changed(p, PARTICIPANT_NODE);
}

static void close_stream(struct participant *p)
{
        struct engine *e = room_of(p)->engine;

        p->stream = audio_stream_close(p->stream);
        if (p->port && e)
                (void)e->ops->set_playback(e, p->user_id, NULL); /* taking back cannot fail */
        p->port = audio_port_unref(p->port);
        participant_set_node(p, "", 0);
}

static void on_stream_state(bool connected, bool linked_to_source, const char *node_name, uint64_t serial, void *ctx)
{
        struct participant *p = ctx;

        (void)linked_to_source; /* means the microphone only */
        participant_set_node(p, connected ? node_name : "", connected ? serial : 0);
}

static int open_stream(struct participant *p)
{
        static const struct audio_stream_events events = { 0, on_stream_state };
        const struct manager *m = p->context->manager;
        struct engine *e = room_of(p)->engine;
        char name[NODE_NAME_MAX + 1], description[2 * ID_MAX + 16];
        int r = audio_port_new(PLAYBACK_RING_FRAMES, &p->port);

        if (r < 0)
                return r;
        participant_apply_gain(p);
        voice_node_name(p->context->app_id, p->user_id, name, sizeof(name));
        (void)snprintf(description, sizeof(description), "%s in %s", p->user_id, room_of(p)->room_id);
        r = m->env.audio->ops->open(
                m->env.audio,
                &(struct audio_stream_params){ .direction = AUDIO_PLAYBACK,
                                               .node_name = name,
                                               .description = description,
                                               .app_name = voice_program_name(p->context),
                                               .target = devices_target(p->context, AUDIO_PLAYBACK),
                                               .quantum = m->config->quantum },
                p->port, &events, p, &p->stream);
        if (r < 0)
                return r;
        return e->ops->set_playback(e, p->user_id, p->port);
}

static void follow_subscription(struct participant *p)
{
        bool flows = p->subscribed & ENGINE_AUDIO;
        int r;

        if (p->self || flows == (p->port != NULL))
                return;
        if (!flows) {
                close_stream(p);
                return;
        }
        r = open_stream(p);
        if (r < 0) {
                log_warning("%s stays silent: %s", p->user_id, strerror(-r));
                close_stream(p);
        }
}

void participant_apply_gain(struct participant *p)
{
        if (p->port)
                p->port->gain = p->muted || p->context->deafened ? 0.0f : (float)p->volume;
}

/* ---- coming, changing, going ---- */

struct participant *participant_free(struct participant *p)
{
        if (!p)
                return NULL;
        close_stream(p);
        list_remove(&p->link);
        profile_clear(&p->profile, &p->context->profile_bytes);
        free(p->user_id);
        free(p);
        return NULL;
}

void participant_enter(struct participant *p, struct participant *before)
{
        struct context *c = p->context;

        p->number = ++c->next_participant;
        c->n_participants++;
        list_append(before ? &before->link : &c->participants, &p->link);
        context_lists_changed(c, 1 << LIST_MEMBERS);
        log_debug("%s is there", p->user_id);
}

static uint32_t lists_with(const struct participant *p)
{
        return 1u << LIST_MEMBERS | (p->speaking ? 1u << LIST_SPEAKERS : 0) |
               (p->published & ENGINE_VIDEO ? 1u << LIST_VIDEO_MEMBERS : 0) |
               (p->published & (ENGINE_SCREEN_AUDIO | ENGINE_SCREEN_VIDEO) ? 1u << LIST_SCREEN_MEMBERS : 0);
}

void participant_leave(struct participant *p)
{
        struct context *c = p->context;

        log_debug("%s is gone", p->user_id);
        close_stream(p);
        list_remove(&p->link);
        list_append(&c->gone, &p->link);
        c->n_participants--;
        context_lists_changed(c, lists_with(p));
}

struct participant *participant_find(struct context *c, const char *user_id)
{
        struct participant *p;

        list_for_each (p, &c->participants, link)
                if (strcmp(p->user_id, user_id) == 0)
                        return p;
        return NULL;
}

void participant_changed(struct participant *p, uint32_t properties)
{
        p->dirty |= properties;
        manager_mark(p->context->manager);
}

/* The properties and lists that differ between two masks of media. */
static void mark_published(struct participant *p, uint32_t changed)
{
        uint32_t properties = 0, lists = 0;

        if (changed & ENGINE_AUDIO)
                properties |= PARTICIPANT_AUDIO_PUBLISHED;
        if (changed & ENGINE_VIDEO) {
                properties |= PARTICIPANT_VIDEO_PUBLISHED;
                lists |= 1 << LIST_VIDEO_MEMBERS;
        }
        if (changed & (ENGINE_SCREEN_AUDIO | ENGINE_SCREEN_VIDEO)) {
                properties |= PARTICIPANT_SCREEN_PUBLISHED;
                lists |= 1 << LIST_SCREEN_MEMBERS;
        }
        if (properties)
                participant_changed(p, properties);
        if (lists)
                context_lists_changed(p->context, lists);
}

void participant_update(struct participant *p, uint32_t published, uint32_t subscribed, bool audio_muted)
{
        uint32_t was_published = p->published, was_subscribed = p->subscribed;

        p->published = published;
        p->subscribed = subscribed;
        mark_published(p, published ^ was_published);
        if ((subscribed ^ was_subscribed) & ENGINE_AUDIO)
                participant_changed(p, PARTICIPANT_AUDIO_SUBSCRIBED);
        if (audio_muted != p->audio_muted)
                participant_changed(p, PARTICIPANT_AUDIO_MUTED);
        p->audio_muted = audio_muted;
        if (was_subscribed & ~subscribed & ENGINE_AUDIO) /* nobody listens any more, so nobody would tell the end */
                participant_set_speaking(p, false);
        follow_subscription(p);
}

void participant_describe(struct participant *p, const struct engine_participant *from)
{
        uint32_t parts = profile_set(&p->profile, from, &p->context->profile_bytes);

        if (parts)
                participant_changed(p, parts * PARTICIPANT_NAME);
        p->said = from->quality;
}

void participant_set_speaking(struct participant *p, bool speaking)
{
        if (p->speaking == speaking)
                return;
        p->speaking = speaking;
        participant_changed(p, PARTICIPANT_SPEAKING);
        context_lists_changed(p->context, 1 << LIST_SPEAKERS);
        levels_follow_speaker(p->context);
}

/* ---- what the bus reads and sets ---- */

struct participant *context_first_participant(struct context *c)
{
        return list_first(&c->participants, struct participant, link);
}

struct participant *participant_next(struct participant *p)
{
        struct list *next = p->link.next;

        return next == &p->context->participants ? NULL : container_of(next, struct participant, link);
}

struct participant *context_find_participant(struct context *c, uint32_t number)
{
        struct participant *p;

        list_for_each (p, &c->participants, link)
                if (p->number == number)
                        return p;
        return NULL;
}

struct context *participant_context(const struct participant *p)
{
        return p->context;
}

uint32_t participant_number(const struct participant *p)
{
        return p->number;
}

void participant_get(const struct participant *p, struct participant_view *ret)
{
        const struct audio_port *port = p->self ? room_of(p)->voice.port : p->port;

        *ret = (struct participant_view){
                .user_id = p->user_id,
                .node_name = p->node_name ? p->node_name : "",
                .encryption = e2ee_state_to_string(p->encryption),
                .name = p->profile.name ? p->profile.name : "",
                .metadata = p->profile.metadata ? p->profile.metadata : "",
                .attributes = p->profile.attributes,
                .n_attributes = p->profile.n_attributes,
                .node_serial = p->node_serial,
                .self = p->self,
                .speaking = p->speaking,
                .audio_published = p->published & ENGINE_AUDIO,
                .audio_subscribed = p->subscribed & ENGINE_AUDIO,
                .audio_muted = p->audio_muted,
                .video_published = p->published & ENGINE_VIDEO,
                .screen_published = p->published & (ENGINE_SCREEN_AUDIO | ENGINE_SCREEN_VIDEO),
                .muted = p->self ? p->context->muted : p->muted,
                .level = port ? (double)port->level : 0,
                .volume = p->volume,
                .quality = participant_quality_grade(p),
        };
}

static void remember(struct participant *p)
{
        struct context *c = p->context;
        int r = volumes_set(c->manager->volumes, c->app_id, p->user_id, p->volume, p->muted);

        if (r < 0)
                log_warning("how loud %s is is not remembered: %s", p->user_id, strerror(-r));
}

int participant_set_volume(struct participant *p, double volume)
{
        if (!(volume >= 0.0 && volume <= 2.0)) /* also refuses NaN */
                return -EINVAL;
        if (fabs(volume - p->volume) < 1e-9)
                return 0;
        p->volume = volume;
        participant_apply_gain(p);
        participant_changed(p, PARTICIPANT_VOLUME);
        remember(p);
        return 0;
}

void participant_set_muted(struct participant *p, bool muted)
{
        if (p->self) { /* one's own mute is the microphone's */
                context_set_muted(p->context, muted);
                return;
        }
        if (p->muted == muted)
                return;
        p->muted = muted;
        participant_apply_gain(p);
        participant_changed(p, PARTICIPANT_MUTED);
        remember(p);
}
