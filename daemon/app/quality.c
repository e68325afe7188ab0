/* quality.c - see quality.h.
 *
 * The limits are those of speech with Opus, its in-band FEC and concealment: up to 3 % of single losses are inaudible,
 * from 20 % on words are; a round trip of 300 ms is the 150 ms one way of ITU-T G.114, and above half a second people
 * talk into each other; jitter turns into delay, as the jitter buffer follows it.
 */
#include "app/quality.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum { SILENT_LOOKS_DOWN = 2 }; /* reports come about once a second: two looks without any are four seconds */

static const struct limit {
        enum quality_grade grade;
        double loss_rate; /* up to, all three */
        uint32_t rtt_us, jitter_us;
} limits[] = {
        { QUALITY_EXCELLENT, 0.01, 150000, 20000 },
        { QUALITY_GOOD, 0.03, 300000, 40000 },
        { QUALITY_POOR, 0.08, 500000, 80000 },
        { QUALITY_BAD, 0.20, 1000000, 160000 },
};

static bool went_back(const struct quality_counters *before, const struct quality_counters *now)
{
        return now->expected < before->expected || now->bytes < before->bytes || now->reports < before->reports;
}

void quality_look(struct quality_stream *s, const struct quality_counters *now, uint64_t us,
                  struct quality_figures *ret)
{
        bool first = !s->seen || went_back(&s->before, now);
        uint64_t expected = now->expected - s->before.expected;
        int64_t lost = now->lost - s->before.lost;

        *ret = (struct quality_figures){ 0 };
        if (first) {
                *s = (struct quality_stream){ .before = *now, .seen = true };
                return;
        }
        if (now->reports != s->before.reports || now->reports == 0)
                s->silent = 0;
        else if (expected > 0)
                s->silent++;
        ret->known = expected > 0;
        ret->down = ret->known && s->silent >= SILENT_LOOKS_DOWN;
        ret->expected = expected;
        ret->lost = lost < 0 ? 0 : (uint64_t)lost > expected ? expected : (uint64_t)lost;
        ret->bitrate = us ? (uint32_t)((now->bytes - s->before.bytes) * 8 * US_PER_SEC / us) : 0;
        s->before = *now;
}

double quality_loss_rate(const struct quality_figures *f)
{
        if (f->down)
                return 1;
        return f->expected ? (double)f->lost / (double)f->expected : 0;
}

enum quality_grade quality_grade(const struct quality_figures *f, uint32_t rtt_us, uint32_t jitter_us)
{
        if (!f->known)
                return QUALITY_UNKNOWN;
        if (f->down || f->lost == f->expected)
                return QUALITY_DOWN;
        for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
                if (quality_loss_rate(f) <= limits[i].loss_rate && rtt_us <= limits[i].rtt_us &&
                    jitter_us <= limits[i].jitter_us)
                        return limits[i].grade;
        return QUALITY_VERY_BAD;
}

enum quality_grade quality_said(enum engine_quality said, bool sends_nothing)
{
        static const enum quality_grade grades[] = { [ENGINE_QUALITY_UNKNOWN] = QUALITY_UNKNOWN,
                                                     [ENGINE_QUALITY_EXCELLENT] = QUALITY_EXCELLENT,
                                                     [ENGINE_QUALITY_GOOD] = QUALITY_GOOD,
                                                     [ENGINE_QUALITY_POOR] = QUALITY_POOR,
                                                     [ENGINE_QUALITY_LOST] = QUALITY_DOWN };

        return sends_nothing && said > ENGINE_QUALITY_GOOD ? QUALITY_UNKNOWN : grades[said];
}
