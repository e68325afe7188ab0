/* rand.h - randomness as an object, so that tests hand in a seeded one.
 *
 * Secrets and identifiers come from rand_system (getrandom(2)); a seeded generator is for tests and simulations.
 * Threads: rand_system any; a seeded one belongs to its owner.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rng {
        void (*fill)(struct rng *r, void *buf, size_t len);
        uint64_t state; /* of a seeded generator */
};

extern struct rng rand_system;

void rand_seed(struct rng *ret, uint64_t seed); /* splitmix64: repeatable, not secret */
uint32_t rand_u32(struct rng *r);
uint64_t rand_u64(struct rng *r);
double rand_double(struct rng *r); /* 0 ≤ x < 1 */
/* len - 1 characters of A-Z a-z 0-9 and a final NUL. */
void rand_text(struct rng *r, char *buf, size_t len);
