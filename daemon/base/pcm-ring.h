/* pcm-ring.h - single-producer single-consumer ring of mono float frames, 48 kHz by convention of the house.
 *
 * Free-running indices with acquire/release: no lock, no allocation after creation. One thread writes, one reads;
 * one of them is usually the audio RT thread. Every function but new and free is RT safe.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

struct pcm_ring;

/* capacity_frames is rounded up to a power of two. */
int pcm_ring_new(uint32_t capacity_frames, struct pcm_ring **ret);
/* With a second sample beside each frame (`beside`), which travels with it. */
int pcm_ring_new_pairs(uint32_t capacity_frames, struct pcm_ring **ret);
struct pcm_ring *pcm_ring_free(struct pcm_ring *r);

uint32_t pcm_ring_capacity(const struct pcm_ring *r);
uint32_t pcm_ring_fill(const struct pcm_ring *r); /* frames that can be read; either side */

/* Both return the frames moved, fewer than n when the ring is full or empty: never partly torn frames. */
uint32_t pcm_ring_write(struct pcm_ring *r, const float *frames, uint32_t n); /* producer */
uint32_t pcm_ring_read(struct pcm_ring *r, float *frames, uint32_t n);        /* consumer */
uint32_t pcm_ring_skip(struct pcm_ring *r, uint32_t n);                       /* consumer: read and forget */
/* The same for a ring of pairs. Written by pcm_ring_write(), a pair keeps what was beside its place before; read by
 * pcm_ring_read(), it loses it. */
uint32_t pcm_ring_write_pairs(struct pcm_ring *r, const float *frames, const float *beside, uint32_t n);
uint32_t pcm_ring_read_pairs(struct pcm_ring *r, float *frames, float *beside, uint32_t n);

DEFINE_CLEANUP(struct pcm_ring *, pcm_ring_free)
