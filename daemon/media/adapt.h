/* adapt.h - what a sender makes of its network: how much repair goes along, how many bits, and how long the frames
 * are.
 *
 * From receiver reports (RFC 3550 6.4), about one a second, a plan is made:
 *
 * Repair. A loss is believed at once when it is worse than before and slowly when it is better (an eighth of it, at
 * least one percent, each time): a second without any says little about the next. Where redundant audio (RFC 2198) is
 * taken there is always one copy: reports are the server's, of the way to it; what its listeners lose it keeps to
 * itself. From 5 % on there are two, spaced by the length of the bursts: right behind each other for single losses, up
 * to four packets back for long ones, which costs the receiver delay and no bits. Copies inside frames (Opus in-band
 * FEC) go along where there are no others, and beside the others from 10 % on.
 *
 * Bits. Loss alone is no reason for fewer: radio loses at any rate. A round trip that grows by 100 ms over its floor,
 * twice in a row, or a loss of 30 % and more, means a queue or a policer on the way: what is sent shrinks to 70 %, and
 * grows by 8 % a report where the round trip is down again. Within what is left copies go first, then frames become
 * longer (a header of 58 bytes costs 23 kbit/s at 20 ms and 8 at 60), then the voice gets fewer bits.
 *
 * Pure: no clock, no allocation; the caller's memory and thread; no errors.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct adapt_report {
        uint8_t loss_percent;
        uint32_t rtt_us; /* 0: not known */
        double burst;    /* mean length of a loss, in packets; 0: not known */
};

/* Distances of copies, in packets, the nearest first; 0: none. */
struct adapt_copies {
        uint8_t back[2];
};

struct adapt_plan {
        uint32_t bitrate;    /* of Opus, bit/s */
        uint32_t frame_ms;   /* 10, 20, 40, 60; never shorter than configured */
        uint8_t fec_percent; /* the loss that Opus is to protect against; 0: no copies inside frames */
        struct adapt_copies copies;
};

struct adapt {
        uint32_t bitrate, frame_ms; /* as configured */
        bool fec, redundant;        /* what the receiver takes */
        uint8_t loss_percent;
        double burst;
        uint32_t floor_rtt_us; /* 0: not known */
        bool slow;             /* the round trip was too long in the report before */
        uint32_t allowance;    /* bit/s on the wire */
};

void adapt_init(struct adapt *a, uint32_t bitrate, uint32_t frame_ms);
void adapt_format(struct adapt *a, bool fec, bool redundant);
void adapt_report(struct adapt *a, const struct adapt_report *r);
void adapt_get_plan(const struct adapt *a, struct adapt_plan *ret);
