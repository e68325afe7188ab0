/* test-peer.c - two peers through a fake ICE box, in virtual time: connecting, media, repair, refusals, renegotiation.
 * Descriptions and restarts: test-peer-offers.c. */
#include <errno.h>

#include "base/clock.h"
#include "fakes/peer-room.h"

TEST(connects_and_hears)
{
        struct room r;
        struct peer_rtp_stats a, b;
        const struct media_packet early = { .payload = (const uint8_t *)"x", .len = 1 };

        open_room(&r);
        ASSERT_EQ(peer_send(r.a.p, &early, 0), -ENOTCONN);
        connect_room(&r);
        ASSERT_EQ(r.a.n_states, 2);
        talk(&r, 100);
        vloop_run_for(r.loop, 20000);
        ASSERT_EQ(r.b.n_packets, 100);
        ASSERT_STR(r.b.mid, "0");
        ASSERT_EQ(r.b.level_dbov, 20);
        ASSERT_EQ(r.a.n_packets, 0);
        ASSERT_EQ(peer_send(r.b.p, &early, 0), -ENOTCONN); /* b publishes nothing */
        peer_get_stats(r.a.p, &a);
        peer_get_stats(r.b.p, &b);
        ASSERT_EQ(a.packets_sent, 100);
        ASSERT_EQ(a.bytes_sent, 8000);
        ASSERT_EQ(b.packets_received, 100);
        ASSERT_NEAR(a.rtt_us, 20000, 1000); /* from b's report on a's */
        ASSERT_EQ(a.remote_packets_lost, 0);
        ASSERT_STR(a.srtp_cipher, "AEAD_AES_128_GCM");
        ASSERT_STR(a.dtls_role, "server");
        ASSERT_STR(b.dtls_role, "client");
        ASSERT_EQ(b.unknown + b.malformed + b.srtp_errors + a.malformed + a.srtp_errors, 0);
        close_room(&r);
        ASSERT_EQ(r.b.n_byes, 1);
        ASSERT_EQ(r.b.state, PEER_STATE_CLOSED);
        ASSERT_EQ(r.b.reason, PEER_CLOSED_BY_REMOTE);
}

TEST(connects_through_loss)
{
        struct room r;

        open_room(&r);
        r.net->loss = 0.2;
        negotiate(&r.a, &r.b, true);
        vloop_run_for(r.loop, 10 * US_PER_SEC);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(r.b.state, PEER_STATE_CONNECTED);
        close_room(&r);
}

TEST(nack_repairs_loss)
{
        struct room r;
        struct peer_rtp_stats a, b;

        open_room(&r);
        connect_room(&r);
        r.net->loss = 0.1;
        talk(&r, 500);
        r.net->loss = 0;
        talk(&r, 5); /* so that the last gap shows */
        vloop_run_for(r.loop, 2 * US_PER_SEC);
        peer_get_stats(r.a.p, &a);
        peer_get_stats(r.b.p, &b);
        ASSERT_GT(b.nacks_sent, 30);
        ASSERT_GT(a.retransmitted, 30);
        ASSERT_GE(count_seen(&r.b), 502); /* of 505; about 50 were lost on the way */
        ASSERT_GT(r.b.n_repaired, 30);
        ASSERT_LE(r.b.n_repaired, a.retransmitted);
        close_room(&r);
}

static bool drop_sent_rtp(unsigned from, const uint8_t *data, size_t len, void *ctx)
{
        unsigned *countdown = ctx;

        (void)len;
        return from != 0 || data[0] < 128 || (data[1] & 0x7f) != 111 || --*countdown % 4 == 0;
}

/* Three of four packets are lost, also when they are sent again: more than can be repaired. */
TEST(loss_is_reported)
{
        struct room r;
        unsigned countdown = 1000000;

        open_room(&r);
        connect_room(&r);
        r.net->tap = drop_sent_rtp;
        r.net->tap_ctx = &countdown;
        talk(&r, 100);
        ASSERT_GT(r.a.loss_percent, 10);
        ASSERT_LE(r.a.loss_percent, 75);
        close_room(&r);
}

