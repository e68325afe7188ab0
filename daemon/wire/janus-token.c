/* janus-token.c - see janus-token.h. HMAC of RFC 2104, base64 of RFC 4648, both by OpenSSL. */
#include "wire/janus-token.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/cleanup.h"

static void to_hex(const uint8_t *bytes, size_t n, char *ret)
{
        for (size_t i = 0; i < n; i++)
                (void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

/* hex(HMAC-SHA256(key, label subject)) */
static int derive(const char *key, const char *label, const char *subject, char ret[JANUS_SECRET_SIZE])
{
        uint8_t digest[SHA256_DIGEST_LENGTH];
        char data[512];
        unsigned len = 0;
        int n = snprintf(data, sizeof(data), "%s%s", label, subject);

        if (n < 0 || (size_t)n >= sizeof(data))
                return -EINVAL;
        if (!HMAC(EVP_sha256(), key, (int)strlen(key), (const uint8_t *)data, (size_t)n, digest, &len))
                return -ENOMEM;
        to_hex(digest, len, ret);
        return 0;
}

int janus_token_secret(const char *app_key, const char *app_id, char ret[JANUS_SECRET_SIZE])
{
        return derive(app_key, "rtcroomd janus 1 ", app_id, ret);
}

int janus_token_room_secret(const char *app_key, const char *room_name, char ret[JANUS_SECRET_SIZE])
{
        return derive(app_key, "rtcroomd room 1 ", room_name, ret);
}

int janus_token_create_key(const char *secret, char ret[JANUS_SECRET_SIZE])
{
        return derive(secret, "rtcroomd create 1 ", "", ret);
}

int janus_room_name(const char *app_id, const char *room_id, char ret[JANUS_ROOM_NAME_SIZE])
{
        uint8_t digest[SHA256_DIGEST_LENGTH];
        char full[512], hex[2 * sizeof(digest) + 1], name[JANUS_ROOM_NAME_SIZE];
        int n = snprintf(full, sizeof(full), "%s/%s", app_id, room_id);

        if (n < 0 || (size_t)n >= sizeof(full))
                return -EINVAL;
        if (n < JANUS_ROOM_NAME_SIZE) {
                memcpy(ret, full, (size_t)n + 1);
                return 0;
        }
        if (!EVP_Digest(full, (size_t)n, digest, NULL, EVP_sha256(), NULL))
                return -ENOMEM;
        to_hex(digest, sizeof(digest), hex);
        n = snprintf(name, sizeof(name), "%s/~%s", app_id, hex);
        if (n < 0 || (size_t)n >= sizeof(name))
                return -EINVAL; /* an appId of more than the 24 characters that one has */
        memcpy(ret, name, (size_t)n + 1);
        return 0;
}

/* "claims:base64(hmac-sha1(secret, claims))" */
static int sign(const char *secret, const char *claims, char **ret)
{
        uint8_t digest[EVP_MAX_MD_SIZE];
        char signature[4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1];
        unsigned len = 0;
        char *text;

        if (!HMAC(EVP_sha1(), secret, (int)strlen(secret), (const uint8_t *)claims, strlen(claims), digest, &len))
                return -ENOMEM;
        (void)EVP_EncodeBlock((uint8_t *)signature, digest, (int)len);
        text = malloc(strlen(claims) + strlen(signature) + 2);
        if (!text)
                return -ENOMEM;
        (void)sprintf(text, "%s:%s", claims, signature);
        *ret = text;
        return 0;
}

int janus_token_sign_api(const char *secret, uint64_t expires_at, char **ret)
{
        char claims[128];

        (void)snprintf(claims, sizeof(claims), "%llu,janus," JANUS_PLUGIN_VIDEOROOM "," JANUS_PLUGIN_ECHOTEST,
                       (unsigned long long)expires_at);
        return sign(secret, claims, ret);
}

int janus_token_sign_room(const char *secret, uint64_t expires_at, const char *room_name, char **ret)
{
        char claims[64 + JANUS_ROOM_NAME_SIZE];
        int n;

        if (strpbrk(room_name, ",:"))
                return -EINVAL; /* would end the descriptor */
        n = snprintf(claims, sizeof(claims), "%llu," JANUS_PLUGIN_VIDEOROOM ",room=%s", (unsigned long long)expires_at,
                     room_name);
        if (n < 0 || (size_t)n >= sizeof(claims))
                return -EINVAL;
        return sign(secret, claims, ret);
}

static bool is_part(const char *s, size_t n)
{
        if (n == 0 || n > JANUS_TOKEN_PART_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if (s[i] <= ' ' || s[i] > '~' || s[i] == '|')
                        return false;
        return true;
}

int janus_token_parse_pair(const char *text, char **ret_api, char **ret_room)
{
        static const char prefix[] = "janus:";
        _cleanup_free_ char *api = NULL, *room = NULL;
        const char *bar;

        if (strncmp(text, prefix, strlen(prefix)) != 0)
                return -EINVAL;
        text += strlen(prefix);
        bar = strchr(text, '|');
        if (!bar || !is_part(text, (size_t)(bar - text)) || !is_part(bar + 1, strlen(bar + 1)))
                return -EINVAL;
        api = strndup(text, (size_t)(bar - text));
        room = strdup(bar + 1);
        if (!api || !room)
                return -ENOMEM;
        *ret_api = take_ptr(api);
        *ret_room = take_ptr(room);
        return 0;
}
