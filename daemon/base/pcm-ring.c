/* pcm-ring.c - see pcm-ring.h.
 *
 * head counts frames ever written, tail frames ever read; both wrap at 2^32, which the power-of-two capacity
 * survives. The producer alone stores head (release), the consumer alone stores tail (release).
 */
#include "base/pcm-ring.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

struct pcm_ring {
        _Alignas(64) _Atomic uint32_t head;
        _Alignas(64) _Atomic uint32_t tail;
        _Alignas(64) uint32_t mask;
        float frames[];
};

int pcm_ring_new(uint32_t capacity_frames, struct pcm_ring **ret)
{
        struct pcm_ring *r;
        uint32_t size = 1;

        assert(capacity_frames > 0 && capacity_frames <= 1u << 24);
        while (size < capacity_frames)
                size <<= 1;
        r = aligned_alloc(64, (sizeof(*r) + size * sizeof(float) + 63) / 64 * 64);
        if (!r)
                return -ENOMEM;
        memset(r, 0, sizeof(*r) + size * sizeof(float));
        r->mask = size - 1;
        *ret = r;
        return 0;
}

struct pcm_ring *pcm_ring_free(struct pcm_ring *r)
{
        free(r);
        return NULL;
}

uint32_t pcm_ring_capacity(const struct pcm_ring *r)
{
        return r->mask + 1;
}

uint32_t pcm_ring_fill(const struct pcm_ring *r)
{
        uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);

        return atomic_load_explicit(&r->head, memory_order_acquire) - tail;
}

uint32_t pcm_ring_write(struct pcm_ring *r, const float *frames, uint32_t n)
{
        uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
        uint32_t room = r->mask + 1 - (head - atomic_load_explicit(&r->tail, memory_order_acquire));
        uint32_t at = head & r->mask, first;

        if (n > room)
                n = room;
        first = n < r->mask + 1 - at ? n : r->mask + 1 - at;
        memcpy(r->frames + at, frames, first * sizeof(float));
        memcpy(r->frames, frames + first, (n - first) * sizeof(float));
        atomic_store_explicit(&r->head, head + n, memory_order_release);
        return n;
}

uint32_t pcm_ring_skip(struct pcm_ring *r, uint32_t n)
{
        uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
        uint32_t fill = atomic_load_explicit(&r->head, memory_order_acquire) - tail;

        if (n > fill)
                n = fill;
        atomic_store_explicit(&r->tail, tail + n, memory_order_release);
        return n;
}

uint32_t pcm_ring_read(struct pcm_ring *r, float *frames, uint32_t n)
{
        uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
        uint32_t fill = atomic_load_explicit(&r->head, memory_order_acquire) - tail;
        uint32_t at = tail & r->mask, first;

        if (n > fill)
                n = fill;
        first = n < r->mask + 1 - at ? n : r->mask + 1 - at;
        memcpy(frames, r->frames + at, first * sizeof(float));
        memcpy(frames + first, r->frames, (n - first) * sizeof(float));
        atomic_store_explicit(&r->tail, tail + n, memory_order_release);
        return n;
}
