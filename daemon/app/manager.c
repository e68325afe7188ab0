/* manager.c - contexts and their limits, configuration, vanished owners, the stop. See manager.h.
 *
 * Control thread. The manager owns contexts, room, volumes and configuration. What is to be told is told by events.c.
 * Teardown: room (devices, engine) before contexts, timers last.
 */
#include "app/manager.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/manager-state.h"
#include "app/operations.h"
#include "app/params.h"

LOG_TOPIC("app/manager");

DEFINE_CLEANUP(struct manager *, manager_free)

uint32_t manager_next_op(struct manager *m)
{
        if (++m->next_op == 0)
                m->next_op = 1;
        return m->next_op;
}

/* ---- life ---- */

static void on_judged(void *ctx);
static void on_pending(void *ctx);

static int manager_prepare(struct manager *m)
{
        static const struct consent_events consent_events = { 0, on_judged, on_pending };
        int r = loop_add_timer(m->env.loop, LOOP_NEVER, manager_flush, m, &m->flush_timer);

        if (r >= 0)
                r = volumes_new(m->env.loop, m->env.state_dir, &m->volumes);
        if (r >= 0)
                r = consent_new(m->env.loop, m->config, m->env.desktop, m->env.state_dir, &consent_events, m,
                                &m->consent);
        if (r >= 0)
                r = devices_init(&m->devices, m);
        if (r >= 0)
                r = room_init(&m->room, m);
        return r;
}

int manager_new(const struct manager_env *env, struct config *config, const struct manager_events *ev, void *ctx,
                struct manager **ret)
{
        _cleanup_(config_freep) struct config *taken = config;
        _cleanup_(manager_freep) struct manager *m = NULL;
        int r;

        assert(ev->version == 0);
        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        list_init(&m->contexts);
        m->env = *env;
        m->config = take_ptr(taken);
        m->events = *ev;
        m->ctx = ctx;
        r = manager_prepare(m);
        if (r < 0)
                return r;
        *ret = take_ptr(m);
        return 0;
}

struct manager *manager_free(struct manager *m)
{
        struct context *c;

        if (!m)
                return NULL;
        room_done(&m->room);
        devices_done(&m->devices);
        list_for_each (c, &m->contexts, link)
                context_free(c);
        consent_free(m->consent);
        volumes_free(m->volumes);
        config_free(m->config);
        m->flush_timer = loop_remove(m->flush_timer);
        free(m);
        return NULL;
}

void manager_stop(struct manager *m)
{
        struct context *c;

        if (m->stopping)
                return;
        m->stopping = true;
        list_for_each (c, &m->contexts, link)
                context_destroy(c);
        room_hurry(&m->room);
        manager_mark(m);
}

/* ---- configuration ---- */

static void withdraw_consent(struct context *c)
{
        struct room *room = &c->manager->room;
        bool here = context_is_in_room(c), told = here || context_wants_capture(c);
        struct result res;

        c->consented = false;
        context_changed(c, CONTEXT_AUDIO_CAPTURE);
        if (here && room->state == ROOM_STATE_JOINING && room->auto_publish) {
                result_auth_deny(API_JOIN, &res);
                room_fail_join(room, &res);
                room_leave(room);
                return;
        }
        if (here)
                voice_update(room);
        if (told)
                context_queue(c, &(struct queued_event){ .kind = QUEUED_STATE,
                                                         .err_no = 21106,
                                                         .text = "microphone permission denied" });
}

static void on_judged(void *ctx)
{
        struct manager *m = ctx;
        struct context *c;

        list_for_each (c, &m->contexts, link) {
                struct caller who = context_program(c);

                if (c->consented && consent_check(m->consent, &who) != CONSENT_ALLOW)
                        withdraw_consent(c);
        }
}

static void on_pending(void *ctx)
{
        struct manager *m = ctx;

        m->consent_dirty = true;
        manager_mark(m);
}

void manager_set_config(struct manager *m, struct config *config)
{
        struct config *old = m->config;

        m->config = config;
        consent_set_config(m->consent, config);
        config_free(old);
}

struct consent *manager_consent(struct manager *m)
{
        return m->consent;
}

bool manager_room(const struct manager *m, const char **ret_room_id, const char **ret_user_id)
{
        bool in = room_is_in(&m->room);

        *ret_room_id = in ? m->room.room_id : "";
        *ret_user_id = in ? m->room.user_id : "";
        return in;
}

/* ---- contexts ---- */

static bool may_have_another(const struct manager *m, const char *owner)
{
        unsigned all = 0, own = 0;
        struct context *c;

        list_for_each (c, &m->contexts, link) {
                if (c->destroyed)
                        continue;
                all++;
                own += strcmp(c->owner, owner) == 0;
        }
        return all < MANAGER_MAX_CONTEXTS && own < MANAGER_MAX_PER_OWNER;
}

