/* janus-rejoin.c - a lost connection is not the end: the machine's way back into the room.
 *
 * A room is lost when the connection closes, a request stays without answer, the server knows our session no more or a
 * transport fails. Whatever belongs to the connection is dropped then, and everything is tried again on a new one, at
 * once first and with growing pauses after that, until `give_up_us`. A reason that will not heal ends the room at
 * once.
 *
 * The server may still have the session of before, and in the room a ghost of ours with it. A new connection claims
 * and destroys what sessions there may be before it asks for one of the next number (the same number could fall to a
 * word that arrives late over the old connection). The ghost goes a moment later, so the id may seem taken for that
 * long; when it stays taken, somebody else joined as this user meanwhile, and he wins.
 */
#include "engine/janus/janus-fsm-internal.h"

#include "base/clock.h"
#include "engine/backoff.h"

static bool heals(const struct engine_result *why)
{
        switch (why->reason) {
        case ENGINE_SERVER_GONE:
        case ENGINE_UNREACHABLE:
        case ENGINE_TIMED_OUT:
        case ENGINE_ROOM_FULL:
        case ENGINE_SERVER_ERROR:
        case ENGINE_MEDIA_FAILED: return true;
        case ENGINE_OK:
        case ENGINE_INVALID_TOKEN:
        case ENGINE_DUPLICATE_LOGIN:
        case ENGINE_KICKED:
        case ENGINE_TOKEN_EXPIRED:
        case ENGINE_ROOM_DISMISSED:
        case ENGINE_NOT_INSTALLED:
        case ENGINE_NO_ADDRESS:
        case ENGINE_CANCELLED:
        case ENGINE_REFUSED:
        case ENGINE_PROTOCOL:
        case ENGINE_UNSUPPORTED:
        case ENGINE_CONGESTED:
        case ENGINE_INTERNAL:
        case _ENGINE_REASON_MAX: break;
        }
        return false;
}

static void begin(struct janus_fsm *f, const struct engine_result *why)
{
        struct janus_action *a;

        jf_pub_keep(f);
        f->rejoining = true;
        f->give_up_us = f->now_us + f->join.reconnect_us;
        f->start_us = f->now_us;
        f->stages = (struct engine_stages){ 0 };
        if (f->now_us - f->back_us > JANUS_STABLE_US)
                f->attempts = 0;
        a = jf_act(f, JANUS_ACT_STATE, NULL);
        a->state = ENGINE_STATE_RECONNECTING;
        a->result = *why;
}

static void lose(struct janus_fsm *f, const struct engine_result *why)
{
        if (!f->rejoining)
                begin(f, why);
        f->room_created = false; /* it is no longer for us to tidy up: others may be in it */
        if (f->conn)
                jf_last_words(f);
        jf_hang_up(f);
        jf_forget_link(f);
        f->failure = *why;
        f->retry_us = f->now_us + backoff_pause_us(f->attempts, f->join.session_id);
        f->attempts++;
        jf_enter_state(f, JANUS_STATE_WAITING, engine_reason_to_string(why->reason));
}

void jf_fail(struct janus_fsm *f, const struct engine_result *why)
{
        struct engine_result gone = jf_result(ENGINE_SERVER_GONE, 0, why->detail);
        bool in_room = f->state == JANUS_STATE_JOINED || (f->rejoining && f->state != JANUS_STATE_OUSTED);

        if (f->state == JANUS_STATE_WAITING) /* news of the connection that was given up */
                return;
        if (why->reason == ENGINE_TIMED_OUT)
                (void)jf_act(f, JANUS_ACT_UNANSWERED, NULL);
        if (!in_room || !heals(why))
                jf_end(f, why);
        else if (f->join.reconnect_us > 0)
                lose(f, why);
        else
                jf_end(f, why->reason == ENGINE_TIMED_OUT ? &gone : why);
}

