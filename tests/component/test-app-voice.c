/* test-app-voice.c - when the microphone is open, what the gate says, who is heard and how loud. */
#include <errno.h>
#include <unistd.h>

#include "fakes/app-rig.h"
#include "lib/test.h"
#include "lib/vloop.h"

static struct context_view view_of(struct context *c)
{
        struct context_view v;

        context_get(c, &v);
        return v;
}

static struct participant_view person(struct context *c, const char *user)
{
        struct participant_view v;

        ASSERT(rig_find(c, user));
        participant_get(rig_find(c, user), &v);
        return v;
}

static void answer(struct rig *rig, const char *text)
{
        rig_run_ms(rig, 1);
        ASSERT(strstr(rig_take(rig), text));
}

/* ---- the microphone ---- */

/* Every combination of what decides: the device is open exactly when the contract says so, and so is each condition.
 */
TEST(the_microphone_follows_every_intent)
{
        for (unsigned bits = 0; bits < 64; bits++) {
                bool auto_publish = bits & 1, ask_capture = bits & 2, capture = bits & 4, ask_publish = bits & 8,
                     publish = bits & 16, before = bits & 32;
                bool on = ask_capture ? capture : auto_publish, published = ask_publish ? publish : auto_publish;
                _cleanup_(rig_freep) struct rig *rig = rig_make();
                struct context *c = before ? rig_context(rig, 1) : rig_joined(rig, auto_publish);

                if (ask_capture)
                        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_AUDIO_CAPTURE, capture));
                if (ask_publish)
                        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_STREAM_PUBLISH_STATE, publish));
                if (before)
                        ASSERT_OK(rig_join(rig, c, 1, "room", "me", auto_publish));
                rig_run_ms(rig, 1);
                ASSERT_EQ(view_of(c).audio_capture, on);
                ASSERT_EQ(view_of(c).audio_published, published);
                ASSERT_EQ(person(c, "me").audio_published, published);
                ASSERT_EQ(fake_audio_capture(&rig->audio) != NULL, on && published);
                ASSERT_EQ(rig->script.capture != NULL, on && published);
                if (!rig->script.gate)
                        continue;
                ASSERT_EQ(rig_gate(rig), GATE_ALL & ~GATE_MICROPHONE);
        }
}

TEST(the_gate_opens_for_a_source_only)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct fake_stream *mic = fake_audio_capture(&rig->audio);

        ASSERT(!capture_gate_is_open(rig->script.gate));
        fake_audio_state(mic, 42, true);
        ASSERT(capture_gate_is_open(rig->script.gate));
        rig_turn(rig);
        ASSERT_STR(person(c, "me").node_name, "rtcroomd." RIG_APP);
        ASSERT_EQ(person(c, "me").node_serial, 42);
        fake_audio_state(mic, 42, false); /* the monitor of a sink */
        ASSERT(!capture_gate_is_open(rig->script.gate));
        fake_audio_state(mic, 42, true);
        context_set_muted(c, true);
        ASSERT(!capture_gate_is_open(rig->script.gate));
        ASSERT(fake_audio_capture(&rig->audio));                    /* a mute is quick: the device stays */
        ASSERT(audio_port_rest(mic->port, loop_now_us(rig->loop))); /* but may come to rest */
        context_set_muted(c, false);
        ASSERT(!mic->port->resting && !audio_port_rest(mic->port, loop_now_us(rig->loop)));
        context_set_muted(c, true);
        rig_turn(rig);
        ASSERT(rig->properties & CONTEXT_MUTED);
        ASSERT(person(c, "me").muted);
        participant_set_muted(rig_find(c, "me"), false);
        ASSERT(capture_gate_is_open(rig->script.gate));
        ASSERT(!view_of(c).muted);
}

TEST(processing_follows_its_settings_at_once)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct audio_port *port = rig->script.capture;

        ASSERT(port);
        ASSERT(port->wants_far); /* from the start */
        context_set_echo_cancellation(c, false);
        ASSERT(!port->wants_far);
        context_set_echo_cancellation(c, true);
        ASSERT(port->wants_far);
}

/* The plain way of the sound: with everything off nothing is even allocated. */
TEST(processing_that_is_off_is_not_there)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        context_set_echo_cancellation(c, false);
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 1);
        ASSERT(rig->script.capture);
        ASSERT(!rig->script.capture->voice_proc);
        context_set_ans_mode(c, 2);
        ASSERT(rig->script.capture->voice_proc);
        ASSERT(!rig->script.capture->wants_far);
}

