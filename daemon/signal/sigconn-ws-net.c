/* sigconn-ws-net.c - see sigconn-ws-net.h: the network thread's half of a WebSocket connection, on libsoup-3.0.
 *
 * Thread: the network thread. Life: NEW → CONNECTING → OPEN → ENDED. It ends once, with one `closed` for control,
 * which is made beforehand so that no want of memory can lose it and is tried again while control's mailbox is full.
 * It is freed when control has released it, it has ended and no answer of libsoup is outstanding; always from its
 * timer, never from inside a signal of libsoup. An orderly end (queue, close frame, the server's close frame) has
 * LINGER_MS.
 *
 * Memory is bounded: incoming frames by max_message, messages control has not seen yet by UNREAD_FACTOR times that,
 * outgoing ones by the face. libsoup has no bound for what it is given to send, so it is given one message whenever
 * the socket is writable. Extensions are off: a compressed frame would pass max_message. What cannot be bounded from
 * here is a message in endlessly many fragments, which libsoup 3.2 puts together before it shows any of it.
 *
 * Proxies are those of the environment (http_proxy, https_proxy, no_proxy) or the desktop, as libproxy finds them:
 * wss goes through a proxy's CONNECT, ws as an ordinary request to it. Servers on this machine are reached without.
 *
 * Certificates: libsoup accepts what the system's authorities vouch for; the rest is checked against ca_file here.
 */
#include "signal/sigconn-ws-net.h"

#include <assert.h>
#include <errno.h>
#include <libsoup/soup.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "net/tls-trust.h"
#include "signal/sigconn-ws-refusal.h"

enum {
        LINGER_MS = 500,
        RETRY_MS = 50,
        DEFAULT_TIMEOUT_MS = 10000,
        UNREAD_FACTOR = 4,
        CLOSED_TEXT_MAX = WS_REFUSAL_MAX
};

enum ws_state { WS_NEW, WS_CONNECTING, WS_OPEN, WS_ENDED };
enum ws_event_type { WS_EVENT_OPENED, WS_EVENT_MESSAGE, WS_EVENT_CLOSED };

/* What happened, on its way to control. */
struct ws_event {
        struct ws_face *face; /* reference */
        enum ws_event_type type;
        bool binary;
        int err;
        unsigned http_status;
        size_t len;
        char data[]; /* message or text, NUL-terminated */
};

struct ws_net {
        struct ws_face *face; /* reference */
        struct net_thread *thread;
        struct loop *loop;
        char *url, *subprotocol, *authorization, *ca_file; /* owned */
        uint32_t timeout_ms;
        enum ws_state state;
        bool released;      /* by control */
        bool answer_due;    /* libsoup will still call on_connected() */
        bool asked;         /* the handshake is written: an answer is the server's own, and no proxy's */
        bool close_started; /* our close frame is on its way */
        /* owned references */
        GCancellable *cancellable;
        SoupSession *session;
        SoupMessage *request;
        GTlsDatabase *extra_ca;
        SoupWebsocketConnection *conn;
        GSource *writer; /* while something is queued */
        struct ws_refusal *refusal;
        struct loop_source *timer; /* the opening's end; then what is left to do: the `closed`, the freeing */
        struct list queue;
        struct ws_event *closed; /* until control's mailbox has taken it */
};

/* ---- memory ---- */

static struct ws_event *event_new(struct ws_face *face, enum ws_event_type type, size_t len)
{
        struct ws_event *e = calloc(1, sizeof(*e) + len + 1);

        if (!e)
                return NULL;
        e->face = ws_face_ref(face);
        e->type = type;
        e->len = len;
        return e;
}

static void event_free(void *data)
{
        struct ws_event *e = data;

        if (e)
                ws_face_unref(e->face);
        free(e);
}

static void drop_queue(struct ws_net *n)
{
        struct ws_message *m;

        list_for_each (m, &n->queue, link) {
                ws_face_count_unsent(n->face, m, -1);
                list_remove(&m->link);
                free(m);
        }
}

static void free_half(struct ws_net *n)
{
        drop_queue(n);
        event_free(n->closed);
        ws_face_unref(n->face);
        free(n->url);
        free(n->subprotocol);
        free(n->authorization);
        free(n->ca_file);
        free(n);
}

void ws_net_free_unstarted(struct ws_net *n)
{
        if (n && n->state == WS_NEW)
                free_half(n);
}

