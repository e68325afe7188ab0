/* test-bus-access.c - the table of callers: what the owner, another program and a sandboxed one may, member by member.
 */
#include "fakes/bus-rig.h"
#include "lib/test.h"

struct call {
        const char *interface, *member;
        const char *arguments; /* "": none, "options": an empty a{sv}, else the property that is read */
        bool user, sandboxed;  /* whether these may */
};

static sd_bus_message *make(struct bus_rig *rig, const char *sender, const char *path, const struct call *c)
{
        if (strcmp(c->member, "Get") == 0)
                return bus_rig_call(rig, sender, path, PROPERTIES, "Get", "ss", c->interface, c->arguments);
        if (strcmp(c->member, "Set") == 0 && *c->arguments)
                return bus_rig_call(rig, sender, path, PROPERTIES, "Set", "ssv", c->interface, c->arguments, "b", 0);
        if (strcmp(c->member, "GetAll") == 0)
                return bus_rig_call(rig, sender, path, PROPERTIES, "GetAll", "s", c->interface);
        if (strcmp(c->arguments, "options") == 0)
                return bus_rig_call(rig, sender, path, c->interface, c->member, "a{sv}", 0);
        return bus_rig_call(rig, sender, path, c->interface, c->member, "");
}

static bool is_denied(struct bus_rig *rig, const char *sender, const char *path, const struct call *c)
{
        sd_bus_message *answer = make(rig, sender, path, c);
        bool denied;

        ASSERT(answer);
        denied = sd_bus_message_is_method_error(answer, SD_BUS_ERROR_ACCESS_DENIED) > 0;
        sd_bus_message_unref(answer);
        return denied;
}

static void check(struct bus_rig *rig, const char *path, const struct call *calls, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                bool user = !is_denied(rig, PANEL, path, &calls[i]),
                     sandboxed = !is_denied(rig, SANDBOX, path, &calls[i]);

                if (user != calls[i].user || sandboxed != calls[i].sandboxed)
                        test_fail(__FILE__, __LINE__, "%s.%s %s: user %d, sandboxed %d", calls[i].interface,
                                  calls[i].member, calls[i].arguments, user, sandboxed);
        }
}

TEST(the_root)
{
        static const struct call calls[] = {
                { BUS_INTERFACE_MANAGER, "CreateRtcRoomContext", "options", true, true },
                { BUS_INTERFACE_MANAGER, "Subscribe", "", true, false },
                { BUS_INTERFACE_MANAGER, "Unsubscribe", "", true, false },
                { BUS_INTERFACE_MANAGER, "Get", "Version", true, true },
                { BUS_INTERFACE_MANAGER, "Get", "InRoom", true, true },
                { BUS_INTERFACE_MANAGER, "Get", "RoomId", true, false },
                { BUS_INTERFACE_MANAGER, "Get", "UserId", true, false },
                { BUS_INTERFACE_MANAGER, "GetAll", "", true, true },
                { BUS_INTERFACE_CONSENT, "List", "", true, false },
                { BUS_INTERFACE_CONSENT, "Set", "", true, false },
                { BUS_INTERFACE_CONSENT, "Reset", "", true, false },
                { BUS_INTERFACE_CONSENT, "Get", "Pending", true, false },
                { BUS_INTERFACE_CONSENT, "GetAll", "", true, false },
                { OBJECT_MANAGER, "GetManagedObjects", "", true, true },
                { "org.freedesktop.DBus.Introspectable", "Introspect", "", true, true },
                { "org.freedesktop.DBus.Peer", "Ping", "", true, true },
        };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();

        check(rig, BUS_ROOT, calls, ARRAY_SIZE(calls));
}

TEST(somebody_elses_context)
{
        static const struct call calls[] = {
                { BUS_INTERFACE_CONTEXT, "JoinRtcRoom", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "ExitRtcRoom", "options", true, false },
                { BUS_INTERFACE_CONTEXT, "ChangeAudioCapture", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "ChangeUserVisibility", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "ChangeStreamPublishState", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "ChangeStreamSubscribeState", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "ChangeScreenSubscribeState", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "UpdateToken", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "SetAudioPlaybackDevice", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "ChangeAnsMode", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "ChangeVideoCapture", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "SwitchCamera", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "SetVideoEncoderConfig", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "Destroy", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "NotThereYet", "options", false, false },
                { BUS_INTERFACE_CONTEXT, "Get", "RoomId", true, false },
                { BUS_INTERFACE_CONTEXT, "GetAll", "", true, false },
                { BUS_INTERFACE_VOICE, "GetStats", "", true, false },
                { BUS_INTERFACE_VOICE, "SendMessage", "options", false, false },
                { BUS_INTERFACE_VOICE, "Get", "Muted", true, false },
                { BUS_INTERFACE_VOICE, "Set", "Muted", true, false },
                { "", "GetAll", "", true, false },
                { "org.freedesktop.DBus.Introspectable", "Introspect", "", true, false },
                { "org.freedesktop.DBus.Peer", "Ping", "", true, true },
        };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();

        check(rig, bus_rig_context(rig, OWNER), calls, ARRAY_SIZE(calls));
}

