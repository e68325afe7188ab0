/* janus.c - see janus.h: what the machine's events and actions are to driver.h.
 *
 * Ownership: the engine owns the machine and its tokens, the driver everything else. Control thread.
 */
#include "engine/janus/janus.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/driver.h"
#include "engine/janus/janus-access.h"
#include "engine/janus/janus-fsm.h"

LOG_TOPIC("engine/janus");

struct janus {
        struct driver driver;
        char *url;                     /* owned */
        void (*unanswered)(void *ctx); /* or NULL */
        struct janus_fsm *fsm;
        struct janus_access access;
};

static struct janus *of(const struct driver *d)
{
        return container_of(d, struct janus, driver);
}

static struct janus *janus(struct engine *e)
{
        return container_of(e, struct janus, driver.base);
}

/* ---- feeding the machine ---- */

static void step(struct janus *j, const struct janus_event *ev)
{
        if (janus_fsm_step(j->fsm, ev, driver_now_us(&j->driver), &j->driver.queue) < 0)
                j->driver.collapsed = true;
}

static void feed(struct janus *j, const struct janus_event *ev)
{
        (void)janus_access_refresh(&j->access, j->fsm, clock_realtime_us()); /* else the old ones go on */
        if (backend_has_slept(&j->driver.backend) && janus_fsm_state(j->fsm) != JANUS_STATE_IDLE)
                step(j, &(struct janus_event){ .kind = JANUS_EV_RESUMED });
        step(j, ev);
        driver_wake(&j->driver);
}

/* ---- events of the connection ---- */

static void on_opened(struct driver *d)
{
        feed(of(d), &(struct janus_event){ .kind = JANUS_EV_OPENED });
}

static void on_message(struct driver *d, const char *data, size_t len, bool binary)
{
        _cleanup_(janus_msg_freep) struct janus_msg *m = NULL;
        int r = binary ? -EBADMSG : janus_msg_parse(data, len, &m);

        if (r < 0) {
                log_every_second(LOG_LEVEL_WARNING, "a message of the server is dropped: %s", strerror(-r));
                return;
        }
        feed(of(d), &(struct janus_event){ .kind = JANUS_EV_MESSAGE, .msg = m });
}

static void on_closed(struct driver *d, int err, unsigned http_status, const char *body, const char *why)
{
        (void)http_status, (void)body;
        feed(of(d), &(struct janus_event){ .kind = JANUS_EV_CLOSED, .err = err, .text = why });
}

/* ---- events of the runtime ---- */

static void on_local_description(uint32_t peer, enum rtc_sdp type, const char *sdp, void *ctx)
{
        feed(of(ctx),
             &(struct janus_event){ .kind = JANUS_EV_DESCRIPTION, .peer = peer, .sdp_type = type, .text = sdp });
}

static void on_local_candidate(uint32_t peer, const char *mid, uint32_t mline, const char *line, void *ctx)
{
        feed(of(ctx), &(struct janus_event){
                              .kind = JANUS_EV_CANDIDATE, .peer = peer, .mid = mid, .mline = mline, .text = line });
}

static void on_description_failed(uint32_t peer, enum rtc_sdp type, int err, void *ctx)
{
        (void)type;
        log_warning("a session description of the server is unusable: %s", strerror(-err));
        feed(of(ctx), &(struct janus_event){ .kind = JANUS_EV_DESCRIPTION_FAILED, .peer = peer });
}

static void on_peer_state(uint32_t peer, enum peer_state state, enum peer_reason reason, void *ctx)
{
        log_debug("peer %u: %s %s", peer, peer_state_to_string(state), peer_reason_to_string(reason));
        /* What lost its path is replaced by joining again, which also notices a Janus that is gone. */
        feed(of(ctx),
             &(struct janus_event){ .kind = JANUS_EV_PEER_STATE,
                                    .peer = peer,
                                    .peer_state = state == PEER_STATE_DISCONNECTED ? PEER_STATE_FAILED : state,
                                    .text = peer_reason_to_string(reason) });
}

static void on_speaking(uint32_t peer, const char *mid, bool speaking, void *ctx)
{
        feed(of(ctx), &(struct janus_event){ .kind = JANUS_EV_SPEAKING, .peer = peer, .mid = mid, .on = speaking });
}

static void on_first_media(uint32_t peer, const char *mid, void *ctx)
{
        (void)mid;
        feed(of(ctx), &(struct janus_event){ .kind = JANUS_EV_FIRST_MEDIA, .peer = peer });
}

