/* bus-logcontrol.c - org.freedesktop.LogControl1: the log level at run time (systemctl --user service-log-level).
 *
 * Levels are syslog's words; what is graver than our gravest level is "err". The target is decided at start and can
 * only be read: asking for another is refused. Control thread.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "bus/bus-errors.h"
#include "bus/bus-internal.h"

LOG_TOPIC("bus/bus-logcontrol");

static int get_level(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *userdata, sd_bus_error *error)
{
        enum log_level level = log_get_level();

        (void)bus, (void)path, (void)interface, (void)property, (void)userdata, (void)error;
        return sd_bus_message_append(reply, "s", level == LOG_LEVEL_ERROR ? "err" : log_level_to_string(level));
}

static int parse_level(const char *s, enum log_level *ret)
{
        static const char *const graver[] = { "crit", "alert", "emerg" };

        for (size_t i = 0; i < ARRAY_SIZE(graver); i++)
                if (strcmp(s, graver[i]) == 0) {
                        *ret = LOG_LEVEL_ERROR;
                        return 0;
                }
        return log_level_from_string(s, ret);
}

static int set_level(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                     void *userdata, sd_bus_error *error)
{
        enum log_level level;
        const char *s;
        int r = sd_bus_message_read(value, "s", &s);

        (void)bus, (void)path, (void)interface, (void)property, (void)userdata;
        if (r < 0)
                return r;
        if (parse_level(s, &level) < 0)
                return bus_error_set(error, BUS_ERROR_INVALID_ARGS,
                                     "LogLevel is one of emerg, alert, crit, err, warning, notice, info, debug");
        log_set_level(level);
        log_info("log level is %s now", s);
        return 0;
}

static int get_target(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        struct bus_server *s = userdata;

        (void)bus, (void)path, (void)interface, (void)property, (void)error;
        return sd_bus_message_append(reply, "s", s->env.log_target);
}

static int set_target(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        struct bus_server *s = userdata;
        const char *target;
        int r = sd_bus_message_read(value, "s", &target);

        (void)bus, (void)path, (void)interface, (void)property;
        if (r < 0)
                return r;
        if (strcmp(target, s->env.log_target) != 0)
                return bus_error_set(error, BUS_ERROR_INVALID_ARGS, "LogTarget is decided when the service starts");
        return 0;
}

static int get_identifier(sd_bus *bus, const char *path, const char *interface, const char *property,
                          sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        (void)bus, (void)path, (void)interface, (void)property, (void)userdata, (void)error;
        return sd_bus_message_append(reply, "s", "rtcroomd");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", get_level, set_level, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_WRITABLE_PROPERTY("LogTarget", "s", get_target, set_target, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("SyslogIdentifier", "s", get_identifier, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

int bus_logcontrol_add(struct bus_server *s)
{
        return sd_bus_add_object_vtable(s->bus, NULL, BUS_LOG_CONTROL, "org.freedesktop.LogControl1", vtable, s);
}
