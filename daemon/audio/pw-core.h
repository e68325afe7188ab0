/* pw-core.h - the connection to PipeWire, driven by our loop; comes back by itself.
 *
 * Control thread. Nothing of PipeWire is loaded before the first pwcore_start(). Callbacks are never made from inside
 * a function of this header other than pwcore_stop() and pwcore_free(), which call down().
 */
#pragma once

#include <stdbool.h>

#include "audio/graph.h"
#include "base/loop.h"

struct far_mix;
struct pwcore;
struct pwdevices;
struct pwtap;
struct pw_core;

struct pwcore_events {
        uint32_t version;                            /* 0 */
        void (*up)(struct pw_core *core, void *ctx); /* connected: streams can be made */
        void (*down)(void *ctx);                     /* before the connection goes: nothing may be left on it */
        void (*graph)(void *ctx);                    /* nodes or links have changed */
        void (*devices)(void *ctx);                  /* the devices have changed, are known, or nobody is there */
};

int pwcore_new(struct loop *loop, const struct pwcore_events *ev, void *ctx, struct pwcore **ret);
struct pwcore *pwcore_free(struct pwcore *c);
void pwcore_start(struct pwcore *c); /* connects, now and whenever the connection is lost. Legal twice */
void pwcore_stop(
        struct pwcore *c); /* gives everything back, PipeWire's thread too; until the next start. Legal twice */
struct pw_core *pwcore_get(struct pwcore *c); /* NULL while there is no connection. Borrowed until down() */
/* NULL until everything has been heard that was there when the connection was made. Borrowed until down(). */
struct pwdevices *pwcore_devices(struct pwcore *c);
/* Takes a tap of this connection: sees to its end (pw-tap.h). */
void pwcore_retire(struct pwcore *c, struct pwtap *t);
/* What the streams of its data thread play; that thread's alone. */
struct far_mix *pwcore_far(struct pwcore *c);
const struct graph *pwcore_graph(const struct pwcore *c);
