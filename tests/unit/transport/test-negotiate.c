/* test-negotiate.c - offers and answers as texts: Janus' and a browser's forms, what is refused, what is reused. */
#include "transport/negotiate.h"

#include <errno.h>

#include "base/buf.h"
#include "lib/test.h"

#define FINGERPRINT "25:BC:12:6B:CD:3F:84:3A:EC:E5:CB:6E:4B:B8:54:6D:1D:9D:E3:AD:0D:41:DB:E3:6D:12:C4:F0:A7:CB:B9:42"
#define TOP         "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=VideoRoom 1234\r\nt=0 0\r\n"
#define SECURITY    "a=fingerprint:sha-256 " FINGERPRINT "\r\n"
#define CREDENTIALS "a=ice-ufrag:endP\r\na=ice-pwd:K2jTMqvx37I852BrQdRtZ/\r\n"
/* A section as Janus 1.1.2 offers it to a subscriber. */
#define JANUS(mid, direction, ssrc)                                                                                  \
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 127.0.0.1\r\na=" direction "\r\na=mid:" mid                     \
        "\r\na=rtcp-mux\r\n" CREDENTIALS "a=ice-options:trickle\r\na=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\n" \
        "a=rtcp-fb:111 transport-cc\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"                   \
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=fmtp:111 useinbandfec=1;usedtx=1\r\n" ssrc
#define SSRC(n) "a=ssrc:" n " cname:janus\r\n"
#define VIDEO(mid)                                                                                    \
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\na=mid:" mid "\r\na=rtcp-mux\r\n" CREDENTIALS \
        "a=setup:actpass\r\na=rtpmap:96 VP8/90000\r\n"
#define DATA(mid)                                                                           \
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:" mid "\r\n" CREDENTIALS \
        "a=setup:actpass\r\na=sctp-port:5000\r\n"

/* One that takes what we send; credentials and setup stand above. */
#define TAKES(mid)                                                                         \
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=recvonly\r\na=mid:" mid "\r\na=rtcp-mux\r\n" \
        "a=rtpmap:111 opus/48000/2\r\n"

static const uint8_t digest[32] = { 0xab };
static const struct neg_local local = { .id = 42,
                                        .version = 1,
                                        .ufrag = "loca",
                                        .pwd = "localpasswordlocalpass",
                                        .cname = "me",
                                        .track_id = "mic",
                                        .sha256 = digest,
                                        .setup = SDP_SETUP_ACTIVE,
                                        .ssrc = 77,
                                        .fec = true,
                                        .dtx = true };

static const struct neg_offer publish = { .send = true };

static int receive_offer(const struct negotiation *current, const char *text, struct negotiation *ret)
{
        struct sdp_session s;
        int r;

        ASSERT_OK(sdp_parse(text, &s));
        r = negotiate_offer_received(current, &s, ret);
        sdp_done(&s);
        return r;
}

static int receive_answer(const struct negotiation *offered, const char *text, struct negotiation *ret)
{
        struct sdp_session s;
        int r;

        ASSERT_OK(sdp_parse(text, &s));
        r = negotiate_answer_received(offered, &s, ret);
        sdp_done(&s);
        return r;
}

/* Takes the next step and frees the one before. */
static void advance(struct negotiation *n, const char *offer)
{
        struct negotiation next;

        ASSERT_OK(receive_offer(n, offer, &next));
        negotiation_done(n);
        *n = next;
}

static void write_and_parse(const struct negotiation *n, struct sdp_session *ret)
{
        char *text;

        ASSERT_OK(negotiate_write(n, &local, &text));
        ASSERT_OK(sdp_parse(text, ret));
        free(text);
}

