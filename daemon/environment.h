/* environment.h - what the engines and the manager are given from outside: folders, and settings as owned copies.
 *
 * Control thread. The strings in `engine` are copies of the configuration's, because a reload frees the configuration;
 * engines read them when they connect.
 */
#pragma once

#include "app/config.h"
#include "engine/engine.h"

struct environment {
        struct engine_env engine; /* its strings are those below */
        char *runtime_dir;        /* $XDG_RUNTIME_DIR/rtcroom, mode 0700 */
        char *state_dir;          /* $XDG_STATE_HOME/rtcroom; NULL: there is no home */
        char *ca_file, *listen;
};

/* Makes the runtime folder. Logs what is wrong. */
int environment_init(struct environment *e, struct loop *loop, struct net_thread **net, struct janus_child **janus);
void environment_done(struct environment *e); /* legal on zeroes */
/* Takes over what does not reach the engines through the manager, and the log level. -ENOMEM: nothing has changed. */
int environment_apply(struct environment *e, const struct config *c);
/* Reads `path`, or what is found where configurations lie; logs a fault. ret_path (may be NULL): which file, owned;
 * NULL: none. */
int environment_load_config(const char *path, struct config **ret, char **ret_path);
