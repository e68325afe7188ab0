/* janus-pub.c - the publishing peer of the machine, and the operations that ask for it.
 *
 * Publish operations are carried out one after the other: the oldest in `ops` is looked at when the publisher is at
 * rest (NONE or UP) and answered when it is what was asked for. The join's own publishing precedes them all.
 * Operations on visibility stand in the same queue: who is not seen does not publish. What was asked for while the
 * room was lost is made true when we are back.
 *
 * After an unpublish Janus takes its transport down and says "hangup"; an offer that came before would be lost with
 * it, so the next one waits for that word.
 */
#include "engine/janus/janus-fsm-internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

void jf_pub_start(struct janus_fsm *f)
{
        struct janus_action *a;

        (void)jf_open_peer(f, HANDLE_PUB);
        a = jf_act(f, JANUS_ACT_CREATE_OFFER, NULL);
        a->peer = f->side[HANDLE_PUB].peer;
        f->pub = PUB_OFFERING;
        f->media_us = f->now_us + JANUS_OFFER_TIMEOUT_US;
}

static struct op *oldest(struct janus_fsm *f)
{
        for (size_t i = 0; i < f->n_ops; i++)
                if (f->ops[i].kind == JOP_PUBLISH || f->ops[i].kind == JOP_VISIBLE)
                        return &f->ops[i];
        return NULL;
}

static const struct engine_result unseen = { ENGINE_UNSUPPORTED, 0, "who is invisible cannot publish" };

static bool is_at_rest(const struct janus_fsm *f)
{
        return f->state == JANUS_STATE_JOINED && f->turn == TURN_NONE && (f->pub == PUB_NONE || f->pub == PUB_UP);
}

static void stop(struct janus_fsm *f)
{
        jf_close_peer(f, HANDLE_PUB);
        jf_send_simple(f, JANUS_REQ_UNPUBLISH, HANDLE_PUB);
        f->pub = PUB_STOPPING;
        f->hangup_us = f->now_us + JANUS_HANGUP_TIMEOUT_US;
}

void jf_pub_next(struct janus_fsm *f)
{
        struct engine_result ok = { 0 };
        struct op *op;
        bool on;

        while (!f->oom && is_at_rest(f)) {
                op = oldest(f);
                on = op ? op->on : f->publish;
                if (op && op->kind == JOP_VISIBLE) {
                        jf_listen_turn(f, op);
                } else if (!op && f->join.visible == f->listening) {
                        jf_listen_follow(f);
                } else if (op && on && f->listening) {
                        jf_done(f, op->number, &unseen);
                } else if (on == (f->pub == PUB_UP)) {
                        if (!op)
                                return;
                        f->publish = on;
                        jf_done(f, op->number, &ok);
                } else if (!on) {
                        stop(f);
                } else if (f->hangup_us == LOOP_NEVER) {
                        jf_pub_start(f);
                } else {
                        return;
                }
        }
}

void jf_pub_keep(struct janus_fsm *f)
{
        struct engine_result ok = { 0 };
        struct op *op;

        while (!f->oom && (op = oldest(f))) {
                bool refused = op->kind == JOP_PUBLISH && op->on && !f->join.visible;

                if (op->kind == JOP_VISIBLE) {
                        f->join.visible = op->on || f->join.echo;
                        f->publish = f->publish && f->join.visible;
                } else if (!refused) {
                        f->publish = op->on;
                }
                jf_done(f, op->number, refused ? &unseen : &ok);
        }
}

void jf_pub_op(struct janus_fsm *f, uint32_t op, uint32_t media)
{
        struct engine_result no = jf_result(ENGINE_UNSUPPORTED, 0, "this engine carries audio only");

        if (!(media & ENGINE_AUDIO))
                jf_done(f, op, &no);
        else if (f->rejoining)
                jf_pub_keep(f);
        else
                jf_pub_next(f);
}

