/* lk-fsm.c - see lk-fsm.h: states, the way in, the way out, what the server says, deadlines.
 *
 * Invariants: lf_enter_state() is the only writer of `state`. An operation leaves `ops` exactly when its OP_DONE
 * action is made. Each of the timers stands for one thing that is awaited and is stopped when that comes.
 */
#include "engine/livekit/lk-fsm-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/livekit/lk-access.h"

LOG_TOPIC("engine/lk-fsm");

const char *lk_state_to_string(enum lk_state s)
{
        static const char *const words[_LK_STATE_MAX] = { "idle",   "preparing", "connecting", "settling",
                                                          "joined", "waiting",   "resuming" };

        return s < _LK_STATE_MAX ? words[s] : NULL;
}

/* ---- states ---- */

void lf_enter_state(struct lk_fsm *f, enum lk_state s, const char *why)
{
        /* bit n of a row: state n may follow */
        enum { OUT = 1 << LK_STATE_IDLE | 1 << LK_STATE_WAITING };
        static const uint16_t legal[_LK_STATE_MAX] = {
                [LK_STATE_IDLE] = 1 << LK_STATE_PREPARING,
                [LK_STATE_PREPARING] = 1 << LK_STATE_CONNECTING | OUT,
                [LK_STATE_CONNECTING] = 1 << LK_STATE_SETTLING | OUT,
                [LK_STATE_SETTLING] = 1 << LK_STATE_JOINED | 1 << LK_STATE_PREPARING | OUT,
                [LK_STATE_JOINED] = 1 << LK_STATE_PREPARING | OUT,
                [LK_STATE_WAITING] = 1 << LK_STATE_PREPARING | 1 << LK_STATE_RESUMING | 1 << LK_STATE_IDLE,
                [LK_STATE_RESUMING] = 1 << LK_STATE_JOINED | OUT,
        };

        assert(legal[f->state] & 1 << s);
        log_debug("%s → %s (%s)", lk_state_to_string(f->state), lk_state_to_string(s), why);
        f->state = s;
}

bool lf_is_linked(const struct lk_fsm *f)
{
        return f->conn && f->greeted;
}

void lf_forget_link(struct lk_fsm *f)
{
        lf_pub_forget(f);
        lf_sub_forget(f);
        f->sid[0] = '\0';
}

void lf_hang_up(struct lk_fsm *f)
{
        if (f->conn)
                (void)lf_act(f, LK_ACT_CLOSE_CONN, NULL);
        f->conn = f->greeted = false;
        lf_stop_timer(f, T_FIRST);
        lf_stop_timer(f, T_PING);
        lf_stop_timer(f, T_SILENCE);
}

/* Nothing of the room is left; counters stay. */
static void forget(struct lk_fsm *f)
{
        lf_forget_link(f);
        lf_room_clear(f);
        lf_sub_clear(f);
        f->rejoining = f->turning = f->resumable = f->dual = f->says = f->relay_only = false;
        for (size_t i = 0; i < _T_MAX; i++)
                f->due[i] = LOOP_NEVER;
}

/* Everything is undone, and whoever waits is told. */
static void undo(struct lk_fsm *f, const struct engine_result *why)
{
        if (lf_is_linked(f))
                lf_send_leave(f);
        lf_hang_up(f);
        lf_peer_close(f);
        lf_fail_ops(f, why);
        lf_succeed_leaves(f);
        forget(f);
        if (f->state != LK_STATE_IDLE)
                lf_enter_state(f, LK_STATE_IDLE, engine_reason_to_string(why->reason));
}

/* The app has been told of the room: its end is news. */
static bool is_known(const struct lk_fsm *f)
{
        for (size_t i = 0; i < f->n_ops; i++)
                if (f->ops[i].kind == LOP_JOIN)
                        return false;
        return f->state == LK_STATE_JOINED || f->rejoining || f->turning;
}

void lf_end(struct lk_fsm *f, const struct engine_result *why)
{
        bool known = is_known(f);
        struct lk_action *a;

        if (f->state == LK_STATE_IDLE)
                return;
        undo(f, why);
        if (!known)
                return;
        a = lf_act(f, LK_ACT_STATE, NULL);
        a->state = ENGINE_STATE_IDLE;
        a->result = *why;
}

/* The server need not answer: what was sent still goes out. */
static void on_leave_op(struct lk_fsm *f, uint32_t op)
{
        struct engine_result cancelled = lf_result(ENGINE_CANCELLED, 0, NULL);

        lf_add_op(f, op, LOP_LEAVE, false);
        undo(f, &cancelled);
}

/* ---- the way in ---- */

