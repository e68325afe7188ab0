/* jbuf.c - see jbuf.h.
 *
 * Sequence numbers and timestamps are unwrapped to 64 bits against the highest seen. Packets lie in a ring of slots by
 * sequence number; `low` is the lowest that may be occupied. The reader has a position (next_ts). A missing packet is
 * concealed in one of two ways. If a later one is there, its place is filled and the position moves on. If the buffer
 * is empty nobody knows yet whether the packet is lost or late: the sound is drawn out and then made up (`filled`)
 * while the position stays, so that a packet that was only late still plays, with more delay from then on; if it was
 * lost, what was drawn out and made up counts for the gap and the delay stays as it was. Drawing out leaves the
 * decoder alone: for a packet that comes meanwhile, or its copy in the one behind it, nothing has happened.
 */
#include "media/jbuf.h"

#include <errno.h>
#include <string.h>

#include "media/delay.h"

enum {
        STEP = 120,               /* stretches that are made up are multiples of 2.5 ms */
        FILL = 480,               /* how much at a time while it is not known what comes */
        FILL_MAX = 5760,          /* then the sound stops */
        DRAW_MAX = 480,           /* nothing is drawn out beyond that */
        SILENCE_MAX_US = 1000000, /* DTX refreshes about every 400 ms; without that it is not silence but an end */
        EXCESS_MAX_US = 200000,   /* more than this too late is not caught up with but thrown away */
        AHEAD_MAX_US = 10000000,
        WAITS = 8,          /* packets whose least wait counts, and as many before them */
        PRE_ROLL = 2880,    /* samples of a talk spurt that its sender may have kept until it was sure of it */
        DROPOUT_MAX = 3000, /* RFC 3550 A.1: a larger jump of sequence numbers must be confirmed by a second packet */
        LOSS_ONE = 65536,
        LOSS_NOTED = LOSS_ONE / 64,
        LOSS_WORTH_FEC =
                LOSS_ONE / 50, /* from this share of lost packets on it pays to wait for the copy in the next … */
        LOSS_NO_DELAY = LOSS_ONE / 100 /* … and to this one what is missing is late rather than lost */
};

struct slot {
        uint8_t *payload; /* owned; NULL: free */
        int64_t seq, ts;
        struct jbuf_packet p; /* its payload is not used */
};

struct jbuf {
        struct delay delay;
        struct slot slots[JBUF_PACKETS_MAX]; /* by sequence number */
        uint32_t count;
        size_t bytes;
        uint8_t *lent; /* owned: the payload the last get gave out */
        bool started;  /* a packet has come since the beginning or the last restart */
        int64_t highest, highest_ts, low;
        int64_t spurt_ts;   /* of the last packet with a marker */
        uint64_t seen;      /* of the 64 numbers up to highest: bit 0 is highest */
        uint64_t copied;    /* likewise: seen as a copy only */
        uint16_t jump_next; /* what would confirm a jump */
        bool jumped;
        /* the reader */
        bool placed; /* next_ts and last_seq are valid */
        bool playing;
        bool silent; /* not playing, because the sender is silent */
        int64_t next_ts, last_seq;
        uint32_t filled;    /* samples drawn out or made up at next_ts without moving it */
        uint32_t drawn;     /* the former of them */
        int64_t wait_us[2]; /* the least that packets waited beyond the margin: the last 8, and up to 8 before */
        uint32_t waits;
        uint32_t last_samples;
        uint32_t loss; /* share of lost packets of late, of LOSS_ONE */
        bool fec;      /* the last packet carried a copy */
        uint32_t margin_us;
        uint64_t expected;
        struct jbuf_stats stats;
};

int jbuf_new(struct jbuf **ret)
{
        struct jbuf *j = calloc(1, sizeof(*j));

        if (!j)
                return -ENOMEM;
        delay_init(&j->delay);
        *ret = j;
        return 0;
}

struct jbuf *jbuf_free(struct jbuf *j)
{
        if (!j)
                return NULL;
        jbuf_clear(j);
        free(j);
        return NULL;
}

void jbuf_set_margin(struct jbuf *j, uint32_t us)
{
        j->margin_us = us;
}

static struct slot *slot_of(struct jbuf *j, int64_t seq)
{
        return &j->slots[(uint64_t)seq % JBUF_PACKETS_MAX];
}

