/* rtcp.c - see rtcp.h.
 *
 * Reading makes two passes with the same functions: the first with an empty visitor finds every fault, the second
 * reports. Each packet is read from a buffer of exactly its own length, so no field can reach into the next one.
 */
#include "wire/rtcp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { TYPE_SR = 200, TYPE_RR = 201, TYPE_SDES = 202, TYPE_BYE = 203, TYPE_RTPFB = 205 };
enum { VERSION = 2 << 6, PADDING = 1 << 5, COUNT = 0x1f };
enum { SDES_END = 0, SDES_CNAME = 1, FMT_NACK = 1 };
#define NTP_TO_UNIX_S UINT64_C(2208988800) /* 1900 → 1970 */

struct pass {
        const struct rtcp_visitor *v;
        void *ctx;
};

bool rtcp_is_rtcp(const uint8_t *data, size_t len)
{
        return len >= 2 && (data[0] & 0xc0) == VERSION && data[1] >= 192 && data[1] <= 223;
}

static int32_t sign_24(uint32_t v)
{
        return v & 0x800000 ? (int32_t)v - 0x1000000 : (int32_t)v;
}

static void read_reports(struct rbuf *b, uint32_t reporter, uint8_t count, const struct pass *pass)
{
        for (unsigned i = 0; i < count; i++) {
                struct rtcp_report r = { .ssrc = rbuf_be32(b), .fraction_lost = rbuf_u8(b) };

                r.lost = sign_24(rbuf_be24(b));
                r.highest_seq = rbuf_be32(b);
                r.jitter = rbuf_be32(b);
                r.last_sr = rbuf_be32(b);
                r.delay = rbuf_be32(b);
                if (b->ok && pass->v->report)
                        pass->v->report(reporter, &r, pass->ctx);
        }
}

static void read_sr(struct rbuf *b, uint8_t count, const struct pass *pass)
{
        struct rtcp_sender s = { .ssrc = rbuf_be32(b) };

        s.ntp = rbuf_be64(b);
        s.rtp_timestamp = rbuf_be32(b);
        s.packets = rbuf_be32(b);
        s.octets = rbuf_be32(b);
        if (b->ok && pass->v->sender)
                pass->v->sender(&s, pass->ctx);
        read_reports(b, s.ssrc, count, pass);
}

static void read_rr(struct rbuf *b, uint8_t count, const struct pass *pass)
{
        read_reports(b, rbuf_be32(b), count, pass);
}

/* Items up to the end mark, then padding to the next word of the packet. */
static void read_sdes_chunk(struct rbuf *b, const struct pass *pass)
{
        uint32_t ssrc = rbuf_be32(b);

        for (uint8_t item = rbuf_u8(b); b->ok && item != SDES_END; item = rbuf_u8(b)) {
                uint8_t len = rbuf_u8(b);
                const uint8_t *text = rbuf_bytes(b, len);

                if (text && item == SDES_CNAME && pass->v->cname)
                        pass->v->cname(ssrc, (const char *)text, len, pass->ctx);
        }
        while (b->ok && b->at % 4 != 0)
                (void)rbuf_u8(b);
}

static void read_sdes(struct rbuf *b, uint8_t count, const struct pass *pass)
{
        for (unsigned i = 0; i < count && b->ok; i++)
                read_sdes_chunk(b, pass);
}

static void read_bye(struct rbuf *b, uint8_t count, const struct pass *pass)
{
        for (unsigned i = 0; i < count; i++) {
                uint32_t ssrc = rbuf_be32(b);

                if (b->ok && pass->v->bye)
                        pass->v->bye(ssrc, pass->ctx);
        }
}

/* PID, and a bit for each of the 16 that follow it. */
static void read_nack(struct rbuf *b, const struct pass *pass)
{
        uint32_t media_ssrc;

        (void)rbuf_be32(b); /* of the one who asks: known from its reports */
        media_ssrc = rbuf_be32(b);
        while (rbuf_left(b) > 0) {
                uint16_t pid = rbuf_be16(b);
                uint32_t wanted = (uint32_t)rbuf_be16(b) << 1 | 1;

                for (unsigned i = 0; b->ok && pass->v->nack && i <= 16; i++)
                        if (wanted >> i & 1)
                                pass->v->nack(media_ssrc, (uint16_t)(pid + i), pass->ctx);
        }
}

static bool read_packet(uint8_t type, uint8_t count, struct rbuf b, const struct pass *pass)
{
        switch (type) {
        case TYPE_SR: read_sr(&b, count, pass); break;
        case TYPE_RR: read_rr(&b, count, pass); break;
        case TYPE_SDES: read_sdes(&b, count, pass); break;
        case TYPE_BYE: read_bye(&b, count, pass); break;
        case TYPE_RTPFB:
                if (count == FMT_NACK)
                        read_nack(&b, pass);
                break;
        default: break; /* not ours: skipped whole */
        }
        return b.ok;
}

