/* srtpctx.h - SRTP and SRTCP (RFC 3711, RFC 7714) of one DTLS association: keys in, protect and unprotect in place.
 *
 * Network thread. One context covers every SSRC of both directions. A number is never protected twice: retransmissions
 * resend the bytes that protection gave (a fresh encryption of the same index would betray the key stream).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* IANA numbers of the use_srtp profiles (RFC 5764 4.1.2, RFC 7714 14.2). */
enum srtp_suite { SRTP_SUITE_AES128_CM_SHA1_80 = 1, SRTP_SUITE_AEAD_AES_128_GCM = 7, SRTP_SUITE_AEAD_AES_256_GCM = 8 };
const char *srtp_suite_to_string(enum srtp_suite s);
/* Lengths of master key and salt in bytes; -ENOTSUP for an unknown number. */
int srtp_suite_lengths(enum srtp_suite s, size_t *ret_key, size_t *ret_salt);

enum { SRTP_KEYING_MAX = 32 + 14, SRTP_TRAILER_MAX = 32 }; /* bytes a protected packet may grow by: tag, index */

struct srtp_keying {
        enum srtp_suite suite;
        uint8_t local[SRTP_KEYING_MAX], remote[SRTP_KEYING_MAX]; /* master key, then salt */
};

/* Any thread: libsrtp2's own start, about 40 ms the first time (Debian's stands on NSS, which tests itself). The first
 * srtpctx_new() does it where nobody has done so before. */
void srtpctx_warm_up(void);

struct srtpctx;

int srtpctx_new(const struct srtp_keying *keys, struct srtpctx **ret); /* the keys are copied into libsrtp2 */
struct srtpctx *srtpctx_free(struct srtpctx *c);
DEFINE_CLEANUP(struct srtpctx *, srtpctx_free)

/* In place; *len is the packet's length before and after. The buffer of protect has SRTP_TRAILER_MAX bytes of room
 * behind it and is 4-byte aligned. Errors: -EBADMSG authentication or form, -EALREADY replayed or too old, -EIO. */
int srtpctx_protect_rtp(struct srtpctx *c, uint8_t *packet, size_t *len, size_t size);
int srtpctx_protect_rtcp(struct srtpctx *c, uint8_t *packet, size_t *len, size_t size);
int srtpctx_unprotect_rtp(struct srtpctx *c, uint8_t *packet, size_t *len);
int srtpctx_unprotect_rtcp(struct srtpctx *c, uint8_t *packet, size_t *len);

/* Forgets the state of a received source that is gone, so that sources which come and go do not add up. */
void srtpctx_forget(struct srtpctx *c, uint32_t ssrc);
