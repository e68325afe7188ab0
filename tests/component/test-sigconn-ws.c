/* Component tests of signal/sigconn-ws against a WebSocket server of the test (libsoup), both on one network thread,
 * over loopback: messages, limits, refusals, time-outs, close codes, certificates of a throw-away authority. */
#include <arpa/inet.h>
#include <errno.h>
#include <libsoup/soup.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "signal/sigconn-ws.h"

enum { MAX_MESSAGE = 5000 };

struct fixture {
        struct loop *loop;
        struct net_thread *net;
        struct sigconn_provider provider;
        struct sigconn *conn;
        /* the server, on the network thread until `ready` */
        SoupServer *server;
        const char *cert, *key;
        char dir[32], url[128], ca[64];
        unsigned port;
        GPtrArray *accepted;
        char authorization[9000];
        size_t query_len;
        bool ready;
        /* what came */
        bool opened, closed, got_message;
        char last[MAX_MESSAGE + 1];
        size_t last_len, n_messages;
        bool last_binary;
        int error;
        unsigned status;
        char text[256];
        bool server_saw_close;
        unsigned server_close_code, server_messages;
};

/* ---- the server ---- */

static void server_message(SoupWebsocketConnection *c, SoupWebsocketDataType type, GBytes *bytes, struct fixture *f)
{
        f->server_messages++;
        soup_websocket_connection_send_message(c, type, bytes);
}

static void server_closed(SoupWebsocketConnection *c, struct fixture *f)
{
        f->server_close_code = soup_websocket_connection_get_close_code(c);
        f->server_saw_close = true;
}

static void accept_one(SoupServerMessage *msg, const char *path, SoupWebsocketConnection *c, struct fixture *f)
{
        const char *a = soup_message_headers_get_one(soup_server_message_get_request_headers(msg), "Authorization");
        char big[MAX_MESSAGE + 2];

        const char *query = g_uri_get_query(soup_server_message_get_uri(msg));

        f->query_len = query ? strlen(query) : 0;
        snprintf(f->authorization, sizeof(f->authorization), "%s", a ? a : "");
        g_signal_connect(c, "message", G_CALLBACK(server_message), f);
        g_signal_connect(c, "closed", G_CALLBACK(server_closed), f);
        g_ptr_array_add(f->accepted, g_object_ref(c));
        memset(big, 'x', sizeof(big));
        big[sizeof(big) - 1] = '\0';
        if (strcmp(path, "/big") == 0)
                soup_websocket_connection_send_text(c, big);
        if (strcmp(path, "/full") == 0)
                soup_websocket_connection_send_text(c, big + 1);
        if (strcmp(path, "/goodbye") == 0)
                soup_websocket_connection_close(c, SOUP_WEBSOCKET_CLOSE_GOING_AWAY, "maintenance");
        if (strcmp(path, "/flood") == 0)
                for (int i = 0; i < 100; i++)
                        soup_websocket_connection_send_text(c, big + 1);
}

static void on_websocket(SoupServer *s, SoupServerMessage *msg, const char *path, SoupWebsocketConnection *c,
                         gpointer data)
{
        (void)s;
        accept_one(msg, path, c, data);
}

static void on_status(SoupServer *s, SoupServerMessage *msg, const char *path, GHashTable *query, gpointer data)
{
        const char *body = query ? g_hash_table_lookup(query, "body") : NULL;

        (void)s;
        (void)data;
        soup_server_message_set_status(msg, (guint)atoi(path + 1), NULL);
        if (body)
                soup_server_message_set_response(msg, "text/plain", SOUP_MEMORY_COPY, body, strlen(body));
        if (strcmp(path, "/302") == 0)
                soup_message_headers_append(soup_server_message_get_response_headers(msg), "Location", "/echo");
}

static void run_ready(void *target, void *data)
{
        (void)target;
        ((struct fixture *)data)->ready = true;
}

