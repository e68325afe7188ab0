/* test-app-consent.c - operations that wait for the user's answer, and consent that is taken back during a call. */
#include "app/consent.h"

#include "app/manager-state.h"
#include "base/clock.h"
#include "fakes/app-rig.h"
#include "lib/test.h"
#include "lib/vloop.h"

#define PROGRAM "/usr/bin/program3"

static struct context_view view_of(const struct context *c)
{
        struct context_view v;

        context_get(c, &v);
        return v;
}

static struct fake_asker *dialog(struct rig *rig)
{
        return &rig->desktop.first;
}

static void answer(struct rig *rig, enum consent_verdict verdict)
{
        ASSERT_NE(dialog(rig)->open, 0);
        consent_answered(manager_consent(rig->m), dialog(rig)->open, verdict);
        rig_run_ms(rig, 1);
}

/* A context of ":1.3" whose join waits for the user. */
static struct context *asked(struct rig *rig)
{
        struct context *c = rig_context(rig, 3);

        ASSERT_OK(rig_join(rig, c, 3, "room", "me", true));
        rig_run_ms(rig, 1);
        ASSERT(!strstr(rig_take(rig), "done"));
        ASSERT_EQ(dialog(rig)->asked, 1);
        ASSERT_STR(dialog(rig)->program, PROGRAM);
        ASSERT_EQ(view_of(c).state, ROOM_STATE_JOINING);
        return c;
}

static void assert_nothing_began(struct rig *rig)
{
        ASSERT_EQ(rig->script.calls[FAKE_JOIN], 0);
        ASSERT_EQ(rig->audio.n_open, 0);
}

TEST(a_join_waits_and_holds_the_room)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = asked(rig), *other = rig_context(rig, 1);

        ASSERT_STR(view_of(c).room_id, "room");
        ASSERT_OK(rig_join(rig, other, 1, "r2", "you", false));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "21100/115901D joinRtcRoom:fail user me is already in the room room"));
        assert_nothing_began(rig);
        rig_run_ms(rig, 30000); /* the user's time is not the engine's */
        ASSERT_STR(rig_take(rig), "");
        answer(rig, VERDICT_ALLOW);
        ASSERT_STR(rig_take(rig), "room room/me\nperson+ 1 me\ndone 1 :1.3 #1 joinRtcRoom 0/0 joinRtcRoom:ok\n"
                                  "members 1 me\n");
}

TEST(a_no_captures_nothing)
{
        static const enum consent_verdict verdicts[] = { VERDICT_DENY, VERDICT_CLOSED };

        for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
                _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
                struct context *c = asked(rig);

                answer(rig, verdicts[i]);
                ASSERT_STR(rig_take(rig), "done 1 :1.3 #1 joinRtcRoom 10200/115990U joinRtcRoom:fail auth deny\n");
                ASSERT_EQ(view_of(c).state, ROOM_STATE_IDLE);
                ASSERT_STR(view_of(c).room_id, "");
                assert_nothing_began(rig);
                /* it is not asked about again at once, and listening is free */
                ASSERT_OK(rig_join(rig, c, 3, "room", "me", true));
                rig_run_ms(rig, 1);
                ASSERT(strstr(rig_take(rig), "10200/115990U"));
                ASSERT_EQ(dialog(rig)->asked, 1);
                ASSERT_OK(rig_join(rig, c, 3, "room", "me", false));
                rig_run_ms(rig, 1);
                ASSERT(strstr(rig_take(rig), "joinRtcRoom:ok"));
        }
}

TEST(no_answer_in_time)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = asked(rig);

        rig_run_ms(rig, 59000);
        ASSERT_STR(rig_take(rig), "");
        rig_run_ms(rig, 2000);
        ASSERT(strstr(rig_take(rig), "10200/115990U joinRtcRoom:fail auth deny"));
        ASSERT_EQ(view_of(c).state, ROOM_STATE_IDLE);
        ASSERT_EQ(dialog(rig)->open, 0);
        assert_nothing_began(rig);
}

TEST(exit_takes_the_question_back)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = asked(rig);

        ASSERT_OK(rig_simple(rig, c, 3, API_EXIT));
        ASSERT_EQ(dialog(rig)->open, 0);
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "done 1 :1.3 #1 joinRtcRoom 21102/115903F joinRtcRoom:fail room exited\n"
                                  "done 1 :1.3 #2 exitRtcRoom 0/0 exitRtcRoom:ok\n");
        ASSERT_EQ(view_of(c).state, ROOM_STATE_IDLE);
        assert_nothing_began(rig);
}

