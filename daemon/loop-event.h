/* loop-event.h - struct loop (base/loop.h) over a libevent base of its own: the loop of the control thread.
 *
 * Everything here belongs to the thread that made the loop. Signals are read through the loop too, so that their
 * handlers are ordinary code.
 */
#pragma once

#include "base/cleanup.h"
#include "base/loop.h"

typedef void (*loop_signal_fn)(int signo, void *ctx);

int loop_event_new(struct loop **ret);
struct loop *loop_event_free(struct loop *l); /* every source must have been removed */
int loop_event_add_signal(struct loop *l, int signo, loop_signal_fn fn, void *ctx, struct loop_source **ret);
int loop_event_run(struct loop *l);   /* until loop_event_stop() */
void loop_event_stop(struct loop *l); /* legal from a callback; the current turn is finished */

DEFINE_CLEANUP(struct loop *, loop_event_free)
