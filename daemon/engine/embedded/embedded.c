/* embedded.c - see embedded.h.
 *
 * Everything but the join goes straight to the Janus backend (engine/janus/janus.h). The join first needs a Janus that
 * runs with the secret of this application; its parameters are kept until then. A leave in the meantime cuts it.
 * Ownership: the engine owns the backend and its use of the child. Control thread.
 */
#include "engine/embedded/embedded.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/embedded/janus-child.h"
#include "engine/janus/janus.h"
#include "signal/sigconn-unix.h"
#include "wire/janus-token.h"

LOG_TOPIC("engine/embedded");

enum { LEAVES_MAX = 8 };

/* A join that waits for Janus: a copy of its parameters, all owned or referenced. */
struct waiting_join {
        struct engine_join params; /* strings point to those below */
        char *app_id, *room_id, *user_id, *token, *app_key;
        struct ice_server *servers;
        size_t n_servers;
};

struct embedded {
        struct engine base;
        const struct engine_env *env;
        struct engine_events ev;
        void *ctx;
        struct janus_child *child;    /* borrowed from the environment */
        struct janus_user *user;      /* owned: held while a room is wanted */
        struct engine *backend;       /* owned */
        struct loop_source *timer;    /* owned: answers that must not come from inside an operation */
        struct waiting_join *waiting; /* owned; NULL: none */
        uint32_t join_op, leave_op;   /* leave_op: the last that the backend was asked for */
        bool joining, leaving;        /* the backend owes the answer to join_op, to leave_op */
        uint64_t asked_us, waited_us; /* when the join came, and how long it waited for Janus */
        uint32_t leaves[LEAVES_MAX];  /* that cut the waiting join, or came after one of them */
        size_t n_leaves;
        bool has_join, running, dead;
        struct engine_result join_result;
};

static struct embedded *embedded(struct engine *e)
{
        return container_of(e, struct embedded, base);
}

/* ---- the copy of a join ---- */

static void secret_free(char *s)
{
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
}

