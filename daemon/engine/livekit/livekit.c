/* livekit.c - see livekit.h: what the machine's events and actions are to driver.h.
 *
 * Ownership: the engine owns the machine and its access, the driver everything else. Control thread.
 */
#include "engine/livekit/livekit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/driver.h"
#include "engine/livekit/lk-access.h"
#include "engine/livekit/lk-address.h"
#include "engine/livekit/lk-data.h"
#include "engine/livekit/lk-fsm.h"
#include "engine/livekit/lk-regions.h"
#include "engine/livekit/lk-relays.h"

LOG_TOPIC("engine/livekit");

enum { UNSAID_MAX = 64 };

/* Of an opening; it stands if no other region helps. */
struct failure {
        int err;
        unsigned http_status;
        char text[160]; /* as long as sigconn's are */
};

struct livekit {
        struct driver driver;
        struct lk_fsm *fsm;
        struct lk_address address;
        struct lk_regions regions;
        struct failure failure;
        struct lk_access access;
        struct lk_relays relays;
        bool opened; /* the connection once was */
        struct lk_data *data;
        uint32_t talks; /* the peer whose data channels are open, or 0 */
        bool resumed;   /* the session goes on, and the server has our messages up to … */
        uint32_t resumed_seq;
        uint32_t unsaid[UNSAID_MAX]; /* operations whose messages wait to be sent */
        size_t n_unsaid;
};

static struct livekit *of(const struct driver *d)
{
        return container_of(d, struct livekit, driver);
}

static struct livekit *livekit(struct engine *e)
{
        return container_of(e, struct livekit, driver.base);
}

/* ---- feeding the machine ---- */

/* Answers those whose messages wait; their answers take their place right behind `mark` in the queue. */
static void answer_unsaid(struct livekit *l, enum engine_reason reason, struct list *mark)
{
        while (l->n_unsaid > 0) {
                struct list *queue = &l->driver.queue;

                if (driver_answer(&l->driver, l->unsaid[--l->n_unsaid], reason, "") < 0)
                        return;
                if (queue->prev != mark) {
                        struct list *answer = queue->prev;

                        list_remove(answer);
                        list_append(mark->next, answer);
                }
        }
}

/* When the room ends, whoever waits is told before that. */
static void step(struct livekit *l, const struct lk_event *ev)
{
        struct list *mark = l->driver.queue.prev;

        if (lk_fsm_step(l->fsm, ev, driver_now_us(&l->driver), &l->driver.queue) < 0)
                l->driver.collapsed = true;
        else if (lk_fsm_state(l->fsm) == LK_STATE_IDLE)
                answer_unsaid(l, ENGINE_CANCELLED, mark);
}

static void feed(struct livekit *l, const struct lk_event *ev)
{
        if (backend_has_slept(&l->driver.backend) && lk_fsm_state(l->fsm) != LK_STATE_IDLE)
                step(l, &(struct lk_event){ .kind = LK_EV_AWAKE });
        step(l, ev);
        driver_wake(&l->driver);
}

/* ---- events of the connection ---- */

static void on_opened(struct driver *d)
{
        of(d)->opened = true;
        lk_address_settled(&of(d)->address);
        feed(of(d), &(struct lk_event){ .kind = LK_EV_OPENED });
}

/* Where to go next is no matter of the room. */
static void note_places(struct livekit *l, const Livekit__SignalResponse *m)
{
        if (m->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN)
                lk_address_alternative(&l->address, m->join->alternative_url);
        if (m->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE)
                lk_address_regions(&l->address, m->leave->regions, driver_now_us(&l->driver));
}

/* Nor is what the server has of our messages. */
static void note_session(struct livekit *l, const Livekit__SignalResponse *m)
{
        if (m->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN) {
                lk_data_begin(l->data);
                l->resumed = false;
        } else if (m->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT) {
                l->resumed = true;
                l->resumed_seq = m->reconnect->last_message_seq;
        }
}