static const char *server_for(const struct manager *m, const struct params_create *p, const struct config_app *app)
{
        if (p->has_server)
                return p->server;
        if (app && app->server)
                return app->server;
        return m->config->server;
}

static void publish_context(struct manager *m, struct context *c)
{
        c->number = ++m->next_context;
        (void)snprintf(c->label, sizeof(c->label), "%u", c->number);
        list_append(&m->contexts, &c->link);
        log_debug("context %s of %s (%s): %s on %s", c->label, c->owner, voice_program_name(c), c->app_id,
                  c->url.engine);
        m->events.context_added(c, m->ctx);
}

int manager_create_context(struct manager *m, const struct caller *who, const struct options *o, struct context **ret,
                           struct result *ret_message)
{
        const struct config_app *app;
        struct params_detail detail;
        struct params_create p;
        struct context *c;
        struct url url;
        int r;

        if (params_create(o, &p, &detail) < 0) {
                result_params(API_CREATE, detail.text, ret_message);
                return CREATE_INVALID_PARAMS;
        }
        app = config_find_app(m->config, p.app_id);
        if (app && !app->allowed) {
                result_failed(API_CREATE, "platform auth deny", ret_message);
                return CREATE_AUTH_DENIED;
        }
        if (m->stopping || !may_have_another(m, who->unique_name)) {
                result_failed(API_CREATE, m->stopping ? "shutting down" : "too many contexts", ret_message);
                return CREATE_LIMITS_EXCEEDED;
        }
        r = url_parse(server_for(m, &p, app), &url); /* checked by params.c and config.c */
        if (r < 0)
                return r;
        r = context_new(m, who, p.app_id, server_for(m, &p, app), &url, &c);
        if (r < 0)
                return r;
        consent_prepare(m->consent);
        publish_context(m, c);
        *ret = c;
        return CREATE_OK;
}

void manager_owner_gone(struct manager *m, const char *unique_name)
{
        struct context *c;

        consent_owner_gone(m->consent, unique_name);
        if (manager_is_talker(m, unique_name))
                context_stop_talking(m->room.context);
        list_for_each (c, &m->contexts, link) {
                if (c->removed || strcmp(c->owner, unique_name) != 0)
                        continue;
                log_info("context %s: its owner is gone", c->label);
                context_drop_requests_of_owner(c);
                context_remove(c);
        }
}

void manager_limit_destroyed(struct manager *m, const char *owner)
{
        unsigned excess = 0;
        struct context *c;

        list_for_each (c, &m->contexts, link)
                excess += c->destroyed && !c->removed && strcmp(c->owner, owner) == 0;
        excess = excess > MANAGER_MAX_DESTROYED ? excess - MANAGER_MAX_DESTROYED : 0;
        list_for_each (c, &m->contexts, link) {
                if (excess == 0)
                        break;
                if (!c->destroyed || c->removed || strcmp(c->owner, owner) != 0)
                        continue;
                context_remove(c);
                excess--;
        }
}

struct context *manager_find_context(struct manager *m, uint32_t number)
{
        struct context *c;

        list_for_each (c, &m->contexts, link)
                if (c->number == number)
                        return c;
        return NULL;
}

struct context *manager_first_context(struct manager *m)
{
        return list_first(&m->contexts, struct context, link);
}

/* ---- requests ---- */

static int new_request(struct context *c, const char *requester, uint32_t number, enum api api, struct request **ret)
{
        int r;

        if (c->n_requests >= CONTEXT_MAX_REQUESTS)
                return -EBUSY;
        r = request_new(requester, number, api, ret);
        if (r < 0)
                return r;
        (*ret)->context = c;
        list_append(&c->pending, &(*ret)->link);
        c->n_requests++;
        return 0;
}

int context_call(struct context *c, const struct caller *who, enum api api, const struct options *o,
                 uint32_t *ret_request)
{
        uint32_t number = c->manager->next_request + 1;
        char label[16];
        LOG_SCOPE(LOG_FIELD_CONTEXT, c->label);
        LOG_SCOPE(LOG_FIELD_REQUEST, label);
        struct request *rq;
        int r = new_request(c, who->unique_name, number, api, &rq);

        if (r < 0)
                return r;
        (void)snprintf(label, sizeof(label), "%u", number);
        *ret_request = c->manager->next_request = number;
        operation_start(c, rq, o);
        return 0;
}

int context_get_stats(struct context *c, context_stats_fn done, void *ctx)
{
        struct request *rq;
        int r = new_request(c, "", 0, API_CREATE /* its outcome is never told in words */, &rq);

        if (r < 0)
                return r;
        rq->stats_done = done;
        rq->stats_ctx = ctx;
        if (context_is_in_room(c) && room_is_in(&c->manager->room))
                room_get_stats(&c->manager->room, rq);
        else
                request_complete_failed(c, rq, "not in a room");
        return 0;
}
