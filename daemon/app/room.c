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

#include "app/levels.h"
#include "app/manager-state.h"
#include "app/messages.h"
#include "app/room-fsm.h"
#include "base/clock.h"

LOG_TOPIC("app/room");

enum { NO_PUBLISH_PERMISSION = -1002 }; /* of the engine codes */

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

        if (!room->join)
                return; /* told already */
        log_info("join of %s failed: %s %d %s", room->room_id, engine_reason_to_string(why->reason), why->err,
                 why->detail);
        result_engine(API_JOIN, why, &res);
        room_fail_join(room, &res);
}

/* ---- what the table asks for ---- */

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

        context_stop_talking(c);
        levels_follow_room(c);
        voice_close(room);
        token_clock_set(&room->token, (struct token_life){ 0 });
        wishes_clear(&room->wishes);
        room_quality_end(room);
        room->publish_op = room->visible_op = 0; /* what they answer now is of no room any more */
        room->settling = false;
        room_set_published(room, false);
        context_fail_ops(c, "room exited");
        dismiss(room);
        c->capture_auto = false;
        context_changed(c, CONTEXT_TOKEN_EXPIRES_AT | CONTEXT_AUDIO_CAPTURE);
}

static void do_leave(struct room *room)
{
        unsigned ms = room->manager->stopping ? ROOM_STOP_TIMEOUT_MS : ROOM_LEAVE_TIMEOUT_MS;
        int r;

        if (!room->engine) { /* nothing has begun: left in the next turn */
                (void)loop_set_timer(room->deadline, 0);
                return;
        }
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
        room->join_op = room->leave_op = room->publish_op = room->visible_op = 0;
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
        token_clock_set(&room->token, room->token.life);
        context_changed(c, CONTEXT_AUDIO_PUBLISHED | CONTEXT_AUDIO_CAPTURE);
        room_follow_intents(room);
        room_quality_begin(room);
        levels_follow_room(c);
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
        struct participant *p;

        list_for_each (p, &room->context->participants, link)
                participant_set_speaking(p, false);
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
        params_join_done(&room->held);
        room->published = false;
        token_clock_set(&room->token, (struct token_life){ 0 });
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

static void on_op_done(uint32_t op, const struct engine_result *res, void *ctx)
{
        struct room *room = ctx;

        if (op == room->join_op) {
                room->join_op = 0;
                feed(room, res->reason == ENGINE_OK ? ROOM_JOIN_OK : ROOM_JOIN_FAILED, res);
                return;
        }
        if (op == room->leave_op) {
                feed(room, ROOM_LEFT, res);
                return;
        }
        room_op_done(room, op, res);
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

/* Silence has a reason that the user can do something about. */
static void tell_encryption(struct room *room, const struct participant *p, enum e2ee_state was)
{
        struct state_data data = { 0 };

        if (!e2ee_state_is_bad(was) && !e2ee_state_is_bad(p->encryption))
                return;
        if (!e2ee_state_is_bad(p->encryption) && !(p->subscribed & ENGINE_AUDIO))
                return; /* not better, only no longer there to be heard */
        memcpy(data.user_id, p->user_id, strlen(p->user_id) + 1);
        if (e2ee_state_is_bad(p->encryption))
                tell_state(room, 21109, e2ee_state_to_string(p->encryption), &data);
        else
                tell_state(room, 0, "decrypted", &data);
}

static void follow_encryption(struct room *room, struct participant *p, enum e2ee_state now)
{
        enum e2ee_state was = p->encryption;

        if (was == now)
                return;
        log_info("sound of %s: encryption: %s", p->user_id, e2ee_state_to_string(now));
        p->encryption = now;
        participant_changed(p, PARTICIPANT_ENCRYPTION);
        tell_encryption(room, p, was);
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
        participant_describe(p, ep);
        participant_update(p, ep->published, ep->subscribed, ep->audio_muted);
        follow_encryption(room, p, ep->encryption);
        room_grant_wishes(room, ep->user_id);
}

static void on_participant(enum engine_change change, const struct engine_participant *ep, void *ctx)
{
        struct room *room = ctx;
        struct participant *p;

        if (!room_is_in(room))
                return;
        if (strcmp(ep->user_id, room->user_id) == 0) {
                if (change == ENGINE_PARTICIPANT_UPDATED)
                        participant_describe(room->self, ep);
                return;
        }
        p = participant_find(room->context, ep->user_id);
        switch (change) {
        case ENGINE_PARTICIPANT_JOINED:
        case ENGINE_PARTICIPANT_UPDATED:
                if (!p) {
                        add_participant(room, ep);
                        break;
                }
                participant_describe(p, ep);
                participant_update(p, ep->published, ep->subscribed, ep->audio_muted);
                follow_encryption(room, p, ep->encryption);
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

        if (op == room->quality_op)
                room_quality_stats(room, stats);
        if (!rq)
                return;
        done = rq->stats_done;
        done_ctx = rq->stats_ctx;
        room->context->n_requests--;
        request_free(rq);
        done(stats, done_ctx);
}

static void on_message(const struct engine_message *m, void *ctx)
{
        struct room *room = ctx;

        if (!room_is_in(room))
                return;
        if (m->user_id && !params_is_id(m->user_id))
                log_every_second(LOG_LEVEL_WARNING, "message ignored: its sender has no valid id");
        else
                messages_add(room->context, m);
}

static void on_microphone(enum engine_microphone what, void *ctx)
{
        struct room *room = ctx;

        if (!room_is_in(room))
                return;
        switch (what) {
        case ENGINE_MICROPHONE_MUTED: context_set_muted(room->context, true); break;
        case ENGINE_MICROPHONE_WITHDRAWN:
                room_set_published(room, false);
                tell_state(room, NO_PUBLISH_PERMISSION, "publishing not permitted", NULL);
                break;
        case ENGINE_MICROPHONE_PERMITTED: tell_state(room, 0, "publishing permitted", NULL); break;
        }
}

static const struct engine_events engine_events = { 0,           on_op_done, on_state,   on_participant,
                                                    on_speaking, on_stats,   on_message, on_microphone };

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

static int start_engine(struct room *room, const struct params_join *p, const struct config_app *app)
{
        struct manager *m = room->manager;
        struct context *c = room->context;
        const struct engine_ops *ops = engine_find(&c->url);
        struct engine_join params = {
                .app_id = c->app_id,
                .room_id = p->room_id,
                .user_id = p->user_id,
                .token = p->token,
                .app_key = app ? app->app_key : NULL,
                .api_key = app ? app->livekit_api_key : NULL,
                .api_secret = app ? app->livekit_api_secret : NULL,
                .auto_publish = room->published,
                .visible = room->visible,
                .muted = c->muted,
                .auto_subscribe = p->auto_subscribe,
                .voice = m->config->voice,
                .ice_servers = m->config->ice_servers,
                .n_ice_servers = m->config->n_ice_servers,
                .relay_only = m->config->ice_relay_only,
                .reconnect_s = m->config->reconnect_s,
        };
        _cleanup_(e2ee_keys_unrefp) struct e2ee_keys *e2ee = NULL;
        int r;

        if (!ops)
                return -EOPNOTSUPP;
        r = p->e2ee_key ? e2ee_keys_new(p->e2ee_key, &e2ee) : 0;
        if (r < 0)
                return r;
        params.e2ee = e2ee;
        r = participant_new(c, p->user_id, true, &room->self);
        if (r >= 0)
                r = engine_new(ops, m->env.engine_env, &c->url, &engine_events, room, &room->engine);
        if (r < 0)
                return r;
        room->self->encryption = e2ee ? E2EE_OK : E2EE_NONE;
        room->join_op = manager_next_op(m);
        return room->engine->ops->join(room->engine, room->join_op, &params);
}

void room_hold(struct room *room, struct context *c, struct request *rq, struct params_join *p)
{
        assert(room->state == ROOM_STATE_IDLE);
        room->context = c;
        room->join = rq;
        room->held = *p;
        p->token = p->e2ee_key = NULL;
        memcpy(room->room_id, p->room_id, sizeof(room->room_id));
        memcpy(room->user_id, p->user_id, sizeof(room->user_id));
        room->auto_publish = p->auto_publish;
        feed(room, ROOM_JOIN, NULL);
        context_changed(c, CONTEXT_ROOM_ID | CONTEXT_USER_ID);
}

void room_start(struct room *room, const struct config_app *app, const struct token_life *life)
{
        struct engine_result why = { .reason = ENGINE_INTERNAL };
        struct context *c = room->context;
        int r;

        room->published = context_wants_publish(c, room->auto_publish) && !life->only_listens;
        room->visible = !c->invisible;
        room->token.life = *life;
        context_changed(c, CONTEXT_TOKEN_EXPIRES_AT);
        (void)loop_set_timer(room->deadline, loop_now_us(loop_of(room)) + ROOM_JOIN_TIMEOUT_MS * US_PER_MS);
        r = start_engine(room, &room->held, app);
        params_join_done(&room->held);
        if (r >= 0)
                return;
        if (r == -EOPNOTSUPP) /* this daemon has no such engine */
                why.reason = ENGINE_UNSUPPORTED;
        else
                (void)snprintf(why.detail, sizeof(why.detail), "%s", strerror(-r));
        feed(room, ROOM_JOIN_FAILED, &why);
}

void room_refuse(struct room *room, const struct result *res)
{
        static const struct engine_result why = { .reason = ENGINE_CANCELLED };

        room_fail_join(room, res);
        feed(room, ROOM_JOIN_FAILED, &why);
}

void room_leave(struct room *room)
{
        feed(room, ROOM_LEAVE, NULL);
}

void room_hurry(struct room *room)
{
        if (room->state == ROOM_STATE_LEAVING && room->engine)
                (void)loop_set_timer(room->deadline, loop_now_us(loop_of(room)) + ROOM_STOP_TIMEOUT_MS * US_PER_MS);
}

void room_settle(struct room *room)
{
        room->settling = false;
}

int room_init(struct room *room, struct manager *m)
{
        struct loop *l = m->env.loop;
        int r;

        room->manager = m;
        wishes_init(&room->wishes);
        r = loop_add_timer(l, LOOP_NEVER, on_deadline, room, &room->deadline);
        if (r >= 0)
                r = loop_add_timer(l, LOOP_NEVER, room_check_ops, room, &room->op_timer);
        if (r >= 0)
                r = loop_add_timer(l, LOOP_NEVER, room_quality_look, room, &room->quality_timer);
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
        params_join_done(&room->held);
        wishes_clear(&room->wishes);
        token_clock_done(&room->token);
        room->deadline = loop_remove(room->deadline);
        room->op_timer = loop_remove(room->op_timer);
        room->quality_timer = loop_remove(room->quality_timer);
}
