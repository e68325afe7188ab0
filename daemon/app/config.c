/* config.c - see config.h. JSON tree → struct config, driven by one table of keys per object. Control thread.
 *
 * A reader walks down the tree and keeps the path it is at, so that the first fault can say where it is. Reading goes
 * into a new struct config full of defaults, which a fault throws away whole.
 *
 * Faults quote ids and words of the document, never a value that may be a secret.
 */
#include "app/config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/config-file.h"
#include "app/config-json.h"
#include "engine/embedded/guests.h"
#include "wire/url.h"

enum { MAX_ICE_SERVERS = 16, MAX_ICE_URLS = 8, MAX_STRING = 1024, MAX_ID = 128 };

struct reader {
        const char *file;
        struct config *config;
        struct config_fault *fault;
        char path[256]; /* "apps.org.example.server" */
};

struct key {
        const char *name; /* NULL ends a table */
        int (*read)(struct reader *r, struct json_object *v, const struct key *k, void *at);
        size_t offset;          /* of the field in what `at` points to */
        uint32_t min, max;      /* of a number */
        const struct key *keys; /* of a section */
};
#define FIELD(at, k) ((void *)((char *)(at) + (k)->offset))

/* ---- faults and the path ---- */

__attribute__((format(printf, 2, 3))) static int fault(struct reader *r, const char *fmt, ...)
{
        char reason[256];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(reason, sizeof(reason), fmt, ap);
        va_end(ap);
        snprintf(r->fault->text, sizeof(r->fault->text), "%.200s: %s%s%s", r->file, r->path, r->path[0] ? ": " : "",
                 reason);
        for (char *p = r->fault->text; *p; p++) /* ids come from the file: keep them from forging lines */
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        *p = '?';
        return -EINVAL;
}

/* Adds a step; the result is what path_pop() wants. A path that is too long is cut: it is only for the eye. */
static size_t path_push(struct reader *r, const char *step)
{
        size_t len = strlen(r->path);

        snprintf(r->path + len, sizeof(r->path) - len, "%s%s", len ? "." : "", step);
        return len;
}

static void path_pop(struct reader *r, size_t len)
{
        r->path[len] = '\0';
}

static const char *type_name(struct json_object *v)
{
        switch (json_object_get_type(v)) {
        case json_type_null: return "null";
        case json_type_boolean: return "boolean";
        case json_type_double:
        case json_type_int: return "number";
        case json_type_object: return "object";
        case json_type_array: return "array";
        case json_type_string: return "string";
        }
        return "nothing";
}

static int expect(struct reader *r, struct json_object *v, enum json_type type, const char *name)
{
        if (json_object_is_type(v, type))
                return 0;
        return fault(r, "should be %s, but got %s", name, type_name(v));
}

/* ---- values ---- */

static int read_object(struct reader *r, struct json_object *v, const struct key *keys, void *at)
{
        int e = expect(r, v, json_type_object, "object");

        if (e < 0)
                return e;
        json_object_object_foreach(v, name, value)
        {
                const struct key *k = keys;
                size_t mark = path_push(r, name);

                while (k->name && strcmp(k->name, name) != 0)
                        k++;
                e = k->name ? k->read(r, value, k, at) : fault(r, "unknown key");
                if (e < 0)
                        return e;
                path_pop(r, mark);
        }
        return 0;
}

/* An object whose keys fill the same struct. */
static int read_section(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        return read_object(r, v, k->keys, at);
}

static int read_bool(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        int e = expect(r, v, json_type_boolean, "boolean");

        if (e >= 0)
                *(bool *)FIELD(at, k) = json_object_get_boolean(v);
        return e;
}

static int read_uint(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        int e = expect(r, v, json_type_int, "integer");
        int64_t n;

        if (e < 0)
                return e;
        n = json_object_get_int64(v);
        if (n < k->min || n > k->max)
                return fault(r, "should be between %u and %u, but got %lld", k->min, k->max, (long long)n);
        *(uint32_t *)FIELD(at, k) = (uint32_t)n;
        return 0;
}

static int read_frame_ms(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        uint32_t ms;
        int e = read_uint(r, v, &(struct key){ .min = 10, .max = 60 }, &ms);

        if (e < 0)
                return e;
        if (ms != 10 && ms != 20 && ms != 40 && ms != 60)
                return fault(r, "should be one of 10, 20, 40, 60, but got %u", ms);
        *(uint32_t *)FIELD(at, k) = ms;
        return 0;
}