/* Takes a packet out; its payload is the caller's. */
static uint8_t *take(struct jbuf *j, struct slot *s)
{
        j->count--;
        j->bytes -= s->p.len;
        return take_ptr(s->payload);
}

static void discard(struct jbuf *j, struct slot *s)
{
        free(take(j, s));
        j->stats.discarded++;
}

static struct slot *first(struct jbuf *j)
{
        if (j->count == 0)
                return NULL;
        while (!slot_of(j, j->low)->payload)
                j->low++;
        return slot_of(j, j->low);
}

static void drop_packets(struct jbuf *j)
{
        struct slot *s;

        while ((s = first(j)))
                free(take(j, s));
        free(j->lent);
        j->lent = NULL;
}

void jbuf_clear(struct jbuf *j)
{
        drop_packets(j);
        j->placed = j->playing = j->silent = false;
        j->filled = j->drawn = 0;
}

uint32_t jbuf_target_us(const struct jbuf *j)
{
        uint32_t wait_us = j->fec && j->loss >= LOSS_WORTH_FEC ? j->last_samples * 125 / 6 : 0;

        return delay_target_us(&j->delay) + j->margin_us + wait_us;
}

/* ---- putting ---- */

/* A stream begins, or begins anew: nothing that came before says where this packet belongs. */
static void begin(struct jbuf *j, const struct jbuf_packet *p)
{
        jbuf_clear(j);
        delay_restart(&j->delay);
        j->started = true;
        j->jumped = false;
        j->highest = j->low = p->seq;
        j->highest_ts = p->timestamp;
        j->spurt_ts = j->highest_ts - PRE_ROLL;
        j->seen = 1;
        j->copied = 0;
        j->expected++;
}

/* RFC 3550 A.1: one stray packet does not move the window, two in order do. */
static bool is_jump_confirmed(struct jbuf *j, const struct jbuf_packet *p)
{
        bool confirmed = j->jumped && p->seq == j->jump_next;

        j->jumped = true;
        j->jump_next = (uint16_t)(p->seq + 1);
        return confirmed;
}

static void advance(struct jbuf *j, int64_t seq, int64_t ts)
{
        int64_t step = seq - j->highest;

        j->seen = step < 64 ? j->seen << step | 1 : 1;
        j->copied = step < 64 ? j->copied << step : 0;
        j->expected += (uint64_t)step;
        j->highest = seq;
        j->highest_ts = ts;
        j->jumped = false;
}

/* RTP time goes back, or runs ten seconds ahead of the clock: the sender started a new time line. */
static bool is_new_time_line(const struct jbuf *j, int64_t ts, uint64_t arrival_us)
{
        int64_t transit_us = (int64_t)arrival_us - delay_media_us(ts);

        return ts <= j->highest_ts || transit_us < delay_base_us(&j->delay) - AHEAD_MAX_US;
}

/* A packet from before the highest one: reordered, sent twice, or from nowhere. */
static enum jbuf_put place_earlier(struct jbuf *j, int64_t back, int64_t ts)
{
        uint64_t bit = back < 64 ? UINT64_C(1) << back : 0;

        if (!bit || ts >= j->highest_ts)
                return JBUF_PUT_LATE;
        if (j->seen & bit) {
                j->stats.received += (j->copied & bit) != 0; /* it was not lost after all */
                j->copied &= ~bit;
                return JBUF_PUT_DUPLICATE;
        }
        j->seen |= bit;
        return JBUF_PUT_OK;
}

/* False: a neighbour says that this time is not that of this number. */
static bool fits_between(struct jbuf *j, int64_t seq, int64_t ts)
{
        const struct slot *before = slot_of(j, seq - 1), *after = slot_of(j, seq + 1);

        return !(before->payload && before->seq == seq - 1 && before->ts >= ts) &&
               !(after->payload && after->seq == seq + 1 && after->ts <= ts);
}

/* A copy never begins a stream, nor confirms a jump. Its number was found by counting back, which is wrong where its
 * sender had lost packets himself; what does not fit between its neighbours is such a one. */
