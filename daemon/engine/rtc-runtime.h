/* rtc-runtime.h - the network thread's half of a room: peers and their tracks, commanded from control.
 *
 * Shared by every backend. Each command is posted to the network thread and returns at once; what happens comes back
 * as an event on the control loop. Peers are named by numbers that the backend chooses (unique for the runtime's
 * life), so an answer about a closed peer is recognised and dropped inside. Strings are copied.
 *
 * A peer's commands keep their order. Commands about an unknown peer are ignored. Errors (negative errno) are only
 * -ENOMEM and -ENOBUFS (the mailbox is full: the network thread hangs).
 */
#pragma once

#include "engine/engine.h"
#include "net/net-thread.h"
#include "transport/peer.h"

struct rtc_runtime;

enum rtc_sdp { RTC_OFFER, RTC_ANSWER };

struct rtc_runtime_events {
        uint32_t version; /* 0 */
        /* The description that create_offer or set_remote_offer asked for. */
        void (*local_description)(uint32_t peer, enum rtc_sdp type, const char *sdp, void *ctx);
        void (*local_candidate)(uint32_t peer, const char *mid, uint32_t mline, const char *line /* NULL: end */,
                                void *ctx);
        /* A description could not be used; the peer stays as it was. */
        void (*description_failed)(uint32_t peer, enum rtc_sdp type, int err, void *ctx);
        void (*peer_state)(uint32_t peer, enum peer_state state, enum peer_reason reason, void *ctx);
        /* mid NULL: the sending track of the peer */
        void (*speaking)(uint32_t peer, const char *mid, bool speaking, void *ctx);
        void (*first_media)(uint32_t peer, const char *mid, void *ctx); /* first packet of a bound mid, once */
        /* How what arrives in a bound mid is encrypted; E2EE_NONE until told otherwise. */
        void (*encryption)(uint32_t peer, const char *mid, enum e2ee_state state, void *ctx);
        void (*stats)(uint32_t op, const struct engine_stats *stats,
                      void *ctx); /* user_id holds the `key` of the binding */
        /* Data channels; may be NULL where nobody looks at them. */
        void (*data_open)(uint32_t peer, const char *label, void *ctx);
        void (*data)(uint32_t peer, const char *label, const void *data, size_t len, void *ctx);
};

struct rtc_runtime_config {
        struct loop *control;
        struct net_thread *net; /* borrowed */
        struct rng *rng;
        bool ice_loopback;
};

/* control. The DTLS certificate is made here (ECDSA P-256). The generator is used on the network thread. */
int rtc_runtime_new(const struct rtc_runtime_config *config, const struct rtc_runtime_events *ev, void *ctx,
                    struct rtc_runtime **ret);
/* Closes every peer (BYE, close_notify) and waits for the network thread to have done so. No event after it returns.
 */
struct rtc_runtime *rtc_runtime_free(struct rtc_runtime *rt);

struct rtc_peer_params {
        const struct ice_server *ice_servers;
        size_t n_ice_servers;
        const char *ca_file; /* PEM of further authorities for turns: servers, or NULL */
        bool relay_only, controlling;
        bool tcp;  /* TCP candidates of the server are dialled as well: for who has no UDP */
        bool echo; /* offers are sendrecv: what is sent comes back */
        bool data; /* data channels are taken when the other side offers them */
        bool red;  /* redundant audio (RFC 2198): offered, taken, and sent where the other side wants it */
        struct voice_config voice;
        const char *cname;
        struct e2ee_keys *e2ee; /* what is sent and played is encrypted with; referenced; NULL: it is not */
};
/* Gathering starts at once, so that candidates are there when the description is asked for. */
int rtc_runtime_open_peer(struct rtc_runtime *rt, uint32_t peer, const struct rtc_peer_params *params);
int rtc_runtime_close_peer(struct rtc_runtime *rt, uint32_t peer);
struct rtc_offer {
        bool send_audio;
        const char *track_id; /* 2nd token of a=msid of the section that sends; NULL: as before, at first "audio" */
        uint32_t n_receive;   /* recvonly audio sections in all; they are never taken away again */
        bool restart_ice;     /* also revives a peer that is disconnected */
        bool relay_only;      /* with restart_ice: from now on through relays only */
        bool data;            /* with a section for data channels */
};
int rtc_runtime_create_offer(struct rtc_runtime *rt, uint32_t peer, const struct rtc_offer *offer);
/* TURN servers that the signalling told: asked where there is no way without one. At most what counts of them. */
int rtc_runtime_add_ice_servers(struct rtc_runtime *rt, uint32_t peer, const struct ice_server *servers, size_t n);
int rtc_runtime_set_remote(struct rtc_runtime *rt, uint32_t peer, enum rtc_sdp type, const char *sdp);
int rtc_runtime_add_candidate(struct rtc_runtime *rt, uint32_t peer, const char *line /* NULL: end */);

