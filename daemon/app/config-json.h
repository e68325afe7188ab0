/* config-json.h - the configuration's text ⇄ a JSON tree: strict, bounded, every key once. Pure. */
#pragma once

#include <stddef.h>

struct json_object;

struct config_json_fault {
        char path[128], reason[128];
};

/* text ends with a NUL at [len]. RFC 8259 without leniency: valid UTF-8, no comments, no trailing text, depth at most
 * 8, no key twice in an object. -EINVAL with ret_fault filled; -ENOMEM. */
int config_json_parse(const char *text, size_t len, struct json_object **ret, struct config_json_fault *ret_fault);
/* The document (one that parses) with consent.programs[id] = policy, laid out for people. Owned. */
int config_json_set_program(const char *text, size_t len, const char *id, const char *policy, char **ret);
void config_json_freep(struct json_object **v); /* for _cleanup_() */