/* The track that would tell the end of speech goes with the subscription. */
TEST(who_is_no_longer_received_speaks_no_longer)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        ASSERT_OK(fake_speak(&rig->script, "amy", true));
        rig_turn(rig);
        ASSERT(person(c, "amy").speaking);
        (void)rig_take(rig);
        rig_person(rig, ENGINE_PARTICIPANT_UPDATED, "amy", ENGINE_AUDIO, 0);
        rig_turn(rig);
        ASSERT(!person(c, "amy").speaking);
        ASSERT_STR(rig_take(rig), "speakers 1\n");
}

TEST(exit_shuts_gate_and_device_at_once)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        const struct capture_gate *gate = rig->script.gate;

        fake_audio_state(fake_audio_capture(&rig->audio), 42, true);
        rig->script.answer[FAKE_LEAVE].hang = true;
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        ASSERT_EQ(gate->conditions, 0);
        ASSERT(!fake_audio_capture(&rig->audio));
        ASSERT(!view_of(c).audio_capture); /* it was auto-publish's, not the client's */
        ASSERT(!view_of(c).audio_published);
}

/* ---- push-to-talk ---- */

static bool is_pressed(struct rig *rig)
{
        bool talking;

        (void)capture_gate_transmit(rig->script.gate, &talking);
        return talking;
}

static bool was_woken(struct rig *rig)
{
        uint64_t n;

        return read(rig->script.capture->wake_fd, &n, sizeof(n)) > 0;
}

TEST(mode_and_key_reach_the_gate_at_once)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        bool talking;

        ASSERT_EQ(capture_gate_transmit(rig->script.gate, &talking), TRANSMIT_CONTINUOUS);
        (void)was_woken(rig);
        context_set_transmit_mode(c, TRANSMIT_PUSH_TO_TALK);
        ASSERT_EQ(capture_gate_transmit(rig->script.gate, &talking), TRANSMIT_PUSH_TO_TALK);
        ASSERT(was_woken(rig));
        ASSERT(!talking && !view_of(c).talking);
        ASSERT_OK(context_start_talking(c, ":1.7"));
        ASSERT(is_pressed(rig) && was_woken(rig) && view_of(c).talking);
        rig_turn(rig);
        ASSERT(rig->properties & CONTEXT_TALKING);
        context_set_muted(c, true);
        ASSERT(was_woken(rig)); /* what is held is dropped now, not with the next period */
        context_set_muted(c, false);
        ASSERT(is_pressed(rig));
        (void)was_woken(rig);
        context_stop_talking(c);
        ASSERT(!is_pressed(rig) && was_woken(rig) && !view_of(c).talking);
        context_stop_talking(c);
}

TEST(the_key_goes_up_with_its_last_holder)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        ASSERT_OK(context_start_talking(c, ":1.7"));
        ASSERT_OK(context_start_talking(c, ":1.8"));
        ASSERT(!manager_is_talker(rig->m, ":1.7") && manager_is_talker(rig->m, ":1.8"));
        manager_owner_gone(rig->m, ":1.7");
        ASSERT(is_pressed(rig));
        manager_owner_gone(rig->m, ":1.8");
        ASSERT(!is_pressed(rig));
        ASSERT_STR(rig_take(rig), "");
}

TEST(the_key_of_the_desktop_is_bound_while_it_matters)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        manager_shortcut(rig->m, true); /* no room, nobody to talk to */
        context_set_transmit_mode(c, TRANSMIT_PUSH_TO_TALK);
        rig_run_ms(rig, 1);
        ASSERT_EQ(rig->shortcut_calls, 0);
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 1);
        ASSERT(rig->shortcut_wanted);
        manager_shortcut(rig->m, true);
        ASSERT(is_pressed(rig));
        ASSERT(!manager_is_talker(rig->m, ":1.1"));
        manager_shortcut(rig->m, false);
        ASSERT(!is_pressed(rig));
        context_set_transmit_mode(c, TRANSMIT_VOICE_ACTIVITY);
        rig_turn(rig);
        ASSERT(!rig->shortcut_wanted);
        context_set_transmit_mode(c, TRANSMIT_PUSH_TO_TALK);
        rig_turn(rig);
        ASSERT(rig->shortcut_wanted);
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 1);
        ASSERT(!rig->shortcut_wanted);
        ASSERT_EQ(rig->shortcut_calls, 4);
}

