/* janus-child.c - see janus-child.h.
 *
 *   STOPPED → STARTING → RUNNING → STOPPING → STOPPED          users wait in all but RUNNING
 *                 ↑ BACKOFF ←┘ died
 *
 * One timer serves every state: the next try to connect, the end of the back-off, the idle check, the patience with a
 * process that was asked to go. Who waits is answered from the timer, never from inside acquire().
 */
#include "engine/embedded/janus-child.h"

#include <assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "engine/embedded/guests.h"
#include "engine/embedded/janus-files.h"
#include "engine/embedded/janus-probe.h"
#include "engine/embedded/janus-process.h"
#include "wire/janus-token.h"

LOG_TOPIC("engine/embedded");

enum child_state { CHILD_STOPPED, CHILD_STARTING, CHILD_RUNNING, CHILD_STOPPING, CHILD_BACKOFF };

enum {
        CONNECT_EVERY_US = 4000,
        START_PATIENCE_FIRST_US = 2000000, /* a start that lost its race may only be seen by this: see start_again() */
        START_PATIENCE_MOST_US = 5000000,
        REFUSED_PATIENCE_US = 300000, /* of a socket that is bound and refuses: see on_starting() */
        START_ATTEMPTS = 5,
        STOP_PATIENCE_US = 1000000,
        BACKOFF_FIRST_US = 100000,
        BACKOFF_MOST_US = 5000000,
        STABLE_US = 10000000, /* lived that long: the next death starts with the first back-off again */
        GUESTS_EVERY_US = 2000000
};

struct janus_user {
        struct list link; /* in janus_child.users */
        struct janus_child *child;
        void (*ready)(const struct engine_result *res, void *ctx); /* NULL once called */
        void *ctx;
        bool served; /* had a Janus, and hopes for another when it dies */
};

struct janus_child {
        const struct engine_env *env; /* borrowed */
        enum child_state state;
        struct loop_source *timer;     /* owned */
        struct janus_process *process; /* owned; NULL in STOPPED and BACKOFF */
        struct janus_probe probe;      /* in STARTING */
        struct list users;
        char folder[96], url[JANUS_CHILD_SOCKET_SIZE + 8];
        char secret[JANUS_SECRET_SIZE]; /* of the process, or of the next one */
        struct listen_address listen;   /* of the process */
        uint64_t since_us, idle_since_us, backoff_us, refused_since_us;
        unsigned attempts;            /* at starting, in a row */
        struct engine_result failure; /* why the last start failed, for those who wait */
        bool failed;
};

static void enter(struct janus_child *c, enum child_state state, uint64_t timer_us)
{
        static const char *const names[] = { "stopped", "starting", "running", "stopping", "backoff" };

        if (state != c->state)
                log_debug("janus: %s → %s", names[c->state], names[state]);
        c->state = state;
        janus_probe_done(&c->probe);
        c->since_us = loop_now_us(c->env->loop);
        (void)loop_set_timer(c->timer, timer_us == LOOP_NEVER ? LOOP_NEVER : c->since_us + timer_us);
}

/* Everybody who waits gets the same answer. A callback may release any user, also itself, or acquire anew: where that
 * changes the state, the answer is none any more, and the rest waits on. */
static void answer(struct janus_child *c, const struct engine_result *res)
{
        enum child_state state = c->state;
        struct list told;
        struct janus_user *u;

        list_init(&told);
        while ((u = list_first(&c->users, struct janus_user, link))) {
                list_remove(&u->link);
                list_append(&told, &u->link);
        }
        while ((u = list_first(&told, struct janus_user, link))) {
                void (*ready)(const struct engine_result *r, void *ctx) = u->ready;

                list_remove(&u->link);
                list_append(&c->users, &u->link);
                if (!ready || c->state != state)
                        continue;
                u->ready = NULL;
                u->served = res->reason == ENGINE_OK;
                ready(res, u->ctx);
        }
}

