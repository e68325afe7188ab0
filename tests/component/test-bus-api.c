/* test-bus-api.c - the contract over a connection: every member once, order, completions, limits, bad arguments. */
#include <errno.h>

#include "fakes/bus-rig.h"
#include "lib/test.h"

static sd_bus_message *operate(struct bus_rig *rig, const char *path, const char *member, const char *key,
                               const char *type, const char *value)
{
        sd_bus_message *m = p2p_bus_call(&rig->p, OWNER, path, BUS_INTERFACE_CONTEXT, member);

        if (!key)
                ASSERT_OK(sd_bus_message_append(m, "a{sv}", 0));
        else if (*type == 'i')
                ASSERT_OK(sd_bus_message_append(m, "a{sv}", 1, key, "i", atoi(value)));
        else
                ASSERT_OK(sd_bus_message_append(m, "a{sv}", 1, key, "s", value));
        return p2p_bus_ask(&rig->p, m);
}

/* ---- the root ---- */

TEST(create_gives_a_context)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        sd_bus_message *added;
        const char *path;

        ASSERT_STR(bus_rig_context(rig, OWNER), BUS_CONTEXTS "/1");
        ASSERT_STR(bus_rig_context(rig, OWNER), BUS_CONTEXTS "/2");
        added = p2p_bus_signal(&rig->p, "InterfacesAdded", OWNER, 0);
        ASSERT(added);
        ASSERT_STR(sd_bus_message_get_path(added), BUS_ROOT);
        ASSERT_GT(sd_bus_message_read(added, "o", &path), 0);
        ASSERT_STR(path, BUS_CONTEXTS "/1");
}

TEST(create_refuses_with_the_texts_of_the_contract)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        sd_bus_message *answer =
                bus_rig_call(rig, OWNER, BUS_ROOT, BUS_INTERFACE_MANAGER, "CreateRtcRoomContext", "a{sv}", 0);

        ASSERT_STR(sd_bus_message_get_error(answer)->message,
                   "createRtcRoomContext:fail params.appId should be string, but got undefined");
        bus_rig_expect_error(answer, "org.rtcroom.RtcRoom1.Error.InvalidParams");
        for (int i = 0; i < 8; i++)
                (void)bus_rig_context(rig, OWNER);
        bus_rig_expect_error(bus_rig_call(rig, OWNER, BUS_ROOT, BUS_INTERFACE_MANAGER, "CreateRtcRoomContext", "a{sv}",
                                          1, "appId", "s", RIG_APP),
                             "org.rtcroom.RtcRoom1.Error.LimitsExceeded");
}

TEST(create_obeys_the_configuration)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        struct config *config;

        ASSERT_OK(config_new_default(&config));
        config->apps = calloc(1, sizeof(*config->apps));
        config->n_apps = 1;
        config->apps[0].app_id = strdup("forbidden");
        manager_set_config(rig->manager, config);
        bus_rig_expect_error(bus_rig_call(rig, OWNER, BUS_ROOT, BUS_INTERFACE_MANAGER, "CreateRtcRoomContext", "a{sv}",
                                          1, "appId", "s", "forbidden"),
                             "org.rtcroom.RtcRoom1.Error.AuthDenied");
}

TEST(properties_of_the_root)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        sd_bus_message *answer =
                bus_rig_call(rig, PANEL, BUS_ROOT, PROPERTIES, "Get", "ss", BUS_INTERFACE_MANAGER, "Version");
        const char *version;

        ASSERT_GT(sd_bus_message_read(answer, "v", "s", &version), 0);
        ASSERT_STR(version, "1.2.3");
        sd_bus_message_unref(answer);
        ASSERT(!bus_rig_get_boolean(rig, PANEL, BUS_ROOT, BUS_INTERFACE_MANAGER, "InRoom"));
        bus_rig_join(rig, OWNER, bus_rig_context(rig, OWNER));
        ASSERT(bus_rig_get_boolean(rig, PANEL, BUS_ROOT, BUS_INTERFACE_MANAGER, "InRoom"));
        bus_rig_expect_error(
                bus_rig_call(rig, PANEL, BUS_ROOT, PROPERTIES, "Set", "ssv", BUS_INTERFACE_MANAGER, "InRoom", "b", 0),
                SD_BUS_ERROR_PROPERTY_READ_ONLY);
        bus_rig_expect_ok(bus_rig_call(rig, PANEL, BUS_ROOT, PROPERTIES, "GetAll", "s", BUS_INTERFACE_MANAGER));
}

/* ---- operations ---- */