TEST(no_key_is_pressed_outside_of_a_room)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1), *other = rig_context(rig, 2);

        ASSERT_OK(context_start_talking(c, ":1.7"));
        ASSERT(!view_of(c).talking);
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        ASSERT_OK(context_start_talking(c, ":1.7")); /* not yet inside */
        rig_run_ms(rig, 1);
        ASSERT(!is_pressed(rig));
        ASSERT_OK(context_start_talking(other, ":1.7"));
        ASSERT(!is_pressed(rig) && !view_of(other).talking);
        ASSERT_OK(context_start_talking(c, ":1.7"));
        ASSERT(is_pressed(rig));
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        ASSERT(!view_of(c).talking);
        rig_run_ms(rig, 1);
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 1);
        ASSERT(!is_pressed(rig));
}

/* ---- */

TEST(capture_asked_for_outlives_the_room)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, false);

        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_AUDIO_CAPTURE, true));
        answer(rig, "changeAudioCapture:ok");
        ASSERT(!fake_audio_capture(&rig->audio)); /* nothing is published */
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        answer(rig, "exitRtcRoom:ok");
        ASSERT(view_of(c).audio_capture);
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        answer(rig, "joinRtcRoom:ok");
        ASSERT(fake_audio_capture(&rig->audio));
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_AUDIO_CAPTURE, false));
        ASSERT(!fake_audio_capture(&rig->audio));
        answer(rig, "changeAudioCapture:ok");
}

TEST(publishing_follows_what_was_asked_while_joining)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        rig->script.answer[FAKE_JOIN].delay_ms = 10;
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_STREAM_PUBLISH_STATE, false));
        answer(rig, "changeStreamPublishState:ok");
        rig_run_ms(rig, 11);
        ASSERT_EQ(rig->script.calls[FAKE_PUBLISH], 1);
        ASSERT(!rig->script.on);
        ASSERT(!view_of(c).audio_published);
        ASSERT(!fake_audio_capture(&rig->audio));
}

TEST(a_publish_that_fails_changes_nothing)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        rig->script.answer[FAKE_PUBLISH].result.reason = ENGINE_SERVER_ERROR;
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_STREAM_PUBLISH_STATE, false));
        answer(rig, "changeStreamPublishState 21102/115903F");
        ASSERT(view_of(c).audio_published);
}

static struct config *deny_everything(void)
{
        struct config *config;

        ASSERT_OK(config_new_default(&config));
        config->consent_default = CONSENT_DENY;
        return config;
}

TEST(consent_can_be_withdrawn)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);

        fake_audio_state(fake_audio_capture(&rig->audio), 42, true);
        rig_turn(rig);
        (void)rig_take(rig);
        manager_set_config(rig->m, deny_everything());
        ASSERT(!fake_audio_capture(&rig->audio));
        rig_turn(rig);
        ASSERT(rig->properties & CONTEXT_AUDIO_CAPTURE);
        ASSERT_STR(rig_take(rig), "state 1 21106 microphone permission denied\n");
        ASSERT(!view_of(c).audio_capture);
        ASSERT_EQ(view_of(c).state, ROOM_STATE_JOINED); /* one may go on listening */
        ASSERT_OK(rig_state(rig, c, 1, API_CHANGE_AUDIO_CAPTURE, true));
        answer(rig, "10200/115990U changeAudioCapture:fail auth deny");
}

TEST(a_server_may_forbid_to_publish_and_permit_it_again)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct context_view v;

        (void)rig_take(rig);
        ASSERT_OK(fake_microphone(&rig->script, ENGINE_MICROPHONE_WITHDRAWN));
        rig_turn(rig);
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "state 1 -1002 publishing not permitted\n"));
        context_get(c, &v);
        ASSERT(!v.audio_published);
        ASSERT_OK(fake_microphone(&rig->script, ENGINE_MICROPHONE_PERMITTED));
        rig_turn(rig);
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "state 1 0 publishing permitted\n"));
        context_get(c, &v);
        ASSERT(!v.audio_published);
}

TEST(consent_withdrawn_while_joining_fails_the_join)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        rig->script.answer[FAKE_JOIN].hang = true;
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        manager_set_config(rig->m, deny_everything());
        answer(rig, "#1 joinRtcRoom 10200/115990U joinRtcRoom:fail auth deny");
        ASSERT_EQ(view_of(c).state, ROOM_STATE_IDLE);
}

