/* dtls.c - see dtls.h.
 *
 * OpenSSL talks to a BIO of ours: a read takes the datagram that dtls_input() is processing, a write is one datagram
 * out. So packet boundaries survive and nothing is queued or copied.
 *
 * Retransmission (RFC 6347 4.2.4) is OpenSSL's: it starts at 50 ms like the browsers do, because a lost first packet
 * must not cost a second, and doubles up to 3 s; after twelve in vain it gives up (about 20 s). OpenSSL reads the wall
 * clock for this, whatever time its user keeps: dtls_next_us() is where the remaining time is brought over to the
 * owner's clock. A clock that is set back during a handshake only delays our own retransmission.
 */
#include "transport/dtls-internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include <openssl/err.h>
#include <openssl/srtp.h>

#include "base/clock.h"
#include "base/loop.h"

enum {
        RETRANSMIT_FIRST_US = 50000,
        RETRANSMIT_MAX_US = 3000000,
        KEPT_MAX = 4,          /* datagrams that arrive before the start: one flight */
        KEPT_BYTES_MAX = 1500, /* each */
};

struct fingerprint {
        const EVP_MD *hash; /* NULL: none yet */
        uint8_t digest[EVP_MAX_MD_SIZE];
};

struct kept {
        uint8_t *data; /* owned */
        size_t len;
};

struct dtls {
        SSL *ssl; /* owned; owns the BIO */
        struct dtls_events ev;
        void *ctx;
        enum dtls_state state;
        uint64_t next_us;
        const uint8_t *datagram; /* what the BIO reads now; borrowed from dtls_input()'s caller */
        size_t datagram_len;
        struct fingerprint trusted;
        bool wrong_fingerprint;
        struct kept kept[KEPT_MAX];
        size_t n_kept;
};

const char *dtls_state_to_string(enum dtls_state s)
{
        switch (s) {
        case DTLS_STATE_NEW: return "new";
        case DTLS_STATE_HANDSHAKE: return "handshake";
        case DTLS_STATE_CONNECTED: return "connected";
        case DTLS_STATE_CLOSED: return "closed";
        case DTLS_STATE_FAILED: return "failed";
        case DTLS_STATE_WRONG_FINGERPRINT: return "wrong-fingerprint";
        }
        return "";
}

/* ---- the datagram BIO ---- */

static int bio_read(BIO *b, char *out, int size)
{
        struct dtls *d = BIO_get_data(b);
        size_t n = d->datagram_len < (size_t)size ? d->datagram_len : (size_t)size;

        BIO_clear_retry_flags(b);
        if (!d->datagram) {
                BIO_set_retry_read(b);
                return -1;
        }
        memcpy(out, d->datagram, n);
        d->datagram = NULL; /* what did not fit is lost, as with a socket */
        return (int)n;
}

static int bio_write(BIO *b, const char *data, int len)
{
        struct dtls *d = BIO_get_data(b);

        BIO_clear_retry_flags(b);
        d->ev.output((const uint8_t *)data, (size_t)len, d->ctx);
        return len;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
        (void)b;
        (void)num;
        (void)ptr;
        return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *b)
{
        BIO_set_init(b, 1);
        return 1;
}

BIO_METHOD *dtls_bio_method_new(void)
{
        BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "datagram");

        if (!m)
                return NULL;
        (void)BIO_meth_set_read(m, bio_read);
        (void)BIO_meth_set_write(m, bio_write);
        (void)BIO_meth_set_ctrl(m, bio_ctrl);
        (void)BIO_meth_set_create(m, bio_create);
        return m;
}

/* ---- whom to believe ---- */

static const EVP_MD *hash_by_name(const char *name)
{
        if (strcasecmp(name, "sha-256") == 0)
                return EVP_sha256();
        if (strcasecmp(name, "sha-384") == 0)
                return EVP_sha384();
        if (strcasecmp(name, "sha-512") == 0)
                return EVP_sha512();
        return NULL; /* RFC 8122 5 forbids MD5 and MD2; SHA-1 is too weak to stand for an identity */
}

int dtls_set_fingerprint(struct dtls *d, const char *hash, const uint8_t *digest, size_t len)
{
        const EVP_MD *md = hash_by_name(hash);

        if (d->state != DTLS_STATE_NEW)
                return -EINVAL;
        if (!md)
                return -ENOTSUP;
        if (len != (size_t)EVP_MD_get_size(md))
                return -EBADMSG;
        d->trusted.hash = md;
        memcpy(d->trusted.digest, digest, len);
        return 0;
}

