/* audio-port.c - see audio-port.h. */
#include "media/audio-port.h"

#include <errno.h>
#include <math.h>
#include <sys/eventfd.h>

static int new_port(uint32_t ring_frames, int (*new_ring)(uint32_t capacity, struct pcm_ring **ret),
                    struct audio_port **ret)
{
        _cleanup_(audio_port_unrefp) struct audio_port *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->refs = 1;
        p->gain = 1.0f;
        p->need_fd = -1;
        p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        p->need_fd = p->wake_fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (p->need_fd < 0)
                return -errno;
        r = new_ring(ring_frames, &p->ring);
        if (r < 0)
                return r;
        *ret = take_ptr(p);
        return 0;
}

int audio_port_new(uint32_t ring_frames, struct audio_port **ret)
{
        return new_port(ring_frames, pcm_ring_new, ret);
}

int audio_port_new_capture(uint32_t ring_frames, struct audio_port **ret)
{
        return new_port(ring_frames, pcm_ring_new_pairs, ret);
}

int audio_port_set_processing(struct audio_port *p, const struct voice_proc_config *config)
{
        _cleanup_(voice_proc_freep) struct voice_proc *fresh = NULL;
        struct voice_proc *v = atomic_load(&p->voice_proc);
        int r;

        if (!v && voice_proc_config_is_idle(config))
                return 0;
        if (!v) {
                r = voice_proc_new(&fresh);
                if (r < 0)
                        return r;
                v = fresh;
        }
        r = voice_proc_configure(v, config);
        if (r < 0)
                return r;
        atomic_store(&p->wants_far, config->echo);
        if (fresh)
                atomic_store(&p->voice_proc, take_ptr(fresh));
        return 0;
}

static void follow_peak(_Atomic float *to, const float *frames, size_t n)
{
        float peak = 0, before;

        for (size_t i = 0; i < n; i++) {
                float x = fabsf(frames[i]);

                peak = x > peak ? x : peak; /* what is not a number is not louder */
        }
        peak = peak > 1 ? 1 : peak;
        before = atomic_load(to);
        while (peak > before && !atomic_compare_exchange_weak(to, &before, peak))
                ;
}

void audio_port_meter(struct audio_port *p, const float *frames, size_t n)
{
        if (atomic_load_explicit(&p->metered, memory_order_relaxed))
                follow_peak(&p->peak, frames, n);
}

void audio_port_meter_captured(struct audio_port *p, const float *frames, size_t n)
{
        if (atomic_load_explicit(&p->metered, memory_order_relaxed))
                follow_peak(&p->captured_peak, frames, n);
}

float audio_port_take_peak(struct audio_port *p)
{
        atomic_store(&p->metered, true);
        return atomic_exchange(&p->peak, 0);
}

float audio_port_take_captured_peak(struct audio_port *p)
{
        atomic_store(&p->metered, true);
        return atomic_exchange(&p->captured_peak, 0);
}

struct audio_port *audio_port_ref(struct audio_port *p)
{
        atomic_fetch_add(&p->refs, 1);
        return p;
}

struct audio_port *audio_port_unref(struct audio_port *p)
{
        if (!p || atomic_fetch_sub(&p->refs, 1) > 1)
                return NULL;
        voice_proc_free(atomic_load(&p->voice_proc));
        pcm_ring_free(p->ring);
        close_fd(p->wake_fd);
        close_fd(p->need_fd);
        free(p);
        return NULL;
}

/* Each side stores what it has to say before it reads what the other one said, so one of the two sees it. */
void audio_port_need(struct audio_port *p, uint64_t now_us)
{
        atomic_store(&p->needed_us, now_us);
        if (atomic_load(&p->resting) && atomic_exchange(&p->resting, false))
                (void)eventfd_write(p->need_fd, 1);
}

bool audio_port_rest(struct audio_port *p, uint64_t since_us)
{
        atomic_store(&p->resting, true);
        return atomic_load(&p->needed_us) <= since_us || !atomic_exchange(&p->resting, false);
}

void audio_port_wake(struct audio_port *p)
{
        (void)eventfd_write(p->wake_fd, 1); /* EAGAIN: 2^64 wake-ups wait already */
}
