/* rtcp-session.h - RTCP of one transport (RFC 3550 6, RFC 4585): reports both ways, round trip, NACK both ways, BYE.
 *
 * Network thread; pure, time is a parameter. Plain RTCP goes in and comes out; encryption is the owner's. The owner
 * calls rtcp_session_timeout() at the time rtcp_session_next_us() names, which any other call may have changed.
 *
 * Reports go out about once a second (half to one and a half, RFC 3550 6.3.1) while anything is sent or heard. A lost
 * packet is asked for at once, as long as an answer can be expected in time: the round trip is taken from receiver
 * reports, and where nothing is sent (a subscriber's transport) from the NACKs themselves.
 *
 * Reports tell how much was lost and not how: that is seen in the NACKs for what we send, or, where the other side
 * asks for nothing, in what is lost on the way to us, since it is mostly the same last mile that loses both.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rand.h"
#include "transport/rtp-source.h"
#include "wire/rtp.h"

/* What a receiver says of the way to it. */
struct rtcp_path_report {
        uint8_t loss_percent;
        uint32_t rtt_us; /* of this report; 0: not known */
        double burst;    /* mean length of losses since the report before, in packets; 0: there was none to be seen */
};

struct rtcp_session_events {
        uint32_t version; /* 0 */
        /* A compound to be encrypted and sent. The buffer is writable and has room to grow for that. */
        void (*send)(uint8_t *data, size_t len, size_t size, void *ctx);
        void (*resend)(const uint8_t *packet, size_t len, void *ctx); /* as it was sent, encrypted */
        void (*bye)(struct rtp_source *source, void *ctx);            /* then it is gone */
        void (*gone)(struct rtp_source *source, void *ctx);           /* forgotten for another one's sake */
        void (*report)(const struct rtcp_path_report *r, void *ctx);
};

struct rtcp_session_config {
        const char *cname; /* copied */
        struct rng *rng;   /* borrowed */
        uint32_t ssrc;     /* of what we send, also of a receiver's reports */
        uint64_t now_us, unix_us;
};

struct rtcp_session_stats {
        uint64_t packets_sent, bytes_sent, retransmitted, nacks_received, nacks_sent;
        uint64_t reports; /* of receivers, on what we send */
        uint32_t rtt_us, remote_jitter_us;
        int32_t remote_packets_lost;
        double remote_fraction_lost; /* 0–1 */
};

struct rtcp_session;
int rtcp_session_new(const struct rtcp_session_config *config, const struct rtcp_session_events *ev, void *ctx,
                     struct rtcp_session **ret);
struct rtcp_session *rtcp_session_free(struct rtcp_session *s);
DEFINE_CLEANUP(struct rtcp_session *, rtcp_session_free)

/* A packet of ours went out: its plain header's facts, and the encrypted bytes. */
void rtcp_session_sent(struct rtcp_session *s, const struct rtp_packet *p, const uint8_t *wire, size_t wire_len,
                       uint64_t now_us);
struct rtp_source *rtcp_session_find(struct rtcp_session *s, uint32_t ssrc);
/* A new source, by its first packet. When there are very many, the one silent for longest goes. */
int rtcp_session_add(struct rtcp_session *s, uint32_t ssrc, unsigned section, uint16_t seq, struct rtp_source **ret);
/* Removes every source of this section, without an event: its SSRCs may be heard again. */
void rtcp_session_forget(struct rtcp_session *s, unsigned section);
void rtcp_session_forget_ssrc(struct rtcp_session *s, uint32_t ssrc);
/* True: it was asked for again, so the network had lost it. */
bool rtcp_session_received(struct rtcp_session *s, struct rtp_source *source, const struct rtp_packet *p, bool ask,
                           uint64_t now_us);

int rtcp_session_input(struct rtcp_session *s, const uint8_t *data, size_t len, uint64_t now_us); /* -EPROTO */
uint64_t rtcp_session_next_us(const struct rtcp_session *s);
void rtcp_session_timeout(struct rtcp_session *s, uint64_t now_us);
void rtcp_session_bye(struct rtcp_session *s, uint64_t now_us); /* sends the last report with a BYE */
void rtcp_session_get_stats(const struct rtcp_session *s, struct rtcp_session_stats *ret);