TEST(copies_travel_with_the_frames)
{
        struct peer_send_format format;
        struct peer_rtp_stats a, b;
        unsigned n = 0;
        struct room r;

        open_room_with(&r, true);
        peer_get_send_format(r.a.p, &format);
        ASSERT(!format.redundant && !format.dtx && !format.fec);
        connect_room(&r);
        peer_get_send_format(r.a.p, &format);
        ASSERT(format.redundant && format.dtx && format.fec);
        talk(&r, 10); /* packets without a copy are redundant audio too */
        r.copies = 2;
        r.net->loss = 0.1;
        talk(&r, 400);
        r.net->loss = 0;
        talk(&r, 3);
        vloop_run_for(r.loop, 2 * US_PER_SEC);
        for (unsigned i = 0; i < 413; i++)
                n += r.b.seen[i] || r.b.copied[i];
        peer_get_stats(r.a.p, &a);
        peer_get_stats(r.b.p, &b);
        ASSERT_LE(count_seen(&r.b), 390);
        ASSERT_GE(n, 411);
        ASSERT_EQ(a.copies_sent, 400 * 2 - 3 + 3);
        ASSERT_EQ(a.copy_bytes_sent, 80 * a.copies_sent);
        ASSERT_LE(b.nacks_sent, 6); /* what no copy came of; the copies are there before an answer could be */
        ASSERT_EQ(b.unknown + b.malformed, 0);
        r.copies = 0;
        r.net->loss = 0.1;
        talk(&r, 150);
        r.net->loss = 0;
        talk(&r, 3);
        peer_get_stats(r.b.p, &b);
        ASSERT_GT(b.nacks_sent, 10);
        ASSERT_GE(count_seen(&r.b), 360 + 150);
        close_room(&r);
}

/* Bursts of three: the nearest copy is lost with its frame, the spaced one is not. on_copy() checks the numbers. */
static bool drop_three_of_fifteen(unsigned from, const uint8_t *data, size_t len, void *ctx)
{
        unsigned *n = ctx;

        (void)len;
        return from != 0 || data[0] < 128 || (data[1] & 0x7f) != 63 || (*n)++ % 15 < 12;
}

TEST(spaced_copies_find_their_place)
{
        for (unsigned spaced = 3; spaced <= 4; spaced++) {
                unsigned sent = 0, n = 0;
                struct room r;

                open_room_with(&r, true);
                connect_room(&r);
                talk(&r, 10);
                r.copies = 2;
                r.spaced = spaced;
                r.net->tap = drop_three_of_fifteen;
                r.net->tap_ctx = &sent;
                talk(&r, 300);
                for (unsigned i = 15; i < 300; i++)
                        n += r.b.seen[i] || r.b.copied[i];
                ASSERT_EQ(n, 285);
                ASSERT_GT(count_seen(&r.b), 200);
                ASSERT_LT(count_seen(&r.b), 290);
                close_room(&r);
        }
}

static bool count_longest(unsigned from, const uint8_t *data, size_t len, void *ctx)
{
        size_t *longest = ctx;

        if (from == 0 && data[0] >= 128 && (data[1] & 0x7f) == 63 && len > *longest)
                *longest = len;
        return true;
}

/* The copies that still fit are the last ones. */
TEST(copies_make_no_packet_too_long)
{
        static uint8_t payload[1100];
        static const struct {
                size_t len, copies[2], sent;
        } cases[] = { { 500, { 300, 200 }, 2 },
                      { 500, { 500, 100 }, 1 },
                      { 500, { 10, 700 }, 0 },
                      { 1100, { 1, 1 }, 0 },
                      { 60, { 1, 1024 }, 0 } };
        struct peer_rtp_stats before, after;
        size_t longest = 0;
        struct room r;

        open_room_with(&r, true);
        connect_room(&r);
        memset(payload, 't', sizeof(payload));
        r.net->tap = count_longest;
        r.net->tap_ctx = &longest;
        r.b.p = peer_free(r.b.p); /* its checks are not for these */
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct media_packet m = { .payload = payload, .len = cases[i].len, .timestamp = 1920, .n_copies = 2 };

                for (unsigned k = 0; k < 2; k++)
                        m.copies[k] = (struct media_packet_copy){ payload, cases[i].copies[k], 960 * k };
                peer_get_stats(r.a.p, &before);
                ASSERT_OK(peer_send(r.a.p, &m, loop_now_us(r.loop)));
                peer_get_stats(r.a.p, &after);
                ASSERT_EQ(after.copies_sent - before.copies_sent, cases[i].sent);
        }
        ASSERT_LE(longest, 1101 + 12 + 12 + 16);
        ASSERT_GT(longest, 1100);
        close_room(&r);
}

TEST(ice_fails)
{
        struct room r;

        open_room(&r);
        r.net->blocked = true;
        negotiate(&r.a, &r.b, true);
        vloop_run_for(r.loop, 11 * US_PER_SEC);
        ASSERT_EQ(r.a.state, PEER_STATE_FAILED);
        ASSERT_EQ(r.a.reason, PEER_ICE_FAILED);
        close_room(&r);
}

static bool drop_all(unsigned from, const uint8_t *data, size_t len, void *ctx)
{
        (void)from;
        (void)data;
        (void)len;
        (void)ctx;
        return false;
}

