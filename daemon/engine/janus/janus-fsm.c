/* janus-fsm.c - see janus-fsm.h: states, the way in, what the server says, deadlines.
 *
 * Invariants: jf_enter_state() is the only writer of `state`. An operation leaves `ops` exactly when its OP_DONE
 * action is made. A request that is owed an answer is in `pending` until the answer, its deadline or the end of the
 * room; answers to anything else are dropped, so a server may answer twice, late or without being asked.
 */
#include "engine/janus/janus-fsm-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

LOG_TOPIC("engine/janus-fsm");

const char *janus_state_to_string(enum janus_state s)
{
        static const char *const words[_JANUS_STATE_MAX] = { "idle",     "connecting", "attaching",
                                                             "entering", "settling",   "joined",
                                                             "ousted",   "leaving",    "waiting" };

        return s < _JANUS_STATE_MAX ? words[s] : NULL;
}

/* ---- states ---- */

void jf_enter_state(struct janus_fsm *f, enum janus_state s, const char *why)
{
        /* bit n of a row: state n may follow */
        enum { OUT = 1 << JANUS_STATE_LEAVING | 1 << JANUS_STATE_IDLE, LOST = 1 << JANUS_STATE_WAITING };
        static const uint16_t legal[_JANUS_STATE_MAX] = {
                [JANUS_STATE_IDLE] = 1 << JANUS_STATE_CONNECTING,
                [JANUS_STATE_CONNECTING] = 1 << JANUS_STATE_ATTACHING | 1 << JANUS_STATE_IDLE | LOST,
                [JANUS_STATE_ATTACHING] = 1 << JANUS_STATE_ENTERING | OUT | LOST,
                [JANUS_STATE_ENTERING] = 1 << JANUS_STATE_ATTACHING | 1 << JANUS_STATE_SETTLING |
                                         1 << JANUS_STATE_JOINED | 1 << JANUS_STATE_OUSTED | OUT | LOST,
                [JANUS_STATE_SETTLING] = 1 << JANUS_STATE_JOINED | 1 << JANUS_STATE_OUSTED | OUT | LOST,
                [JANUS_STATE_JOINED] = 1 << JANUS_STATE_OUSTED | OUT | LOST,
                [JANUS_STATE_OUSTED] = OUT,
                [JANUS_STATE_LEAVING] = 1 << JANUS_STATE_IDLE,
                [JANUS_STATE_WAITING] = 1 << JANUS_STATE_CONNECTING | 1 << JANUS_STATE_IDLE,
        };

        assert(legal[f->state] & 1 << s);
        log_debug("%s → %s (%s)", janus_state_to_string(f->state), janus_state_to_string(s), why);
        f->state = s;
}

void jf_forget_link(struct janus_fsm *f)
{
        for (enum handle h = HANDLE_NONE; h < _HANDLE_MAX; h++) {
                jf_clear_candidates(&f->side[h]);
                f->side[h].handle = 0;
                f->side[h].peer = 0;
                f->side[h].described = false;
        }
        jf_room_lost(f);
        free(take_ptr(f->offer));
        f->pub = PUB_NONE;
        f->n_pending = 0;
        f->conn = f->session = f->room_created = f->enter_sent = false;
        f->enter_tries = f->claim_tries = f->ghost_tries = 0;
        f->listening = false;
        f->turn = TURN_NONE;
        f->ousted_us = f->look_us = f->poll_us = f->enter_us = LOOP_NEVER;
        f->keepalive_us = f->leave_us = f->loss_us = f->media_us = f->hangup_us = LOOP_NEVER;
}

/* Nothing of the room is left; what was handed in for the next one (tokens) stays, and so do the counters. */
void jf_forget(struct janus_fsm *f)
{
        jf_forget_link(f);
        jf_room_clear(f);
        f->rejoining = false;
        f->retry_us = f->give_up_us = LOOP_NEVER;
}

/* The app has been told of the room: its end is news. */
static bool is_known(const struct janus_fsm *f)
{
        for (size_t i = 0; i < f->n_ops; i++)
                if (f->ops[i].kind == JOP_JOIN)
                        return false;
        return f->state == JANUS_STATE_JOINED || f->state == JANUS_STATE_OUSTED || f->rejoining;
}

