/* janus.c - see janus.h: the machine's glue to connection, runtime, timer and app.
 *
 * Whatever happens is fed to the machine, and what it wants done is queued; the queue is carried out by one timer and
 * nowhere else. So nothing is emitted from inside an operation, and connection and runtime may be closed without being
 * in the middle of one of their callbacks. An event may free the engine: what it owns goes at once, its memory when
 * the queue has unwound (`running`, `dead`).
 *
 * Ownership: the engine owns machine, queue, connection, runtime and a reference to each port it was lent. Control
 * thread.
 */
#include "engine/janus/janus.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/janus/janus-access.h"
#include "engine/janus/janus-fsm.h"
#include "engine/rtc-join.h"
#include "signal/sigconn-ws.h"

LOG_TOPIC("engine/janus");

struct lent {                    /* a playback port */
        struct list link;        /* in janus.lent */
        struct audio_port *port; /* owned reference */
        char user[JANUS_ID_MAX + 1];
};

struct stats_answer {
        struct list link; /* in janus.stats */
        uint32_t op;
        bool ready;
        struct engine_stats stats;
        struct engine_stats_inbound *inbound; /* owned; stats.inbound points to it */
};

struct janus {
        struct engine base;
        const struct engine_env *env;
        const struct rtc_ops *rtc;
        struct sigconn_provider conn_provider;
        char *url; /* owned */
        struct engine_events ev;
        void (*unanswered)(void *ctx); /* or NULL */
        void *ctx;

        struct janus_fsm *fsm;
        struct list queue; /* of struct janus_action */
        struct loop_source *timer;
        struct sigconn *conn;   /* owned; NULL: none */
        bool conn_gone;         /* it closed by itself: only to be freed */
        struct rtc_runtime *rt; /* owned; made on the first join */
        struct janus_access access;
        struct rtc_join_copy join;  /* what peers are opened with */
        struct audio_port *capture; /* owned reference */
        const struct capture_gate *gate;
        struct list lent, stats;
        uint64_t asleep_us; /* how long the machine has slept, when last looked at */
        bool in_room;       /* the app knows of a room */
        bool collapsed;     /* no memory: the room has to go */
        bool running, dead;
};

static struct janus *janus(struct engine *e)
{
        return container_of(e, struct janus, base);
}

/* ---- feeding the machine ---- */

static void rearm(struct janus *j)
{
        uint64_t due = janus_fsm_deadline(j->fsm);
        struct stats_answer *s;

        list_for_each (s, &j->stats, link)
                if (s->ready)
                        due = 0;
        if (!list_is_empty(&j->queue) || j->collapsed)
                due = 0;
        (void)loop_set_timer(j->timer, due);
}

static void step(struct janus *j, const struct janus_event *ev)
{
        if (janus_fsm_step(j->fsm, ev, loop_now_us(j->env->loop), &j->queue) < 0)
                j->collapsed = true;
}

/* The machine's time stands still while the computer sleeps, that of the server does not. Something happens every few
 * seconds in a room, so nobody needs to watch for the awakening. */
static void look_for_sleep(struct janus *j)
{
        uint64_t asleep_us = clock_asleep_us();

        if (asleep_us > j->asleep_us + US_PER_SEC && janus_fsm_state(j->fsm) != JANUS_STATE_IDLE) {
                log_info("the computer slept for %u s", (unsigned)((asleep_us - j->asleep_us) / US_PER_SEC));
                step(j, &(struct janus_event){ .kind = JANUS_EV_RESUMED });
        }
        j->asleep_us = asleep_us;
}

static void feed(struct janus *j, const struct janus_event *ev)
{
        (void)janus_access_refresh(&j->access, j->fsm, clock_realtime_us()); /* else the old ones go on */
        look_for_sleep(j);
        step(j, ev);
        rearm(j);
}

/* An answer that needs no machine. */
static int queue_done(struct janus *j, uint32_t op, enum engine_reason reason, const char *detail)
{
        struct janus_action *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->kind = JANUS_ACT_OP_DONE;
        a->op = op;
        a->result.reason = reason;
        (void)snprintf(a->result.detail, sizeof(a->result.detail), "%s", detail);
        list_append(&j->queue, &a->link);
        rearm(j);
        return 0;
}

/* ---- events of the connection ---- */