TEST(subscriber_offer_is_answered)
{
        struct negotiation n = { 0 };
        struct sdp_session s;

        advance(&n, TOP "a=group:BUNDLE 0 1\r\n" SECURITY JANUS("0", "sendonly", SSRC("11"))
                            JANUS("1", "sendonly", SSRC("12")));
        ASSERT_STR(n.remote.ufrag, "endP");
        ASSERT_EQ(n.remote.setup, SDP_SETUP_ACTPASS);
        write_and_parse(&n, &s);
        ASSERT_EQ(s.n_sections, 2);
        for (size_t i = 0; i < 2; i++) {
                const struct sdp_section *m = &s.sections[i];

                ASSERT_EQ(m->direction, SDP_RECVONLY);
                ASSERT(m->bundled && m->rtcp_mux);
                ASSERT_STR(m->transport.ufrag, "loca");
                ASSERT_EQ(m->transport.setup, SDP_SETUP_ACTIVE);
                ASSERT_EQ(sdp_find_extmap(m, RTP_EXT_URI_LEVEL), 1);
                ASSERT_EQ(m->codecs[0].payload_type, 111);
                ASSERT_EQ(m->codecs[0].feedback, 0); /* nack was not offered */
                ASSERT_EQ(m->n_ssrcs, 0);
        }
        sdp_done(&s);
        negotiation_done(&n);
}

TEST(answers_stay_lean)
{
        struct negotiation n = { 0 };
        struct strbuf b = strbuf_init(65536);
        char *offer, *answer;
        size_t escapes = 0;

        strbuf_add(&b, TOP "a=group:BUNDLE");
        for (unsigned i = 0; i < 33; i++)
                strbuf_addf(&b, " %u", i);
        strbuf_add(&b, "\r\n" SECURITY);
        for (unsigned i = 0; i < 33; i++)
                strbuf_addf(&b,
                            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\na=mid:%u\r\na=rtcp-mux\r\n" CREDENTIALS
                            "a=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\na=ssrc:%u cname:janus\r\n"
                            "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
                            "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
                            i, 1000 + i);
        ASSERT_OK(strbuf_take(&b, &offer));
        advance(&n, offer);
        ASSERT_OK(negotiate_write(&n, &local, &answer));
        ASSERT(strstr(answer, "a=setup:active") > strstr(answer, "m=audio")); /* pion reads it there only */
        for (const char *at = answer; *at; at++)
                escapes += *at == '\r' || *at == '\n';
        ASSERT_LE(strlen(answer) + escapes,
                  8192 - 512); /* as JSON: the embedded Janus' limit, less what is around it */
        free(offer);
        free(answer);
        negotiation_done(&n);
}

TEST(video_and_data_are_declined)
{
        struct negotiation n = { 0 };
        struct sdp_session s;

        advance(&n, TOP "a=group:BUNDLE v 0 d\r\n" SECURITY VIDEO("v") JANUS("0", "sendonly", "") DATA("d"));
        write_and_parse(&n, &s);
        ASSERT_EQ(s.n_sections, 3);
        ASSERT(sdp_section_is_rejected(&s.sections[0]));
        ASSERT_EQ(s.sections[0].kind, SDP_KIND_VIDEO);
        ASSERT_STR(s.sections[0].mid, "v");
        ASSERT(!sdp_section_is_rejected(&s.sections[1]));
        ASSERT(sdp_section_is_rejected(&s.sections[2]));
        ASSERT_STR(s.sections[2].proto, "UDP/DTLS/SCTP");
        ASSERT(!s.sections[0].bundled && s.sections[1].bundled && !s.sections[2].bundled);
        ASSERT_EQ(sdp_find_extmap(&s.sections[1], RTP_EXT_URI_MID), 4); /* no a=ssrc: mid has to tell */
        ASSERT_EQ(negotiate_find_accepted(&n), 1);
        sdp_done(&s);
        negotiation_done(&n);
}

