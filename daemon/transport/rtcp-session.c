/* rtcp-session.c - see rtcp-session.h.
 *
 * Sources stand in a list, last heard first: a packet's source is found within the few that talk, and the one to be
 * forgotten for a newcomer is the last. All sources are owned here.
 */
#include "transport/rtcp-session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "transport/sent-ring.h"
#include "transport/srtpctx.h"

enum {
        SOURCES_MAX = 1024,
        INTERVAL_US = 1000000,
        SENDER_US = 2 * INTERVAL_US, /* who sent within it reports as a sender */
        COMPOUND_MAX = 1200,
        CLOCK_RATE = 48000,       /* Opus, both ways (RFC 7587 4.1) */
        RTT_TOO_LONG_US = 150000, /* an answer to a NACK would come too late, … */
        PROBE_US = 5 * 1000000,   /* … but paths change: once in a while one is sent nevertheless */
        RTT_BELIEVED_US = 60 * 1000000,
        CNAME_SIZE = 64,
};

/* Losses since the last report, and how many times something was lost. */
struct losses {
        unsigned packets, times;
};

struct rtcp_session {
        struct rtcp_session_events ev;
        void *ctx;
        char cname[CNAME_SIZE];
        struct rng *rng;
        uint32_t ssrc;
        uint64_t unix_offset_us; /* wall clock - our clock, as of the beginning: NTP stamps never jump */
        struct list sources;
        size_t n_sources;
        struct sent_ring sent;
        uint32_t octets_sent, last_timestamp;
        uint64_t last_sent_us; /* 0: never */
        uint64_t report_us, nack_us, probe_us;
        struct losses asked, missed; /* by the other side for ours; of what comes in */
        uint32_t asked_highest;      /* sequence number; above 16 bits: none */
        struct rtcp_session_stats stats;
};

int rtcp_session_new(const struct rtcp_session_config *config, const struct rtcp_session_events *ev, void *ctx,
                     struct rtcp_session **ret)
{
        struct rtcp_session *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->ev = *ev;
        s->ctx = ctx;
        s->rng = config->rng;
        s->ssrc = config->ssrc;
        s->unix_offset_us = config->unix_us - config->now_us;
        s->report_us = s->nack_us = LOOP_NEVER;
        s->asked_highest = UINT32_MAX;
        list_init(&s->sources);
        sent_ring_init(&s->sent, config->now_us);
        snprintf(s->cname, sizeof(s->cname), "%s", config->cname);
        *ret = s;
        return 0;
}

struct rtcp_session *rtcp_session_free(struct rtcp_session *s)
{
        struct rtp_source *source;

        if (!s)
                return NULL;
        list_for_each (source, &s->sources, link)
                free(source);
        sent_ring_done(&s->sent);
        free(s);
        return NULL;
}

/* ---- sources ---- */

struct rtp_source *rtcp_session_find(struct rtcp_session *s, uint32_t ssrc)
{
        struct rtp_source *source;

        list_for_each (source, &s->sources, link)
                if (source->ssrc == ssrc)
                        return source;
        return NULL;
}

static void prepend(struct rtcp_session *s, struct rtp_source *source)
{
        list_append(s->sources.next, &source->link); /* before the first */
}

static void remove_source(struct rtcp_session *s, struct rtp_source *source)
{
        list_remove(&source->link);
        s->n_sources--;
        free(source);
}

static void evict(struct rtcp_session *s)
{
        struct rtp_source *silent = container_of(s->sources.prev, struct rtp_source, link);

        s->ev.gone(silent, s->ctx);
        remove_source(s, silent);
}

int rtcp_session_add(struct rtcp_session *s, uint32_t ssrc, unsigned section, uint16_t seq, struct rtp_source **ret)
{
        struct rtp_source *source = malloc(sizeof(*source));

        if (!source)
                return -ENOMEM;
        if (s->n_sources == SOURCES_MAX)
                evict(s);
        rtp_source_init(source, ssrc, CLOCK_RATE, seq);
        source->section = section;
        prepend(s, source);
        s->n_sources++;
        *ret = source;
        return 0;
}