static void on_opened(void *ctx)
{
        feed(ctx, &(struct janus_event){ .kind = JANUS_EV_OPENED });
}

static void on_message(const char *data, size_t len, bool binary, void *ctx)
{
        _cleanup_(janus_msg_freep) struct janus_msg *m = NULL;
        int r = binary ? -EBADMSG : janus_msg_parse(data, len, &m);

        if (r < 0) {
                log_every_second(LOG_LEVEL_WARNING, "a message of the server is dropped: %s", strerror(-r));
                return;
        }
        feed(ctx, &(struct janus_event){ .kind = JANUS_EV_MESSAGE, .msg = m });
}

static void on_closed(int err, unsigned http_status, const char *text, void *ctx)
{
        struct janus *j = ctx;
        char why[96];

        j->conn_gone = true;
        if (http_status)
                (void)snprintf(why, sizeof(why), "HTTP status %u", http_status);
        else
                (void)snprintf(why, sizeof(why), "%s",
                               text && text[0] ? text
                               : err           ? strerror(-err)
                                               : "closed by the server");
        log_info("connection closed: %s", why);
        feed(j, &(struct janus_event){ .kind = JANUS_EV_CLOSED, .err = err, .text = why });
}

static const struct sigconn_events conn_events = { 0, on_opened, on_message, on_closed };

/* ---- events of the runtime ---- */

static void on_local_description(uint32_t peer, enum rtc_sdp type, const char *sdp, void *ctx)
{
        feed(ctx, &(struct janus_event){ .kind = JANUS_EV_DESCRIPTION, .peer = peer, .sdp_type = type, .text = sdp });
}

static void on_local_candidate(uint32_t peer, const char *mid, uint32_t mline, const char *line, void *ctx)
{
        feed(ctx, &(struct janus_event){
                          .kind = JANUS_EV_CANDIDATE, .peer = peer, .mid = mid, .mline = mline, .text = line });
}

static void on_description_failed(uint32_t peer, enum rtc_sdp type, int err, void *ctx)
{
        (void)type;
        log_warning("a session description of the server is unusable: %s", strerror(-err));
        feed(ctx, &(struct janus_event){ .kind = JANUS_EV_DESCRIPTION_FAILED, .peer = peer });
}

static void on_peer_state(uint32_t peer, enum peer_state state, enum peer_reason reason, void *ctx)
{
        log_debug("peer %u: %s %s", peer, peer_state_to_string(state), peer_reason_to_string(reason));
        /* What lost its path is replaced by joining again, which also notices a Janus that is gone. */
        feed(ctx, &(struct janus_event){ .kind = JANUS_EV_PEER_STATE,
                                         .peer = peer,
                                         .peer_state = state == PEER_STATE_DISCONNECTED ? PEER_STATE_FAILED : state,
                                         .text = peer_reason_to_string(reason) });
}

static void on_speaking(uint32_t peer, const char *mid, bool speaking, void *ctx)
{
        feed(ctx, &(struct janus_event){ .kind = JANUS_EV_SPEAKING, .peer = peer, .mid = mid, .on = speaking });
}

static void on_first_media(uint32_t peer, const char *mid, void *ctx)
{
        (void)mid;
        feed(ctx, &(struct janus_event){ .kind = JANUS_EV_FIRST_MEDIA, .peer = peer });
}

static void on_encryption(uint32_t peer, const char *mid, enum e2ee_state state, void *ctx)
{
        feed(ctx, &(struct janus_event){ .kind = JANUS_EV_ENCRYPTION, .peer = peer, .mid = mid, .encryption = state });
}

/* Kept until the timer: the app may do anything when it gets them, the runtime may not be freed from here. */
static void on_stats(uint32_t op, const struct engine_stats *stats, void *ctx)
{
        struct janus *j = ctx;
        struct stats_answer *s;

        list_for_each (s, &j->stats, link) {
                if (s->op != op || s->ready)
                        continue;
                s->ready = true;
                s->stats = *stats;
                s->inbound = calloc(stats->n_inbound ? stats->n_inbound : 1, sizeof(*s->inbound));
                if (!s->inbound)
                        s->stats.n_inbound = 0;
                else if (stats->n_inbound > 0)
                        memcpy(s->inbound, stats->inbound, stats->n_inbound * sizeof(*s->inbound));
                s->stats.inbound = s->inbound;
        }
        rearm(j);
}

