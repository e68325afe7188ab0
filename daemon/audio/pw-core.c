/* pw-core.c - see pw-core.h. Control thread.
 *
 * One pw_loop, entered by this thread for as long as it lives and iterated with timeout 0 whenever its descriptor is
 * readable; the context on it has PipeWire's data loop, whose thread is PipeWire's own. Objects of a connection must
 * not be destroyed from inside its callbacks, so a lost connection is only noted there and taken down from a timer.
 *
 * Order of teardown: streams (down(), then the retired), registry, core, context, loop. A context that cannot be made
 * (SPA plugins not installed) is treated like an absent server: retried, said once.
 */
#include "audio/pw-core.h"

#include <errno.h>
#include <pipewire/pipewire.h>
#include <string.h>

#include "audio/far-mix.h"
#include "audio/pw-devices.h"
#include "audio/pw-tap.h"
#include "base/clock.h"
#include "base/log.h"

LOG_TOPIC("audio/pw-core");

enum { SYNCS_WHOLE = 2, RETRY_FIRST_MS = 50, RETRY_MAX_MS = 1000, RETIRE_US = 2000 * 1000 };

struct pwcore {
        struct loop *loop;              /* borrowed */
        const struct pwcore_events *ev; /* borrowed */
        void *ctx;
        struct loop_source *pw_fd;    /* of pw_loop */
        struct loop_source *timer;    /* next attempt, or the deferred end of a connection */
        struct loop_source *patience; /* with what has been retired */
        struct pw_loop *pw_loop;      /* owned, entered; NULL while stopped */
        struct pw_context *context;   /* owned */
        struct pw_core *core;         /* owned; NULL while not connected */
        struct pw_registry *registry; /* owned */
        struct spa_hook core_listener, registry_listener;
        struct graph graph;
        struct pwdevices *devices; /* owned; of this connection */
        unsigned syncs;            /* round trips since it was made: after two, what was bound has told of itself */
        struct list retired;       /* pwtaps of this connection */
        unsigned retry_ms;
        bool initialised;   /* pw_init() was called */
        bool lost;          /* the connection is dead and waits for the timer */
        bool complained;    /* about the absence that lasts */
        struct far_mix far; /* the data thread's */
};

static void schedule(struct pwcore *c, uint64_t in_us)
{
        (void)loop_set_timer(c->timer, loop_now_us(c->loop) + in_us);
}

/* ---- what is in the graph ---- */

static uint32_t number(const struct spa_dict *props, const char *key)
{
        const char *text = props ? spa_dict_lookup(props, key) : NULL;

        return text ? (uint32_t)strtoul(text, NULL, 10) : SPA_ID_INVALID;
}

static uint64_t serial_of(const struct spa_dict *props)
{
        const char *text = props ? spa_dict_lookup(props, PW_KEY_OBJECT_SERIAL) : NULL;

        return text ? strtoull(text, NULL, 10) : 0;
}

static void on_global(void *data, uint32_t id, uint32_t permissions, const char *type, uint32_t version,
                      const struct spa_dict *props)
{
        struct pwcore *c = data;
        int r;

        (void)permissions;
        if (pwdevices_add(c->devices, id, type, version, props) < 0)
                log_warning("object %u is not seen: out of memory", id);
        if (strcmp(type, PW_TYPE_INTERFACE_Node) == 0)
                r = graph_add_node(&c->graph, id, serial_of(props),
                                   props ? spa_dict_lookup(props, PW_KEY_MEDIA_CLASS) : NULL);
        else if (strcmp(type, PW_TYPE_INTERFACE_Link) == 0)
                r = graph_add_link(&c->graph, id, number(props, PW_KEY_LINK_OUTPUT_NODE),
                                   number(props, PW_KEY_LINK_INPUT_NODE));
        else
                return;
        /* out of memory: a link that we do not know of must not pass for a microphone; begin anew */
        if (r < 0) {
                c->lost = true;
                schedule(c, 0);
                return;
        }
        c->ev->graph(c->ctx);
}

