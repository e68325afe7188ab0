/* rt-gate.h - lets the control thread shut the RT thread out of something for good.
 *
 * RT never waits: it either gets in, or the gate is shut and stays so. Control waits, for no longer than one period's
 * work; after rt_gate_shut() RT is out, will not come in again, and everything it did is visible.
 */
#pragma once

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

struct rt_gate {
        _Atomic bool taken; /* by RT while it is in, by control for ever */
};

static inline bool rt_gate_enter_rt(struct rt_gate *g)
{
        return !atomic_exchange_explicit(&g->taken, true, memory_order_acquire);
}

static inline void rt_gate_leave_rt(struct rt_gate *g)
{
        atomic_store_explicit(&g->taken, false, memory_order_release);
}

static inline void rt_gate_shut(struct rt_gate *g) /* once */
{
        while (atomic_exchange_explicit(&g->taken, true, memory_order_acquire))
                sched_yield();
}
