/* fake-livekit.c - see fake-livekit.h. */
#include "fakes/fake-livekit.h"

#include <errno.h>
#include <stdarg.h>

#include "base/cleanup.h"
#include "lib/test.h"

static void hear(struct fake_livekit *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void hear(struct fake_livekit *f, const char *fmt, ...)
{
        size_t at = strlen(f->heard);
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(f->heard + at, sizeof(f->heard) - at, fmt, ap);
        va_end(ap);
}

void fake_livekit_say(struct fake_livekit *f, const Livekit__SignalResponse *m)
{
        _cleanup_free_ uint8_t *bytes = NULL;
        size_t len;

        if (!fake_sigconn_is_open(f->conn))
                return;
        ASSERT_OK(livekit_pack(&m->base, &bytes, &len));
        fake_sigconn_binary(f->conn, bytes, len);
}

#define SAY(f, kind, member, value)                                          \
        do {                                                                 \
                Livekit__SignalResponse _m = LIVEKIT__SIGNAL_RESPONSE__INIT; \
                                                                             \
                _m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_##kind;  \
                _m.member = value;                                           \
                fake_livekit_say(f, &_m);                                    \
        } while (0)

/* ---- who is there ---- */

struct info { /* one participant in the words of the protocol */
        Livekit__ParticipantInfo p;
        Livekit__TrackInfo track, *tracks[1];
};

static Livekit__ParticipantInfo *describe(struct info *i, const struct fake_other *o, bool gone)
{
        *i = (struct info){ LIVEKIT__PARTICIPANT_INFO__INIT, LIVEKIT__TRACK_INFO__INIT, { &i->track } };
        i->p.identity = (char *)o->name;
        i->p.sid = (char *)o->sid;
        i->p.has_state = true;
        i->p.state = gone ? LIVEKIT__PARTICIPANT_STATE__DISCONNECTED : LIVEKIT__PARTICIPANT_STATE__ACTIVE;
        i->track.sid = (char *)o->track;
        i->p.tracks = i->tracks;
        i->p.n_tracks = gone || !o->track[0] ? 0 : 1;
        return &i->p;
}

static void update(struct fake_livekit *f, const struct fake_other *o, bool gone)
{
        Livekit__ParticipantUpdate u = LIVEKIT__PARTICIPANT_UPDATE__INIT;
        Livekit__ParticipantInfo *list[1];
        struct info i;

        list[0] = describe(&i, o, gone);
        u.participants = list;
        u.n_participants = 1;
        SAY(f, UPDATE, update, &u);
}

static struct fake_other *find(struct fake_livekit *f, const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(f->others); i++)
                if (strcmp(f->others[i].name, name) == 0)
                        return &f->others[i];
        return NULL;
}

void fake_livekit_enters(struct fake_livekit *f, const char *name)
{
        struct fake_other *o = find(f, "");

        ASSERT(o);
        snprintf(o->name, sizeof(o->name), "%s", name);
        snprintf(o->sid, sizeof(o->sid), "PA_%s", name);
        snprintf(o->track, sizeof(o->track), "TR_%s", name);
        update(f, o, false);
}

void fake_livekit_exits(struct fake_livekit *f, const char *name)
{
        struct fake_other *o = find(f, name), before;

        ASSERT(o);
        before = *o;
        *o = (struct fake_other){ .name = "" };
        update(f, &before, true);
}

/* ---- what is answered ---- */

static void answer(struct fake_livekit *f, uint32_t id)
{
        Livekit__SessionDescription sd = LIVEKIT__SESSION_DESCRIPTION__INIT;
        Livekit__Entry entries[ARRAY_SIZE(f->others)], *map[ARRAY_SIZE(f->others)];

        if (f->ignore_offers > 0) {
                f->ignore_offers--;
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(f->others); i++) {
                struct fake_other *o = &f->others[i];

                if (!o->name[0] || !o->asked)
                        continue;
                snprintf(o->mid, sizeof(o->mid), "%zu", i + 1);
                livekit__entry__init(&entries[i]);
                entries[i].key = o->mid;
                entries[i].value = o->track;
                map[sd.n_mid_to_track_id++] = &entries[i];
        }
        sd.mid_to_track_id = map;
        sd.type = (char *)"answer";
        sd.sdp = (char *)"v=0\r\n";
        sd.has_id = true;
        sd.id = id;
        SAY(f, ANSWER, answer, &sd);
}