static bool is_trusted(const struct fingerprint *f, X509 *cert)
{
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        return X509_digest(cert, f->hash, digest, &n) == 1 && CRYPTO_memcmp(digest, f->digest, n) == 0;
}

int dtls_verify_certificate(X509_STORE_CTX *store, void *arg)
{
        SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        struct dtls *d = SSL_get_app_data(ssl);
        X509 *cert = X509_STORE_CTX_get0_cert(store);

        (void)arg;
        if (is_trusted(&d->trusted, cert))
                return 1;
        d->wrong_fingerprint = true;
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
}

/* ---- the association ---- */

static unsigned retransmit_after(SSL *ssl, unsigned last_us)
{
        (void)ssl;
        if (last_us == 0)
                return RETRANSMIT_FIRST_US;
        return last_us < RETRANSMIT_MAX_US / 2 ? last_us * 2 : RETRANSMIT_MAX_US;
}

static int attach_bio(struct dtls *d, struct dtls_identity *id)
{
        BIO *bio = BIO_new(id->bio_method);

        if (!bio)
                return -ENOMEM;
        BIO_set_data(bio, d);
        SSL_set_bio(d->ssl, bio, bio);
        return 0;
}

int dtls_new(struct dtls_identity *id, const struct dtls_events *ev, void *ctx, struct dtls **ret)
{
        _cleanup_(dtls_freep) struct dtls *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->ev = *ev;
        d->ctx = ctx;
        d->next_us = LOOP_NEVER;
        d->ssl = SSL_new(id->ctx);
        if (!d->ssl)
                return -ENOMEM;
        r = attach_bio(d, id);
        if (r < 0)
                return r;
        SSL_set_app_data(d->ssl, d);
        (void)SSL_set_mtu(d->ssl, DTLS_MTU);
        DTLS_set_timer_cb(d->ssl, retransmit_after);
        *ret = take_ptr(d);
        return 0;
}

static void drop_kept(struct dtls *d)
{
        for (size_t i = 0; i < d->n_kept; i++)
                free(d->kept[i].data);
        d->n_kept = 0;
}

struct dtls *dtls_free(struct dtls *d)
{
        if (!d)
                return NULL;
        drop_kept(d);
        SSL_free(d->ssl);
        free(d);
        return NULL;
}

static void enter_state(struct dtls *d, enum dtls_state state)
{
        assert(d->state <= DTLS_STATE_CONNECTED && state > d->state);
        d->state = state;
        d->ev.state(state, d->ctx);
}

static void fail(struct dtls *d)
{
        enter_state(d, d->wrong_fingerprint ? DTLS_STATE_WRONG_FINGERPRINT : DTLS_STATE_FAILED);
}

