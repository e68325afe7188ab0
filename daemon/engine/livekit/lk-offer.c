/* lk-offer.c - the peer that is ours to offer, mostly the only one: offers, answers, candidates.
 *
 * An offer is asked of the peer (MAKING), waits for the connection (MADE) or is on its way (SENT) until the answer of
 * its number is there. What changes meanwhile makes another one afterwards. Sections are only ever added: as many to
 * receive with as the server asked for.
 *
 * A candidate may be found before the server knows the offer it belongs to; it is kept (bounded) until then.
 */
#include "engine/livekit/lk-fsm-internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* ---- candidates ---- */

static void clear_candidates(struct lk_fsm *f)
{
        struct candidate *c;

        list_for_each (c, &f->candidates, link) {
                list_remove(&c->link);
                free(c->line);
                free(c);
        }
        f->n_candidates = 0;
}

static void send_candidate(struct lk_fsm *f, Livekit__SignalTarget target, const char *line, const char *mid,
                           uint32_t mline)
{
        Livekit__TrickleRequest t = LIVEKIT__TRICKLE_REQUEST__INIT;
        Livekit__SignalRequest m = LIVEKIT__SIGNAL_REQUEST__INIT;
        _cleanup_free_ char *json = NULL;

        if (line && f->relay_only && !strstr(line, " typ relay"))
                return; /* found before that was known */
        if (livekit_candidate_format(line ? line : "", mid, mline, &json) < 0) {
                f->oom = true;
                return;
        }
        t.candidate_init = json;
        t.has_target = true;
        t.target = target;
        t.has_final = !line;
        t.final = !line;
        m.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRICKLE;
        m.trickle = &t;
        lf_send(f, &m);
}

static void keep_candidate(struct lk_fsm *f, const struct lk_event *ev)
{
        struct candidate *c;

        if (f->n_candidates == LK_CANDIDATES_MAX)
                return;
        c = calloc(1, sizeof(*c));
        if (c && ev->text)
                c->line = strdup(ev->text);
        if (!c || (ev->text && !c->line)) {
                free(c);
                f->oom = true;
                return;
        }
        lf_copy(c->mid, sizeof(c->mid), ev->mid);
        c->mline = ev->mline;
        list_append(&f->candidates, &c->link);
        f->n_candidates++;
}

static bool is_described(const struct lk_fsm *f)
{
        return lf_is_linked(f) && (f->offer == OFFER_SENT || f->remote);
}

static void flush_candidates(struct lk_fsm *f)
{
        struct candidate *c;

        list_for_each (c, &f->candidates, link)
                send_candidate(f, LIVEKIT__SIGNAL_TARGET__PUBLISHER, c->line, c->mid, c->mline);
        clear_candidates(f);
}

void lf_on_candidate(struct lk_fsm *f, const struct lk_event *ev)
{
        const char *mid = ev->mid ? ev->mid : "";

        if (ev->peer == 0)
                return;
        if (ev->peer == f->in.peer && lf_is_linked(f))
                send_candidate(f, LIVEKIT__SIGNAL_TARGET__SUBSCRIBER, ev->text, mid, ev->mline);
        if (ev->peer != f->peer)
                return;
        if (is_described(f))
                send_candidate(f, LIVEKIT__SIGNAL_TARGET__PUBLISHER, ev->text, mid, ev->mline);
        else
                keep_candidate(f, ev);
}

/* One candidate that cannot be read is one less to try. */
void lf_on_trickle(struct lk_fsm *f, const Livekit__TrickleRequest *m)
{
        bool theirs = f->dual && m->target == LIVEKIT__SIGNAL_TARGET__SUBSCRIBER;
        uint32_t peer = theirs ? f->in.peer : f->peer, mline;
        _cleanup_free_ char *line = NULL;
        char mid[LIVEKIT_MID_MAX + 1];

        if (!peer)
                return;
        if (m->candidate_init && m->candidate_init[0] &&
            livekit_candidate_parse(m->candidate_init, &line, mid, &mline) >= 0 && line[0])
                lf_act(f, LK_ACT_ADD_CANDIDATE, line)->peer = peer;
        if (m->final)
                lf_act(f, LK_ACT_ADD_CANDIDATE, NULL)->peer = peer;
}

/* ---- the peer ---- */

