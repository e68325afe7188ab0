/* manager.h - what the daemon means, as the bus face sees it: contexts, the one room, participants, requests.
 *
 * Control thread. No D-Bus types: callers are named by text. Events are never emitted from inside a call made by the
 * bus, with one exception that is named below; completions in particular come at least one loop turn after
 * context_call() returned. Pointers to contexts and participants are valid until their `removed` event has returned.
 */
#pragma once

#include "app/config.h"
#include "app/options.h"
#include "app/quality.h"
#include "app/result.h"
#include "app/voice-settings.h"
#include "engine/engine.h"
#include "media/audio-io.h"

struct manager;
struct consent;
struct consent_desktop;
struct shortcut_ops;
struct context;
struct participant;

/* Who called; strings borrowed for the call. */
struct caller {
        const char *unique_name;    /* ":1.42" */
        const char *application_id; /* Flatpak, snap or unit id, "" if none */
        const char *exe_path;       /* "" if unknown */
        bool sandboxed;
        bool claims_path; /* exe_path is the program's word (bus/bus-identity.c) */
};

enum room_state {
        ROOM_STATE_IDLE,
        ROOM_STATE_JOINING,
        ROOM_STATE_JOINED,
        ROOM_STATE_RECONNECTING,
        ROOM_STATE_LEAVING,
        ROOM_STATE_DESTROYED,
        _ROOM_STATE_MAX
};
const char *room_state_to_string(enum room_state s); /* the contract's words: "idle" "joining" … */

enum context_property { /* mask */
                        CONTEXT_STATE = 1 << 0,
                        CONTEXT_ROOM_ID = 1 << 1,
                        CONTEXT_USER_ID = 1 << 2,
                        CONTEXT_MEMBERS = 1 << 3,
                        CONTEXT_SPEAKERS = 1 << 4,
                        CONTEXT_VIDEO_MEMBERS = 1 << 5,
                        CONTEXT_SCREEN_MEMBERS = 1 << 6,
                        CONTEXT_AUDIO_CAPTURE = 1 << 7,
                        CONTEXT_VIDEO_CAPTURE = 1 << 8,
                        CONTEXT_AUDIO_PUBLISHED = 1 << 9,
                        CONTEXT_VIDEO_PUBLISHED = 1 << 10,
                        CONTEXT_VISIBLE = 1 << 11,
                        CONTEXT_TOKEN_EXPIRES_AT = 1 << 12,
                        /* from here on of the Voice interface */
                        CONTEXT_MUTED = 1 << 13,
                        CONTEXT_DEAFENED = 1 << 14,
                        CONTEXT_TRANSMIT_MODE = 1 << 15,
                        CONTEXT_INPUT_DEVICE = 1 << 16,
                        CONTEXT_OUTPUT_DEVICE = 1 << 17,
                        CONTEXT_ECHO_CANCELLATION = 1 << 18,
                        CONTEXT_AUTOMATIC_GAIN_CONTROL = 1 << 19,
                        CONTEXT_TALKING = 1 << 20
};
enum participant_property { /* mask */
                            PARTICIPANT_SPEAKING = 1 << 0,
                            PARTICIPANT_AUDIO_PUBLISHED = 1 << 1,
                            PARTICIPANT_AUDIO_SUBSCRIBED = 1 << 2,
                            PARTICIPANT_AUDIO_MUTED = 1 << 3,
                            PARTICIPANT_VIDEO_PUBLISHED = 1 << 4,
                            PARTICIPANT_SCREEN_PUBLISHED = 1 << 5,
                            PARTICIPANT_QUALITY = 1 << 6,
                            PARTICIPANT_VOLUME = 1 << 7,
                            PARTICIPANT_MUTED = 1 << 8,
                            PARTICIPANT_NODE = 1 << 9,
                            PARTICIPANT_ENCRYPTION = 1 << 10,
                            PARTICIPANT_NAME = 1 << 11, /* and the next two in the order of enum profile_part */
                            PARTICIPANT_METADATA = 1 << 12,
                            PARTICIPANT_ATTRIBUTES = 1 << 13
};

