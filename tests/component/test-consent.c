/* test-consent.c - who may have the microphone: judgement, questions, remembering. Fakes for the desktop, virtual
 * time.
 */
#include "app/consent.h"

#include <errno.h>
#include <sys/stat.h>

#include "app/manager.h"
#include "base/clock.h"
#include "fakes/fake-desktop.h"
#include "lib/test.h"
#include "lib/vloop.h"

struct bench {
        struct loop *loop;
        struct config *config;
        struct fake_desktop d;
        struct consent *c;
        unsigned judged, pending;
        struct consent_wait waits[16];
        struct outcome {
                unsigned allowed, refused;
        } outcomes[16]; /* by wait */
};

static void on_judged(void *ctx)
{
        ((struct bench *)ctx)->judged++;
}

static void on_pending(void *ctx)
{
        ((struct bench *)ctx)->pending++;
}

static const struct consent_events events = { 0, on_judged, on_pending };

static struct config *configure(const char *text)
{
        struct config_fault fault = { "" };
        struct config *c;

        if (config_parse(text, strlen(text), "f", &c, &fault) < 0)
                test_fail(__FILE__, __LINE__, "%s", fault.text);
        return c;
}

static void begin(struct bench *b, const char *config, bool with_store)
{
        log_set_level(LOG_LEVEL_ERROR);
        *b = (struct bench){ .loop = vloop_new(US_PER_SEC), .config = configure(config) };
        fake_desktop_init(&b->d, with_store);
        ASSERT_OK(consent_new(b->loop, b->config, &b->d.desktop, NULL, &events, b, &b->c));
        consent_prepare(b->c);
}

static void end(struct bench *b)
{
        consent_free(b->c);
        config_free(b->config);
        vloop_free(b->loop);
}

static struct caller program(const char *id, const char *path, const char *name)
{
        return (struct caller){ .unique_name = name, .application_id = id, .exe_path = path };
}

static const struct caller voice = { .unique_name = ":1.1",
                                     .application_id = "org.example.Voice",
                                     .exe_path = "/usr/bin/v" };
static const struct caller tool = { .unique_name = ":1.2", .application_id = "", .exe_path = "/usr/bin/tool" };
static const struct caller nameless = { .unique_name = ":1.3", .application_id = "", .exe_path = "" };

static void on_done(bool allowed, void *ctx)
{
        struct outcome *o = ctx;

        if (allowed)
                o->allowed++;
        else
                o->refused++;
}

static int ask(struct bench *b, const struct caller *who, unsigned n)
{
        return consent_ask(b->c, who, &b->waits[n], on_done, &b->outcomes[n]);
}

static bool is_done(const struct bench *b, unsigned n, bool allowed)
{
        return b->outcomes[n].allowed == allowed && b->outcomes[n].refused == !allowed && !b->waits[n].consent;
}

/* ---- judgement ---- */

TEST(strictest_first)
{
        static const struct {
                const char *entry, *fallback;
                enum consent_policy answer, result;
        } cases[] = {
                { NULL, "ask", CONSENT_ASK, CONSENT_ASK },       { NULL, "allow", CONSENT_ASK, CONSENT_ALLOW },
                { NULL, "deny", CONSENT_ASK, CONSENT_DENY },     { NULL, "deny", CONSENT_ALLOW, CONSENT_ALLOW },
                { NULL, "allow", CONSENT_DENY, CONSENT_DENY },   { "allow", "deny", CONSENT_ASK, CONSENT_ALLOW },
                { "allow", "ask", CONSENT_DENY, CONSENT_DENY },  { "ask", "allow", CONSENT_ASK, CONSENT_ASK },
                { "ask", "deny", CONSENT_ALLOW, CONSENT_ALLOW }, { "deny", "allow", CONSENT_ASK, CONSENT_DENY },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bench b;
                char text[256];

                (void)snprintf(text, sizeof(text), "{\"consent\": {\"default\": \"%s\", \"programs\": {%s%s%s}}}",
                               cases[i].fallback, cases[i].entry ? "\"/usr/bin/tool\": \"" : "",
                               cases[i].entry ? cases[i].entry : "", cases[i].entry ? "\"" : "");
                begin(&b, text, false);
                if (cases[i].answer != CONSENT_ASK)
                        ASSERT_OK(consent_set(b.c, "/usr/bin/tool", cases[i].answer));
                ASSERT_EQ(consent_check(b.c, &tool), cases[i].result);
                end(&b);
        }
}

