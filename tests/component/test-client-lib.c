/* test-client-lib.c - librtcroom's operations: exactly one outcome for each, whatever the daemon answers: out of
 * order, twice, with errors, with rubbish, or not; and its arguments.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "fakes/client-rig.h"
#include "lib/test.h"

/* ---- outcomes ---- */

TEST(success_comes_once)
{
        struct rig g;
        struct outcome o = { .successes = 0 };
        struct rtcroom_callbacks cb = rig_watch(&g, &o);

        rig_init(&g);
        ASSERT_EQ(rtcroom_context_get_number(g.c), 1);
        ASSERT_OK(rtcroom_join(g.c, "room", "user", "token", 0, &cb));
        memset(&cb, 0, sizeof(cb)); /* it was copied */
        rig_settle(&g);
        ASSERT_EQ(o.completes, 0);
        COMPLETE(&g, .number = 1);
        COMPLETE(&g, .number = 1);
        COMPLETE(&g, .number = 1, .err_no = 21102);
        rig_settle(&g);
        ASSERT_EQ(o.successes, 1);
        ASSERT_EQ(o.fails, 0);
        ASSERT_EQ(o.completes, 1);
        ASSERT_STR(o.msg, "joinRtcRoom:ok");
        rig_done(&g);
}

TEST(failure_brings_both_codes)
{
        struct rig g;
        struct outcome o = { .successes = 0 };
        struct rtcroom_callbacks cb = rig_watch(&g, &o);

        rig_init(&g);
        ASSERT_OK(rtcroom_update_token(g.c, "token", &cb));
        ASSERT_OK(rtcroom_exit(g.c, NULL)); /* callbacks are optional */
        rig_settle(&g);
        COMPLETE(&g, .number = 1, .err_no = 21101, .error_code = 115902, .type = "D",
                 .msg = "updateToken:fail invalid token");
        COMPLETE(&g, .number = 2, .err_no = 21101);
        rig_settle(&g);
        ASSERT_EQ(o.successes, 0);
        ASSERT_EQ(o.fails, 1);
        ASSERT_EQ(o.completes, 1);
        ASSERT_EQ(o.err_no, 21101);
        ASSERT_EQ(o.error_code, 115902);
        ASSERT_STR(o.type, "D");
        ASSERT_STR(o.msg, "updateToken:fail invalid token");
        rig_done(&g);
}

TEST(answers_are_matched_by_number)
{
        struct rig g;
        struct outcome o[6] = { { .successes = 0 } };
        struct rtcroom_callbacks cb[6];

        for (int i = 0; i < 6; i++)
                cb[i] = rig_watch(&g, &o[i]);
        rig_init(&g);
        ASSERT_OK(rtcroom_join(g.c, "r", "u", "t", RTCROOM_JOIN_NO_PUBLISH | RTCROOM_JOIN_NO_SUBSCRIBE, &cb[0]));
        ASSERT_OK(rtcroom_change_audio_capture(g.c, true, &cb[1]));
        ASSERT_OK(rtcroom_change_stream_publish_state(g.c, false, RTCROOM_AUDIO, &cb[2]));
        ASSERT_OK(rtcroom_change_stream_subscribe_state(g.c, true, "bob", RTCROOM_BOTH, &cb[3]));
        ASSERT_OK(rtcroom_update_token(g.c, "t2", &cb[4]));
        ASSERT_OK(rtcroom_exit(g.c, &cb[5]));
        rig_settle(&g);
        for (int i = 0; i < 6; i++) /* 6, 2, 4, 1, 5, 3 */
                COMPLETE(&g, .number = (uint32_t[]){ 6, 2, 4, 1, 5, 3 }[i], .err_no = i % 2 ? 21102 : 0);
        rig_settle(&g);
        for (int i = 0; i < 6; i++) {
                ASSERT_EQ(o[i].completes, 1);
                ASSERT_EQ(o[i].turn, ((unsigned[]){ 4, 2, 6, 3, 5, 1 })[i]);
                ASSERT_EQ(o[i].successes, o[i].turn % 2);
                ASSERT_EQ(o[i].fails, !(o[i].turn % 2));
        }
        rig_done(&g);
}

/* Keeps what an operation was sent with, as "Member key=value …". */
static char sent[9][160];
static unsigned n_sent;

