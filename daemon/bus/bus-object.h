/* bus-object.h - objects on the bus: paths, faces (interface + vtable), and how their properties are put in messages.
 *
 * Control thread. Nothing is kept per object: a path is resolved to manager, context or participant when a message
 * arrives, and its values are read then. Negative errno.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "app/manager.h"

#define BUS_NAME                  "org.rtcroom.RtcRoom1"
#define BUS_ROOT                  "/org/rtcroom/RtcRoom1"
#define BUS_CONTEXTS              BUS_ROOT "/context"
#define BUS_LOG_CONTROL           "/org/freedesktop/LogControl1"
#define BUS_INTERFACE_MANAGER     BUS_NAME ".Manager"
#define BUS_INTERFACE_CONSENT     BUS_NAME ".Consent"
#define BUS_INTERFACE_CONTEXT     BUS_NAME ".Context"
#define BUS_INTERFACE_VOICE       BUS_NAME ".Voice"
#define BUS_INTERFACE_PARTICIPANT BUS_NAME ".Participant"

struct bus_server;

/* What a vtable's `userdata` is: an object and a view of its values. Vtable offsets point into it. */
struct bus_object {
        struct bus_server *server;
        struct context *context;         /* NULL: the root */
        struct participant *participant; /* NULL: the context itself */
        /* the view: by type of object */
        const char *version, *room_id, *user_id, *state; /* the root's; context's: state */
        const char *const *engines;
        bool in_room;
        struct context_view cv;
        const char *const *lists[_LIST_MAX];
        struct participant_view pv;
};

void bus_object_of_root(struct bus_server *s, struct bus_object *ret);
void bus_object_of_context(struct bus_server *s, struct context *c, struct bus_object *ret);
void bus_object_of_participant(struct bus_server *s, struct participant *p, struct bus_object *ret);
/* False: there is no such context or participant (the root is no match). */
bool bus_object_find(struct bus_server *s, const char *path, struct bus_object *ret);

struct bus_path {
        char text[sizeof(BUS_CONTEXTS "/4294967295/participant/4294967295")];
};
void bus_object_path(const struct bus_object *o, struct bus_path *ret);

struct bus_property_bit { /* bit of the app's change mask → property */
        uint32_t bit;
        const char *property;
};
struct bus_face {
        const char *interface;
        const sd_bus_vtable *vtable;
        const struct bus_property_bit *bits; /* n_bits of them */
        size_t n_bits;
};
extern const struct bus_face bus_manager_face, bus_consent_face, bus_context_face, bus_voice_face,
        bus_participant_face;

/* Each appends an a{sv}. */
int bus_face_append_all(const struct bus_face *f, sd_bus_message *m, struct bus_object *o);
int bus_face_append_changed(const struct bus_face *f, sd_bus_message *m, struct bus_object *o, uint32_t mask);
int bus_face_append_one(const struct bus_face *f, sd_bus_message *m, struct bus_object *o,
                        const char *property); /* {sv} */
bool bus_face_has(const struct bus_face *f, uint32_t mask);
/* Appends the a{sa{sv}} of a context or participant: all its interfaces. */
int bus_object_append_interfaces(sd_bus_message *m, struct bus_object *o);
/* Appends the names of these interfaces, as. */
int bus_object_append_interface_names(sd_bus_message *m, const struct bus_object *o);

/* Getters for vtables; userdata is the field at the vtable's offset. */
int bus_get_string(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                   void *userdata, sd_bus_error *error);
int bus_get_strings(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *error);
int bus_get_boolean(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *error);
int bus_get_u32(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                void *userdata, sd_bus_error *error);
int bus_get_u64(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                void *userdata, sd_bus_error *error);
int bus_get_double(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                   void *userdata, sd_bus_error *error);
