/* turns-bridge.c - see turns-bridge.h.
 *
 * GIO does the work: one service, and for each accepted connection a TLS connection and an asynchronous splice, which
 * own themselves. The bridge only holds the cancellable that ends all of them. Another local process that connects
 * finds a TURN server that asks it for a password; the number of connections is bounded.
 */
#include "transport/turns-bridge.h"

#include <errno.h>
#include <stdlib.h>

#include <gio/gio.h>

#include "base/cleanup.h"
#include "net/tls-trust.h"

enum { CONNECTIONS_MAX = 16 };

struct turns_bridge {
        GMainContext *context; /* borrowed */
        GSocketService *service;
        GSocketClient *client; /* its connections refer to it, and it to the authorities */
        GCancellable *cancellable;
        char *host;
        uint16_t port, local_port;
        unsigned n_connections; /* accepted so far */
};

static void on_spliced(GObject *local, GAsyncResult *result, gpointer remote)
{
        (void)g_io_stream_splice_finish(result, NULL); /* either side ended it: both are closed */
        g_object_unref(local);
        g_object_unref(remote);
}

/* `local` is owned by this pending call. The cancellable is reached through it, the bridge may be gone. */
static void on_connected(GObject *client, GAsyncResult *result, gpointer local)
{
        GSocketConnection *remote = g_socket_client_connect_to_host_finish(G_SOCKET_CLIENT(client), result, NULL);
        GCancellable *cancellable = g_object_get_data(local, "cancellable");

        if (!remote) { /* unreachable, not believed, or cancelled: libnice sees the connection end */
                (void)g_io_stream_close(local, NULL, NULL);
                g_object_unref(local);
                return;
        }
        g_io_stream_splice_async(local, G_IO_STREAM(remote),
                                 G_IO_STREAM_SPLICE_CLOSE_STREAM1 | G_IO_STREAM_SPLICE_CLOSE_STREAM2,
                                 G_PRIORITY_DEFAULT, cancellable, on_spliced, remote);
}

static gboolean on_incoming(GSocketService *service, GSocketConnection *local, GObject *source, gpointer ctx)
{
        struct turns_bridge *b = ctx;

        (void)service;
        (void)source;
        if (++b->n_connections > CONNECTIONS_MAX)
                return TRUE; /* not kept: closed */
        g_object_set_data_full(G_OBJECT(local), "cancellable", g_object_ref(b->cancellable), g_object_unref);
        g_socket_client_connect_to_host_async(b->client, b->host, b->port, b->cancellable, on_connected,
                                              g_object_ref(local));
        return TRUE;
}

static void drop_reference(gpointer object, GClosure *closure)
{
        (void)closure;
        g_object_unref(object);
}

static int listen_on_loopback(struct turns_bridge *b)
{
        GInetAddress *ip = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
        GSocketAddress *any_port = g_inet_socket_address_new(ip, 0), *bound = NULL;
        gboolean ok = g_socket_listener_add_address(G_SOCKET_LISTENER(b->service), any_port, G_SOCKET_TYPE_STREAM,
                                                    G_SOCKET_PROTOCOL_TCP, NULL, &bound, NULL);

        if (ok)
                b->local_port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
        g_clear_object(&bound);
        g_object_unref(any_port);
        g_object_unref(ip);
        return ok ? 0 : -EADDRNOTAVAIL;
}

static gboolean on_certificate(GTlsConnection *c, GTlsCertificate *certificate, GTlsCertificateFlags errors,
                               gpointer further)
{
        GSocketConnectable *identity = g_tls_client_connection_get_server_identity(G_TLS_CLIENT_CONNECTION(c));

        (void)errors;
        return tls_trust_check(further, certificate, identity);
}

static void on_progress(GSocketClient *client, GSocketClientEvent event, GSocketConnectable *to, GIOStream *c,
                        gpointer further)
{
        (void)client;
        (void)to;
        if (event == G_SOCKET_CLIENT_TLS_HANDSHAKING)
                g_signal_connect_data(c, "accept-certificate", G_CALLBACK(on_certificate), g_object_ref(further),
                                      drop_reference, 0);
}

/* What the system's authorities do not vouch for, those in the file may. */
static int trust(struct turns_bridge *b, const char *ca_file)
{
        g_autoptr(GTlsDatabase) further = ca_file ? g_tls_file_database_new(ca_file, NULL) : NULL;

        if (further)
                g_signal_connect_data(b->client, "event", G_CALLBACK(on_progress), g_object_ref(further),
                                      drop_reference, 0);
        return further || !ca_file ? 0 : -EINVAL;
}

int turns_bridge_new(struct _GMainContext *context, const char *host, uint16_t port, const char *ca_file,
                     struct turns_bridge **ret)
{
        struct turns_bridge *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        b->context = context;
        b->host = g_strdup(host);
        b->port = port;
        b->cancellable = g_cancellable_new();
        tls_trust_prepare();
        b->client = g_socket_client_new();
        g_socket_client_set_tls(b->client, TRUE);
        g_main_context_push_thread_default(context); /* where what is accepted, and all that follows, completes */
        b->service = g_socket_service_new();
        g_signal_connect(b->service, "incoming", G_CALLBACK(on_incoming), b);
        r = trust(b, ca_file);
        if (r == 0)
                r = listen_on_loopback(b);
        g_main_context_pop_thread_default(context);
        if (r < 0) {
                turns_bridge_free(b);
                return r;
        }
        *ret = b;
        return 0;
}

struct turns_bridge *turns_bridge_free(struct turns_bridge *b)
{
        if (!b)
                return NULL;
        g_main_context_push_thread_default(b->context);
        (void)g_signal_handlers_disconnect_by_data(b->service, b);
        g_socket_service_stop(b->service);
        g_socket_listener_close(G_SOCKET_LISTENER(b->service));
        g_cancellable_cancel(b->cancellable);
        g_main_context_pop_thread_default(b->context);
        g_object_unref(b->service);
        g_object_unref(b->client);
        g_object_unref(b->cancellable);
        g_free(b->host);
        free(b);
        return NULL;
}

uint16_t turns_bridge_get_port(const struct turns_bridge *b)
{
        return b->local_port;
}
