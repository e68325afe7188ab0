/* cmd-token-livekit.c - LiveKit's tokens: made with a key pair that is at hand, and read. See ctl/token.h.
 *
 * The secret comes from a file, the configuration or the environment, never from the command line, which everybody on
 * the machine can read; it is wiped after use.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/config-file.h"
#include "app/config.h"
#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/token.h"
#include "wire/jwt.h"

struct pair {
        char key[JWT_ID_MAX + 1];
        char *secret; /* owned */
};

static void pair_done(struct pair *p)
{
        p->secret = config_secret_free(p->secret);
}

static int take(const struct ctl *o, const char *key, const char *secret, struct pair *ret)
{
        if (strlen(key) > JWT_ID_MAX || strlen(secret) > JWT_SECRET_MAX)
                return fail(o, EXIT_FAILED, "key and secret have at most %d characters", JWT_ID_MAX);
        (void)snprintf(ret->key, sizeof(ret->key), "%s", key);
        ret->secret = strdup(secret);
        return ret->secret ? 0 : fail(o, EXIT_FAILED, "%s", strerror(ENOMEM));
}

static int of_file(const struct ctl *o, struct pair *ret)
{
        const char *key = o->api_key ? o->api_key : getenv("LIVEKIT_API_KEY");
        char *secret = NULL;
        int k;

        if (!key)
                return fail(o, EXIT_USAGE, "--secret-file goes with --api-key KEY");
        k = config_secret_read(o->secret_file, true, &secret);
        if (k == -EPERM)
                return fail(o, EXIT_FAILED, "%s: others may read it; chmod 600", o->secret_file);
        if (k < 0)
                return fail(o, EXIT_FAILED, "%s: %s", o->secret_file, strerror(-k));
        k = take(o, key, secret, ret);
        config_secret_free(secret);
        return k;
}

static int of_configuration(const struct ctl *o, struct pair *ret)
{
        _cleanup_(config_freep) struct config *c = NULL;
        const struct config_app *app;
        int k = token_load_config(o, &c);

        if (k != 0)
                return k;
        app = config_find_app(c, o->app);
        if (!app || !app->livekit_api_secret)
                return fail(o, EXIT_FAILED, "no apps.%s.livekit in the configuration", o->app);
        return take(o, app->livekit_api_key, app->livekit_api_secret, ret);
}

static int obtain_pair(const struct ctl *o, struct pair *ret)
{
        const char *key = o->api_key ? o->api_key : getenv("LIVEKIT_API_KEY"), *secret = getenv("LIVEKIT_API_SECRET");

        if (o->secret_file)
                return of_file(o, ret);
        if (key && secret)
                return take(o, key, secret, ret);
        if (o->app)
                return of_configuration(o, ret);
        return fail(o, EXIT_FAILED,
                    "no key pair: give --api-key KEY --secret-file FILE, LIVEKIT_API_KEY and "
                    "LIVEKIT_API_SECRET, or --app APPID with apps.APPID.livekit in the configuration");
}

int livekit_token_mint(const struct ctl *o, const char *room, const char *user, char **ret)
{
        _cleanup_(pair_done) struct pair pair = { .secret = NULL };
        struct jwt_grant g = { .room_join = true,
                               .can_publish = !o->no_publish,
                               .can_publish_data = !o->no_publish,
                               .can_subscribe = !o->no_subscribe,
                               .hidden = o->invisible };
        int k;

        if (o->expires_s == 0)
                return fail(o, EXIT_USAGE, "a token of LiveKit has an end: --expires is 1 at least");
        if (strlen(room) > JWT_ID_MAX || strlen(user) > JWT_ID_MAX)
                return fail(o, EXIT_FAILED, "room and user have at most %d characters", JWT_ID_MAX);
        k = obtain_pair(o, &pair);
        if (k != 0)
                return k;
        memcpy(g.key, pair.key, sizeof(g.key));
        (void)snprintf(g.identity, sizeof(g.identity), "%s", user);
        (void)snprintf(g.room, sizeof(g.room), "%s", room);
        g.expires_at = clock_realtime_us() / US_PER_SEC + o->expires_s;
        k = jwt_mint(&g, pair.secret, ret);
        return k < 0 ? fail(o, EXIT_FAILED, "%s", strerror(-k)) : 0;
}

/* ---- reading ---- */

static void print_grant_json(const struct jwt_grant *g)
{
        struct json_object *j = json_object_new_object();

        add_text(j, "apiKey", g->key);
        add_text(j, "roomId", g->room);
        add_text(j, "userId", g->identity);
        add_text(j, "name", g->name);
        json_object_object_add(j, "expireAt", json_object_new_int64((int64_t)g->expires_at));
        add_flag(j, "roomJoin", g->room_join);
        add_flag(j, "canPublish", g->can_publish);
        add_flag(j, "canSubscribe", g->can_subscribe);
        add_flag(j, "canPublishData", g->can_publish_data);
        add_flag(j, "hidden", g->hidden);
        print_json(j);
}

static void print_grant(const struct jwt_grant *g)
{
        time_t at = (time_t)g->expires_at;
        char until[64] = "never";
        struct tm tm;

        if (at && gmtime_r(&at, &tm))
                (void)strftime(until, sizeof(until), "%F %T UTC", &tm);
        print_line(stdout, "key      %s", g->key);
        print_line(stdout, "room     %s", g->room);
        print_line(stdout, "user     %s", g->identity);
        if (g->name[0])
                print_line(stdout, "name     %s", g->name);
        print_line(stdout, "expires  %s", until);
        print_line(stdout, "may     %s%s%s%s%s", g->room_join ? " join" : "", g->can_publish ? " publish" : "",
                   g->can_subscribe ? " subscribe" : "", g->can_publish_data ? " send" : "",
                   g->hidden ? ", hidden" : "");
}

bool livekit_token_inspect(const struct ctl *o, const char *text)
{
        struct jwt_grant g;

        if (jwt_parse(text, &g) < 0)
                return false;
        if (o->json)
                print_grant_json(&g);
        else
                print_grant(&g);
        return true;
}