static enum jbuf_put place_copy(struct jbuf *j, const struct jbuf_packet *p, int64_t *ret_seq, int64_t *ret_ts)
{
        int64_t step = (int16_t)(uint16_t)(p->seq - (uint16_t)j->highest);
        int64_t ts = j->highest_ts + (int32_t)(p->timestamp - (uint32_t)j->highest_ts);

        if (!j->started || step > DROPOUT_MAX || step <= -64)
                return JBUF_PUT_LATE;
        if (step <= 0 && j->seen >> -step & 1)
                return JBUF_PUT_DUPLICATE;
        if (step > 0 ? ts <= j->highest_ts : ts >= j->highest_ts || !fits_between(j, j->highest + step, ts))
                return JBUF_PUT_LATE;
        *ret_seq = j->highest + step;
        *ret_ts = ts;
        if (step > 0) {
                advance(j, *ret_seq, ts);
                step = 0;
        }
        j->seen |= UINT64_C(1) << -step;
        j->copied |= UINT64_C(1) << -step;
        return JBUF_PUT_OK;
}

/* Finds where a packet belongs. */
static enum jbuf_put place(struct jbuf *j, const struct jbuf_packet *p, int64_t *ret_seq, int64_t *ret_ts)
{
        int64_t step = (int16_t)(uint16_t)(p->seq - (uint16_t)j->highest);
        int64_t ts = j->highest_ts + (int32_t)(p->timestamp - (uint32_t)j->highest_ts);
        bool jump = step > DROPOUT_MAX || step < -JBUF_PACKETS_MAX;

        if (j->started && jump && !is_jump_confirmed(j, p))
                return JBUF_PUT_LATE;
        if (j->started && step == 0)
                return JBUF_PUT_DUPLICATE;
        if (j->started && step < 0 && !jump) {
                *ret_seq = j->highest + step;
                *ret_ts = ts;
                return place_earlier(j, -step, ts);
        }
        if (!j->started || jump || is_new_time_line(j, ts, p->arrival_us))
                begin(j, p);
        else
                advance(j, j->highest + step, ts);
        *ret_seq = j->highest;
        *ret_ts = j->highest_ts;
        return JBUF_PUT_OK;
}

static void make_room(struct jbuf *j, int64_t seq, int64_t ts, size_t len)
{
        struct slot *s;

        while ((s = first(j)) &&
               (seq - s->seq >= JBUF_PACKETS_MAX || ts - s->ts > JBUF_SPAN_SAMPLES || j->bytes + len > JBUF_BYTES_MAX))
                discard(j, s);
}

static enum jbuf_put store(struct jbuf *j, const struct jbuf_packet *p, int64_t seq, int64_t ts)
{
        struct slot *s;
        uint8_t *copy;

        make_room(j, seq, ts, p->len);
        s = slot_of(j, seq);
        if (s->payload || p->len > JBUF_BYTES_MAX || !(copy = malloc(p->len ? p->len : 1)))
                return JBUF_PUT_LATE;
        memcpy(copy, p->payload, p->len);
        *s = (struct slot){ .payload = copy, .seq = seq, .ts = ts, .p = *p };
        s->p.payload = NULL;
        if (j->count == 0 || seq < j->low)
                j->low = seq;
        j->count++;
        j->bytes += p->len;
        return JBUF_PUT_OK;
}

static enum jbuf_put put(struct jbuf *j, const struct jbuf_packet *p)
{
        int64_t seq, ts;
        enum jbuf_put where = p->copy ? place_copy(j, p, &seq, &ts) : place(j, p, &seq, &ts);

        if (where != JBUF_PUT_OK)
                return where;
        j->stats.received += !p->copy;
        if (p->marker)
                j->spurt_ts = ts;
        if (p->copy)
                delay_observe_copy(&j->delay, ts, p->arrival_us);
        else
                delay_observe(&j->delay, ts, p->arrival_us, ts >= j->spurt_ts && ts < j->spurt_ts + PRE_ROLL);
        if (j->placed && (seq <= j->last_seq || ts < j->next_ts)) {
                j->loss -= j->loss < LOSS_NOTED ? j->loss : LOSS_NOTED; /* it was taken for lost */
                return JBUF_PUT_LATE;
        }
        return store(j, p, seq, ts);
}

enum jbuf_put jbuf_put(struct jbuf *j, const struct jbuf_packet *p)
{
        enum jbuf_put r = put(j, p);

