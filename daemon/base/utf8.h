/* utf8.h - texts that were cut, or came from somewhere else, made fit for D-Bus, which carries UTF-8 only. RFC 3629.
 *
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that the text begins with, 0 if it is none (or half of one). */
size_t utf8_character(const char *text);
/* Bytes that D-Bus would carry as a string: UTF-8 to their end, and no NUL among them. */
bool utf8_is_text(const void *data, size_t len);
/* Ends the text where it ceases to be UTF-8: a character cut in half at the end goes. */
void utf8_trim(char *text);
