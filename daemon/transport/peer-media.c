/* peer-media.c - the packets of a peer: RTP and RTCP between the encrypted transport and the peer's events.
 *
 * Network thread. Nothing is believed before SRTP has authenticated it; what fails any step is counted and dropped.
 * Per-packet conditions are never logged.
 */
#include "transport/peer-internal.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "wire/red.h"
#include "wire/rtp.h"

enum {
        PAYLOAD_MAX = 1200,
        RED_PAYLOAD_MAX = 1100, /* copies make no packet longer than a frame alone may be */
        FRAME_MIN = 480,        /* of Opus as it is sent: 10 to 60 ms */
        FRAME_MAX = 2880,
        MID_PACKETS = 50 /* first second: RFC 8843 15 wants it until the other side surely knows */
};

struct packet_buf {
        _Alignas(4) uint8_t data[PEER_DATAGRAM_MAX + SRTP_TRAILER_MAX];
        size_t len;
};

/* ---- RTCP session events ---- */

static void on_rtcp_send(uint8_t *data, size_t len, size_t size, void *ctx)
{
        struct peer *p = ctx;

        if (p->srtp && srtpctx_protect_rtcp(p->srtp, data, &len, size) == 0)
                (void)p->ice_ops->send(p->ice, data, len); /* lost like any datagram */
}

static void on_resend(const uint8_t *packet, size_t len, void *ctx)
{
        struct peer *p = ctx;

        (void)p->ice_ops->send(p->ice, packet, len);
}

static void on_bye(struct rtp_source *source, void *ctx)
{
        struct peer *p = ctx;

        srtpctx_forget(p->srtp, source->ssrc);
        p->ev.bye(p->agreed.sections[source->section].mid, p->ctx);
}

static void on_gone(struct rtp_source *source, void *ctx)
{
        struct peer *p = ctx;

        srtpctx_forget(p->srtp, source->ssrc);
}

static void on_report(const struct rtcp_path_report *r, void *ctx)
{
        struct peer *p = ctx;

        p->ev.report(r, p->ctx);
}

int peer_media_init(struct peer *p, uint64_t now_us)
{
        static const struct rtcp_session_events events = {
                .send = on_rtcp_send, .resend = on_resend, .bye = on_bye, .gone = on_gone, .report = on_report
        };
        struct rtcp_session_config config = { .cname = p->cname, .rng = p->rng, .now_us = now_us };

        do
                p->ssrc = rand_u32(p->rng);
        while (p->ssrc == 0);
        p->seq = (uint16_t)(rand_u32(p->rng) & 0x7fff); /* RFC 3711 3.3.1: low, so that no early loss hides a wrap */
        p->timestamp_offset = rand_u32(p->rng);
        p->mid_packets = MID_PACKETS;
        config.ssrc = p->ssrc;
        config.unix_us = clock_realtime_us();
        return rtcp_session_new(&config, &events, p, &p->rtcp);
}

/* ---- receiving ---- */

static bool copy_in(struct packet_buf *b, const uint8_t *data, size_t len)
{
        if (len > PEER_DATAGRAM_MAX)
                return false;
        memcpy(b->data, data, len);
        b->len = len;
        return true;
}

/* The extension numbers are the same in all sections of a BUNDLE (RFC 8843 9.3): any accepted one tells them. */
static struct rtp_ext_ids ext_ids(const struct negotiation *n)
{
        struct rtp_ext_ids ids = { 0 };

        for (size_t i = 0; i < n->n_sections && (!ids.mid || !ids.level); i++) {
                if (!n->sections[i].accepted)
                        continue;
                ids.mid = ids.mid ? ids.mid : n->sections[i].ext.mid;
                ids.level = ids.level ? ids.level : n->sections[i].ext.level;
        }
        return ids;
}

/* The packet's source, made on its first packet; NULL: it belongs nowhere. */
static struct rtp_source *find_source(struct peer *p, const struct rtp_packet *rtp, const struct rtp_ext *ext)
{
        struct rtp_source *source = rtcp_session_find(p->rtcp, rtp->ssrc);
        int section;

