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
        float *beside; /* the second plane, in the same allocation; NULL: there is none */
        float frames[];
};

static int new_ring(uint32_t capacity_frames, uint32_t planes, struct pcm_ring **ret)
{
        struct pcm_ring *r;
        uint32_t size = 1;

        assert(capacity_frames > 0 && capacity_frames <= 1u << 24);
        while (size < capacity_frames)
                size <<= 1;
        r = aligned_alloc(64, (sizeof(*r) + planes * size * sizeof(float) + 63) / 64 * 64);
        if (!r)
                return -ENOMEM;
        memset(r, 0, sizeof(*r)); /* what was never written is never read: a ring that is not used takes no pages */
        r->mask = size - 1;
        r->beside = planes > 1 ? r->frames + size : NULL;
        *ret = r;
        return 0;
}

int pcm_ring_new(uint32_t capacity_frames, struct pcm_ring **ret)
{
        return new_ring(capacity_frames, 1, ret);
}

int pcm_ring_new_pairs(uint32_t capacity_frames, struct pcm_ring **ret)
{
        int r = new_ring(capacity_frames, 2, ret);

        if (r >= 0) /* RT writes it, and must not be the one to whom its pages are given */
                memset((*ret)->frames, 0, 2 * sizeof(float) * pcm_ring_capacity(*ret));
        return r;
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

static void copy_in(const struct pcm_ring *r, float *plane, uint32_t head, const float *src, uint32_t n)
{
        uint32_t at = head & r->mask, first = n < r->mask + 1 - at ? n : r->mask + 1 - at;

        memcpy(plane + at, src, first * sizeof(float));
        memcpy(plane, src + first, (n - first) * sizeof(float));
}

static void copy_out(const struct pcm_ring *r, const float *plane, uint32_t tail, float *dst, uint32_t n)
{
        uint32_t at = tail & r->mask, first = n < r->mask + 1 - at ? n : r->mask + 1 - at;

        memcpy(dst, plane + at, first * sizeof(float));
        memcpy(dst + first, plane, (n - first) * sizeof(float));
}

static uint32_t ring_write(struct pcm_ring *r, const float *frames, const float *beside /* or NULL */, uint32_t n)
{
        uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
        uint32_t room = r->mask + 1 - (head - atomic_load_explicit(&r->tail, memory_order_acquire));

        if (n > room)
                n = room;
        copy_in(r, r->frames, head, frames, n);
        if (beside)
                copy_in(r, r->beside, head, beside, n);
        atomic_store_explicit(&r->head, head + n, memory_order_release);
        return n;
}

uint32_t pcm_ring_write(struct pcm_ring *r, const float *frames, uint32_t n)
{
        return ring_write(r, frames, NULL, n);
}

uint32_t pcm_ring_write_pairs(struct pcm_ring *r, const float *frames, const float *beside, uint32_t n)
{
        assert(r->beside);
        return ring_write(r, frames, beside, n);
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

static uint32_t ring_read(struct pcm_ring *r, float *frames, float *beside /* or NULL */, uint32_t n)
{
        uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
        uint32_t fill = atomic_load_explicit(&r->head, memory_order_acquire) - tail;

        if (n > fill)
                n = fill;
        copy_out(r, r->frames, tail, frames, n);
        if (beside)
                copy_out(r, r->beside, tail, beside, n);
        atomic_store_explicit(&r->tail, tail + n, memory_order_release);
        return n;
}

uint32_t pcm_ring_read(struct pcm_ring *r, float *frames, uint32_t n)
{
        return ring_read(r, frames, NULL, n);
}

uint32_t pcm_ring_read_pairs(struct pcm_ring *r, float *frames, float *beside, uint32_t n)
{
        assert(r->beside);
        return ring_read(r, frames, beside, n);
}
