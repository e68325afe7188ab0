/* test-livekit-peer.c - our transport and a real livekit-server (lib/livekit.sh): two users hear each other, ICE
 * restarts under running media, a path that is lost comes back. The registration names the cases: each kind of server
 * has its own. Figures are told, not judged. */
#include "livekit-user.h"

#include <string.h>

#include "lib/test.h"

struct pair {
        struct lk_world w;
        struct lk_user user[2];
};

static const double hz[] = { 440, 1000 };

static void pair_init(struct pair *p, const struct lk_options *options)
{
        if (!getenv("LIVEKIT_URL"))
                test_skip("run it under lib/livekit.sh");
        memset(p, 0, sizeof(*p));
        lk_world_init(&p->w, p->user, 0);
        lk_user_init(&p->user[0], &p->w, "alice", hz[0], options);
        lk_user_init(&p->user[1], &p->w, "bob", hz[1], options);
        p->w.n_users = 2;
}

static void pair_done(struct pair *p)
{
        p->w.n_users = 0;
        for (size_t i = 0; i < 2; i++)
                lk_user_done(&p->user[i]);
        lk_world_done(&p->w);
}

#define _pair_ _cleanup_(pair_done) struct pair

static void report(struct lk_user *u)
{
        lk_get_stats(u);
        printf("# %s: %s to %s, dtls %s, %s\n", u->name, u->stats.outbound.local_candidate,
               u->stats.outbound.remote_candidate, u->stats.outbound.dtls_role, u->stats.outbound.srtp_cipher);
        printf("# %s: upgrade %.1f ms, join %.1f, answer %.1f, connected %.1f, first media %.1f\n", u->name,
               (double)(u->open_us - u->start_us) / 1000, (double)(u->join_us - u->start_us) / 1000,
               (double)(u->answer_us - u->start_us) / 1000, (double)(u->connected_us - u->start_us) / 1000,
               (double)(u->media_us - u->start_us) / 1000);
}

static void hear_each_other(struct pair *p)
{
        for (size_t i = 0; i < 2; i++)
                lk_await(&p->w, lk_level(&p->user[i], hz[1 - i]) > 0.3);
        for (size_t i = 0; i < 2; i++)
                printf("# %s hears %.3f of the other, %.3f of himself\n", p->user[i].name,
                       lk_level(&p->user[i], hz[1 - i]), lk_level(&p->user[i], hz[i]));
        ASSERT(lk_level(&p->user[0], hz[0]) < 0.05); /* nobody hears himself */
}

static void talk(struct pair *p, const struct lk_options *options)
{
        pair_init(p, options);
        for (size_t i = 0; i < 2; i++) {
                lk_join(&p->user[i], "room");
                lk_await(&p->w, p->user[i].state == PEER_STATE_CONNECTED);
        }
        hear_each_other(p);
        for (size_t i = 0; i < 2; i++)
                report(&p->user[i]);
}

TEST(two_hear_each_other)
{
        _pair_ p;

        talk(&p, &(const struct lk_options){ 0 });
}

TEST(an_offer_in_the_join_request)
{
        _pair_ p;

        talk(&p, &(const struct lk_options){ .early_offer = true });
}

static void check_restart(struct pair *p, const char *how)
{
        for (size_t i = 0; i < 2; i++)
                lk_await(&p->w, p->user[i].n_connected == 2);
        lk_run_for(&p->w, 2000);
        for (size_t i = 0; i < 2; i++) {
                printf("# %s: longest silence of %s's ear %u ms\n", how, p->user[i].name,
                       lk_longest_silence_ms(&p->user[i]));
                ASSERT(!p->user[i].left);
        }
        hear_each_other(p);
}

TEST(ice_restarts_under_media)
{
        _pair_ p;

        talk(&p, &(const struct lk_options){ 0 });
        for (size_t i = 0; i < 2; i++)
                lk_watch_silence(&p.user[i]);
        for (size_t i = 0; i < 2; i++)
                lk_restart_ice(&p.user[i]);
        check_restart(&p, "restart");
}

TEST(a_resume_under_media)
{
        _pair_ p;

        talk(&p, &(const struct lk_options){ 0 });
        for (size_t i = 0; i < 2; i++)
                lk_watch_silence(&p.user[i]);
        for (size_t i = 0; i < 2; i++) {
                lk_drop_signal(&p.user[i]);
                lk_resume(&p.user[i]);
        }
        check_restart(&p, "resume");
}

/* With ICE-lite nobody but us keeps the path alive: a server of that kind drops what is silent for ten seconds. */
TEST(who_only_listens_is_kept)
{
        _pair_ p;
        struct lk_user *u = &p.user[0];

        pair_init(&p, &(const struct lk_options){ .listens_only = true });
        lk_join(u, "room");
        lk_await(&p.w, u->state == PEER_STATE_CONNECTED);
        lk_run_for(&p.w, 17000);
        ASSERT_EQ(u->state, PEER_STATE_CONNECTED);
        ASSERT_EQ(u->n_connected, 1);
        ASSERT(!u->left);
}

static void talk_through_a_relay(bool early_offer)
{
        _pair_ p;

        talk(&p, &(const struct lk_options){ .relay_only = true, .early_offer = early_offer });
        for (size_t i = 0; i < 2; i++)
                ASSERT(strncmp(p.user[i].stats.outbound.local_candidate, "relay ", 6) == 0);
}

TEST(two_hear_each_other_through_a_relay)
{
        talk_through_a_relay(false);
}

TEST(a_relay_that_is_told_after_the_offer)
{
        talk_through_a_relay(true);
}

static void set_network(bool up)
{
        ASSERT_EQ(system(up ? "ip link set lo up" : "ip link set lo down"), 0); /* ours: lib/netns.sh */
}

/* Long enough for us to notice, not for the server to send us away: it gives up five seconds later. */
TEST(a_path_that_was_lost_is_found_again)
{
        _pair_ p;

        talk(&p, &(const struct lk_options){ 0 });
        set_network(false);
        for (size_t i = 0; i < 2; i++)
                lk_await(&p.w, p.user[i].state == PEER_STATE_DISCONNECTED);
        ASSERT_EQ(p.user[0].reason, PEER_CONSENT_LOST);
        set_network(true);
        for (size_t i = 0; i < 2; i++) {
                lk_drop_signal(&p.user[i]);
                lk_resume(&p.user[i]);
        }
        for (size_t i = 0; i < 2; i++)
                lk_await(&p.w, p.user[i].n_connected == 2);
        lk_run_for(&p.w, 2000);
        hear_each_other(&p);
}

/* A firewall that swallows UDP: the server's TCP port is tried when nothing has come of the other one. */
TEST(udp_does_not_pass)
{
        _pair_ p;

        ASSERT_EQ(system("nft 'table ip swallow { chain in { type filter hook input priority 0; udp dport 7882 drop; "
                         "}; }'"),
                  0);
        talk(&p, &(const struct lk_options){ 0 });
        for (size_t i = 0; i < 2; i++)
                ASSERT(strstr(p.user[i].stats.outbound.remote_candidate, " tcp "));
}