void jf_end(struct janus_fsm *f, const struct engine_result *why)
{
        struct engine_result kicked = jf_result(ENGINE_KICKED, 0, NULL);
        bool joined = is_known(f);

        if (f->state == JANUS_STATE_IDLE)
                return;
        if (f->state == JANUS_STATE_OUSTED && why->reason != ENGINE_DUPLICATE_LOGIN)
                why = &kicked; /* whatever came while we looked for a better reason */
        if (why->reason == ENGINE_ROOM_DISMISSED)
                f->room_created = false; /* nothing to tidy up */
        if (f->conn)
                jf_last_words(f);
        jf_hang_up(f);
        jf_fail_ops(f, why);
        jf_succeed_leaves(f);
        jf_forget(f);
        jf_enter_state(f, JANUS_STATE_IDLE, engine_reason_to_string(why->reason));
        if (joined) {
                struct janus_action *a = jf_act(f, JANUS_ACT_STATE, NULL);

                a->state = ENGINE_STATE_IDLE;
                a->result = *why;
        }
}

/* ---- the way in ---- */

void jf_connect(struct janus_fsm *f, const char *why)
{
        f->conn = true;
        (void)jf_act(f, JANUS_ACT_OPEN_CONN, NULL);
        jf_enter_state(f, JANUS_STATE_CONNECTING, why);
        if (f->publish && !f->rejoining)
                jf_pub_start(f);
}

static void on_join(struct janus_fsm *f, const struct janus_event *ev)
{
        assert(f->state == JANUS_STATE_IDLE);
        f->join = *ev->join;
        (void)snprintf(f->user, sizeof(f->user), "%s", ev->join->user_id);
        f->join.user_id = f->user;
        f->stages = (struct engine_stages){ 0 };
        f->start_us = f->now_us;
        f->join.visible |= f->join.echo; /* there is nobody to hide from */
        f->publish = (f->join.auto_publish && f->join.visible) || f->join.echo;
        f->attempts = 0;
        f->back_us = 0;
        f->first_ghost = f->join.session_id;
        jf_add_op(f, ev->op, JOP_JOIN, true);
        jf_connect(f, "join");
}

void jf_attach(struct janus_fsm *f, enum handle h)
{
        struct janus_request r = jf_request(f, JANUS_REQ_ATTACH, HANDLE_NONE);

        r.plugin = f->join.echo ? JANUS_PLUGIN_ECHOTEST : JANUS_PLUGIN_VIDEOROOM;
        jf_send(f, &r, h, true);
}

static void on_opened(struct janus_fsm *f)
{
        if (f->state != JANUS_STATE_CONNECTING)
                return;
        f->stages.connected_us = f->now_us - f->start_us;
        jf_enter_state(f, JANUS_STATE_ATTACHING, "connected");
        if (f->rejoining)
                jf_rejoin_greet(f);
        jf_send_simple(f, JANUS_REQ_CREATE, HANDLE_NONE);
        jf_attach(f, HANDLE_PUB);
        if (!f->join.echo)
                jf_attach(f, HANDLE_SUB);
}

static void send_room_create(struct janus_fsm *f)
{
        struct janus_request r = jf_request(f, JANUS_REQ_ROOM_CREATE, HANDLE_PUB);

        r.room = f->join.room;
        r.room_secret = f->join.room_secret;
        r.create_key = f->join.create_key[0] ? f->join.create_key : NULL;
        jf_send(f, &r, HANDLE_PUB, true);
}

/* As soon as there is a session, a handle and, where one is needed, an offer. */
void jf_try_enter(struct janus_fsm *f)
{
        struct janus_request r;

        if (f->state != JANUS_STATE_ATTACHING || !f->session || !f->side[HANDLE_PUB].handle)
                return;
        if (f->pub == PUB_OFFERING && !f->offer)
                return;
        jf_enter_state(f, JANUS_STATE_ENTERING, "attached");
        if (!f->join.echo)
                send_room_create(f);
        if (!f->join.visible) {
                jf_listen_enter(f);
                return;
        }
        r = jf_request(f, f->join.echo ? JANUS_REQ_ECHO : JANUS_REQ_JOIN, HANDLE_PUB);
        r.room = f->join.echo ? NULL : f->join.room;
        r.user_id = f->user;
        r.sdp = f->offer;
        jf_send(f, &r, HANDLE_PUB, true);
        f->enter_sent = true;
        f->enter_tries++;
        if (f->offer) {
                f->pub = PUB_ASKING;
                jf_flush_candidates(f, HANDLE_PUB);
        }
}

