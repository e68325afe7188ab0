/* service.h - the daemon as its service manager sees it: ready, reloading, stopping, a status line, the watchdog.
 *
 * Control thread. Everything is a no-op when nobody listens (no NOTIFY_SOCKET).
 */
#pragma once

#include "base/cleanup.h"
#include "base/loop.h"

struct service;

/* Begins to feed the watchdog if the service manager asked for it (WATCHDOG_USEC). The loop's life is what it watches:
 * a loop that hangs feeds nobody. */
int service_new(struct loop *loop, struct service **ret);
struct service *service_free(struct service *s);

void service_ready(struct service *s); /* at the start and after every reload */
void service_reloading(struct service *s);
void service_stopping(struct service *s);
void service_status(struct service *s, const char *text); /* one line for people, no ids */

DEFINE_CLEANUP(struct service *, service_free)