static void free_halfp(struct ws_net **n)
{
        if (*n)
                free_half(*n);
}

static int copy(const char *text, char **ret)
{
        if (!text)
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

int ws_net_new(struct ws_face *face, const struct sigconn_params *p, struct ws_net **ret)
{
        _cleanup_(free_halfp) struct ws_net *n = calloc(1, sizeof(*n));

        if (!n)
                return -ENOMEM;
        list_init(&n->queue);
        n->face = ws_face_ref(face);
        n->thread = face->thread;
        n->loop = net_thread_loop(face->thread);
        n->timeout_ms = p->timeout_ms ? p->timeout_ms : DEFAULT_TIMEOUT_MS;
        n->closed = event_new(face, WS_EVENT_CLOSED, CLOSED_TEXT_MAX);
        if (!n->closed || copy(p->url, &n->url) < 0 || copy(p->subprotocol, &n->subprotocol) < 0 ||
            copy(p->authorization, &n->authorization) < 0 || copy(p->ca_file, &n->ca_file) < 0)
                return -ENOMEM;
        *ret = take_ptr(n);
        return 0;
}

/* ---- events to control ---- */

/* control */
static void run_event(void *target, void *data)
{
        struct ws_event *e = data;
        struct ws_face *f = e->face;

        (void)target;
        if (e->type == WS_EVENT_MESSAGE)
                atomic_fetch_sub(&f->unread_bytes, e->len);
        if (f->silent)
                return;
        switch (e->type) {
        case WS_EVENT_OPENED: f->ev.opened(f->ctx); break;
        case WS_EVENT_MESSAGE: f->ev.message(e->data, e->len, e->binary, f->ctx); break;
        case WS_EVENT_CLOSED:
                f->silent = true;
                f->ev.closed(e->err, e->http_status, e->data, f->ctx);
                break;
        }
}

static void deliver_closed(struct ws_net *n)
{
        if (n->closed && net_thread_reply(n->thread, run_event, event_free, n->closed) >= 0)
                n->closed = NULL;
}

static int deliver(struct ws_net *n, enum ws_event_type type, const void *data, size_t len, bool binary)
{
        struct ws_event *e = event_new(n->face, type, len);
        int r;

        if (!e)
                return -ENOMEM;
        if (len > 0)
                memcpy(e->data, data, len);
        e->binary = binary;
        r = net_thread_reply(n->thread, run_event, event_free, e);
        if (r < 0)
                event_free(e);
        return r;
}

/* The one way to the end. The timer does the rest. */
static void end(struct ws_net *n, int err, unsigned http_status, const char *text)
{
        if (n->state == WS_ENDED)
                return;
        n->state = WS_ENDED;
        drop_queue(n);
        g_cancellable_cancel(n->cancellable);
        n->closed->err = err;
        n->closed->http_status = http_status;
        g_strlcpy(n->closed->data, text, CLOSED_TEXT_MAX);
        n->closed->len = strlen(n->closed->data);
        deliver_closed(n);
        (void)loop_set_timer(n->timer, 0);
}

/* ---- errors of the libraries ---- */

static int from_io_error(int code)
{
        switch (code) {
        case G_IO_ERROR_CONNECTION_REFUSED: return -ECONNREFUSED;
        case G_IO_ERROR_HOST_UNREACHABLE: return -EHOSTUNREACH;
        case G_IO_ERROR_NETWORK_UNREACHABLE: return -ENETUNREACH;
        case G_IO_ERROR_TIMED_OUT: return -ETIMEDOUT;
        case G_IO_ERROR_CONNECTION_CLOSED:
        case G_IO_ERROR_PARTIAL_INPUT: return -ECONNRESET;
        case G_IO_ERROR_NOT_FOUND: return -ENOENT;
        case G_IO_ERROR_INVALID_ARGUMENT: return -EINVAL;
        default: return -EIO;
        }
}

static int from_gerror(const GError *e)
{
        if (g_error_matches(e, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE))
                return -EKEYREJECTED;
        if (g_error_matches(e, G_TLS_ERROR, G_TLS_ERROR_EOF))
                return -ECONNRESET;
        if (g_error_matches(e, SOUP_WEBSOCKET_ERROR, SOUP_WEBSOCKET_CLOSE_TOO_BIG))
                return -EMSGSIZE;
        if (e->domain == G_RESOLVER_ERROR)
                return -EHOSTUNREACH;
        if (e->domain == G_IO_ERROR)
                return from_io_error(e->code);
        return -EPROTO;
}

static void end_with(struct ws_net *n, const GError *e)
{
        end(n, from_gerror(e), 0, e->message);
}

static void end_at_proxy(struct ws_net *n, unsigned status)
{
        char text[CLOSED_TEXT_MAX];

        snprintf(text, sizeof(text), "the proxy refuses: %u %s", status, soup_status_get_phrase(status));
        end(n, -ECONNREFUSED, 0, text);
}

/* The handshake was not taken: the server's status says why, unless it agreed and then did it wrongly. */
static void end_refused(struct ws_net *n, const GError *e)
{
        unsigned status = soup_message_get_status(n->request);

        if (!n->asked && status >= 300)
                end_at_proxy(n, status);
        else if (e->domain != SOUP_WEBSOCKET_ERROR || status == SOUP_STATUS_SWITCHING_PROTOCOLS || status < 100)
                end_with(n, e);
        else
                end(n, status == SOUP_STATUS_UNAUTHORIZED || status == SOUP_STATUS_FORBIDDEN ? -EACCES : -ECONNREFUSED,
                    status, ws_refusal_text(n->refusal, status));
}

/* ---- the open connection ---- */

static void on_message(SoupWebsocketConnection *conn, SoupWebsocketDataType type, GBytes *bytes, struct ws_net *n)
{
        struct ws_face *f = n->face;
        gsize len = 0;
        const void *data = g_bytes_get_data(bytes, &len);
        int r;

        (void)conn;
        if (n->state != WS_OPEN || n->released)
                return;
        if (len > f->max_message) { /* in fragments that each pass libsoup's limit */
                end(n, -EMSGSIZE, 0, "message too long");
                return;
        }
        if (atomic_fetch_add(&f->unread_bytes, len) + len > UNREAD_FACTOR * f->max_message) {
                end(n, -ENOBUFS, 0, "messages come faster than they are handled");
                return;
        }
        r = deliver(n, WS_EVENT_MESSAGE, data, len, type == SOUP_WEBSOCKET_DATA_BINARY);
        if (r < 0)
                end(n, r, 0, "message lost"); /* a gap would break the protocol above */
}

static void on_error(SoupWebsocketConnection *conn, GError *e, struct ws_net *n)
{
        (void)conn;
        end_with(n, e);
}

static void on_closed(SoupWebsocketConnection *conn, struct ws_net *n)
{
        unsigned code = soup_websocket_connection_get_close_code(conn);
        const char *data = soup_websocket_connection_get_close_data(conn);
        char text[CLOSED_TEXT_MAX];

        snprintf(text, sizeof(text), "closed by the server, code %u %s", code, data ? data : "");
        end(n, code == SOUP_WEBSOCKET_CLOSE_ABNORMAL || code == 0 ? -ECONNRESET : 0, 0, text);
        (void)loop_set_timer(n->timer, 0);
}

static void start_close(struct ws_net *n)
{
        n->close_started = true;
        if (soup_websocket_connection_get_state(n->conn) == SOUP_WEBSOCKET_STATE_OPEN)
                soup_websocket_connection_close(n->conn, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
}

static void write_one(struct ws_net *n)
{
        struct ws_message *m = list_first(&n->queue, struct ws_message, link);
        GBytes *bytes;

        if (!m)
                return;
        list_remove(&m->link);
        ws_face_count_unsent(n->face, m, -1);
        if (soup_websocket_connection_get_state(n->conn) == SOUP_WEBSOCKET_STATE_OPEN) {
                bytes = g_bytes_new(m->data, m->len);
                soup_websocket_connection_send_message(
                        n->conn, m->binary ? SOUP_WEBSOCKET_DATA_BINARY : SOUP_WEBSOCKET_DATA_TEXT, bytes);
                g_bytes_unref(bytes);
        }
        free(m);
}

static gboolean on_writable(GObject *stream, gpointer data)
{
        struct ws_net *n = data;

        (void)stream;
        write_one(n);
        if (!list_is_empty(&n->queue))
                return G_SOURCE_CONTINUE;
        g_clear_pointer(&n->writer, g_source_unref);
        if (n->released)
                start_close(n);
        return G_SOURCE_REMOVE;
}

static void start_writing(struct ws_net *n)
{
        GOutputStream *out;

        if (n->writer || n->state != WS_OPEN || list_is_empty(&n->queue))
                return;
        /* libsoup may have closed the socket already and tell so only in a later turn: a closed one gives no source.
         * What waits goes with the end, or with the time to linger. */
        if (soup_websocket_connection_get_state(n->conn) != SOUP_WEBSOCKET_STATE_OPEN)
                return;
        out = g_io_stream_get_output_stream(soup_websocket_connection_get_io_stream(n->conn));
        n->writer = g_pollable_output_stream_create_source(G_POLLABLE_OUTPUT_STREAM(out), NULL);
        g_source_set_callback(n->writer, G_SOURCE_FUNC(on_writable), n, NULL);
        g_source_attach(n->writer, net_thread_context(n->thread));
}

static void opened(struct ws_net *n)
{
        const char *chosen = soup_websocket_connection_get_protocol(n->conn);
        int r;

        if (n->subprotocol && (!chosen || strcmp(chosen, n->subprotocol) != 0)) {
                end(n, -EPROTO, 0, "the server does not speak the subprotocol");
                return;
        }
        soup_websocket_connection_set_max_incoming_payload_size(n->conn, n->face->max_message);
        g_signal_connect(n->conn, "message", G_CALLBACK(on_message), n);
        g_signal_connect(n->conn, "error", G_CALLBACK(on_error), n);
        g_signal_connect(n->conn, "closed", G_CALLBACK(on_closed), n);
        n->state = WS_OPEN;
        (void)loop_set_timer(n->timer, LOOP_NEVER);
        r = deliver(n, WS_EVENT_OPENED, NULL, 0, false);
        if (r < 0)
                end(n, r, 0, "control does not listen");
        start_writing(n);
}

/* ---- opening ---- */

static void on_connected(GObject *session, GAsyncResult *result, gpointer data)
{
        struct ws_net *n = data;
        g_autoptr(GError) error = NULL;

        n->answer_due = false;
        n->conn = soup_session_websocket_connect_finish(SOUP_SESSION(session), result, &error);
        if (n->state == WS_ENDED)
                (void)loop_set_timer(n->timer, 0);
        else if (n->conn)
                opened(n);
        else
                end_refused(n, error);
}

/* The system's authorities do not vouch for it: those of ca_file may. */
static gboolean on_certificate(SoupMessage *request, GTlsCertificate *certificate, GTlsCertificateFlags errors,
                               struct ws_net *n)
{
        GUri *uri = soup_message_get_uri(request);
        g_autoptr(GSocketConnectable) identity = NULL;

        (void)errors;
        identity = g_network_address_new(g_uri_get_host(uri), 443); /* the port is no part of what is compared */
        return tls_trust_check(n->extra_ca, certificate, identity);
}

/* A proxy of the environment is for servers elsewhere. */
static bool is_loopback(const char *host)
{
        g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);

        return address ? g_inet_address_get_is_loopback(address) : g_ascii_strcasecmp(host, "localhost") == 0;
}

static void on_asked(SoupMessage *request, struct ws_net *n)
{
        (void)request;
        n->asked = true;
}

static gboolean on_spare_time(gpointer nothing)
{
        (void)nothing;
        tls_trust_prepare();
        return G_SOURCE_REMOVE;
}

/* Nothing else is to be done while the TCP connection is on its way. */
static void on_progress(SoupMessage *request, GSocketClientEvent event, GIOStream *connection, struct ws_net *n)
{
        g_autoptr(GSource) turn = NULL;

        (void)request;
        (void)connection;
        if (event != G_SOCKET_CLIENT_CONNECTING)
                return;
        turn = g_idle_source_new();
        g_source_set_priority(turn, G_PRIORITY_HIGH);
        g_source_set_callback(turn, on_spare_time, NULL, NULL);
        g_source_attach(turn, net_thread_context(n->thread));
}

static bool make_request(struct ws_net *n)
{
        n->request = soup_message_new(SOUP_METHOD_GET, n->url);
        if (!n->request)
                return false;
        /* A redirect would carry the authorization elsewhere. */
        soup_message_add_flags(n->request, SOUP_MESSAGE_NO_REDIRECT);
        soup_message_disable_feature(n->request, SOUP_TYPE_WEBSOCKET_EXTENSION_MANAGER);
        if (n->authorization)
                soup_message_headers_replace(soup_message_get_request_headers(n->request), "Authorization",
                                             n->authorization);
        g_signal_connect(n->request, "accept-certificate", G_CALLBACK(on_certificate), n);
        g_signal_connect(n->request, "wrote-headers", G_CALLBACK(on_asked), n);
        if (g_str_has_prefix(n->url, "wss:"))
                g_signal_connect(n->request, "network-event", G_CALLBACK(on_progress), n);
        n->session = soup_session_new();
        n->refusal = ws_refusal_new(n->session, n->authorization);
        if (is_loopback(g_uri_get_host(soup_message_get_uri(n->request))))
                soup_session_set_proxy_resolver(n->session, NULL);
        return true;
}

static void connect_now(struct ws_net *n)
{
        char *protocols[] = { n->subprotocol, NULL };

        n->answer_due = true;
        soup_session_websocket_connect_async(n->session, n->request, NULL, n->subprotocol ? protocols : NULL,
                                             G_PRIORITY_DEFAULT, n->cancellable, on_connected, n);
}

/* ---- the end ---- */

static bool linger(struct ws_net *n)
{
        if (n->state != WS_OPEN || n->close_started)
                return false;
        (void)loop_set_timer(n->timer, loop_now_us(n->loop) + LINGER_MS * US_PER_MS);
        if (list_is_empty(&n->queue))
                start_close(n);
        return true;
}

static void drop_connection(struct ws_net *n)
{
        if (n->writer)
                g_source_destroy(n->writer);
        g_clear_pointer(&n->writer, g_source_unref);
        if (n->conn)
                g_signal_handlers_disconnect_by_data(n->conn, n);
        g_clear_object(&n->conn); /* closes the socket */
}

static void finish(struct ws_net *n)
{
        struct net_thread *thread = n->thread;

        drop_connection(n);
        if (n->request)
                g_signal_handlers_disconnect_by_data(n->request, n);
        g_clear_object(&n->request);
        if (n->session)
                soup_session_abort(n->session);
        g_clear_object(&n->session);
        n->refusal = ws_refusal_free(n->refusal);
        g_clear_object(&n->extra_ca);
        g_clear_object(&n->cancellable);
        n->timer = loop_remove(n->timer);
        free_half(n);
        net_thread_release(thread);
}

static void on_timer(void *ctx)
{
        struct ws_net *n = ctx;

        if (n->state == WS_CONNECTING)
                end(n, -ETIMEDOUT, 0, "no answer to the opening");
        else if (n->state == WS_OPEN) /* lingered long enough */
                end(n, 0, 0, "closed");
        if (!n->released)
                deliver_closed(n);
        if (n->released && !n->answer_due)
                finish(n);
        else if (!n->released && n->closed)
                (void)loop_set_timer(n->timer, loop_now_us(n->loop) + RETRY_MS * US_PER_MS);
        else if (!n->answer_due)
                drop_connection(n); /* nothing is left of it but for control to release it */
}

/* ---- called from control ---- */

void ws_net_start(struct ws_net *n)
{
        g_autoptr(GError) error = NULL;
        int r;

        assert(n->state == WS_NEW);
        net_thread_hold(n->thread);
        n->state = WS_CONNECTING;
        n->cancellable = g_cancellable_new();
        r = loop_add_timer(n->loop, loop_now_us(n->loop) + n->timeout_ms * US_PER_MS, on_timer, n, &n->timer);
        assert(r >= 0); /* loop-glib.c: adding does not fail */
        if (n->ca_file)
                n->extra_ca = g_tls_file_database_new(n->ca_file, &error);
        if (error)
                end(n, -EINVAL, 0, error->message);
        else if (make_request(n))
                connect_now(n);
        else
                end(n, -EINVAL, 0, "not a URL");
}

bool ws_net_send(struct ws_net *n, struct ws_message *m)
{
        if (n->state == WS_ENDED) {
                ws_face_count_unsent(n->face, m, -1);
                return false;
        }
        list_append(&n->queue, &m->link);
        start_writing(n);
        return true;
}

void ws_net_release(struct ws_net *n)
{
        n->released = true;
        if (linger(n))
                return;
        end(n, 0, 0, "released");
        (void)loop_set_timer(n->timer, 0);
}
