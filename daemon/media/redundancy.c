/* redundancy.c - see redundancy.h. */
#include "media/redundancy.h"

#include <string.h>

enum { FRAME_SAMPLES_MAX = 2880 };

void redundancy_set(struct redundancy *r, struct adapt_copies copies)
{
        r->copies = copies;
        if (copies.back[0] == 0)
                redundancy_clear(r);
}

void redundancy_clear(struct redundancy *r)
{
        r->n = 0;
}

/* Whether a frame of this timestamp goes on with the run. */
static bool continues(const struct redundancy *r, uint32_t timestamp)
{
        uint32_t step = timestamp - r->kept[r->newest].timestamp;

        return r->n > 1 ? step == r->step : r->n == 1 && step <= FRAME_SAMPLES_MAX;
}

size_t redundancy_get(const struct redundancy *r, uint32_t timestamp, struct media_copy copies[static REDUNDANCY_MAX])
{
        size_t n = 0;

        if (!continues(r, timestamp))
                return 0;
        for (unsigned i = REDUNDANCY_MAX; i-- > 0;) {
                unsigned back = r->copies.back[i];
                unsigned at = (r->newest + REDUNDANCY_BACK_MAX + 1 - back) % REDUNDANCY_BACK_MAX;

                if (back > 0 && back <= r->n)
                        copies[n++] = (struct media_copy){ r->kept[at].data, r->kept[at].len, r->kept[at].timestamp };
        }
        return n;
}

void redundancy_keep(struct redundancy *r, const uint8_t *payload, size_t len, uint32_t timestamp)
{
        if (r->copies.back[0] == 0)
                return;
        if (!continues(r, timestamp) || len > REDUNDANCY_COPY_MAX)
                redundancy_clear(r);
        if (len > REDUNDANCY_COPY_MAX)
                return;
        r->step = timestamp - r->kept[r->newest].timestamp;
        r->newest = (r->newest + 1) % REDUNDANCY_BACK_MAX;
        if (r->n < REDUNDANCY_BACK_MAX)
                r->n++;
        r->kept[r->newest].timestamp = timestamp;
        r->kept[r->newest].len = (uint16_t)len;
        memcpy(r->kept[r->newest].data, payload, len);
}
