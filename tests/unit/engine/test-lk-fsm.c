/* test-lk-fsm.c - the machine of a LiveKit room by itself: what it wants done at each step, when it wants to be woken,
 * and that no operation is lost when there is no memory. Its conversations are in component/test-engine-livekit.c. */
#include <errno.h>

#include "base/clock.h"
#include "fakes/lk-rig.h"

/* ---- the way in ---- */

TEST(every_state_and_action_has_a_word)
{
        for (int i = 0; i < _LK_STATE_MAX; i++)
                ASSERT(lk_state_to_string((enum lk_state)i));
        for (int i = 0; i < _LK_ACT_MAX; i++)
                ASSERT(lk_action_kind_to_string((enum lk_action_kind)i));
}

TEST(a_join_step_by_step)
{
        struct somebody alice;
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join(&r));
        expect(&r, "[open-peer] [create-offer audio-1 3] ");
        ASSERT_OK(described(&r));
        expect(&r, "[open-conn] ");
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_OPENED }));
        expect(&r, "");
        ASSERT_OK(welcome(&r, somebody(&alice, "alice", "PA_a", "TR_a")));
        expect(&r, "subscribe TR_a; "); /* offer and track went before */
        ASSERT_OK(published(&r, "audio-1", "TR_me"));
        ASSERT_OK(sections(&r, 2));
        expect(&r, ""); /* one offer at a time */
        ASSERT_OK(answer(&r, 1, NULL, NULL));
        expect(&r, "[set-remote] [create-offer audio-1 5] ");
        ASSERT_OK(described(&r));
        expect(&r, "offer 2; ");
        ASSERT_OK(peer_is(&r, PEER_STATE_CONNECTED));
        expect(&r, "[done 1 ok] [joined alice 1>0] ");
        ASSERT_OK(answer(&r, 1, NULL, NULL));
        expect(&r, ""); /* of an offer of before */
        ASSERT_OK(answer(&r, 2, "4", "TR_a"));
        expect(&r, "[set-remote] [bind 4 alice] [updated alice 1>1] ");
}

TEST(the_request_carries_offer_and_track_where_they_fit)
{
        static char long_sdp[8000];
        struct lk_event ev = { .kind = LK_EV_DESCRIPTION, .sdp_type = RTC_OFFER, .text = long_sdp };
        _rig_ r;

        memset(long_sdp, 'x', sizeof(long_sdp) - 1);
        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join(&r));
        ev.peer = lk_fsm_peer(r.fsm);
        ASSERT_OK(step(&r, &ev));
        ASSERT_OK(welcome(&r, NULL));
        expect(&r, "[open-peer] [create-offer audio-1 3] [open-conn] add-track audio-1; offer 1; ");
}

TEST(an_opening_goes_on_elsewhere)
{
        struct lk_event elsewhere = { .kind = LK_EV_ELSEWHERE };
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        ASSERT_OK(step(&r, &elsewhere)); /* nothing is opened */
        ASSERT_OK(join(&r));
        ASSERT_OK(step(&r, &elsewhere));
        ASSERT_OK(described(&r));
        r.now_us += LK_OPEN_MS * US_PER_MS;
        ASSERT_OK(step(&r, &elsewhere));
        expect(&r, "[open-peer] [create-offer audio-1 3] [open-conn] [open-conn] ");
        ASSERT(lk_fsm_deadline(r.fsm) > r.now_us + LK_OPEN_MS * US_PER_MS); /* its time begins anew */
        ASSERT_OK(welcome(&r, NULL));
        expect(&r, "");
        ASSERT_OK(step(&r, &elsewhere));
        expect(&r, "");
}

static int found(struct rig *r, const char *line)
{
        return step(r, &(struct lk_event){
                               .kind = LK_EV_CANDIDATE, .peer = lk_fsm_peer(r->fsm), .mid = "0", .text = line });
}

