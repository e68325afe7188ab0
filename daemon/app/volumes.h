/* volumes.h - how loud each person was last set, and whether muted, per appId and userId, kept across runs.
 *
 * A text file "volumes" in the state directory, one line "appId userId volume [muted]" each, oldest first; written to
 * a new file that replaces the old one, a second after the last change. At most 4096 people: the oldest are
 * forgotten. 1.0 and not muted needs no line. A file that cannot be read or written costs a log line, nothing else.
 * Control thread.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/loop.h"

struct volumes;

/* state_dir NULL: remembered while the daemon runs. */
int volumes_new(struct loop *loop, const char *state_dir, struct volumes **ret);
struct volumes *volumes_free(struct volumes *v); /* writes what is not yet written */
double volumes_get(const struct volumes *v, const char *app_id, const char *user_id, bool *ret_muted);
/* -ENOMEM: not remembered. */
int volumes_set(struct volumes *v, const char *app_id, const char *user_id, double volume, bool muted);

DEFINE_CLEANUP(struct volumes *, volumes_free)
