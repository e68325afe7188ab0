/* lk-access.c - see lk-access.h.
 *
 * What a `001` token permits is in its privileges (wire/room-token.h): each holds until a moment, 0 for ever. A token
 * that names none restricts nobody, as with the other engines.
 */
#include "engine/livekit/lk-access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "wire/room-token.h"

enum { MADE_VALID_S = 60 * 60 /* generous: the server's clock may be off */ };

static void *wipe(char *secret)
{
        if (secret)
                explicit_bzero(secret, strlen(secret));
        free(secret);
        return NULL;
}

static int copy(const char *text, char **ret)
{
        *ret = text ? strdup(text) : NULL;
        return text && !*ret ? -ENOMEM : 0;
}

/* ---- what is handed in ---- */

static bool holds(const struct room_token *t, unsigned key, uint64_t now_s)
{
        for (size_t i = 0; i < t->n_privileges; i++)
                if (t->privileges[i].key == key)
                        return t->privileges[i].value == 0 || t->privileges[i].value >= now_s;
        return t->n_privileges == 0;
}

static int take_room_token(struct lk_access *a, const char *token, uint64_t now_s)
{
        struct room_token t;

        if (!a->secret || room_token_parse(token, &t) < 0)
                return -EACCES;
        a->grant.can_publish = holds(&t, ROOM_TOKEN_PUBLISH, now_s) || holds(&t, ROOM_TOKEN_PUBLISH_AUDIO, now_s);
        a->grant.can_publish_data = a->grant.can_publish || holds(&t, ROOM_TOKEN_PUBLISH_DATA, now_s);
        a->grant.can_subscribe = holds(&t, ROOM_TOKEN_SUBSCRIBE, now_s);
        a->until_s = t.expire_at;
        a->given = wipe(a->given);
        a->refreshed = wipe(a->refreshed);
        return 0;
}

static int take_jwt(struct lk_access *a, const char *token, const struct jwt_grant *grant)
{
        char *mine;

        if (a->grant.hidden && !grant->hidden)
                return -EOPNOTSUPP;
        if (copy(token, &mine) < 0)
                return -ENOMEM;
        a->refreshed = wipe(a->refreshed);
        wipe(a->given);
        a->given = mine;
        a->grant.hidden = grant->hidden;
        a->grant.expires_at = grant->expires_at;
        return 0;
}

int lk_access_update(struct lk_access *a, const char *token, uint64_t realtime_us)
{
        struct jwt_grant grant;
        int r = jwt_parse(token, &grant);

        if (r == -EINVAL)
                return take_room_token(a, token, realtime_us / US_PER_SEC);
        return r < 0 ? r : take_jwt(a, token, &grant);
}

int lk_access_begin(struct lk_access *a, const struct engine_join *p, uint64_t realtime_us)
{
        a->grant = (struct jwt_grant){ .room_join = true, .hidden = !p->visible };
        (void)snprintf(a->grant.identity, sizeof(a->grant.identity), "%s", p->user_id);
        (void)snprintf(a->grant.room, sizeof(a->grant.room), "%s", p->room_id);
        if (p->api_key && p->api_secret) {
                (void)snprintf(a->grant.key, sizeof(a->grant.key), "%s", p->api_key);
                if (copy(p->api_secret, &a->secret) < 0)
                        return -ENOMEM;
        }
        return lk_access_update(a, p->token ? p->token : "", realtime_us);
}

int lk_access_refreshed(struct lk_access *a, const char *token)
{
        struct jwt_grant grant;
        int r = jwt_parse(token, &grant);
        char *mine;

        if (r == -EINVAL)
                return 0;
        if (r < 0 || copy(token, &mine) < 0)
                return -ENOMEM;
        wipe(a->refreshed);
        a->refreshed = mine;
        a->refreshed_until = grant.expires_at;
        if (grant.room[0]) /* a room that was moved */
                memcpy(a->grant.room, grant.room, sizeof(a->grant.room));
        return 0;
}

/* ---- to be seen or not ---- */