/* The answer to the offer that went before the server said so is left unread. */
TEST(a_server_that_takes_relays_only_gets_them_alone)
{
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        r.relays_only = true;
        ASSERT_OK(join(&r));
        ASSERT_OK(described(&r));
        ASSERT_OK(found(&r, "candidate:1 1 UDP 1 192.0.2.1 5000 typ host"));
        r.trace[0] = '\0';
        ASSERT_OK(welcome(&r, NULL));
        ASSERT_OK(published(&r, "audio-1", "TR_me"));
        ASSERT_OK(found(&r, "candidate:2 1 UDP 1 192.0.2.1 5001 typ srflx raddr 0.0.0.0 rport 9"));
        expect(&r, "");
        ASSERT_OK(answer(&r, 1, NULL, NULL));
        expect(&r, "[create-offer audio-1 3 restart relayed] ");
        ASSERT_OK(found(&r, "candidate:3 1 UDP 1 192.0.2.9 5000 typ relay raddr 0.0.0.0 rport 9"));
        ASSERT_OK(described(&r));
        expect(&r, "offer 2; trickle; ");
        ASSERT_OK(answer(&r, 2, NULL, NULL));
        expect(&r, "[set-remote] ");
        ASSERT_OK(peer_is(&r, PEER_STATE_CONNECTED));
        expect(&r, "[done 1 ok] ");
        ASSERT_OK(sections(&r, 1));
        expect(&r, "[create-offer audio-1 4 relayed] ");
}

TEST(a_session_that_is_resumed_may_want_relays_then)
{
        Livekit__ClientConfiguration c = LIVEKIT__CLIENT_CONFIGURATION__INIT;
        Livekit__ReconnectResponse again = LIVEKIT__RECONNECT_RESPONSE__INIT;
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(closed(&r, -ECONNRESET, 0, "reset"));
        ASSERT_OK(deadline(&r));
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_OPENED }));
        r.trace[0] = '\0';
        c.force_relay = LIVEKIT__CLIENT_SETTING__ENABLED;
        again.client_configuration = &c;
        ASSERT_OK(SAY(&r, RECONNECT, &again));
        ASSERT(strstr(r.trace, "[create-offer audio-1 3 restart relayed] "));
        ASSERT_OK(described(&r));
        r.trace[0] = '\0';
        ASSERT_OK(answer(&r, r.offers, NULL, NULL));
        expect(&r, "[set-remote] ");
}

TEST(an_offer_that_seems_not_to_be_read_is_sent_again)
{
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join(&r));
        ASSERT_OK(described(&r));
        ASSERT_OK(welcome(&r, NULL));
        r.trace[0] = '\0';
        ASSERT_OK(deadline(&r));
        expect(&r, "add-track audio-1; offer 1; ");
}

TEST(who_does_not_publish_is_in_when_welcomed)
{
        struct lk_join j = usual();
        _rig_ r;

        j.auto_publish = false;
        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join_as(&r, &j));
        ASSERT_OK(described(&r));
        expect(&r, "[open-peer] [create-offer 3] [open-conn] ");
        ASSERT_OK(welcome(&r, NULL));
        expect(&r, "[done 1 ok] ");
}

TEST(a_refused_upgrade_says_why)
{
        static const struct {
                int err;
                unsigned status;
                const char *trace;
        } rows[] = {
                { -EACCES, 401, "invalid token" },          { -EACCES, 403, "invalid token" },
                { -ECONNREFUSED, 404, "refused" },          { -ECONNREFUSED, 503, "refused" },
                { -ECONNREFUSED, 0, "server unreachable" }, { -ETIMEDOUT, 0, "timed out" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char trace[96];
                _rig_ r;

                ASSERT_OK(rig_init(&r));
                ASSERT_OK(join(&r));
                ASSERT_OK(described(&r));
                r.trace[0] = '\0';
                ASSERT_OK(closed(&r, rows[i].err, rows[i].status, "requested room does not exist"));
                snprintf(trace, sizeof(trace), "[close-peer] [done 1 %s] ", rows[i].trace);
                expect(&r, trace);
        }
}

TEST(a_server_that_begins_otherwise_is_none)
{
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join(&r));
        ASSERT_OK(described(&r));
        r.trace[0] = '\0';
        ASSERT_OK(sections(&r, 1));
        expect(&r, "[close-conn] [close-peer] [done 1 protocol error] ");
}

