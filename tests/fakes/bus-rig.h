/* bus-rig.h - the D-Bus face over a real manager, a scripted engine and a fake sound server, without a bus.
 *
 * The other end of the connection (p2p-bus.h) plays every program: names that begin with ":9." are in a sandbox, ":8."
 * are unknown to the bus, all others run outside of sandboxes; ":5." is process 4711 of "org.example.Voice". The
 * microphone is allowed to all, unless the rig asks. Virtual time.
 */
#pragma once

#include "bus/bus-errors.h"
#include "bus/bus-object.h"
#include "bus/bus-server.h"
#include "engine/fake/fake-engine.h"
#include "fakes/app-rig.h"
#include "fakes/fake-audio.h"
#include "fakes/p2p-bus.h"

#define OWNER   ":1.1"
#define PANEL   ":1.2" /* another program of the user */
#define SANDBOX ":9.1"

#define PROPERTIES     "org.freedesktop.DBus.Properties"
#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

struct bus_rig {
        struct loop *loop;
        struct p2p_bus p;
        struct fake_audio audio;
        struct fake_script script;
        struct engine_env engine_env;
        struct bus_server *server;
        struct manager *manager;
        unsigned gone, stopped, lookups;
};

int bus_rig_new(struct bus_rig **ret); /* -ENOMEM only */
struct bus_rig *bus_rig_free(struct bus_rig *rig);
DEFINE_CLEANUP(struct bus_rig *, bus_rig_free)
struct bus_rig *bus_rig_make(void); /* asserts that it works */
/* One that asks by what is on the bus (played by the test): about everybody. */
struct bus_rig *bus_rig_make_asking(void);
void bus_rig_run_ms(struct bus_rig *rig, unsigned ms);

/* Calls with these arguments; the answer is owned, NULL if there was none. */
sd_bus_message *bus_rig_call(struct bus_rig *rig, const char *sender, const char *path, const char *interface,
                             const char *member, const char *types, ...);
/* Asserts that the answer is this error; takes it. */
void bus_rig_expect_error(sd_bus_message *answer, const char *name);
/* Asserts that it is no error; takes it. */
void bus_rig_expect_ok(sd_bus_message *answer);
/* The path of a new context for RIG_APP, as text of static duration (the last four are kept). */
const char *bus_rig_context(struct bus_rig *rig, const char *sender);
/* The number in the answer; takes it. */
uint32_t bus_rig_request(sd_bus_message *answer);
/* The one completion of that request: its errNo, and the text if wanted (borrowed until p2p_bus_forget()). */
int bus_rig_completion(struct bus_rig *rig, uint32_t request, const char **ret_text);
/* Joins "room" as "me" with a good token; "alice" is there. What arrived is forgotten. */
void bus_rig_join(struct bus_rig *rig, const char *sender, const char *path);
/* Properties.Get as a boolean; asserts that it works. */
bool bus_rig_get_boolean(struct bus_rig *rig, const char *sender, const char *path, const char *interface,
                         const char *property);