        if (p->copy)
                return r;
        if (r == JBUF_PUT_LATE)
                j->stats.late++;
        else if (r == JBUF_PUT_DUPLICATE)
                j->stats.duplicate++;
        return r;
}

/* ---- getting ---- */

static int64_t excess_us(const struct jbuf *j, const struct slot *s, uint64_t now_us, uint32_t queued)
{
        int64_t due_us = delay_media_us(s->ts) + delay_base_us(&j->delay) + jbuf_target_us(j);

        return (int64_t)now_us + delay_media_us(queued) - due_us;
}

static void stop(struct jbuf *j, bool silent, struct jbuf_out *ret)
{
        ret->replaced += j->drawn;
        j->playing = false;
        j->silent = silent;
        j->filled = j->drawn = 0;
}

/* After a long stall of the line or of the reader: goes on with what is recent. */
static void drop_outdated(struct jbuf *j, uint64_t now_us, uint32_t queued, struct jbuf_out *ret)
{
        struct slot *s;

        while (j->count > 1 && (s = first(j)) && excess_us(j, s, now_us, queued) > EXCESS_MAX_US) {
                discard(j, s);
                stop(j, j->silent, ret);
        }
}

static bool may_draw(const struct jbuf *j)
{
        return j->filled == j->drawn && j->drawn < DRAW_MAX;
}

static enum jbuf_get draw(const struct jbuf *j, struct jbuf_out *ret)
{
        ret->samples = DRAW_MAX - j->drawn;
        return JBUF_GET_DRAW;
}

/* Made-up sound in place of one packet, or as long as nothing is known. */
static enum jbuf_get fill(struct jbuf *j, uint32_t samples, struct jbuf_out *ret)
{
        if (j->filled >= FILL_MAX) {
                stop(j, false, ret);
                return JBUF_GET_WAIT;
        }
        ret->samples = samples;
        j->filled += samples;
        return JBUF_GET_CONCEAL;
}

/* FILL, or less, so that what is made up ends where a packet would. */
static uint32_t until_next(const struct jbuf *j)
{
        uint32_t left = j->last_samples - j->filled % j->last_samples;

        return left >= FILL ? FILL : left < STEP ? STEP : (left + STEP / 2) / STEP * STEP;
}

static enum jbuf_get get_empty(struct jbuf *j, uint64_t now_us, struct jbuf_out *ret)
{
        if (j->playing && !j->silent) {
                if (may_draw(j))
                        return draw(j, ret);
                return fill(j, until_next(j), ret);
        }
        j->playing = false;
        if (!j->silent || now_us > j->delay.last_arrival_us + SILENCE_MAX_US)
                return JBUF_GET_WAIT;
        ret->samples = FILL;
        return JBUF_GET_SILENCE;
}

void jbuf_drawn(struct jbuf *j, uint32_t samples)
{
        j->drawn += samples;
        j->filled += samples;
}

/* What every packet of late waited for nothing. */
static int64_t idle_us(struct jbuf *j, const struct slot *s, uint64_t now_us, uint32_t queued)
{
        int64_t idle = (int64_t)now_us + delay_media_us(queued) - (int64_t)s->p.arrival_us - j->margin_us;

        if (!j->playing || j->waits == WAITS) {
                j->wait_us[1] = j->playing ? j->wait_us[0] : INT64_MAX;
                j->wait_us[0] = INT64_MAX;
                j->waits = 0;
        }
        j->waits++;
        if (idle < j->wait_us[0])
                j->wait_us[0] = idle;
        idle = j->wait_us[0] < j->wait_us[1] ? j->wait_us[0] : j->wait_us[1];
        return idle > 0 ? idle : 0;
}

/* How much of what was drawn out stands for packets that are missing before this one. */
static uint32_t replaced(const struct jbuf *j, const struct slot *s)
{
        int64_t missing = s->ts - j->next_ts - (j->filled - j->drawn);

        return missing < 0 ? 0 : missing < j->drawn ? (uint32_t)missing : j->drawn;
}

static void note_losses(struct jbuf *j, int64_t seq)
{
        int64_t lost = j->placed ? seq - j->last_seq - 1 : 0;

        for (int64_t i = 0; i < lost && i < 16; i++)
                j->loss += (LOSS_ONE - j->loss) / 64;
        j->loss -= j->loss / 64;
}

