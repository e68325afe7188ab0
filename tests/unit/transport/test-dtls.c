/* test-dtls.c - two associations over memory that loses, in virtual time. */
#include "transport/dtls.h"

#include <errno.h>

#include "base/rand.h"
#include "fakes/fake-wallclock.h"
#include "lib/test.h"
#include "lib/vloop.h"

enum { QUEUE_MAX = 64 };

struct datagram {
        uint8_t data[DTLS_MTU];
        size_t len;
};

struct end {
        struct dtls *d;
        struct end *other;
        struct datagram queue[QUEUE_MAX]; /* waiting to be read by this end */
        size_t n_queue, n_sent;
        enum dtls_state last;
        unsigned states, n_data;
        uint8_t data[DTLS_DATA_MAX];
        size_t data_len;
};

struct pair {
        struct loop *loop;
        struct dtls_identity *ids[2];
        struct end ends[2];
        struct rng rng;
        double loss;
        size_t drop_first; /* datagrams that are lost for certain */
};

static struct pair *pair; /* of the running test: the events carry the end only */

static void on_output(const uint8_t *data, size_t len, void *ctx)
{
        struct end *e = ctx, *to = e->other;

        ASSERT_LE(len, DTLS_MTU);
        e->n_sent++;
        if (pair->drop_first > 0) {
                pair->drop_first--;
                return;
        }
        if (rand_double(&pair->rng) < pair->loss)
                return;
        ASSERT_LT(to->n_queue, QUEUE_MAX);
        memcpy(to->queue[to->n_queue].data, data, len);
        to->queue[to->n_queue++].len = len;
}

static void on_state(enum dtls_state state, void *ctx)
{
        struct end *e = ctx;

        ASSERT_NE(e->last, state);
        e->last = state;
        e->states++;
}

static void on_data(const uint8_t *data, size_t len, void *ctx)
{
        struct end *e = ctx;

        ASSERT_LE(len, sizeof(e->data));
        memcpy(e->data, data, len);
        e->data_len = len;
        e->n_data++;
}

static const struct dtls_events events = { .output = on_output, .state = on_state, .data = on_data };

static void open_pair(struct pair *p)
{
        pair = p;
        *p = (struct pair){ .loop = vloop_new(1000000) };
        rand_seed(&p->rng, 7);
        fake_wallclock_follow(p->loop);
        for (unsigned i = 0; i < 2; i++) {
                ASSERT_OK(dtls_identity_new(&p->ids[i]));
                p->ends[i].other = &p->ends[!i];
                ASSERT_OK(dtls_new(p->ids[i], &events, &p->ends[i], &p->ends[i].d));
        }
}

static void close_pair(struct pair *p)
{
        for (unsigned i = 0; i < 2; i++) {
                dtls_free(p->ends[i].d);
                dtls_identity_free(p->ids[i]);
        }
        fake_wallclock_follow(NULL);
        vloop_free(p->loop);
}

static void trust(struct pair *p)
{
        for (unsigned i = 0; i < 2; i++)
                ASSERT_OK(dtls_set_fingerprint(p->ends[i].d, "sha-256", dtls_identity_fingerprint(p->ids[!i]),
                                               DTLS_SHA256));
}

/* Lets everything that waits be read, until nothing does. */
static void exchange(struct pair *p)
{
        for (unsigned i = 0; p->ends[0].n_queue + p->ends[1].n_queue > 0; i = !i) {
                struct end *e = &p->ends[i];
                size_t n = e->n_queue;
                struct datagram got[QUEUE_MAX];

                memcpy(got, e->queue, n * sizeof(*got));
                e->n_queue = 0;
                for (size_t k = 0; k < n; k++)
                        dtls_input(e->d, got[k].data, got[k].len, loop_now_us(p->loop));
        }
}

static void start(struct pair *p)
{
        ASSERT_OK(dtls_start(p->ends[1].d, DTLS_ROLE_SERVER, loop_now_us(p->loop)));
        ASSERT_OK(dtls_start(p->ends[0].d, DTLS_ROLE_CLIENT, loop_now_us(p->loop)));
        exchange(p);
}

/* Virtual time passes; each end is called at the time it names. Returns when both are settled, or after `us`. */
static void run(struct pair *p, uint64_t us)
{
        uint64_t end_us = loop_now_us(p->loop) + us;

        while (loop_now_us(p->loop) < end_us) {
                uint64_t a = dtls_next_us(p->ends[0].d), b = dtls_next_us(p->ends[1].d), next = a < b ? a : b;

                if (next == LOOP_NEVER || next > end_us)
                        return;
                if (next > loop_now_us(p->loop))
                        vloop_run_for(p->loop, next - loop_now_us(p->loop));
                for (unsigned i = 0; i < 2; i++)
                        if (dtls_next_us(p->ends[i].d) <= loop_now_us(p->loop))
                                dtls_timeout(p->ends[i].d, loop_now_us(p->loop));
                exchange(p);
        }
}

