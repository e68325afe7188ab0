/* janus-files.h - the folder a private Janus lives in: its configuration, and links to the few modules it may load.
 *
 * Janus loads every plugin and transport it finds; folders of links keep it small and without surprises. The folder
 * has mode 0700 and is made anew for each start. Control thread. Errors: negative errno; -ENOENT: Janus is not
 * installed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct janus_files_params {
        const char *folder;      /* ours alone; what is in it is replaced */
        const char *secret;      /* token_auth_secret: hex digits */
        const char *listen_host; /* NULL: no WebSocket */
        uint16_t listen_port;
};

/* Writes FOLDER/{cfg,plugins,transports,none}; the socket will be FOLDER/janus.sock. */
int janus_files_write(const struct janus_files_params *p);
/* Removes what janus_files_write() and Janus have made. */
void janus_files_remove(const char *folder);
/* Path of the executable: $RTCROOMD_JANUS, else the first janus in PATH. Owned by the caller. */
int janus_files_find(char **ret);
