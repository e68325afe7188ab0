/* Unit tests of wire/sdp: descriptions as Janus 1.1 and Chromium write them, resolution of session-level values, lean
 * writing, every bound and every contradiction. */
#include <errno.h>

#include "lib/test.h"
#include "wire/sdp.h"

#define FP_HEX "D2:B9:31:8F:DF:24:D8:0E:ED:D2:EF:25:9E:AF:6F:B8:34:AE:53:9C:E6:F3:8F:F2:64:15:FA:E8:7F:53:2D:38"
#define UFRAG  "a=ice-ufrag:Xy1z\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
#define HEAD   "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define AUDIO  "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"

/* Janus 1.1, an offer to a multistream subscriber: one who talks, one who has left. */
static const char janus_offer[] =
        "v=0\r\no=- 1700000000123456 1 IN IP4 192.168.1.10\r\ns=VideoRoom room\r\nt=0 0\r\n"
        "a=group:BUNDLE 0\r\na=ice-options:trickle\r\na=fingerprint:sha-256 " FP_HEX "\r\n"
        "a=extmap-allow-mixed\r\na=msid-semantic: WMS *\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.168.1.10\r\na=sendonly\r\na=mid:0\r\na=rtcp-mux\r\n" UFRAG
        "a=ice-options:trickle\r\na=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\n"
        "a=fmtp:111 useinbandfec=1;usedtx=1\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
        "a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=msid:alice janus0\r\n"
        "a=ssrc:1234567890 cname:janus\r\n"
        "a=candidate:1 1 udp 2015363327 192.168.1.10 40000 typ host\r\na=end-of-candidates\r\n"
        "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 192.168.1.10\r\na=inactive\r\na=mid:1\r\n";

/* Chromium, microphone and data channel. */
static const char chromium_offer[] =
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
        "a=extmap-allow-mixed\r\na=msid-semantic: WMS 1bd8\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n" UFRAG
        "a=ice-options:trickle\r\na=fingerprint:sha-256 " FP_HEX "\r\na=setup:actpass\r\na=mid:0\r\n"
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
        "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
        "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
        "a=extmap:4/sendrecv urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendrecv\r\na=msid:1bd8 9a3c\r\na=rtcp-mux\r\n"
        "a=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=rtcp-fb:111 nack\r\n"
        "a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
        "a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n"
        "a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n"
        "a=ssrc:3735928559 cname:k5Ax\r\na=ssrc:3735928559 msid:1bd8 9a3c\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sctp-port:5000\r\n"
        "a=max-message-size:262144\r\n";

TEST(janus_offer_is_read)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };
        const struct sdp_section *m;

        ASSERT_OK(sdp_parse(janus_offer, &s));
        ASSERT_EQ(s.id, 1700000000123456);
        ASSERT_EQ(s.n_sections, 2);
        m = &s.sections[0];
        ASSERT_EQ(m->kind, SDP_KIND_AUDIO);
        ASSERT_STR(m->mid, "0");
        ASSERT(m->bundled && m->rtcp_mux && m->end_of_candidates);
        ASSERT_EQ(m->direction, SDP_SENDONLY);
        ASSERT_STR(m->transport.ufrag, "Xy1z");
        ASSERT_EQ(m->transport.setup, SDP_SETUP_ACTPASS);
        ASSERT_STR(m->transport.fingerprint.hash, "sha-256"); /* from the session */
        ASSERT_EQ(m->transport.fingerprint.bytes[31], 0x38);
        ASSERT(m->transport.trickle);
        ASSERT_STR(m->msid, "alice janus0");
        ASSERT_STR(m->cname, "janus");
        ASSERT_EQ(m->ssrcs[0], 1234567890);
        ASSERT_EQ(m->n_candidates, 1);
        ASSERT_STR(m->candidates[0], "candidate:1 1 udp 2015363327 192.168.1.10 40000 typ host");
        ASSERT_EQ(sdp_find_extmap(m, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"), 2);
        ASSERT_EQ(sdp_find_extmap(m, "urn:x"), 0);
        ASSERT(sdp_section_is_rejected(&s.sections[1]));
        ASSERT_EQ(s.sections[1].direction, SDP_INACTIVE);
        ASSERT(!s.sections[1].bundled);
}

TEST(chromium_offer_is_read)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };
        const struct sdp_codec *opus;
        const struct sdp_section *m;

        ASSERT_OK(sdp_parse(chromium_offer, &s));
        m = sdp_find_section(&s, "0");
        ASSERT(m && m->n_codecs == 8);
        opus = sdp_find_codec(m, "OPUS", 48000);
        ASSERT(opus && opus == &m->codecs[0]);
        ASSERT_EQ(opus->payload_type, 111);
        ASSERT_EQ(opus->channels, 2);
        ASSERT_EQ(opus->feedback, SDP_FB_NACK | SDP_FB_TRANSPORT_CC);
        ASSERT_EQ(sdp_fmtp_number(opus->fmtp, "useinbandfec", 0), 1);
        ASSERT(sdp_find_codec(m, "opus", 8000) == NULL);
        ASSERT_EQ(m->codecs[2].channels, 1);
        ASSERT_EQ(sdp_find_extmap(m, "urn:ietf:params:rtp-hdrext:sdes:mid"), 4);
        ASSERT_EQ(m->n_ssrcs, 1);
        ASSERT(m->rtcp_rsize);
        m = sdp_find_section(&s, "1");
        ASSERT_EQ(m->kind, SDP_KIND_APPLICATION);
        ASSERT_STR(m->formats, "webrtc-datachannel");
        ASSERT(m->bundled);
        ASSERT_STR(m->transport.pwd, "abcdefghijklmnopqrstuv"); /* from the section that carries the BUNDLE */
        ASSERT_EQ(m->transport.fingerprint.len, 32);
        ASSERT(sdp_find_section(&s, "2") == NULL);
        ASSERT(sdp_find_section(&s, "") == NULL);
}

