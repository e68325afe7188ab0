/* dtls.h - one DTLS 1.2 association for SRTP keys (RFC 6347, RFC 5764) and application data as a pure object:
 * datagrams in, datagrams out.
 *
 * Network thread. No socket and no timer inside: the owner hands in what arrived, sends what comes out and calls
 * dtls_timeout() at the time dtls_next_us() names. The other side is believed by the fingerprint of its certificate
 * alone (RFC 8122), which must be known before dtls_start(). What arrives before the start is kept, one flight of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "transport/srtpctx.h"

enum {
        DTLS_MTU = 1200,
        DTLS_DATA_MAX = DTLS_MTU - 48, /* header, nonce and tag of every cipher we offer */
        DTLS_SHA256 = 32
};

/* The process's certificate (ECDSA P-256, self-signed) and TLS settings. Made once; outlives every dtls. */
struct dtls_identity;
int dtls_identity_new(struct dtls_identity **ret);
struct dtls_identity *dtls_identity_free(struct dtls_identity *id);
const uint8_t *dtls_identity_fingerprint(const struct dtls_identity *id); /* DTLS_SHA256 bytes; borrowed */
DEFINE_CLEANUP(struct dtls_identity *, dtls_identity_free)

enum dtls_role { DTLS_ROLE_CLIENT, DTLS_ROLE_SERVER };
enum dtls_state {
        DTLS_STATE_NEW,
        DTLS_STATE_HANDSHAKE,
        DTLS_STATE_CONNECTED,
        DTLS_STATE_CLOSED, /* close_notify arrived */
        DTLS_STATE_FAILED,
        DTLS_STATE_WRONG_FINGERPRINT,
};
const char *dtls_state_to_string(enum dtls_state s);

struct dtls_events {
        uint32_t version;                                           /* 0 */
        void (*output)(const uint8_t *data, size_t len, void *ctx); /* one datagram, at most DTLS_MTU bytes */
        void (*state)(enum dtls_state state, void *ctx);            /* each once; dtls_free() is not legal inside */
        void (*data)(const uint8_t *data, size_t len, void *ctx);   /* application data, a record; NULL: ignored */
};

struct dtls;
int dtls_new(struct dtls_identity *id /* borrowed */, const struct dtls_events *ev, void *ctx, struct dtls **ret);
struct dtls *dtls_free(struct dtls *d);
DEFINE_CLEANUP(struct dtls *, dtls_free)

/* The certificate to be believed, from a=fingerprint; may be set again until the start. -ENOTSUP: a hash we do not
 * take (SHA-1, unknown); -EBADMSG: not a digest of that hash; -EINVAL: started. */
int dtls_set_fingerprint(struct dtls *d, const char *hash, const uint8_t *digest, size_t len);
/* -EINVAL without a fingerprint or when started already. Emits. */
int dtls_start(struct dtls *d, enum dtls_role role, uint64_t now_us);
void dtls_input(struct dtls *d, const uint8_t *data, size_t len, uint64_t now_us); /* emits */
uint64_t dtls_next_us(const struct dtls *d);                                       /* LOOP_NEVER: nothing to do */
void dtls_timeout(struct dtls *d, uint64_t now_us);                                /* emits */
/* One record of application data, at most DTLS_DATA_MAX bytes. -ENOTCONN unless connected; -EMSGSIZE. */
int dtls_send(struct dtls *d, const void *data, size_t len);
void dtls_close(struct dtls *d); /* sends close_notify when connected; emits no state */

enum dtls_state dtls_get_state(const struct dtls *d);
/* The SRTP keys of a connected association; -ENOTCONN before. The caller wipes them. -EPROTO: no use_srtp agreed. */
int dtls_export_srtp(const struct dtls *d, struct srtp_keying *ret);
