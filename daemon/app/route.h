/* route.h - which device a setting means, given the devices there are. Pure; any thread.
 *
 * A setting is "" (wherever the default is), a node.name, or for the loudspeaker one of the two words of the original
 * API. As there, an attached headset takes over from both words, the last attached first; without one "speakerphone"
 * is the built-in loudspeaker and "earpiece" what is held to the ear, and either is the default where there is none.
 * A named device that is not there is the default until it is.
 */
#pragma once

#include <stddef.h>

#include "media/audio-io.h"

#define ROUTE_SPEAKERPHONE "speakerphone"
#define ROUTE_EARPIECE     "earpiece"

/* The node.name to aim at, "": the default. Borrowed from `setting` or the list. An empty list tells nothing: a name
 * is then aimed at as it is, and a word means the default. */
const char *route_resolve(const char *setting, enum audio_direction direction, const struct audio_device *devices,
                          size_t n_devices);
