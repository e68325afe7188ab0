/* test-janus-msg.c - requests as the API documents them; answers as Janus 1.1.2 sent them, and as no Janus would. */
#include "wire/janus-msg.h"

#include <errno.h>

#include "lib/test.h"

static void expect_request(struct janus_request r, const char *want)
{
        _cleanup_free_ char *text = NULL;

        ASSERT_OK(janus_request_format(&r, &text));
        ASSERT_STR(text, want);
}

TEST(every_request_has_a_word)
{
        for (int k = 0; k < _JANUS_REQ_MAX; k++)
                ASSERT(janus_request_kind_to_string((enum janus_request_kind)k));
        ASSERT(!janus_request_kind_to_string(_JANUS_REQ_MAX));
}

TEST(session_requests)
{
        expect_request(
                (struct janus_request){ .kind = JANUS_REQ_CREATE, .transaction = 1, .session_id = 77, .token = "t" },
                "{\"janus\":\"create\",\"transaction\":\"1\",\"id\":77,\"token\":\"t\"}");
        expect_request(
                (struct janus_request){ .kind = JANUS_REQ_ATTACH, .transaction = 2, .session_id = 77, .plugin = "p" },
                "{\"janus\":\"attach\",\"transaction\":\"2\",\"session_id\":77,\"plugin\":\"p\"}");
        expect_request(
                (struct janus_request){ .kind = JANUS_REQ_CLAIM, .transaction = 4, .session_id = 7, .token = "t" },
                "{\"janus\":\"claim\",\"transaction\":\"4\",\"session_id\":7,\"token\":\"t\"}");
        expect_request((struct janus_request){ .kind = JANUS_REQ_KEEPALIVE,
                                               .transaction = 3,
                                               .session_id = 9007199254740991 },
                       "{\"janus\":\"keepalive\",\"transaction\":\"3\",\"session_id\":9007199254740991}");
}

TEST(trickle)
{
        expect_request((struct janus_request){ .kind = JANUS_REQ_TRICKLE,
                                               .transaction = 1,
                                               .session_id = 2,
                                               .handle_id = 3,
                                               .mid = "0",
                                               .mline = 1,
                                               .candidate = "candidate:1 1 udp 1 10.0.0.1 5 typ host" },
                       "{\"janus\":\"trickle\",\"transaction\":\"1\",\"session_id\":2,\"handle_id\":3,\"candidate\":{"
                       "\"sdpMid\":\"0\","
                       "\"sdpMLineIndex\":1,\"candidate\":\"candidate:1 1 udp 1 10.0.0.1 5 typ host\"}}");
        expect_request(
                (struct janus_request){ .kind = JANUS_REQ_TRICKLE, .transaction = 1, .session_id = 2, .handle_id = 3 },
                "{\"janus\":\"trickle\",\"transaction\":\"1\",\"session_id\":2,\"handle_id\":3,\"candidate\":{"
                "\"completed\":true}}");
}

TEST(throwing_somebody_out)
{
        struct janus_request r = { .kind = JANUS_REQ_KICK,
                                   .transaction = 1,
                                   .session_id = 2,
                                   .handle_id = 3,
                                   .room = "r",
                                   .room_secret = "s",
                                   .user_id = "me" };

        expect_request(r, "{\"janus\":\"message\",\"transaction\":\"1\",\"session_id\":2,\"handle_id\":3,"
                          "\"body\":{\"request\":\"kick\",\"room\":\"r\",\"secret\":\"s\",\"id\":\"me\"}}");
}

TEST(marks_of_listeners)
{
        struct janus_request r = { .kind = JANUS_REQ_MARK,
                                   .transaction = 1,
                                   .session_id = 2,
                                   .handle_id = 3,
                                   .room = "r",
                                   .room_secret = "s",
                                   .mark = JANUS_MARK "5" };

        expect_request(r, "{\"janus\":\"message\",\"transaction\":\"1\",\"session_id\":2,\"handle_id\":3,"
                          "\"body\":{\"request\":\"allowed\",\"room\":\"r\",\"secret\":\"s\",\"action\":\"add\","
                          "\"allowed\":[\"listener-5\"]}}");
        r.kind = JANUS_REQ_UNMARK;
        expect_request(r, "{\"janus\":\"message\",\"transaction\":\"1\",\"session_id\":2,\"handle_id\":3,"
                          "\"body\":{\"request\":\"allowed\",\"room\":\"r\",\"secret\":\"s\",\"action\":\"remove\","
                          "\"allowed\":[\"listener-5\"]}}");
}