static bool wants_more(struct dtls *d, int result)
{
        int e = SSL_get_error(d->ssl, result);

        return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

static void handshake(struct dtls *d)
{
        int n;

        ERR_clear_error();
        n = SSL_do_handshake(d->ssl);
        if (n != 1) {
                if (!wants_more(d, n))
                        fail(d);
        } else if (!SSL_get_selected_srtp_profile(d->ssl)) {
                fail(d); /* an association without SRTP keys is of no use */
        } else {
                enter_state(d, DTLS_STATE_CONNECTED);
        }
}

/* After the handshake: application data, alerts and the other side's retransmissions. */
static void drain(struct dtls *d)
{
        uint8_t record[2048];
        int n;

        for (;;) {
                ERR_clear_error();
                n = SSL_read(d->ssl, record, sizeof(record));
                if (n <= 0)
                        break;
                if (d->ev.data)
                        d->ev.data(record, (size_t)n, d->ctx);
        }
        if (!wants_more(d, n))
                enter_state(d, DTLS_STATE_CLOSED);
}

static void advance(struct dtls *d, uint64_t now_us)
{
        struct timeval left;

        if (d->state == DTLS_STATE_HANDSHAKE)
                handshake(d);
        if (d->state == DTLS_STATE_CONNECTED)
                drain(d);
        d->next_us = LOOP_NEVER;
        if (d->state == DTLS_STATE_HANDSHAKE && DTLSv1_get_timeout(d->ssl, &left) == 1)
                d->next_us = now_us + (uint64_t)left.tv_sec * US_PER_SEC + (uint64_t)left.tv_usec;
        ERR_clear_error();
}

static void consume(struct dtls *d, const uint8_t *data, size_t len, uint64_t now_us)
{
        d->datagram = data;
        d->datagram_len = len;
        advance(d, now_us);
        d->datagram = NULL;
}

static void keep(struct dtls *d, const uint8_t *data, size_t len)
{
        struct kept *k = &d->kept[d->n_kept];

        if (d->n_kept == KEPT_MAX || len > KEPT_BYTES_MAX)
                return;
        k->data = malloc(len);
        if (!k->data)
                return; /* as good as lost: it will be sent again */
        memcpy(k->data, data, len);
        k->len = len;
        d->n_kept++;
}

int dtls_start(struct dtls *d, enum dtls_role role, uint64_t now_us)
{
        if (d->state != DTLS_STATE_NEW || !d->trusted.hash)
                return -EINVAL;
        if (role == DTLS_ROLE_CLIENT)
                SSL_set_connect_state(d->ssl);
        else
                SSL_set_accept_state(d->ssl);
        enter_state(d, DTLS_STATE_HANDSHAKE);
        if (role == DTLS_ROLE_CLIENT)
                advance(d, now_us);
        for (size_t i = 0; i < d->n_kept; i++)
                consume(d, d->kept[i].data, d->kept[i].len, now_us);
        drop_kept(d);
        return 0;
}

void dtls_input(struct dtls *d, const uint8_t *data, size_t len, uint64_t now_us)
{
        if (d->state == DTLS_STATE_NEW)
                keep(d, data, len);
        else
                consume(d, data, len, now_us);
}

uint64_t dtls_next_us(const struct dtls *d)
{
        return d->next_us;
}

void dtls_timeout(struct dtls *d, uint64_t now_us)
{
        if (d->state != DTLS_STATE_HANDSHAKE || now_us < d->next_us)
                return;
        ERR_clear_error();
        if (DTLSv1_handle_timeout(d->ssl) < 0) {
                d->next_us = LOOP_NEVER;
                fail(d);
                return;
        }
        advance(d, now_us);
}

int dtls_send(struct dtls *d, const void *data, size_t len)
{
        int n;

        if (d->state != DTLS_STATE_CONNECTED)
                return -ENOTCONN;
        if (len > DTLS_DATA_MAX)
                return -EMSGSIZE;
        ERR_clear_error();
        n = SSL_write(d->ssl, data, (int)len);
        ERR_clear_error();
        return n > 0 ? 0 : -EIO;
}

void dtls_close(struct dtls *d)
{
        if (d->state != DTLS_STATE_CONNECTED)
                return;
        ERR_clear_error();
        (void)SSL_shutdown(d->ssl); /* one close_notify; its answer is not waited for */
        ERR_clear_error();
}

enum dtls_state dtls_get_state(const struct dtls *d)
{
        return d->state;
}

/* RFC 5764 4.2: client key, server key, client salt, server salt. */
static void split_keys(const uint8_t *block, size_t key, size_t salt, bool server, struct srtp_keying *ret)
{
        const uint8_t *keys[2] = { block, block + key }, *salts[2] = { block + 2 * key, block + 2 * key + salt };

        memcpy(ret->local, keys[server], key);
        memcpy(ret->local + key, salts[server], salt);
        memcpy(ret->remote, keys[!server], key);
        memcpy(ret->remote + key, salts[!server], salt);
}

int dtls_export_srtp(const struct dtls *d, struct srtp_keying *ret)
{
        static const char label[] = "EXTRACTOR-dtls_srtp";
        uint8_t block[2 * SRTP_KEYING_MAX];
        SRTP_PROTECTION_PROFILE *profile;
        size_t key, salt;
        int r;

        if (d->state != DTLS_STATE_CONNECTED)
                return -ENOTCONN;
        profile = SSL_get_selected_srtp_profile(d->ssl);
        r = srtp_suite_lengths((enum srtp_suite)profile->id, &key, &salt);
        if (r < 0)
                return -EPROTO;
        if (SSL_export_keying_material(d->ssl, block, 2 * (key + salt), label, sizeof(label) - 1, NULL, 0, 0) != 1)
                return -EIO;
        *ret = (struct srtp_keying){ .suite = (enum srtp_suite)profile->id };
        split_keys(block, key, salt, SSL_is_server(d->ssl), ret);
        explicit_bzero(block, sizeof(block));
        return 0;
}
