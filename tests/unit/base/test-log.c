/* Unit tests of base/log: levels and topics, fields of a scope, lines that cannot be forged, rate limit, redaction. */
#include <errno.h>
#include <pthread.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "lib/test.h"

LOG_TOPIC("test/log");

/* What the sink saw last; file scope because a sink has no context. */
static struct {
        unsigned count;
        enum log_level level;
        char topic[32], file[32], message[1100], context[32], room[32];
        bool has_context, has_room;
} seen;

static void sink(const struct log_record *rec)
{
        const char *context = rec->fields[LOG_FIELD_CONTEXT], *room = rec->fields[LOG_FIELD_ROOM];

        seen.count++;
        seen.level = rec->level;
        snprintf(seen.topic, sizeof(seen.topic), "%s", rec->topic);
        snprintf(seen.file, sizeof(seen.file), "%s", rec->file);
        snprintf(seen.message, sizeof(seen.message), "%s", rec->message);
        seen.has_context = context != NULL;
        seen.has_room = room != NULL;
        snprintf(seen.context, sizeof(seen.context), "%s", context ? context : "");
        snprintf(seen.room, sizeof(seen.room), "%s", room ? room : "");
}

static void reset(void)
{
        memset(&seen, 0, sizeof(seen));
        log_set_sink(sink);
        log_set_level(LOG_LEVEL_INFO);
        log_set_debug_topics(NULL);
}

TEST(a_record_carries_what_was_said_and_where)
{
        reset();
        log_warning("%d rooms", 3);
        ASSERT_EQ(seen.count, 1);
        ASSERT_EQ(seen.level, LOG_LEVEL_WARNING);
        ASSERT_STR(seen.topic, "test/log");
        ASSERT_STR(seen.file, "test-log.c");
        ASSERT_STR(seen.message, "3 rooms");
        ASSERT(!seen.has_context);
}

static int count_calls(int *calls)
{
        return ++*calls;
}

TEST(levels_filter_before_arguments_are_evaluated)
{
        int calls = 0;

        reset();
        log_debug("%d", count_calls(&calls));
        ASSERT_EQ(seen.count, 0);
        ASSERT_EQ(calls, 0);
        log_set_level(LOG_LEVEL_DEBUG);
        ASSERT_EQ(log_get_level(), LOG_LEVEL_DEBUG);
        log_debug("%d", count_calls(&calls));
        ASSERT_EQ(seen.count, 1);
        log_set_level(LOG_LEVEL_ERROR);
        log_warning("x");
        ASSERT_EQ(seen.count, 1);
        log_error("x");
        ASSERT_EQ(seen.count, 2);
}

TEST(topics_log_at_debug_whatever_the_level)
{
        reset();
        log_set_debug_topics("media/*,test/l?g");
        log_debug("x");
        ASSERT_EQ(seen.count, 1);
        ASSERT(log_is_enabled(LOG_LEVEL_DEBUG, "media/jbuf"));
        ASSERT(!log_is_enabled(LOG_LEVEL_DEBUG, "app/room"));
        log_set_debug_topics("media/*");
        log_debug("x");
        ASSERT_EQ(seen.count, 1);
        log_set_debug_topics("");
        ASSERT(!log_is_enabled(LOG_LEVEL_DEBUG, "media/jbuf"));
}

TEST(level_names_go_both_ways)
{
        enum log_level l;

        for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
                ASSERT_OK(log_level_from_string(log_level_to_string((enum log_level)i), &l));
                ASSERT_EQ(l, i);
        }
        ASSERT_OK(log_level_from_string("err", &l));
        ASSERT_EQ(l, LOG_LEVEL_ERROR);
        ASSERT_OK(log_level_from_string("warn", &l));
        ASSERT_EQ(l, LOG_LEVEL_WARNING);
        ASSERT_EQ(log_level_from_string("loud", &l), -EINVAL);
        ASSERT_EQ(log_level_from_string("", &l), -EINVAL);
        ASSERT_STR(log_field_name(LOG_FIELD_PARTICIPANT), "PARTICIPANT");
}

static void log_inside_a_room(void)
{
        LOG_SCOPE(LOG_FIELD_CONTEXT, "2");
        LOG_SCOPE(LOG_FIELD_ROOM, "r");

        log_info("x");
        ASSERT_STR(seen.context, "2");
        ASSERT_STR(seen.room, "r");
}

TEST(fields_last_as_long_as_their_scope)
{
        reset();
        {
                LOG_SCOPE(LOG_FIELD_CONTEXT, "1");

                log_inside_a_room();
                log_info("x");
                ASSERT_STR(seen.context, "1");
                ASSERT(!seen.has_room);
        }
        log_info("x");
        ASSERT(!seen.has_context);
}

static void *log_from_thread(void *arg)
{
        (void)arg;
        log_info("from a thread");
        return NULL;
}

TEST(fields_belong_to_their_thread)
{
        LOG_SCOPE(LOG_FIELD_CONTEXT, "1");
        pthread_t t;

        reset();
        ASSERT_EQ(pthread_create(&t, NULL, log_from_thread, NULL), 0);
        pthread_join(t, NULL);
        ASSERT_STR(seen.message, "from a thread");
        ASSERT(!seen.has_context);
}

TEST(lines_cannot_be_forged)
{
        reset();
        log_info("%s", "a\nerror: forged\r\x1b[31m\x7f\t\xc3\xa4");
        ASSERT_STR(seen.message, "a error: forged  [31m  \xc3\xa4");
}

TEST(long_lines_are_cut)
{
        char text[3000];

        reset();
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        log_info("%s", text);
        ASSERT_EQ(strlen(seen.message), 1023);
}

static void flood(void)
{
        log_every_second(LOG_LEVEL_WARNING, "bad packet %d", 7);
}

TEST(a_flood_gives_one_line_a_second)
{
        reset();
        for (int i = 0; i < 1000; i++)
                flood();
        ASSERT_LE(seen.count, 2); /* two when the second turns just now */
        ASSERT_GE(seen.count, 1);
        ASSERT(strncmp(seen.message, "bad packet 7", 12) == 0);
}

TEST(suppressed_lines_are_counted)
{
        struct log_limit limit = { .last_us = 1, .suppressed = 5 }; /* the last line was long ago */
        uint32_t n = 99;

        ASSERT(log_limit_pass(&limit, &n));
        ASSERT_EQ(n, 5);
        n = 99;
        ASSERT(!log_limit_pass(&limit, &n));
        ASSERT(!log_limit_pass(&limit, &n));
        ASSERT_EQ(n, 99);
        ASSERT_EQ(limit.suppressed, 2);
        limit.last_us = 1;
        ASSERT(log_limit_pass(&limit, &n));
        ASSERT_EQ(n, 2);
}

TEST(secrets_are_shown_as_a_number_that_identifies)
{
        struct log_secret_buf a, b, c;

        log_secret_to(&a, "001secret");
        log_secret_to(&b, "001secret");
        log_secret_to(&c, "001secreT");
        ASSERT_STR(a.text, b.text);
        ASSERT(strcmp(a.text, c.text) != 0);
        ASSERT_EQ(strlen(a.text), 9);
        ASSERT_EQ(strspn(a.text + 1, "0123456789abcdef"), 8);
        ASSERT_EQ(a.text[0], '#');
        ASSERT_STR(log_secret_to(&a, ""), "#empty");
        ASSERT_STR(log_secret_to(&a, NULL), "#empty");
        reset();
        log_info("token %s", log_secret("001secret"));
        ASSERT(!strstr(seen.message, "secret"));
        ASSERT_STR(seen.message + 6, b.text);
}
