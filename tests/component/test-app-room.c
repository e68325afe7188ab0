/* test-app-room.c - the ways out of a room: exit, destroy, a vanished owner, shutdown, interruption, time. */
#include <errno.h>

#include "fakes/app-rig.h"
#include "lib/test.h"
#include "lib/vloop.h"

static enum room_state state_of(struct context *c)
{
        struct context_view v;

        context_get(c, &v);
        return v.state;
}

static struct context *joining(struct rig *rig)
{
        struct context *c = rig_context(rig, 1);

        rig->script.answer[FAKE_JOIN].hang = true;
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 1);
        (void)rig_take(rig);
        return c;
}

/* ---- exit ---- */

TEST(exit_empties_the_lists_and_is_answered_when_left)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig->script.answer[FAKE_LEAVE].delay_ms = 50;
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        ASSERT_OK(fake_speak(&rig->script, "amy", true));
        rig_turn(rig);
        (void)rig_take(rig);
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        ASSERT_EQ(state_of(c), ROOM_STATE_LEAVING);
        ASSERT_EQ(rig->audio.n_open, 0); /* microphone and speakers at once */
        rig_run_ms(rig, 49);
        ASSERT_STR(rig_take(rig), "room -\nperson- 1 me\nperson- 1 amy\nmembers 1\nspeakers 1\n");
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "done 1 :1.1 #2 exitRtcRoom 0/0 exitRtcRoom:ok\n");
        ASSERT_EQ(state_of(c), ROOM_STATE_IDLE);
        ASSERT(!rig->script.engine);
}

TEST(exit_of_an_idle_context_is_ok_and_touches_nobody)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true), *idle = rig_context(rig, 2);

        (void)rig_take(rig);
        ASSERT_OK(rig_simple(rig, idle, 2, API_EXIT));
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "done 2 :1.2 #2 exitRtcRoom 0/0 exitRtcRoom:ok\n");
        ASSERT_EQ(state_of(c), ROOM_STATE_JOINED);
}

TEST(exit_cancels_a_join)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = joining(rig);

        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "done 1 :1.1 #1 joinRtcRoom 21102/115903F joinRtcRoom:fail room exited\n"
                                  "done 1 :1.1 #2 exitRtcRoom 0/0 exitRtcRoom:ok\n");
        ASSERT_EQ(state_of(c), ROOM_STATE_IDLE);
}

TEST(somebody_else_may_exit_and_is_answered)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        ASSERT_OK(rig_simple(rig, c, 9, API_EXIT));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "done 1 :1.9 #2 exitRtcRoom 0/0 exitRtcRoom:ok"));
}

TEST(two_exits_are_both_answered)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 1);
        ASSERT_EQ(rig->completions[2], 1);
        ASSERT_EQ(rig->completions[3], 1);
}

TEST(a_server_that_does_not_let_go_is_left_anyway)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig->script.answer[FAKE_LEAVE].hang = true;
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 4999);
        ASSERT_EQ(state_of(c), ROOM_STATE_LEAVING);
        rig_run_ms(rig, 2);
        ASSERT(strstr(rig_take(rig), "exitRtcRoom:ok"));
        ASSERT(!rig->script.engine);
}

TEST(an_engine_that_refuses_to_leave_is_dropped)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig->script.refuse = -EIO;
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "exitRtcRoom:ok"));
        ASSERT_EQ(state_of(c), ROOM_STATE_IDLE);
}

TEST(operations_in_flight_fail_when_the_room_is_left)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig->script.answer[FAKE_PUBLISH].hang = true;
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_STREAM_PUBLISH_STATE, false));
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "");
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig),
                      "changeStreamPublishState 21102/115903F changeStreamPublishState:fail room exited"));
}

TEST(an_operation_that_is_never_answered_times_out)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct engine_result ok = { 0 };

        rig->script.answer[FAKE_PUBLISH].hang = true;
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_STREAM_PUBLISH_STATE, false));
        rig_run_ms(rig, 22000);
        ASSERT_STR(rig_take(rig), "done 1 :1.1 #2 changeStreamPublishState 21102/115903F "
                                  "changeStreamPublishState:fail timed out\n");
        ASSERT_OK(fake_finish(&rig->script, FAKE_PUBLISH, &ok)); /* too late: ignored */
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "");
}

/* ---- destroy ---- */

TEST(destroy_leaves_the_room_and_keeps_the_object)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        ASSERT_OK(rig_simple(rig, c, 1, API_DESTROY));
        ASSERT_EQ(state_of(c), ROOM_STATE_DESTROYED);
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "room -\nperson- 1 me\nmembers 1\ndone 1 :1.1 #2 destroy 0/0 destroy:ok\n");
        ASSERT(manager_find_context(rig->m, 1) == c);
        ASSERT_OK(rig_join(rig, rig_context(rig, 1), 1, "room", "me", true)); /* the room is free */
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "joinRtcRoom:ok"));
}