enum context_list { LIST_MEMBERS, LIST_SPEAKERS, LIST_VIDEO_MEMBERS, LIST_SCREEN_MEMBERS, _LIST_MAX };

struct state_data { /* `data` of RtcStateChanged; has_… false: key absent */
        bool has_join;
        uint32_t elapsed_ms, join_type;
        char user_id[129]; /* "": key absent */
};

struct quality_record {           /* of the last two seconds */
        double loss_rate;         /* 0–1: of oneself, of what is sent; of others, of what arrives */
        uint32_t rtt_ms, bitrate; /* rtt: of oneself; 0 not known */
        uint32_t tx, rx;          /* enum quality_grade */
};

struct manager_events {
        uint32_t version; /* 0 */
        /* requester: unique name of who made the request (borrowed). Exactly once for each number returned. */
        void (*completed)(struct context *c, const char *requester, uint32_t request, enum api api,
                          const struct result *res, void *ctx);
        void (*list_changed)(struct context *c, enum context_list which, void *ctx); /* read it with context_list() */
        void (*state_changed)(struct context *c, int err_no, const char *err_msg, const struct state_data *data,
                              void *ctx);
        void (*interrupted)(struct context *c, int err_no, const char *err_msg, void *ctx);
        void (*token_will_expire)(struct context *c, void *ctx);
        void (*message)(struct context *c, const struct engine_message *m, void *ctx); /* user_id NULL: the server */
        void (*network_quality)(struct context *c, void *ctx); /* every 2 s in a room: participant_quality() of each */
        void (*context_properties)(struct context *c, uint32_t mask,
                                   void *ctx);                 /* before the signal that tells of it */
        void (*context_added)(struct context *c, void *ctx);   /* from inside manager_create_context() */
        void (*context_removed)(struct context *c, void *ctx); /* the object leaves the bus */
        void (*participant_added)(struct participant *p, void *ctx);
        void (*participant_removed)(struct participant *p, void *ctx);
        void (*participant_properties)(struct participant *p, uint32_t mask, void *ctx);
        void (*room_changed)(void *ctx);    /* Manager.InRoom, RoomId, UserId */
        void (*consent_changed)(void *ctx); /* the questions that wait; may be NULL */
        void (*stopped)(void *ctx);         /* after manager_stop(): the room is left, every request completed */
};

struct manager_env { /* borrowed, outlives the manager */
        struct loop *loop;
        uint64_t (*realtime_us)(void); /* clock_realtime_us, or a test's */
        const struct engine_env *engine_env;
        struct audio_io *audio;
        struct rng *rng;
        const struct shortcut_ops *shortcuts;  /* the desktop's keys; NULL: it has none (app/talk.h) */
        const struct consent_desktop *desktop; /* who asks the user; NULL: nobody can (app/consent.h) */
        const char *state_dir; /* $XDG_STATE_HOME/rtcroom: remembered volumes; NULL: nothing is remembered */
};

int manager_new(const struct manager_env *env, struct config *config /* taken, on failure too */,
                const struct manager_events *ev, void *ctx, struct manager **ret);
struct manager *manager_free(struct manager *m); /* after `stopped`, or at any time: then without events */
/* Leaves the room, completes what is pending (115910; what only waits for the room to be left, with ok), then
 * `stopped`: within 1.5 s whatever the engine does. Every context is destroyed, and no new one is made. */
void manager_stop(struct manager *m);
/* Takes the new configuration; a room goes on under what it was joined with, apart from consent and log level. */
void manager_set_config(struct manager *m, struct config *config);

/* Answers and open questions about the microphone. Borrowed. */
struct consent *manager_consent(struct manager *m);

/* The one room of this desktop user; "" when there is none. in_room: joined or reconnecting. */
bool manager_room(const struct manager *m, const char **ret_room_id, const char **ret_user_id);

/* ---- contexts ---- */

