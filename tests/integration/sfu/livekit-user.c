/* livekit-user.c - see livekit-user.h. Everything on the control loop; the clock is the sound card of all users. */
#include "livekit-user.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "audio/port-rt.h"
#include "base/clock.h"
#include "lib/test.h"
#include "loop-event.h"
#include "signal/sigconn-ws.h"
#include "wire/jwt.h"

enum { LIMIT_US = 20 * 1000000, URL_MAX = 64 * 1024, SERVERS_MAX = 8 };
#define SECRET  "0123456789abcdef0123456789abcdef"
#define SILENCE 0.02

static void send_message(struct lk_user *u, Livekit__SignalRequest__MessageCase which, void *body)
{
        Livekit__SignalRequest m = LIVEKIT__SIGNAL_REQUEST__INIT;
        uint8_t *bytes;
        size_t len;

        if (!u->sig)
                return;
        m.message_case = which;
        m.offer = body; /* one of the union's pointers */
        ASSERT_OK(livekit_pack(&m.base, &bytes, &len));
        ASSERT_OK(u->sig->ops->send(u->sig, (const char *)bytes, len, true));
        free(bytes);
}

/* ---- descriptions ---- */

static void request_offer(struct lk_user *u)
{
        const struct rtc_offer offer = { .send_audio = !u->options.listens_only,
                                         .track_id = "mic0",
                                         .n_receive = u->n_receive,
                                         .restart_ice = u->restart };

        if (u->offering) {
                u->offer_again = true;
                return;
        }
        u->offering = true;
        u->restart = false;
        ASSERT_OK(rtc_runtime_create_offer(u->rt, LK_PEER, &offer));
}

static void send_offer(struct lk_user *u)
{
        Livekit__SessionDescription d = LIVEKIT__SESSION_DESCRIPTION__INIT;

        d.type = (char *)"offer";
        d.sdp = u->offer;
        d.has_id = true;
        d.id = u->offer_id;
        send_message(u, LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER, &d);
}

static void open_signal(struct lk_user *u, bool reconnect);

static void on_description(uint32_t peer, enum rtc_sdp type, const char *sdp, void *ctx)
{
        struct lk_user *u = ctx;

        ASSERT_EQ(peer, LK_PEER);
        ASSERT_EQ(type, RTC_OFFER);
        free(u->offer);
        u->offer = strdup(sdp);
        u->offer_id++;
        if (!u->sig && u->options.early_offer && !u->joined)
                open_signal(u, false);
        else
                send_offer(u);
}

static void on_description_failed(uint32_t peer, enum rtc_sdp type, int err, void *ctx)
{
        const struct lk_user *u = ctx;

        (void)peer;
        test_fail(__FILE__, __LINE__, "%s: a description (%d) is unusable: %s\n%s", u->name, type, strerror(-err),
                  u->answer);
}

static void on_candidate(uint32_t peer, const char *mid, uint32_t mline, const char *line, void *ctx)
{
        Livekit__TrickleRequest t = LIVEKIT__TRICKLE_REQUEST__INIT;
        struct lk_user *u = ctx;
        char *json;

        (void)peer;
        if (!line || !u->joined)
                return;
        ASSERT_OK(livekit_candidate_format(line, mid, mline, &json));
        t.candidate_init = json;
        send_message(u, LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRICKLE, &t);
        free(json);
}

/* Which track comes on which section. */
static void bind_section(struct lk_user *u, const char *mid, const char *sid)
{
        struct lk_ear *ear = NULL;

        for (size_t i = 0; i < LK_EARS; i++)
                if (strcmp(u->ears[i].mid, mid) == 0)
                        ear = &u->ears[i];
        for (size_t i = 0; i < LK_EARS && !ear; i++)
                if (!u->ears[i].mid[0])
                        ear = &u->ears[i];
        ASSERT(ear);
        if (strcmp(ear->sid, sid) == 0)
                return;
        snprintf(ear->mid, sizeof(ear->mid), "%s", mid);
        snprintf(ear->sid, sizeof(ear->sid), "%s", sid);
        ASSERT_OK(rtc_runtime_bind(u->rt, LK_PEER, mid, sid, ear->port));
}

