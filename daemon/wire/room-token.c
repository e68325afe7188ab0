/* room-token.c - see room-token.h. OpenSSL: the HMAC and the comparison in constant time. */
#include "wire/room-token.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/buf.h"

enum {
        VERSION_LEN = 3,
        HEAD_LEN = VERSION_LEN + ROOM_TOKEN_APP_ID,
        MAX_MESSAGE = 18 + 2 * ROOM_TOKEN_MAX_ID + 6 * ROOM_TOKEN_MAX_PRIVILEGES,
        MAX_CONTENT = 2 + MAX_MESSAGE + 2 + ROOM_TOKEN_SIGNATURE,
        MAX_BASE64 = (MAX_CONTENT + 2) / 3 * 4
};
#define VERSION "001"

const char *room_token_verdict_to_string(enum room_token_verdict v)
{
        static const char *const names[_ROOM_TOKEN_VERDICT_MAX] = {
                "ok", "malformed", "wrong app", "bad signature", "wrong room", "wrong user", "expired"
        };

        return names[v];
}

/* ---- base64, RFC 4648 section 4, canonical: padding required, unused bits zero, nothing foreign ---- */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Four characters → 1–3 bytes; 0: malformed. */
static size_t decode_group(const char *text, uint8_t *ret)
{
        size_t digits = text[3] != '=' ? 4 : text[2] != '=' ? 3 : 2;
        uint32_t bits = 0;

        for (size_t i = 0; i < digits; i++) {
                const char *at = memchr(base64_digits, text[i], 64);

                if (!at)
                        return 0;
                bits |= (uint32_t)(at - base64_digits) << (18 - 6 * i);
        }
        if (bits & ((1u << (8 * (4 - digits))) - 1)) /* bits of bytes that padding says are not there */
                return 0;
        ret[0] = (uint8_t)(bits >> 16);
        ret[1] = (uint8_t)(bits >> 8);
        ret[2] = (uint8_t)bits;
        return digits - 1;
}

/* Returns the number of bytes, or -EPROTO. */
static int decode_base64(const char *text, size_t len, uint8_t *ret, size_t size)
{
        size_t n = 0;

        if (len == 0 || len % 4 != 0 || len / 4 * 3 > size)
                return -EPROTO;
        for (size_t i = 0; i < len; i += 4) {
                size_t got = decode_group(text + i, ret + n);

                if (got == 0 || (got < 3 && i + 4 < len))
                        return -EPROTO;
                n += got;
        }
        return (int)n;
}

static void encode_base64(const uint8_t *data, size_t len, char *ret)
{
        for (size_t i = 0; i < len; i += 3) {
                size_t have = len - i < 3 ? len - i : 3;
                uint32_t bits = (uint32_t)data[i] << 16;

                bits |= have > 1 ? (uint32_t)data[i + 1] << 8 : 0;
                bits |= have > 2 ? data[i + 2] : 0;
                for (size_t c = 0; c < 4; c++)
                        *ret++ = c <= have ? base64_digits[bits >> (18 - 6 * c) & 63] : '=';
        }
        *ret = '\0';
}

/* ---- fields ---- */

static bool read_text(struct rbuf *b, char ret[static ROOM_TOKEN_MAX_ID + 1])
{
        size_t len = rbuf_le16(b);
        const uint8_t *bytes = rbuf_bytes(b, len);

        if (!bytes || len > ROOM_TOKEN_MAX_ID || memchr(bytes, '\0', len))
                return false;
        memcpy(ret, bytes, len);
        ret[len] = '\0';
        return true;
}

static bool read_privileges(struct rbuf *b, struct room_token *t)
{
        size_t n = rbuf_le16(b);

        if (n > ROOM_TOKEN_MAX_PRIVILEGES)
                return false;
        for (size_t i = 0; i < n; i++) {
                t->privileges[i].key = rbuf_le16(b);
                t->privileges[i].value = rbuf_le32(b);
                if (i > 0 && t->privileges[i].key <= t->privileges[i - 1].key)
                        return false;
        }
        t->n_privileges = n;
        return b->ok;
}

static bool read_message(struct rbuf b, struct room_token *t)
{
        t->nonce = rbuf_le32(&b);
        t->issued_at = rbuf_le32(&b);
        t->expire_at = rbuf_le32(&b);
        return read_text(&b, t->room_id) && read_text(&b, t->user_id) && read_privileges(&b, t) && rbuf_left(&b) == 0;
}

static bool read_content(struct rbuf b, struct room_token *t)
{
        size_t len = rbuf_le16(&b);
        const uint8_t *message = rbuf_bytes(&b, len), *signature;

        if (!message || !read_message(rbuf_init(message, len), t))
                return false;
        if (rbuf_le16(&b) != ROOM_TOKEN_SIGNATURE)
                return false;
        signature = rbuf_bytes(&b, ROOM_TOKEN_SIGNATURE);
        if (!signature || rbuf_left(&b) > 0)
                return false;
        memcpy(t->signature, signature, ROOM_TOKEN_SIGNATURE);
        return true;
}

/* The charset of an appId in the API: another could belong to nobody. */
static bool is_app_id(const char *s)
{
        static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@.-";

        return strspn(s, set) == ROOM_TOKEN_APP_ID && s[ROOM_TOKEN_APP_ID] == '\0';
}

