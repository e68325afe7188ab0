/* e2ee.c - see e2ee.h. AES-GCM is NIST SP 800-38D; OpenSSL does the arithmetic.
 *
 * The IV is read from the frame, so it need only be unique under a key that all in the room share: 64 random bits for
 * each sending track and a counter, rather than the SSRC and time that the SDKs build theirs of.
 *
 * What is bad is told apart by the two last bytes: a frame that is not encrypted ends by chance like one that is, once
 * in 4096 frames. One odd frame therefore changes nothing: without a key it is played while those before it were
 * clear, with a key it is silence, and the state changes after a run of them. LiveKit's servers put silence of their
 * own into a stream that is muted, in clear with a trailer: it is known by its content, whatever the trailer, and is
 * the only sound that nobody vouches for.
 */
#include "media/e2ee.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/rand.h"

enum {
        TAG = 16,
        IV = 12,
        TRAILER = 2,
        TOC = 1,
        SILENCE = 80,         /* bytes of the server's silence … */
        SILENCE_TRAILER = 64, /* … and at most so many behind it */
        HOLD = 3,             /* without a key: frames that look encrypted until nothing is played any more */
        IMPATIENCE = 3,       /* failures until further steps of the ratchet are worked out */
        RARELY = 16           /* of a hopeless sender only each such frame is tried with further steps */
};

const char *e2ee_state_to_string(enum e2ee_state s)
{
        static const char *const names[_E2EE_STATE_MAX] = { "none", "ok", "not encrypted", "wrong key", "no key" };

        return names[s];
}

bool e2ee_state_is_bad(enum e2ee_state s)
{
        return s != E2EE_NONE && s != E2EE_OK;
}

/* ---- sending ---- */

struct e2ee_seal {
        struct e2ee_keys *keys; /* referenced */
        EVP_CIPHER_CTX *cipher; /* owned */
        bool keyed;             /* the cipher has the key of `step` */
        unsigned step;
        uint8_t random[8];
        uint32_t counter;
};

int e2ee_seal_new(struct e2ee_keys *keys, struct e2ee_seal **ret)
{
        _cleanup_(e2ee_seal_freep) struct e2ee_seal *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->keys = e2ee_keys_ref(keys);
        s->cipher = EVP_CIPHER_CTX_new();
        if (!s->cipher)
                return -ENOMEM;
        *ret = take_ptr(s);
        return 0;
}

struct e2ee_seal *e2ee_seal_free(struct e2ee_seal *s)
{
        if (!s)
                return NULL;
        EVP_CIPHER_CTX_free(s->cipher);
        e2ee_keys_unref(s->keys);
        free(s);
        return NULL;
}

static void next_iv(struct e2ee_seal *s, uint8_t iv[static IV])
{
        if (s->counter == 0)
                rand_system.fill(&rand_system, s->random, sizeof(s->random));
        memcpy(iv, s->random, sizeof(s->random));
        for (int i = 0; i < 4; i++)
                iv[8 + i] = (uint8_t)(s->counter >> (24 - 8 * i));
        s->counter++;
}

int e2ee_seal_frame(struct e2ee_seal *s, const uint8_t *frame, size_t len, uint8_t *to)
{
        uint8_t *sealed = to + TOC, *tag = to + len, *iv = tag + TAG;
        unsigned step = e2ee_keys_step(s->keys);
        int n;

        if (e2ee_keys_known(s->keys) == 0)
                return 0;
        if ((!s->keyed || s->step != step) &&
            EVP_EncryptInit_ex(s->cipher, EVP_aes_128_gcm(), NULL, e2ee_keys_get(s->keys, step), NULL) != 1)
                return -EIO;
        s->keyed = true;
        s->step = step;
        to[0] = frame[0];
        next_iv(s, iv);
        if (EVP_EncryptInit_ex(s->cipher, NULL, NULL, NULL, iv) != 1 ||
            EVP_EncryptUpdate(s->cipher, NULL, &n, frame, TOC) != 1 ||
            EVP_EncryptUpdate(s->cipher, sealed, &n, frame + TOC, (int)(len - TOC)) != 1 ||
            EVP_EncryptFinal_ex(s->cipher, sealed + n, &n) != 1 ||
            EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_GET_TAG, TAG, tag) != 1)
                return -EIO;
        iv[IV] = IV;
        iv[IV + 1] = 0;
        return (int)len + E2EE_OVERHEAD;
}