TEST(a_token_that_does_not_let_us_publish)
{
        Livekit__ParticipantPermission may_not = LIVEKIT__PARTICIPANT_PERMISSION__INIT;
        Livekit__JoinResponse j = LIVEKIT__JOIN_RESPONSE__INIT;
        struct somebody me;
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join(&r));
        ASSERT_OK(described(&r));
        r.trace[0] = '\0';
        j.participant = &somebody(&me, "me", "PA_me", "")->info;
        me.info.permission = &may_not;
        ASSERT_OK(SAY(&r, JOIN, &j));
        expect(&r, "[done 1 ok] [withdrawn] ");
        ASSERT_OK(answer(&r, 1, NULL, NULL));
        expect(&r, "[set-remote] [create-offer 3] ");
        ASSERT_OK(publish(&r, 2, true));
        expect(&r, "[done 2 not supported] ");
}

/* ---- in the room ---- */

TEST(pings_and_silence)
{
        Livekit__Pong pong = LIVEKIT__PONG__INIT;
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(deadline(&r));
        expect(&r, "ping rtt 0; ");
        pong.last_ping_timestamp = (int64_t)(r.now_us / US_PER_MS);
        r.now_us += 30 * US_PER_MS;
        ASSERT_OK(SAY(&r, PONG_RESP, &pong));
        for (unsigned i = 0; i < 3; i++)
                ASSERT_OK(deadline(&r));
        expect(&r, "ping rtt 30; ping rtt 30; ping rtt 30; ");
        ASSERT_OK(deadline(&r)); /* 15 s after the pong */
        ASSERT(strstr(r.trace, "[state reconnecting timed out] "));
}

TEST(what_somebody_publishes_comes_and_goes)
{
        struct somebody alice;
        _rig_ r;

        be_joined(&r);
        hear_alice(&r);
        somebody(&alice, "alice", "PA_a", "TR_a")->track.muted = true;
        ASSERT_OK(update(&r, &alice));
        expect(&r, "[updated alice 1>1 muted] ");
        ASSERT_OK(update(&r, somebody(&alice, "alice", "PA_a", "")));
        expect(&r, "[unbind 1] [updated alice 0>0] ");
        ASSERT_OK(update(&r, somebody(&alice, "alice", "PA_a", "TR_b")));
        expect(&r, "[updated alice 1>0] subscribe TR_b; [create-offer audio-1 3] ");
        somebody(&alice, "alice", "PA_a", "")->info.state = LIVEKIT__PARTICIPANT_STATE__DISCONNECTED;
        ASSERT_OK(update(&r, &alice));
        expect(&r, "[left alice 1>0] ");
}

TEST(old_news_are_dropped_and_another_session_is_another)
{
        struct somebody alice;
        _rig_ r;

        be_joined(&r);
        hear_alice(&r);
        somebody(&alice, "alice", "PA_a", "TR_a")->info.version = 5;
        ASSERT_OK(update(&r, &alice));
        ASSERT_OK(update(&r, somebody(&alice, "alice", "PA_a", "")));
        expect(&r, ""); /* version 0 */
        ASSERT_OK(update(&r, somebody(&alice, "alice", "PA_new", "TR_new")));
        expect(&r, "[unbind 1] [updated alice 1>0] subscribe TR_new; [create-offer audio-1 3] ");
        somebody(&alice, "alice", "PA_a", "")->info.state = LIVEKIT__PARTICIPANT_STATE__DISCONNECTED;
        ASSERT_OK(update(&r, &alice));
        expect(&r, ""); /* the old one has gone: no news */
}

