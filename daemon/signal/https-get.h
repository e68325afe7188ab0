/* https-get.h - one GET over HTTPS, with credentials: a small answer in a bounded time, or none.
 *
 * Control asks and is answered; the work is done on the network thread (libsoup-3.0). Certificates are verified as
 * those of wss (sigconn-ws.h), proxies are those of the environment; a redirect is an answer like others, for
 * following it would carry the credentials elsewhere. Control thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "net/net-thread.h"

struct https_get;

struct https_get_params {          /* borrowed */
        const char *url;           /* https://… */
        const char *authorization; /* header value or NULL; never logged */
        const char *ca_file;       /* PEM of further authorities, or NULL */
        size_t max_body;
        uint32_t timeout_ms; /* for the whole */
};

struct https_answer {       /* borrowed */
        int err;            /* 0, or why there is no answer: -ETIMEDOUT, -EMSGSIZE, -EIO … */
        unsigned status;    /* of HTTP; 0 with err */
        uint32_t max_age_s; /* of Cache-Control; 0: it says nothing */
        const char *body;   /* NUL-terminated; with err: what went wrong, for the log */
        size_t len;
};

/* The answer comes from the loop, once, and not after https_get_free(). -EINVAL: no such URL. -ENOMEM, -ENOBUFS. */
int https_get_new(struct net_thread *net, const struct https_get_params *p,
                  void (*answered)(const struct https_answer *a, void *ctx), void *ctx, struct https_get **ret);
/* Also from inside the answer, and instead of waiting for it. */
struct https_get *https_get_free(struct https_get *g);
