/* room.c - carries out what the room's table decides, between the engine below and the context above. See room.h.
 *
 * Control thread. feed() is the one writer of the state. Engine events may lead to the engine being freed inside them,
 * which its contract allows; after that no event of it can come. Operations are told apart by numbers that do not
 * repeat, so an answer to something already given up is recognised and ignored.
 */
#include "app/room.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/manager-state.h"
#include "app/room-fsm.h"
#include "base/clock.h"

LOG_TOPIC("app/room");

struct wish {
        struct list link; /* in room.wishes */
        uint32_t on, off; /* masks of enum engine_media */
        char user_id[];
};

static void feed(struct room *room, enum room_event event, const struct engine_result *why);

static struct loop *loop_of(const struct room *room)
{
        return room->manager->env.loop;
}

/* ---- completions ---- */

void room_fail_join(struct room *room, const struct result *res)
{
        struct request *rq = take_ptr(room->join);

        if (rq)
                request_complete(room->context, rq, res);
}

static void fail_join_by_engine(struct room *room, const struct engine_result *why)
{
        struct result res;

        log_info("join of %s failed: %s %d %s", room->room_id, engine_reason_to_string(why->reason), why->err,
                 why->detail);
        result_engine(API_JOIN, why, &res);
        room_fail_join(room, &res);
}

/* Hands the request to the engine's answer, or completes it when the engine would not take it. */
static void await_engine(struct room *room, struct request *rq, uint32_t op, int r)
{
        struct engine_result why = { .reason = ENGINE_INTERNAL };
        struct result res;

        if (r >= 0) {
                rq->op = op;
                rq->deadline_us = loop_now_us(loop_of(room)) + ROOM_OP_TIMEOUT_MS * US_PER_MS;
                (void)loop_set_timer(room->op_timer, loop_now_us(loop_of(room)) + US_PER_SEC);
                return;
        }
        log_warning("%s refused by the engine: %s", api_to_string(rq->api), strerror(-r));
        (void)snprintf(why.detail, sizeof(why.detail), "%s", strerror(-r));
        result_engine(rq->api, &why, &res);
        request_complete(room->context, rq, &res);
}

static void on_op_timer(void *ctx)
{
        static const struct engine_result late = { .reason = ENGINE_TIMED_OUT };
        struct room *room = ctx;
        uint64_t now_us = loop_now_us(loop_of(room));
        bool more = false;
        struct request *rq;
        struct result res;

        if (!room->context)
                return;
        list_for_each (rq, &room->context->pending, link) {
                if (!rq->op || rq == room->join)
                        continue;
                if (rq->deadline_us > now_us) {
                        more = true;
                        continue;
                }
                result_engine(rq->api, &late, &res);
                request_complete(room->context, rq, &res);
        }
        if (more)
                (void)loop_set_timer(room->op_timer, now_us + US_PER_SEC);
}

/* ---- subscriptions asked for ---- */

static struct wish *find_wish(const struct room *room, const char *user_id)
{
        struct wish *w;

        list_for_each (w, &room->wishes, link)
                if (strcmp(w->user_id, user_id) == 0)
                        return w;
        return NULL;
}

static int add_wish(struct room *room, const char *user_id, struct wish **ret)
{
        size_t len = strlen(user_id) + 1;
        struct wish *w;

        if (room->n_wishes == ROOM_MAX_WISHES)
                return -ENOBUFS;
        w = calloc(1, sizeof(*w) + len);
        if (!w)
                return -ENOMEM;
        memcpy(w->user_id, user_id, len);
        list_append(&room->wishes, &w->link);
        room->n_wishes++;
        *ret = w;
        return 0;
}

static int make_wish(struct room *room, const char *user_id, uint32_t media, bool on)
{
        struct wish *w = find_wish(room, user_id);
        int r = w ? 0 : add_wish(room, user_id, &w);

        if (r < 0)
                return r;
        w->on = on ? w->on | media : w->on & ~media;
        w->off = on ? w->off & ~media : w->off | media;
        return 0;
}

static void forget_wishes(struct room *room)
{
        struct wish *w;

        list_for_each (w, &room->wishes, link) {
                list_remove(&w->link);
                free(w);
        }
        room->n_wishes = 0;
}

static void grant(struct room *room, const char *user_id, uint32_t media, bool on)
{
        int r;

        if (!(media & ENGINE_AUDIO))
                return;
        r = room->engine->ops->subscribe(room->engine, manager_next_op(room->manager), user_id, ENGINE_AUDIO, on);
        if (r < 0)
                log_warning("subscription to %s kept back: %s", user_id, strerror(-r));
}