TEST(every_operation_answers_with_a_number_and_completes_once)
{
        static const struct {
                const char *member, *key, *type, *value;
                int err_no;
        } calls[] = {
                { "ChangeAudioCapture", "state", "i", "1", 0 },
                { "ChangeStreamPublishState", "state", "i", "1", 0 },
                { "ExitRtcRoom", NULL, NULL, NULL, 0 },
                { "ChangeUserVisibility", "visible", "s", "yes", 20000 },
                { "SetAudioPlaybackDevice", "device", "s", "speakerphone", 0 },
                { "ChangeAnsMode", "mode", "i", "2", 0 },
                { "ChangeVideoCapture", "state", "i", "0", 0 },
                { "ChangeVideoCapture", "state", "i", "1", 21102 },
                { "SwitchCamera", "camera", "s", "back", 0 },
                { "SwitchCamera", "camera", "s", "top", 20000 },
                { "SetVideoEncoderConfig", NULL, NULL, NULL, 20000 },
                { "ChangeScreenSubscribeState", NULL, NULL, NULL, 20000 },
                { "UpdateToken", "token", "s", "x", 21102 },
                { "JoinRtcRoom", NULL, NULL, NULL, 20000 },
                { "ChangeStreamSubscribeState", NULL, NULL, NULL, 20000 },
                { "Destroy", NULL, NULL, NULL, 0 },
                { "ChangeAudioCapture", "state", "i", "1", 115910 },
        };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);

        for (uint32_t i = 0; i < ARRAY_SIZE(calls); i++) {
                sd_bus_message *answer =
                        operate(rig, path, calls[i].member, calls[i].key, calls[i].type, calls[i].value);
                int place = p2p_bus_place(&rig->p, answer);
                uint32_t request = bus_rig_request(answer);

                bus_rig_run_ms(rig, 10);
                ASSERT_EQ(request, i + 1);
                ASSERT_EQ(bus_rig_completion(rig, request, NULL), calls[i].err_no);
                ASSERT_LT(place, p2p_bus_place(&rig->p, p2p_bus_signal(&rig->p, "Completed", OWNER, i)));
        }
}

/* Also when it fails at once: the reply is on the wire before the completion. */
TEST(the_reply_precedes_completed)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        unsigned replies = 0;

        p2p_bus_forget(&rig->p);
        for (int i = 0; i < 20; i++) {
                sd_bus_message *m = p2p_bus_call(&rig->p, OWNER, path, BUS_INTERFACE_CONTEXT, "JoinRtcRoom");

                ASSERT_OK(sd_bus_message_append(m, "a{sv}", 0));
                p2p_bus_send(&rig->p, m);
        }
        bus_rig_run_ms(rig, 10);
        ASSERT_EQ(rig->p.n_arrived, 40);
        for (unsigned i = 0, told = 0; i < 40; i++) {
                uint32_t request;

                ASSERT_GT(sd_bus_message_read(rig->p.arrived[i], "u", &request), 0);
                if (sd_bus_message_is_signal(rig->p.arrived[i], NULL, "Completed") > 0)
                        ASSERT_EQ(request, ++told);
                else
                        ASSERT_EQ(request, ++replies);
                ASSERT_LE(told, replies);
        }
}

TEST(a_join_in_order)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        _cleanup_free_ char *token = rig_token("room", "me", 0);
        sd_bus_message *answer, *members, *done;
        const char *state;
        char **list;

        answer = bus_rig_call(rig, OWNER, path, BUS_INTERFACE_CONTEXT, "JoinRtcRoom", "a{sv}", 3, "roomId", "s",
                              "room", "userId", "s", "me", "token", "s", token);
        (void)bus_rig_request(answer);
        bus_rig_run_ms(rig, 1);
        done = p2p_bus_signal(&rig->p, "Completed", OWNER, 0);
        members = p2p_bus_signal(&rig->p, "RtcChatMembersChanged", OWNER, 0);
        ASSERT(done && members);
        ASSERT_LT(p2p_bus_place(&rig->p, done), p2p_bus_place(&rig->p, members));
        ASSERT_OK(sd_bus_message_read_strv(members, &list));
        ASSERT_STR(list[0], "me");
        for (char **s = list; *s; s++)
                free(*s);
        free(list);
        answer = bus_rig_call(rig, OWNER, path, PROPERTIES, "Get", "ss", BUS_INTERFACE_CONTEXT, "State");
        ASSERT_GT(sd_bus_message_read(answer, "v", "s", &state), 0);
        ASSERT_STR(state, "joined");
        sd_bus_message_unref(answer);
}