TEST(the_microphone_comes_before_the_screen)
{
        struct somebody alice;
        Livekit__TrackInfo screen = LIVEKIT__TRACK_INFO__INIT, *both[] = { &screen, &alice.track };
        _rig_ r;

        screen.sid = (char *)"TR_s";
        screen.source = LIVEKIT__TRACK_SOURCE__SCREEN_SHARE_AUDIO;
        be_joined(&r);
        somebody(&alice, "alice", "PA_a", "TR_a");
        alice.info.tracks = both;
        alice.info.n_tracks = 1;
        ASSERT_OK(update(&r, &alice));
        expect(&r, "[joined alice 5>0] subscribe TR_s; [create-offer audio-1 3] ");
        alice.info.n_tracks = 2;
        ASSERT_OK(update(&r, &alice));
        expect(&r, "unsubscribe TR_s; subscribe TR_a; ");
}

TEST(sections_are_offered_before_they_are_asked_for)
{
        struct somebody p;
        char name[8], sid[8], track[8];
        _rig_ r;

        be_joined(&r);
        for (unsigned i = 0; i < 5; i++) {
                snprintf(name, sizeof(name), "u%u", i);
                snprintf(sid, sizeof(sid), "PA_%u", i);
                snprintf(track, sizeof(track), "TR_%u", i);
                ASSERT_OK(update(&r, somebody(&p, name, sid, track)));
        }
        r.trace[0] = '\0';
        ASSERT_OK(described(&r));
        ASSERT_OK(answer(&r, r.offers, "1", "TR_0"));
        expect(&r, "offer 2; [set-remote] [bind 1 u0] [updated u0 1>1] [create-offer audio-1 5] ");
}

TEST(sections_change_hands)
{
        struct somebody bob;
        _rig_ r;

        be_joined(&r);
        hear_alice(&r);
        ASSERT_OK(update(&r, somebody(&bob, "bob", "PA_b", "TR_b")));
        ASSERT_OK(described(&r));
        r.trace[0] = '\0';
        ASSERT_OK(answer(&r, 3, "1", "TR_b"));
        expect(&r, "[set-remote] [unbind 1] [updated alice 1>0] [bind 1 bob] [updated bob 1>1] ");
}

TEST(older_servers_name_tracks_in_their_answers_only)
{
        static char sdp[] = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
                            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:7\r\na=sendonly\r\n"
                            "a=msid:PA_a|camera TR_a\r\na=rtpmap:111 opus/48000/2\r\n";
        Livekit__SessionDescription sd = LIVEKIT__SESSION_DESCRIPTION__INIT;
        struct somebody alice;
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(update(&r, somebody(&alice, "alice", "PA_a", "TR_a")));
        ASSERT_OK(described(&r));
        r.trace[0] = '\0';
        sd.sdp = sdp;
        sd.id = 2;
        ASSERT_OK(SAY(&r, ANSWER, &sd));
        expect(&r, "[set-remote] [bind 7 alice] [updated alice 1>1] ");
}

TEST(an_explicit_wish_outweighs)
{
        struct lk_event no = { .kind = LK_EV_SUBSCRIBE, .op = 5, .user_id = "alice", .media = ENGINE_AUDIO };
        _rig_ r;

        be_joined(&r);
        hear_alice(&r);
        ASSERT_OK(step(&r, &no));
        expect(&r, "[done 5 ok] [unbind 1] [updated alice 1>0] unsubscribe TR_a; ");
        no.on = true;
        no.op = 6;
        ASSERT_OK(step(&r, &no)); /* before the server has taken it down */
        expect(&r, "[done 6 ok] [bind 1 alice] [updated alice 1>1] subscribe TR_a; [create-offer audio-1 3] ");
}