/* ---- receiving ---- */

int e2ee_open_init(struct e2ee_open *o, struct e2ee_keys *keys)
{
        *o = (struct e2ee_open){ .bad = E2EE_NO_KEY, .run = HOLD };
        if (!keys)
                return 0;
        o->cipher = EVP_CIPHER_CTX_new();
        if (!o->cipher)
                return -ENOMEM;
        if (EVP_DecryptInit_ex(o->cipher, EVP_aes_128_gcm(), NULL, NULL, NULL) != 1) {
                EVP_CIPHER_CTX_free(o->cipher);
                return -EIO;
        }
        o->keys = e2ee_keys_ref(keys);
        return 0;
}

void e2ee_open_done(struct e2ee_open *o)
{
        EVP_CIPHER_CTX_free(o->cipher);
        e2ee_keys_unref(o->keys);
        o->cipher = NULL;
        o->keys = NULL;
}

static bool is_silence_of_server(const uint8_t *frame, size_t len)
{
        static const uint8_t silence[SILENCE] = { 0xf8, 0xff, 0xfe };

        return len >= SILENCE && len <= SILENCE + SILENCE_TRAILER && memcmp(frame, silence, SILENCE) == 0;
}

static bool looks_encrypted(const uint8_t *frame, size_t len)
{
        return len >= TOC + E2EE_OVERHEAD && len <= E2EE_FRAME_MAX && frame[len - 2] == IV &&
               frame[len - 1] < E2EE_RING;
}

static void change_state(struct e2ee_open *o, enum e2ee_state state, uint64_t now_us)
{
        o->state = state;
        o->changed_us = now_us;
}

static void good_frame(struct e2ee_open *o, enum e2ee_state state, uint64_t now_us)
{
        o->run = 0;
        if (o->state != state)
                change_state(o, state, now_us);
}

static void bad_frame(struct e2ee_open *o, enum e2ee_state kind, uint64_t now_us)
{
        o->failures++;
        if (o->bad != kind)
                o->run = 0;
        o->bad = kind;
        if (++o->run >= E2EE_TOLERANCE && o->state != kind &&
            (o->changed_us == 0 || now_us >= o->changed_us + US_PER_SEC))
                change_state(o, kind, now_us);
}