TEST(sections_come_go_and_are_reused)
{
        struct negotiation n = { 0 };
        struct sdp_session s;

        advance(&n, TOP "a=group:BUNDLE 0\r\n" SECURITY JANUS("0", "sendonly", SSRC("11")));
        ASSERT_EQ(negotiate_find(&n, "", 11, 111), 0);
        advance(&n, TOP "a=group:BUNDLE 0 1\r\n" SECURITY JANUS("0", "sendonly", SSRC("11"))
                            JANUS("1", "sendonly", SSRC("12")));
        ASSERT_EQ(negotiate_find(&n, "", 12, 111), 1);
        advance(&n,
                TOP "a=group:BUNDLE 0 1\r\n" SECURITY JANUS("0", "inactive", "") JANUS("1", "sendonly", SSRC("12")));
        ASSERT(!n.sections[0].receive && n.sections[0].accepted);
        ASSERT(neg_section_has_ssrc(&n.sections[0], 11)); /* remembered while it pauses */
        ASSERT_EQ(negotiate_find(&n, "", 11, 99), -1);
        write_and_parse(&n, &s);
        ASSERT_EQ(s.sections[0].direction, SDP_INACTIVE);
        ASSERT(!sdp_section_is_rejected(&s.sections[0]));
        sdp_done(&s);
        advance(&n, TOP "a=group:BUNDLE 0 1\r\n" SECURITY JANUS("0", "sendonly", SSRC("13"))
                            JANUS("1", "sendonly", SSRC("12")));
        ASSERT_EQ(negotiate_find(&n, "", 13, 111), 0);
        ASSERT(!neg_section_has_ssrc(&n.sections[0], 11));
        negotiation_done(&n);
}

TEST(all_off_is_fine_later_but_no_beginning)
{
        struct negotiation n = { 0 }, next;

        ASSERT_EQ(receive_offer(&n, TOP "a=group:BUNDLE v\r\n" SECURITY VIDEO("v"), &next), -EPROTO);
        advance(&n, TOP "a=group:BUNDLE 0\r\n" SECURITY JANUS("0", "sendonly", SSRC("11")));
        advance(&n, TOP "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=inactive\r\n");
        ASSERT(!n.sections[0].accepted);
        ASSERT_STR(n.remote.ufrag, "endP");
        negotiation_done(&n);
}

TEST(unusable_offers)
{
        static const char *const bad[] = {
                TOP,                                                   /* no section */
                TOP SECURITY JANUS("0", "sendonly", ""),               /* no BUNDLE */
                TOP "a=group:BUNDLE 0\r\n" JANUS("0", "sendonly", ""), /* no fingerprint */
                TOP "a=group:BUNDLE 0\r\n" SECURITY                    /* no credentials */
                    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n",
                TOP "a=group:BUNDLE 0\r\n" SECURITY CREDENTIALS /* no rtcp-mux */
                    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n",
                TOP "a=group:BUNDLE 0\r\n" SECURITY CREDENTIALS /* no Opus */
                    "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\n",
                TOP "a=group:BUNDLE 0\r\n" SECURITY CREDENTIALS "a=setup:holdconn\r\n"
                    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n",
        };
        const struct negotiation none = { 0 };
        struct negotiation next;
        struct sdp_session s;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                if (sdp_parse(bad[i], &s) == 0) {
                        if (negotiate_offer_received(&none, &s, &next) != -EPROTO)
                                test_fail(__FILE__, __LINE__, "offer %zu was taken", i);
                        sdp_done(&s);
                }
        }
}

TEST(sections_cannot_vanish)
{
        struct negotiation n = { 0 }, next;

        advance(&n, TOP "a=group:BUNDLE 0 1\r\n" SECURITY JANUS("0", "sendonly", "") JANUS("1", "sendonly", ""));
        ASSERT_EQ(receive_offer(&n, TOP "a=group:BUNDLE 0\r\n" SECURITY JANUS("0", "sendonly", ""), &next), -EPROTO);
        negotiation_done(&n);
}