enum create_outcome { CREATE_OK, CREATE_INVALID_PARAMS, CREATE_AUTH_DENIED, CREATE_LIMITS_EXCEEDED };
/* ret_message: text of the D-Bus error when the outcome is not OK. Negative errno: -ENOMEM. */
int manager_create_context(struct manager *m, const struct caller *who, const struct options *o, struct context **ret,
                           struct result *ret_message);
/* A program left the bus: its contexts are left, destroyed and removed, and the key it held is released. */
void manager_owner_gone(struct manager *m, const char *unique_name);
struct context *manager_find_context(struct manager *m, uint32_t number);
struct context *manager_first_context(struct manager *m); /* in order of number */
struct context *context_next(struct context *c);

uint32_t context_number(const struct context *c);
const char *context_owner(const struct context *c); /* unique name */
/* Starts an operation. Returns 0 and the request number, or -EBUSY: 32 are pending. Options are borrowed. */
int context_call(struct context *c, const struct caller *who, enum api api, const struct options *o,
                 uint32_t *ret_request);

struct context_view { /* borrowed until the next turn of the loop */
        const char *app_id, *server, *engine, *room_id, *user_id;
        enum room_state state;
        bool audio_capture, video_capture, audio_published, video_published, visible, muted, deafened;
        const char *transmit_mode, *input_device, *output_device;
        bool echo_cancellation, automatic_gain_control, talking;
        uint64_t token_expires_at; /* Unix seconds, 0 never */
};
void context_get(const struct context *c, struct context_view *ret);
/* NULL-terminated, borrowed until the list changes. */
const char *const *context_list(const struct context *c, enum context_list which);

/* Voice */
void context_set_muted(struct context *c, bool muted);
void context_set_deafened(struct context *c, bool deafened);
void context_set_transmit_mode(struct context *c, enum transmit_mode mode);
int context_set_input_device(struct context *c, const char *node_name);  /* -EINVAL: no node name; "": the default */
int context_set_output_device(struct context *c, const char *node_name); /* likewise */
void context_set_echo_cancellation(struct context *c, bool on);
void context_set_automatic_gain_control(struct context *c, bool on);
void context_set_ans_mode(struct context *c, unsigned mode); /* as in struct voice_settings; no property */
/* A descriptor of the shared memory of levels (rtcroom/levels.h), owned by the caller. */
int context_open_levels(struct context *c);
/* talk.c. Presses the key of push-to-talk until it is released, whoever pressed and whoever releases, or until
 * `talker` (a unique name) leaves the bus. Outside of a room nothing is pressed. -ENOMEM. */
int context_start_talking(struct context *c, const char *talker);
void context_stop_talking(struct context *c);
bool manager_is_talker(struct manager *m, const char *unique_name);
/* Answers through `done` (stats NULL: not in a room), exactly once, also when the context goes. */
typedef void (*context_stats_fn)(const struct engine_stats *stats, void *ctx);
int context_get_stats(struct context *c, context_stats_fn done, void *ctx);

/* Answers through `done`, exactly once; with nothing when no sound server answers, or the manager goes. The list is
 * borrowed for the call. */
typedef void (*manager_devices_fn)(const struct audio_device *devices, size_t n, void *ctx);
int manager_list_devices(struct manager *m, manager_devices_fn done, void *ctx);

/* ---- participants ---- */

struct participant *context_find_participant(struct context *c, uint32_t number);
struct participant *context_first_participant(struct context *c);
struct participant *participant_next(struct participant *p);
struct context *participant_context(const struct participant *p);
uint32_t participant_number(const struct participant *p); /* unique within the context, never reused */

struct participant_view {
        const char *user_id, *node_name, *encryption, *name, *metadata;
        const struct engine_attribute *attributes; /* keys ascending, each once */
        size_t n_attributes;
        uint64_t node_serial;
        bool self, speaking, audio_published, audio_subscribed, audio_muted, video_published, screen_published, muted;
        double level, volume;
        uint32_t quality;
};
void participant_get(const struct participant *p, struct participant_view *ret);
const struct quality_record *participant_quality(const struct participant *p);
int participant_set_volume(struct participant *p, double volume); /* -EINVAL: not 0.0–2.0 */
void participant_set_muted(struct participant *p, bool muted);
