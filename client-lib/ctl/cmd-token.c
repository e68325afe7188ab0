/* cmd-token.c - tokens: make, read, judge, of the 001 form (LiveKit's: cmd-token-livekit.c); and where the AppKey for
 * that comes from. See ctl/token.h.
 *
 * The AppKey is a secret: it is read from a file or the configuration, never from the command line, and wiped after
 * use.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "app/config-file.h"
#include "app/config.h"
#include "base/clock.h"
#include "base/rand.h"
#include "ctl/ctl.h"
#include "ctl/token.h"
#include "wire/janus-token.h"
#include "wire/room-token.h"

enum { TOKEN_MAX = 16 * 1024 };

static void secret_freep(char **p)
{
        *p = config_secret_free(*p);
}
#define _cleanup_secret_ __attribute__((cleanup(secret_freep)))

int token_load_config(const struct ctl *o, struct config **ret)
{
        _cleanup_free_ char *path = NULL;
        struct config_fault fault;

        if (o->config)
                path = strdup(o->config);
        else if (config_find(&path) < 0)
                path = NULL;
        if (config_load(path, ret, &fault) < 0)
                return fail(o, EXIT_FAILED, "%s", fault.text);
        return 0;
}

/* The AppKey of --key-file, else of the configuration's entry for --app. 0 and an owned secret, or an exit code told.
 */
static int obtain_key(const struct ctl *o, const char *app_id, char **ret)
{
        _cleanup_(config_freep) struct config *c = NULL;
        const struct config_app *app;
        int k;

        if (o->key_file) {
                k = config_secret_read(o->key_file, true, ret);
                if (k == -EPERM)
                        return fail(o, EXIT_FAILED, "%s: others may read it; chmod 600", o->key_file);
                return k < 0 ? fail(o, EXIT_FAILED, "%s: %s", o->key_file, strerror(-k)) : 0;
        }
        k = token_load_config(o, &c);
        if (k != 0)
                return k;
        app = config_find_app(c, app_id);
        if (!app || !app->app_key)
                return fail(o, EXIT_FAILED,
                            "no AppKey for %s: give --key-file FILE, or apps.%s.appKey in the configuration", app_id,
                            app_id);
        *ret = strdup(app->app_key);
        return *ret ? 0 : fail(o, EXIT_FAILED, "%s", strerror(ENOMEM));
}

static int read_token_file(const struct ctl *o, const char *path, char **ret)
{
        FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
        char *text = f ? calloc(1, TOKEN_MAX + 2) : NULL;
        size_t n;

        if (!text) {
                if (f && f != stdin)
                        fclose(f);
                return fail(o, EXIT_FAILED, "%s: %s", path, strerror(errno));
        }
        n = fread(text, 1, TOKEN_MAX + 1, f);
        if (f != stdin)
                fclose(f);
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
                text[--n] = '\0';
        *ret = text;
        return 0;
}

static int mint(const struct ctl *o, const char *app_id, const char *room, const char *user, char **ret)
{
        _cleanup_secret_ char *key = NULL;
        struct room_token t = { .nonce = rand_u32(&rand_system) % 99999999 + 1,
                                .issued_at = (uint32_t)(clock_realtime_us() / US_PER_SEC),
                                .n_privileges = 5 };
        int k = obtain_key(o, app_id, &key);

        if (k != 0)
                return k;
        if (strlen(app_id) != ROOM_TOKEN_APP_ID)
                return fail(o, EXIT_FAILED, "an appId in a token has 24 characters, not %zu", strlen(app_id));
        if (strlen(room) > ROOM_TOKEN_MAX_ID || strlen(user) > ROOM_TOKEN_MAX_ID)
                return fail(o, EXIT_FAILED, "room and user have at most %d characters", ROOM_TOKEN_MAX_ID);
        snprintf(t.app_id, sizeof(t.app_id), "%s", app_id);
        snprintf(t.room_id, sizeof(t.room_id), "%s", room);
        snprintf(t.user_id, sizeof(t.user_id), "%s", user);
        t.expire_at = o->expires_s ? t.issued_at + (uint32_t)o->expires_s : 0;
        for (uint16_t i = 0; i < t.n_privileges; i++) {
                t.privileges[i].key = i; /* publish, its three kinds, subscribe */
                t.privileges[i].value = t.expire_at;
        }
        k = room_token_mint(&t, key, ret);
        return k < 0 ? fail(o, EXIT_FAILED, "%s", strerror(-k)) : 0;
}

int token_obtain(const struct ctl *o, const char *room, const char *user, char **ret)
{
        if (o->token) {
                *ret = strdup(o->token);
                return *ret ? 0 : fail(o, EXIT_FAILED, "%s", strerror(ENOMEM));
        }
        if (o->token_file)
                return read_token_file(o, o->token_file, ret);
        return o->livekit ? livekit_token_mint(o, room, user, ret) : mint(o, o->app, room, user, ret);
}