static void on_answer(struct lk_user *u, const Livekit__SessionDescription *d)
{
        if (d->id != u->offer_id)
                return;
        u->answered = true;
        u->answer_us = u->answer_us ? u->answer_us : clock_monotonic_us();
        free(u->answer);
        u->answer = strdup(d->sdp);
        for (size_t i = 0; i < d->n_mid_to_track_id; i++)
                if (!u->track_sid || strcmp(d->mid_to_track_id[i]->value, u->track_sid) != 0)
                        bind_section(u, d->mid_to_track_id[i]->key, d->mid_to_track_id[i]->value);
        ASSERT_OK(rtc_runtime_set_remote(u->rt, LK_PEER, RTC_ANSWER, d->sdp));
        u->offering = false;
        if (u->offer_again) {
                u->offer_again = false;
                request_offer(u);
        }
}

static void on_trickle(struct lk_user *u, const Livekit__TrickleRequest *t)
{
        char mid[LIVEKIT_MID_MAX + 1], *line;
        uint32_t mline;

        if (!t->candidate_init || livekit_candidate_parse(t->candidate_init, &line, mid, &mline) < 0)
                return;
        ASSERT_OK(rtc_runtime_add_candidate(u->rt, LK_PEER, *line ? line : NULL));
        if (*line && t->final)
                ASSERT_OK(rtc_runtime_add_candidate(u->rt, LK_PEER, NULL));
        free(line);
}

/* ---- what the runtime tells besides ---- */

static void on_state(uint32_t peer, enum peer_state state, enum peer_reason reason, void *ctx)
{
        struct lk_user *u = ctx;

        (void)peer;
        u->state = state;
        u->reason = reason;
        if (state != PEER_STATE_CONNECTED)
                return;
        u->n_connected++;
        u->connected_us = u->connected_us ? u->connected_us : clock_monotonic_us();
}

static void on_speaking(uint32_t peer, const char *mid, bool speaking, void *ctx)
{
        (void)peer;
        (void)mid;
        (void)speaking;
        (void)ctx;
}

static void on_first_media(uint32_t peer, const char *mid, void *ctx)
{
        struct lk_user *u = ctx;

        (void)peer;
        u->media_us = u->media_us ? u->media_us : clock_monotonic_us();
        for (size_t i = 0; i < LK_EARS; i++)
                if (strcmp(u->ears[i].mid, mid) == 0)
                        u->ears[i].first_media = true;
}

static void on_stats(uint32_t op, const struct engine_stats *stats, void *ctx)
{
        struct lk_user *u = ctx;

        (void)op;
        u->stats = *stats;
        u->has_stats = true;
}

static const struct rtc_runtime_events rtc_events = { .local_description = on_description,
                                                      .local_candidate = on_candidate,
                                                      .description_failed = on_description_failed,
                                                      .peer_state = on_state,
                                                      .speaking = on_speaking,
                                                      .first_media = on_first_media,
                                                      .stats = on_stats };

/* ---- signalling ---- */

static void subscribe(struct lk_user *u, const Livekit__ParticipantInfo *p)
{
        for (size_t i = 0; i < p->n_tracks; i++) {
                Livekit__UpdateSubscription s = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;

                if (p->tracks[i]->has_type && p->tracks[i]->type != LIVEKIT__TRACK_TYPE__AUDIO)
                        continue;
                s.n_track_sids = 1;
                s.track_sids = &p->tracks[i]->sid;
                s.has_subscribe = s.subscribe = true;
                send_message(u, LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION, &s);
        }
}

static void init_track(Livekit__AddTrackRequest *t)
{
        livekit__add_track_request__init(t);
        t->cid = (char *)"mic0";
        t->name = (char *)"microphone";
        t->has_source = true;
        t->source = LIVEKIT__TRACK_SOURCE__MICROPHONE;
        t->has_disable_red = t->disable_red = true;
}

static size_t take_servers(const struct lk_user *u, Livekit__IceServer **from, size_t n, struct ice_server *servers)
{
        size_t count = 0;

        for (size_t i = 0; i < n && !u->options.ignores_ice_servers; i++)
                for (size_t k = 0; k < from[i]->n_urls && count < SERVERS_MAX; k++)
                        servers[count++] = (struct ice_server){ .url = from[i]->urls[k],
                                                                .username = from[i]->username,
                                                                .credential = from[i]->credential };
        return count;
}