TEST(quality_of_the_network)
{
        static const struct engine_participant amy = { .user_id = "amy",
                                                       .published = ENGINE_AUDIO,
                                                       .subscribed = ENGINE_AUDIO },
                                               bob = { .user_id = "bob" };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER), *user, *k;
        sd_bus_message *m;
        uint32_t rtt, bitrate, tx, rx;
        double loss;

        bus_rig_join(rig, OWNER, path);
        ASSERT_OK(fake_participant(&rig->script, ENGINE_PARTICIPANT_JOINED, &amy));
        ASSERT_OK(fake_participant(&rig->script, ENGINE_PARTICIPANT_JOINED, &bob));
        bus_rig_run_ms(rig, 100);
        rig->script.stats.outbound = (struct engine_peer_stats){
                .packets_sent = 100, .bytes_sent = 4000, .remote_packets_lost = 25, .rtt_us = 30000, .reports = 2
        };
        bus_rig_run_ms(rig, 2000);
        m = p2p_bus_signal(&rig->p, "NetworkQuality", OWNER, 0);
        ASSERT(m);
        ASSERT_STR(sd_bus_message_get_path(m), path);
        ASSERT_GT(sd_bus_message_read(m, "a{sv}", 6, &k, "s", &user, &k, "d", &loss, &k, "u", &rtt, &k, "u", &bitrate,
                                      &k, "u", &tx, &k, "u", &rx),
                  0);
        ASSERT_STR(user, "me");
        ASSERT_NEAR(loss, 0.25, 1e-9);
        ASSERT_EQ(rtt, 30);
        ASSERT_EQ(bitrate, 16000);
        ASSERT_EQ(tx, 5);
        ASSERT_EQ(rx, 0);
        ASSERT_GT(sd_bus_message_enter_container(m, 'a', "a{sv}"), 0); /* amy alone is received */
        ASSERT_GT(sd_bus_message_read(m, "a{sv}", 6, &k, "s", &user, &k, "d", &loss, &k, "u", &rtt, &k, "u", &bitrate,
                                      &k, "u", &tx, &k, "u", &rx),
                  0);
        ASSERT_STR(user, "amy");
        ASSERT_EQ(rx, 0);
        ASSERT(sd_bus_message_at_end(m, false));
        ASSERT(!p2p_bus_signal(&rig->p, "NetworkQuality", "", 1)); /* to the owner alone */
}

TEST(the_33rd_pending_request_is_refused)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        _cleanup_free_ char *token = rig_token("room", "me", 0);
        uint32_t last = 0;

        rig->script.answer[FAKE_SUBSCRIBE].hang = true;
        bus_rig_join(rig, OWNER, path);
        for (int i = 0; i < 32; i++)
                last = bus_rig_request(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_CONTEXT,
                                                    "ChangeStreamSubscribeState", "a{sv}", 2, "state", "i", 1,
                                                    "userId", "s", "alice"));
        bus_rig_expect_error(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_CONTEXT, "ExitRtcRoom", "a{sv}", 0),
                             "org.rtcroom.RtcRoom1.Error.LimitsExceeded");
        ASSERT(!p2p_bus_signal(&rig->p, "Completed", "", 0));
        ASSERT_OK(fake_end(&rig->script, ENGINE_SERVER_GONE)); /* each of them is told, and the state is intact */
        bus_rig_run_ms(rig, 1);
        ASSERT_NE(bus_rig_completion(rig, last, NULL), 0);
        ASSERT(p2p_bus_signal(&rig->p, "Completed", OWNER, 31));
        ASSERT(!p2p_bus_signal(&rig->p, "Completed", OWNER, 32));
        (void)bus_rig_request(operate(rig, path, "ExitRtcRoom", NULL, NULL, NULL));
}

/* ---- events ---- */

TEST(what_happens_in_the_room_is_told_to_the_owner_alone)
{
        static const char *const members[] = { "RtcChatSpeakersChanged", "RtcStateChanged", "RtcChatInterrupted",
                                               "InterfacesRemoved", "PropertiesChanged" };
        struct engine_result none = { 0 };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        const char *text;
        int err_no;

        bus_rig_join(rig, OWNER, path);
        ASSERT_OK(fake_speak(&rig->script, "alice", true));
        bus_rig_run_ms(rig, 1);
        ASSERT_OK(fake_state(&rig->script, ENGINE_STATE_RECONNECTING, &none));
        ASSERT_OK(fake_state(&rig->script, ENGINE_STATE_JOINED, &none));
        bus_rig_run_ms(rig, 1);
        ASSERT_OK(fake_end(&rig->script, ENGINE_KICKED));
        bus_rig_run_ms(rig, 1);
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                ASSERT(p2p_bus_signal(&rig->p, members[i], OWNER, 0));
        for (unsigned i = 0; i < rig->p.n_arrived; i++)
                if (!sd_bus_message_get_destination(rig->p.arrived[i]))
                        ASSERT_STR(sd_bus_message_get_path(rig->p.arrived[i]), BUS_ROOT);
        ASSERT_GT(sd_bus_message_read(p2p_bus_signal(&rig->p, "RtcChatInterrupted", OWNER, 0), "is", &err_no, &text),
                  0);
        ASSERT_EQ(err_no, -1006);
        ASSERT_STR(text, "kicked");
}

/* The only broadcast: that there is a room, not which. */
TEST(the_broadcast_keeps_the_room_to_itself)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER), *interface, *key;
        sd_bus_message *m;
        int in_room;

        bus_rig_join(rig, OWNER, path);
        (void)bus_rig_request(operate(rig, path, "ExitRtcRoom", NULL, NULL, NULL));
        bus_rig_run_ms(rig, 10);
        m = p2p_bus_signal(&rig->p, "PropertiesChanged", NULL, 0);
        ASSERT(m);
        ASSERT_STR(sd_bus_message_get_signature(m, true), "sa{sv}as");
        ASSERT_GT(sd_bus_message_read(m, "sa{sv}", &interface, 1, &key, "b", &in_room), 0);
        ASSERT_STR(interface, BUS_INTERFACE_MANAGER);
        ASSERT_STR(key, "InRoom");
        ASSERT_EQ(in_room, 0);
        ASSERT_GT(sd_bus_message_read(m, "as", 2, &interface, &key), 0);
        ASSERT_STR(interface, "RoomId");
        ASSERT_STR(key, "UserId");
}

