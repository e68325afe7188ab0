/* rtcroom.h - join real-time voice rooms from any C program, through the desktop user's rtcroomd.
 *
 * The library is thin: every call is one message on the session bus (interface org.rtcroom.RtcRoom1), every event one
 * signal. Sound never passes through the program: the daemon routes microphone and participants through PipeWire.
 *
 * Loop. The library has none. Watch rtcroom_get_fd() for rtcroom_get_events() (poll(2) bits) until
 * rtcroom_get_timeout(), then call rtcroom_dispatch(); ask for the events and the timeout again before each wait.
 * rtcroom_wait() is that loop for programs that have no other. Callbacks run inside rtcroom_dispatch() only.
 *
 * Threads. A connection and everything made from it belong to one thread at a time.
 * Errors. Functions return 0 or a positive value on success and a negative errno on failure: -EINVAL (argument),
 * -ENOMEM, -ENOTCONN (no session bus, or it is gone), -EACCES (access denied), -ENOENT (no such object, or the daemon
 * that had it ended), -EDQUOT (a limit of the daemon), -ETIMEDOUT, -EIO (anything else; rtcroom_last_error() has the
 * words).
 * Ownership. Strings passed in are copied. Strings handed to a callback are borrowed for its duration. What a function
 * returns owned says so.
 * Outcomes. An operation answers through callbacks of the original API's form: success or fail, then complete, exactly
 * once each for every operation that returned 0, also when the daemon or the bus goes away (then with 115910). The one
 * exception is a context that is freed: nothing of it calls back any more, not even the complete after its success.
 */
#ifndef RTCROOM_RTCROOM_H
#define RTCROOM_RTCROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct rtcroom;         /* a connection to the daemon */
struct rtcroom_context; /* one RtcRoomContext */

/* ---- connection ---- */

/* Connects to the session bus. The daemon is started by the bus when it is first needed. */
int rtcroom_open(struct rtcroom **ret);
/* Frees the connection and its contexts; rooms that were joined through it are left. Not inside a callback. NULL is
 * legal. Returns NULL. */
struct rtcroom *rtcroom_close(struct rtcroom *r);

int rtcroom_get_fd(struct rtcroom *r);
int rtcroom_get_events(struct rtcroom *r);
/* Absolute time in µs of CLOCK_MONOTONIC at which to dispatch at the latest; UINT64_MAX: none. */
int rtcroom_get_timeout(struct rtcroom *r, uint64_t *ret_us);
/* Handles what has arrived. 1: there may be more, call again; 0: nothing left. -ENOTCONN: the bus is gone, every
 * context was told so, and the connection can only be closed. Not inside a callback (-EINVAL). */
int rtcroom_dispatch(struct rtcroom *r);
/* Waits until something arrives, at most timeout_us (UINT64_MAX: for ever), and dispatches it. 1: something was done;
 * 0: not, for the time is over or a signal handler ran. Errors as of rtcroom_dispatch(). */
int rtcroom_wait(struct rtcroom *r, uint64_t timeout_us);
/* Words for the last failure of this connection, "" if none. Borrowed until the next call. */
const char *rtcroom_last_error(struct rtcroom *r);

/* ---- contexts ---- */

/* createRtcRoomContext. server: "embedded:", "janus+ws://host:port", …, or NULL for the configured one. Blocks for the
 * daemon's answer. The context lives until rtcroom_context_free(). */
int rtcroom_create_context(struct rtcroom *r, const char *app_id, const char *server, struct rtcroom_context **ret);
/* The context of another program in which there is a room (number 0), or the one of this number: to watch, to mute, to
 * set volumes, to leave. -ENOENT: there is none. */
int rtcroom_attach_context(struct rtcroom *r, uint32_t number, struct rtcroom_context **ret);
/* Destroys an own context (its room is left), lets go of an attached one. Legal inside its callbacks. Returns NULL. */
struct rtcroom_context *rtcroom_context_free(struct rtcroom_context *c);
uint32_t rtcroom_context_get_number(const struct rtcroom_context *c);

