/* config-file.h - the files behind the configuration: bounded reading, secrets with their mode checked, replacing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { CONFIG_FILE_MAX = 256 * 1024, CONFIG_SECRET_MAX = 256 };

/* Owned, NUL-terminated text of a regular file. -EFBIG above max_len, -EINVAL for what is no regular file. */
int config_file_read(const char *path, size_t max_len, char **ret_text, size_t *ret_len);
/* One line of 1-256 printable characters; a final newline is dropped. -EPERM when `check_mode` and others than the
 * owner have any right on it, -EBADMSG when it holds something else. Owned: config_secret_free(). */
int config_secret_read(const char *path, bool check_mode, char **ret_secret);
char *config_secret_free(char *secret); /* wipes it; returns NULL */
bool config_secret_is_valid(const char *s);
/* Replaces path by text in one step, through a symbolic link if it is one; keeps the mode, 0600 for a new file. Makes
 * missing folders with mode 0700. */
int config_file_replace(const char *path, const char *text);