static void start_server(void *target, void *data)
{
        static char *protocols[] = { (char *)"janus-protocol", NULL };
        struct fixture *f = data;
        g_autoptr(GError) error = NULL;
        g_autoptr(GTlsCertificate) certificate = NULL;
        GSList *uris;

        (void)target;
        f->server = soup_server_new(NULL, NULL);
        f->accepted = g_ptr_array_new_with_free_func(g_object_unref);
        if (f->cert) {
                certificate = g_tls_certificate_new_from_files(f->cert, f->key, &error);
                ASSERT(certificate);
                soup_server_set_tls_certificate(f->server, certificate);
        }
        soup_server_add_websocket_handler(f->server, NULL, NULL, protocols, on_websocket, f, NULL);
        for (const char *const *p = (const char *const[]){ "/401", "/404", "/503", "/302", NULL }; *p; p++) {
                soup_server_add_handler(f->server, *p, on_status, f, NULL);
                soup_server_add_early_handler(f->server, *p, on_status, f, NULL);
        }
        ASSERT(soup_server_listen_local(
                f->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY | (f->cert ? SOUP_SERVER_LISTEN_HTTPS : 0), &error));
        uris = soup_server_get_uris(f->server);
        f->port = (unsigned)g_uri_get_port(uris->data);
        g_slist_free_full(uris, (GDestroyNotify)g_uri_unref);
        ASSERT_OK(net_thread_reply(f->net, run_ready, NULL, f));
}

static void stop_server(void *target, void *data)
{
        struct fixture *f = data;

        (void)target;
        for (unsigned i = 0; i < f->accepted->len; i++)
                g_signal_handlers_disconnect_by_data(f->accepted->pdata[i], f);
        g_ptr_array_unref(f->accepted);
        soup_server_disconnect(f->server);
        g_object_unref(f->server);
}

/* ---- the client ---- */

static void on_opened(void *ctx)
{
        ((struct fixture *)ctx)->opened = true;
}

static void on_message(const char *data, size_t len, bool binary, void *ctx)
{
        struct fixture *f = ctx;

        ASSERT_LE(len, MAX_MESSAGE);
        ASSERT_EQ(data[len], '\0');
        memcpy(f->last, data, len + 1);
        f->last_len = len;
        f->last_binary = binary;
        f->n_messages++;
        f->got_message = true;
}

static void on_closed(int err, unsigned http_status, const char *text, void *ctx)
{
        struct fixture *f = ctx;

        ASSERT(!f->closed);
        f->error = err;
        f->status = http_status;
        snprintf(f->text, sizeof(f->text), "%s", text);
        f->closed = true;
}

static const struct sigconn_events events = { 0, on_opened, on_message, on_closed };

static void open_url(struct fixture *f, const char *url, const char *subprotocol, const char *ca_file)
{
        struct sigconn_params p = { .url = url,
                                    .subprotocol = subprotocol,
                                    .authorization = "Bearer t0ken",
                                    .ca_file = ca_file,
                                    .max_message = MAX_MESSAGE,
                                    .timeout_ms = 150 };

        if (f->cert)
                p.timeout_ms = 2000;
        ASSERT_OK(f->provider.ops->open(f->provider.factory, &p, &events, f, &f->conn));
        ASSERT(!f->opened);
}

static void open_path(struct fixture *f, const char *path)
{
        snprintf(f->url, sizeof(f->url), "%s://127.0.0.1:%u%s", f->cert ? "wss" : "ws", f->port, path);
        open_url(f, f->url, "janus-protocol", NULL);
}

static void wait_for(struct fixture *f, const bool *flag)
{
        ASSERT(vloop_run_until(f->loop, flag, 4000));
}

static void setup_tls(struct fixture *f, const char *cert, const char *key)
{
        *f = (struct fixture){ .loop = vloop_new(0), .cert = cert, .key = key, .error = 1 };
        ASSERT_OK(net_thread_new(f->loop, &f->net));
        f->provider = sigconn_ws_provider(f->net);
        ASSERT_OK(net_thread_post(f->net, start_server, NULL, f));
        wait_for(f, &f->ready);
}