/* The cipher may fail for want of the right key only: it says no more. */
static bool decrypt(struct e2ee_open *o, unsigned step, const uint8_t *frame, size_t len, uint8_t *to)
{
        const uint8_t *iv = frame + len - TRAILER - IV;
        uint8_t tag[TAG];
        int n, end;

        if (!o->keyed || o->step != step) {
                o->keyed = EVP_DecryptInit_ex(o->cipher, NULL, NULL, e2ee_keys_get(o->keys, step), NULL) == 1;
                o->step = step;
        }
        memcpy(tag, iv - TAG, TAG);
        to[0] = frame[0];
        return o->keyed && EVP_DecryptInit_ex(o->cipher, NULL, NULL, NULL, iv) == 1 &&
               EVP_DecryptUpdate(o->cipher, NULL, &n, frame, TOC) == 1 &&
               EVP_DecryptUpdate(o->cipher, to + TOC, &n, frame + TOC, (int)(len - TOC - E2EE_OVERHEAD)) == 1 &&
               EVP_CIPHER_CTX_ctrl(o->cipher, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
               EVP_DecryptFinal_ex(o->cipher, to + TOC + n, &end) == 1;
}

/* With the key of the last frame, else with those that may come next on the ratchet. */
static bool decrypt_any(struct e2ee_open *o, const uint8_t *frame, size_t len, uint8_t *to)
{
        uint8_t *at = &o->steps[frame[len - 1]];
        unsigned known = e2ee_keys_known(o->keys);

        if (decrypt(o, *at, frame, len, to))
                return true;
        if (o->run + 1 >= IMPATIENCE)
                e2ee_keys_want(o->keys, *at + E2EE_WINDOW + 1);
        if (o->run > E2EE_TOLERANCE && o->run % RARELY != 0)
                return false;
        for (unsigned step = *at + 1U; step < known && step <= *at + (unsigned)E2EE_WINDOW; step++)
                if (decrypt(o, step, frame, len, to)) {
                        e2ee_keys_want(o->keys, step + 2);
                        if (frame[len - 1] == 0)
                                e2ee_keys_advance(o->keys, step);
                        *at = (uint8_t)step;
                        return true;
                }
        return false;
}

static bool open_with_keys(struct e2ee_open *o, const uint8_t **frame, size_t *len, uint8_t *room, uint64_t now_us)
{
        if (!looks_encrypted(*frame, *len)) {
                bad_frame(o, E2EE_CLEAR, now_us);
                return false;
        }
        if (e2ee_keys_known(o->keys) == 0)
                return false; /* nobody's fault */
        if (!decrypt_any(o, *frame, *len, room)) {
                bad_frame(o, E2EE_WRONG_KEY, now_us);
                return false;
        }
        good_frame(o, E2EE_OK, now_us);
        *frame = room;
        *len -= E2EE_OVERHEAD;
        return true;
}

static bool open_without_keys(struct e2ee_open *o, const uint8_t *frame, size_t len, uint64_t now_us)
{
        if (!looks_encrypted(frame, len)) {
                good_frame(o, E2EE_NONE, now_us);
                return true;
        }
        if (o->run + 1 < HOLD) {
                o->run++;
                return true;
        }
        bad_frame(o, E2EE_NO_KEY, now_us);
        return false;
}

bool e2ee_open_frame(struct e2ee_open *o, const uint8_t **frame, size_t *len, uint8_t room[E2EE_FRAME_MAX],
                     uint64_t now_us)
{
        if (*len == 0) /* nothing at all, as between spurts, is not worth encrypting */
                return true;
        if (is_silence_of_server(*frame, *len)) {
                *len = 3; /* F8 FF FE: all of it that means anything */
                return true;
        }
        if (o->keys)
                return open_with_keys(o, frame, len, room, now_us);
        return open_without_keys(o, *frame, *len, now_us);
}

/* ---- anything else ---- */

static void cipher_freep(EVP_CIPHER_CTX **c)
{
        EVP_CIPHER_CTX_free(*c);
}
#define _cleanup_cipher_ _cleanup_(cipher_freep)

int e2ee_seal_data(struct e2ee_keys *keys, const void *data, size_t len, uint8_t iv[static E2EE_IV_SIZE], uint8_t *to)
{
        _cleanup_cipher_ EVP_CIPHER_CTX *c = NULL;
        int n, end;

        if (e2ee_keys_known(keys) == 0)
                return -EAGAIN;
        c = EVP_CIPHER_CTX_new();
        if (!c)
                return -ENOMEM;
        rand_system.fill(&rand_system, iv, E2EE_IV_SIZE);
        if (EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, e2ee_keys_get(keys, e2ee_keys_step(keys)), iv) != 1 ||
            EVP_EncryptUpdate(c, to, &n, data, (int)len) != 1 || EVP_EncryptFinal_ex(c, to + n, &end) != 1 ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, to + len) != 1)
                return -EIO;
        return 0;
}

static bool open_with(EVP_CIPHER_CTX *c, const uint8_t *key, const uint8_t *data, size_t len, const uint8_t *iv,
                      uint8_t *to)
{
        uint8_t tag[TAG];
        int n, end;

        memcpy(tag, data + len - TAG, TAG);
        return EVP_DecryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, iv) == 1 &&
               EVP_DecryptUpdate(c, to, &n, data, (int)(len - TAG)) == 1 &&
               EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
               EVP_DecryptFinal_ex(c, to + n, &end) == 1;
}

int e2ee_open_data(const struct e2ee_keys *keys, const void *data, size_t len, const uint8_t iv[static E2EE_IV_SIZE],
                   uint8_t *to)
{
        _cleanup_cipher_ EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        unsigned known = e2ee_keys_known(keys);

        if (!c)
                return -ENOMEM;
        for (unsigned step = 0; len >= TAG && step < known; step++)
                if (open_with(c, e2ee_keys_get(keys, step), data, len, iv, to))
                        return 0;
        return -EBADMSG;
}