static void check_stable(const char *text)
{
        _cleanup_(sdp_done) struct sdp_session a = { 0 }, b = { 0 };
        _cleanup_free_ char *first = NULL, *second = NULL;

        ASSERT_OK(sdp_parse(text, &a));
        ASSERT_OK(sdp_write(&a, &first));
        ASSERT_OK(sdp_parse(first, &b));
        ASSERT_OK(sdp_write(&b, &second));
        ASSERT_STR(first, second);
}

TEST(what_was_read_is_written_back)
{
        check_stable(janus_offer);
        check_stable(chromium_offer);
}

static void fill_answer(struct sdp_session *s, unsigned n)
{
        static char mids[SDP_MAX_SECTIONS][12];

        s->id = 42;
        s->version = 2;
        s->transport = (struct sdp_transport){
                .ufrag = "Xy1z", .pwd = "abcdefghijklmnopqrstuv", .trickle = true, .setup = SDP_SETUP_ACTIVE
        };
        s->transport.fingerprint = (struct sdp_fingerprint){ .hash = "sha-256", .len = 32 };
        for (unsigned i = 0; i < n; i++) {
                struct sdp_section *m;

                snprintf(mids[i], sizeof(mids[i]), "%u", i);
                ASSERT_OK(sdp_add_section(s, &m));
                m->mid = mids[i];
                m->bundled = m->rtcp_mux = true;
                m->direction = SDP_RECVONLY;
                ASSERT_OK(sdp_add_codec(m, &(struct sdp_codec){ 111, "opus", 48000, 2, "useinbandfec=1", 0 }));
                ASSERT_OK(sdp_add_extmap(m, 1, "urn:ietf:params:rtp-hdrext:sdes:mid"));
        }
}

TEST(an_answer_is_written)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };
        _cleanup_free_ char *text = NULL;

        fill_answer(&s, 1);
        ASSERT_OK(sdp_write(&s, &text));
        ASSERT_STR(text,
                   "v=0\r\no=- 42 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
                   "a=ice-ufrag:Xy1z\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=ice-options:trickle\r\n"
                   "a=fingerprint:sha-256 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
                   "00:00:00:00:00:00:00:00\r\na=setup:active\r\n"
                   "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n"
                   "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=rtpmap:111 opus/48000/2\r\n"
                   "a=fmtp:111 useinbandfec=1\r\n");
}

TEST(forty_participants_fit_into_one_janus_request)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };
        _cleanup_free_ char *text = NULL;

        fill_answer(&s, 40);
        ASSERT_OK(sdp_write(&s, &text));
        ASSERT_LT(strlen(text), 7900); /* of 8192, the rest being JSON */
}

