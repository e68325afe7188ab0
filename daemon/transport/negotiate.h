/* negotiate.h - offer/answer (RFC 3264, JSEP RFC 8829) as far as audio over one BUNDLE needs it: agreed session ⇄ SDP.
 *
 * Pure; any thread. A negotiation is a value: each step makes the next one from the current one and the other side's
 * text, so a step that fails leaves everything as it was. Sections keep their place for the life of the session; one
 * that is rejected may be reused for something else later (RFC 8829 5.2.2).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/rtp-ext.h"
#include "wire/sdp.h"

enum { NEG_SCTP_PORT = 5000, NEG_MESSAGE_MAX = 65536 };               /* ours: a=sctp-port, a=max-message-size */
enum { NEG_ICE_MAX = 256, NEG_WORD_MAX = 31, NEG_TRACK_ID_MAX = 64 }; /* RFC 8839 5.4: up to 256 characters each */

struct neg_section {
        char mid[SDP_MAX_MID + 1];
        char media[NEG_WORD_MAX + 1], proto[NEG_WORD_MAX + 1]; /* for the m= line, also of what we reject */
        bool accepted;                                         /* what we take part in, be it inactive: audio, … */
        bool data;                 /* … or data channels; nothing of the rest counts then */
        uint16_t sctp_port;        /* the other side's */
        uint32_t max_message_size; /* it takes; 0: any */
        bool ours;                 /* the one we publish on */
        bool asked; /* made by an offer of ours, to receive on; inactive as long as the other side has nothing */
        bool send, receive;
        bool nack;
        uint8_t payload_type;     /* Opus */
        uint8_t red_payload_type; /* redundant audio (RFC 2198) of Opus, as offered; 0: it was not */
        char red_format[8];       /* its fmtp: "111/111" */
        bool red;                 /* both sides take it, … */
        bool red_first;           /* … and the other side would rather have it than Opus alone */
        bool dtx, fec;            /* what the other side asks for of the Opus it gets (RFC 7587 6.1) */
        struct rtp_ext_ids ext;
        uint32_t ssrcs[SDP_MAX_SSRCS]; /* what the other side says it sends with, or sent while it was active */
        size_t n_ssrcs;
};

struct neg_remote {
        char ufrag[NEG_ICE_MAX + 1], pwd[NEG_ICE_MAX + 1]; /* "": nothing is known yet */
        struct sdp_fingerprint fingerprint;
        enum sdp_setup setup;
};

struct negotiation {
        bool red;                     /* ours to set at the beginning: redundant audio is offered and taken */
        bool data;                    /* likewise: data channels are taken when they are offered */
        struct neg_section *sections; /* owned array */
        size_t n_sections;
        struct neg_remote remote;
};
void negotiation_done(struct negotiation *n);

/* What a description of ours says besides the sections. Everything borrowed. */
struct neg_local {
        uint64_t id, version;
        const char *ufrag, *pwd, *cname;
        const char *track_id; /* of what we send, in a=msid */
        const uint8_t *sha256;
        enum sdp_setup setup; /* actpass: this is an offer (RFC 8842 5.2) */
        uint32_t ssrc;
        bool dtx, fec;
        const char *const *candidates;
        size_t n_candidates;
        bool end_of_candidates;
};

struct neg_offer {
        bool send;          /* publish: on our section, which is made when there is none */
        bool echo;          /* our section also receives */
        uint32_t n_receive; /* sections that only receive, in all; never fewer than before */
        bool data;          /* a section for data channels; it stays in later offers */
};
/* Our offer: the current sections, new ones at the end. Each is offered as if for the first time, whatever the last
 * answer left of it (RFC 8829 5.2.2). -EINVAL: not one section. */
int negotiate_offer(const struct negotiation *current, const struct neg_offer *offer, struct negotiation *ret);
/* -EPROTO: unusable. `offered` is what negotiate_offer() gave. */
int negotiate_answer_received(const struct negotiation *offered, const struct sdp_session *answer,
                              struct negotiation *ret);
/* The result is what our answer says. */
int negotiate_offer_received(const struct negotiation *current, const struct sdp_session *offer,
                             struct negotiation *ret);
int negotiate_write(const struct negotiation *n, const struct neg_local *local, char **ret_sdp);

/* The section that a packet belongs to: by mid, else by SSRC, else by payload type where only one receives it
 * (RFC 8843 9.2). mid may be "". -1: none. */
int negotiate_find(const struct negotiation *n, const char *mid, uint32_t ssrc, uint8_t payload_type);
int negotiate_find_ssrc(const struct negotiation *n, uint32_t ssrc); /* that receives it; -1: none */
bool neg_section_has_ssrc(const struct neg_section *s, uint32_t ssrc);
bool neg_section_takes(const struct neg_section *s, uint8_t payload_type); /* of audio */
int negotiate_find_data(const struct negotiation *n);                      /* accepted; -1: none */
int negotiate_find_sending(const struct negotiation *n);                   /* -1: none */
int negotiate_find_accepted(const struct negotiation *n); /* the first one, which carries the transport; -1: none */