TEST(the_server_knows_who_speaks_of_those_we_do_not_hear)
{
        Livekit__SpeakersChanged m = LIVEKIT__SPEAKERS_CHANGED__INIT;
        Livekit__SpeakerInfo s = LIVEKIT__SPEAKER_INFO__INIT, *list[] = { &s };
        struct lk_event own = { .kind = LK_EV_SPEAKING, .mid = "1", .on = true };
        struct somebody bob;
        _rig_ r;

        be_joined(&r);
        hear_alice(&r);
        ASSERT_OK(update(&r, somebody(&bob, "bob", "PA_b", "TR_b")));
        r.trace[0] = '\0';
        m.speakers = list;
        m.n_speakers = 1;
        s.active = true;
        s.sid = (char *)"PA_a";
        ASSERT_OK(SAY(&r, SPEAKERS_CHANGED, &m));
        s.sid = (char *)"PA_b";
        ASSERT_OK(SAY(&r, SPEAKERS_CHANGED, &m));
        expect(&r, "[speaking bob 1] ");
        own.peer = lk_fsm_peer(r.fsm);
        ASSERT_OK(step(&r, &own));
        own.mid = NULL;
        ASSERT_OK(step(&r, &own));
        expect(&r, "[speaking alice 1] [speaking  1] ");
}

TEST(publishing_ends_and_begins_anew)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(publish(&r, 2, false));
        ASSERT_OK(publish(&r, 3, true));
        expect(&r, "[create-offer 3] ");
        ASSERT_OK(described(&r));
        expect(&r, "offer 2; ");
        ASSERT_OK(answer(&r, 2, NULL, NULL));
        expect(&r, "[set-remote] [done 2 ok] [create-offer audio-2 3] ");
        ASSERT_OK(described(&r));
        expect(&r, "add-track audio-2; offer 3; ");
        ASSERT_OK(answer(&r, 3, NULL, NULL));
        expect(&r, "[set-remote] ");
        ASSERT_OK(published(&r, "audio-2", "TR_me2"));
        expect(&r, "[done 3 ok] ");
}

TEST(a_track_that_is_refused)
{
        Livekit__RequestResponse no = LIVEKIT__REQUEST_RESPONSE__INIT;
        Livekit__AddTrackRequest echo = LIVEKIT__ADD_TRACK_REQUEST__INIT;
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(publish(&r, 2, false));
        ASSERT_OK(described(&r));
        ASSERT_OK(answer(&r, 2, NULL, NULL));
        ASSERT_OK(publish(&r, 3, true));
        ASSERT_OK(described(&r));
        r.trace[0] = '\0';
        no.reason = LIVEKIT__REQUEST_REASON__LIMIT_EXCEEDED;
        no.add_track = &echo;
        echo.cid = (char *)"audio-2";
        ASSERT_OK(SAY(&r, REQUEST_RESPONSE, &no));
        expect(&r, "[done 3 server error] ");
        ASSERT_OK(answer(&r, 3, NULL, NULL));
        expect(&r, "[set-remote] [create-offer 3] ");
}

TEST(a_permission_that_is_taken_away)
{
        Livekit__TrackUnpublishedResponse gone = LIVEKIT__TRACK_UNPUBLISHED_RESPONSE__INIT;
        Livekit__ParticipantPermission may_not = LIVEKIT__PARTICIPANT_PERMISSION__INIT;
        struct somebody me;
        _rig_ r;

        be_joined(&r);
        gone.track_sid = (char *)"TR_me";
        ASSERT_OK(SAY(&r, TRACK_UNPUBLISHED, &gone));
        expect(&r, "[create-offer 3] [withdrawn] ");
        somebody(&me, "me", "PA_me", "")->info.permission = &may_not;
        ASSERT_OK(update(&r, &me));
        ASSERT_OK(publish(&r, 2, true));
        expect(&r, "[done 2 not supported] ");
        ASSERT_OK(publish(&r, 3, false));
        expect(&r, "[done 3 ok] ");
}

