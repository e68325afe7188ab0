/* quality.h - how good a connection is: figures of the last two seconds from counters, and the grade they deserve.
 *
 * A stream is followed by looking at its counters now and then; each look gives the figures since the one before. Loss
 * is what the network lost, also where a retransmission repaired it. Grades are those of the original API. Pure; any
 * thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

enum quality_grade {
        QUALITY_UNKNOWN,
        QUALITY_EXCELLENT,
        QUALITY_GOOD,
        QUALITY_POOR,
        QUALITY_BAD,
        QUALITY_VERY_BAD,
        QUALITY_DOWN,
        _QUALITY_MAX
};

struct quality_counters {         /* since the stream began */
        uint64_t expected, bytes; /* packets: that were sent, or should have come */
        int64_t lost;             /* of these; duplicates make the far end's count go down */
        uint64_t reports; /* what the far end said about what we send; 0 throughout: it never does, or we receive */
};

struct quality_stream { /* zeroed: never looked at */
        struct quality_counters before;
        bool seen;
        unsigned silent; /* looks in a row with something sent and no report */
};

struct quality_figures {
        bool known; /* something was sent, or should have come */
        bool down;  /* the far end, which used to report, does not any more */
        uint64_t expected, lost;
        uint32_t bitrate; /* bit/s of payload */
};

/* us: since the look before. Counters that went back are another stream's: nothing is known of the first interval. */
void quality_look(struct quality_stream *s, const struct quality_counters *now, uint64_t us,
                  struct quality_figures *ret);
double quality_loss_rate(const struct quality_figures *f); /* 0–1 */
/* The worst of what loss, round trip and jitter deserve each; 0 µs: not known. */
enum quality_grade quality_grade(const struct quality_figures *f, uint32_t rtt_us, uint32_t jitter_us);
/* What the server says of a connection. Who is not muted and still sends nothing (push-to-talk, between two spurts)
 * has a bad line in its eyes: of him only good news count. */
enum quality_grade quality_said(enum engine_quality said, bool sends_nothing);