TEST(destroy_while_joining_fails_the_join)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = joining(rig);

        ASSERT_OK(rig_simple(rig, c, 1, API_DESTROY));
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "done 1 :1.1 #1 joinRtcRoom 115910/115910D joinRtcRoom:fail engine has been "
                                  "destroyed,please invoke tt.createRtcRoomContext create new engine\n"
                                  "done 1 :1.1 #2 destroy 0/0 destroy:ok\n");
}

TEST(four_destroyed_contexts_of_a_client_stay)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c, *other = rig_context(rig, 2);

        ASSERT_OK(rig_simple(rig, other, 2, API_DESTROY));
        for (int i = 0; i < 5; i++) {
                c = rig_context(rig, 1);
                rig_turn(rig);
                (void)rig_take(rig);
                ASSERT_OK(rig_simple(rig, c, 1, API_DESTROY));
                rig_turn(rig);
        }
        ASSERT(strstr(rig_take(rig), "context- 2\n")); /* the oldest of this client, not of the other */
        ASSERT(!manager_find_context(rig->m, 2));
        ASSERT(manager_find_context(rig->m, 1));
        ASSERT(manager_find_context(rig->m, 3));
}

/* ---- a vanished owner ---- */

TEST(a_vanished_owner_leaves_the_room_and_hears_nothing)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig->script.answer[FAKE_LEAVE].delay_ms = 10;
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        manager_owner_gone(rig->m, ":1.1");
        rig_run_ms(rig, 5);
        ASSERT_STR(rig_take(rig), "room -\nperson- 1 me\ncontext- 1\n");
        ASSERT_OK(rig_join(rig, rig_context(rig, 2), 2, "room", "you", true));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "21100/115901D joinRtcRoom:fail user me is already in the room room"));
        rig_run_ms(rig, 10);
        ASSERT_OK(rig_join(rig, manager_first_context(rig->m), 2, "room", "you", true));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "joinRtcRoom:ok"));
}

TEST(an_owner_that_vanishes_while_joining_hears_nothing)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();

        (void)joining(rig);
        manager_owner_gone(rig->m, ":1.1");
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "context- 1\n");
        ASSERT(!rig->script.engine);
}

TEST(a_stranger_is_answered_when_the_owner_vanishes)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig->script.answer[FAKE_LEAVE].hang = true;
        ASSERT_OK(rig_simple(rig, c, 9, API_EXIT));
        manager_owner_gone(rig->m, ":1.1");
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "done 1 :1.9 #2 exitRtcRoom 0/0 exitRtcRoom:ok\ncontext- 1\n"));
}

/* ---- shutdown ---- */

TEST(stop_completes_everything_and_leaves)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = joining(rig);

        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_AUDIO_CAPTURE, true));
        manager_stop(rig->m);
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig->trace, "#1 joinRtcRoom 115910/115910D"));
        ASSERT_STR(rig->trace + rig->len - strlen("stopped\n"), "stopped\n");
        ASSERT_EQ(rig_simple(rig, c, 1, API_EXIT), 3);
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "#3 exitRtcRoom 115910/115910D"));
        ASSERT_EQ(rig->stopped, 1);
        ASSERT_EQ(rig_create(rig, 1, &c), CREATE_LIMITS_EXCEEDED);
}

TEST(stop_takes_no_longer_than_a_second_and_a_half)
{
        for (int leaving = 0; leaving < 2; leaving++) {
                _cleanup_(rig_freep) struct rig *rig = rig_make();
                struct context *c = rig_joined(rig, true);

                rig->script.answer[FAKE_LEAVE].hang = true;
                if (leaving)
                        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
                manager_stop(rig->m);
                rig_run_ms(rig, 1500);
                ASSERT_EQ(rig->stopped, 1);
                ASSERT(!rig->script.engine);
        }
}

TEST(stop_of_an_idle_daemon_is_immediate)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();

        manager_stop(rig->m);
        manager_stop(rig->m);
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "stopped\n");
}

/* ---- interruption ---- */

TEST(a_room_that_ends_tells_why)
{
        static const struct {
                enum engine_reason why;
                int code;
                const char *text;
        } cases[] = {
                { ENGINE_DUPLICATE_LOGIN, -1004, "duplicate login" },
                { ENGINE_KICKED, -1006, "kicked" },
                { ENGINE_ROOM_DISMISSED, -1011, "room dismissed" },
                { ENGINE_SERVER_GONE, -1084, "server gone" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(rig_freep) struct rig *rig = rig_make();
                struct context *c = rig_joined(rig, true);
                char expected[256];

                ASSERT_OK(fake_end(&rig->script, cases[i].why));
                rig_run_ms(rig, 1);
                (void)snprintf(expected, sizeof(expected),
                               "room -\nperson- 1 me\nstate 1 %d %s\ninterrupted 1 %d %s\nmembers 1\n", cases[i].code,
                               cases[i].text, cases[i].code, cases[i].text);
                ASSERT_STR(rig_take(rig), expected);
                ASSERT_EQ(state_of(c), ROOM_STATE_IDLE);
                ASSERT_EQ(rig->audio.n_open, 0);
                ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
                rig_run_ms(rig, 1);
                ASSERT(strstr(rig_take(rig), "joinRtcRoom:ok"));
        }
}

TEST(operations_in_flight_fail_with_the_room)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig->script.answer[FAKE_PUBLISH].hang = true;
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_STREAM_PUBLISH_STATE, false));
        ASSERT_OK(fake_end(&rig->script, ENGINE_SERVER_GONE));
        rig_run_ms(rig, 1);
        ASSERT_EQ(rig->completions[2], 1);
        ASSERT(strstr(rig_take(rig), "changeStreamPublishState 21102/115903F"));
}