static const struct rtc_runtime_events rtc_events = {
        0,
        on_local_description,
        on_local_candidate,
        on_description_failed,
        on_peer_state,
        on_speaking,
        on_first_media,
        on_encryption,
        on_stats,
};

/* ---- carrying out ---- */

static struct lent *find_lent(const struct janus *j, const char *user)
{
        struct lent *l;

        list_for_each (l, &j->lent, link)
                if (strcmp(l->user, user) == 0)
                        return l;
        return NULL;
}

static int open_conn(struct janus *j)
{
        struct sigconn_params p = {
                .url = j->url,
                .subprotocol = "janus-protocol",
                .ca_file = j->env->ca_file,
                .max_message = JANUS_MSG_MAX,
                .timeout_ms = 5000,
        };
        struct net_thread *net;
        int r;

        if (!j->conn_provider.ops) {
                r = engine_env_net(j->env, &net);
                if (r < 0)
                        return r;
                j->conn_provider = sigconn_ws_provider(net);
        }
        return j->conn_provider.ops->open(j->conn_provider.factory, &p, &conn_events, j, &j->conn);
}

static void close_conn(struct janus *j)
{
        struct sigconn *c = take_ptr(j->conn);

        if (c)
                c->ops->close(c);
        j->conn_gone = false;
}

static int open_peer(struct janus *j, const struct janus_action *a)
{
        int r = j->rtc->open_peer(j->rt, a->peer, &j->join.peer);

        if (r < 0 || !a->publisher)
                return r;
        return j->rtc->set_capture(j->rt, a->peer, j->capture, j->gate);
}

static int bind_track(struct janus *j, uint32_t peer, const char *mid, const char *user)
{
        struct lent *l = find_lent(j, user);

        return j->rtc->bind(j->rt, peer, mid, user, l ? l->port : NULL);
}

/* Everything that goes down, to the connection and the runtime. */
static int carry_down(struct janus *j, const struct janus_action *a)
{
        switch (a->kind) {
        case JANUS_ACT_OPEN_CONN: return open_conn(j);
        case JANUS_ACT_CLOSE_CONN: close_conn(j); return 0;
        case JANUS_ACT_SEND:
                return j->conn && !j->conn_gone ? j->conn->ops->send(j->conn, a->text, strlen(a->text), false) : 0;
        case JANUS_ACT_OPEN_PEER: return open_peer(j, a);
        case JANUS_ACT_CLOSE_PEER: return j->rtc->close_peer(j->rt, a->peer);
        case JANUS_ACT_CREATE_OFFER:
                return j->rtc->create_offer(j->rt, a->peer, &(const struct rtc_offer){ .send_audio = true });
        case JANUS_ACT_SET_REMOTE: return j->rtc->set_remote(j->rt, a->peer, a->sdp_type, a->text);
        case JANUS_ACT_ADD_CANDIDATE: return j->rtc->add_candidate(j->rt, a->peer, a->text);
        case JANUS_ACT_BIND: return bind_track(j, a->peer, a->mid, a->user);
        case JANUS_ACT_UNBIND: return j->rtc->unbind(j->rt, a->peer, a->mid);
        case JANUS_ACT_OP_DONE:
        case JANUS_ACT_STATE:
        case JANUS_ACT_PARTICIPANT:
        case JANUS_ACT_SPEAKING:
        case JANUS_ACT_UNANSWERED:
        case _JANUS_ACT_MAX: break;
        }
        return 0;
}

static void tell_participant(struct janus *j, const struct janus_action *a)
{
        struct engine_participant p = { a->user, a->published, a->subscribed, a->on, a->encryption };

        j->ev.participant(a->change, &p, j->ctx);
}

static void tell_state(struct janus *j, const struct janus_action *a)
{
        const char *words = a->state == ENGINE_STATE_IDLE           ? "room left"
                            : a->state == ENGINE_STATE_RECONNECTING ? "room lost"
                                                                    : "room come back to";

        log_notice("%s: %s %s", words, engine_reason_to_string(a->result.reason), a->result.detail);
        j->in_room = a->state != ENGINE_STATE_IDLE;
        j->ev.state(a->state, &a->result, j->ctx);
}

