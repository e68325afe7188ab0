/* app-rig.c - see app-rig.h. */
#include "fakes/app-rig.h"

#include <errno.h>
#include <stdarg.h>

#include "base/clock.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "wire/room-token.h"

enum { EPOCH_S = 1700000000 };

static struct loop *wall; /* the loop whose time is the wall clock of the running test */

uint64_t rig_realtime_us(void)
{
        return EPOCH_S * US_PER_SEC + loop_now_us(wall);
}

/* ---- the recorder ---- */

__attribute__((format(printf, 2, 3))) static void note(struct rig *rig, const char *fmt, ...)
{
        va_list ap;
        int n;

        ASSERT(!rig->in_call); /* nothing is told from inside a call */
        va_start(ap, fmt);
        n = vsnprintf(rig->trace + rig->len, sizeof(rig->trace) - rig->len, fmt, ap);
        va_end(ap);
        ASSERT(n >= 0 && rig->len + (size_t)n + 2 < sizeof(rig->trace));
        rig->len += (size_t)n;
        rig->trace[rig->len++] = '\n';
        rig->trace[rig->len] = '\0';
}

static void on_completed(struct context *c, const char *requester, uint32_t request, enum api api,
                         const struct result *res, void *ctx)
{
        struct rig *rig = ctx;

        ASSERT_LE(request, rig->last_request); /* never before the call returned its number */
        ASSERT_EQ(++rig->completions[request], 1);
        note(rig, "done %u %s #%u %s %d/%d%s %s", context_number(c), requester, request, api_to_string(api),
             res->err_no, res->error_code, res->error_type, res->err_msg);
        if (rig->again)
                ASSERT_OK(rig_simple(rig, take_ptr(rig->again), 1, API_EXIT));
}

