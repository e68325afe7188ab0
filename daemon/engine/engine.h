/* engine.h - an engine: who carries a room. One table of functions; the app knows nothing below it.
 *
 * Contract (checked by engine.c in every build, and by one conformance suite over every engine):
 *  - Control thread. No event is ever emitted from inside an op; all come from the loop.
 *  - Each op that returns ≥ 0 yields exactly one op_done with its number (`op` is chosen by the caller, unique among
 *    those in flight). One that returns < 0 yields none. get_stats answers with `stats` instead.
 *  - One room at a time: join while joining or joined is -EBUSY; what is asked of a room (publish … get_stats) without
 * a room -ENOTCONN. leave and free are legal in every state. leave while joining fails the join first (CANCELLED).
 *  - After a successful join come participant events for everybody present (the local user not included), then
 *    changes. PARTICIPANT_UPDATED with the local user's id tells only what the server says of him. When a room ends
 * without leave: state(IDLE, why), after failing ops in flight; no participant events are owed then, the app clears
 * its list.
 *  - state(RECONNECTING) and state(JOINED) frame an interruption that the engine heals by itself, if the join allows
 * it (reconnect_s). In between nothing is sent or heard and nobody speaks; members, subscriptions, what is published
 * and the ports lent are kept. Operations in flight when it begins and those asked for meanwhile succeed: what they
 * ask for holds from state(JOINED) on. Who was there before and is again is not told of; who is missing is told to
 * have left some seconds after state(JOINED). An engine that cannot go on ends the room: after reconnect_s with
 *    SERVER_GONE, at once when the reason will not heal.
 *  - Who joins invisibly, or becomes so by set_visible, is in nobody's list and publishes nothing: auto_publish has no
 *    effect, what was published ends, publish(on) fails with UNSUPPORTED. He hears and sees the others as before. Made
 *    visible he publishes when publish() says so. Nobody can throw out the invisible, but the room can end for him.
 *  - Ops may be called, and the engine freed, from inside an event. free drops what is in flight without a word.
 *  - A message is told of once it is whole. send_message is answered when the message was sent, not when it arrived,
 * and at once during an interruption; CONGESTED when too much waits already. What is reliable and was sent during an
 * interruption goes out after it, what is not is dropped. An engine whose server carries no messages answers
 * UNSUPPORTED.
 *  - Sound goes through ports: the app opens devices and lends the engine their ports.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/rand.h"
#include "media/track.h"
#include "wire/ice-server.h"
#include "wire/url.h"

/* Not a room but a mirror: what is published there comes back as the sound of a participant "echo". */
#define ENGINE_ECHO_ROOM "rtcroomd.echo-test"

enum engine_reason {
        ENGINE_OK,
        ENGINE_INVALID_TOKEN,   /* 21101; err: 0, or the status with which the server refused, detail then its text */
        ENGINE_DUPLICATE_LOGIN, /* -1004: the same userId joined from elsewhere */
        ENGINE_KICKED,          /* -1006 */
        ENGINE_TOKEN_EXPIRED,   /* -1009; err and detail likewise */
        ENGINE_ROOM_DISMISSED,  /* -1011 */
        ENGINE_SERVER_GONE,     /* -1084: no way back */
        ENGINE_UNREACHABLE,     /* "server unreachable" */
        ENGINE_TIMED_OUT,       /* "timed out" */
        ENGINE_NOT_INSTALLED,   /* detail: "janus is not installed" */
        ENGINE_NO_ADDRESS,      /* "no network address": Janus offers no loopback candidates */
        ENGINE_CANCELLED,       /* by leave or free */
        ENGINE_ROOM_FULL,       /* -1080 */
        ENGINE_SERVER_ERROR,    /* err: the server's code */
        ENGINE_REFUSED,         /* the server would not open the connection. err: its status; detail: its text */
        ENGINE_PROTOCOL,        /* the server broke its protocol */
        ENGINE_MEDIA_FAILED,    /* ICE or DTLS did not come up */
        ENGINE_UNSUPPORTED,
        ENGINE_CONGESTED, /* "too much is waiting to be sent" */
        ENGINE_INTERNAL,
        _ENGINE_REASON_MAX
};
const char *engine_reason_to_string(enum engine_reason r);

struct engine_result {
        enum engine_reason reason;
        int err;          /* code of the server where the reason says so, else 0 */
        char detail[128]; /* for the user where `reason` has no text of its own, and for the log; never a secret */
};

