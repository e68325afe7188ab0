/* test-app-join.c - contexts and joins: limits, the order of the checks, order of events and lists, one room for all.
 */
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

static int create_with(struct rig *rig, const char *key, const char *value, struct result *ret)
{
        _cleanup_(options_freep) struct options *o = NULL;
        struct caller who = rig_caller(1);
        struct context *c;

        ASSERT_OK(options_new(&o));
        if (key)
                ASSERT_OK(options_add_string(o, key, value));
        return manager_create_context(rig->m, &who, o, &c, ret);
}

TEST(create_refuses_with_a_text)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct result res;

        ASSERT_EQ(create_with(rig, NULL, NULL, &res), CREATE_INVALID_PARAMS);
        ASSERT_STR(res.err_msg, "createRtcRoomContext:fail params.appId should be string, but got undefined");
        ASSERT_EQ(create_with(rig, "appId", "a b", &res), CREATE_INVALID_PARAMS);
        ASSERT_STR(res.err_msg, "createRtcRoomContext:fail params.appId should match [A-Za-z0-9_@.-]{1,128}");
        ASSERT(!manager_first_context(rig->m));
}

TEST(create_obeys_the_configuration)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct config *config;
        struct result res;

        ASSERT_OK(config_new_default(&config));
        config->apps = calloc(1, sizeof(*config->apps));
        config->n_apps = 1;
        config->apps[0].app_id = strdup("forbidden");
        manager_set_config(rig->m, config);
        ASSERT_EQ(create_with(rig, "appId", "forbidden", &res), CREATE_AUTH_DENIED);
        ASSERT_STR(res.err_msg, "createRtcRoomContext:fail platform auth deny");
}

TEST(create_is_limited_per_client_and_in_all)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c, *first = rig_context(rig, 1);

        for (int i = 1; i < 8; i++)
                (void)rig_context(rig, 1);
        ASSERT_EQ(rig_create(rig, 1, &c), CREATE_LIMITS_EXCEEDED);
        ASSERT_OK(rig_simple(rig, first, 1, API_DESTROY));
        ASSERT_EQ(rig_create(rig, 1, &c), CREATE_OK); /* a destroyed one does not count */
        for (unsigned client = 2; client <= 8; client++)
                for (int i = 0; i < 8; i++)
                        ASSERT_EQ(rig_create(rig, client, &c), CREATE_OK);
        ASSERT_EQ(rig_create(rig, 9, &c), CREATE_LIMITS_EXCEEDED);
        manager_owner_gone(rig->m, ":1.2");
        ASSERT_EQ(rig_create(rig, 9, &c), CREATE_OK);
}

TEST(numbers_of_contexts_and_requests_do_not_repeat)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *a = rig_context(rig, 1), *b;

        ASSERT_EQ(context_number(a), 1);
        ASSERT_EQ(rig_simple(rig, a, 1, API_EXIT), 1);
        manager_owner_gone(rig->m, ":1.1");
        rig_turn(rig);
        ASSERT(!manager_first_context(rig->m));
        b = rig_context(rig, 1);
        ASSERT_EQ(context_number(b), 2);
        ASSERT_EQ(rig_simple(rig, b, 1, API_EXIT), 2);
        ASSERT(manager_find_context(rig->m, 2) == b);
        ASSERT(!manager_find_context(rig->m, 1));
}

TEST(join_is_told_in_order)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        (void)rig_take(rig);
        ASSERT_EQ(rig_join(rig, c, 1, "room", "me", true), 1);
        ASSERT_EQ(state_of(c), ROOM_STATE_JOINING);
        ASSERT_EQ(rig->len, 0); /* nothing before the reply */
        rig_run_ms(rig, 1);
        ASSERT_EQ(state_of(c), ROOM_STATE_JOINED);
        ASSERT(rig->properties & CONTEXT_STATE);
        ASSERT(rig->properties & CONTEXT_MEMBERS);
        ASSERT_STR(rig_take(rig), "room room/me\n"
                                  "person+ 1 me\n"
                                  "done 1 :1.1 #1 joinRtcRoom 0/0 joinRtcRoom:ok\n"
                                  "members 1 me\n");
}

TEST(those_who_were_there_come_first)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        rig->script.answer[FAKE_JOIN].delay_ms = 10;
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 9);
        (void)rig_take(rig);
        rig_run_ms(rig, 1);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "late", 0, 0);
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "members 1 me late\n"));
        ASSERT_STR(context_list(c, LIST_MEMBERS)[1], "late");

        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 1);
        rig->script.answer[FAKE_JOIN] = (struct fake_answer){ 0 };
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "early", 0, 0); /* behind the join's answer, in the same turn */
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "members 1 early me\n"));
}

