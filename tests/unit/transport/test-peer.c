/* test-peer.c - two peers through a fake ICE box, in virtual time: connecting, media, repair, refusals, renegotiation.
 */
#include "transport/peer.h"

#include <errno.h>

#include "base/clock.h"
#include "fakes/fake-ice.h"
#include "fakes/fake-wallclock.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "transport/dtls.h"

enum { SEEN_MAX = 600, FRAME_TICKS = 960 };

struct end {
        struct peer *p;
        struct end *other;
        enum peer_state state;
        enum peer_reason reason;
        unsigned n_states, n_candidates, n_byes, n_repaired, n_packets, n_silent_level, n_copies;
        bool seen[SEEN_MAX]; /* by timestamp / 960 */
        bool copied[SEEN_MAX];
        uint16_t first_seq;
        uint32_t first_timestamp;
        char mid[32];
        int level_dbov;
        uint8_t loss_percent;
};

struct room {
        struct loop *loop;
        struct fake_ice_box *box;
        struct fake_ice_net *net;
        struct dtls_identity *ids[2];
        struct rng rng;
        bool red;
        unsigned copies; /* that go with each frame */
        struct end a, b;
        uint32_t timestamp;
};

static void on_state(enum peer_state state, enum peer_reason reason, void *ctx)
{
        struct end *e = ctx;

        e->state = state;
        e->reason = reason;
        e->n_states++;
}

static void on_candidate(const char *mid, uint32_t mline, const char *line, void *ctx)
{
        struct end *e = ctx;

        ASSERT_STR(mid, "0");
        ASSERT_EQ(mline, 0);
        e->n_candidates += line != NULL;
        if (e->other->p)
                (void)peer_add_remote_candidate(e->other->p, line);
}

/* Copies have the place of what they are copies of, and come before the packet they came with. */
static void on_copy(const struct peer_packet *p, struct end *e)
{
        uint32_t index = (p->timestamp - e->first_timestamp) / FRAME_TICKS;

        ASSERT_LT(index, SEEN_MAX);
        e->copied[index] = true;
        e->n_copies++;
        ASSERT(!p->marker && p->level_dbov == -1 && !p->repaired);
        ASSERT_EQ((uint16_t)(p->seq - e->first_seq), index);
}

static void on_packet(const struct peer_packet *p, void *ctx)
{
        struct end *e = ctx;
        uint32_t index;

        ASSERT_EQ(p->payload_type, 111);
        ASSERT_EQ(p->len, 80);
        ASSERT_EQ(p->payload[79], 't');
        if (p->copy) {
                on_copy(p, e);
                return;
        }
        e->n_repaired += p->repaired;
        if (e->n_packets++ == 0) {
                e->first_timestamp = p->timestamp;
                e->first_seq = p->seq;
        }
        index = (p->timestamp - e->first_timestamp) / FRAME_TICKS;
        if (index < SEEN_MAX) {
                ASSERT(!e->seen[index]); /* nothing arrives twice */
                e->seen[index] = true;
        }
        snprintf(e->mid, sizeof(e->mid), "%s", p->mid);
        e->level_dbov = p->level_dbov;
}

static void on_bye(const char *mid, void *ctx)
{
        struct end *e = ctx;

        ASSERT_STR(mid, "0");
        e->n_byes++;
}

static void on_loss_report(uint8_t percent, void *ctx)
{
        struct end *e = ctx;

        e->loss_percent = percent;
}

static const struct peer_events events = {
        .state = on_state, .candidate = on_candidate, .packet = on_packet, .bye = on_bye, .loss_report = on_loss_report
};

static int open_peer(struct room *r, struct end *e, unsigned side)
{
        struct peer_config config = { .loop = r->loop,
                                      .ice = fake_ice_box_provider(r->box),
                                      .ice_config = { .controlling = side == 0 },
                                      .identity = r->ids[side],
                                      .rng = &r->rng,
                                      .cname = side == 0 ? "alice" : "bob",
                                      .dtx = true,
                                      .fec = true,
                                      .red = r->red };

        return peer_new(&config, &events, e, &e->p);
}

static void open_room_with(struct room *r, bool red)
{
        *r = (struct room){ .loop = vloop_new(1000000), .timestamp = 4000000000u, .red = red };
        rand_seed(&r->rng, 11);
        fake_wallclock_follow(r->loop);
        r->box = fake_ice_box_new(r->loop, 3);
        r->net = fake_ice_box_net(r->box);
        r->net->delay_us = 10000;
        r->a.other = &r->b;
        r->b.other = &r->a;
        for (unsigned i = 0; i < 2; i++)
                ASSERT_OK(dtls_identity_new(&r->ids[i]));
        ASSERT_OK(open_peer(r, &r->a, 0));
        ASSERT_OK(open_peer(r, &r->b, 1));
}

