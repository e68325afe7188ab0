/* lk-rejoin.c - a lost connection is not the end: what is tried when, and the machine's way back into the room.
 *
 *   the connection closes, the server is silent, it says "resume"         resume, else join anew
 *   media is gone, an offer fails, it says "reconnect", a resume failed   join anew
 *   media does not come up on the way in                                  join anew, once
 *   it says "disconnect" for good, or refuses us with 401, 403 or 404     the end
 *
 * A resume keeps the peer: media flows on while a new connection is made to the session of before, which is told what
 * we have of it (sync_state), and ICE is restarted by an offer. It is tried LK_RESUME_TRIES times, for as long as a
 * server keeps a session. To join anew is the way in of lk-fsm.c; members, wishes and whether we publish outlive it.
 *
 * The first try is made at once, the next ones after growing pauses, whatever it was that failed and however quickly,
 * until T_GIVE_UP. A reason that will not heal ends the room at once.
 *
 * Servers match a resume by identity alone: one who joined as this user meanwhile would be robbed of his connection.
 * So a duplicate login never resumes; and who finds another SID under his name in the list after a resume, goes.
 */
#include "engine/livekit/lk-fsm-internal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/backoff.h"
#include "engine/livekit/lk-access.h"
#include "engine/livekit/lk-data.h"

LOG_TOPIC("engine/lk-rejoin");

static bool heals(const struct engine_result *why)
{
        switch (why->reason) {
        case ENGINE_SERVER_GONE:
        case ENGINE_UNREACHABLE:
        case ENGINE_TIMED_OUT:
        case ENGINE_ROOM_FULL:
        case ENGINE_SERVER_ERROR:
        case ENGINE_MEDIA_FAILED: return true;
        case ENGINE_REFUSED: return lk_access_may_heal((unsigned)why->err);
        case ENGINE_OK:
        case ENGINE_INVALID_TOKEN:
        case ENGINE_DUPLICATE_LOGIN:
        case ENGINE_KICKED:
        case ENGINE_TOKEN_EXPIRED:
        case ENGINE_ROOM_DISMISSED:
        case ENGINE_NOT_INSTALLED:
        case ENGINE_NO_ADDRESS:
        case ENGINE_CANCELLED:
        case ENGINE_PROTOCOL:
        case ENGINE_UNSUPPORTED:
        case ENGINE_CONGESTED:
        case ENGINE_INTERNAL:
        case _ENGINE_REASON_MAX: break;
        }
        return false;
}

static void begin(struct lk_fsm *f, const struct engine_result *why)
{
        struct lk_action *a;

        lf_pub_keep(f);
        f->rejoining = true;
        f->start_us = f->now_us;
        f->stages = (struct engine_stages){ 0 };
        f->resumes = 0;
        if (f->now_us - f->back_us > LK_STABLE_US)
                f->attempts = 0;
        lf_set_timer(f, T_GIVE_UP, f->join.reconnect_us);
        a = lf_act(f, LK_ACT_STATE, NULL);
        a->state = ENGINE_STATE_RECONNECTING;
        a->result = *why;
}

static bool can_resume(const struct lk_fsm *f, enum remedy remedy)
{
        return remedy == REMEDY_RESUME && f->resumable && lf_is_keyed(f) && f->resumes < LK_RESUME_TRIES &&
               f->now_us - f->start_us < LK_RESUME_US;
}

static void drop_session(struct lk_fsm *f)
{
        lf_peer_close(f);
        lf_forget_link(f);
        f->resumable = false;
}

static void lose(struct lk_fsm *f, enum remedy remedy, const struct engine_result *why)
{
        if (!f->rejoining)
                begin(f, why);
        f->turning = false;
        if (can_resume(f, remedy)) {
                lf_offer_drop(f);
                lf_stop_timer(f, T_MEDIA);
                lf_hang_up(f);
        } else {
                if (lf_is_linked(f))
                        lf_send_leave(f);
                lf_hang_up(f);
                drop_session(f);
        }
        lf_stop_timer(f, T_LOSS);
        lf_stop_timer(f, T_PUBLISH);
        lf_room_missing(f);
        f->failure = *why;
        lf_set_timer(f, T_RETRY, backoff_pause_us(f->attempts, f->join.chance));
        f->attempts++;
        lf_enter_state(f, LK_STATE_WAITING, engine_reason_to_string(why->reason));
}

/* Media that does not come up is the network's mood now and then: the way in is tried once more, from the beginning.
 */
static bool enter_again(struct lk_fsm *f, const struct engine_result *why)
{
        if (f->state != LK_STATE_SETTLING || f->rejoining || f->turning || f->retried ||
            why->reason != ENGINE_MEDIA_FAILED)
                return false;
        f->retried = true;
        if (lf_is_linked(f))
                lf_send_leave(f);
        lf_hang_up(f);
        drop_session(f);
        lf_room_clear(f);
        lf_prepare(f, "media did not come up");
        return true;
}

