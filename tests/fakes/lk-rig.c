/* lk-rig.c - see lk-rig.h. */
#include "fakes/lk-rig.h"

#include <stdarg.h>

#include "base/clock.h"

void rig_done(struct rig *r)
{
        r->fsm = lk_fsm_free(r->fsm);
}

int rig_init(struct rig *r)
{
        *r = (struct rig){ .now_us = 1000 * US_PER_SEC };
        list_init(&r->actions);
        return lk_fsm_new(&r->fsm);
}

static void put(struct rig *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct rig *r, const char *fmt, ...)
{
        size_t at = strlen(r->trace);
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(r->trace + at, sizeof(r->trace) - at, fmt, ap);
        va_end(ap);
}

static void put_request(struct rig *r, const Livekit__SignalRequest *m)
{
        switch (m->message_case) {
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER: put(r, "offer %u; ", r->offers = m->offer->id); break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK:
                put(r, "add-track %s%s; ", m->add_track->cid, m->add_track->muted ? " muted" : "");
                break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_MUTE: put(r, "mute %s %d; ", m->mute->sid, m->mute->muted); break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION:
                put(r, "%s", m->subscription->subscribe ? "subscribe" : "unsubscribe");
                for (size_t i = 0; i < m->subscription->n_track_sids; i++)
                        put(r, " %s", m->subscription->track_sids[i]);
                put(r, "; ");
                break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE: put(r, "leave; "); break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRICKLE:
                put(r, "trickle%s; ", m->trickle->target == LIVEKIT__SIGNAL_TARGET__SUBSCRIBER ? " in" : "");
                break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER: put(r, "answer %u; ", m->answer->id); break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ: put(r, "ping rtt %d; ", (int)m->ping_req->rtt); break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING: break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE:
                put(r, "sync %zu tracks, %zu subscriptions; ", m->sync_state->n_publish_tracks,
                    m->sync_state->subscription->n_track_sids);
                break;
        default: put(r, "request %d; ", (int)m->message_case); break;
        }
}

static void note_sent(struct rig *r, const struct lk_action *a)
{
        Livekit__SignalRequest *m = livekit__signal_request__unpack(NULL, a->len, (const uint8_t *)a->text);

        if (m)
                put_request(r, m);
        livekit__signal_request__free_unpacked(m, NULL);
}

static void note(struct rig *r, const struct lk_action *a)
{
        static const char *const quality_words[] = { "", " excellent", " good", " poor", " lost" };
        const char *word = lk_action_kind_to_string(a->kind);

        switch (a->kind) {
        case LK_ACT_SEND: note_sent(r, a); break;
        case LK_ACT_OPEN_CONN:
                put(r, "[open-conn%s%s] ", strncmp(a->text, "/rtc?", 5) == 0 ? " old" : "",
                    strstr(a->text, "&reconnect=1") ? " resume" : "");
                break;
        case LK_ACT_OPEN_PEER:
                r->in = a->receives ? a->peer : r->in;
                put(r, "[open-peer%s%s%s] ", a->receives ? " in" : "", a->controlled ? " controlled" : "",
                    a->relay_only ? " relayed" : "");
                break;
        case LK_ACT_CLOSE_PEER:
        case LK_ACT_SET_REMOTE:
        case LK_ACT_ADD_CANDIDATE: put(r, "[%s%s] ", word, a->peer == r->in ? " in" : ""); break;
        case LK_ACT_CREATE_OFFER:
                put(r, "[%s%s%s %u%s%s] ", word, a->text ? " " : "", a->text ? a->text : "", a->offer.n_receive,
                    a->offer.restart_ice ? " restart" : "", a->relay_only ? " relayed" : "");
                break;
        case LK_ACT_BIND: put(r, "[bind %s %s] ", a->mid, a->user); break;
        case LK_ACT_UNBIND: put(r, "[unbind %s] ", a->mid); break;
        case LK_ACT_OP_DONE:
                r->done++;
                put(r, "[done %u %s] ", a->op, engine_reason_to_string(a->result.reason));
                break;
        case LK_ACT_STATE:
                put(r, "[state %s %s] ", engine_state_to_string(a->state), engine_reason_to_string(a->result.reason));
                break;
        case LK_ACT_PARTICIPANT:
                put(r, "[%s %s %u>%u%s%s] ",
                    a->change == ENGINE_PARTICIPANT_JOINED ? "joined"
                    : a->change == ENGINE_PARTICIPANT_LEFT ? "left"
                                                           : "updated",
                    a->user, a->published, a->subscribed, a->on ? " muted" : "", quality_words[a->quality]);
                break;
        case LK_ACT_SPEAKING: put(r, "[speaking %s %d] ", a->user, a->on); break;
        case LK_ACT_TOKEN: put(r, "[token %s] ", a->text); break;
        default: put(r, "[%s] ", word); break;
        }
}