static void open_room(struct room *r)
{
        open_room_with(r, false);
}

static void close_room(struct room *r)
{
        r->a.p = peer_free(r->a.p);
        vloop_run_for(r->loop, 50000);
        r->b.p = peer_free(r->b.p);
        for (unsigned i = 0; i < 2; i++)
                dtls_identity_free(r->ids[i]);
        fake_ice_box_free(r->box);
        fake_wallclock_follow(NULL);
        vloop_free(r->loop);
}

/* As LiveKit's server answers, where redundant audio was offered. */
static void prefer_red(char *answer)
{
        char *types = strstr(answer, " 111 63\r\n");

        if (types)
                memcpy(types, " 63 111", 7);
}

static void exchange(struct end *from, struct end *to, const struct peer_offer *what)
{
        char *offer, *answer;

        ASSERT_OK(peer_create_offer(from->p, what, &offer));
        ASSERT_OK(peer_set_remote_offer(to->p, offer, &answer));
        prefer_red(answer);
        ASSERT_OK(peer_set_remote_answer(from->p, answer));
        free(offer);
        free(answer);
}

static void negotiate(struct end *from, struct end *to, bool send)
{
        exchange(from, to, &(const struct peer_offer){ .send_audio = send });
}

static void connect_room(struct room *r)
{
        negotiate(&r->a, &r->b, true);
        ASSERT_EQ(r->a.state, PEER_STATE_CONNECTING);
        vloop_run_for(r->loop, 300000);
        ASSERT_EQ(r->a.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(r->b.state, PEER_STATE_CONNECTED);
}

/* n frames of 20 ms, sent by a. */
static void talk(struct room *r, unsigned n)
{
        uint8_t payload[80];

        memset(payload, 't', sizeof(payload));
        for (unsigned i = 0; i < n; i++, r->timestamp += FRAME_TICKS) {
                struct media_packet m = { .payload = payload,
                                          .len = sizeof(payload),
                                          .timestamp = r->timestamp,
                                          .level_dbov = 20,
                                          .voice = true };

                m.n_copies = i < r->copies ? i : r->copies;
                for (unsigned k = 0; k < m.n_copies; k++)
                        m.copies[k] =
                                (struct media_packet_copy){ payload, sizeof(payload),
                                                            r->timestamp - (unsigned)(m.n_copies - k) * FRAME_TICKS };

                ASSERT_OK(peer_send(r->a.p, &m, loop_now_us(r->loop)));
                vloop_run_for(r->loop, 20000);
        }
}

static unsigned count_seen(const struct end *e)
{
        unsigned n = 0;

        for (unsigned i = 0; i < SEEN_MAX; i++)
                n += e->seen[i];
        return n;
}

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

TEST(consent_is_lost)
{
        struct room r;

        open_room(&r);
        connect_room(&r);
        fake_ice_lose_consent(r.box, 0);
        ASSERT_EQ(r.a.state, PEER_STATE_DISCONNECTED);
        ASSERT_EQ(r.a.reason, PEER_CONSENT_LOST);
        vloop_run_for(r.loop, 40 * US_PER_SEC);
        ASSERT_EQ(r.a.n_states, 3); /* it stays so: when to try again is not the peer's business */
        close_room(&r);
}

TEST(a_restart_revives_what_was_lost)
{
        const struct peer_offer restart = { .send_audio = true, .restart_ice = true };
        struct room r;

        open_room(&r);
        connect_room(&r);
        talk(&r, 5);
        fake_ice_lose_consent(r.box, 0);
        fake_ice_lose_consent(r.box, 1);
        exchange(&r.a, &r.b, &restart);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTING);
        vloop_run_for(r.loop, 300000);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(r.b.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(fake_ice_restarts(r.box, 0), 1);
        ASSERT_EQ(fake_ice_restarts(r.box, 1), 1);
        talk(&r, 5); /* the keys and numbers of before go on */
        vloop_run_for(r.loop, 20000);
        ASSERT_EQ(count_seen(&r.b), 10);
        close_room(&r);
}

TEST(a_restart_that_finds_nothing_may_be_repeated)
{
        const struct peer_offer restart = { .send_audio = true, .restart_ice = true };
        struct room r;

        open_room(&r);
        connect_room(&r);
        r.net->blocked = true;
        exchange(&r.a, &r.b, &restart);
        vloop_run_for(r.loop, 11 * US_PER_SEC);
        ASSERT_EQ(r.a.state, PEER_STATE_DISCONNECTED);
        ASSERT_EQ(r.a.reason, PEER_ICE_FAILED);
        r.net->blocked = false;
        exchange(&r.a, &r.b, &restart);
        vloop_run_for(r.loop, 300000);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(r.b.state, PEER_STATE_CONNECTED);
        close_room(&r);
}

TEST(media_goes_on_during_a_restart)
{
        const struct peer_offer restart = { .send_audio = true, .restart_ice = true };
        struct room r;
        char *offer, *answer;

        open_room(&r);
        connect_room(&r);
        talk(&r, 5);
        r.net->blocked = true; /* no check succeeds yet; packets pass */
        ASSERT_OK(peer_create_offer(r.a.p, &restart, &offer));
        ASSERT(strstr(offer, "a=candidate:"));
        talk(&r, 5);
        ASSERT_OK(peer_set_remote_offer(r.b.p, offer, &answer));
        ASSERT_OK(peer_set_remote_answer(r.a.p, answer));
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTING); /* what "connected" says from here on is fresh */
        talk(&r, 5);
        r.net->blocked = false;
        ASSERT_OK(peer_add_remote_candidate(r.a.p, NULL)); /* has the box look again */
        talk(&r, 30);
        vloop_run_for(r.loop, 20000);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(count_seen(&r.b), 45);
        free(offer);
        free(answer);
        close_room(&r);
}

