/* internal.h - what the files of librtcroom share. Not installed. One thread per connection, as in rtcroom.h. */
#pragma once

#include <systemd/sd-bus.h>

#include "rtcroom/rtcroom.h"

#define BUS_NAME    "org.rtcroom.RtcRoom1"
#define ROOT_PATH   "/org/rtcroom/RtcRoom1"
#define IFACE(name) "org.rtcroom.RtcRoom1." name

struct rtcroom {
        sd_bus *bus;            /* owned */
        sd_bus_slot *name_slot; /* owned: the daemon's name changes hands */
        sd_bus_slot *room_slot; /* owned: Manager.InRoom */
        void (*room_fn)(struct rtcroom *r, bool in_room, void *user);
        void *room_user;
        struct rtcroom_context *contexts; /* owned list */
        char error[256];
};

/* One operation under way. Owned by its context's list. */
struct request {
        struct request *next;
        struct rtcroom_context *context; /* borrowed */
        sd_bus_slot *slot;               /* owned: the pending reply */
        uint32_t number;                 /* 0 until the reply */
        char api[48];
        struct rtcroom_callbacks cb;
};

struct rtcroom_context {
        struct rtcroom *r;            /* borrowed */
        struct rtcroom_context *next; /* in rtcroom.contexts */
        unsigned refs;                /* one of the caller, one for each callback under way */
        bool own, freed;
        bool gone, to_be_told; /* the daemon that made it ended; its caller does not know yet */
        uint32_t number;
        char path[64];
        char owner[256];          /* unique name of the daemon that made it: a later daemon counts from 1 again */
        sd_bus_slot *match;       /* owned: signals of the Context interface */
        sd_bus_slot *voice_match; /* owned: MessageReceived */
        struct request *requests; /* owned list */
        const struct rtcroom_events *ev;
        void *user;
};

/* Remembers the words of a failure (NULL: those of the errno); returns err. */
int fail_with(struct rtcroom *r, int err, const char *words);
/* An errno of sd-bus → one of those that rtcroom.h promises, remembered with its words. */
int fail_with_errno(struct rtcroom *r, int err);
/* D-Bus error → negative errno of rtcroom.h, words remembered. */
int fail_with_bus_error(struct rtcroom *r, int err, const sd_bus_error *error);

struct rtcroom_context *context_ref(struct rtcroom_context *c);
struct rtcroom_context *context_unref(struct rtcroom_context *c);
int context_on_signal(sd_bus_message *m, void *ctx, sd_bus_error *error);

int message_on_signal(sd_bus_message *m, void *ctx, sd_bus_error *error);

void request_on_completed(struct rtcroom_context *c, sd_bus_message *m);
void request_fail_all(struct rtcroom_context *c); /* with 115910 */
void request_drop_all(struct rtcroom_context *c); /* without a word: the context is freed */

/* ---- properties.c: reading a{sv}, one blocking round trip each ---- */

/* One property wanted: its name, its D-Bus type, where it goes (a char array with its size, a bool, a double …). */
struct field {
        const char *name;
        char type;
        void *to;
        size_t size; /* of a string */
};
#define FIELD_TEXT(name, field)                   \
        {                                         \
                name, 's', (field), sizeof(field) \
        }
#define FIELD_VALUE(name, type, field)  \
        {                               \
                name, type, &(field), 0 \
        }
#define N_FIELDS(fields) (sizeof(fields) / sizeof((fields)[0]))

int properties_read(sd_bus_message *m, const struct field *fields, size_t n); /* m stands at an a{sv} */
int properties_get_all(struct rtcroom_context *c, const char *iface, const struct field *fields, size_t n);
/* m stands at an a{sa{sv}}, which is read whole; the fields come from one interface of it. */
int properties_read_interfaces(sd_bus_message *m, const char *iface, const struct field *fields, size_t n);
/* Goes through GetManagedObjects of the daemon called `owner`. fn finds m at the object's a{sa{sv}} and reads it
 * whole; a negative errno of it ends the walk. */
typedef int (*object_fn)(sd_bus_message *m, const char *path, void *ctx);
int properties_walk_objects(struct rtcroom *r, const char *owner, object_fn fn, void *ctx);
