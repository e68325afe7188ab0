/* Unit tests of media/gate. */
#include "media/gate.h"

#include "lib/test.h"

TEST(opens_only_with_every_condition)
{
        for (uint32_t mask = 0; mask <= GATE_ALL; mask++) {
                struct capture_gate g = { 0 };
                float frames[4] = { 1, 2, 3, 4 };

                for (uint32_t c = 1; c <= GATE_ALL; c <<= 1)
                        capture_gate_set(&g, (enum gate_condition)c, mask & c);
                ASSERT_EQ(capture_gate_is_open(&g), mask == GATE_ALL);
                ASSERT_EQ(capture_gate_pass(&g, frames, 4), mask == GATE_ALL);
                for (int i = 0; i < 4; i++)
                        ASSERT_NEAR(frames[i], mask == GATE_ALL ? i + 1 : 0, 0);
        }
}

TEST(each_withdrawal_is_counted_once)
{
        struct capture_gate g = { .conditions = GATE_ALL };

        capture_gate_set(&g, GATE_UNMUTED, true);
        ASSERT_EQ(g.closings, 0);
        capture_gate_set(&g, GATE_UNMUTED, false);
        capture_gate_set(&g, GATE_UNMUTED, false);
        ASSERT_EQ(g.closings, 1);
        capture_gate_set(&g, GATE_UNMUTED, true);
        capture_gate_set(&g, GATE_CONSENT, false);
        ASSERT_EQ(g.closings, 2);
}