TEST(a_participant_of_somebody_else)
{
        static const struct call calls[] = {
                { BUS_INTERFACE_PARTICIPANT, "Get", "UserId", true, false },
                { BUS_INTERFACE_PARTICIPANT, "GetAll", "", true, false },
                { BUS_INTERFACE_PARTICIPANT, "Set", "Muted", true, false },
                { BUS_INTERFACE_CONTEXT, "Destroy", "options", false, false },
        };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        char who[128];

        bus_rig_join(rig, OWNER, path);
        (void)snprintf(who, sizeof(who), "%s/participant/1", path);
        check(rig, who, calls, ARRAY_SIZE(calls));
}

TEST(the_log)
{
        static const struct call calls[] = {
                { "org.freedesktop.LogControl1", "Get", "LogLevel", true, false },
                { "org.freedesktop.LogControl1", "Set", "LogLevel", true, false },
        };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();

        check(rig, BUS_LOG_CONTROL, calls, ARRAY_SIZE(calls));
}

/* A sandboxed program is the master of what it made itself. */
TEST(a_sandboxed_owner)
{
        static const struct call calls[] = {
                { BUS_INTERFACE_CONTEXT, "JoinRtcRoom", "options", false, true },
                { BUS_INTERFACE_CONTEXT, "ExitRtcRoom", "options", true, true },
                { BUS_INTERFACE_CONTEXT, "Get", "RoomId", true, true },
                { BUS_INTERFACE_VOICE, "Set", "Muted", true, true },
                { "org.freedesktop.DBus.Introspectable", "Introspect", "", true, true },
                { BUS_INTERFACE_CONTEXT, "Destroy", "options", false, true },
        };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();

        check(rig, bus_rig_context(rig, SANDBOX), calls, ARRAY_SIZE(calls));
}

TEST(who_is_not_on_the_bus_gets_nothing)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();

        bus_rig_expect_error(bus_rig_call(rig, ":8.1", BUS_ROOT, BUS_INTERFACE_MANAGER, "CreateRtcRoomContext",
                                          "a{sv}", 1, "appId", "s", RIG_APP),
                             SD_BUS_ERROR_ACCESS_DENIED);
        bus_rig_expect_error(bus_rig_call(rig, NULL, BUS_ROOT, BUS_INTERFACE_MANAGER, "Subscribe", ""),
                             SD_BUS_ERROR_ACCESS_DENIED);
        ASSERT(!manager_first_context(rig->manager));
}

/* The interface of a call is optional on the wire: leaving it out opens nothing. */
TEST(a_call_without_interface)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        static const char *const senders[] = { PANEL, SANDBOX };

        for (size_t i = 0; i < ARRAY_SIZE(senders); i++) {
                sd_bus_message_unref(bus_rig_call(rig, senders[i], path, NULL, "Destroy", "a{sv}", 0));
                sd_bus_message_unref(bus_rig_call(rig, senders[i], BUS_ROOT, NULL, "Subscribe", ""));
        }
        bus_rig_run_ms(rig, 1);
        p2p_bus_forget(&rig->p);
        ASSERT_EQ(context_number(manager_first_context(rig->manager)), 1);
        (void)bus_rig_request(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_CONTEXT, "ExitRtcRoom", "a{sv}", 0));
        bus_rig_run_ms(rig, 1);
        ASSERT(p2p_bus_signal(&rig->p, "Completed", OWNER, 0));
        ASSERT(!p2p_bus_signal(&rig->p, "Completed", SANDBOX, 0));
}

