/* dcep.c - see dcep.h. */
#include "wire/dcep.h"

#include <errno.h>

#include "base/buf.h"

enum { UNORDERED = 0x80 }; /* the bit of a channel type; the rest is enum dcep_limit */

static int parse_open(struct rbuf *b, struct dcep_open *ret)
{
        uint8_t type = rbuf_u8(b);
        struct dcep_open o = { .unordered = (type & UNORDERED) != 0, .limit = type & ~UNORDERED };

        o.priority = rbuf_be16(b);
        o.limit_value = rbuf_be32(b);
        o.label_len = rbuf_be16(b);
        o.protocol_len = rbuf_be16(b);
        o.label = (const char *)rbuf_bytes(b, o.label_len);
        o.protocol = (const char *)rbuf_bytes(b, o.protocol_len);
        if (!b->ok || o.limit > DCEP_LIFETIME)
                return -EPROTO;
        if (o.limit == DCEP_RELIABLE)
                o.limit_value = 0; /* RFC 8832 5.1: must be ignored */
        *ret = o;
        return 0;
}

int dcep_parse(const uint8_t *data, size_t len, enum dcep_kind *ret_kind, struct dcep_open *ret)
{
        struct rbuf b = rbuf_init(data, len);
        uint8_t kind = rbuf_u8(&b);
        int r = 0;

        if (!b.ok || (kind != DCEP_ACK && kind != DCEP_OPEN))
                return -EPROTO;
        if (kind == DCEP_OPEN)
                r = parse_open(&b, ret);
        if (r == 0)
                *ret_kind = kind;
        return r;
}

int dcep_build_open(const struct dcep_open *o, uint8_t *to, size_t size)
{
        struct wbuf b = wbuf_init(to, size);

        wbuf_u8(&b, DCEP_OPEN);
        wbuf_u8(&b, (uint8_t)(o->limit | (o->unordered ? UNORDERED : 0)));
        wbuf_be16(&b, o->priority);
        wbuf_be32(&b, o->limit_value);
        wbuf_be16(&b, (uint16_t)o->label_len);
        wbuf_be16(&b, (uint16_t)o->protocol_len);
        wbuf_bytes(&b, o->label, o->label_len);
        wbuf_bytes(&b, o->protocol, o->protocol_len);
        return b.ok ? (int)b.at : -EMSGSIZE;
}