TEST(a_room_goes_on_without_any_device)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c;

        rig->audio.refuse = -ENOMEM;
        c = rig_joined(rig, true);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        answer(rig, "members 1 me amy");
        ASSERT(!rig->script.capture);
        ASSERT(!fake_playback(&rig->script, "amy"));
        ASSERT_EQ(view_of(c).state, ROOM_STATE_JOINED);
}

/* ---- who is heard ---- */

TEST(a_participant_has_a_node_while_it_is_heard)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, false);
        const char *name = "rtcroomd." RIG_APP ".amy%40home";
        struct fake_stream *s;

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy@home", ENGINE_AUDIO, 0);
        rig_turn(rig);
        ASSERT_EQ(rig->audio.n_open, 0);
        rig_person(rig, ENGINE_PARTICIPANT_UPDATED, "amy@home", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_turn(rig);
        s = fake_audio_find(&rig->audio, name);
        ASSERT(s);
        ASSERT_STR(s->description, "amy@home in room");
        ASSERT_STR(s->app_name, "program1");
        ASSERT(fake_playback(&rig->script, "amy@home") == s->port);
        fake_audio_state(s, 77, false);
        rig_turn(rig);
        ASSERT(rig->participant_properties & PARTICIPANT_NODE);
        ASSERT_STR(person(c, "amy@home").node_name, name);
        ASSERT_EQ(person(c, "amy@home").node_serial, 77);
        s->port->level = 0.25f;
        ASSERT_NEAR(person(c, "amy@home").level, 0.25, 1e-6);
        rig_person(rig, ENGINE_PARTICIPANT_UPDATED, "amy@home", 0, 0);
        rig_turn(rig);
        ASSERT_EQ(rig->audio.n_open, 0);
        ASSERT(!fake_playback(&rig->script, "amy@home"));
        ASSERT_STR(person(c, "amy@home").node_name, "");
        ASSERT_EQ(person(c, "amy@home").node_serial, 0);
}

TEST(a_node_goes_with_its_participant)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();

        (void)rig_joined(rig, false);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_turn(rig);
        ASSERT_EQ(rig->audio.n_open, 1);
        rig_person(rig, ENGINE_PARTICIPANT_LEFT, "amy", 0, 0);
        rig_turn(rig);
        ASSERT_EQ(rig->audio.n_open, 0);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_turn(rig);
        ASSERT(fake_audio_find(&rig->audio, "rtcroomd." RIG_APP ".amy")); /* the same name again */
}

TEST(volume_mute_and_deafness_are_the_gain)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, false);
        struct audio_port *port;

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_turn(rig);
        port = fake_playback(&rig->script, "amy");
        ASSERT_NEAR(port->gain, 1, 0);
        ASSERT_EQ(participant_set_volume(rig_find(c, "amy"), 1.5), 0);
        ASSERT_NEAR(port->gain, 1.5, 1e-6);
        ASSERT_EQ(participant_set_volume(rig_find(c, "amy"), 2.01), -EINVAL);
        ASSERT_EQ(participant_set_volume(rig_find(c, "amy"), -0.01), -EINVAL);
        ASSERT_EQ(participant_set_volume(rig_find(c, "amy"), (double)NAN), -EINVAL);
        ASSERT_NEAR(person(c, "amy").volume, 1.5, 0);
        participant_set_muted(rig_find(c, "amy"), true);
        ASSERT_NEAR(port->gain, 0, 0);
        context_set_deafened(c, true);
        participant_set_muted(rig_find(c, "amy"), false);
        ASSERT_NEAR(port->gain, 0, 0);
        context_set_deafened(c, false);
        ASSERT_NEAR(port->gain, 1.5, 1e-6);
        rig_turn(rig);
        ASSERT(rig->properties & CONTEXT_DEAFENED);
        ASSERT(rig->participant_properties & PARTICIPANT_VOLUME);
        ASSERT(rig->participant_properties & PARTICIPANT_MUTED);
}

