/* lk-link.c - the machine's hands: actions, results, operations, timers, and what is sent.
 *
 * A message is packed here and travels as bytes. Times in pings are ours, monotonic: the server only hands them back.
 */
#include "engine/livekit/lk-fsm-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

const char *lk_action_kind_to_string(enum lk_action_kind k)
{
        static const char *const words[_LK_ACT_MAX] = {
                "open-conn",     "close-conn", "send",   "open-peer", "close-peer", "create-offer", "set-remote",
                "add-candidate", "bind",       "unbind", "token",     "hide",       "op-done",      "state",
                "participant",   "speaking",   "muted",  "withdrawn", "permitted",  "data",
        };

        return k < _LK_ACT_MAX ? words[k] : NULL;
}

/* ---- actions ---- */

struct lk_action *lk_action_free(struct lk_action *a)
{
        if (!a)
                return NULL;
        list_remove(&a->link);
        lk_profile_done(&a->profile);
        free(a->text);
        free(a);
        return NULL;
}

struct lk_action *lf_act(struct lk_fsm *f, enum lk_action_kind kind, const char *text)
{
        struct lk_action *a = calloc(1, sizeof(*a));

        if (a && text)
                a->text = strdup(text);
        if (!a || (text && !a->text)) {
                free(a);
                f->oom = true;
                f->scratch = (struct lk_action){ 0 };
                return &f->scratch;
        }
        a->kind = kind;
        list_append(f->actions, &a->link);
        return a;
}

void lf_act_peer(struct lk_fsm *f, enum lk_action_kind kind)
{
        lf_act(f, kind, NULL)->peer = f->peer;
}

struct engine_result lf_result(enum engine_reason reason, int err, const char *detail)
{
        struct engine_result r = { .reason = reason, .err = err };

        (void)snprintf(r.detail, sizeof(r.detail), "%s", detail ? detail : "");
        return r;
}

void lf_copy(char *to, size_t size, const char *from)
{
        size_t len = from ? strlen(from) : 0;

        if (len >= size)
                len = 0;
        memcpy(to, from ? from : "", len);
        to[len] = '\0';
}

char *lf_keep(struct lk_fsm *f, char *old, const char *text)
{
        free(old);
        old = text ? strdup(text) : NULL;
        f->oom |= text && !old;
        return old;
}

/* ---- operations ---- */

void lf_add_op(struct lk_fsm *f, uint32_t number, enum op_kind kind, bool on)
{
        assert(f->n_ops < LK_OPS_MAX); /* the wrapper of engine-check.c allows as many */
        f->ops[f->n_ops++] = (struct op){ number, kind, on };
}

void lf_done(struct lk_fsm *f, uint32_t op, const struct engine_result *res)
{
        struct lk_action *a;
        size_t i = 0;

        while (i < f->n_ops && f->ops[i].number != op)
                i++;
        assert(i < f->n_ops);
        a = lf_act(f, LK_ACT_OP_DONE, NULL);
        a->op = op;
        a->result = *res;
        a->on = f->ops[i].kind == LOP_JOIN && res->reason == ENGINE_OK;
        if (!f->oom) /* else it stays for lk_fsm_take_op() */
                memmove(&f->ops[i], &f->ops[i + 1], (--f->n_ops - i) * sizeof(f->ops[0]));
}

bool lk_fsm_take_op(struct lk_fsm *f, uint32_t *ret_op)
{
        if (f->n_ops == 0)
                return false;
        *ret_op = f->ops[0].number;
        memmove(&f->ops[0], &f->ops[1], --f->n_ops * sizeof(f->ops[0]));
        return true;
}

void lf_fail_ops(struct lk_fsm *f, const struct engine_result *why)
{
        for (size_t i = 0; i < f->n_ops && !f->oom;)
                if (f->ops[i].kind == LOP_LEAVE)
                        i++;
                else
                        lf_done(f, f->ops[i].number, why);
}

void lf_succeed_leaves(struct lk_fsm *f)
{
        struct engine_result ok = { 0 };

        while (f->n_ops > 0 && !f->oom) {
                assert(f->ops[0].kind == LOP_LEAVE);
                lf_done(f, f->ops[0].number, &ok);
        }
}

/* ---- timers ---- */

void lf_set_timer(struct lk_fsm *f, enum lk_timer t, uint64_t in_us)
{
        f->due[t] = f->now_us + in_us;
}

void lf_stop_timer(struct lk_fsm *f, enum lk_timer t)
{
        f->due[t] = LOOP_NEVER;
}

bool lf_take_due(struct lk_fsm *f, enum lk_timer t)
{
        if (f->due[t] == LOOP_NEVER || f->due[t] > f->now_us)
                return false;
        f->due[t] = LOOP_NEVER;
        return true;
}

uint64_t lk_fsm_deadline(const struct lk_fsm *f)
{
        uint64_t first = LOOP_NEVER;

        for (size_t i = 0; i < _T_MAX; i++)
                if (f->due[i] < first)
                        first = f->due[i];
        return first;
}