/* A string without surprises: not empty, bounded, no control characters. Borrowed from v. */
static int get_text(struct reader *r, struct json_object *v, const char **ret)
{
        int e = expect(r, v, json_type_string, "string");
        const char *s;

        if (e < 0)
                return e;
        s = json_object_get_string(v);
        if (!*s)
                return fault(r, "should not be empty");
        if (strlen(s) > MAX_STRING)
                return fault(r, "should not be longer than %d bytes", MAX_STRING);
        for (int i = 0; i < json_object_get_string_len(v); i++)
                if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
                        return fault(r, "should not contain control characters");
        *ret = s;
        return 0;
}

/* Takes nothing; the old value, a default, is freed. */
static int set_string(char **slot, const char *s)
{
        char *copy = strdup(s);

        if (!copy)
                return -ENOMEM;
        free(*slot);
        *slot = copy;
        return 0;
}

static int read_string(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        const char *s;
        int e = get_text(r, v, &s);

        return e < 0 ? e : set_string(FIELD(at, k), s);
}

static int read_server(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        struct url url;
        const char *s;
        int e = get_text(r, v, &s);

        if (e < 0)
                return e;
        if (url_parse(s, &url) < 0)
                return fault(r, "should be a server URL");
        return set_string(FIELD(at, k), s);
}

static int read_path(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        const char *s;
        int e = get_text(r, v, &s);

        if (e < 0)
                return e;
        if (s[0] != '/')
                return fault(r, "should be an absolute path");
        return set_string(FIELD(at, k), s);
}

static int read_listen(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        struct listen_address a;
        const char *s;
        int e = get_text(r, v, &s);

        if (e < 0)
                return e;
        if (listen_address_parse(s, &a) < 0)
                return fault(r, "should be \"A.B.C.D:PORT\" or \"[::]:PORT\"");
        return set_string(FIELD(at, k), s);
}

static int read_level(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        const char *s;
        int e = get_text(r, v, &s);

        if (e < 0)
                return e;
        if (log_level_from_string(s, FIELD(at, k)) < 0)
                return fault(r, "should be one of \"error\", \"warning\", \"notice\", \"info\", \"debug\", but got %s",
                             s);
        return 0;
}

static const char *const policy_names[] = {
        [CONSENT_ASK] = "ask", [CONSENT_ALLOW] = "allow", [CONSENT_DENY] = "deny"
};

const char *consent_policy_to_string(enum consent_policy p)
{
        return policy_names[p];
}

int consent_policy_from_string(const char *s, enum consent_policy *ret)
{
        for (size_t i = 0; i < ARRAY_SIZE(policy_names); i++)
                if (strcmp(s, policy_names[i]) == 0) {
                        *ret = (enum consent_policy)i;
                        return 0;
                }
        return -EINVAL;
}

static int read_policy(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        const char *s;
        int e = get_text(r, v, &s);

        if (e < 0)
                return e;
        if (consent_policy_from_string(s, FIELD(at, k)) < 0)
                return fault(r, "should be one of \"ask\", \"allow\", \"deny\", but got %s", s);
        return 0;
}

/* ---- secrets ---- */

/* A secret comes from one place: slot is NULL unless the other key was there before. */
static int secret_is_free(struct reader *r, char *const *slot)
{
        return *slot ? fault(r, "is given by two keys") : 0;
}

static int read_secret(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        const char *s;
        int e = get_text(r, v, &s);

        if (e >= 0)
                e = secret_is_free(r, FIELD(at, k));
        if (e < 0)
                return e;
        if (!config_secret_is_valid(s))
                return fault(r, "should be 1 to %d printable characters", CONFIG_SECRET_MAX);
        return set_string(FIELD(at, k), s);
}

static int read_secret_file(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        _cleanup_free_ char *path = NULL;
        int e = read_path(r, v, &(struct key){ 0 }, &path);

        if (e >= 0)
                e = secret_is_free(r, FIELD(at, k));
        if (e < 0)
                return e;
        e = config_secret_read(path, true, FIELD(at, k));
        if (e == -EPERM)
                return fault(r, "%s is open to others: chmod 600 it", path);
        if (e == -EBADMSG)
                return fault(r, "%s should hold one line of 1 to %d printable characters", path, CONFIG_SECRET_MAX);
        if (e < 0 && e != -ENOMEM)
                return fault(r, "%s: %s", path, strerror(-e));
        return e;
}

/* ---- apps ---- */