/* The handle has an offer pending: it is not used again. */
void jf_enter_again(struct janus_fsm *f, uint64_t at_us, const char *why)
{
        struct janus_request r = jf_request(f, JANUS_REQ_DETACH, HANDLE_PUB);

        jf_send(f, &r, HANDLE_PUB, false);
        f->side[HANDLE_PUB].handle = 0;
        if (f->pub == PUB_ASKING)
                f->pub = PUB_OFFERING;
        jf_enter_state(f, JANUS_STATE_ATTACHING, why);
        f->enter_us = at_us;
}

static void on_enter_refused(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result why = jf_result_of(m);

        if (m->error_code == 426 && f->enter_tries < JANUS_ENTER_TRIES)
                jf_enter_again(f, f->now_us, "the room vanished"); /* between our create and our join */
        else if (f->rejoining)
                jf_rejoin_refused(f, m);
        else if (m->error_code != 436 || !jf_claim(f, &why))
                jf_end(f, &why);
}

static void on_entered(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result why = jf_result(ENGINE_PROTOCOL, 0, "an unexpected answer to the join");
        bool good = f->join.echo ? m->echo_ok : m->news == JANUS_NEWS_JOINED;

        if (f->turn == TURN_SHOWING) {
                jf_listen_shown(f, m);
                return;
        }
        if (m->kind == JANUS_ERROR) {
                on_enter_refused(f, m);
                return;
        }
        if (!good) {
                jf_fail(f, &why);
                return;
        }
        f->stages.joined_us = f->now_us - f->start_us;
        free(take_ptr(f->offer));
        jf_room_news(f, m);
        if (f->state != JANUS_STATE_ENTERING) /* welcomed and thrown out in one message */
                return;
        if (f->pub == PUB_NONE) {
                jf_join_done(f);
                return;
        }
        jf_enter_state(f, JANUS_STATE_SETTLING, "entered");
        jf_room_sync(f);
        jf_pub_answer(f, m);
}

void jf_join_done(struct janus_fsm *f)
{
        struct engine_result ok = { 0 };

        jf_enter_state(f, JANUS_STATE_JOINED, "joined");
        if (f->rejoining)
                jf_rejoin_done(f);
        for (size_t i = 0; i < f->n_ops; i++)
                if (f->ops[i].kind == JOP_JOIN) {
                        jf_done(f, f->ops[i].number, &ok);
                        break;
                }
        jf_room_announce(f);
        jf_room_sync(f);
        jf_pub_next(f);
}

/* ---- messages ---- */

static void on_created(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result why = jf_result_of(m);

        if (m->kind != JANUS_SUCCESS) {
                jf_fail(f, &why);
                return;
        }
        f->session = true;
        f->first_ghost = f->join.session_id; /* those before are buried */
        f->keepalive_us = f->now_us + JANUS_KEEPALIVE_US;
        jf_try_enter(f);
}

static void on_attached(struct janus_fsm *f, enum handle h, const struct janus_msg *m)
{
        struct engine_result why =
                m->kind == JANUS_ERROR ? jf_result_of(m) : jf_result(ENGINE_PROTOCOL, 0, "a handle without a number");

        if (m->kind != JANUS_SUCCESS || m->id == 0) {
                jf_fail(f, &why);
                return;
        }
        f->side[h].handle = m->id;
        if (h == HANDLE_PUB && f->state == JANUS_STATE_JOINED)
                jf_listen_attached(f);
        else if (h == HANDLE_PUB)
                jf_try_enter(f);
        else
                jf_room_sync(f);
}

static void on_keepalive_refused(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result why = jf_result(ENGINE_SERVER_GONE, 0, m->error_text);

        jf_fail(f, &why);
}

static void on_participants(struct janus_fsm *f, const struct janus_msg *m)
{
        if (f->state == JANUS_STATE_LEAVING)
                jf_left_behind(f, m);
        else if (f->state == JANUS_STATE_ENTERING)
                jf_listen_entered(f, m);
        else if (f->state == JANUS_STATE_JOINED)
                jf_listen_list(f, m);
        else if (f->state == JANUS_STATE_OUSTED)
                jf_ousted_list(f, m);
}