        if (source && !ext->mid[0])
                return source;
        section = negotiate_find(&p->agreed, ext->mid, rtp->ssrc, rtp->payload_type);
        if (section < 0 || !p->agreed.sections[section].receive || rtp->ssrc == p->ssrc)
                return NULL;
        if (source)
                source->section = (unsigned)section; /* mid is the last word (RFC 8843 9.2) */
        else if (rtcp_session_add(p->rtcp, rtp->ssrc, (unsigned)section, rtp->seq, &source) < 0)
                return NULL;
        return source;
}

/* A packet that has found its place. */
struct arrival {
        const struct neg_section *section;
        struct rtp_source *source;
        const struct rtp_packet *rtp;
        const struct rtp_ext *ext;
        bool repaired;
        uint64_t now_us;
};

static void deliver(struct peer *p, const struct arrival *a, const uint8_t *payload, size_t len)
{
        const struct peer_packet packet = { .mid = a->section->mid,
                                            .ssrc = a->rtp->ssrc,
                                            .timestamp = a->rtp->timestamp,
                                            .seq = a->rtp->seq,
                                            .marker = a->rtp->marker,
                                            .repaired = a->repaired,
                                            .payload_type = a->section->payload_type,
                                            .level_dbov = a->ext->level_dbov,
                                            .payload = payload,
                                            .len = len,
                                            .arrival_us = a->now_us };

        if (len > 0) /* packets of padding only probe the path */
                p->ev.packet(&packet, p->ctx);
}

/* RFC 2198 does not number its copies. They are those of the packets right before, but for two of which the older one
 * is three or four frames old and not two: rtcroomd spaces copies so against long losses (media/redundancy.h). */
static unsigned oldest_distance(const struct red_block *blocks, unsigned n_copies)
{
        unsigned frame = n_copies == 2 ? blocks[1].offset : 0;
        bool spaced = frame >= FRAME_MIN && frame <= FRAME_MAX && frame % FRAME_MIN == 0 &&
                      (blocks[0].offset == 3 * frame || blocks[0].offset == 4 * frame);

        return spaced ? blocks[0].offset / frame : n_copies;
}

/* What is here is not asked for. */
static void deliver_copy(struct peer *p, const struct arrival *a, const struct red_block *block, unsigned back)
{
        const struct peer_packet packet = { .mid = a->section->mid,
                                            .ssrc = a->rtp->ssrc,
                                            .timestamp = a->rtp->timestamp - block->offset,
                                            .seq = (uint16_t)(a->rtp->seq - back),
                                            .copy = true,
                                            .payload_type = block->payload_type,
                                            .level_dbov = -1,
                                            .payload = block->data,
                                            .len = block->len,
                                            .arrival_us = a->now_us };

        if (block->payload_type != a->section->payload_type || block->len == 0)
                return;
        rtp_source_found(a->source, packet.seq);
        p->ev.packet(&packet, p->ctx);
}

/* In the order in which they were said. */
static void deliver_red(struct peer *p, const struct arrival *a)
{
        struct red_block blocks[RED_BLOCKS_MAX];
        int n = red_parse(a->rtp->payload, a->rtp->payload_len, blocks);

        if (n < 1) {
                p->malformed++;
                return;
        }
        if (blocks[n - 1].payload_type != a->section->payload_type) {
                p->unknown++;
                return;
        }
        for (int i = 0; i < n - 1; i++)
                deliver_copy(p, a, &blocks[i],
                             i == 0 ? oldest_distance(blocks, (unsigned)n - 1) : (unsigned)(n - 1 - i));
        deliver(p, a, blocks[n - 1].data, blocks[n - 1].len);
}

static void take(struct peer *p, struct arrival *a)
{
        const struct rtp_packet *rtp = a->rtp;

        a->repaired = rtcp_session_received(p->rtcp, a->source, rtp, a->section->nack, a->now_us);
        p->packets_received++;
        p->bytes_received += rtp->payload_len;
        if (rtp->payload_type != a->section->payload_type && rtp->payload_len > 0)
                deliver_red(p, a);
        else
                deliver(p, a, rtp->payload, rtp->payload_len);
}

