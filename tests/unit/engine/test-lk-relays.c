/* test-lk-relays.c - which peer hears of which relay, in each order of opening and being told. */
#include "engine/livekit/lk-relays.h"

#include <errno.h>

#include "lib/test.h"

static struct {
        uint32_t peer;
        unsigned calls;
        size_t n;
        char urls[512];
} told;

static int add_ice_servers(struct rtc_runtime *rt, uint32_t peer, const struct ice_server *servers, size_t n)
{
        (void)rt;
        told.peer = peer;
        told.calls++;
        told.n = n;
        told.urls[0] = '\0';
        for (size_t i = 0; i < n; i++) {
                size_t at = strlen(told.urls);

                snprintf(told.urls + at, sizeof(told.urls) - at, "%s %s %s;", servers[i].url, servers[i].username,
                         servers[i].credential);
        }
        return 0;
}

static const struct rtc_ops rtc = { .add_ice_servers = add_ice_servers };
static struct backend backend = { .rtc = &rtc, .rt = (struct rtc_runtime *)&told };

/* As the server's first message, or its first after a resume, names them. */
static void name_servers(struct lk_relays *r, bool resumed, size_t n, const char *user)
{
        char *urls[LK_RELAYS_MAX + 4];
        Livekit__IceServer server = LIVEKIT__ICE_SERVER__INIT, *servers = &server;
        Livekit__JoinResponse join = LIVEKIT__JOIN_RESPONSE__INIT;
        Livekit__ReconnectResponse reconnect = LIVEKIT__RECONNECT_RESPONSE__INIT;
        Livekit__SignalResponse m = LIVEKIT__SIGNAL_RESPONSE__INIT;

        for (size_t i = 0; i < n; i++)
                urls[i] = (char *)"turn:h";
        server.n_urls = n;
        server.urls = urls;
        server.username = (char *)user;
        server.credential = (char *)"p";
        join.n_ice_servers = reconnect.n_ice_servers = 1;
        join.ice_servers = reconnect.ice_servers = &servers;
        if (resumed) {
                m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT;
                m.reconnect = &reconnect;
        } else {
                m.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN;
                m.join = &join;
        }
        told.calls = 0;
        lk_relays_note(r, &backend, &m);
}

TEST(a_peer_that_is_open_hears_of_them)
{
        struct lk_relays r = { 0 };

        lk_relays_opened(&r, &backend, 7);
        ASSERT_EQ(told.calls, 0); /* nothing is known yet */
        name_servers(&r, false, 1, "u");
        ASSERT_EQ(told.peer, 7);
        ASSERT_STR(told.urls, "turn:h u p;");
        name_servers(&r, true, 2, "v");
        ASSERT_STR(told.urls, "turn:h v p;turn:h v p;"); /* in the place of the first */
        lk_relays_done(&r);
        lk_relays_done(&r);
}

TEST(a_peer_that_is_opened_later_does_too)
{
        struct lk_relays r = { 0 };

        name_servers(&r, false, 1, NULL);
        ASSERT_EQ(told.calls, 0);
        lk_relays_opened(&r, &backend, 8);
        ASSERT_EQ(told.peer, 8);
        ASSERT_STR(told.urls, "turn:h  p;"); /* a STUN server has no user */
        lk_relays_done(&r);
        told.calls = 0;
        lk_relays_opened(&r, &backend, 9);
        ASSERT_EQ(told.calls, 0);
}

TEST(there_is_a_bound)
{
        struct lk_relays r = { .peer = 1 };

        name_servers(&r, false, LK_RELAYS_MAX + 4, "u");
        ASSERT_EQ(told.n, LK_RELAYS_MAX);
        lk_relays_done(&r);
}

TEST_OOM(copies)
{
        struct lk_relays r = { .peer = 1 };

        name_servers(&r, false, 3, "u");
        lk_relays_done(&r);
        return told.calls == 1 && told.n == 3 ? 0 : -ENOMEM; /* fewer, and nothing lost */
}