static void on_answer(struct janus_fsm *f, const struct pending *p, const struct janus_msg *m)
{
        bool refused = m->kind == JANUS_ERROR;

        switch (p->kind) {
        case JANUS_REQ_CREATE: on_created(f, m); break;
        case JANUS_REQ_ATTACH: on_attached(f, p->handle, m); break;
        case JANUS_REQ_ROOM_CREATE: f->room_created = !refused; break;
        case JANUS_REQ_JOIN:
        case JANUS_REQ_ECHO: on_entered(f, m); break;
        case JANUS_REQ_PUBLISH:
                if (refused)
                        jf_pub_refused(f, m);
                else
                        jf_pub_answer(f, m);
                break;
        case JANUS_REQ_UNPUBLISH: jf_pub_unpublished(f); break;
        case JANUS_REQ_SUBSCRIBE:
        case JANUS_REQ_UPDATE:
        case JANUS_REQ_START: jf_room_sub_answer(f, m, p->kind); break;
        case JANUS_REQ_KEEPALIVE:
                if (refused)
                        on_keepalive_refused(f, m);
                break;
        case JANUS_REQ_LEAVE: jf_left(f); break;
        case JANUS_REQ_PARTICIPANTS: on_participants(f, m); break;
        case JANUS_REQ_KICK: jf_claim_answer(f, m); break;
        case JANUS_REQ_UNMARK: jf_left_unheard(f, m); break;
        case JANUS_REQ_MARK: jf_listen_marked(f, m); break;
        case JANUS_REQ_CLAIM:
        case JANUS_REQ_DESTROY:
        case JANUS_REQ_DETACH:
        case JANUS_REQ_TRICKLE:
        case JANUS_REQ_ROOM_DESTROY:
        case _JANUS_REQ_MAX: break; /* no answer is awaited */
        }
}

static enum handle side_of_sender(const struct janus_fsm *f, uint64_t sender)
{
        for (enum handle h = HANDLE_PUB; h < _HANDLE_MAX; h++)
                if (sender && f->side[h].handle == sender)
                        return h;
        return HANDLE_NONE;
}

static void on_hangup(struct janus_fsm *f, enum handle h, const struct janus_msg *m)
{
        if (h == HANDLE_PUB && f->hangup_us != LOOP_NEVER) { /* the end of what was unpublished */
                f->hangup_us = LOOP_NEVER;
                jf_pub_next(f);
        } else if (f->side[h].peer && f->state >= JANUS_STATE_SETTLING) {
                jf_lost(f, m->reason);
        }
}

/* What the server says of its own accord. */
static void on_notice(struct janus_fsm *f, const struct janus_msg *m)
{
        enum handle h = side_of_sender(f, m->sender);
        struct engine_result gone = jf_result(ENGINE_SERVER_GONE, 0, "the server ended the session");
        struct janus_action *a;

        switch (m->kind) {
        case JANUS_EVENT:
                if (h == HANDLE_PUB)
                        jf_room_news(f, m);
                else if (h == HANDLE_SUB)
                        jf_room_sub_answer(f, m, JANUS_REQ_UPDATE);
                break;
        case JANUS_HANGUP:
                if (h != HANDLE_NONE)
                        on_hangup(f, h, m);
                break;
        case JANUS_DETACHED:
                if (h != HANDLE_NONE)
                        jf_fail(f, &gone);
                break;
        case JANUS_TIMEOUT:
                if (m->session_id == f->join.session_id)
                        jf_fail(f, &gone);
                break;
        case JANUS_TRICKLE:
                if (h == HANDLE_NONE || !f->side[h].peer)
                        break;
                a = jf_act(f, JANUS_ACT_ADD_CANDIDATE, m->candidate);
                a->peer = f->side[h].peer;
                break;
        case JANUS_ACK:
        case JANUS_SUCCESS:
        case JANUS_ERROR:
        case JANUS_WEBRTCUP:
        case JANUS_OTHER: break;
        }
}

static bool is_answer(const struct janus_msg *m)
{
        return m->kind == JANUS_SUCCESS || m->kind == JANUS_ERROR || m->kind == JANUS_EVENT;
}

