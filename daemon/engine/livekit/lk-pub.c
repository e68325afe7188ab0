/* lk-pub.c - our track, and the operations that ask for it.
 *
 * A track is announced (add_track) and stands in the offer; it is published when the server has named it, answered the
 * offer, and media flows. It ends with an offer in which its section is inactive, so that nobody sees it any more;
 * being muted is something else, and none of this. A track that begins anew is another one.
 *
 * Operations are carried out one after the other: the oldest in `ops` is looked at when the track is at rest and
 * answered when it is what was asked for. The join's own publishing precedes them all. Operations on visibility stand
 * in the same queue: who is not seen does not publish. What was asked for while the room was lost is made true when we
 * are back.
 *
 * A token that does not allow to publish is no reason not to join: we listen, and operations are told.
 */
#include "engine/livekit/lk-fsm-internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

LOG_TOPIC("engine/lk-pub");

static const struct engine_result ok, unseen = { ENGINE_UNSUPPORTED, 0, "who is invisible cannot publish" };
static const struct engine_result forbidden = { ENGINE_UNSUPPORTED, 0, "the token does not allow to publish" };
static const struct engine_result fixed = { ENGINE_UNSUPPORTED, 0, "whether we are visible is for the token to say" };

void lf_pub_add_track(struct lk_fsm *f, Livekit__AddTrackRequest *ret, char cid[16])
{
        (void)snprintf(cid, 16, "audio-%u", f->tracks);
        ret->cid = cid;
        ret->name = (char *)"microphone";
        ret->has_source = true;
        ret->source = LIVEKIT__TRACK_SOURCE__MICROPHONE;
        ret->has_muted = ret->muted = f->told_muted = f->join.muted;
        if (!f->join.encrypted)
                return;
        ret->has_encryption = ret->has_disable_red = true;
        ret->encryption = LIVEKIT__ENCRYPTION_TYPE__GCM;
        ret->disable_red = true; /* the server could not take it apart for those who know no RED */
}

/* ---- muted ---- */

/* While a session is being resumed nothing else may be said: the server is told afterwards. */
static void tell_muted(struct lk_fsm *f)
{
        Livekit__MuteTrackRequest mute = LIVEKIT__MUTE_TRACK_REQUEST__INIT;
        Livekit__SignalRequest m = LIVEKIT__SIGNAL_REQUEST__INIT;

        if (!f->track[0] || !lf_is_linked(f) || f->state == LK_STATE_RESUMING || f->told_muted == f->join.muted)
                return;
        f->told_muted = f->join.muted;
        f->muted_since = true;
        mute.sid = f->track;
        mute.has_muted = true;
        mute.muted = f->join.muted;
        m.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_MUTE;
        m.mute = &mute;
        lf_send(f, &m);
}

void lf_pub_muted(struct lk_fsm *f, bool muted)
{
        f->join.muted = muted;
        tell_muted(f);
}

/* A microphone is never opened from the far end. */
void lf_on_mute(struct lk_fsm *f, const Livekit__MuteTrackRequest *m)
{
        if (!m->muted || !m->sid || !f->track[0] || strcmp(m->sid, f->track) != 0 || f->state != LK_STATE_JOINED)
                return;
        f->told_muted = f->join.muted = true;
        lf_act(f, LK_ACT_MUTED, NULL);
}

static void tell_withdrawn(struct lk_fsm *f)
{
        if (!f->withdrawn || f->state != LK_STATE_JOINED)
                return;
        f->withdrawn = false;
        f->barred = true;
        lf_act(f, LK_ACT_WITHDRAWN, NULL);
}

void lf_pub_joined(struct lk_fsm *f, bool resumed)
{
        if (resumed && f->muted_since) /* what was said last may have been lost with the connection */
                f->told_muted = !f->join.muted;
        tell_muted(f);
        tell_withdrawn(f);
}

/* ---- the track ---- */

void lf_pub_begin(struct lk_fsm *f)
{
        f->pub = PUB_STARTING;
        f->sending = true;
        f->pub_answered = f->muted_since = false;
        f->tracks++;
        f->track[0] = '\0';
}