TEST(lists_are_whole_and_in_join_order)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "bob", ENGINE_VIDEO, 0);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_VIDEO | ENGINE_SCREEN_VIDEO, 0);
        rig_turn(rig);
        ASSERT_STR(rig_take(rig),
                   "person+ 1 bob\nperson+ 1 amy\nmembers 1 me bob amy\nvideo 1 bob amy\nscreen 1 amy\n");
        ASSERT_OK(fake_speak(&rig->script, "amy", true));
        ASSERT_OK(fake_speak(&rig->script, "", true));
        rig_turn(rig);
        ASSERT(rig->participant_properties & PARTICIPANT_SPEAKING);
        ASSERT_STR(rig_take(rig), "speakers 1 me amy\n");
        rig_person(rig, ENGINE_PARTICIPANT_UPDATED, "amy", ENGINE_AUDIO, 0);
        rig_turn(rig);
        ASSERT(rig->participant_properties & PARTICIPANT_SCREEN_PUBLISHED);
        ASSERT_STR(rig_take(rig), "video 1 bob\nscreen 1\n");
        rig_person(rig, ENGINE_PARTICIPANT_LEFT, "amy", 0, 0);
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "person- 1 amy\nmembers 1 me bob\nspeakers 1 me\n");
        ASSERT(!context_list(c, LIST_SCREEN_MEMBERS)[0]);
}

TEST(nobody_impossible_is_let_in)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "no spaces", 0, 0);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "me", 0, 0); /* ourselves once more */
        rig_person(rig, ENGINE_PARTICIPANT_LEFT, "stranger", 0, 0);
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "");
        ASSERT(!context_list(c, LIST_MEMBERS)[1]);
}

TEST(checks_come_in_the_contracts_order)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        _cleanup_(options_freep) struct options *bad = NULL;
        struct context *denied = rig_context(rig, 3), *c;
        struct options *o;

        /* consent before token: program3 is not allowed the microphone, and the token is for another room */
        (void)rig_take(rig);
        ASSERT_OK(rig_join(rig, denied, 3, "room", "me", true));
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "done 1 :1.3 #1 joinRtcRoom 10200/115990U joinRtcRoom:fail auth deny\n");
        /* a held room before consent, with the ids of the room that is held */
        c = rig_joined(rig, true);
        ASSERT_OK(rig_join(rig, denied, 3, "other", "you", true));
        rig_turn(rig);
        ASSERT_STR(rig_take(rig),
                   "done 1 :1.3 #3 joinRtcRoom 21100/115901D joinRtcRoom:fail user me is already in the room room\n");
        /* parameters before a held room */
        ASSERT_OK(rig_join(rig, denied, 3, "", "you", true));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "20000/115999D joinRtcRoom:fail params.roomId should match"));
        /* destroyed before parameters, for every operation */
        ASSERT_OK(rig_simple(rig, denied, 3, API_DESTROY));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "destroy:ok"));
        ASSERT_EQ(state_of(denied), ROOM_STATE_DESTROYED);
        for (enum api api = API_JOIN; api < _API_MAX; api++) {
                ASSERT_OK(options_new(&o));
                ASSERT_OK(rig_call(rig, denied, 3, api, o));
                rig_turn(rig);
                ASSERT(strstr(rig_take(rig), "115910/115910D"));
        }
        ASSERT_EQ(state_of(c), ROOM_STATE_JOINED); /* and the other room is as it was */
}

TEST(a_join_that_only_listens_needs_no_consent)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 3);

        ASSERT_OK(rig_join(rig, c, 3, "room", "me", false));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "joinRtcRoom:ok"));
        ASSERT(!rig->script.auto_publish);
        ASSERT_OK(rig_state(rig, c, 3, API_CHANGE_AUDIO_CAPTURE, true));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "changeAudioCapture 10200/115990U changeAudioCapture:fail auth deny"));
        ASSERT_OK(rig_state(rig, c, 3, API_CHANGE_AUDIO_CAPTURE, false));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "changeAudioCapture:ok"));
}

