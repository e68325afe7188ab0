/* driver.c - see driver.h. */
#include "engine/driver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "signal/sigconn-ws.h"

LOG_TOPIC("engine/driver");

/* Takes its turn among actions that are not the driver's: it is told from them by where it is. */
struct answer {
        struct list link; /* in driver.answers */
        struct list turn; /* in driver.queue */
        uint32_t op;
        struct engine_result result;
};

uint64_t driver_now_us(const struct driver *d)
{
        return loop_now_us(d->backend.env->loop);
}

void driver_wake(struct driver *d)
{
        bool now = d->collapsed || !list_is_empty(&d->queue) || backend_has_answers(&d->backend);

        (void)loop_set_timer(d->timer, now ? 0 : d->ops->deadline(d));
}

int driver_answer(struct driver *d, uint32_t op, enum engine_reason reason, const char *detail)
{
        struct answer *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->op = op;
        a->result.reason = reason;
        (void)snprintf(a->result.detail, sizeof(a->result.detail), "%s", detail);
        list_append(&d->answers, &a->link);
        list_append(&d->queue, &a->turn);
        driver_wake(d);
        return 0;
}

/* ---- the connection ---- */

static void on_opened(void *ctx)
{
        struct driver *d = ctx;

        d->ops->opened(d);
}

static void on_message(const char *data, size_t len, bool binary, void *ctx)
{
        struct driver *d = ctx;

        d->ops->message(d, data, len, binary);
}

static void on_closed(int err, unsigned http_status, const char *text, void *ctx)
{
        struct driver *d = ctx;
        char why[sizeof(((struct engine_result *)NULL)->detail)];

        d->conn_gone = true;
        if (http_status)
                (void)snprintf(why, sizeof(why), "HTTP status %u", http_status);
        else
                (void)snprintf(why, sizeof(why), "%s",
                               text && text[0] ? text
                               : err           ? strerror(-err)
                                               : "closed by the server");
        log_info("connection closed: %s", why);
        d->ops->closed(d, err, http_status, http_status && text ? text : "", why);
}

static const struct sigconn_events conn_events = { 0, on_opened, on_message, on_closed };

int driver_open_conn(struct driver *d, const struct sigconn_params *params)
{
        struct net_thread *net;
        int r;

        if (!d->provider.ops) {
                r = engine_env_net(d->backend.env, &net);
                if (r < 0)
                        return r;
                d->provider = sigconn_ws_provider(net);
        }
        return d->provider.ops->open(d->provider.factory, params, &conn_events, d, &d->conn);
}

void driver_close_conn(struct driver *d)
{
        struct sigconn *c = take_ptr(d->conn);

        if (c)
                c->ops->close(c);
        d->conn_gone = false;
}

int driver_send(struct driver *d, const char *data, size_t len, bool binary)
{
        return d->conn && !d->conn_gone ? d->conn->ops->send(d->conn, data, len, binary) : 0;
}

/* ---- carrying out ---- */

void driver_tell_done(struct driver *d, uint32_t op, const struct engine_result *res, bool enters)
{
        const struct engine_result cancelled = { .reason = ENGINE_CANCELLED };

        if (enters && d->leaving)
                res = &cancelled;
        d->in_room |= enters && !d->leaving;
        if (res->reason != ENGINE_OK)
                log_info("operation %u: %s %d %s", op, engine_reason_to_string(res->reason), res->err, res->detail);
        d->backend.ev.op_done(op, res, d->backend.ctx);
}

void driver_tell_state(struct driver *d, enum engine_state state, const struct engine_result *why)
{
        const char *words = state == ENGINE_STATE_IDLE           ? "room left"
                            : state == ENGINE_STATE_RECONNECTING ? "room lost"
                                                                 : "room come back to";

        if (d->leaving)
                return;
        log_notice("%s: %s %s", words, engine_reason_to_string(why->reason), why->detail);
        d->in_room = state != ENGINE_STATE_IDLE;
        d->backend.ev.state(state, why, d->backend.ctx);
}

void driver_tell_participant(struct driver *d, enum engine_change change, const struct engine_participant *p)
{
        if (!d->leaving)
                d->backend.ev.participant(change, p, d->backend.ctx);
}

void driver_tell_speaking(struct driver *d, const char *user_id, bool speaking)
{
        if (!d->leaving)
                d->backend.ev.speaking(user_id, speaking, d->backend.ctx);
}

void driver_tell_microphone(struct driver *d, enum engine_microphone what)
{
        if (!d->leaving)
                d->backend.ev.microphone(what, d->backend.ctx);
}

static struct answer *find_answer(const struct driver *d, const struct list *turn)
{
        struct answer *a;

        list_for_each (a, &d->answers, link)
                if (&a->turn == turn)
                        return a;
        return NULL;
}

static void carry_out(struct driver *d, struct list *action)
{
        int r = d->ops->carry_down(d, action);

        if (r < 0)
                d->ops->failed(d, action, r);
        else
                d->ops->carry_up(d, action);
        d->ops->action_free(action);
}

