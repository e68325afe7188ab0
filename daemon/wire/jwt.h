/* jwt.h - LiveKit's access tokens: JSON Web Tokens (RFC 7519) signed with HS256, and the grant in them.
 *
 * A client cannot check the signature: only the server knows the secret. It reads the grant, to refuse a token for
 * another room or user before anything is connected, and to know when it expires. Who has the secret (development, or
 * a trusted deployment that only signs `001` tokens) makes tokens himself.
 *
 * Bounded: JWT_MAX bytes, strings as below; a longer one is -EINVAL. Unknown claims are skipped; known ones of another
 * type are -EINVAL. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { JWT_MAX = 16 * 1024, JWT_ID_MAX = 255, JWT_SECRET_MAX = 255 };

struct jwt_grant {
        char key[JWT_ID_MAX + 1];      /* iss: which secret signs */
        char identity[JWT_ID_MAX + 1]; /* sub, or jti where there is none */
        char name[JWT_ID_MAX + 1];
        char room[JWT_ID_MAX + 1];       /* "": any room */
        uint64_t expires_at, not_before; /* Unix seconds; 0: absent */
        bool room_join;
        bool can_publish, can_subscribe; /* true when absent */
        bool can_publish_data;           /* as can_publish when absent */
        bool hidden;
        bool room_admin; /* may use the RoomService about `room` */
};

/* -EINVAL: not a JWT with alg HS256 and an object as payload. Says nothing about the signature. -ENOMEM. */
int jwt_parse(const char *token, struct jwt_grant *ret);
/* Whether this secret signed it: 1 or 0. -EINVAL, -ENOMEM. */
int jwt_verify(const char *token, const char *secret);
/* A token with that grant; owned by the caller. expires_at is required by servers. -EINVAL: no key, identity or
 * secret. -ENOMEM. */
int jwt_mint(const struct jwt_grant *grant, const char *secret, char **ret);
