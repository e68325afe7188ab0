/* redundancy.c - see redundancy.h.
 *
 * A receiver tells a copy's sequence number by counting back from the packet it came in. So the copies are always
 * those of the packets right before, and where one of these cannot be had the older ones are of no use either.
 */
#include "media/redundancy.h"

#include <string.h>

enum { LOSS_FOR_TWO = 5 /* percent */ };

void redundancy_set(struct redundancy *r, bool on)
{
        r->on = on;
        redundancy_clear(r);
}

void redundancy_clear(struct redundancy *r)
{
        r->n = 0;
}

void redundancy_report(struct redundancy *r, uint8_t loss_percent)
{
        uint8_t eased = r->loss_percent - (uint8_t)((r->loss_percent + 7) / 8);

        r->loss_percent = loss_percent > eased ? loss_percent : eased;
}

static unsigned wanted(const struct redundancy *r)
{
        if (!r->on)
                return 0;
        return r->loss_percent < LOSS_FOR_TWO ? 1 : 2;
}

size_t redundancy_get(const struct redundancy *r, uint32_t timestamp, struct media_copy copies[static REDUNDANCY_MAX])
{
        unsigned want = wanted(r), first = r->n > want ? r->n - want : 0;
        size_t n = 0;

        for (unsigned i = first; i < r->n; i++)
                if (timestamp - r->kept[i].timestamp <= REDUNDANCY_AGE_MAX)
                        copies[n++] = (struct media_copy){ r->kept[i].data, r->kept[i].len, r->kept[i].timestamp };
        return n;
}

void redundancy_keep(struct redundancy *r, const uint8_t *payload, size_t len, uint32_t timestamp)
{
        if (!r->on)
                return;
        if (len > REDUNDANCY_COPY_MAX) {
                redundancy_clear(r);
                return;
        }
        if (r->n == REDUNDANCY_MAX)
                memmove(&r->kept[0], &r->kept[1], --r->n * sizeof(r->kept[0]));
        r->kept[r->n].timestamp = timestamp;
        r->kept[r->n].len = (uint16_t)len;
        memcpy(r->kept[r->n++].data, payload, len);
}
