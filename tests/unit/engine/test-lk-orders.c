/* test-lk-orders.c - the machine under whatever comes: random events and moments, from a server that makes little
 * sense. Asserted: what the app is told keeps to the contract of engine.h, every operation is answered once, peers are
 * opened and closed in pairs, nothing is sent where nobody listens, and nothing in the machine's own assertions is
 * hit.
 */
#include "engine/livekit/lk-fsm.h"

#include "base/clock.h"
#include "base/rand.h"
#include "lib/test.h"

enum { STEPS = 200000, OPS = 12 };

struct rig {
        struct lk_fsm *fsm;
        struct rng rng;
        uint64_t now_us;
        struct list actions;
        enum engine_state told; /* what the app knows */
        uint32_t next_op, flight[OPS], peer, offer_id, tracks;
        size_t n_flight;
        bool conn, making; /* a connection; an offer is owed by the peer */
        bool bound[4];
        unsigned seen[_ENGINE_STATE_MAX], resumed, rejoined;
};

static unsigned pick(struct rig *r, unsigned n)
{
        return rand_u32(&r->rng) % n;
}

static uint32_t take_off(struct rig *r)
{
        return r->flight[r->n_flight++] = ++r->next_op;
}

static void land(struct rig *r, const struct lk_action *a)
{
        size_t i = 0;

        while (i < r->n_flight && r->flight[i] != a->op)
                i++;
        ASSERT_LT(i, r->n_flight);
        r->flight[i] = r->flight[--r->n_flight];
        if (r->told == ENGINE_STATE_JOINING)
                r->told = a->on ? ENGINE_STATE_JOINED : ENGINE_STATE_IDLE;
        else if (r->told == ENGINE_STATE_LEAVING && r->n_flight == 0)
                r->told = ENGINE_STATE_IDLE;
}

static void hear_state(struct rig *r, const struct lk_action *a)
{
        ASSERT(r->told == ENGINE_STATE_JOINED || r->told == ENGINE_STATE_RECONNECTING);
        ASSERT(a->state != r->told);
        ASSERT(a->state != ENGINE_STATE_IDLE || r->n_flight == 0);
        r->told = a->state;
        r->seen[a->state]++;
}

static void hear_request(struct rig *r, const struct lk_action *a)
{
        Livekit__SignalRequest *m = livekit__signal_request__unpack(NULL, a->len, (const uint8_t *)a->text);

        ASSERT(m && r->conn);
        if (m->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER) {
                ASSERT_GE(m->offer->id, r->offer_id);
                r->offer_id = m->offer->id;
        }
        livekit__signal_request__free_unpacked(m, NULL);
}

static void hear_section(struct rig *r, const struct lk_action *a, bool on)
{
        unsigned mid = (unsigned)(a->mid[0] - '0');

        ASSERT_EQ(a->peer, r->peer);
        ASSERT_LT(mid, ARRAY_SIZE(r->bound));
        ASSERT_EQ(r->bound[mid], !on); /* never two in one section */
        r->bound[mid] = on;
}

static void hear_peer(struct rig *r, const struct lk_action *a, bool open)
{
        ASSERT_EQ(r->peer, open ? 0 : a->peer);
        r->peer = open ? a->peer : 0;
        r->making = false;
        memset(r->bound, 0, sizeof(r->bound));
}

static void hear(struct rig *r, const struct lk_action *a)
{
        switch (a->kind) {
        case LK_ACT_OP_DONE: land(r, a); break;
        case LK_ACT_STATE: hear_state(r, a); break;
        case LK_ACT_PARTICIPANT: ASSERT_EQ(r->told, ENGINE_STATE_JOINED); break;
        case LK_ACT_OPEN_PEER: hear_peer(r, a, true); break;
        case LK_ACT_CLOSE_PEER: hear_peer(r, a, false); break;
        case LK_ACT_CREATE_OFFER:
                ASSERT(!r->making); /* one at a time */
                ASSERT_EQ(a->peer, r->peer);
                r->making = true;
                if (a->text)
                        r->tracks = (uint32_t)atoi(a->text + strlen("audio-"));
                break;
        case LK_ACT_OPEN_CONN:
                ASSERT(!r->conn);
                r->conn = true;
                break;
        case LK_ACT_CLOSE_CONN: r->conn = false; break;
        case LK_ACT_SEND: hear_request(r, a); break;
        case LK_ACT_BIND: hear_section(r, a, true); break;
        case LK_ACT_UNBIND: hear_section(r, a, false); break;
        default: break;
        }
}