TEST(volumes_are_remembered_across_runs)
{
        char dir[] = "/tmp/rtcroomd-test-XXXXXX", path[64];
        struct rig *rig;
        struct context *c;

        ASSERT(mkdtemp(dir));
        for (int run = 0; run < 2; run++) {
                ASSERT_OK(rig_new(dir, &rig));
                c = rig_joined(rig, false);
                rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
                rig_turn(rig);
                rig_person(rig, ENGINE_PARTICIPANT_JOINED, "bob", ENGINE_AUDIO, ENGINE_AUDIO);
                rig_turn(rig);
                if (run == 0) {
                        ASSERT_EQ(participant_set_volume(rig_find(c, "amy"), 0.5), 0);
                        participant_set_muted(rig_find(c, "bob"), true);
                }
                ASSERT_NEAR(person(c, "amy").volume, 0.5, 0);
                ASSERT_NEAR(fake_playback(&rig->script, "amy")->gain, 0.5, 0);
                ASSERT(person(c, "bob").muted && !person(c, "amy").muted);
                ASSERT_NEAR(fake_playback(&rig->script, "bob")->gain, 0, 0);
                rig_free(rig);
        }
        (void)snprintf(path, sizeof(path), "%s/volumes", dir);
        ASSERT_EQ(unlink(path), 0);
        ASSERT_EQ(rmdir(dir), 0);
}

/* ---- subscriptions ---- */

TEST(subscriptions_need_a_room)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        ASSERT_OK(rig_subscribe(rig, c, 1, "amy", true));
        answer(rig, "21102/115903F changeStreamSubscribeState:fail not in a room");
}

TEST(a_subscription_to_somebody_absent_is_kept)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, false);

        ASSERT_OK(rig_subscribe(rig, c, 1, "amy", true));
        answer(rig, "changeStreamSubscribeState:ok");
        ASSERT_EQ(rig->script.calls[FAKE_SUBSCRIBE], 0);
        for (unsigned times = 1; times <= 2; times++) { /* also when they come back */
                rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, 0);
                rig_turn(rig);
                ASSERT_EQ(rig->script.calls[FAKE_SUBSCRIBE], times);
                ASSERT_STR(rig->script.subscribed_to, "amy");
                ASSERT(rig->script.on);
                rig_person(rig, ENGINE_PARTICIPANT_LEFT, "amy", 0, 0);
                rig_turn(rig);
        }
        ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
        rig_run_ms(rig, 1);
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", false));
        rig_run_ms(rig, 1);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, 0);
        rig_turn(rig);
        ASSERT_EQ(rig->script.calls[FAKE_SUBSCRIBE], 2); /* but not beyond the room */
}

TEST(a_subscription_to_somebody_present_is_the_engines)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, false);

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_turn(rig);
        rig->script.answer[FAKE_SUBSCRIBE].delay_ms = 5;
        ASSERT_OK(rig_subscribe(rig, c, 1, "amy", false));
        (void)rig_take(rig);
        rig_run_ms(rig, 4);
        ASSERT_STR(rig_take(rig), "");
        answer(rig, "changeStreamSubscribeState:ok");
        ASSERT(!rig->script.on);
}

TEST(subscriptions_kept_are_bounded)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, false);
        char user[16];

        for (int i = 0; i <= 256; i++) {
                (void)snprintf(user, sizeof(user), "u%d", i);
                ASSERT_OK(rig_subscribe(rig, c, 1, user, true));
                answer(rig, i < 256 ? "changeStreamSubscribeState:ok" : "21102/115903F");
        }
}

/* Whatever cannot be had for somebody who comes: the room and its records stay whole. */
TEST_OOM(people_come_under_want_of_memory)
{
        struct rig *rig = NULL;
        struct context *c = NULL;
        int r = rig_new(NULL, &rig);

        if (r >= 0)
                r = rig_create(rig, 1, &c);
        if (r >= 0)
                r = rig_join(rig, c, 1, "room", "me", true);
        if (r >= 0)
                rig_run_ms(rig, 1);
        if (r >= 0 && view_of(c).state == ROOM_STATE_JOINED) {
                for (int i = 0; i < 9; i++) { /* more than the lists hold at first */
                        char user[8];

                        (void)snprintf(user, sizeof(user), "u%d", i);
                        (void)fake_participant(
                                &rig->script, ENGINE_PARTICIPANT_JOINED,
                                &(struct engine_participant){ .user_id = user, .subscribed = ENGINE_AUDIO });
                }
                rig_run_ms(rig, 1);
        }
        if (r >= 0)
                r = rig->audio.n_open == 10 && fake_audio_capture(&rig->audio) ? 0 : -ENOMEM;
        rig_free(rig);
        return r;
}