TEST(nobody_does_dtls)
{
        struct room r;

        open_room(&r);
        r.net->tap = drop_all;
        negotiate(&r.a, &r.b, true);
        vloop_run_for(r.loop, 31 * US_PER_SEC);
        ASSERT_EQ(r.a.state, PEER_STATE_FAILED); /* the server: by the limit on connecting */
        ASSERT_EQ(r.a.reason, PEER_DTLS_FAILED);
        ASSERT_EQ(r.b.state, PEER_STATE_FAILED); /* the client: gave up asking */
        ASSERT_EQ(r.b.reason, PEER_DTLS_FAILED);
        close_room(&r);
}

/* Turns the first byte of the fingerprint. */
static void forge(char *sdp)
{
        char *at = strstr(sdp, "fingerprint:sha-256 ");

        ASSERT(at);
        at += strlen("fingerprint:sha-256 ");
        *at = *at == '0' ? '1' : '0';
}

TEST(wrong_fingerprint_ends_it)
{
        struct room r;
        char *offer, *answer;

        open_room(&r);
        ASSERT_OK(peer_create_offer(r.a.p, &(const struct peer_offer){ .send_audio = true }, &offer));
        ASSERT_OK(peer_set_remote_offer(r.b.p, offer, &answer));
        forge(answer);
        ASSERT_OK(peer_set_remote_answer(r.a.p, answer));
        free(offer);
        free(answer);
        vloop_run_for(r.loop, US_PER_SEC);
        ASSERT_EQ(r.a.state, PEER_STATE_FAILED);
        ASSERT_EQ(r.a.reason, PEER_FINGERPRINT);
        ASSERT_EQ(r.b.state, PEER_STATE_FAILED);
        close_room(&r);
}

TEST(unusable_descriptions_change_nothing)
{
        static const char *const bad[] = { "", "v=0\r\n", "not SDP at all" };
        struct room r;
        char *offer, *answer = NULL;

        open_room(&r);
        ASSERT_EQ(peer_set_remote_answer(r.a.p, ""), -EINVAL); /* nothing was offered */
        ASSERT_EQ(peer_add_remote_candidate(r.a.p, "candidate:1"), -EINVAL);
        ASSERT_OK(peer_create_offer(r.a.p, &(const struct peer_offer){ .send_audio = true }, &offer));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                ASSERT_EQ(peer_set_remote_answer(r.a.p, bad[i]), -EPROTO);
                ASSERT_EQ(peer_set_remote_offer(r.b.p, bad[i], &answer), -EPROTO);
        }
        ASSERT_EQ(peer_set_remote_offer(r.a.p, offer, &answer), -EINVAL); /* glare */
        ASSERT(!answer);
        ASSERT_OK(peer_set_remote_offer(r.b.p, offer, &answer));
        ASSERT_OK(peer_set_remote_answer(r.a.p, answer));
        free(offer);
        free(answer);
        vloop_run_for(r.loop, 300000);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTED);
        close_room(&r);
}

TEST(renegotiation_leaves_media_alone)
{
        struct room r;

        open_room(&r);
        connect_room(&r);
        talk(&r, 10);
        negotiate(&r.a, &r.b, true);
        talk(&r, 10);
        vloop_run_for(r.loop, 20000);
        ASSERT_EQ(count_seen(&r.b), 20);
        negotiate(&r.a, &r.b, false); /* publishing ends … */
        ASSERT_EQ(peer_send(r.a.p, &(struct media_packet){ .len = 0 }, 0), -ENOTCONN);
        negotiate(&r.a, &r.b, true); /* … and begins again, on the same section */
        talk(&r, 10);
        vloop_run_for(r.loop, 20000);
        ASSERT_EQ(count_seen(&r.b), 30);
        ASSERT_EQ(r.a.n_states + r.b.n_states, 4);
        ASSERT_EQ(fake_ice_restarts(r.box, 0) + fake_ice_restarts(r.box, 1), 0);
        close_room(&r);
}

/* The offer again with other ICE credentials, as a browser restarts ICE. */
static char *with_new_credentials(const char *offer)
{
        char *text = strdup(offer), *ufrag = strstr(text, "a=ice-ufrag:"), *pwd = strstr(text, "a=ice-pwd:");

        ASSERT(ufrag && pwd);
        memcpy(ufrag + strlen("a=ice-ufrag:"), "+/", 2); /* legal, and never in those of the box */
        memcpy(pwd + strlen("a=ice-pwd:"), "+/", 2);
        return text;
}