TEST(sections_write_only_what_differs)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };
        _cleanup_free_ char *text = NULL;

        fill_answer(&s, 3);
        s.sections[0].transport = s.transport;
        s.sections[1].transport.setup = SDP_SETUP_PASSIVE;
        s.sections[2].transport = s.transport;
        s.sections[2].transport.ufrag = "othr";
        ASSERT_OK(sdp_write(&s, &text));
        ASSERT(strstr(strstr(text, "a=mid:0"), "a=setup:passive") > strstr(text, "a=mid:1"));
        ASSERT(strstr(text, "a=ice-ufrag:othr") > strstr(text, "a=mid:2"));
        ASSERT(!strstr(strstr(text, "a=mid:0"), "a=fingerprint"));
}

TEST(session_level_values_are_defaults)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };

        ASSERT_OK(sdp_parse(HEAD "a=recvonly\r\na=setup:active\r\na=ice-lite\r\n" UFRAG AUDIO
                                 "a=sendonly\r\na=setup:passive\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
                            &s));
        ASSERT(s.ice_lite);
        ASSERT_EQ(s.sections[0].direction, SDP_SENDONLY);
        ASSERT_EQ(s.sections[0].transport.setup, SDP_SETUP_PASSIVE);
        ASSERT_STR(s.sections[0].transport.ufrag, "Xy1z");
        ASSERT_EQ(s.sections[1].direction, SDP_RECVONLY);
        ASSERT_EQ(s.sections[1].transport.setup, SDP_SETUP_ACTIVE);
        ASSERT_EQ(s.sections[1].kind, SDP_KIND_VIDEO);
}

TEST(of_several_fingerprints_sha_256_counts)
{
        static const char sha1[] =
                "a=fingerprint:SHA-1 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33\r\n";
        static const char sha256[] = "a=fingerprint:sha-256 " FP_HEX "\r\n";
        char text[1024];

        for (int order = 0; order < 2; order++) {
                _cleanup_(sdp_done) struct sdp_session s = { 0 };

                snprintf(text, sizeof(text), HEAD AUDIO "%s%sa=fingerprint:md5 00\r\n", order ? sha1 : sha256,
                         order ? sha256 : sha1);
                ASSERT_OK(sdp_parse(text, &s));
                ASSERT_STR(s.sections[0].transport.fingerprint.hash, "sha-256");
                ASSERT_EQ(s.sections[0].transport.fingerprint.bytes[0], 0xd2);
        }
}

TEST(bare_line_feeds_and_unknown_lines_are_taken)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };

        ASSERT_OK(
                sdp_parse("v=0\no=- 1 2 IN IP6 ::1\ns= \nb=AS:5\nt=0 0\na=x-new:1\nm=audio 9 RTP/AVP 0\na=mid:a", &s));
        ASSERT_STR(s.sections[0].mid, "a");
        ASSERT_EQ(s.version, 2);
}

TEST(bundle_only_is_not_rejected)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };

        ASSERT_OK(sdp_parse(
                HEAD "a=group:BUNDLE x gone\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:x\r\na=bundle-only\r\n", &s));
        ASSERT(!sdp_section_is_rejected(&s.sections[0]));
        ASSERT(s.sections[0].bundled);
}