TEST(publishing)
{
        const struct negotiation none = { 0 };
        struct negotiation offered, agreed, again;
        struct sdp_session s;

        ASSERT_OK(negotiate_offer(&none, &publish, &offered));
        write_and_parse(&offered, &s);
        ASSERT_EQ(s.n_sections, 1);
        ASSERT_EQ(s.sections[0].direction, SDP_SENDONLY);
        ASSERT_STR(s.sections[0].mid, "0");
        ASSERT_EQ(s.sections[0].ssrcs[0], 77);
        ASSERT_STR(s.sections[0].cname, "me");
        ASSERT_EQ(s.sections[0].codecs[0].payload_type, 111);
        ASSERT_STR(s.sections[0].codecs[0].fmtp, "minptime=10;useinbandfec=1;usedtx=1");
        ASSERT_EQ(s.sections[0].codecs[0].feedback, SDP_FB_NACK);
        ASSERT_NE(sdp_find_extmap(&s.sections[0], RTP_EXT_URI_MID), 0);
        ASSERT_NE(sdp_find_extmap(&s.sections[0], RTP_EXT_URI_LEVEL), 0);
        sdp_done(&s);
        /* The answer's numbers count, and only the extensions it keeps. */
        ASSERT_OK(receive_answer(&offered,
                                 TOP "a=group:BUNDLE 0\r\n" SECURITY CREDENTIALS "a=setup:active\r\n"
                                     "m=audio 9 UDP/TLS/RTP/SAVPF 100\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n"
                                     "a=rtpmap:100 opus/48000/2\r\na=extmap:1 " RTP_EXT_URI_LEVEL "\r\n",
                                 &agreed));
        ASSERT_EQ(negotiate_find_sending(&agreed), 0);
        ASSERT_EQ(agreed.sections[0].payload_type, 100);
        ASSERT_EQ(agreed.sections[0].ext.mid, 0);
        ASSERT_EQ(agreed.sections[0].ext.level, 1);
        ASSERT(!agreed.sections[0].nack);
        ASSERT_OK(negotiate_offer(&agreed, &(const struct neg_offer){ 0 }, &again)); /* stops on the same section */
        ASSERT_EQ(again.n_sections, 1);
        ASSERT_EQ(negotiate_find_sending(&again), -1);
        negotiation_done(&offered);
        negotiation_done(&agreed);
        negotiation_done(&again);
}

/* What a server's answer says of the section we publish on: payload types in this order, what it asks for of Opus. */
#define ANSWER(types, opus, more)                                                              \
        TOP "a=group:BUNDLE 0\r\n" SECURITY CREDENTIALS "a=setup:active\r\n"                   \
            "m=audio 9 UDP/TLS/RTP/SAVPF " types "\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n" \
            "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10" opus "\r\n" more
#define RED(format) "a=rtpmap:63 red/48000/2\r\na=fmtp:63 " format "\r\n"

TEST(redundant_audio_is_offered_and_sent_where_it_is_preferred)
{
        static const struct {
                const char *answer;
                bool red, first;
        } cases[] = {
                { ANSWER("63 111", "", RED("111/111")), true, true },
                { ANSWER("111 63", "", RED("111/111/111")), true, false },
                { ANSWER("111", "", ""), false, false },
                { ANSWER("63 111", "", RED("111/0")), false, false },
                { ANSWER("63 111", "", RED("111/")), false, false },
                { ANSWER("63 111", "", "a=rtpmap:63 red/48000/2\r\n"), false, false },
                { ANSWER("63 111", "", "a=rtpmap:63 red/8000\r\na=fmtp:63 111/111\r\n"), false, false },
        };
        const struct negotiation none = { .red = true };
        struct neg_local offering = local;

        offering.setup = SDP_SETUP_ACTPASS;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct negotiation offered, agreed, again;
                char *first, *second;

                ASSERT_OK(negotiate_offer(&none, &publish, &offered));
                ASSERT_OK(negotiate_write(&offered, &offering, &first));
                ASSERT(strstr(first, "SAVPF 111 63\r\n") && strstr(first, RED("111/111")));
                ASSERT_OK(receive_answer(&offered, cases[i].answer, &agreed));
                ASSERT_EQ(agreed.sections[0].red, cases[i].red);
                ASSERT_EQ(agreed.sections[0].red_first, cases[i].first);
                ASSERT_EQ(neg_section_takes(&agreed.sections[0], 63), cases[i].red);
                ASSERT(neg_section_takes(&agreed.sections[0], 111));
                ASSERT_OK(negotiate_offer(&agreed, &publish, &again));
                ASSERT_OK(negotiate_write(&again, &offering, &second));
                ASSERT(strstr(second, "SAVPF 111 63\r\n")); /* as before, whatever was answered */
                free(first);
                free(second);
                negotiation_done(&offered);
                negotiation_done(&agreed);
                negotiation_done(&again);
        }
}

