/* bus-rig.c - see bus-rig.h. */
#include "fakes/bus-rig.h"

#include <errno.h>
#include <stdarg.h>

#include "base/clock.h"
#include "bus/bus-caller.h"
#include "lib/test.h"
#include "lib/vloop.h"

static uint64_t realtime_us(void)
{
        return 1700000000 * US_PER_SEC;
}

static int identify(sd_bus *bus, const char *unique_name, struct bus_identity *ret, void *ctx)
{
        struct bus_rig *rig = ctx;

        (void)bus;
        rig->lookups++;
        if (unique_name[1] == '8')
                return -ENXIO;
        *ret = (struct bus_identity){ .exe_path = "/usr/bin/program",
                                      .sandboxed = unique_name[1] == '9',
                                      .pid = 4710 };
        if (unique_name[1] == '5') {
                strcpy(ret->application_id, "org.example.Voice");
                ret->pid = 4711;
        }
        return 0;
}

static const struct bus_caller_ops caller_ops = { 0, identify };

static void on_gone(int error, void *ctx)
{
        struct bus_rig *rig = ctx;

        ASSERT_LT(error, 0);
        rig->gone++;
}

static void on_stopped(void *ctx)
{
        ((struct bus_rig *)ctx)->stopped++;
}

static int make_config(bool asks, struct config **ret)
{
        _cleanup_(config_freep) struct config *c = NULL;
        int r = config_new_default(&c);

        if (r < 0)
                return r;
        c->consent_default = asks ? CONSENT_ASK : CONSENT_ALLOW;
        c->apps = calloc(1, sizeof(*c->apps));
        if (!c->apps)
                return -ENOMEM;
        c->n_apps = 1;
        c->apps[0].allowed = true;
        c->apps[0].app_id = strdup(RIG_APP);
        c->apps[0].app_key = strdup(RIG_APP_KEY);
        c->apps[0].server = strdup("fake:");
        if (!c->apps[0].app_id || !c->apps[0].app_key || !c->apps[0].server)
                return -ENOMEM;
        *ret = take_ptr(c);
        return 0;
}

static int start(struct bus_rig *rig, bool asks)
{
        struct bus_server_env env = {
                .loop = rig->loop,
                .version = "1.2.3",
                .log_target = "console",
                .gone = on_gone,
                .stopped = on_stopped,
                .ctx = rig,
                .bus = rig->p.server,
                .caller_ops = &caller_ops,
                .caller_ctx = rig,
        };
        struct manager_env manager_env = {
                .loop = rig->loop,
                .realtime_us = realtime_us,
                .engine_env = &rig->engine_env,
                .audio = &rig->audio.base,
                .rng = &rand_system,
        };
        struct config *config;
        int r = bus_server_new(&env, &rig->server);

        if (r < 0)
                return r;
        if (asks)
                manager_env.desktop = bus_server_desktop(rig->server);
        r = make_config(asks, &config);
        if (r < 0)
                return r;
        r = manager_new(&manager_env, config, &bus_server_manager_events, rig->server, &rig->manager);
        return r < 0 ? r : bus_server_start(rig->server, rig->manager);
}

static int new_rig(bool asks, struct bus_rig **ret)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = calloc(1, sizeof(*rig));
        int r;

        if (!rig)
                return -ENOMEM;
        setenv("RTCROOMD_FAKE_ENGINE", "1", 1);
        log_set_level(LOG_LEVEL_ERROR);
        fake_audio_init(&rig->audio);
        p2p_bus_init(&rig->p, NULL);
        rig->p.loop = rig->loop = vloop_new(US_PER_SEC);
        if (!rig->loop)
                return -ENOMEM;
        rig->engine_env = (struct engine_env){ .loop = rig->loop, .rng = &rand_system, .fake = &rig->script };
        r = start(rig, asks);
        if (r < 0)
                return r;
        *ret = take_ptr(rig);
        return 0;
}

int bus_rig_new(struct bus_rig **ret)
{
        return new_rig(false, ret);
}

struct bus_rig *bus_rig_make_asking(void)
{
        struct bus_rig *rig;

        ASSERT_OK(new_rig(true, &rig));
        return rig;
}

struct bus_rig *bus_rig_free(struct bus_rig *rig)
{
        if (!rig)
                return NULL;
        manager_free(rig->manager);
        bus_server_free(rig->server);
        p2p_bus_done(&rig->p);
        fake_audio_done(&rig->audio);
        if (rig->loop)
                vloop_free(rig->loop);
        free(rig);
        return NULL;
}