static void on_message(struct driver *d, const char *data, size_t len, bool binary)
{
        _cleanup_(livekit_response_freep) Livekit__SignalResponse *m = NULL;
        int r = binary ? livekit_response_parse(data, len, &m) : -EBADMSG;

        if (r < 0) {
                log_every_second(LOG_LEVEL_WARNING, "a message of the server is dropped: %s", strerror(-r));
                return;
        }
        note_places(of(d), m);
        lk_relays_note(&of(d)->relays, &d->backend, m);
        note_session(of(d), m);
        feed(of(d), &(struct lk_event){ .kind = LK_EV_MESSAGE, .msg = m });
}

static void feed_closed(struct livekit *l)
{
        const struct failure *f = &l->failure;

        lk_address_settled(&l->address);
        feed(l, &(struct lk_event){
                        .kind = LK_EV_CLOSED, .err = f->err, .http_status = f->http_status, .text = f->text });
}

/* A new session may be anywhere, and what this server fails at others may be good for. */
static bool may_be_elsewhere(const struct livekit *l)
{
        unsigned status = l->failure.http_status;

        return lk_fsm_state(l->fsm) == LK_STATE_CONNECTING && (!status || lk_access_may_heal(status));
}

static void go_elsewhere(struct livekit *l)
{
        enum lk_next next = lk_address_next(&l->address, driver_now_us(&l->driver));

        if (next == LK_NEXT_ASK) {
                if (lk_regions_ask(&l->regions, l->driver.backend.env, &l->address, &l->access) >= 0)
                        return; /* on_regions() goes on */
                next = lk_address_next(&l->address, driver_now_us(&l->driver));
        }
        if (next == LK_NEXT_TRY)
                feed(l, &(struct lk_event){ .kind = LK_EV_ELSEWHERE });
        else
                feed_closed(l);
}

static void on_regions(const struct livekit_regions *regions, uint32_t max_age_s, unsigned refused, void *ctx)
{
        struct livekit *l = ctx;

        if (lk_fsm_state(l->fsm) != LK_STATE_CONNECTING)
                return; /* given up meanwhile */
        lk_address_answered(&l->address, regions, max_age_s, driver_now_us(&l->driver));
        if (refused) {
                l->failure = (struct failure){ .err = -EACCES, .http_status = refused };
                feed_closed(l);
        } else
                go_elsewhere(l);
}

static void on_closed(struct driver *d, int err, unsigned http_status, const char *body, const char *why)
{
        struct livekit *l = of(d);

        l->failure = (struct failure){ .err = err, .http_status = http_status };
        (void)snprintf(l->failure.text, sizeof(l->failure.text), "%s", http_status ? body : why);
        if (!l->opened)
                lk_address_failed(&l->address);
        if (!l->opened && may_be_elsewhere(l))
                go_elsewhere(l);
        else
                feed_closed(l);
}

/* ---- events of the runtime ---- */

static void on_local_description(uint32_t peer, enum rtc_sdp type, const char *sdp, void *ctx)
{
        feed(of(ctx), &(struct lk_event){ .kind = LK_EV_DESCRIPTION, .peer = peer, .sdp_type = type, .text = sdp });
}

static void on_local_candidate(uint32_t peer, const char *mid, uint32_t mline, const char *line, void *ctx)
{
        feed(of(ctx),
             &(struct lk_event){ .kind = LK_EV_CANDIDATE, .peer = peer, .mid = mid, .mline = mline, .text = line });
}

static void on_description_failed(uint32_t peer, enum rtc_sdp type, int err, void *ctx)
{
        (void)type;
        log_warning("a session description is unusable: %s", strerror(-err));
        feed(of(ctx), &(struct lk_event){ .kind = LK_EV_DESCRIPTION_FAILED, .peer = peer });
}

static void on_peer_state(uint32_t peer, enum peer_state state, enum peer_reason reason, void *ctx)
{
        log_debug("peer %u: %s %s", peer, peer_state_to_string(state), peer_reason_to_string(reason));
        feed(of(ctx), &(struct lk_event){ .kind = LK_EV_PEER_STATE,
                                          .peer = peer,
                                          .peer_state = state,
                                          .text = peer_reason_to_string(reason) });
}