TEST(redundant_audio_is_answered_as_it_was_offered)
{
        static const struct {
                bool red;
                const char *types, *answered;
        } cases[] = { { true, "63 111", "SAVPF 63 111\r\n" },
                      { true, "111 63", "SAVPF 111 63\r\n" },
                      { false, "63 111", "SAVPF 111\r\n" } };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct negotiation n = { .red = cases[i].red };
                struct strbuf b = strbuf_init(4096);
                char *offer, *answer;

                strbuf_addf(&b,
                            TOP "a=group:BUNDLE 0\r\n" SECURITY CREDENTIALS
                                "a=setup:actpass\r\nm=audio 9 UDP/TLS/RTP/SAVPF %s\r\na=mid:0\r\na=sendonly\r\n"
                                "a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n" RED("111/111"),
                            cases[i].types);
                ASSERT_OK(strbuf_take(&b, &offer));
                advance(&n, offer);
                ASSERT_EQ(n.sections[0].red, cases[i].red);
                ASSERT_OK(negotiate_write(&n, &local, &answer));
                ASSERT(strstr(answer, cases[i].answered));
                ASSERT_EQ(negotiate_find(&n, "", 99, 63), cases[i].red ? 0 : -1);
                free(offer);
                free(answer);
                negotiation_done(&n);
        }
}

TEST(the_answer_says_what_opus_is_to_be)
{
        const struct negotiation none = { 0 };

        for (unsigned i = 0; i < 4; i++) {
                static const char *const answers[] = { ANSWER("111", "", ""), ANSWER("111", ";useinbandfec=1", ""),
                                                       ANSWER("111", ";usedtx=1", ""),
                                                       ANSWER("111", ";useinbandfec=1;usedtx=1", "") };
                struct negotiation offered, agreed;

                ASSERT_OK(negotiate_offer(&none, &publish, &offered));
                ASSERT_OK(receive_answer(&offered, answers[i], &agreed));
                ASSERT_EQ(agreed.sections[0].fec, i % 2);
                ASSERT_EQ(agreed.sections[0].dtx, i / 2);
                negotiation_done(&offered);
                negotiation_done(&agreed);
        }
}

/* A section as LiveKit 1.13 answers ours; ours first. */
#define LIVEKIT(mid, direction, ssrc)                                                                            \
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=setup:active\r\na=mid:" mid "\r\n" CREDENTIALS \
        "a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\n"                                            \
        "a=fmtp:111 minptime=10;useinbandfec=1\r\na=extmap:1 " RTP_EXT_URI_LEVEL "\r\na=" direction "\r\n" ssrc

static void answer_with(struct negotiation *n, const struct neg_offer *offer, const char *text)
{
        struct negotiation offered, next;

        ASSERT_OK(negotiate_offer(n, offer, &offered));
        ASSERT_OK(receive_answer(&offered, text, &next));
        negotiation_done(&offered);
        negotiation_done(n);
        *n = next;
}

static void offer_and_parse(const struct negotiation *n, const struct neg_offer *offer, struct sdp_session *ret)
{
        struct neg_local as_offer = local;
        struct negotiation offered;
        char *text;

        as_offer.setup = SDP_SETUP_ACTPASS;
        ASSERT_OK(negotiate_offer(n, offer, &offered));
        ASSERT_OK(negotiate_write(&offered, &as_offer, &text));
        ASSERT_OK(sdp_parse(text, ret));
        negotiation_done(&offered);
        free(text);
}

