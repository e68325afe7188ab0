/* janus-link.c - the machine's hands: actions, results, requests with the answers they are owed, peers and
 * what they tell.
 *
 * A candidate may be found before the server knows the description it belongs to; it is kept (bounded) until then.
 */
#include "engine/janus/janus-fsm-internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

const char *janus_action_kind_to_string(enum janus_action_kind k)
{
        static const char *const words[_JANUS_ACT_MAX] = {
                "open-conn",    "close-conn", "send",          "open-peer", "close-peer",
                "create-offer", "set-remote", "add-candidate", "bind",      "unbind",
                "op-done",      "state",      "participant",   "speaking",  "unanswered",
        };

        return k < _JANUS_ACT_MAX ? words[k] : NULL;
}

/* ---- actions ---- */

struct janus_action *janus_action_free(struct janus_action *a)
{
        if (!a)
                return NULL;
        list_remove(&a->link);
        free(a->text);
        free(a);
        return NULL;
}

struct janus_action *jf_act(struct janus_fsm *f, enum janus_action_kind kind, const char *text)
{
        struct janus_action *a = calloc(1, sizeof(*a));

        if (a && text)
                a->text = strdup(text);
        if (!a || (text && !a->text)) {
                free(a);
                f->oom = true;
                f->scratch = (struct janus_action){ 0 };
                return &f->scratch;
        }
        a->kind = kind;
        list_append(f->actions, &a->link);
        return a;
}

void jf_act_peer(struct janus_fsm *f, enum janus_action_kind kind, uint32_t peer)
{
        jf_act(f, kind, NULL)->peer = peer;
}

struct engine_result jf_result(enum engine_reason reason, int err, const char *detail)
{
        struct engine_result r = { .reason = reason, .err = err };

        (void)snprintf(r.detail, sizeof(r.detail), "%s", detail ? detail : "");
        return r;
}

/* Codes of the core (apierror.h) and of the videoroom plugin. */
struct engine_result jf_result_of(const struct janus_msg *m)
{
        switch (m->error_code) {
        case 403: /* no or a wrong API token */
        case 405: /* the token does not allow this plugin */
        case 433: /* no or a wrong room token */ return jf_result(ENGINE_INVALID_TOKEN, 0, m->error_text);
        case 432: return jf_result(ENGINE_ROOM_FULL, 0, m->error_text);
        case 0: return jf_result(ENGINE_PROTOCOL, 0, "an error without a code");
        default: return jf_result(ENGINE_SERVER_ERROR, m->error_code, m->error_text);
        }
}

/* ---- operations ---- */

void jf_add_op(struct janus_fsm *f, uint32_t number, enum op_kind kind, bool on)
{
        assert(f->n_ops < JANUS_OPS_MAX); /* the wrapper of engine-check.c allows as many */
        f->ops[f->n_ops++] = (struct op){ number, kind, on };
}

void jf_done(struct janus_fsm *f, uint32_t op, const struct engine_result *res)
{
        struct janus_action *a;
        size_t i = 0;

        while (i < f->n_ops && f->ops[i].number != op)
                i++;
        assert(i < f->n_ops);
        a = jf_act(f, JANUS_ACT_OP_DONE, NULL);
        a->op = op;
        a->result = *res;
        a->on = f->ops[i].kind == JOP_JOIN && res->reason == ENGINE_OK;
        if (!f->oom) /* else it stays for janus_fsm_take_op() */
                memmove(&f->ops[i], &f->ops[i + 1], (--f->n_ops - i) * sizeof(f->ops[0]));
}

bool janus_fsm_take_op(struct janus_fsm *f, uint32_t *ret_op)
{
        if (f->n_ops == 0)
                return false;
        *ret_op = f->ops[0].number;
        memmove(&f->ops[0], &f->ops[1], --f->n_ops * sizeof(f->ops[0]));
        return true;
}

/* All but the leaves, which come last. */
void jf_fail_ops(struct janus_fsm *f, const struct engine_result *why)
{
        for (size_t i = 0; i < f->n_ops && !f->oom;)
                if (f->ops[i].kind == JOP_LEAVE)
                        i++;
                else
                        jf_done(f, f->ops[i].number, why);
}

void jf_succeed_leaves(struct janus_fsm *f)
{
        struct engine_result ok = { 0 };

        while (f->n_ops > 0 && !f->oom) {
                assert(f->ops[0].kind == JOP_LEAVE);
                jf_done(f, f->ops[0].number, &ok);
        }
}

/* ---- requests ---- */

struct janus_request jf_request(const struct janus_fsm *f, enum janus_request_kind kind, enum handle h)
{
        return (struct janus_request){ .kind = kind,
                                       .session_id = f->join.session_id,
                                       .handle_id = f->side[h].handle,
                                       .token = f->api_token,
                                       .room_token = f->room_token };
}

bool jf_is_joining(const struct janus_fsm *f)
{
        return f->state >= JANUS_STATE_CONNECTING && f->state <= JANUS_STATE_SETTLING;
}

void jf_send(struct janus_fsm *f, struct janus_request *r, enum handle h, bool expect)
{
        _cleanup_free_ char *text = NULL;

        r->transaction = ++f->next_transaction;
        if (janus_request_format(r, &text) < 0) {
                f->oom = true;
                return;
        }
        (void)jf_act(f, JANUS_ACT_SEND, text);
        if (!expect)
                return;
        assert(f->n_pending < JANUS_PENDING_MAX); /* one per kind and handle */
        f->pending[f->n_pending++] = (struct pending){
                .transaction = r->transaction,
                .deadline_us = f->now_us + (jf_is_joining(f) ? JANUS_JOIN_TIMEOUT_US : JANUS_ROOM_TIMEOUT_US),
                .kind = r->kind,
                .handle = h,
        };
}

