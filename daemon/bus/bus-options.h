/* bus-options.h - a caller's a{sv} read into plain values, within bounds.
 *
 * Pure apart from the message's read position. Control thread.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "app/options.h"

/* Reads the a{sv} at the message's position. Whatever it holds beyond the bounds of app/options.h gives an empty tree
 * with too_large set (and the rest of the message unread). -EBADMSG: not a well-formed message; -ENXIO, -EINVAL: there
 * is no a{sv} here; -ENOMEM. */
int bus_options_read(sd_bus_message *m, struct options **ret);