static bool read_compound(const uint8_t *data, size_t len, const struct pass *pass)
{
        struct rbuf b = rbuf_init(data, len);

        while (rbuf_left(&b) > 0) {
                const uint8_t *head = rbuf_bytes(&b, 2);
                size_t body_len = (size_t)rbuf_be16(&b) * 4;
                const uint8_t *body = rbuf_bytes(&b, body_len);

                if (!body || !rtcp_is_rtcp(head, 2))
                        return false;
                if (head[0] & PADDING) { /* on the last packet only; whole words, counted by the last byte */
                        uint8_t n = body_len > 0 ? body[body_len - 1] : 0;

                        if (rbuf_left(&b) > 0 || n == 0 || n % 4 != 0 || n > body_len)
                                return false;
                        body_len -= n;
                }
                if (!read_packet(head[1], head[0] & COUNT, rbuf_init(body, body_len), pass))
                        return false;
        }
        return true;
}

int rtcp_parse(const uint8_t *data, size_t len, const struct rtcp_visitor *v, void *ctx)
{
        static const struct rtcp_visitor nobody;

        if (len == 0 || !read_compound(data, len, &(struct pass){ &nobody, NULL }))
                return -EPROTO;
        (void)read_compound(data, len, &(struct pass){ v, ctx });
        return 0;
}

/* words: 32-bit words after the first, as the length field has it. */
static void put_head(struct wbuf *b, size_t count, uint8_t type, size_t words)
{
        assert(count <= COUNT && words <= UINT16_MAX);
        wbuf_u8(b, (uint8_t)(VERSION | count));
        wbuf_u8(b, type);
        wbuf_be16(b, (uint16_t)words);
}

static int32_t clamp_24(int32_t v)
{
        return v > 0x7fffff ? 0x7fffff : v < -0x800000 ? -0x800000 : v;
}

static void put_reports(struct wbuf *b, const struct rtcp_report *reports, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const struct rtcp_report *r = &reports[i];

                wbuf_be32(b, r->ssrc);
                wbuf_u8(b, r->fraction_lost);
                wbuf_be24(b, (uint32_t)clamp_24(r->lost) & 0xffffff);
                wbuf_be32(b, r->highest_seq);
                wbuf_be32(b, r->jitter);
                wbuf_be32(b, r->last_sr);
                wbuf_be32(b, r->delay);
        }
}

void rtcp_put_sr(struct wbuf *b, const struct rtcp_sender *s, const struct rtcp_report *reports, size_t n)
{
        put_head(b, n, TYPE_SR, 6 + 6 * n);
        wbuf_be32(b, s->ssrc);
        wbuf_be64(b, s->ntp);
        wbuf_be32(b, s->rtp_timestamp);
        wbuf_be32(b, s->packets);
        wbuf_be32(b, s->octets);
        put_reports(b, reports, n);
}

void rtcp_put_rr(struct wbuf *b, uint32_t ssrc, const struct rtcp_report *reports, size_t n)
{
        put_head(b, n, TYPE_RR, 1 + 6 * n);
        wbuf_be32(b, ssrc);
        put_reports(b, reports, n);
}

void rtcp_put_cname(struct wbuf *b, uint32_t ssrc, const char *cname)
{
        size_t len = strlen(cname);
        size_t pad = 4 - (2 + len) % 4; /* 1–4: the end mark is one of them */

        assert(len <= RTCP_MAX_CNAME);
        put_head(b, 1, TYPE_SDES, 1 + (2 + len + pad) / 4);
        wbuf_be32(b, ssrc);
        wbuf_u8(b, SDES_CNAME);
        wbuf_u8(b, (uint8_t)len);
        wbuf_bytes(b, cname, len);
        for (size_t i = 0; i < pad; i++)
                wbuf_u8(b, SDES_END);
}

void rtcp_put_bye(struct wbuf *b, const uint32_t *ssrcs, size_t n)
{
        put_head(b, n, TYPE_BYE, n);
        for (size_t i = 0; i < n; i++)
                wbuf_be32(b, ssrcs[i]);
}

/* The entry that begins with seqs[0]; returns how many of seqs it holds. */
static size_t nack_entry(const uint16_t *seqs, size_t n, uint16_t *ret_bits)
{
        size_t used = 1;

        for (*ret_bits = 0; used < n; used++) {
                uint16_t distance = (uint16_t)(seqs[used] - seqs[0]);

                if (distance == 0 || distance > 16)
                        break;
                *ret_bits |= (uint16_t)(1u << (distance - 1));
        }
        return used;
}

void rtcp_put_nack(struct wbuf *b, uint32_t ssrc, uint32_t media_ssrc, const uint16_t *seqs, size_t n)
{
        size_t entries = 0;
        uint16_t bits;

        for (size_t i = 0; i < n; entries++)
                i += nack_entry(seqs + i, n - i, &bits);
        put_head(b, FMT_NACK, TYPE_RTPFB, 2 + entries);
        wbuf_be32(b, ssrc);
        wbuf_be32(b, media_ssrc);
        for (size_t i = 0; i < n;) {
                wbuf_be16(b, seqs[i]);
                i += nack_entry(seqs + i, n - i, &bits);
                wbuf_be16(b, bits);
        }
}

uint64_t rtcp_ntp_from_unix_us(uint64_t unix_us)
{
        uint64_t s = unix_us / 1000000, us = unix_us % 1000000;

        return (s + NTP_TO_UNIX_S) << 32 | (us << 32) / 1000000;
}
