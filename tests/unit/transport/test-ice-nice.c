/* test-ice-nice.c - two libnice agents over loopback, in real time (well under a second). */
#include "transport/ice-nice.h"

#include <errno.h>
#include <gio/gio.h>

#include "base/cleanup.h"
#include "lib/test.h"

struct end {
        struct ice *ice;
        struct end *other;
        enum ice_state state;
        unsigned n_candidates, n_ends;
        char got[32];
};

static struct ice_provider provider;

static void on_candidate(const char *line, void *ctx)
{
        struct end *e = ctx;

        ASSERT(e->ice); /* nothing from inside create() */
        if (line) {
                ASSERT(strncmp(line, "candidate:", 10) == 0);
                e->n_candidates++;
        } else {
                e->n_ends++;
        }
        if (e->other)
                ASSERT_OK(provider.ops->add_remote_candidate(e->other->ice, line));
}

static void on_state(enum ice_state state, void *ctx)
{
        struct end *e = ctx;

        ASSERT(e->ice);
        e->state = state;
}

static void on_packet(const uint8_t *data, size_t len, void *ctx)
{
        struct end *e = ctx;

        snprintf(e->got, sizeof(e->got), "%.*s", (int)len, (const char *)data);
}

static const struct ice_events events = { .candidate = on_candidate, .state = on_state, .packet = on_packet };

static gboolean on_late(gpointer late)
{
        *(bool *)late = true;
        return G_SOURCE_REMOVE;
}

/* Iterates until the condition holds, at most five real seconds. */
#define WAIT_FOR(c, condition)                                      \
        do {                                                        \
                bool late = false;                                  \
                GSource *limit = g_timeout_source_new(5000);        \
                g_source_set_callback(limit, on_late, &late, NULL); \
                g_source_attach(limit, c);                          \
                while (!(condition) && !late)                       \
                        g_main_context_iteration(c, TRUE);          \
                g_source_destroy(limit);                            \
                g_source_unref(limit);                              \
                ASSERT(condition);                                  \
        } while (0)

static void on_accepted(GObject *listener, GAsyncResult *result, gpointer ret)
{
        *(GSocketConnection **)ret = g_socket_listener_accept_finish(G_SOCKET_LISTENER(listener), result, NULL, NULL);
}

static void on_read(GObject *stream, GAsyncResult *result, gpointer ret_n)
{
        *(gssize *)ret_n = g_input_stream_read_finish(G_INPUT_STREAM(stream), result, NULL);
}

static void open_end(struct end *e, bool controlling)
{
        const struct ice_config config = { .controlling = controlling, .loopback = true };

        ASSERT_OK(provider.ops->create(provider.factory, &config, &events, e, &e->ice));
}

static void introduce(struct end *from, struct end *to)
{
        const char *ufrag, *pwd;

        ASSERT_OK(provider.ops->get_local(from->ice, &ufrag, &pwd));
        ASSERT_OK(provider.ops->set_remote(to->ice, ufrag, pwd));
}

TEST(two_agents_connect_over_loopback)
{
        GMainContext *c = g_main_context_new();
        struct end a = { .other = NULL }, b = { .other = &a };
        struct ice_stats stats;
        char before[64];
        const char *ufrag, *pwd;

        a.other = &b;
        provider = ice_nice_provider(c);
        open_end(&a, true);
        open_end(&b, false);
        introduce(&a, &b);
        introduce(&b, &a);
        ASSERT_EQ(provider.ops->send(a.ice, "early", 5), -EAGAIN);
        WAIT_FOR(c, a.state == ICE_STATE_CONNECTED && b.state == ICE_STATE_CONNECTED);
        ASSERT_GT(a.n_candidates, 0);
        ASSERT_EQ(a.n_ends, 1);
        ASSERT_OK(provider.ops->send(a.ice, "hello", 5));
        ASSERT_OK(provider.ops->send(b.ice, "world", 5));
        WAIT_FOR(c, a.got[0] && b.got[0]);
        ASSERT_STR(a.got, "world");
        ASSERT_STR(b.got, "hello");
        provider.ops->get_stats(a.ice, &stats);
        ASSERT_GT(strlen(stats.local), 0);
        ASSERT_STR(stats.protocol, "udp");

        /* The same credentials again change nothing; others are a restart with new ones of our own. */
        ASSERT_OK(provider.ops->get_local(b.ice, &ufrag, &pwd));
        snprintf(before, sizeof(before), "%s", ufrag);
        introduce(&a, &b);
        ASSERT_OK(provider.ops->get_local(b.ice, &ufrag, &pwd));
        ASSERT_STR(ufrag, before);
        ASSERT_OK(provider.ops->set_remote(b.ice, "abcd", "abcdefghijklmnopqrstuv"));
        ASSERT_OK(provider.ops->get_local(b.ice, &ufrag, &pwd));
        ASSERT(strcmp(ufrag, before) != 0);
        provider.ops->free(a.ice);
        provider.ops->free(b.ice);
        g_main_context_unref(c);
}