static void on_list_changed(struct context *c, enum context_list which, void *ctx)
{
        static const char *const words[] = { "members", "speakers", "video", "screen" };
        char text[1024] = "";

        for (const char *const *id = context_list(c, which); *id; id++)
                (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", *id);
        note(ctx, "%s %u%s", words[which], context_number(c), text);
}

static void on_state_changed(struct context *c, int err_no, const char *err_msg, const struct state_data *data,
                             void *ctx)
{
        if (data->has_join)
                note(ctx, "state %u %d %s elapsed %u type %u", context_number(c), err_no, err_msg, data->elapsed_ms,
                     data->join_type);
        else if (data->user_id[0])
                note(ctx, "state %u %d %s of %s", context_number(c), err_no, err_msg, data->user_id);
        else
                note(ctx, "state %u %d %s", context_number(c), err_no, err_msg);
}

static void on_interrupted(struct context *c, int err_no, const char *err_msg, void *ctx)
{
        note(ctx, "interrupted %u %d %s", context_number(c), err_no, err_msg);
}

static void on_token_will_expire(struct context *c, void *ctx)
{
        note(ctx, "will-expire %u", context_number(c));
}

static void on_context_properties(struct context *c, uint32_t mask, void *ctx)
{
        (void)c;
        ASSERT(!((struct rig *)ctx)->in_call);
        ((struct rig *)ctx)->properties |= mask;
}

static void on_context_added(struct context *c, void *ctx)
{
        struct rig *rig = ctx;

        ASSERT(rig->in_call);
        rig->in_call = false; /* the one event that comes from inside */
        note(rig, "context+ %u", context_number(c));
        rig->in_call = true;
}

static void on_context_removed(struct context *c, void *ctx)
{
        note(ctx, "context- %u", context_number(c));
}

static void on_participant_added(struct participant *p, void *ctx)
{
        struct participant_view v;

        participant_get(p, &v);
        ASSERT(context_find_participant(participant_context(p), participant_number(p)) == p);
        note(ctx, "person+ %u %s", context_number(participant_context(p)), v.user_id);
}

static void on_participant_removed(struct participant *p, void *ctx)
{
        struct participant_view v;

        participant_get(p, &v);
        note(ctx, "person- %u %s", context_number(participant_context(p)), v.user_id);
}

static void on_participant_properties(struct participant *p, uint32_t mask, void *ctx)
{
        (void)p;
        ASSERT(!((struct rig *)ctx)->in_call);
        ((struct rig *)ctx)->participant_properties |= mask;
}

static void on_message(struct context *c, const struct engine_message *m, void *ctx)
{
        char to[256] = "";

        for (size_t i = 0; i < m->n_destinations; i++)
                (void)snprintf(to + strlen(to), sizeof(to) - strlen(to), "%s%s", i > 0 ? "," : " to ",
                               m->destinations[i]);
        note(ctx, "%s%s %u %s%s [%s] %.*s", m->reliable ? "" : "lossy ", m->text ? "text" : "data", context_number(c),
             m->user_id ? m->user_id : "-", to, m->topic, (int)(m->len < 64 ? m->len : 64), (const char *)m->data);
}

static void on_network_quality(struct context *c, void *ctx)
{
        struct rig *rig = ctx;

        ASSERT(!rig->in_call);
        ASSERT(participant_quality(context_first_participant(c)));
        rig->n_quality++;
}

static void on_room_changed(void *ctx)
{
        struct rig *rig = ctx;
        const char *room, *user;

        if (manager_room(rig->m, &room, &user))
                note(rig, "room %s/%s", room, user);
        else
                note(rig, "room -");
}

static void on_stopped(void *ctx)
{
        struct rig *rig = ctx;

        rig->stopped++;
        note(rig, "stopped");
}

static const struct manager_events recorder = {
        .completed = on_completed,
        .list_changed = on_list_changed,
        .state_changed = on_state_changed,
        .interrupted = on_interrupted,
        .token_will_expire = on_token_will_expire,
        .message = on_message,
        .network_quality = on_network_quality,
        .context_properties = on_context_properties,
        .context_added = on_context_added,
        .context_removed = on_context_removed,
        .participant_added = on_participant_added,
        .participant_removed = on_participant_removed,
        .participant_properties = on_participant_properties,
        .room_changed = on_room_changed,
        .stopped = on_stopped,
};

/* ---- the desktop's keys ---- */

static void want_shortcut(bool wanted, void *ctx)
{
        struct rig *rig = ctx;

        ASSERT(!rig->in_call);
        ASSERT_NE(wanted, rig->shortcut_wanted);
        rig->shortcut_wanted = wanted;
        rig->shortcut_calls++;
}

/* ---- the rig ---- */

static int add_program(struct config *c, const char *path)
{
        struct config_program *more = realloc(c->programs, (c->n_programs + 1) * sizeof(*more));

        if (!more)
                return -ENOMEM;
        c->programs = more;
        more[c->n_programs] = (struct config_program){ strdup(path), CONSENT_ALLOW };
        return more[c->n_programs++].id ? 0 : -ENOMEM;
}

static int add_app(struct config *c)
{
        c->apps = calloc(1, sizeof(*c->apps));
        if (!c->apps)
                return -ENOMEM;
        c->n_apps = 1;
        c->apps[0].allowed = true;
        c->apps[0].app_id = strdup(RIG_APP);
        c->apps[0].app_key = strdup(RIG_APP_KEY);
        return c->apps[0].app_id && c->apps[0].app_key ? 0 : -ENOMEM;
}

static int make_config(struct config **ret)
{
        _cleanup_(config_freep) struct config *c = NULL;
        int r = config_new_default(&c);

        if (r >= 0)
                r = add_program(c, "/usr/bin/program1");
        if (r >= 0)
                r = add_program(c, "/usr/bin/program2");
        if (r >= 0)
                r = add_app(c);
        if (r < 0)
                return r;
        free(c->server);
        c->server = strdup("fake:");
        if (!c->server)
                return -ENOMEM;
        *ret = take_ptr(c);
        return 0;
}

static int new_rig(const char *state_dir, bool asks, struct rig **ret)
{
        _cleanup_(rig_freep) struct rig *rig = calloc(1, sizeof(*rig));
        struct config *config;
        int r;

        if (!rig)
                return -ENOMEM;
        setenv("RTCROOMD_FAKE_ENGINE", "1", 1);
        log_set_level(LOG_LEVEL_ERROR);
        fake_audio_init(&rig->audio);
        fake_desktop_init(&rig->desktop, false);
        rig->shortcuts = (struct shortcut_ops){ .want = want_shortcut, .ctx = rig };
        rig->loop = wall = vloop_new(US_PER_SEC);
        if (!rig->loop)
                return -ENOMEM;
        rig->engine_env = (struct engine_env){ .loop = rig->loop, .rng = &rand_system, .fake = &rig->script };
        r = make_config(&config);
        if (r < 0)
                return r;
        r = manager_new(&(struct manager_env){ .loop = rig->loop,
                                               .realtime_us = rig_realtime_us,
                                               .engine_env = &rig->engine_env,
                                               .audio = &rig->audio.base,
                                               .rng = &rand_system,
                                               .shortcuts = &rig->shortcuts,
                                               .desktop = asks ? &rig->desktop.desktop : NULL,
                                               .state_dir = state_dir },
                        config, &recorder, rig, &rig->m);
        if (r < 0)
                return r;
        *ret = take_ptr(rig);
        return 0;
}

int rig_new(const char *state_dir, struct rig **ret)
{
        return new_rig(state_dir, false, ret);
}

struct rig *rig_make_asking(void)
{
        struct rig *rig;

        ASSERT_OK(new_rig(NULL, true, &rig));
        return rig;
}

struct rig *rig_free(struct rig *rig)
{
        if (!rig)
                return NULL;
        manager_free(rig->m);
        fake_audio_done(&rig->audio);
        if (rig->loop)
                vloop_free(rig->loop);
        free(rig);
        return NULL;
}

struct rig *rig_make(void)
{
        struct rig *rig;

        ASSERT_OK(rig_new(NULL, &rig));
        return rig;
}

void rig_turn(struct rig *rig)
{
        vloop_turn(rig->loop);
}

void rig_run_ms(struct rig *rig, unsigned ms)
{
        vloop_run_for(rig->loop, ms * US_PER_MS);
}

const char *rig_take(struct rig *rig)
{
        memcpy(rig->taken, rig->trace, sizeof(rig->taken));
        rig->trace[0] = '\0';
        rig->len = 0;
        rig->properties = rig->participant_properties = 0;
        return rig->taken;
}

/* ---- calls ---- */

struct caller rig_caller(unsigned n)
{
        static char names[16][16], paths[16][32];

        ASSERT_LT(n, ARRAY_SIZE(names));
        (void)snprintf(names[n], sizeof(names[n]), ":1.%u", n);
        (void)snprintf(paths[n], sizeof(paths[n]), "/usr/bin/program%u", n);
        return (struct caller){ .unique_name = names[n], .application_id = "", .exe_path = paths[n] };
}

int rig_create(struct rig *rig, unsigned n, struct context **ret)
{
        return rig_create_for(rig, n, RIG_APP, "fake:", ret);
}

int rig_create_for(struct rig *rig, unsigned n, const char *app_id, const char *server, struct context **ret)
{
        _cleanup_(options_freep) struct options *o = NULL;
        struct caller who = rig_caller(n);
        struct result message;
        int r = options_new(&o);

        if (r >= 0)
                r = options_add_string(o, "appId", app_id);
        if (r >= 0 && server)
                r = options_add_string(o, "server", server);
        if (r < 0)
                return r;
        rig->in_call = true;
        r = manager_create_context(rig->m, &who, o, ret, &message);
        rig->in_call = false;
        return r;
}

struct context *rig_context(struct rig *rig, unsigned n)
{
        struct context *c;

        ASSERT_EQ(rig_create(rig, n, &c), CREATE_OK);
        return c;
}

int rig_call(struct rig *rig, struct context *c, unsigned n, enum api api, struct options *o)
{
        _cleanup_(options_freep) struct options *taken = o;
        struct caller who = rig_caller(n);
        uint32_t request;
        int r;

        rig->in_call = true;
        r = context_call(c, &who, api, taken, &request);
        rig->in_call = false;
        if (r < 0)
                return r;
        ASSERT_EQ(request, rig->last_request + 1);
        ASSERT_LT(request, RIG_MAX_REQUESTS);
        rig->last_request = request;
        return (int)request;
}

static int join_options(const char *room, const char *user, bool auto_publish, struct options **ret)
{
        _cleanup_(options_freep) struct options *o = NULL;
        _cleanup_free_ char *token = rig_token(room, user, 0);
        struct options *config = NULL;
        int r = token ? options_new(&o) : -ENOMEM;

        if (r >= 0)
                r = options_add_string(o, "roomId", room);
        if (r >= 0)
                r = options_add_string(o, "userId", user);
        if (r >= 0)
                r = options_add_string(o, "token", token);
        if (r >= 0)
                r = options_new(&config);
        if (r >= 0)
                r = options_add_object(o, "roomConfig", config);
        if (r >= 0)
                r = options_add_boolean(config, "autoPublish", auto_publish);
        if (r >= 0)
                *ret = take_ptr(o);
        return r;
}

int rig_join(struct rig *rig, struct context *c, unsigned n, const char *room, const char *user, bool auto_publish)
{
        struct options *o;
        int r = join_options(room, user, auto_publish, &o);

        return r < 0 ? r : rig_call(rig, c, n, API_JOIN, o);
}

int rig_simple(struct rig *rig, struct context *c, unsigned n, enum api api)
{
        struct options *o;
        int r = options_new(&o);

        return r < 0 ? r : rig_call(rig, c, n, api, o);
}

int rig_state(struct rig *rig, struct context *c, unsigned n, enum api api, bool on)
{
        _cleanup_(options_freep) struct options *o = NULL;
        int r = options_new(&o);

        if (r >= 0)
                r = options_add_number(o, "state", on);
        if (r >= 0 && api == API_CHANGE_STREAM_PUBLISH_STATE)
                r = options_add_string(o, "streamType", "audio");
        return r < 0 ? r : rig_call(rig, c, n, api, take_ptr(o));
}

int rig_subscribe(struct rig *rig, struct context *c, unsigned n, const char *user, bool on)
{
        _cleanup_(options_freep) struct options *o = NULL;
        int r = options_new(&o);

        if (r >= 0)
                r = options_add_number(o, "state", on);
        if (r >= 0)
                r = options_add_string(o, "userId", user);
        return r < 0 ? r : rig_call(rig, c, n, API_CHANGE_STREAM_SUBSCRIBE_STATE, take_ptr(o));
}

int rig_update_token(struct rig *rig, struct context *c, unsigned n, const char *token)
{
        _cleanup_(options_freep) struct options *o = NULL;
        int r = options_new(&o);

        if (r >= 0)
                r = options_add_string(o, "token", token);
        return r < 0 ? r : rig_call(rig, c, n, API_UPDATE_TOKEN, take_ptr(o));
}

struct context *rig_joined(struct rig *rig, bool auto_publish)
{
        struct context *c = rig_context(rig, 1);

        ASSERT_OK(rig_join(rig, c, 1, "room", "me", auto_publish));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "joinRtcRoom:ok"));
        return c;
}

/* ---- the room ---- */

void rig_person(struct rig *rig, enum engine_change change, const char *user, uint32_t published, uint32_t subscribed)
{
        ASSERT_OK(fake_participant(
                &rig->script, change,
                &(struct engine_participant){ .user_id = user, .published = published, .subscribed = subscribed }));
}

uint32_t rig_gate(struct rig *rig)
{
        return rig->script.gate ? rig->script.gate->conditions : 0;
}

struct participant *rig_find(struct context *c, const char *user)
{
        struct participant_view v;

        for (struct participant *p = context_first_participant(c); p; p = participant_next(p)) {
                participant_get(p, &v);
                if (strcmp(v.user_id, user) == 0)
                        return p;
        }
        return NULL;
}

char *rig_token(const char *room, const char *user, uint32_t expire_at)
{
        struct room_token t = { .app_id = RIG_APP, .nonce = 1, .issued_at = EPOCH_S, .expire_at = expire_at };
        char *text;

        (void)snprintf(t.room_id, sizeof(t.room_id), "%s", room);
        (void)snprintf(t.user_id, sizeof(t.user_id), "%s", user);
        return room_token_mint(&t, RIG_APP_KEY, &text) < 0 ? NULL : text;
}
