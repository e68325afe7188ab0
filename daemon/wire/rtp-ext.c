/* rtp-ext.c - see rtp-ext.h. */
#include "wire/rtp-ext.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

enum {
        ONE_BYTE = 0xbede,
        TWO_BYTE = 0x1000, /* the low four bits are the application's: ignored (RFC 8285 4.3) */
        TWO_BYTE_MASK = 0xfff0,
        ONE_BYTE_STOP = 15,
        ONE_BYTE_MAX_ID = 14,
        ONE_BYTE_MAX_LEN = 16
};

struct element {
        uint8_t id, len;
        const uint8_t *data; /* borrowed from the packet */
};

/* The next element; false at the end and at damage (then b->ok is false). Zero bytes between elements are padding. */
static bool next_element(struct rbuf *b, bool two_byte, struct element *ret)
{
        uint8_t first;

        do {
                if (rbuf_left(b) == 0)
                        return false;
                first = rbuf_u8(b);
        } while (first == 0);
        if (two_byte) {
                ret->id = first;
                ret->len = rbuf_u8(b);
        } else {
                ret->id = first >> 4;
                ret->len = (uint8_t)((first & 0x0f) + 1);
                if (ret->id == ONE_BYTE_STOP) /* RFC 8285 4.2: the rest is to be ignored */
                        return false;
        }
        ret->data = rbuf_bytes(b, ret->len);
        return ret->data != NULL;
}

static bool read_mid(const struct element *e, struct rtp_ext *ext)
{
        if (e->len == 0 || e->len > RTP_EXT_MID_MAX || memchr(e->data, '\0', e->len))
                return false;
        memcpy(ext->mid, e->data, e->len);
        ext->mid[e->len] = '\0';
        return true;
}

static bool read_level(const struct element *e, struct rtp_ext *ext)
{
        if (e->len != 1)
                return false;
        ext->voice = (e->data[0] & 0x80) != 0;
        ext->level_dbov = e->data[0] & 0x7f;
        return true;
}

bool rtp_ext_parse(const struct rtp_packet *p, const struct rtp_ext_ids *ids, struct rtp_ext *ret)
{
        bool two_byte = (p->ext_profile & TWO_BYTE_MASK) == TWO_BYTE, intact = true;
        struct rbuf b = rbuf_init(p->ext, p->ext_len);
        struct element e;

        *ret = (struct rtp_ext){ .level_dbov = -1 };
        if (!p->ext || (!two_byte && p->ext_profile != ONE_BYTE))
                return true;
        while (next_element(&b, two_byte, &e)) {
                if (e.id == 0) /* one-byte form: padding with a length, skipped as such */
                        continue;
                if (e.id == ids->mid)
                        intact = read_mid(&e, ret) && intact;
                else if (e.id == ids->level)
                        intact = read_level(&e, ret) && intact;
        }
        return intact && b.ok;
}

static void write_element(struct wbuf *b, bool two_byte, uint8_t id, const void *data, size_t len)
{
        if (two_byte) {
                wbuf_u8(b, id);
                wbuf_u8(b, (uint8_t)len);
        } else {
                wbuf_u8(b, (uint8_t)(id << 4 | (len - 1)));
        }
        wbuf_bytes(b, data, len);
}

int rtp_ext_build(const struct rtp_ext_ids *ids, const struct rtp_ext *ext, uint8_t *buf, size_t size,
                  struct rtp_packet *p)
{
        size_t mid_len = ids->mid ? strnlen(ext->mid, RTP_EXT_MID_MAX) : 0;
        bool has_level = ids->level && ext->level_dbov >= 0;
        bool two_byte = (mid_len > 0 && (ids->mid > ONE_BYTE_MAX_ID || mid_len > ONE_BYTE_MAX_LEN)) ||
                        (has_level && ids->level > ONE_BYTE_MAX_ID);
        uint8_t level = (uint8_t)((ext->voice ? 0x80 : 0) | (ext->level_dbov & 0x7f));
        struct wbuf b = wbuf_init(buf, size);

        p->ext = NULL;
        p->ext_len = 0;
        if (mid_len == 0 && !has_level)
                return 0;
        if (has_level)
                write_element(&b, two_byte, ids->level, &level, 1);
        if (mid_len > 0)
                write_element(&b, two_byte, ids->mid, ext->mid, mid_len);
        while (b.ok && b.at % 4 != 0)
                wbuf_u8(&b, 0);
        if (!b.ok)
                return -EMSGSIZE;
        p->ext_profile = two_byte ? TWO_BYTE : ONE_BYTE;
        p->ext = buf;
        p->ext_len = b.at;
        return 0;
}