struct bus_rig *bus_rig_make(void)
{
        struct bus_rig *rig;

        ASSERT_OK(bus_rig_new(&rig));
        return rig;
}

void bus_rig_run_ms(struct bus_rig *rig, unsigned ms)
{
        vloop_run_for(rig->loop, ms * US_PER_MS);
        p2p_bus_settle(&rig->p);
}

sd_bus_message *bus_rig_call(struct bus_rig *rig, const char *sender, const char *path, const char *interface,
                             const char *member, const char *types, ...)
{
        sd_bus_message *m = p2p_bus_call(&rig->p, sender, path, interface, member);
        va_list ap;

        va_start(ap, types);
        ASSERT_OK(sd_bus_message_appendv(m, types, ap));
        va_end(ap);
        return p2p_bus_ask(&rig->p, m);
}

void bus_rig_expect_error(sd_bus_message *answer, const char *name)
{
        const sd_bus_error *e = answer ? sd_bus_message_get_error(answer) : NULL;

        ASSERT(answer);
        ASSERT_STR(e ? e->name : "no error", name);
        sd_bus_message_unref(answer);
}

void bus_rig_expect_ok(sd_bus_message *answer)
{
        const sd_bus_error *e = answer ? sd_bus_message_get_error(answer) : NULL;

        ASSERT(answer);
        ASSERT_STR(e ? e->message : NULL, NULL);
        sd_bus_message_unref(answer);
}

const char *bus_rig_context(struct bus_rig *rig, const char *sender)
{
        static char paths[4][64];
        static unsigned at;
        sd_bus_message *answer = bus_rig_call(rig, sender, BUS_ROOT, BUS_INTERFACE_MANAGER, "CreateRtcRoomContext",
                                              "a{sv}", 1, "appId", "s", RIG_APP);
        const char *path;

        ASSERT_OK(sd_bus_message_read(answer, "o", &path));
        at = (at + 1) % ARRAY_SIZE(paths);
        (void)snprintf(paths[at], sizeof(paths[at]), "%s", path);
        sd_bus_message_unref(answer);
        return paths[at];
}

uint32_t bus_rig_request(sd_bus_message *answer)
{
        const sd_bus_error *e = answer ? sd_bus_message_get_error(answer) : NULL;
        uint32_t request;

        ASSERT(answer);
        ASSERT_STR(e ? e->message : NULL, NULL);
        ASSERT_GT(sd_bus_message_read(answer, "u", &request), 0);
        ASSERT_GT(request, 0);
        sd_bus_message_unref(answer);
        return request;
}

int bus_rig_completion(struct bus_rig *rig, uint32_t request, const char **ret_text)
{
        sd_bus_message *m;
        int found = 0, result = -1;

        for (unsigned i = 0; (m = p2p_bus_signal(&rig->p, "Completed", "", i)); i++) {
                const char *api, *type, *text;
                int err_no, error_code;
                uint32_t n;

                ASSERT_GT(sd_bus_message_read(m, "usiiss", &n, &api, &err_no, &error_code, &type, &text), 0);
                if (n != request)
                        continue;
                found++;
                result = err_no;
                if (ret_text)
                        *ret_text = text;
        }
        ASSERT_EQ(found, 1);
        return result;
}

void bus_rig_join(struct bus_rig *rig, const char *sender, const char *path)
{
        _cleanup_free_ char *token = rig_token("room", "me", 0);
        uint32_t request =
                bus_rig_request(bus_rig_call(rig, sender, path, BUS_INTERFACE_CONTEXT, "JoinRtcRoom", "a{sv}", 3,
                                             "roomId", "s", "room", "userId", "s", "me", "token", "s", token));

        bus_rig_run_ms(rig, 1);
        ASSERT_EQ(bus_rig_completion(rig, request, NULL), 0);
        ASSERT_OK(fake_participant(&rig->script, ENGINE_PARTICIPANT_JOINED,
                                   &(struct engine_participant){ .user_id = "alice", .published = ENGINE_AUDIO }));
        bus_rig_run_ms(rig, 1);
        p2p_bus_forget(&rig->p);
}

bool bus_rig_get_boolean(struct bus_rig *rig, const char *sender, const char *path, const char *interface,
                         const char *property)
{
        sd_bus_message *answer = bus_rig_call(rig, sender, path, PROPERTIES, "Get", "ss", interface, property);
        int value;

        ASSERT_GT(sd_bus_message_read(answer, "v", "b", &value), 0);
        sd_bus_message_unref(answer);
        return value;
}
