/* ice-nice.h - the ice_provider that stands on libnice. Network thread: everything runs on the given GMainContext. */
#pragma once

#include "transport/ice.h"

struct _GMainContext;

struct ice_provider ice_nice_provider(struct _GMainContext *context /* borrowed, outlives every agent */);
