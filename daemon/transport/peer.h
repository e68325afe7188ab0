/* peer.h - one RTCPeerConnection for audio: ICE, DTLS-SRTP (RFC 5763/5764), RTP/RTCP over one BUNDLE (RFC 8843, 5761).
 *
 * Network thread only. Offers and answers follow JSEP (RFC 8829) as far as audio needs it: one transport, sections are
 * added or made inactive and reused, never removed; ICE restarts are offers with new credentials.
 * A peer publishes on at most one section and receives on any number.
 *
 * A connected peer that loses its path is DISCONNECTED, not dead: keys and streams are kept, and an offer that
 * restarts ICE (ours or the other side's) makes it CONNECTING and, when a path is found, CONNECTED again. As long as
 * the old path lasts, media goes on over it meanwhile.
 *
 * Candidates that are known when the first description is made stand in it, with end-of-candidates when that is all;
 * only later ones come as events. A peer that failed or was closed stays so and ignores everything but peer_free(),
 * which is not legal inside an event.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/rand.h"
#include "transport/ice.h"
#include "transport/rtcp-session.h"

struct dtls_identity;    /* transport/dtls.h: certificate made once per process */
struct datachan_message; /* transport/datachan.h */
struct peer;

enum peer_state {
        PEER_STATE_NEW,
        PEER_STATE_CONNECTING,
        PEER_STATE_CONNECTED,
        PEER_STATE_DISCONNECTED, /* the path is lost, or a restart found none: another restart may */
        PEER_STATE_FAILED,
        PEER_STATE_CLOSED
};
const char *peer_state_to_string(enum peer_state s);

/* Why a peer failed or is disconnected. */
enum peer_reason {
        PEER_OK,
        PEER_ICE_FAILED,
        PEER_CONSENT_LOST,
        PEER_DTLS_FAILED,
        PEER_FINGERPRINT,
        PEER_CLOSED_BY_REMOTE
};
const char *peer_reason_to_string(enum peer_reason r);

/* A received, decrypted, parsed audio packet; everything borrowed for the call. */
struct peer_packet {
        const char *mid;
        uint32_t ssrc, timestamp;
        uint16_t seq;
        bool marker;
        bool repaired; /* the network had lost it: it was sent again for us */
        bool copy;     /* came with a later packet (RFC 2198), which follows; without marker and level */
        uint8_t payload_type;
        int level_dbov; /* -1: none */
        const uint8_t *payload;
        size_t len;
        uint64_t arrival_us;
};

struct peer_events {
        uint32_t version; /* 0 */
        void (*state)(enum peer_state state, enum peer_reason reason, void *ctx);
        void (*candidate)(const char *mid, uint32_t mline, const char *line /* NULL: end of candidates */, void *ctx);
        void (*packet)(const struct peer_packet *p, void *ctx);
        void (*bye)(const char *mid, void *ctx);
        void (*report)(const struct rtcp_path_report *r, void *ctx); /* of a receiver on what we send */
        /* Data channels; may be NULL where none are taken or offered. */
        void (*data_open)(const char *label, void *ctx);
        void (*data)(const struct datachan_message *m, void *ctx);
        void (*data_closed)(void *ctx); /* for good; the peer itself goes on */
};

struct peer_config {
        struct loop *loop;              /* borrowed */
        struct ice_provider ice;        /* borrowed */
        struct ice_config ice_config;   /* copied */
        struct dtls_identity *identity; /* borrowed */
        struct rng *rng;                /* borrowed */
        const char *cname;              /* RTCP SDES; copied. Random per room, not the user's name (RFC 7022) */
        bool dtx, fec;                  /* a=fmtp of what we send and ask for */
        bool red;                       /* redundant audio (RFC 2198) is offered and taken */
        bool data;                      /* data channels are taken when the other side offers them */
        bool echo;                      /* offers are sendrecv: what is sent comes back. Otherwise sendonly */
};

int peer_new(const struct peer_config *config, const struct peer_events *ev, void *ctx, struct peer **ret);
struct peer *peer_free(struct peer *p); /* sends BYE and close_notify when connected */

/* Descriptions are SDP texts; returned ones are owned by the caller. -EPROTO: the other side's is unusable (bounds,
 * no BUNDLE, no fingerprint …), state unchanged. -EINVAL: not in a state for it. */
struct peer_offer {
        bool send_audio;
        const char *track_id; /* 2nd token of a=msid of the section that sends; NULL: as before, at first "audio" */
        uint32_t n_receive;   /* recvonly audio sections in all; they are never taken away again */
        bool restart_ice;
        bool relay_only; /* with restart_ice: from now on nothing but relays, see ice.h */
        bool data;       /* with a section for data channels, for good */
};
int peer_create_offer(struct peer *p, const struct peer_offer *offer, char **ret_sdp);
int peer_set_remote_answer(struct peer *p, const char *sdp);
int peer_set_remote_offer(struct peer *p, const char *sdp, char **ret_answer);
/* Further TURN servers, that the signalling told; bad ones are passed over. */
int peer_add_ice_servers(struct peer *p, const struct ice_server *servers, size_t n);
/* Those that come before the answer they belong to are kept for it. */
int peer_add_remote_candidate(struct peer *p, const char *line /* NULL or "": no more */);

/* Data channels, by label (transport/datachan.h has the rules and errors). Before the connection is up they wait. */
int peer_open_channel(struct peer *p, const char *label, bool reliable);
int peer_send_data(struct peer *p, const struct datachan_message *m);
size_t peer_data_waiting(const struct peer *p);

/* What the other side wants of what we send; all false before that is known. */
struct peer_send_format {
        bool dtx, fec;  /* RFC 7587 6.1 */
        bool redundant; /* copies of earlier frames go with each (RFC 2198) */
};
void peer_get_send_format(const struct peer *p, struct peer_send_format *ret);

/* A frame sent before this one. */
struct media_packet_copy {
        const uint8_t *payload;
        size_t len;
        uint32_t timestamp;
};

/* Sends one frame on the publishing section. -ENOTCONN before the keys are there. Copies (of the packets right before,
 * the oldest first) go with it as far as the format allows them and they fit. */
enum { PEER_COPIES_MAX = 2 };
struct media_packet {
        const uint8_t *payload;
        size_t len;
        uint32_t timestamp;
        bool marker, voice;
        uint8_t level_dbov;
        struct media_packet_copy copies[PEER_COPIES_MAX];
        size_t n_copies;
};
int peer_send(struct peer *p, const struct media_packet *m, uint64_t now_us);

struct peer_rtp_stats { /* W3C outbound-rtp / remote-inbound-rtp / transport */
        uint64_t packets_sent, bytes_sent, retransmitted, nacks_received, nacks_sent, reports;
        uint64_t copies_sent, copy_bytes_sent;
        uint64_t packets_received, bytes_received, srtp_errors, malformed;
        uint64_t unknown; /* authentic, but of no section or payload type that was agreed on */
        uint32_t rtt_us, remote_jitter_us;
        int32_t remote_packets_lost;
        double remote_fraction_lost;
        char srtp_cipher[32], dtls_role[8];
        uint32_t ssrc;
        struct ice_stats ice;
};
void peer_get_stats(const struct peer *p, struct peer_rtp_stats *ret);
