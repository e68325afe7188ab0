/* jbuf.h - adaptive jitter buffer: packets in as they arrive, stretches of sound out as the device needs them.
 *
 * A pure object: no clock, no codec, no I/O; the same calls give the same results to the bit. It holds at most
 * JBUF_PACKETS_MAX packets, JBUF_BYTES_MAX bytes and JBUF_SPAN_SAMPLES of sound; who sends more loses the oldest.
 *
 * Every packet has a *transit*: arrival time minus RTP time. The smallest of the last seconds is the base (it follows
 * the skew of the two clocks); what a packet took more than that is its delay. Delays are counted in a histogram that
 * forgets, and the target is what of it is worth waiting for plus the margin the reader needs. A packet is *due* at
 * RTP time + base + target. How far sound leaves after that is reported as excess_us: whoever plays corrects his rate
 * by it (drift.h). What packets did not wait for is no excess: after a step of the line up nothing is played faster.
 * Silence needs no correction: the next spurt simply begins when it is due.
 *
 * What is late by little plays all the same: the sound before it is drawn out for up to 10 ms (JBUF_GET_DRAW).
 *
 * The caller is the one thread that owns the object. jbuf_new() alone fails (-ENOMEM).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { JBUF_PACKETS_MAX = 128, JBUF_BYTES_MAX = 48 * 1024, JBUF_SPAN_SAMPLES = 48000 };

struct jbuf_packet {
        uint16_t seq;
        uint32_t timestamp;     /* 48 kHz */
        uint32_t samples;       /* duration */
        bool marker;            /* first of a talk spurt: a gap before it was silence */
        bool dtx;               /* no sound inside: silence follows */
        bool fec;               /* carries a copy of the packet before it */
        bool copy;              /* of an earlier packet, come with another one (RFC 2198) */
        const uint8_t *payload; /* borrowed */
        size_t len;
        uint64_t arrival_us;
};

enum jbuf_put {
        JBUF_PUT_OK,
        JBUF_PUT_DUPLICATE,
        JBUF_PUT_LATE, /* its place was played already, or it fits nowhere (first packet of a jump, no memory) */
};

enum jbuf_get {
        JBUF_GET_FRAME, /* decode the payload */
        JBUF_GET_FEC,   /* decode the copy of the lost frame in the payload, which stays in the buffer */
        JBUF_GET_DRAW,  /* nothing is there yet: draw out what was played last (stretch.h), and tell how much it was */
        JBUF_GET_CONCEAL, /* a packet is missing: make something up */
        JBUF_GET_SILENCE, /* the sender is silent (DTX): comfort noise, or nothing */
        JBUF_GET_WAIT     /* nothing to play; ask again when something has come or a period later */
};

struct jbuf_out {
        uint32_t samples;       /* how long the stretch is; 0 for WAIT */
        const uint8_t *payload; /* FRAME, FEC: borrowed until the next call on the buffer */
        size_t len;
        bool dtx;          /* FRAME: as it was put */
        bool resumed;      /* FRAME: nothing contiguous came before it */
        int64_t excess_us; /* FRAME: later (earlier: negative) than it should leave, as far as packets are there. WAIT,
                            * SILENCE: negative, if a packet is there that is due so much later */
        uint64_t stay_us;  /* FRAME: since its arrival */
        uint32_t replaced; /* FRAME, WAIT, SILENCE: what was drawn out and now stands for a packet that never came */
};

/* Whether anything is gained by asking for the next stretch at the last moment. */
enum jbuf_next {
        JBUF_NEXT_NONE,  /* there is nothing to play; a packet would change that */
        JBUF_NEXT_LATER, /* what comes next is not there yet, or not due yet */
        JBUF_NEXT_FRAME  /* it is there: it can as well be taken now */
};

struct jbuf_stats {
        uint64_t received;        /* without duplicates and copies */
        uint64_t lost;            /* expected by sequence number and not received (so far) */
        uint64_t late, duplicate, /* copies do not count here */
                discarded;        /* discarded: thrown away unplayed for want of room or for being too old */
        uint32_t jitter_us;       /* RFC 3550 6.4.1 */
        uint32_t target_us;
};

struct jbuf;

int jbuf_new(struct jbuf **ret);
struct jbuf *jbuf_free(struct jbuf *j);
/* How long before a frame sounds the reader takes it, at most; part of the target. */
void jbuf_set_margin(struct jbuf *j, uint32_t us);
enum jbuf_put jbuf_put(struct jbuf *j, const struct jbuf_packet *p); /* copies the payload */
enum jbuf_next jbuf_next(struct jbuf *j);
/* The next stretch; it will sound when `queued` samples have been played from now on. */
enum jbuf_get jbuf_get(struct jbuf *j, uint64_t now_us, uint32_t queued, struct jbuf_out *ret);
void jbuf_drawn(struct jbuf *j, uint32_t samples); /* after JBUF_GET_DRAW */
uint32_t jbuf_target_us(const struct jbuf *j);     /* how long after its fastest arrival a frame is to sound */
void jbuf_clear(struct jbuf *j);                   /* drops the packets; what was learnt about the line stays */
void jbuf_get_stats(const struct jbuf *j, struct jbuf_stats *ret);

DEFINE_CLEANUP(struct jbuf *, jbuf_free)
