/* context.c - a client's context: creation, marks, requests, destruction. See context.h.
 *
 * Control thread. Ownership: the context owns its requests, participants and lists. Nothing is told from here: changes
 * are marked and the flush (events.c) tells them in a fixed order, which is also the only place where a context is
 * freed while the manager lives.
 */
#include "app/context.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/levels.h"
#include "app/manager-state.h"
#include "app/messages.h"
#include "app/participant.h"

LOG_TOPIC("app/context");

static int copy_text(const char *s, char **ret)
{
        char *copy = strdup(s ? s : "");

        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static int copy_caller(struct context *c, const struct caller *who, const char *server)
{
        int r = copy_text(who->unique_name, &c->owner);

        if (r >= 0)
                r = copy_text(who->application_id, &c->program);
        if (r >= 0)
                r = copy_text(who->exe_path, &c->exe_path);
        if (r >= 0)
                r = copy_text(server, &c->server);
        return r;
}

int context_new(struct manager *m, const struct caller *who, const char *app_id, const char *server,
                const struct url *url, struct context **ret)
{
        _cleanup_(context_freep) struct context *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        list_init(&c->link);
        voice_settings_init(&c->settings);
        c->camera.max = (struct params_encoder){ .width = 640, .height = 360, .frame_rate = 15 };
        list_init(&c->pending);
        list_init(&c->done);
        list_init(&c->participants);
        list_init(&c->gone);
        list_init(&c->messages);
        c->manager = m;
        c->url = *url;
        c->sandboxed = who->sandboxed;
        c->claims_path = who->claims_path;
        (void)snprintf(c->app_id, sizeof(c->app_id), "%s", app_id);
        r = copy_caller(c, who, server);
        if (r >= 0)
                r = context_reserve(c, 0);
        if (r < 0)
                return r;
        *ret = take_ptr(c);
        return 0;
}

static void free_requests(struct list *head)
{
        struct request *rq;

        list_for_each (rq, head, link) {
                if (rq->stats_done)
                        rq->stats_done(NULL, rq->stats_ctx);
                request_free(rq);
        }
}

struct context *context_free(struct context *c)
{
        struct participant *p;

        if (!c)
                return NULL;
        levels_close(c);
        messages_drop(c);
        free_requests(&c->pending);
        free_requests(&c->done);
        list_for_each (p, &c->participants, link)
                participant_free(p);
        list_for_each (p, &c->gone, link)
                participant_free(p);
        for (size_t i = 0; i < _LIST_MAX; i++)
                free(c->lists[i].items);
        list_remove(&c->link);
        free(c->owner);
        free(c->program);
        free(c->exe_path);
        free(c->server);
        free(c->talker);
        free(c);
        return NULL;
}

/* ---- marks ---- */

void context_changed(struct context *c, uint32_t properties)
{
        c->dirty_properties |= properties;
        manager_mark(c->manager);
}

static bool belongs(const struct participant *p, enum context_list which)
{
        switch (which) {
        case LIST_MEMBERS: return true;
        case LIST_SPEAKERS: return p->speaking;
        case LIST_VIDEO_MEMBERS: return p->published & ENGINE_VIDEO;
        case LIST_SCREEN_MEMBERS: return p->published & (ENGINE_SCREEN_AUDIO | ENGINE_SCREEN_VIDEO);
        case _LIST_MAX: break;
        }
        return false;
}

static void rebuild_list(struct context *c, enum context_list which)
{
        const char **items = c->lists[which].items;
        struct participant *p;
        size_t n = 0;

        list_for_each (p, &c->participants, link)
                if (belongs(p, which))
                        items[n++] = p->user_id;
        assert(n < c->list_capacity);
        items[n] = NULL;
}

void context_lists_changed(struct context *c, uint32_t lists)
{
        for (unsigned i = 0; i < _LIST_MAX; i++)
                if (lists & (1u << i))
                        rebuild_list(c, i);
        c->dirty_lists |= lists;
        context_changed(c, lists * CONTEXT_MEMBERS); /* the properties' bits stand in the order of the lists */
}

void context_queue(struct context *c, const struct queued_event *ev)
{
        if (c->n_events == CONTEXT_MAX_EVENTS) { /* it flaps faster than the loop turns: the latest count */
                log_every_second(LOG_LEVEL_WARNING, "event dropped: %s", c->events[0].text);
                memmove(c->events, c->events + 1, --c->n_events * sizeof(*c->events));
        }
        c->events[c->n_events++] = *ev;
        manager_mark(c->manager);
}

int context_reserve(struct context *c, size_t n)
{
        size_t capacity = c->list_capacity ? c->list_capacity : 8;

        while (capacity <= n)
                capacity *= 2;
        if (capacity == c->list_capacity)
                return 0;
        for (size_t i = 0; i < _LIST_MAX; i++) {
                const char **items = realloc(c->lists[i].items, capacity * sizeof(*items));

                if (!items)
                        return -ENOMEM; /* lists that have grown already stay valid */
                if (!c->lists[i].items)
                        items[0] = NULL;
                c->lists[i].items = items;
        }
        c->list_capacity = capacity;
        return 0;
}

/* ---- requests ---- */

void request_complete(struct context *c, struct request *rq, const struct result *res)
{
        assert(!rq->completed);
        consent_cancel(&rq->wait);
        rq->completed = true;
        rq->result = *res;
        list_remove(&rq->link);
        list_append(&c->done, &rq->link);
        manager_mark(c->manager);
}

void request_complete_ok(struct context *c, struct request *rq)
{
        struct result res;

        result_ok(rq->api, &res);
        request_complete(c, rq, &res);
}

void request_complete_failed(struct context *c, struct request *rq, const char *text)
{
        struct result res;

        result_failed(rq->api, text, &res);
        request_complete(c, rq, &res);
}

struct request *context_find_op(struct context *c, uint32_t op)
{
        struct request *rq;

        list_for_each (rq, &c->pending, link)
                if (rq->op == op)
                        return rq;
        return NULL;
}

void context_fail_ops(struct context *c, const char *text)
{
        struct request *rq;

        list_for_each (rq, &c->pending, link)
                if (rq->op)
                        request_complete_failed(c, rq, text);
}

void context_fail_destroyed(struct context *c)
{
        struct room *room = &c->manager->room;
        struct request *rq;
        struct result res;

        list_for_each (rq, &c->pending, link) {
                if (request_waits_for_leave(rq))
                        continue;
                result_destroyed(rq->api, &res);
                if (rq == room->join)
                        room_fail_join(room, &res);
                else
                        request_complete(c, rq, &res);
        }
}

static void drop_of_owner(struct context *c, struct list *head)
{
        struct request *rq;

        list_for_each (rq, head, link) {
                if (!rq->number || strcmp(rq->requester, c->owner) != 0)
                        continue;
                if (rq == c->manager->room.join)
                        c->manager->room.join = NULL;
                request_free(rq);
                c->n_requests--;
        }
}

void context_drop_requests_of_owner(struct context *c)
{
        drop_of_owner(c, &c->pending);
        drop_of_owner(c, &c->done);
}

void context_room_left(struct context *c)
{
        struct request *rq;

        list_for_each (rq, &c->pending, link)
                if (request_waits_for_leave(rq))
                        request_complete_ok(c, rq);
}

/* ---- life ---- */

struct caller context_program(const struct context *c)
{
        return (struct caller){ .unique_name = c->owner,
                                .application_id = c->program,
                                .exe_path = c->exe_path,
                                .sandboxed = c->sandboxed,
                                .claims_path = c->claims_path };
}

bool context_is_in_room(const struct context *c)
{
        return c->manager->room.context == c;
}

void context_set_invisible(struct context *c, bool invisible)
{
        if (c->invisible == invisible)
                return;
        c->invisible = invisible;
        context_changed(c, CONTEXT_VISIBLE | CONTEXT_AUDIO_CAPTURE);
}

bool context_wants_capture(const struct context *c)
{
        return c->consented &&
               (c->capture == INTENT_ON || (c->capture == INTENT_UNSET && c->capture_auto && !c->invisible));
}

bool context_wants_publish(const struct context *c, bool auto_publish)
{
        return !c->invisible && (c->publish == INTENT_ON || (c->publish == INTENT_UNSET && auto_publish));
}

void context_destroy(struct context *c)
{
        if (c->destroyed)
                return;
        c->destroyed = true;
        log_info("context %s destroyed", c->label);
        context_fail_destroyed(c);
        context_changed(c, CONTEXT_STATE);
        levels_close(c);
        if (context_is_in_room(c))
                room_leave(&c->manager->room);
        else
                context_room_left(c);
}

void context_remove(struct context *c)
{
        context_destroy(c);
        if (context_is_in_room(c)) {
                c->manager->room.context = NULL;
                context_room_left(c);
        }
        c->removed = true;
        manager_mark(c->manager);
}

/* ---- what the bus reads ---- */

uint32_t context_number(const struct context *c)
{
        return c->number;
}

const char *context_owner(const struct context *c)
{
        return c->owner;
}

struct context *context_next(struct context *c)
{
        struct list *next = c->link.next;

        return next == &c->manager->contexts ? NULL : container_of(next, struct context, link);
}

void context_get(const struct context *c, struct context_view *ret)
{
        const struct room *room = &c->manager->room;
        bool here = context_is_in_room(c);

        *ret = (struct context_view){
                .app_id = c->app_id,
                .server = c->server,
                .engine = c->url.engine,
                .room_id = here ? room->room_id : "",
                .user_id = here ? room->user_id : "",
                .state = c->destroyed ? ROOM_STATE_DESTROYED
                         : here       ? room->state
                                      : ROOM_STATE_IDLE,
                .audio_capture = context_wants_capture(c),
                .audio_published = here && room_is_in(room) && room->published,
                .visible = !c->invisible,
                .muted = c->muted,
                .deafened = c->deafened,
                .transmit_mode = transmit_mode_to_string(c->settings.transmit_mode),
                .input_device = c->settings.input_device,
                .output_device = c->settings.output_device,
                .echo_cancellation = c->settings.echo_cancellation,
                .automatic_gain_control = c->settings.automatic_gain_control,
                .talking = c->talker,
                .token_expires_at = here ? room->token.life.expires_at : 0,
        };
}

const char *const *context_list(const struct context *c, enum context_list which)
{
        return c->lists[which].items;
}