TEST(a_restart_before_anything_was_agreed_is_an_offer)
{
        struct room r;

        open_room(&r);
        exchange(&r.a, &r.b, &(const struct peer_offer){ .send_audio = true, .restart_ice = true });
        vloop_run_for(r.loop, 300000);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(fake_ice_restarts(r.box, 0), 0);
        close_room(&r);
}

/* Without the candidates that its description tells. */
static char *without_candidates(const char *sdp)
{
        char *text = strdup(sdp), *at;

        ASSERT(text);
        while ((at = strstr(text, "a=candidate:")) != NULL)
                memmove(at, strchr(at, '\n') + 1, strlen(strchr(at, '\n') + 1) + 1);
        return text;
}

TEST(candidates_may_come_before_the_answer)
{
        static const char line[] = "candidate:1 1 UDP 2130706431 192.0.2.2 5001 typ host";
        struct room r;
        char *offer, *answer, *bare;

        open_room(&r);
        r.a.other = r.b.other = &(struct end){ 0 }; /* nothing is trickled but by hand */
        ASSERT_OK(peer_create_offer(r.a.p, &(const struct peer_offer){ .send_audio = true }, &offer));
        vloop_run_for(r.loop, 1000);
        ASSERT_OK(peer_set_remote_offer(r.b.p, offer, &answer));
        ASSERT_OK(peer_add_remote_candidate(r.b.p, "candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ host"));
        for (unsigned i = 0; i < 100; i++) /* bounded */
                ASSERT_OK(peer_add_remote_candidate(r.a.p, line));
        ASSERT_OK(peer_add_remote_candidate(r.a.p, NULL));
        bare = without_candidates(answer);
        ASSERT_OK(peer_set_remote_answer(r.a.p, bare));
        vloop_run_for(r.loop, 300000);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTED);
        free(offer);
        free(answer);
        free(bare);
        close_room(&r);
}

TEST(offers_say_what_they_are_asked_to)
{
        struct peer_offer what = { .send_audio = true, .track_id = "mic0", .n_receive = 2 };
        struct room r;
        char *first, *second;

        open_room(&r);
        ASSERT_OK(peer_create_offer(r.a.p, &what, &first));
        ASSERT(strstr(first, "a=msid:alice mic0\r\n"));
        ASSERT(strstr(first, "a=mid:2\r\n") && !strstr(first, "a=mid:3\r\n"));
        what.n_receive = 3;
        what.track_id = NULL;
        ASSERT_OK(peer_create_offer(r.a.p, &what, &second));
        ASSERT(strstr(second, "a=msid:alice mic0\r\n"));
        ASSERT(strstr(second, "a=mid:3\r\n"));
        ASSERT_EQ(strtoul(strchr(first + 7, ' ') + 1, NULL, 10), strtoul(strchr(second + 7, ' ') + 1, NULL, 10));
        what.track_id = "two words";
        free(first);
        ASSERT_EQ(peer_create_offer(r.a.p, &what, &first), -EINVAL);
        ASSERT_EQ(peer_create_offer(r.b.p, &(const struct peer_offer){ 0 }, &first), -EINVAL); /* offers nothing */
        free(second);
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
        r = peer_new(&config, &events, &e, &p);
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