static int note_options(sd_bus_message *m, char *text, size_t size)
{
        const char *key, *type, *s;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}"), n;
        size_t at;

        while (r > 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                at = strlen(text);
                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0)
                        r = sd_bus_message_peek_type(m, NULL, &type);
                if (r >= 0)
                        r = sd_bus_message_enter_container(m, 'v', type);
                if (r >= 0 && *type == 'i' && (r = sd_bus_message_read(m, "i", &n)) >= 0)
                        snprintf(text + at, size - at, " %s=%d", key, n);
                else if (r >= 0 && *type == 'b' && (r = sd_bus_message_read(m, "b", &n)) >= 0)
                        snprintf(text + at, size - at, " %s=%d", key, n);
                else if (r >= 0 && *type == 's' && (r = sd_bus_message_read(m, "s", &s)) >= 0)
                        snprintf(text + at, size - at, " %s=%s", key, s);
                else if (r >= 0 && *type == 'a')
                        r = note_options(m, text, size);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int note_operation(struct daemon_double *d, sd_bus_message *m)
{
        const char *interface = sd_bus_message_get_interface(m);

        (void)d;
        if (!interface || strcmp(interface, DOUBLE_NAME ".Context") != 0 || n_sent == 9)
                return 0;
        snprintf(sent[n_sent], sizeof(sent[0]), "%s", sd_bus_message_get_member(m));
        ASSERT_OK(note_options(m, sent[n_sent], sizeof(sent[0])));
        n_sent++;
        ASSERT_OK(sd_bus_message_rewind(m, true));
        return 0;
}

TEST(operations_carry_their_options)
{
        static const char *const wanted[] = {
                "ChangeUserVisibility visible=0",
                "SetAudioPlaybackDevice device=earpiece",
                "ChangeAnsMode mode=2",
                "ChangeVideoCapture state=1",
                "SwitchCamera camera=back",
                "SetVideoEncoderConfig width=640 height=360 frameRate=24",
                "ChangeScreenSubscribeState state=1 userId=bob streamType=both",
                "ChangeStreamSubscribeState state=0 userId=bob streamType=audio",
                "UpdateToken token=t",
        };
        struct rig g;

        n_sent = 0;
        rig_init(&g);
        daemon_double_set_hook(&g.d, note_operation);
        ASSERT_OK(rtcroom_change_user_visibility(g.c, false, NULL));
        ASSERT_OK(rtcroom_set_audio_playback_device(g.c, "earpiece", NULL));
        ASSERT_OK(rtcroom_change_ans_mode(g.c, 2, NULL));
        ASSERT_OK(rtcroom_change_video_capture(g.c, true, NULL));
        ASSERT_OK(rtcroom_switch_camera(g.c, "back", NULL));
        ASSERT_OK(rtcroom_set_video_encoder_config(g.c, 640, 360, 24, NULL));
        ASSERT_OK(rtcroom_change_screen_subscribe_state(g.c, true, "bob", RTCROOM_BOTH, NULL));
        ASSERT_OK(rtcroom_change_stream_subscribe_state(g.c, false, "bob", RTCROOM_AUDIO, NULL));
        ASSERT_OK(rtcroom_update_token(g.c, "t", NULL));
        rig_settle(&g);
        rig_done(&g);
        ASSERT_EQ(n_sent, ARRAY_SIZE(wanted));
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
                ASSERT_STR(sent[i], wanted[i]);
}

TEST(a_join_may_bring_a_key)
{
        struct rig g;

        n_sent = 0;
        rig_init(&g);
        daemon_double_set_hook(&g.d, note_operation);
        ASSERT_OK(rtcroom_join_encrypted(g.c, "r", "u", "t", "secret", RTCROOM_JOIN_NO_PUBLISH, NULL));
        ASSERT_OK(rtcroom_join(g.c, "r", "u", "t", 0, NULL));
        rig_settle(&g);
        ASSERT_EQ(n_sent, 2);
        rig_done(&g);
        ASSERT_STR(sent[0], "JoinRtcRoom roomId=r userId=u token=t autoPublish=0 autoSubscribe=1 e2eeKey=secret");
        ASSERT_STR(sent[1], "JoinRtcRoom roomId=r userId=u token=t autoPublish=1 autoSubscribe=1");
}

TEST(two_contexts_do_not_meet)
{
        struct rig g;
        struct outcome a = { .successes = 0 }, b = { .successes = 0 };
        struct rtcroom_callbacks cb_a = rig_watch(&g, &a), cb_b = rig_watch(&g, &b);
        struct rtcroom_context *second;

        rig_init(&g);
        second = rig_create(&g);
        ASSERT_OK(rtcroom_exit(g.c, &cb_a));
        ASSERT_OK(rtcroom_exit(second, &cb_b));
        rig_settle(&g);
        COMPLETE(&g, .number = 2); /* of the second, but from the first's path */
        COMPLETE(&g, .number = 1, .path = DOUBLE_ROOT "/context/2");
        rig_settle(&g);
        ASSERT_EQ(a.completes + b.completes, 0);
        COMPLETE(&g, .number = 2, .path = DOUBLE_ROOT "/context/2");
        rig_settle(&g);
        ASSERT_EQ(a.completes, 0);
        ASSERT_EQ(b.completes, 1);
        rig_done(&g);
}

