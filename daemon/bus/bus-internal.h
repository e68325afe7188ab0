/* bus-internal.h - the server as the files of this folder see it; not for others. Control thread. */
#pragma once

#include <systemd/sd-bus.h>

#include "app/consent.h"
#include "bus/bus-caller.h"
#include "bus/bus-loop.h"
#include "bus/bus-object.h"
#include "bus/bus-server.h"
#include "bus/consent-notify.h"
#include "bus/consent-portal.h"
#include "bus/consent-store.h"
#include "bus/shortcuts-portal.h"

struct bus_server {
        struct bus_server_env env; /* strings borrowed */
        sd_bus *bus;               /* owned */
        bool is_own;               /* we opened it: it is a real bus and gets our name */
        bool gone;                 /* env.gone was called */
        struct bus_loop *bus_loop;
        struct bus_callers *callers;
        struct manager *manager;         /* borrowed; NULL before bus_server_start() */
        struct bus_object found;         /* of the message being handled: what vtables get as userdata */
        struct consent_store_bus *store; /* owned, like the two askers */
        struct consent_portal *portal;
        struct consent_notify *notify;
        struct consent_desktop desktop; /* the three of them */
        struct shortcuts_portal *shortcuts;
        unsigned stats_pending;   /* GetStats calls that wait for the engine */
        unsigned devices_pending; /* ListDevices calls that wait for the sound server */
};

/* ---- bus-server.c ---- */
/* Who sent this message: -ENXIO and the like are turned into a D-Bus error. */
int bus_server_caller(struct bus_server *s, sd_bus_message *m, const struct caller **ret, sd_bus_error *error);

/* ---- bus-access.c ---- */
/* 0: go on. Negative, with the error filled: refused. */
int bus_access_check(struct bus_server *s, sd_bus_message *m, sd_bus_error *error);
bool bus_access_may_see(const struct caller *who, const struct context *c);

/* ---- bus-tree.c ---- */
int bus_tree_add(struct bus_server *s);
/* Answers what sd-bus would answer without regard to who asks: 1 answered, 0 not ours. */
int bus_tree_answer(struct bus_server *s, sd_bus_message *m, sd_bus_error *error);

/* ---- bus-context.c ---- */
/* Any operation of enum api that is a method of a context; the member names it. */
int bus_context_on_operation(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* ---- bus-stats.c ---- */
int bus_stats_on_get(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* ---- bus-devices.c ---- */
int bus_devices_on_list(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* ---- bus-levels.c ---- */
int bus_levels_on_open(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* ---- bus-logcontrol.c ---- */
int bus_logcontrol_add(struct bus_server *s);
