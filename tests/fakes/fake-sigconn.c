/* fake-sigconn.c - see fake-sigconn.h. */
#include "fakes/fake-sigconn.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "lib/test.h"

struct message {
        struct list link; /* in fake_sigconn.sent */
        size_t len;
        bool binary;
        char data[];
};

struct fake_sigconn {
        struct loop *loop;
        struct loop_source *timer; /* armed: there is something to do for the scripted server */
        struct fake_conn *conn;    /* borrowed: owned by the code under test */
        struct list sent;
        struct sigconn_params params;
        char texts[4][2048]; /* behind params */
        unsigned n_opens;
        int refuse;
        size_t max_send;
        fake_sigconn_fn fn;
        void (*doorkeeper)(struct fake_sigconn *f, void *ctx);
        void *ctx;
};

struct fake_conn {
        struct sigconn base;
        struct fake_sigconn *server;
        struct sigconn_events ev;
        void *ctx;
        bool accepted, dropped;
};

static const char *keep(char *buf, const char *text)
{
        if (!text)
                return NULL;
        ASSERT_LT(strlen(text), sizeof(((struct fake_sigconn *)NULL)->texts[0]));
        return strcpy(buf, text);
}

static void on_timer(void *ctx)
{
        struct fake_sigconn *f = ctx;
        struct message *m;

        if (f->conn && !f->conn->accepted && !f->conn->dropped && f->doorkeeper)
                f->doorkeeper(f, f->ctx);
        else if (f->conn && !f->conn->accepted && !f->conn->dropped)
                fake_sigconn_accept(f);
        while ((m = list_first(&f->sent, struct message, link))) {
                list_remove(&m->link);
                f->fn(f, m->data, m->len, m->binary, f->ctx);
                free(m);
        }
}

static void wake(struct fake_sigconn *f)
{
        if (f->fn)
                ASSERT_OK(loop_set_timer(f->timer, 0));
}

static int fake_send(struct sigconn *base, const char *data, size_t len, bool binary)
{
        struct fake_conn *c = (struct fake_conn *)base;
        struct message *m;

        if (c->dropped)
                return -ENOTCONN;
        if (c->server->max_send && len > c->server->max_send)
                return -EMSGSIZE;
        m = malloc(sizeof(*m) + len + 1);
        if (!m)
                return -ENOMEM;
        m->len = len;
        m->binary = binary;
        memcpy(m->data, data, len);
        m->data[len] = '\0';
        list_append(&c->server->sent, &m->link);
        wake(c->server);
        return 0;
}

static void fake_close(struct sigconn *base)
{
        struct fake_conn *c = (struct fake_conn *)base;

        if (c->server->conn == c)
                c->server->conn = NULL;
        free(c);
}

static int fake_open(void *factory, const struct sigconn_params *p, const struct sigconn_events *ev, void *ctx,
                     struct sigconn **ret);
static const struct sigconn_ops fake_ops = { fake_open, fake_send, fake_close };

static int fake_open(void *factory, const struct sigconn_params *p, const struct sigconn_events *ev, void *ctx,
                     struct sigconn **ret)
{
        struct fake_sigconn *f = factory;
        struct fake_conn *c;

        if (f->refuse)
                return f->refuse;
        ASSERT(!f->conn);
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (struct fake_conn){ .base.ops = &fake_ops, .server = f, .ev = *ev, .ctx = ctx };
        f->params = *p;
        f->params.url = keep(f->texts[0], p->url);
        f->params.subprotocol = keep(f->texts[1], p->subprotocol);
        f->params.authorization = keep(f->texts[2], p->authorization);
        f->params.ca_file = keep(f->texts[3], p->ca_file);
        f->conn = c;
        f->n_opens++;
        wake(f);
        *ret = &c->base;
        return 0;
}

struct fake_sigconn *fake_sigconn_new(struct loop *loop)
{
        struct fake_sigconn *f = calloc(1, sizeof(*f));

        ASSERT(f);
        f->loop = loop;
        list_init(&f->sent);
        ASSERT_OK(loop_add_timer(loop, LOOP_NEVER, on_timer, f, &f->timer));
        return f;
}

struct fake_sigconn *fake_sigconn_free(struct fake_sigconn *f)
{
        if (!f)
                return NULL;
        ASSERT(!f->conn);
        for (char *left; (left = fake_sigconn_take(f));)
                free(left);
        loop_remove(f->timer);
        free(f);
        return NULL;
}

struct sigconn_provider fake_sigconn_provider(struct fake_sigconn *f)
{
        return (struct sigconn_provider){ &fake_ops, f };
}

void fake_sigconn_set_handler(struct fake_sigconn *f, fake_sigconn_fn fn, void *ctx)
{
        f->fn = fn;
        f->ctx = ctx;
        wake(f);
}

void fake_sigconn_set_doorkeeper(struct fake_sigconn *f, void (*fn)(struct fake_sigconn *f, void *ctx))
{
        f->doorkeeper = fn;
}

void fake_sigconn_refuse_opens(struct fake_sigconn *f, int err)
{
        f->refuse = err;
}

void fake_sigconn_limit_send(struct fake_sigconn *f, size_t max)
{
        f->max_send = max;
}

void fake_sigconn_accept(struct fake_sigconn *f)
{
        ASSERT(f->conn && !f->conn->accepted && !f->conn->dropped);
        f->conn->accepted = true;
        f->conn->ev.opened(f->conn->ctx);
}

static void deliver(struct fake_sigconn *f, const void *data, size_t len, bool binary)
{
        _cleanup_free_ char *copy = malloc(len + 1); /* exact size, so that a sanitizer sees what is read beyond it */

        ASSERT(copy && f->conn && f->conn->accepted && !f->conn->dropped);
        memcpy(copy, data, len);
        copy[len] = '\0';
        f->conn->ev.message(copy, len, binary, f->conn->ctx);
}

void fake_sigconn_message(struct fake_sigconn *f, const char *text)
{
        deliver(f, text, strlen(text), false);
}

void fake_sigconn_binary(struct fake_sigconn *f, const void *data, size_t len)
{
        deliver(f, data, len, true);
}

void fake_sigconn_drop(struct fake_sigconn *f, int err, unsigned http_status, const char *text)
{
        struct fake_conn *c = f->conn;

        ASSERT(c && !c->dropped);
        c->dropped = true;
        f->conn = NULL;
        c->ev.closed(err, http_status, text, c->ctx);
}

bool fake_sigconn_is_open(const struct fake_sigconn *f)
{
        return f->conn;
}

unsigned fake_sigconn_opens(const struct fake_sigconn *f)
{
        return f->n_opens;
}

const struct sigconn_params *fake_sigconn_params(const struct fake_sigconn *f)
{
        return &f->params;
}

char *fake_sigconn_take(struct fake_sigconn *f)
{
        struct message *m = list_first(&f->sent, struct message, link);
        char *text;

        if (!m)
                return NULL;
        list_remove(&m->link);
        text = strndup(m->data, m->len);
        free(m);
        return text;
}