TEST(unknown_messages_are_left_at_that)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(SAY(&r, _NOT_SET, NULL));
        expect(&r, "");
        ASSERT_OK(SAY(&r, REFRESH_TOKEN, (char *)"newer"));
        expect(&r, "[token newer] ");
}

/* ---- the way out ---- */

TEST(a_leave_needs_no_answer)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(publish(&r, 2, false));
        r.trace[0] = '\0';
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_LEAVE, .op = 3 }));
        expect(&r, "leave; [close-conn] [close-peer] [done 2 cancelled] [done 3 ok] ");
        ASSERT_EQ(lk_fsm_deadline(r.fsm), LOOP_NEVER);
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_LEAVE, .op = 4 }));
        expect(&r, "[done 4 ok] ");
}

TEST(why_the_server_sends_us_away)
{
        static const struct {
                Livekit__DisconnectReason reason;
                const char *word;
        } rows[] = {
                { LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY, "duplicate login" },
                { LIVEKIT__DISCONNECT_REASON__PARTICIPANT_REMOVED, "kicked" },
                { LIVEKIT__DISCONNECT_REASON__ROOM_DELETED, "room dismissed" },
                { LIVEKIT__DISCONNECT_REASON__ROOM_CLOSED, "room dismissed" },
                { LIVEKIT__DISCONNECT_REASON__JOIN_FAILURE, "media connection failed" },
                { LIVEKIT__DISCONNECT_REASON__UNKNOWN_REASON, "server gone" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char trace[128];
                _rig_ r;

                be_joined(&r);
                ASSERT_OK(leave(&r, rows[i].reason, LIVEKIT__LEAVE_ACTION__DISCONNECT));
                snprintf(trace, sizeof(trace), "[close-conn] [close-peer] [state idle %s] ", rows[i].word);
                expect(&r, trace);
        }
}

/* ---- the way back ---- */

TEST(a_lost_connection_is_resumed)
{
        Livekit__ReconnectResponse again = LIVEKIT__RECONNECT_RESPONSE__INIT;
        struct somebody alice;
        _rig_ r;

        be_joined(&r);
        hear_alice(&r);
        ASSERT_OK(closed(&r, -ECONNRESET, 0, "reset"));
        expect(&r, "[state reconnecting server gone] ");
        ASSERT_OK(publish(&r, 2, true));
        expect(&r, "[done 2 ok] ");
        ASSERT_OK(deadline(&r));
        expect(&r, "[open-conn] ");
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_OPENED }));
        ASSERT_OK(SAY(&r, RECONNECT, &again));
        expect(&r, "sync 1 tracks, 1 subscriptions; [create-offer audio-1 3 restart] ");
        ASSERT_OK(update(&r, somebody(&alice, "alice", "PA_a", "TR_a")));
        ASSERT_OK(described(&r));
        expect(&r, "offer 3; ");
        ASSERT_OK(answer(&r, 3, "1", "TR_a"));
        expect(&r, "[set-remote] ");
        ASSERT_OK(peer_is(&r, PEER_STATE_CONNECTED));
        expect(&r, "[state joined ok] ");
        ASSERT_EQ(lk_fsm_state(r.fsm), LK_STATE_JOINED);
}

