/* operations.c - what each operation of a context checks, in the contract's order, and what it then starts.
 *
 * A join: destroyed (115910) → parameters (20000) → a room is held (21100) → consent (10200) → token (21101) → engine
 * (21102). Where the user has to be asked the request waits: a join holds the room meanwhile, and its token is judged
 * after the answer. Operations before a join are remembered as intents. Control thread; no event is emitted here.
 */
#include "app/operations.h"

#include "app/consent.h"
#include "app/manager-state.h"
#include "base/clock.h"

LOG_TOPIC("app/operations");

static struct room *room_of(struct context *c)
{
        return &c->manager->room;
}

static bool is_inside(struct context *c)
{
        return context_is_in_room(c) && room_is_in(room_of(c));
}

static void fail_params(struct context *c, struct request *rq, const struct params_detail *detail)
{
        struct result res;

        result_params(rq->api, detail->text, &res);
        request_complete(c, rq, &res);
}

static void fail_auth(struct context *c, struct request *rq)
{
        struct result res;

        result_auth_deny(rq->api, &res);
        request_complete(c, rq, &res);
}

static void set_capture(struct context *c, bool on)
{
        c->capture = on ? INTENT_ON : INTENT_OFF;
        context_changed(c, CONTEXT_AUDIO_CAPTURE);
        if (is_inside(c))
                voice_update(room_of(c));
}

static void fail_outside(struct context *c, struct request *rq)
{
        request_complete_failed(c, rq, "not in a room");
}

/* What is configured for the context's app, or NULL. */
static const struct config_app *app_of(const struct context *c)
{
        return config_find_app(c->manager->config, c->app_id);
}

/* False: not a good one; ret_res is filled. */
static bool judge_token(struct context *c, enum api api, const char *room_id, const char *user_id, const char *token,
                        struct token_life *ret_life, struct result *ret_res)
{
        const struct config_app *app = app_of(c);
        struct token_claim claim = {
                .app_id = c->app_id,
                .room_id = room_id,
                .user_id = user_id,
                .token = token,
                .app_key = app ? app->app_key : NULL,
                .engine = c->url.engine,
                .has_key_pair = app && app->livekit_api_secret,
                .now_s = c->manager->env.realtime_us() / US_PER_SEC,
        };

        if (token_judge(&claim, ret_life) == TOKEN_GOOD)
                return true;
        result_invalid_token(api, ret_res);
        return false;
}

/* ---- consent ---- */

static void on_answer(bool allowed, void *ctx);

/* What holds for the program that made the context. ASK: rq waits for the user's answer (on_answer). */
static enum consent_policy check_consent(struct context *c, struct request *rq)
{
        struct caller who = context_program(c);
        enum consent_policy p = consent_check(c->manager->consent, &who);

        if (p == CONSENT_ASK && consent_ask(c->manager->consent, &who, &rq->wait, on_answer, rq) < 0)
                p = CONSENT_DENY;
        return p;
}

static void start_held_join(struct context *c, const struct token_life *life)
{
        c->consented |= room_of(c)->auto_publish && !c->invisible;
        room_start(room_of(c), app_of(c), life);
}

static void join_allowed(struct context *c)
{
        struct room *room = room_of(c);
        struct token_life life;
        struct result res;

        if (judge_token(c, API_JOIN, room->room_id, room->user_id, room->held.token, &life, &res))
                start_held_join(c, &life);
        else
                room_refuse(room, &res);
}

static void capture_allowed(struct context *c, struct request *rq)
{
        c->consented = true;
        set_capture(c, true);
        request_complete_ok(c, rq);
}

static void on_answer(bool allowed, void *ctx)
{
        struct request *rq = ctx;
        struct context *c = rq->context;
        LOG_SCOPE(LOG_FIELD_CONTEXT, c->label);
        struct result res;

        result_auth_deny(rq->api, &res);
        if (rq->api != API_JOIN && allowed)
                capture_allowed(c, rq);
        else if (rq->api != API_JOIN)
                request_complete(c, rq, &res);
        else if (allowed)
                join_allowed(c);
        else
                room_refuse(room_of(c), &res);
}