static void fail(struct janus_child *c, enum engine_reason reason, const char *detail)
{
        janus_files_remove(c->folder);
        c->attempts = 0;
        c->failure = (struct engine_result){ .reason = reason };
        (void)snprintf(c->failure.detail, sizeof(c->failure.detail), "%s", detail);
        c->failed = true;
        enter(c, CHILD_STOPPED, 0); /* the answer comes from the timer */
}

/* Janus offers neither loopback nor link-local addresses: without another one every call would end in silence. */
static bool is_usable(const struct ifaddrs *i)
{
        const struct sockaddr *a = i->ifa_addr;

        if (!a || !(i->ifa_flags & IFF_UP) || !(i->ifa_flags & IFF_RUNNING) || (i->ifa_flags & IFF_LOOPBACK))
                return false;
        if (a->sa_family == AF_INET6)
                return !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)a)->sin6_addr);
        return a->sa_family == AF_INET;
}

static bool has_address(void)
{
        struct ifaddrs *all, *i;
        bool found = false;

        if (getifaddrs(&all) < 0)
                return false;
        for (i = all; i && !found; i = i->ifa_next)
                found = is_usable(i);
        freeifaddrs(all);
        return found;
}

/* What can be seen without starting it. False: fail() was called. */
static bool can_start(struct janus_child *c, char **ret_executable)
{
        int r = listen_address_parse(c->env->embedded_listen, &c->listen);

        if (r >= 0 && c->listen.port)
                r = listen_address_check(&c->listen);
        if (r < 0) {
                log_error("cannot listen at %s: %s", c->env->embedded_listen, strerror(-r));
                fail(c, ENGINE_INTERNAL, "the address to listen at cannot be used");
                return false;
        }
        r = janus_files_find(c->listen.port > 0, ret_executable);
        if (r < 0) {
                log_error("janus cannot be looked for: %s", strerror(-r));
                fail(c, ENGINE_INTERNAL, "janus cannot be looked for");
        } else if (r == 0) {
                log_error("janus, or a module of it, is not installed: install the package \"janus\"");
                fail(c, ENGINE_NOT_INSTALLED, "janus is not installed");
        } else if (!has_address()) {
                log_error("no network interface but loopback is up: Janus cannot offer an address");
                fail(c, ENGINE_NO_ADDRESS, "");
        } else {
                return true;
        }
        return false;
}

static void on_exited(int status, void *ctx);

static void start(struct janus_child *c)
{
        _cleanup_free_ char *executable = NULL;
        char configs[sizeof(c->folder) + 8];
        struct janus_files_params files = { .folder = c->folder, .secret = c->secret };
        int r;

        if (!can_start(c, &executable))
                return;
        files.executable = executable;
        files.listen_host = c->listen.port ? c->listen.host : NULL;
        files.listen_port = c->listen.port;
        r = janus_files_write(&files);
        (void)snprintf(configs, sizeof(configs), "%s/cfg", c->folder);
        if (r >= 0)
                r = janus_process_start(c->env->loop, executable, configs, on_exited, c, &c->process);
        if (r < 0) {
                log_error("janus cannot be started: %s", strerror(-r));
                fail(c, ENGINE_INTERNAL, "janus cannot be started");
                return;
        }
        enter(c, CHILD_STARTING, CONNECT_EVERY_US);
        c->refused_since_us = c->since_us;
}

/* Janus 1.1.2 loses a race with itself now and then: the thread of the Unix transport looks at a flag that is set
 * after it was started, and ends. Janus then either ends, too, or stays with a socket that refuses, or without any.
 * The next try mostly does. */
static void start_again(struct janus_child *c, const char *why)
{
        c->process = janus_process_free(c->process);
        if (++c->attempts < START_ATTEMPTS) {
                log_info("%s: starting it again", why);
                start(c);
        } else {
                log_error("%s, %u times", why, c->attempts);
                fail(c, ENGINE_INTERNAL, why);
        }
}

static void stop(struct janus_child *c)
{
        janus_process_terminate(c->process);
        enter(c, CHILD_STOPPING, STOP_PATIENCE_US);
}