static void on_global_remove(void *data, uint32_t id)
{
        struct pwcore *c = data;

        pwdevices_remove(c->devices, id);
        if (graph_remove(&c->graph, id))
                c->ev->graph(c->ctx);
}

static const struct pw_registry_events registry_events = { PW_VERSION_REGISTRY_EVENTS, on_global, on_global_remove };

/* ---- the connection ---- */

static void on_core_error(void *data, uint32_t id, int seq, int res, const char *message)
{
        struct pwcore *c = data;

        (void)seq;
        log_debug("object %u: %s (%s)", id, message, strerror(-res));
        if (id != PW_ID_CORE || res != -EPIPE)
                return;
        c->lost = true;
        schedule(c, 0);
}

static void on_core_info(void *data, const struct pw_core_info *info)
{
        struct pwcore *c = data;

        if (info->change_mask & PW_CORE_CHANGE_MASK_PROPS)
                log_info("connected to PipeWire %s", info->version);
        c->retry_ms = RETRY_FIRST_MS;
        c->complained = false;
}

static void on_devices(void *ctx)
{
        struct pwcore *c = ctx;

        if (pwcore_devices(c))
                c->ev->devices(c->ctx);
}

/* The first round trip brings the registry's content, the second what was bound then. */
static void on_core_done(void *data, uint32_t id, int seq)
{
        struct pwcore *c = data;

        (void)seq;
        if (id != PW_ID_CORE || c->syncs == SYNCS_WHOLE)
                return;
        c->syncs++;
        if (c->syncs < SYNCS_WHOLE)
                (void)pw_core_sync(c->core, PW_ID_CORE, 0);
        on_devices(c);
}

static const struct pw_core_events core_events = { PW_VERSION_CORE_EVENTS, .info = on_core_info, .done = on_core_done,
                                                   .error = on_core_error };

static void disconnect(struct pwcore *c)
{
        c->lost = false;
        if (!c->core)
                return;
        c->ev->down(c->ctx);
        pwtap_free_retired(&c->retired);
        c->devices = pwdevices_free(c->devices);
        spa_hook_remove(&c->registry_listener);
        pw_proxy_destroy((struct pw_proxy *)c->registry);
        spa_hook_remove(&c->core_listener);
        pw_core_disconnect(c->core);
        c->registry = NULL;
        c->core = NULL;
        graph_done(&c->graph);
}

/* Not to be called from PipeWire's callbacks: streams are destroyed. */
static void end_retired(void *ctx)
{
        struct pwcore *c = ctx;

        (void)loop_set_timer(c->patience, pwtap_end_retired(&c->retired, c->registry, loop_now_us(c->loop)));
}

void pwcore_retire(struct pwcore *c, struct pwtap *t)
{
        pwtap_retire(t, loop_now_us(c->loop) + RETIRE_US, &c->retired);
        end_retired(c);
}

static void on_pw_loop(int fd, uint32_t events, void *ctx)
{
        struct pwcore *c = ctx;

        (void)fd;
        (void)events;
        while (pw_loop_iterate(c->pw_loop, 0) > 0)
                ;
        end_retired(c);
}

/* PipeWire writes to stderr by itself; what matters is logged here. PIPEWIRE_DEBUG, its own switch, still works. */
static void init_once(struct pwcore *c)
{
        if (c->initialised)
                return;
        pw_init(NULL, NULL);
        if (!getenv("PIPEWIRE_DEBUG"))
                pw_log_set_level(SPA_LOG_LEVEL_NONE);
        c->initialised = true;
}

static void destroy_context(struct pwcore *c)
{
        if (c->context)
                pw_context_destroy(c->context);
        c->context = NULL;
        c->pw_fd = loop_remove(c->pw_fd);
        if (c->pw_loop) {
                pw_loop_leave(c->pw_loop);
                pw_loop_destroy(c->pw_loop);
        }
        c->pw_loop = NULL;
}

