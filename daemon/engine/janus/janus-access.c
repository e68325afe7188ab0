/* janus-access.c - see janus-access.h. */
#include "engine/janus/janus-access.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define VALID_S      (24 * 60 * 60) /* generous: the clock of the Janus may be off */
#define SIGN_ANEW_US (60 * 60 * US_PER_SEC)

static int sign(struct janus_access *a, struct janus_fsm *f, uint64_t realtime_us)
{
        _cleanup_free_ char *api = NULL, *room = NULL;
        uint64_t expires = realtime_us / US_PER_SEC + VALID_S;
        int r = janus_token_sign_api(a->secret, expires, &api);

        if (r < 0)
                return r;
        r = janus_token_sign_room(a->secret, expires, a->room, &room);
        if (r < 0)
                return r;
        a->signed_us = realtime_us;
        return janus_fsm_set_tokens(f, api, room);
}

static int pass_pair(struct janus_fsm *f, const char *token)
{
        _cleanup_free_ char *api = NULL, *room = NULL;
        int r = janus_token_parse_pair(token ? token : "", &api, &room);

        if (r < 0)
                return r == -EINVAL ? -EACCES : r;
        return janus_fsm_set_tokens(f, api, room);
}

int janus_access_begin(struct janus_access *a, const struct engine_join *params, struct janus_fsm *f,
                       uint64_t realtime_us, struct janus_join *ret_join)
{
        int r = janus_room_name(params->app_id, params->room_id, a->room);

        if (r < 0)
                return r;
        memcpy(ret_join->room, a->room, sizeof(ret_join->room));
        a->signing = params->app_key;
        if (!a->signing) {
                /* Nobody but whoever made the room may destroy it, and he only while he is here. */
                rand_text(&rand_system, ret_join->room_secret, sizeof(ret_join->room_secret));
                return pass_pair(f, params->token);
        }
        r = janus_token_room_secret(params->app_key, a->room, ret_join->room_secret);
        if (r < 0)
                return r;
        r = janus_token_secret(params->app_key, params->app_id, a->secret);
        if (r >= 0)
                r = janus_token_create_key(a->secret, ret_join->create_key);
        return r < 0 ? r : sign(a, f, realtime_us);
}

int janus_access_refresh(struct janus_access *a, struct janus_fsm *f, uint64_t realtime_us)
{
        bool young = realtime_us >= a->signed_us && realtime_us - a->signed_us < SIGN_ANEW_US;

        return a->signing && !young ? sign(a, f, realtime_us) : 0;
}

int janus_access_update(struct janus_access *a, struct janus_fsm *f, const char *token)
{
        return a->signing ? 0 : pass_pair(f, token);
}

void janus_access_done(struct janus_access *a)
{
        explicit_bzero(a, sizeof(*a));
}