TEST(an_id_before_a_path)
{
        struct bench b;

        begin(&b, "{}", false);
        ASSERT_OK(consent_set(b.c, "/usr/bin/v", CONSENT_ALLOW));
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_ALLOW);
        ASSERT_OK(consent_set(b.c, "org.example.Voice", CONSENT_DENY));
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_DENY);
        ASSERT_OK(consent_set(b.c, "org.example.Voice", CONSENT_ASK));
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_ALLOW);
        end(&b);
}

TEST(what_cannot_be_set)
{
        static const char *const bad[] = { "", "a b", "a/b", "/", "/a\nb", ":", "\xff", "caf\xc3\xa9" };
        struct bench b;

        begin(&b, "{\"consent\": {\"programs\": {\"org.bad\": \"deny\"}}}", false);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ASSERT_EQ(consent_set(b.c, bad[i], CONSENT_ALLOW), -EINVAL);
        ASSERT_EQ(consent_set(b.c, "org.bad", CONSENT_ALLOW), -EPERM);
        ASSERT_OK(consent_set(b.c, "org.bad", CONSENT_DENY));
        ASSERT_EQ(consent_set(b.c, ":1.3", CONSENT_ALLOW), -ENOENT); /* nobody asks for it */
        end(&b);
}

/* ---- questions ---- */

TEST(one_question_for_all_requests_of_a_program)
{
        struct bench b;

        begin(&b, "{\"consent\": {\"askSeconds\": 30}}", false);
        ASSERT_OK(ask(&b, &voice, 0));
        ASSERT_OK(ask(&b, &voice, 1));
        ASSERT_EQ(b.d.first.asked, 1);
        ASSERT_STR(b.d.first.program, "org.example.Voice");
        ASSERT_EQ(b.d.first.seconds, 30);
        ASSERT_EQ(b.d.second.asked, 0);
        consent_answered(b.c, b.d.first.open, VERDICT_ALLOW);
        ASSERT(is_done(&b, 0, true) && is_done(&b, 1, true));
        ASSERT_EQ(b.d.first.open, 0);
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_ALLOW);
        end(&b);
}

TEST(a_deny_is_remembered)
{
        struct bench b;

        begin(&b, "{}", false);
        ASSERT_OK(ask(&b, &tool, 0));
        consent_answered(b.c, b.d.first.open, VERDICT_DENY);
        ASSERT(is_done(&b, 0, false));
        ASSERT_EQ(consent_check(b.c, &tool), CONSENT_DENY);
        end(&b);
}

TEST(who_cannot_ask_passes_it_on)
{
        struct consent_pending p;
        struct bench b;

        begin(&b, "{}", false);
        b.d.first.refuse = -EOPNOTSUPP;
        ASSERT_OK(ask(&b, &tool, 0));
        ASSERT_EQ(b.d.second.asked, 1);
        ASSERT(consent_pending_at(b.c, 0, &p));
        ASSERT_STR(p.asked_by, "second");
        consent_answered(b.c, b.d.second.open, VERDICT_CANNOT);
        ASSERT(consent_pending_at(b.c, 0, &p));
        ASSERT_STR(p.asked_by, ""); /* rtcroomctl is left */
        ASSERT_STR(p.q.program, "/usr/bin/tool");
        ASSERT(!consent_pending_at(b.c, 1, &p));
        ASSERT_OK(consent_set(b.c, "/usr/bin/tool", CONSENT_ALLOW));
        ASSERT(is_done(&b, 0, true));
        end(&b);
}

TEST(the_command_line_answers_over_the_dialogs_head)
{
        struct bench b;
        uint32_t id;

        begin(&b, "{}", false);
        ASSERT_OK(ask(&b, &voice, 0));
        id = b.d.first.open;
        ASSERT_OK(consent_set(b.c, "org.example.Voice", CONSENT_DENY));
        ASSERT(is_done(&b, 0, false));
        ASSERT_EQ(b.d.first.open, 0);
        consent_answered(b.c, id, VERDICT_ALLOW); /* too late */
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_DENY);
        end(&b);
}

