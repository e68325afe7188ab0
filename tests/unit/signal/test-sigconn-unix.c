/* Unit tests of signal/sigconn-unix against a listener of the test: boundaries, limits both ways, every way to end. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "signal/sigconn-unix.h"

struct fixture {
        char dir[32], path[64], url[80];
        struct loop *loop;
        struct sigconn_provider provider;
        struct sigconn *conn;
        int listener, server;
        unsigned opened, messages, closed;
        int error;
        char last[16384];
        size_t last_len;
        bool close_in_message;
};

static void close_conn(struct fixture *f)
{
        if (f->conn)
                f->provider.ops->close(take_ptr(f->conn));
}

static void on_opened(void *ctx)
{
        ((struct fixture *)ctx)->opened++;
}

static void on_message(const char *data, size_t len, bool binary, void *ctx)
{
        struct fixture *f = ctx;

        ASSERT(!binary);
        ASSERT_EQ(data[len], '\0');
        ASSERT_LT(len, sizeof(f->last));
        memcpy(f->last, data, len + 1);
        f->last_len = len;
        f->messages++;
        if (f->close_in_message)
                close_conn(f);
}

static void on_closed(int err, unsigned http_status, const char *text, void *ctx)
{
        struct fixture *f = ctx;

        ASSERT_EQ(http_status, 0);
        ASSERT(text && *text);
        f->error = err;
        f->closed++;
        close_conn(f); /* legal from inside */
}

static const struct sigconn_events events = { 0, on_opened, on_message, on_closed };

static void setup_loop(struct fixture *f)
{
        *f = (struct fixture){ .listener = -1, .server = -1, .error = 1 };
        strcpy(f->dir, "/tmp/test-sigconn-XXXXXX");
        ASSERT(mkdtemp(f->dir));
        snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
        snprintf(f->url, sizeof(f->url), "unix:%s", f->path);
        f->loop = vloop_new(1000);
        f->provider = sigconn_unix_provider(f->loop);
}

static void listen_here(struct fixture *f, int backlog)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };

        strcpy(a.sun_path, f->path);
        f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ASSERT_OK(bind(f->listener, (struct sockaddr *)&a, sizeof(a)));
        ASSERT_OK(listen(f->listener, backlog));
}

static int open_conn(struct fixture *f, const char *url)
{
        struct sigconn_params p = { .url = url, .max_message = 10000, .timeout_ms = 500 };

        return f->provider.ops->open(f->provider.factory, &p, &events, f, &f->conn);
}

static void open_and_accept(struct fixture *f)
{
        setup_loop(f);
        listen_here(f, 4);
        ASSERT_OK(open_conn(f, f->url));
        f->server = accept(f->listener, NULL, NULL);
        ASSERT_OK(f->server);
}

static void setup(struct fixture *f)
{
        open_and_accept(f);
        ASSERT_EQ(f->opened, 0); /* never from inside open() */
        vloop_turn(f->loop);
        ASSERT_EQ(f->opened, 1);
}

static void teardown(struct fixture *f)
{
        close_conn(f);
        vloop_free(f->loop);
        close_fd(f->server);
        close_fd(f->listener);
        unlink(f->path);
        rmdir(f->dir);
}

static int send_text(struct fixture *f, const char *text, size_t len)
{
        return f->provider.ops->send(f->conn, text, len, false);
}

TEST(messages_keep_their_boundaries_and_order)
{
        struct fixture f;
        char got[64];

        setup(&f);
        ASSERT_OK(send_text(&f, "{\"a\":1}", 7));
        ASSERT_OK(send_text(&f, "{}", 2));
        ASSERT_EQ(recv(f.server, got, sizeof(got), 0), 7);
        ASSERT_EQ(recv(f.server, got, sizeof(got), 0), 2);
        ASSERT_EQ(send(f.server, "one", 3, 0), 3);
        ASSERT_EQ(send(f.server, "three", 5, 0), 5);
        vloop_turn(f.loop);
        ASSERT_STR(f.last, "one");
        vloop_turn(f.loop);
        ASSERT_STR(f.last, "three");
        ASSERT_EQ(f.messages, 2);
        ASSERT_EQ(f.closed, 0);
        teardown(&f);
}

