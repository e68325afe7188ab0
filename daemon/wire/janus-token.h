/* janus-token.h - entry to a Janus: signed tokens as Janus 1.1 checks them, and what is derived from an AppKey.
 *
 * A signed token is "EXPIRY,REALM,DESCRIPTOR…:BASE64" where BASE64 is HMAC-SHA1(secret, everything before the colon).
 * Two are needed: the API token (realm "janus", descriptors = plugins that may be used) goes with every request, the
 * room token (realm "janus.plugin.videoroom", descriptor "room=NAME") with a join. They hold only while Janus runs in
 * signed mode (token_auth = true, token_auth_secret = SECRET). Whoever holds the AppKey computes
 *
 *   SECRET       = hex(HMAC-SHA256(key = AppKey, data = "rtcroomd janus 1 " appId))      64 digits, lower case
 *   room secret  = hex(HMAC-SHA256(key = AppKey, data = "rtcroomd room 1 " NAME))        to destroy an empty room
 *   create key   = hex(HMAC-SHA256(key = SECRET, data = "rtcroomd create 1 "))           admin_key of the VideoRoom
 * plugin NAME         = appId "/" roomId, or, above 94 characters, appId "/~" hex(SHA-256(appId "/" roomId))
 *
 * (on a command line: printf 'rtcroomd janus 1 APPID' | openssl dgst -sha256 -hmac APPKEY), so the administrator of a
 * remote Janus configures SECRET without giving away the AppKey. NAME is bounded because Janus cuts the descriptor it
 * looks for at 99 characters: of two long rooms with one beginning, each token would open both.
 *
 * A user whose daemon has no AppKey hands in a pair made by whoever runs the Janus:  janus:API_TOKEN|ROOM_TOKEN
 * Both parts are 1 to 4096 printable ASCII characters, no space, no '|'; they are passed on as they are.
 *
 * Pure; any thread. Errors: -ENOMEM, -EINVAL. Texts returned are owned by the caller, and secrets.
 */
#pragma once

#include <stdint.h>

enum { JANUS_SECRET_SIZE = 65, JANUS_ROOM_NAME_SIZE = 95, JANUS_TOKEN_PART_MAX = 4096 };

#define JANUS_PLUGIN_VIDEOROOM "janus.plugin.videoroom"
#define JANUS_PLUGIN_ECHOTEST  "janus.plugin.echotest"

int janus_token_secret(const char *app_key, const char *app_id, char ret[JANUS_SECRET_SIZE]);
int janus_token_room_secret(const char *app_key, const char *room_name, char ret[JANUS_SECRET_SIZE]);
/* Without an admin_key whoever holds an API token may make a room, and make it without signed_tokens: open to himself.
 */
int janus_token_create_key(const char *secret, char ret[JANUS_SECRET_SIZE]);
int janus_room_name(const char *app_id, const char *room_id, char ret[JANUS_ROOM_NAME_SIZE]);

/* expires_at: Unix seconds. */
int janus_token_sign_api(const char *secret, uint64_t expires_at, char **ret);
int janus_token_sign_room(const char *secret, uint64_t expires_at, const char *room_name, char **ret);

/* -EINVAL: not a pair. */
int janus_token_parse_pair(const char *text, char **ret_api, char **ret_room);