static void open_peer(struct lk_user *u, const struct ice_server *servers, size_t n)
{
        struct rtc_peer_params params = { .ice_servers = servers,
                                          .n_ice_servers = n,
                                          .relay_only = u->options.relay_only,
                                          .controlling = true,
                                          .tcp = true,
                                          .voice = { .frame_ms = 20, .bitrate = 32000, .complexity = 2, .fec = true },
                                          .cname = "cname" };

        ASSERT_OK(rtc_runtime_open_peer(u->rt, LK_PEER, &params));
        ASSERT_OK(rtc_runtime_set_capture(u->rt, LK_PEER, u->mic, &u->gate));
        u->n_receive = 3;
}

static void on_join(struct lk_user *u, const Livekit__JoinResponse *j)
{
        struct ice_server servers[SERVERS_MAX];
        Livekit__AddTrackRequest track;
        size_t n;

        u->joined = true;
        u->join_us = clock_monotonic_us();
        u->sid = strdup(j->participant->sid);
        n = take_servers(u, j->ice_servers, j->n_ice_servers, servers);
        if (u->options.early_offer) {
                ASSERT_OK(rtc_runtime_add_ice_servers(u->rt, LK_PEER, servers, n));
        } else {
                open_peer(u, servers, n);
                init_track(&track);
                if (!u->options.listens_only)
                        send_message(u, LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK, &track);
                request_offer(u);
        }
        for (size_t i = 0; i < j->n_other_participants; i++)
                subscribe(u, j->other_participants[i]);
}

static void on_update(struct lk_user *u, const Livekit__ParticipantUpdate *update)
{
        for (size_t i = 0; i < update->n_participants; i++)
                if (!u->sid || strcmp(update->participants[i]->sid, u->sid) != 0)
                        subscribe(u, update->participants[i]);
}

static void sync_state(struct lk_user *u)
{
        Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT, answer = offer;
        Livekit__TrackPublishedResponse published = LIVEKIT__TRACK_PUBLISHED_RESPONSE__INIT, *all = &published;
        Livekit__UpdateSubscription wanted = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
        Livekit__TrackInfo track = LIVEKIT__TRACK_INFO__INIT;
        Livekit__SyncState s = LIVEKIT__SYNC_STATE__INIT;
        char *sids[LK_EARS];

        offer.type = (char *)"offer";
        offer.sdp = u->offer;
        answer.type = (char *)"answer";
        answer.sdp = u->answer;
        s.offer = &offer;
        s.answer = &answer;
        for (size_t i = 0; i < LK_EARS; i++)
                if (u->ears[i].sid[0])
                        sids[wanted.n_track_sids++] = u->ears[i].sid;
        wanted.track_sids = sids;
        wanted.has_subscribe = wanted.subscribe = true;
        s.subscription = &wanted;
        track.sid = u->track_sid;
        published.cid = (char *)"mic0";
        published.track = &track;
        s.n_publish_tracks = u->track_sid ? 1 : 0;
        s.publish_tracks = &all;
        send_message(u, LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE, &s);
}

static void on_reconnect(struct lk_user *u)
{
        u->resumed = true;
        sync_state(u);
        lk_restart_ice(u);
}

static void on_message(const char *data, size_t len, bool binary, void *ctx)
{
        Livekit__SignalResponse *m;
        struct lk_user *u = ctx;

        ASSERT(binary);
        ASSERT_OK(livekit_response_parse(data, len, &m));
        switch ((int)m->message_case) {
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN: on_join(u, m->join); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT: on_reconnect(u); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER: on_answer(u, m->answer); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRICKLE: on_trickle(u, m->trickle); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE: on_update(u, m->update); break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED:
                free(u->track_sid);
                u->track_sid = strdup(m->track_published->track->sid);
                break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MEDIA_SECTIONS_REQUIREMENT:
                u->n_receive += m->media_sections_requirement->num_audios;
                request_offer(u);
                break;
        case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE:
                printf("# %s: leave, action %d, reason %d\n", u->name, m->leave->action, m->leave->reason);
                u->left = true;
                break;
        default: break;
        }
        livekit_response_free(m);
}

static void on_opened(void *ctx)
{
        struct lk_user *u = ctx;

        u->open_us = u->open_us ? u->open_us : clock_monotonic_us();
}