TEST(contradictions_are_refused)
{
        /* clang-format off */
        static const char *const bad[] = {
                "", "v=1\r\n", "x", HEAD "garbage\r\n", HEAD "\r\n", HEAD "a\r\n", HEAD "A=x\r\n", HEAD "a=x\x01\r\n",
                HEAD "a=x\ry\r\n", HEAD "o=-\r\n", HEAD "o=- x 1 IN\r\n", HEAD "m=audio\r\n", HEAD "m=audio 9\r\n",
                HEAD "m=audio 9 RTP/AVP\r\n", HEAD "m=audio 65536 RTP/AVP 0\r\n", HEAD "m=audio 9/2 RTP/AVP 0\r\n",
                HEAD "m=audio 9 RTP/AVP 128\r\n", HEAD "m=audio 9 RTP/AVP x\r\n", HEAD "m=audio 9 RTP/AVP 0 0\r\n",
                HEAD AUDIO "o=- 1 1 IN IP4 1.1.1.1\r\n", HEAD AUDIO "a=ice-ufrag:abc\r\n",
                HEAD AUDIO "a=ice-ufrag:abcd\r\n",
                HEAD AUDIO "a=ice-ufrag:ab d\r\n", HEAD AUDIO "a=ice-pwd:short\r\n",
                HEAD AUDIO "a=ice-pwd:abcdefghijklmnopqrstuv\r\n", HEAD AUDIO "a=fingerprint:sha-256\r\n",
                HEAD AUDIO "a=fingerprint:sha-256 00\r\n", HEAD AUDIO "a=fingerprint:sha-256 " FP_HEX ":00\r\n",
                HEAD AUDIO "a=fingerprint:sha-1 " FP_HEX "\r\n", HEAD AUDIO "a=setup:both\r\n", HEAD AUDIO "a=mid\r\n",
                HEAD AUDIO "a=mid:a b\r\n", HEAD AUDIO "a=mid:1\r\na=mid:2\r\n",
                HEAD AUDIO "a=mid:1\r\n" AUDIO "a=mid:1\r\n",
                HEAD AUDIO "a=mid:01234567890123456789012345678901\r\n", HEAD AUDIO "a=rtpmap:111\r\n",
                HEAD AUDIO "a=rtpmap:111 opus\r\n", HEAD AUDIO "a=rtpmap:111 /48000\r\n",
                HEAD AUDIO "a=rtpmap:x opus/48000\r\n",
                HEAD AUDIO "a=rtpmap:111 opus/\r\n", HEAD AUDIO "a=rtpmap:111 opus/1/256\r\n",
                HEAD AUDIO "a=fmtp:\r\n",
                HEAD AUDIO "a=rtcp-fb:300 nack\r\n", HEAD AUDIO "a=rtcp-fb\r\n", HEAD AUDIO "a=extmap:1\r\n",
                HEAD AUDIO "a=extmap:0 urn:x\r\n", HEAD AUDIO "a=extmap:65536 urn:x\r\n",
                HEAD AUDIO "a=ssrc:-1 cname:x\r\n",
                HEAD AUDIO "a=ssrc:4294967296 cname:x\r\n", HEAD AUDIO "a=candidate\r\n",
                HEAD AUDIO "a=candidate:\r\n",
        };
        /* clang-format on */

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct sdp_session s = { .id = 77 };

                if (sdp_parse(bad[i], &s) != -EPROTO)
                        test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
                ASSERT_EQ(s.id, 77);
        }
}

TEST(attributes_of_foreign_payload_types_are_ignored)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };

        ASSERT_OK(sdp_parse(HEAD AUDIO
                            "a=rtpmap:96 VP8/90000\r\na=fmtp:96 x=1\r\na=rtcp-fb:96 nack\r\n"
                            "a=rtcp-fb:* nack\r\na=rtcp-fb:111 new thing\r\na=extmap:4096 urn:x\r\na=fmtp:111 \r\n",
                            &s));
        ASSERT_EQ(s.sections[0].n_codecs, 1);
        ASSERT_STR(s.sections[0].codecs[0].name, "");
        ASSERT_EQ(s.sections[0].codecs[0].feedback, SDP_FB_NACK);
        ASSERT_EQ(s.sections[0].n_extmaps, 0);
        ASSERT(s.sections[0].codecs[0].fmtp == NULL);
}

/* head, then n times `before`, a running number and `after` (NULL: no number). */
static int parse_repeated(const char *head, const char *before, const char *after, unsigned n)
{
        static char text[2 * SDP_MAX_TEXT];
        struct sdp_session s = { 0 };
        size_t at = (size_t)snprintf(text, sizeof(text), "%s", head);
        int r;

        for (unsigned i = 0; i < n; i++)
                at += (size_t)(after ? snprintf(text + at, sizeof(text) - at, "%s%u%s", before, i + 1, after)
                                     : snprintf(text + at, sizeof(text) - at, "%s", before));
        r = sdp_parse(text, &s);
        sdp_done(&s);
        return r;
}