static const struct key livekit_keys[] = {
        { "apiKey", read_string, offsetof(struct config_app, livekit_api_key) },
        { "apiSecretFile", read_secret_file, offsetof(struct config_app, livekit_api_secret) },
        { 0 },
};

static int read_livekit(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        struct config_app *app = at;
        int e = read_object(r, v, livekit_keys, app);

        (void)k;
        if (e >= 0 && (!app->livekit_api_key || !app->livekit_api_secret))
                return fault(r, "needs both apiKey and apiSecretFile");
        return e;
}

static const struct key app_keys[] = {
        { "server", read_server, offsetof(struct config_app, server) },
        { "appKey", read_secret, offsetof(struct config_app, app_key) },
        { "appKeyFile", read_secret_file, offsetof(struct config_app, app_key) },
        { "allowed", read_bool, offsetof(struct config_app, allowed) },
        { "livekit", read_livekit },
        { 0 },
};

static bool is_app_id(const char *s)
{
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@.-");

        return n > 0 && n <= MAX_ID && s[n] == '\0';
}

/* The new entry, already in the configuration. */
static int add_app(struct config *c, const char *app_id, struct config_app **ret)
{
        struct config_app *grown = realloc(c->apps, (c->n_apps + 1) * sizeof(*grown));
        char *id;

        if (!grown)
                return -ENOMEM;
        c->apps = grown;
        id = strdup(app_id);
        if (!id)
                return -ENOMEM;
        c->apps[c->n_apps] = (struct config_app){ .app_id = id, .allowed = true };
        *ret = &c->apps[c->n_apps++];
        return 0;
}

static int read_apps(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        int e = expect(r, v, json_type_object, "object");

        (void)k;
        if (e < 0)
                return e;
        json_object_object_foreach(v, app_id, value)
        {
                size_t mark = path_push(r, app_id);
                struct config_app *app;

                if (!is_app_id(app_id))
                        return fault(r, "an appId should match [A-Za-z0-9_@.-]{1,%d}", MAX_ID);
                e = add_app(at, app_id, &app);
                if (e >= 0)
                        e = read_object(r, value, app_keys, app);
                if (e < 0)
                        return e;
                path_pop(r, mark);
        }
        return 0;
}

/* ---- consent ---- */

static int add_program(struct config *c, const char *id, struct config_program **ret)
{
        struct config_program *grown = realloc(c->programs, (c->n_programs + 1) * sizeof(*grown));
        char *copy;

        if (!grown)
                return -ENOMEM;
        c->programs = grown;
        copy = strdup(id);
        if (!copy)
                return -ENOMEM;
        c->programs[c->n_programs] = (struct config_program){ .id = copy };
        *ret = &c->programs[c->n_programs++];
        return 0;
}

static int read_programs(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        int e = expect(r, v, json_type_object, "object");

        (void)k;
        if (e < 0)
                return e;
        json_object_object_foreach(v, id, value)
        {
                size_t mark = path_push(r, id);
                struct config_program *program;

                if (!*id || strlen(id) > MAX_STRING)
                        return fault(r, "a program should be an application id or the path of an executable");
                e = add_program(at, id, &program);
                if (e >= 0)
                        e = read_policy(r, value, &(struct key){ .offset = offsetof(struct config_program, policy) },
                                        program);
                if (e < 0)
                        return e;
                path_pop(r, mark);
        }
        return 0;
}

static const struct key consent_keys[] = {
        { "default", read_policy, offsetof(struct config, consent_default) },
        { "askSeconds", read_uint, offsetof(struct config, consent_ask_s), 5, 600 },
        { "programs", read_programs },
        { 0 },
};

/* ---- ice ---- */

/* One entry of ice.servers, before it is spread over its URLs. */
struct ice_entry {
        struct json_object *urls; /* borrowed from the tree */
        char *username, *credential;
};

static void ice_entry_done(struct ice_entry *e)
{
        free(e->username);
        config_secret_free(e->credential);
}

static int read_urls(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        int e = expect(r, v, json_type_array, "array");

        if (e < 0)
                return e;
        if (json_object_array_length(v) < 1 || json_object_array_length(v) > MAX_ICE_URLS)
                return fault(r, "should hold 1 to %d URLs", MAX_ICE_URLS);
        *(struct json_object **)FIELD(at, k) = v;
        return 0;
}

static const struct key ice_server_keys[] = {
        { "urls", read_urls, offsetof(struct ice_entry, urls) },
        { "username", read_string, offsetof(struct ice_entry, username) },
        { "credential", read_string, offsetof(struct ice_entry, credential) },
        { 0 },
};