static void on_closed(int err, unsigned http_status, const char *text, void *ctx)
{
        struct lk_user *u = ctx;

        printf("# %s: signalling closed: %s, HTTP %u, %s\n", u->name, strerror(-err), http_status, text);
        u->sig = NULL;
        u->signal_lost = true;
}

static const struct sigconn_events signal_events = { .opened = on_opened, .message = on_message, .closed = on_closed };

static char *join_request(struct lk_user *u, bool reconnect)
{
        Livekit__ConnectionSettings settings = LIVEKIT__CONNECTION_SETTINGS__INIT;
        Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
        Livekit__AddTrackRequest track, *tracks = &track;
        Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
        Livekit__JoinRequest join = LIVEKIT__JOIN_REQUEST__INIT;
        char *text;

        client.has_protocol = true;
        client.protocol = 17;
        client.version = (char *)"0";
        join.client_info = &client;
        join.connection_settings = &settings;
        join.has_reconnect = join.reconnect = reconnect;
        join.participant_sid = reconnect ? u->sid : NULL;
        if (u->options.early_offer && !reconnect) {
                offer.type = (char *)"offer";
                offer.sdp = u->offer;
                offer.has_id = true;
                offer.id = u->offer_id;
                join.publisher_offer = &offer;
                init_track(&track);
                join.n_add_track_requests = u->options.listens_only ? 0 : 1;
                join.add_track_requests = &tracks;
        }
        ASSERT_OK(livekit_join_request_text(&join, &text));
        return text;
}

static void open_signal(struct lk_user *u, bool reconnect)
{
        const struct sigconn_provider ws = sigconn_ws_provider(u->w->net);
        char *request = join_request(u, reconnect), *url = malloc(URL_MAX), authorization[2048];

        ASSERT(url);
        snprintf(url, URL_MAX, "%s/rtc/v1?join_request=%s", getenv("LIVEKIT_URL"), request);
        snprintf(authorization, sizeof(authorization), "Bearer %s", u->token);
        ASSERT_OK(ws.ops->open(
                ws.factory,
                &(const struct sigconn_params){ .url = url, .authorization = authorization, .timeout_ms = 20000 },
                &signal_events, u, &u->sig));
        free(request);
        free(url);
}

/* ---- what a test does ---- */

void lk_join(struct lk_user *u, const char *room)
{
        struct jwt_grant grant = { .key = "devkey", .room_join = true, .can_publish = true, .can_subscribe = true };

        u->room = room;
        snprintf(grant.identity, sizeof(grant.identity), "%s", u->name);
        snprintf(grant.room, sizeof(grant.room), "%s", room);
        grant.expires_at = (uint64_t)time(NULL) + 3600;
        ASSERT_OK(jwt_mint(&grant, SECRET, &u->token));
        u->start_us = clock_monotonic_us();
        if (!u->options.early_offer) {
                open_signal(u, false);
                return;
        }
        open_peer(u, NULL, 0);
        request_offer(u); /* and with it the connection */
}

void lk_restart_ice(struct lk_user *u)
{
        u->restart = true;
        request_offer(u);
}

void lk_drop_signal(struct lk_user *u)
{
        if (u->sig)
                u->sig->ops->close(u->sig);
        u->sig = NULL;
        u->offering = u->offer_again = false;
}

void lk_resume(struct lk_user *u)
{
        u->resumed = false;
        open_signal(u, true);
}

void lk_leave(struct lk_user *u)
{
        Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;

        leave.has_reason = true;
        leave.reason = LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED;
        send_message(u, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE, &leave);
}

void lk_get_stats(struct lk_user *u)
{
        u->has_stats = false;
        ASSERT_OK(rtc_runtime_get_stats(u->rt, 1));
        lk_await(u->w, u->has_stats);
}

/* ---- the sound card ---- */

static void hear(struct lk_ear *ear)
{
        float frames[LK_PERIOD];

        port_playback_rt(ear->port, &ear->gain, frames, LK_PERIOD);
        for (size_t n = 0; n < LK_PERIOD; n++)
                ear->heard[ear->n_heard++ % LK_HEARD] = frames[n];
        ear->silent = tone_rms(frames, LK_PERIOD) < SILENCE ? ear->silent + 1 : 0;
        if (ear->silent > ear->longest_silence)
                ear->longest_silence = ear->silent;
}

