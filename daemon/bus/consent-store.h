/* consent-store.h - the desktop's permission store (org.freedesktop.impl.portal.PermissionStore) behind app/consent.h.
 *
 * Programs with an application id are kept where the portal keeps its own answers, table "devices", id "microphone",
 * so that the desktop's settings show them and take them back. Paths have the table "rtcroom": nobody else knows what
 * to make of them. The portal's entry for the id "" is never read: it stands for every program without one.
 *
 * Control thread. Negative errno.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "app/consent.h"
#include "bus/bus-loop.h"

struct consent_store_bus;

/* Everything is borrowed. */
int consent_store_new(sd_bus *bus, struct bus_loop *bus_loop, struct consent_store_bus **ret);
struct consent_store_bus *consent_store_free(struct consent_store_bus *s);
const struct consent_store *consent_store_ops(struct consent_store_bus *s); /* borrowed */

DEFINE_CLEANUP(struct consent_store_bus *, consent_store_free)
