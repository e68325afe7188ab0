/* embedded.h - the engine for `embedded:`: the Janus backend over a Unix socket, and a private Janus behind it. */
#pragma once

#include "engine/engine.h"

extern const struct engine_ops embedded_engine_ops;