void lf_prepare(struct lk_fsm *f, const char *why)
{
        lf_enter_state(f, LK_STATE_PREPARING, why);
        if (f->dual) {
                lf_enter_state(f, LK_STATE_CONNECTING, "nothing to prepare");
                lf_open_conn(f);
                return;
        }
        lf_peer_open(f);
        f->may_publish = f->may_say = true; /* until the server says otherwise */
        if (f->publish)
                lf_pub_begin(f);
        lf_offer(f);
}

static void on_join(struct lk_fsm *f, const struct lk_event *ev)
{
        assert(f->state == LK_STATE_IDLE);
        f->join = *ev->join;
        lf_copy(f->user, sizeof(f->user), ev->join->user_id);
        f->join.user_id = f->user;
        f->stages = (struct engine_stages){ 0 };
        f->start_us = f->now_us;
        f->publish = f->join.auto_publish && f->join.visible;
        f->withdrawn = f->barred = f->retried = false;
        f->attempts = 0;
        f->back_us = 0;
        lf_add_op(f, ev->op, LOP_JOIN, true);
        lf_prepare(f, "join");
}

static void on_opened(struct lk_fsm *f)
{
        if (!f->conn || f->greeted)
                return;
        if (!f->stages.connected_us)
                f->stages.connected_us = f->now_us - f->start_us;
        lf_set_timer(f, T_FIRST, LK_FIRST_TIMEOUT_US);
}

static uint64_t seconds(int32_t s, uint64_t otherwise_us)
{
        return s > 0 && s <= 60 ? (uint64_t)s * US_PER_SEC : otherwise_us;
}

static void on_welcome(struct lk_fsm *f, const Livekit__JoinResponse *j)
{
        const Livekit__ClientConfiguration *c = j->client_configuration;

        f->ping_us = seconds(j->ping_interval, LK_PING_US);
        f->silence_us = seconds(j->ping_timeout, LK_SILENCE_US);
        f->resumable = !c || c->resume_connection != LIVEKIT__CLIENT_SETTING__DISABLED;
        f->relay_only = c && c->force_relay == LIVEKIT__CLIENT_SETTING__ENABLED;
        f->stages.joined_us = f->now_us - f->start_us;
        lf_copy(f->sid, sizeof(f->sid), j->participant ? j->participant->sid : NULL);
        lf_room_own(f, j->participant);
        lf_enter_state(f, LK_STATE_SETTLING, "welcome");
        if (f->dual)
                lf_dual_welcome(f, j);
        if (f->pub == PUB_STARTING)
                lf_set_timer(f, T_PUBLISH, LK_MEDIA_TIMEOUT_US);
        lf_offer_flush(f);
        lf_room_infos(f, j->other_participants, j->n_other_participants);
        lf_sub_sync(f);
        lf_on_permission(f, j->participant ? j->participant->permission : NULL);
        lf_check_joined(f);
}

void lf_check_joined(struct lk_fsm *f)
{
        if (f->state == LK_STATE_SETTLING && f->pub != PUB_STARTING)
                lf_joined(f, "joined");
}

void lf_joined(struct lk_fsm *f, const char *why)
{
        static const struct engine_result ok;
        bool resumed = f->state == LK_STATE_RESUMING;

        lf_enter_state(f, LK_STATE_JOINED, why);
        if (f->rejoining)
                lf_rejoin_done(f);
        else if (f->turning)
                lf_set_timer(f, T_SETTLE, LK_SETTLE_US);
        f->turning = false;
        for (size_t i = 0; i < f->n_ops; i++)
                if (f->ops[i].kind == LOP_JOIN) {
                        lf_done(f, f->ops[i].number, &ok);
                        break;
                }
        lf_room_announce(f);
        lf_pub_joined(f, resumed);
        lf_sub_sync(f);
        lf_pub_next(f);
        if (f->says)
                lf_dual_say(f);
}

/* ---- messages ---- */

/* The first message says whether we are in. */
static void on_first(struct lk_fsm *f, const Livekit__SignalResponse *m)
{
        struct engine_result why = lf_result(ENGINE_PROTOCOL, 0, "the server does not begin as a LiveKit server does");
        bool join = m->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN && f->state == LK_STATE_CONNECTING;
        bool again = m->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT && f->state == LK_STATE_RESUMING;

        if (m->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE) {
                lf_on_leave(f, m->leave);
                return;
        }
        if (!join && !again) {
                lf_fail(f, REMEDY_NONE, &why);
                return;
        }
        f->greeted = true;
        lf_stop_timer(f, T_FIRST);
        if (join)
                on_welcome(f, m->join);
        else
                lf_on_reconnect(f, m->reconnect);
        if (lf_is_linked(f)) {
                lf_set_timer(f, T_PING, f->ping_us);
                lf_set_timer(f, T_SILENCE, f->silence_us);
        }
}