TEST(sections_to_receive_on_are_asked_for)
{
        const struct neg_offer first = { .send = true, .n_receive = 2 }, more = { .send = true, .n_receive = 3 };
        const struct neg_offer fewer = { .n_receive = 1 };
        struct negotiation n = { 0 };
        struct sdp_session s;

        answer_with(&n, &first,
                    TOP "a=group:BUNDLE 0 1 2\r\n" SECURITY LIVEKIT("0", "recvonly", "")
                            LIVEKIT("1", "sendonly", SSRC("11")) LIVEKIT("2", "inactive", ""));
        ASSERT_EQ(negotiate_find_sending(&n), 0);
        ASSERT_EQ(negotiate_find(&n, "", 11, 111), 1);
        ASSERT_EQ(negotiate_find(&n, "", 12, 111), -1); /* comes before the answer that tells whose it is */
        ASSERT(n.sections[2].accepted && !n.sections[2].receive);
        /* The next offer is not narrowed by the answer, and says the same of every section. */
        offer_and_parse(&n, &more, &s);
        ASSERT_EQ(s.n_sections, 4);
        for (size_t i = 0; i < s.n_sections; i++) {
                const struct sdp_section *m = &s.sections[i];

                ASSERT_EQ(m->direction, i == 0 ? SDP_SENDONLY : SDP_RECVONLY);
                ASSERT_EQ(strtoul(m->mid, NULL, 10), i);
                ASSERT_EQ(m->codecs[0].feedback, SDP_FB_NACK);
                ASSERT_STR(m->codecs[0].fmtp, "minptime=10;useinbandfec=1;usedtx=1");
                ASSERT_EQ(sdp_find_extmap(m, RTP_EXT_URI_MID), 4);
                ASSERT_EQ(m->n_ssrcs, i == 0);
        }
        ASSERT_STR(s.sections[0].msid, "me mic");
        sdp_done(&s);
        offer_and_parse(&n, &fewer, &s); /* nothing is taken away */
        ASSERT_EQ(s.n_sections, 3);
        ASSERT_EQ(s.sections[0].direction, SDP_INACTIVE);
        sdp_done(&s);
        negotiation_done(&n);
}

TEST(a_section_carries_one_track_after_the_other)
{
        const struct neg_offer offer = { .n_receive = 2 };
        struct negotiation n = { 0 };

        answer_with(&n, &offer,
                    TOP "a=group:BUNDLE 0 1\r\n" SECURITY LIVEKIT("0", "sendonly", SSRC("11"))
                            LIVEKIT("1", "sendonly", SSRC("12")));
        answer_with(&n, &offer,
                    TOP "a=group:BUNDLE 0 1\r\n" SECURITY LIVEKIT("0", "inactive", "")
                            LIVEKIT("1", "sendonly", SSRC("13")));
        ASSERT_EQ(negotiate_find_ssrc(&n, 11), -1);
        ASSERT_EQ(negotiate_find_ssrc(&n, 12), -1);
        ASSERT_EQ(negotiate_find_ssrc(&n, 13), 1);
        answer_with(&n, &offer,
                    TOP "a=group:BUNDLE 0 1\r\n" SECURITY LIVEKIT("0", "sendonly", SSRC("13"))
                            LIVEKIT("1", "sendonly", SSRC("14")));
        ASSERT_EQ(negotiate_find_ssrc(&n, 13), 0); /* moved */
        ASSERT_EQ(negotiate_find_ssrc(&n, 14), 1);
        ASSERT_EQ(n.n_sections, 2);
        negotiation_done(&n);
}

TEST(offers_have_bounds)
{
        const struct negotiation none = { 0 };
        struct negotiation n;

        ASSERT_EQ(negotiate_offer(&none, &(const struct neg_offer){ 0 }, &n), -EINVAL);
        ASSERT_EQ(negotiate_offer(&none, &(const struct neg_offer){ .n_receive = UINT32_MAX }, &n), -EMSGSIZE);
        ASSERT_OK(negotiate_offer(&none, &(const struct neg_offer){ .n_receive = SDP_MAX_SECTIONS }, &n));
        negotiation_done(&n);
}

