/* dtls-internal.h - what dtls.c and dtls-identity.c share. Only these two include it: it shows OpenSSL's types. */
#pragma once

#include "transport/dtls.h"

#include <pthread.h>

#include <openssl/ssl.h>

struct dtls_identity {
        SSL_CTX *ctx;           /* owned */
        BIO_METHOD *bio_method; /* owned; of the datagram BIO in dtls.c */
        uint8_t fingerprint[DTLS_SHA256];
        pthread_t warm_up; /* joined by dtls_identity_free() */
        bool has_warm_up;
};

BIO_METHOD *dtls_bio_method_new(void);
/* The certificate check of every association: does it have the fingerprint of its SDP? */
int dtls_verify_certificate(X509_STORE_CTX *store, void *arg);