TEST(what_janus_would_drop_is_refused)
{
        struct fixture f;
        char big[SIGCONN_UNIX_MAX_SEND + 1];

        setup(&f);
        memset(big, 'x', sizeof(big));
        ASSERT_EQ(send_text(&f, big, sizeof(big)), -EMSGSIZE);
        ASSERT_OK(send_text(&f, big, sizeof(big) - 1));
        ASSERT_EQ(recv(f.server, NULL, 0, MSG_TRUNC), SIGCONN_UNIX_MAX_SEND);
        ASSERT_EQ(send_text(&f, "", 0), -EINVAL);
        ASSERT_EQ(f.provider.ops->send(f.conn, "x", 1, true), -EINVAL);
        vloop_turn(f.loop);
        ASSERT_EQ(f.closed, 0);
        teardown(&f);
}

TEST(incoming_at_the_limit_passes_and_above_it_closes)
{
        struct fixture f;
        char big[10001];

        setup(&f);
        memset(big, 'x', sizeof(big));
        ASSERT_EQ(send(f.server, big, 10000, 0), 10000);
        vloop_turn(f.loop);
        ASSERT_EQ(f.last_len, 10000);
        ASSERT_EQ(send(f.server, big, 10001, 0), 10001);
        vloop_turn(f.loop);
        ASSERT_EQ(f.messages, 1);
        ASSERT_EQ(f.closed, 1);
        ASSERT_EQ(f.error, -EMSGSIZE);
        teardown(&f);
}

TEST(peer_close_and_half_close_are_orderly_ends_after_what_was_sent)
{
        for (int half = 0; half < 2; half++) {
                struct fixture f;

                setup(&f);
                ASSERT_EQ(send(f.server, "last", 4, 0), 4);
                if (half)
                        ASSERT_OK(shutdown(f.server, SHUT_WR));
                else
                        f.server = close_fd(f.server);
                vloop_turn(f.loop);
                ASSERT_STR(f.last, "last");
                vloop_turn(f.loop);
                ASSERT_EQ(f.closed, 1);
                ASSERT_EQ(f.error, 0);
                teardown(&f);
        }
}

TEST(send_to_a_vanished_peer_tells_later)
{
        struct fixture f;

        setup(&f);
        f.server = close_fd(f.server);
        ASSERT_OK(send_text(&f, "x", 1));
        ASSERT_EQ(f.closed, 0);
        ASSERT_EQ(send_text(&f, "x", 1), -ENOTCONN);
        vloop_turn(f.loop);
        ASSERT_EQ(f.closed, 1);
        ASSERT_EQ(f.error, -EPIPE);
        teardown(&f);
}

TEST(slow_reader_gets_everything_in_order_within_a_bounded_queue)
{
        struct fixture f;
        char text[8000], got[8192];
        unsigned sent = 0, received = 0, number;
        int r;

        setup(&f);
        memset(text, ' ', sizeof(text));
        for (;; sent++) {
                memcpy(text, &sent, sizeof(sent));
                r = send_text(&f, text, sizeof(text));
                if (r < 0)
                        break;
        }
        ASSERT_EQ(r, -ENOBUFS);
        ASSERT_GT(sent, 65); /* 512 KiB of ours, and what the socket takes */
        ASSERT_LT(sent, 1000);
        while (received < sent) {
                while (recv(f.server, got, sizeof(got), MSG_DONTWAIT) == sizeof(text)) {
                        memcpy(&number, got, sizeof(number));
                        ASSERT_EQ(number, received++);
                }
                vloop_turn(f.loop);
        }
        ASSERT_EQ(f.closed, 0);
        teardown(&f);
}