static const struct neg_offer data_only = { .data = true };

TEST(data_channels_are_offered_when_asked_for)
{
        const struct neg_offer both = { .send = true, .data = true };
        const struct negotiation none = { 0 };
        struct negotiation offered, next, again;
        struct sdp_session s;

        ASSERT_OK(negotiate_offer(&none, &both, &offered));
        ASSERT_EQ(offered.n_sections, 2);
        write_and_parse(&offered, &s);
        ASSERT_EQ(s.sections[1].kind, SDP_KIND_APPLICATION);
        ASSERT_STR(s.sections[1].proto, "UDP/DTLS/SCTP");
        ASSERT_STR(s.sections[1].formats, "webrtc-datachannel");
        ASSERT_EQ(s.sections[1].sctp_port, 5000);
        ASSERT_EQ(s.sections[1].max_message_size, NEG_MESSAGE_MAX);
        ASSERT(s.sections[1].bundled);
        sdp_done(&s);
        ASSERT_OK(receive_answer(&offered,
                                 TOP "a=group:BUNDLE 0 1\r\n" SECURITY "a=setup:active\r\n" CREDENTIALS TAKES(
                                         "0") "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n"
                                              "a=sctp-port:5001\r\na=max-message-size:4294967296\r\n",
                                 &next));
        ASSERT_EQ(negotiate_find_data(&next), 1);
        ASSERT_EQ(next.sections[1].sctp_port, 5001);
        ASSERT_EQ(next.sections[1].max_message_size, UINT32_MAX);
        ASSERT_OK(negotiate_offer(&next, &publish, &again)); /* it stays, though it is not asked for again */
        ASSERT_EQ(negotiate_find_data(&again), 1);
        ASSERT_EQ(again.n_sections, 2);
        negotiation_done(&again);
        negotiation_done(&next);
        negotiation_done(&offered);
}

TEST(data_channels_may_be_refused)
{
        const struct neg_offer both = { .send = true, .data = true };
        const struct negotiation none = { 0 };
        struct negotiation offered, next;

        ASSERT_OK(negotiate_offer(&none, &both, &offered));
        ASSERT_OK(receive_answer(&offered,
                                 TOP "a=group:BUNDLE 0\r\n" SECURITY "a=setup:active\r\n" CREDENTIALS TAKES(
                                         "0") "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n",
                                 &next));
        ASSERT_EQ(negotiate_find_data(&next), -1);
        ASSERT(next.sections[0].accepted);
        negotiation_done(&next);
        negotiation_done(&offered);
}

/* The first offer of a LiveKit server to who receives only: the transport must come of it. */
TEST(data_channels_alone_are_a_beginning_where_they_are_taken)
{
        static const char offer[] = TOP "a=group:BUNDLE 0\r\n" SECURITY DATA("0");
        static const char second[] =
                TOP "a=group:BUNDLE 0 1 2\r\n" SECURITY DATA("0") JANUS("1", "sendonly", SSRC("11")) DATA("2");
        struct negotiation n = { .data = true }, none = { 0 }, next;
        struct sdp_session s;

        ASSERT_EQ(receive_offer(&none, offer, &next), -EPROTO);
        advance(&n, offer);
        ASSERT_EQ(negotiate_find_data(&n), 0);
        ASSERT_STR(n.remote.ufrag, "endP");
        write_and_parse(&n, &s);
        ASSERT_EQ(s.sections[0].port, 9);
        ASSERT_EQ(s.sections[0].sctp_port, 5000);
        ASSERT(s.sections[0].bundled);
        sdp_done(&s);
        advance(&n, second);
        ASSERT_EQ(negotiate_find_data(&n), 0);
        ASSERT(n.sections[1].receive && !n.sections[1].data);
        ASSERT(!n.sections[2].accepted); /* there is one association */
        ASSERT_EQ(negotiate_find(&n, "", 11, 111), 1);
        negotiation_done(&n);
}