TEST(ice_restart_is_followed)
{
        struct room r;
        char *offer, *restart, *first, *second;

        open_room(&r);
        ASSERT_OK(peer_create_offer(r.a.p, &(const struct peer_offer){ .send_audio = true }, &offer));
        ASSERT_OK(peer_set_remote_offer(r.b.p, offer, &first));
        ASSERT_OK(peer_set_remote_answer(r.a.p, first));
        vloop_run_for(r.loop, 300000);
        restart = with_new_credentials(offer);
        ASSERT_OK(peer_set_remote_offer(r.b.p, restart, &second));
        ASSERT_EQ(fake_ice_restarts(r.box, 1), 1);
        ASSERT(strstr(second, "a=candidate:")); /* told again with the new credentials */
        ASSERT(strcmp(strstr(first, "a=ice-ufrag:"), strstr(second, "a=ice-ufrag:")) != 0);
        talk(&r, 5);
        vloop_run_for(r.loop, 20000);
        ASSERT_EQ(r.b.n_packets, 5);
        free(offer);
        free(restart);
        free(first);
        free(second);
        close_room(&r);
}

TEST(another_certificate_is_refused_later_on)
{
        struct room r;
        char *offer, *answer;

        open_room(&r);
        connect_room(&r);
        ASSERT_OK(peer_create_offer(r.a.p, &(const struct peer_offer){ .send_audio = true }, &offer));
        forge(offer);
        ASSERT_EQ(peer_set_remote_offer(r.b.p, offer, &answer), -EPROTO);
        free(offer);
        close_room(&r);
}

TEST(garbage_is_counted)
{
        struct room r;
        struct peer_rtp_stats s;
        uint8_t junk[1600];

        open_room(&r);
        connect_room(&r);
        r.rng.fill(&r.rng, junk, sizeof(junk));
        junk[0] = 0x80;
        junk[1] = 111;
        fake_ice_inject(r.box, 1, junk, 100);  /* not authentic */
        fake_ice_inject(r.box, 1, junk, 1600); /* too long */
        junk[1] = 200;
        fake_ice_inject(r.box, 1, junk, 100);
        fake_ice_inject(r.box, 1, junk, 1600);
        junk[0] = 200;
        fake_ice_inject(r.box, 1, junk, 100);
        fake_ice_inject(r.box, 1, junk, 0);
        peer_get_stats(r.b.p, &s);
        ASSERT_EQ(s.srtp_errors, 2);
        ASSERT_EQ(s.malformed, 4);
        ASSERT_EQ(r.b.state, PEER_STATE_CONNECTED);
        close_room(&r);
}

TEST(packets_of_nobody_are_counted)
{
        struct room r;
        struct peer_rtp_stats s;

        open_room(&r);
        connect_room(&r);
        talk(&r, 1);
        negotiate(&r.a, &r.b, true);
        {
                char *offer, *answer, *at;

                /* b is told that the section has gone inactive, a goes on sending. */
                ASSERT_OK(peer_create_offer(r.a.p, &(const struct peer_offer){ .send_audio = true }, &offer));
                at = strstr(offer, "a=sendonly");
                ASSERT(at);
                memcpy(at, "a=inactive", strlen("a=inactive"));
                ASSERT_OK(peer_set_remote_offer(r.b.p, offer, &answer));
                free(offer);
                free(answer);
        }
        talk(&r, 3);
        vloop_run_for(r.loop, 20000);
        peer_get_stats(r.b.p, &s);
        ASSERT_EQ(s.unknown, 3);
        ASSERT_EQ(r.b.n_packets, 1);
        close_room(&r);
}

static int make_offer(struct loop *loop, struct fake_ice_box *box, struct dtls_identity *id)
{
        struct rng rng;
        struct peer_config config = {
                .loop = loop, .ice = fake_ice_box_provider(box), .identity = id, .rng = &rng, .cname = "x"
        };
        struct end e = { .other = &e };
        struct peer *p = NULL;
        char *offer = NULL;
        int r;

        rand_seed(&rng, 1);
        r = peer_new(&config, &peer_room_events, &e, &p);
        if (r == 0)
                r = peer_create_offer(p, &(const struct peer_offer){ .send_audio = true }, &offer);
        free(offer);
        peer_free(p);
        return r;
}

TEST_OOM(constructor_and_offer)
{
        _cleanup_(dtls_identity_freep) struct dtls_identity *id = NULL;
        struct loop *loop = vloop_new(1);
        struct fake_ice_box *box = loop ? fake_ice_box_new(loop, 1) : NULL;
        int r = box ? dtls_identity_new(&id) : -ENOMEM;

        if (r == 0)
                r = make_offer(loop, box, id);
        fake_ice_box_free(box);
        if (loop)
                vloop_free(loop);
        return r;
}

TEST(names)
{
        for (unsigned s = PEER_STATE_NEW; s <= PEER_STATE_CLOSED; s++)
                ASSERT_GT(strlen(peer_state_to_string((enum peer_state)s)), 0);
        for (unsigned s = PEER_OK; s <= PEER_CLOSED_BY_REMOTE; s++)
                ASSERT_GT(strlen(peer_reason_to_string((enum peer_reason)s)), 0);
}