static int create(const struct ctl *o)
{
        _cleanup_free_ char *text = NULL;
        int k;

        if (!o->room || !o->user || (!o->app && !o->livekit))
                return fail(o, EXIT_USAGE, "--app, --room and --user are needed");
        k = o->livekit ? livekit_token_mint(o, o->room, o->user, &text) : mint(o, o->app, o->room, o->user, &text);
        if (k != 0)
                return k;
        if (o->json) {
                struct json_object *j = json_object_new_object();

                json_object_object_add(j, "token", json_object_new_string(text));
                print_json(j);
        } else {
                puts(text);
        }
        return EXIT_OK;
}

static const char *time_text(uint32_t at, char *buf, size_t size)
{
        time_t t = at;
        struct tm tm;

        if (at == 0)
                return "never";
        strftime(buf, size, "%F %T UTC", gmtime_r(&t, &tm));
        return buf;
}

static void print_token_json(const struct room_token *t)
{
        struct json_object *j = json_object_new_object(), *privileges = json_object_new_object();

        json_object_object_add(j, "appId", json_object_new_string(t->app_id));
        json_object_object_add(j, "roomId", json_object_new_string(t->room_id));
        json_object_object_add(j, "userId", json_object_new_string(t->user_id));
        json_object_object_add(j, "nonce", json_object_new_int64(t->nonce));
        json_object_object_add(j, "issuedAt", json_object_new_int64(t->issued_at));
        json_object_object_add(j, "expireAt", json_object_new_int64(t->expire_at));
        for (size_t i = 0; i < t->n_privileges; i++) {
                char key[8];

                snprintf(key, sizeof(key), "%u", t->privileges[i].key);
                json_object_object_add(privileges, key, json_object_new_int64(t->privileges[i].value));
        }
        json_object_object_add(j, "privileges", privileges);
        print_json(j);
}

static int inspect(const struct ctl *o, const char *text)
{
        struct room_token t;
        char a[64];

        if (livekit_token_inspect(o, text))
                return EXIT_OK;
        if (room_token_parse(text, &t) < 0)
                return fail(o, EXIT_FAILED, "malformed");
        if (o->json) { /* which is UTF-8; a token's fields are bytes */
                utf8_trim(t.room_id);
                utf8_trim(t.user_id);
                print_token_json(&t);
                return EXIT_OK;
        }
        print_line(stdout, "app      %s", t.app_id);
        print_line(stdout, "room     %s", t.room_id);
        print_line(stdout, "user     %s", t.user_id);
        print_line(stdout, "issued   %s", time_text(t.issued_at, a, sizeof(a)));
        print_line(stdout, "expires  %s", time_text(t.expire_at, a, sizeof(a)));
        for (size_t i = 0; i < t.n_privileges; i++)
                printf("privilege %u until %s\n", t.privileges[i].key, time_text(t.privileges[i].value, a, sizeof(a)));
        return EXIT_OK;
}

static int verify(const struct ctl *o, const char *text)
{
        _cleanup_secret_ char *key = NULL;
        enum room_token_verdict verdict;
        struct room_token t;
        uint32_t expire_at;
        const char *app = o->app;
        int k;

        if (!o->room || !o->user)
                return fail(o, EXIT_USAGE, "--room and --user are needed");
        if (!app) {
                if (room_token_parse(text, &t) < 0)
                        return fail(o, EXIT_FAILED, "malformed");
                app = t.app_id;
        }
        k = obtain_key(o, app, &key);
        if (k != 0)
                return k;
        verdict = room_token_verify(text, app, key, o->room, o->user, clock_realtime_us() / US_PER_SEC, &expire_at);
        if (verdict != ROOM_TOKEN_OK)
                return fail(o, EXIT_FAILED, "%s", room_token_verdict_to_string(verdict));
        if (o->json) {
                struct json_object *j = json_object_new_object();

                json_object_object_add(j, "verdict", json_object_new_string("ok"));
                print_json(j);
        } else {
                puts("ok");
        }
        return EXIT_OK;
}

static int janus_secret(const struct ctl *o)
{
        char secret[JANUS_SECRET_SIZE];
        _cleanup_secret_ char *key = NULL;
        int k;

        if (!o->app)
                return fail(o, EXIT_USAGE, "--app is needed");
        k = obtain_key(o, o->app, &key);
        if (k != 0)
                return k;
        k = janus_token_secret(key, o->app, secret);
        if (k < 0)
                return fail(o, EXIT_FAILED, "%s", strerror(-k));
        puts(secret);
        explicit_bzero(secret, sizeof(secret));
        return EXIT_OK;
}

int cmd_token(struct ctl *o, int argc, char **argv)
{
        if (argc == 1 && strcmp(argv[0], "create") == 0)
                return create(o);
        if (argc == 2 && strcmp(argv[0], "inspect") == 0)
                return inspect(o, argv[1]);
        if (argc == 2 && strcmp(argv[0], "verify") == 0)
                return verify(o, argv[1]);
        if (argc == 1 && strcmp(argv[0], "janus-secret") == 0)
                return janus_secret(o);
        return fail(o, EXIT_USAGE, "usage: rtcroomctl token create | inspect TOKEN | verify TOKEN | janus-secret");
}