int step(struct rig *r, const struct lk_event *ev)
{
        struct lk_action *a;
        int err = lk_fsm_step(r->fsm, ev, r->now_us, &r->actions);

        list_for_each (a, &r->actions, link) {
                note(r, a);
                lk_action_free(a);
        }
        return err;
}

void expect(struct rig *r, const char *trace)
{
        ASSERT_STR(r->trace, trace);
        r->trace[0] = '\0';
}

/* ---- what happens ---- */

int join_as(struct rig *r, const struct lk_join *j)
{
        return step(r, &(struct lk_event){ .kind = LK_EV_JOIN, .op = 1, .join = j });
}

struct lk_join usual(void)
{
        return (struct lk_join){ .user_id = "me",
                                 .auto_publish = true,
                                 .auto_subscribe = true,
                                 .visible = true,
                                 .reconnect_us = 60 * US_PER_SEC };
}

int join(struct rig *r)
{
        struct lk_join j = usual();

        return join_as(r, &j);
}

int described(struct rig *r)
{
        return step(r, &(struct lk_event){ .kind = LK_EV_DESCRIPTION,
                                           .peer = lk_fsm_peer(r->fsm),
                                           .sdp_type = RTC_OFFER,
                                           .text = "v=0" });
}

int peer_is(struct rig *r, enum peer_state state)
{
        return step(
                r, &(struct lk_event){
                           .kind = LK_EV_PEER_STATE, .peer = lk_fsm_peer(r->fsm), .peer_state = state, .text = "it" });
}

int say(struct rig *r, Livekit__SignalResponse__MessageCase kind, void *body)
{
        Livekit__SignalResponse m = LIVEKIT__SIGNAL_RESPONSE__INIT;

        m.message_case = kind;
        m.join = body; /* a union of pointers */
        return step(r, &(struct lk_event){ .kind = LK_EV_MESSAGE, .msg = &m });
}

int offered(struct rig *r, uint32_t id, const char *sdp)
{
        Livekit__SessionDescription sd = LIVEKIT__SESSION_DESCRIPTION__INIT;

        sd.sdp = (char *)sdp;
        sd.id = id;
        return SAY(r, OFFER, &sd);
}

int in_answered(struct rig *r)
{
        return step(r, &(struct lk_event){
                               .kind = LK_EV_DESCRIPTION, .peer = r->in, .sdp_type = RTC_ANSWER, .text = "v=0" });
}

int in_is(struct rig *r, enum peer_state state)
{
        return step(r,
                    &(struct lk_event){ .kind = LK_EV_PEER_STATE, .peer = r->in, .peer_state = state, .text = "it" });
}

struct somebody *somebody(struct somebody *s, const char *name, const char *sid, const char *track)
{
        *s = (struct somebody){
                LIVEKIT__PARTICIPANT_INFO__INIT, { &s->info }, LIVEKIT__TRACK_INFO__INIT, { &s->track }
        };
        s->info.identity = (char *)name;
        s->info.sid = (char *)sid;
        s->info.state = LIVEKIT__PARTICIPANT_STATE__ACTIVE;
        s->info.tracks = s->tracks;
        s->info.n_tracks = track[0] ? 1 : 0;
        s->track.sid = (char *)track;
        s->track.source = LIVEKIT__TRACK_SOURCE__MICROPHONE;
        return s;
}

int update(struct rig *r, struct somebody *s)
{
        Livekit__ParticipantUpdate u = LIVEKIT__PARTICIPANT_UPDATE__INIT;

        u.participants = s->list;
        u.n_participants = 1;
        return SAY(r, UPDATE, &u);
}