static void publish(struct fake_livekit *f, const Livekit__AddTrackRequest *request)
{
        Livekit__TrackPublishedResponse t = LIVEKIT__TRACK_PUBLISHED_RESPONSE__INIT;
        Livekit__RequestResponse no = LIVEKIT__REQUEST_RESPONSE__INIT;
        Livekit__TrackInfo info = LIVEKIT__TRACK_INFO__INIT;
        char sid[24];

        if (f->may_not) {
                no.has_reason = true;
                no.reason = LIVEKIT__REQUEST_REASON__NOT_ALLOWED;
                no.add_track = (Livekit__AddTrackRequest *)request;
                SAY(f, REQUEST_RESPONSE, request_response, &no);
                return;
        }
        snprintf(sid, sizeof(sid), "TR_own%u", ++f->tracks);
        t.cid = request->cid;
        t.track = &info;
        info.sid = sid;
        SAY(f, TRACK_PUBLISHED, track_published, &t);
}

static void on_subscription(struct fake_livekit *f, const Livekit__UpdateSubscription *u)
{
        Livekit__MediaSectionsRequirement need = LIVEKIT__MEDIA_SECTIONS_REQUIREMENT__INIT;

        for (size_t i = 0; i < u->n_track_sids; i++) {
                hear(f, "%s %s; ", u->subscribe ? "subscribe" : "unsubscribe", u->track_sids[i]);
                for (size_t k = 0; k < ARRAY_SIZE(f->others); k++)
                        if (strcmp(f->others[k].track, u->track_sids[i]) == 0)
                                f->others[k].asked = u->subscribe;
        }
        need.has_num_audios = true;
        need.num_audios = f->sections;
        SAY(f, MEDIA_SECTIONS_REQUIREMENT, media_sections_requirement, &need);
}

static void on_ping(struct fake_livekit *f, const Livekit__Ping *ping)
{
        Livekit__Pong pong = LIVEKIT__PONG__INIT;

        if (f->ignore_pings)
                return;
        pong.has_last_ping_timestamp = true;
        pong.last_ping_timestamp = ping->timestamp;
        SAY(f, PONG_RESP, pong_resp, &pong);
}

static void handle(struct fake_livekit *f, const Livekit__SignalRequest *m)
{
        switch (m->message_case) {
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER:
                hear(f, "offer %u; ", m->offer->id);
                ASSERT_GT(m->offer->id + 1, f->offer_id); /* upwards; the one of the request may come again */
                f->offer_id = m->offer->id;
                answer(f, m->offer->id);
                break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK:
                hear(f, "track %s; ", m->add_track->cid);
                publish(f, m->add_track);
                break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION: on_subscription(f, m->subscription); break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ: on_ping(f, m->ping_req); break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE:
                hear(f, "leave; ");
                f->sid[0] = '\0';
                break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE: hear(f, "sync; "); break;
        case LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRICKLE: hear(f, "trickle; "); break;
        default: break;
        }
}

static void on_request(struct fake_sigconn *c, const char *data, size_t len, bool binary, void *ctx)
{
        Livekit__SignalRequest *m;

        (void)c;
        ASSERT(binary);
        m = livekit__signal_request__unpack(NULL, len, (const uint8_t *)data);
        ASSERT(m);
        handle(ctx, m);
        livekit__signal_request__free_unpacked(m, NULL);
}

/* ---- connections ---- */

static int digit(char c)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        const char *at = strchr(digits, c);

        return c && at ? (int)(at - digits) : -1;
}

/* Ends at what is no digit: the percent sign of the padding. */
static size_t decode(const char *text, uint8_t *ret, size_t size)
{
        uint32_t bits = 0;
        size_t n = 0;

        for (unsigned have = 0; digit(*text) >= 0; text++) {
                bits = bits << 6 | (uint32_t)digit(*text);
                have += 6;
                if (have < 8)
                        continue;
                have -= 8;
                ASSERT_LT(n, size);
                ret[n++] = (uint8_t)(bits >> have);
        }
        return n;
}

static Livekit__JoinRequest *request_of(const struct fake_livekit *f)
{
        static const char mark[] = "/rtc/v1?join_request=";
        const char *at = strstr(fake_sigconn_params(f->conn)->url, mark);
        Livekit__WrappedJoinRequest *w;
        Livekit__JoinRequest *j;
        uint8_t bytes[4096];

        ASSERT(at);
        w = livekit__wrapped_join_request__unpack(NULL, decode(at + strlen(mark), bytes, sizeof(bytes)), bytes);
        ASSERT(w);
        j = livekit__join_request__unpack(NULL, w->join_request.len, w->join_request.data);
        ASSERT(j);
        livekit__wrapped_join_request__free_unpacked(w, NULL);
        return j;
}

