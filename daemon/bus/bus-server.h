/* bus-server.h - the daemon on the session bus: connection, name, objects, and the manager's events as signals.
 *
 * How it is put together (main.c, tests):
 *   bus_server_new(&env, &server);                                       connected, nothing is answered yet
 *   manager_new(…, &bus_server_manager_events, server, &manager);
 *   bus_server_start(server, manager);                                   objects are there, the name is ours
 *   … the loop runs; env.gone: the bus or the name is lost, stop the manager and exit; env.stopped: the manager has …
 *   manager_free(manager); bus_server_free(server);                      in this order, no turn of the loop between
 *
 * Control thread. Negative errno.
 */
#pragma once

#include "app/manager.h"
#include "base/cleanup.h"
#include "base/loop.h"

struct bus_server;
struct bus_caller_ops;
struct sd_bus;

struct bus_server_env { /* copied; what it points at is borrowed and outlives the server */
        struct loop *loop;
        const char *version;                /* Manager.Version */
        const char *log_target;             /* LogControl1.LogTarget: "journal" or "console" */
        void (*gone)(int error, void *ctx); /* once, from the loop: connection closed, or -ESTALE: the name was lost */
        void (*stopped)(void *ctx);         /* the manager's `stopped` */
        void (*room_changed)(void *ctx);    /* the manager's; NULL: nobody wants to know */
        void *ctx;
        struct sd_bus *bus; /* tests: a started connection without a bus (referenced); NULL: the user bus */
        const struct bus_caller_ops *caller_ops; /* tests: who is behind a name; NULL: asked of the bus and /proc */
        void *caller_ctx;
};

/* For manager_new(); its ctx is the server. */
extern const struct manager_events bus_server_manager_events;

int bus_server_new(const struct bus_server_env *env, struct bus_server **ret);
/* How the user is asked for consent, for manager_env. Borrowed; good as long as the server. */
const struct consent_desktop *bus_server_desktop(struct bus_server *s);
/* Its keys, likewise. */
const struct shortcut_ops *bus_server_shortcuts(struct bus_server *s);
/* Borrows the manager. -EEXIST: another program has the name. Waits for the bus to answer (start-up only). */
int bus_server_start(struct bus_server *s, struct manager *m);
/* Hands over what is still queued for the bus, then closes. */
struct bus_server *bus_server_free(struct bus_server *s);

DEFINE_CLEANUP(struct bus_server *, bus_server_free)