/* Members that are newer than this program, and those it has no use for, are left at that. */
static void on_message(struct lk_fsm *f, const Livekit__SignalResponse *m)
{
        if (!f->conn)
                return;
        lf_heard(f, m);
        if (!f->greeted) {
                on_first(f, m);
                return;
        }
        switch (m->message_case) {
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER: lf_on_answer(f, m->answer); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER: lf_on_offer(f, m->offer); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRICKLE: lf_on_trickle(f, m->trickle); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE:
                lf_room_infos(f, m->update->participants, m->update->n_participants);
                lf_sub_sync(f);
                break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED: lf_on_track_published(f, m->track_published); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_UNPUBLISHED:
                lf_on_track_unpublished(f, m->track_unpublished->track_sid);
                break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MUTE: lf_on_mute(f, m->mute); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE: lf_on_request_response(f, m->request_response); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SPEAKERS_CHANGED: lf_room_speakers(f, m->speakers_changed); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_CONNECTION_QUALITY: lf_room_quality(f, m->connection_quality); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MEDIA_SECTIONS_REQUIREMENT:
                lf_on_sections(f, m->media_sections_requirement);
                break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REFRESH_TOKEN:
                if (m->refresh_token && m->refresh_token[0])
                        (void)lf_act(f, LK_ACT_TOKEN, m->refresh_token);
                break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_MOVED: lf_on_moved(f, m->room_moved); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE: lf_on_leave(f, m->leave); break;
        default: break;
        }
}

/* ---- the connection ---- */

static void on_closed(struct lk_fsm *f, const struct lk_event *ev)
{
        struct engine_result why = lf_result(ENGINE_SERVER_GONE, 0, ev->text);
        bool old = false;

        if (!f->conn)
                return;
        f->conn = false;
        f->resume_reason = LIVEKIT__RECONNECT_REASON__RR_SIGNAL_DISCONNECTED;
        if (ev->http_status)
                old = lk_access_refused(ev->http_status, ev->text, &why) == LK_REFUSED_OLD_SERVER;
        else if (!f->greeted)
                why.reason = ev->err == -ETIMEDOUT ? ENGINE_TIMED_OUT : ENGINE_UNREACHABLE;
        if (!old || !lf_dual_begin(f))
                lf_fail(f, REMEDY_RESUME, &why);
}

static void on_elsewhere(struct lk_fsm *f)
{
        if (f->conn && f->state == LK_STATE_CONNECTING)
                lf_open_conn(f);
}

static void on_send_failed(struct lk_fsm *f, int err)
{
        struct engine_result why = lf_result(ENGINE_INTERNAL, 0, strerror(-err));

        if (err == -ENOTCONN || err == -ENOBUFS) /* it is closing, or the server reads no more */
                why.reason = ENGINE_SERVER_GONE;
        lf_fail(f, REMEDY_RESUME, &why);
}

static void on_description_failed(struct lk_fsm *f, const struct lk_event *ev)
{
        struct engine_result why = lf_result(ENGINE_PROTOCOL, 0, "a session description is unusable");

        if (ev->peer > 0 && (ev->peer == f->peer || ev->peer == f->in.peer))
                lf_fail(f, REMEDY_NONE, &why);
}

/* ---- the rest ---- */

static void on_speaking(struct lk_fsm *f, const struct lk_event *ev)
{
        if (f->state != LK_STATE_JOINED || ev->peer != (ev->mid ? lf_receiver(f) : f->peer))
                return;
        if (ev->mid)
                lf_sub_speaking(f, ev->mid, ev->on);
        else
                lf_act(f, LK_ACT_SPEAKING, NULL)->on = ev->on; /* user "": ourselves */
}

static void late(struct lk_fsm *f, enum lk_timer t, enum remedy remedy, enum engine_reason reason, const char *what)
{
        struct engine_result why = lf_result(reason, 0, what);

        if (lf_take_due(f, t))
                lf_fail(f, remedy, &why);
}

static void on_deadline(struct lk_fsm *f)
{
        late(f, T_FIRST, REMEDY_RESUME, ENGINE_TIMED_OUT, "no word of the server");
        late(f, T_SILENCE, REMEDY_RESUME, ENGINE_TIMED_OUT, "the server has fallen silent");
        late(f, T_OFFER, REMEDY_REJOIN, ENGINE_TIMED_OUT, "no answer to the offer");
        late(f, T_MEDIA, REMEDY_REJOIN, ENGINE_MEDIA_FAILED, "no media connection in time");
        if (lf_take_due(f, T_PUBLISH))
                lf_pub_late(f);
        if (lf_take_due(f, T_UNHEARD))
                lf_offer_unheard(f);
        lf_rejoin_deadline(f);
        if (lf_take_due(f, T_PING))
                lf_send_pings(f);
}

