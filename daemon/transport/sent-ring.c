/* sent-ring.c - see sent-ring.h. */
#include "transport/sent-ring.h"

#include <string.h>

enum { RESEND_APART_US = 10000, RESEND_COST_US = 20000, RESEND_BURST = 25, SIZE_STEP = 64 };

void sent_ring_init(struct sent_ring *r, uint64_t now_us)
{
        *r = (struct sent_ring){ .credit_us = RESEND_BURST * RESEND_COST_US, .seen_us = now_us };
}

void sent_ring_done(struct sent_ring *r)
{
        for (size_t i = 0; i < SENT_RING_SLOTS; i++)
                free(r->slots[i].data);
        *r = (struct sent_ring){ 0 };
}

void sent_ring_put(struct sent_ring *r, uint16_t seq, const uint8_t *data, size_t len)
{
        struct sent_packet *p = &r->slots[seq % SENT_RING_SLOTS];

        p->len = 0;
        if (len > p->size) {
                size_t size = (len + SIZE_STEP - 1) / SIZE_STEP * SIZE_STEP;
                uint8_t *grown = realloc(p->data, size);

                if (!grown)
                        return;
                p->data = grown;
                p->size = size;
        }
        memcpy(p->data, data, len);
        p->len = len;
        p->seq = seq;
        p->resent_us = 0;
}

static void save_up(struct sent_ring *r, uint64_t now_us)
{
        r->credit_us += now_us - r->seen_us;
        if (r->credit_us > RESEND_BURST * RESEND_COST_US)
                r->credit_us = RESEND_BURST * RESEND_COST_US;
        r->seen_us = now_us;
}

const struct sent_packet *sent_ring_take(struct sent_ring *r, uint16_t seq, uint64_t now_us)
{
        struct sent_packet *p = &r->slots[seq % SENT_RING_SLOTS];

        save_up(r, now_us);
        if (p->len == 0 || p->seq != seq || r->credit_us < RESEND_COST_US)
                return NULL;
        if (p->resent_us != 0 && now_us - p->resent_us < RESEND_APART_US)
                return NULL;
        p->resent_us = now_us;
        r->credit_us -= RESEND_COST_US;
        return p;
}
