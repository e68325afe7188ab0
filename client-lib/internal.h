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
        uint32_t number;
        char path[64];
        sd_bus_slot *match;       /* owned: signals of the Context interface */
        struct request *requests; /* owned list */
        const struct rtcroom_events *ev;
        void *user;
};

/* Remembers the words of a failure; returns r. */
int fail_with(struct rtcroom *r, int err, const char *words);
/* D-Bus error → negative errno of rtcroom.h, words remembered. */
int fail_with_bus_error(struct rtcroom *r, int err, const sd_bus_error *error);

struct rtcroom_context *context_ref(struct rtcroom_context *c);
struct rtcroom_context *context_unref(struct rtcroom_context *c);
int context_on_signal(sd_bus_message *m, void *ctx, sd_bus_error *error);

int request_on_completed(struct rtcroom_context *c, sd_bus_message *m);
void request_fail_all(struct rtcroom_context *c); /* with 115910 */
void request_drop_all(struct rtcroom_context *c); /* without a word: the context is freed */