static void resume(struct fake_livekit *f, const Livekit__JoinRequest *j)
{
        Livekit__ReconnectResponse again = LIVEKIT__RECONNECT_RESPONSE__INIT;

        hear(f, "resume; ");
        if (f->forgets || strcmp(f->sid, j->participant_sid) != 0) {
                fake_livekit_leave(f, LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH, LIVEKIT__LEAVE_ACTION__RECONNECT);
                return;
        }
        SAY(f, RECONNECT, reconnect, &again);
        for (size_t i = 0; i < ARRAY_SIZE(f->others); i++)
                if (f->others[i].name[0])
                        update(f, &f->others[i], false);
}

static void welcome(struct fake_livekit *f)
{
        Livekit__JoinResponse w = LIVEKIT__JOIN_RESPONSE__INIT;
        Livekit__ParticipantInfo *others[ARRAY_SIZE(f->others)];
        struct fake_other me = { .name = "me" };
        struct info infos[ARRAY_SIZE(f->others)], own;

        snprintf(f->sid, sizeof(f->sid), "PA_own%u", ++f->sessions);
        snprintf(me.sid, sizeof(me.sid), "%s", f->sid);
        for (size_t i = 0; i < ARRAY_SIZE(f->others); i++) {
                f->others[i].asked = false;
                if (f->others[i].name[0])
                        others[w.n_other_participants++] = describe(&infos[i], &f->others[i], false);
        }
        w.other_participants = others;
        w.participant = describe(&own, &me, false);
        w.has_ping_interval = w.has_ping_timeout = true;
        w.ping_interval = 5;
        w.ping_timeout = 15;
        SAY(f, JOIN, join, &w);
        SAY(f, REFRESH_TOKEN, refresh_token, (char *)"newer");
}

static void join(struct fake_livekit *f, const Livekit__JoinRequest *j)
{
        hear(f, "join%s%s; ", j->publisher_offer ? "+offer" : "", j->n_add_track_requests > 0 ? "+track" : "");
        f->offer_id = 0;
        welcome(f);
        if (f->takes_no_offer_inside)
                return;
        for (size_t i = 0; i < j->n_add_track_requests; i++)
                publish(f, j->add_track_requests[i]);
        if (j->publisher_offer)
                answer(f, j->publisher_offer->id);
}

static void begin_otherwise(struct fake_livekit *f)
{
        const char *begins = f->begins;

        f->begins = NULL;
        if (strcmp(begins, "garbage") == 0)
                fake_sigconn_binary(f->conn, "\xff\xff\xff", 3);
        else if (strcmp(begins, "text") == 0)
                fake_sigconn_message(f->conn, "{}");
        else if (strcmp(begins, "pong") == 0)
                SAY(f, PONG, pong, 1);
        else if (strcmp(begins, "leave") == 0)
                fake_livekit_leave(f, LIVEKIT__DISCONNECT_REASON__JOIN_FAILURE, LIVEKIT__LEAVE_ACTION__DISCONNECT);
}

static void on_connection(struct fake_sigconn *c, void *ctx)
{
        struct fake_livekit *f = ctx;
        Livekit__JoinRequest *j;

        if (f->refuse_status) {
                fake_sigconn_drop(c, -ECONNREFUSED, f->refuse_status, f->refuse_body);
                return;
        }
        j = request_of(f);
        ASSERT_EQ(strncmp(fake_sigconn_params(c)->authorization, "Bearer ", 7), 0);
        fake_sigconn_accept(c);
        if (f->ignore_requests > 0)
                f->ignore_requests--;
        else if (f->begins)
                begin_otherwise(f);
        else if (j->reconnect)
                resume(f, j);
        else
                join(f, j);
        livekit__join_request__free_unpacked(j, NULL);
}

void fake_livekit_leave(struct fake_livekit *f, Livekit__DisconnectReason reason, Livekit__LeaveAction action)
{
        Livekit__LeaveRequest l = LIVEKIT__LEAVE_REQUEST__INIT;

        if (action == LIVEKIT__LEAVE_ACTION__DISCONNECT)
                f->sid[0] = '\0';
        l.has_reason = l.has_action = true;
        l.reason = reason;
        l.action = action;
        SAY(f, LEAVE, leave, &l);
}

void fake_livekit_expect(struct fake_livekit *f, const char *words)
{
        ASSERT_STR(f->heard, words);
        f->heard[0] = '\0';
}

void fake_livekit_init(struct fake_livekit *f, struct loop *loop)
{
        *f = (struct fake_livekit){ .conn = fake_sigconn_new(loop) };
        fake_sigconn_set_handler(f->conn, on_request, f);
        fake_sigconn_set_doorkeeper(f->conn, on_connection);
}

void fake_livekit_done(struct fake_livekit *f)
{
        f->conn = fake_sigconn_free(f->conn);
}