TEST(candidates_that_do_not_fit_are_passed_over)
{
        static const char *const passed_over[] = {
                "candidate:1 1 UDP 2113937151 8a3f2c1e-1111-2222-3333-444455556666.local 5000 typ host",
                "candidate:1 1 TCP 1518280447 192.0.2.1 9 typ host tcptype active",
                "candidate:1 2 UDP 2113937151 192.0.2.1 5000 typ host",
                "candidate:",
                "",
                "something else",
        };
        GMainContext *c = g_main_context_new();
        struct end e = { .other = NULL };
        char longest[2000];

        provider = ice_nice_provider(c);
        open_end(&e, false);
        for (size_t i = 0; i < ARRAY_SIZE(passed_over); i++)
                ASSERT_EQ(provider.ops->add_remote_candidate(e.ice, passed_over[i]), 0);
        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        ASSERT_EQ(provider.ops->add_remote_candidate(e.ice, longest), 0);
        ASSERT_EQ(provider.ops->add_remote_candidate(e.ice, "candidate:1 1 UDP 1 192.0.2.1 99999999 typ nonsense"),
                  -EPROTO);
        provider.ops->free(e.ice);
        g_main_context_unref(c);
}

TEST(server_urls)
{
        static const struct ice_server good[] = {
                { .url = "stun:127.0.0.1" },
                { .url = "stun:[::1]:3479" },
                { .url = "turn:127.0.0.1:9?transport=tcp", .username = "u", .credential = "p" },
                { .url = "turn:127.0.0.1:9" }
        };
        static const char *const bad[] = {
                "stun", "stun:", "turn::3478", "stun:host:0", "stun:host:65536", "stun:[]"
        };
        GMainContext *c = g_main_context_new();
        struct ice_config config = { .servers = good, .n_servers = 1, .loopback = true };
        struct end e = { .other = NULL };

        provider = ice_nice_provider(c);
        ASSERT_OK(provider.ops->create(provider.factory, &config, &events, &e, &e.ice));
        provider.ops->free(e.ice);
        config.servers = good + 1;
        config.n_servers = ARRAY_SIZE(good) - 1;
        ASSERT_OK(provider.ops->create(provider.factory, &config, &events, &e, &e.ice));
        provider.ops->free(e.ice); /* closes the relay in its own time */
        for (unsigned i = 0; i < 1000 && g_main_context_iteration(c, FALSE); i++)
                ;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct ice_server s = { .url = bad[i] };

                config.servers = &s;
                config.n_servers = 1;
                ASSERT_EQ(provider.ops->create(provider.factory, &config, &events, &e, &e.ice), -EINVAL);
        }
        g_main_context_unref(c);
}

/* libnice left alone would send STUN in clear to a turns: server. */
TEST(a_turns_server_is_greeted_with_tls)
{
        GMainContext *c = g_main_context_new();
        GSocketListener *listener = g_socket_listener_new();
        uint16_t port = g_socket_listener_add_any_inet_port(listener, NULL, NULL);
        char url[64];
        const struct ice_server server = { .url = url, .username = "u", .credential = "p" };
        const struct ice_config config = { .servers = &server, .n_servers = 1, .loopback = true };
        GSocketConnection *accepted = NULL;
        struct end e = { .other = NULL };
        uint8_t head[2] = { 0 };
        gssize n = 0;

        g_main_context_push_thread_default(c);
        snprintf(url, sizeof(url), "turns:127.0.0.1:%u", port);
        provider = ice_nice_provider(c);
        ASSERT_OK(provider.ops->create(provider.factory, &config, &events, &e, &e.ice));
        g_socket_listener_accept_async(listener, NULL, on_accepted, &accepted);
        WAIT_FOR(c, accepted);
        g_input_stream_read_async(g_io_stream_get_input_stream(G_IO_STREAM(accepted)), head, 2, G_PRIORITY_DEFAULT,
                                  NULL, on_read, &n);
        WAIT_FOR(c, n != 0);
        ASSERT_EQ(n, 2);
        ASSERT_EQ(head[0], 22); /* a TLS handshake record */
        ASSERT_EQ(head[1], 3);
        provider.ops->free(e.ice);
        g_object_unref(accepted);
        g_object_unref(listener);
        for (unsigned i = 0; i < 1000 && g_main_context_iteration(c, FALSE); i++)
                ;
        g_main_context_pop_thread_default(c);
        g_main_context_unref(c);
}

