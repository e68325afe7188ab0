/* Regions of a LiveKit cloud: whatever parses is bounded, in order, and has a URL each. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/livekit-regions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = malloc(size + 1); /* of the very size: reading on is seen */
        struct livekit_regions r;

        if (!text)
                abort();
        memcpy(text, data, size);
        text[size] = '\0';
        if (livekit_regions_parse(text, size, &r) < 0)
                return 0;
        assert(r.n <= LIVEKIT_REGIONS_MAX);
        for (size_t i = 0; i < r.n; i++) {
                assert(strnlen(r.list[i].url, sizeof(r.list[i].url)) - 1 < LIVEKIT_REGION_URL_MAX);
                assert(i == 0 || r.list[i - 1].distance <= r.list[i].distance);
        }
        return 0;
}