/* Somebody came for whom a subscription was asked. */
static void grant_wishes(struct room *room, const char *user_id)
{
        const struct wish *w = find_wish(room, user_id);

        if (!w)
                return;
        grant(room, user_id, w->on, true);
        grant(room, user_id, w->off, false);
}

/* ---- what the table asks for ---- */

static void set_published(struct room *room, bool published)
{
        if (room->published == published)
                return;
        room->published = published;
        context_changed(room->context, CONTEXT_AUDIO_PUBLISHED);
        if (room->self)
                participant_update(room->self, published ? ENGINE_AUDIO : 0, 0, false);
}

/* Everybody leaves, ourselves too: who never entered is freed here, the others when it has been told. */
static void dismiss(struct room *room)
{
        struct participant *p, *self = take_ptr(room->self);

        if (self && list_is_empty(&self->link))
                participant_free(self);
        list_for_each (p, &room->context->participants, link)
                participant_leave(p);
}

static void do_close(struct room *room)
{
        struct context *c = room->context;

        voice_close(room);
        token_clock_set(&room->token, 0);
        forget_wishes(room);
        room->settling = false;
        set_published(room, false);
        context_fail_ops(c, "room exited");
        dismiss(room);
        c->capture_auto = false;
        context_changed(c, CONTEXT_TOKEN_EXPIRES_AT | CONTEXT_AUDIO_CAPTURE);
}

static void do_leave(struct room *room)
{
        unsigned ms = room->manager->stopping ? ROOM_STOP_TIMEOUT_MS : ROOM_LEAVE_TIMEOUT_MS;
        int r;

        room->leave_op = manager_next_op(room->manager);
        (void)loop_set_timer(room->deadline, loop_now_us(loop_of(room)) + ms * US_PER_MS);
        r = room->engine->ops->leave(room->engine, room->leave_op);
        if (r >= 0)
                return;
        log_warning("leaving without the server's word: %s", strerror(-r));
        (void)loop_set_timer(room->deadline, 0);
}

static void do_drop(struct room *room)
{
        struct engine *e = take_ptr(room->engine);

        (void)loop_set_timer(room->deadline, LOOP_NEVER);
        room->join_op = room->leave_op = room->publish_op = 0;
        if (e)
                e->ops->free(e);
}

static void do_enter(struct room *room)
{
        struct context *c = room->context;
        struct request *rq = take_ptr(room->join);

        (void)loop_set_timer(room->deadline, LOOP_NEVER);
        room->settling = true;
        participant_enter(room->self, NULL);
        if (room->published)
                participant_update(room->self, ENGINE_AUDIO, 0, false);
        if (rq)
                request_complete_ok(c, rq);
        c->capture_auto = room->auto_publish;
        token_clock_set(&room->token, room->token.expires_at);
        context_changed(c, CONTEXT_AUDIO_PUBLISHED | CONTEXT_AUDIO_CAPTURE);
        room_follow_intents(room);
}

static void tell_state(struct room *room, int err_no, const char *text, const struct state_data *data)
{
        struct queued_event ev = { .kind = QUEUED_STATE, .err_no = err_no, .text = text };

        if (data)
                ev.data = *data;
        context_queue(room->context, &ev);
}

static void do_tell_lost(struct room *room)
{
        room->lost_us = loop_now_us(loop_of(room));
        tell_state(room, 0, "reconnecting", &(struct state_data){ .has_join = true });
}

static void do_tell_back(struct room *room)
{
        uint64_t ms = (loop_now_us(loop_of(room)) - room->lost_us) / US_PER_MS;

        tell_state(room, 0, "rejoined",
                   &(struct state_data){ .has_join = true, .elapsed_ms = (uint32_t)ms, .join_type = 1 });
}

static void do_interrupt(struct room *room, const struct engine_result *why)
{
        const char *text;
        int code = result_interrupted(why->reason, &text);

        log_info("room %s ended: %s %s", room->room_id, engine_reason_to_string(why->reason), why->detail);
        if (code == 0)
                return;
        if (why->reason == ENGINE_TOKEN_EXPIRED)
                tell_state(room, 21108, "token expired", NULL);
        tell_state(room, code, text, NULL);
        context_queue(room->context,
                      &(struct queued_event){ .kind = QUEUED_INTERRUPTED, .err_no = code, .text = text });
}