TEST(subscribers_get_copies)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        sd_bus_message *a, *b;
        const char *x, *y;

        bus_rig_expect_ok(bus_rig_call(rig, PANEL, BUS_ROOT, BUS_INTERFACE_MANAGER, "Subscribe", ""));
        bus_rig_expect_ok(bus_rig_call(rig, PANEL, BUS_ROOT, BUS_INTERFACE_MANAGER, "Subscribe", ""));
        (void)bus_rig_request(operate(rig, path, "UpdateToken", "token", "s", "x"));
        bus_rig_run_ms(rig, 1);
        a = p2p_bus_signal(&rig->p, "Completed", OWNER, 0);
        b = p2p_bus_signal(&rig->p, "Completed", PANEL, 0);
        ASSERT(a && b && !p2p_bus_signal(&rig->p, "Completed", PANEL, 1));
        ASSERT_OK(sd_bus_message_skip(a, "usii"));
        ASSERT_OK(sd_bus_message_skip(b, "usii"));
        ASSERT_GT(sd_bus_message_read(a, "ss", NULL, &x), 0);
        ASSERT_GT(sd_bus_message_read(b, "ss", NULL, &y), 0);
        ASSERT_STR(x, "updateToken:fail not in a room");
        ASSERT_STR(y, x);
        p2p_bus_forget(&rig->p);
        bus_rig_expect_ok(bus_rig_call(rig, PANEL, BUS_ROOT, BUS_INTERFACE_MANAGER, "Unsubscribe", ""));
        (void)bus_rig_request(operate(rig, path, "ExitRtcRoom", NULL, NULL, NULL));
        bus_rig_run_ms(rig, 1);
        ASSERT(p2p_bus_signal(&rig->p, "Completed", OWNER, 0));
        ASSERT(!p2p_bus_signal(&rig->p, "Completed", PANEL, 0));
}

/* A panel that makes the user leave hears of the outcome; the owner hears of the room. */
TEST(completed_goes_to_who_asked)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        uint32_t request;

        bus_rig_join(rig, OWNER, path);
        request = bus_rig_request(bus_rig_call(rig, PANEL, path, BUS_INTERFACE_CONTEXT, "ExitRtcRoom", "a{sv}", 0));
        bus_rig_run_ms(rig, 10);
        ASSERT_EQ(bus_rig_completion(rig, request, NULL), 0);
        ASSERT(p2p_bus_signal(&rig->p, "Completed", PANEL, 0));
        ASSERT(!p2p_bus_signal(&rig->p, "Completed", OWNER, 0));
        ASSERT(p2p_bus_signal(&rig->p, "RtcChatMembersChanged", OWNER, 0));
        ASSERT(!p2p_bus_signal(&rig->p, "RtcChatMembersChanged", PANEL, 0));
}

TEST(the_owner_leaves_the_bus)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);

        bus_rig_join(rig, OWNER, path);
        bus_rig_expect_ok(bus_rig_call(rig, PANEL, BUS_ROOT, BUS_INTERFACE_MANAGER, "Subscribe", ""));
        p2p_bus_vanish(&rig->p, OWNER);
        bus_rig_run_ms(rig, 2000);
        ASSERT(p2p_bus_signal(&rig->p, "InterfacesRemoved", PANEL, 0));
        ASSERT(!bus_rig_get_boolean(rig, PANEL, BUS_ROOT, BUS_INTERFACE_MANAGER, "InRoom"));
        bus_rig_expect_error(bus_rig_call(rig, PANEL, path, BUS_INTERFACE_CONTEXT, "ExitRtcRoom", "a{sv}", 0),
                             SD_BUS_ERROR_UNKNOWN_OBJECT);
        ASSERT_STR(bus_rig_context(rig, PANEL), BUS_CONTEXTS "/2"); /* never reused */
}

/* ---- Voice and Participant ---- */

TEST(switches_of_the_voice)
{
        static const char *const names[] = { "Muted", "Deafened", "EchoCancellation", "AutomaticGainControl" };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER), *interface;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                bool was = bus_rig_get_boolean(rig, OWNER, path, BUS_INTERFACE_VOICE, names[i]);

                p2p_bus_forget(&rig->p);
                bus_rig_expect_ok(bus_rig_call(rig, PANEL, path, PROPERTIES, "Set", "ssv", BUS_INTERFACE_VOICE,
                                               names[i], "b", !was));
                ASSERT_EQ(bus_rig_get_boolean(rig, OWNER, path, BUS_INTERFACE_VOICE, names[i]), !was);
                bus_rig_run_ms(rig, 1);
                ASSERT(p2p_bus_signal(&rig->p, "PropertiesChanged", OWNER, 0));
                ASSERT_GT(sd_bus_message_read(p2p_bus_signal(&rig->p, "PropertiesChanged", OWNER, 0), "s", &interface),
                          0);
                ASSERT_STR(interface, BUS_INTERFACE_VOICE);
                bus_rig_expect_error(bus_rig_call(rig, OWNER, path, PROPERTIES, "Set", "ssv", BUS_INTERFACE_VOICE,
                                                  names[i], "s", "yes"),
                                     SD_BUS_ERROR_INVALID_ARGS);
        }
}