TEST(destroy_takes_the_question_back)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = asked(rig);

        ASSERT_OK(rig_simple(rig, c, 3, API_DESTROY));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "#1 joinRtcRoom 115910/115910D"));
        ASSERT_EQ(dialog(rig)->open, 0);
        ASSERT_EQ(view_of(c).state, ROOM_STATE_DESTROYED);
        (void)rig_joined(rig, true); /* the room is free */
}

TEST(a_client_that_goes_takes_the_question_along)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();

        (void)asked(rig);
        manager_owner_gone(rig->m, ":1.3");
        ASSERT_EQ(dialog(rig)->open, 0);
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "context- 1\n");
        (void)rig_joined(rig, true);
}

TEST(the_end_of_the_daemon)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();

        (void)asked(rig);
        manager_stop(rig->m);
        rig_run_ms(rig, 1); /* there is nothing to wait for */
        ASSERT(strstr(rig_take(rig), "#1 joinRtcRoom 115910/115910D"));
        ASSERT_EQ(rig->stopped, 1);
        ASSERT_EQ(dialog(rig)->open, 0);
}

/* The check order of the contract: the token comes after consent, also when consent takes its time. */
TEST(the_token_is_judged_after_the_answer)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        _cleanup_(options_freep) struct options *o = NULL;
        _cleanup_free_ char *token = rig_token("room", "me", (uint32_t)(rig_realtime_us() / US_PER_SEC) + 5);
        struct context *c = rig_context(rig, 3);

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_string(o, "roomId", "room"));
        ASSERT_OK(options_add_string(o, "userId", "me"));
        ASSERT_OK(options_add_string(o, "token", token));
        ASSERT_OK(rig_call(rig, c, 3, API_JOIN, take_ptr(o)));
        rig_run_ms(rig, 10000); /* it expires while the user thinks */
        answer(rig, VERDICT_ALLOW);
        ASSERT(strstr(rig_take(rig), "21101/115902D joinRtcRoom:fail invalid token"));
        ASSERT_EQ(view_of(c).state, ROOM_STATE_IDLE);
        assert_nothing_began(rig);
}

TEST(capture_waits_too)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = rig_context(rig, 3);

        ASSERT_OK(rig_join(rig, c, 3, "room", "me", false));
        ASSERT_OK(rig_state(rig, c, 3, API_CHANGE_STREAM_PUBLISH_STATE, true));
        rig_run_ms(rig, 1);
        (void)rig_take(rig);
        ASSERT_OK(rig_state(rig, c, 3, API_CHANGE_AUDIO_CAPTURE, true));
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "");
        ASSERT(!view_of(c).audio_capture);
        ASSERT_EQ(rig->audio.n_open, 0);
        answer(rig, VERDICT_ALLOW);
        ASSERT(strstr(rig_take(rig), "changeAudioCapture:ok"));
        ASSERT(view_of(c).audio_capture);
        ASSERT_EQ(rig->audio.n_open, 1);
}

TEST(capture_switched_off_meanwhile_stays_off)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = rig_context(rig, 3);

        (void)rig_take(rig);
        ASSERT_OK(rig_state(rig, c, 3, API_CHANGE_AUDIO_CAPTURE, true));
        ASSERT_OK(rig_state(rig, c, 3, API_CHANGE_AUDIO_CAPTURE, false));
        ASSERT_EQ(dialog(rig)->open, 0);
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig),
                   "done 1 :1.3 #1 changeAudioCapture 21102/115903F changeAudioCapture:fail capture switched off\n"
                   "done 1 :1.3 #2 changeAudioCapture 0/0 changeAudioCapture:ok\n");
        ASSERT(!view_of(c).audio_capture);
}

TEST(a_join_and_a_capture_ask_once)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = asked(rig);

        ASSERT_OK(rig_state(rig, c, 3, API_CHANGE_AUDIO_CAPTURE, true));
        ASSERT_OK(rig_simple(rig, c, 3, API_EXIT)); /* capture goes on asking: it is not the room's */
        ASSERT_NE(dialog(rig)->open, 0);
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "joinRtcRoom:fail room exited"));
        answer(rig, VERDICT_ALLOW);
        ASSERT(strstr(rig_take(rig), "changeAudioCapture:ok"));
        ASSERT_EQ(dialog(rig)->asked, 1);
}

