/* environment.c - see environment.h. */
#include "environment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

LOG_TOPIC("main");

/* ret: our folder below the one that `variable` names, or below $HOME/fallback. */
static int own_folder(const char *variable, const char *fallback, char **ret)
{
        const char *base = getenv(variable), *home = getenv("HOME");
        int n;

        if (base && base[0] == '/')
                n = asprintf(ret, "%s/rtcroom", base);
        else if (fallback && home && home[0] == '/')
                n = asprintf(ret, "%s/%s/rtcroom", home, fallback);
        else
                return -ENOENT;
        if (n < 0)
                *ret = NULL;
        return n < 0 ? -ENOMEM : 0;
}

/* Somebody else's folder, or a link to one, is refused: sockets and keys go there. */
static int make_private(const char *path)
{
        struct stat st;

        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;
        if (lstat(path, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
                return -EPERM;
        return chmod(path, 0700) < 0 ? -errno : 0;
}

int environment_init(struct environment *e, struct loop *loop, struct net_thread **net, struct janus_child **janus)
{
        int r = own_folder("XDG_RUNTIME_DIR", NULL, &e->runtime_dir);

        if (r < 0) {
                log_error("XDG_RUNTIME_DIR is not set");
                return r;
        }
        r = make_private(e->runtime_dir);
        if (r < 0) {
                log_error("%s: %s", e->runtime_dir, strerror(-r));
                return r;
        }
        r = own_folder("XDG_STATE_HOME", ".local/state", &e->state_dir);
        if (r < 0 && r != -ENOENT)
                return r;
        e->engine = (struct engine_env){
                .loop = loop, .rng = &rand_system, .net = net, .janus = janus, .runtime_dir = e->runtime_dir
        };
        return 0;
}

void environment_done(struct environment *e)
{
        free(e->runtime_dir);
        free(e->state_dir);
        free(e->ca_file);
        free(e->listen);
        *e = (struct environment){ 0 };
}

int environment_apply(struct environment *e, const struct config *c)
{
        _cleanup_free_ char *ca_file = c->tls_ca_file ? strdup(c->tls_ca_file) : NULL;
        _cleanup_free_ char *listen = c->embedded_listen ? strdup(c->embedded_listen) : NULL;

        if (!ca_file != !c->tls_ca_file || !listen != !c->embedded_listen)
                return -ENOMEM;
        free(e->ca_file);
        free(e->listen);
        e->engine.ca_file = e->ca_file = take_ptr(ca_file);
        e->engine.embedded_listen = e->listen = take_ptr(listen);
        e->engine.embedded_idle_s = c->embedded_idle_s;
        log_set_level(c->log_level);
        return 0;
}

int environment_load_config(const char *path, struct config **ret, char **ret_path)
{
        _cleanup_free_ char *found = NULL;
        struct config_fault fault = { "" };
        int r = 0;

        if (!path)
                r = config_find(&found);
        else if (!(found = strdup(path)))
                r = -ENOMEM;
        if (r >= 0)
                r = config_load(found, ret, &fault);
        if (r < 0)
                log_error("configuration refused: %s", fault.text[0] ? fault.text : strerror(-r));
        else if (ret_path)
                *ret_path = take_ptr(found);
        return r;
}
