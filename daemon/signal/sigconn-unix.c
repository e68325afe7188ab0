/* sigconn-unix.c - see sigconn-unix.h and sigconn.h.
 *
 * Thread: the one of the loop (control). Nothing blocks: connect(2) on a Unix socket decides at once, unless the
 * backlog is full: then it is tried again until timeout_ms. What the socket does not take waits in a bounded queue.
 * Events never come from inside open() and send(): they are left to a timer due at once.
 *
 * A connection handles one packet per callback and emits as the last thing it does, so that the receiver may close()
 * (free) it from inside the event. The loop calls again while packets wait.
 *
 * Packet boundaries are the message boundaries; an empty packet cannot be told from the end of the stream (both read
 * as 0 bytes) and means the end. close() hands over what the socket still takes; the rest, if the peer has stopped
 * reading with a whole socket buffer unread, is dropped.
 */
#include "signal/sigconn-unix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"

enum {
        QUEUE_MAX_MESSAGES = 256,
        QUEUE_MAX_BYTES = 512 * 1024,
        DEFAULT_MAX_MESSAGE = 1024 * 1024,
        DEFAULT_TIMEOUT_MS = 10000,
        RETRY_MS = 20, /* while the listener's backlog is full */
};

struct packet {
        struct list link; /* in conn.queue */
        size_t len;
        char data[];
};

enum conn_state {
        CONN_CONNECTING,
        CONN_OPENING, /* `opened` is due */
        CONN_OPEN,
        CONN_CLOSING, /* `closed` is due */
        CONN_CLOSED,
};

struct conn {
        struct sigconn base;
        struct loop *loop; /* borrowed */
        struct sigconn_events ev;
        void *ctx;
        enum conn_state state;
        struct sockaddr_un address;
        int fd;                    /* owned */
        struct loop_source *io;    /* owned */
        struct loop_source *timer; /* owned: the next try, or an event that is due */
        uint64_t deadline_us;      /* of the opening */
        struct list queue;
        size_t n_queued, queued_bytes;
        char *buffer; /* owned; grows to the longest message so far */
        size_t buffer_size, max_message;
        int error; /* of the `closed` that is due */
};

static void conn_free(struct conn *c)
{
        struct packet *p;

        list_for_each (p, &c->queue, link)
                free(p);
        loop_remove(c->io);
        loop_remove(c->timer);
        close_fd(c->fd);
        free(c->buffer);
        free(c);
}

static void conn_freep(struct conn **c)
{
        if (*c)
                conn_free(*c);
}

/* Ends the connection; `closed` follows from the loop. */
static void fail_later(struct conn *c, int err)
{
        c->state = CONN_CLOSING;
        c->error = err;
        c->io = loop_remove(c->io);
        (void)loop_set_timer(c->timer, 0);
}

/* Ends the connection with an event now: the caller must not touch it any more. */
static void fail_now(struct conn *c, int err)
{
        c->state = CONN_CLOSED;
        c->io = loop_remove(c->io);
        c->timer = loop_remove(c->timer);
        c->fd = close_fd(c->fd);
        c->ev.closed(err, 0, err ? strerror(-err) : "closed by the peer", c->ctx);
}

/* ---- sending ---- */

static void set_interest(struct conn *c)
{
        (void)loop_set_fd_events(c->io, LOOP_READ | (list_is_empty(&c->queue) ? 0 : LOOP_WRITE));
}

