/* consent-answers.c - see consent-answers.h.
 *
 * The table is a list, oldest first: with a thousand answers at most, looked up when a program joins, that is enough.
 * The file is strict JSON as the configuration is (app/config-json.h). It is written by the control thread, rarely,
 * and only after everything else that an answer means has been done. The table owns its entries.
 */
#include "app/consent-answers.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "app/config-file.h"
#include "app/config-json.h"
#include "base/list.h"
#include "base/utf8.h"

LOG_TOPIC("app/consent-answers");

enum { FILE_MAX = 2 * 1024 * 1024 };

struct entry {
        struct list link; /* in consent_answers.entries, oldest first */
        enum consent_policy policy;
        enum answer_origin origin;
        char program[];
};

struct consent_answers {
        struct list entries;
        size_t n;
        char *path; /* owned; NULL: nothing is kept */
        bool dirty; /* the file does not say what we do */
};

/* ---- names ---- */

static bool is_path(const char *s)
{
        for (size_t n; *s; s += n) {
                n = utf8_character(s);
                if (n == 0 || (unsigned char)*s < ' ' || *s == 0x7f)
                        return false;
        }
        return true;
}

bool consent_program_is_valid(const char *program)
{
        static const char id[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
        size_t len = strlen(program);

        if (program[0] == '/')
                return len > 1 && len <= ANSWER_PROGRAM_MAX && is_path(program);
        if (program[0] == ':')
                return len > 1 && len <= 255 && strspn(program + 1, id) == len - 1;
        return len > 0 && len <= 255 && strspn(program, id) == len;
}

/* ---- the table ---- */

static struct entry *find(const struct consent_answers *a, const char *program)
{
        struct entry *e;

        list_for_each (e, &a->entries, link)
                if (strcmp(e->program, program) == 0)
                        return e;
        return NULL;
}

static void drop(struct consent_answers *a, struct entry *e)
{
        list_remove(&e->link);
        a->n--;
        free(e);
}

/* The newest now, whether it was there or not. */
static int put(struct consent_answers *a, const char *program, enum consent_policy policy, enum answer_origin origin)
{
        struct entry *e = find(a, program);

        if (!e) {
                e = malloc(sizeof(*e) + strlen(program) + 1);
                if (!e)
                        return -ENOMEM;
                list_init(&e->link);
                strcpy(e->program, program);
                a->n++;
        }
        e->policy = policy;
        e->origin = origin;
        list_remove(&e->link);
        list_append(&a->entries, &e->link);
        if (a->n > ANSWERS_MAX)
                drop(a, list_first(&a->entries, struct entry, link));
        return 0;
}

static void fill(const struct entry *e, struct consent_answer *ret)
{
        *ret = (struct consent_answer){ .program = e->program, .policy = e->policy, .origin = e->origin };
}

bool consent_answers_find(const struct consent_answers *a, const char *program, struct consent_answer *ret)
{
        const struct entry *e = find(a, program);

        if (e)
                fill(e, ret);
        return e;
}

bool consent_answers_at(const struct consent_answers *a, size_t index, struct consent_answer *ret)
{
        const struct entry *e;

        list_for_each (e, &a->entries, link)
                if (index-- == 0) {
                        fill(e, ret);
                        return true;
                }
        return false;
}

/* ---- the file ---- */

static int read_answer(struct consent_answers *a, const char *program, struct json_object *word)
{
        enum consent_policy policy;

        if (!json_object_is_type(word, json_type_string) || !consent_program_is_valid(program) || program[0] == ':' ||
            consent_policy_from_string(json_object_get_string(word), &policy) < 0 || policy == CONSENT_ASK)
                return -EINVAL;
        return put(a, program, policy, ANSWER_FILE);
}

/* The other table's entries, after those that are there. */
static void take_over(struct consent_answers *a, struct consent_answers *from)
{
        struct entry *e, *old;

        list_for_each (e, &from->entries, link) {
                old = find(a, e->program);
                if (old)
                        drop(a, old);
                list_remove(&e->link);
                list_append(&a->entries, &e->link);
                a->n++;
        }
        from->n = 0;
        while (a->n > ANSWERS_MAX)
                drop(a, list_first(&a->entries, struct entry, link));
}

static int read_programs(struct json_object *document, struct consent_answers *ret)
{
        struct json_object *programs;
        int r = 0;

        if (json_object_object_length(document) != 1 || !json_object_object_get_ex(document, "programs", &programs) ||
            !json_object_is_type(programs, json_type_object))
                return -EINVAL;
        json_object_object_foreach(programs, program, word)
        {
                r = read_answer(ret, program, word);
                if (r < 0)
                        break;
        }
        return r;
}

int consent_answers_parse(struct consent_answers *a, const char *text, size_t len)
{
        _cleanup_(config_json_freep) struct json_object *document = NULL;
        _cleanup_(consent_answers_freep) struct consent_answers *read = NULL;
        struct config_json_fault fault;
        int r = config_json_parse(text, len, &document, &fault);

        if (r >= 0)
                r = consent_answers_new(NULL, &read);
        if (r >= 0)
                r = read_programs(document, read);
        if (r < 0)
                return r;
        take_over(a, read);
        return 0;
}

static int add_string(struct json_object *to, const char *key, const char *word)
{
        struct json_object *s = json_object_new_string(word);

        if (!s)
                return -ENOMEM;
        if (json_object_object_add(to, key, s) < 0) {
                json_object_put(s);
                return -ENOMEM;
        }
        return 0;
}

int consent_answers_format(const struct consent_answers *a, char **ret)
{
        enum { LAYOUT = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE };
        _cleanup_(config_json_freep) struct json_object *document = json_object_new_object();
        struct json_object *programs = json_object_new_object();
        const struct entry *e;
        const char *text;

        if (!document || !programs || json_object_object_add(document, "programs", programs) < 0) {
                json_object_put(programs);
                return -ENOMEM;
        }
        list_for_each (e, &a->entries, link)
                if (e->origin == ANSWER_FILE &&
                    add_string(programs, e->program, consent_policy_to_string(e->policy)) < 0)
                        return -ENOMEM;
        text = json_object_to_json_string_ext(document, LAYOUT);
        return !text || asprintf(ret, "%s\n", text) < 0 ? -ENOMEM : 0;
}

void consent_answers_save(struct consent_answers *a)
{
        _cleanup_free_ char *text = NULL;
        int r;

        if (!a->dirty || !a->path)
                return;
        a->dirty = false;
        r = consent_answers_format(a, &text);
        if (r >= 0)
                r = config_file_replace(a->path, text);
        if (r < 0)
                log_warning("%s: the answer is not kept: %s", a->path, strerror(-r));
}

/* Only -ENOMEM is an error: without the file everybody is asked. */
static int read_file(struct consent_answers *a)
{
        _cleanup_free_ char *text = NULL;
        size_t len = 0;
        int r = config_file_read(a->path, FILE_MAX, &text, &len);

        if (r >= 0)
                r = consent_answers_parse(a, text, len);
        if (r < 0 && r != -ENOENT && r != -ENOMEM)
                log_warning("%s: not read, everybody is asked again: %s", a->path, strerror(-r));
        return r == -ENOMEM ? r : 0;
}

int consent_answers_put(struct consent_answers *a, const char *program, enum consent_policy policy,
                        enum answer_origin origin)
{
        struct entry *old = find(a, program);
        bool was_kept = old && old->origin == ANSWER_FILE;
        int r = 0;

        if (!consent_program_is_valid(program) || (program[0] == ':') != (origin == ANSWER_SESSION))
                return -EINVAL;
        if (policy != CONSENT_ASK)
                r = put(a, program, policy, origin);
        else if (old)
                drop(a, old);
        a->dirty |= was_kept || origin == ANSWER_FILE;
        return r;
}

/* ---- the object ---- */

int consent_answers_new(const char *state_dir, struct consent_answers **ret)
{
        _cleanup_(consent_answers_freep) struct consent_answers *a = calloc(1, sizeof(*a));
        int r = 0;

        if (!a)
                return -ENOMEM;
        list_init(&a->entries);
        if (state_dir && asprintf(&a->path, "%s/consent.json", state_dir) < 0) {
                a->path = NULL;
                return -ENOMEM;
        }
        if (a->path)
                r = read_file(a);
        if (r < 0)
                return r;
        *ret = take_ptr(a);
        return 0;
}

struct consent_answers *consent_answers_free(struct consent_answers *a)
{
        struct entry *e;

        if (!a)
                return NULL;
        list_for_each (e, &a->entries, link)
                free(e);
        free(a->path);
        free(a);
        return NULL;
}
