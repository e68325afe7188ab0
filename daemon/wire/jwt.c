/* jwt.c - see jwt.h. Base64url without padding is RFC 4648 section 5, HS256 is RFC 7518 section 3.2; OpenSSL does the
 * arithmetic, json-c reads and writes the claims.
 *
 * Payload and header are decoded into memory bounded by the token's own length. Secrets are not logged here: nothing
 * is.
 */
#include "wire/jwt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/cleanup.h"

enum { DEPTH_MAX = 8, SIGNATURE_TEXT = 43 /* of 32 bytes */ };

static void object_putp(json_object **o)
{
        json_object_put(*o);
}
#define _cleanup_object_ _cleanup_(object_putp)

/* ---- base64url ---- */

static int digit(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Decoded text, NUL-terminated and owned by the caller; its length. -EINVAL: a foreign character, or a length that no
 * number of bytes has. */
static int decode(const char *text, size_t len, char **ret)
{
        _cleanup_free_ char *out = malloc(len / 4 * 3 + 3);
        uint32_t bits = 0;
        unsigned n_bits = 0;
        size_t n = 0;

        if (!out)
                return -ENOMEM;
        if (len % 4 == 1)
                return -EINVAL;
        for (size_t i = 0; i < len; i++) {
                int d = digit(text[i]);

                if (d < 0)
                        return -EINVAL;
                bits = bits << 6 | (uint32_t)d;
                n_bits += 6;
                if (n_bits >= 8) {
                        n_bits -= 8;
                        out[n++] = (char)(bits >> n_bits & 0xff);
                }
        }
        out[n] = '\0';
        *ret = take_ptr(out);
        return (int)n;
}

/* Appends to `to`, which has place for it and a NUL; returns the end. */
static char *encode(const void *data, size_t len, char *to)
{
        int n = EVP_EncodeBlock((uint8_t *)to, data, (int)len);

        while (n > 0 && to[n - 1] == '=')
                n--;
        for (int i = 0; i < n; i++)
                to[i] = to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i];
        to[n] = '\0';
        return to + n;
}

/* ---- reading ---- */

struct parts {
        const char *header, *payload, *signature;
        size_t header_len, payload_len;
};

static int split(const char *token, struct parts *ret)
{
        const char *first = strchr(token, '.'), *second = first ? strchr(first + 1, '.') : NULL;

        if (!second || strchr(second + 1, '.') || strnlen(token, JWT_MAX + 1) > JWT_MAX)
                return -EINVAL;
        *ret = (struct parts){ token, first + 1, second + 1, (size_t)(first - token), (size_t)(second - first - 1) };
        return 0;
}

static int parse_object(const char *text, size_t len, json_object **ret)
{
        _cleanup_free_ char *json = NULL;
        _cleanup_object_ json_object *tree = NULL;
        struct json_tokener *t;
        int n = decode(text, len, &json);
        bool whole;

        if (n < 0)
                return n;
        t = json_tokener_new_ex(DEPTH_MAX);
        if (!t)
                return -ENOMEM;
        json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        tree = json_tokener_parse_ex(t, json, n);
        whole = json_tokener_get_error(t) == json_tokener_success && json_tokener_get_parse_end(t) == (size_t)n;
        json_tokener_free(t);
        if (!whole || !json_object_is_type(tree, json_type_object))
                return -EINVAL;
        *ret = take_ptr(tree);
        return 0;
}

/* The readers leave `ret` alone when the member is absent. */
static int read_text(json_object *o, const char *name, char ret[JWT_ID_MAX + 1])
{
        json_object *v = NULL;
        const char *text;
        size_t len;

        if (!json_object_object_get_ex(o, name, &v))
                return 0;
        if (!json_object_is_type(v, json_type_string))
                return -EINVAL;
        text = json_object_get_string(v);
        len = (size_t)json_object_get_string_len(v);
        if (len > JWT_ID_MAX || strlen(text) != len)
                return -EINVAL;
        memcpy(ret, text, len + 1);
        return 0;
}

static int read_time(json_object *o, const char *name, uint64_t *ret)
{
        json_object *v = NULL;
        double seconds;

        if (!json_object_object_get_ex(o, name, &v))
                return 0;
        if (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))
                return -EINVAL;
        seconds = json_object_get_double(v); /* NumericDate may have a fraction */
        if (!(seconds >= 0 && seconds <= 9e15))
                return -EINVAL;
        *ret = (uint64_t)seconds;
        return 0;
}

static int read_flag(json_object *o, const char *name, bool *ret)
{
        json_object *v = NULL;

        if (!json_object_object_get_ex(o, name, &v))
                return 0;
        if (!json_object_is_type(v, json_type_boolean))
                return -EINVAL;
        *ret = json_object_get_boolean(v);
        return 0;
}

static int read_video(json_object *claims, struct jwt_grant *g)
{
        json_object *video = NULL;
        int r;

        if (!json_object_object_get_ex(claims, "video", &video))
                return 0;
        if (!json_object_is_type(video, json_type_object))
                return -EINVAL;
        r = read_text(video, "room", g->room);
        if (r >= 0)
                r = read_flag(video, "roomJoin", &g->room_join);
        if (r >= 0)
                r = read_flag(video, "canPublish", &g->can_publish);
        if (r >= 0)
                r = read_flag(video, "canSubscribe", &g->can_subscribe);
        g->can_publish_data = g->can_publish;
        if (r >= 0)
                r = read_flag(video, "canPublishData", &g->can_publish_data);
        if (r >= 0)
                r = read_flag(video, "hidden", &g->hidden);
        return r < 0 ? r : read_flag(video, "roomAdmin", &g->room_admin);
}

