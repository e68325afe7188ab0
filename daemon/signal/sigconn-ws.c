/* sigconn-ws.c - see sigconn-ws.h and sigconn.h: control's half of a WebSocket connection.
 *
 * Thread: control. Each call is posted to the network thread, where sigconn-ws-net.c does the work. The face is freed
 * when control has closed it and no event on its way refers to it any more; one that arrives after close() finds the
 * face silent and is dropped. What waits to be sent is bounded here, in messages and bytes, until the socket takes it.
 */
#include "signal/sigconn-ws.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "base/cleanup.h"
#include "signal/sigconn-ws-net.h"

enum { UNSENT_MAX_MESSAGES = 256, UNSENT_MAX_BYTES = 1024 * 1024, DEFAULT_MAX_MESSAGE = 1024 * 1024 };

struct ws_face *ws_face_ref(struct ws_face *f)
{
        atomic_fetch_add(&f->refs, 1);
        return f;
}

struct ws_face *ws_face_unref(struct ws_face *f)
{
        if (f && atomic_fetch_sub(&f->refs, 1) == 1)
                free(f);
        return NULL;
}

void ws_face_count_unsent(struct ws_face *f, const struct ws_message *m, int sign)
{
        atomic_fetch_add(&f->n_unsent, sign);
        atomic_fetch_add(&f->unsent_bytes, sign * (ptrdiff_t)m->len);
}

DEFINE_CLEANUP(struct ws_face *, ws_face_unref)

static void run_start(void *target, void *data)
{
        (void)target;
        ws_net_start(data);
}

static void drop_unstarted(void *data)
{
        ws_net_free_unstarted(data); /* nothing, if it was started */
}

static void run_send(void *target, void *data)
{
        struct ws_message *m = data;

        (void)target;
        m->queued = ws_net_send(m->half, m);
}

static void drop_unqueued(void *data)
{
        struct ws_message *m = data;

        if (!m->queued)
                free(m);
}

static void run_release(void *target, void *data)
{
        (void)target;
        ws_net_release(data);
}

static int check_send(const struct ws_face *f, const char *data, size_t len, bool binary)
{
        if (f->silent)
                return -ENOTCONN;
        if (!binary && !g_utf8_validate_len(data, len, NULL)) /* RFC 6455 5.6 */
                return -EINVAL;
        if (f->n_unsent >= UNSENT_MAX_MESSAGES || f->unsent_bytes + len > UNSENT_MAX_BYTES)
                return -ENOBUFS;
        return 0;
}

static int ws_send(struct sigconn *base, const char *data, size_t len, bool binary)
{
        struct ws_face *f = (struct ws_face *)base;
        struct ws_message *m;
        int r;

        r = check_send(f, data, len, binary);
        if (r < 0)
                return r;
        m = calloc(1, sizeof(*m) + len);
        if (!m)
                return -ENOMEM;
        m->half = f->half;
        m->len = len;
        m->binary = binary;
        memcpy(m->data, data, len);
        ws_face_count_unsent(f, m, 1);
        r = net_thread_post(f->thread, run_send, drop_unqueued, m);
        if (r < 0) {
                ws_face_count_unsent(f, m, -1);
                free(m);
        }
        return r;
}

static void ws_close(struct sigconn *base)
{
        struct ws_face *f = (struct ws_face *)base;

        f->silent = true;
        /* Refused only when 4096 calls wait, and then that thread hangs: the half stays there and speaks to nobody. */
        (void)net_thread_post(f->thread, run_release, NULL, f->half);
        ws_face_unref(f);
}

static int ws_open(void *factory, const struct sigconn_params *p, const struct sigconn_events *ev, void *ctx,
                   struct sigconn **ret);
static const struct sigconn_ops sigconn_ws_ops = { ws_open, ws_send, ws_close };

static int ws_open(void *factory, const struct sigconn_params *p, const struct sigconn_events *ev, void *ctx,
                   struct sigconn **ret)
{
        _cleanup_(ws_face_unrefp) struct ws_face *f = NULL;
        int r;

        if (strncmp(p->url, "ws://", 5) != 0 && strncmp(p->url, "wss://", 6) != 0)
                return -EINVAL;
        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        f->base.ops = &sigconn_ws_ops;
        f->refs = 1;
        f->thread = factory;
        f->max_message = p->max_message ? p->max_message : DEFAULT_MAX_MESSAGE;
        f->ev = *ev;
        f->ctx = ctx;
        r = ws_net_new(f, p, &f->half);
        if (r < 0)
                return r;
        r = net_thread_post(f->thread, run_start, drop_unstarted, f->half);
        if (r < 0) {
                ws_net_free_unstarted(f->half);
                return r;
        }
        *ret = &take_ptr(f)->base;
        return 0;
}

struct sigconn_provider sigconn_ws_provider(struct net_thread *net)
{
        return (struct sigconn_provider){ &sigconn_ws_ops, net };
}