/* Gates are borrowed until the runtime is freed (the network thread sees another one only later). port NULL: nothing
 * is sent. */
int rtc_runtime_set_capture(struct rtc_runtime *rt, uint32_t peer, struct audio_port *port,
                            const struct capture_gate *gate);
/* A track for this mid: counted and watched for speech; decoded while it has a port. key: whose it is. */
int rtc_runtime_bind(struct rtc_runtime *rt, uint32_t peer, const char *mid, const char *key, struct audio_port *port);
int rtc_runtime_unbind(struct rtc_runtime *rt, uint32_t peer, const char *mid);

int rtc_runtime_get_stats(struct rtc_runtime *rt, uint32_t op);

/* A data channel of ours, open (data_open) once there is a section for them and an association. Ordered and reliable,
 * or unordered and sent once. One that the other side opens is told of in the same way. */
int rtc_runtime_open_channel(struct rtc_runtime *rt, uint32_t peer, const char *label, bool reliable);
/* One binary message; data is copied. What is reliable waits for the channel, which must have been opened or told of.
 * -EAGAIN: more than RTC_DATA_WAITING_MAX waits already in this runtime; try again later. */
enum { RTC_DATA_WAITING_MAX = 1024 * 1024, RTC_DATA_MAX = 64000 };
int rtc_runtime_send_data(struct rtc_runtime *rt, uint32_t peer, const char *label, const void *data, size_t len);

/* All of the above: what a backend asks of the runtime, so that a test can stand in for it. */
struct rtc_ops {
        int (*new)(const struct rtc_runtime_config *config, const struct rtc_runtime_events *ev, void *ctx,
                   struct rtc_runtime **ret);
        struct rtc_runtime *(*free)(struct rtc_runtime *rt);
        int (*open_peer)(struct rtc_runtime *rt, uint32_t peer, const struct rtc_peer_params *params);
        int (*close_peer)(struct rtc_runtime *rt, uint32_t peer);
        int (*create_offer)(struct rtc_runtime *rt, uint32_t peer, const struct rtc_offer *offer);
        int (*add_ice_servers)(struct rtc_runtime *rt, uint32_t peer, const struct ice_server *servers, size_t n);
        int (*set_remote)(struct rtc_runtime *rt, uint32_t peer, enum rtc_sdp type, const char *sdp);
        int (*add_candidate)(struct rtc_runtime *rt, uint32_t peer, const char *line);
        int (*set_capture)(struct rtc_runtime *rt, uint32_t peer, struct audio_port *port,
                           const struct capture_gate *gate);
        int (*bind)(struct rtc_runtime *rt, uint32_t peer, const char *mid, const char *key, struct audio_port *port);
        int (*unbind)(struct rtc_runtime *rt, uint32_t peer, const char *mid);
        int (*get_stats)(struct rtc_runtime *rt, uint32_t op);
        int (*open_channel)(struct rtc_runtime *rt, uint32_t peer, const char *label, bool reliable);
        int (*send_data)(struct rtc_runtime *rt, uint32_t peer, const char *label, const void *data, size_t len);
};
extern const struct rtc_ops rtc_runtime_ops;