static void on_encryption(uint32_t peer, const char *mid, enum e2ee_state state, void *ctx)
{
        feed(of(ctx),
             &(struct janus_event){ .kind = JANUS_EV_ENCRYPTION, .peer = peer, .mid = mid, .encryption = state });
}

static const struct rtc_runtime_events rtc_events = {
        0,           on_local_description, on_local_candidate, on_description_failed, on_peer_state,
        on_speaking, on_first_media,       on_encryption,      driver_on_stats,
};

/* ---- carrying out ---- */

static const struct janus_action *action(const struct list *l)
{
        return container_of(l, struct janus_action, link);
}

static int open_conn(struct janus *j)
{
        struct sigconn_params p = {
                .url = j->url,
                .subprotocol = "janus-protocol",
                .ca_file = j->driver.backend.env->ca_file,
                .max_message = JANUS_MSG_MAX,
                .timeout_ms = 5000,
        };

        return driver_open_conn(&j->driver, &p);
}

static int open_peer(struct driver *d, const struct janus_action *a)
{
        struct backend *b = &d->backend;
        struct rtc_peer_params params = d->join.peer;
        int r;

        params.ca_file = b->env->ca_file;
        r = b->rtc->open_peer(b->rt, a->peer, &params);

        return r < 0 || !a->publisher ? r : b->rtc->set_capture(b->rt, a->peer, b->capture, b->gate);
}

/* Everything that goes down, to the connection and the runtime. */
static int carry_down(struct driver *d, const struct list *l)
{
        const struct janus_action *a = action(l);
        struct backend *b = &d->backend;

        switch (a->kind) {
        case JANUS_ACT_OPEN_CONN: return open_conn(of(d));
        case JANUS_ACT_CLOSE_CONN: driver_close_conn(d); return 0;
        case JANUS_ACT_SEND: return driver_send(d, a->text, strlen(a->text), false);
        case JANUS_ACT_OPEN_PEER: return open_peer(d, a);
        case JANUS_ACT_CLOSE_PEER: return b->rtc->close_peer(b->rt, a->peer);
        case JANUS_ACT_CREATE_OFFER:
                return b->rtc->create_offer(b->rt, a->peer, &(const struct rtc_offer){ .send_audio = true });
        case JANUS_ACT_SET_REMOTE: return b->rtc->set_remote(b->rt, a->peer, a->sdp_type, a->text);
        case JANUS_ACT_ADD_CANDIDATE: return b->rtc->add_candidate(b->rt, a->peer, a->text);
        case JANUS_ACT_BIND: return driver_bind(d, a->peer, a->mid, a->user);
        case JANUS_ACT_UNBIND: return b->rtc->unbind(b->rt, a->peer, a->mid);
        case JANUS_ACT_OP_DONE:
        case JANUS_ACT_STATE:
        case JANUS_ACT_PARTICIPANT:
        case JANUS_ACT_SPEAKING:
        case JANUS_ACT_UNANSWERED:
        case _JANUS_ACT_MAX: break;
        }
        return 0;
}

static void tell_participant(struct driver *d, const struct janus_action *a)
{
        struct engine_participant p = { a->user, a->published, a->subscribed, a->on, a->encryption };

        driver_tell_participant(d, a->change, &p);
}