/* Everything that goes up; the engine may be dead after each. */
static void carry_up(struct janus *j, const struct janus_action *a)
{
        switch (a->kind) {
        case JANUS_ACT_OP_DONE:
                j->in_room |= a->on;
                if (a->result.reason != ENGINE_OK)
                        log_info("operation %u: %s %d %s", a->op, engine_reason_to_string(a->result.reason),
                                 a->result.err, a->result.detail);
                j->ev.op_done(a->op, &a->result, j->ctx);
                break;
        case JANUS_ACT_STATE: tell_state(j, a); break;
        case JANUS_ACT_PARTICIPANT: tell_participant(j, a); break;
        case JANUS_ACT_SPEAKING: j->ev.speaking(a->user, a->on, j->ctx); break;
        case JANUS_ACT_UNANSWERED:
                if (j->unanswered)
                        j->unanswered(j->ctx);
                break;
        case JANUS_ACT_OPEN_CONN:
        case JANUS_ACT_CLOSE_CONN:
        case JANUS_ACT_SEND:
        case JANUS_ACT_OPEN_PEER:
        case JANUS_ACT_CLOSE_PEER:
        case JANUS_ACT_CREATE_OFFER:
        case JANUS_ACT_SET_REMOTE:
        case JANUS_ACT_ADD_CANDIDATE:
        case JANUS_ACT_BIND:
        case JANUS_ACT_UNBIND:
        case _JANUS_ACT_MAX: break;
        }
}

static void carry_out(struct janus *j, const struct janus_action *a)
{
        int r = carry_down(j, a);

        if (r < 0 && a->kind == JANUS_ACT_OPEN_CONN)
                feed(j, &(struct janus_event){ .kind = JANUS_EV_CLOSED, .err = r, .text = strerror(-r) });
        else if (r < 0)
                feed(j, &(struct janus_event){ .kind = JANUS_EV_SEND_FAILED, .err = r });
        else
                carry_up(j, a);
}

/* There was no memory for what the machine wanted: nobody knows what was lost of it. The room goes, whoever waits is
 * told. */
static void collapse(struct janus *j)
{
        struct engine_result why = { .reason = ENGINE_INTERNAL, .detail = "out of memory" };
        bool in_room = j->in_room;
        uint32_t op;

        j->collapsed = j->in_room = false;
        close_conn(j);
        j->rt = j->rtc->free(j->rt); /* the next join makes another: no peer of this one is left */
        while (!j->dead && janus_fsm_take_op(j->fsm, &op))
                j->ev.op_done(op, &why, j->ctx);
        if (j->dead)
                return;
        janus_fsm_reset(j->fsm);
        if (in_room)
                j->ev.state(ENGINE_STATE_IDLE, &why, j->ctx);
}

static void stats_free(struct stats_answer *s)
{
        list_remove(&s->link);
        free(s->inbound);
        free(s);
}

static void answer_stats(struct janus *j)
{
        struct stats_answer *s;
        struct janus_stages stages;

        janus_fsm_get_stages(j->fsm, &stages);
        list_for_each (s, &j->stats, link) {
                bool gone = janus_fsm_state(j->fsm) == JANUS_STATE_IDLE;

                if (!s->ready && !gone)
                        continue;
                s->stats.connected_us = stages.connected_us;
                s->stats.joined_us = stages.joined_us;
                s->stats.publisher_up_us = stages.publisher_up_us;
                s->stats.subscriber_up_us = stages.subscriber_up_us;
                s->stats.first_audio_us = stages.first_audio_us;
                list_remove(&s->link);
                j->ev.stats(s->op, s->ready ? &s->stats : NULL, j->ctx);
                stats_free(s);
                if (j->dead)
                        return;
        }
}

static void memory_free(struct janus *j)
{
        janus_fsm_free(j->fsm);
        free(j->url);
        free(j);
}

static void on_timer(void *ctx)
{
        struct janus *j = ctx;
        struct janus_action *a;

        j->running = true;
        if (j->conn_gone)
                close_conn(j);
        if (janus_fsm_deadline(j->fsm) <= loop_now_us(j->env->loop))
                feed(j, &(struct janus_event){ .kind = JANUS_EV_DEADLINE });
        while (!j->dead && (a = list_first(&j->queue, struct janus_action, link))) {
                list_remove(&a->link);
                carry_out(j, a);
                janus_action_free(a);
        }
        if (!j->dead && j->collapsed)
                collapse(j);
        if (!j->dead)
                answer_stats(j);
        j->running = false;
        if (j->dead)
                memory_free(j);
        else
                rearm(j);
}

