/* fuzz-config.c - a configuration document, and the entry that is written into one that parses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/config-json.h"
#include "app/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1), *written = NULL; /* the parser is promised a final NUL */
        struct config_fault fault;
        struct config *c = NULL;
        enum consent_policy policy;

        if (!text)
                abort();
        memcpy(text, data, size);
        text[size] = '\0';
        if (config_parse(text, size, "f", &c, &fault) == 0) {
                config_free(c);
                if (config_json_set_program(text, size, "org.example", "allow", &written) < 0 ||
                    config_parse(written, strlen(written), "f", &c, &fault) < 0 ||
                    !config_consent_named(c, "org.example", "", &policy) || policy != CONSENT_ALLOW)
                        abort();
                config_free(c);
        }
        free(written);
        free(text);
        return 0;
}