/* The section in which the echo test sends back what it gets: the only one of our offer. */
static void remember_mid(struct janus_fsm *f, const char *sdp)
{
        const char *mid = strstr(sdp, "a=mid:");
        size_t n;

        f->echo_mid[0] = '\0';
        if (!mid)
                return;
        mid += strlen("a=mid:");
        n = strcspn(mid, "\r\n");
        if (n < sizeof(f->echo_mid)) {
                memcpy(f->echo_mid, mid, n);
                f->echo_mid[n] = '\0';
        }
}

void jf_pub_offer(struct janus_fsm *f, const char *sdp)
{
        struct janus_request r = jf_request(f, JANUS_REQ_PUBLISH, HANDLE_PUB);

        if (f->pub != PUB_OFFERING || f->offer)
                return;
        if (f->state != JANUS_STATE_JOINED) {
                remember_mid(f, sdp);
                f->offer = strdup(sdp);
                f->oom |= !f->offer;
                jf_try_enter(f);
                return;
        }
        r.sdp = sdp;
        jf_send(f, &r, HANDLE_PUB, true);
        f->pub = PUB_ASKING;
        jf_flush_candidates(f, HANDLE_PUB);
}

void jf_pub_failed(struct janus_fsm *f, const struct engine_result *why)
{
        struct op *op = oldest(f);
        struct janus_request r;

        if (f->state != JANUS_STATE_JOINED || !op) {
                jf_fail(f, why);
                return;
        }
        jf_close_peer(f, HANDLE_PUB);
        if (f->pub >= PUB_ASKING) { /* whatever the server has of it */
                r = jf_request(f, JANUS_REQ_UNPUBLISH, HANDLE_PUB);
                jf_send(f, &r, HANDLE_PUB, false);
                f->hangup_us = f->now_us + JANUS_HANGUP_TIMEOUT_US;
        }
        f->pub = PUB_NONE;
        f->media_us = LOOP_NEVER;
        jf_done(f, op->number, why);
        jf_pub_next(f);
}

void jf_pub_answer(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result why = jf_result(ENGINE_PROTOCOL, 0, "the server did not answer the offer");
        struct janus_action *a;

        if (f->pub != PUB_ASKING)
                return;
        if (m->jsep != JANUS_JSEP_ANSWER) {
                jf_pub_failed(f, &why);
                return;
        }
        a = jf_act(f, JANUS_ACT_SET_REMOTE, m->sdp);
        a->peer = f->side[HANDLE_PUB].peer;
        a->sdp_type = RTC_ANSWER;
        f->pub = PUB_CONNECTING;
        f->media_us = f->now_us + JANUS_MEDIA_TIMEOUT_US;
}

void jf_pub_refused(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result why = jf_result_of(m);

        if (f->pub == PUB_ASKING)
                jf_pub_failed(f, &why);
}

void jf_pub_unpublished(struct janus_fsm *f)
{
        if (f->pub != PUB_STOPPING)
                return;
        f->pub = PUB_NONE;
        jf_pub_next(f);
}

static void on_connected(struct janus_fsm *f)
{
        if (f->pub != PUB_CONNECTING)
                return;
        f->pub = PUB_UP;
        f->media_us = LOOP_NEVER;
        if (f->state == JANUS_STATE_SETTLING) {
                f->stages.publisher_up_us = f->now_us - f->start_us;
                jf_join_done(f);
        }
        jf_pub_next(f);
}

void jf_pub_peer_state(struct janus_fsm *f, enum peer_state state, const char *why)
{
        struct engine_result failed = jf_result(ENGINE_MEDIA_FAILED, 0, why);

        if (state == PEER_STATE_CONNECTED)
                on_connected(f);
        else if (state == PEER_STATE_FAILED && f->pub == PUB_UP)
                jf_lost(f, why);
        else if (state == PEER_STATE_FAILED)
                jf_pub_failed(f, &failed);
}

void jf_pub_deadline(struct janus_fsm *f)
{
        struct engine_result late = jf_result(ENGINE_MEDIA_FAILED, 0, "no media connection in time");

        if (f->hangup_us <= f->now_us) {
                f->hangup_us = LOOP_NEVER;
                jf_pub_next(f);
        }
        if (f->media_us <= f->now_us)
                jf_pub_failed(f, &late);
}
