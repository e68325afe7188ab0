/* devices.h - sources and sinks as the daemon uses them: who asks for the list, and where the room's streams go.
 *
 * Control thread. The settings are the context's (voice-settings.h), what they mean is route.h; here they are applied
 * whenever either changes, so that a device that is unplugged is left for the default and taken again when it is back.
 */
#pragma once

#include "app/manager.h"
#include "base/list.h"

struct room;

enum { DEVICES_MAX = 128 }; /* of which a list is made */

struct devices {
        struct manager *manager; /* borrowed */
        struct list asked;       /* who waits for the list */
        struct loop_source *patience;
};

int devices_init(struct devices *d, struct manager *m);
void devices_done(struct devices *d); /* answers whoever still waits with an empty list. Legal on a zeroed one */

/* The node.name that a stream of this context is to aim at; borrowed until the next turn of the loop. */
const char *devices_target(const struct context *c, enum audio_direction direction);
/* Aims the streams of the room anew. */
void devices_apply(struct room *room);