static void do_vacate(struct room *room)
{
        struct context *c = take_ptr(room->context);

        room->self = participant_free(room->self); /* of a join that failed */
        room->published = false;
        token_clock_set(&room->token, 0);
        room->room_id[0] = room->user_id[0] = '\0';
        if (!c)
                return;
        context_changed(c, CONTEXT_ROOM_ID | CONTEXT_USER_ID | CONTEXT_TOKEN_EXPIRES_AT);
        context_room_left(c);
}

static void enter_state(struct room *room, enum room_state next, enum room_event event)
{
        log_info("room %s: %s → %s (%s)", room->room_id, room_state_to_string(room->state), room_state_to_string(next),
                 room_event_to_string(event));
        room->state = next;
        room->manager->room_dirty = true;
        manager_mark(room->manager);
        if (room->context)
                context_changed(room->context, CONTEXT_STATE);
}

/* `why` is read for ENDED and for a join that failed. */
static void feed(struct room *room, enum room_event event, const struct engine_result *why)
{
        LOG_SCOPE(LOG_FIELD_ROOM, room->room_id);
        LOG_SCOPE(LOG_FIELD_CONTEXT, room->context ? room->context->label : NULL);
        struct room_step step;

        if (!room_fsm_step(room->state, event, &step)) {
                log_debug("%s means nothing while %s", room_event_to_string(event), room_state_to_string(room->state));
                return;
        }
        enter_state(room, step.next, event);
        if (step.actions & ROOM_DO_FAIL_JOIN)
                fail_join_by_engine(room, why);
        if (step.actions & ROOM_DO_CLOSE)
                do_close(room);
        if (step.actions & ROOM_DO_LEAVE)
                do_leave(room);
        if (step.actions & ROOM_DO_DROP)
                do_drop(room);
        if (step.actions & ROOM_DO_ENTER)
                do_enter(room);
        if (step.actions & ROOM_DO_TELL_LOST)
                do_tell_lost(room);
        if (step.actions & ROOM_DO_TELL_BACK)
                do_tell_back(room);
        if (step.actions & ROOM_DO_INTERRUPT)
                do_interrupt(room, why);
        if (step.actions & ROOM_DO_VACATE)
                do_vacate(room);
        if (room_is_in(room))
                voice_update(room);
}

/* ---- from the engine ---- */

static void finish_request(struct room *room, struct request *rq, const struct engine_result *res)
{
        struct context *c = room->context;
        struct result failed;

        if (res->reason != ENGINE_OK) {
                result_engine(rq->api, res, &failed);
                request_complete(c, rq, &failed);
                return;
        }
        if (rq->api == API_CHANGE_STREAM_PUBLISH_STATE)
                set_published(room, rq->stream.on);
        if (rq->api == API_UPDATE_TOKEN) {
                token_clock_set(&room->token, rq->expires_at);
                context_changed(c, CONTEXT_TOKEN_EXPIRES_AT);
        }
        request_complete_ok(c, rq);
        voice_update(room);
}

static void finish_own_publish(struct room *room, const struct engine_result *res)
{
        room->publish_op = 0;
        if (res->reason != ENGINE_OK) {
                log_warning("publishing did not change: %s %s", engine_reason_to_string(res->reason), res->detail);
                return;
        }
        set_published(room, room->publish_on);
        voice_update(room);
}

static void on_op_done(uint32_t op, const struct engine_result *res, void *ctx)
{
        struct room *room = ctx;
        struct request *rq;

        if (op == room->join_op) {
                room->join_op = 0;
                feed(room, res->reason == ENGINE_OK ? ROOM_JOIN_OK : ROOM_JOIN_FAILED, res);
                return;
        }
        if (op == room->leave_op) {
                feed(room, ROOM_LEFT, res);
                return;
        }
        if (op == room->publish_op) {
                finish_own_publish(room, res);
                return;
        }
        rq = room->context ? context_find_op(room->context, op) : NULL;
        if (rq)
                finish_request(room, rq, res);
        else
                log_debug("late answer to operation %u: %s", op, engine_reason_to_string(res->reason));
}

static void on_state(enum engine_state state, const struct engine_result *why, void *ctx)
{
        struct room *room = ctx;

        switch (state) {
        case ENGINE_STATE_IDLE: feed(room, ROOM_ENDED, why); break;
        case ENGINE_STATE_JOINED: feed(room, ROOM_BACK, why); break;
        case ENGINE_STATE_RECONNECTING: feed(room, ROOM_LOST, why); break;
        case ENGINE_STATE_JOINING: /* these two are the engine's own business */
        case ENGINE_STATE_LEAVING:
        case _ENGINE_STATE_MAX: break;
        }
}

