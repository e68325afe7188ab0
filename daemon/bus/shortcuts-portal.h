/* shortcuts-portal.h - a key of push-to-talk that works in every window, from the desktop's portal
 * (org.freedesktop.portal.GlobalShortcuts).
 *
 * Control thread. Negative errno.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "app/talk.h"
#include "base/cleanup.h"
#include "bus/bus-loop.h"

struct shortcuts_portal;

/* Borrows bus and loop. */
int shortcuts_portal_new(sd_bus *bus, struct bus_loop *bus_loop, struct shortcuts_portal **ret);
struct shortcuts_portal *shortcuts_portal_free(struct shortcuts_portal *p);
/* Borrowed. */
const struct shortcut_ops *shortcuts_portal_ops(const struct shortcuts_portal *p);
/* Where presses go; borrowed. Before the first want(). */
void shortcuts_portal_set_manager(struct shortcuts_portal *p, struct manager *m);

DEFINE_CLEANUP(struct shortcuts_portal *, shortcuts_portal_free)