/* ---- operations ---- */

static int need_runtime(struct janus *j)
{
        struct rtc_runtime_config config = { .control = j->env->loop,
                                             .rng = &rand_system,
                                             .ice_loopback = j->env->ice_loopback };
        int r;

        if (j->rt)
                return 0;
        if (j->rtc == &rtc_runtime_ops) {
                r = engine_env_net(j->env, &config.net);
                if (r < 0)
                        return r;
        }
        return j->rtc->new (&config, &rtc_events, j, &j->rt);
}

static void session_number(struct rng *rng, struct janus_join *join)
{
        join->session_id = rand_u64(rng) >> 11 | 1; /* Janus keeps its own below 2^53, too: JSON */
}

int janus_join(struct engine *e, uint32_t op, const struct engine_join *params)
{
        struct janus *j = janus(e);
        struct janus_join join = { .user_id = params->user_id,
                                   .auto_publish = params->auto_publish,
                                   .auto_subscribe = params->auto_subscribe,
                                   .reconnect_us = params->reconnect_s * US_PER_SEC,
                                   .visible = params->visible,
                                   .echo = strcmp(params->room_id, ENGINE_ECHO_ROOM) == 0 };
        int r = rtc_join_copy(&j->join, params, j->env->rng);

        if (r < 0)
                return r;
        r = janus_access_begin(&j->access, params, j->fsm, clock_realtime_us(), &join);
        if (r == -EACCES)
                return queue_done(j, op, ENGINE_INVALID_TOKEN,
                                  "without an appKey in the configuration the token must be a Janus token pair");
        if (r < 0)
                return r;
        r = need_runtime(j);
        if (r < 0)
                return r;
        j->join.peer.echo = join.echo;
        session_number(j->env->rng, &join);
        j->asleep_us = clock_asleep_us();
        feed(j, &(struct janus_event){ .kind = JANUS_EV_JOIN, .op = op, .join = &join });
        return 0;
}

int janus_leave(struct engine *e, uint32_t op)
{
        struct janus *j = janus(e);

        j->in_room = false;
        feed(j, &(struct janus_event){ .kind = JANUS_EV_LEAVE, .op = op });
        return 0;
}

int janus_update_token(struct engine *e, uint32_t op, const char *token)
{
        struct janus *j = janus(e);
        int r = janus_access_update(&j->access, j->fsm, token);

        if (r < 0 && r != -EACCES)
                return r;
        return queue_done(j, op, r < 0 ? ENGINE_INVALID_TOKEN : ENGINE_OK, "");
}

int janus_publish(struct engine *e, uint32_t op, uint32_t media, bool on)
{
        feed(janus(e), &(struct janus_event){ .kind = JANUS_EV_PUBLISH, .op = op, .media = media, .on = on });
        return 0;
}

int janus_subscribe(struct engine *e, uint32_t op, const char *user_id, uint32_t media, bool on)
{
        feed(janus(e), &(struct janus_event){
                               .kind = JANUS_EV_SUBSCRIBE, .op = op, .user_id = user_id, .media = media, .on = on });
        return 0;
}

int janus_set_visible(struct engine *e, uint32_t op, bool visible)
{
        feed(janus(e), &(struct janus_event){ .kind = JANUS_EV_VISIBLE, .op = op, .on = visible });
        return 0;
}

int janus_send_message(struct engine *e, uint32_t op, const struct engine_message *m)
{
        (void)m;
        return queue_done(janus(e), op, ENGINE_UNSUPPORTED, "this server carries no messages");
}

int janus_get_stats(struct engine *e, uint32_t op)
{
        struct janus *j = janus(e);
        struct stats_answer *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->op = op;
        list_append(&j->stats, &s->link);
        r = j->rtc->get_stats(j->rt, op);
        if (r < 0)
                stats_free(s);
        return r;
}