static void receive(struct peer *p, const struct rtp_packet *rtp, uint64_t now_us)
{
        const struct rtp_ext_ids ids = ext_ids(&p->agreed);
        const struct neg_section *section;
        struct rtp_source *source;
        struct rtp_ext ext;

        if (!rtp_ext_parse(rtp, &ids, &ext))
                p->malformed++; /* what could be read of it counts */
        source = find_source(p, rtp, &ext);
        section = source ? &p->agreed.sections[source->section] : NULL;
        if (!section || !neg_section_takes(section, rtp->payload_type)) {
                p->unknown++;
                if (!source)
                        srtpctx_forget(p->srtp, rtp->ssrc); /* or strangers' state would add up */
                return;
        }
        take(p, &(struct arrival){ section, source, rtp, &ext, false, now_us });
}

void peer_media_rtp(struct peer *p, const uint8_t *data, size_t len, uint64_t now_us)
{
        struct packet_buf b;
        struct rtp_packet rtp;

        if (!copy_in(&b, data, len))
                p->malformed++;
        else if (srtpctx_unprotect_rtp(p->srtp, b.data, &b.len) < 0)
                p->srtp_errors++;
        else if (rtp_parse(b.data, b.len, &rtp) < 0)
                p->malformed++;
        else
                receive(p, &rtp, now_us);
}

void peer_media_rtcp(struct peer *p, const uint8_t *data, size_t len, uint64_t now_us)
{
        struct packet_buf b;

        if (!copy_in(&b, data, len))
                p->malformed++;
        else if (srtpctx_unprotect_rtcp(p->srtp, b.data, &b.len) < 0)
                p->srtp_errors++;
        else if (rtcp_session_input(p->rtcp, b.data, b.len, now_us) < 0)
                p->malformed++;
}

/* An SSRC that another one has replaced, and that has not only moved to another section, is a stranger from here on. A
 * section that merely pauses goes on where it was, and the roll-over counter with it. */
static void forget_replaced(struct peer *p, const struct neg_section *old, const struct neg_section *s)
{
        for (size_t i = 0; i < old->n_ssrcs; i++) {
                if (neg_section_has_ssrc(s, old->ssrcs[i]) || negotiate_find_ssrc(&p->agreed, old->ssrcs[i]) >= 0)
                        continue;
                rtcp_session_forget_ssrc(p->rtcp, old->ssrcs[i]);
                if (p->srtp)
                        srtpctx_forget(p->srtp, old->ssrcs[i]);
        }
}

/* Sources that are known already belong where the new description puts them. */
static void move_sources(struct peer *p)
{
        for (size_t i = 0; i < p->agreed.n_sections; i++) {
                const struct neg_section *s = &p->agreed.sections[i];

                for (size_t k = 0; s->receive && k < s->n_ssrcs; k++) {
                        struct rtp_source *source = rtcp_session_find(p->rtcp, s->ssrcs[k]);

                        if (source)
                                source->section = (unsigned)i;
                }
        }
}

void peer_media_sections_changed(struct peer *p, const struct negotiation *before)
{
        move_sources(p);
        for (size_t i = 0; i < before->n_sections; i++) {
                const struct neg_section *old = &before->sections[i], *s = &p->agreed.sections[i];

                if (old->receive && (!s->receive || strcmp(old->mid, s->mid) != 0))
                        rtcp_session_forget(p->rtcp, (unsigned)i);
                forget_replaced(p, old, s);
        }
}

/* ---- sending ---- */

void peer_get_send_format(const struct peer *p, struct peer_send_format *ret)
{
        int at = negotiate_find_sending(&p->agreed);
        const struct neg_section *s = at < 0 ? NULL : &p->agreed.sections[at];

        *ret = (struct peer_send_format){ .dtx = s && s->dtx, .fec = s && s->fec, .redundant = s && s->red_first };
}