static void setup(struct fixture *f)
{
        setup_tls(f, NULL, NULL);
}

static void close_conn(struct fixture *f)
{
        if (f->conn)
                f->provider.ops->close(take_ptr(f->conn));
}

static void teardown(struct fixture *f)
{
        close_conn(f);
        ASSERT_OK(net_thread_post(f->net, stop_server, NULL, f));
        net_thread_free(f->net);
        vloop_free(f->loop);
}

static void expect_closed(struct fixture *f, int err, unsigned status)
{
        wait_for(f, &f->closed);
        if (f->error != err)
                printf("%s\n", f->text);
        ASSERT_EQ(f->error, err);
        ASSERT_EQ(f->status, status);
        ASSERT(*f->text);
        close_conn(f);
        f->closed = f->opened = false;
}

TEST(text_and_binary_come_back_in_order)
{
        struct fixture f;

        setup(&f);
        open_path(&f, "/echo");
        ASSERT_OK(f.provider.ops->send(f.conn, "early", 5, false)); /* before it is open */
        wait_for(&f, &f.got_message);
        ASSERT(f.opened);
        ASSERT_STR(f.last, "early");
        ASSERT(!f.last_binary);
        ASSERT_STR(f.authorization, "Bearer t0ken");
        f.got_message = false;
        ASSERT_OK(f.provider.ops->send(f.conn, "\0\xff\x01", 3, true));
        wait_for(&f, &f.got_message);
        ASSERT(f.last_binary);
        ASSERT_EQ(f.last_len, 3);
        ASSERT_MEM(f.last, "\0\xff\x01", 3);
        ASSERT_EQ(f.provider.ops->send(f.conn, "\xff", 1, false), -EINVAL);
        teardown(&f);
        ASSERT(!f.closed);
}

TEST(many_messages_arrive_in_order_and_what_waits_is_bounded)
{
        struct fixture f;
        unsigned n = 0;
        char text[16];
        bool all = false;

        setup(&f);
        open_path(&f, "/echo");
        for (;; n++) {
                int r;

                snprintf(text, sizeof(text), "%u", n);
                r = f.provider.ops->send(f.conn, text, strlen(text), false);
                if (r == -ENOBUFS)
                        break;
                ASSERT_OK(r);
                ASSERT_LT(n, 100000);
        }
        ASSERT_GE(n, 256);
        while (!all) {
                f.got_message = false;
                wait_for(&f, &f.got_message);
                all = f.n_messages == n;
        }
        ASSERT_EQ(atoi(f.last), n - 1);
        teardown(&f);
}

TEST(close_sends_what_is_queued_and_is_orderly)
{
        struct fixture f;

        setup(&f);
        open_path(&f, "/echo");
        wait_for(&f, &f.opened);
        for (int i = 0; i < 20; i++)
                ASSERT_OK(f.provider.ops->send(f.conn, "bye", 3, false));
        close_conn(&f);
        f.net = net_thread_free(f.net); /* waits; the server's part ran on that thread */
        ASSERT_EQ(f.server_messages, 20);
        ASSERT(f.server_saw_close);
        ASSERT_EQ(f.server_close_code, SOUP_WEBSOCKET_CLOSE_NORMAL);
        ASSERT(!f.closed && !f.got_message);
        stop_server(NULL, &f);
        vloop_free(f.loop);
}

TEST(refused_upgrades_give_their_status)
{
        struct fixture f;

        setup(&f);
        open_path(&f, "/401");
        expect_closed(&f, -EACCES, 401);
        open_path(&f, "/404");
        expect_closed(&f, -ECONNREFUSED, 404);
        open_path(&f, "/503");
        expect_closed(&f, -ECONNREFUSED, 503);
        open_path(&f, "/302"); /* not followed */
        expect_closed(&f, -ECONNREFUSED, 302);
        teardown(&f);
}