static unsigned count_objects(struct bus_rig *rig, const char *sender)
{
        sd_bus_message *answer = bus_rig_call(rig, sender, BUS_ROOT, OBJECT_MANAGER, "GetManagedObjects", "");
        unsigned n = 0;

        ASSERT_STR(sd_bus_message_get_signature(answer, true), "a{oa{sa{sv}}}");
        ASSERT_OK(sd_bus_message_enter_container(answer, 'a', "{oa{sa{sv}}}"));
        while (sd_bus_message_skip(answer, "{oa{sa{sv}}}") > 0)
                n++;
        sd_bus_message_unref(answer);
        return n;
}

TEST(lists_show_what_one_may_see)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();

        bus_rig_join(rig, OWNER, bus_rig_context(rig, OWNER)); /* two participants */
        (void)bus_rig_context(rig, SANDBOX);
        ASSERT_EQ(count_objects(rig, OWNER), 4);
        ASSERT_EQ(count_objects(rig, PANEL), 4);
        ASSERT_EQ(count_objects(rig, SANDBOX), 1);
        ASSERT_EQ(count_objects(rig, ":9.2"), 0);
}

static bool introspection_has(struct bus_rig *rig, const char *sender, const char *path, const char *node)
{
        sd_bus_message *answer =
                bus_rig_call(rig, sender, path, "org.freedesktop.DBus.Introspectable", "Introspect", "");
        const char *xml;
        bool has;

        ASSERT_GT(sd_bus_message_read(answer, "s", &xml), 0);
        has = strstr(xml, node) != NULL;
        sd_bus_message_unref(answer);
        return has;
}

TEST(introspection_shows_what_one_may_see)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();

        bus_rig_join(rig, OWNER, bus_rig_context(rig, OWNER));
        ASSERT(introspection_has(rig, PANEL, BUS_ROOT, "<node name=\"context\"/>"));
        ASSERT(introspection_has(rig, PANEL, BUS_CONTEXTS, "<node name=\"1\"/>"));
        ASSERT(introspection_has(rig, PANEL, BUS_CONTEXTS "/1", "participant"));
        ASSERT(!introspection_has(rig, SANDBOX, BUS_CONTEXTS, "<node name=\"1\"/>"));
        ASSERT(!introspection_has(rig, SANDBOX, BUS_ROOT, "<node name=\"context/1\"/>"));
}

TEST(a_sandboxed_program_does_not_learn_the_room)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        static const char *const interfaces[] = { BUS_INTERFACE_MANAGER, "" };

        bus_rig_join(rig, OWNER, bus_rig_context(rig, OWNER));
        for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
                sd_bus_message *answer =
                        bus_rig_call(rig, SANDBOX, BUS_ROOT, PROPERTIES, "GetAll", "s", interfaces[i]);
                unsigned n = 0;
                const char *key;

                ASSERT_OK(sd_bus_message_enter_container(answer, 'a', "{sv}"));
                while (sd_bus_message_enter_container(answer, 'e', "sv") > 0) {
                        ASSERT_GT(sd_bus_message_read(answer, "s", &key), 0);
                        ASSERT(strcmp(key, "RoomId") != 0 && strcmp(key, "UserId") != 0);
                        ASSERT_OK(sd_bus_message_skip(answer, "v"));
                        ASSERT_OK(sd_bus_message_exit_container(answer));
                        n++;
                }
                ASSERT_EQ(n, 3);
                sd_bus_message_unref(answer);
        }
}

/* One look-up per program, however often it calls. */
TEST(programs_are_looked_up_once)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();

        for (int i = 0; i < 20; i++)
                (void)bus_rig_get_boolean(rig, PANEL, BUS_ROOT, BUS_INTERFACE_MANAGER, "InRoom");
        ASSERT_EQ(rig->lookups, 1);
}

/* Floods of refused and failing calls: every one is answered, and nothing grows. */
TEST(floods)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);

        for (int round = 0; round < 50; round++) {
                p2p_bus_forget(&rig->p);
                for (int i = 0; i < 100; i++) {
                        sd_bus_message *m = p2p_bus_call(&rig->p, i % 2 ? SANDBOX : OWNER, path, BUS_INTERFACE_CONTEXT,
                                                         "JoinRtcRoom");

                        ASSERT_OK(sd_bus_message_append(m, "a{sv}", 0));
                        p2p_bus_send(&rig->p, m);
                }
                bus_rig_run_ms(rig, 1);
                ASSERT_EQ(rig->p.n_arrived, 150); /* 50 refusals, 50 answers, 50 completions */
        }
}
