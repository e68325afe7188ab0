/* vloop.h - a struct loop in virtual time: tests own the clock, nothing sleeps.
 *
 * Descriptors are polled (poll(2) with timeout 0) between timers. vloop_run_for() fires every timer that falls due in
 * order, each at its own time; a timer set for the past fires in the next turn.
 */
#pragma once

#include "base/loop.h"

struct loop *vloop_new(uint64_t start_us);       /* NULL, and -ENOMEM from adding a source: only under TEST_OOM */
struct loop *vloop_free(struct loop *l);         /* asserts that every source was removed */
void vloop_turn(struct loop *l);                 /* one turn: ready descriptors, then due timers */
void vloop_run_for(struct loop *l, uint64_t us); /* virtual time passes */
/* Turns (and 1 ms sleeps of real time, at most real_ms in all) until *flag: for work on real threads. False: not in
 * time. */
bool vloop_run_until(struct loop *l, const bool *flag, unsigned real_ms);