static struct op *oldest(struct lk_fsm *f)
{
        for (size_t i = 0; i < f->n_ops; i++)
                if (f->ops[i].kind == LOP_PUBLISH || f->ops[i].kind == LOP_VISIBLE)
                        return &f->ops[i];
        return NULL;
}

static void stop(struct lk_fsm *f, enum pub_state next)
{
        f->pub = next;
        f->sending = false;
        f->track[0] = '\0';
        lf_stop_timer(f, T_PUBLISH);
        lf_offer(f);
}

static void start(struct lk_fsm *f)
{
        lf_pub_begin(f);
        lf_set_timer(f, T_PUBLISH, LK_PUBLISH_TIMEOUT_US);
        lf_offer(f);
}

static void next_visible(struct lk_fsm *f, const struct op *op)
{
        if (op->on == f->join.visible)
                lf_done(f, op->number, &ok);
        else if (!f->join.can_turn)
                lf_done(f, op->number, &fixed);
        else
                lf_turn(f, op->on);
}

static bool is_at_rest(const struct lk_fsm *f)
{
        return f->state == LK_STATE_JOINED && (f->pub == PUB_OFF || f->pub == PUB_ON);
}

void lf_pub_next(struct lk_fsm *f)
{
        while (!f->oom && is_at_rest(f)) {
                struct op *op = oldest(f);
                bool on = op ? op->on : f->publish;

                if (op && op->kind == LOP_VISIBLE) {
                        next_visible(f, op);
                } else if (op && on && !f->join.visible) {
                        lf_done(f, op->number, &unseen);
                } else if (op && on && !f->may_publish) {
                        lf_done(f, op->number, &forbidden);
                } else if (on == (f->pub == PUB_ON)) {
                        if (!op)
                                return;
                        f->publish = on;
                        lf_done(f, op->number, &ok);
                } else if (on) {
                        start(f);
                } else {
                        stop(f, PUB_STOPPING);
                        lf_set_timer(f, T_PUBLISH, LK_PUBLISH_TIMEOUT_US);
                }
        }
}

void lf_pub_op(struct lk_fsm *f, uint32_t op, uint32_t media)
{
        struct engine_result no = lf_result(ENGINE_UNSUPPORTED, 0, "this engine carries audio only");

        if (!(media & ENGINE_AUDIO))
                lf_done(f, op, &no);
        else if (f->rejoining)
                lf_pub_keep(f);
        else
                lf_pub_next(f);
}

static const struct engine_result *keep(struct lk_fsm *f, const struct op *op)
{
        if (op->kind == LOP_VISIBLE && op->on != f->join.visible && !f->join.can_turn)
                return &fixed;
        if (op->kind == LOP_VISIBLE && op->on != f->join.visible) {
                f->join.visible = op->on;
                f->resumable = false; /* the session of before is of the other kind */
                lf_act(f, LK_ACT_HIDE, NULL)->on = !op->on;
        } else if (op->kind == LOP_PUBLISH && op->on && !f->join.visible) {
                return &unseen;
        } else if (op->kind == LOP_PUBLISH) {
                f->publish = op->on;
        }
        f->publish = f->publish && f->join.visible;
        return &ok;
}

void lf_pub_keep(struct lk_fsm *f)
{
        struct op *op;

        while (!f->oom && (op = oldest(f)))
                lf_done(f, op->number, keep(f, op));
}

void lf_pub_forget(struct lk_fsm *f)
{
        f->pub = PUB_OFF;
        f->sending = f->offered = f->pub_answered = false;
        f->track[0] = '\0';
        lf_stop_timer(f, T_PUBLISH);
}

/* ---- how it went ---- */

static void failed(struct lk_fsm *f, const struct engine_result *why)
{
        struct op *op = oldest(f);

        if (f->state != LK_STATE_JOINED || !op || f->pub == PUB_STOPPING) {
                lf_fail(f, REMEDY_REJOIN, why);
                return;
        }
        stop(f, PUB_OFF);
        lf_done(f, op->number, why);
        lf_pub_next(f);
}

