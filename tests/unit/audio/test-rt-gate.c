/* test-rt-gate.c - what lies behind the gate may go once it is shut. The race itself is TSan's to see (label threads).
 */
#include <pthread.h>

#include "audio/rt-gate.h"
#include "lib/test.h"

struct shared {
        struct rt_gate gate;
        int *behind; /* plain on purpose: only the gate orders the two threads */
        _Atomic unsigned entered;
        _Atomic bool done;
};

static void *rt(void *ctx)
{
        struct shared *s = ctx;

        while (!s->done)
                if (rt_gate_enter_rt(&s->gate)) {
                        (*s->behind)++;
                        s->entered++;
                        rt_gate_leave_rt(&s->gate);
                }
        return NULL;
}

TEST(nobody_is_in_once_it_is_shut)
{
        for (int i = 0; i < 50; i++) {
                struct shared s = { .behind = calloc(1, sizeof(int)) };
                pthread_t t;

                ASSERT(s.behind);
                ASSERT_EQ(pthread_create(&t, NULL, rt, &s), 0);
                while (s.entered < 10)
                        ;
                rt_gate_shut(&s.gate);
                ASSERT_EQ(*s.behind, s.entered);
                free(s.behind);
                s.behind = NULL; /* who comes in now crashes */
                s.done = true;
                pthread_join(t, NULL);
                ASSERT(!rt_gate_enter_rt(&s.gate));
        }
}

TEST(who_has_left_may_come_in_again)
{
        struct rt_gate g = { 0 };

        ASSERT(rt_gate_enter_rt(&g));
        rt_gate_leave_rt(&g);
        ASSERT(rt_gate_enter_rt(&g));
        rt_gate_leave_rt(&g);
        rt_gate_shut(&g);
        ASSERT(!rt_gate_enter_rt(&g));
}
