/* adapt.c - see adapt.h. */
#include "media/adapt.h"

#include <stddef.h>

enum {
        LOSS_FOR_TWO = 5, /* percent */
        LOSS_FOR_BOTH = 10,
        LOSS_OF_A_POLICER = 30,
        HEADERS = 58 * 8, /* bits: IP, UDP, RTP with a level, SRTP */
        COPY_HEADER = 4 * 8,
        RTT_RISE_US = 100000,   /* over the floor: a queue, … */
        RTT_SETTLED_US = 30000, /* … and no longer one */
        VOICE_MIN = 16000,      /* bit/s that Opus is to keep as long as there is anything else to save */
        BITRATE_MIN = 6000,
        FRAME_MS_MAX = 60,
        SHRINK_PERCENT = 70,
        GROW_PERCENT = 108
};

void adapt_init(struct adapt *a, uint32_t bitrate, uint32_t frame_ms)
{
        *a = (struct adapt){ .bitrate = bitrate, .frame_ms = frame_ms, .allowance = UINT32_MAX };
}

void adapt_format(struct adapt *a, bool fec, bool redundant)
{
        a->fec = fec;
        a->redundant = redundant;
}

/* ---- repair ---- */

static struct adapt_copies wanted_copies(const struct adapt *a)
{
        if (!a->redundant)
                return (struct adapt_copies){ { 0, 0 } };
        if (a->loss_percent < LOSS_FOR_TWO)
                return (struct adapt_copies){ { 1, 0 } };
        if (a->burst < 1.6)
                return (struct adapt_copies){ { 1, 2 } };
        return (struct adapt_copies){ { 1, a->burst < 2.4 ? 3 : 4 } };
}

static unsigned count(struct adapt_copies c)
{
        return (c.back[0] > 0) + (c.back[1] > 0);
}

static uint8_t wanted_fec(const struct adapt *a)
{
        return a->fec && (!a->redundant || a->loss_percent >= LOSS_FOR_BOTH) ? a->loss_percent : 0;
}

static void learn_loss(struct adapt *a, uint8_t loss_percent, double burst)
{
        uint8_t eased = a->loss_percent - (uint8_t)((a->loss_percent + 7) / 8);

        a->loss_percent = loss_percent > eased ? loss_percent : eased;
        if (burst > 0)
                a->burst += (burst - a->burst) * (a->burst > 0 ? 0.25 : 1);
}

/* ---- bits ---- */

static uint32_t overhead(uint32_t frame_ms, unsigned n_copies)
{
        return (HEADERS + n_copies * COPY_HEADER) * 1000 / frame_ms;
}

static uint32_t on_the_wire(const struct adapt_plan *p)
{
        unsigned n = count(p->copies);

        return overhead(p->frame_ms, n) + p->bitrate * (1 + n);
}

/* What is left for Opus; 0: nothing. */
static uint32_t share(const struct adapt *a, uint32_t frame_ms, unsigned n_copies)
{
        uint32_t headers = overhead(frame_ms, n_copies), bits;

        if (a->allowance <= headers)
                return 0;
        bits = (a->allowance - headers) / (1 + n_copies);
        return bits < a->bitrate ? bits : a->bitrate;
}

static uint32_t longer(uint32_t frame_ms)
{
        return frame_ms < 40 ? frame_ms * 2 : FRAME_MS_MAX;
}

static bool fits(const struct adapt *a, struct adapt_plan *p)
{
        uint32_t enough = a->bitrate < VOICE_MIN ? a->bitrate : VOICE_MIN;

        p->bitrate = share(a, p->frame_ms, count(p->copies));
        return p->bitrate >= enough;
}

void adapt_get_plan(const struct adapt *a, struct adapt_plan *ret)
{
        struct adapt_plan p = { .frame_ms = a->frame_ms, .fec_percent = wanted_fec(a), .copies = wanted_copies(a) };

        while (!fits(a, &p)) {
                if (p.copies.back[1] > 0)
                        p.copies.back[1] = 0;
                else if (p.copies.back[0] > 0)
                        p.copies.back[0] = 0;
                else if (p.frame_ms < FRAME_MS_MAX)
                        p.frame_ms = longer(p.frame_ms);
                else
                        break;
        }
        if (p.bitrate < BITRATE_MIN)
                p.bitrate = BITRATE_MIN;
        *ret = p;
}

static uint32_t percent_of(uint32_t value, uint32_t percent)
{
        return (uint32_t)((uint64_t)value * percent / 100);
}

/* The floor creeps up, or a path that became longer for good would be a queue for ever. */
static void learn_floor(struct adapt *a, uint32_t rtt_us)
{
        if (a->floor_rtt_us == 0 || rtt_us < a->floor_rtt_us)
                a->floor_rtt_us = rtt_us;
        else
                a->floor_rtt_us += (rtt_us - a->floor_rtt_us) / 32;
}

static void shrink(struct adapt *a, uint32_t rate)
{
        struct adapt_plan least = { .bitrate = BITRATE_MIN, .frame_ms = FRAME_MS_MAX };

        a->allowance = percent_of(rate, SHRINK_PERCENT);
        if (a->allowance < on_the_wire(&least))
                a->allowance = on_the_wire(&least);
}

/* Once everything that could be wanted fits there is no limit any more. */
static void grow(struct adapt *a)
{
        struct adapt_plan most = { .bitrate = a->bitrate, .frame_ms = a->frame_ms, .copies = { { 1, 2 } } };

        a->allowance = a->allowance > on_the_wire(&most) ? UINT32_MAX : percent_of(a->allowance, GROW_PERCENT);
}

void adapt_report(struct adapt *a, const struct adapt_report *r)
{
        bool queue, settled;
        struct adapt_plan before;

        adapt_get_plan(a, &before);
        learn_loss(a, r->loss_percent, r->burst);
        if (r->rtt_us > 0)
                learn_floor(a, r->rtt_us);
        queue = r->rtt_us > a->floor_rtt_us + RTT_RISE_US;
        settled = r->rtt_us <= a->floor_rtt_us + RTT_SETTLED_US && r->loss_percent < LOSS_OF_A_POLICER;
        if ((queue && a->slow) || r->loss_percent >= LOSS_OF_A_POLICER)
                shrink(a, on_the_wire(&before));
        else if (settled)
                grow(a);
        a->slow = queue;
}