TEST(no_answer_is_a_no_and_quiet_for_a_while)
{
        struct bench b;

        begin(&b, "{\"consent\": {\"askSeconds\": 5}}", false);
        ASSERT_OK(ask(&b, &voice, 0));
        vloop_run_for(b.loop, 4900 * US_PER_MS);
        ASSERT(!is_done(&b, 0, false));
        vloop_run_for(b.loop, 200 * US_PER_MS);
        ASSERT(is_done(&b, 0, false));
        ASSERT_EQ(b.d.first.open, 0);
        ASSERT_EQ(ask(&b, &voice, 1), -EACCES);
        ASSERT_OK(ask(&b, &tool, 2)); /* others may be asked about */
        vloop_run_for(b.loop, 10 * US_PER_SEC);
        ASSERT_OK(ask(&b, &voice, 3));
        end(&b);
}

TEST(put_away_is_a_no_this_once)
{
        struct bench b;

        begin(&b, "{}", false);
        ASSERT_OK(ask(&b, &voice, 0));
        consent_answered(b.c, b.d.first.open, VERDICT_CLOSED);
        ASSERT(is_done(&b, 0, false));
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_ASK);
        ASSERT_EQ(ask(&b, &voice, 1), -EACCES);
        vloop_run_for(b.loop, 11 * US_PER_SEC);
        ASSERT_OK(ask(&b, &voice, 1));
        end(&b);
}

TEST(the_last_one_that_goes_takes_the_question_along)
{
        struct bench b;

        begin(&b, "{}", false);
        ASSERT_OK(ask(&b, &voice, 0));
        ASSERT_OK(ask(&b, &voice, 1));
        consent_cancel(&b.waits[0]);
        ASSERT_NE(b.d.first.open, 0);
        consent_cancel(&b.waits[1]);
        ASSERT_EQ(b.d.first.open, 0);
        consent_cancel(&b.waits[1]);
        vloop_run_for(b.loop, 120 * US_PER_SEC);
        for (unsigned i = 0; i < 2; i++)
                ASSERT_EQ(b.outcomes[i].allowed + b.outcomes[i].refused, 0);
        end(&b);
}

/* A program that asks and takes it back, again and again: three dialogs a minute. */
TEST(nobody_can_flood_the_user)
{
        struct bench b;
        unsigned refused = 0;

        begin(&b, "{}", false);
        for (int i = 0; i < 100; i++) {
                refused += ask(&b, &voice, 0) == -EACCES;
                consent_cancel(&b.waits[0]);
        }
        ASSERT_EQ(b.d.first.asked, 3);
        ASSERT_EQ(refused, 97);
        vloop_run_for(b.loop, 61 * US_PER_SEC);
        ASSERT_OK(ask(&b, &voice, 0));
        end(&b);
}

TEST(many_programs_at_once)
{
        char paths[16][32], names[16][16];
        unsigned refused = 0;
        struct bench b;

        begin(&b, "{}", false);
        for (unsigned i = 0; i < 16; i++) {
                struct caller who;

                (void)snprintf(paths[i], sizeof(paths[i]), "/usr/bin/p%u", i);
                (void)snprintf(names[i], sizeof(names[i]), ":2.%u", i);
                who = program("", paths[i], names[i]);
                refused += ask(&b, &who, i) == -EACCES;
        }
        ASSERT_EQ(refused, 8);
        end(&b); /* with all of them open: nobody is told */
        for (unsigned i = 0; i < 16; i++)
                ASSERT_EQ(b.outcomes[i].allowed + b.outcomes[i].refused, 0);
}

/* Hundreds of names do not wash away what is known of one: the memory is bounded, the limits are per program. */
TEST(history_is_bounded)
{
        struct bench b;
        char path[32];

        begin(&b, "{}", false);
        for (unsigned i = 0; i < 500; i++) {
                struct caller who;

                (void)snprintf(path, sizeof(path), "/usr/bin/p%u", i);
                who = program("", path, ":2.1");
                ASSERT_OK(ask(&b, &who, 0));
                consent_cancel(&b.waits[0]);
        }
        ASSERT_EQ(b.d.first.asked, 500);
        end(&b);
}