static void on_speaking(uint32_t peer, const char *mid, bool speaking, void *ctx)
{
        feed(of(ctx), &(struct lk_event){ .kind = LK_EV_SPEAKING, .peer = peer, .mid = mid, .on = speaking });
}

static void on_first_media(uint32_t peer, const char *mid, void *ctx)
{
        (void)mid;
        feed(of(ctx), &(struct lk_event){ .kind = LK_EV_FIRST_MEDIA, .peer = peer });
}

static void on_encryption(uint32_t peer, const char *mid, enum e2ee_state state, void *ctx)
{
        feed(of(ctx), &(struct lk_event){ .kind = LK_EV_ENCRYPTION, .peer = peer, .mid = mid, .encryption = state });
}

static void flush_data(struct livekit *l)
{
        lk_data_flush(l->data, driver_now_us(&l->driver));
        if (!lk_data_is_waiting(l->data))
                answer_unsaid(l, ENGINE_OK, l->driver.queue.prev);
        driver_wake(&l->driver);
}

static void on_data_open(uint32_t peer, const char *label, void *ctx)
{
        struct livekit *l = of(ctx);

        if (peer != lk_fsm_peer(l->fsm))
                return; /* of an old server, on the connection that only receives */
        l->talks = peer;
        lk_data_open(l->data, label);
        flush_data(l);
}

/* It takes its place in the queue: who speaks has joined before. */
static void on_data(uint32_t peer, const char *label, const void *data, size_t len, void *ctx)
{
        struct lk_action *a = calloc(1, sizeof(*a));
        struct livekit *l = of(ctx);

        (void)peer;
        if (a)
                a->text = malloc(len > 0 ? len : 1);
        if (!a || !a->text || strlen(label) >= sizeof(a->mid)) {
                free(a ? a->text : NULL);
                free(a);
                return; /* as good as lost on the way */
        }
        a->kind = LK_ACT_DATA;
        if (len > 0)
                memcpy(a->text, data, len);
        a->len = len;
        strcpy(a->mid, label);
        list_append(&l->driver.queue, &a->link);
        driver_wake(&l->driver);
}

static const struct rtc_runtime_events rtc_events = {
        .local_description = on_local_description,
        .local_candidate = on_local_candidate,
        .description_failed = on_description_failed,
        .peer_state = on_peer_state,
        .speaking = on_speaking,
        .first_media = on_first_media,
        .encryption = on_encryption,
        .stats = driver_on_stats,
        .data_open = on_data_open,
        .data = on_data,
};

/* ---- carrying out ---- */

static const struct lk_action *action(const struct list *l)
{
        return container_of(l, struct lk_action, link);
}

static int open_conn(struct livekit *l, const char *path)
{
        _cleanup_free_ char *url = NULL;
        struct sigconn_params p = { .ca_file = l->driver.backend.env->ca_file,
                                    .max_message = LIVEKIT_MSG_MAX,
                                    .timeout_ms = LK_OPEN_MS };
        int r = lk_address_url(&l->address, path, &url);

        if (r >= 0)
                r = lk_access_authorization(&l->access, clock_realtime_us(), &p.authorization);
        if (r < 0)
                return r;
        p.url = url;
        l->opened = false;
        return driver_open_conn(&l->driver, &p);
}

static void close_conn(struct livekit *l)
{
        lk_regions_stop(&l->regions);
        lk_address_settled(&l->address);
        driver_close_conn(&l->driver);
}

