/* room-token.h - the `001` AccessToken: who may enter which room until when, signed with the AppKey.
 *
 *   token   = "001" appId(24) base64(content)
 *   content = u16 len(msg), msg, u16 32, HMAC-SHA256(AppKey, msg)              all integers little-endian
 *   msg     = u32 nonce, u32 issuedAt, u32 expireAt, str roomId, str userId, u16 n, n × (u16 key, u32 value)
 *   str     = u16 length, bytes
 *
 * Only the canonical form is accepted: strict base64, keys ascending, nothing behind the end. So a token has one text,
 * and one that parses packs to the same bytes. Times are Unix seconds, 0 is never. No allocation but for minting.
 * Needs base and libcrypto only: the command line tool links it too. Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
        ROOM_TOKEN_APP_ID = 24,
        ROOM_TOKEN_MAX_ID = 128,        /* bytes; a longer one could not match any room or user */
        ROOM_TOKEN_MAX_PRIVILEGES = 64, /* 5 are defined; unknown keys are tolerated */
        ROOM_TOKEN_SIGNATURE = 32
};

/* Keys; 1–3 always accompany 0. */
enum room_token_privilege {
        ROOM_TOKEN_PUBLISH,
        ROOM_TOKEN_PUBLISH_AUDIO,
        ROOM_TOKEN_PUBLISH_VIDEO,
        ROOM_TOKEN_PUBLISH_DATA,
        ROOM_TOKEN_SUBSCRIBE
};

struct room_token {
        char app_id[ROOM_TOKEN_APP_ID + 1];
        uint32_t nonce, issued_at, expire_at;
        char room_id[ROOM_TOKEN_MAX_ID + 1]; /* "*": any room. Not held to the charset of ids here */
        char user_id[ROOM_TOKEN_MAX_ID + 1];
        struct {
                uint16_t key;
                uint32_t value;                  /* until when, 0 always */
        } privileges[ROOM_TOKEN_MAX_PRIVILEGES]; /* keys ascending */
        size_t n_privileges;
        uint8_t signature[ROOM_TOKEN_SIGNATURE]; /* as it stands in a parsed token; not an input of minting */
};

enum room_token_verdict {
        ROOM_TOKEN_OK,
        ROOM_TOKEN_MALFORMED,
        ROOM_TOKEN_WRONG_APP,
        ROOM_TOKEN_BAD_SIGNATURE,
        ROOM_TOKEN_WRONG_ROOM,
        ROOM_TOKEN_WRONG_USER,
        ROOM_TOKEN_EXPIRED,
        _ROOM_TOKEN_VERDICT_MAX
};
const char *room_token_verdict_to_string(enum room_token_verdict v); /* "ok" "malformed" "wrong app" … */

/* Says nothing about the signature. -EPROTO: malformed. */
int room_token_parse(const char *text, struct room_token *ret);
/* The first thing wrong, in the order of the enum. The second of expireAt itself is still good.
 * ret_expire_at: written when OK; 0 never. */
enum room_token_verdict room_token_verify(const char *text, const char *app_id, const char *app_key,
                                          const char *room_id, const char *user_id, uint64_t now_unix_s,
                                          uint32_t *ret_expire_at);
/* The text is owned by the caller. -EINVAL: no appId of 24 characters, keys not ascending, or no AppKey. -ENOMEM. */
int room_token_mint(const struct room_token *t, const char *app_key, char **ret_text);
