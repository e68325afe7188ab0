/* test-room-fsm.c - the table of the room: the life of a room, and rules that hold over every cell of it. */
#include "app/room-fsm.h"

#include "lib/test.h"

static enum room_state after(enum room_state from, enum room_event e, uint32_t *ret_actions)
{
        struct room_step step = { from, 0 };

        (void)room_fsm_step(from, e, &step);
        *ret_actions = step.actions;
        return step.next;
}

TEST(a_life)
{
        static const struct {
                enum room_event e;
                enum room_state next;
        } life[] = {
                { ROOM_LEAVE, ROOM_STATE_IDLE },    { ROOM_JOIN, ROOM_STATE_JOINING },
                { ROOM_LOST, ROOM_STATE_JOINING },  { ROOM_JOIN_OK, ROOM_STATE_JOINED },
                { ROOM_JOIN, ROOM_STATE_JOINED },   { ROOM_LOST, ROOM_STATE_RECONNECTING },
                { ROOM_BACK, ROOM_STATE_JOINED },   { ROOM_LEAVE, ROOM_STATE_LEAVING },
                { ROOM_ENDED, ROOM_STATE_LEAVING }, { ROOM_JOIN_OK, ROOM_STATE_LEAVING },
                { ROOM_LEFT, ROOM_STATE_IDLE },
        };
        enum room_state s = ROOM_STATE_IDLE;
        uint32_t actions;

        for (size_t i = 0; i < ARRAY_SIZE(life); i++) {
                s = after(s, life[i].e, &actions);
                ASSERT_EQ(s, life[i].next);
        }
}

TEST(every_way_to_idle_frees_the_engine_and_the_room)
{
        for (int s = 0; s < _ROOM_STATE_MAX; s++)
                for (int e = 0; e < _ROOM_EVENT_MAX; e++) {
                        struct room_step step;

                        if (!room_fsm_step((enum room_state)s, (enum room_event)e, &step))
                                continue;
                        ASSERT_EQ(step.next == ROOM_STATE_IDLE, (step.actions & ROOM_DO_DROP) != 0);
                        ASSERT_EQ(step.next == ROOM_STATE_IDLE, (step.actions & ROOM_DO_VACATE) != 0);
                        ASSERT_NE(step.next, s);
                        ASSERT_NE(step.next, ROOM_STATE_DESTROYED);
                }
}

TEST(whoever_was_in_the_room_is_closed_on_the_way_out)
{
        static const enum room_state in[] = { ROOM_STATE_JOINED, ROOM_STATE_RECONNECTING };
        struct room_step step;

        for (size_t i = 0; i < ARRAY_SIZE(in); i++)
                for (int e = 0; e < _ROOM_EVENT_MAX; e++)
                        if (room_fsm_step(in[i], (enum room_event)e, &step) && step.next != ROOM_STATE_JOINED &&
                            step.next != ROOM_STATE_RECONNECTING)
                                ASSERT(step.actions & ROOM_DO_CLOSE);
}

TEST(everything_has_a_word)
{
        for (int s = 0; s < _ROOM_STATE_MAX; s++)
                ASSERT(room_state_to_string((enum room_state)s)[0]);
        for (int e = 0; e < _ROOM_EVENT_MAX; e++)
                ASSERT(room_event_to_string((enum room_event)e)[0]);
        ASSERT_STR(room_state_to_string(ROOM_STATE_DESTROYED), "destroyed");
}