void lf_peer_open(struct lk_fsm *f)
{
        struct lk_action *a;

        f->peer = ++f->next_peer;
        f->n_receive = f->dual ? 0 : LK_FIRST_SECTIONS;
        f->peer_relayed = f->relay_only;
        a = lf_act(f, LK_ACT_OPEN_PEER, NULL);
        a->peer = f->peer;
        a->relay_only = f->relay_only;
}

void lf_peer_close(struct lk_fsm *f)
{
        if (f->peer)
                lf_act_peer(f, LK_ACT_CLOSE_PEER);
        f->peer = 0;
        f->peer_up = f->peer_keyed = f->offer_again = f->restart_ice = f->restarted = f->offer_carried = false;
        lf_dual_close(f);
        f->offer = OFFER_NONE;
        f->local = lf_keep(f, f->local, NULL);
        f->remote = lf_keep(f, f->remote, NULL);
        clear_candidates(f);
        lf_stop_timer(f, T_OFFER);
        lf_stop_timer(f, T_UNHEARD);
        lf_stop_timer(f, T_MEDIA);
}

/* ---- offers ---- */

void lf_offer(struct lk_fsm *f)
{
        struct lk_action *a;
        char cid[16];

        if (f->offer != OFFER_NONE || (f->state != LK_STATE_PREPARING && !lf_is_linked(f))) {
                f->offer_again = true;
                return;
        }
        if (!f->peer)
                lf_peer_open(f);
        (void)snprintf(cid, sizeof(cid), "audio-%u", f->tracks);
        a = lf_act(f, LK_ACT_CREATE_OFFER, f->sending ? cid : NULL);
        a->peer = f->peer;
        a->relay_only = f->relay_only;
        f->peer_relayed |= f->relay_only && f->restart_ice;
        a->offer = (struct lk_offer){ .send_audio = f->sending,
                                      .restart_ice = f->restart_ice,
                                      .n_receive = f->n_receive };
        f->offered = f->sending;
        f->restarted = f->restart_ice && f->remote;
        f->restart_ice = f->offer_again = false;
        f->offer = OFFER_MAKING;
        lf_set_timer(f, T_OFFER, LK_OFFER_TIMEOUT_US);
}

void lf_offer_drop(struct lk_fsm *f)
{
        f->offer = OFFER_NONE;
        f->offer_again = false;
        lf_dual_drop(f);
        lf_stop_timer(f, T_OFFER);
        lf_stop_timer(f, T_UNHEARD);
}

static void send_track(struct lk_fsm *f)
{
        Livekit__AddTrackRequest track = LIVEKIT__ADD_TRACK_REQUEST__INIT;
        Livekit__SignalRequest m = LIVEKIT__SIGNAL_REQUEST__INIT;
        char cid[16];

        lf_pub_add_track(f, &track, cid);
        m.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK;
        m.add_track = &track;
        lf_send(f, &m);
}

static void send_offer(struct lk_fsm *f)
{
        Livekit__SessionDescription sd = LIVEKIT__SESSION_DESCRIPTION__INIT;
        Livekit__SignalRequest m = LIVEKIT__SIGNAL_REQUEST__INIT;

        if (f->pub == PUB_STARTING && f->offered && !f->track[0])
                send_track(f);
        sd.type = (char *)"offer";
        sd.sdp = f->local;
        sd.has_id = true;
        sd.id = f->offer_id;
        m.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER;
        m.offer = &sd;
        lf_send(f, &m);
        f->offer = OFFER_SENT;
        lf_set_timer(f, T_OFFER, LK_OFFER_TIMEOUT_US);
        flush_candidates(f);
}

void lf_on_description(struct lk_fsm *f, const struct lk_event *ev)
{
        if (ev->peer == f->in.peer && ev->sdp_type == RTC_ANSWER) {
                lf_dual_description(f, ev->text);
                return;
        }
        if (ev->peer != f->peer || f->offer != OFFER_MAKING || ev->sdp_type != RTC_OFFER)
                return;
        f->local = lf_keep(f, f->local, ev->text);
        if (f->oom)
                return;
        f->offer_id++;
        f->offer = OFFER_MADE;
        if (f->state == LK_STATE_PREPARING) {
                lf_stop_timer(f, T_OFFER);
                lf_enter_state(f, LK_STATE_CONNECTING, "the offer is made");
                lf_open_conn(f);
        } else if (lf_is_linked(f)) {
                send_offer(f);
        }
}

