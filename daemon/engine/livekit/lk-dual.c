/* lk-dual.c - servers of before 1.9.1, which know two connections of media for each participant.
 *
 * Such a server has no /rtc/v1: the upgrade is refused with 404, and then /rtc is tried, where nothing rides in the
 * request. One peer publishes, and is ours to offer (lk-offer.c); it is opened when there is something to publish, or
 * to say. In the other one (`in`) everything arrives that we subscribed to, and there the server offers: first with
 * nothing but its data channels, then again with each change. An answer bears the number of its offer. One offer is
 * answered at a time; of those that come meanwhile the last counts.
 *
 * The server restarts ICE of `in` when we resume: until its offer is answered and the path is there again, we are not
 * back. Which of the peers a candidate is for says its target.
 */
#include "engine/livekit/lk-fsm-internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/livekit/lk-address.h"

LOG_TOPIC("engine/lk-dual");

/* ---- the way in ---- */

bool lf_dual_begin(struct lk_fsm *f)
{
        if (f->dual || f->state != LK_STATE_CONNECTING)
                return false;
        log_debug("the server has no /rtc/v1: one connection of media to send, one to receive");
        lf_peer_close(f); /* its offer is one for both */
        lf_pub_forget(f);
        f->dual = true;
        lf_open_conn(f);
        return true;
}

int lf_dual_path(const struct lk_fsm *f, char **ret)
{
        bool resume = f->state == LK_STATE_RESUMING;

        return lk_address_old_path(&(struct lk_old_query){ .version = "",
                                                           .protocol = LK_PROTOCOL,
                                                           .auto_subscribe = false, /* we subscribe by ourselves */
                                                           .resume_sid = resume ? f->sid : NULL,
                                                           .reconnect_reason = (int)f->resume_reason },
                                   ret);
}

/* subscriber_primary false: nothing will arrive, and ours is the peer by which the server knows that we are there. */
void lf_dual_welcome(struct lk_fsm *f, const Livekit__JoinResponse *j)
{
        f->may_publish = true; /* until it says otherwise */
        if (f->publish)
                lf_pub_begin(f);
        if (f->publish || !j->subscriber_primary)
                lf_offer(f);
}

/* Messages go where sound would go. The connection that is made for them is made again after a loss. */
void lf_dual_say(struct lk_fsm *f)
{
        f->says = f->state != LK_STATE_IDLE;
        if (f->dual && !f->peer && f->state == LK_STATE_JOINED)
                lf_offer(f);
}

/* ---- the peer that receives ---- */

/* What is under way when the connection goes. */
void lf_dual_drop(struct lk_fsm *f)
{
        f->in.answering = false;
        f->in.next = lf_keep(f, f->in.next, NULL);
}

void lf_dual_close(struct lk_fsm *f)
{
        if (f->in.peer)
                lf_act(f, LK_ACT_CLOSE_PEER, NULL)->peer = f->in.peer;
        lf_dual_drop(f);
        f->in.offer = lf_keep(f, f->in.offer, NULL);
        f->in.answer = lf_keep(f, f->in.answer, NULL);
        f->in.peer = 0;
        f->in.up = f->in.keyed = f->in.awaited = false;
}

/* Who is ICE lite makes no checks: they are ours to control, whoever offers (RFC 8445 6.1.1). */
static void open_peer(struct lk_fsm *f, const char *offer)
{
        struct lk_action *a = lf_act(f, LK_ACT_OPEN_PEER, NULL);

        f->in.peer = ++f->next_peer;
        a->peer = f->in.peer;
        a->receives = true;
        a->relay_only = f->relay_only;
        a->controlled = !strstr(offer, "\na=ice-lite");
}

static void take_offer(struct lk_fsm *f, const char *sdp, uint32_t id)
{
        Livekit__SessionDescription sd = LIVEKIT__SESSION_DESCRIPTION__INIT;
        struct lk_action *a;

        if (!f->in.peer)
                open_peer(f, sdp);
        a = lf_act(f, LK_ACT_SET_REMOTE, sdp);
        a->peer = f->in.peer;
        a->sdp_type = RTC_OFFER;
        f->in.offer = lf_keep(f, f->in.offer, sdp);
        f->in.id = id;
        f->in.answering = true;
        f->in.awaited = false;
        if (!f->in.up && f->due[T_MEDIA] == LOOP_NEVER)
                lf_set_timer(f, T_MEDIA, LK_MEDIA_TIMEOUT_US);
        sd.sdp = (char *)sdp;
        lf_sub_map(f, &sd);
}

void lf_on_offer(struct lk_fsm *f, const Livekit__SessionDescription *sd)
{
        if (!f->dual || !sd->sdp || !sd->sdp[0])
                return;
        if (!f->in.answering) {
                take_offer(f, sd->sdp, sd->id);
                return;
        }
        f->in.next = lf_keep(f, f->in.next, sd->sdp);
        f->in.next_id = sd->id;
}

static void send_answer(struct lk_fsm *f)
{
        Livekit__SessionDescription sd = LIVEKIT__SESSION_DESCRIPTION__INIT;
        Livekit__SignalRequest m = LIVEKIT__SIGNAL_REQUEST__INIT;

        sd.type = (char *)"answer";
        sd.sdp = f->in.answer;
        sd.has_id = true;
        sd.id = f->in.id;
        m.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER;
        m.answer = &sd;
        lf_send(f, &m);
}

void lf_dual_description(struct lk_fsm *f, const char *answer)
{
        _cleanup_free_ char *next = NULL;

        if (!f->in.answering || !lf_is_linked(f)) /* the connection it was for is gone: there will be another offer */
                return;
        f->in.answering = false;
        f->in.answer = lf_keep(f, f->in.answer, answer);
        if (f->oom)
                return;
        send_answer(f);
        next = take_ptr(f->in.next);
        if (next)
                take_offer(f, next, f->in.next_id);
        lf_resume_check(f);
}

/* A restart, whoever began it, is CONNECTING; media may go on meanwhile. */
void lf_dual_peer_state(struct lk_fsm *f, const struct lk_event *ev)
{
        switch (ev->peer_state) {
        case PEER_STATE_CONNECTED:
                f->in.up = f->in.keyed = true;
                if (!f->stages.subscriber_up_us)
                        f->stages.subscriber_up_us = f->now_us - f->start_us;
                lf_media_check(f);
                lf_resume_check(f);
                break;
        case PEER_STATE_DISCONNECTED:
                f->in.up = false;
                lf_lost(f, LIVEKIT__RECONNECT_REASON__RR_SUBSCRIBER_FAILED, ev->text);
                break;
        case PEER_STATE_FAILED:
                f->in.up = f->in.keyed = false;
                lf_lost(f, LIVEKIT__RECONNECT_REASON__RR_SUBSCRIBER_FAILED, ev->text);
                break;
        case PEER_STATE_CONNECTING: f->in.up = false; break;
        case PEER_STATE_NEW:
        case PEER_STATE_CLOSED: break;
        }
}

/* ---- resuming ---- */

void lf_dual_resume(struct lk_fsm *f)
{
        f->in.awaited = f->in.peer;
}