struct rtcroom_error {
        int err_no;             /* old scheme, 5 digits */
        int error_code;         /* new scheme, 6 digits */
        const char *error_type; /* "D" developer, "U" user, "F" framework, "I" information */
        const char *err_msg;    /* "joinRtcRoom:fail invalid token" */
};

/* Any member may be NULL. user is handed back. */
struct rtcroom_callbacks {
        void (*success)(struct rtcroom_context *c, const char *err_msg, void *user);
        void (*fail)(struct rtcroom_context *c, const struct rtcroom_error *error, void *user);
        void (*complete)(struct rtcroom_context *c, void *user);
        void *user;
};

enum { RTCROOM_JOIN_NO_PUBLISH = 1, RTCROOM_JOIN_NO_SUBSCRIBE = 2 };
enum { RTCROOM_AUDIO = 1, RTCROOM_VIDEO = 2, RTCROOM_BOTH = 3 };

/* cb may be NULL (copied otherwise). */
int rtcroom_join(struct rtcroom_context *c, const char *room_id, const char *user_id, const char *token,
                 unsigned flags, const struct rtcroom_callbacks *cb);
/* The same, encrypted end to end with a passphrase that all in the room share: 1 to 256 bytes; NULL: not at all. */
int rtcroom_join_encrypted(struct rtcroom_context *c, const char *room_id, const char *user_id, const char *token,
                           const char *e2ee_key, unsigned flags, const struct rtcroom_callbacks *cb);
int rtcroom_exit(struct rtcroom_context *c, const struct rtcroom_callbacks *cb);
int rtcroom_change_audio_capture(struct rtcroom_context *c, bool on, const struct rtcroom_callbacks *cb);
/* Invisible people hear and see the others, are in nobody's list and send nothing. */
int rtcroom_change_user_visibility(struct rtcroom_context *c, bool visible, const struct rtcroom_callbacks *cb);
int rtcroom_change_stream_publish_state(struct rtcroom_context *c, bool on, int streams,
                                        const struct rtcroom_callbacks *cb);
int rtcroom_change_stream_subscribe_state(struct rtcroom_context *c, bool on, const char *user_id, int streams,
                                          const struct rtcroom_callbacks *cb);
int rtcroom_change_screen_subscribe_state(struct rtcroom_context *c, bool on, const char *user_id, int streams,
                                          const struct rtcroom_callbacks *cb);
int rtcroom_update_token(struct rtcroom_context *c, const char *token, const struct rtcroom_callbacks *cb);
/* device: "speakerphone", "earpiece", or the node.name of a PipeWire sink. */
int rtcroom_set_audio_playback_device(struct rtcroom_context *c, const char *device,
                                      const struct rtcroom_callbacks *cb);
/* mode: 0 off, 1 low, 2 medium, 3 high, 4 automatic. */
int rtcroom_change_ans_mode(struct rtcroom_context *c, int mode, const struct rtcroom_callbacks *cb);
int rtcroom_change_video_capture(struct rtcroom_context *c, bool on, const struct rtcroom_callbacks *cb);
int rtcroom_switch_camera(struct rtcroom_context *c, const char *camera /* "back", "front" */,
                          const struct rtcroom_callbacks *cb);
/* The upper bound of the published camera stream. */
int rtcroom_set_video_encoder_config(struct rtcroom_context *c, int width, int height, int frame_rate,
                                     const struct rtcroom_callbacks *cb);

/* What is said in a room in writing, or by programs to their like. */
struct rtcroom_message {
        const char *user_id; /* who said it; "": the server. Not looked at when sending */
        const char *topic;   /* "", or NULL when sending: a text of the room's chat, or data without a topic */
        const char *text;    /* NULL: data */
        const void *data;
        size_t len;                      /* of data, at most 60000 bytes, as of a text */
        bool reliable;                   /* in order, and repeated until it arrives; texts always are */
        const char *const *destinations; /* user ids, NULL-terminated; NULL: everybody */
};
/* The outcome tells that it was taken for sending. Where the server carries no messages it fails. */
int rtcroom_send_message(struct rtcroom_context *c, const struct rtcroom_message *m,
                         const struct rtcroom_callbacks *cb);