static void send_forged(struct daemon_double *d, const void *arg)
{
        (void)arg;
        double_signal(d, ":1.66", DOUBLE_ROOT "/context/1", CONTEXT, "Completed", "usiiss", 1u, "api", 0, 0, "",
                      "x:ok");
}

TEST(nobody_else_can_complete)
{
        struct rig g;
        struct outcome o = { .successes = 0 };
        struct rtcroom_callbacks cb = rig_watch(&g, &o);

        rig_init(&g);
        ASSERT_OK(rtcroom_exit(g.c, &cb));
        rig_settle(&g);
        daemon_double_run(&g.d, send_forged, NULL);
        rig_settle(&g);
        ASSERT_EQ(o.completes, 0);
        rig_done(&g);
}

/* ---- errors instead of numbers ---- */

static const struct {
        const char *name, *message, *msg; /* msg NULL: destroyed */
} refusals[] = {
        { DOUBLE_NAME ".Error.LimitsExceeded", "too many requests", "joinRtcRoom:fail too many requests" },
        { "org.freedesktop.DBus.Error.AccessDenied", "no", "joinRtcRoom:fail no" },
        { "org.freedesktop.DBus.Error.NoReply", "timed out", "joinRtcRoom:fail timed out" },
        { "a.b.NoWords", NULL, "joinRtcRoom:fail a.b.NoWords" },
        { "org.freedesktop.DBus.Error.UnknownObject", "unknown", NULL },
        { "org.freedesktop.DBus.Error.ServiceUnknown", "not there", NULL },
        { "org.freedesktop.DBus.Error.NameHasNoOwner", "not there", NULL },
};
enum { N_REFUSALS = sizeof(refusals) / sizeof(refusals[0]) };

static int refuse(struct daemon_double *d, sd_bus_message *m)
{
        const char *name, *message;

        if (!is_operation(m))
                return 0;
        name = refusals[d->requests].name;
        message = refusals[d->requests++].message;
        return double_error(d, m, name, message);
}

TEST(errors_become_outcomes)
{
        struct rig g;
        struct outcome o[N_REFUSALS] = { { .successes = 0 } };

        rig_init(&g);
        daemon_double_set_hook(&g.d, refuse);
        for (int i = 0; i < N_REFUSALS; i++) {
                struct rtcroom_callbacks cb = rig_watch(&g, &o[i]);

                ASSERT_OK(rtcroom_join(g.c, "r", "u", "t", 0, &cb));
                RIG_PUMP_UNTIL(&g, o[i].completes);
                if (refusals[i].msg)
                        outcome_assert_framework(&o[i], refusals[i].msg);
                else
                        outcome_assert_destroyed(&o[i], "joinRtcRoom");
        }
        rig_done(&g);
}

static int answer_rubbish(struct daemon_double *d, sd_bus_message *m)
{
        if (!is_operation(m))
                return 0;
        switch (d->requests++) {
        case 0: return double_reply(d, m, "s", "seven");
        case 1: return double_reply(d, m, "u", 0u);
        default: return double_reply(d, m, "");
        }
}

TEST(rubbish_instead_of_a_number)
{
        struct rig g;
        struct outcome o[3] = { { .successes = 0 } };

        rig_init(&g);
        daemon_double_set_hook(&g.d, answer_rubbish);
        for (int i = 0; i < 3; i++) {
                struct rtcroom_callbacks cb = rig_watch(&g, &o[i]);

                ASSERT_OK(rtcroom_exit(g.c, &cb));
        }
        COMPLETE(&g, .number = 0); /* is nobody's */
        rig_settle(&g);
        for (int i = 0; i < 3; i++)
                outcome_assert_framework(&o[i], "exitRtcRoom:fail the daemon's answer has another form");
        rig_done(&g);
}

TEST(zero_matches_nothing_before_the_reply)
{
        struct rig g;
        struct outcome o = { .successes = 0 };
        struct rtcroom_callbacks cb = rig_watch(&g, &o);

        rig_init(&g);
        daemon_double_set_hook(&g.d, stay_silent);
        ASSERT_OK(rtcroom_exit(g.c, &cb));
        rig_settle(&g);
        COMPLETE(&g, .number = 0);
        rig_settle(&g);
        ASSERT_EQ(o.completes, 0);
        rig_done(&g);
}

static void send_garbled(struct daemon_double *d, const void *arg)
{
        static const char path[] = DOUBLE_ROOT "/context/1";

        (void)arg;
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "Completed", "s", "1");
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "Completed", "");
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "Completed", "us", 2u, "of nobody");
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "RtcChatMembersChanged", "s", "alice");
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "RtcChatSpeakersChanged", "");
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "RtcVideoMembersChanged", "ai", 1, 5);
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "RtcStateChanged", "s", "no number");
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "RtcChatInterrupted", "ii", 1, 2);
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "OfALaterVersion", "a{sv}", 0);
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "Completed", "us", 1u, "cut off");
}

