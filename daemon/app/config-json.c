/* config-json.c - see config-json.h. json-c with its leniency taken away.
 *
 * json-c drops all but the last of equal keys without a word, and takes single quotes around a key. So a second walk
 * goes over the text, which is known to be valid by then, beside the tree: an object that has more members in the text
 * than in the tree was given a key twice. Recursion is bounded by the depth that the parser has accepted.
 */
#include "app/config-json.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

enum { MAX_DEPTH = 8 };

void config_json_freep(struct json_object **v)
{
        json_object_put(*v);
}

static void tokener_freep(struct json_tokener **t)
{
        if (*t)
                json_tokener_free(*t);
}

/* ---- every key once ---- */

struct walk {
        const char *at; /* in the NUL-terminated text */
        int error;      /* what a failed walk means */
        struct config_json_fault *fault;
};

static void skip_space(struct walk *w)
{
        w->at += strspn(w->at, " \t\r\n");
}

/* From the opening quote to behind the closing one. */
static void skip_string(struct walk *w)
{
        for (w->at++; *w->at && *w->at != '"'; w->at++)
                if (*w->at == '\\' && w->at[1])
                        w->at++;
        if (*w->at)
                w->at++;
}

static bool walk_value(struct walk *w, struct json_object *v);

/* Behind a value: true when there is another one in this container. Steps over the comma or the closing bracket. */
static bool walk_next(struct walk *w)
{
        skip_space(w);
        if (!*w->at)
                return false;
        return *w->at++ == ',';
}

/* The key at w->at, unescaped as json-c does it; NULL for what is none. */
static struct json_object *walk_key(struct walk *w)
{
        const char *start = w->at;
        struct json_object *key = NULL;
        char *copy;

        if (*start != '"') { /* strict as it is, json-c takes a key in single quotes */
                snprintf(w->fault->reason, sizeof(w->fault->reason), "a key should stand in double quotes");
                return NULL;
        }
        skip_string(w);
        copy = strndup(start, (size_t)(w->at - start));
        if (copy)
                key = json_tokener_parse(copy);
        else
                w->error = -ENOMEM;
        free(copy);
        skip_space(w);
        if (*w->at == ':')
                w->at++;
        return key;
}

static bool walk_object(struct walk *w, struct json_object *v)
{
        int members = 0;

        w->at++;
        skip_space(w);
        if (*w->at == '}') {
                w->at++;
                return true;
        }
        do {
                _cleanup_(config_json_freep) struct json_object *key = NULL;
                struct json_object *child = NULL;
                size_t mark = strlen(w->fault->path);

                skip_space(w);
                key = walk_key(w);
                if (!key || !json_object_object_get_ex(v, json_object_get_string(key), &child))
                        return false;
                snprintf(w->fault->path + mark, sizeof(w->fault->path) - mark, "%s%s", mark ? "." : "",
                         json_object_get_string(key));
                if (!walk_value(w, child))
                        return false;
                w->fault->path[mark] = '\0';
                members++;
        } while (walk_next(w));
        return members == json_object_object_length(v);
}

static bool walk_array(struct walk *w, struct json_object *v)
{
        size_t i = 0;

        w->at++;
        skip_space(w);
        if (*w->at == ']') {
                w->at++;
                return true;
        }
        do {
                if (!walk_value(w, json_object_array_get_idx(v, i++)))
                        return false;
        } while (walk_next(w));
        return true;
}

/* False: a key is given twice (or badly quoted) at or below fault->path. (The tree holds the last of equal keys, so an
 * earlier one may find a tree of another shape; that is the same fault.) */
static bool walk_value(struct walk *w, struct json_object *v)
{
        skip_space(w);
        switch (*w->at) {
        case '{': return json_object_is_type(v, json_type_object) && walk_object(w, v);
        case '[': return json_object_is_type(v, json_type_array) && walk_array(w, v);
        case '"': skip_string(w); return true;
        default: w->at += strcspn(w->at, ",]} \t\r\n"); return true;
        }
}

/* ---- parsing ---- */

static unsigned line_of(const char *text, size_t at)
{
        unsigned line = 1;

        for (size_t i = 0; i < at; i++)
                line += text[i] == '\n';
        return line;
}

static int refuse(struct config_json_fault *fault, const char *text, size_t at, const char *why)
{
        snprintf(fault->reason, sizeof(fault->reason), "line %u: %s", line_of(text, at), why);
        return -EINVAL;
}

static int parse_text(const char *text, size_t len, struct json_object **ret, struct config_json_fault *fault)
{
        _cleanup_(tokener_freep) struct json_tokener *t = json_tokener_new_ex(MAX_DEPTH);
        _cleanup_(config_json_freep) struct json_object *v = NULL;
        enum json_tokener_error e;

        if (!t)
                return -ENOMEM;
        if (memchr(text, '\0', len))
                return refuse(fault, text, (size_t)((const char *)memchr(text, '\0', len) - text), "a NUL byte");
        json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        v = json_tokener_parse_ex(t, text, (int)len);
        e = json_tokener_get_error(t);
        if (e == json_tokener_continue)
                return refuse(fault, text, len, "the document is cut short");
        if (e != json_tokener_success)
                return refuse(fault, text, json_tokener_get_parse_end(t), json_tokener_error_desc(e));
        if (!json_object_is_type(v, json_type_object))
                return refuse(fault, text, 0, "the document should be an object");
        *ret = take_ptr(v);
        return 0;
}

int config_json_parse(const char *text, size_t len, struct json_object **ret, struct config_json_fault *ret_fault)
{
        _cleanup_(config_json_freep) struct json_object *v = NULL;
        struct walk w = { .at = text, .error = -EINVAL, .fault = ret_fault };
        int r;

        *ret_fault = (struct config_json_fault){ 0 };
        r = parse_text(text, len, &v, ret_fault);
        if (r < 0)
                return r;
        if (!walk_value(&w, v)) {
                if (!ret_fault->reason[0])
                        snprintf(ret_fault->reason, sizeof(ret_fault->reason), "a key is given twice");
                return w.error;
        }
        *ret = take_ptr(v);
        return 0;
}

/* ---- writing ---- */

/* The object `name` of `parent`, made if it is not there. Borrowed. */
static struct json_object *get_object(struct json_object *parent, const char *name)
{
        struct json_object *v = NULL;

        if (json_object_object_get_ex(parent, name, &v))
                return v;
        v = json_object_new_object();
        if (v && json_object_object_add(parent, name, v) < 0) {
                json_object_put(v);
                return NULL;
        }
        return v;
}

int config_json_set_program(const char *text, size_t len, const char *id, const char *policy, char **ret)
{
        enum { LAYOUT = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE };
        _cleanup_(config_json_freep) struct json_object *document = NULL;
        struct json_object *consent, *programs, *word;
        struct config_json_fault fault;
        int r;

        r = config_json_parse(text, len, &document, &fault);
        if (r < 0)
                return r;
        consent = get_object(document, "consent");
        programs = consent ? get_object(consent, "programs") : NULL;
        word = programs ? json_object_new_string(policy) : NULL;
        if (!word)
                return -ENOMEM;
        if (json_object_object_add(programs, id, word) < 0) {
                json_object_put(word);
                return -ENOMEM;
        }
        return asprintf(ret, "%s\n", json_object_to_json_string_ext(document, LAYOUT)) < 0 ? -ENOMEM : 0;
}