TEST(data_channels_of_another_kind_are_refused)
{
        static const char *const bad[] = {
                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n" CREDENTIALS "a=setup:actpass\r\n",
                "m=application 9 UDP/DTLS/SCTP other\r\na=mid:0\r\na=sctp-port:5000\r\n" CREDENTIALS
                "a=setup:actpass\r\n",
                "m=application 9 TCP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=sctp-port:5000\r\n" CREDENTIALS
                "a=setup:actpass\r\n",
        };
        const struct negotiation takes = { .data = true };
        struct negotiation next;
        char text[1024];

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                snprintf(text, sizeof(text), "%s%s%s", TOP "a=group:BUNDLE 0\r\n", SECURITY, bad[i]);
                ASSERT_EQ(receive_offer(&takes, text, &next), -EPROTO);
        }
        ASSERT_OK(negotiate_offer(&takes, &data_only, &next));
        ASSERT_EQ(next.n_sections, 1);
        negotiation_done(&next);
}

TEST(answers_that_do_not_answer)
{
        static const char *const bad[] = {
                TOP "a=group:BUNDLE 0 1\r\n" SECURITY JANUS("0", "recvonly", "")
                        JANUS("1", "recvonly", ""),                                 /* one more */
                TOP "a=group:BUNDLE 1\r\n" SECURITY JANUS("1", "recvonly", ""),     /* another section */
                TOP "a=group:BUNDLE 0\r\n" SECURITY JANUS("0", "recvonly", ""),     /* actpass decides nothing */
                TOP "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=inactive\r\n", /* refused */
        };
        const struct negotiation none = { 0 };
        struct negotiation offered, next;

        ASSERT_OK(negotiate_offer(&none, &publish, &offered));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ASSERT_EQ(receive_answer(&offered, bad[i], &next), -EPROTO);
        negotiation_done(&offered);
}

TEST(packets_find_their_section)
{
        struct negotiation n = { 0 };

        advance(&n, TOP "a=group:BUNDLE 0 1\r\n" SECURITY JANUS("0", "sendonly", SSRC("11"))
                            JANUS("1", "sendonly", SSRC("12")));
        ASSERT_EQ(negotiate_find(&n, "1", 11, 111), 1); /* mid goes before SSRC */
        ASSERT_EQ(negotiate_find(&n, "", 12, 111), 1);
        ASSERT_EQ(negotiate_find(&n, "", 99, 111), -1);  /* two have this payload type */
        ASSERT_EQ(negotiate_find(&n, "x", 11, 111), -1); /* an unknown mid is not guessed at */
        negotiation_done(&n);
        advance(&n, TOP "a=group:BUNDLE 0\r\n" SECURITY JANUS("0", "sendonly", SSRC("11")));
        ASSERT_EQ(negotiate_find(&n, "", 99, 111), -1); /* it tells its SSRCs: this one is somebody else's */
        negotiation_done(&n);
        advance(&n, TOP "a=group:BUNDLE 0\r\n" SECURITY JANUS("0", "sendonly", ""));
        ASSERT_EQ(negotiate_find(&n, "", 99, 111), 0);
        ASSERT_EQ(negotiate_find(&n, "", 99, 110), -1);
        negotiation_done(&n);
}

TEST_OOM(a_whole_exchange)
{
        const struct negotiation none = { 0 };
        struct negotiation n;
        struct sdp_session s;
        char *answer;
        int r = sdp_parse(TOP "a=group:BUNDLE 0 v\r\n" SECURITY JANUS("0", "sendonly", SSRC("11")) VIDEO("v"), &s);

        if (r < 0)
                return r;
        r = negotiate_offer_received(&none, &s, &n);
        sdp_done(&s);
        if (r < 0)
                return r;
        r = negotiate_write(&n, &local, &answer);
        negotiation_done(&n);
        if (r == 0)
                free(answer);
        return r;
}