static int open_peer(struct driver *d, const struct lk_action *a)
{
        struct rtc_peer_params params = d->join.peer;
        struct backend *b = &d->backend;
        int r;

        params.ca_file = b->env->ca_file;
        params.relay_only |= a->relay_only;
        params.controlling = !a->controlled;
        params.data |= a->receives; /* an old server's first offer has nothing else in it */
        r = b->rtc->open_peer(b->rt, a->peer, &params);
        if (r >= 0)
                lk_relays_opened(&of(d)->relays, b, a->peer);
        if (r < 0 || a->receives)
                return r;
        r = b->rtc->set_capture(b->rt, a->peer, b->capture, b->gate);
        if (r >= 0)
                r = b->rtc->open_channel(b->rt, a->peer, LK_DATA_RELIABLE, true);
        if (r >= 0)
                r = b->rtc->open_channel(b->rt, a->peer, LK_DATA_LOSSY, false);
        return r;
}

/* What the server names next comes with the next join, and other passwords. */
static int close_peer(struct driver *d, uint32_t peer)
{
        lk_relays_done(&of(d)->relays);
        return d->backend.rtc->close_peer(d->backend.rt, peer);
}

static int create_offer(struct backend *b, const struct lk_action *a)
{
        struct rtc_offer offer = { .send_audio = a->offer.send_audio,
                                   .track_id = a->text,
                                   .n_receive = a->offer.n_receive,
                                   .restart_ice = a->offer.restart_ice,
                                   .relay_only = a->relay_only,
                                   .data = true };

        return b->rtc->create_offer(b->rt, a->peer, &offer);
}

/* Everything that goes down, to the connection, the runtime and the access. */
static int carry_down(struct driver *d, const struct list *l)
{
        const struct lk_action *a = action(l);
        struct backend *b = &d->backend;

        switch (a->kind) {
        case LK_ACT_OPEN_CONN: return open_conn(of(d), a->text);
        case LK_ACT_CLOSE_CONN: close_conn(of(d)); return 0;
        case LK_ACT_SEND: return driver_send(d, a->text, a->len, true);
        case LK_ACT_OPEN_PEER: return open_peer(d, a);
        case LK_ACT_CLOSE_PEER: return close_peer(d, a->peer);
        case LK_ACT_CREATE_OFFER: return create_offer(b, a);
        case LK_ACT_SET_REMOTE: return b->rtc->set_remote(b->rt, a->peer, a->sdp_type, a->text);
        case LK_ACT_ADD_CANDIDATE: return b->rtc->add_candidate(b->rt, a->peer, a->text);
        case LK_ACT_BIND: return driver_bind(d, a->peer, a->mid, a->user);
        case LK_ACT_UNBIND: return b->rtc->unbind(b->rt, a->peer, a->mid);
        case LK_ACT_TOKEN: return lk_access_refreshed(&of(d)->access, a->text);
        case LK_ACT_HIDE: lk_access_set_visible(&of(d)->access, !a->on); return 0;
        case LK_ACT_OP_DONE:
        case LK_ACT_STATE:
        case LK_ACT_PARTICIPANT:
        case LK_ACT_SPEAKING:
        case LK_ACT_MUTED:
        case LK_ACT_WITHDRAWN:
        case LK_ACT_PERMITTED:
        case LK_ACT_DATA:
        case _LK_ACT_MAX: break;
        }
        return 0;
}

static void tell_participant(struct driver *d, const struct lk_action *a)
{
        struct engine_attribute attributes[LK_ATTRIBUTES_MAX];
        struct engine_participant p = { .user_id = a->user,
                                        .published = a->published,
                                        .subscribed = a->subscribed,
                                        .audio_muted = a->on,
                                        .encryption = a->encryption,
                                        .quality = a->quality };

        lk_profile_unpack(&a->profile, &p, attributes);
        driver_tell_participant(d, a->change, &p);
}

/* Messages go out, or wait, with the state of the room. */
static void follow_state(struct livekit *l, enum engine_state state)
{
        if (state == ENGINE_STATE_RECONNECTING) {
                lk_data_lost(l->data);
                answer_unsaid(l, ENGINE_OK, l->driver.queue.prev); /* it goes out afterwards */
        } else if (state == ENGINE_STATE_IDLE)
                lk_data_clear(l->data);
        else if (l->resumed)
                lk_data_resumed(l->data, l->resumed_seq);
        l->resumed = false;
        flush_data(l);
}