static void on_ack(struct janus_fsm *f, uint64_t transaction)
{
        struct pending p;

        for (size_t i = 0; i < f->n_pending; i++)
                if (f->pending[i].transaction == transaction && f->pending[i].kind == JANUS_REQ_KEEPALIVE) {
                        (void)jf_take_pending(f, transaction, &p);
                        return;
                }
}

static void on_message(struct janus_fsm *f, const struct janus_msg *m)
{
        struct pending p;

        if (f->state == JANUS_STATE_IDLE || f->state == JANUS_STATE_CONNECTING)
                return;
        if (m->has_transaction) {
                if (m->kind == JANUS_ACK)
                        on_ack(f, m->transaction);
                else if (is_answer(m) && jf_take_pending(f, m->transaction, &p))
                        on_answer(f, &p, m);
        } else if (f->state != JANUS_STATE_LEAVING) {
                on_notice(f, m);
        }
}

static void on_closed(struct janus_fsm *f, const struct janus_event *ev)
{
        struct engine_result why = jf_result(ENGINE_SERVER_GONE, 0, ev->text);

        f->conn = false;
        if (f->state == JANUS_STATE_LEAVING) {
                jf_finish_leave(f);
                return;
        }
        if (jf_is_joining(f))
                why.reason = ev->err == -ETIMEDOUT ? ENGINE_TIMED_OUT : ENGINE_UNREACHABLE;
        if (f->rejoining && ev->err == -EACCES) /* 401, 403 */
                why.reason = ENGINE_INVALID_TOKEN;
        jf_fail(f, &why);
}

static void on_send_failed(struct janus_fsm *f, int err)
{
        struct engine_result why = jf_result(ENGINE_INTERNAL, 0, strerror(-err));

        if (err == -EMSGSIZE)
                why = jf_result(ENGINE_UNSUPPORTED, 0,
                                "a message is too long for the server's Unix socket (8192 bytes)");
        else if (err == -ENOTCONN || err == -ENOBUFS) /* it is closing, or the server reads no more */
                why.reason = ENGINE_SERVER_GONE;
        if (f->state == JANUS_STATE_LEAVING)
                jf_finish_leave(f);
        else
                jf_fail(f, &why);
}

/* ---- time ---- */

static void on_late(struct janus_fsm *f, const struct pending *p)
{
        char detail[64];
        struct engine_result why;

        if (f->state == JANUS_STATE_LEAVING)
                return; /* the leave has its own deadline */
        (void)snprintf(detail, sizeof(detail), "no answer to %s", janus_request_kind_to_string(p->kind));
        why = jf_result(ENGINE_TIMED_OUT, 0, detail);
        jf_fail(f, &why);
}

static void on_deadline(struct janus_fsm *f)
{
        for (size_t i = 0; i < f->n_pending; i++)
                if (jf_due(f, f->pending[i].deadline_us)) {
                        on_late(f, &f->pending[i]);
                        break; /* the room has ended, or the leave's own deadline decides */
                }
        if (jf_due(f, f->leave_us))
                jf_finish_leave(f);
        if (jf_due(f, f->loss_us))
                jf_fail(f, &f->loss);
        if (jf_due(f, f->poll_us))
                jf_listen_deadline(f);
        if (jf_due(f, f->ousted_us) || jf_due(f, f->look_us))
                jf_ousted_deadline(f);
        if (jf_due(f, f->media_us) || jf_due(f, f->hangup_us))
                jf_pub_deadline(f);
        jf_rejoin_deadline(f);
        if (jf_due(f, f->sub_retry_us)) {
                f->sub_retry_us = LOOP_NEVER;
                jf_room_sync(f);
        }
        if (jf_due(f, f->keepalive_us)) {
                f->keepalive_us = f->now_us + JANUS_KEEPALIVE_US;
                jf_send_simple(f, JANUS_REQ_KEEPALIVE, HANDLE_NONE);
        }
}

uint64_t janus_fsm_deadline(const struct janus_fsm *f)
{
        const uint64_t timers[] = { f->leave_us,     f->loss_us,   f->media_us, f->hangup_us, f->sub_retry_us,
                                    f->keepalive_us, f->ousted_us, f->look_us,  f->retry_us,  f->give_up_us,
                                    f->enter_us,     f->settle_us, f->poll_us };
        uint64_t first = LOOP_NEVER;

        for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
                if (timers[i] < first)
                        first = timers[i];
        if (f->state == JANUS_STATE_LEAVING)
                return first;
        for (size_t i = 0; i < f->n_pending; i++)
                if (f->pending[i].deadline_us < first)
                        first = f->pending[i].deadline_us;
        return first;
}

