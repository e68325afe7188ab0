/* red.c - see red.h. RFC 2198 section 3: a header of four bytes for each copy (1 bit "more", 7 bits payload type, 14
 * bits offset, 10 bits length), one of one byte for the newest frame, then the frames in the same order; the newest
 * one has what is left of the packet.
 */
#include "wire/red.h"

#include <assert.h>
#include <errno.h>

#include "base/buf.h"

enum { MORE = 0x80 };

static void read_copy_header(struct rbuf *b, uint8_t first, struct red_block *ret)
{
        uint32_t rest = rbuf_be24(b);

        *ret = (struct red_block){ .payload_type = first & 0x7f,
                                   .offset = (uint16_t)(rest >> 10),
                                   .len = rest & RED_LEN_MAX };
}

int red_parse(const uint8_t *data, size_t len, struct red_block blocks[static RED_BLOCKS_MAX])
{
        struct rbuf b = rbuf_init(data, len);
        uint8_t first;
        int n = 0;

        while ((first = rbuf_u8(&b)) & MORE) {
                if (n == RED_BLOCKS_MAX - 1)
                        return -EPROTO;
                read_copy_header(&b, first, &blocks[n++]);
        }
        for (int i = 0; i < n; i++)
                blocks[i].data = rbuf_bytes(&b, blocks[i].len);
        blocks[n] = (struct red_block){ .payload_type = first, .len = rbuf_left(&b) };
        blocks[n].data = rbuf_bytes(&b, blocks[n].len);
        return b.ok ? n + 1 : -EPROTO;
}

int red_build(const struct red_block *blocks, size_t n, void *buf, size_t size)
{
        struct wbuf b = wbuf_init(buf, size);

        assert(n > 0);
        for (size_t i = 0; i + 1 < n; i++) {
                if (blocks[i].len > RED_LEN_MAX || blocks[i].offset > RED_OFFSET_MAX)
                        return -EMSGSIZE;
                wbuf_u8(&b, MORE | blocks[i].payload_type);
                wbuf_be24(&b, (uint32_t)blocks[i].offset << 10 | (uint32_t)blocks[i].len);
        }
        wbuf_u8(&b, blocks[n - 1].payload_type);
        for (size_t i = 0; i < n; i++)
                wbuf_bytes(&b, blocks[i].data, blocks[i].len);
        return b.ok ? (int)b.at : -EMSGSIZE;
}