static void step(struct rig *r, const struct lk_event *ev)
{
        enum lk_state before = lk_fsm_state(r->fsm);
        struct lk_action *a;

        ASSERT_OK(lk_fsm_step(r->fsm, ev, r->now_us, &r->actions));
        while ((a = list_first(&r->actions, struct lk_action, link))) {
                hear(r, a);
                lk_action_free(a);
        }
        r->resumed += before == LK_STATE_RESUMING && lk_fsm_state(r->fsm) == LK_STATE_JOINED;
        r->rejoined += before == LK_STATE_WAITING && lk_fsm_state(r->fsm) == LK_STATE_PREPARING;
}

/* ---- the server ---- */

static void say(struct rig *r, const Livekit__SignalResponse *m)
{
        step(r, &(struct lk_event){ .kind = LK_EV_MESSAGE, .msg = m });
}

struct crowd {
        Livekit__ParticipantInfo p[3], *list[3];
        Livekit__TrackInfo track[3], *tracks[3];
};

/* Some of us and of two others, each with a track or without, in one session or another. */
static size_t fill_crowd(struct rig *r, struct crowd *c)
{
        static const char *const names[] = { "me", "alice", "bob" }, *const sids[] = { "PA_1", "PA_2" };
        static const char *const tracks[] = { "TR_1", "TR_2", "TR_3" };
        size_t n = pick(r, 4);

        for (size_t i = 0; i < n; i++) {
                c->p[i] = (Livekit__ParticipantInfo)LIVEKIT__PARTICIPANT_INFO__INIT;
                c->track[i] = (Livekit__TrackInfo)LIVEKIT__TRACK_INFO__INIT;
                c->list[i] = &c->p[i];
                c->tracks[i] = &c->track[i];
                c->p[i].identity = (char *)names[pick(r, 30) ? 1 + pick(r, 2) : 0];
                c->p[i].sid = (char *)sids[pick(r, 8) == 0];
                c->p[i].state =
                        pick(r, 6) ? LIVEKIT__PARTICIPANT_STATE__ACTIVE : LIVEKIT__PARTICIPANT_STATE__DISCONNECTED;
                c->p[i].version = pick(r, 3);
                c->track[i].sid = (char *)tracks[pick(r, 3)];
                c->track[i].muted = pick(r, 2);
                c->p[i].tracks = &c->tracks[i];
                c->p[i].n_tracks = pick(r, 3) > 0;
        }
        return n;
}

static void say_first(struct rig *r)
{
        Livekit__JoinResponse join = LIVEKIT__JOIN_RESPONSE__INIT;
        Livekit__ReconnectResponse again = LIVEKIT__RECONNECT_RESPONSE__INIT;
        Livekit__ParticipantInfo me = LIVEKIT__PARTICIPANT_INFO__INIT;
        Livekit__SignalResponse m = LIVEKIT__SIGNAL_RESPONSE__INIT;
        struct crowd c;

        me.identity = (char *)"me";
        me.sid = (char *)"PA_1";
        join.participant = &me;
        join.n_other_participants = fill_crowd(r, &c);
        join.other_participants = c.list;
        m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN;
        m.join = &join;
        if (lk_fsm_state(r->fsm) == LK_STATE_RESUMING || !pick(r, 50)) {
                m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT;
                m.reconnect = &again;
        }
        say(r, &m);
}

static void say_leave(struct rig *r)
{
        Livekit__LeaveRequest l = LIVEKIT__LEAVE_REQUEST__INIT;
        Livekit__SignalResponse m = LIVEKIT__SIGNAL_RESPONSE__INIT;

        l.reason = (Livekit__DisconnectReason)pick(r, 17);
        l.action = (Livekit__LeaveAction)pick(r, 3);
        m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
        m.leave = &l;
        say(r, &m);
}