TEST(joining_with_and_without_an_offer)
{
        struct janus_request r = { .kind = JANUS_REQ_JOIN,
                                   .transaction = 1,
                                   .session_id = 2,
                                   .handle_id = 3,
                                   .token = "api",
                                   .room_token = "in",
                                   .room = "app/room",
                                   .user_id = "me" };

        expect_request(
                r,
                "{\"janus\":\"message\",\"transaction\":\"1\",\"session_id\":2,\"handle_id\":3,\"token\":\"api\","
                "\"body\":{"
                "\"request\":\"join\",\"room\":\"app/room\",\"ptype\":\"publisher\",\"id\":\"me\",\"token\":\"in\"}}");
        r.sdp = "v=0\r\n";
        expect_request(r, "{\"janus\":\"message\",\"transaction\":\"1\",\"session_id\":2,\"handle_id\":3,\"token\":"
                          "\"api\",\"body\":{"
                          "\"request\":\"joinandconfigure\",\"room\":\"app/"
                          "room\",\"ptype\":\"publisher\",\"id\":\"me\",\"token\":\"in\"},"
                          "\"jsep\":{\"type\":\"offer\",\"sdp\":\"v=0\\r\\n\"}}");
}

TEST(a_room_is_made_with_signed_tokens_for_voice)
{
        _cleanup_free_ char *text = NULL;
        struct janus_request r = { .kind = JANUS_REQ_ROOM_CREATE, .room = "app/room", .room_secret = "s" };

        ASSERT_OK(janus_request_format(&r, &text));
        ASSERT(strstr(text, "\"request\":\"create\",\"room\":\"app/"
                            "room\",\"secret\":\"s\",\"is_private\":true,\"signed_tokens\":true"));
        ASSERT(strstr(text, "\"audiocodec\":\"opus\""));
        ASSERT(strstr(text, "\"notify_joining\":true"));
        ASSERT(strstr(text, "\"permanent\":false"));
}

TEST(subscriptions)
{
        static const struct janus_target add[] = { { "alice", "0" }, { "bob", "a" } }, removed[] = { { NULL, "3" } };

        expect_request((struct janus_request){ .kind = JANUS_REQ_SUBSCRIBE,
                                               .transaction = 1,
                                               .session_id = 2,
                                               .handle_id = 3,
                                               .room = "r",
                                               .room_token = "in",
                                               .add = add,
                                               .n_add = 2 },
                       "{\"janus\":\"message\",\"transaction\":\"1\",\"session_id\":2,\"handle_id\":3,\"body\":{"
                       "\"request\":\"join\","
                       "\"room\":\"r\",\"ptype\":\"subscriber\",\"token\":\"in\",\"autoupdate\":false,\"streams\":["
                       "{\"feed\":\"alice\",\"mid\":\"0\"},{\"feed\":\"bob\",\"mid\":\"a\"}]}}");
        expect_request((struct janus_request){ .kind = JANUS_REQ_UPDATE,
                                               .transaction = 1,
                                               .session_id = 2,
                                               .handle_id = 3,
                                               .add = add,
                                               .n_add = 1,
                                               .remove = removed,
                                               .n_remove = 1 },
                       "{\"janus\":\"message\",\"transaction\":\"1\",\"session_id\":2,\"handle_id\":3,\"body\":{"
                       "\"request\":\"update\","
                       "\"subscribe\":[{\"feed\":\"alice\",\"mid\":\"0\"}],\"unsubscribe\":[{\"sub_mid\":\"3\"}]}}");
        expect_request(
                (struct janus_request){
                        .kind = JANUS_REQ_START, .transaction = 1, .session_id = 2, .handle_id = 3, .sdp = "v=0" },
                "{\"janus\":\"message\",\"transaction\":\"1\",\"session_id\":2,\"handle_id\":3,\"body\":{\"request\":"
                "\"start\"},"
                "\"jsep\":{\"type\":\"answer\",\"sdp\":\"v=0\"}}");
}