static void work_off(struct driver *d)
{
        while (!d->backend.dead && !list_is_empty(&d->queue)) {
                struct list *next = d->queue.next;
                struct answer *a = find_answer(d, next);

                list_remove(next);
                if (!a) {
                        carry_out(d, next);
                        continue;
                }
                list_remove(&a->link);
                driver_tell_done(d, a->op, &a->result, false);
                free(a);
        }
}

static void collapse(struct driver *d)
{
        struct engine_result why = { .reason = ENGINE_INTERNAL, .detail = "out of memory" };
        bool in_room = d->in_room;
        uint32_t op;

        d->collapsed = d->in_room = false;
        driver_close_conn(d);
        backend_drop_runtime(&d->backend); /* the next join makes another: no peer of this one is left */
        while (!d->backend.dead && d->ops->take_op(d, &op))
                d->backend.ev.op_done(op, &why, d->backend.ctx);
        if (d->backend.dead)
                return;
        d->ops->reset(d);
        if (in_room)
                d->backend.ev.state(ENGINE_STATE_IDLE, &why, d->backend.ctx);
}

/* One by one: each may end the room, and with it the wait of the others. */
static void answer_stats(struct driver *d)
{
        struct engine_stages stages = { 0 };
        bool in_room;

        do
                in_room = d->ops->get_stages(d, &stages);
        while (backend_answer(&d->backend, &stages, !in_room) && !d->backend.dead);
}

static void on_timer(void *ctx)
{
        struct driver *d = ctx;

        d->backend.running = true;
        if (d->conn_gone)
                driver_close_conn(d);
        if (d->ops->deadline(d) <= driver_now_us(d))
                d->ops->expired(d);
        work_off(d);
        if (!d->backend.dead && d->collapsed)
                collapse(d);
        if (!d->backend.dead)
                answer_stats(d);
        d->backend.running = false;
        if (d->backend.dead)
                d->ops->destroy(d);
        else
                driver_wake(d);
}

/* ---- operations ---- */

int driver_prepare(struct driver *d, const struct engine_join *params)
{
        int r = rtc_join_copy(&d->join, params, d->backend.env->rng);

        d->leaving = false;
        return r < 0 ? r : backend_need_runtime(&d->backend, d->ops->rtc, d);
}

int driver_bind(struct driver *d, uint32_t peer, const char *mid, const char *user_id)
{
        return d->backend.rtc->bind(d->backend.rt, peer, mid, user_id, backend_port_of(&d->backend, user_id));
}

void driver_leave(struct driver *d)
{
        d->in_room = false;
        d->leaving = true;
}

int driver_get_stats(struct driver *d, uint32_t op)
{
        return backend_get_stats(&d->backend, op);
}

int driver_set_capture(struct driver *d, struct audio_port *port, const struct capture_gate *gate)
{
        uint32_t peer = d->ops->publisher(d);

        backend_set_capture(&d->backend, port, gate);
        return peer ? d->backend.rtc->set_capture(d->backend.rt, peer, port, gate) : 0;
}

int driver_set_playback(struct driver *d, const char *user_id, struct audio_port *port)
{
        int r = backend_set_playback(&d->backend, user_id, port);
        const char *mid;
        uint32_t peer;

        if (r < 0 || !d->ops->find_track(d, user_id, &peer, &mid))
                return r;
        return driver_bind(d, peer, mid, user_id);
}

void driver_on_stats(uint32_t op, const struct engine_stats *stats, void *ctx)
{
        struct driver *d = ctx;

        backend_on_stats(&d->backend, op, stats);
        driver_wake(d);
}

/* ---- life ---- */

int driver_init(struct driver *d, const struct driver_config *config)
{
        *d = (struct driver){ .base.ops = config->engine, .ops = config->ops, .provider = config->conn };
        backend_init(&d->backend, config->env, config->rtc, config->ev, config->ctx);
        list_init(&d->queue);
        list_init(&d->answers);
        return loop_add_timer(config->env->loop, LOOP_NEVER, on_timer, d, &d->timer);
}

static void drop_actions(struct driver *d, struct list *actions)
{
        while (!list_is_empty(actions)) {
                struct list *action = actions->next;

                list_remove(action);
                d->ops->action_free(action);
        }
}

static void drop_answers(struct driver *d)
{
        struct answer *a;

        list_for_each (a, &d->answers, link) {
                list_remove(&a->link);
                list_remove(&a->turn);
                free(a);
        }
}

/* What can still be said is said: the server need not find out by itself that we are gone. */
static void take_leave(struct driver *d)
{
        struct list last;

        list_init(&last);
        d->ops->farewell(d, &last);
        for (struct list *action = last.next; action != &last; action = action->next)
                (void)d->ops->carry_down(d, action);
        drop_actions(d, &last);
}

void driver_free(struct driver *d)
{
        take_leave(d);
        driver_close_conn(d);
        backend_done(&d->backend);
        drop_answers(d);
        drop_actions(d, &d->queue);
        rtc_join_copy_done(&d->join);
        d->timer = loop_remove(d->timer);
        if (!d->backend.running)
                d->ops->destroy(d);
}