/* ---- what is sent ---- */

void lf_send(struct lk_fsm *f, const Livekit__SignalRequest *m)
{
        struct lk_action *a;
        uint8_t *bytes;
        size_t len;

        if (livekit_pack(&m->base, &bytes, &len) < 0) {
                f->oom = true; /* our own messages are never too long */
                return;
        }
        a = lf_act(f, LK_ACT_SEND, NULL);
        if (a == &f->scratch) {
                free(bytes);
                return;
        }
        a->text = (char *)bytes;
        a->len = len;
}

void lf_send_leave(struct lk_fsm *f)
{
        Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
        Livekit__SignalRequest m = LIVEKIT__SIGNAL_REQUEST__INIT;

        leave.has_reason = true;
        leave.reason = LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED;
        m.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
        m.leave = &leave;
        lf_send(f, &m);
}

/* Both kinds: servers of before 2023 know only the bare number. */
void lf_send_pings(struct lk_fsm *f)
{
        Livekit__Ping ping = LIVEKIT__PING__INIT;
        Livekit__SignalRequest m = LIVEKIT__SIGNAL_REQUEST__INIT;

        ping.has_timestamp = ping.has_rtt = true;
        ping.timestamp = (int64_t)(f->now_us / US_PER_MS);
        ping.rtt = (int64_t)f->rtt_ms;
        m.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
        m.ping_req = &ping;
        lf_send(f, &m);
        m.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING;
        m.ping = ping.timestamp;
        lf_send(f, &m);
        lf_set_timer(f, T_PING, f->ping_us);
}

void lf_heard(struct lk_fsm *f, const Livekit__SignalResponse *m)
{
        uint64_t now_ms = f->now_us / US_PER_MS;

        if (f->due[T_SILENCE] != LOOP_NEVER)
                lf_set_timer(f, T_SILENCE, f->silence_us);
        if (m->message_case != LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG_RESP)
                return;
        if (m->pong_resp->last_ping_timestamp > 0 && (uint64_t)m->pong_resp->last_ping_timestamp <= now_ms)
                f->rtt_ms = now_ms - (uint64_t)m->pong_resp->last_ping_timestamp;
}

/* ---- the request that opens the connection ---- */

static void fill_resume(struct lk_fsm *f, Livekit__JoinRequest *j)
{
        j->has_reconnect = j->has_reconnect_reason = true;
        j->reconnect = true;
        j->reconnect_reason = f->resume_reason;
        j->participant_sid = f->sid;
}

/* The offer rides along, and with it what it has of ours; NULL: it does not. */
static int format_request(struct lk_fsm *f, const char *offer, char **ret)
{
        Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
        Livekit__ConnectionSettings settings = LIVEKIT__CONNECTION_SETTINGS__INIT;
        Livekit__SessionDescription sd = LIVEKIT__SESSION_DESCRIPTION__INIT;
        Livekit__AddTrackRequest track = LIVEKIT__ADD_TRACK_REQUEST__INIT, *tracks[] = { &track };
        Livekit__JoinRequest j = LIVEKIT__JOIN_REQUEST__INIT;
        char cid[16];

        client.has_protocol = true;
        client.protocol = LK_PROTOCOL;
        client.os = (char *)"linux";
        j.client_info = &client;
        j.connection_settings = &settings; /* we subscribe by ourselves: false is what it says */
        if (f->state == LK_STATE_RESUMING)
                fill_resume(f, &j);
        if (offer) {
                sd.type = (char *)"offer";
                sd.sdp = (char *)offer;
                sd.has_id = true;
                sd.id = f->offer_id;
                j.publisher_offer = &sd;
        }
        if (offer && f->pub == PUB_STARTING) {
                lf_pub_add_track(f, &track, cid);
                j.add_track_requests = tracks;
                j.n_add_track_requests = 1;
        }
        return livekit_join_request_text(&j, ret);
}

/* Of the newer servers: what it carries is as long as proxies take it. */
static int format_path(struct lk_fsm *f, char **ret)
{
        _cleanup_free_ char *text = NULL;
        const char *offer = f->offer == OFFER_MADE && f->state != LK_STATE_RESUMING ? f->local : NULL;
        int r = format_request(f, offer, &text);

        if (r >= 0 && offer && strlen(text) > LK_REQUEST_MAX) {
                free(take_ptr(text));
                offer = NULL;
                r = format_request(f, NULL, &text);
        }
        f->offer_carried = offer;
        return r < 0 || asprintf(ret, "/rtc/v1?join_request=%s", text) < 0 ? -ENOMEM : 0;
}

void lf_open_conn(struct lk_fsm *f)
{
        _cleanup_free_ char *path = NULL;

        if ((f->dual ? lf_dual_path(f, &path) : format_path(f, &path)) < 0) {
                f->oom = true;
                return;
        }
        f->conn = true;
        (void)lf_act(f, LK_ACT_OPEN_CONN, path);
        lf_set_timer(f, T_FIRST, LK_OPEN_MS * US_PER_MS + LK_FIRST_TIMEOUT_US);
}