void rtcp_session_forget(struct rtcp_session *s, unsigned section)
{
        struct rtp_source *source;

        list_for_each (source, &s->sources, link)
                if (source->section == section)
                        remove_source(s, source);
}

void rtcp_session_forget_ssrc(struct rtcp_session *s, uint32_t ssrc)
{
        struct rtp_source *source = rtcp_session_find(s, ssrc);

        if (source)
                remove_source(s, source);
}

/* ---- when ---- */

static void schedule_report(struct rtcp_session *s, uint64_t now_us)
{
        s->report_us = now_us + (uint64_t)((0.5 + rand_double(s->rng)) * INTERVAL_US);
}

static void note_activity(struct rtcp_session *s, uint64_t now_us)
{
        if (s->report_us == LOOP_NEVER)
                schedule_report(s, now_us);
}

uint64_t rtcp_session_next_us(const struct rtcp_session *s)
{
        return s->report_us < s->nack_us ? s->report_us : s->nack_us;
}

/* ---- packets ---- */

void rtcp_session_sent(struct rtcp_session *s, const struct rtp_packet *p, const uint8_t *wire, size_t wire_len,
                       uint64_t now_us)
{
        sent_ring_put(&s->sent, p->seq, wire, wire_len);
        s->stats.packets_sent++;
        s->stats.bytes_sent += p->payload_len;
        s->octets_sent += (uint32_t)p->payload_len;
        s->last_timestamp = p->timestamp;
        s->last_sent_us = now_us;
        note_activity(s, now_us);
}

static void learn_rtt(struct rtcp_session *s, uint64_t sample_us)
{
        uint32_t sample = (uint32_t)(sample_us > 0 ? sample_us : 1);

        s->stats.rtt_us = s->stats.rtt_us == 0 ? sample : s->stats.rtt_us - s->stats.rtt_us / 4 + sample / 4;
}

static void note_gap(struct rtcp_session *s, const struct rtp_source *source, uint16_t seq)
{
        int gap = rtp_seq_diff((uint16_t)source->highest, seq) - 1;

        if (gap < 1 || gap > RTP_SOURCE_MISSING_MAX) /* longer: an outage, which no repair is for */
                return;
        s->missed.packets += (unsigned)gap;
        s->missed.times++;
}

bool rtcp_session_received(struct rtcp_session *s, struct rtp_source *source, const struct rtp_packet *p, bool ask,
                           uint64_t now_us)
{
        uint64_t waited_us;

        note_gap(s, source, p->seq);
        waited_us = rtp_source_put(source, p->seq, p->timestamp, now_us);
        list_remove(&source->link);
        prepend(s, source);
        if (waited_us > 0)
                learn_rtt(s, waited_us);
        if (!ask)
                rtp_source_give_up(source);
        if (source->n_missing > 0 && rtp_source_next_us(source) < s->nack_us)
                s->nack_us = rtp_source_next_us(source);
        note_activity(s, now_us);
        return waited_us > 0;
}

/* ---- reading ---- */

struct reading {
        struct rtcp_session *s;
        uint64_t now_us;
};

static uint64_t ntp_at(const struct rtcp_session *s, uint64_t now_us)
{
        return rtcp_ntp_from_unix_us(now_us + s->unix_offset_us);
}

static void on_sender(const struct rtcp_sender *sender, void *ctx)
{
        struct reading *in = ctx;
        struct rtp_source *source = rtcp_session_find(in->s, sender->ssrc);

        if (source)
                rtp_source_sender_report(source, sender->ntp, in->now_us);
}