TEST(queue_is_bounded_in_messages_too)
{
        struct fixture f;
        unsigned n = 0;

        open_and_accept(&f);
        while (send_text(&f, "x", 1) == 0)
                ASSERT_LT(n++, 5000);
        ASSERT_GT(n, 256);
        teardown(&f);
}

TEST(sent_before_opened_and_closed_at_once_still_arrives)
{
        struct fixture f;
        char got[16];

        open_and_accept(&f);
        ASSERT_OK(send_text(&f, "bye", 3));
        close_conn(&f);
        ASSERT_EQ(recv(f.server, got, sizeof(got), 0), 3);
        vloop_run_for(f.loop, US_PER_SEC);
        ASSERT_EQ(f.opened + f.closed, 0);
        teardown(&f);
}

TEST(nobody_there_is_told_from_the_loop)
{
        struct fixture f;

        setup_loop(&f);
        ASSERT_OK(open_conn(&f, f.url));
        ASSERT_EQ(f.closed, 0);
        vloop_turn(f.loop);
        ASSERT_EQ(f.closed, 1);
        ASSERT_EQ(f.error, -ENOENT);
        listen_here(&f, 4);
        f.listener = close_fd(f.listener); /* the name stays */
        ASSERT_OK(open_conn(&f, f.url));
        vloop_turn(f.loop);
        ASSERT_EQ(f.closed, 2);
        ASSERT_EQ(f.error, -ECONNREFUSED);
        teardown(&f);
}

TEST(full_backlog_is_tried_again_until_the_timeout)
{
        struct fixture f;
        struct sigconn *first;

        setup_loop(&f);
        listen_here(&f, 0);
        ASSERT_OK(open_conn(&f, f.url)); /* fills the backlog */
        first = take_ptr(f.conn);
        vloop_turn(f.loop);
        ASSERT_EQ(f.opened, 1);
        ASSERT_OK(open_conn(&f, f.url));
        vloop_run_for(f.loop, 400 * US_PER_MS);
        ASSERT_EQ(f.opened + f.closed, 1);
        f.server = accept(f.listener, NULL, NULL);
        vloop_run_for(f.loop, 50 * US_PER_MS);
        ASSERT_EQ(f.opened, 2);
        close_conn(&f);
        ASSERT_OK(open_conn(&f, f.url));
        vloop_run_for(f.loop, 600 * US_PER_MS);
        ASSERT_EQ(f.closed, 1);
        ASSERT_EQ(f.error, -ETIMEDOUT);
        f.provider.ops->close(first);
        teardown(&f);
}

TEST(receiver_may_close_from_inside_a_message)
{
        struct fixture f;

        setup(&f);
        f.close_in_message = true;
        ASSERT_EQ(send(f.server, "1", 1, 0), 1);
        ASSERT_EQ(send(f.server, "2", 1, 0), 1);
        vloop_run_for(f.loop, US_PER_SEC);
        ASSERT_EQ(f.messages, 1);
        ASSERT_EQ(f.closed, 0);
        teardown(&f);
}

TEST(bad_urls_are_refused)
{
        struct fixture f;
        char longer[200] = "unix:/";

        setup_loop(&f);
        memset(longer + 6, 'x', 150);
        ASSERT_EQ(open_conn(&f, longer), -ENAMETOOLONG);
        ASSERT_EQ(open_conn(&f, "unix:relative"), -EINVAL);
        ASSERT_EQ(open_conn(&f, "ws://host/"), -EINVAL);
        ASSERT_EQ(open_conn(&f, ""), -EINVAL);
        teardown(&f);
}

TEST_OOM(open_fails_cleanly)
{
        struct loop *l = vloop_new(0);
        struct sigconn_params p = { .url = "unix:/nonexistent/socket" };
        struct sigconn_provider provider = sigconn_unix_provider(l);
        struct sigconn *c = NULL;
        int r;

        if (!l)
                return -ENOMEM;
        r = provider.ops->open(provider.factory, &p, &events, NULL, &c);
        if (r >= 0)
                provider.ops->close(c);
        vloop_free(l);
        return r;
}
