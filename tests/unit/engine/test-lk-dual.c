/* test-lk-dual.c - the machine of a LiveKit room on a server that knows two connections of media. */
#include <errno.h>

#include "base/clock.h"
#include "fakes/lk-rig.h"

#define HEAD "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
#define DATA "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sctp-port:5000\r\n"
#define SOUND(mid, direction, track)                                                           \
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:" mid "\r\na=" direction \
        "\r\na=msid:PA_a|camera " track "\r\na=rtpmap:111 opus/48000/2\r\n"

static const char nothing[] = HEAD DATA, alices[] = HEAD DATA SOUND("1", "sendonly", "TR_a");

/* The request that newer servers take is refused, the other one is not. */
static int knock(struct rig *r, const struct lk_join *j)
{
        int err = rig_init(r);

        if (err >= 0)
                err = join_as(r, j);
        if (err >= 0)
                err = described(r);
        if (err >= 0)
                err = closed(r, -ECONNREFUSED, 404, "404 page not found");
        return err >= 0 ? step(r, &(struct lk_event){ .kind = LK_EV_OPENED }) : err;
}

static void be_in(struct rig *r)
{
        struct lk_join j = usual();

        ASSERT_OK(knock(r, &j));
        ASSERT_OK(welcome(r, NULL));
        ASSERT_OK(offered(r, 1, nothing));
        ASSERT_OK(in_answered(r));
        ASSERT_OK(in_is(r, PEER_STATE_CONNECTED));
        ASSERT_OK(described(r));
        ASSERT_OK(published(r, "audio-2", "TR_me"));
        ASSERT_OK(answer(r, r->offers, NULL, NULL));
        ASSERT_OK(peer_is(r, PEER_STATE_CONNECTED));
        ASSERT_EQ(lk_fsm_state(r->fsm), LK_STATE_JOINED);
        r->trace[0] = '\0';
}

static void listen_in(struct rig *r)
{
        struct lk_join j = usual();

        j.auto_publish = false;
        ASSERT_OK(knock(r, &j));
        ASSERT_OK(welcome(r, NULL));
        ASSERT_OK(offered(r, 1, nothing));
        ASSERT_OK(in_answered(r));
        ASSERT_OK(in_is(r, PEER_STATE_CONNECTED));
        r->trace[0] = '\0';
}

static void arrive(struct rig *r)
{
        struct somebody alice;

        ASSERT_OK(update(r, somebody(&alice, "alice", "PA_a", "TR_a")));
        expect(r, "[joined alice 1>0] subscribe TR_a; ");
        ASSERT_OK(offered(r, 2, alices));
        expect(r, "[set-remote in] [bind 1 alice] [updated alice 1>1] ");
        ASSERT_OK(in_answered(r));
        expect(r, "answer 2; ");
}

/* ---- the way in ---- */

TEST(an_old_server_gets_the_old_way_in)
{
        struct lk_join j = usual();
        _rig_ r;

        ASSERT_OK(knock(&r, &j));
        expect(&r, "[open-peer] [create-offer audio-1 3] [open-conn] [close-peer] [open-conn old] ");
        ASSERT_OK(welcome(&r, NULL));
        expect(&r, "[open-peer] [create-offer audio-2 0] ");
        ASSERT_OK(offered(&r, 1, nothing));
        expect(&r, "[open-peer in controlled] [set-remote in] ");
        ASSERT_OK(described(&r));
        ASSERT_OK(in_answered(&r));
        expect(&r, "add-track audio-2; offer 2; answer 1; ");
        ASSERT_OK(in_is(&r, PEER_STATE_CONNECTED));
        ASSERT_OK(published(&r, "audio-2", "TR_me"));
        ASSERT_OK(answer(&r, 2, NULL, NULL));
        expect(&r, "[set-remote] ");
        ASSERT_OK(peer_is(&r, PEER_STATE_CONNECTED));
        expect(&r, "[done 1 ok] ");
}

TEST(who_only_listens_needs_the_servers_offer_only)
{
        _rig_ r;

        listen_in(&r);
        ASSERT_EQ(lk_fsm_state(r.fsm), LK_STATE_JOINED);
        ASSERT_EQ(lk_fsm_peer(r.fsm), 0);
        ASSERT_OK(publish(&r, 2, true));
        expect(&r, "[open-peer] [create-offer audio-1 0] ");
}

TEST(a_peer_that_the_server_counts_on_is_offered_at_once)
{
        struct lk_join j = usual();
        _rig_ r;

        j.auto_publish = false;
        ASSERT_OK(knock(&r, &j));
        r.trace[0] = '\0';
        r.without_primary = true;
        ASSERT_OK(welcome(&r, NULL));
        expect(&r, "[open-peer] [create-offer 0] [done 1 ok] ");
}

static int say_something(struct rig *r)
{
        return step(r, &(struct lk_event){ .kind = LK_EV_SAY });
}

