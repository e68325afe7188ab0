/* test-peer-data.c - data channels of two peers over a network that loses and reorders, in virtual time. */
#include <errno.h>

#include "base/clock.h"
#include "fakes/fake-ice.h"
#include "fakes/fake-wallclock.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "transport/datachan.h"
#include "transport/dtls.h"
#include "transport/peer.h"

enum { SEEN_MAX = 1024 };

struct end {
        struct peer *p;
        struct end *other;
        enum peer_state state;
        unsigned n_open, n_closed, n_messages;
        char labels[4][32];
        uint32_t numbers[SEEN_MAX];
        size_t last_len;
};

struct room {
        struct loop *loop;
        struct fake_ice_box *box;
        struct fake_ice_net *net;
        struct dtls_identity *ids[2];
        struct rng rng;
        struct end a, b;
};

static void on_state(enum peer_state state, enum peer_reason reason, void *ctx)
{
        (void)reason;
        ((struct end *)ctx)->state = state;
}

static void on_candidate(const char *mid, uint32_t mline, const char *line, void *ctx)
{
        struct end *e = ctx;

        (void)mid, (void)mline;
        if (e->other->p)
                (void)peer_add_remote_candidate(e->other->p, line);
}

static void on_data_open(const char *label, void *ctx)
{
        struct end *e = ctx;

        ASSERT_LT(e->n_open, 4);
        snprintf(e->labels[e->n_open++], sizeof(e->labels[0]), "%s", label);
}

static void on_data(const struct datachan_message *m, void *ctx)
{
        struct end *e = ctx;

        ASSERT_LT(e->n_messages, SEEN_MAX);
        if (m->len >= 4)
                memcpy(&e->numbers[e->n_messages], m->data, 4);
        e->n_messages++;
        e->last_len = m->len;
}

static void on_data_closed(void *ctx)
{
        ((struct end *)ctx)->n_closed++;
}

static const struct peer_events events = { .state = on_state,
                                           .candidate = on_candidate,
                                           .data_open = on_data_open,
                                           .data = on_data,
                                           .data_closed = on_data_closed };

