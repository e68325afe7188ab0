/* test-app-devices.c - operations on loudspeaker, noise suppression, camera and screens: remembered outside of a room,
 * kept across rooms, and completed as on a machine without a camera.
 */
#include "app/context.h"
#include "fakes/app-rig.h"
#include "lib/test.h"
#include "lib/vloop.h"

/* Calls with one option and expects this outcome ("api 0/0 text"). */
static void expect(struct rig *rig, struct context *c, enum api api, struct options *o, const char *outcome)
{
        ASSERT_OK(rig_call(rig, c, 1, api, o));
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), outcome));
}

static struct options *with_string(const char *key, const char *value)
{
        struct options *o;

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_string(o, key, value));
        return o;
}

static struct options *with_number(const char *key, double value)
{
        struct options *o;

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_number(o, key, value));
        return o;
}

static struct options *solution(double width, double height, double frame_rate)
{
        struct options *o, *max;

        ASSERT_OK(options_new(&max));
        ASSERT_OK(options_add_number(max, "width", width));
        ASSERT_OK(options_add_number(max, "height", height));
        ASSERT_OK(options_add_number(max, "frameRate", frame_rate));
        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_object(o, "maxSolution", max));
        return o;
}

static struct options *screen(const char *user, bool on)
{
        struct options *o = with_string("userId", user);

        ASSERT_OK(options_add_number(o, "state", on));
        return o;
}

TEST(settings_outlive_rooms)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);
        struct context_view v;

        expect(rig, c, API_SET_AUDIO_PLAYBACK_DEVICE, with_string("device", "a.sink"), "setAudioPlaybackDevice:ok");
        expect(rig, c, API_CHANGE_ANS_MODE, with_number("mode", 3), "changeAnsMode:ok");
        expect(rig, c, API_SWITCH_CAMERA, with_string("camera", "back"), "switchCamera:ok");
        expect(rig, c, API_SET_VIDEO_ENCODER_CONFIG, solution(1280, 720, 30), "setVideoEncoderConfig:ok");
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 1);
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 1);
        context_get(c, &v);
        ASSERT_EQ(v.state, ROOM_STATE_IDLE);
        ASSERT_STR(v.output_device, "a.sink");
        ASSERT_EQ(c->settings.ans_mode, 3);
        ASSERT(c->camera.back);
        ASSERT_EQ(c->camera.max.width, 1280);
        ASSERT_EQ(c->camera.max.height, 720);
        ASSERT_EQ(c->camera.max.frame_rate, 30);
}

TEST(inside_a_room_they_change_at_once)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct context_view v;

        expect(rig, c, API_SET_AUDIO_PLAYBACK_DEVICE, with_string("device", "b.sink"), "setAudioPlaybackDevice:ok");
        expect(rig, c, API_CHANGE_ANS_MODE, with_number("mode", 4), "changeAnsMode:ok");
        context_get(c, &v);
        ASSERT_STR(v.output_device, "b.sink");
        ASSERT_EQ(c->settings.ans_mode, 4);
}

TEST(what_is_refused_changes_nothing)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        expect(rig, c, API_SWITCH_CAMERA, with_string("camera", "sideways"), "switchCamera 20000/172299D");
        expect(rig, c, API_SET_VIDEO_ENCODER_CONFIG, solution(1280, 720, 0), "setVideoEncoderConfig 20000/115999D");
        expect(rig, c, API_CHANGE_ANS_MODE, with_number("mode", 5), "changeAnsMode 20000/115999D");
        ASSERT(!c->camera.back);
        ASSERT_EQ(c->camera.max.width, 640);
        ASSERT_EQ(c->camera.max.frame_rate, 15);
        ASSERT_EQ(c->settings.ans_mode, 0);
}

TEST(there_is_no_camera)
{
        for (int joined = 0; joined < 2; joined++) {
                _cleanup_(rig_freep) struct rig *rig = rig_make();
                struct context *c = joined ? rig_joined(rig, true) : rig_context(rig, 1);

                expect(rig, c, API_CHANGE_VIDEO_CAPTURE, with_number("state", 1),
                       "changeVideoCapture 21102/115903F changeVideoCapture:fail no camera");
                expect(rig, c, API_CHANGE_VIDEO_CAPTURE, with_number("state", 0), "changeVideoCapture:ok");
        }
}

/* The engine is not asked: what it could send is pictures and sound of no engine yet. */
TEST(screens_are_kept_as_wishes_of_the_room)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        expect(rig, c, API_CHANGE_SCREEN_SUBSCRIBE_STATE, screen("amy", true),
               "changeScreenSubscribeState 21102/115903F changeScreenSubscribeState:fail not in a room");
        c = rig_joined(rig, true);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_turn(rig);
        expect(rig, c, API_CHANGE_SCREEN_SUBSCRIBE_STATE, screen("amy", true), "changeScreenSubscribeState:ok");
        expect(rig, c, API_CHANGE_SCREEN_SUBSCRIBE_STATE, screen("nobody", false), "changeScreenSubscribeState:ok");
        ASSERT_EQ(rig->script.calls[FAKE_SUBSCRIBE], 0);
}
