/* janus-listen.c - being in a room unseen, and the ways between that and being a member.
 *
 * Janus announces its members and tells the news of a room to nobody else. So who is not to be seen is no member: he
 * subscribes, which anybody may, and asks for the list of members once a second. What the list does not tell:
 *
 *  - which streams there are. A publisher is subscribed to as a whole, the answer names them, and what is no sound is
 *    given back (janus-room.c).
 *  - that a stream ended and another began between two looks. What is subscribed to is asked for again after each
 *    look; Janus makes an offer only where something was missing.
 *
 * Nor does anybody see that the room is needed when the last member leaves. So each listener leaves a mark in it, by
 * which the last member knows not to destroy it (janus-leave.c). It holds the session's random number, so that it is
 * of no use to anybody where tokens are looked at after all. A listener that dies without a word leaves its mark: the
 * room then lives as long as its Janus. Without the room's secret there are no marks, and the last member's leave may
 * be the end for who listens.
 *
 * A handle that was a member's cannot be another's (425): to hide it is detached, and a fresh one attached.
 */
#include "engine/janus/janus-fsm-internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

static void look(struct janus_fsm *f)
{
        struct janus_request r = jf_request(f, JANUS_REQ_PARTICIPANTS, HANDLE_PUB);

        f->poll_us = LOOP_NEVER;
        r.room = f->join.room;
        jf_send(f, &r, HANDLE_PUB, true);
}

void jf_listen_mark(struct janus_fsm *f, enum janus_request_kind kind, bool expect)
{
        struct janus_request r = jf_request(f, kind, HANDLE_PUB);
        char mark[40];

        (void)snprintf(mark, sizeof(mark), JANUS_MARK "%" PRIx64, f->join.session_id);
        r.room = f->join.room;
        r.room_secret = f->join.room_secret;
        r.mark = mark;
        jf_send(f, &r, HANDLE_PUB, expect);
}

void jf_listen_deadline(struct janus_fsm *f)
{
        look(f);
}

/* ---- entering ---- */

void jf_listen_enter(struct janus_fsm *f)
{
        f->enter_sent = true;
        f->enter_tries++;
        jf_listen_mark(f, JANUS_REQ_MARK, true);
}

static void turned(struct janus_fsm *f, const struct engine_result *res);

/* A Janus answers each request on a thread of its own: the mark may get there before the room does. Only who has
 * left it is safe, so what comes next waits for it. Where it is refused for another reason there are no marks. */
void jf_listen_marked(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result ok = { 0 };

        if (f->state == JANUS_STATE_JOINED && f->turn == TURN_HIDING)
                turned(f, &ok);
        else if (f->state != JANUS_STATE_ENTERING)
                return;
        else if (m->kind == JANUS_ERROR && m->error_code == 426 && f->enter_tries < JANUS_ENTER_TRIES)
                jf_enter_again(f, f->now_us, "the room is not there yet");
        else
                look(f);
}

void jf_listen_entered(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result why = jf_result_of(m);
        struct engine_result odd = jf_result(ENGINE_PROTOCOL, 0, "an unexpected answer to listparticipants");

        if (m->kind == JANUS_ERROR && m->error_code == 426 && f->enter_tries < JANUS_ENTER_TRIES) {
                jf_enter_again(f, f->now_us, "the room vanished");
        } else if (m->kind == JANUS_ERROR && f->rejoining) {
                jf_rejoin_refused(f, m);
        } else if (m->kind == JANUS_ERROR) {
                jf_end(f, &why);
        } else if (!m->has_participants) {
                jf_fail(f, &odd);
        } else {
                f->stages.joined_us = f->now_us - f->start_us;
                f->listening = true;
                f->poll_us = f->now_us + JANUS_POLL_US;
                jf_room_list(f, m);
                jf_join_done(f);
        }
}

/* ---- in the room ---- */

void jf_listen_list(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result why = jf_result_of(m);

        if (!f->listening || f->turn != TURN_NONE)
                return;
        if (m->kind == JANUS_ERROR) {
                if (m->error_code == 426)
                        why = jf_result(ENGINE_ROOM_DISMISSED, 0, NULL);
                jf_fail(f, &why);
                return;
        }
        f->poll_us = f->now_us + JANUS_POLL_US;
        jf_room_list(f, m);
        f->sub_again = true;
        jf_room_sync(f);
}

/* ---- turning ---- */

static void turned(struct janus_fsm *f, const struct engine_result *res)
{
        f->turn = TURN_NONE;
        f->join.visible = !f->listening;
        for (size_t i = 0; i < f->n_ops; i++)
                if (f->ops[i].kind == JOP_VISIBLE) {
                        jf_done(f, f->ops[i].number, res);
                        break;
                }
        if (f->listening && f->side[HANDLE_PUB].handle)
                look(f);
        jf_pub_next(f);
}

static void hide(struct janus_fsm *f)
{
        struct janus_request r = jf_request(f, JANUS_REQ_DETACH, HANDLE_PUB);

        jf_close_peer(f, HANDLE_PUB);
        f->pub = PUB_NONE;
        f->publish = false;
        f->hangup_us = LOOP_NEVER;
        jf_send(f, &r, HANDLE_PUB, false);
        f->side[HANDLE_PUB].handle = 0;
        f->turn = TURN_HIDING;
        f->listening = true;
        jf_attach(f, HANDLE_PUB);
}

void jf_listen_attached(struct janus_fsm *f)
{
        if (f->turn == TURN_HIDING)
                jf_listen_mark(f, JANUS_REQ_MARK, true);
}

static void show(struct janus_fsm *f)
{
        struct janus_request r = jf_request(f, JANUS_REQ_JOIN, HANDLE_PUB);

        f->turn = TURN_SHOWING;
        f->poll_us = LOOP_NEVER;
        r.room = f->join.room;
        r.user_id = f->user;
        jf_send(f, &r, HANDLE_PUB, true);
}

void jf_listen_shown(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result why = jf_result_of(m), ok = { 0 };
        struct engine_result odd = jf_result(ENGINE_PROTOCOL, 0, "an unexpected answer to the join");
        struct engine_result dismissed = jf_result(ENGINE_ROOM_DISMISSED, 0, NULL);

        if (m->kind == JANUS_ERROR && m->error_code == 426) {
                jf_end(f, &dismissed);
        } else if (m->kind == JANUS_ERROR) {
                if (m->error_code != 436 || !jf_claim(f, &why))
                        turned(f, &why);
        } else if (m->news != JANUS_NEWS_JOINED) {
                jf_fail(f, &odd);
        } else {
                f->listening = false;
                jf_listen_mark(f, JANUS_REQ_UNMARK, false);
                jf_room_list(f, m);
                turned(f, &ok);
                jf_room_sync(f);
        }
}

void jf_listen_claimed(struct janus_fsm *f, bool is_free)
{
        if (is_free)
                show(f);
        else
                turned(f, &f->taken);
}

void jf_listen_follow(struct janus_fsm *f)
{
        f->claim_tries = 0;
        if (f->join.visible)
                show(f);
        else
                hide(f);
}

void jf_listen_turn(struct janus_fsm *f, const struct op *op)
{
        struct engine_result ok = { 0 };

        if (op->on != f->listening || f->join.echo) {
                jf_done(f, op->number, &ok);
                return;
        }
        f->join.visible = op->on;
        jf_listen_follow(f);
}
