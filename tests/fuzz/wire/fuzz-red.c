/* RED payloads: everything borrowed lies inside the input, in order and without a gap; parsed → built is the input. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/red.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct red_block blocks[RED_BLOCKS_MAX];
        const uint8_t *end = data + size;
        int n = red_parse(data, size, blocks);
        uint8_t *buf;

        if (n < 0)
                return 0;
        assert(n >= 1 && n <= RED_BLOCKS_MAX && blocks[n - 1].offset == 0);
        for (int i = n - 1; i >= 0; i--) {
                assert(blocks[i].data + blocks[i].len == end);
                end = blocks[i].data;
        }
        assert(end >= data);
        buf = malloc(size);
        if (!buf)
                abort();
        assert(red_build(blocks, (size_t)n, buf, size) == (int)size && memcmp(buf, data, size) == 0);
        free(buf);
        return 0;
}