TEST(bounds)
{
        ASSERT_OK(parse_repeated(HEAD, AUDIO, NULL, SDP_MAX_SECTIONS));
        ASSERT_EQ(parse_repeated(HEAD, AUDIO, NULL, SDP_MAX_SECTIONS + 1), -EMSGSIZE);
        ASSERT_OK(parse_repeated(HEAD "m=audio 9 RTP/AVP", " ", "", SDP_MAX_CODECS));
        ASSERT_EQ(parse_repeated(HEAD "m=audio 9 RTP/AVP", " ", "", SDP_MAX_CODECS + 1), -EMSGSIZE);
        ASSERT_OK(parse_repeated(HEAD AUDIO, "a=extmap:", " urn:x\r\n", SDP_MAX_EXTMAPS));
        ASSERT_EQ(parse_repeated(HEAD AUDIO, "a=extmap:", " urn:x\r\n", SDP_MAX_EXTMAPS + 1), -EMSGSIZE);
        ASSERT_OK(parse_repeated(HEAD AUDIO, "a=ssrc:", " cname:x\r\n", SDP_MAX_SSRCS));
        ASSERT_EQ(parse_repeated(HEAD AUDIO, "a=ssrc:", " cname:x\r\n", SDP_MAX_SSRCS + 1), -EMSGSIZE);
        ASSERT_OK(parse_repeated(HEAD AUDIO, "a=candidate:x\r\n", NULL, SDP_MAX_CANDIDATES));
        ASSERT_EQ(parse_repeated(HEAD AUDIO, "a=candidate:x\r\n", NULL, SDP_MAX_CANDIDATES + 1), -EMSGSIZE);
        ASSERT_EQ(parse_repeated(HEAD, AUDIO "a=candidate:x\r\na=candidate:y\r\na=candidate:z\r\n", NULL, 100),
                  -EMSGSIZE);
        ASSERT_OK(parse_repeated("v=0\r\n", "a=xxxx\r\n", NULL, (SDP_MAX_TEXT - 5) / 8));
        ASSERT_EQ(parse_repeated("v=0\r\n", "a=xxxx\r\n", NULL, (SDP_MAX_TEXT - 5) / 8 + 1), -EMSGSIZE);
}

TEST(a_session_too_long_is_not_written)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };
        _cleanup_free_ char *text = NULL;
        static char name[1024];

        fill_answer(&s, 100);
        memset(name, 'x', sizeof(name) - 1);
        for (size_t i = 0; i < s.n_sections; i++)
                s.sections[i].msid = name;
        ASSERT_EQ(sdp_write(&s, &text), -EMSGSIZE);
        ASSERT(text == NULL);
}

TEST(fmtp_numbers)
{
        static const char fmtp[] = "minptime=10; useinbandfec=1;x=9a;big=4294967296;usedtx=0";

        ASSERT_EQ(sdp_fmtp_number(fmtp, "minptime", 0), 10);
        ASSERT_EQ(sdp_fmtp_number(fmtp, "useinbandfec", 0), 1);
        ASSERT_EQ(sdp_fmtp_number(fmtp, "UseDTX", 1), 0);
        ASSERT_EQ(sdp_fmtp_number(fmtp, "x", 5), 5);
        ASSERT_EQ(sdp_fmtp_number(fmtp, "big", 5), 5);
        ASSERT_EQ(sdp_fmtp_number(fmtp, "min", 5), 5);
        ASSERT_EQ(sdp_fmtp_number(NULL, "min", 5), 5);
        ASSERT_EQ(sdp_fmtp_number("", "min", 5), 5);
}

TEST(directions_reverse)
{
        ASSERT_EQ(sdp_direction_reverse(SDP_SENDONLY), SDP_RECVONLY);
        ASSERT_EQ(sdp_direction_reverse(SDP_RECVONLY), SDP_SENDONLY);
        ASSERT_EQ(sdp_direction_reverse(SDP_SENDRECV), SDP_SENDRECV);
        ASSERT_EQ(sdp_direction_reverse(SDP_INACTIVE), SDP_INACTIVE);
        ASSERT_STR(sdp_direction_to_string(SDP_RECVONLY), "recvonly");
}

TEST_OOM(reading_fails_cleanly)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };

        return sdp_parse(chromium_offer, &s);
}

TEST_OOM(writing_fails_cleanly)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };
        _cleanup_free_ char *text = NULL;
        int r = sdp_parse(janus_offer, &s);

        return r < 0 ? r : sdp_write(&s, &text);
}
