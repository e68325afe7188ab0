/* sdp.h - session descriptions, the WebRTC subset of RFC 8866: JSEP 8829, ICE 8839, DTLS 8842, BUNDLE 8843.
 *
 * A parsed session owns one copy of the text (`storage`) into which all its strings point. In a session that is built,
 * strings are borrowed from whoever fills it in: an answer may point into its offer, and must then be written before
 * the offer is done with. Arrays are owned in both cases and freed by sdp_done().
 *
 * Transport parameters (ICE credentials, fingerprint, setup) may stand at session or section level. Reading resolves
 * this: each section ends up with its own, inherited from the session, or from the first section of the BUNDLE group.
 * Writing puts those of the session on top, once, and into a section only what differs: filling in `session.transport`
 * alone makes the leanest text. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum {
        SDP_MAX_TEXT = 64 * 1024,
        SDP_MAX_SECTIONS = 128,
        SDP_MAX_CODECS = 64, /* per section, like the next two */
        SDP_MAX_EXTMAPS = 32,
        SDP_MAX_SSRCS = 16,
        SDP_MAX_CANDIDATES = 256, /* in all sections together */
        SDP_MAX_MID = 31,
        SDP_MAX_FINGERPRINT = 64
};

enum sdp_kind { SDP_KIND_AUDIO, SDP_KIND_VIDEO, SDP_KIND_APPLICATION, SDP_KIND_OTHER };
/* A mask: 1 send, 2 receive. */
enum sdp_direction { SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2, SDP_SENDRECV = 3 };
enum sdp_setup { SDP_SETUP_NONE, SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, SDP_SETUP_HOLDCONN };
/* A mask. */
enum { SDP_FB_NACK = 1, SDP_FB_NACK_PLI = 2, SDP_FB_CCM_FIR = 4, SDP_FB_REMB = 8, SDP_FB_TRANSPORT_CC = 16 };

struct sdp_fingerprint {
        const char *hash; /* "sha-1" "sha-224" "sha-256" "sha-384" "sha-512", static; NULL: none */
        uint8_t bytes[SDP_MAX_FINGERPRINT];
        size_t len;
};

struct sdp_transport {
        const char *ufrag, *pwd;            /* NULL: none */
        bool trickle;                       /* a=ice-options:trickle */
        struct sdp_fingerprint fingerprint; /* of several, the sha-256 one */
        enum sdp_setup setup;
};

struct sdp_codec {
        uint8_t payload_type; /* 0–127 */
        const char *name;     /* "opus"; "" without rtpmap */
        uint32_t clock_rate;  /* 0 without rtpmap */
        uint8_t channels;     /* 1 unless said */
        const char *fmtp;     /* "minptime=10;useinbandfec=1", NULL: none */
        uint32_t feedback;    /* mask of SDP_FB_ */
};

struct sdp_extmap {
        uint8_t id;
        const char *uri;
};

struct sdp_section {
        enum sdp_kind kind;
        const char *media;   /* "audio" */
        uint16_t port;       /* see sdp_section_is_rejected() */
        const char *proto;   /* "UDP/TLS/RTP/SAVPF" */
        const char *formats; /* of a section without RTP ("webrtc-datachannel"), else NULL */
        const char *mid;     /* "": none */
        bool bundled;        /* in the (first) BUNDLE group */
        bool bundle_only, rtcp_mux, rtcp_rsize, end_of_candidates;
        enum sdp_direction direction;
        uint16_t sctp_port;        /* of a section for data channels (RFC 8841); 0: none */
        uint32_t max_message_size; /* 0: not said when reading, where it means 64 KiB, or any size */
        struct sdp_transport transport;
        const char *msid;  /* "stream track", NULL: none */
        const char *cname; /* of the first SSRC, NULL: none */
        uint32_t ssrcs[SDP_MAX_SSRCS];
        size_t n_ssrcs;
        struct sdp_codec *codecs; /* owned array, in order of preference */
        size_t n_codecs;
        struct sdp_extmap *extmaps; /* owned array */
        size_t n_extmaps;
        const char **candidates; /* owned array; lines without "a=": "candidate:…" */
        size_t n_candidates;
};

struct sdp_session {
        char *storage;        /* owned; NULL in a session that is built */
        uint64_t id, version; /* of the origin line */
        bool ice_lite;
        struct sdp_transport transport; /* as it stands at session level */
        struct sdp_section *sections;   /* owned array */
        size_t n_sections;
};

/* Borrows text. -EPROTO: not SDP, or a known line that contradicts its RFC; -EMSGSIZE: above a bound; -ENOMEM.
 * Unknown lines and attributes are ignored. */
int sdp_parse(const char *text, struct sdp_session *ret);
/* A session that is built begins as all zeros. Also legal on such a one, and twice. */
void sdp_done(struct sdp_session *s);

/* An empty audio section over UDP/TLS/RTP/SAVPF, port 9, inactive. The pointer is valid until the next one is added.
 * All adders: -EMSGSIZE above the bound, -ENOMEM. */
int sdp_add_section(struct sdp_session *s, struct sdp_section **ret);
int sdp_add_codec(struct sdp_section *m, const struct sdp_codec *codec);
int sdp_add_extmap(struct sdp_section *m, uint8_t id, const char *uri);
int sdp_add_candidate(struct sdp_section *m, const char *line);

/* The text is owned by the caller. -EMSGSIZE: above SDP_MAX_TEXT, -ENOMEM. */
int sdp_write(const struct sdp_session *s, char **ret_text);

/* ---- looking things up; NULL or 0 when there is none ---- */
bool sdp_section_is_rejected(const struct sdp_section *m); /* port 0, unless bundle-only */
struct sdp_section *sdp_find_section(const struct sdp_session *s, const char *mid);
const struct sdp_codec *sdp_find_codec(const struct sdp_section *m, const char *name, uint32_t clock_rate);
uint8_t sdp_find_extmap(const struct sdp_section *m, const char *uri);
uint32_t sdp_fmtp_number(const char *fmtp, const char *key, uint32_t fallback); /* fmtp may be NULL */
const char *sdp_direction_to_string(enum sdp_direction d);
enum sdp_direction sdp_direction_reverse(enum sdp_direction d); /* as the other side sees it */