enum engine_state {
        ENGINE_STATE_IDLE,
        ENGINE_STATE_JOINING,
        ENGINE_STATE_JOINED,
        ENGINE_STATE_RECONNECTING,
        ENGINE_STATE_LEAVING,
        _ENGINE_STATE_MAX
};
const char *engine_state_to_string(enum engine_state s);

enum engine_media { ENGINE_AUDIO = 1, ENGINE_VIDEO = 2, ENGINE_SCREEN_AUDIO = 4, ENGINE_SCREEN_VIDEO = 8 }; /* mask */
enum engine_microphone { /* what a server does to it */
                         ENGINE_MICROPHONE_MUTED,
                         ENGINE_MICROPHONE_WITHDRAWN, /* may not publish, or no longer: our stream is gone, without
                                                         having been asked */
                         ENGINE_MICROPHONE_PERMITTED  /* may again; that it does is for publish() to say */
};
enum engine_change { ENGINE_PARTICIPANT_JOINED, ENGINE_PARTICIPANT_UPDATED, ENGINE_PARTICIPANT_LEFT };

enum engine_quality { /* of somebody's connection to the server, as that says */
                      ENGINE_QUALITY_UNKNOWN,
                      ENGINE_QUALITY_EXCELLENT,
                      ENGINE_QUALITY_GOOD,
                      ENGINE_QUALITY_POOR,
                      ENGINE_QUALITY_LOST
};

struct engine_attribute {
        const char *key, *value;
};

struct engine_participant { /* borrowed for the call */
        const char *user_id;
        uint32_t published;         /* mask of enum engine_media */
        uint32_t subscribed;        /* mask: what flows to us */
        bool audio_muted;           /* muted at the far end */
        enum e2ee_state encryption; /* of his sound; what is not as it should be is silence (media/e2ee.h) */
        /* What his server says of him, as it says it: not necessarily UTF-8. NULL: it says nothing */
        const char *name, *metadata;
        const struct engine_attribute *attributes;
        size_t n_attributes;
        enum engine_quality quality;
};

enum { ENGINE_MESSAGE_MAX = 60000, ENGINE_TOPIC_MAX = 128, ENGINE_DESTINATIONS_MAX = 16 };

/* What somebody says in writing, or a program to its like. Borrowed for the call. */
struct engine_message {
        const char *user_id; /* the sender; NULL: the server itself. Not looked at when sending */
        const char *topic;   /* "": a text of the room's chat, or data without a topic */
        const void *data;
        size_t len;
        bool text;     /* data is UTF-8 without NUL, and one NUL stands behind it, uncounted. Always reliable */
        bool reliable; /* ordered, and repeated until it arrives; else sent once */
        const char *const *destinations; /* user ids; none: everybody else in the room */
        size_t n_destinations;
};

struct engine_stats_inbound {
        char user_id[129];
        uint32_t ssrc;
        uint64_t repaired; /* packets that the network had lost and that came when asked for again */
        struct rx_stats rx;
};
struct engine_peer_stats { /* W3C names in parentheses are given by the bus layer */
        uint64_t packets_sent, bytes_sent, retransmitted, nacks_received, nacks_sent;
        uint64_t reports;                      /* of the far end, on what we send */
        uint64_t send_us_total;                /* of the packets sent: encoder → network */
        uint64_t copies_sent, copy_bytes_sent; /* of frames, beside others (RFC 2198) */
        uint64_t packets_received, bytes_received, srtp_errors, malformed;
        uint32_t rtt_us, remote_jitter_us, ssrc;
        int32_t remote_packets_lost;
        double remote_fraction_lost;
        char srtp_cipher[32], dtls_role[8];
        char local_candidate[96], remote_candidate[96]; /* "host udp ADDRESS:PORT" */
};
struct engine_stages { /* µs since join() was called, or since the connection was lost that was restored; 0: not
                          reached */
        uint64_t connected_us, joined_us, publisher_up_us, subscriber_up_us, first_audio_us;
};

struct engine_stats { /* borrowed for the call */
        struct tx_stats tx;
        struct engine_peer_stats outbound, inbound_transport;
        const struct engine_stats_inbound *inbound;
        size_t n_inbound;
        struct engine_stages stages; /* of the last join */
};

struct engine_events {
        uint32_t version; /* 0 */
        void (*op_done)(uint32_t op, const struct engine_result *res, void *ctx);
        void (*state)(enum engine_state state, const struct engine_result *why,
                      void *ctx); /* JOINED, RECONNECTING, IDLE (ended) */
        void (*participant)(enum engine_change change, const struct engine_participant *p, void *ctx);
        void (*speaking)(const char *user_id /* "" = the local user */, bool speaking, void *ctx);
        void (*stats)(uint32_t op, const struct engine_stats *stats /* NULL: the room ended before */, void *ctx);
        void (*message)(const struct engine_message *m, void *ctx);
        void (*microphone)(enum engine_microphone what, void *ctx);
};

