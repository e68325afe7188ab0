/* bus-manager.c - org.rtcroom.RtcRoom1.Manager, on the root object. Control thread. */
#include <errno.h>
#include <stddef.h>

#include "base/log.h"
#include "bus/bus-errors.h"
#include "bus/bus-internal.h"
#include "bus/bus-options.h"

LOG_TOPIC("bus/bus-manager");

static int reply_created(sd_bus_message *m, struct bus_server *s, struct context *c)
{
        struct bus_object o = { .server = s, .context = c };
        struct bus_path path;

        bus_object_path(&o, &path);
        return sd_bus_reply_method_return(m, "o", path.text);
}

static int refuse(enum create_outcome outcome, const char *text, sd_bus_error *error)
{
        switch (outcome) {
        case CREATE_INVALID_PARAMS: return bus_error_set(error, BUS_ERROR_INVALID_PARAMS, text);
        case CREATE_AUTH_DENIED: return bus_error_set(error, BUS_ERROR_AUTH_DENIED, text);
        case CREATE_LIMITS_EXCEEDED: return bus_error_set(error, BUS_ERROR_LIMITS_EXCEEDED, text);
        case CREATE_OK: break;
        }
        return -EINVAL;
}

static int on_create(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(options_freep) struct options *options = NULL;
        struct bus_object *o = userdata;
        struct bus_server *s = o->server;
        const struct caller *who;
        struct context *c = NULL;
        struct result message;
        int r = bus_server_caller(s, m, &who, error);

        if (r < 0)
                return r;
        r = bus_options_read(m, &options);
        if (r < 0)
                return r;
        r = manager_create_context(s->manager, who, options, &c, &message);
        if (r < 0)
                return r;
        if (r != CREATE_OK)
                return refuse((enum create_outcome)r, message.err_msg, error);
        log_info("context %u of %s (%s)", context_number(c), who->unique_name, who->application_id);
        return reply_created(m, s, c);
}

static int subscribe(sd_bus_message *m, struct bus_object *o, bool on, sd_bus_error *error)
{
        const struct caller *who;
        int r = bus_server_caller(o->server, m, &who, error);

        if (r < 0)
                return r;
        r = bus_callers_subscribe(o->server->callers, who->unique_name, on);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int on_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return subscribe(m, userdata, true, error);
}

static int on_unsubscribe(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return subscribe(m, userdata, false, error);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("CreateRtcRoomContext", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("o", context),
                                on_create, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Subscribe", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_subscribe,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Unsubscribe", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_unsubscribe,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", bus_get_string, offsetof(struct bus_object, version),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Engines", "as", bus_get_strings, offsetof(struct bus_object, engines),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("InRoom", "b", bus_get_boolean, offsetof(struct bus_object, in_room),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RoomId", "s", bus_get_string, offsetof(struct bus_object, room_id),
                        SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("UserId", "s", bus_get_string, offsetof(struct bus_object, user_id),
                        SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_VTABLE_END,
};

const struct bus_face bus_manager_face = { .interface = BUS_INTERFACE_MANAGER, .vtable = vtable };