/* The process is gone: forget it, and begin anew if somebody needs it. */
static void ended(struct janus_child *c)
{
        c->process = janus_process_free(c->process);
        janus_files_remove(c->folder);
        c->attempts = 0;
        if (list_is_empty(&c->users))
                enter(c, CHILD_STOPPED, LOOP_NEVER);
        else
                start(c);
}

static void back_off(struct janus_child *c)
{
        c->backoff_us = c->backoff_us == 0 ? BACKOFF_FIRST_US : 2 * c->backoff_us;
        if (c->backoff_us > BACKOFF_MOST_US)
                c->backoff_us = BACKOFF_MOST_US;
        enter(c, CHILD_BACKOFF, c->backoff_us);
}

static bool is_hoped_for(const struct janus_child *c)
{
        struct janus_user *u;

        list_for_each (u, &c->users, link)
                if (u->served)
                        return true;
        return false;
}

static bool is_wanted(const struct janus_child *c)
{
        return !list_is_empty(&c->users) || c->env->embedded_listen;
}

static void on_exited(int status, void *ctx)
{
        struct janus_child *c = ctx;
        uint64_t lived_us = loop_now_us(c->env->loop) - c->since_us;

        if (c->state == CHILD_STOPPING) {
                ended(c);
                return;
        }
        if (c->state == CHILD_STARTING) {
                start_again(c, "janus ended at once");
                return;
        }
        log_warning("janus ended by itself (status %d)", status);
        c->process = janus_process_free(c->process);
        janus_files_remove(c->folder);
        if (lived_us > STABLE_US)
                c->backoff_us = 0;
        if (is_wanted(c))
                back_off(c);
        else
                enter(c, CHILD_STOPPED, LOOP_NEVER);
}

static uint64_t start_patience_us(const struct janus_child *c)
{
        uint64_t us = (uint64_t)START_PATIENCE_FIRST_US << c->attempts;

        return us < START_PATIENCE_MOST_US ? us : START_PATIENCE_MOST_US;
}

static void on_starting(struct janus_child *c)
{
        uint64_t now_us = loop_now_us(c->env->loop);
        char path[JANUS_CHILD_SOCKET_SIZE];
        enum janus_probe_result r;

        snprintf(path, sizeof(path), "%s/janus.sock", c->folder);
        r = janus_probe_step(&c->probe, path);
        if (r == JANUS_PROBE_SERVES) {
                log_info("janus serves%s", c->listen.port ? ", and listens for others" : "");
                c->attempts = 0;
                enter(c, CHILD_RUNNING, 0);
                c->idle_since_us = c->since_us;
                return;
        }
        if (r != JANUS_PROBE_REFUSED)
                c->refused_since_us = now_us;
        if (now_us - c->refused_since_us > REFUSED_PATIENCE_US || now_us - c->since_us > start_patience_us(c))
                start_again(c, "janus does not begin to serve");
        else
                (void)loop_set_timer(c->timer, now_us + CONNECT_EVERY_US);
}

/* Nobody of ours: stop when the time is over, unless others are connected. */
static void on_running(struct janus_child *c)
{
        uint64_t now_us = loop_now_us(c->env->loop), due_us = c->idle_since_us + c->env->embedded_idle_s * US_PER_SEC;

        answer(c, &(struct engine_result){ .reason = ENGINE_OK });
        if (c->state != CHILD_RUNNING || !list_is_empty(&c->users))
                return;
        if (c->listen.port && guests_are_connected(c->listen.port)) {
                c->idle_since_us = now_us;
                (void)loop_set_timer(c->timer, now_us + GUESTS_EVERY_US);
        } else if (now_us >= due_us) {
                log_info("janus is idle: stopping it");
                stop(c);
        } else {
                (void)loop_set_timer(c->timer, due_us);
        }
}