int janus_set_capture(struct engine *e, struct audio_port *port, const struct capture_gate *gate)
{
        struct janus *j = janus(e);
        uint32_t peer = janus_fsm_publisher(j->fsm);

        if (port)
                (void)audio_port_ref(port);
        audio_port_unref(j->capture);
        j->capture = port;
        j->gate = gate;
        return peer ? j->rtc->set_capture(j->rt, peer, port, gate) : 0;
}

static void lent_free(struct lent *l)
{
        list_remove(&l->link);
        audio_port_unref(l->port);
        free(l);
}

static int lend(struct janus *j, const char *user_id, struct audio_port *port)
{
        struct lent *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        (void)snprintf(l->user, sizeof(l->user), "%s", user_id);
        l->port = audio_port_ref(port);
        list_append(&j->lent, &l->link);
        return 0;
}

int janus_set_playback(struct engine *e, const char *user_id, struct audio_port *port)
{
        struct janus *j = janus(e);
        struct lent *old = find_lent(j, user_id);
        const char *mid;
        uint32_t peer;
        int r;

        if (old)
                lent_free(old);
        r = port ? lend(j, user_id, port) : 0;
        if (r < 0 || !janus_fsm_find_track(j->fsm, user_id, &peer, &mid))
                return r;
        return bind_track(j, peer, mid, user_id);
}

/* What can still be said is said: the server need not find out by itself that we are gone. */
static void take_leave(struct janus *j)
{
        struct list last;
        struct janus_action *a;

        list_init(&last);
        (void)janus_fsm_farewell(j->fsm, &last);
        list_for_each (a, &last, link) {
                (void)carry_down(j, a);
                janus_action_free(a);
        }
}

void janus_free(struct engine *e)
{
        struct janus *j = janus(e);
        struct janus_action *a;
        struct stats_answer *s;
        struct lent *l;

        take_leave(j);
        close_conn(j);
        j->rt = j->rtc->free(j->rt);
        list_for_each (a, &j->queue, link)
                janus_action_free(a);
        list_for_each (s, &j->stats, link)
                stats_free(s);
        list_for_each (l, &j->lent, link)
                lent_free(l);
        j->capture = audio_port_unref(j->capture);
        rtc_join_copy_done(&j->join);
        janus_access_done(&j->access);
        j->timer = loop_remove(j->timer);
        j->dead = true;
        if (!j->running)
                memory_free(j);
}

int janus_new(const struct janus_config *config, struct engine **ret)
{
        struct janus *j = calloc(1, sizeof(*j));
        int r;

        if (!j)
                return -ENOMEM;
        *j = (struct janus){ .base.ops = config->ops,
                             .env = config->env,
                             .rtc = config->rtc ? config->rtc : &rtc_runtime_ops,
                             .conn_provider = config->conn,
                             .ev = *config->ev,
                             .unanswered = config->unanswered,
                             .ctx = config->ctx };
        list_init(&j->queue);
        list_init(&j->lent);
        list_init(&j->stats);
        j->url = strdup(config->url);
        r = j->url ? janus_fsm_new(&j->fsm) : -ENOMEM;
        if (r >= 0)
                r = loop_add_timer(config->env->loop, LOOP_NEVER, on_timer, j, &j->timer);
        if (r < 0) {
                memory_free(j);
                return r;
        }
        *ret = &j->base;
        return 0;
}

/* ---- the remote engine ---- */

static bool remote_accepts(const struct url *server)
{
        return strcmp(server->engine, "janus") == 0;
}

static int remote_create(const struct engine_env *env, const struct url *server, const struct engine_events *ev,
                         void *ctx, struct engine **ret)
{
        char text[sizeof(server->host) + sizeof(server->path) + 32];
        struct janus_config config = { .env = env, .ops = &janus_engine_ops, .url = text, .ev = ev, .ctx = ctx };
        int r = url_to_ws(server, text, sizeof(text));

        return r < 0 ? r : janus_new(&config, ret);
}

const struct engine_ops janus_engine_ops = {
        .name = "janus",
        .accepts = remote_accepts,
        .create = remote_create,
        .join = janus_join,
        .leave = janus_leave,
        .update_token = janus_update_token,
        .publish = janus_publish,
        .subscribe = janus_subscribe,
        .set_visible = janus_set_visible,
        .send_message = janus_send_message,
        .get_stats = janus_get_stats,
        .set_capture = janus_set_capture,
        .set_playback = janus_set_playback,
        .free = janus_free,
};
