/* rtcp.h - compound RTCP, RFC 3550 section 6 (SR, RR, SDES CNAME, BYE) and generic NACK, RFC 4585 6.2.1.
 *
 * Read by a visitor, written piece by piece into the caller's buffer; nothing is allocated. Reduced-size compounds
 * (RFC 5506) are accepted; packets of other types are skipped over. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { RTCP_MAX_REPORTS = 31, RTCP_MAX_CNAME = 255 };

struct rtcp_sender {
        uint32_t ssrc;
        uint64_t ntp; /* 32.32 seconds since 1900 */
        uint32_t rtp_timestamp, packets, octets;
};

struct rtcp_report {
        uint32_t ssrc;         /* whose packets are reported on */
        uint8_t fraction_lost; /* of 256 */
        int32_t lost;          /* cumulative, 24 bits; negative: duplicates */
        uint32_t highest_seq, jitter;
        uint32_t last_sr, delay; /* middle of the NTP stamp of the last SR; 1/65536 s since it came */
};

/* Any of them may be NULL. What they point at is borrowed for the call. */
struct rtcp_visitor {
        void (*sender)(const struct rtcp_sender *s, void *ctx);
        void (*report)(uint32_t reporter, const struct rtcp_report *r, void *ctx);
        void (*cname)(uint32_t ssrc, const char *cname, size_t len, void *ctx); /* no final NUL */
        void (*bye)(uint32_t ssrc, void *ctx);
        void (*nack)(uint32_t media_ssrc, uint16_t seq, void *ctx); /* once per packet asked for */
};

/* True for an RTCP packet among RTP ones on one port (RFC 5761 section 4). */
bool rtcp_is_rtcp(const uint8_t *data, size_t len);
/* The whole datagram is checked before the first call: -EPROTO means that nothing was visited. */
int rtcp_parse(const uint8_t *data, size_t len, const struct rtcp_visitor *v, void *ctx);

/* Each appends one packet of the compound; b->ok tells in the end whether everything fitted. */
void rtcp_put_sr(struct wbuf *b, const struct rtcp_sender *s, const struct rtcp_report *reports, size_t n);
void rtcp_put_rr(struct wbuf *b, uint32_t ssrc, const struct rtcp_report *reports, size_t n);
void rtcp_put_cname(struct wbuf *b, uint32_t ssrc, const char *cname);
void rtcp_put_bye(struct wbuf *b, const uint32_t *ssrcs, size_t n);
/* seqs ascending (with wrap-around); neighbours within 17 share one entry. */
void rtcp_put_nack(struct wbuf *b, uint32_t ssrc, uint32_t media_ssrc, const uint16_t *seqs, size_t n);

uint64_t rtcp_ntp_from_unix_us(uint64_t unix_us);
static inline uint32_t rtcp_ntp_middle(uint64_t ntp)
{
        return (uint32_t)(ntp >> 16);
}
