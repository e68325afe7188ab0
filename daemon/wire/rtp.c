/* rtp.c - see rtp.h. */
#include "wire/rtp.h"

#include <assert.h>
#include <errno.h>

#include "base/buf.h"

enum { VERSION = 2 << 6, PADDING = 1 << 5, EXTENSION = 1 << 4, CSRC_COUNT = 0x0f, MARKER = 1 << 7 };

static void parse_extension(struct rbuf *b, struct rtp_packet *p)
{
        p->ext_profile = rbuf_be16(b);
        p->ext_len = (size_t)rbuf_be16(b) * 4;
        p->ext = rbuf_bytes(b, p->ext_len);
}

/* The last byte counts the padding, itself included: 0 or more than there is makes the packet invalid. */
static bool strip_padding(struct rtp_packet *p)
{
        uint8_t n;

        if (p->payload_len == 0)
                return false;
        n = p->payload[p->payload_len - 1];
        if (n == 0 || n > p->payload_len)
                return false;
        p->payload_len -= n;
        return true;
}

int rtp_parse(const uint8_t *data, size_t len, struct rtp_packet *ret)
{
        struct rbuf b = rbuf_init(data, len);
        uint8_t first = rbuf_u8(&b), second = rbuf_u8(&b);
        struct rtp_packet p = { .marker = (second & MARKER) != 0, .payload_type = second & 0x7f };

        p.seq = rbuf_be16(&b);
        p.timestamp = rbuf_be32(&b);
        p.ssrc = rbuf_be32(&b);
        p.n_csrc = first & CSRC_COUNT;
        for (size_t i = 0; i < p.n_csrc; i++)
                p.csrc[i] = rbuf_be32(&b);
        if (first & EXTENSION)
                parse_extension(&b, &p);
        p.payload_len = rbuf_left(&b);
        p.payload = rbuf_bytes(&b, p.payload_len);
        if (!b.ok || (first & 0xc0) != VERSION)
                return -EPROTO;
        if ((first & PADDING) && !strip_padding(&p))
                return -EPROTO;
        *ret = p;
        return 0;
}

int rtp_build(const struct rtp_packet *p, void *buf, size_t size)
{
        struct wbuf b = wbuf_init(buf, size);

        assert(p->payload_type <= 0x7f && p->n_csrc <= RTP_MAX_CSRC && p->ext_len % 4 == 0);
        wbuf_u8(&b, (uint8_t)(VERSION | (p->ext ? EXTENSION : 0) | p->n_csrc));
        wbuf_u8(&b, (uint8_t)((p->marker ? MARKER : 0) | p->payload_type));
        wbuf_be16(&b, p->seq);
        wbuf_be32(&b, p->timestamp);
        wbuf_be32(&b, p->ssrc);
        for (size_t i = 0; i < p->n_csrc; i++)
                wbuf_be32(&b, p->csrc[i]);
        if (p->ext) {
                wbuf_be16(&b, p->ext_profile);
                wbuf_be16(&b, (uint16_t)(p->ext_len / 4));
                wbuf_bytes(&b, p->ext, p->ext_len);
        }
        wbuf_bytes(&b, p->payload, p->payload_len);
        return b.ok ? (int)b.at : -EMSGSIZE;
}
