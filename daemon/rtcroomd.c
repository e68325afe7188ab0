/* rtcroomd.c - the wires between the parts of the daemon, in the order of their making. See rtcroomd.h. No logic.
 *
 * Made: loop, service, sound, bus connection, manager, bus name. The end: the manager is told to stop (it leaves the
 * room and completes what is pending), its `stopped` ends the loop, and the parts go in reverse order, the network
 * thread after the manager whose engine runs on it.
 */
#include "rtcroomd.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "app/manager.h"
#include "audio/null-io.h"
#include "audio/pw-io.h"
#include "base/clock.h"
#include "base/log.h"
#include "bus/bus-server.h"
#include "environment.h"
#include "log-journal.h"
#include "loop-event.h"
#include "engine/embedded/janus-child.h"
#include "net/net-thread.h"
#include "service.h"
#include "version.h"

LOG_TOPIC("main");

struct daemon {
        const char *config_path; /* of --config, or NULL */
        struct loop *loop;
        struct service *service;
        struct loop_source *signals[3];
        struct environment environment;
        struct net_thread *net;    /* made by the first engine that needs it */
        struct janus_child *janus; /* likewise */
        struct audio_io *audio;
        struct audio_io *(*audio_free)(struct audio_io *io);
        struct bus_server *server;
        struct manager *manager;
        bool stopping;
};

static void stop(struct daemon *d)
{
        if (d->stopping)
                return;
        d->stopping = true;
        service_stopping(d->service);
        manager_stop(d->manager);
}

static void on_term(int signo, void *ctx)
{
        log_info("%s: leaving", strsignal(signo));
        stop(ctx);
}

static void on_bus_gone(int error, void *ctx)
{
        (void)error; /* logged by the bus layer. Without the bus nobody can use us: a clean exit */
        stop(ctx);
}

static void on_stopped(void *ctx)
{
        loop_event_stop(((struct daemon *)ctx)->loop);
}

static void on_room_changed(void *ctx)
{
        struct daemon *d = ctx;
        const char *room_id, *user_id;

        service_status(d->service, manager_room(d->manager, &room_id, &user_id) ? "In a room" : "Idle");
}

static void on_reload(int signo, void *ctx)
{
        struct daemon *d = ctx;
        struct config *c = NULL;

        (void)signo;
        if (d->stopping)
                return;
        service_reloading(d->service);
        if (environment_load_config(d->config_path, &c, NULL) >= 0 && environment_apply(&d->environment, c) >= 0) {
                manager_set_config(d->manager, take_ptr(c));
                log_notice("configuration reloaded");
        } else {
                log_error("the configuration in force stays");
        }
        config_free(c);
        service_ready(d->service);
}

static void daemon_done(struct daemon *d)
{
        sigset_t ours;

        /* a second SIGTERM must not cut the tidying up short once nobody listens to it */
        sigemptyset(&ours);
        sigaddset(&ours, SIGTERM);
        sigaddset(&ours, SIGINT);
        sigaddset(&ours, SIGHUP);
        (void)sigprocmask(SIG_BLOCK, &ours, NULL);
        manager_free(d->manager);
        bus_server_free(d->server);
        janus_child_free(d->janus);
        net_thread_free(d->net);
        if (d->audio)
                d->audio_free(d->audio);
        environment_done(&d->environment);
        for (size_t i = 0; i < ARRAY_SIZE(d->signals); i++)
                loop_remove(d->signals[i]);
        service_free(d->service);
        loop_event_free(d->loop);
}

/* RTCROOMD_AUDIO=null: no device is touched, whatever there is. */
static int make_audio(struct daemon *d)
{
        const char *choice = getenv("RTCROOMD_AUDIO");
        bool null = choice && strcmp(choice, "null") == 0;

        d->audio_free = null ? nullio_free : pwio_free;
        return null ? nullio_new(d->loop, &d->audio) : pwio_new(d->loop, &d->audio);
}

static int make_base(struct daemon *d)
{
        int r = loop_event_new(&d->loop);

        if (r >= 0)
                r = service_new(d->loop, &d->service);
        if (r >= 0)
                r = loop_event_add_signal(d->loop, SIGTERM, on_term, d, &d->signals[0]);
        if (r >= 0)
                r = loop_event_add_signal(d->loop, SIGINT, on_term, d, &d->signals[1]);
        if (r >= 0)
                r = loop_event_add_signal(d->loop, SIGHUP, on_reload, d, &d->signals[2]);
        if (r >= 0)
                r = environment_init(&d->environment, d->loop, &d->net, &d->janus);
        return r < 0 ? r : make_audio(d);
}

/* Takes the configuration. */
static int make_daemon(struct daemon *d, struct config *config)
{
        _cleanup_(config_freep) struct config *c = config;
        struct bus_server_env server_env = { .loop = d->loop,
                                             .version = RTCROOMD_VERSION,
                                             .log_target = log_journal_target(),
                                             .gone = on_bus_gone,
                                             .stopped = on_stopped,
                                             .room_changed = on_room_changed,
                                             .ctx = d };
        struct manager_env env = { .loop = d->loop,
                                   .realtime_us = clock_realtime_us,
                                   .engine_env = &d->environment.engine,
                                   .audio = d->audio,
                                   .rng = &rand_system,
                                   .state_dir = d->environment.state_dir };
        int r = environment_apply(&d->environment, c);

        if (r >= 0)
                r = bus_server_new(&server_env, &d->server);
        if (r >= 0) {
                env.shortcuts = bus_server_shortcuts(d->server);
                env.desktop = bus_server_desktop(d->server);
        }
        if (r >= 0)
                r = manager_new(&env, take_ptr(c), &bus_server_manager_events, d->server, &d->manager);
        return r < 0 ? r : bus_server_start(d->server, d->manager);
}

int rtcroomd_run(const char *config_path)
{
        _cleanup_(daemon_done) struct daemon d = { .config_path = config_path };
        struct config *c;
        int r = environment_load_config(config_path, &c, NULL);

        if (r < 0)
                return r;
        r = make_base(&d);
        if (r >= 0)
                r = make_daemon(&d, c);
        else
                config_free(c);
        if (r < 0) {
                log_error("cannot start: %s", r == -EEXIST ? "another program has the bus name" : strerror(-r));
                return r;
        }
        service_ready(d.service);
        service_status(d.service, "Idle");
        return loop_event_run(d.loop);
}
