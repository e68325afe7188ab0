/* operations.h - the operations of a context: judged, started, remembered. Control thread. */
#pragma once

#include "app/context.h"

/* Starts the request's operation; every outcome, also an immediate one, goes to rq. */
void operation_start(struct context *c, struct request *rq, const struct options *o);
