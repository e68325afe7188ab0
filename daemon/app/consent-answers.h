/* consent-answers.h - what the desktop user answered, program by program, and the file that keeps it where there is no
 * permission store.
 *
 * A program is named by its application id or by the path of its executable ("/…"); one that has neither by its unique
 * bus name (":…"), and only as long as it stays on the bus. So a name tells its kind by its first character.
 *
 * The file, consent.json in the state directory, mode 0600, replaced in one step:
 *   { "programs": { "org.example.Voice": "allow", "/usr/bin/voice": "deny" } }
 * A file with any fault is no answer at all: who stands in it is asked again. Beyond ANSWERS_MAX the oldest answer is
 * forgotten, which also means: asked again.
 *
 * Control thread. Negative errno.
 */
#pragma once

#include "app/config.h"

enum { ANSWERS_MAX = 1024, ANSWER_PROGRAM_MAX = 1023 };

enum answer_origin {
        ANSWER_FILE,    /* ours to keep */
        ANSWER_STORE,   /* kept by the desktop's permission store */
        ANSWER_SESSION, /* for one connection to the bus */
        _ANSWER_ORIGIN_MAX
};

struct consent_answers;

struct consent_answer { /* borrowed until the table changes */
        const char *program;
        enum consent_policy policy; /* allow or deny */
        enum answer_origin origin;
};

/* Reads the file; state_dir NULL: nothing is kept. Of a faulty file a line is logged. */
int consent_answers_new(const char *state_dir, struct consent_answers **ret);
struct consent_answers *consent_answers_free(struct consent_answers *a);

bool consent_answers_find(const struct consent_answers *a, const char *program, struct consent_answer *ret);
/* One answer a program: a later one replaces it. CONSENT_ASK forgets it. -EINVAL: no such name. */
int consent_answers_put(struct consent_answers *a, const char *program, enum consent_policy policy,
                        enum answer_origin origin);
/* Writes the file if what it keeps has changed; one that cannot be written costs a log line. */
void consent_answers_save(struct consent_answers *a);
/* In the order of their making: index 0 … until false. */
bool consent_answers_at(const struct consent_answers *a, size_t index, struct consent_answer *ret);

/* An id ([A-Za-z0-9._-], 255 at most), an absolute path without control characters, or a unique bus name. */
bool consent_program_is_valid(const char *program);

/* The document's answers into the table, all or none. text ends with a NUL at [len]. -EINVAL, -ENOMEM. Pure; fuzzed.
 */
int consent_answers_parse(struct consent_answers *a, const char *text, size_t len);
/* The document of the table's file answers. Owned. */
int consent_answers_format(const struct consent_answers *a, char **ret);

DEFINE_CLEANUP(struct consent_answers *, consent_answers_free)