TEST(what_cannot_be_resumed_is_joined_anew)
{
        _rig_ r;

        be_joined(&r);
        hear_alice(&r);
        ASSERT_OK(leave(&r, LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH, LIVEKIT__LEAVE_ACTION__RECONNECT));
        expect(&r, "[state reconnecting server gone] [close-conn] [close-peer] ");
        ASSERT_OK(deadline(&r));
        expect(&r, "[open-peer] [create-offer audio-2 3] ");
        ASSERT_OK(described(&r));
        ASSERT_OK(welcome(&r, NULL));
        ASSERT_OK(published(&r, "audio-2", "TR_me2"));
        ASSERT_OK(answer(&r, r.offers + 1, NULL, NULL));
        ASSERT_OK(peer_is(&r, PEER_STATE_CONNECTED));
        expect(&r, "[open-conn] [set-remote] [state joined ok] ");
        for (unsigned i = 0; i < 8 && !r.trace[0]; i++) {
                ASSERT_OK(deadline(&r)); /* pings, and then … */
                if (strncmp(r.trace, "ping", 4) == 0)
                        r.trace[0] = '\0';
        }
        ASSERT(strstr(r.trace, "[left alice 1>1] "));
}

TEST(a_path_that_is_lost_is_found_again_by_a_restart)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(peer_is(&r, PEER_STATE_DISCONNECTED));
        expect(&r, ""); /* perhaps the server says why */
        ASSERT_OK(deadline(&r));
        expect(&r, "[state reconnecting media connection failed] [close-conn] [open-conn] ");
}

TEST(a_way_in_without_media_is_tried_once_more)
{
        struct somebody alice;
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join(&r));
        ASSERT_OK(described(&r));
        ASSERT_OK(welcome(&r, somebody(&alice, "alice", "PA_a", "TR_a")));
        r.trace[0] = '\0';
        ASSERT_OK(peer_is(&r, PEER_STATE_FAILED));
        expect(&r, "leave; [close-conn] [close-peer] [open-peer] [create-offer audio-2 3] ");
        ASSERT_OK(described(&r));
        ASSERT_OK(welcome(&r, somebody(&alice, "alice", "PA_a", "TR_a")));
        expect(&r, "[open-conn] subscribe TR_a; ");
        ASSERT_OK(peer_is(&r, PEER_STATE_FAILED));
        expect(&r, "leave; [close-conn] [close-peer] [done 1 media connection failed] ");
}

TEST(a_peer_that_failed_is_replaced)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(peer_is(&r, PEER_STATE_FAILED));
        ASSERT_OK(deadline(&r));
        expect(&r, "[state reconnecting media connection failed] leave; [close-conn] [close-peer] "
                   "[open-peer] [create-offer audio-2 3] ");
}

TEST(tries_come_after_growing_pauses_also_when_they_fail_at_once)
{
        uint64_t before, least = 0;
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(closed(&r, -ECONNRESET, 0, "reset"));
        for (unsigned i = 0; i < 6; i++) {
                before = r.now_us;
                ASSERT_OK(deadline(&r));
                if (lk_fsm_state(r.fsm) == LK_STATE_PREPARING)
                        ASSERT_OK(described(&r));
                ASSERT_GE(r.now_us - before, least);
                least = i == 0 ? 180 * US_PER_MS : i < 4 ? least * 2 : least;
                ASSERT_OK(closed(&r, -ECONNREFUSED, 0, "refused"));
                ASSERT_EQ(lk_fsm_state(r.fsm), LK_STATE_WAITING);
        }
        ASSERT(strstr(r.trace, "[close-peer]")); /* the session is not kept for ever */
        r.trace[0] = '\0';
        for (unsigned i = 0; i < 100 && lk_fsm_state(r.fsm) != LK_STATE_IDLE; i++)
                ASSERT_OK(deadline(&r));
        ASSERT(strstr(r.trace, "[state idle server gone] "));
}

TEST(an_expired_token_ends_it)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(closed(&r, 0, 0, "closed"));
        ASSERT_OK(deadline(&r));
        r.trace[0] = '\0';
        ASSERT_OK(closed(&r, -EACCES, 401, "invalid authorization token"));
        expect(&r, "[close-peer] [state idle invalid token] ");
}

