/* audio-port.c - see audio-port.h. */
#include "media/audio-port.h"

#include <errno.h>
#include <sys/eventfd.h>

int audio_port_new(uint32_t ring_frames, struct audio_port **ret)
{
        _cleanup_(audio_port_unrefp) struct audio_port *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->refs = 1;
        p->gain = 1.0f;
        p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (p->wake_fd < 0)
                return -errno;
        r = pcm_ring_new(ring_frames, &p->ring);
        if (r < 0)
                return r;
        *ret = take_ptr(p);
        return 0;
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
        pcm_ring_free(p->ring);
        close_fd(p->wake_fd);
        free(p);
        return NULL;
}