/* How many of the copies, the last ones, have a place: beside the frame, and in their headers. */
static size_t count_copies(const struct media_packet *m)
{
        size_t len = RED_NEWEST_HEADER + m->len, n = 0;

        while (n < m->n_copies) {
                const struct media_packet_copy *c = &m->copies[m->n_copies - 1 - n];

                len += RED_COPY_HEADER + c->len;
                if (len > RED_PAYLOAD_MAX || c->len > RED_LEN_MAX || m->timestamp - c->timestamp > RED_OFFSET_MAX)
                        break;
                n++;
        }
        return n;
}

/* Once redundant audio is agreed on every packet is one, be it without a copy: LiveKit's server takes a track's first
 * payload type for its only one and drops the others. */
static int build_red(struct peer *p, const struct neg_section *section, const struct media_packet *m, uint8_t *buf,
                     struct rtp_packet *rtp)
{
        struct red_block blocks[PEER_COPIES_MAX + 1];
        size_t n = count_copies(m);
        int r;

        for (size_t i = 0; i < n; i++) {
                const struct media_packet_copy *c = &m->copies[m->n_copies - n + i];

                blocks[i] = (struct red_block){ section->payload_type, (uint16_t)(m->timestamp - c->timestamp),
                                                c->payload, c->len };
                p->copy_bytes_sent += c->len;
        }
        blocks[n] = (struct red_block){ section->payload_type, 0, m->payload, m->len };
        p->copies_sent += n;
        r = red_build(blocks, n + 1, buf, PAYLOAD_MAX);
        if (r < 0)
                return r;
        rtp->payload_type = section->red_payload_type;
        rtp->payload = buf;
        rtp->payload_len = (size_t)r;
        return 0;
}

static int build(struct peer *p, const struct neg_section *section, const struct media_packet *m,
                 struct rtp_packet *rtp, struct packet_buf *b)
{
        struct rtp_ext ext = { .level_dbov = m->level_dbov > 127 ? 127 : m->level_dbov, .voice = m->voice };
        uint8_t block[RTP_EXT_BLOCK_MAX], red[PAYLOAD_MAX];
        int r = 0;

        *rtp = (struct rtp_packet){ .marker = m->marker,
                                    .payload_type = section->payload_type,
                                    .seq = p->seq,
                                    .timestamp = m->timestamp + p->timestamp_offset,
                                    .ssrc = p->ssrc,
                                    .payload = m->payload,
                                    .payload_len = m->len };
        if (p->mid_packets > 0)
                memcpy(ext.mid, section->mid, sizeof(ext.mid));
        if (section->red_first)
                r = build_red(p, section, m, red, rtp);
        if (r == 0)
                r = rtp_ext_build(&section->ext, &ext, block, sizeof(block), rtp);
        if (r < 0)
                return r;
        r = rtp_build(rtp, b->data, PEER_DATAGRAM_MAX);
        if (r < 0)
                return r;
        b->len = (size_t)r;
        return 0;
}

int peer_send(struct peer *p, const struct media_packet *m, uint64_t now_us)
{
        int at = negotiate_find_sending(&p->agreed), r;
        struct packet_buf b;
        struct rtp_packet rtp;

        if (!p->srtp || p->state == PEER_STATE_FAILED || p->state == PEER_STATE_CLOSED || at < 0)
                return -ENOTCONN;
        if (p->has_offered && negotiate_find_sending(&p->offered) < 0)
                return -ENOTCONN; /* what came after the offer that ends it would be taken for another track */
        if (m->len > PAYLOAD_MAX)
                return -EMSGSIZE;
        r = build(p, &p->agreed.sections[at], m, &rtp, &b);
        if (r < 0)
                return r;
        r = srtpctx_protect_rtp(p->srtp, b.data, &b.len, sizeof(b.data));
        if (r < 0)
                return r;
        p->seq++;
        if (p->mid_packets > 0)
                p->mid_packets--;
        (void)p->ice_ops->send(p->ice, b.data, b.len); /* a full socket is loss, and repaired like it */
        rtcp_session_sent(p->rtcp, &rtp, b.data, b.len, now_us);
        peer_rearm(p);
        return 0;
}
