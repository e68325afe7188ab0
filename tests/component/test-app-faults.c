/* test-app-faults.c - what bad parameters, a refusing engine, a crowd, flapping and want of memory get. */
#include <errno.h>

#include "fakes/app-rig.h"
#include "lib/test.h"
#include "lib/vloop.h"

static struct context_view view_of(struct context *c)
{
        struct context_view v;

        context_get(c, &v);
        return v;
}

TEST(each_operation_judges_its_parameters)
{
        static const struct {
                enum api api;
                const char *text;
        } cases[] = {
                { API_JOIN,
                  "joinRtcRoom 20000/115999D joinRtcRoom:fail params.roomId should be string, but got number" },
                { API_EXIT,
                  "exitRtcRoom 20000/115999D exitRtcRoom:fail params.roomId should be string, but got number" },
                { API_CHANGE_AUDIO_CAPTURE, "changeAudioCapture 20000/115999D changeAudioCapture:fail expect "
                                            "params.state to be one of 0, 1, but got 2" },
                { API_CHANGE_STREAM_PUBLISH_STATE,
                  "changeStreamPublishState 20000/115999D changeStreamPublishState:fail "
                  "expect params.state to be one of 0, 1, but got 2" },
                { API_CHANGE_STREAM_SUBSCRIBE_STATE,
                  "changeStreamSubscribeState 20000/115999D changeStreamSubscribeState:fail expect params.state to be "
                  "one "
                  "of 0, 1, but got 2 params.userId should be string, but got undefined" },
                { API_UPDATE_TOKEN,
                  "updateToken 20000/115999D updateToken:fail params.token should be string, but got undefined" },
                { API_CHANGE_SCREEN_SUBSCRIBE_STATE,
                  "changeScreenSubscribeState 20000/115999D changeScreenSubscribeState:fail expect params.state to be "
                  "one of 0, 1, but got 2 params.userId should be string, but got undefined" },
                { API_SET_AUDIO_PLAYBACK_DEVICE,
                  "setAudioPlaybackDevice 20000/115999D setAudioPlaybackDevice:fail params.device should be string, "
                  "but got undefined" },
                { API_CHANGE_ANS_MODE, "changeAnsMode 20000/115999D changeAnsMode:fail params.mode should be number, "
                                       "but got undefined" },
                { API_CHANGE_VIDEO_CAPTURE, "changeVideoCapture 20000/115999D changeVideoCapture:fail expect "
                                            "params.state to be one of 0, 1, but got 2" },
                { API_SWITCH_CAMERA, "switchCamera 20000/172299D switchCamera:fail params.camera should be string, "
                                     "but got undefined" },
                { API_SET_VIDEO_ENCODER_CONFIG, "setVideoEncoderConfig 20000/115999D setVideoEncoderConfig:fail "
                                                "params.maxSolution should be object, "
                                                "but got undefined" },
        };

        for (int joined = 0; joined < 2; joined++) {
                _cleanup_(rig_freep) struct rig *rig = rig_make();
                struct context *c = joined ? rig_joined(rig, true) : rig_context(rig, 1);

                for (size_t i = joined; i < ARRAY_SIZE(cases); i++) { /* inside, a join is judged like outside */
                        struct options *o;

                        ASSERT_OK(options_new(&o));
                        ASSERT_OK(options_add_number(o, "roomId", 7));
                        ASSERT_OK(options_add_number(o, "state", 2));
                        ASSERT_OK(rig_call(rig, c, 1, cases[i].api, o));
                        rig_turn(rig);
                        ASSERT(strstr(rig_take(rig), cases[i].text));
                }
                ASSERT_EQ(view_of(c).state, joined ? ROOM_STATE_JOINED : ROOM_STATE_IDLE);
        }
}

