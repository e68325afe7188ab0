/* context.h - a client's context: whose it is, what it wants, who is in its room, what is still to be told.
 *
 * Intents outlive rooms: they are remembered when nothing is joined and applied by the next join. What changed is only
 * marked here (`dirty_…`, `done`, `events`); events.c tells it from the loop. Control thread.
 */
#pragma once

#include "app/manager.h"
#include "app/request.h"
#include "app/voice-settings.h"
#include "base/list.h"

enum { CONTEXT_MAX_REQUESTS = 32, CONTEXT_MAX_EVENTS = 16, CONTEXT_MAX_PARTICIPANTS = 1024 };

enum intent { INTENT_UNSET, INTENT_OFF, INTENT_ON };

enum queued_kind { QUEUED_STATE, QUEUED_INTERRUPTED, QUEUED_TOKEN_WILL_EXPIRE };
struct queued_event {
        enum queued_kind kind;
        int err_no;
        const char *text; /* static */
        struct state_data data;
};

struct context_list_state {
        const char **items; /* owned array of borrowed ids, NULL-terminated; context.list_capacity places */
        bool told_filled;   /* the last list that was told had somebody in it */
};

struct camera_settings { /* what a camera is to be asked for; the defaults are the original engine's */
        bool back;
        struct params_encoder max;
};

struct context {
        struct list link; /* in manager.contexts */
        struct manager *manager;
        uint32_t number;
        char label[16]; /* the number as text, for the log */
        char *owner;    /* owned: unique name */
        char *program;  /* owned: application id, "" if none */
        char *exe_path; /* owned, "" if unknown */
        bool sandboxed, claims_path;
        char *server; /* owned */
        char app_id[ID_MAX + 1];
        struct url url; /* `server`, taken apart */
        bool destroyed;
        bool removed; /* leaves the bus in the next flush */

        bool consented;               /* the microphone may be used by this program */
        enum intent capture, publish; /* audio; what the client asked for in so many words */
        bool capture_auto;            /* capture by auto-publish, for one room */
        bool invisible;               /* to the others in a room; publishes nothing */
        bool muted, deafened;
        struct voice_settings settings;
        char *talker; /* owned: who holds the key of push-to-talk (talk.c); NULL: nobody */
        struct camera_settings camera;
        struct levels *levels; /* owned; NULL until somebody asks */

        struct list pending, done; /* struct request */
        unsigned n_requests;       /* in both */
        struct list participants;  /* struct participant, in join order */
        struct list gone;          /* participants whose leaving is still to be told */
        unsigned n_participants;
        uint32_t next_participant;
        size_t profile_bytes; /* of the profiles of all of them, also of those in gone */

        struct context_list_state lists[_LIST_MAX];
        size_t list_capacity;
        uint32_t dirty_lists;      /* mask of 1 << enum context_list */
        uint32_t dirty_properties; /* mask of enum context_property */
        struct queued_event events[CONTEXT_MAX_EVENTS];
        unsigned n_events;
        struct list messages; /* struct message (messages.h): still to be told */
        size_t messages_bytes;
        bool quality_due; /* network_quality is to be told */
};

int context_new(struct manager *m, const struct caller *who, const char *app_id, const char *server,
                const struct url *url, struct context **ret);
/* Without a word to anybody, statistics callbacks excepted. */
struct context *context_free(struct context *c);
DEFINE_CLEANUP(struct context *, context_free)

/* ---- marks ---- */
void context_changed(struct context *c, uint32_t properties);
/* Rebuilds the lists of the mask and marks them and their properties. */
void context_lists_changed(struct context *c, uint32_t lists);
void context_queue(struct context *c, const struct queued_event *ev);
/* Places for n participants in every list. -ENOMEM: nothing changed. */
int context_reserve(struct context *c, size_t n);

/* ---- requests ---- */
void request_complete(struct context *c, struct request *rq, const struct result *res);
void request_complete_ok(struct context *c, struct request *rq);
void request_complete_failed(struct context *c, struct request *rq, const char *text);
struct request *context_find_op(struct context *c, uint32_t op);
static inline bool request_waits_for_leave(const struct request *rq)
{
        return rq->number && (rq->api == API_EXIT || rq->api == API_DESTROY);
}
/* Completes what the room's engine would have answered; the join is not among it (room.c). */
void context_fail_ops(struct context *c, const char *text);
/* Completes everything but what waits for the room to be left: 115910. */
void context_fail_destroyed(struct context *c);
/* The owner is gone: nobody is told of its requests. */
void context_drop_requests_of_owner(struct context *c);
/* Completes exits and destroys. */
void context_room_left(struct context *c);

/* ---- life ---- */
/* No operation any more; leaves its room. The object stays until it is removed. */
void context_destroy(struct context *c);
/* Like destroy, and the object goes with the next flush. The room is left without it. */
void context_remove(struct context *c);

struct caller context_program(const struct context *c); /* who made it; borrowed */
void context_set_invisible(struct context *c, bool invisible);
bool context_is_in_room(const struct context *c); /* it holds the room, in whatever state */
bool context_wants_capture(const struct context *c);
bool context_wants_publish(const struct context *c, bool auto_publish);
