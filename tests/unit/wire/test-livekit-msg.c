/* test-livekit-msg.c - known bytes of LiveKit's messages, bounds, candidates. */
#include "wire/livekit-msg.h"

#include <errno.h>

#include "lib/test.h"

static void expect_bytes(const ProtobufCMessage *m, const char *hex)
{
        _cleanup_free_ uint8_t *bytes = NULL;
        char got[512];
        size_t len;

        ASSERT_OK(livekit_pack(m, &bytes, &len));
        ASSERT(2 * len < sizeof(got));
        got[0] = '\0';
        for (size_t i = 0; i < len; i++)
                (void)snprintf(got + 2 * i, 3, "%02x", bytes[i]);
        ASSERT_STR(got, hex);
}

/* protobuf-c has texts without const; packing only reads them. */
#define REQUEST(name, member, kind)                                    \
        Livekit__SignalRequest name = LIVEKIT__SIGNAL_REQUEST__INIT;   \
        (name).message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_##kind; \
        (name).member

TEST(known_requests)
{
        Livekit__Ping ping = LIVEKIT__PING__INIT;
        Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
        Livekit__AddTrackRequest track = LIVEKIT__ADD_TRACK_REQUEST__INIT;
        Livekit__MuteTrackRequest mute = LIVEKIT__MUTE_TRACK_REQUEST__INIT;
        Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
        Livekit__TrickleRequest trickle = LIVEKIT__TRICKLE_REQUEST__INIT;
        Livekit__UpdateSubscription subscription = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
        char *sids[] = { (char *)"TR_x" };

        ping.has_timestamp = ping.has_rtt = true;
        ping.timestamp = 1000;
        ping.rtt = 20;
        REQUEST(a, ping_req = &ping, PING_REQ);
        expect_bytes(&a.base, "82010508e8071014");
        REQUEST(b, ping = 1000, PING);
        expect_bytes(&b.base, "70e807");
        leave.has_reason = true;
        leave.reason = LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED;
        REQUEST(c, leave = &leave, LEAVE);
        expect_bytes(&c.base, "42021001");
        track.cid = (char *)"mic0";
        track.name = (char *)"microphone";
        track.has_source = true;
        track.source = LIVEKIT__TRACK_SOURCE__MICROPHONE;
        REQUEST(d, add_track = &track, ADD_TRACK);
        expect_bytes(&d.base, "22140a046d696330120a6d6963726f70686f6e654002");
        mute.sid = (char *)"TR_x";
        mute.has_muted = mute.muted = true;
        REQUEST(e, mute = &mute, MUTE);
        expect_bytes(&e.base, "2a080a0454525f781001");
        subscription.n_track_sids = 1;
        subscription.track_sids = sids;
        subscription.has_subscribe = subscription.subscribe = true;
        REQUEST(f, subscription = &subscription, SUBSCRIPTION);
        expect_bytes(&f.base, "32080a0454525f781001");
        trickle.candidate_init = (char *)"{}";
        trickle.has_final = trickle.final = true;
        REQUEST(g, trickle = &trickle, TRICKLE);
        expect_bytes(&g.base, "1a060a027b7d1801");
        offer.type = (char *)"offer";
        offer.sdp = (char *)"v=0\r\n";
        offer.has_id = true;
        offer.id = 1;
        REQUEST(h, offer = &offer, OFFER);
        expect_bytes(&h.base, "0a100a056f666665721205763d300d0a1801");
}

TEST(known_join_request)
{
        Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
        Livekit__ConnectionSettings settings = LIVEKIT__CONNECTION_SETTINGS__INIT;
        Livekit__JoinRequest join = LIVEKIT__JOIN_REQUEST__INIT;
        _cleanup_free_ char *text = NULL;

        client.version = (char *)"0.1";
        client.has_protocol = true;
        client.protocol = 17;
        join.client_info = &client;
        join.connection_settings = &settings;
        expect_bytes(&join.base, "0a071203302e3118111200");
        ASSERT_OK(livekit_join_request_text(&join, &text));
        ASSERT_STR(text, "EgsKBxIDMC4xGBESAA%3D%3D");
}

