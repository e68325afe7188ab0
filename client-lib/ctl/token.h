/* token.h - tokens for the commands that join: given, read from a file, or made with the AppKey that is at hand. */
#pragma once

#include <stdlib.h>

#include "ctl/ctl.h"

#define ECHO_ROOM "rtcroomd.echo-test" /* the room in which the server sends one's own voice back */

static inline void token_freep(char **p)
{
        free(*p);
}
#define _cleanup_token_ __attribute__((cleanup(token_freep)))

/* The token of --token or --token-file ("-" reads standard input), else one minted with the AppKey of --key-file or of
 * the configuration; with --livekit one of LiveKit. 0 and an owned text, or the exit code of a failure that has been
 * told. */
int token_obtain(const struct ctl *o, const char *room, const char *user, char **ret);
/* The configuration in force, or --config's. 0, or the exit code of a failure that has been told. */
struct config;
int token_load_config(const struct ctl *o, struct config **ret);

/* ---- cmd-token-livekit.c ---- */
/* A token of LiveKit with the key pair of --api-key and --secret-file, of the environment, or of the configuration. 0
 * and an owned text, or the exit code of a failure that has been told. */
int livekit_token_mint(const struct ctl *o, const char *room, const char *user, char **ret);
/* Prints what it says; false: it is none. */
bool livekit_token_inspect(const struct ctl *o, const char *text);