static void say_answer(struct rig *r)
{
        static const char *const mids[] = { "0", "1", "2", "3" }, *const tracks[] = { "TR_1", "TR_2", "TR_3" };
        Livekit__SessionDescription sd = LIVEKIT__SESSION_DESCRIPTION__INIT;
        Livekit__Entry e[3], *map[3];
        Livekit__SignalResponse m = LIVEKIT__SIGNAL_RESPONSE__INIT;
        unsigned first = pick(r, 4);

        for (size_t i = 0; i < 3; i++) {
                e[i] = (Livekit__Entry)LIVEKIT__ENTRY__INIT;
                e[i].key = (char *)mids[(first + i) % 4];
                e[i].value = (char *)tracks[i];
                map[i] = &e[i];
        }
        sd.sdp = (char *)"v=0";
        sd.id = pick(r, 20) ? r->offer_id : r->offer_id - 1;
        sd.mid_to_track_id = map;
        sd.n_mid_to_track_id = pick(r, 4);
        m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER;
        m.answer = &sd;
        say(r, &m);
}

static void say_update(struct rig *r)
{
        Livekit__ParticipantUpdate u = LIVEKIT__PARTICIPANT_UPDATE__INIT;
        Livekit__SignalResponse m = LIVEKIT__SIGNAL_RESPONSE__INIT;
        struct crowd c;

        u.n_participants = fill_crowd(r, &c);
        u.participants = c.list;
        m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE;
        m.update = &u;
        say(r, &m);
}

static void say_published(struct rig *r)
{
        Livekit__TrackPublishedResponse t = LIVEKIT__TRACK_PUBLISHED_RESPONSE__INIT;
        Livekit__TrackInfo info = LIVEKIT__TRACK_INFO__INIT;
        Livekit__SignalResponse m = LIVEKIT__SIGNAL_RESPONSE__INIT;
        char cid[16];

        snprintf(cid, sizeof(cid), "audio-%u", r->tracks);
        t.cid = cid;
        t.track = &info;
        info.sid = (char *)"TR_own";
        m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED;
        m.track_published = &t;
        say(r, &m);
}

static void say_rare(struct rig *r)
{
        Livekit__MediaSectionsRequirement need = LIVEKIT__MEDIA_SECTIONS_REQUIREMENT__INIT;
        Livekit__TrackUnpublishedResponse gone = LIVEKIT__TRACK_UNPUBLISHED_RESPONSE__INIT;
        Livekit__RoomMovedResponse moved = LIVEKIT__ROOM_MOVED_RESPONSE__INIT;
        Livekit__SignalResponse m = LIVEKIT__SIGNAL_RESPONSE__INIT;
        struct crowd c;

        gone.track_sid = (char *)"TR_own";
        need.num_audios = pick(r, 3);
        switch (pick(r, 8)) {
        case 0:
                m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_UNPUBLISHED;
                m.track_unpublished = &gone;
                break;
        case 1:
                m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_MOVED;
                m.room_moved = &moved;
                moved.n_other_participants = fill_crowd(r, &c);
                moved.other_participants = c.list;
                break;
        default:
                m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MEDIA_SECTIONS_REQUIREMENT;
                m.media_sections_requirement = &need;
                break;
        }
        say(r, &m);
}

static void serve(struct rig *r)
{
        enum lk_state s = lk_fsm_state(r->fsm);

        if (!r->conn)
                return;
        if (s == LK_STATE_CONNECTING || (s == LK_STATE_RESUMING && !r->making && pick(r, 2)))
                say_first(r);
        switch (pick(r, 40)) {
        case 0:
                if (!pick(r, 6))
                        say_leave(r);
                break;
        case 1:
        case 2:
        case 3: say_rare(r); break;
        case 4:
        case 5:
        case 6:
        case 7: say_update(r); break;
        case 8:
        case 9:
        case 10:
        case 11:
        case 12:
        case 13: say_published(r); break;
        default: say_answer(r); break;
        }
}

/* ---- the rest of the world ---- */

