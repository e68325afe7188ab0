/* DCEP messages: everything borrowed lies inside the input; parsed → built → parsed is stable. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dcep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        enum dcep_kind kind, again_kind;
        struct dcep_open o, again;
        uint8_t *buf;
        int n;

        if (dcep_parse(data, size, &kind, &o) < 0 || kind != DCEP_OPEN)
                return 0;
        assert(o.label_len + o.protocol_len <= size);
        buf = malloc(DCEP_OPEN_MIN + o.label_len + o.protocol_len);
        n = dcep_build_open(&o, buf, DCEP_OPEN_MIN + o.label_len + o.protocol_len);
        assert(n > 0);
        assert(dcep_parse(buf, (size_t)n, &again_kind, &again) == 0 && again_kind == DCEP_OPEN);
        assert(again.unordered == o.unordered && again.limit == o.limit && again.limit_value == o.limit_value);
        assert(again.label_len == o.label_len && memcmp(again.label, o.label, o.label_len) == 0);
        free(buf);
        return 0;
}