void lf_offer_flush(struct lk_fsm *f)
{
        if (f->offer != OFFER_MADE)
                return;
        if (!f->offer_carried) {
                send_offer(f);
                return;
        }
        f->offer = OFFER_SENT;
        lf_set_timer(f, T_OFFER, LK_OFFER_TIMEOUT_US);
        lf_set_timer(f, T_UNHEARD, LK_UNHEARD_US);
        flush_candidates(f);
}

/* The server of this version may not know that a request can carry an offer. One that does, and is slow, reads the
 * same offer twice. */
void lf_offer_unheard(struct lk_fsm *f)
{
        if (f->offer == OFFER_SENT)
                send_offer(f);
}

/* ---- answers ---- */

/* Instead of the offer that was just answered, of which nothing is to come. */
static void offer_relays(struct lk_fsm *f)
{
        f->offer = OFFER_NONE;
        f->restart_ice = true;
        lf_stop_timer(f, T_UNHEARD);
        lf_offer(f);
}

void lf_on_answer(struct lk_fsm *f, const Livekit__SessionDescription *sd)
{
        struct lk_action *a;

        if (f->offer != OFFER_SENT || sd->id != f->offer_id || !sd->sdp || !sd->sdp[0])
                return; /* to an offer of before */
        if (f->relay_only && !f->peer_relayed) {
                offer_relays(f);
                return;
        }
        f->remote = lf_keep(f, f->remote, sd->sdp);
        a = lf_act(f, LK_ACT_SET_REMOTE, sd->sdp);
        a->peer = f->peer;
        a->sdp_type = RTC_ANSWER;
        f->offer = OFFER_NONE;
        lf_stop_timer(f, T_OFFER);
        lf_stop_timer(f, T_UNHEARD);
        f->peer_up = f->peer_up && !f->restarted; /* until there is a new path */
        if (!f->peer_up && f->due[T_MEDIA] == LOOP_NEVER)
                lf_set_timer(f, T_MEDIA, LK_MEDIA_TIMEOUT_US);
        if (!f->dual)
                lf_sub_map(f, sd);
        lf_pub_answered(f);
        if (f->offer_again)
                lf_offer(f);
        lf_resume_check(f);
}

/* The server has something for us, in sections that are free or to be added. */
void lf_on_sections(struct lk_fsm *f, const Livekit__MediaSectionsRequirement *m)
{
        uint32_t room = LK_SECTIONS_MAX - f->n_receive;

        if (!f->peer || f->dual)
                return;
        f->n_receive += m->num_audios < room ? m->num_audios : room;
        lf_offer(f);
}

/* ---- what the peer tells ---- */

uint32_t lf_receiver(const struct lk_fsm *f)
{
        return f->dual ? f->in.peer : f->peer;
}

bool lf_is_up(const struct lk_fsm *f)
{
        return (!f->peer || f->peer_up) && (!f->in.peer || f->in.up);
}

bool lf_is_keyed(const struct lk_fsm *f)
{
        return (f->peer || f->in.peer) && (!f->peer || f->peer_keyed) && (!f->in.peer || f->in.keyed);
}

void lf_media_check(struct lk_fsm *f)
{
        if (lf_is_up(f))
                lf_stop_timer(f, T_MEDIA);
}

static void on_connected(struct lk_fsm *f)
{
        f->peer_up = f->peer_keyed = true;
        lf_media_check(f);
        if (!f->stages.publisher_up_us)
                f->stages.publisher_up_us = f->now_us - f->start_us;
        lf_pub_check(f);
        lf_resume_check(f);
}

void lf_on_peer_state(struct lk_fsm *f, const struct lk_event *ev)
{
        if (ev->peer > 0 && ev->peer == f->in.peer)
                lf_dual_peer_state(f, ev);
        if (ev->peer != f->peer || f->peer == 0)
                return;
        switch (ev->peer_state) {
        case PEER_STATE_CONNECTED: on_connected(f); break;
        case PEER_STATE_DISCONNECTED:
                f->peer_up = false;
                lf_lost(f, LIVEKIT__RECONNECT_REASON__RR_PUBLISHER_FAILED, ev->text);
                break;
        case PEER_STATE_FAILED:
                f->peer_up = f->peer_keyed = false;
                lf_lost(f, LIVEKIT__RECONNECT_REASON__RR_PUBLISHER_FAILED, ev->text);
                break;
        case PEER_STATE_NEW:
        case PEER_STATE_CONNECTING:
        case PEER_STATE_CLOSED: break;
        }
}
