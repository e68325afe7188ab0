/* livekit-regions.h - the regions of a LiveKit cloud, as GET /settings/regions tells them:
 *
 *   {"regions": [{"region": "name", "url": "https://…", "distance": "123"}, …]}
 *
 * Distances are JSON numbers, or numbers in strings as protobuf's JSON writes 64 bits; who has none is nearest, for
 * members of value 0 are left out there. Of many the nearest are kept. What is no object in the list, or has no URL
 * that fits, is skipped. Pure; any thread. Errors: -ENOMEM, -EBADMSG (no such JSON), -EMSGSIZE.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { LIVEKIT_REGIONS_MAX = 8, LIVEKIT_REGION_URL_MAX = 255, LIVEKIT_REGIONS_TEXT_MAX = 64 * 1024 };

struct livekit_region {
        int64_t distance;
        char url[LIVEKIT_REGION_URL_MAX + 1];
};

struct livekit_regions {
        size_t n;
        struct livekit_region list[LIVEKIT_REGIONS_MAX]; /* nearest first; the order of the text among equals */
};

int livekit_regions_parse(const char *json, size_t len, struct livekit_regions *ret); /* untouched on failure */
