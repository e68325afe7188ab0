/* messages.h - messages of a room between the engine, which brings them, and the flush, which tells them in its order.
 *
 * Control thread. A flush follows every turn of the loop in which one came, so few wait; the bounds are for an engine
 * that brings a flood in one turn: what comes beyond them is dropped, with a line in the log.
 */
#pragma once

#include "app/context.h"

enum { MESSAGES_MAX_BYTES = 4 * 1024 * 1024 }; /* of one context, with what each costs besides its content */

void messages_add(struct context *c, const struct engine_message *m); /* copied */
void messages_tell(struct context *c);
void messages_drop(struct context *c);
