/* rtp-source.c - see rtp-source.h. */
#include "transport/rtp-source.h"

#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "wire/rtp.h"

enum {
        DROPOUT_MAX = 3000,  /* RFC 3550 A.1: a larger step forward, … */
        MISORDER_MAX = 1000, /* … or back, is a new beginning */
        NACK_TRIES = 3,
        NACK_APART_MIN_US = 20000,
        MISSING_TOO_LONG_US = 150000, /* no jitter buffer waits longer for it */
};

void rtp_source_init(struct rtp_source *s, uint32_t ssrc, uint32_t clock_rate, uint16_t seq)
{
        *s = (struct rtp_source){ .ssrc = ssrc, .clock_rate = clock_rate, .base = seq, .highest = (uint32_t)seq - 1 };
        list_init(&s->link);
}

static void begin_again(struct rtp_source *s, uint16_t seq)
{
        s->base = s->highest = seq;
        s->received = s->expected_prior = s->received_prior = 0;
        s->n_missing = 0;
}

static void remove_missing(struct rtp_source *s, size_t i)
{
        s->n_missing--;
        memmove(&s->missing[i], &s->missing[i + 1], (s->n_missing - i) * sizeof(s->missing[0]));
}

/* Everything between the highest number and this one. A gap longer than the list is an outage, not worth asking for.
 */
static void note_gap(struct rtp_source *s, unsigned n, uint64_t now_us)
{
        if (n > RTP_SOURCE_MISSING_MAX)
                return;
        while (s->n_missing + n > RTP_SOURCE_MISSING_MAX)
                remove_missing(s, 0);
        for (unsigned i = 1; i <= n; i++)
                s->missing[s->n_missing++] = (struct rtp_missing){ .seq = (uint16_t)(s->highest + i),
                                                                   .since_us = now_us,
                                                                   .nack_us = now_us };
}

/* Returns how long it was waited for, 0: it was not. */
static uint64_t note_late(struct rtp_source *s, uint16_t seq, uint64_t now_us)
{
        for (size_t i = 0; i < s->n_missing; i++) {
                uint64_t waited_us = s->missing[i].tries > 0 ? now_us - s->missing[i].asked_us : 0;

                if (s->missing[i].seq != seq)
                        continue;
                remove_missing(s, i);
                return waited_us;
        }
        return 0;
}

/* RFC 3550 A.8 */
static void update_jitter(struct rtp_source *s, uint32_t timestamp, uint64_t now_us)
{
        uint32_t arrival = (uint32_t)(now_us * (s->clock_rate / 1000) / 1000);
        uint32_t transit = arrival - timestamp;
        int32_t d = (int32_t)(transit - s->transit);
        bool first = s->received <= 1;

        s->transit = transit;
        if (first)
                return;
        s->jitter_q4 += (uint32_t)(d < 0 ? -(int64_t)d : d) - ((s->jitter_q4 + 8) >> 4);
}

uint64_t rtp_source_put(struct rtp_source *s, uint16_t seq, uint32_t timestamp, uint64_t now_us)
{
        int ahead = rtp_seq_diff((uint16_t)s->highest, seq);
        uint64_t waited_us = 0;

        s->fresh = true;
        if (ahead > DROPOUT_MAX || ahead < -MISORDER_MAX) {
                begin_again(s, seq);
        } else if (ahead > 0) {
                note_gap(s, (unsigned)ahead - 1, now_us);
                s->highest += (uint32_t)ahead;
        } else {
                waited_us = note_late(s, seq, now_us);
        }
        s->received++;
        if (ahead > 0)
                update_jitter(s, timestamp, now_us); /* what was sent again says nothing about the path */
        return waited_us;
}

void rtp_source_sender_report(struct rtp_source *s, uint64_t ntp, uint64_t now_us)
{
        s->last_sr = rtcp_ntp_middle(ntp);
        s->last_sr_us = now_us;
}

void rtp_source_report(struct rtp_source *s, uint64_t now_us, struct rtcp_report *ret)
{
        uint32_t expected = s->highest - s->base + 1;
        int64_t expected_now = (int64_t)expected - s->expected_prior;
        int64_t lost_now = expected_now - ((int64_t)s->received - s->received_prior);

        *ret = (struct rtcp_report){ .ssrc = s->ssrc,
                                     .lost = (int32_t)(expected - s->received),
                                     .highest_seq = s->highest,
                                     .jitter = s->jitter_q4 >> 4,
                                     .last_sr = s->last_sr };
        if (expected_now > 0 && lost_now > 0)
                ret->fraction_lost = (uint8_t)(lost_now >= expected_now ? 255 : (lost_now << 8) / expected_now);
        if (s->last_sr != 0)
                ret->delay = (uint32_t)(((now_us - s->last_sr_us) << 16) / US_PER_SEC);
        s->expected_prior = expected;
        s->received_prior = s->received;
        s->fresh = false;
}

size_t rtp_source_due(struct rtp_source *s, uint64_t now_us, uint64_t rtt_us, uint16_t seqs[RTP_SOURCE_MISSING_MAX])
{
        uint64_t apart_us = rtt_us + rtt_us / 2;
        size_t n = 0;

        if (apart_us < NACK_APART_MIN_US)
                apart_us = NACK_APART_MIN_US;
        for (size_t i = 0; i < s->n_missing;) {
                struct rtp_missing *m = &s->missing[i];

                if (now_us - m->since_us >= MISSING_TOO_LONG_US) {
                        remove_missing(s, i);
                        continue;
                }
                if (m->nack_us <= now_us) {
                        seqs[n++] = m->seq;
                        m->asked_us = now_us;
                        m->tries++;
                        m->nack_us = m->tries < NACK_TRIES ? now_us + apart_us : m->since_us + MISSING_TOO_LONG_US;
                }
                i++;
        }
        return n;
}

uint64_t rtp_source_next_us(const struct rtp_source *s)
{
        uint64_t next_us = LOOP_NEVER;

        for (size_t i = 0; i < s->n_missing; i++)
                if (s->missing[i].nack_us < next_us)
                        next_us = s->missing[i].nack_us;
        return next_us;
}

void rtp_source_found(struct rtp_source *s, uint16_t seq)
{
        (void)note_late(s, seq, 0);
}

void rtp_source_give_up(struct rtp_source *s)
{
        s->n_missing = 0;
}
