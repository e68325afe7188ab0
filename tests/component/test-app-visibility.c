/* test-app-visibility.c - ChangeUserVisibility: remembered outside of a room and across rooms, carried out inside, and
 * what it means for consent, capture and publishing. */
#include "app/context.h"
#include "fakes/app-rig.h"
#include "lib/test.h"
#include "media/gate.h"

static int visible(struct rig *rig, struct context *c, bool on)
{
        struct options *o;

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_boolean(o, "visible", on));
        return rig_call(rig, c, 1, API_CHANGE_USER_VISIBILITY, o);
}

static struct context_view view(const struct context *c)
{
        struct context_view v;

        context_get(c, &v);
        return v;
}

TEST(everybody_is_visible_unless_told_otherwise)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        ASSERT(view(c).visible);
        (void)rig_take(rig);
        ASSERT_OK(visible(rig, c, false));
        ASSERT(!view(c).visible);
        rig_turn(rig);
        ASSERT(rig->properties & CONTEXT_VISIBLE);
        ASSERT_STR(rig_take(rig), "done 1 :1.1 #1 changeUserVisibility 0/0 changeUserVisibility:ok\n");
}

TEST(parameters_are_checked)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);
        struct options *o;

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_number(o, "visible", 0));
        ASSERT_OK(rig_call(rig, c, 1, API_CHANGE_USER_VISIBILITY, o));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig),
                      "20000/115999D changeUserVisibility:fail params.visible should be boolean, but got "
                      "number"));
        ASSERT(view(c).visible);
}

/* Asked for while joining, and not yet carried out when the room is left: by exit, or with the owner. */
TEST(a_wish_outlives_the_room_that_could_not_grant_it)
{
        static const struct engine_result ok = { 0 };

        for (int owner_gone = 0; owner_gone < 2; owner_gone++) {
                _cleanup_(rig_freep) struct rig *rig = rig_make();
                struct context *c = rig_context(rig, 1);

                rig->script.answer[FAKE_JOIN].hang = rig->script.answer[FAKE_SET_VISIBLE].hang = true;
                ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
                ASSERT_OK(visible(rig, c, false));
                ASSERT_OK(fake_finish(&rig->script, FAKE_JOIN, &ok));
                rig_turn(rig);
                ASSERT_EQ(rig->script.calls[FAKE_SET_VISIBLE], 1);
                if (owner_gone)
                        manager_owner_gone(rig->m, ":1.1");
                else
                        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
                rig_run_ms(rig, 100);
                ASSERT(!rig->script.engine);
                if (!owner_gone)
                        ASSERT(!view(c).visible);
        }
}

TEST(an_invisible_join_publishes_nothing_and_asks_nobody)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 3); /* whom nobody allowed the microphone */

        ASSERT_OK(visible(rig, c, false));
        ASSERT_OK(rig_join(rig, c, 3, "room", "me", true));
        rig_run_ms(rig, 10);
        ASSERT(strstr(rig_take(rig), "joinRtcRoom 0/0"));
        ASSERT(!rig->script.visible);
        ASSERT(!rig->script.auto_publish);
        ASSERT(!view(c).audio_published);
        ASSERT(!view(c).audio_capture);
        ASSERT_EQ(rig->script.calls[FAKE_PUBLISH], 0);
        ASSERT_STR(context_list(c, LIST_MEMBERS)[0], "me"); /* he sees himself */

        ASSERT_OK(visible(rig, c, true));
        rig_run_ms(rig, 10);
        ASSERT(view(c).visible && view(c).audio_published);
        ASSERT(!view(c).audio_capture); /* but still nobody has allowed it */
        ASSERT_EQ(rig_gate(rig), 0);
}

TEST(becoming_visible_publishes_what_was_wanted)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        ASSERT_OK(visible(rig, c, false));
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 10);
        (void)rig_take(rig);
        ASSERT_OK(visible(rig, c, true));
        ASSERT(!view(c).visible); /* when the engine has done it */
        rig_run_ms(rig, 10);
        ASSERT(strstr(rig_take(rig), "changeUserVisibility 0/0"));
        ASSERT(view(c).visible && view(c).audio_published && view(c).audio_capture);
        ASSERT(rig->script.visible && rig->script.on);
        ASSERT_EQ(rig->script.calls[FAKE_PUBLISH], 1);

        ASSERT_OK(visible(rig, c, false));
        rig_run_ms(rig, 10);
        ASSERT(!view(c).visible && !view(c).audio_published && !view(c).audio_capture);
        ASSERT_EQ(rig->script.calls[FAKE_PUBLISH], 1); /* the engine ended it by itself */
        ASSERT_EQ(rig_gate(rig), 0);
}

TEST(publishing_asked_for_while_invisible_waits)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        ASSERT_OK(visible(rig, c, false));
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", false));
        rig_run_ms(rig, 10);
        (void)rig_take(rig);
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_STREAM_PUBLISH_STATE, true));
        rig_run_ms(rig, 10);
        ASSERT(strstr(rig_take(rig), "changeStreamPublishState 0/0"));
        ASSERT_EQ(rig->script.calls[FAKE_PUBLISH], 0);
        ASSERT(!view(c).audio_published);
        ASSERT_OK(visible(rig, c, true));
        rig_run_ms(rig, 10);
        ASSERT(view(c).audio_published);
}

TEST(visibility_asked_for_while_joining_follows)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        rig->script.answer[FAKE_JOIN].delay_ms = 100;
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 10);
        ASSERT(rig->script.visible);
        ASSERT_OK(visible(rig, c, false));
        rig_run_ms(rig, 200);
        ASSERT(!rig->script.visible);
        ASSERT(!view(c).visible && !view(c).audio_published);
        ASSERT_EQ(rig->script.calls[FAKE_SET_VISIBLE], 1);
}

TEST(an_engine_that_cannot_leaves_it_as_it_was)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        ASSERT_OK(visible(rig, c, false));
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 10);
        (void)rig_take(rig);
        rig->script.answer[FAKE_SET_VISIBLE].result.reason = ENGINE_ROOM_FULL;
        ASSERT_OK(visible(rig, c, true));
        rig_run_ms(rig, 10);
        ASSERT(strstr(rig_take(rig), "21102/115903F changeUserVisibility:fail error code:-1080"));
        ASSERT(!view(c).visible && !view(c).audio_published);
}

TEST(visibility_outlives_rooms)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        ASSERT_OK(visible(rig, c, false));
        rig_run_ms(rig, 10);
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 10);
        ASSERT(!view(c).visible);
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 10);
        ASSERT(!rig->script.visible);
}

/* Others come and go around one's own place in the list. */
TEST(ones_own_place_in_the_list_stays)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, false);

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "bob", 0, 0);
        rig_run_ms(rig, 1);
        ASSERT_OK(visible(rig, c, false));
        rig_run_ms(rig, 10);
        ASSERT_OK(visible(rig, c, true));
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "carol", 0, 0);
        rig_person(rig, ENGINE_PARTICIPANT_LEFT, "bob", 0, 0);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "bob", 0, 0);
        rig_run_ms(rig, 10);
        ASSERT(strstr(rig_take(rig), "members 1 me carol bob\n"));
}