TEST(responses_and_members_nobody_knows)
{
        /* room_update{room{sid "R", name "r"}} with field 99, then an envelope that holds nothing we know */
        static const uint8_t update[] = { 0x5a, 0x0b, 0x0a, 0x06, 0x0a, 0x01, 'R', 0x12, 0x01, 'r', 0x9a, 0x06, 0x00 };
        static const uint8_t unknown[] = { 0x9a, 0x3e, 0x02, 'h', 'i' };
        _cleanup_(livekit_response_freep) Livekit__SignalResponse *m = NULL, *n = NULL;

        ASSERT_OK(livekit_response_parse(update, sizeof(update), &m));
        ASSERT_EQ(m->message_case, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE);
        ASSERT_STR(m->room_update->room->sid, "R");
        ASSERT_OK(livekit_response_parse(unknown, sizeof(unknown), &n));
        ASSERT_EQ(n->message_case, LIVEKIT__SIGNAL_RESPONSE__MESSAGE__NOT_SET);
}

TEST(malformed_bytes)
{
        static const uint8_t cut[] = { 0x5a, 0x7f, 0x0a }, wire_type[] = { 0x0f, 0x00 };
        Livekit__SignalResponse *m = NULL;
        Livekit__DataPacket *d = NULL;

        ASSERT_EQ(livekit_response_parse(cut, sizeof(cut), &m), -EBADMSG);
        ASSERT_EQ(livekit_response_parse(wire_type, sizeof(wire_type), &m), -EBADMSG);
        ASSERT_EQ(livekit_data_parse(cut, sizeof(cut), &d), -EBADMSG);
        ASSERT_EQ(livekit_response_parse(cut, LIVEKIT_MSG_MAX + 1, &m), -EMSGSIZE);
        ASSERT(!m && !d);
}

/* Two bytes of input for each participant that is unpacked. */
TEST(many_tiny_members_are_bounded)
{
        enum { N = 1000000 };
        _cleanup_free_ uint8_t *bytes = malloc(2 * N + 8);
        Livekit__SignalResponse *m = NULL;
        size_t at = 0;

        ASSERT(bytes);
        bytes[at++] = 0x2a; /* update, length 2000000 */
        bytes[at++] = 0x80 | (2 * N & 0x7f);
        bytes[at++] = 0x80 | (2 * N >> 7 & 0x7f);
        bytes[at++] = 0x80 | (2 * N >> 14 & 0x7f);
        bytes[at++] = 2 * N >> 21;
        for (int i = 0; i < N; i++) {
                bytes[at++] = 0x0a;
                bytes[at++] = 0x00;
        }
        ASSERT_EQ(livekit_response_parse(bytes, at, &m), -EMSGSIZE);
        ASSERT(!m);
}

TEST(candidates)
{
        static const char line[] = "candidate:1 1 udp 2113937151 127.0.0.1 7882 typ host";
        _cleanup_free_ char *json = NULL, *back = NULL, *end = NULL;
        char mid[LIVEKIT_MID_MAX + 1];
        uint32_t mline;

        ASSERT_OK(livekit_candidate_format(line, "1", 3, &json));
        ASSERT_OK(livekit_candidate_parse(json, &back, mid, &mline));
        ASSERT_STR(back, line);
        ASSERT_STR(mid, "1");
        ASSERT_EQ(mline, 3);
        ASSERT_OK(livekit_candidate_parse("{\"candidate\":\"\",\"sdpMid\":null,\"sdpMLineIndex\":null}", &end, mid,
                                          &mline));
        ASSERT_STR(end, "");
        ASSERT_STR(mid, "");
        ASSERT_EQ(mline, 0);
}

TEST(candidates_that_are_none)
{
        static const char *const bad[] = { "", "[]", "{", "candidate:1", "{\"candidate\":\"a\"} x" };
        char mid[LIVEKIT_MID_MAX + 1], *line = NULL;
        uint32_t mline;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ASSERT_LT(livekit_candidate_parse(bad[i], &line, mid, &mline), 0);
        ASSERT(!line);
        ASSERT_OK(livekit_candidate_parse("{\"candidate\":\"a\\r\\nb\",\"sdpMLineIndex\":-1}", &line, mid, &mline));
        ASSERT_STR(line, ""); /* would be a line of its own in the description */
        free(line);
}