/* ---- the machine ---- */

static void dispatch(struct janus_fsm *f, const struct janus_event *ev)
{
        switch (ev->kind) {
        case JANUS_EV_JOIN: on_join(f, ev); break;
        case JANUS_EV_LEAVE: jf_leave(f, ev); break;
        case JANUS_EV_PUBLISH:
                jf_add_op(f, ev->op, JOP_PUBLISH, ev->on);
                jf_pub_op(f, ev->op, ev->media);
                break;
        case JANUS_EV_SUBSCRIBE:
                jf_add_op(f, ev->op, JOP_SUBSCRIBE, ev->on);
                jf_room_wish(f, ev->op, ev->user_id, ev->media, ev->on);
                break;
        case JANUS_EV_VISIBLE:
                jf_add_op(f, ev->op, JOP_VISIBLE, ev->on);
                jf_pub_op(f, ev->op, ENGINE_AUDIO);
                break;
        case JANUS_EV_OPENED: on_opened(f); break;
        case JANUS_EV_CLOSED: on_closed(f, ev); break;
        case JANUS_EV_MESSAGE: on_message(f, ev->msg); break;
        case JANUS_EV_SEND_FAILED: on_send_failed(f, ev->err); break;
        case JANUS_EV_DESCRIPTION: jf_on_description(f, ev); break;
        case JANUS_EV_DESCRIPTION_FAILED: jf_on_description_failed(f, ev); break;
        case JANUS_EV_CANDIDATE: jf_on_candidate(f, ev); break;
        case JANUS_EV_PEER_STATE: jf_on_peer_state(f, ev); break;
        case JANUS_EV_SPEAKING: jf_on_speaking(f, ev); break;
        case JANUS_EV_FIRST_MEDIA:
                if (!f->stages.first_audio_us)
                        f->stages.first_audio_us = f->now_us - f->start_us;
                break;
        case JANUS_EV_ENCRYPTION: jf_room_encryption(f, ev); break;
        case JANUS_EV_RESUMED: jf_rejoin_resumed(f); break;
        case JANUS_EV_DEADLINE: on_deadline(f); break;
        }
}

int janus_fsm_step(struct janus_fsm *f, const struct janus_event *ev, uint64_t now_us, struct list *actions)
{
        f->now_us = now_us;
        f->actions = actions;
        f->oom = false;
        dispatch(f, ev);
        f->actions = NULL;
        return f->oom ? -ENOMEM : 0;
}

int janus_fsm_set_tokens(struct janus_fsm *f, const char *api, const char *room)
{
        _cleanup_free_ char *a = api ? strdup(api) : NULL, *r = room ? strdup(room) : NULL;

        if ((api && !a) || (room && !r))
                return -ENOMEM;
        free(f->api_token);
        free(f->room_token);
        f->api_token = take_ptr(a);
        f->room_token = take_ptr(r);
        return 0;
}

void janus_fsm_reset(struct janus_fsm *f)
{
        jf_forget(f);
        f->n_ops = 0;
        f->state = JANUS_STATE_IDLE; /* from any state, as if new */
}

int janus_fsm_new(struct janus_fsm **ret)
{
        struct janus_fsm *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        for (enum handle h = HANDLE_NONE; h < _HANDLE_MAX; h++)
                list_init(&f->side[h].candidates);
        list_init(&f->members);
        list_init(&f->wishes);
        jf_forget(f);
        *ret = f;
        return 0;
}

struct janus_fsm *janus_fsm_free(struct janus_fsm *f)
{
        if (!f)
                return NULL;
        jf_forget(f);
        free(f->api_token);
        free(f->room_token);
        free(f);
        return NULL;
}

enum janus_state janus_fsm_state(const struct janus_fsm *f)
{
        return f->state;
}

void janus_fsm_get_stages(const struct janus_fsm *f, struct engine_stages *ret)
{
        *ret = f->stages;
}

uint32_t janus_fsm_publisher(const struct janus_fsm *f)
{
        return f->side[HANDLE_PUB].peer;
}