static void carry_up(struct driver *d, const struct list *l)
{
        const struct lk_action *a = action(l);

        switch (a->kind) {
        case LK_ACT_OP_DONE: driver_tell_done(d, a->op, &a->result, a->on); break;
        case LK_ACT_STATE:
                follow_state(of(d), a->state);
                driver_tell_state(d, a->state, &a->result);
                break;
        case LK_ACT_PARTICIPANT: tell_participant(d, a); break;
        case LK_ACT_SPEAKING: driver_tell_speaking(d, a->user, a->on); break;
        case LK_ACT_MUTED: driver_tell_microphone(d, ENGINE_MICROPHONE_MUTED); break;
        case LK_ACT_WITHDRAWN: driver_tell_microphone(d, ENGINE_MICROPHONE_WITHDRAWN); break;
        case LK_ACT_PERMITTED: driver_tell_microphone(d, ENGINE_MICROPHONE_PERMITTED); break;
        case LK_ACT_DATA:
                if (d->in_room)
                        lk_data_receive(of(d)->data, a->mid, a->text, a->len, driver_now_us(d));
                break;
        case LK_ACT_OPEN_CONN:
        case LK_ACT_CLOSE_CONN:
        case LK_ACT_SEND:
        case LK_ACT_OPEN_PEER:
        case LK_ACT_CLOSE_PEER:
        case LK_ACT_CREATE_OFFER:
        case LK_ACT_SET_REMOTE:
        case LK_ACT_ADD_CANDIDATE:
        case LK_ACT_BIND:
        case LK_ACT_UNBIND:
        case LK_ACT_TOKEN:
        case LK_ACT_HIDE:
        case _LK_ACT_MAX: break;
        }
}

static void on_failed(struct driver *d, const struct list *l, int err)
{
        if (action(l)->kind == LK_ACT_OPEN_CONN)
                feed(of(d), &(struct lk_event){ .kind = LK_EV_CLOSED, .err = err, .text = strerror(-err) });
        else
                feed(of(d), &(struct lk_event){ .kind = LK_EV_SEND_FAILED, .err = err });
}

static void free_action(struct list *l)
{
        lk_action_free(container_of(l, struct lk_action, link));
}

/* ---- the machine, to the driver ---- */

static uint64_t deadline(const struct driver *d)
{
        uint64_t room_us = lk_fsm_deadline(of(d)->fsm), data_us = lk_data_next_us(of(d)->data);

        return data_us < room_us ? data_us : room_us;
}

static void on_expired(struct driver *d)
{
        if (lk_fsm_deadline(of(d)->fsm) <= driver_now_us(d))
                feed(of(d), &(struct lk_event){ .kind = LK_EV_DEADLINE });
        if (lk_data_next_us(of(d)->data) <= driver_now_us(d))
                flush_data(of(d));
}

static bool take_op(struct driver *d, uint32_t *ret_op)
{
        struct livekit *l = of(d);

        if (l->n_unsaid == 0)
                return lk_fsm_take_op(l->fsm, ret_op);
        *ret_op = l->unsaid[--l->n_unsaid];
        return true;
}

static void reset(struct driver *d)
{
        lk_fsm_reset(of(d)->fsm);
}

static void farewell(struct driver *d, struct list *actions)
{
        (void)lk_fsm_farewell(of(d)->fsm, actions);
}

static bool get_stages(const struct driver *d, struct engine_stages *ret)
{
        lk_fsm_get_stages(of(d)->fsm, ret);
        return lk_fsm_state(of(d)->fsm) != LK_STATE_IDLE;
}

static uint32_t publisher(const struct driver *d)
{
        return lk_fsm_peer(of(d)->fsm);
}

static bool find_track(const struct driver *d, const char *user_id, uint32_t *ret_peer, const char **ret_mid)
{
        return lk_fsm_find_track(of(d)->fsm, user_id, ret_peer, ret_mid);
}

