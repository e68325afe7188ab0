/* rtcroomd.h - the daemon put together and run. */
#pragma once

/* Runs until a signal or the end of the bus connection. config_path: a file instead of the usual places, or NULL.
 * Negative errno, logged: it could not start. */
int rtcroomd_run(const char *config_path);