TEST(refused_upgrades_give_the_words_of_the_server)
{
        struct fixture f;
        char url[1024];

        setup(&f);
        open_path(&f, "/401?body=invalid%20API%20key:%20k%0Asecond%01line%0A");
        expect_closed(&f, -EACCES, 401);
        ASSERT_STR(f.text, "invalid API key: k second line");
        open_path(&f, "/401?body=invalid%20token:%20t0ken,%20expired"); /* as servers do */
        expect_closed(&f, -EACCES, 401);
        ASSERT_STR(f.text, "invalid token: (hidden), expired");
        open_path(&f, "/404");
        expect_closed(&f, -ECONNREFUSED, 404);
        ASSERT_STR(f.text, "Not Found");
        open_path(&f, "/503?body=%FF%FEx");
        expect_closed(&f, -ECONNREFUSED, 503);
        ASSERT_STR(f.text, "Service Unavailable");
        snprintf(url, sizeof(url), "ws://127.0.0.1:%u/401?body=%0600d", f.port, 0);
        open_url(&f, url, NULL, NULL);
        expect_closed(&f, -EACCES, 401);
        ASSERT_EQ(strspn(f.text, "0"), strlen(f.text));
        ASSERT_EQ(strlen(f.text), 159);
        teardown(&f);
}

TEST(long_tokens_are_not_quoted)
{
        char url[13000], authorization[6100];
        struct fixture f;
        struct sigconn_params p = { .url = url, .authorization = authorization, .timeout_ms = 2000 };

        setup(&f);
        snprintf(authorization, sizeof(authorization), "Bearer %06000d", 7);
        snprintf(url, sizeof(url), "ws://127.0.0.1:%u/401?body=a+%06000d,+b+%06000d,+c", f.port, 7, 7);
        ASSERT_OK(f.provider.ops->open(f.provider.factory, &p, &events, &f, &f.conn));
        expect_closed(&f, -EACCES, 401);
        ASSERT_STR(f.text, "a (hidden), b"); /* the second one was cut */
        teardown(&f);
}

TEST(long_requests_arrive_whole)
{
        char url[9100], authorization[8100];
        struct fixture f;
        struct sigconn_params p = { .url = url, .authorization = authorization, .timeout_ms = 2000 };

        setup(&f);
        snprintf(url, sizeof(url), "ws://127.0.0.1:%u/echo?join_request=%09000d", f.port, 0);
        snprintf(authorization, sizeof(authorization), "Bearer %08000d", 0);
        ASSERT_OK(f.provider.ops->open(f.provider.factory, &p, &events, &f, &f.conn));
        wait_for(&f, &f.opened);
        ASSERT_EQ(f.query_len, strlen("join_request=") + 9000);
        ASSERT_STR(f.authorization, authorization);
        teardown(&f);
}

TEST(wrong_subprotocol_is_a_protocol_error)
{
        struct fixture f;

        setup(&f);
        snprintf(f.url, sizeof(f.url), "ws://127.0.0.1:%u/echo", f.port);
        open_url(&f, f.url, "other-protocol", NULL);
        wait_for(&f, &f.closed);
        ASSERT(f.error == -EPROTO || f.status == 400);
        ASSERT(!f.opened);
        teardown(&f);
}

TEST(message_at_the_limit_passes_and_above_it_closes)
{
        struct fixture f;

        setup(&f);
        open_path(&f, "/full");
        wait_for(&f, &f.got_message);
        ASSERT_EQ(f.last_len, MAX_MESSAGE);
        close_conn(&f);
        f.opened = f.got_message = false;
        open_path(&f, "/big");
        expect_closed(&f, -EMSGSIZE, 0);
        ASSERT(!f.got_message);
        teardown(&f);
}