TEST(texts_are_escaped)
{
        expect_request((struct janus_request){ .kind = JANUS_REQ_ATTACH, .transaction = 1, .plugin = "a\"b\\c/d\n" },
                       "{\"janus\":\"attach\",\"transaction\":\"1\",\"plugin\":\"a\\\"b\\\\c/d\\n\"}");
}

/* ---- in ---- */

static struct janus_msg *parse(const char *text)
{
        struct janus_msg *m = NULL;

        ASSERT_OK(janus_msg_parse(text, strlen(text), &m));
        return m;
}

#define _msg_ _cleanup_(janus_msg_freep) struct janus_msg

TEST(success)
{
        _msg_ *m = parse(
                "{\"janus\":\"success\",\"session_id\":5,\"transaction\":\"12\",\"data\":{\"id\":8123456789012345}}");

        ASSERT_EQ(m->kind, JANUS_SUCCESS);
        ASSERT(m->has_transaction);
        ASSERT_EQ(m->transaction, 12);
        ASSERT_EQ(m->session_id, 5);
        ASSERT_EQ(m->id, 8123456789012345);
}

TEST(errors_of_the_core_and_of_the_plugin)
{
        _msg_ *core = parse("{\"janus\":\"error\",\"transaction\":\"1\",\"error\":{\"code\":403,\"reason\":"
                            "\"Unauthorized request\"}}");
        _msg_ *plugin =
                parse("{\"janus\":\"event\",\"sender\":9,\"transaction\":\"2\",\"plugindata\":{\"plugin\":\"janus."
                      "plugin.videoroom\","
                      "\"data\":{\"videoroom\":\"event\",\"error_code\":426,\"error\":\"No such room (x)\"}}}");

        ASSERT_EQ(core->kind, JANUS_ERROR);
        ASSERT_EQ(core->error_code, 403);
        ASSERT_STR(core->error_text, "Unauthorized request");
        ASSERT_EQ(plugin->kind, JANUS_ERROR);
        ASSERT_EQ(plugin->error_code, 426);
        ASSERT_EQ(plugin->sender, 9);
}

TEST(joined_with_publishers_and_attendees)
{
        _msg_ *m = parse(
                "{\"janus\":\"event\",\"session_id\":1,\"transaction\":\"7\",\"sender\":2,\"plugindata\":{\"plugin\":"
                "\"janus.plugin.videoroom\",\"data\":{\"videoroom\":\"joined\",\"room\":\"a/"
                "r\",\"description\":\"Room\",\"id\":\"me\","
                "\"private_id\":3,\"publishers\":[{\"id\":\"alice\",\"streams\":[{\"type\":\"video\",\"mindex\":0,"
                "\"mid\":\"0\"},"
                "{\"type\":\"audio\",\"mindex\":1,\"mid\":\"1\",\"disabled\":true},{\"type\":\"audio\",\"mindex\":2,"
                "\"mid\":\"2\","
                "\"codec\":\"opus\",\"moderated\":true}]}],\"attendees\":[{\"id\":\"bob\",\"display\":\"B\"}]}},"
                "\"jsep\":{\"type\":\"answer\",\"sdp\":\"v=0\\r\\n\"}}");

        ASSERT_EQ(m->news, JANUS_NEWS_JOINED);
        ASSERT_STR(m->self, "me");
        ASSERT_STR(m->moderated, "");
        ASSERT_EQ(m->n_feeds, 2);
        ASSERT_STR(m->feeds[0].id, "alice");
        ASSERT_STR(m->feeds[0].audio_mid, "2");
        ASSERT(m->feeds[0].publishing && m->feeds[0].muted);
        ASSERT_STR(m->feeds[1].id, "bob");
        ASSERT(!m->feeds[1].publishing);
        ASSERT_EQ(m->jsep, JANUS_JSEP_ANSWER);
        ASSERT_STR(m->sdp, "v=0\r\n");
}