bool lk_access_can_be(const struct lk_access *a, bool visible)
{
        return !a->given || a->grant.hidden == !visible;
}

void lk_access_set_visible(struct lk_access *a, bool visible)
{
        if (a->given || a->grant.hidden == !visible)
                return;
        a->grant.hidden = !visible;
        a->refreshed = wipe(a->refreshed); /* it is of the other kind */
}

/* ---- what is in force ---- */

static int make(const struct lk_access *a, uint64_t now_s, char **ret)
{
        struct jwt_grant g = a->grant;

        g.expires_at = now_s + MADE_VALID_S;
        if (a->until_s && g.expires_at > a->until_s)
                g.expires_at = a->until_s;
        return jwt_mint(&g, a->secret, ret);
}

static bool lasts(uint64_t until, uint64_t moment)
{
        return until == 0 || until > moment;
}

/* An owned copy. Of two that have expired it is the one that lasted longer: the server has the last word. */
static int choose(const struct lk_access *a, uint64_t now_s, char **ret)
{
        if (a->refreshed && lasts(a->refreshed_until, now_s))
                return copy(a->refreshed, ret);
        if (!a->given)
                return make(a, now_s, ret);
        if (a->refreshed && !lasts(a->grant.expires_at, a->refreshed_until))
                return copy(a->refreshed, ret);
        return copy(a->given, ret);
}

int lk_access_authorization(struct lk_access *a, uint64_t realtime_us, const char **ret)
{
        char *token = NULL;
        int r;

        r = choose(a, realtime_us / US_PER_SEC, &token);
        if (r < 0)
                return r;
        a->header = wipe(a->header);
        r = asprintf(&a->header, "Bearer %s", token);
        wipe(token);
        if (r < 0) {
                a->header = NULL;
                return -ENOMEM;
        }
        *ret = a->header;
        return 0;
}

void lk_access_done(struct lk_access *a)
{
        wipe(a->secret);
        wipe(a->given);
        wipe(a->refreshed);
        wipe(a->header);
        explicit_bzero(a, sizeof(*a));
}

/* ---- refusals ---- */

bool lk_access_may_heal(unsigned status)
{
        return status == 408 || status == 425 || status == 429 || status >= 500;
}

static enum lk_refusal judge(unsigned status, const char *text)
{
        if (status == 404)
                return strstr(text, "room does not exist") ? LK_REFUSED : LK_REFUSED_OLD_SERVER;
        return lk_access_may_heal(status) ? LK_REFUSED_FOR_NOW : LK_REFUSED;
}

/* A full room closes on the server's other half, which has no other way to say so; newer ones may find words. Whatever
 * else closes there passes: it is tried again, as a full room is. */
static bool is_full(unsigned status, const char *text)
{
        return (status == 500 && strcmp(text, "connection closed by media") == 0) || strstr(text, "max participants");
}

/* A page of some machine in between says nothing to a user. */
static void describe(unsigned status, const char *text, struct engine_result *ret)
{
        if (*text && *text != '<')
                (void)snprintf(ret->detail, sizeof(ret->detail), "%s", text);
        else
                (void)snprintf(ret->detail, sizeof(ret->detail), "HTTP status %u", status);
}

enum lk_refusal lk_access_refused(unsigned status, const char *text, struct engine_result *ret)
{
        static const char quote[] = "invalid token: (hidden), error: "; /* signal/sigconn-ws-refusal.h */
        enum lk_refusal refusal = judge(status, text);

        *ret = (struct engine_result){ .reason = ENGINE_REFUSED, .err = (int)status };
        if (status == 401 || status == 403) {
                ret->reason = strstr(text, "expired") ? ENGINE_TOKEN_EXPIRED : ENGINE_INVALID_TOKEN;
                if (strncmp(text, quote, strlen(quote)) == 0)
                        text += strlen(quote);
        }
        if (is_full(status, text))
                *ret = (struct engine_result){ .reason = ENGINE_ROOM_FULL };
        if (refusal == LK_REFUSED_OLD_SERVER)
                text = "no LiveKit server at this address";
        describe(status, text, ret);
        return refusal;
}