TEST(who_only_listens_and_has_something_to_say_needs_the_other_connection)
{
        _rig_ r;

        listen_in(&r);
        ASSERT_OK(say_something(&r));
        expect(&r, "[open-peer] [create-offer 0] ");
        ASSERT_OK(described(&r));
        ASSERT_OK(say_something(&r)); /* it is under way */
        ASSERT_OK(answer(&r, 2, NULL, NULL));
        ASSERT_OK(peer_is(&r, PEER_STATE_CONNECTED));
        expect(&r, "offer 2; [set-remote] ");
        ASSERT_OK(publish(&r, 2, true)); /* in the same one */
        expect(&r, "[create-offer audio-1 0] ");
}

TEST(what_is_said_while_the_room_is_lost_finds_its_way_afterwards)
{
        _rig_ r;

        listen_in(&r);
        ASSERT_OK(in_is(&r, PEER_STATE_FAILED));
        ASSERT_OK(deadline(&r));
        ASSERT_OK(say_something(&r));
        expect(&r,
               "[state reconnecting media connection failed] leave; [close-conn] [close-peer in] [open-conn old] ");
        ASSERT_OK(welcome(&r, NULL));
        expect(&r, "[state joined ok] [open-peer] [create-offer 0] ");
        lk_fsm_reset(r.fsm);
        ASSERT_OK(say_something(&r)); /* nobody is there any more */
        ASSERT_OK(join(&r));
        expect(&r, "[open-peer] [create-offer audio-1 3] ");
}

TEST(who_knows_neither_way_is_no_livekit_server)
{
        struct lk_join j = usual();
        _rig_ r;

        ASSERT_OK(knock(&r, &j));
        r.trace[0] = '\0';
        ASSERT_OK(closed(&r, -ECONNREFUSED, 404, "404 page not found"));
        expect(&r, "[done 1 refused] ");
        ASSERT_OK(join_as(&r, &j)); /* which may be another server by now */
        ASSERT_OK(described(&r));
        expect(&r, "[open-peer] [create-offer audio-2 3] [open-conn] ");
}

TEST(newer_servers_offer_nothing)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(offered(&r, 1, nothing));
        expect(&r, "");
}

/* ---- offers of the server ---- */

TEST(sound_arrives_where_the_server_offers_it)
{
        const char *mid;
        uint32_t peer;
        _rig_ r;

        be_in(&r);
        arrive(&r);
        ASSERT(lk_fsm_find_track(r.fsm, "alice", &peer, &mid));
        ASSERT_EQ(peer, r.in);
        ASSERT_NE(peer, lk_fsm_peer(r.fsm));
        ASSERT_STR(mid, "1");
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_SPEAKING, .peer = r.in, .mid = "1", .on = true }));
        expect(&r, "[speaking alice 1] ");
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_SPEAKING, .peer = lk_fsm_peer(r.fsm), .on = true }));
        expect(&r, "[speaking  1] ");
        ASSERT_OK(offered(&r, 3, HEAD DATA SOUND("1", "inactive", "TR_a")));
        expect(&r, "[set-remote in] [unbind 1] [updated alice 1>0] ");
}

TEST(of_offers_that_come_meanwhile_the_last_counts)
{
        _rig_ r;

        be_in(&r);
        ASSERT_OK(offered(&r, 2, nothing));
        ASSERT_OK(offered(&r, 3, nothing));
        ASSERT_OK(offered(&r, 4, nothing));
        expect(&r, "[set-remote in] ");
        ASSERT_OK(in_answered(&r));
        expect(&r, "answer 2; [set-remote in] ");
        ASSERT_OK(in_answered(&r));
        expect(&r, "answer 4; ");
        ASSERT_OK(in_answered(&r)); /* to nothing */
        expect(&r, "");
}

TEST(a_lite_server_is_controlled)
{
        struct lk_join j = usual();
        _rig_ r;

        ASSERT_OK(knock(&r, &j));
        ASSERT_OK(welcome(&r, NULL));
        r.trace[0] = '\0';
        ASSERT_OK(offered(&r, 1, HEAD "a=ice-lite\r\n" DATA));
        expect(&r, "[open-peer in] [set-remote in] ");
}

TEST(an_offer_that_is_unusable_ends_it)
{
        _rig_ r;

        be_in(&r);
        ASSERT_OK(offered(&r, 2, "nonsense"));
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_DESCRIPTION_FAILED, .peer = r.in }));
        expect(&r, "[set-remote in] leave; [close-conn] [close-peer] [close-peer in] [state idle protocol error] ");
}

static int trickled(struct rig *r, Livekit__SignalTarget target)
{
        Livekit__TrickleRequest t = LIVEKIT__TRICKLE_REQUEST__INIT;

        t.candidate_init = (char *)"{\"candidate\":\"candidate:1 1 udp 1 10.0.0.1 9 typ host\",\"sdpMid\":\"0\"}";
        t.target = target;
        return SAY(r, TRICKLE, &t);
}

static int found(struct rig *r, uint32_t peer)
{
        return step(r, &(struct lk_event){ .kind = LK_EV_CANDIDATE, .peer = peer, .mid = "0", .text = "candidate:1" });
}