static void on_timer(void *ctx)
{
        struct janus_child *c = ctx;
        struct engine_result failure;

        switch (c->state) {
        case CHILD_STOPPED:
                if (c->failed) {
                        c->failed = false;
                        failure = c->failure;
                        answer(c, &failure);
                        if (c->state == CHILD_STOPPED && is_hoped_for(c))
                                back_off(c);
                }
                break;
        case CHILD_STARTING: on_starting(c); break;
        case CHILD_RUNNING: on_running(c); break;
        case CHILD_STOPPING: ended(c); break; /* patience is over: freeing kills it */
        case CHILD_BACKOFF:
                if (is_wanted(c))
                        start(c);
                else
                        enter(c, CHILD_STOPPED, LOOP_NEVER);
                break;
        }
}

/* ---- for the engine ---- */

int janus_child_get(const struct engine_env *env, struct janus_child **ret)
{
        struct janus_child *c;
        int r;

        assert(env->janus);
        if (*env->janus) {
                *ret = *env->janus;
                return 0;
        }
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->env = env;
        list_init(&c->users);
        janus_probe_init(&c->probe);
        r = snprintf(c->folder, sizeof(c->folder), "%s/janus", env->runtime_dir);
        /* its socket's path has to fit a struct sockaddr_un */
        r = r >= (int)sizeof(c->folder) ? -ENAMETOOLONG
                                        : loop_add_timer(env->loop, LOOP_NEVER, on_timer, c, &c->timer);
        if (r < 0) {
                free(c);
                return r;
        }
        snprintf(c->url, sizeof(c->url), "unix:%s/janus.sock", c->folder);
        *ret = *env->janus = c;
        return 0;
}

struct janus_child *janus_child_free(struct janus_child *c)
{
        if (!c)
                return NULL;
        assert(list_is_empty(&c->users));
        if (c->process)
                janus_process_free(c->process);
        janus_files_remove(c->folder);
        janus_probe_done(&c->probe);
        loop_remove(c->timer);
        explicit_bzero(c->secret, sizeof(c->secret));
        free(c);
        return NULL;
}

const char *janus_child_url(const struct janus_child *c)
{
        return c->url;
}

/* The one that runs, or begins to, cannot serve this user: another application's secret, or it listens elsewhere than
 * the configuration says by now. The latter waits until nobody is in. */
static bool is_outdated(const struct janus_child *c, const char *secret)
{
        struct listen_address listen;

        if (strcmp(c->secret, secret) != 0)
                return true;
        if (!list_is_empty(&c->users) || listen_address_parse(c->env->embedded_listen, &listen) < 0)
                return false;
        return listen.port != c->listen.port || strcmp(listen.host, c->listen.host) != 0;
}

int janus_child_acquire(struct janus_child *c, const char *secret,
                        void (*ready)(const struct engine_result *res, void *ctx), void *ctx, struct janus_user **ret)
{
        struct janus_user *u = calloc(1, sizeof(*u));
        bool outdated = is_outdated(c, secret);

        if (!u)
                return -ENOMEM;
        *u = (struct janus_user){ .child = c, .ready = ready, .ctx = ctx };
        list_append(&c->users, &u->link);
        (void)snprintf(c->secret, sizeof(c->secret), "%s", secret);
        if (c->state == CHILD_STOPPED && !c->failed)
                start(c);
        else if ((c->state == CHILD_RUNNING || c->state == CHILD_STARTING) && outdated)
                stop(c);
        else if (c->state == CHILD_RUNNING)
                (void)loop_set_timer(c->timer, 0);
        *ret = u;
        return 0;
}

void janus_child_distrust(struct janus_child *c)
{
        if (c->state != CHILD_RUNNING)
                return;
        log_warning("janus does not answer: stopping it");
        stop(c);
}

struct janus_user *janus_child_release(struct janus_user *u)
{
        struct janus_child *c;

        if (!u)
                return NULL;
        c = u->child;
        list_remove(&u->link);
        free(u);
        if (list_is_empty(&c->users) && c->state == CHILD_RUNNING) {
                c->idle_since_us = loop_now_us(c->env->loop);
                (void)loop_set_timer(c->timer, 0);
        }
        return NULL;
}