TEST(a_program_without_a_name)
{
        struct caller other = program("", "", ":1.4");
        struct consent_answer a;
        struct bench b;

        begin(&b, "{}", true);
        consent_store_loaded(b.c, true);
        ASSERT_OK(ask(&b, &nameless, 0));
        ASSERT_STR(b.d.first.program, ":1.3");
        consent_answered(b.c, b.d.first.open, VERDICT_ALLOW);
        ASSERT(is_done(&b, 0, true));
        ASSERT_EQ(b.d.puts, 0); /* kept nowhere */
        ASSERT_EQ(consent_check(b.c, &nameless), CONSENT_ALLOW);
        ASSERT_EQ(consent_check(b.c, &other), CONSENT_ASK); /* another one is another one */
        consent_owner_gone(b.c, ":1.3");
        ASSERT(!consent_answers_at(consent_list(b.c), 0, &a));
        /* a no counts for the next one without a name, too: it could be the same program */
        ASSERT_OK(ask(&b, &other, 1));
        consent_answered(b.c, b.d.first.open, VERDICT_DENY);
        ASSERT(is_done(&b, 1, false));
        other.unique_name = ":1.5";
        ASSERT_EQ(ask(&b, &other, 2), -EACCES);
        end(&b);
}

TEST(nobody_to_ask)
{
        struct bench b;

        begin(&b, "{}", false);
        consent_free(b.c);
        ASSERT_OK(consent_new(b.loop, b.config, NULL, NULL, &events, &b, &b.c));
        consent_prepare(b.c);
        ASSERT_EQ(ask(&b, &voice, 0), -EACCES);
        end(&b);
}

TEST(the_configuration_answers_a_question)
{
        struct config *denied = configure("{\"consent\": {\"programs\": {\"org.example.Voice\": \"deny\"}}}");
        struct bench b;

        begin(&b, "{}", false);
        ASSERT_OK(ask(&b, &voice, 0));
        consent_set_config(b.c, denied);
        ASSERT(is_done(&b, 0, false));
        ASSERT_EQ(b.d.first.open, 0);
        config_free(b.config);
        b.config = denied;
        end(&b);
}

/* ---- the permission store ---- */

TEST(questions_wait_for_the_store)
{
        const struct consent_answer kept = { "org.example.Voice", CONSENT_ALLOW, ANSWER_STORE };
        struct consent_pending p;
        struct bench b;

        begin(&b, "{\"consent\": {\"programs\": {\"/usr/bin/bad\": \"deny\"}}}", true);
        struct caller bad = program("", "/usr/bin/bad", ":1.9");

        consent_prepare(b.c);
        ASSERT_EQ(b.d.loads, 1);
        ASSERT_EQ(consent_check(b.c, &bad), CONSENT_DENY); /* whatever the store says */
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_ASK);
        ASSERT_OK(ask(&b, &voice, 0));
        ASSERT_OK(ask(&b, &tool, 1));
        ASSERT_EQ(b.d.first.asked, 0);
        ASSERT(!consent_pending_at(b.c, 0, &p)); /* nobody has been asked anything */
        ASSERT_EQ(b.pending, 0);
        consent_store_changed(b.c, false, &kept, 1);
        ASSERT_EQ(b.pending, 0);
        consent_store_loaded(b.c, true);
        ASSERT_EQ(b.pending, 1);
        ASSERT(is_done(&b, 0, true));
        ASSERT_EQ(b.d.first.asked, 1);
        ASSERT_STR(b.d.first.program, "/usr/bin/tool");
        end(&b);
}

TEST(a_store_that_does_not_answer_costs_the_time_of_a_question)
{
        struct bench b;

        begin(&b, "{\"consent\": {\"default\": \"allow\", \"askSeconds\": 5}}", true);
        ASSERT_OK(ask(&b, &voice, 0));
        vloop_run_for(b.loop, 6 * US_PER_SEC);
        ASSERT(is_done(&b, 0, false));
        consent_store_loaded(b.c, false);
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_ALLOW);
        end(&b);
}

