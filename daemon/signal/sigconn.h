/* sigconn.h - one signalling connection: whole messages in, whole messages out.
 *
 * Implementations: sigconn-ws.c (WebSocket on libsoup-3.0; lives on the network thread, this face is control's) and
 * sigconn-unix.c (SOCK_SEQPACKET, control loop). Tests: tests/fakes/fake-sigconn.c. Control thread.
 *
 * No event comes from inside open() or send(). After close() or a closed event no event follows. Incoming messages
 * above max_message bytes close the connection with -EMSGSIZE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

struct sigconn;

struct sigconn_events {
        uint32_t version; /* 0 */
        void (*opened)(void *ctx);
        void (*message)(const char *data, size_t len, bool binary, void *ctx); /* borrowed; also NUL-terminated */
        /* err: negative errno (-ECONNREFUSED, -ETIMEDOUT, -EMSGSIZE …; -EKEYREJECTED: certificate not trusted), or 0
         * for an orderly close by the server. http_status: of a refused upgrade, else 0. text: what the server said to
         * that (its body in one line, bounded and printable, or the status's name), else for the log. */
        void (*closed)(int err, unsigned http_status, const char *text, void *ctx);
};

struct sigconn_params {
        const char *url;           /* ws:// wss:// or unix:/path */
        const char *subprotocol;   /* or NULL */
        const char *authorization; /* header value or NULL */
        const char *ca_file;       /* PEM of further authorities, or NULL */
        size_t max_message;        /* bytes of an incoming message; 0 = 1 MiB */
        uint32_t timeout_ms;       /* for the opening; 0 = 10 s */
};

struct sigconn_ops {
        int (*open)(void *factory, const struct sigconn_params *p /* borrowed */, const struct sigconn_events *ev,
                    void *ctx, struct sigconn **ret);
        /* Queued; order kept. -EMSGSIZE: the transport cannot carry it (Unix: 8,192 bytes, the limit of Janus). */
        int (*send)(struct sigconn *c, const char *data, size_t len, bool binary);
        void (*close)(struct sigconn *c); /* frees; what was queued is still sent, unless the peer does not read */
};

/* First member of an implementation's connection. */
struct sigconn {
        const struct sigconn_ops *ops;
};

/* How an engine opens one: a table and the factory it was made for (unix: the control loop; ws: the net_thread). */
struct sigconn_provider {
        const struct sigconn_ops *ops;
        void *factory;
};
