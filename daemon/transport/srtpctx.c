/* srtpctx.c - see srtpctx.h. The only file that knows libsrtp2.
 *
 * Two sessions, one a direction, each with a wildcard policy: libsrtp2 makes the state of a received SSRC only after
 * its first packet was authenticated. The replay window is 128 packets (RFC 3711 3.3.2 asks for at least 64): 2.5 s of
 * audio, more than a retransmission may be late.
 */
#include "transport/srtpctx.h"

#include <assert.h>
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <srtp2/srtp.h>

enum { REPLAY_WINDOW = 128 };

struct srtpctx {
        srtp_t tx, rx;
};

const char *srtp_suite_to_string(enum srtp_suite s)
{
        switch (s) {
        case SRTP_SUITE_AES128_CM_SHA1_80: return "AES_CM_128_HMAC_SHA1_80";
        case SRTP_SUITE_AEAD_AES_128_GCM: return "AEAD_AES_128_GCM";
        case SRTP_SUITE_AEAD_AES_256_GCM: return "AEAD_AES_256_GCM";
        }
        return "";
}

int srtp_suite_lengths(enum srtp_suite s, size_t *ret_key, size_t *ret_salt)
{
        switch (s) {
        case SRTP_SUITE_AES128_CM_SHA1_80:
                *ret_key = 16;
                *ret_salt = 14;
                return 0;
        case SRTP_SUITE_AEAD_AES_128_GCM:
                *ret_key = 16;
                *ret_salt = 12;
                return 0;
        case SRTP_SUITE_AEAD_AES_256_GCM:
                *ret_key = 32;
                *ret_salt = 12;
                return 0;
        }
        return -ENOTSUP;
}

static void library_init(void)
{
        /* An error shows again in srtp_create(). */
        (void)srtp_init();
}

void srtpctx_warm_up(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT; /* the library's state is the process's */

        (void)pthread_once(&once, library_init);
}

static int set_crypto(enum srtp_suite s, srtp_policy_t *p)
{
        switch (s) {
        case SRTP_SUITE_AES128_CM_SHA1_80:
                srtp_crypto_policy_set_rtp_default(&p->rtp);
                srtp_crypto_policy_set_rtcp_default(&p->rtcp);
                return 0;
        case SRTP_SUITE_AEAD_AES_128_GCM:
                srtp_crypto_policy_set_aes_gcm_128_16_auth(&p->rtp);
                srtp_crypto_policy_set_aes_gcm_128_16_auth(&p->rtcp);
                return 0;
        case SRTP_SUITE_AEAD_AES_256_GCM:
                srtp_crypto_policy_set_aes_gcm_256_16_auth(&p->rtp);
                srtp_crypto_policy_set_aes_gcm_256_16_auth(&p->rtcp);
                return 0;
        }
        return -ENOTSUP;
}

static int open_session(enum srtp_suite suite, srtp_ssrc_type_t direction, const uint8_t *key, srtp_t *ret)
{
        srtp_policy_t policy = {
                .ssrc = { .type = direction },
                .key = (uint8_t *)key, /* read only, libsrtp2 lacks the const */
                .window_size = REPLAY_WINDOW,
        };
        int r = set_crypto(suite, &policy);

        if (r < 0)
                return r;
        return srtp_create(ret, &policy) == srtp_err_status_ok ? 0 : -EIO;
}

int srtpctx_new(const struct srtp_keying *keys, struct srtpctx **ret)
{
        _cleanup_(srtpctx_freep) struct srtpctx *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        srtpctx_warm_up();
        r = open_session(keys->suite, ssrc_any_outbound, keys->local, &c->tx);
        if (r < 0)
                return r;
        r = open_session(keys->suite, ssrc_any_inbound, keys->remote, &c->rx);
        if (r < 0)
                return r;
        *ret = take_ptr(c);
        return 0;
}

struct srtpctx *srtpctx_free(struct srtpctx *c)
{
        if (!c)
                return NULL;
        if (c->tx)
                (void)srtp_dealloc(c->tx);
        if (c->rx)
                (void)srtp_dealloc(c->rx);
        free(c);
        return NULL;
}

static int to_errno(srtp_err_status_t s)
{
        switch ((int)s) {
        case srtp_err_status_ok: return 0;
        case srtp_err_status_replay_fail:
        case srtp_err_status_replay_old:
        case srtp_err_status_pkt_idx_old: return -EALREADY;
        case srtp_err_status_auth_fail:
        case srtp_err_status_cipher_fail:
        case srtp_err_status_bad_param:
        case srtp_err_status_parse_err:
        case srtp_err_status_no_ctx: return -EBADMSG;
        default: return -EIO;
        }
}

typedef srtp_err_status_t (*transform_fn)(srtp_t s, void *packet, int *len);

static int transform(srtp_t s, transform_fn fn, uint8_t *packet, size_t *len)
{
        int n = (int)*len, r;

        r = to_errno(fn(s, packet, &n));
        if (r == 0)
                *len = (size_t)n;
        return r;
}

int srtpctx_protect_rtp(struct srtpctx *c, uint8_t *packet, size_t *len, size_t size)
{
        assert(*len + SRTP_TRAILER_MAX <= size);
        return transform(c->tx, srtp_protect, packet, len);
}

int srtpctx_protect_rtcp(struct srtpctx *c, uint8_t *packet, size_t *len, size_t size)
{
        assert(*len + SRTP_TRAILER_MAX <= size);
        return transform(c->tx, srtp_protect_rtcp, packet, len);
}

int srtpctx_unprotect_rtp(struct srtpctx *c, uint8_t *packet, size_t *len)
{
        return transform(c->rx, srtp_unprotect, packet, len);
}

int srtpctx_unprotect_rtcp(struct srtpctx *c, uint8_t *packet, size_t *len)
{
        return transform(c->rx, srtp_unprotect_rtcp, packet, len);
}

void srtpctx_forget(struct srtpctx *c, uint32_t ssrc)
{
        uint32_t wire = htonl(ssrc); /* libsrtp2 2.x keys streams by network byte order */

        (void)srtp_remove_stream(c->rx, wire);
}
