/* netsim.c - see netsim.h. */
#include "lib/netsim.h"

#include "lib/test.h"

struct netsim *netsim_new(const struct netsim_config *config)
{
        struct netsim *n = calloc(1, sizeof(*n));

        ASSERT(n);
        n->config = *config;
        rand_seed(&n->rng, config->seed);
        return n;
}

struct netsim *netsim_free(struct netsim *n)
{
        free(n);
        return NULL;
}

static void fly(struct netsim *n, const struct netsim_packet *p, uint64_t now_us)
{
        double jitter_us = -(double)n->config.jitter_us * log(1 - rand_double(&n->rng));
        struct netsim_packet *f = &n->packets[n->flying++];

        ASSERT_LT(n->flying, NETSIM_FLYING_MAX);
        *f = *p;
        f->due_us = now_us + n->config.delay_us + (uint64_t)jitter_us;
        if (!n->config.reorder && f->due_us < n->last_due_us)
                f->due_us = n->last_due_us;
        n->last_due_us = f->due_us;
}

void netsim_send(struct netsim *n, const struct netsim_packet *p, uint64_t now_us)
{
        n->sent++;
        if (rand_double(&n->rng) < n->config.loss) {
                n->lost++;
                return;
        }
        fly(n, p, now_us);
        if (rand_double(&n->rng) < n->config.duplicate)
                fly(n, p, now_us);
}

bool netsim_receive(struct netsim *n, uint64_t now_us, struct netsim_packet *ret)
{
        unsigned best = 0;

        for (unsigned i = 1; i < n->flying; i++)
                if (n->packets[i].due_us < n->packets[best].due_us)
                        best = i;
        if (n->flying == 0 || n->packets[best].due_us > now_us)
                return false;
        *ret = n->packets[best];
        n->flying--;
        memmove(&n->packets[best], &n->packets[best + 1], (n->flying - best) * sizeof(*n->packets));
        return true;
}