/* Somebody who listens on TCP, and what comes there. */
struct stranger {
        GMainContext *c;
        GSocketListener *listener;
        uint16_t port;
        GSocketConnection *accepted;
        uint8_t head[4];
};

static void stranger_init(struct stranger *s)
{
        *s = (struct stranger){ .c = g_main_context_new(), .listener = g_socket_listener_new() };
        s->port = g_socket_listener_add_any_inet_port(s->listener, NULL, NULL);
        g_main_context_push_thread_default(s->c);
        provider = ice_nice_provider(s->c);
}

static void stranger_listen(struct stranger *s)
{
        gssize n = 0;

        g_socket_listener_accept_async(s->listener, NULL, on_accepted, &s->accepted);
        WAIT_FOR(s->c, s->accepted);
        g_input_stream_read_async(g_io_stream_get_input_stream(G_IO_STREAM(s->accepted)), s->head, sizeof(s->head),
                                  G_PRIORITY_DEFAULT, NULL, on_read, &n);
        WAIT_FOR(s->c, n != 0);
        ASSERT_EQ(n, sizeof(s->head));
}

static void stranger_done(struct stranger *s)
{
        g_object_unref(s->accepted);
        g_object_unref(s->listener);
        for (unsigned i = 0; i < 1000 && g_main_context_iteration(s->c, FALSE); i++)
                ;
        g_main_context_pop_thread_default(s->c);
        g_main_context_unref(s->c);
}

TEST(tcp_is_dialled_where_there_is_no_udp)
{
        const struct ice_config config = { .controlling = true, .tcp = true, .loopback = true };
        struct end e = { .other = NULL };
        struct stranger s;
        char line[128];

        stranger_init(&s);
        ASSERT_OK(provider.ops->create(provider.factory, &config, &events, &e, &e.ice));
        ASSERT_OK(provider.ops->set_remote(e.ice, "abcd", "abcdefghijklmnopqrstuv"));
        snprintf(line, sizeof(line), "candidate:1 1 TCP 1671430143 127.0.0.1 %u typ host tcptype passive", s.port);
        for (unsigned i = 0; i < 20; i++) /* bounded */
                ASSERT_OK(provider.ops->add_remote_candidate(e.ice, line));
        ASSERT_OK(provider.ops->add_remote_candidate(e.ice, NULL));
        stranger_listen(&s);
        ASSERT_EQ(s.head[0], 0); /* RFC 4571: a length … */
        ASSERT_GE(s.head[1], 20);
        ASSERT_EQ(s.head[2], 0); /* … and a binding request */
        ASSERT_EQ(s.head[3], 1);
        ASSERT_OK(provider.ops->restart(e.ice, false)); /* what was held is forgotten */
        provider.ops->free(e.ice);
        stranger_done(&s);
}

TEST(a_server_that_is_told_later_is_asked)
{
        const struct ice_config config = { .controlling = true, .relay_only = true, .loopback = true };
        struct end e = { .other = NULL };
        struct stranger s;
        char url[64];
        const struct ice_server servers[] = { { .url = "stun:127.0.0.1" },
                                              { .url = "turn:", .username = "u", .credential = "p" },
                                              { .url = "turn:127.0.0.1:9" },
                                              { .url = url, .username = "u", .credential = "p" } };

        stranger_init(&s);
        ASSERT_OK(provider.ops->create(provider.factory, &config, &events, &e, &e.ice));
        snprintf(url, sizeof(url), "turn:127.0.0.1:%u?transport=tcp", s.port);
        ASSERT_OK(provider.ops->add_servers(e.ice, servers, ARRAY_SIZE(servers)));
        stranger_listen(&s);
        ASSERT_EQ(s.head[0], 0); /* an allocate request */
        ASSERT_EQ(s.head[1], 3);
        provider.ops->free(e.ice);
        stranger_done(&s);
}