static void join_checked(struct context *c, struct request *rq, struct params_join *p)
{
        enum consent_policy consent = CONSENT_ALLOW;
        struct room *room = room_of(c);
        struct token_life life;
        struct result res;

        if (room->state != ROOM_STATE_IDLE) {
                result_already_in_room(API_JOIN, room->user_id, room->room_id, &res);
                request_complete(c, rq, &res);
                return;
        }
        if (p->auto_publish && !c->invisible)
                consent = check_consent(c, rq);
        if (consent == CONSENT_DENY) {
                fail_auth(c, rq);
        } else if (consent == CONSENT_ASK) {
                room_hold(room, c, rq, p); /* and on_answer() */
        } else if (judge_token(c, API_JOIN, p->room_id, p->user_id, p->token, &life, &res)) {
                room_hold(room, c, rq, p);
                start_held_join(c, &life);
        } else {
                request_complete(c, rq, &res);
        }
}

static void start_join(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;
        struct params_join p;

        if (params_join(o, &p, &detail) < 0) {
                fail_params(c, rq, &detail);
                return;
        }
        join_checked(c, rq, &p);
        params_join_done(&p);
}

static void start_exit(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;
        struct result res;

        if (params_exit(o, &detail) < 0) {
                fail_params(c, rq, &detail);
                return;
        }
        if (!context_is_in_room(c)) {
                request_complete_ok(c, rq);
                return;
        }
        result_failed(API_JOIN, "room exited", &res);
        room_fail_join(room_of(c), &res);
        room_leave(room_of(c)); /* answered when the room is left */
}

/* Whoever still waits for an answer wanted it on before it was switched off. */
static void drop_waiting_captures(struct context *c)
{
        struct request *rq;

        list_for_each (rq, &c->pending, link)
                if (rq->api == API_CHANGE_AUDIO_CAPTURE && rq->wait.consent)
                        request_complete_failed(c, rq, "capture switched off");
}

static void start_capture(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;
        struct params_state p;

        if (params_capture(o, &p, &detail) < 0) {
                fail_params(c, rq, &detail);
                return;
        }
        if (!p.on) {
                drop_waiting_captures(c);
                set_capture(c, false);
                request_complete_ok(c, rq);
                return;
        }
        switch (check_consent(c, rq)) {
        case CONSENT_ALLOW: capture_allowed(c, rq); break;
        case CONSENT_DENY: fail_auth(c, rq); break;
        case CONSENT_ASK: break; /* on_answer() */
        }
}

static void start_publish(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;

        if (params_publish(o, &rq->stream, &detail) < 0) {
                fail_params(c, rq, &detail);
                return;
        }
        if (rq->stream.audio)
                c->publish = rq->stream.on ? INTENT_ON : INTENT_OFF;
        if (rq->stream.audio && is_inside(c) && !c->invisible)
                room_publish(room_of(c), rq);
        else
                request_complete_ok(c, rq);
}

/* Without asking. */
static bool is_allowed(const struct context *c)
{
        struct caller who = context_program(c);

        return consent_check(c->manager->consent, &who) == CONSENT_ALLOW;
}

/* Inside, the engine has its say; then what was asked for of one's own sound takes effect, or ends. The microphone is
 * not asked for here: without consent one is seen and silent. */
static void start_visibility(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;
        struct params_visibility p;

        if (params_visibility(o, &p, &detail) < 0) {
                fail_params(c, rq, &detail);
                return;
        }
        if (p.visible && context_is_in_room(c) && room_of(c)->auto_publish && is_allowed(c))
                c->consented = true;
        rq->visible = p.visible;
        if (is_inside(c)) {
                room_change_visibility(room_of(c), rq);
                return;
        }
        context_set_invisible(c, !p.visible);
        request_complete_ok(c, rq);
}

static void start_subscribe(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;

        if (params_subscribe(o, &rq->stream, &detail) < 0)
                fail_params(c, rq, &detail);
        else if (!is_inside(c))
                fail_outside(c, rq);
        else
                room_subscribe(room_of(c), rq);
}