static int read_claims(json_object *claims, struct jwt_grant *g)
{
        int r = read_text(claims, "iss", g->key);

        if (r >= 0)
                r = read_text(claims, "jti", g->identity);
        if (r >= 0)
                r = read_text(claims, "sub", g->identity);
        if (r >= 0)
                r = read_text(claims, "name", g->name);
        if (r >= 0)
                r = read_time(claims, "exp", &g->expires_at);
        if (r >= 0)
                r = read_time(claims, "nbf", &g->not_before);
        return r < 0 ? r : read_video(claims, g);
}

static bool is_hs256(json_object *header)
{
        json_object *alg = NULL;

        return json_object_object_get_ex(header, "alg", &alg) && json_object_is_type(alg, json_type_string) &&
               strcmp(json_object_get_string(alg), "HS256") == 0;
}

int jwt_parse(const char *token, struct jwt_grant *ret)
{
        _cleanup_object_ json_object *header = NULL, *claims = NULL;
        struct jwt_grant g = { .can_publish = true, .can_subscribe = true, .can_publish_data = true };
        struct parts p;
        int r = split(token, &p);

        if (r >= 0)
                r = parse_object(p.header, p.header_len, &header);
        if (r >= 0)
                r = parse_object(p.payload, p.payload_len, &claims);
        if (r >= 0 && !is_hs256(header))
                r = -EINVAL;
        if (r >= 0)
                r = read_claims(claims, &g);
        if (r < 0)
                return r;
        *ret = g;
        return 0;
}

/* ---- signing ---- */

static int sign(const char *text, size_t len, const char *secret, char ret[64])
{
        uint8_t digest[SHA256_DIGEST_LENGTH];

        if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), (const uint8_t *)text, len, digest, NULL))
                return -ENOMEM;
        (void)encode(digest, sizeof(digest), ret);
        return 0;
}

int jwt_verify(const char *token, const char *secret)
{
        char expected[64];
        struct parts p;
        int r = split(token, &p);

        if (r < 0)
                return r;
        r = sign(token, (size_t)(p.signature - 1 - token), secret, expected);
        if (r < 0)
                return r;
        return strlen(p.signature) == SIGNATURE_TEXT && CRYPTO_memcmp(p.signature, expected, SIGNATURE_TEXT) == 0;
}

/* Takes the value. */
static int add(json_object *o, const char *name, json_object *value)
{
        if (value && json_object_object_add(o, name, value) == 0)
                return 0;
        json_object_put(value);
        return -ENOMEM;
}

static int make_video(const struct jwt_grant *g, json_object **ret)
{
        _cleanup_object_ json_object *video = json_object_new_object();
        int r = video ? 0 : -ENOMEM;

        if (r >= 0)
                r = add(video, "roomJoin", json_object_new_boolean(g->room_join));
        if (r >= 0 && g->room[0])
                r = add(video, "room", json_object_new_string(g->room));
        if (r >= 0)
                r = add(video, "canPublish", json_object_new_boolean(g->can_publish));
        if (r >= 0)
                r = add(video, "canSubscribe", json_object_new_boolean(g->can_subscribe));
        if (r >= 0)
                r = add(video, "canPublishData", json_object_new_boolean(g->can_publish_data));
        if (r >= 0 && g->hidden)
                r = add(video, "hidden", json_object_new_boolean(true));
        if (r >= 0 && g->room_admin)
                r = add(video, "roomAdmin", json_object_new_boolean(true));
        if (r >= 0)
                *ret = take_ptr(video);
        return r;
}

static int make_claims(const struct jwt_grant *g, json_object **ret)
{
        _cleanup_object_ json_object *claims = json_object_new_object(), *video = NULL;
        int r = claims ? make_video(g, &video) : -ENOMEM;

        if (r >= 0)
                r = add(claims, "iss", json_object_new_string(g->key));
        if (r >= 0)
                r = add(claims, "sub", json_object_new_string(g->identity));
        if (r >= 0 && g->name[0])
                r = add(claims, "name", json_object_new_string(g->name));
        if (r >= 0 && g->expires_at)
                r = add(claims, "exp", json_object_new_int64((int64_t)g->expires_at));
        if (r >= 0 && g->not_before)
                r = add(claims, "nbf", json_object_new_int64((int64_t)g->not_before));
        if (r >= 0)
                r = add(claims, "video", take_ptr(video));
        if (r >= 0)
                *ret = take_ptr(claims);
        return r;
}

int jwt_mint(const struct jwt_grant *g, const char *secret, char **ret)
{
        static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
        _cleanup_object_ json_object *claims = NULL;
        _cleanup_free_ char *token = NULL;
        const char *json;
        size_t room;
        char *end;
        int r;

        if (!g->key[0] || !g->identity[0] || !secret[0])
                return -EINVAL;
        r = make_claims(g, &claims);
        json = r < 0 ? NULL
                     : json_object_to_json_string_ext(claims, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!json)
                return -ENOMEM;
        room = (sizeof(header) + strlen(json)) * 4 / 3 + 128; /* both parts, the signature, dots, padding */
        token = malloc(room);
        if (!token)
                return -ENOMEM;
        end = encode(header, strlen(header), token);
        *end++ = '.';
        end = encode(json, strlen(json), end);
        r = sign(token, (size_t)(end - token), secret, end + 1);
        if (r < 0)
                return r;
        *end = '.';
        *ret = take_ptr(token);
        return 0;
}