static void assert_same_keys(struct pair *p, enum srtp_suite want)
{
        struct srtp_keying a, b;

        ASSERT_OK(dtls_export_srtp(p->ends[0].d, &a));
        ASSERT_OK(dtls_export_srtp(p->ends[1].d, &b));
        ASSERT_EQ(a.suite, want);
        ASSERT_EQ(b.suite, want);
        ASSERT_MEM(a.local, b.remote, SRTP_KEYING_MAX);
        ASSERT_MEM(a.remote, b.local, SRTP_KEYING_MAX);
        ASSERT(memcmp(a.local, a.remote, SRTP_KEYING_MAX) != 0);
}

TEST(connects_with_equal_keys)
{
        struct pair p;
        struct srtp_keying keys;

        open_pair(&p);
        trust(&p);
        ASSERT_EQ(dtls_export_srtp(p.ends[0].d, &keys), -ENOTCONN);
        start(&p);
        ASSERT_EQ(dtls_get_state(p.ends[0].d), DTLS_STATE_CONNECTED);
        ASSERT_EQ(dtls_get_state(p.ends[1].d), DTLS_STATE_CONNECTED);
        ASSERT_EQ(dtls_next_us(p.ends[0].d), LOOP_NEVER);
        ASSERT_LE(p.ends[0].n_sent, 3);
        assert_same_keys(&p, SRTP_SUITE_AEAD_AES_128_GCM);
        close_pair(&p);
}

TEST(wrong_fingerprint_is_refused)
{
        struct pair p;

        open_pair(&p);
        for (unsigned i = 0; i < 2; i++) /* each trusts itself only */
                ASSERT_OK(dtls_set_fingerprint(p.ends[i].d, "sha-256", dtls_identity_fingerprint(p.ids[i]),
                                               DTLS_SHA256));
        start(&p);
        ASSERT_EQ(dtls_get_state(p.ends[0].d), DTLS_STATE_WRONG_FINGERPRINT);
        ASSERT_EQ(dtls_get_state(p.ends[1].d), DTLS_STATE_FAILED); /* by the alert */
        close_pair(&p);
}

TEST(server_refuses_a_wrong_client)
{
        struct pair p;

        open_pair(&p);
        ASSERT_OK(dtls_set_fingerprint(p.ends[0].d, "sha-256", dtls_identity_fingerprint(p.ids[1]), DTLS_SHA256));
        ASSERT_OK(dtls_set_fingerprint(p.ends[1].d, "sha-256", dtls_identity_fingerprint(p.ids[1]), DTLS_SHA256));
        start(&p);
        ASSERT_EQ(dtls_get_state(p.ends[1].d), DTLS_STATE_WRONG_FINGERPRINT);
        close_pair(&p);
}

TEST(fingerprints_that_cannot_be)
{
        struct pair p;
        const uint8_t digest[64] = { 1 };

        open_pair(&p);
        ASSERT_EQ(dtls_set_fingerprint(p.ends[0].d, "sha-1", digest, 20), -ENOTSUP);
        ASSERT_EQ(dtls_set_fingerprint(p.ends[0].d, "", digest, 32), -ENOTSUP);
        ASSERT_EQ(dtls_set_fingerprint(p.ends[0].d, "sha-256", digest, 31), -EBADMSG);
        ASSERT_EQ(dtls_set_fingerprint(p.ends[0].d, "sha-384", digest, 32), -EBADMSG);
        ASSERT_EQ(dtls_start(p.ends[0].d, DTLS_ROLE_CLIENT, 0), -EINVAL); /* none so far */
        ASSERT_OK(dtls_set_fingerprint(p.ends[0].d, "SHA-512", digest, 64));
        trust(&p); /* replaces it */
        start(&p);
        ASSERT_EQ(dtls_get_state(p.ends[0].d), DTLS_STATE_CONNECTED);
        ASSERT_EQ(dtls_set_fingerprint(p.ends[0].d, "sha-512", digest, 64), -EINVAL);
        close_pair(&p);
}

TEST(a_lost_hello_is_sent_again_after_50_ms)
{
        struct pair p;
        uint64_t before_us;

        open_pair(&p);
        trust(&p);
        p.drop_first = 1;
        before_us = loop_now_us(p.loop);
        start(&p);
        ASSERT_EQ(dtls_next_us(p.ends[0].d), before_us + 50000);
        dtls_timeout(p.ends[0].d, before_us + 10000); /* too early: nothing */
        ASSERT_EQ(p.ends[0].n_sent, 1);
        run(&p, 60000);
        ASSERT_EQ(dtls_get_state(p.ends[1].d), DTLS_STATE_CONNECTED);
        ASSERT_EQ(loop_now_us(p.loop), before_us + 50000);
        close_pair(&p);
}

TEST(loss_of_a_fifth_is_survived)
{
        for (uint64_t seed = 1; seed <= 20; seed++) {
                struct pair p;

                open_pair(&p);
                trust(&p);
                rand_seed(&p.rng, seed);
                p.loss = 0.2;
                start(&p);
                run(&p, 25000000);
                ASSERT_EQ(dtls_get_state(p.ends[0].d), DTLS_STATE_CONNECTED);
                ASSERT_EQ(dtls_get_state(p.ends[1].d), DTLS_STATE_CONNECTED);
                assert_same_keys(&p, SRTP_SUITE_AEAD_AES_128_GCM);
                close_pair(&p);
        }
}

