/* bus-access.c - who may do what: the contract's table of callers, in one place.
 *
 * Every method call passes bus_access_check() before sd-bus dispatches it (bus-server.c installs it as a filter), so
 * no handler has to think of access, and one that is added without a rule here is the owner's alone.
 *
 *   ANYONE   also a sandboxed program that owns nothing
 *   USER     the owner, and any program outside of sandboxes
 *   OWNER    the program that created the context
 *
 * A call for an object that does not exist passes: sd-bus answers UnknownObject. What a caller may see in lists and
 * introspection is decided by bus_access_may_see(). Callers whose sandbox cannot be told count as sandboxed.
 *
 * sd-bus has a check of its own (the caller's uid and capabilities) for members without SD_BUS_VTABLE_UNPRIVILEGED; on
 * a bus of one user it adds nothing but a question to the bus per call, so all members carry that flag.
 *
 * Control thread.
 */
#include <errno.h>
#include <string.h>

#include "bus/bus-errors.h"
#include "bus/bus-internal.h"

enum right { ANYONE, USER, OWNER };
enum area { AREA_ROOT, AREA_CONTEXT, AREA_LOG_CONTROL, AREA_ELSEWHERE };

/* The first rule that fits counts. NULL: any. */
static const struct rule {
        enum area area;
        const char *interface, *member;
        enum right right;
} rules[] = {
        { AREA_ROOT, BUS_INTERFACE_MANAGER, "CreateRtcRoomContext", ANYONE },
        { AREA_ROOT, BUS_INTERFACE_MANAGER, NULL, USER },
        { AREA_ROOT, BUS_INTERFACE_CONSENT, NULL, USER },
        { AREA_ROOT, NULL, NULL, ANYONE }, /* lists, introspection, properties: filtered, see reads_private() */
        { AREA_CONTEXT, BUS_INTERFACE_CONTEXT, "ExitRtcRoom", USER },
        { AREA_CONTEXT, BUS_INTERFACE_CONTEXT, NULL, OWNER },
        { AREA_CONTEXT, BUS_INTERFACE_VOICE, "SendMessage", OWNER },
        { AREA_CONTEXT, BUS_INTERFACE_VOICE, NULL, USER },
        { AREA_CONTEXT, BUS_INTERFACE_PARTICIPANT, NULL, USER },
        { AREA_CONTEXT, "org.freedesktop.DBus.Properties", NULL, USER },
        { AREA_CONTEXT, "org.freedesktop.DBus.Introspectable", NULL, USER },
        { AREA_CONTEXT, "org.freedesktop.DBus.Peer", NULL, ANYONE }, /* tells nothing */
        { AREA_CONTEXT, NULL, NULL, OWNER },
        { AREA_LOG_CONTROL, NULL, NULL, USER },
        { AREA_ELSEWHERE, NULL, NULL, ANYONE }, /* nothing but introspection of parents is there */
};

static bool fits(const char *wanted, const char *is)
{
        return !wanted || (is && strcmp(wanted, is) == 0);
}

static enum right right_for(enum area area, sd_bus_message *m)
{
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                if (rules[i].area == area && fits(rules[i].interface, sd_bus_message_get_interface(m)) &&
                    fits(rules[i].member, sd_bus_message_get_member(m)))
                        return rules[i].right;
        return OWNER;
}

static enum area area_of(struct bus_server *s, const char *path, struct context **ret)
{
        struct bus_object o;

        *ret = NULL;
        if (strcmp(path, BUS_ROOT) == 0)
                return AREA_ROOT;
        if (strcmp(path, BUS_LOG_CONTROL) == 0)
                return AREA_LOG_CONTROL;
        if (!bus_object_find(s, path, &o))
                return AREA_ELSEWHERE;
        *ret = o.context;
        return AREA_CONTEXT;
}

static bool is_owner(const struct caller *who, const struct context *c)
{
        return c && strcmp(who->unique_name, context_owner(c)) == 0;
}

bool bus_access_may_see(const struct caller *who, const struct context *c)
{
        return !who->sandboxed || is_owner(who, c);
}

/* Properties.Get or GetAll of what the root tells about the user: the room, and everything about consent. */
static bool reads_private(sd_bus_message *m)
{
        const char *interface, *property;
        bool is_private;

        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "GetAll")) {
                if (sd_bus_message_read(m, "s", &interface) < 0)
                        return false;
                is_private = strcmp(interface, BUS_INTERFACE_CONSENT) == 0;
                (void)sd_bus_message_rewind(m, true);
                return is_private;
        }
        if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Get"))
                return false;
        if (sd_bus_message_read(m, "ss", &interface, &property) < 0)
                return false; /* sd-bus refuses it */
        is_private =
                strcmp(property, "RoomId") == 0 || strcmp(property, "UserId") == 0 || strcmp(property, "Pending") == 0;
        (void)sd_bus_message_rewind(m, true);
        return is_private;
}

static bool is_allowed(enum right right, const struct caller *who, const struct context *c)
{
        switch (right) {
        case ANYONE: return true;
        case USER: return !who->sandboxed || is_owner(who, c);
        case OWNER: return is_owner(who, c);
        }
        return false;
}

int bus_access_check(struct bus_server *s, sd_bus_message *m, sd_bus_error *error)
{
        const struct caller *who;
        struct context *c;
        enum area area;
        int r = bus_server_caller(s, m, &who, error);

        if (r < 0)
                return r;
        area = area_of(s, sd_bus_message_get_path(m), &c);
        if (!is_allowed(right_for(area, m), who, c))
                return bus_error_set(error, BUS_ERROR_ACCESS_DENIED,
                                     c && !who->sandboxed ? "Only the program that created this context may do that"
                                                          : "Not for programs in a sandbox");
        if (area == AREA_ROOT && who->sandboxed && reads_private(m))
                return bus_error_set(error, BUS_ERROR_ACCESS_DENIED, "Not for programs in a sandbox");
        return 0;
}