void lf_pub_late(struct lk_fsm *f)
{
        struct engine_result late = lf_result(ENGINE_TIMED_OUT, 0, "no answer to a change of what is published");

        failed(f, &late);
}

void lf_pub_check(struct lk_fsm *f)
{
        if (f->pub != PUB_STARTING || !f->track[0] || !f->pub_answered || !f->peer_up)
                return;
        f->pub = PUB_ON;
        lf_stop_timer(f, T_PUBLISH);
        lf_check_joined(f);
        lf_pub_next(f);
}

void lf_pub_answered(struct lk_fsm *f)
{
        if (f->pub == PUB_STOPPING && !f->offered) {
                f->pub = PUB_OFF;
                lf_stop_timer(f, T_PUBLISH);
                lf_pub_next(f);
        } else if (f->pub == PUB_STARTING && f->offered) {
                f->pub_answered = true;
                lf_pub_check(f);
        }
}

void lf_on_track_published(struct lk_fsm *f, const Livekit__TrackPublishedResponse *m)
{
        char cid[16];

        (void)snprintf(cid, sizeof(cid), "audio-%u", f->tracks);
        if (f->pub != PUB_STARTING || !m->cid || strcmp(m->cid, cid) != 0 || !m->track)
                return;
        lf_copy(f->track, sizeof(f->track), m->track->sid);
        tell_muted(f);
        lf_pub_check(f);
}

/* The server ended it, or never began. */
static void give_up(struct lk_fsm *f)
{
        struct op *op = f->pub == PUB_STARTING && f->state == LK_STATE_JOINED ? oldest(f) : NULL;

        log_debug("the server does not let us publish");
        f->publish = false;
        stop(f, PUB_OFF);
        f->withdrawn = !(op && op->kind == LOP_PUBLISH && op->on);
        if (!f->withdrawn)
                lf_done(f, op->number, &forbidden);
        lf_check_joined(f);
        tell_withdrawn(f);
        lf_pub_next(f);
}

void lf_on_track_unpublished(struct lk_fsm *f, const char *sid)
{
        if (f->track[0] && sid && strcmp(sid, f->track) == 0 && (f->pub == PUB_ON || f->pub == PUB_STARTING))
                give_up(f);
}

void lf_on_request_response(struct lk_fsm *f, const Livekit__RequestResponse *m)
{
        struct engine_result why = lf_result(ENGINE_SERVER_ERROR, (int)m->reason, m->message);
        char cid[16];

        if (m->reason == LIVEKIT__REQUEST_REASON__OK || m->reason == LIVEKIT__REQUEST_REASON__QUEUED)
                return;
        log_debug("the server refuses a request: %d %s", (int)m->reason, m->message ? m->message : "");
        (void)snprintf(cid, sizeof(cid), "audio-%u", f->tracks);
        if (f->pub != PUB_STARTING || !m->add_track || !m->add_track->cid || strcmp(m->add_track->cid, cid) != 0)
                return;
        if (m->reason == LIVEKIT__REQUEST_REASON__NOT_ALLOWED)
                give_up(f);
        else
                failed(f, &why);
}

static bool allows_microphone(const Livekit__ParticipantPermission *p)
{
        if (!p->can_publish || p->n_can_publish_sources == 0)
                return p->can_publish;
        for (size_t i = 0; i < p->n_can_publish_sources; i++)
                if (p->can_publish_sources[i] == LIVEKIT__TRACK_SOURCE__MICROPHONE)
                        return true;
        return false;
}

/* Whether to begin anew is for the app to say: a microphone is never opened from the far end. */
void lf_on_permission(struct lk_fsm *f, const Livekit__ParticipantPermission *p)
{
        bool might = f->may_publish;

        f->may_publish = !p || allows_microphone(p);
        f->may_say = !p || p->can_publish_data;
        if (!f->may_publish && (f->pub == PUB_ON || f->pub == PUB_STARTING))
                give_up(f);
        if (f->barred && f->may_publish && !might && f->state == LK_STATE_JOINED) {
                f->barred = false;
                lf_act(f, LK_ACT_PERMITTED, NULL);
        }
}
