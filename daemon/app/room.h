/* room.h - the one room of the desktop user: the engine behind it, its timers, and whose it is.
 *
 * The state changes in one place (room.c, feed()) by the table of room-fsm.h. The engine lives from the join to the
 * end of the room. `context` is who joined; it is NULL when idle, and while a room is left whose context is gone
 * already (by then the room has been closed: whatever follows is between us and the engine). Control thread.
 */
#pragma once

#include "app/context.h"
#include "app/participant.h"
#include "app/token.h"
#include "app/voice.h"
#include "app/wishes.h"

enum {
        ROOM_JOIN_TIMEOUT_MS = 20000,
        ROOM_LEAVE_TIMEOUT_MS = 5000,
        ROOM_STOP_TIMEOUT_MS = 1200,
        ROOM_OP_TIMEOUT_MS = 20000
};

struct room {
        struct manager *manager;
        enum room_state state;
        struct context *context; /* borrowed */
        char room_id[ID_MAX + 1], user_id[ID_MAX + 1];
        struct engine *engine; /* owned */
        uint32_t join_op, leave_op;
        struct request *join;    /* borrowed from the context's pending; NULL once completed */
        struct params_join held; /* of a join that waits for the user's answer; its token is NULL otherwise */
        bool auto_publish;       /* as the client asked */
        bool published;          /* the engine publishes our audio; while joining: will, once joined */
        uint32_t publish_op;     /* one of our own, without a request */
        bool publish_on;         /* what it asks for */
        bool visible;            /* as the engine has it */
        uint32_t visible_op;     /* one of our own, without a request */
        uint64_t lost_us;
        struct quality_stream sent;
        uint32_t quality_op; /* the look in flight, 0: none */
        uint64_t quality_us; /* the look before */
        struct loop_source *quality_timer;
        struct participant *self; /* NULL outside; owned while joining, then the context's */
        bool settling;            /* who is told of now was there before us */
        struct wishes wishes;
        struct token_clock token;
        struct voice voice;
        struct loop_source *deadline; /* of join and leave */
        struct loop_source *op_timer; /* of the requests in flight */
};

int room_init(struct room *room, struct manager *m);
void room_done(struct room *room);

static inline bool room_is_in(const struct room *room)
{
        return room->state == ROOM_STATE_JOINED || room->state == ROOM_STATE_RECONNECTING;
}

/* Takes the room for a join, before anything is known of its outcome: state joining, no engine yet. Takes p's token.
 */
void room_hold(struct room *room, struct context *c, struct request *rq, struct params_join *p);
/* The join that holds the room passed its checks: the engine starts. The outcome goes to its request, also that of a
 * failure here. */
void room_start(struct room *room, const struct config_app *app /* NULL: not configured */,
                const struct token_life *life);
/* It did not pass; the request gets `res`. */
void room_refuse(struct room *room, const struct result *res);
/* Leaves in whatever state; a join in flight has been completed by the caller with room_fail_join(). */
void room_leave(struct room *room);
void room_hurry(struct room *room); /* shutdown: a leave in flight gets no more than ROOM_STOP_TIMEOUT_MS */
void room_fail_join(struct room *room, const struct result *res);
/* The engine's first batch of participants is over. */
void room_settle(struct room *room);

/* ---- room-ops.c: operations inside the room, completed by the engine's answer ---- */
void room_publish(struct room *room, struct request *rq);
void room_subscribe(struct room *room, struct request *rq);
void room_change_visibility(struct room *room, struct request *rq);
void room_update_token(struct room *room, struct request *rq, const char *token);
void room_send_message(struct room *room, struct request *rq, const struct params_message *p);
void room_get_stats(struct room *room, struct request *rq);
/* Brings visibility, then what is published, in line with what the context wants. */
void room_follow_intents(struct room *room);
/* Somebody came: what was asked for them is asked of the engine. */
void room_grant_wishes(struct room *room, const char *user_id);
void room_set_published(struct room *room, bool published);
void room_op_done(struct room *room, uint32_t op, const struct engine_result *res);
void room_check_ops(void *ctx /* struct room */); /* timer: fails those that took too long */

/* ---- room-quality.c ---- */
void room_quality_begin(struct room *room);
void room_quality_end(struct room *room);
void room_quality_look(void *ctx /* struct room */);                          /* timer */
void room_quality_stats(struct room *room, const struct engine_stats *stats); /* stats NULL: there are none */
