/* janus-claim.c - two with one id: the later wins.
 *
 * Janus refuses a join whose id is in the room (436). Who joins anew throws the holder out with the room's secret and
 * joins again, a bounded number of times. The one who is thrown out hears that he was, but not by whom: he falls
 * silent at once and looks at the list of members. Somebody who wanted the id is there within a moment; an
 * administrator wanted it gone.
 *
 * The thrown out never comes back by himself: two machines of one user would fight for ever.
 */
#include "engine/janus/janus-fsm-internal.h"

#include <string.h>

#include "base/clock.h"

/* ---- throwing out ---- */

bool jf_claim(struct janus_fsm *f, const struct engine_result *taken)
{
        struct janus_request r = jf_request(f, JANUS_REQ_KICK, HANDLE_PUB);

        if (f->claim_tries == JANUS_CLAIM_TRIES)
                return false;
        f->claim_tries++;
        f->taken = *taken;
        r.room = f->join.room;
        r.room_secret = f->join.room_secret; /* one that the room does not have is not looked at */
        r.user_id = f->user;
        jf_send(f, &r, HANDLE_PUB, true);
        return true;
}

void jf_claim_answer(struct janus_fsm *f, const struct janus_msg *m)
{
        /* 428: gone by himself; 426: with the room */
        bool is_free = m->kind != JANUS_ERROR || m->error_code == 428 || m->error_code == 426;

        if (f->turn == TURN_SHOWING)
                jf_listen_claimed(f, is_free);
        else if (f->state == JANUS_STATE_ENTERING && is_free)
                jf_enter_again(f, f->now_us, "our id was taken");
        else if (f->state == JANUS_STATE_ENTERING)
                jf_end(f, &f->taken);
}

/* ---- being thrown out ---- */

static void look(struct janus_fsm *f)
{
        struct janus_request r = jf_request(f, JANUS_REQ_PARTICIPANTS, HANDLE_PUB);

        f->look_us = LOOP_NEVER;
        r.room = f->join.room;
        jf_send(f, &r, HANDLE_PUB, true);
}

void jf_oust(struct janus_fsm *f)
{
        if (f->state < JANUS_STATE_ENTERING || f->state > JANUS_STATE_JOINED) /* not in, or out already */
                return;
        jf_close_peer(f, HANDLE_PUB);
        jf_close_peer(f, HANDLE_SUB);
        jf_room_unsubscribed(f);
        f->room_created = false; /* what becomes of it is not for us to say */
        f->n_pending = 0;
        f->loss_us = f->media_us = f->hangup_us = LOOP_NEVER;
        f->ousted_us = f->now_us + JANUS_OUSTED_US;
        jf_enter_state(f, JANUS_STATE_OUSTED, "thrown out");
        look(f);
}

void jf_ousted_list(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result duplicate = jf_result(ENGINE_DUPLICATE_LOGIN, 0, NULL);

        for (size_t i = 0; i < m->n_feeds; i++)
                if (strcmp(m->feeds[i].id, f->user) == 0) {
                        jf_end(f, &duplicate);
                        return;
                }
        f->look_us = f->now_us + JANUS_LOOK_US;
}

void jf_ousted_deadline(struct janus_fsm *f)
{
        struct engine_result kicked = jf_result(ENGINE_KICKED, 0, NULL);

        if (f->ousted_us <= f->now_us)
                jf_end(f, &kicked);
        else
                look(f);
}
