/* consent-notify.h - asks by a desktop notification with the buttons Allow and Deny
 * (org.freedesktop.Notifications 1.2).
 *
 * Control thread. Negative errno.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "app/consent.h"
#include "bus/bus-loop.h"

struct consent_notify;

/* Everything is borrowed. */
int consent_notify_new(sd_bus *bus, struct bus_loop *bus_loop, struct consent_notify **ret);
struct consent_notify *consent_notify_free(struct consent_notify *n);
const struct consent_asker *consent_notify_asker(struct consent_notify *n);

/* What the notification says of the program; markup: the server takes some, so that text must be escaped. Cut to size,
 * never inside a character or an escape. Pure. */
void consent_notify_text(const struct consent_question *q, bool markup, char *buf, size_t size);

DEFINE_CLEANUP(struct consent_notify *, consent_notify_free)