struct engine_join { /* borrowed for the call */
        const char *app_id, *room_id, *user_id;
        const char *token;   /* as the client gave it; already verified by the app where app_key is known */
        const char *app_key; /* NULL: this daemon has none; the token is then the server's own (see engine/janus) */
        /* The app's key pair of LiveKit, or NULL: with it a `001` token, which the app has verified, opens a LiveKit
         */
        const char *api_key, *api_secret;
        bool auto_publish, auto_subscribe; /* audio */
        bool visible;                      /* to the others; else we only listen */
        bool muted;                        /* as of set_muted */
        struct voice_config voice;
        const struct ice_server *ice_servers;
        size_t n_ice_servers;
        bool relay_only;
        struct e2ee_keys *e2ee; /* of the end-to-end encryption; referenced by who keeps them; NULL: none */
        uint32_t reconnect_s;   /* how long a lost connection is tried to be restored; 0: not at all */
};

struct engine;
struct engine_env;
struct fake_script;
struct net_thread;
struct janus_child;

struct engine_ops {
        const char *name; /* "embedded", "janus", "livekit", "fake" */
        bool (*accepts)(const struct url *server);
        int (*create)(const struct engine_env *env, const struct url *server, const struct engine_events *ev,
                      void *ctx,
                      struct engine **ret); /* cheap: nothing is connected before join. Copies server, borrows env */
        int (*join)(struct engine *e, uint32_t op, const struct engine_join *params);
        int (*leave)(struct engine *e, uint32_t op);
        int (*update_token)(struct engine *e, uint32_t op, const char *token);
        int (*publish)(struct engine *e, uint32_t op, uint32_t media, bool on);
        int (*subscribe)(struct engine *e, uint32_t op, const char *user_id, uint32_t media, bool on);
        int (*set_visible)(struct engine *e, uint32_t op, bool visible);
        int (*send_message)(struct engine *e, uint32_t op, const struct engine_message *m);
        int (*get_stats)(struct engine *e, uint32_t op);
        /* At once, no op. Ports are referenced while lent; NULL takes them back. */
        int (*set_capture)(struct engine *e, struct audio_port *port, const struct capture_gate *gate);
        int (*set_playback)(struct engine *e, const char *user_id, struct audio_port *port);
        /* What the others are told of our microphone; what is sent is for the gate to say. NULL: they are not told. */
        int (*set_muted)(struct engine *e, bool muted);
        void (*free)(struct engine *e); /* no event after it returns; the server is told we leave */
};

/* First member of every engine. */
struct engine {
        const struct engine_ops *ops;
};

/* Everything from outside, so that tests hand in fakes. Borrowed by engines, outlives them. */
struct engine_env {
        struct loop *loop; /* control */
        struct rng *rng;
        struct net_thread **net; /* main's slot, empty until the first join that needs it: engine_env_net() */
        struct janus_child *
                *janus;      /* main's slot for the private Janus of the embedded engine, empty until it is needed */
        const char *ca_file; /* further authorities for wss, or NULL */
        const char *runtime_dir;     /* $XDG_RUNTIME_DIR/rtcroom, made by main with mode 0700 */
        const char *embedded_listen; /* "host:port" or NULL */
        uint32_t embedded_idle_s;
        bool ice_loopback;        /* tests */
        struct fake_script *fake; /* tests: what the fake engine does (engine/fake/fake-engine.h), or NULL */
};

/* The network thread, started when it was not: the whole network stack is loaded by the first join, not at start.
 * Whoever gave the slot frees it, after every engine. */
int engine_env_net(const struct engine_env *env, struct net_thread **ret);

/* The engine for a server URL, or NULL. The table is the whole registry. */
const struct engine_ops *engine_find(const struct url *server);
/* NULL-terminated names of the engines in this build, for Manager.Engines. */
const char *const *engine_names(void);

/* Makes an engine behind a wrapper that checks the contract in both directions: what the caller may not do is refused
 * (-EBUSY, -ENOTCONN …) before it reaches the backend, and a backend that breaks it (a second op_done, an event from
 * inside an op) is stopped by an assertion. The app uses nothing else. */
int engine_new(const struct engine_ops *ops, const struct engine_env *env, const struct url *server,
               const struct engine_events *ev, void *ctx, struct engine **ret);