int room_token_parse(const char *text, struct room_token *ret)
{
        size_t len = strnlen(text, HEAD_LEN + MAX_BASE64 + 1);
        uint8_t content[MAX_BASE64 / 4 * 3];
        struct room_token t = { 0 };
        int n;

        if (len <= HEAD_LEN || memcmp(text, VERSION, VERSION_LEN) != 0)
                return -EPROTO;
        n = decode_base64(text + HEAD_LEN, len - HEAD_LEN, content, sizeof(content));
        if (n < 0)
                return n;
        memcpy(t.app_id, text + VERSION_LEN, ROOM_TOKEN_APP_ID);
        if (!is_app_id(t.app_id) || !read_content(rbuf_init(content, (size_t)n), &t))
                return -EPROTO;
        *ret = t;
        return 0;
}

static void write_text(struct wbuf *b, const char *s)
{
        size_t len = strlen(s);

        wbuf_le16(b, (uint16_t)len);
        wbuf_bytes(b, s, len);
}

/* The signed bytes; every token fits. */
static size_t write_message(const struct room_token *t, uint8_t ret[static MAX_MESSAGE])
{
        struct wbuf b = wbuf_init(ret, MAX_MESSAGE);

        wbuf_le32(&b, t->nonce);
        wbuf_le32(&b, t->issued_at);
        wbuf_le32(&b, t->expire_at);
        write_text(&b, t->room_id);
        write_text(&b, t->user_id);
        wbuf_le16(&b, (uint16_t)t->n_privileges);
        for (size_t i = 0; i < t->n_privileges; i++) {
                wbuf_le16(&b, t->privileges[i].key);
                wbuf_le32(&b, t->privileges[i].value);
        }
        assert(b.ok);
        return b.at;
}

/* The AppKey is used as the bytes it is written in, not as hex. False: out of memory inside libcrypto. */
static bool sign(const uint8_t *message, size_t len, const char *app_key, uint8_t ret[static ROOM_TOKEN_SIGNATURE])
{
        unsigned n = 0;

        return HMAC(EVP_sha256(), app_key, (int)strlen(app_key), message, len, ret, &n) && n == ROOM_TOKEN_SIGNATURE;
}

static bool is_signed_with(const struct room_token *t, const char *app_key)
{
        uint8_t message[MAX_MESSAGE], wanted[ROOM_TOKEN_SIGNATURE];
        size_t len = write_message(t, message);

        return app_key[0] != '\0' && sign(message, len, app_key, wanted) &&
               CRYPTO_memcmp(wanted, t->signature, sizeof(wanted)) == 0;
}

enum room_token_verdict room_token_verify(const char *text, const char *app_id, const char *app_key,
                                          const char *room_id, const char *user_id, uint64_t now_unix_s,
                                          uint32_t *ret_expire_at)
{
        struct room_token t;

        if (room_token_parse(text, &t) < 0)
                return ROOM_TOKEN_MALFORMED;
        if (strcmp(t.app_id, app_id) != 0)
                return ROOM_TOKEN_WRONG_APP;
        if (!is_signed_with(&t, app_key))
                return ROOM_TOKEN_BAD_SIGNATURE;
        if (strcmp(t.room_id, "*") != 0 && strcmp(t.room_id, room_id) != 0)
                return ROOM_TOKEN_WRONG_ROOM;
        if (strcmp(t.user_id, user_id) != 0)
                return ROOM_TOKEN_WRONG_USER;
        if (t.expire_at > 0 && now_unix_s > t.expire_at)
                return ROOM_TOKEN_EXPIRED;
        *ret_expire_at = t.expire_at;
        return ROOM_TOKEN_OK;
}

static bool is_mintable(const struct room_token *t)
{
        for (size_t i = 1; i < t->n_privileges; i++)
                if (t->privileges[i].key <= t->privileges[i - 1].key)
                        return false;
        return is_app_id(t->app_id) && t->n_privileges <= ROOM_TOKEN_MAX_PRIVILEGES;
}

int room_token_mint(const struct room_token *t, const char *app_key, char **ret_text)
{
        uint8_t message[MAX_MESSAGE], signature[ROOM_TOKEN_SIGNATURE], content[MAX_CONTENT];
        struct wbuf b = wbuf_init(content, sizeof(content));
        _cleanup_free_ char *text = NULL;
        size_t len;

        if (!is_mintable(t) || !app_key[0])
                return -EINVAL;
        len = write_message(t, message);
        text = malloc(HEAD_LEN + MAX_BASE64 + 1);
        if (!text || !sign(message, len, app_key, signature))
                return -ENOMEM;
        wbuf_le16(&b, (uint16_t)len);
        wbuf_bytes(&b, message, len);
        wbuf_le16(&b, sizeof(signature));
        wbuf_bytes(&b, signature, sizeof(signature));
        memcpy(text, VERSION, VERSION_LEN);
        memcpy(text + VERSION_LEN, t->app_id, ROOM_TOKEN_APP_ID);
        encode_base64(content, b.at, text + HEAD_LEN);
        *ret_text = take_ptr(text);
        return 0;
}
