/* RTP packets with header extensions: everything borrowed lies inside the input; parsed → built → parsed is stable. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/rtp-ext.h"
#include "wire/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_extension(const struct rtp_packet *p)
{
        static const struct rtp_ext_ids ids = { .mid = 4, .level = 1 };
        struct rtp_ext ext, again;
        struct rtp_packet q = { 0 };
        uint8_t block[RTP_EXT_BLOCK_MAX];

        (void)rtp_ext_parse(p, &ids, &ext);
        assert(ext.level_dbov >= -1 && ext.level_dbov <= 127);
        assert(rtp_ext_build(&ids, &ext, block, sizeof(block), &q) == 0);
        assert(rtp_ext_parse(&q, &ids, &again));
        assert(strcmp(ext.mid, again.mid) == 0 && ext.level_dbov == again.level_dbov);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct rtp_packet p, q;
        uint8_t *buf;
        int n;

        if (rtp_parse(data, size, &p) < 0)
                return 0;
        assert(p.payload >= data && p.payload + p.payload_len <= data + size);
        check_extension(&p);
        buf = malloc(size);
        if (!buf)
                abort();
        n = rtp_build(&p, buf, size);
        assert(n > 0 && rtp_parse(buf, (size_t)n, &q) == 0);
        assert(q.seq == p.seq && q.ssrc == p.ssrc && q.payload_len == p.payload_len && q.ext_len == p.ext_len);
        free(buf);
        return 0;
}