TEST(nobody_answers)
{
        struct pair p;

        open_pair(&p);
        trust(&p);
        p.loss = 1.0;
        start(&p);
        run(&p, 60000000);
        ASSERT_EQ(dtls_get_state(p.ends[0].d), DTLS_STATE_FAILED);
        ASSERT_EQ(p.ends[0].n_sent, 13);
        ASSERT_EQ(dtls_next_us(p.ends[0].d), LOOP_NEVER);
        close_pair(&p);
}

TEST(a_hello_before_the_start_is_kept)
{
        struct pair p;

        open_pair(&p);
        trust(&p);
        ASSERT_OK(dtls_start(p.ends[0].d, DTLS_ROLE_CLIENT, loop_now_us(p.loop)));
        exchange(&p);
        ASSERT_EQ(p.ends[1].n_sent, 0);
        ASSERT_OK(dtls_start(p.ends[1].d, DTLS_ROLE_SERVER, loop_now_us(p.loop)));
        exchange(&p);
        ASSERT_EQ(dtls_get_state(p.ends[0].d), DTLS_STATE_CONNECTED); /* no retransmission was needed */
        ASSERT_EQ(dtls_start(p.ends[1].d, DTLS_ROLE_SERVER, 0), -EINVAL);
        close_pair(&p);
}

TEST(application_data_keeps_its_records)
{
        uint8_t big[DTLS_DATA_MAX + 1];
        struct pair p;

        open_pair(&p);
        trust(&p);
        ASSERT_EQ(dtls_send(p.ends[0].d, "early", 5), -ENOTCONN);
        start(&p);
        run(&p, 1000000);
        memset(big, 'x', sizeof(big));
        ASSERT_EQ(dtls_send(p.ends[0].d, big, DTLS_DATA_MAX + 1), -EMSGSIZE);
        for (unsigned i = 0; i < 2; i++) {
                ASSERT_OK(dtls_send(p.ends[i].d, "hello", 5));
                ASSERT_OK(dtls_send(p.ends[i].d, big, DTLS_DATA_MAX)); /* on_output: within the MTU */
                exchange(&p);
                ASSERT_EQ(p.ends[!i].n_data, 2);
                ASSERT_EQ(p.ends[!i].data_len, DTLS_DATA_MAX);
                ASSERT_MEM(p.ends[!i].data, big, DTLS_DATA_MAX);
        }
        close_pair(&p);
}

TEST(close_notify_arrives)
{
        struct pair p;

        open_pair(&p);
        trust(&p);
        dtls_close(p.ends[0].d); /* before the handshake: nothing to say */
        ASSERT_EQ(p.ends[0].n_sent, 0);
        start(&p);
        dtls_close(p.ends[0].d);
        exchange(&p);
        ASSERT_EQ(dtls_get_state(p.ends[1].d), DTLS_STATE_CLOSED);
        ASSERT_EQ(p.ends[0].states, 2); /* handshake, connected: closing by oneself is not an event */
        close_pair(&p);
}

TEST(garbage_is_ignored)
{
        struct pair p;
        uint8_t junk[200];

        open_pair(&p);
        trust(&p);
        ASSERT_OK(dtls_start(p.ends[1].d, DTLS_ROLE_SERVER, loop_now_us(p.loop)));
        for (unsigned i = 0; i < 500; i++) {
                p.rng.fill(&p.rng, junk, sizeof(junk));
                junk[0] = (uint8_t)(20 + junk[0] % 44);
                dtls_input(p.ends[1].d, junk, 13 + i % 180, loop_now_us(p.loop));
        }
        ASSERT_EQ(dtls_get_state(p.ends[1].d), DTLS_STATE_HANDSHAKE);
        ASSERT_OK(dtls_start(p.ends[0].d, DTLS_ROLE_CLIENT, loop_now_us(p.loop)));
        exchange(&p);
        for (unsigned i = 0; i < 500; i++) {
                p.rng.fill(&p.rng, junk, sizeof(junk));
                junk[0] = (uint8_t)(20 + junk[0] % 4);
                junk[1] = 254;
                junk[2] = 253;
                dtls_input(p.ends[1].d, junk, sizeof(junk), loop_now_us(p.loop));
        }
        ASSERT_EQ(dtls_get_state(p.ends[0].d), DTLS_STATE_CONNECTED);
        ASSERT_EQ(dtls_get_state(p.ends[1].d), DTLS_STATE_CONNECTED);
        close_pair(&p);
}

TEST_OOM(constructors)
{
        _cleanup_(dtls_identity_freep) struct dtls_identity *id = NULL;
        _cleanup_(dtls_freep) struct dtls *d = NULL;
        int r = dtls_identity_new(&id);

        return r < 0 ? r : dtls_new(id, &events, NULL, &d);
}

TEST(every_state_has_a_name)
{
        for (unsigned s = DTLS_STATE_NEW; s <= DTLS_STATE_WRONG_FINGERPRINT; s++)
                ASSERT_GT(strlen(dtls_state_to_string((enum dtls_state)s)), 0);
}