TEST(contexts_of_one_program_ask_once)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *a = rig_context(rig, 3), *b = rig_context(rig, 3);

        ASSERT_OK(rig_state(rig, a, 3, API_CHANGE_AUDIO_CAPTURE, true));
        ASSERT_OK(rig_state(rig, b, 3, API_CHANGE_AUDIO_CAPTURE, true));
        ASSERT_EQ(dialog(rig)->asked, 1);
        answer(rig, VERDICT_DENY);
        ASSERT(strstr(rig_take(rig), "done 1 :1.3 #1 changeAudioCapture 10200/115990U"));
        ASSERT(!view_of(a).audio_capture && !view_of(b).audio_capture);
}

/* ---- taken back ---- */

/* ":1.3" in the room with the microphone open, which the user allowed. */
static struct context *talking(struct rig *rig)
{
        struct context *c = asked(rig);

        answer(rig, VERDICT_ALLOW);
        fake_audio_state(fake_audio_capture(&rig->audio), 42, true);
        rig_turn(rig);
        ASSERT_EQ(rig_gate(rig), GATE_ALL);
        (void)rig_take(rig);
        return c;
}

TEST(a_deny_during_a_call_shuts_the_gate_at_once)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = talking(rig);
        const struct capture_gate *gate = rig->script.gate;

        ASSERT_OK(consent_set(manager_consent(rig->m), PROGRAM, CONSENT_DENY));
        ASSERT(!capture_gate_is_open(gate)); /* before any turn of the loop */
        ASSERT(!fake_audio_capture(&rig->audio));
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "state 1 21106 microphone permission denied\n");
        ASSERT_EQ(view_of(c).state, ROOM_STATE_JOINED);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "person+ 1 amy\nmembers 1 me amy\n");
        ASSERT_EQ(rig->audio.n_open, 1); /* amy is heard */
}

TEST(given_again_it_opens_when_it_is_asked_for)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = talking(rig);

        ASSERT_OK(consent_set(manager_consent(rig->m), PROGRAM, CONSENT_DENY));
        ASSERT_OK(consent_set(manager_consent(rig->m), PROGRAM, CONSENT_ALLOW));
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "state 1 21106 microphone permission denied\n");
        ASSERT(!view_of(c).audio_capture);
        ASSERT(!fake_audio_capture(&rig->audio)); /* never by itself */
        ASSERT_OK(rig_state(rig, c, 3, API_CHANGE_AUDIO_CAPTURE, true));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "changeAudioCapture:ok"));
        ASSERT(view_of(c).audio_capture);
        ASSERT(fake_audio_capture(&rig->audio));
        ASSERT_EQ(dialog(rig)->asked, 1);
}

TEST(reset_takes_back_and_asks_again)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = talking(rig);

        ASSERT_OK(consent_set(manager_consent(rig->m), PROGRAM, CONSENT_ASK));
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "state 1 21106 microphone permission denied\n");
        ASSERT_OK(rig_state(rig, c, 3, API_CHANGE_AUDIO_CAPTURE, true));
        rig_run_ms(rig, 1);
        ASSERT_STR(rig_take(rig), "");
        ASSERT_EQ(dialog(rig)->asked, 2);
        answer(rig, VERDICT_DENY);
        ASSERT(strstr(rig_take(rig), "changeAudioCapture 10200/115990U"));
        ASSERT(!fake_audio_capture(&rig->audio));
}

TEST(the_store_takes_back)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        const struct consent_answer no = { PROGRAM, CONSENT_DENY, ANSWER_STORE };

        (void)talking(rig);
        consent_store_changed(manager_consent(rig->m), true, &no, 1);
        ASSERT(!fake_audio_capture(&rig->audio));
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "state 1 21106 microphone permission denied\n");
}

/* Denied after the answer and before the engine has joined: the join fails as if it had been denied first. */
TEST(taken_back_while_the_engine_joins)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct context *c = asked(rig);

        rig->script.answer[FAKE_JOIN].hang = true;
        answer(rig, VERDICT_ALLOW);
        ASSERT_EQ(view_of(c).state, ROOM_STATE_JOINING);
        ASSERT_OK(consent_set(manager_consent(rig->m), PROGRAM, CONSENT_DENY));
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), "10200/115990U joinRtcRoom:fail auth deny"));
        ASSERT_EQ(view_of(c).state, ROOM_STATE_IDLE);
}