static void expect_text(struct bus_rig *rig, const char *path, const char *property, const char *expected)
{
        sd_bus_message *answer =
                bus_rig_call(rig, PANEL, path, PROPERTIES, "Get", "ss", BUS_INTERFACE_VOICE, property);
        const char *text;

        ASSERT_GT(sd_bus_message_read(answer, "v", "s", &text), 0);
        ASSERT_STR(text, expected);
        sd_bus_message_unref(answer);
}

TEST(words_of_the_voice)
{
        static const struct {
                const char *property, *good, *bad[2];
        } rows[] = { { "TransmitMode", "push-to-talk", { "shouting", "" } },
                     { "TransmitMode", "voice-activity", { "Voice-Activity", "continuous " } },
                     { "InputDevice", "alsa_input.usb", { "a\nb", "\x7f" } },
                     { "OutputDevice", "K\xc3\xb6pfe", { "a\tb", "\x01" } } };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        char long_name[300];

        expect_text(rig, path, "TransmitMode", "continuous");
        memset(long_name, 'x', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const char *bad[] = { rows[i].bad[0], rows[i].bad[1], long_name };

                bus_rig_expect_ok(bus_rig_call(rig, PANEL, path, PROPERTIES, "Set", "ssv", BUS_INTERFACE_VOICE,
                                               rows[i].property, "s", rows[i].good));
                for (size_t k = 0; k < ARRAY_SIZE(bad); k++)
                        bus_rig_expect_error(bus_rig_call(rig, PANEL, path, PROPERTIES, "Set", "ssv",
                                                          BUS_INTERFACE_VOICE, rows[i].property, "s", bad[k]),
                                             SD_BUS_ERROR_INVALID_ARGS);
                expect_text(rig, path, rows[i].property, rows[i].good);
        }
        bus_rig_run_ms(rig, 1);
        ASSERT(p2p_bus_signal(&rig->p, "PropertiesChanged", OWNER, 0));
}

TEST(the_key_of_push_to_talk)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);

        bus_rig_join(rig, OWNER, path);
        bus_rig_expect_error(bus_rig_call(rig, SANDBOX, path, BUS_INTERFACE_VOICE, "StartTalking", ""),
                             SD_BUS_ERROR_ACCESS_DENIED);
        ASSERT(!bus_rig_get_boolean(rig, OWNER, path, BUS_INTERFACE_VOICE, "Talking"));
        bus_rig_expect_ok(bus_rig_call(rig, PANEL, path, BUS_INTERFACE_VOICE, "StartTalking", ""));
        ASSERT(bus_rig_get_boolean(rig, OWNER, path, BUS_INTERFACE_VOICE, "Talking"));
        bus_rig_run_ms(rig, 1);
        ASSERT(p2p_bus_signal(&rig->p, "PropertiesChanged", OWNER, 0));
        bus_rig_expect_ok(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_VOICE, "StopTalking", ""));
        ASSERT(!bus_rig_get_boolean(rig, OWNER, path, BUS_INTERFACE_VOICE, "Talking"));
        bus_rig_expect_ok(bus_rig_call(rig, PANEL, path, BUS_INTERFACE_VOICE, "StartTalking", ""));
        p2p_bus_vanish(&rig->p, PANEL);
        bus_rig_run_ms(rig, 1);
        ASSERT(!bus_rig_get_boolean(rig, OWNER, path, BUS_INTERFACE_VOICE, "Talking"));
        bus_rig_expect_error(
                bus_rig_call(rig, OWNER, path, PROPERTIES, "Set", "ssv", BUS_INTERFACE_VOICE, "Talking", "b", 1),
                SD_BUS_ERROR_PROPERTY_READ_ONLY);
}

TEST(statistics_have_the_names_of_the_model)
{
        static const char *const types[] = { "inbound-rtp",   "outbound-rtp", "remote-inbound-rtp", "candidate-pair",
                                             "media-playout", "transport",    "media-source" };
        struct engine_stats_inbound in[] = { { .user_id = "alice", .ssrc = 7, .rx.packets = 50 },
                                             { .user_id = "bob" } };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER), *key;
        sd_bus_message *answer = bus_rig_call(rig, OWNER, path, BUS_INTERFACE_VOICE, "GetStats", "");
        unsigned seen = 0;

        bus_rig_run_ms(rig, 1);
        bus_rig_expect_ok(answer); /* outside of a room: nothing */
        bus_rig_join(rig, OWNER, path);
        rig->script.stats.inbound = in;
        rig->script.stats.n_inbound = ARRAY_SIZE(in);
        answer = bus_rig_call(rig, PANEL, path, BUS_INTERFACE_VOICE, "GetStats", "");
        ASSERT(answer);
        ASSERT_STR(sd_bus_message_get_signature(answer, true), "a{sv}");
        ASSERT_OK(sd_bus_message_enter_container(answer, 'a', "{sv}"));
        while (sd_bus_message_enter_container(answer, 'e', "sv") > 0) {
                ASSERT_GT(sd_bus_message_read(answer, "s", &key), 0);
                for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                        if (strcmp(types[i], key) == 0)
                                seen |= 1u << i;
                ASSERT_GT(sd_bus_message_enter_container(answer, 'v', "aa{sv}"), 0);
                ASSERT_OK(sd_bus_message_skip(answer, "aa{sv}"));
                ASSERT_OK(sd_bus_message_exit_container(answer));
                ASSERT_OK(sd_bus_message_exit_container(answer));
        }
        ASSERT_EQ(seen, (1u << ARRAY_SIZE(types)) - 1);
        sd_bus_message_unref(answer);
}

