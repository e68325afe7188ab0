/* bus-server.c - connection, name, dispatch order, and who has left.
 *
 * A message is dispatched in this order: our filter (access, then the lists that depend on who asks), then sd-bus with
 * the vtables. The name is asked for last, so that nobody finds us half built; with D-Bus activation the messages that
 * wait for the name arrive after the objects are there.
 *
 * The end: a closed connection or a lost name is told once, by a callback from the loop; nothing is reconnected, since
 * unique names, hence the owners of all contexts, are of the connection that is gone. Sending goes nowhere then.
 *
 * Control thread. Teardown: sources of the loop and callers first (their match slots belong to the connection), then
 * the connection, which is flushed if it is a bus.
 */
#include "bus/bus-server.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "bus/bus-errors.h"
#include "bus/bus-internal.h"

LOG_TOPIC("bus/bus-server");

static void tell_gone(struct bus_server *s, int error)
{
        if (s->gone)
                return;
        s->gone = true;
        s->env.gone(error, s->env.ctx);
}

static void on_connection_gone(int error, void *ctx)
{
        log_notice("the bus connection has ended: %s", strerror(-error));
        tell_gone(ctx, error);
}

static int on_name_lost(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        (void)error;
        if (!bus_is_from_bus(m))
                return 0;
        log_notice("the name " BUS_NAME " was lost");
        tell_gone(ctx, -ESTALE);
        return 0;
}

int bus_server_caller(struct bus_server *s, sd_bus_message *m, const struct caller **ret, sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(m);
        int r = sender ? bus_callers_get(s->callers, sender, ret) : -ENXIO;

        if (r == -ENXIO)
                return bus_error_set(error, BUS_ERROR_ACCESS_DENIED, "The sender is not on the bus");
        if (r == -ENOBUFS)
                return bus_error_set(error, BUS_ERROR_LIMITS_EXCEEDED, "Too many programs use this service");
        return r;
}

static int on_message(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct bus_server *s = ctx;
        uint8_t type;
        int r = sd_bus_message_get_type(m, &type);

        if (r < 0 || type != SD_BUS_MESSAGE_METHOD_CALL)
                return 0;
        r = bus_access_check(s, m, error);
        return r < 0 ? r : bus_tree_answer(s, m, error);
}

static void on_caller_gone(const char *unique_name, void *ctx)
{
        struct bus_server *s = ctx;

        manager_owner_gone(s->manager, unique_name);
}

static bool is_needed(const char *unique_name, void *ctx)
{
        struct bus_server *s = ctx;

        for (struct context *c = manager_first_context(s->manager); c; c = context_next(c))
                if (strcmp(context_owner(c), unique_name) == 0)
                        return true;
        return manager_is_talker(s->manager, unique_name);
}

static const struct bus_callers_events callers_events = { 0, on_caller_gone, is_needed };

static int connect_bus(struct bus_server *s)
{
        if (s->env.bus) {
                s->bus = sd_bus_ref(s->env.bus);
                return 0;
        }
        s->is_own = true;
        return sd_bus_open_user_with_description(&s->bus, "rtcroomd");
}

/* The portal first: it belongs to the desktop, and its answers are shown in the settings. */
static int make_desktop(struct bus_server *s)
{
        int r = consent_store_new(s->bus, s->bus_loop, &s->store);

        if (r >= 0)
                r = consent_portal_new(s->bus, s->bus_loop, s->callers, &s->portal);
        if (r >= 0)
                r = consent_notify_new(s->bus, s->bus_loop, &s->notify);
        if (r >= 0)
                r = shortcuts_portal_new(s->bus, s->bus_loop, &s->shortcuts);
        if (r < 0)
                return r;
        s->desktop = (struct consent_desktop){
                .askers = { consent_portal_asker(s->portal), consent_notify_asker(s->notify) },
                .store = consent_store_ops(s->store),
        };
        return 0;
}

int bus_server_new(const struct bus_server_env *env, struct bus_server **ret)
{
        _cleanup_(bus_server_freep) struct bus_server *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->env = *env;
        r = connect_bus(s);
        if (r < 0)
                return r;
        r = bus_callers_new(s->bus, env->caller_ops ? env->caller_ops : &bus_caller_system, env->caller_ctx,
                            &callers_events, s, &s->callers);
        if (r < 0)
                return r;
        r = bus_loop_new(env->loop, s->bus, on_connection_gone, s, &s->bus_loop);
        if (r >= 0)
                r = make_desktop(s);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

const struct consent_desktop *bus_server_desktop(struct bus_server *s)
{
        return &s->desktop;
}

const struct shortcut_ops *bus_server_shortcuts(struct bus_server *s)
{
        return shortcuts_portal_ops(s->shortcuts);
}

static int take_name(struct bus_server *s)
{
        int r = sd_bus_add_match_async(s->bus, NULL,
                                       "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                       "interface='org.freedesktop.DBus',member='NameLost',arg0='" BUS_NAME "'",
                                       on_name_lost, NULL, s);

        if (r < 0 || !s->is_own)
                return r;
        return sd_bus_request_name(s->bus, BUS_NAME, 0);
}

int bus_server_start(struct bus_server *s, struct manager *m)
{
        int r;

        s->manager = m;
        shortcuts_portal_set_manager(s->shortcuts, m);
        r = bus_tree_add(s);
        if (r < 0)
                return r;
        r = bus_logcontrol_add(s);
        if (r < 0)
                return r;
        r = sd_bus_add_filter(s->bus, NULL, on_message, s);
        if (r < 0)
                return r;
        r = take_name(s);
        bus_loop_rearm(s->bus_loop);
        return r < 0 ? r : 0;
}

struct bus_server *bus_server_free(struct bus_server *s)
{
        if (!s)
                return NULL;
        shortcuts_portal_free(s->shortcuts);
        consent_portal_free(s->portal);
        consent_notify_free(s->notify);
        consent_store_free(s->store);
        bus_loop_free(s->bus_loop);
        bus_callers_free(s->callers);
        if (s->is_own)
                sd_bus_flush_close_unref(s->bus);
        else
                sd_bus_close_unref(s->bus);
        free(s);
        return NULL;
}