void jf_lost(struct janus_fsm *f, const char *what)
{
        if (f->loss_us != LOOP_NEVER)
                return;
        f->loss = jf_result(ENGINE_MEDIA_FAILED, 0, what);
        f->loss_us = f->now_us + JANUS_LOSS_GRACE_US;
}

/* ---- the way back ---- */

static void bury(struct janus_fsm *f, enum janus_request_kind kind, uint64_t session_id)
{
        struct janus_request r = jf_request(f, kind, HANDLE_NONE);

        r.session_id = session_id;
        jf_send(f, &r, HANDLE_NONE, false);
}

/* Both requests are refused (458) where a session is gone already. The offer is made now, not before: without a
 * network it would have had no addresses in it. */
void jf_rejoin_greet(struct janus_fsm *f)
{
        uint64_t next = f->join.session_id + 1;

        if (f->first_ghost + JANUS_GHOSTS < next)
                f->first_ghost = next - JANUS_GHOSTS;
        for (uint64_t id = f->first_ghost; id < next; id++) {
                bury(f, JANUS_REQ_CLAIM, id);
                bury(f, JANUS_REQ_DESTROY, id);
        }
        f->join.session_id = next;
        if (f->publish)
                jf_pub_start(f);
}

void jf_rejoin_refused(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result duplicate = jf_result(ENGINE_DUPLICATE_LOGIN, 0, m->error_text);
        struct engine_result dismissed = jf_result(ENGINE_ROOM_DISMISSED, 0, m->error_text), why = jf_result_of(m);

        if (m->error_code == 436 && f->ghost_tries++ < JANUS_GHOST_TRIES)
                jf_enter_again(f, f->now_us + JANUS_GHOST_RETRY_US, "our id is in use");
        else if (m->error_code == 436)
                jf_end(f, &duplicate);
        else if (m->error_code == 426 && f->now_us - f->start_us > JANUS_SETTLE_US) /* nobody made it again */
                jf_end(f, &dismissed);
        else
                jf_fail(f, &why);
}

void jf_rejoin_done(struct janus_fsm *f)
{
        f->rejoining = false;
        f->give_up_us = LOOP_NEVER;
        f->back_us = f->now_us;
        f->settle_us = f->now_us + JANUS_SETTLE_US;
        jf_act(f, JANUS_ACT_STATE, NULL)->state = ENGINE_STATE_JOINED;
}

/* What counts time did not count that of the sleep, the server did: it is asked whether it still knows us. */
void jf_rejoin_resumed(struct janus_fsm *f)
{
        if (f->state == JANUS_STATE_WAITING) {
                f->retry_us = f->now_us;
        } else if (f->state == JANUS_STATE_JOINED) {
                jf_send_simple(f, JANUS_REQ_KEEPALIVE, HANDLE_NONE);
                if (!f->oom)
                        f->pending[f->n_pending - 1].deadline_us = f->now_us + JANUS_PROBE_TIMEOUT_US;
                f->keepalive_us = f->now_us + JANUS_KEEPALIVE_US;
        }
}

bool jf_due(const struct janus_fsm *f, uint64_t at_us)
{
        return at_us != LOOP_NEVER && at_us <= f->now_us;
}

static void give_up(struct janus_fsm *f)
{
        struct engine_result why = jf_result(ENGINE_SERVER_GONE, 0, f->failure.detail);

        jf_end(f, &why);
}

void jf_rejoin_deadline(struct janus_fsm *f)
{
        if (jf_due(f, f->give_up_us)) {
                give_up(f);
                return;
        }
        if (jf_due(f, f->retry_us)) {
                f->retry_us = LOOP_NEVER;
                jf_connect(f, "another try");
        }
        if (jf_due(f, f->enter_us)) {
                f->enter_us = LOOP_NEVER;
                jf_attach(f, HANDLE_PUB);
        }
        if (jf_due(f, f->settle_us))
                jf_room_settled(f);
}