TEST(flood_that_control_does_not_read_is_cut)
{
        struct fixture f;

        setup(&f);
        open_path(&f, "/flood");
        usleep(50000); /* control does not turn meanwhile: what it has not seen is bounded */
        expect_closed(&f, -ENOBUFS, 0);
        ASSERT_LE(f.n_messages, 4);
        teardown(&f);
}

TEST(server_that_closes_tells_its_code)
{
        struct fixture f;

        setup(&f);
        open_path(&f, "/goodbye");
        wait_for(&f, &f.closed);
        ASSERT_EQ(f.error, 0);
        ASSERT(strstr(f.text, "1001 maintenance"));
        ASSERT_EQ(f.provider.ops->send(f.conn, "x", 1, false), -ENOTCONN);
        teardown(&f);
}

static int listen_silently(unsigned *ret_port)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ASSERT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
        ASSERT_OK(listen(fd, 4));
        ASSERT_OK(getsockname(fd, (struct sockaddr *)&a, &len));
        *ret_port = ntohs(a.sin_port);
        return fd;
}

TEST(silent_server_times_out_and_a_dead_one_refuses)
{
        struct fixture f;
        unsigned own_port;
        int fd;

        setup(&f);
        own_port = f.port;
        fd = listen_silently(&f.port);
        open_path(&f, "/");
        expect_closed(&f, -ETIMEDOUT, 0);
        close(fd);
        open_path(&f, "/");
        expect_closed(&f, -ECONNREFUSED, 0);
        f.port = own_port;
        open_path(&f, "/echo"); /* the thread is as good as before */
        wait_for(&f, &f.opened);
        teardown(&f);
}

TEST(server_that_vanishes_is_a_reset)
{
        struct fixture f;
        char request[2048];
        unsigned own_port;
        int fd, peer;

        setup(&f);
        own_port = f.port;
        fd = listen_silently(&f.port);
        open_path(&f, "/");
        peer = accept(fd, NULL, NULL);
        ASSERT_GT(recv(peer, request, sizeof(request), 0), 0);
        close(peer);
        wait_for(&f, &f.closed);
        ASSERT_LT(f.error, 0);
        ASSERT_EQ(f.status, 0);
        close(fd);
        f.port = own_port;
        teardown(&f);
}

TEST(garbage_instead_of_http_is_an_error)
{
        struct fixture f;
        unsigned own_port;
        int fd, peer;

        setup(&f);
        own_port = f.port;
        fd = listen_silently(&f.port);
        open_path(&f, "/");
        peer = accept(fd, NULL, NULL);
        ASSERT_EQ(send(peer, "\x16\x03\x01 nonsense\r\n\r\n", 16, MSG_NOSIGNAL), 16);
        close(peer);
        wait_for(&f, &f.closed);
        ASSERT_LT(f.error, 0);
        close(fd);
        f.port = own_port;
        teardown(&f);
}

TEST(close_in_every_phase_is_followed_by_nothing)
{
        struct fixture f;
        unsigned own_port;
        int fd;

        setup(&f);
        own_port = f.port;
        fd = listen_silently(&f.port);
        open_path(&f, "/"); /* before the thread has seen it */
        close_conn(&f);
        open_path(&f, "/"); /* in the middle of the handshake */
        vloop_run_until(f.loop, &(bool){ false }, 10);
        close_conn(&f);
        f.port = own_port;
        for (unsigned ms = 0; ms < 8; ms++) { /* around the moment it opens */
                open_path(&f, "/flood");
                usleep(ms * 500);
                close_conn(&f);
                f.opened = false;
        }
        vloop_run_until(f.loop, &(bool){ false }, 20);
        ASSERT(!f.opened && !f.closed && !f.got_message);
        close(fd);
        teardown(&f);
}

