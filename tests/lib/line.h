/* line.h - a bad line: when each packet arrives, and whether, by a trace and a seed.
 *
 * A trace is a text of lines, `#` begins a comment:
 *
 *     at SECONDS KEY VALUE [KEY VALUE …]    from then on; what is not named stays
 *     again SECONDS                         after so long it begins anew
 *
 *     delay MS        constant part                   duplicate PERCENT
 *     jitter MS       mean of an exponential part     reorder PERCENT  come late by `late`
 *     uniform MS      or one uniform in 0 … MS        late MS
 *     loss PERCENT    of the packets                  rate KBPS        a queue with this outlet, 0: none …
 *     burst PACKETS   mean length of a loss           queue MS         … that holds so much
 *     stall MS        nothing comes for so long …     drift PPM        the sender's clock is so much too slow
 *     every MS        … this often                    order 0|1        nobody is overtaken (reorder excepted)
 *     talk MS         who sends talks for about       pause MS         … and is silent for about so long: not the
 *                     so long at a time …                              line's doing, but the sender's (line_talk)
 *
 * Equal trace, seed and packets give equal results. No clock: time is a parameter and only grows. The same traces
 * drive simulations in virtual time and the real line of tools/bad-line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { LINE_COPIES_MAX = 2, LINE_STEPS_MAX = 64 };

struct line;

/* -EINVAL: ret_line_number says where the trace is wrong. */
int line_new(const char *trace, uint64_t seed, struct line **ret, unsigned *ret_line_number);
struct line *line_free(struct line *l);
DEFINE_CLEANUP(struct line *, line_free)

/* How long a sender on this trace talks and pauses, on the average. False: he never pauses. */
bool line_talk(const struct line *l, uint32_t *ret_talk_ms, uint32_t *ret_pause_ms);
/* What becomes of a packet sent now: how many copies arrive, and when. `impaired` false: it suffers the delay only,
 * and takes nothing from the random sequence (signalling, whose own repair would hide what is being measured). */
unsigned line_pass(struct line *l, uint64_t now_us, size_t bytes, bool impaired, uint64_t ret_due_us[LINE_COPIES_MAX]);
