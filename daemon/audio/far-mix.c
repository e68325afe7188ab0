/* far-mix.c - see far-mix.h.
 *
 * Places are free-running counts of frames. The ring holds the mix up to `end`: who writes beyond sets, who writes
 * before it adds, so nobody has to clear it.
 */
#include "audio/far-mix.h"

#include <string.h>

enum {
        STRAY_MAX = 960,                   /* frames a place may run ahead before it jumps: more than clocks jitter */
        SLACK = 16,                        /* frames: what resampling makes periods differ by */
        CLOCK_LOST_NS = 100 * 1000 * 1000, /* a reader that was not called for so long is not the clock any more */
};

static bool is_before(uint32_t a, uint32_t b)
{
        return (int32_t)(a - b) < 0;
}

static float *frame(struct far_mix *m, uint32_t at)
{
        return &m->frames[at % FAR_MIX_FRAMES];
}

static void silence_until(struct far_mix *m, uint32_t at)
{
        if (at - m->end >= FAR_MIX_FRAMES && is_before(m->end, at))
                m->end = at - FAR_MIX_FRAMES;
        for (; is_before(m->end, at); m->end++)
                *frame(m, m->end) = 0;
}

static bool has_clock(const struct far_mix *m, uint64_t now_ns)
{
        return m->clock && (int64_t)(now_ns - m->clock_ns) <= CLOCK_LOST_NS;
}

static bool is_within(uint32_t at, uint32_t target, uint32_t slack)
{
        return at - target + slack <= 2 * slack;
}

/* Where the stream goes on: where it stopped, if that is in place. In step that is the target, but for the frame or
 * two by which resampling makes periods differ: a microphone that missed cycles makes everybody jump. Under another
 * driver it is anything that is not late and not much too early. */
static uint32_t place_of(const struct far_mix *m, const struct far_place *p, uint32_t target, uint32_t n)
{
        if (!p->known || is_before(target + n + STRAY_MAX, p->at) || is_before(p->at + SLACK, m->clock_at))
                return target;
        if (m->in_step && !is_within(p->at, target, 2 * SLACK))
                return target;
        return is_before(p->at, m->clock_at) ? target + SLACK : p->at;
}

void far_mix_add_rt(struct far_mix *m, struct far_place *p, uint64_t now_ns, const float *played, uint32_t n)
{
        uint32_t target = now_ns == m->clock_ns ? m->clock_at : m->clock_at + m->clock_frames;

        if (!has_clock(m, now_ns) || n > FAR_MIX_PERIOD_MAX)
                return;
        p->at = place_of(m, p, target, n);
        p->known = true;
        m->added_ns = now_ns;
        silence_until(m, p->at);
        for (uint32_t i = 0; i < n; i++, p->at++) {
                if (is_before(p->at, m->end)) {
                        *frame(m, p->at) += played[i];
                } else {
                        *frame(m, p->at) = played[i];
                        m->end = p->at + 1;
                }
        }
}

static void tick(struct far_mix *m, const struct far_place *p, uint64_t now_ns, uint32_t n)
{
        if (m->clock != p && !has_clock(m, now_ns))
                m->clock = p;
        if (m->clock != p)
                return;
        if (m->added_ns == now_ns || m->added_ns == m->clock_ns) /* in this cycle or behind us in the one before */
                m->in_step = true;
        else if ((int64_t)(m->added_ns - m->clock_ns) > 0)
                m->in_step = false;
        m->clock_ns = now_ns;
        m->clock_at += n;
        m->clock_frames = n;
}

void far_mix_take_rt(struct far_mix *m, struct far_place *p, uint64_t now_ns, float *far, uint32_t n)
{
        uint32_t target;

        if (n > FAR_MIX_PERIOD_MAX) {
                memset(far, 0, n * sizeof(*far));
                return;
        }
        tick(m, p, now_ns, n);
        target = (now_ns == m->clock_ns ? m->clock_at : m->clock_at + m->clock_frames) - n;
        if (m->clock == p || !p->known || !is_within(p->at, target, STRAY_MAX))
                p->at = target;
        p->known = true;
        silence_until(m, p->at + n);
        for (uint32_t i = 0; i < n; i++)
                far[i] = *frame(m, p->at++);
}