TEST(bad_parameters_are_refused)
{
        struct fixture f;
        struct sigconn_params p = { .url = "http://127.0.0.1/" };

        setup(&f);
        ASSERT_EQ(f.provider.ops->open(f.provider.factory, &p, &events, &f, &f.conn), -EINVAL);
        open_url(&f, "ws://[::", NULL, NULL);
        expect_closed(&f, -EINVAL, 0);
        open_url(&f, "ws://127.0.0.1:1/", NULL, "/nonexistent/ca.pem");
        expect_closed(&f, -EINVAL, 0);
        teardown(&f);
}

/* ---- certificates ----
 * Not under TSan: GIO runs TLS handshakes on a thread of its own, where none of our code runs, and hands them over by
 * GLib's locks, which TSan does not see. */
#ifndef __SANITIZE_THREAD__

static void make_certificates(const char *dir)
{
        char command[2048];

        snprintf(command, sizeof(command),
                 "cd %s && exec 2>err && "
                 "req='openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2' && "
                 "$req -x509 -keyout ca.key -out ca.pem -subj /CN=Throwaway "
                 "  -addext basicConstraints=critical,CA:TRUE && "
                 "$req -keyout good.key -out good.csr -subj /CN=good && "
                 "printf 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:server.invalid' >good.ext && "
                 "openssl x509 -req -in good.csr -CA ca.pem -CAkey ca.key -days 2 -extfile good.ext -out good.pem && "
                 "printf 'subjectAltName=DNS:elsewhere.example' >other.ext && "
                 "openssl x509 -req -in good.csr -CA ca.pem -CAkey ca.key -days 2 -extfile other.ext -out other.pem",
                 dir);
        if (system(command) != 0)
                test_fail(__FILE__, __LINE__, "openssl: see %s/err", dir);
}

static void remove_folder(const char *dir)
{
        char command[64];

        snprintf(command, sizeof(command), "rm -r %s", dir);
        ASSERT_EQ(system(command), 0);
}

/* ---- proxies ---- */

struct proxy {
        pthread_t thread;
        int fd;
        unsigned port, server_port, n_requests;
        const char *answer; /* to CONNECT; NULL: goes through */
        char request[1024];
};

static void pump(int a, int b)
{
        struct pollfd fds[] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN } };
        char buf[4096];

        while (poll(fds, 2, -1) > 0)
                for (int i = 0; i < 2; i++) {
                        ssize_t n = fds[i].revents ? recv(fds[i].fd, buf, sizeof(buf), 0) : 1;

                        if (n <= 0)
                                return;
                        if (fds[i].revents)
                                send(fds[1 - i].fd, buf, (size_t)n, MSG_NOSIGNAL);
                }
}