static const char *participant_path(struct bus_rig *rig, const char *path, const char *user)
{
        static char text[128];
        struct context *c = manager_first_context(rig->manager);
        struct participant *p = rig_find(c, user);

        ASSERT(p);
        (void)snprintf(text, sizeof(text), "%s/participant/%u", path, participant_number(p));
        return text;
}

TEST(a_participant)
{
        static const char *const properties[] = { "UserId",     "Self",           "Speaking",
                                                  "Level",      "AudioPublished", "AudioSubscribed",
                                                  "AudioMuted", "VideoPublished", "ScreenPublished",
                                                  "Quality",    "Volume",         "Muted",
                                                  "NodeName",   "NodeSerial" };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER), *who;
        sd_bus_message *answer;
        double volume;

        bus_rig_join(rig, OWNER, path);
        who = participant_path(rig, path, "alice");
        for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
                bus_rig_expect_ok(bus_rig_call(rig, PANEL, who, PROPERTIES, "Get", "ss", BUS_INTERFACE_PARTICIPANT,
                                               properties[i]));
        ASSERT(bus_rig_get_boolean(rig, PANEL, who, BUS_INTERFACE_PARTICIPANT, "AudioPublished"));
        bus_rig_expect_ok(bus_rig_call(rig, PANEL, who, PROPERTIES, "Set", "ssv", BUS_INTERFACE_PARTICIPANT, "Volume",
                                       "d", 1.5));
        answer = bus_rig_call(rig, OWNER, who, PROPERTIES, "Get", "ss", BUS_INTERFACE_PARTICIPANT, "Volume");
        ASSERT_GT(sd_bus_message_read(answer, "v", "d", &volume), 0);
        ASSERT_NEAR(volume, 1.5, 1e-9);
        sd_bus_message_unref(answer);
        for (size_t i = 0; i < 4; i++) {
                const double bad[] = { -0.01, 2.01, (double)NAN, (double)INFINITY };

                bus_rig_expect_error(bus_rig_call(rig, PANEL, who, PROPERTIES, "Set", "ssv", BUS_INTERFACE_PARTICIPANT,
                                                  "Volume", "d", bad[i]),
                                     SD_BUS_ERROR_INVALID_ARGS);
        }
        bus_rig_expect_ok(
                bus_rig_call(rig, PANEL, who, PROPERTIES, "Set", "ssv", BUS_INTERFACE_PARTICIPANT, "Muted", "b", 1));
        ASSERT(bus_rig_get_boolean(rig, OWNER, who, BUS_INTERFACE_PARTICIPANT, "Muted"));
        ASSERT(bus_rig_get_boolean(rig, OWNER, participant_path(rig, path, "me"), BUS_INTERFACE_PARTICIPANT, "Self"));
}

TEST(participants_come_and_go)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER), *who, *gone;

        bus_rig_join(rig, OWNER, path);
        who = participant_path(rig, path, "alice");
        ASSERT_OK(fake_participant(&rig->script, ENGINE_PARTICIPANT_LEFT,
                                   &(struct engine_participant){ .user_id = "alice" }));
        bus_rig_run_ms(rig, 1);
        ASSERT(p2p_bus_signal(&rig->p, "InterfacesRemoved", OWNER, 0));
        ASSERT_GT(sd_bus_message_read(p2p_bus_signal(&rig->p, "InterfacesRemoved", OWNER, 0), "o", &gone), 0);
        ASSERT_STR(gone, who);
        bus_rig_expect_error(bus_rig_call(rig, OWNER, who, PROPERTIES, "GetAll", "s", BUS_INTERFACE_PARTICIPANT),
                             SD_BUS_ERROR_UNKNOWN_OBJECT);
}

/* ---- bad input ---- */