/* Of the last two seconds. Grades: 0 unknown, 1 excellent, 2 good, 3 poor, 4 bad, 5 very bad, 6 down. */
struct rtcroom_quality {
        char user_id[129];
        double loss_rate;         /* 0–1: of oneself, of what is sent; of others, of what arrives */
        uint32_t rtt_ms, bitrate; /* 0 not known; bit/s */
        uint32_t tx_grade, rx_grade;
};

/* Any member may be NULL. Lists are complete, NULL-terminated, in join order, the local user included. */
struct rtcroom_events {
        uint32_t version; /* 0 */
        void (*members_changed)(struct rtcroom_context *c, const char *const *user_ids, void *user);
        void (*speakers_changed)(struct rtcroom_context *c, const char *const *user_ids, void *user);
        void (*video_members_changed)(struct rtcroom_context *c, const char *const *user_ids, void *user);
        void (*screen_members_changed)(struct rtcroom_context *c, const char *const *user_ids, void *user);
        void (*state_changed)(struct rtcroom_context *c, int err_no, const char *err_msg, void *user);
        void (*interrupted)(struct rtcroom_context *c, int err_no, const char *err_msg, void *user);
        void (*token_will_expire)(struct rtcroom_context *c, void *user);
        void (*gone)(struct rtcroom_context *c, void *user); /* the daemon ended; the context is of no more use */
        void (*network_quality)(struct rtcroom_context *c, const struct rtcroom_quality *local,
                                const struct rtcroom_quality *remote, size_t n_remote, void *user);
        void (*message_received)(struct rtcroom_context *c, const struct rtcroom_message *m, void *user);
};
/* ev is borrowed and must outlive the context; NULL: none. Signals of an attached context arrive after
 * rtcroom_subscribe(). */
void rtcroom_context_set_events(struct rtcroom_context *c, const struct rtcroom_events *ev, void *user);
/* Asks for copies of the signals of all contexts of this desktop user. -EACCES inside a sandbox. */
int rtcroom_subscribe(struct rtcroom *r);
/* Called when this desktop user enters or leaves a room, whichever program asked for it, and when the daemon ends. fn
 * NULL: no more. */
int rtcroom_set_room_watch(struct rtcroom *r, void (*fn)(struct rtcroom *r, bool in_room, void *user), void *user);

/* ---- state; each blocks for a round trip or two ---- */

struct rtcroom_state {
        char app_id[129], server[512], engine[16], state[16], room_id[129], user_id[129];
        bool audio_capture, audio_published, visible, muted, deafened;
        uint64_t token_expires_at; /* Unix seconds; 0 never */
        char transmit_mode[16];
        bool talking; /* the key of push-to-talk is pressed */
};
int rtcroom_context_get_state(struct rtcroom_context *c, struct rtcroom_state *ret);
int rtcroom_context_set_muted(struct rtcroom_context *c, bool muted);       /* the microphone */
int rtcroom_context_set_deafened(struct rtcroom_context *c, bool deafened); /* everybody else */
/* "continuous", "voice-activity", "push-to-talk". */
int rtcroom_context_set_transmit_mode(struct rtcroom_context *c, const char *mode);
/* The key of push-to-talk: pressed until anybody releases it, until the connection that pressed it last is closed, or
 * until the room ends. */
int rtcroom_context_start_talking(struct rtcroom_context *c);
int rtcroom_context_stop_talking(struct rtcroom_context *c);