static void on_clock(void *ctx)
{
        struct lk_world *w = ctx;
        float frames[LK_PERIOD];

        for (size_t i = 0; i < w->n_users; i++) {
                tone_fill(&w->users[i].tone, frames, LK_PERIOD);
                port_capture_rt(w->users[i].mic, frames, LK_PERIOD);
                for (size_t k = 0; k < LK_EARS; k++)
                        hear(&w->users[i].ears[k]);
        }
        w->period_us += LK_PERIOD * US_PER_SEC / AUDIO_RATE;
        (void)loop_set_timer(w->clock, w->period_us);
        loop_event_stop(w->loop);
}

bool lk_turn(struct lk_world *w, uint64_t *limit_us, const char *what)
{
        uint64_t now_us = loop_now_us(w->loop);

        if (*limit_us == 0)
                *limit_us = now_us + LIMIT_US;
        if (now_us > *limit_us)
                test_fail(__FILE__, __LINE__, "not in time: %s", what);
        ASSERT_OK(loop_event_run(w->loop));
        return true;
}

void lk_run_for(struct lk_world *w, unsigned ms)
{
        uint64_t end_us = loop_now_us(w->loop) + ms * US_PER_MS;

        while (loop_now_us(w->loop) < end_us)
                ASSERT_OK(loop_event_run(w->loop));
}

double lk_level(const struct lk_user *u, double hz)
{
        enum { PIECE = AUDIO_RATE / 10 };
        double loudest = 0;

        for (size_t k = 0; k < LK_EARS; k++) {
                double sum = 0;

                for (size_t at = 0; at < LK_HEARD; at += PIECE)
                        sum += tone_find(u->ears[k].heard + at, PIECE, hz) * PIECE / LK_HEARD;
                loudest = sum > loudest ? sum : loudest;
        }
        return loudest;
}

void lk_watch_silence(struct lk_user *u)
{
        for (size_t k = 0; k < LK_EARS; k++)
                u->ears[k].silent = u->ears[k].longest_silence = 0;
}

unsigned lk_longest_silence_ms(const struct lk_user *u)
{
        unsigned longest = 0;

        for (size_t k = 0; k < LK_EARS; k++)
                if (u->ears[k].first_media && u->ears[k].longest_silence > longest)
                        longest = u->ears[k].longest_silence;
        return (unsigned)((uint64_t)longest * LK_PERIOD * 1000 / AUDIO_RATE);
}

/* ---- beginning and end ---- */

void lk_world_init(struct lk_world *w, struct lk_user *users, size_t n)
{
        *w = (struct lk_world){ .users = users, .n_users = n };
        ASSERT_OK(loop_event_new(&w->loop));
        ASSERT_OK(net_thread_new(w->loop, &w->net));
        w->period_us = loop_now_us(w->loop);
        ASSERT_OK(loop_add_timer(w->loop, w->period_us, on_clock, w, &w->clock));
}

void lk_world_done(struct lk_world *w)
{
        w->clock = loop_remove(w->clock);
        w->net = net_thread_free(w->net);
        w->loop = loop_event_free(w->loop);
}

void lk_user_init(struct lk_user *u, struct lk_world *w, const char *name, double hz, const struct lk_options *options)
{
        const struct rtc_runtime_config config = { .control = w->loop, .net = w->net, .rng = &rand_system };

        *u = (struct lk_user){ .w = w, .name = name, .options = *options, .tone = { .hz = hz, .amplitude = 0.5 } };
        ASSERT_OK(rtc_runtime_new(&config, &rtc_events, u, &u->rt));
        ASSERT_OK(audio_port_new(4096, &u->mic));
        atomic_store(&u->gate.conditions, GATE_ALL);
        for (size_t k = 0; k < LK_EARS; k++)
                ASSERT_OK(audio_port_new(4096, &u->ears[k].port));
}

void lk_user_done(struct lk_user *u)
{
        lk_leave(u); /* or the server, when it is to end, waits for us */
        if (u->sig)
                u->sig->ops->close(u->sig);
        rtc_runtime_free(u->rt);
        audio_port_unref(u->mic);
        for (size_t k = 0; k < LK_EARS; k++)
                audio_port_unref(u->ears[k].port);
        free(u->token);
        free(u->sid);
        free(u->track_sid);
        free(u->offer);
        free(u->answer);
}