static void start_update_token(struct context *c, struct request *rq, const struct options *o)
{
        const struct room *room = room_of(c);
        struct params_detail detail;
        struct params_token p;
        struct result res;

        if (params_update_token(o, &p, &detail) < 0) {
                fail_params(c, rq, &detail);
                return;
        }
        if (!is_inside(c))
                fail_outside(c, rq);
        else if (judge_token(c, rq->api, room->room_id, room->user_id, p.token, &rq->life, &res))
                room_update_token(room_of(c), rq, p.token);
        else
                request_complete(c, rq, &res);
        free(p.token);
}

static void start_send_message(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;
        struct params_message p;

        if (params_send_message(o, &p, &detail) < 0)
                fail_params(c, rq, &detail);
        else if (!is_inside(c))
                fail_outside(c, rq);
        else
                room_send_message(room_of(c), rq, &p);
}

static void start_playback_device(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;
        struct params_device p;

        if (params_playback_device(o, &p, &detail) < 0) {
                fail_params(c, rq, &detail);
                return;
        }
        (void)context_set_output_device(c, p.name); /* params.c knows what a name is */
        request_complete_ok(c, rq);
}

static void start_ans_mode(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;
        struct params_mode p;

        if (params_ans_mode(o, &p, &detail) < 0) {
                fail_params(c, rq, &detail);
                return;
        }
        context_set_ans_mode(c, p.mode);
        request_complete_ok(c, rq);
}

/* ---- the camera that is not there yet: what it is asked for is judged and remembered ---- */

static void start_video_capture(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;
        struct params_state p;

        if (params_capture(o, &p, &detail) < 0)
                fail_params(c, rq, &detail);
        else if (p.on)
                request_complete_failed(c, rq, "no camera");
        else
                request_complete_ok(c, rq);
}

static void start_switch_camera(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;
        struct params_camera p;

        if (params_switch_camera(o, &p, &detail) < 0) {
                fail_params(c, rq, &detail);
                return;
        }
        c->camera.back = p.back;
        request_complete_ok(c, rq);
}

static void start_video_encoder(struct context *c, struct request *rq, const struct options *o)
{
        struct params_detail detail;

        if (params_video_encoder(o, &c->camera.max, &detail) < 0)
                fail_params(c, rq, &detail);
        else
                request_complete_ok(c, rq);
}

static void start_destroy(struct context *c)
{
        context_destroy(c); /* the request is pending and answered when the room is left, or at once */
        manager_limit_destroyed(c->manager, c->owner);
}

void operation_start(struct context *c, struct request *rq, const struct options *o)
{
        struct result res;

        if (c->destroyed) {
                result_destroyed(rq->api, &res);
                request_complete(c, rq, &res);
                return;
        }
        log_debug("%s by %s", api_to_string(rq->api), rq->requester);
        switch (rq->api) {
        case API_JOIN: start_join(c, rq, o); break;
        case API_EXIT: start_exit(c, rq, o); break;
        case API_CHANGE_AUDIO_CAPTURE: start_capture(c, rq, o); break;
        case API_CHANGE_USER_VISIBILITY: start_visibility(c, rq, o); break;
        case API_CHANGE_STREAM_PUBLISH_STATE: start_publish(c, rq, o); break;
        case API_CHANGE_STREAM_SUBSCRIBE_STATE:
        case API_CHANGE_SCREEN_SUBSCRIBE_STATE: start_subscribe(c, rq, o); break;
        case API_UPDATE_TOKEN: start_update_token(c, rq, o); break;
        case API_SET_AUDIO_PLAYBACK_DEVICE: start_playback_device(c, rq, o); break;
        case API_CHANGE_ANS_MODE: start_ans_mode(c, rq, o); break;
        case API_CHANGE_VIDEO_CAPTURE: start_video_capture(c, rq, o); break;
        case API_SWITCH_CAMERA: start_switch_camera(c, rq, o); break;
        case API_SET_VIDEO_ENCODER_CONFIG: start_video_encoder(c, rq, o); break;
        case API_SEND_MESSAGE: start_send_message(c, rq, o); break;
        case API_DESTROY: start_destroy(c); break;
        case API_CREATE: /* not an operation of a context */
        case _API_MAX: request_complete_failed(c, rq, "not an operation"); break;
        }
}
