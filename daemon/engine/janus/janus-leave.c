/* janus-leave.c - the machine's way out: what is still said to the server, and who destroys the room.
 *
 * A room without anybody is destroyed by the last to leave it, whoever made it. Members are listed by the server; who
 * listens unseen has left a mark in the room (janus-listen.c). The leave has one deadline; whatever
 * the server does not answer until then is given up.
 */
#include "engine/janus/janus-fsm-internal.h"

#include <errno.h>

#include "base/clock.h"

void jf_last_words(struct janus_fsm *f)
{
        struct janus_request r;

        if (!f->session)
                return;
        if (f->room_created && f->n_members == 0 && f->side[HANDLE_PUB].handle) {
                r = jf_request(f, JANUS_REQ_ROOM_DESTROY, HANDLE_PUB);
                r.room = f->join.room;
                r.room_secret = f->join.room_secret;
                jf_send(f, &r, HANDLE_PUB, false);
        }
        if (f->listening && f->state != JANUS_STATE_LEAVING && f->side[HANDLE_PUB].handle)
                jf_listen_mark(f, JANUS_REQ_UNMARK, false);
        r = jf_request(f, JANUS_REQ_DESTROY, HANDLE_NONE);
        jf_send(f, &r, HANDLE_NONE, false);
}

void jf_hang_up(struct janus_fsm *f)
{
        jf_close_peer(f, HANDLE_PUB);
        jf_close_peer(f, HANDLE_SUB);
        if (f->conn)
                (void)jf_act(f, JANUS_ACT_CLOSE_CONN, NULL);
        f->conn = false;
}

void jf_finish_leave(struct janus_fsm *f)
{
        f->room_created = false; /* seen to */
        if (f->conn)
                jf_last_words(f);
        jf_hang_up(f);
        jf_succeed_leaves(f);
        jf_forget(f);
        jf_enter_state(f, JANUS_STATE_IDLE, "left");
}

void jf_leave(struct janus_fsm *f, const struct janus_event *ev)
{
        struct engine_result cancelled = { .reason = ENGINE_CANCELLED };

        jf_add_op(f, ev->op, JOP_LEAVE, false);
        if (f->state == JANUS_STATE_LEAVING)
                return;
        jf_fail_ops(f, &cancelled);
        if (f->state == JANUS_STATE_IDLE || f->state == JANUS_STATE_CONNECTING || f->state == JANUS_STATE_WAITING) {
                jf_hang_up(f);
                jf_succeed_leaves(f);
                jf_forget(f);
                if (f->state != JANUS_STATE_IDLE)
                        jf_enter_state(f, JANUS_STATE_IDLE, "left before connected");
                return;
        }
        jf_close_peer(f, HANDLE_PUB);
        jf_close_peer(f, HANDLE_SUB);
        jf_enter_state(f, JANUS_STATE_LEAVING, "leave");
        f->n_pending = 0;
        f->rejoining = false;
        f->keepalive_us = f->loss_us = f->media_us = f->hangup_us = f->sub_retry_us = LOOP_NEVER;
        f->ousted_us = f->look_us = f->poll_us = f->enter_us = f->give_up_us = f->settle_us = LOOP_NEVER;
        if (!f->enter_sent || f->join.echo) {
                jf_finish_leave(f);
                return;
        }
        f->leave_us = f->now_us + JANUS_LEAVE_TIMEOUT_US;
        if (f->listening && f->turn != TURN_SHOWING)
                jf_left(f);
        else
                jf_send_simple(f, JANUS_REQ_LEAVE, HANDLE_PUB);
}

/* We are out: who is left? A room without anybody is destroyed, whoever made it. */
void jf_left(struct janus_fsm *f)
{
        struct janus_request r = jf_request(f, JANUS_REQ_PARTICIPANTS, HANDLE_PUB);

        r.room = f->join.room;
        jf_send(f, &r, HANDLE_PUB, true);
}

void jf_left_behind(struct janus_fsm *f, const struct janus_msg *m)
{
        bool empty = m->has_participants && m->n_participants == 0;

        if (empty || f->listening)
                jf_listen_mark(f, JANUS_REQ_UNMARK, empty);
        if (!empty)
                jf_finish_leave(f);
}

void jf_left_unheard(struct janus_fsm *f, const struct janus_msg *m)
{
        struct janus_request r = jf_request(f, JANUS_REQ_ROOM_DESTROY, HANDLE_PUB);

        if (m->has_marks && m->n_marks == 0) {
                r.room = f->join.room;
                r.room_secret = f->join.room_secret;
                jf_send(f, &r, HANDLE_PUB, false);
        }
        jf_finish_leave(f);
}

int janus_fsm_farewell(struct janus_fsm *f, struct list *actions)
{
        f->actions = actions;
        f->oom = false;
        if (f->conn)
                jf_last_words(f);
        f->actions = NULL;
        return f->oom ? -ENOMEM : 0;
}
