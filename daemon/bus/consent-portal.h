/* consent-portal.h - asks by the desktop's portal (org.freedesktop.portal.Device), for programs with an application
 * id.
 *
 * Control thread. Negative errno.
 */
#pragma once

#include "app/consent.h"
#include "bus/bus-caller.h"
#include "bus/bus-loop.h"

struct consent_portal;

/* Everything is borrowed. */
int consent_portal_new(sd_bus *bus, struct bus_loop *bus_loop, struct bus_callers *callers,
                       struct consent_portal **ret);
struct consent_portal *consent_portal_free(struct consent_portal *p);
const struct consent_asker *consent_portal_asker(struct consent_portal *p);

DEFINE_CLEANUP(struct consent_portal *, consent_portal_free)