TEST(wrong_signatures)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);

        bus_rig_expect_error(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_CONTEXT, "JoinRtcRoom", "s", "x"),
                             SD_BUS_ERROR_INVALID_ARGS);
        bus_rig_expect_error(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_CONTEXT, "JoinRtcRoom", ""),
                             SD_BUS_ERROR_INVALID_ARGS);
        bus_rig_expect_error(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_CONTEXT, "Destroy", "a{ss}", 0),
                             SD_BUS_ERROR_INVALID_ARGS);
        bus_rig_expect_error(bus_rig_call(rig, OWNER, BUS_ROOT, BUS_INTERFACE_MANAGER, "Subscribe", "i", 1),
                             SD_BUS_ERROR_INVALID_ARGS);
        bus_rig_expect_error(bus_rig_call(rig, OWNER, BUS_ROOT, OBJECT_MANAGER, "GetManagedObjects", "i", 1),
                             SD_BUS_ERROR_INVALID_ARGS);
        bus_rig_expect_error(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_CONTEXT, "SwitchRoom", "a{sv}", 0),
                             SD_BUS_ERROR_UNKNOWN_METHOD);
        bus_rig_expect_error(bus_rig_call(rig, OWNER, path, PROPERTIES, "Get", "ss", BUS_INTERFACE_CONTEXT, "Nothing"),
                             SD_BUS_ERROR_UNKNOWN_PROPERTY);
}

TEST(objects_that_do_not_exist)
{
        static const char *const paths[] = {
                BUS_CONTEXTS "/2",
                BUS_CONTEXTS "/0",
                BUS_CONTEXTS "/01",
                BUS_CONTEXTS "/1x",
                BUS_CONTEXTS "/18446744073709551617",
                BUS_CONTEXTS "/4294967297",
                BUS_CONTEXTS "/1/participant/1",
                BUS_CONTEXTS "/1/participant",
                BUS_CONTEXTS "/1/nothing/1",
        };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();

        (void)bus_rig_context(rig, OWNER);
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                bus_rig_expect_error(
                        bus_rig_call(rig, OWNER, paths[i], BUS_INTERFACE_CONTEXT, "ExitRtcRoom", "a{sv}", 0),
                        SD_BUS_ERROR_UNKNOWN_OBJECT);
}

TEST(a_dictionary_out_of_bounds_completes_with_a_text)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER), *text;
        _cleanup_free_ char *big = calloc(1, 70000);
        uint32_t request;

        memset(big, 'x', 69999);
        request = bus_rig_request(operate(rig, path, "JoinRtcRoom", "unknown", "s", big));
        bus_rig_run_ms(rig, 1);
        ASSERT_EQ(bus_rig_completion(rig, request, &text), 20000);
        ASSERT_STR(text, "joinRtcRoom:fail params too large");
        big[OPTIONS_MAX_TOKEN + 1] = '\0';
        request = bus_rig_request(operate(rig, path, "UpdateToken", "token", "s", big));
        bus_rig_run_ms(rig, 1);
        ASSERT_EQ(bus_rig_completion(rig, request, &text), 20000);
        ASSERT_STR(text, "updateToken:fail params too large");
        bus_rig_expect_error(bus_rig_call(rig, OWNER, BUS_ROOT, BUS_INTERFACE_MANAGER, "CreateRtcRoomContext", "a{sv}",
                                          2, "appId", "s", RIG_APP, "token", "s", big),
                             "org.rtcroom.RtcRoom1.Error.InvalidParams");
}

/* ---- the end ---- */

TEST(the_connection_ends)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();

        bus_rig_join(rig, OWNER, bus_rig_context(rig, OWNER));
        sd_bus_close(rig->p.client);
        bus_rig_run_ms(rig, 1);
        ASSERT_EQ(rig->gone, 1);
        manager_stop(rig->manager); /* its events go nowhere */
        bus_rig_run_ms(rig, 2000);
        ASSERT_EQ(rig->stopped, 1);
        ASSERT_EQ(rig->gone, 1);
}

TEST(the_name_is_lost)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        static const char *const senders[] = { ":1.66", "org.freedesktop.DBus", "org.freedesktop.DBus" };
        static const unsigned gone[] = { 0, 1, 1 };

        for (size_t i = 0; i < ARRAY_SIZE(senders); i++) {
                sd_bus_message *m;

                ASSERT_OK(sd_bus_message_new_signal(rig->p.client, &m, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                                    "NameLost"));
                ASSERT_OK(sd_bus_message_set_sender(m, senders[i]));
                ASSERT_OK(sd_bus_message_append(m, "s", BUS_NAME));
                p2p_bus_send(&rig->p, m);
                p2p_bus_settle(&rig->p);
                ASSERT_EQ(rig->gone, gone[i]);
        }
}

TEST(stopping_completes_what_is_pending)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        _cleanup_free_ char *token = rig_token("room", "me", 0);
        uint32_t request;

        rig->script.answer[FAKE_JOIN].hang = true;
        request = bus_rig_request(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_CONTEXT, "JoinRtcRoom", "a{sv}", 3,
                                               "roomId", "s", "room", "userId", "s", "me", "token", "s", token));
        manager_stop(rig->manager);
        bus_rig_run_ms(rig, 2000);
        ASSERT_EQ(bus_rig_completion(rig, request, NULL), 115910);
        ASSERT_EQ(rig->stopped, 1);
}

/* ---- messages ---- */