static void open_room(struct room *r, bool takes)
{
        *r = (struct room){ .loop = vloop_new(1000000) };
        rand_seed(&r->rng, 11);
        fake_wallclock_follow(r->loop);
        r->box = fake_ice_box_new(r->loop, 3);
        r->net = fake_ice_box_net(r->box);
        r->net->delay_us = 10000;
        r->a.other = &r->b;
        r->b.other = &r->a;
        for (unsigned i = 0; i < 2; i++) {
                struct peer_config config = { .loop = r->loop,
                                              .ice = fake_ice_box_provider(r->box),
                                              .ice_config = { .controlling = i == 0 },
                                              .rng = &r->rng,
                                              .cname = "someone",
                                              .data = takes };

                ASSERT_OK(dtls_identity_new(&r->ids[i]));
                config.identity = r->ids[i];
                ASSERT_OK(peer_new(&config, &events, i ? &r->b : &r->a, i ? &r->b.p : &r->a.p));
        }
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

static void exchange(struct end *from, struct end *to, const struct peer_offer *what)
{
        char *offer, *answer;

        ASSERT_OK(peer_create_offer(from->p, what, &offer));
        ASSERT_OK(peer_set_remote_offer(to->p, offer, &answer));
        ASSERT_OK(peer_set_remote_answer(from->p, answer));
        free(offer);
        free(answer);
}

static void say(struct end *e, const char *label, uint32_t number, size_t len)
{
        static uint8_t bytes[SCTPCTX_SEND_MAX];

        memcpy(bytes, &number, sizeof(number));
        ASSERT_OK(peer_send_data(e->p, &(struct datachan_message){ .label = label, .data = bytes, .len = len }));
}

static const struct peer_offer sound_and_data = { .send_audio = true, .data = true }, only_data = { .data = true },
                               only_sound = { .send_audio = true };

TEST(channels_come_up_with_the_peer)
{
        struct room r;

        open_room(&r, true);
        ASSERT_OK(peer_open_channel(r.a.p, "_reliable", true)); /* before there is anything */
        ASSERT_OK(peer_open_channel(r.a.p, "_lossy", false));
        exchange(&r.a, &r.b, &sound_and_data);
        vloop_run_for(r.loop, 500000);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(r.a.n_open, 2);
        ASSERT_EQ(r.b.n_open, 2);
        ASSERT_STR(r.b.labels[0], "_reliable");
        say(&r.a, "_reliable", 1, 10);
        say(&r.b, "_lossy", 2, SCTPCTX_SEND_MAX);
        vloop_run_for(r.loop, 3000000);
        ASSERT_EQ(r.b.numbers[0], 1);
        ASSERT_EQ(r.a.numbers[0], 2);
        ASSERT_EQ(r.a.last_len, SCTPCTX_SEND_MAX);
        close_room(&r);
}

/* A LiveKit server's first offer to who only receives: nothing but data channels, and they are its. */
TEST(data_channels_alone_bring_the_transport_up)
{
        struct room r;

        open_room(&r, true);
        ASSERT_OK(peer_open_channel(r.a.p, "_reliable", true));
        exchange(&r.a, &r.b, &only_data);
        vloop_run_for(r.loop, 500000);
        ASSERT_EQ(r.b.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(r.b.n_open, 1);
        say(&r.b, "_reliable", 7, 4);
        vloop_run_for(r.loop, 100000);
        ASSERT_EQ(r.a.numbers[0], 7);
        close_room(&r);
}

TEST(channels_may_be_added_to_a_connection)
{
        struct room r;

        open_room(&r, true);
        exchange(&r.a, &r.b, &only_sound);
        vloop_run_for(r.loop, 500000);
        ASSERT_EQ(r.a.n_open, 0);
        ASSERT_OK(peer_open_channel(r.a.p, "late", true));
        exchange(&r.a, &r.b, &sound_and_data);
        vloop_run_for(r.loop, 500000);
        ASSERT_EQ(r.a.n_open, 1);
        ASSERT_STR(r.b.labels[0], "late");
        exchange(&r.a, &r.b, &only_sound); /* they stay */
        say(&r.a, "late", 3, 100);
        vloop_run_for(r.loop, 500000);
        ASSERT_EQ(r.b.numbers[0], 3);
        ASSERT_EQ(r.a.n_closed + r.b.n_closed, 0);
        close_room(&r);
}

TEST(who_does_not_take_them_gets_none)
{
        struct room r;

        open_room(&r, false);
        ASSERT_OK(peer_open_channel(r.a.p, "x", true));
        exchange(&r.a, &r.b, &sound_and_data);
        vloop_run_for(r.loop, 1000000);
        ASSERT_EQ(r.b.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(r.a.n_open + r.b.n_open, 0);
        ASSERT_EQ(peer_send_data(r.b.p, &(struct datachan_message){ .label = "x" }), -ENOENT);
        close_room(&r);
}

TEST(order_survives_loss_and_reordering)
{
        enum { N = 200 };
        struct room r;

        open_room(&r, true);
        ASSERT_OK(peer_open_channel(r.a.p, "_reliable", true));
        exchange(&r.a, &r.b, &only_data);
        r.net->loss = 0.1;
        r.net->jitter_us = 30000;
        vloop_run_for(r.loop, 10000000);
        ASSERT_EQ(r.b.n_open, 1);
        for (uint32_t i = 0; i < N; i++) {
                say(&r.a, "_reliable", i, 4 + i * 20);
                say(&r.b, "_reliable", i, 4);
                vloop_run_for(r.loop, 20000);
        }
        vloop_run_for(r.loop, 60000000);
        ASSERT_EQ(r.a.n_messages, N);
        ASSERT_EQ(r.b.n_messages, N);
        for (uint32_t i = 0; i < N; i++)
                ASSERT(r.a.numbers[i] == i && r.b.numbers[i] == i);
        close_room(&r);
}

/* What LiveKit calls a resume: the association outlives the path. */
TEST(channels_survive_an_ice_restart)
{
        struct peer_offer restart = { .data = true, .restart_ice = true };
        struct room r;

        open_room(&r, true);
        ASSERT_OK(peer_open_channel(r.a.p, "_reliable", true));
        exchange(&r.a, &r.b, &only_data);
        vloop_run_for(r.loop, 500000);
        fake_ice_lose_consent(r.box, 0);
        fake_ice_lose_consent(r.box, 1);
        r.net->loss = 1;
        say(&r.a, "_reliable", 5, 100);
        vloop_run_for(r.loop, 20000000);
        ASSERT_EQ(r.b.n_messages, 0);
        r.net->loss = 0;
        exchange(&r.a, &r.b, &restart);
        vloop_run_for(r.loop, 5000000);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(r.b.n_messages, 1);
        ASSERT_EQ(r.b.numbers[0], 5);
        close_room(&r);
}

TEST(the_other_side_goes)
{
        struct room r;

        open_room(&r, true);
        ASSERT_OK(peer_open_channel(r.a.p, "_reliable", true));
        exchange(&r.a, &r.b, &only_data);
        vloop_run_for(r.loop, 500000);
        r.a.p = peer_free(r.a.p);
        vloop_run_for(r.loop, 100000);
        ASSERT_EQ(r.b.n_closed, 1);
        ASSERT_EQ(r.b.state, PEER_STATE_CLOSED);
        ASSERT_EQ(peer_send_data(r.b.p, &(struct datachan_message){ .label = "_reliable" }), -ENOTCONN);
        close_room(&r);
}