struct rtcroom_participant {
        char user_id[129], node_name[256];
        bool self, speaking, audio_published, audio_subscribed, audio_muted, muted;
        double level;  /* 0–1 */
        double volume; /* 0–2 */
        unsigned quality;
        uint64_t node_serial; /* object.serial of the playback node in PipeWire */
        char encryption[16];  /* "none", "ok"; else there is no sound: "not encrypted", "wrong key", "no key" */
        char name[257];       /* what the server calls it, to be shown; "": nothing */
};
/* An array owned by the caller (free()), in the order in which their objects were made. */
int rtcroom_context_get_participants(struct rtcroom_context *c, struct rtcroom_participant **ret, size_t *ret_n);
/* What the app's server has attached to somebody: a text, owned by the caller (free()), and attributes, each by a call
 * with borrowed texts. -ENOENT: nobody of that name. */
int rtcroom_context_get_metadata(struct rtcroom_context *c, const char *user_id, char **ret);
typedef void (*rtcroom_attribute_fn)(const char *key, const char *value, void *user);
int rtcroom_context_get_attributes(struct rtcroom_context *c, const char *user_id, rtcroom_attribute_fn fn,
                                   void *user);
int rtcroom_context_set_volume(struct rtcroom_context *c, const char *user_id, double volume);
int rtcroom_context_set_participant_muted(struct rtcroom_context *c, const char *user_id, bool muted);

struct rtcroom_device { /* a PipeWire source or sink; texts are empty when unknown */
        char name[256], description[256], form_factor[32], bus[32];
        bool output, is_default;
        uint64_t serial; /* object.serial: grows in the order of appearance */
};
/* An array owned by the caller (free()). */
int rtcroom_context_list_devices(struct rtcroom_context *c, struct rtcroom_device **ret, size_t *ret_n);
/* node.name, in a call too; "": follow the default. -EINVAL: no name. Output also takes "speakerphone", "earpiece". */
int rtcroom_context_set_input_device(struct rtcroom_context *c, const char *node_name);
int rtcroom_context_set_output_device(struct rtcroom_context *c, const char *node_name);

/* GetStats, each figure by a call: object ("outbound-rtp", "inbound-rtp.0" …), name (W3C), and a number or a text. */
typedef void (*rtcroom_stat_fn)(const char *object, const char *name, double number, const char *text /* or NULL */,
                                void *user);
int rtcroom_context_get_stats(struct rtcroom_context *c, rtcroom_stat_fn fn, void *user);

/* ---- levels: who is how loud, 25 times a second, from shared memory; rtcroom/levels.h says how it looks ---- */

struct rtcroom_levels;

struct rtcroom_level {
        char user_id[129];
        uint32_t participant; /* the number of its object */
        bool self, speaking;
        bool flows;  /* this participant is played; for oneself: the microphone is open */
        float level; /* 0–1: what a meter shows */
        float peak;  /* 0–1: the loudest sample since the last read, or of the last half second */
};
struct rtcroom_levels_now {
        bool in_room;
        uint64_t time_us; /* CLOCK_MONOTONIC, when it was measured; a daemon that was killed writes no more */
        float microphone_level, microphone_peak; /* as captured, also while nothing of it is sent; 0 while muted */
        const struct rtcroom_level *people;      /* borrowed until the next read or close */
        size_t n_people;
};

/* Blocks for the daemon's answer; reading then asks nobody. Closing it is what tells the daemon to measure no more.
 * -EIO: the daemon's levels are of another version. */
int rtcroom_context_open_levels(struct rtcroom_context *c, struct rtcroom_levels **ret);
/* The same from a descriptor that a program got with its own D-Bus library; it is borrowed. */
int rtcroom_levels_map(int fd, struct rtcroom_levels **ret);
/* Never blocks. 1: something new; 0: nothing since the last read, which is told again; -ENOENT: the context or the
 * daemon has ended, nothing will come any more. */
int rtcroom_levels_read(struct rtcroom_levels *l, struct rtcroom_levels_now *ret);
struct rtcroom_levels *rtcroom_levels_close(struct rtcroom_levels *l); /* NULL is legal. Returns NULL. */

const char *rtcroom_version(void); /* of this library */

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
