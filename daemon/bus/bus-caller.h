/* bus-caller.h - the programs that talk to us: identity (cached per unique name), subscription, and their going.
 *
 * Control thread. Negative errno.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "app/manager.h"
#include "base/cleanup.h"
#include "bus/bus-identity.h"

/* How the table finds out who is behind a name. Tests hand in their own. */
struct bus_caller_ops {
        uint32_t version; /* 0 */
        /* -ENXIO: nobody has that name (any more); an identity that cannot be told is no error but
         * bus_identity_unknown(). */
        int (*identify)(sd_bus *bus, const char *unique_name, struct bus_identity *ret, void *ctx);
};
/* Asks the bus for the pid and reads /proc. Waits for the bus's answer, at most a second. */
extern const struct bus_caller_ops bus_caller_system;

struct bus_callers_events {
        uint32_t version;                                      /* 0 */
        void (*gone)(const char *unique_name, void *ctx);      /* it left the bus; it is already forgotten here */
        bool (*is_needed)(const char *unique_name, void *ctx); /* those are never forgotten before they leave */
};

struct bus_callers;

int bus_callers_new(sd_bus *bus, const struct bus_caller_ops *ops, void *ops_ctx, const struct bus_callers_events *ev,
                    void *ctx, struct bus_callers **ret);
struct bus_callers *bus_callers_free(struct bus_callers *cs);

/* The caller, borrowed until the loop's next turn. -ENXIO: gone already. -ENOBUFS: too many programs. */
int bus_callers_get(struct bus_callers *cs, const char *unique_name, const struct caller **ret);
/* Of a program that has called and is still there; -ENXIO: there is none. Borrowed likewise. */
int bus_callers_identity(struct bus_callers *cs, const char *unique_name, const struct bus_identity **ret);

int bus_callers_subscribe(struct bus_callers *cs, const char *unique_name, bool on);
/* Unique names of subscribers, one after the other: NULL gives the first; NULL is returned after the last. */
const char *bus_callers_next_subscriber(struct bus_callers *cs, const char *previous);

/* Whether the bus itself sent it: sd-bus does not hold the sender of a signal against the match, so any program could
 * send us a NameOwnerChanged. */
bool bus_is_from_bus(sd_bus_message *m);

DEFINE_CLEANUP(struct bus_callers *, bus_callers_free)
