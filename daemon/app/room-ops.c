/* room-ops.c - operations inside a room: handed to the engine, timed, and what their success makes true.
 *
 * Control thread. A request that the engine took is found again by the number of its operation; one of our own
 * (publish_op) follows what was asked while joining. An engine that never answers costs ROOM_OP_TIMEOUT_MS.
 */
#include <stdio.h>
#include <string.h>

#include "app/manager-state.h"
#include "base/clock.h"

LOG_TOPIC("app/room-ops");

static struct loop *loop_of(const struct room *room)
{
        return room->manager->env.loop;
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

void room_check_ops(void *ctx)
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

/* ---- answers ---- */

void room_set_published(struct room *room, bool published)
{
        if (room->published == published)
                return;
        room->published = published;
        context_changed(room->context, CONTEXT_AUDIO_PUBLISHED);
        if (room->self)
                participant_update(room->self, published ? ENGINE_AUDIO : 0, 0, false);
}

/* Who is not seen is not heard: the engine has ended what was published. */
static void become(struct room *room, bool visible)
{
        room->visible = visible;
        context_set_invisible(room->context, !visible);
        if (!visible)
                room_set_published(room, false);
        room_follow_intents(room);
}

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
                room_set_published(room, rq->stream.on);
        if (rq->api == API_CHANGE_USER_VISIBILITY)
                become(room, rq->visible);
        if (rq->api == API_UPDATE_TOKEN) {
                token_clock_set(&room->token, rq->life);
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
        room_set_published(room, room->publish_on);
        voice_update(room);
}

static void finish_own_visibility(struct room *room, const struct engine_result *res)
{
        room->visible_op = 0;
        if (res->reason != ENGINE_OK) {
                log_warning("visibility did not change: %s %s", engine_reason_to_string(res->reason), res->detail);
                context_set_invisible(room->context, !room->visible);
                voice_update(room);
                return;
        }
        become(room, !room->visible);
        voice_update(room);
}

void room_op_done(struct room *room, uint32_t op, const struct engine_result *res)
{
        struct request *rq;

        if (op == room->publish_op) {
                finish_own_publish(room, res);
                return;
        }
        if (op == room->visible_op) {
                finish_own_visibility(room, res);
                return;
        }
        rq = room->context ? context_find_op(room->context, op) : NULL;
        if (rq)
                finish_request(room, rq, res);
        else
                log_debug("late answer to operation %u: %s", op, engine_reason_to_string(res->reason));
}

/* ---- operations ---- */

static void grant(struct room *room, const char *user_id, uint32_t media, bool on)
{
        int r;

        if (!(media & ENGINE_AUDIO))
                return;
        r = room->engine->ops->subscribe(room->engine, manager_next_op(room->manager), user_id, ENGINE_AUDIO, on);
        if (r < 0)
                log_warning("subscription to %s kept back: %s", user_id, strerror(-r));
}

void room_grant_wishes(struct room *room, const char *user_id)
{
        const struct wish *w = wishes_find(&room->wishes, user_id);

        if (!w)
                return;
        grant(room, user_id, w->on, true);
        grant(room, user_id, w->off, false);
}

void room_publish(struct room *room, struct request *rq)
{
        uint32_t op = manager_next_op(room->manager);

        await_engine(room, rq, op, room->engine->ops->publish(room->engine, op, ENGINE_AUDIO, rq->stream.on));
}

void room_change_visibility(struct room *room, struct request *rq)
{
        uint32_t op = manager_next_op(room->manager);

        await_engine(room, rq, op, room->engine->ops->set_visible(room->engine, op, rq->visible));
}

/* What was asked for while joining. True: publishing follows when it is done. */
static bool follow_visibility(struct room *room)
{
        int r;

        if (room->visible_op || room->context->invisible != room->visible)
                return room->visible_op != 0;
        room->visible_op = manager_next_op(room->manager);
        r = room->engine->ops->set_visible(room->engine, room->visible_op, !room->visible);
        if (r >= 0)
                return true;
        room->visible_op = 0;
        log_warning("visibility did not change: %s", strerror(-r));
        return false;
}

void room_follow_intents(struct room *room)
{
        bool wanted = context_wants_publish(room->context, room->auto_publish);
        int r;

        if (follow_visibility(room) || wanted == room->published)
                return;
        room->publish_op = manager_next_op(room->manager);
        room->publish_on = wanted;
        r = room->engine->ops->publish(room->engine, room->publish_op, ENGINE_AUDIO, wanted);
        if (r >= 0)
                return;
        room->publish_op = 0;
        log_warning("publishing did not change: %s", strerror(-r));
}

static uint32_t subscribed_media(const struct request *rq)
{
        bool screen = rq->api == API_CHANGE_SCREEN_SUBSCRIBE_STATE;

        return (rq->stream.audio ? screen ? ENGINE_SCREEN_AUDIO : ENGINE_AUDIO : 0u) |
               (rq->stream.video ? screen ? ENGINE_SCREEN_VIDEO : ENGINE_VIDEO : 0u);
}

void room_subscribe(struct room *room, struct request *rq)
{
        const struct params_stream *s = &rq->stream;
        uint32_t media = subscribed_media(rq), op;
        struct participant *p = participant_find(room->context, s->user_id);
        int r = wishes_put(&room->wishes, s->user_id, media, s->on);

        if (r < 0) {
                request_complete_failed(room->context, rq, "too many subscriptions");
                return;
        }
        if (!p || p->self || !(media & ENGINE_AUDIO)) { /* kept, and granted when there is something to grant */
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

void room_send_message(struct room *room, struct request *rq, const struct params_message *p)
{
        const struct engine_message m = { .topic = p->topic,
                                          .data = p->data,
                                          .len = p->len,
                                          .text = p->text,
                                          .reliable = p->reliable,
                                          .destinations = p->destinations,
                                          .n_destinations = p->n_destinations };
        uint32_t op = manager_next_op(room->manager);

        await_engine(room, rq, op, room->engine->ops->send_message(room->engine, op, &m));
}

void room_get_stats(struct room *room, struct request *rq)
{
        uint32_t op = manager_next_op(room->manager);

        await_engine(room, rq, op, room->engine->ops->get_stats(room->engine, op));
}