static void carry_up(struct driver *d, const struct list *l)
{
        const struct janus_action *a = action(l);

        switch (a->kind) {
        case JANUS_ACT_OP_DONE: driver_tell_done(d, a->op, &a->result, a->on); break;
        case JANUS_ACT_STATE: driver_tell_state(d, a->state, &a->result); break;
        case JANUS_ACT_PARTICIPANT: tell_participant(d, a); break;
        case JANUS_ACT_SPEAKING: driver_tell_speaking(d, a->user, a->on); break;
        case JANUS_ACT_UNANSWERED:
                if (of(d)->unanswered)
                        of(d)->unanswered(d->backend.ctx);
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

static void on_failed(struct driver *d, const struct list *l, int err)
{
        if (action(l)->kind == JANUS_ACT_OPEN_CONN)
                feed(of(d), &(struct janus_event){ .kind = JANUS_EV_CLOSED, .err = err, .text = strerror(-err) });
        else
                feed(of(d), &(struct janus_event){ .kind = JANUS_EV_SEND_FAILED, .err = err });
}

static void free_action(struct list *l)
{
        janus_action_free(container_of(l, struct janus_action, link));
}

/* ---- the machine, to the driver ---- */

static uint64_t deadline(const struct driver *d)
{
        return janus_fsm_deadline(of(d)->fsm);
}

static void on_expired(struct driver *d)
{
        feed(of(d), &(struct janus_event){ .kind = JANUS_EV_DEADLINE });
}

static bool take_op(struct driver *d, uint32_t *ret_op)
{
        return janus_fsm_take_op(of(d)->fsm, ret_op);
}

static void reset(struct driver *d)
{
        janus_fsm_reset(of(d)->fsm);
}

static void farewell(struct driver *d, struct list *actions)
{
        (void)janus_fsm_farewell(of(d)->fsm, actions);
}

static bool get_stages(const struct driver *d, struct engine_stages *ret)
{
        janus_fsm_get_stages(of(d)->fsm, ret);
        return janus_fsm_state(of(d)->fsm) != JANUS_STATE_IDLE;
}

static uint32_t publisher(const struct driver *d)
{
        return janus_fsm_publisher(of(d)->fsm);
}

static bool find_track(const struct driver *d, const char *user_id, uint32_t *ret_peer, const char **ret_mid)
{
        return janus_fsm_find_track(of(d)->fsm, user_id, ret_peer, ret_mid);
}

static void destroy(struct driver *d)
{
        struct janus *j = of(d);

        janus_fsm_free(j->fsm);
        free(j->url);
        free(j);
}

static const struct driver_ops driver_ops = {
        .rtc = &rtc_events,
        .opened = on_opened,
        .message = on_message,
        .closed = on_closed,
        .deadline = deadline,
        .expired = on_expired,
        .take_op = take_op,
        .reset = reset,
        .farewell = farewell,
        .get_stages = get_stages,
        .publisher = publisher,
        .find_track = find_track,
        .carry_down = carry_down,
        .failed = on_failed,
        .carry_up = carry_up,
        .action_free = free_action,
        .destroy = destroy,
};

/* ---- operations ---- */

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
        int r = janus_access_begin(&j->access, params, j->fsm, clock_realtime_us(), &join);
        if (r == -EACCES)
                return driver_answer(&j->driver, op, ENGINE_INVALID_TOKEN,
                                     "without an appKey in the configuration the token must be a Janus token pair");
        if (r < 0)
                return r;
        r = driver_prepare(&j->driver, params);
        if (r < 0)
                return r;
        j->driver.join.peer.echo = join.echo;
        session_number(j->driver.backend.env->rng, &join);
        feed(j, &(struct janus_event){ .kind = JANUS_EV_JOIN, .op = op, .join = &join });
        return 0;
}

int janus_leave(struct engine *e, uint32_t op)
{
        struct janus *j = janus(e);

        driver_leave(&j->driver);
        feed(j, &(struct janus_event){ .kind = JANUS_EV_LEAVE, .op = op });
        return 0;
}

int janus_update_token(struct engine *e, uint32_t op, const char *token)
{
        struct janus *j = janus(e);
        int r = janus_access_update(&j->access, j->fsm, token);

        if (r < 0 && r != -EACCES)
                return r;
        return driver_answer(&j->driver, op, r < 0 ? ENGINE_INVALID_TOKEN : ENGINE_OK, "");
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
        return driver_answer(&janus(e)->driver, op, ENGINE_UNSUPPORTED, "this server carries no messages");
}

int janus_get_stats(struct engine *e, uint32_t op)
{
        return driver_get_stats(&janus(e)->driver, op);
}

int janus_set_capture(struct engine *e, struct audio_port *port, const struct capture_gate *gate)
{
        return driver_set_capture(&janus(e)->driver, port, gate);
}

int janus_set_playback(struct engine *e, const char *user_id, struct audio_port *port)
{
        return driver_set_playback(&janus(e)->driver, user_id, port);
}

void janus_free(struct engine *e)
{
        struct janus *j = janus(e);

        janus_access_done(&j->access);
        driver_free(&j->driver);
}

int janus_new(const struct janus_config *config, struct engine **ret)
{
        struct driver_config driver = { .env = config->env,
                                        .engine = config->ops,
                                        .ops = &driver_ops,
                                        .rtc = config->rtc,
                                        .conn = config->conn,
                                        .ev = config->ev,
                                        .ctx = config->ctx };
        struct janus *j = calloc(1, sizeof(*j));
        int r;

        if (!j)
                return -ENOMEM;
        j->unanswered = config->unanswered;
        j->url = strdup(config->url);
        r = j->url ? janus_fsm_new(&j->fsm) : -ENOMEM;
        if (r >= 0)
                r = driver_init(&j->driver, &driver);
        if (r < 0) {
                destroy(&j->driver);
                return r;
        }
        *ret = &j->driver.base;
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