static void add_participant(struct room *room, const struct engine_participant *ep)
{
        struct context *c = room->context;
        struct participant *p;
        int r;

        if (!params_is_id(ep->user_id) || c->n_participants >= CONTEXT_MAX_PARTICIPANTS) {
                log_every_second(LOG_LEVEL_WARNING, "participant ignored: no valid id, or too many");
                return;
        }
        r = participant_new(c, ep->user_id, false, &p);
        if (r < 0) {
                log_warning("participant %s ignored: %s", ep->user_id, strerror(-r));
                return;
        }
        participant_enter(p, room->settling ? room->self : NULL);
        participant_update(p, ep->published, ep->subscribed, ep->audio_muted);
        grant_wishes(room, ep->user_id);
}

static void on_participant(enum engine_change change, const struct engine_participant *ep, void *ctx)
{
        struct room *room = ctx;
        struct participant *p;

        if (!room_is_in(room) || strcmp(ep->user_id, room->user_id) == 0)
                return;
        p = participant_find(room->context, ep->user_id);
        switch (change) {
        case ENGINE_PARTICIPANT_JOINED:
        case ENGINE_PARTICIPANT_UPDATED:
                if (p)
                        participant_update(p, ep->published, ep->subscribed, ep->audio_muted);
                else
                        add_participant(room, ep);
                break;
        case ENGINE_PARTICIPANT_LEFT:
                if (p)
                        participant_leave(p);
                break;
        }
}

static void on_speaking(const char *user_id, bool speaking, void *ctx)
{
        struct room *room = ctx;
        struct participant *p;

        if (!room_is_in(room))
                return;
        p = user_id[0] ? participant_find(room->context, user_id) : room->self;
        if (p)
                participant_set_speaking(p, speaking);
}

static void on_stats(uint32_t op, const struct engine_stats *stats, void *ctx)
{
        struct room *room = ctx;
        struct request *rq = room->context ? context_find_op(room->context, op) : NULL;
        context_stats_fn done;
        void *done_ctx;

        if (!rq)
                return;
        done = rq->stats_done;
        done_ctx = rq->stats_ctx;
        room->context->n_requests--;
        request_free(rq);
        done(stats, done_ctx);
}

static const struct engine_events engine_events = { 0, on_op_done, on_state, on_participant, on_speaking, on_stats };

/* ---- timers ---- */

static void on_deadline(void *ctx)
{
        static const struct engine_result late = { .reason = ENGINE_TIMED_OUT };

        feed(ctx, ROOM_TIMEOUT, &late);
}

static void on_will_expire(void *ctx)
{
        struct room *room = ctx;

        if (room_is_in(room))
                context_queue(room->context, &(struct queued_event){ .kind = QUEUED_TOKEN_WILL_EXPIRE, .text = "" });
}

static void on_expired(void *ctx)
{
        static const struct engine_result why = { .reason = ENGINE_TOKEN_EXPIRED };

        feed(ctx, ROOM_ENDED, &why);
}

/* ---- from above ---- */

static int start_engine(struct room *room, const struct params_join *p, const char *app_key)
{
        struct manager *m = room->manager;
        struct context *c = room->context;
        const struct engine_ops *ops = engine_find(&c->url);
        struct engine_join params = {
                .app_id = c->app_id,
                .room_id = p->room_id,
                .user_id = p->user_id,
                .token = p->token,
                .app_key = app_key,
                .auto_publish = room->published,
                .auto_subscribe = p->auto_subscribe,
                .voice = m->config->voice,
                .ice_servers = m->config->ice_servers,
                .n_ice_servers = m->config->n_ice_servers,
                .relay_only = m->config->ice_relay_only,
        };
        int r;

        if (!ops)
                return -EOPNOTSUPP;
        r = participant_new(c, p->user_id, true, &room->self);
        if (r >= 0)
                r = engine_new(ops, m->env.engine_env, &c->url, &engine_events, room, &room->engine);
        if (r < 0)
                return r;
        room->join_op = manager_next_op(m);
        return room->engine->ops->join(room->engine, room->join_op, &params);
}