/* 1: sent, 0: the socket is full, negative: it is broken. */
static int send_packet(struct conn *c, const char *data, size_t len)
{
        if (send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
                return 1;
        return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
}

static int flush(struct conn *c)
{
        struct packet *p;
        int r = 1;

        while (r > 0 && (p = list_first(&c->queue, struct packet, link))) {
                r = send_packet(c, p->data, p->len);
                if (r <= 0)
                        break;
                list_remove(&p->link);
                c->n_queued--;
                c->queued_bytes -= p->len;
                free(p);
        }
        return r;
}

static int enqueue(struct conn *c, const char *data, size_t len)
{
        struct packet *p;

        if (c->n_queued >= QUEUE_MAX_MESSAGES || c->queued_bytes + len > QUEUE_MAX_BYTES)
                return -ENOBUFS;
        p = malloc(sizeof(*p) + len);
        if (!p)
                return -ENOMEM;
        p->len = len;
        memcpy(p->data, data, len);
        list_append(&c->queue, &p->link);
        c->n_queued++;
        c->queued_bytes += len;
        return 0;
}

static int conn_send(struct sigconn *base, const char *data, size_t len, bool binary)
{
        struct conn *c = (struct conn *)base;
        int r = 0;

        if (len > SIGCONN_UNIX_MAX_SEND)
                return -EMSGSIZE;
        if (len == 0 || binary) /* an empty packet would be the end; packets carry no type */
                return -EINVAL;
        if (c->state >= CONN_CLOSING)
                return -ENOTCONN;
        if (c->state != CONN_CONNECTING && list_is_empty(&c->queue))
                r = send_packet(c, data, len);
        if (r < 0)
                fail_later(c, r);
        if (r != 0)
                return 0;
        r = enqueue(c, data, len);
        if (r >= 0 && c->io)
                set_interest(c);
        return r;
}

/* ---- receiving ---- */

static int reserve(struct conn *c, size_t size)
{
        char *grown;

        if (size <= c->buffer_size)
                return 0;
        grown = realloc(c->buffer, size);
        if (!grown)
                return -ENOMEM;
        c->buffer = grown;
        c->buffer_size = size;
        return 0;
}

/* Takes one packet off the socket: its length, 0 at the end of the stream, or negative errno (-EAGAIN: none). */
static ssize_t take_packet(struct conn *c)
{
        ssize_t n = recv(c->fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
        int r;

        if (n <= 0)
                return n < 0 ? -errno : 0;
        if ((size_t)n > c->max_message)
                return -EMSGSIZE;
        r = reserve(c, (size_t)n + 1);
        if (r < 0)
                return r;
        n = recv(c->fd, c->buffer, (size_t)n, MSG_DONTWAIT);
        if (n < 0)
                return -errno;
        c->buffer[n] = '\0';
        return n;
}

static void receive(struct conn *c)
{
        ssize_t n = take_packet(c);

        if (n > 0)
                c->ev.message(c->buffer, (size_t)n, false, c->ctx);
        else if (n != -EAGAIN && n != -EINTR)
                fail_now(c, (int)n);
}

static void on_io(int fd, uint32_t events, void *ctx)
{
        struct conn *c = ctx;
        int r;

        (void)fd;
        if (events & LOOP_WRITE) {
                r = flush(c);
                if (r < 0) {
                        fail_now(c, r);
                        return;
                }
                set_interest(c);
        }
        if (c->state == CONN_OPEN && events & (LOOP_READ | LOOP_HANGUP))
                receive(c);
}

/* ---- opening ---- */

static void try_connect(struct conn *c)
{
        uint64_t now = loop_now_us(c->loop);
        int r;

        if (connect(c->fd, (struct sockaddr *)&c->address, sizeof(c->address)) >= 0) {
                c->state = CONN_OPENING;
                (void)loop_set_timer(c->timer, 0);
                return;
        }
        r = -errno;
        if (r != -EAGAIN)
                fail_later(c, r);
        else if (now >= c->deadline_us)
                fail_later(c, -ETIMEDOUT);
        else
                (void)loop_set_timer(c->timer, now + RETRY_MS * US_PER_MS);
}

static void finish_opening(struct conn *c)
{
        int r;

        r = loop_add_fd(c->loop, c->fd, LOOP_READ, on_io, c, &c->io);
        if (r >= 0)
                r = flush(c); /* what was sent before */
        if (r < 0) {
                fail_now(c, r);
                return;
        }
        set_interest(c);
        c->state = CONN_OPEN;
        c->ev.opened(c->ctx);
}

static void on_timer(void *ctx)
{
        struct conn *c = ctx;

        switch (c->state) {
        case CONN_CONNECTING: try_connect(c); break;
        case CONN_OPENING: finish_opening(c); break;
        case CONN_CLOSING: fail_now(c, c->error); break;
        case CONN_OPEN:
        case CONN_CLOSED: break;
        }
}

static int parse_url(const char *url, struct sockaddr_un *ret)
{
        const char *path = url + strlen("unix:");

        if (strncmp(url, "unix:", strlen("unix:")) != 0 || path[0] != '/')
                return -EINVAL;
        if (strlen(path) >= sizeof(ret->sun_path))
                return -ENAMETOOLONG;
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        memcpy(ret->sun_path, path, strlen(path));
        return 0;
}

static int conn_open(void *factory, const struct sigconn_params *p, const struct sigconn_events *ev, void *ctx,
                     struct sigconn **ret);

static void conn_close(struct sigconn *base)
{
        struct conn *c = (struct conn *)base;

        if (c->state == CONN_OPENING || c->state == CONN_OPEN)
                (void)flush(c);
        conn_free(c);
}

static const struct sigconn_ops sigconn_unix_ops = { conn_open, conn_send, conn_close };

static int conn_open(void *factory, const struct sigconn_params *p, const struct sigconn_events *ev, void *ctx,
                     struct sigconn **ret)
{
        _cleanup_(conn_freep) struct conn *c = calloc(1, sizeof(*c));
        uint32_t timeout_ms = p->timeout_ms ? p->timeout_ms : DEFAULT_TIMEOUT_MS;
        int r;

        if (!c)
                return -ENOMEM;
        c->base.ops = &sigconn_unix_ops;
        c->loop = factory;
        c->ev = *ev;
        c->ctx = ctx;
        c->max_message = p->max_message ? p->max_message : DEFAULT_MAX_MESSAGE;
        c->deadline_us = loop_now_us(c->loop) + timeout_ms * US_PER_MS;
        c->fd = -EBADF;
        list_init(&c->queue);
        r = parse_url(p->url, &c->address);
        if (r < 0)
                return r;
        c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (c->fd < 0)
                return -errno;
        r = loop_add_timer(c->loop, LOOP_NEVER, on_timer, c, &c->timer);
        if (r < 0)
                return r;
        try_connect(c);
        *ret = &take_ptr(c)->base;
        return 0;
}

struct sigconn_provider sigconn_unix_provider(struct loop *loop)
{
        return (struct sigconn_provider){ &sigconn_unix_ops, loop };
}
