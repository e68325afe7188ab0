/* test-consent-answers.c - remembered answers: the table, its bound, and a file that may hold anything. */
#include "app/consent-answers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/test.h"

static struct consent_answers *make(void)
{
        struct consent_answers *a;

        ASSERT_OK(consent_answers_new(NULL, &a));
        return a;
}

static enum consent_policy policy_of(const struct consent_answers *a, const char *program)
{
        struct consent_answer found;

        return consent_answers_find(a, program, &found) ? found.policy : CONSENT_ASK;
}

static size_t count(const struct consent_answers *a)
{
        struct consent_answer found;
        size_t n = 0;

        while (consent_answers_at(a, n, &found))
                n++;
        return n;
}

TEST(put_replace_forget)
{
        _cleanup_(consent_answers_freep) struct consent_answers *a = make();

        ASSERT_OK(consent_answers_put(a, "org.x", CONSENT_ALLOW, ANSWER_FILE));
        ASSERT_OK(consent_answers_put(a, "/usr/bin/y", CONSENT_DENY, ANSWER_STORE));
        ASSERT_OK(consent_answers_put(a, "org.x", CONSENT_DENY, ANSWER_FILE));
        ASSERT_EQ(count(a), 2);
        ASSERT_EQ(policy_of(a, "org.x"), CONSENT_DENY);
        ASSERT_OK(consent_answers_put(a, "org.x", CONSENT_ASK, ANSWER_FILE));
        ASSERT_OK(consent_answers_put(a, "org.never", CONSENT_ASK, ANSWER_FILE));
        ASSERT_EQ(count(a), 1);
}

TEST(what_a_session_is_and_is_not)
{
        _cleanup_(consent_answers_freep) struct consent_answers *a = make();

        ASSERT_OK(consent_answers_put(a, ":1.2", CONSENT_ALLOW, ANSWER_SESSION));
        ASSERT_EQ(consent_answers_put(a, ":1.3", CONSENT_ALLOW, ANSWER_FILE), -EINVAL);
        ASSERT_EQ(consent_answers_put(a, "org.x", CONSENT_ALLOW, ANSWER_SESSION), -EINVAL);
        ASSERT_EQ(count(a), 1);
}

TEST(the_oldest_goes)
{
        _cleanup_(consent_answers_freep) struct consent_answers *a = make();
        char id[32];

        for (unsigned i = 0; i < ANSWERS_MAX + 10; i++) {
                (void)snprintf(id, sizeof(id), "org.x%u", i);
                ASSERT_OK(consent_answers_put(a, id, CONSENT_ALLOW, ANSWER_FILE));
        }
        ASSERT_EQ(count(a), ANSWERS_MAX);
        ASSERT_EQ(policy_of(a, "org.x9"), CONSENT_ASK);
        ASSERT_EQ(policy_of(a, "org.x10"), CONSENT_ALLOW);
}

TEST(the_document)
{
        _cleanup_(consent_answers_freep) struct consent_answers *a = make(), *b = make();
        _cleanup_free_ char *text = NULL;

        ASSERT_OK(consent_answers_put(a, "org.x", CONSENT_ALLOW, ANSWER_FILE));
        ASSERT_OK(consent_answers_put(a, "org.store", CONSENT_ALLOW, ANSWER_STORE));
        ASSERT_OK(consent_answers_put(a, ":1.1", CONSENT_ALLOW, ANSWER_SESSION));
        ASSERT_OK(consent_answers_put(a, "/usr/bin/caf\xc3\xa9 \"q\"", CONSENT_DENY, ANSWER_FILE));
        ASSERT_OK(consent_answers_format(a, &text));
        ASSERT_OK(consent_answers_parse(b, text, strlen(text)));
        ASSERT_EQ(count(b), 2);
        ASSERT_EQ(policy_of(b, "org.x"), CONSENT_ALLOW);
        ASSERT_EQ(policy_of(b, "/usr/bin/caf\xc3\xa9 \"q\""), CONSENT_DENY);
}

/* All or none: a file with any fault is no answer. */
TEST(faults)
{
        static const char *const bad[] = {
                "",
                "{",
                "[]",
                "{}",
                "null",
                "{\"programs\": []}",
                "{\"programs\": {\"x\": true}}",
                "{\"programs\": {\"x\": \"ask\"}}",
                "{\"programs\": {\"x\": \"maybe\"}}",
                "{\"programs\": {\":1.5\": \"allow\"}}",
                "{\"programs\": {\"\": \"allow\"}}",
                "{\"programs\": {\"good\": \"allow\", \"b/d\": \"allow\"}}",
                "{\"programs\": {\"x\": \"allow\", \"x\": \"deny\"}}",
                "{\"programs\": {}, \"more\": 1}",
                "{\"programs\": {\"x\": \"allow\"}} x",
                "{\"programs\": {\"x\": \"allow\"",
        };
        _cleanup_(consent_answers_freep) struct consent_answers *a = make();

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ASSERT_EQ(consent_answers_parse(a, bad[i], strlen(bad[i])), -EINVAL);
        ASSERT_EQ(count(a), 0);
}

TEST(a_faulty_file_asks_again_and_is_replaced)
{
        char folder[] = "/tmp/test-answers.XXXXXX", path[64];
        struct consent_answers *a;
        FILE *f;

        log_set_level(LOG_LEVEL_ERROR);
        ASSERT(mkdtemp(folder));
        (void)snprintf(path, sizeof(path), "%s/consent.json", folder);
        f = fopen(path, "we");
        ASSERT_GT(fputs("{\"programs\": {\"x\": \"allow\"", f), 0);
        ASSERT_EQ(fclose(f), 0);
        ASSERT_OK(consent_answers_new(folder, &a));
        ASSERT_EQ(count(a), 0);
        ASSERT_OK(consent_answers_put(a, "org.y", CONSENT_ALLOW, ANSWER_FILE));
        consent_answers_save(a);
        consent_answers_free(a);
        ASSERT_OK(consent_answers_new(folder, &a));
        ASSERT_EQ(policy_of(a, "org.y"), CONSENT_ALLOW);
        consent_answers_free(a);
        ASSERT_EQ(remove(path), 0);
        ASSERT_OK(consent_answers_new(path, &a)); /* no such folder: nothing is read, nothing breaks */
        consent_answers_free(a);
        ASSERT_EQ(remove(folder), 0);
}

TEST_OOM(read_and_write)
{
        static const char text[] = "{\"programs\": {\"org.x\": \"allow\", \"/usr/bin/y\": \"deny\"}}";
        _cleanup_(consent_answers_freep) struct consent_answers *a = NULL;
        _cleanup_free_ char *written = NULL;
        int r = consent_answers_new(NULL, &a);

        if (r >= 0)
                r = consent_answers_parse(a, text, strlen(text));
        if (r >= 0)
                r = consent_answers_put(a, "org.z", CONSENT_DENY, ANSWER_STORE);
        return r < 0 ? r : consent_answers_format(a, &written);
}
