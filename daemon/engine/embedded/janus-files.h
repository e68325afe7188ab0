/* janus-files.h - the folder a private Janus lives in: its configuration, and links to the few modules it may load.
 *
 * Janus loads every plugin and transport it finds; folders of links keep it small and without surprises. The folder
 * has mode 0700 and is made anew for each start. Control thread. Errors: negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct janus_files_params {
        const char *executable;  /* its modules are in ../lib/janus or ../lib/TRIPLET/janus beside it */
        const char *folder;      /* ours alone; what is in it is replaced */
        const char *secret;      /* token_auth_secret: hex digits */
        const char *listen_host; /* NULL: no WebSocket */
        uint16_t listen_port;
};

/* Writes FOLDER/{cfg,plugins,transports,none}; the socket will be FOLDER/janus.sock. -EINVAL: the path has characters
 * that the configuration cannot hold. */
int janus_files_write(const struct janus_files_params *p);
/* Removes what janus_files_write() and Janus have made. A link in their place is removed, not followed. */
void janus_files_remove(const char *folder);
/* 1: the executable ($RTCROOMD_JANUS, else the first janus in PATH) and its modules are there; the path is owned by
 * the caller. 0: they are not. */
int janus_files_find(bool listens, char **ret);