static void tell_of_the_peer(struct rig *r)
{
        static const enum peer_state ends[] = { PEER_STATE_DISCONNECTED, PEER_STATE_FAILED };
        struct lk_event ev = { .peer = r->peer, .text = "v=0", .sdp_type = RTC_OFFER, .mid = "1" };

        if (!r->peer)
                return;
        if (r->making && pick(r, 4)) {
                r->making = false;
                ev.kind = pick(r, 300) ? LK_EV_DESCRIPTION : LK_EV_DESCRIPTION_FAILED;
        } else if (!pick(r, 6)) {
                ev.kind = pick(r, 2) ? LK_EV_CANDIDATE : LK_EV_SPEAKING;
        } else {
                ev.kind = LK_EV_PEER_STATE;
                ev.peer_state = pick(r, 60) ? PEER_STATE_CONNECTED : ends[pick(r, 2)];
        }
        step(r, &ev);
}

/* What the app may ask for now. */
static void ask(struct rig *r)
{
        static const struct lk_join join = { .user_id = "me",
                                             .reconnect_us = 40 * US_PER_SEC,
                                             .auto_publish = true,
                                             .auto_subscribe = true,
                                             .visible = true,
                                             .can_turn = true };
        bool in = r->told == ENGINE_STATE_JOINED || r->told == ENGINE_STATE_RECONNECTING;
        struct lk_event ev = { .user_id = "alice", .media = ENGINE_AUDIO, .on = pick(r, 2) };

        if (r->n_flight + 2 > OPS)
                return;
        if (r->told == ENGINE_STATE_IDLE) {
                r->told = ENGINE_STATE_JOINING;
                ev = (struct lk_event){ .kind = LK_EV_JOIN, .join = &join };
        } else if (!pick(r, 100)) {
                r->told = ENGINE_STATE_LEAVING;
                ev.kind = LK_EV_LEAVE;
        } else if (!in) {
                return;
        } else {
                ev.kind = !pick(r, 20) ? LK_EV_VISIBLE : pick(r, 2) ? LK_EV_PUBLISH : LK_EV_SUBSCRIBE;
        }
        ev.op = take_off(r);
        step(r, &ev);
}

static void pass_time(struct rig *r)
{
        uint64_t due = lk_fsm_deadline(r->fsm);

        r->now_us += pick(r, 3) ? pick(r, 300000) : 0;
        if (due != LOOP_NEVER && !pick(r, 3))
                r->now_us = due > r->now_us ? due : r->now_us;
        if (due <= r->now_us)
                step(r, &(struct lk_event){ .kind = LK_EV_DEADLINE });
}

static void cut(struct rig *r)
{
        struct lk_event ev = { .kind = LK_EV_CLOSED, .err = -104, .text = "cut" };

        if (!r->conn || pick(r, 12))
                return;
        if (lk_fsm_state(r->fsm) == LK_STATE_CONNECTING && !pick(r, 20))
                ev.http_status = pick(r, 2) ? 503 : 401;
        r->conn = false;
        step(r, &ev);
}

static void anything(struct rig *r)
{
        switch (pick(r, 24)) {
        case 0: cut(r); break;
        case 1: step(r, &(struct lk_event){ .kind = LK_EV_OPENED }); break;
        case 2:
                if (!pick(r, 10))
                        step(r, &(struct lk_event){ .kind = LK_EV_AWAKE });
                break;
        case 3:
        case 4: ask(r); break;
        case 5:
        case 6: pass_time(r); break;
        case 7:
        case 8:
        case 9:
        case 10:
        case 11:
        case 12: tell_of_the_peer(r); break;
        default: serve(r); break;
        }
}

TEST(whatever_comes_the_app_is_told_in_order)
{
        struct rig r = { .now_us = 1000 * US_PER_SEC };

        list_init(&r.actions);
        rand_seed(&r.rng, 13);
        ASSERT_OK(lk_fsm_new(&r.fsm));
        for (unsigned i = 0; i < STEPS; i++)
                anything(&r);
        printf("# %u resumed, %u joined anew, %u ended\n", r.resumed, r.rejoined, r.seen[ENGINE_STATE_IDLE]);
        ASSERT_GE(r.resumed, 100); /* it got around */
        ASSERT_GE(r.rejoined, 100);
        ASSERT_GE(r.seen[ENGINE_STATE_RECONNECTING], 200);
        ASSERT_GE(r.seen[ENGINE_STATE_IDLE], 50);
        lk_fsm_free(r.fsm);
}
