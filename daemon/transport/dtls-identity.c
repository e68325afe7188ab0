/* dtls-identity.c - the certificate and the TLS settings that every association of the process shares; see dtls.h.
 *
 * An ECDSA P-256 key and a self-signed certificate, made at start-up in well under a millisecond and never written
 * anywhere. Whoever makes it is going to need SRTP as well, whose library takes 40 ms to start: a thread does that
 * meanwhile, so that the first call does not wait for it. The other side knows it by its SHA-256 fingerprint only (RFC
 * 8122), so subject and dates mean nothing.
 */
#include "transport/dtls-internal.h"

#include <errno.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>

enum { CERT_DAYS = 400, SERIAL_BITS = 63 };

/* RFC 8827 6.5: ECDHE with P-256 and AES-128-GCM is the one everybody has; AES-CBC is for endpoints of old. */
static const char cipher_list[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
                                  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
                                  "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:"
                                  "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA";
static const char srtp_profiles[] = "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80";

static bool fill_certificate(X509 *cert, EVP_PKEY *key)
{
        X509_NAME *name = X509_get_subject_name(cert);
        uint64_t serial;

        if (RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
                return false;
        serial >>= 64 - SERIAL_BITS; /* positive */
        return X509_set_version(cert, X509_VERSION_3) == 1 &&
               ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial) == 1 &&
               X509_gmtime_adj(X509_getm_notBefore(cert), -86400) &&
               X509_gmtime_adj(X509_getm_notAfter(cert), (long)CERT_DAYS * 86400) &&
               X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"rtcroomd", -1, -1, 0) ==
                       1 &&
               X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
               X509_sign(cert, key, EVP_sha256()) > 0;
}

static bool digest_certificate(X509 *cert, uint8_t digest[DTLS_SHA256])
{
        unsigned n = 0;

        return X509_digest(cert, EVP_sha256(), digest, &n) == 1 && n == DTLS_SHA256;
}

static int certify(struct dtls_identity *id)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *cert = X509_new();
        bool ok = key && cert && fill_certificate(cert, key) && digest_certificate(cert, id->fingerprint) &&
                  SSL_CTX_use_certificate(id->ctx, cert) == 1 && SSL_CTX_use_PrivateKey(id->ctx, key) == 1;

        X509_free(cert);
        EVP_PKEY_free(key);
        return ok ? 0 : -EIO;
}

static int configure(SSL_CTX *ctx)
{
        SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_cert_verify_callback(ctx, dtls_verify_certificate, NULL);
        if (SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) != 1 ||
            SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) != 1 ||
            SSL_CTX_set_cipher_list(ctx, cipher_list) != 1 || SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1 ||
            SSL_CTX_set_tlsext_use_srtp(ctx, srtp_profiles) != 0 /* 0 is success */)
                return -EIO;
        return 0;
}

static void *warm_up(void *unused)
{
        (void)unused;
        srtpctx_warm_up();
        return NULL;
}

int dtls_identity_new(struct dtls_identity **ret)
{
        _cleanup_(dtls_identity_freep) struct dtls_identity *id = calloc(1, sizeof(*id));
        int r;

        if (!id)
                return -ENOMEM;
        id->ctx = SSL_CTX_new(DTLS_method());
        id->bio_method = dtls_bio_method_new();
        if (!id->ctx || !id->bio_method)
                return -ENOMEM;
        r = configure(id->ctx);
        if (r == 0)
                r = certify(id);
        ERR_clear_error();
        if (r < 0)
                return r;
        id->has_warm_up = pthread_create(&id->warm_up, NULL, warm_up, NULL) == 0; /* without it the first call waits */
        *ret = take_ptr(id);
        return 0;
}

struct dtls_identity *dtls_identity_free(struct dtls_identity *id)
{
        if (!id)
                return NULL;
        if (id->has_warm_up)
                (void)pthread_join(id->warm_up, NULL);
        SSL_CTX_free(id->ctx);
        BIO_meth_free(id->bio_method);
        free(id);
        return NULL;
}

const uint8_t *dtls_identity_fingerprint(const struct dtls_identity *id)
{
        return id->fingerprint;
}