static void *run_proxy(void *data)
{
        struct proxy *x = data;
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)x->server_port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        const char *answer = x->answer ? x->answer : "HTTP/1.1 200 OK\r\n\r\n";
        int client, server;

        while ((client = accept4(x->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                ASSERT_GT(recv(client, x->request, sizeof(x->request) - 1, 0), 0);
                x->n_requests++;
                server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                ASSERT_OK(connect(server, (struct sockaddr *)&a, sizeof(a)));
                ASSERT_GT(send(client, answer, strlen(answer), MSG_NOSIGNAL), 0);
                if (!x->answer)
                        pump(client, server);
                close(server);
                close(client);
        }
        return NULL;
}

static void proxy_start(struct proxy *x, unsigned server_port, const char *answer)
{
        char url[64];

        *x = (struct proxy){ .server_port = server_port, .answer = answer };
        x->fd = listen_silently(&x->port);
        snprintf(url, sizeof(url), "http://127.0.0.1:%u", x->port);
        setenv("https_proxy", url, true);
        ASSERT_EQ(pthread_create(&x->thread, NULL, run_proxy, x), 0);
}

static void proxy_stop(struct proxy *x)
{
        unsetenv("https_proxy");
        unsetenv("no_proxy");
        shutdown(x->fd, SHUT_RDWR);
        pthread_join(x->thread, NULL);
        close(x->fd);
}

TEST(the_proxy_of_the_environment_is_gone_through)
{
        char dir[] = "/tmp/test-sigconn-XXXXXX", ca[64], good[64], key[64];
        struct fixture f;
        struct proxy x;

        ASSERT(mkdtemp(dir));
        make_certificates(dir);
        snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
        snprintf(good, sizeof(good), "%s/good.pem", dir);
        snprintf(key, sizeof(key), "%s/good.key", dir);
        setup_tls(&f, good, key);

        proxy_start(&x, f.port, NULL);
        open_url(&f, "wss://server.invalid/echo", "janus-protocol", ca);
        wait_for(&f, &f.opened);
        close_conn(&f);
        ASSERT(strstr(x.request, "CONNECT server.invalid:443 HTTP/1.1\r\n"));
        ASSERT(!strstr(x.request, "t0ken")); /* is for the server only */
        f.opened = false;
        setenv("no_proxy", "server.invalid", true);
        open_url(&f, "wss://server.invalid/echo", "janus-protocol", ca);
        wait_for(&f, &f.closed);
        ASSERT_LT(f.error, 0);
        close_conn(&f);
        f.closed = false;
        proxy_stop(&x);
        ASSERT_EQ(x.n_requests, 1);

        proxy_start(&x, f.port, "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nblock");
        open_url(&f, "wss://server.invalid/echo", "janus-protocol", ca);
        expect_closed(&f, -ECONNREFUSED, 0); /* nothing is wrong with the token */
        ASSERT_STR(f.text, "the proxy refuses: 403 Forbidden");
        proxy_stop(&x);
        teardown(&f);
        remove_folder(dir);
}

TEST(certificates_are_verified_against_the_system_and_ca_file)
{
        char dir[] = "/tmp/test-sigconn-XXXXXX", ca[64], good[64], other[64], key[64];
        struct fixture f;

        ASSERT(mkdtemp(dir));
        make_certificates(dir);
        snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
        snprintf(good, sizeof(good), "%s/good.pem", dir);
        snprintf(other, sizeof(other), "%s/other.pem", dir);
        snprintf(key, sizeof(key), "%s/good.key", dir);

        setup_tls(&f, good, key);
        open_path(&f, "/echo"); /* nobody vouches for it */
        expect_closed(&f, -EKEYREJECTED, 0);
        ASSERT_EQ(f.accepted->len, 0);
        open_url(&f, f.url, "janus-protocol", ca);
        wait_for(&f, &f.opened);
        ASSERT_OK(f.provider.ops->send(f.conn, "over tls", 8, false));
        wait_for(&f, &f.got_message);
        ASSERT_STR(f.last, "over tls");
        teardown(&f);

        setup_tls(&f, other, key); /* vouched for, but as somebody else */
        snprintf(f.url, sizeof(f.url), "wss://127.0.0.1:%u/echo", f.port);
        open_url(&f, f.url, "janus-protocol", ca);
        expect_closed(&f, -EKEYREJECTED, 0);
        teardown(&f);
        remove_folder(dir);
}

#endif /* __SANITIZE_THREAD__ */

TEST_OOM(open_fails_cleanly)
{
        struct loop *l = vloop_new(0);
        struct sigconn_params p = {
                .url = "ws://127.0.0.1:1/", .subprotocol = "p", .authorization = "a", .ca_file = "/x"
        };
        struct sigconn_provider provider;
        struct net_thread *net = NULL;
        struct sigconn *c = NULL;
        int r;

        if (!l)
                return -ENOMEM;
        r = net_thread_new(l, &net);
        if (r >= 0) {
                provider = sigconn_ws_provider(net);
                r = provider.ops->open(provider.factory, &p, &events, &(struct fixture){ 0 }, &c);
                if (r >= 0)
                        provider.ops->close(c);
        }
        net_thread_free(net);
        vloop_free(l);
        return r;
}