TEST(garbled_signals)
{
        struct rig g;
        struct outcome o = { .successes = 0 };
        struct rtcroom_callbacks cb = rig_watch(&g, &o);

        rig_init(&g);
        ASSERT_OK(rtcroom_exit(g.c, &cb));
        rig_settle(&g);
        daemon_double_run(&g.d, send_garbled, NULL);
        rig_settle(&g);
        ASSERT_EQ(g.events, 0);
        outcome_assert_framework(&o, "exitRtcRoom:fail the daemon's answer has another form");
        rig_done(&g);
}

/* ---- arguments ---- */

TEST(arguments_are_checked)
{
        struct rig g;
        struct rtcroom_context *c;
        uint64_t due_us;

        rig_init(&g);
        ASSERT_EQ(rtcroom_open(NULL), -EINVAL);
        ASSERT(!rtcroom_close(NULL));
        ASSERT(!rtcroom_context_free(NULL));
        ASSERT_STR(rtcroom_last_error(NULL), "");
        ASSERT_EQ(rtcroom_get_fd(NULL), -EINVAL);
        ASSERT_EQ(rtcroom_get_events(NULL), -EINVAL);
        ASSERT_EQ(rtcroom_get_timeout(NULL, &due_us), -EINVAL);
        ASSERT_EQ(rtcroom_get_timeout(g.r, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_dispatch(NULL), -EINVAL);
        ASSERT_EQ(rtcroom_wait(NULL, 0), -EINVAL);
        ASSERT_EQ(rtcroom_subscribe(NULL), -EINVAL);
        ASSERT_EQ(rtcroom_set_room_watch(NULL, NULL, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_create_context(NULL, "app", NULL, &c), -EINVAL);
        ASSERT_EQ(rtcroom_create_context(g.r, NULL, NULL, &c), -EINVAL);
        ASSERT_EQ(rtcroom_create_context(g.r, "app", NULL, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_create_context(g.r, "\xff", NULL, &c), -EINVAL);
        ASSERT_EQ(rtcroom_attach_context(NULL, 0, &c), -EINVAL);
        ASSERT_EQ(rtcroom_attach_context(g.r, 0, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_context_get_number(NULL), 0);
        rtcroom_context_set_events(NULL, NULL, NULL);
        rig_done(&g);
}

TEST(arguments_of_operations_are_checked)
{
        struct rig g;

        rig_init(&g);
        ASSERT_EQ(rtcroom_join(NULL, "r", "u", "t", 0, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_join(g.c, NULL, "u", "t", 0, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_join(g.c, "r", NULL, "t", 0, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_join(g.c, "r", "u", NULL, 0, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_join(g.c, "r", "u", "t", 4, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_join(g.c, "not UTF-8: \xc3\x28", "u", "t", 0, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_exit(NULL, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_audio_capture(NULL, true, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_stream_publish_state(NULL, true, RTCROOM_AUDIO, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_stream_publish_state(g.c, true, 0, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_stream_publish_state(g.c, true, 4, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_stream_subscribe_state(NULL, true, "u", RTCROOM_AUDIO, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_stream_subscribe_state(g.c, true, NULL, RTCROOM_AUDIO, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_stream_subscribe_state(g.c, true, "u", -1, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_update_token(NULL, "t", NULL), -EINVAL);
        ASSERT_EQ(rtcroom_update_token(g.c, NULL, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_screen_subscribe_state(g.c, true, NULL, RTCROOM_AUDIO, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_screen_subscribe_state(g.c, true, "u", 0, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_set_audio_playback_device(g.c, NULL, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_set_audio_playback_device(NULL, "sink", NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_ans_mode(NULL, 1, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_change_video_capture(NULL, false, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_switch_camera(g.c, NULL, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_set_video_encoder_config(NULL, 640, 360, 15, NULL), -EINVAL);
        rig_settle(&g);
        ASSERT_EQ(rig_destroys(&g), 0);
        rig_done(&g);
}

/* ---- memory ---- */

static int open_and_join(struct rig *g, struct outcome *o)
{
        struct rtcroom_callbacks cb = rig_watch(g, o);
        struct rtcroom_context *c;
        int k = rtcroom_open(&g->r);

        if (k >= 0)
                k = rtcroom_create_context(g->r, "app", "embedded:", &c);
        return k < 0 ? k : rtcroom_join(c, "r", "u", "t", 0, &cb);
}

TEST_OOM(memory_runs_out)
{
        struct outcome o = { .successes = 0 };
        struct rig g = { .r = NULL };
        int k;

        daemon_double_init(&g.d);
        k = open_and_join(&g, &o);
        rig_done(&g);
        ASSERT_EQ(o.completes, 0);
        return k;
}