static int create_context(struct pwcore *c)
{
        int r;

        init_once(c);
        c->pw_loop = pw_loop_new(NULL);
        if (!c->pw_loop)
                return -errno;
        pw_loop_enter(c->pw_loop);
        r = loop_add_fd(c->loop, pw_loop_get_fd(c->pw_loop), LOOP_READ, on_pw_loop, c, &c->pw_fd);
        if (r < 0)
                return r;
        /* client-rt.conf: the data thread asks for real-time priority */
        c->context = pw_context_new(c->pw_loop, pw_properties_new(PW_KEY_CONFIG_NAME, "client-rt.conf", NULL), 0);
        return c->context ? 0 : -errno;
}

static int connect_core(struct pwcore *c)
{
        int r;

        c->core = pw_context_connect(c->context, NULL, 0);
        if (!c->core)
                return -errno;
        c->registry = pw_core_get_registry(c->core, PW_VERSION_REGISTRY, 0);
        r = c->registry ? pwdevices_new(c->registry, on_devices, c, &c->devices) : -ENOMEM;
        if (r < 0) {
                pw_core_disconnect(c->core); /* the registry goes with it */
                c->core = NULL;
                c->registry = NULL;
                return r;
        }
        c->syncs = 0;
        spa_zero(c->core_listener);
        spa_zero(c->registry_listener);
        pw_core_add_listener(c->core, &c->core_listener, &core_events, c);
        pw_registry_add_listener(c->registry, &c->registry_listener, &registry_events, c);
        (void)pw_core_sync(c->core, PW_ID_CORE, 0);
        return 0;
}

static void connect_or_retry(struct pwcore *c)
{
        int r = c->context ? 0 : create_context(c);

        if (r < 0)
                destroy_context(c);
        else
                r = connect_core(c);
        if (r >= 0) {
                c->ev->up(c->core, c->ctx);
                return;
        }
        if (!c->complained)
                log_notice("no PipeWire (%s): no sound until it is there", strerror(-r));
        c->complained = true;
        c->ev->devices(c->ctx);
        schedule(c, c->retry_ms * US_PER_MS);
        c->retry_ms = SPA_MIN(c->retry_ms * 2, (unsigned)RETRY_MAX_MS);
}

static void on_timer(void *ctx)
{
        struct pwcore *c = ctx;

        if (c->lost) {
                log_notice("the connection to PipeWire is lost");
                disconnect(c);
        }
        if (!c->core)
                connect_or_retry(c);
}

/* ---- the object ---- */

int pwcore_new(struct loop *loop, const struct pwcore_events *ev, void *ctx, struct pwcore **ret)
{
        _cleanup_free_ struct pwcore *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->loop = loop;
        c->ev = ev;
        c->ctx = ctx;
        c->retry_ms = RETRY_FIRST_MS;
        graph_init(&c->graph);
        list_init(&c->retired);
        r = loop_add_timer(loop, LOOP_NEVER, on_timer, c, &c->timer);
        if (r < 0)
                return r;
        r = loop_add_timer(loop, LOOP_NEVER, end_retired, c, &c->patience);
        if (r < 0) {
                loop_remove(c->timer);
                return r;
        }
        *ret = take_ptr(c);
        return 0;
}

struct pwcore *pwcore_free(struct pwcore *c)
{
        if (!c)
                return NULL;
        pwcore_stop(c);
        loop_remove(c->timer);
        loop_remove(c->patience);
        if (c->initialised)
                pw_deinit();
        free(c);
        return NULL;
}

void pwcore_start(struct pwcore *c)
{
        if (!c->core)
                schedule(c, 0);
}

void pwcore_stop(struct pwcore *c)
{
        (void)loop_set_timer(c->timer, LOOP_NEVER);
        disconnect(c);
        destroy_context(c);
        c->retry_ms = RETRY_FIRST_MS;
        c->complained = false;
}

struct pw_core *pwcore_get(struct pwcore *c)
{
        return c->lost ? NULL : c->core;
}

struct pwdevices *pwcore_devices(struct pwcore *c)
{
        return c->core && !c->lost && c->syncs == SYNCS_WHOLE ? c->devices : NULL;
}

struct far_mix *pwcore_far(struct pwcore *c)
{
        return &c->far;
}

const struct graph *pwcore_graph(const struct pwcore *c)
{
        return &c->graph;
}
