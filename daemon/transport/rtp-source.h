/* rtp-source.h - what is known of one received SSRC: counts, loss and jitter (RFC 3550 6.4, A.3, A.8), packets
 * missing.
 *
 * Network thread; pure, time is a parameter. Only authenticated packets come here, so a jump of the sequence number is
 * believed at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "wire/rtcp.h"

enum { RTP_SOURCE_MISSING_MAX = 16 };

struct rtp_missing {
        uint16_t seq;
        uint8_t tries;     /* NACKs sent for it */
        uint64_t since_us; /* when the gap was seen */
        uint64_t nack_us;  /* when to ask (again) */
        uint64_t asked_us;
};

struct rtp_source {
        struct list link; /* in rtcp_session.sources, last heard first */
        uint32_t ssrc, clock_rate;
        unsigned section; /* the place of its m= section */
        uint32_t highest; /* extended sequence number */
        uint32_t base;    /* the first one */
        uint32_t received, expected_prior, received_prior;
        uint32_t transit, jitter_q4; /* in units of the clock; jitter times 16 */
        uint32_t last_sr;            /* middle of the NTP stamp; 0: none */
        uint64_t last_sr_us;
        bool fresh; /* heard since the last report */
        struct rtp_missing missing[RTP_SOURCE_MISSING_MAX];
        size_t n_missing;
};

/* Begins with the number of the first packet, which is then put like every other. */
void rtp_source_init(struct rtp_source *s, uint32_t ssrc, uint32_t clock_rate, uint16_t seq);
/* Returns how long ago it was asked for by NACK, in µs, when this packet is an answer to that; else 0. */
uint64_t rtp_source_put(struct rtp_source *s, uint16_t seq, uint32_t timestamp, uint64_t now_us);
void rtp_source_sender_report(struct rtp_source *s, uint64_t ntp, uint64_t now_us);
/* Makes the report block and begins a new interval. */
void rtp_source_report(struct rtp_source *s, uint64_t now_us, struct rtcp_report *ret);

/* The numbers to ask for now, ascending; each is asked for up to three times, half a round trip and more apart. */
size_t rtp_source_due(struct rtp_source *s, uint64_t now_us, uint64_t rtt_us, uint16_t seqs[RTP_SOURCE_MISSING_MAX]);
uint64_t rtp_source_next_us(const struct rtp_source *s);   /* LOOP_NEVER: nothing is missing */
void rtp_source_found(struct rtp_source *s, uint16_t seq); /* by other means: need not be asked for */
void rtp_source_give_up(struct rtp_source *s);             /* forgets what is missing */
