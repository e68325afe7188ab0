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
                ASSERT_EQ(capture_gate_pass(&g, 0, frames, 4), mask == GATE_ALL);
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

/* Shut and opened again between a look and the pass: nobody knows when the samples were taken. */
TEST(what_was_taken_around_a_closing_passes_no_more)
{
        struct capture_gate g = { .conditions = GATE_ALL };
        float frames[2] = { 1, 1 };
        uint32_t closings;

        ASSERT(capture_gate_look(&g, &closings));
        ASSERT(capture_gate_pass(&g, closings, frames, 2));
        capture_gate_set(&g, GATE_CONSENT, false);
        capture_gate_set(&g, GATE_CONSENT, true);
        ASSERT(!capture_gate_pass(&g, closings, frames, 2));
        ASSERT_NEAR(frames[0], 0, 0);
        ASSERT(capture_gate_look(&g, &closings));
        ASSERT(capture_gate_pass(&g, closings, frames, 2));
}

TEST(shutting_is_one_closing_and_none_when_shut)
{
        struct capture_gate g = { .conditions = GATE_ALL };

        capture_gate_shut(&g);
        ASSERT_EQ(g.conditions, 0);
        capture_gate_shut(&g);
        ASSERT_EQ(g.closings, 1);
}

TEST(mode_and_key_go_together)
{
        struct capture_gate g = { 0 };
        bool talking = true;

        ASSERT_EQ(capture_gate_transmit(&g, &talking), TRANSMIT_CONTINUOUS);
        ASSERT(!talking);
        capture_gate_set_transmit(&g, TRANSMIT_PUSH_TO_TALK, true);
        ASSERT_EQ(capture_gate_transmit(&g, &talking), TRANSMIT_PUSH_TO_TALK);
        ASSERT(talking);
}
