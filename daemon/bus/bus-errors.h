/* bus-errors.h - the few D-Bus errors, in one table. Everything else is told by `Completed`. */
#pragma once

#include <systemd/sd-bus.h>

enum bus_error {
        BUS_ERROR_INVALID_PARAMS, /* CreateRtcRoomContext only */
        BUS_ERROR_AUTH_DENIED,    /* CreateRtcRoomContext only */
        BUS_ERROR_LIMITS_EXCEEDED,
        BUS_ERROR_ACCESS_DENIED,
        BUS_ERROR_INVALID_ARGS,
        _BUS_ERROR_MAX
};
const char *bus_error_to_string(enum bus_error e); /* the D-Bus name */

/* Fills `error` and returns a negative errno: what a message handler returns. `text` is copied. */
int bus_error_set(sd_bus_error *error, enum bus_error e, const char *text);
