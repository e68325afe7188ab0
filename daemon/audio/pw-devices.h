/* pw-devices.h - the sources and sinks of a connection, which are the default ones, and moving streams between them.
 *
 * Fed by the registry (pw-core.c). Nodes of the classes Audio/Sink…, Audio/Source… and Audio/Duplex are bound for what
 * the registry does not say (form factor, bus; those of the device that a node belongs to count where it has none),
 * and the session manager's metadata "default" for the defaults. Control thread. `changed` comes from PipeWire's
 * callbacks.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"
#include "media/audio-io.h"

struct pw_registry;
struct pwdevices;
struct spa_dict;

int pwdevices_new(struct pw_registry *registry /* borrowed */, void (*changed)(void *ctx), void *ctx,
                  struct pwdevices **ret);
struct pwdevices *pwdevices_free(struct pwdevices *d);

/* Something has come or gone. -ENOMEM: it is not seen. */
int pwdevices_add(struct pwdevices *d, uint32_t id, const char *type, uint32_t version, const struct spa_dict *props);
void pwdevices_remove(struct pwdevices *d, uint32_t id);

size_t pwdevices_list(const struct pwdevices *d, struct audio_device *ret, size_t max);
/* Asks the session manager to move a stream's node. target "": to the default. -ENOTSUP: nobody is there to ask. */
int pwdevices_move(struct pwdevices *d, uint32_t node, const char *target);

DEFINE_CLEANUP(struct pwdevices *, pwdevices_free)