/* RFC 3550 6.4.1: arrival - LSR - DLSR, in 1/65536 s with wrap-around. */
static uint32_t measure_rtt(struct rtcp_session *s, const struct rtcp_report *r, uint64_t now_us)
{
        uint32_t rtt = rtcp_ntp_middle(ntp_at(s, now_us)) - r->last_sr - r->delay;
        uint64_t rtt_us = (uint64_t)rtt * US_PER_SEC >> 16;

        if (r->last_sr == 0 || rtt_us >= RTT_BELIEVED_US)
                return 0;
        learn_rtt(s, rtt_us);
        return (uint32_t)rtt_us;
}

static double mean_burst(struct rtcp_session *s)
{
        const struct losses *l = s->asked.times > 0 ? &s->asked : &s->missed;
        double mean = l->times > 0 ? (double)l->packets / l->times : 0;

        s->asked = s->missed = (struct losses){ 0 };
        return mean;
}

static void on_report(uint32_t reporter, const struct rtcp_report *r, void *ctx)
{
        struct reading *in = ctx;
        struct rtcp_session *s = in->s;
        struct rtcp_path_report path;

        (void)reporter;
        if (r->ssrc != s->ssrc || s->last_sent_us == 0)
                return;
        path = (struct rtcp_path_report){ .loss_percent = (uint8_t)(r->fraction_lost * 100 / 256),
                                          .rtt_us = measure_rtt(s, r, in->now_us),
                                          .burst = mean_burst(s) };
        s->stats.reports++;
        s->stats.remote_packets_lost = r->lost;
        s->stats.remote_fraction_lost = r->fraction_lost / 256.0;
        s->stats.remote_jitter_us = (uint32_t)((uint64_t)r->jitter * US_PER_SEC / CLOCK_RATE);
        s->ev.report(&path, s->ctx);
}

static void on_bye(uint32_t ssrc, void *ctx)
{
        struct reading *in = ctx;
        struct rtp_source *source = rtcp_session_find(in->s, ssrc);

        if (!source)
                return;
        in->s->ev.bye(source, in->s->ctx);
        remove_source(in->s, source);
}

/* Each packet once, however often it is asked for. */
static void note_asked(struct rtcp_session *s, uint16_t seq)
{
        int ahead = s->asked_highest > UINT16_MAX ? 2 : rtp_seq_diff((uint16_t)s->asked_highest, seq);

        if (ahead < 1)
                return;
        s->asked_highest = seq;
        s->asked.packets++;
        s->asked.times += ahead > 1;
}

static void on_nack(uint32_t media_ssrc, uint16_t seq, void *ctx)
{
        struct reading *in = ctx;
        struct rtcp_session *s = in->s;
        const struct sent_packet *p;

        if (media_ssrc != s->ssrc)
                return;
        s->stats.nacks_received++;
        note_asked(s, seq);
        p = sent_ring_take(&s->sent, seq, in->now_us);
        if (!p)
                return;
        s->stats.retransmitted++;
        s->ev.resend(p->data, p->len, s->ctx);
}

int rtcp_session_input(struct rtcp_session *s, const uint8_t *data, size_t len, uint64_t now_us)
{
        static const struct rtcp_visitor visitor = {
                .sender = on_sender, .report = on_report, .bye = on_bye, .nack = on_nack
        };

        return rtcp_parse(data, len, &visitor, &(struct reading){ s, now_us });
}

/* ---- writing ---- */

static bool is_sender(const struct rtcp_session *s, uint64_t now_us)
{
        return s->last_sent_us != 0 && now_us - s->last_sent_us < SENDER_US;
}

/* Blocks of up to `max` sources that were heard since the last report. */
static size_t collect(struct rtcp_session *s, uint64_t now_us, struct rtcp_report *reports, size_t max)
{
        struct rtp_source *source;
        size_t n = 0;

        list_for_each (source, &s->sources, link)
                if (source->fresh && n < max)
                        rtp_source_report(source, now_us, &reports[n++]);
        return n;
}