/* RFC 7064 stun(s):host[:port], RFC 7065 turn(s):host[:port][?transport=udp|tcp]: no slashes, no credentials. */
static bool is_ice_url(const char *s, bool *ret_turn)
{
        const char *host = strchr(s, ':'), *query;
        size_t scheme = host ? (size_t)(host - s) : 0;
        bool turn = (scheme == 4 && memcmp(s, "turn", 4) == 0) || (scheme == 5 && memcmp(s, "turns", 5) == 0);
        bool stun = (scheme == 4 && memcmp(s, "stun", 4) == 0) || (scheme == 5 && memcmp(s, "stuns", 5) == 0);

        if ((!turn && !stun) || strcspn(host + 1, "?:") == 0 || strpbrk(host, "/@ #"))
                return false;
        query = strchr(host, '?');
        *ret_turn = turn;
        return !query || (turn && (strcmp(query, "?transport=udp") == 0 || strcmp(query, "?transport=tcp") == 0));
}

static int add_ice_server(struct config *c, const char *url, const struct ice_entry *entry)
{
        struct ice_server *s, *grown = realloc(c->ice_servers, (c->n_ice_servers + 1) * sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        c->ice_servers = grown;
        s = &c->ice_servers[c->n_ice_servers++]; /* from here on config_free() takes care of it */
        *s = (struct ice_server){ .url = strdup(url),
                                  .username = entry->username ? strdup(entry->username) : NULL,
                                  .credential = entry->credential ? strdup(entry->credential) : NULL };
        return s->url && !s->username == !entry->username && !s->credential == !entry->credential ? 0 : -ENOMEM;
}

static int add_ice_entry(struct reader *r, const struct ice_entry *entry)
{
        size_t n = entry->urls ? json_object_array_length(entry->urls) : 0;

        if (n == 0)
                return fault(r, "urls is missing");
        for (size_t i = 0; i < n; i++) {
                bool turn;
                const char *url;
                int e;

                e = get_text(r, json_object_array_get_idx(entry->urls, i), &url);
                if (e < 0)
                        return e;
                if (!is_ice_url(url, &turn))
                        return fault(r, "urls should hold stun:, stuns:, turn: or turns: URLs, but got %s", url);
                if (turn && (!entry->username || !entry->credential))
                        return fault(r, "a TURN server needs username and credential");
                e = add_ice_server(r->config, url, entry);
                if (e < 0)
                        return e;
        }
        return 0;
}

static int read_ice_servers(struct reader *r, struct json_object *v, const struct key *k, void *at)
{
        int e = expect(r, v, json_type_array, "array");

        (void)k;
        (void)at;
        if (e < 0)
                return e;
        if (json_object_array_length(v) > MAX_ICE_SERVERS)
                return fault(r, "should not hold more than %d servers", MAX_ICE_SERVERS);
        for (size_t i = 0; i < json_object_array_length(v); i++) {
                _cleanup_(ice_entry_done) struct ice_entry entry = { 0 };
                size_t mark = strlen(r->path);

                snprintf(r->path + mark, sizeof(r->path) - mark, "[%zu]", i);
                e = read_object(r, json_object_array_get_idx(v, i), ice_server_keys, &entry);
                if (e >= 0)
                        e = add_ice_entry(r, &entry);
                if (e < 0)
                        return e;
                path_pop(r, mark);
        }
        return 0;
}

static const struct key ice_keys[] = {
        { "servers", read_ice_servers },
        { "relayOnly", read_bool, offsetof(struct config, ice_relay_only) },
        { 0 },
};

/* ---- the rest of the document ---- */

static const struct key embedded_keys[] = {
        { "listen", read_listen, offsetof(struct config, embedded_listen) },
        { "idleSeconds", read_uint, offsetof(struct config, embedded_idle_s), 0, 86400 },
        { 0 },
};
static const struct key tls_keys[] = {
        { "caFile", read_path, offsetof(struct config, tls_ca_file) },
        { 0 },
};
static const struct key audio_keys[] = {
        { "frameMs", read_frame_ms, offsetof(struct config, voice.frame_ms) },
        { "bitrate", read_uint, offsetof(struct config, voice.bitrate), 6000, 510000 },
        { "complexity", read_uint, offsetof(struct config, voice.complexity), 0, 10 },
        { "dtx", read_bool, offsetof(struct config, voice.dtx) },
        { "fec", read_bool, offsetof(struct config, voice.fec) },
        { "quantum", read_uint, offsetof(struct config, quantum), 32, 8192 },
        { 0 },
};
static const struct key log_keys[] = {
        { "level", read_level, offsetof(struct config, log_level) },
        { 0 },
};

static const struct key document_keys[] = {
        { "server", read_server, offsetof(struct config, server) },
        { "apps", read_apps },
        { "consent", read_section, .keys = consent_keys },
        { "embedded", read_section, .keys = embedded_keys },
        { "reconnectSeconds", read_uint, offsetof(struct config, reconnect_s), 0, 86400 },
        { "ice", read_section, .keys = ice_keys },
        { "tls", read_section, .keys = tls_keys },
        { "audio", read_section, .keys = audio_keys },
        { "log", read_section, .keys = log_keys },
        { 0 },
};

/* ---- the object ---- */

static void defaults(struct config *c)
{
        c->consent_default = CONSENT_ASK;
        c->consent_ask_s = 60;
        c->embedded_idle_s = 60;
        c->reconnect_s = 300;
        c->voice =
                (struct voice_config){ .frame_ms = 20, .bitrate = 32000, .complexity = 5, .dtx = true, .fec = true };
        c->quantum = AUDIO_QUANTUM_DEFAULT;
        c->log_level = LOG_LEVEL_INFO;
}

int config_new_default(struct config **ret)
{
        _cleanup_(config_freep) struct config *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        defaults(c);
        c->server = strdup("embedded:");
        if (!c->server)
                return -ENOMEM;
        *ret = take_ptr(c);
        return 0;
}

static void app_done(struct config_app *a)
{
        free(a->app_id);
        free(a->server);
        free(a->livekit_api_key);
        config_secret_free(a->app_key);
        config_secret_free(a->livekit_api_secret);
}

struct config *config_free(struct config *c)
{
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n_apps; i++)
                app_done(&c->apps[i]);
        for (size_t i = 0; i < c->n_programs; i++)
                free(c->programs[i].id);
        for (size_t i = 0; i < c->n_ice_servers; i++) {
                free((char *)c->ice_servers[i].url);
                free((char *)c->ice_servers[i].username);
                config_secret_free((char *)c->ice_servers[i].credential);
        }
        free(c->apps);
        free(c->programs);
        free(c->ice_servers);
        free(c->server);
        free(c->embedded_listen);
        free(c->tls_ca_file);
        free(c);
        return NULL;
}