void lf_fail(struct lk_fsm *f, enum remedy remedy, const struct engine_result *why)
{
        struct engine_result gone = lf_result(ENGINE_SERVER_GONE, 0, why->detail);
        bool in_room = f->state == LK_STATE_JOINED || f->rejoining || f->turning;

        if (f->state == LK_STATE_WAITING || f->state == LK_STATE_IDLE) /* news of what was given up */
                return;
        if (enter_again(f, why))
                return;
        if (!in_room || !heals(why))
                lf_end(f, why);
        else if (f->join.reconnect_us > 0)
                lose(f, remedy, why);
        else
                lf_end(f, why->reason == ENGINE_TIMED_OUT ? &gone : why);
}

void lf_lost(struct lk_fsm *f, Livekit__ReconnectReason which, const char *what)
{
        struct engine_result why = lf_result(ENGINE_MEDIA_FAILED, 0, what);

        f->resume_reason = which;
        if (f->state != LK_STATE_JOINED) {
                lf_fail(f, REMEDY_REJOIN, &why); /* but while waiting: the next try has a restart in it */
        } else if (f->due[T_LOSS] == LOOP_NEVER) {
                f->loss = why;
                lf_set_timer(f, T_LOSS, LK_LOSS_GRACE_US);
        }
}

/* ---- what the server says about it ---- */

static struct engine_result result_of(const Livekit__LeaveRequest *m)
{
        char detail[64];

        switch (m->reason) {
        case LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY: return lf_result(ENGINE_DUPLICATE_LOGIN, 0, NULL);
        case LIVEKIT__DISCONNECT_REASON__PARTICIPANT_REMOVED: return lf_result(ENGINE_KICKED, 0, NULL);
        case LIVEKIT__DISCONNECT_REASON__ROOM_DELETED:
        case LIVEKIT__DISCONNECT_REASON__ROOM_CLOSED: return lf_result(ENGINE_ROOM_DISMISSED, 0, NULL);
        case LIVEKIT__DISCONNECT_REASON__SERVER_SHUTDOWN:
                return lf_result(ENGINE_SERVER_GONE, 0, "the server is shutting down");
        case LIVEKIT__DISCONNECT_REASON__JOIN_FAILURE:
        case LIVEKIT__DISCONNECT_REASON__CONNECTION_TIMEOUT:
        case LIVEKIT__DISCONNECT_REASON__MEDIA_FAILURE:
                return lf_result(ENGINE_MEDIA_FAILED, 0, "the server sees no media connection");
        default: break;
        }
        (void)snprintf(detail, sizeof(detail), "the server ended the session (%d)", (int)m->reason);
        return lf_result(ENGINE_SERVER_GONE, 0, detail);
}

void lf_on_leave(struct lk_fsm *f, const Livekit__LeaveRequest *m)
{
        struct engine_result why = result_of(m);
        bool again = m->can_reconnect || m->action == LIVEKIT__LEAVE_ACTION__RECONNECT;

        log_debug("the server says leave: reason %d, action %d", (int)m->reason, (int)m->action);
        f->greeted = false; /* it does not listen any more */
        if (why.reason == ENGINE_DUPLICATE_LOGIN)
                lf_end(f, &why);
        else if (m->action == LIVEKIT__LEAVE_ACTION__RESUME)
                lf_fail(f, REMEDY_RESUME, &why);
        else if (again || m->reason == LIVEKIT__DISCONNECT_REASON__SERVER_SHUTDOWN)
                lf_fail(f, REMEDY_REJOIN, &why); /* the room may live on, on another node */
        else
                lf_end(f, &why);
}

/* What we have of others' reliable messages: the server sends what came after it. */
static size_t get_data_state(const struct lk_fsm *f, Livekit__DataChannelReceiveState states[LK_DATA_SENDERS_MAX],
                             Livekit__DataChannelReceiveState *ret[LK_DATA_SENDERS_MAX])
{
        const struct lk_data_sender *senders;
        size_t n = f->data ? lk_data_senders(f->data, &senders) : 0;

        for (size_t i = 0; i < n; i++) {
                livekit__data_channel_receive_state__init(&states[i]);
                states[i].publisher_sid = (char *)senders[i].sid;
                states[i].has_last_seq = true;
                states[i].last_seq = senders[i].last_seq;
                ret[i] = &states[i];
        }
        return n;
}