TEST(the_server_is_the_callers_the_apps_or_the_default)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct config *config;
        struct context *c;

        ASSERT_EQ(rig_create_for(rig, 1, "app", NULL, &c), CREATE_OK);
        ASSERT_STR(view_of(c).server, "fake:");
        ASSERT_OK(config_new_default(&config));
        config->apps = calloc(1, sizeof(*config->apps));
        config->n_apps = 1;
        config->apps[0].app_id = strdup("app");
        config->apps[0].server = strdup("janus+ws://sfu.example:8188/");
        config->apps[0].allowed = true;
        manager_set_config(rig->m, config);
        ASSERT_STR(view_of(c).server, "fake:"); /* a context keeps what it was made with */
        ASSERT_EQ(rig_create_for(rig, 1, "app", NULL, &c), CREATE_OK);
        ASSERT_STR(view_of(c).server, "janus+ws://sfu.example:8188/");
        ASSERT_STR(view_of(c).engine, "janus");
        ASSERT_EQ(rig_create_for(rig, 1, "app", "fake:", &c), CREATE_OK);
        ASSERT_STR(view_of(c).engine, "fake");
}

TEST(an_operation_that_the_engine_refuses_fails)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig->script.refuse = -ENOBUFS;
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_STREAM_PUBLISH_STATE, false));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "changeStreamPublishState 21102/115903F changeStreamPublishState:fail "));
        ASSERT(view_of(c).audio_published);
}

TEST(a_call_from_inside_a_completion_is_answered)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        rig->again = c;
        ASSERT_EQ(rig_simple(rig, c, 1, API_EXIT), 1);
        rig_turn(rig); /* the recorder asserts that an answer comes after the call returned */
        ASSERT_EQ(rig->completions[1], 1);
        ASSERT_EQ(rig->completions[2], 1);
}

TEST(a_crowd_is_bounded)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        char user[16];
        size_t n = 0;

        for (int i = 0; i < 1100; i++) {
                (void)snprintf(user, sizeof(user), "u%d", i);
                rig_person(rig, ENGINE_PARTICIPANT_JOINED, user, 0, 0);
        }
        vloop_turn(rig->loop);
        for (struct participant *p = context_first_participant(c); p; p = participant_next(p))
                n++;
        ASSERT_EQ(n, 1024);
}

TEST(flapping_within_one_turn_is_bounded)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct engine_result ok = { 0 };
        unsigned told = 0;
        const char *trace;

        for (int i = 0; i < 100; i++)
                ASSERT_OK(fake_state(&rig->script, i % 2 ? ENGINE_STATE_JOINED : ENGINE_STATE_RECONNECTING, &ok));
        rig_turn(rig);
        trace = rig_take(rig);
        for (const char *at = trace; (at = strstr(at, "state 1 0 ")); at++)
                told++;
        ASSERT_EQ(told, 16);
        ASSERT_STR(trace + strlen(trace) - strlen("rejoined elapsed 0 type 1\n"), "rejoined elapsed 0 type 1\n");
        ASSERT_EQ(view_of(c).state, ROOM_STATE_JOINED);
}

TEST(coming_and_going_within_one_turn_is_not_told)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();

        (void)rig_joined(rig, true);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_person(rig, ENGINE_PARTICIPANT_LEFT, "amy", 0, 0);
        rig_turn(rig);
        ASSERT(!strstr(rig_take(rig), "amy"));
        ASSERT_EQ(rig->audio.n_open, 1); /* the microphone */
}

/* Whatever cannot be had on the way: what was asked is answered once, and the end is the end. */
TEST_OOM(a_whole_life_under_want_of_memory)
{
        struct rig *rig = NULL;
        struct context *c = NULL;
        int r = rig_new(NULL, &rig);

        if (r >= 0)
                r = rig_create(rig, 1, &c);
        if (r >= 0)
                r = rig_join(rig, c, 1, "room", "me", true);
        for (enum api api = API_CHANGE_AUDIO_CAPTURE; r >= 0 && api <= API_CHANGE_STREAM_PUBLISH_STATE; api++) {
                rig_run_ms(rig, 1);
                r = rig_state(rig, c, 1, api, false);
        }
        if (r >= 0)
                r = rig_subscribe(rig, c, 1, "amy", true);
        if (r >= 0)
                r = rig_simple(rig, c, 1, API_EXIT);
        if (r >= 0)
                r = rig_simple(rig, c, 1, API_DESTROY);
        if (rig) {
                manager_stop(rig->m);
                rig_run_ms(rig, 1500);
                ASSERT_EQ(rig->stopped, 1);
                for (uint32_t i = 1; i <= rig->last_request; i++)
                        ASSERT_EQ(rig->completions[i], 1);
        }
        rig_free(rig);
        return r < 0 ? r : 0;
}
