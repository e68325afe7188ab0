/* netsim.h - a seeded network for RTP packets in virtual time: loss, jitter, duplicates, with or without reordering.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/rand.h"

enum { NETSIM_PAYLOAD_MAX = 1200, NETSIM_FLYING_MAX = 256 };

struct netsim_config {
        uint64_t seed;
        uint32_t delay_us, jitter_us; /* constant part; mean of the exponential part */
        double loss, duplicate;       /* shares, 0–1 */
        bool reorder;                 /* each packet's delay is its own; otherwise the network is a queue */
};

struct netsim_packet {
        uint64_t due_us;
        uint16_t seq;
        uint32_t timestamp;
        bool marker;
        int level_dbov;
        size_t len;
        uint8_t payload[NETSIM_PAYLOAD_MAX];
};

struct netsim {
        struct netsim_config config;
        struct rng rng;
        uint64_t last_due_us;
        unsigned flying, sent, lost;
        struct netsim_packet packets[NETSIM_FLYING_MAX];
};

struct netsim *netsim_new(const struct netsim_config *config);
struct netsim *netsim_free(struct netsim *n);
void netsim_send(struct netsim *n, const struct netsim_packet *p, uint64_t now_us);
/* The next packet that has arrived by now_us, in order of arrival. */
bool netsim_receive(struct netsim *n, uint64_t now_us, struct netsim_packet *ret);

DEFINE_CLEANUP(struct netsim *, netsim_free)