static void send_sync_state(struct lk_fsm *f)
{
        Livekit__DataChannelReceiveState states[LK_DATA_SENDERS_MAX], *heard[LK_DATA_SENDERS_MAX];
        char *sids[LK_MEMBERS_MAX], cid[16];
        Livekit__SyncState s = LIVEKIT__SYNC_STATE__INIT;
        Livekit__UpdateSubscription sub = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
        Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT, answer = offer;
        Livekit__TrackPublishedResponse ours = LIVEKIT__TRACK_PUBLISHED_RESPONSE__INIT, *tracks[] = { &ours };
        Livekit__TrackInfo info = LIVEKIT__TRACK_INFO__INIT;
        Livekit__SignalRequest m = LIVEKIT__SIGNAL_REQUEST__INIT;
        char *first = f->dual ? f->in.offer : f->local, *second = f->dual ? f->in.answer : f->remote;

        sub.n_track_sids = lf_sub_state(f, sids);
        sub.track_sids = sids;
        sub.has_subscribe = sub.subscribe = true;
        s.subscription = &sub;
        offer.type = (char *)"offer";
        offer.sdp = first;
        answer.type = (char *)"answer";
        answer.sdp = second;
        s.offer = first ? &offer : NULL;
        s.answer = second ? &answer : NULL;
        if (f->track[0]) {
                (void)snprintf(cid, sizeof(cid), "audio-%u", f->tracks);
                ours.cid = cid;
                ours.track = &info;
                info.sid = f->track;
                s.publish_tracks = tracks;
                s.n_publish_tracks = 1;
        }
        s.n_datachannel_receive_states = get_data_state(f, states, heard);
        s.datachannel_receive_states = heard;
        m.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE;
        m.sync_state = &s;
        lf_send(f, &m);
}

void lf_on_reconnect(struct lk_fsm *f, const Livekit__ReconnectResponse *m)
{
        const Livekit__ClientConfiguration *c = m->client_configuration;

        if (c && c->resume_connection == LIVEKIT__CLIENT_SETTING__DISABLED)
                f->resumable = false;
        f->relay_only |= c && c->force_relay == LIVEKIT__CLIENT_SETTING__ENABLED;
        send_sync_state(f);
        lf_dual_resume(f);
        f->restart_ice = f->peer;
        if (f->peer)
                lf_offer(f);
        lf_set_timer(f, T_MEDIA, LK_MEDIA_TIMEOUT_US);
        if (f->pub != PUB_OFF && f->pub != PUB_ON)
                lf_set_timer(f, T_PUBLISH, LK_PUBLISH_TIMEOUT_US);
}

void lf_resume_check(struct lk_fsm *f)
{
        if (f->state != LK_STATE_RESUMING || !lf_is_linked(f) || f->offer != OFFER_NONE || !lf_is_up(f) ||
            f->in.answering || f->in.awaited)
                return;
        lf_stop_timer(f, T_MEDIA);
        lf_joined(f, "resumed");
}

/* Everything is another's: his list counts, and at once. */
void lf_on_moved(struct lk_fsm *f, const Livekit__RoomMovedResponse *m)
{
        if (m->token && m->token[0])
                (void)lf_act(f, LK_ACT_TOKEN, m->token);
        if (m->participant) {
                lf_copy(f->sid, sizeof(f->sid), m->participant->sid);
                lf_on_permission(f, m->participant->permission);
                lf_room_own(f, m->participant);
        }
        lf_room_missing(f);
        lf_room_infos(f, m->other_participants, m->n_other_participants);
        if (f->state == LK_STATE_JOINED)
                lf_room_settled(f);
        lf_sub_sync(f);
}

/* ---- the way back ---- */

void lf_rejoin_done(struct lk_fsm *f)
{
        f->rejoining = false;
        f->back_us = f->now_us;
        lf_stop_timer(f, T_GIVE_UP);
        lf_set_timer(f, T_SETTLE, LK_SETTLE_US);
        lf_act(f, LK_ACT_STATE, NULL)->state = ENGINE_STATE_JOINED;
}

/* What counts time did not count that of the sleep, the server did: it is asked whether it is still there. */
void lf_rejoin_awake(struct lk_fsm *f)
{
        if (f->state == LK_STATE_WAITING) {
                lf_set_timer(f, T_RETRY, 0);
        } else if (f->state == LK_STATE_JOINED) {
                lf_send_pings(f);
                lf_set_timer(f, T_SILENCE, LK_PROBE_US);
        }
}

static void try_again(struct lk_fsm *f)
{
        if (!f->resumable || !lf_is_keyed(f)) {
                drop_session(f);
                lf_prepare(f, "another try");
                return;
        }
        f->resumes++;
        lf_enter_state(f, LK_STATE_RESUMING, "another try");
        lf_open_conn(f);
}

void lf_rejoin_deadline(struct lk_fsm *f)
{
        struct engine_result why = lf_result(ENGINE_SERVER_GONE, 0, f->failure.detail);

        if (lf_take_due(f, T_GIVE_UP))
                lf_end(f, &why);
        if (lf_take_due(f, T_LOSS))
                lf_fail(f, REMEDY_RESUME, &f->loss);
        if (lf_take_due(f, T_RETRY))
                try_again(f);
        if (lf_take_due(f, T_SETTLE))
                lf_room_settled(f);
}

void lf_turn(struct lk_fsm *f, bool visible)
{
        lf_send_leave(f);
        lf_hang_up(f);
        lf_peer_close(f);
        lf_forget_link(f);
        lf_room_missing(f);
        f->join.visible = visible;
        f->publish = f->publish && visible;
        f->turning = true;
        lf_act(f, LK_ACT_HIDE, NULL)->on = !visible;
        lf_prepare(f, visible ? "to be seen" : "to be unseen");
}
