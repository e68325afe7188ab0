/* bus-loop.h - drives an sd-bus connection from a struct loop.
 *
 * Control thread. Negative errno. See bus-loop.c for when it must be re-armed.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "base/loop.h"

struct bus_loop;

/* `gone` is called once, when the connection has ended: from a callback of the loop, never from inside a call. */
int bus_loop_new(struct loop *loop, sd_bus *bus /* referenced */, void (*gone)(int error, void *ctx), void *ctx,
                 struct bus_loop **ret);
struct bus_loop *bus_loop_free(struct bus_loop *bl);
/* After every send or call outside of a message handler: what sd-bus waits for may have changed. */
void bus_loop_rearm(struct bus_loop *bl);

DEFINE_CLEANUP(struct bus_loop *, bus_loop_free)