int welcome(struct rig *r, struct somebody *present)
{
        Livekit__ClientConfiguration c = LIVEKIT__CLIENT_CONFIGURATION__INIT;
        Livekit__JoinResponse j = LIVEKIT__JOIN_RESPONSE__INIT;
        struct somebody me;

        j.participant = &somebody(&me, "me", "PA_me", "")->info;
        j.subscriber_primary = !r->without_primary;
        c.force_relay = LIVEKIT__CLIENT_SETTING__ENABLED;
        j.client_configuration = r->relays_only ? &c : NULL;
        j.ping_interval = 5;
        j.ping_timeout = 15;
        if (present) {
                j.other_participants = present->list;
                j.n_other_participants = 1;
        }
        return SAY(r, JOIN, &j);
}

int answer(struct rig *r, uint32_t id, const char *mid, const char *track)
{
        Livekit__SessionDescription sd = LIVEKIT__SESSION_DESCRIPTION__INIT;
        Livekit__Entry e = LIVEKIT__ENTRY__INIT, *map[] = { &e };

        sd.sdp = (char *)"v=0";
        sd.id = id;
        e.key = (char *)mid;
        e.value = (char *)track;
        sd.mid_to_track_id = map;
        sd.n_mid_to_track_id = mid ? 1 : 0;
        return SAY(r, ANSWER, &sd);
}

int published(struct rig *r, const char *cid, const char *sid)
{
        Livekit__TrackPublishedResponse t = LIVEKIT__TRACK_PUBLISHED_RESPONSE__INIT;
        Livekit__TrackInfo info = LIVEKIT__TRACK_INFO__INIT;

        t.cid = (char *)cid;
        t.track = &info;
        info.sid = (char *)sid;
        return SAY(r, TRACK_PUBLISHED, &t);
}

int sections(struct rig *r, uint32_t audios)
{
        Livekit__MediaSectionsRequirement m = LIVEKIT__MEDIA_SECTIONS_REQUIREMENT__INIT;

        m.num_audios = audios;
        return SAY(r, MEDIA_SECTIONS_REQUIREMENT, &m);
}

int leave(struct rig *r, Livekit__DisconnectReason reason, Livekit__LeaveAction action)
{
        Livekit__LeaveRequest m = LIVEKIT__LEAVE_REQUEST__INIT;

        m.reason = reason;
        m.action = action;
        return SAY(r, LEAVE, &m);
}

int publish(struct rig *r, uint32_t op, bool on)
{
        return step(r, &(struct lk_event){ .kind = LK_EV_PUBLISH, .op = op, .media = ENGINE_AUDIO, .on = on });
}

int closed(struct rig *r, int err, unsigned status, const char *text)
{
        return step(r, &(struct lk_event){ .kind = LK_EV_CLOSED, .err = err, .http_status = status, .text = text });
}

int deadline(struct rig *r)
{
        r->now_us = lk_fsm_deadline(r->fsm);
        return step(r, &(struct lk_event){ .kind = LK_EV_DEADLINE });
}

void be_joined(struct rig *r)
{
        ASSERT_OK(rig_init(r));
        ASSERT_OK(join(r));
        ASSERT_OK(described(r));
        ASSERT_OK(step(r, &(struct lk_event){ .kind = LK_EV_OPENED }));
        ASSERT_OK(welcome(r, NULL));
        ASSERT_OK(published(r, "audio-1", "TR_me"));
        ASSERT_OK(answer(r, 1, NULL, NULL));
        ASSERT_OK(peer_is(r, PEER_STATE_CONNECTED));
        ASSERT_EQ(lk_fsm_state(r->fsm), LK_STATE_JOINED);
        r->trace[0] = '\0';
}

void hear_alice(struct rig *r)
{
        struct somebody alice;

        ASSERT_OK(update(r, somebody(&alice, "alice", "PA_a", "TR_a")));
        ASSERT_OK(described(r)); /* the sections are offered without being asked for */
        ASSERT_OK(answer(r, r->offers, "1", "TR_a"));
        expect(r, "[joined alice 1>0] subscribe TR_a; [create-offer audio-1 3] offer 2; [set-remote] [bind 1 alice] "
                  "[updated alice 1>1] ");
}
