/* bus-errors.c - names of D-Bus errors. See dbus-interfaces/README.md. Any thread. */
#include "bus/bus-errors.h"

#include "base/cleanup.h"

static const char *const names[] = {
        [BUS_ERROR_INVALID_PARAMS] = "org.rtcroom.RtcRoom1.Error.InvalidParams",
        [BUS_ERROR_AUTH_DENIED] = "org.rtcroom.RtcRoom1.Error.AuthDenied",
        [BUS_ERROR_LIMITS_EXCEEDED] = "org.rtcroom.RtcRoom1.Error.LimitsExceeded",
        [BUS_ERROR_ACCESS_DENIED] = SD_BUS_ERROR_ACCESS_DENIED,
        [BUS_ERROR_INVALID_ARGS] = SD_BUS_ERROR_INVALID_ARGS,
};
_Static_assert(ARRAY_SIZE(names) == _BUS_ERROR_MAX, "a name for each error");

const char *bus_error_to_string(enum bus_error e)
{
        return names[e];
}

int bus_error_set(sd_bus_error *error, enum bus_error e, const char *text)
{
        return sd_bus_error_set(error, names[e], text);
}