TEST(attached_with_streams)
{
        _msg_ *m = parse("{\"janus\":\"event\",\"transaction\":\"8\",\"sender\":3,\"plugindata\":{\"plugin\":\"janus."
                         "plugin.videoroom\",\"data\":"
                         "{\"videoroom\":\"attached\",\"room\":\"a/"
                         "r\",\"streams\":[{\"type\":\"audio\",\"active\":true,\"mindex\":0,\"mid\":\"0\","
                         "\"ready\":false,\"send\":true,\"feed_id\":\"alice\",\"feed_mid\":\"0\",\"codec\":\"opus\"},{"
                         "\"type\":\"audio\","
                         "\"active\":false,\"mindex\":1,\"mid\":\"1\",\"ready\":false,\"send\":true}]}},\"jsep\":{"
                         "\"type\":\"offer\",\"sdp\":\"v=0\"}}");

        ASSERT_EQ(m->news, JANUS_NEWS_ATTACHED);
        ASSERT_EQ(m->jsep, JANUS_JSEP_OFFER);
        ASSERT_EQ(m->n_streams, 2);
        ASSERT_STR(m->streams[0].mid, "0");
        ASSERT_STR(m->streams[0].feed, "alice");
        ASSERT(m->streams[0].audio);
        ASSERT_STR(m->streams[1].feed, "");
}

TEST(news_of_the_room)
{
        static const char form[] = "{\"janus\":\"event\",\"sender\":2,\"plugindata\":{\"data\":{\"videoroom\":"
                                   "\"event\",\"room\":\"r\",%s}}}";
        char text[512];

        snprintf(text, sizeof(text), form, "\"leaving\":\"ok\",\"reason\":\"kicked\"");
        _msg_ *kicked = parse(text);
        ASSERT_STR(kicked->leaving, "ok");
        ASSERT_STR(kicked->reason, "kicked");
        ASSERT(!kicked->has_transaction);
        snprintf(text, sizeof(text), form, "\"joining\":{\"id\":\"carol\"}");
        _msg_ *joining = parse(text);
        ASSERT_EQ(joining->n_feeds, 1);
        ASSERT_STR(joining->feeds[0].id, "carol");
        snprintf(text, sizeof(text), form, "\"id\":\"carol\",\"mid\":\"0\",\"moderation\":\"muted\"");
        _msg_ *moderated = parse(text);
        ASSERT_STR(moderated->moderated, "carol");
        ASSERT(moderated->moderated_muted);
        snprintf(text, sizeof(text), form, "\"allowed\":[\"listener-1\",\"token\",7,\"listener-2\"]");
        _msg_ *marks = parse(text);
        ASSERT(marks->has_marks);
        ASSERT_EQ(marks->n_marks, 2);
        snprintf(text, sizeof(text), form,
                 "\"participants\":[{\"id\":\"dora\",\"publisher\":true},{\"id\":7},{\"id\":\"emil\",\"publisher\":1}"
                 "]");
        _msg_ *list = parse(text);
        ASSERT(list->has_participants);
        ASSERT_EQ(list->n_participants, 3);
        ASSERT_EQ(list->n_feeds, 2); /* a numeric id is nobody's */
        ASSERT_STR(list->feeds[0].id, "dora");
        ASSERT(list->feeds[0].publishing);
        ASSERT(!list->feeds[1].publishing);
}

TEST(what_has_the_wrong_type_is_absent)
{
        _msg_ *m = parse("{\"janus\":\"event\",\"transaction\":7,\"session_id\":\"5\",\"sender\":-1,\"data\":{\"id\":"
                         "1.5},\"plugindata\":{\"data\":"
                         "{\"videoroom\":\"joined\",\"id\":12345,\"publishers\":[{\"id\":7},{\"id\":\"\"},\"x\"],"
                         "\"leaving\":{},\"streams\":7}},"
                         "\"jsep\":{\"type\":\"rollback\",\"sdp\":\"v=0\"}}");

        ASSERT(!m->has_transaction);
        ASSERT_EQ(m->session_id + m->sender + m->id, 0);
        ASSERT_EQ(m->n_feeds, 0);
        ASSERT_STR(m->self, "");
        ASSERT_STR(m->leaving, "");
        ASSERT_EQ(m->jsep, JANUS_JSEP_NONE);
}