TEST(candidates_go_to_the_peer_they_are_for)
{
        _rig_ r;

        be_in(&r);
        ASSERT_OK(trickled(&r, LIVEKIT__SIGNAL_TARGET__SUBSCRIBER));
        ASSERT_OK(trickled(&r, LIVEKIT__SIGNAL_TARGET__PUBLISHER));
        expect(&r, "[add-candidate in] [add-candidate] ");
        ASSERT_OK(found(&r, r.in));
        ASSERT_OK(found(&r, lk_fsm_peer(r.fsm)));
        expect(&r, "trickle in; trickle; ");
        ASSERT_OK(closed(&r, -ECONNRESET, 0, "reset"));
        r.trace[0] = '\0';
        ASSERT_OK(found(&r, r.in));
        expect(&r, ""); /* a restart will find others */
}

/* ---- the way back ---- */

TEST(both_connections_are_resumed)
{
        Livekit__ReconnectResponse again = LIVEKIT__RECONNECT_RESPONSE__INIT;
        struct somebody alice;
        _rig_ r;

        be_in(&r);
        arrive(&r);
        ASSERT_OK(closed(&r, -ECONNRESET, 0, "reset"));
        ASSERT_OK(deadline(&r));
        expect(&r, "[state reconnecting server gone] [open-conn old resume] ");
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_OPENED }));
        ASSERT_OK(SAY(&r, RECONNECT, &again));
        expect(&r, "sync 1 tracks, 1 subscriptions; [create-offer audio-2 0 restart] ");
        ASSERT_OK(described(&r));
        ASSERT_OK(answer(&r, r.offers, NULL, NULL));
        ASSERT_OK(peer_is(&r, PEER_STATE_CONNECTED));
        expect(&r, "offer 3; [set-remote] "); /* the other one is not there yet */
        ASSERT_OK(offered(&r, 5, alices));
        ASSERT_OK(in_is(&r, PEER_STATE_CONNECTING));
        ASSERT_OK(in_answered(&r));
        expect(&r, "[set-remote in] answer 5; ");
        ASSERT_OK(update(&r, somebody(&alice, "alice", "PA_a", "TR_a")));
        ASSERT_OK(in_is(&r, PEER_STATE_CONNECTED));
        expect(&r, "[state joined ok] ");
}

TEST(a_listener_resumes_by_the_servers_offer)
{
        Livekit__ReconnectResponse again = LIVEKIT__RECONNECT_RESPONSE__INIT;
        _rig_ r;

        listen_in(&r);
        ASSERT_OK(in_is(&r, PEER_STATE_DISCONNECTED));
        ASSERT_OK(deadline(&r));
        expect(&r, "[state reconnecting media connection failed] [close-conn] [open-conn old resume] ");
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_OPENED }));
        ASSERT_OK(SAY(&r, RECONNECT, &again));
        expect(&r, "sync 0 tracks, 0 subscriptions; ");
        ASSERT_OK(offered(&r, 2, nothing));
        ASSERT_OK(in_answered(&r));
        expect(&r, "[set-remote in] answer 2; ");
        ASSERT_OK(in_is(&r, PEER_STATE_CONNECTED));
        expect(&r, "[state joined ok] ");
}

TEST(a_path_that_is_gone_for_good_is_a_way_in_anew)
{
        _rig_ r;

        be_in(&r);
        ASSERT_OK(in_is(&r, PEER_STATE_FAILED));
        ASSERT_OK(deadline(&r));
        expect(&r, "[state reconnecting media connection failed] leave; [close-conn] [close-peer] [close-peer in] "
                   "[open-conn old] "); /* it is known by now */
        r.in = 0;
        ASSERT_OK(welcome(&r, NULL));
        ASSERT_OK(offered(&r, 1, nothing));
        expect(&r, "[open-peer] [create-offer audio-3 0] [open-peer in controlled] [set-remote in] ");
}

TEST(a_server_that_does_not_offer_again_is_not_waited_for)
{
        Livekit__ReconnectResponse again = LIVEKIT__RECONNECT_RESPONSE__INIT;
        _rig_ r;

        listen_in(&r);
        ASSERT_OK(closed(&r, -ECONNRESET, 0, "reset"));
        ASSERT_OK(deadline(&r));
        ASSERT_OK(SAY(&r, RECONNECT, &again));
        r.trace[0] = '\0';
        while (lk_fsm_state(r.fsm) == LK_STATE_RESUMING)
                ASSERT_OK(deadline(&r));
        ASSERT(strstr(r.trace, "leave; [close-conn] [close-peer in] "));
}

/* ---- memory ---- */

TEST_OOM(no_operation_is_lost_without_memory)
{
        struct lk_join j = usual();
        _rig_ r;
        uint32_t op;
        int err = knock(&r, &j);

        if (!r.fsm)
                return err;
        if (err >= 0)
                err = welcome(&r, NULL);
        if (err >= 0)
                err = offered(&r, 1, nothing);
        if (err >= 0)
                err = offered(&r, 2, alices);
        if (err >= 0)
                err = in_answered(&r);
        if (err >= 0)
                ASSERT_EQ(lk_fsm_state(r.fsm), LK_STATE_SETTLING);
        ASSERT(lk_fsm_take_op(r.fsm, &op));
        lk_fsm_reset(r.fsm);
        return err;
}