static struct waiting_join *waiting_free(struct waiting_join *w)
{
        if (!w)
                return NULL;
        for (size_t i = 0; i < w->n_servers; i++) {
                free((char *)w->servers[i].url);
                free((char *)w->servers[i].username);
                secret_free((char *)w->servers[i].credential);
        }
        free(w->servers);
        free(w->app_id);
        free(w->room_id);
        free(w->user_id);
        e2ee_keys_unref(w->params.e2ee);
        secret_free(w->token);
        secret_free(w->app_key);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(struct waiting_join *, waiting_free)

static bool copy_text(char **to, const char *from)
{
        *to = from ? strdup(from) : NULL;
        return *to || !from;
}

static bool copy_servers(struct waiting_join *w, const struct engine_join *p)
{
        w->servers = calloc(p->n_ice_servers ? p->n_ice_servers : 1, sizeof(*w->servers));
        if (!w->servers)
                return false;
        for (; w->n_servers < p->n_ice_servers; w->n_servers++) {
                const struct ice_server *from = &p->ice_servers[w->n_servers];
                struct ice_server *to = &w->servers[w->n_servers];

                if (!copy_text((char **)&to->url, from->url) || !copy_text((char **)&to->username, from->username) ||
                    !copy_text((char **)&to->credential, from->credential)) {
                        w->n_servers++; /* what of it was copied is freed, too */
                        return false;
                }
        }
        return true;
}

static int waiting_new(const struct engine_join *p, struct waiting_join **ret)
{
        _cleanup_(waiting_freep) struct waiting_join *w = calloc(1, sizeof(*w));

        if (!w || !copy_text(&w->app_id, p->app_id) || !copy_text(&w->room_id, p->room_id) ||
            !copy_text(&w->user_id, p->user_id) || !copy_text(&w->token, p->token) ||
            !copy_text(&w->app_key, p->app_key) || !copy_servers(w, p))
                return -ENOMEM;
        w->params = *p;
        w->params.e2ee = p->e2ee ? e2ee_keys_ref(p->e2ee) : NULL;
        w->params.app_id = w->app_id;
        w->params.room_id = w->room_id;
        w->params.user_id = w->user_id;
        w->params.token = w->token;
        w->params.app_key = w->app_key;
        w->params.ice_servers = w->servers;
        *ret = take_ptr(w);
        return 0;
}

/* ---- answers ---- */

static void fail_join(struct embedded *m, const struct engine_result *res)
{
        m->join_result = *res;
        m->waiting = waiting_free(m->waiting);
        m->user = janus_child_release(m->user);
        (void)loop_set_timer(m->timer, 0);
}

static void memory_free(struct embedded *m)
{
        free(m);
}

/* The join's end, then the leave that cut it. The app may free the engine in each. */
static void on_timer(void *ctx)
{
        struct embedded *m = ctx;

        m->running = true;
        if (m->has_join && m->join_result.reason != ENGINE_OK) {
                m->has_join = false;
                m->ev.op_done(m->join_op, &m->join_result, m->ctx);
        }
        while (!m->dead && m->n_leaves > 0) {
                uint32_t op = m->leaves[0];

                memmove(&m->leaves[0], &m->leaves[1], --m->n_leaves * sizeof(m->leaves[0]));
                m->ev.op_done(op, &(struct engine_result){ .reason = ENGINE_OK }, m->ctx);
        }
        m->running = false;
        if (m->dead)
                memory_free(m);
}

static void on_ready(const struct engine_result *res, void *ctx)
{
        struct embedded *m = ctx;
        struct engine_result failed = { .reason = ENGINE_INTERNAL };
        int r;

        if (res->reason != ENGINE_OK) {
                fail_join(m, res);
                return;
        }
        m->waited_us = loop_now_us(m->env->loop) - m->asked_us;
        r = janus_join(m->backend, m->join_op, &m->waiting->params);
        m->waiting = waiting_free(m->waiting);
        if (r < 0) {
                (void)snprintf(failed.detail, sizeof(failed.detail), "%s", strerror(-r));
                fail_join(m, &failed);
                return;
        }
        m->has_join = false;
        m->joining = true;
}

/* ---- events of the backend: the use of the child ends with the room ---- */

static void on_op_done(uint32_t op, const struct engine_result *res, void *ctx)
{
        struct embedded *m = ctx;

        if (m->joining && op == m->join_op) {
                m->joining = false;
                if (res->reason != ENGINE_OK)
                        m->user = janus_child_release(m->user);
        } else if (m->leaving && op == m->leave_op) {
                m->leaving = false;
                m->user = janus_child_release(m->user);
        }
        m->ev.op_done(op, res, m->ctx);
}

static void on_state(enum engine_state state, const struct engine_result *why, void *ctx)
{
        struct embedded *m = ctx;

        if (state == ENGINE_STATE_IDLE)
                m->user = janus_child_release(m->user);
        if (state == ENGINE_STATE_RECONNECTING)
                m->waited_us = 0; /* the stages are counted from here */
        m->ev.state(state, why, m->ctx);
}

static void on_participant(enum engine_change change, const struct engine_participant *p, void *ctx)
{
        struct embedded *m = ctx;

        m->ev.participant(change, p, m->ctx);
}

static void on_speaking(const char *user_id, bool speaking, void *ctx)
{
        struct embedded *m = ctx;

        m->ev.speaking(user_id, speaking, m->ctx);
}

static void shift(uint64_t *stage_us, uint64_t by_us)
{
        if (*stage_us > 0)
                *stage_us += by_us;
}

/* The backend counts the stages of a join from when Janus was there. */
static void on_stats(uint32_t op, const struct engine_stats *stats, void *ctx)
{
        struct embedded *m = ctx;
        struct engine_stats shifted;

        if (!stats) {
                m->ev.stats(op, NULL, m->ctx);
                return;
        }
        shifted = *stats;
        shift(&shifted.stages.connected_us, m->waited_us);
        shift(&shifted.stages.joined_us, m->waited_us);
        shift(&shifted.stages.publisher_up_us, m->waited_us);
        shift(&shifted.stages.subscriber_up_us, m->waited_us);
        shift(&shifted.stages.first_audio_us, m->waited_us);
        m->ev.stats(op, &shifted, m->ctx);
}

static void on_message(const struct engine_message *msg, void *ctx)
{
        struct embedded *m = ctx;

        m->ev.message(msg, m->ctx);
}

/* It runs and does not answer: the next one may heal the room. */
static void on_unanswered(void *ctx)
{
        janus_child_distrust(((struct embedded *)ctx)->child);
}

static const struct engine_events backend_events = { 0,           on_op_done, on_state,  on_participant,
                                                     on_speaking, on_stats,   on_message };

/* ---- operations ---- */

static int embedded_join(struct engine *e, uint32_t op, const struct engine_join *params)
{
        static const struct engine_result no_key = { .reason = ENGINE_INVALID_TOKEN,
                                                     .detail = "configure the appKey of this appId" };
        struct embedded *m = embedded(e);
        char secret[JANUS_SECRET_SIZE];
        int r;

        assert(!m->user); /* it went with the last room */
        m->join_op = op;
        m->asked_us = loop_now_us(m->env->loop);
        m->has_join = true;
        m->join_result = (struct engine_result){ .reason = ENGINE_OK };
        if (!params->app_key) {
                log_warning("%s has no appKey in the configuration: nobody can sign entry to its rooms here",
                            params->app_id);
                fail_join(m, &no_key);
                return 0;
        }
        r = waiting_new(params, &m->waiting);
        if (r >= 0)
                r = janus_token_secret(params->app_key, params->app_id, secret);
        if (r >= 0)
                r = janus_child_acquire(m->child, secret, on_ready, m, &m->user);
        explicit_bzero(secret, sizeof(secret));
        if (r < 0) {
                m->has_join = false;
                m->waiting = waiting_free(m->waiting);
        }
        return r;
}

static int embedded_leave(struct engine *e, uint32_t op)
{
        static const struct engine_result cut = { .reason = ENGINE_CANCELLED };
        struct embedded *m = embedded(e);

        if (!m->has_join && m->n_leaves == 0) {
                m->leave_op = op;
                m->leaving = true;
                return janus_leave(m->backend, op);
        }
        if (m->n_leaves == LEAVES_MAX)
                return -EBUSY;
        m->leaves[m->n_leaves++] = op;
        if (m->has_join && m->join_result.reason == ENGINE_OK)
                fail_join(m, &cut);
        return 0;
}

static int embedded_update_token(struct engine *e, uint32_t op, const char *token)
{
        return janus_update_token(embedded(e)->backend, op, token);
}

static int embedded_publish(struct engine *e, uint32_t op, uint32_t media, bool on)
{
        return janus_publish(embedded(e)->backend, op, media, on);
}

static int embedded_subscribe(struct engine *e, uint32_t op, const char *user_id, uint32_t media, bool on)
{
        return janus_subscribe(embedded(e)->backend, op, user_id, media, on);
}

static int embedded_set_visible(struct engine *e, uint32_t op, bool visible)
{
        return janus_set_visible(embedded(e)->backend, op, visible);
}

static int embedded_send_message(struct engine *e, uint32_t op, const struct engine_message *m)
{
        return janus_send_message(embedded(e)->backend, op, m);
}

static int embedded_get_stats(struct engine *e, uint32_t op)
{
        return janus_get_stats(embedded(e)->backend, op);
}

static int embedded_set_capture(struct engine *e, struct audio_port *port, const struct capture_gate *gate)
{
        return janus_set_capture(embedded(e)->backend, port, gate);
}

static int embedded_set_playback(struct engine *e, const char *user_id, struct audio_port *port)
{
        return janus_set_playback(embedded(e)->backend, user_id, port);
}

static void embedded_free(struct engine *e)
{
        struct embedded *m = embedded(e);

        janus_free(m->backend);
        m->user = janus_child_release(m->user);
        m->waiting = waiting_free(m->waiting);
        m->timer = loop_remove(m->timer);
        m->dead = true;
        if (!m->running)
                memory_free(m);
}

static bool embedded_accepts(const struct url *server)
{
        return strcmp(server->engine, "embedded") == 0;
}

static int embedded_create(const struct engine_env *env, const struct url *server, const struct engine_events *ev,
                           void *ctx, struct engine **ret)
{
        struct janus_config config = { .env = env,
                                       .ops = &embedded_engine_ops,
                                       .conn = sigconn_unix_provider(env->loop),
                                       .ev = &backend_events,
                                       .unanswered = on_unanswered };
        struct embedded *m = calloc(1, sizeof(*m));
        int r;

        (void)server;
        if (!m)
                return -ENOMEM;
        *m = (struct embedded){ .base.ops = &embedded_engine_ops, .env = env, .ev = *ev, .ctx = ctx };
        r = janus_child_get(env, &m->child);
        if (r >= 0)
                r = loop_add_timer(env->loop, LOOP_NEVER, on_timer, m, &m->timer);
        if (r >= 0) {
                config.url = janus_child_url(m->child);
                config.ctx = m;
                r = janus_new(&config, &m->backend);
        }
        if (r < 0) {
                loop_remove(m->timer);
                free(m);
                return r;
        }
        *ret = &m->base;
        return 0;
}

const struct engine_ops embedded_engine_ops = {
        .name = "embedded",
        .accepts = embedded_accepts,
        .create = embedded_create,
        .join = embedded_join,
        .leave = embedded_leave,
        .update_token = embedded_update_token,
        .publish = embedded_publish,
        .subscribe = embedded_subscribe,
        .set_visible = embedded_set_visible,
        .send_message = embedded_send_message,
        .get_stats = embedded_get_stats,
        .set_capture = embedded_set_capture,
        .set_playback = embedded_set_playback,
        .free = embedded_free,
};