static void put_report(struct rtcp_session *s, struct wbuf *b, uint64_t now_us)
{
        struct rtcp_report reports[RTCP_MAX_REPORTS];
        size_t n = collect(s, now_us, reports, RTCP_MAX_REPORTS);
        uint64_t since_us = now_us - s->last_sent_us;
        struct rtcp_sender sender = { .ssrc = s->ssrc,
                                      .ntp = ntp_at(s, now_us),
                                      .rtp_timestamp =
                                              s->last_timestamp + (uint32_t)(since_us * (CLOCK_RATE / 1000) / 1000),
                                      .packets = (uint32_t)s->stats.packets_sent,
                                      .octets = s->octets_sent };

        if (is_sender(s, now_us))
                rtcp_put_sr(b, &sender, reports, n);
        else
                rtcp_put_rr(b, s->ssrc, reports, n);
        rtcp_put_cname(b, s->ssrc, s->cname);
}

struct compound {
        _Alignas(4) uint8_t data[COMPOUND_MAX + SRTP_TRAILER_MAX];
        struct wbuf b;
};

static void begin(struct compound *c)
{
        c->b = wbuf_init(c->data, COMPOUND_MAX);
}

static void emit(struct rtcp_session *s, struct compound *c)
{
        assert(c->b.ok);
        s->ev.send(c->data, c->b.at, sizeof(c->data), s->ctx);
}

static bool any_fresh(const struct rtcp_session *s)
{
        struct rtp_source *source;

        list_for_each (source, &s->sources, link)
                if (source->fresh)
                        return true;
        return false;
}

/* More sources than one packet holds: as many packets as it takes. Nothing to tell: silence until there is. */
static void report(struct rtcp_session *s, uint64_t now_us)
{
        s->report_us = LOOP_NEVER;
        if (!is_sender(s, now_us) && !any_fresh(s))
                return;
        do {
                struct compound c;

                begin(&c);
                put_report(s, &c.b, now_us);
                emit(s, &c);
        } while (any_fresh(s));
        schedule_report(s, now_us);
}

static bool may_ask(struct rtcp_session *s, uint64_t now_us)
{
        if (s->stats.rtt_us <= RTT_TOO_LONG_US)
                return true;
        if (now_us - s->probe_us < PROBE_US)
                return false;
        s->probe_us = now_us;
        return true;
}

static void ask_source(struct rtcp_session *s, struct rtp_source *source, uint64_t now_us)
{
        uint16_t seqs[RTP_SOURCE_MISSING_MAX];
        size_t n = rtp_source_due(source, now_us, s->stats.rtt_us, seqs);
        struct compound c;

        if (n == 0)
                return;
        begin(&c);
        rtcp_put_rr(&c.b, s->ssrc, NULL, 0); /* a compound begins with a report (RFC 3550 6.1) */
        rtcp_put_cname(&c.b, s->ssrc, s->cname);
        rtcp_put_nack(&c.b, s->ssrc, source->ssrc, seqs, n);
        emit(s, &c);
        s->stats.nacks_sent += n;
}

static void ask(struct rtcp_session *s, uint64_t now_us)
{
        bool may = may_ask(s, now_us);
        struct rtp_source *source;

        s->nack_us = LOOP_NEVER;
        list_for_each (source, &s->sources, link) {
                if (source->n_missing == 0)
                        continue;
                if (may)
                        ask_source(s, source, now_us);
                else
                        rtp_source_give_up(source);
                if (rtp_source_next_us(source) < s->nack_us)
                        s->nack_us = rtp_source_next_us(source);
        }
}

void rtcp_session_timeout(struct rtcp_session *s, uint64_t now_us)
{
        if (now_us >= s->nack_us)
                ask(s, now_us);
        if (now_us >= s->report_us)
                report(s, now_us);
}

void rtcp_session_bye(struct rtcp_session *s, uint64_t now_us)
{
        struct compound c;

        begin(&c);
        put_report(s, &c.b, now_us);
        rtcp_put_bye(&c.b, &s->ssrc, 1);
        emit(s, &c);
}

void rtcp_session_get_stats(const struct rtcp_session *s, struct rtcp_session_stats *ret)
{
        *ret = s->stats;
}