TEST(every_phase_of_a_room_blocks_a_join)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *a = rig_context(rig, 1), *b = rig_context(rig, 2);
        struct engine_result ok = { 0 };

        rig->script.answer[FAKE_JOIN].hang = rig->script.answer[FAKE_LEAVE].hang = true;
        ASSERT_OK(rig_join(rig, a, 1, "r", "u", false));
        for (int phase = 0; phase < 4; phase++) {
                (void)rig_take(rig);
                ASSERT_OK(rig_join(rig, phase % 2 ? b : a, phase % 2 ? 2 : 1, "r2", "u2", false));
                rig_run_ms(rig, 1);
                ASSERT(strstr(rig_take(rig), "21100/115901D joinRtcRoom:fail user u is already in the room r\n"));
                if (phase == 0)
                        ASSERT_OK(fake_finish(&rig->script, FAKE_JOIN, &ok));
                if (phase == 1)
                        ASSERT_OK(fake_state(&rig->script, ENGINE_STATE_RECONNECTING, &ok));
                if (phase == 2)
                        ASSERT_OK(rig_simple(rig, a, 1, API_EXIT));
                if (phase == 3)
                        ASSERT_OK(fake_finish(&rig->script, FAKE_LEAVE, &ok));
                rig_run_ms(rig, 1);
        }
        ASSERT(strstr(rig_take(rig), "exitRtcRoom:ok"));
        ASSERT_OK(rig_join(rig, b, 2, "r2", "u2", false));
        rig_run_ms(rig, 1);
        ASSERT_EQ(state_of(b), ROOM_STATE_JOINING);
}

TEST(a_failed_join_says_why_and_frees_the_room)
{
        static const struct {
                struct engine_result why;
                const char *text;
        } cases[] = {
                { { .reason = ENGINE_INVALID_TOKEN }, "21101/115902D joinRtcRoom:fail invalid token" },
                { { .reason = ENGINE_UNREACHABLE }, "21102/115903F joinRtcRoom:fail server unreachable" },
                { { .reason = ENGINE_TIMED_OUT }, "21102/115903F joinRtcRoom:fail timed out" },
                { { .reason = ENGINE_SERVER_ERROR, .err = 427 }, "21102/115903F joinRtcRoom:fail error code:427" },
        };
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                rig->script.answer[FAKE_JOIN].result = cases[i].why;
                ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
                (void)rig_take(rig);
                rig_run_ms(rig, 1);
                ASSERT(strstr(rig_take(rig), cases[i].text));
                ASSERT_EQ(state_of(c), ROOM_STATE_IDLE);
                ASSERT(!rig->script.engine);
        }
}

TEST(an_engine_that_refuses_or_is_missing_fails_the_join)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        rig->script.refuse = -EIO;
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "21102/115903F joinRtcRoom:fail "));
        unsetenv("RTCROOMD_FAKE_ENGINE");
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "21102/115903F joinRtcRoom:fail "));
        ASSERT_EQ(state_of(c), ROOM_STATE_IDLE);
}

TEST(a_join_that_hangs_times_out)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        rig->script.answer[FAKE_JOIN].hang = true;
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        (void)rig_take(rig);
        rig_run_ms(rig, 19999);
        ASSERT_STR(rig_take(rig), "");
        rig_run_ms(rig, 2);
        ASSERT_STR(rig_take(rig), "done 1 :1.1 #1 joinRtcRoom 21102/115903F joinRtcRoom:fail timed out\n");
        ASSERT(!rig->script.engine);
}

TEST(thirty_two_requests_may_be_pending)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 32; i++)
                        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
                ASSERT_EQ(rig_simple(rig, c, 1, API_EXIT), -EBUSY);
                rig_turn(rig);
        }
        ASSERT_EQ(rig->last_request, 64);
}

/* Whatever cannot be had: the request is answered once, and the room is free again or joined. */
TEST_OOM(create_and_join_survive_want_of_memory)
{
        struct rig *rig = NULL;
        struct context *c = NULL;
        int r = rig_new(NULL, &rig);

        if (r >= 0)
                r = rig_create(rig, 1, &c);
        if (r >= 0)
                r = rig_join(rig, c, 1, "room", "me", true);
        if (r >= 0) {
                rig_run_ms(rig, 1);
                r = strstr(rig->trace, "joinRtcRoom:ok") ? 0 : -ENOMEM;
                ASSERT_EQ(rig->completions[1], 1);
                ASSERT_EQ(state_of(c), r < 0 ? ROOM_STATE_IDLE : ROOM_STATE_JOINED);
        }
        rig_free(rig);
        return r;
}
