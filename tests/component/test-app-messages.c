/* test-app-messages.c - messages: what is asked of the engine, what it brings, in which order that is told. */
#include <errno.h>

#include "app/messages.h"
#include "fakes/app-rig.h"
#include "lib/test.h"

static struct options *text(const char *words)
{
        struct options *o;

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_string(o, "text", words));
        return o;
}

static void answer(struct rig *rig, const char *line)
{
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), line));
}

TEST(a_text_goes_to_everybody)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, false);

        ASSERT_GT(rig_call(rig, c, 1, API_SEND_MESSAGE, text("good morning")), 0);
        answer(rig, "sendMessage 0/0 sendMessage:ok");
        ASSERT_STR(rig->script.said, "good morning");
        ASSERT_STR(rig->script.topic, "");
        ASSERT_STR(rig->script.said_to, "");
        ASSERT(rig->script.text && rig->script.reliable);
}

TEST(data_goes_to_some_and_need_not_arrive)
{
        static const char *const to[] = { "alice", "bob" };
        static const uint8_t bytes[] = { 0, 1, 0xff };
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, false);
        struct options *o;

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_bytes(o, "data", bytes, sizeof(bytes)));
        ASSERT_OK(options_add_string(o, "topic", "position"));
        ASSERT_OK(options_add_boolean(o, "reliable", false));
        ASSERT_OK(options_add_strings(o, "destinations", to, 2));
        ASSERT_GT(rig_call(rig, c, 1, API_SEND_MESSAGE, o), 0);
        answer(rig, "sendMessage:ok");
        ASSERT_EQ(rig->script.said_len, 3);
        ASSERT_MEM(rig->script.said, bytes, 3);
        ASSERT_STR(rig->script.topic, "position");
        ASSERT_STR(rig->script.said_to, "alice,bob");
        ASSERT(!rig->script.text && !rig->script.reliable);
}

TEST(what_fails_says_why)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        ASSERT_GT(rig_call(rig, c, 1, API_SEND_MESSAGE, text("too early")), 0);
        answer(rig, "21102/115903F sendMessage:fail not in a room");
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", false));
        rig_turn(rig);
        rig->script.answer[FAKE_SEND_MESSAGE].result.reason = ENGINE_UNSUPPORTED;
        ASSERT_GT(rig_call(rig, c, 1, API_SEND_MESSAGE, text("to a Janus")), 0);
        answer(rig, "21102/115903F sendMessage:fail not supported");
        rig->script.answer[FAKE_SEND_MESSAGE].result.reason = ENGINE_CONGESTED;
        ASSERT_GT(rig_call(rig, c, 1, API_SEND_MESSAGE, text("one more")), 0);
        answer(rig, "21102/115903F sendMessage:fail too much is waiting to be sent");
        rig->script.answer[FAKE_SEND_MESSAGE].hang = true;
        ASSERT_GT(rig_call(rig, c, 1, API_SEND_MESSAGE, text("never answered")), 0);
        rig_run_ms(rig, 60000);
        ASSERT(strstr(rig_take(rig), "sendMessage:fail timed out"));
}

TEST(who_speaks_first_is_a_member_before)
{
        static const char *const to[] = { "me" };
        struct engine_message m = { .user_id = "alice",
                                    .topic = "",
                                    .data = "hello",
                                    .len = 5,
                                    .text = true,
                                    .reliable = true,
                                    .destinations = to,
                                    .n_destinations = 1 };
        _cleanup_(rig_freep) struct rig *rig = rig_make();

        (void)rig_joined(rig, false);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "alice", 0, 0);
        ASSERT_OK(fake_message(&rig->script, &m));
        m = (struct engine_message){ .topic = "news", .data = "x", .len = 1 };
        ASSERT_OK(fake_message(&rig->script, &m));
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "person+ 1 alice\n"
                                  "members 1 me alice\n"
                                  "text 1 alice to me [] hello\n"
                                  "lossy data 1 - [news] x\n");
}

TEST(a_sender_without_a_valid_id_is_nobody)
{
        struct engine_message m = { .user_id = "a b", .topic = "", .data = "hi", .len = 2 };
        _cleanup_(rig_freep) struct rig *rig = rig_make();

        (void)rig_joined(rig, false);
        ASSERT_OK(fake_message(&rig->script, &m));
        rig_turn(rig);
        ASSERT_STR(rig_take(rig), "");
}

TEST(a_flood_in_one_turn_is_bounded)
{
        enum { N = MESSAGES_MAX_BYTES / ENGINE_MESSAGE_MAX + 10 };
        _cleanup_free_ char *big = calloc(1, ENGINE_MESSAGE_MAX);
        struct engine_message m = { .user_id = "alice", .topic = "", .data = big, .len = ENGINE_MESSAGE_MAX };
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        unsigned told = 0;

        (void)rig_joined(rig, false);
        for (unsigned i = 0; i < N; i++)
                ASSERT_OK(fake_message(&rig->script, &m));
        rig_turn(rig);
        for (const char *at = rig_take(rig); (at = strstr(at, "data 1 alice")); at++)
                told++;
        ASSERT_GT(told, N / 2);
        ASSERT_LT(told, N);
        ASSERT_OK(fake_message(&rig->script, &m)); /* and the next turn is another one */
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "data 1 alice"));
}