static void destroy(struct driver *d)
{
        struct livekit *l = of(d);

        lk_regions_stop(&l->regions);
        lk_data_free(l->data);
        lk_fsm_free(l->fsm);
        lk_relays_done(&l->relays);
        lk_access_done(&l->access);
        free(l);
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

static int refuse_access(struct livekit *l, uint32_t op, int err)
{
        if (err == -EACCES)
                return driver_answer(&l->driver, op, ENGINE_INVALID_TOKEN,
                                     "the token is none of LiveKit, and there is no key pair to make one with");
        if (err == -EOPNOTSUPP)
                return driver_answer(&l->driver, op, ENGINE_UNSUPPORTED, "the token does not hide its user");
        return err;
}

static int join(struct engine *e, uint32_t op, const struct engine_join *params)
{
        struct livekit *l = livekit(e);
        struct lk_join join = { .user_id = params->user_id,
                                .reconnect_us = params->reconnect_s * US_PER_SEC,
                                .chance = rand_u32(l->driver.backend.env->rng),
                                .auto_publish = params->auto_publish,
                                .auto_subscribe = params->auto_subscribe,
                                .visible = params->visible,
                                .muted = params->muted,
                                .encrypted = params->e2ee };
        int r;

        if (strcmp(params->room_id, ENGINE_ECHO_ROOM) == 0)
                return driver_answer(&l->driver, op, ENGINE_UNSUPPORTED, "a LiveKit server has no echo test");
        lk_access_done(&l->access);
        l->access = (struct lk_access){ 0 };
        r = lk_access_begin(&l->access, params, clock_realtime_us());
        if (r < 0)
                return refuse_access(l, op, r);
        join.can_turn = lk_access_can_be(&l->access, !params->visible);
        r = driver_prepare(&l->driver, params);
        if (r < 0)
                return r;
        l->driver.join.peer.red = !params->e2ee;
        l->driver.join.peer.voice.signs_of_life = true;
        l->driver.join.peer.tcp = true;
        l->driver.join.peer.data = true;
        l->talks = 0;
        lk_data_clear(l->data);
        lk_data_encrypt(l->data, params->e2ee);
        lk_regions_stop(&l->regions);
        lk_address_restart(&l->address, driver_now_us(&l->driver));
        (void)backend_has_slept(&l->driver.backend); /* before: nothing to do with this room */
        feed(l, &(struct lk_event){ .kind = LK_EV_JOIN, .op = op, .join = &join });
        return 0;
}

static int leave(struct engine *e, uint32_t op)
{
        struct livekit *l = livekit(e);

        driver_leave(&l->driver);
        feed(l, &(struct lk_event){ .kind = LK_EV_LEAVE, .op = op });
        return 0;
}

static int update_token(struct engine *e, uint32_t op, const char *token)
{
        struct livekit *l = livekit(e);
        int r = lk_access_update(&l->access, token, clock_realtime_us());

        return r < 0 ? refuse_access(l, op, r) : driver_answer(&l->driver, op, ENGINE_OK, "");
}

static int publish(struct engine *e, uint32_t op, uint32_t media, bool on)
{
        feed(livekit(e), &(struct lk_event){ .kind = LK_EV_PUBLISH, .op = op, .media = media, .on = on });
        return 0;
}

static int subscribe(struct engine *e, uint32_t op, const char *user_id, uint32_t media, bool on)
{
        feed(livekit(e),
             &(struct lk_event){ .kind = LK_EV_SUBSCRIBE, .op = op, .user_id = user_id, .media = media, .on = on });
        return 0;
}

static int set_visible(struct engine *e, uint32_t op, bool visible)
{
        feed(livekit(e), &(struct lk_event){ .kind = LK_EV_VISIBLE, .op = op, .on = visible });
        return 0;
}

/* What may not be said, or NULL. */
static const char *refuse_message(const struct livekit *l)
{
        if (!lk_access_is_visible(&l->access))
                return "who is invisible cannot send messages";
        return lk_fsm_may_say(l->fsm) ? NULL : "the token does not permit messages";
}

static int send_message(struct engine *e, uint32_t op, const struct engine_message *m)
{
        struct livekit *l = livekit(e);
        const char *refusal = refuse_message(l);
        enum engine_reason reason;

        if (refusal)
                return driver_answer(&l->driver, op, ENGINE_UNSUPPORTED, refusal);
        if (lk_fsm_peer(l->fsm) == 0) /* an old server, and so far we only listen */
                feed(l, &(struct lk_event){ .kind = LK_EV_SAY });
        reason = l->n_unsaid < UNSAID_MAX ? lk_data_say(l->data, m, clock_realtime_us()) : ENGINE_CONGESTED;
        flush_data(l);
        if (reason != ENGINE_OK || !lk_data_is_waiting(l->data) || lk_fsm_state(l->fsm) != LK_STATE_JOINED)
                return driver_answer(&l->driver, op, reason, "");
        l->unsaid[l->n_unsaid++] = op;
        return 0;
}

static int get_stats(struct engine *e, uint32_t op)
{
        return driver_get_stats(&livekit(e)->driver, op);
}

static int set_muted(struct engine *e, bool muted)
{
        feed(livekit(e), &(struct lk_event){ .kind = LK_EV_MUTED, .on = muted });
        return 0;
}

static int set_capture(struct engine *e, struct audio_port *port, const struct capture_gate *gate)
{
        return driver_set_capture(&livekit(e)->driver, port, gate);
}

static int set_playback(struct engine *e, const char *user_id, struct audio_port *port)
{
        return driver_set_playback(&livekit(e)->driver, user_id, port);
}

static void livekit_free(struct engine *e)
{
        driver_free(&livekit(e)->driver);
}

static int on_send(const char *label, const void *data, size_t len, void *ctx)
{
        struct livekit *l = ctx;
        struct backend *b = &l->driver.backend;

        if (!b->rt || l->talks == 0 || l->talks != lk_fsm_peer(l->fsm)) /* of another session */
                return -ENOTCONN;
        return b->rtc->send_data(b->rt, l->talks, label, data, len);
}

static void on_said(const struct engine_message *m, void *ctx)
{
        struct backend *b = &((struct livekit *)ctx)->driver.backend;

        b->ev.message(m, b->ctx);
}

static const struct lk_data_events data_events = { .send = on_send, .message = on_said };

int livekit_new(const struct livekit_config *config, struct engine **ret)
{
        struct livekit *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        r = lk_fsm_new(&l->fsm);
        if (r >= 0)
                r = lk_data_new(config->env->rng, &data_events, l, &l->data);
        if (r >= 0)
                r = driver_init(&l->driver, &(const struct driver_config){ .env = config->env,
                                                                           .engine = config->ops,
                                                                           .ops = &driver_ops,
                                                                           .rtc = config->rtc,
                                                                           .conn = config->conn,
                                                                           .ev = config->ev,
                                                                           .ctx = config->ctx });
        if (r < 0) {
                destroy(&l->driver);
                return r;
        }
        l->regions = (struct lk_regions){ .answered = on_regions, .ctx = l };
        lk_fsm_set_data(l->fsm, l->data);
        lk_address_init(&l->address, config->server);
        *ret = &l->driver.base;
        return 0;
}

static bool accepts(const struct url *server)
{
        return strcmp(server->engine, "livekit") == 0;
}

static int create(const struct engine_env *env, const struct url *server, const struct engine_events *ev, void *ctx,
                  struct engine **ret)
{
        return livekit_new(
                &(struct livekit_config){
                        .env = env, .ops = &livekit_engine_ops, .server = server, .ev = ev, .ctx = ctx },
                ret);
}

const struct engine_ops livekit_engine_ops = {
        .name = "livekit",
        .accepts = accepts,
        .create = create,
        .join = join,
        .leave = leave,
        .update_token = update_token,
        .publish = publish,
        .subscribe = subscribe,
        .set_visible = set_visible,
        .send_message = send_message,
        .get_stats = get_stats,
        .set_capture = set_capture,
        .set_muted = set_muted,
        .set_playback = set_playback,
        .free = livekit_free,
};