static enum jbuf_get get_frame(struct jbuf *j, struct slot *s, uint64_t now_us, uint32_t queued, struct jbuf_out *ret)
{
        int64_t idle = idle_us(j, s, now_us, queued);

        ret->excess_us = excess_us(j, s, now_us, queued);
        if (ret->excess_us > idle)
                ret->excess_us = idle;
        ret->replaced += replaced(j, s);
        ret->stay_us = now_us > s->p.arrival_us ? now_us - s->p.arrival_us : 0;
        ret->samples = s->p.samples;
        ret->len = s->p.len;
        ret->dtx = s->p.dtx;
        ret->resumed = !j->playing;
        note_losses(j, s->seq);
        j->playing = j->placed = true;
        j->silent = s->p.dtx;
        j->fec = s->p.fec;
        j->filled = j->drawn = 0;
        j->last_seq = s->seq;
        j->last_samples = s->p.samples;
        j->next_ts = s->ts + s->p.samples;
        j->low = s->seq + 1;
        ret->payload = j->lent = take(j, s);
        return JBUF_GET_FRAME;
}

/* Not playing, but there is a packet: it begins when it is due. */
static enum jbuf_get get_start(struct jbuf *j, struct slot *s, uint64_t now_us, uint32_t queued, struct jbuf_out *ret)
{
        int64_t early_us = -excess_us(j, s, now_us, queued), samples;

        if (early_us <= 0)
                return get_frame(j, s, now_us, queued, ret);
        ret->excess_us = -early_us;
        if (!j->silent)
                return JBUF_GET_WAIT;
        samples = (early_us * 6 + 124) / 125;
        ret->samples = samples < FILL ? (uint32_t)samples : FILL;
        return JBUF_GET_SILENCE;
}

/* Packets are missing before this one. */
static enum jbuf_get get_gap(struct jbuf *j, const struct slot *s, uint32_t unfilled, struct jbuf_out *ret)
{
        uint32_t missing = unfilled + j->drawn;

        if (may_draw(j) && j->loss < LOSS_NO_DELAY)
                return draw(j, ret);
        if (!s->p.fec || j->filled > j->drawn || missing > 2 * s->p.samples || missing % STEP != 0)
                return fill(j, unfilled < 2 * FILL ? (unfilled + STEP / 2) / STEP * STEP : 2 * FILL, ret);
        ret->samples = missing;
        ret->payload = s->payload;
        ret->len = s->p.len;
        j->filled += missing;
        return JBUF_GET_FEC;
}

enum jbuf_next jbuf_next(struct jbuf *j)
{
        const struct slot *s = first(j);

        if (!s && !j->playing)
                return JBUF_NEXT_NONE;
        return s && j->playing && s->ts - j->next_ts - j->filled < STEP / 2 ? JBUF_NEXT_FRAME : JBUF_NEXT_LATER;
}

enum jbuf_get jbuf_get(struct jbuf *j, uint64_t now_us, uint32_t queued, struct jbuf_out *ret)
{
        struct slot *s;
        int64_t gap;

        *ret = (struct jbuf_out){ 0 };
        free(j->lent);
        j->lent = NULL;
        drop_outdated(j, now_us, queued, ret);
        s = first(j);
        if (!s)
                return get_empty(j, now_us, ret);
        if (!j->playing)
                return get_start(j, s, now_us, queued, ret);
        gap = s->ts - j->next_ts - j->filled;
        if (gap < STEP / 2)
                return get_frame(j, s, now_us, queued, ret);
        if (j->silent || s->p.marker || s->seq == j->last_seq + 1) { /* the sender was silent in between */
                stop(j, true, ret);
                return get_start(j, s, now_us, queued, ret);
        }
        if (gap > FILL_MAX) {
                stop(j, false, ret);
                return get_start(j, s, now_us, queued, ret);
        }
        return get_gap(j, s, (uint32_t)gap, ret);
}

void jbuf_get_stats(const struct jbuf *j, struct jbuf_stats *ret)
{
        *ret = j->stats;
        ret->lost = j->expected > j->stats.received ? j->expected - j->stats.received : 0;
        ret->jitter_us = j->delay.jitter_16 / 16;
        ret->target_us = jbuf_target_us(j);
}
