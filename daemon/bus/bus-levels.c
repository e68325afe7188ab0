/* bus-levels.c - Voice.OpenLevels: a read-only descriptor of the context's ring of levels (app/levels.h).
 *
 * The message keeps a descriptor of its own until it has been sent; ours is closed here. Control thread.
 */
#include <errno.h>

#include "bus/bus-errors.h"
#include "bus/bus-internal.h"

int bus_levels_on_open(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = userdata;
        _cleanup_close_ int fd = context_open_levels(o->context);

        if (fd == -EMFILE || fd == -ENFILE)
                return bus_error_set(error, BUS_ERROR_LIMITS_EXCEEDED, "No descriptor is left");
        return fd < 0 ? fd : sd_bus_reply_method_return(m, "h", fd);
}
