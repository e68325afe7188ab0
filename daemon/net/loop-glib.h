/* loop-glib.h - struct loop (base/loop.h) over a GMainContext. Belongs to the thread that iterates the context. */
#pragma once

#include "base/loop.h"

struct _GMainContext;

int loop_glib_new(struct _GMainContext *context, struct loop **ret); /* refs the context */
struct loop *loop_glib_free(struct loop *l);                         /* every source must have been removed */
