/* options.h - a caller's a{sv}, read into plain values: what params.c judges, free of any D-Bus type.
 *
 * Bounded when it is built (bus/bus-options.c): 64 entries in all dictionaries together, 64 KiB, 8 levels of
 * containers counted from the outer one. Unknown keys may be dropped by the reader but count. The tree owns its
 * strings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum option_type { OPTION_STRING, OPTION_NUMBER, OPTION_BOOLEAN, OPTION_OBJECT, OPTION_ARRAY };
const char *option_type_to_string(enum option_type t); /* "string" "number" "boolean" "object" "array" */

struct options;

/* Of an array only these two kinds are kept; of all others neither, which is no empty array. Owned. */
struct option_array {
        bool is_bytes, is_strings; /* ay; as */
        uint8_t *bytes;            /* NULL when there are none */
        char **strings;
        size_t n;
};

struct option {
        char *key; /* owned */
        enum option_type type;
        char *string;              /* owned; STRING */
        double number;             /* NUMBER: any D-Bus integer or double */
        bool boolean;              /* BOOLEAN */
        struct options *object;    /* owned; OBJECT */
        struct option_array array; /* ARRAY */
};

enum { OPTIONS_MAX_ENTRIES = 64, OPTIONS_MAX_BYTES = 64 * 1024, OPTIONS_MAX_DEPTH = 8, OPTIONS_MAX_TOKEN = 16 * 1024 };
enum { OPTIONS_MAX_STRINGS = 64 }; /* in an array of them; more are too large */

struct options {
        struct option *items; /* owned */
        size_t n;
        bool too_large; /* a bound was exceeded: the only fault then is "params too large" */
};

int options_new(struct options **ret);
struct options *options_free(struct options *o);
/* Each adds one entry; a key given twice: the later wins. Strings are copied, the object is taken, also on failure. */
int options_add_string(struct options *o, const char *key, const char *value);
int options_add_number(struct options *o, const char *key, double value);
int options_add_boolean(struct options *o, const char *key, bool value);
int options_add_object(struct options *o, const char *key, struct options *value);
int options_add_array(struct options *o, const char *key); /* of which only the type is told */
int options_add_bytes(struct options *o, const char *key, const void *bytes, size_t n);
int options_add_strings(struct options *o, const char *key, const char *const *strings, size_t n);
const struct option *options_get(const struct options *o, const char *key); /* NULL: missing */

DEFINE_CLEANUP(struct options *, options_free)
