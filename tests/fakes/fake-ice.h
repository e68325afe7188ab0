/* fake-ice.h - a box that joins ICE agents in pairs, with seeded loss and delay, in the time of its loop.
 *
 * The provider's agents are paired in the order of their creation: the first with the second, the third with the
 * fourth … A pair connects, one round trip later, when each side has the other's credentials and a candidate of it.
 */
#pragma once

#include "base/loop.h"
#include "transport/ice.h"

struct fake_ice_box;

struct fake_ice_net {
        double loss;                  /* 0–1, independent, each datagram */
        uint64_t delay_us, jitter_us; /* one way; jitter is added, even, and may reorder */
        bool blocked;                 /* connectivity checks never succeed: FAILED after 10 s */
        /* Sees each datagram before it travels; false drops it. May be NULL. */
        bool (*tap)(unsigned from_side, const uint8_t *data, size_t len, void *ctx);
        void *tap_ctx;
};

struct fake_ice_box *fake_ice_box_new(struct loop *loop, uint64_t seed); /* NULL: out of memory */
struct fake_ice_box *fake_ice_box_free(struct fake_ice_box *b);          /* after its agents */
struct ice_provider fake_ice_box_provider(struct fake_ice_box *b);
struct fake_ice_net *fake_ice_box_net(struct fake_ice_box *b); /* to be changed at any time */

/* Agents by their number, in the order of creation. */
void fake_ice_inject(struct fake_ice_box *b, unsigned agent, const uint8_t *data, size_t len); /* arrives at once */
void fake_ice_lose_consent(struct fake_ice_box *b, unsigned agent);
unsigned fake_ice_restarts(const struct fake_ice_box *b, unsigned agent); /* of either side, as this one saw them */
unsigned fake_ice_servers(const struct fake_ice_box *b, unsigned agent);  /* added later */