TEST(answers_go_to_the_store)
{
        struct consent_answer a;
        struct bench b;

        begin(&b, "{}", true);
        consent_store_loaded(b.c, true);
        ASSERT_OK(ask(&b, &tool, 0));
        consent_answered(b.c, b.d.first.open, VERDICT_ALLOW);
        ASSERT_STR(b.d.put_program, "/usr/bin/tool");
        ASSERT_EQ(b.d.put_policy, CONSENT_ALLOW);
        ASSERT_OK(consent_set(b.c, "/usr/bin/tool", CONSENT_ASK));
        ASSERT_EQ(b.d.put_policy, CONSENT_ASK);
        ASSERT(!consent_answers_at(consent_list(b.c), 0, &a));
        /* one that does not take it: the answer is ours to keep */
        b.d.put = -ENOTCONN;
        ASSERT_OK(consent_set(b.c, "/usr/bin/tool", CONSENT_DENY));
        ASSERT(consent_answers_at(consent_list(b.c), 0, &a));
        ASSERT_EQ(a.origin, ANSWER_FILE);
        end(&b);
}

/* The whole of one kind is told; what is not in it any more is forgotten, the other kind stays. */
TEST(the_store_is_followed)
{
        const struct consent_answer ids[] = { { "org.example.Voice", CONSENT_ALLOW, ANSWER_STORE },
                                              { "org.example.Other", CONSENT_DENY, ANSWER_STORE } };
        const struct consent_answer path = { "/usr/bin/tool", CONSENT_ALLOW, ANSWER_STORE };
        struct bench b;

        begin(&b, "{}", true);
        consent_store_changed(b.c, false, ids, 2);
        consent_store_changed(b.c, true, &path, 1);
        consent_store_loaded(b.c, true);
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_ALLOW);
        ASSERT_EQ(consent_check(b.c, &tool), CONSENT_ALLOW);
        b.judged = 0;
        consent_store_changed(b.c, false, ids + 1, 1);
        ASSERT_EQ(b.judged, 1); /* and so a call can be cut off */
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_ASK);
        ASSERT_EQ(consent_check(b.c, &tool), CONSENT_ALLOW);
        consent_store_changed(b.c, true, NULL, 0);
        ASSERT_EQ(consent_check(b.c, &tool), CONSENT_ASK);
        end(&b);
}

/* ---- the file ---- */

TEST(answers_outlive_us)
{
        char folder[] = "/tmp/test-consent.XXXXXX", file[64];
        struct stat st;
        struct bench b;

        ASSERT(mkdtemp(folder));
        (void)snprintf(file, sizeof(file), "%s/consent.json", folder);
        begin(&b, "{}", false);
        consent_free(b.c);
        ASSERT_OK(consent_new(b.loop, b.config, &b.d.desktop, folder, &events, &b, &b.c));
        consent_prepare(b.c);
        ASSERT_OK(consent_set(b.c, "/usr/bin/tool", CONSENT_ALLOW));
        ASSERT_LT(stat(file, &st), 0); /* not before whoever is concerned has been told */
        vloop_run_for(b.loop, US_PER_MS);
        ASSERT_OK(stat(file, &st));
        ASSERT_EQ(st.st_mode & 07777, 0600);
        ASSERT_OK(consent_set(b.c, "org.example.Voice", CONSENT_DENY));
        consent_free(b.c); /* writes what is due */
        ASSERT_OK(consent_new(b.loop, b.config, &b.d.desktop, folder, &events, &b, &b.c));
        consent_prepare(b.c);
        ASSERT_EQ(consent_check(b.c, &tool), CONSENT_ALLOW);
        ASSERT_EQ(consent_check(b.c, &voice), CONSENT_DENY);
        end(&b);
        ASSERT_OK(unlink(file));
        ASSERT_OK(rmdir(folder));
}

TEST_OOM(a_question)
{
        static struct bench b;
        int r;

        b = (struct bench){ .loop = vloop_new(0) };
        if (!b.loop)
                return -ENOMEM;
        fake_desktop_init(&b.d, false);
        r = config_new_default(&b.config);
        if (r >= 0)
                r = consent_new(b.loop, b.config, &b.d.desktop, NULL, &events, &b, &b.c);
        if (r >= 0)
                r = ask(&b, &tool, 0);
        end(&b);
        return r;
}
