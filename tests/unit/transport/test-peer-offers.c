/* test-peer-offers.c - offers of a peer: what they say, restarts of ICE, candidates that are early, a path that is
 * lost.
 */
#include <errno.h>

#include "base/clock.h"
#include "fakes/peer-room.h"

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

/* Known after the first offer: whatever that one said is replaced, and nobody hears of another way any more. */
TEST(relays_only_from_now_on)
{
        const struct peer_offer relays = { .send_audio = true, .restart_ice = true, .relay_only = true };
        struct room r;
        char *first, *second, *answer;

        open_room(&r);
        vloop_run_for(r.loop, 20000);
        ASSERT_OK(peer_create_offer(r.a.p, &(const struct peer_offer){ .send_audio = true }, &first));
        ASSERT_OK(peer_create_offer(r.a.p, &relays, &second));
        ASSERT_EQ(fake_ice_restarts(r.box, 0), 1);
        ASSERT(strstr(first, " typ host"));
        ASSERT(!strstr(second, " typ host"));
        ASSERT(strcmp(strstr(first, "a=ice-ufrag:"), strstr(second, "a=ice-ufrag:")) != 0);
        ASSERT_OK(peer_set_remote_offer(r.b.p, second, &answer));
        ASSERT_OK(peer_set_remote_answer(r.a.p, answer));
        vloop_run_for(r.loop, 300000);
        ASSERT_EQ(r.a.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(r.b.state, PEER_STATE_CONNECTED);
        talk(&r, 5);
        vloop_run_for(r.loop, 20000);
        ASSERT_EQ(r.b.n_packets, 5);
        free(first);
        free(second);
        free(answer);
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

TEST(nothing_is_sent_after_the_offer_that_ends_it)
{
        const struct peer_offer end = { .n_receive = 1 };
        const struct media_packet m = { .payload = (const uint8_t *)"t", .len = 1 };
        struct room r;
        char *offer, *answer;

        open_room(&r);
        connect_room(&r);
        talk(&r, 5);
        ASSERT_OK(peer_create_offer(r.a.p, &end, &offer));
        ASSERT_EQ(peer_send(r.a.p, &m, loop_now_us(r.loop)), -ENOTCONN);
        ASSERT_OK(peer_set_remote_offer(r.b.p, offer, &answer));
        ASSERT_OK(peer_set_remote_answer(r.a.p, answer));
        ASSERT_EQ(peer_send(r.a.p, &m, loop_now_us(r.loop)), -ENOTCONN);
        negotiate(&r.a, &r.b, true);
        talk(&r, 5);
        vloop_run_for(r.loop, 20000);
        ASSERT_EQ(count_seen(&r.b), 10);
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

TEST(servers_that_are_told_later_reach_ice)
{
        const struct ice_server servers[] = { { .url = "turn:192.0.2.1", .username = "u", .credential = "p" },
                                              { .url = "turn:192.0.2.2", .username = "u", .credential = "p" } };
        struct room r;

        open_room(&r);
        ASSERT_OK(peer_add_ice_servers(r.a.p, servers, 2));
        ASSERT_EQ(fake_ice_servers(r.box, 0), 2);
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