TEST(reconnecting_is_told_and_keeps_the_room)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct engine_result ok = { 0 };
        const char *room, *user;

        ASSERT_OK(fake_state(&rig->script, ENGINE_STATE_RECONNECTING, &ok));
        rig_run_ms(rig, 0);
        ASSERT_STR(rig_take(rig), "state 1 0 reconnecting elapsed 0 type 0\n");
        ASSERT_EQ(state_of(c), ROOM_STATE_RECONNECTING);
        ASSERT(manager_room(rig->m, &room, &user));
        rig_run_ms(rig, 250);
        ASSERT_OK(fake_state(&rig->script, ENGINE_STATE_JOINED, &ok));
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "state 1 0 rejoined elapsed 250 type 1\n");
        ASSERT_EQ(state_of(c), ROOM_STATE_JOINED);
}

/* A room with alice, who speaks, whose connection is lost. */
static struct context *lost_room(struct rig *rig)
{
        struct context *c = rig_joined(rig, true);
        struct engine_result gone = { .reason = ENGINE_SERVER_GONE };

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "alice", ENGINE_AUDIO, ENGINE_AUDIO);
        ASSERT_OK(fake_speak(&rig->script, "alice", true));
        rig_run_ms(rig, 1);
        (void)rig_take(rig);
        ASSERT_OK(fake_state(&rig->script, ENGINE_STATE_RECONNECTING, &gone));
        rig_run_ms(rig, 1);
        return c;
}

TEST(while_reconnecting_nobody_speaks_and_nothing_is_sent)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = lost_room(rig);
        struct engine_result ok = { 0 };

        ASSERT_STR(rig_take(rig), "state 1 0 reconnecting elapsed 0 type 0\nspeakers 1\n");
        ASSERT(!(rig_gate(rig) & GATE_JOINED));
        ASSERT(fake_playback(&rig->script, "alice"));
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_AUDIO_CAPTURE, false)); /* kept for afterwards */
        rig_run_ms(rig, 1);
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_AUDIO_CAPTURE, true));
        rig_run_ms(rig, 1);
        ASSERT(!(rig_gate(rig) & GATE_JOINED));
        ASSERT_OK(fake_state(&rig->script, ENGINE_STATE_JOINED, &ok));
        rig_run_ms(rig, 1);
        ASSERT(rig_gate(rig) & GATE_JOINED);
}

TEST(leaving_while_reconnecting)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = lost_room(rig);

        (void)rig_take(rig);
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "exitRtcRoom 0/0 exitRtcRoom:ok\n"));
        ASSERT_EQ(state_of(c), ROOM_STATE_IDLE);
        c = lost_room(rig);
        manager_owner_gone(rig->m, ":1.1");
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "room -\n"));
}

TEST(a_server_that_is_gone_for_good_ends_the_reconnecting)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = lost_room(rig);

        (void)rig_take(rig);
        ASSERT_OK(fake_end(&rig->script, ENGINE_SERVER_GONE));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "state 1 -1084 server gone\ninterrupted 1 -1084 server gone\n"));
        ASSERT_EQ(state_of(c), ROOM_STATE_IDLE);
}

/* ---- statistics ---- */

static void on_stats(const struct engine_stats *stats, void *ctx)
{
        unsigned *calls = ctx;

        calls[stats ? 1 : 0]++;
}

TEST(statistics_are_answered_once_in_every_case)
{
        struct rig *rig = rig_make();
        struct context *idle = rig_context(rig, 2), *c = rig_joined(rig, true);
        unsigned calls[2] = { 0 };

        ASSERT_OK(context_get_stats(idle, on_stats, calls));
        ASSERT_EQ(calls[0], 0); /* not from inside the call */
        rig_turn(rig);
        ASSERT_EQ(calls[0], 1);
        ASSERT_OK(context_get_stats(c, on_stats, calls));
        rig_turn(rig);
        ASSERT_EQ(calls[1], 1);
        ASSERT_OK(context_get_stats(c, on_stats, calls)); /* the owner goes before the answer */
        manager_owner_gone(rig->m, ":1.1");
        rig_run_ms(rig, 1);
        ASSERT_EQ(calls[0], 2);
        ASSERT_OK(context_get_stats(idle, on_stats, calls)); /* and the manager */
        rig_free(rig);
        ASSERT_EQ(calls[0], 3);
        ASSERT_EQ(calls[1], 1);
}
