/* consent.h - may this program have the microphone? The policy of the configuration, put into a decision. */
#pragma once

#include <stdbool.h>

struct config;

/* Control thread. "ask" needs somebody to ask: until there is a dialogue it is a no, with a line in the log that says
 * what to configure. application_id and exe_path may be "". */
bool consent_is_given(const struct config *c, const char *application_id, const char *exe_path);
