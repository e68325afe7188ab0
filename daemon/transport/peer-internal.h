/* peer-internal.h - the peer as peer.c (signalling, states) and peer-media.c (packets) share it. Nobody else. */
#pragma once

#include "transport/datachan.h"
#include "transport/dtls.h"
#include "transport/negotiate.h"
#include "transport/peer.h"
#include "transport/rtcp-session.h"
#include "transport/srtpctx.h"

enum { PEER_CANDIDATES_MAX = 64, PEER_CNAME_SIZE = 64, PEER_DATAGRAM_MAX = 1500 };

struct candidates {
        char *lines[PEER_CANDIDATES_MAX]; /* owned */
        size_t n;
};

struct peer {
        struct loop *loop;
        struct loop_source *timer; /* owned */
        struct rng *rng;
        struct peer_events ev;
        void *ctx;
        char cname[PEER_CNAME_SIZE];
        bool dtx, fec, echo;
        enum peer_state state;
        uint64_t deadline_us; /* until when it must be connected */

        /* descriptions */
        struct dtls_identity *identity;
        struct negotiation agreed, offered;
        bool has_offered; /* an offer of ours waits for its answer */
        bool restarting;  /* our credentials are newer than what was agreed on */
        uint64_t session_id, version;
        char track_id[NEG_TRACK_ID_MAX + 1];
        struct candidates local, early; /* ours; the other side's that wait for its answer */
        bool described, gathered, early_ended;

        /* transport */
        const struct ice_ops *ice_ops;
        struct ice *ice; /* owned */
        bool ice_connected;
        struct dtls *dtls; /* owned */
        bool has_role;
        enum dtls_role role;
        struct srtpctx *srtp; /* owned; NULL before the keys are there */
        enum srtp_suite suite;

        struct datachan *data; /* owned; NULL until a channel is asked for or agreed on */

        /* packets */
        struct rtcp_session *rtcp; /* owned */
        uint32_t ssrc, timestamp_offset;
        uint16_t seq;
        unsigned mid_packets; /* that will still carry the mid */
        uint64_t packets_received, bytes_received, srtp_errors, malformed, unknown, copies_sent, copy_bytes_sent;
};

int peer_media_init(struct peer *p, uint64_t now_us);
void peer_media_rtp(struct peer *p, const uint8_t *data, size_t len, uint64_t now_us);
void peer_media_rtcp(struct peer *p, const uint8_t *data, size_t len, uint64_t now_us);
/* Sources of sections that no longer receive what they did are forgotten. */
void peer_media_sections_changed(struct peer *p, const struct negotiation *before);
/* peer-data.c: begins the association when there is one to begin. */
void peer_data_start(struct peer *p);
void peer_data_input(const uint8_t *record, size_t len, void *ctx /* struct peer */);
void peer_rearm(struct peer *p);