void room_join(struct room *room, struct context *c, struct request *rq, const struct params_join *p,
               const char *app_key, uint64_t expires_at)
{
        struct engine_result why = { .reason = ENGINE_INTERNAL };
        int r;

        assert(room->state == ROOM_STATE_IDLE);
        room->context = c;
        room->join = rq;
        memcpy(room->room_id, p->room_id, sizeof(room->room_id));
        memcpy(room->user_id, p->user_id, sizeof(room->user_id));
        room->auto_publish = p->auto_publish;
        room->published = context_wants_publish(c, p->auto_publish);
        room->token.expires_at = expires_at;
        feed(room, ROOM_JOIN, NULL);
        context_changed(c, CONTEXT_ROOM_ID | CONTEXT_USER_ID | CONTEXT_TOKEN_EXPIRES_AT);
        (void)loop_set_timer(room->deadline, loop_now_us(loop_of(room)) + ROOM_JOIN_TIMEOUT_MS * US_PER_MS);
        r = start_engine(room, p, app_key);
        if (r >= 0)
                return;
        if (r == -EOPNOTSUPP)
                why.reason = ENGINE_UNSUPPORTED;
        (void)snprintf(why.detail, sizeof(why.detail), "%s", strerror(-r));
        feed(room, ROOM_JOIN_FAILED, &why);
}

void room_leave(struct room *room)
{
        feed(room, ROOM_LEAVE, NULL);
}

void room_hurry(struct room *room)
{
        if (room->state == ROOM_STATE_LEAVING)
                (void)loop_set_timer(room->deadline, loop_now_us(loop_of(room)) + ROOM_STOP_TIMEOUT_MS * US_PER_MS);
}

void room_settle(struct room *room)
{
        room->settling = false;
}

void room_publish(struct room *room, struct request *rq)
{
        uint32_t op = manager_next_op(room->manager);

        await_engine(room, rq, op, room->engine->ops->publish(room->engine, op, ENGINE_AUDIO, rq->stream.on));
}

void room_follow_intents(struct room *room)
{
        bool wanted = context_wants_publish(room->context, room->auto_publish);
        int r;

        if (wanted == room->published)
                return;
        room->publish_op = manager_next_op(room->manager);
        room->publish_on = wanted;
        r = room->engine->ops->publish(room->engine, room->publish_op, ENGINE_AUDIO, wanted);
        if (r >= 0)
                return;
        room->publish_op = 0;
        log_warning("publishing did not change: %s", strerror(-r));
}

void room_subscribe(struct room *room, struct request *rq)
{
        const struct params_stream *s = &rq->stream;
        uint32_t media = (s->audio ? ENGINE_AUDIO : 0u) | (s->video ? ENGINE_VIDEO : 0u), op;
        struct participant *p = participant_find(room->context, s->user_id);
        int r = make_wish(room, s->user_id, media, s->on);

        if (r < 0) {
                request_complete_failed(room->context, rq, "too many subscriptions");
                return;
        }
        if (!p || p->self || !s->audio) { /* kept, and granted when there is something to grant */
                request_complete_ok(room->context, rq);
                return;
        }
        op = manager_next_op(room->manager);
        await_engine(room, rq, op, room->engine->ops->subscribe(room->engine, op, s->user_id, ENGINE_AUDIO, s->on));
}

void room_update_token(struct room *room, struct request *rq, const char *token)
{
        uint32_t op = manager_next_op(room->manager);

        await_engine(room, rq, op, room->engine->ops->update_token(room->engine, op, token));
}

void room_get_stats(struct room *room, struct request *rq)
{
        uint32_t op = manager_next_op(room->manager);

        await_engine(room, rq, op, room->engine->ops->get_stats(room->engine, op));
}

int room_init(struct room *room, struct manager *m)
{
        struct loop *l = m->env.loop;
        int r;

        room->manager = m;
        list_init(&room->wishes);
        r = loop_add_timer(l, LOOP_NEVER, on_deadline, room, &room->deadline);
        if (r >= 0)
                r = loop_add_timer(l, LOOP_NEVER, on_op_timer, room, &room->op_timer);
        if (r >= 0)
                r = token_clock_init(&room->token, l, m->env.realtime_us);
        room->token.will_expire = on_will_expire;
        room->token.expired = on_expired;
        room->token.ctx = room;
        return r;
}

void room_done(struct room *room)
{
        if (!room->manager) /* room_init() was not reached */
                return;
        voice_close(room);
        if (room->context)
                dismiss(room); /* the ports come back before the engine goes */
        if (room->engine)
                room->engine->ops->free(take_ptr(room->engine));
        forget_wishes(room);
        token_clock_done(&room->token);
        room->deadline = loop_remove(room->deadline);
        room->op_timer = loop_remove(room->op_timer);
}