TEST(a_message_is_sent_by_its_owner_alone)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER), *said;
        uint32_t request;

        bus_rig_join(rig, OWNER, path);
        request =
                bus_rig_request(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_VOICE, "SendMessage", "a{sv}", 3, "data",
                                             "ay", 3, 1, 2, 3, "destinations", "as", 1, "alice", "reliable", "b", 0));
        bus_rig_run_ms(rig, 10);
        ASSERT_EQ(bus_rig_completion(rig, request, &said), 0);
        ASSERT_STR(said, "sendMessage:ok");
        ASSERT_EQ(rig->script.said_len, 3);
        ASSERT_MEM(rig->script.said, "\1\2\3", 3);
        ASSERT_STR(rig->script.said_to, "alice");
        bus_rig_expect_error(bus_rig_call(rig, PANEL, path, BUS_INTERFACE_VOICE, "SendMessage", "a{sv}", 0),
                             SD_BUS_ERROR_ACCESS_DENIED);
        ASSERT_EQ(rig->script.calls[FAKE_SEND_MESSAGE], 1);
}

TEST(a_message_is_received_by_the_owner)
{
        static const char *const to[] = { "me", "bob" };
        struct engine_message hello = { .user_id = "alice",
                                        .topic = "t",
                                        .data = "hi \xf0\x9f\x91\x8b",
                                        .len = 7,
                                        .text = true,
                                        .reliable = true,
                                        .destinations = to,
                                        .n_destinations = 2 };
        struct engine_message bytes = { .topic = "", .data = "\0\1", .len = 2 };
        const char *user, *topic, *text, *first, *second;
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        sd_bus_message *m;
        const void *data;
        int reliable;
        size_t n;

        bus_rig_join(rig, OWNER, bus_rig_context(rig, OWNER));
        ASSERT_OK(fake_message(&rig->script, &hello));
        ASSERT_OK(fake_message(&rig->script, &bytes));
        bus_rig_run_ms(rig, 10);
        m = p2p_bus_signal(&rig->p, "MessageReceived", OWNER, 0);
        ASSERT(m);
        ASSERT_STR(sd_bus_message_get_interface(m), BUS_INTERFACE_VOICE);
        ASSERT_GT(sd_bus_message_read(m, "a{sv}", 5, &user, "s", &user, &topic, "s", &topic, &text, "b", &reliable,
                                      &text, "s", &text, &first, "as", 2, &first, &second),
                  0);
        ASSERT_STR(user, "alice");
        ASSERT_STR(topic, "t");
        ASSERT_STR(text, "hi \xf0\x9f\x91\x8b");
        ASSERT(reliable);
        ASSERT_STR(second, "bob");
        m = p2p_bus_signal(&rig->p, "MessageReceived", OWNER, 1);
        ASSERT_GT(sd_bus_message_enter_container(m, 'a', "{sv}"), 0);
        ASSERT_GT(
                sd_bus_message_read(m, "{sv}{sv}{sv}", &user, "s", &user, &topic, "s", &topic, &text, "b", &reliable),
                0);
        ASSERT_STR(user, ""); /* the server */
        ASSERT(!reliable);
        ASSERT_GT(sd_bus_message_enter_container(m, 'e', "sv"), 0);
        ASSERT_GT(sd_bus_message_read(m, "s", &text), 0);
        ASSERT_STR(text, "data");
        ASSERT_GT(sd_bus_message_enter_container(m, 'v', "ay"), 0);
        ASSERT_GT(sd_bus_message_read_array(m, 'y', &data, &n), 0);
        ASSERT_EQ(n, 2);
        ASSERT(!p2p_bus_signal(&rig->p, "MessageReceived", PANEL, 0));
}

/* ---- LogControl1 ---- */

TEST(log_control)
{
        static const char iface[] = "org.freedesktop.LogControl1";
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        sd_bus_message *answer;
        const char *level;

        bus_rig_expect_ok(
                bus_rig_call(rig, PANEL, BUS_LOG_CONTROL, PROPERTIES, "Set", "ssv", iface, "LogLevel", "s", "crit"));
        ASSERT_EQ(log_get_level(), LOG_LEVEL_ERROR);
        answer = bus_rig_call(rig, PANEL, BUS_LOG_CONTROL, PROPERTIES, "Get", "ss", iface, "LogLevel");
        ASSERT_GT(sd_bus_message_read(answer, "v", "s", &level), 0);
        ASSERT_STR(level, "err");
        sd_bus_message_unref(answer);
        bus_rig_expect_error(
                bus_rig_call(rig, PANEL, BUS_LOG_CONTROL, PROPERTIES, "Set", "ssv", iface, "LogLevel", "s", "loud"),
                SD_BUS_ERROR_INVALID_ARGS);
        bus_rig_expect_error(
                bus_rig_call(rig, PANEL, BUS_LOG_CONTROL, PROPERTIES, "Set", "ssv", iface, "LogTarget", "s", "kmsg"),
                SD_BUS_ERROR_INVALID_ARGS);
        bus_rig_expect_ok(bus_rig_call(rig, PANEL, BUS_LOG_CONTROL, PROPERTIES, "GetAll", "s", iface));
}

TEST_OOM(construction)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = NULL;

        return bus_rig_new(&rig);
}