TEST(names_are_never_cut)
{
        char text[512], name[130];

        memset(name, 'x', sizeof(name) - 1);
        name[129] = '\0';
        snprintf(text, sizeof(text),
                 "{\"janus\":\"event\",\"plugindata\":{\"data\":{\"leaving\":\"%s\",\"kicked\":\"a\\u0000b\"}}}",
                 name);
        _msg_ *m = parse(text);
        ASSERT_STR(m->leaving, "");
        ASSERT_STR(m->kicked, "");
}

TEST(words_are_cut_between_characters)
{
        char text[512] = "{\"janus\":\"hangup\",\"reason\":\"";

        for (int i = 0; i < 60; i++)
                strcat(text, "\xc3\xa9");
        strcat(text, "\"}");
        _msg_ *m = parse(text);
        ASSERT_EQ(strlen(m->reason), 62);
}

TEST(transactions_of_others_are_nobodys)
{
        static const char *const others[] = { "abc", "12x", "-1", "", "123456789012345678901" };
        char text[128];

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                snprintf(text, sizeof(text), "{\"janus\":\"success\",\"transaction\":\"%s\"}", others[i]);
                _msg_ *m = parse(text);
                ASSERT(!m->has_transaction);
        }
}

TEST(unknown_kinds_are_other)
{
        static const char *const kinds[] = { "{}", "{\"janus\":\"media\"}", "{\"janus\":\"slowlink\"}",
                                             "{\"janus\":7}" };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                _msg_ *m = parse(kinds[i]);
                ASSERT_EQ(m->kind, JANUS_OTHER);
        }
}

TEST(what_is_no_object_is_refused)
{
        static const char *const bad[] = { "",  " ",    "x",     "{",           "[]",
                                           "7", "null", "\"s\"", "{\"a\":1} x", "{\"a\":\"\xff\"}" };
        struct janus_msg *m = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ASSERT_EQ(janus_msg_parse(bad[i], strlen(bad[i]), &m), -EBADMSG);
        ASSERT(!m);
}

TEST(bounds)
{
        struct janus_msg *m = NULL;
        char *text = calloc(1, JANUS_MSG_MAX + 2);
        size_t at;

        ASSERT(text);
        memset(text, '[', 40);
        ASSERT_EQ(janus_msg_parse(text, 40, &m), -EBADMSG); /* too deep, and not closed */
        memset(text, ' ', JANUS_MSG_MAX + 1);
        ASSERT_EQ(janus_msg_parse(text, JANUS_MSG_MAX + 1, &m), -EMSGSIZE);
        at = (size_t)sprintf(text, "{\"plugindata\":{\"data\":{\"publishers\":[");
        for (int i = 0; i < JANUS_LIST_MAX + 1; i++)
                at += (size_t)sprintf(text + at, "%s{}", i ? "," : "");
        sprintf(text + at, "]}}}");
        ASSERT_EQ(janus_msg_parse(text, strlen(text), &m), -EMSGSIZE);
        ASSERT(!m);
        free(text);
}

TEST_OOM(parse_all)
{
        static const char text[] = "{\"janus\":\"trickle\",\"candidate\":{\"candidate\":\"c\"},\"plugindata\":{"
                                   "\"data\":{\"publishers\":[{\"id\":\"a\"}],"
                                   "\"streams\":[{\"mid\":\"0\"}]}},\"jsep\":{\"type\":\"offer\",\"sdp\":\"v=0\"}}";
        _cleanup_(janus_msg_freep) struct janus_msg *m = NULL;

        return janus_msg_parse(text, strlen(text), &m);
}

TEST_OOM(format)
{
        _cleanup_free_ char *text = NULL;
        struct janus_request r = { .kind = JANUS_REQ_JOIN, .room = "r", .sdp = "v=0" };

        return janus_request_format(&r, &text);
}