static void dispatch(struct lk_fsm *f, const struct lk_event *ev)
{
        switch (ev->kind) {
        case LK_EV_JOIN: on_join(f, ev); break;
        case LK_EV_LEAVE: on_leave_op(f, ev->op); break;
        case LK_EV_PUBLISH:
                lf_add_op(f, ev->op, LOP_PUBLISH, ev->on);
                lf_pub_op(f, ev->op, ev->media);
                break;
        case LK_EV_SUBSCRIBE:
                lf_add_op(f, ev->op, LOP_SUBSCRIBE, ev->on);
                lf_sub_wish(f, ev->op, ev->user_id, ev->media, ev->on);
                break;
        case LK_EV_VISIBLE:
                lf_add_op(f, ev->op, LOP_VISIBLE, ev->on);
                lf_pub_op(f, ev->op, ENGINE_AUDIO);
                break;
        case LK_EV_MUTED: lf_pub_muted(f, ev->on); break;
        case LK_EV_SAY: lf_dual_say(f); break;
        case LK_EV_OPENED: on_opened(f); break;
        case LK_EV_CLOSED: on_closed(f, ev); break;
        case LK_EV_ELSEWHERE: on_elsewhere(f); break;
        case LK_EV_MESSAGE: on_message(f, ev->msg); break;
        case LK_EV_SEND_FAILED: on_send_failed(f, ev->err); break;
        case LK_EV_DESCRIPTION: lf_on_description(f, ev); break;
        case LK_EV_DESCRIPTION_FAILED: on_description_failed(f, ev); break;
        case LK_EV_CANDIDATE: lf_on_candidate(f, ev); break;
        case LK_EV_PEER_STATE: lf_on_peer_state(f, ev); break;
        case LK_EV_SPEAKING: on_speaking(f, ev); break;
        case LK_EV_FIRST_MEDIA:
                if (!f->stages.first_audio_us)
                        f->stages.first_audio_us = f->now_us - f->start_us;
                break;
        case LK_EV_ENCRYPTION: lf_sub_encryption(f, ev); break;
        case LK_EV_AWAKE: lf_rejoin_awake(f); break;
        case LK_EV_DEADLINE: on_deadline(f); break;
        }
}

int lk_fsm_step(struct lk_fsm *f, const struct lk_event *ev, uint64_t now_us, struct list *actions)
{
        f->now_us = now_us;
        f->actions = actions;
        f->oom = false;
        dispatch(f, ev);
        f->actions = NULL;
        return f->oom ? -ENOMEM : 0;
}

int lk_fsm_farewell(struct lk_fsm *f, struct list *actions)
{
        f->actions = actions;
        f->oom = false;
        if (lf_is_linked(f))
                lf_send_leave(f);
        f->actions = NULL;
        return f->oom ? -ENOMEM : 0;
}

/* From any state, as if new. */
void lk_fsm_reset(struct lk_fsm *f)
{
        struct list nowhere;
        struct lk_action *a;

        list_init(&nowhere);
        f->actions = &nowhere;
        f->conn = f->greeted = false;
        lf_peer_close(f);
        list_for_each (a, &nowhere, link)
                lk_action_free(a);
        f->actions = NULL;
        forget(f);
        f->n_ops = 0;
        f->state = LK_STATE_IDLE;
}

int lk_fsm_new(struct lk_fsm **ret)
{
        struct lk_fsm *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        list_init(&f->candidates);
        list_init(&f->members);
        list_init(&f->wishes);
        forget(f);
        *ret = f;
        return 0;
}

struct lk_fsm *lk_fsm_free(struct lk_fsm *f)
{
        if (!f)
                return NULL;
        lk_fsm_reset(f);
        free(f);
        return NULL;
}

void lk_fsm_set_data(struct lk_fsm *f, const struct lk_data *data)
{
        f->data = data;
}

bool lk_fsm_may_say(const struct lk_fsm *f)
{
        return f->may_say;
}

enum lk_state lk_fsm_state(const struct lk_fsm *f)
{
        return f->state;
}

void lk_fsm_get_stages(const struct lk_fsm *f, struct engine_stages *ret)
{
        *ret = f->stages;
}

uint32_t lk_fsm_peer(const struct lk_fsm *f)
{
        return f->peer;
}
