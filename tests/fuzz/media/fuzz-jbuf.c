/* fuzz-jbuf - any packets in any order at any time, asked for by a reader that is as fast as it likes. What comes out
 * is in order, nothing twice, and within bounds. Records of the input: flags, seq step (2), timestamp step (4),
 * length, time (2).
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "media/jbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COPY = 1, MARKER = 2, DTX = 4, FEC = 8, FAR = 16, ASK = 32 };

struct session {
        struct jbuf *jbuf;
        uint64_t now_us;
        uint32_t timestamp, put, taken; /* number that the last packet carries, and the last one that came out */
        uint16_t seq;
        uint64_t frames;
};

static void must(bool holds)
{
        if (!holds)
                abort();
}

/* A packet's payload is its number: none comes out twice. */
static void check_frame(struct session *s, const struct jbuf_out *o)
{
        uint32_t number;

        must(o->len >= sizeof(number));
        memcpy(&number, o->payload, sizeof(number));
        must(number > 0 && number <= s->put && number != s->taken);
        s->taken = number;
        s->frames++;
        must(s->frames <= s->put && o->stay_us <= s->now_us);
}

static void ask(struct session *s, uint32_t queued)
{
        uint32_t drawn = 0, made_up = 0;

        for (int i = 0; i < 8000; i++) {
                struct jbuf_out o;
                enum jbuf_get what = jbuf_get(s->jbuf, s->now_us, queued, &o);

                must(o.replaced <= 1100);
                if (what == JBUF_GET_WAIT || what == JBUF_GET_SILENCE)
                        return;
                must(o.samples > 0 && o.samples <= 5760);
                drawn = what == JBUF_GET_DRAW ? drawn + 600 : 0;
                made_up = what == JBUF_GET_CONCEAL ? made_up + o.samples : 0;
                must(drawn <= 600 && made_up <= 2 * 5760);
                if (what == JBUF_GET_DRAW)
                        jbuf_drawn(s->jbuf, 600);
                if (what == JBUF_GET_FRAME)
                        check_frame(s, &o);
        }
        abort(); /* more than it can hold */
}

static void one_packet(struct session *s, struct rbuf *b)
{
        static const uint32_t lengths[] = { 120, 240, 480, 960, 1920, 2880, 5760 };
        uint8_t flags = rbuf_u8(b), payload[64] = { 0 };
        uint16_t seq = rbuf_be16(b), time = 0;
        uint32_t timestamp = rbuf_be32(b);
        uint8_t len = rbuf_u8(b);

        time = rbuf_be16(b);
        if (!b->ok)
                return;
        s->seq = (uint16_t)(s->seq + (flags & FAR ? seq : seq % 4));
        s->timestamp += flags & FAR ? timestamp : seq % 4 * 960u;
        s->now_us += (uint64_t)time * (flags & FAR ? 500 : 5);
        s->put++;
        memcpy(payload, &s->put, sizeof(s->put));
        (void)jbuf_put(s->jbuf, &(struct jbuf_packet){ .seq = s->seq,
                                                       .timestamp = s->timestamp,
                                                       .samples = lengths[len % 7],
                                                       .marker = flags & MARKER,
                                                       .dtx = flags & DTX,
                                                       .fec = flags & FEC,
                                                       .copy = flags & COPY,
                                                       .payload = payload,
                                                       .len = 4 + len % 60,
                                                       .arrival_us = s->now_us });
        if (flags & ASK)
                ask(s, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct session s = { .now_us = 1000000, .seq = 65000 };
        struct rbuf b = rbuf_init(data, size);
        struct jbuf_stats stats;

        if (size > 8192 || jbuf_new(&s.jbuf) < 0)
                return 0;
        jbuf_set_margin(s.jbuf, 5333);
        while (rbuf_left(&b) > 0 && b.ok)
                one_packet(&s, &b);
        for (int i = 0; i < 100; i++, s.now_us += 20000)
                ask(&s, 0);
        jbuf_get_stats(s.jbuf, &stats);
        must(stats.received <= s.put && stats.target_us < 2000000);
        jbuf_free(s.jbuf);
        return 0;
}
