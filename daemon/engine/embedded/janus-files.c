/* janus-files.c - see janus-files.h. Control thread; no state. */
#include "engine/embedded/janus-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"

static const char *const folders[] = { "cfg", "plugins", "transports", "none" };

static int write_file(const char *folder, const char *name, const char *text)
{
        char path[512];
        _cleanup_close_ int fd = -1;
        size_t len = strlen(text);

        if (snprintf(path, sizeof(path), "%s/cfg/%s", folder, name) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        return write(fd, text, len) == (ssize_t)len ? 0 : -EIO;
}

/* Debian keeps modules in /usr/lib/TRIPLET/janus, others in /usr/lib/janus. */
static int link_module(const char *folder, const char *kind, const char *name)
{
        char pattern[128], to[512];
        glob_t found = { 0 };
        int r = 0;

        snprintf(pattern, sizeof(pattern), "/usr/lib{/*,}/janus/%s/lib%s.so", kind, name);
        if (snprintf(to, sizeof(to), "%s/%s/lib%s.so", folder, kind, name) >= (int)sizeof(to))
                return -ENAMETOOLONG;
        if (glob(pattern, GLOB_BRACE, NULL, &found) != 0)
                return -ENOENT;
        if (symlink(found.gl_pathv[0], to) < 0)
                r = -errno;
        globfree(&found);
        return r;
}

/* Quotes would end a string of the configuration: such a path is refused rather than escaped. */
static int write_core(const struct janus_files_params *p)
{
        struct strbuf b = strbuf_init(8192);
        _cleanup_free_ char *text = NULL;
        int r;

        if (strpbrk(p->folder, "\"\\\n"))
                return -EINVAL;
        strbuf_addf(&b, "general: {\n  configs_folder = \"%s/cfg\"\n  plugins_folder = \"%s/plugins\"\n", p->folder,
                    p->folder);
        strbuf_addf(&b, "  transports_folder = \"%s/transports\"\n  events_folder = \"%s/none\"\n", p->folder,
                    p->folder);
        /* 4: the line that its Unix transport then writes first lets it mostly win the race of janus-child.c. Measured
         * on two cores: 3 of 75 starts lost, at level 3 it is 21 of 50. */
        strbuf_addf(&b, "  loggers_folder = \"%s/none\"\n  debug_level = 4\n  debug_timestamps = false\n", p->folder);
        strbuf_addf(&b, "  debug_colors = false\n  server_name = \"rtcroomd\"\n  token_auth = true\n");
        /* Signed mode of the core: without it signed_tokens of a room protects nothing. */
        strbuf_addf(&b, "  token_auth_secret = \"%s\"\n}\nnat: {\n  ignore_mdns = true\n}\nmedia: {\n}\n", p->secret);
        r = strbuf_take(&b, &text);
        if (r >= 0)
                r = write_file(p->folder, "janus.jcfg", text);
        if (text)
                explicit_bzero(text, strlen(text));
        return r;
}

static int write_transports(const struct janus_files_params *p)
{
        char text[768];
        int r;

        snprintf(text, sizeof(text),
                 "general: {\n  enabled = true\n  json = \"compact\"\n  path = \"%s/janus.sock\"\n  type = "
                 "\"SOCK_SEQPACKET\"\n}\n"
                 "admin: {\n  admin_enabled = false\n}\n",
                 p->folder);
        r = write_file(p->folder, "janus.transport.pfunix.jcfg", text);
        if (r < 0 || !p->listen_host)
                return r;
        snprintf(text, sizeof(text),
                 "general: {\n  json = \"compact\"\n  ws = true\n  ws_port = %u\n  ws_ip = \"%s\"\n  wss = false\n}\n"
                 "admin: {\n  admin_ws = false\n  admin_wss = false\n}\n",
                 p->listen_port, p->listen_host);
        return write_file(p->folder, "janus.transport.websockets.jcfg", text);
}

static int write_configuration(const struct janus_files_params *p)
{
        int r = write_core(p);

        if (r >= 0)
                r = write_transports(p);
        if (r >= 0)
                r = write_file(p->folder, "janus.plugin.videoroom.jcfg", "general: {\n  string_ids = true\n}\n");
        if (r >= 0)
                r = write_file(p->folder, "janus.plugin.echotest.jcfg", "general: {\n}\n");
        return r;
}

static int link_modules(const struct janus_files_params *p)
{
        int r = link_module(p->folder, "plugins", "janus_videoroom");

        if (r >= 0)
                r = link_module(p->folder, "plugins", "janus_echotest");
        if (r >= 0)
                r = link_module(p->folder, "transports", "janus_pfunix");
        if (r >= 0 && p->listen_host)
                r = link_module(p->folder, "transports", "janus_websockets");
        return r;
}

int janus_files_write(const struct janus_files_params *p)
{
        char path[512];

        janus_files_remove(p->folder);
        if (mkdir(p->folder, 0700) < 0)
                return -errno;
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                if (snprintf(path, sizeof(path), "%s/%s", p->folder, folders[i]) >= (int)sizeof(path))
                        return -ENAMETOOLONG;
                if (mkdir(path, 0700) < 0)
                        return -errno;
        }
        int r = link_modules(p);
        return r < 0 ? r : write_configuration(p);
}

/* Files and links of one folder; no recursion: what we make is two levels deep. */
static void empty_folder(const char *path)
{
        DIR *d = opendir(path);

        if (!d)
                return;
        for (struct dirent *e = readdir(d); e; e = readdir(d))
                (void)unlinkat(dirfd(d), e->d_name, 0); /* folders stay: rmdir() is for them */
        closedir(d);
}

void janus_files_remove(const char *folder)
{
        char path[512];

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                if (snprintf(path, sizeof(path), "%s/%s", folder, folders[i]) >= (int)sizeof(path))
                        continue;
                empty_folder(path);
                (void)rmdir(path);
        }
        empty_folder(folder);
        (void)rmdir(folder);
}

int janus_files_find(char **ret)
{
        const char *given = getenv("RTCROOMD_JANUS"), *path = getenv("PATH");
        _cleanup_free_ char *copy = NULL;
        char *save = NULL;

        if (given)
                return access(given, X_OK) == 0 ? (*ret = strdup(given)) ? 0 : -ENOMEM : -ENOENT;
        copy = strdup(path ? path : "/usr/bin:/bin");
        if (!copy)
                return -ENOMEM;
        for (char *at = strtok_r(copy, ":", &save); at; at = strtok_r(NULL, ":", &save)) {
                _cleanup_free_ char *file = NULL;

                if (asprintf(&file, "%s/janus", at) < 0)
                        return -ENOMEM;
                if (access(file, X_OK) == 0) {
                        *ret = take_ptr(file);
                        return 0;
                }
        }
        return -ENOENT;
}
