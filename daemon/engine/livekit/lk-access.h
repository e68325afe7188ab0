/* lk-access.h - what opens a LiveKit server for one room: the token of each connection, and what a refusal means.
 *
 * Two forms of token are handed in: LiveKit's own JWT (wire/jwt.h), which goes to the server as it is, and a `001`
 * token (wire/room-token.h) that the app has verified, for which a JWT is made with the app's key pair, anew for each
 * connection. The server hands out a newer token every few minutes: it is preferred for coming back until it has
 * expired, for it knows what the server changed meanwhile; then the one that was handed in, if that lasts longer.
 *
 * Control thread; pure but for the time, which is a parameter (µs since 1970, as a suspended machine's tokens grow
 * old, too). Tokens and secrets are never logged, and wiped.
 */
#pragma once

#include "engine/engine.h"
#include "wire/jwt.h"

struct lk_access {
        struct jwt_grant grant; /* of what is made; `hidden` and `expires_at` those of a JWT handed in */
        char *secret;           /* owned, goes with grant.key; NULL: no key pair */
        char *given;            /* owned: the JWT handed in; NULL: JWTs are made */
        char *refreshed;        /* owned: the server's newest, or NULL */
        uint64_t refreshed_until;
        uint32_t until_s; /* of the `001` token: nothing is made that lasts longer; 0: no end */
        char *header;     /* owned: lent by lk_access_authorization() */
};

/* `a` is zeroed memory, and still needs lk_access_done() after a failure. -EACCES: neither a JWT, nor a `001` token
 * with a key pair to go with it. -EOPNOTSUPP: the user is not to be seen, and the JWT does not hide him. -ENOMEM. */
int lk_access_begin(struct lk_access *a, const struct engine_join *params, uint64_t realtime_us);
/* A token of either form takes the place of all before it. Errors as above; the old ones then stay in force. */
int lk_access_update(struct lk_access *a, const char *token, uint64_t realtime_us);
/* The server's own newer token, of `refresh_token` or `room_moved`. What is no JWT is ignored. -ENOMEM. */
int lk_access_refreshed(struct lk_access *a, const char *token);
/* Whether tokens for being seen, or not, can be had; and which kind the next connection is to have. */
bool lk_access_can_be(const struct lk_access *a, bool visible);
void lk_access_set_visible(struct lk_access *a, bool visible);
static inline bool lk_access_is_visible(const struct lk_access *a)
{
        return !a->grant.hidden;
}
/* The value of the Authorization header of a connection that is opened now: the token in force, or a new one. Lent
 * until the next call. -ENOMEM. */
int lk_access_authorization(struct lk_access *a, uint64_t realtime_us, const char **ret);
/* Wipes and frees. */
void lk_access_done(struct lk_access *a);

enum lk_refusal {
        LK_REFUSED,            /* for good: asked again it would be the same */
        LK_REFUSED_FOR_NOW,    /* later, or at another place */
        LK_REFUSED_OLD_SERVER, /* it does not know /rtc/v1 (or is no LiveKit): try /rtc */
};
bool lk_access_may_heal(unsigned http_status); /* what is LK_REFUSED_FOR_NOW */
/* Of an upgrade that was refused with this status and this text (sigconn's `closed`). ret: what the user is told. */
enum lk_refusal lk_access_refused(unsigned http_status, const char *text, struct engine_result *ret);