TEST(a_namesake_is_not_robbed)
{
        Livekit__ReconnectResponse again = LIVEKIT__RECONNECT_RESPONSE__INIT;
        struct somebody me;
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(closed(&r, 0, 0, "closed"));
        ASSERT_OK(deadline(&r));
        ASSERT_OK(SAY(&r, RECONNECT, &again));
        r.trace[0] = '\0';
        ASSERT_OK(update(&r, somebody(&me, "me", "PA_other", "")));
        expect(&r, "[close-conn] [close-peer] [state idle duplicate login] ");
}

TEST(a_moved_room_is_another)
{
        Livekit__RoomMovedResponse m = LIVEKIT__ROOM_MOVED_RESPONSE__INIT;
        struct somebody me, bob;
        _rig_ r;

        be_joined(&r);
        hear_alice(&r);
        m.token = (char *)"there";
        m.participant = &somebody(&me, "me", "PA_there", "")->info;
        m.other_participants = somebody(&bob, "bob", "PA_b", "TR_b")->list;
        m.n_other_participants = 1;
        ASSERT_OK(SAY(&r, ROOM_MOVED, &m));
        expect(&r,
               "[token there] [joined bob 1>0] [unbind 1] [left alice 1>1] subscribe TR_b; [create-offer audio-1 3] ");
}

TEST(visibility_is_another_session)
{
        struct lk_event hide = { .kind = LK_EV_VISIBLE, .op = 2 };
        struct lk_join j = usual();
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(step(&r, &hide));
        expect(&r, "[done 2 not supported] "); /* the token says so */
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_LEAVE, .op = 3 }));
        j.can_turn = true;
        ASSERT_OK(join_as(&r, &j));
        ASSERT_OK(described(&r));
        ASSERT_OK(welcome(&r, NULL));
        ASSERT_OK(published(&r, "audio-2", "TR_me"));
        ASSERT_OK(answer(&r, 2, NULL, NULL));
        ASSERT_OK(peer_is(&r, PEER_STATE_CONNECTED));
        r.trace[0] = '\0';
        ASSERT_OK(step(&r, &hide));
        expect(&r, "leave; [close-conn] [close-peer] [hide] [open-peer] [create-offer 3] ");
        ASSERT_OK(described(&r));
        ASSERT_OK(welcome(&r, NULL));
        expect(&r, "[open-conn] [done 2 ok] ");
        ASSERT_OK(publish(&r, 4, true));
        expect(&r, "[done 4 not supported] ");
}

/* ---- memory ---- */

static int everything(struct rig *r)
{
        struct somebody alice;
        int err = rig_init(r);

        if (err >= 0)
                err = join(r);
        if (err >= 0)
                err = step(r, &(struct lk_event){
                                      .kind = LK_EV_CANDIDATE, .peer = 1, .mid = "0", .text = "candidate:1" });
        if (err >= 0)
                err = described(r);
        if (err >= 0)
                err = welcome(r, somebody(&alice, "alice", "PA_a", "TR_a"));
        if (err >= 0)
                err = published(r, "audio-1", "TR_me");
        if (err >= 0)
                err = answer(r, 1, "1", "TR_a");
        if (err >= 0)
                err = peer_is(r, PEER_STATE_CONNECTED);
        if (err >= 0)
                err = publish(r, 2, false);
        return err;
}

TEST_OOM(no_operation_is_lost_without_memory)
{
        _rig_ r;
        uint32_t op;
        int err = everything(&r);
        unsigned asked = err >= 0 ? 2 : 1;

        if (!r.fsm)
                return err;
        while (err < 0 && lk_fsm_take_op(r.fsm, &op))
                r.done++;
        if (err >= 0)
                ASSERT_EQ(r.done + lk_fsm_take_op(r.fsm, &op), asked);
        else
                ASSERT_GE(r.done, 1);
        lk_fsm_reset(r.fsm);
        ASSERT_EQ(lk_fsm_state(r.fsm), LK_STATE_IDLE);
        return err;
}