int config_parse(const char *text, size_t len, const char *file, struct config **ret, struct config_fault *ret_fault)
{
        _cleanup_(config_freep) struct config *c = NULL;
        _cleanup_(config_json_freep) struct json_object *document = NULL;
        struct reader r = { .file = file, .fault = ret_fault };
        struct config_json_fault where;
        int e;

        e = config_json_parse(text, len, &document, &where);
        if (e == -EINVAL) {
                path_push(&r, where.path);
                return fault(&r, "%s", where.reason);
        }
        if (e >= 0)
                e = config_new_default(&c);
        if (e < 0)
                return e;
        r.config = c;
        e = read_object(&r, document, document_keys, c);
        if (e < 0)
                return e;
        *ret = take_ptr(c);
        return 0;
}

const struct config_app *config_find_app(const struct config *c, const char *app_id)
{
        for (size_t i = 0; i < c->n_apps; i++)
                if (strcmp(c->apps[i].app_id, app_id) == 0)
                        return &c->apps[i];
        return NULL;
}

int config_set_app_key(struct config *c, const char *app_id, char *key)
{
        struct config_app *app = (struct config_app *)config_find_app(c, app_id);

        if (!app) {
                int r = is_app_id(app_id) ? add_app(c, app_id, &app) : -EINVAL;

                if (r < 0) {
                        config_secret_free(key);
                        return r;
                }
        }
        config_secret_free(app->app_key);
        app->app_key = key;
        return 0;
}

static const struct config_program *find_program(const struct config *c, const char *id)
{
        for (size_t i = 0; i < c->n_programs && *id; i++)
                if (strcmp(c->programs[i].id, id) == 0)
                        return &c->programs[i];
        return NULL;
}

bool config_consent_named(const struct config *c, const char *app_id, const char *exe_path, enum consent_policy *ret)
{
        const struct config_program *program = find_program(c, app_id);

        if (!program)
                program = find_program(c, exe_path);
        if (program)
                *ret = program->policy;
        return program;
}
