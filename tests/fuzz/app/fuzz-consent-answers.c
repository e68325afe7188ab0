/* fuzz-consent-answers.c - whatever is in the file of answers: all of it is taken or none, and what was taken is
 * written so that it reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/consent-answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct consent_answers *make(void)
{
        struct consent_answers *a;

        if (consent_answers_new(NULL, &a) < 0)
                abort();
        return a;
}

static void compare(const struct consent_answers *a, const struct consent_answers *b)
{
        struct consent_answer one, other;
        size_t i = 0;

        for (; consent_answers_at(a, i, &one); i++)
                if (!consent_answers_at(b, i, &other) || strcmp(one.program, other.program) != 0 ||
                    one.policy != other.policy || !consent_program_is_valid(one.program))
                        abort();
        if (consent_answers_at(b, i, &other))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct consent_answers *a = make(), *b = make();
        char *text = malloc(size + 1), *written = NULL;

        if (!text)
                abort();
        memcpy(text, data, size);
        text[size] = '\0';
        if (consent_answers_parse(a, text, size) == 0) {
                if (consent_answers_format(a, &written) < 0 || consent_answers_parse(b, written, strlen(written)) < 0)
                        abort();
                compare(a, b);
        }
        free(written);
        free(text);
        consent_answers_free(a);
        consent_answers_free(b);
        return 0;
}