void jf_send_simple(struct janus_fsm *f, enum janus_request_kind kind, enum handle h)
{
        struct janus_request r = jf_request(f, kind, h);

        jf_send(f, &r, h, true);
}

/* The answer owed for this transaction is no longer owed. */
bool jf_take_pending(struct janus_fsm *f, uint64_t transaction, struct pending *ret)
{
        for (size_t i = 0; i < f->n_pending; i++)
                if (f->pending[i].transaction == transaction) {
                        *ret = f->pending[i];
                        f->pending[i] = f->pending[--f->n_pending];
                        return true;
                }
        return false;
}

/* ---- peers ---- */

void jf_clear_candidates(struct side *s)
{
        struct candidate *c;

        list_for_each (c, &s->candidates, link) {
                list_remove(&c->link);
                free(c->line);
                free(c);
        }
        s->n_candidates = 0;
}

uint32_t jf_open_peer(struct janus_fsm *f, enum handle h)
{
        struct janus_action *a = jf_act(f, JANUS_ACT_OPEN_PEER, NULL);

        a->peer = f->side[h].peer = ++f->next_peer;
        a->publisher = h == HANDLE_PUB;
        return f->side[h].peer;
}

void jf_close_peer(struct janus_fsm *f, enum handle h)
{
        struct side *s = &f->side[h];

        if (s->peer)
                jf_act_peer(f, JANUS_ACT_CLOSE_PEER, s->peer);
        s->peer = 0;
        s->described = false;
        jf_clear_candidates(s);
}

enum handle jf_side_of_peer(const struct janus_fsm *f, uint32_t peer)
{
        for (enum handle h = HANDLE_PUB; h < _HANDLE_MAX; h++)
                if (peer && f->side[h].peer == peer)
                        return h;
        return HANDLE_NONE;
}

static void send_candidate(struct janus_fsm *f, enum handle h, const char *line, const char *mid, uint32_t mline)
{
        struct janus_request r = jf_request(f, JANUS_REQ_TRICKLE, h);

        r.candidate = line;
        r.mid = mid;
        r.mline = mline;
        jf_send(f, &r, h, false);
}

void jf_flush_candidates(struct janus_fsm *f, enum handle h)
{
        struct candidate *c;

        f->side[h].described = true;
        list_for_each (c, &f->side[h].candidates, link)
                send_candidate(f, h, c->line, c->mid, c->mline);
        jf_clear_candidates(&f->side[h]);
}

void jf_on_candidate(struct janus_fsm *f, const struct janus_event *ev)
{
        enum handle h = jf_side_of_peer(f, ev->peer);
        struct side *s = &f->side[h];
        struct candidate *c;

        if (h == HANDLE_NONE)
                return;
        if (s->described) {
                send_candidate(f, h, ev->text, ev->mid ? ev->mid : "", ev->mline);
                return;
        }
        if (s->n_candidates == JANUS_CANDIDATES_MAX)
                return;
        c = calloc(1, sizeof(*c));
        if (c && ev->text)
                c->line = strdup(ev->text);
        if (!c || (ev->text && !c->line)) {
                free(c);
                f->oom = true;
                return;
        }
        (void)snprintf(c->mid, sizeof(c->mid), "%s", ev->mid ? ev->mid : "");
        c->mline = ev->mline;
        list_append(&s->candidates, &c->link);
        s->n_candidates++;
}

/* ---- what peers tell ---- */

void jf_on_description(struct janus_fsm *f, const struct janus_event *ev)
{
        enum handle h = jf_side_of_peer(f, ev->peer);

        if (h == HANDLE_PUB && ev->sdp_type == RTC_OFFER)
                jf_pub_offer(f, ev->text);
        else if (h == HANDLE_SUB && ev->sdp_type == RTC_ANSWER)
                jf_room_sub_description(f, ev->text);
}

void jf_on_description_failed(struct janus_fsm *f, const struct janus_event *ev)
{
        struct engine_result why = jf_result(ENGINE_PROTOCOL, 0, "the server's session description is unusable");
        enum handle h = jf_side_of_peer(f, ev->peer);

        if (h == HANDLE_PUB && f->state == JANUS_STATE_JOINED)
                jf_pub_failed(f, &why);
        else if (h != HANDLE_NONE)
                jf_fail(f, &why);
}

static void on_sub_state(struct janus_fsm *f, enum peer_state state, const char *why)
{
        if (state == PEER_STATE_CONNECTED && !f->sub_up) {
                f->sub_up = true;
                f->stages.subscriber_up_us = f->now_us - f->start_us;
        } else if (state == PEER_STATE_FAILED) {
                jf_lost(f, why);
        }
}

void jf_on_peer_state(struct janus_fsm *f, const struct janus_event *ev)
{
        enum handle h = jf_side_of_peer(f, ev->peer);

        if (h == HANDLE_PUB)
                jf_pub_peer_state(f, ev->peer_state, ev->text);
        else if (h == HANDLE_SUB)
                on_sub_state(f, ev->peer_state, ev->text);
}

void jf_on_speaking(struct janus_fsm *f, const struct janus_event *ev)
{
        enum handle h = jf_side_of_peer(f, ev->peer);

        if (f->state != JANUS_STATE_JOINED)
                return;
        if (h == HANDLE_PUB && !ev->mid)
                jf_act(f, JANUS_ACT_SPEAKING, NULL)->on = ev->on; /* user "": ourselves */
        else if (h != HANDLE_NONE && ev->mid)
                jf_room_speaking(f, ev->mid, ev->on);
}
