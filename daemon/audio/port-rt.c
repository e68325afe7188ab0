/* port-rt.c - see port-rt.h.
 *
 * A gain never jumps: it moves by at most GAIN_STEP a frame, 10 ms from silence to full. Above 1 a sample that was
 * loud already would leave the range, so what passes KNEE is bent towards 1 instead of being cut off: the curve has
 * slope 1 at the knee and reaches 1 only at infinity.
 */
#include "audio/port-rt.h"

#include <math.h>
#include <string.h>

#define GAIN_STEP (1.0f / 480.0f)
#define KNEE      0.8f

static void wake_rt(struct audio_port *p, uint32_t n)
{
        static const uint64_t one = 1;

        atomic_store_explicit(&p->quantum, n, memory_order_relaxed);
        atomic_fetch_add_explicit(&p->periods, 1, memory_order_relaxed);
        (void)!write(p->wake_fd, &one, sizeof(one)); /* EAGAIN: 2^64 wake-ups wait already */
}

static void captured_rt(struct audio_port *p, uint32_t taken, uint32_t n)
{
        atomic_fetch_add_explicit(&p->frames, taken, memory_order_relaxed);
        if (taken < n)
                atomic_fetch_add_explicit(&p->xruns, n - taken, memory_order_relaxed);
        wake_rt(p, n);
}

void port_capture_rt(struct audio_port *p, const float *src, uint32_t n)
{
        captured_rt(p, pcm_ring_write(p->ring, src, n), n);
}

void port_capture_far_rt(struct audio_port *p, const float *src, const float *far, uint32_t n)
{
        captured_rt(p, pcm_ring_write_pairs(p->ring, src, far, n), n);
}

static float soft_clip(float x)
{
        float over = fabsf(x) - KNEE;

        if (over <= 0.0f)
                return x;
        return copysignf(KNEE + (1.0f - KNEE) * over / (over + (1.0f - KNEE)), x);
}

static float step_towards(float now, float target)
{
        float diff = target - now;

        return fabsf(diff) <= GAIN_STEP ? target : now + copysignf(GAIN_STEP, diff);
}

static void apply_gain_rt(float *gain, float target, float *x, uint32_t n)
{
        float now = *gain;
        uint32_t i = 0;

        for (; i < n && (now < target || now > target); i++) {
                now = step_towards(now, target);
                x[i] = soft_clip(x[i] * now);
        }
        *gain = now;
        if (now > 1.0f)
                for (; i < n; i++)
                        x[i] = soft_clip(x[i] * now);
        else if (now < 1.0f)
                for (; i < n; i++)
                        x[i] *= now;
}

void port_playback_rt(struct audio_port *p, float *gain, float *dst, uint32_t n)
{
        uint32_t got = pcm_ring_read(p->ring, dst, n);

        if (got < n) {
                memset(dst + got, 0, (n - got) * sizeof(*dst));
                if (atomic_load_explicit(&p->active, memory_order_relaxed))
                        atomic_fetch_add_explicit(&p->xruns, n - got, memory_order_relaxed);
        }
        apply_gain_rt(gain, atomic_load_explicit(&p->gain, memory_order_relaxed), dst, n);
        atomic_fetch_add_explicit(&p->frames, got, memory_order_relaxed);
        wake_rt(p, n);
}
