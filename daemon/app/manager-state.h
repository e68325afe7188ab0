/* manager-state.h - the manager's own state, shared by the files of this folder. Control thread. */
#pragma once

#include "app/consent.h"
#include "app/devices.h"
#include "app/manager.h"
#include "app/room.h"
#include "app/talk.h"
#include "app/volumes.h"

enum { MANAGER_MAX_CONTEXTS = 64, MANAGER_MAX_PER_OWNER = 8, MANAGER_MAX_DESTROYED = 4 };

struct manager {
        struct manager_env env;
        struct config *config; /* owned */
        struct manager_events events;
        void *ctx;
        struct list contexts; /* struct context, in order of number */
        uint32_t next_context, next_request, next_op;
        struct room room;
        struct volumes *volumes; /* owned */
        struct devices devices;
        struct consent *consent; /* owned */
        struct loop_source *flush_timer;
        bool consent_dirty;
        bool shortcut_wanted; /* as the desktop was told (talk.c) */
        bool room_dirty, told_in_room;
        bool stopping, told_stopped;
};

/* ---- events.c ---- */
/* There is something to tell: in the next turn of the loop. */
void manager_mark(struct manager *m);
void manager_flush(void *ctx /* struct manager */);

/* Beyond four destroyed contexts of one client the oldest go. */
void manager_limit_destroyed(struct manager *m, const char *owner);
/* A number for an engine operation: never 0, not repeated within any room. */
uint32_t manager_next_op(struct manager *m);
