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
#include "wire/janus-token.h"

static const char *const folders[] = { "cfg", "plugins", "transports", "none" };

static const struct module {
        const char *kind, *name;
        bool only_to_listen;
} modules[] = {
        { "plugins", "libjanus_videoroom.so", false },
        { "plugins", "libjanus_echotest.so", false },
        { "transports", "libjanus_pfunix.so", false },
        { "transports", "libjanus_websockets.so", true },
};

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

/* Debian keeps modules in /usr/lib/TRIPLET/janus, others in PREFIX/lib/janus. 1: found, 0: not. */
static int find_module(const char *executable, const struct module *m, char **ret)
{
        const char *slash = strrchr(executable, '/');
        _cleanup_free_ char *pattern = NULL;
        glob_t found = { 0 };
        char *path;
        int r;

        if (asprintf(&pattern, "%.*s/../lib{/*,}/janus/%s/%s", slash ? (int)(slash - executable) : 1,
                     slash ? executable : ".", m->kind, m->name) < 0)
                return -ENOMEM;
        r = glob(pattern, GLOB_BRACE, NULL, &found);
        if (r != 0)
                return r == GLOB_NOMATCH ? 0 : -ENOMEM;
        path = strdup(found.gl_pathv[0]);
        globfree(&found);
        if (!path)
                return -ENOMEM;
        *ret = path;
        return 1;
}

static int link_module(const struct janus_files_params *p, const struct module *m)
{
        _cleanup_free_ char *from = NULL;
        char to[512];
        int r = find_module(p->executable, m, &from);

        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        if (snprintf(to, sizeof(to), "%s/%s/%s", p->folder, m->kind, m->name) >= (int)sizeof(to))
                return -ENAMETOOLONG;
        return symlink(from, to) < 0 ? -errno : 0;
}

/* token_auth_secret turns on the signed mode of the core: without it signed_tokens of a room protects nothing. It
 * comes last: text that grows moves, and the secret must not stay behind. */
static int write_core(const struct janus_files_params *p)
{
        struct strbuf b = strbuf_init(8192);
        _cleanup_free_ char *text = NULL;
        int r;

        strbuf_addf(&b, "nat: {\n  ignore_mdns = true\n}\nmedia: {\n  ipv6 = true\n}\ngeneral: {\n");
        strbuf_addf(&b, "  configs_folder = \"%s/cfg\"\n  plugins_folder = \"%s/plugins\"\n", p->folder, p->folder);
        strbuf_addf(&b, "  transports_folder = \"%s/transports\"\n  events_folder = \"%s/none\"\n", p->folder,
                    p->folder);
        /* 4: the line that its Unix transport then writes first lets it mostly win the race of janus-child.c. Measured
         * on two cores: 3 of 75 starts lost, at level 3 it is 21 of 50. */
        strbuf_addf(&b, "  loggers_folder = \"%s/none\"\n  debug_level = 4\n  debug_timestamps = false\n", p->folder);
        strbuf_addf(&b, "  debug_colors = false\n  server_name = \"rtcroomd\"\n  token_auth = true\n");
        strbuf_addf(&b, "  token_auth_secret = \"%s\"\n}\n", p->secret);
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

static int write_videoroom(const struct janus_files_params *p)
{
        char key[JANUS_SECRET_SIZE], text[128];
        int r = janus_token_create_key(p->secret, key);

        if (r < 0)
                return r;
        snprintf(text, sizeof(text), "general: {\n  string_ids = true\n  admin_key = \"%s\"\n}\n", key);
        r = write_file(p->folder, "janus.plugin.videoroom.jcfg", text);
        explicit_bzero(text, sizeof(text));
        explicit_bzero(key, sizeof(key));
        return r;
}

static int write_configuration(const struct janus_files_params *p)
{
        int r = write_core(p);

        if (r >= 0)
                r = write_transports(p);
        if (r >= 0)
                r = write_videoroom(p);
        if (r >= 0)
                r = write_file(p->folder, "janus.plugin.echotest.jcfg", "general: {\n}\n");
        return r;
}

static int make_folders(const char *folder)
{
        char path[512];

        if (mkdir(folder, 0700) < 0)
                return -errno;
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                if (snprintf(path, sizeof(path), "%s/%s", folder, folders[i]) >= (int)sizeof(path))
                        return -ENAMETOOLONG;
                if (mkdir(path, 0700) < 0)
                        return -errno;
        }
        return 0;
}

int janus_files_write(const struct janus_files_params *p)
{
        int r;

        /* Quotes would end a string of the configuration: such a path is refused rather than escaped. */
        if (strpbrk(p->folder, "\"\\\n"))
                return -EINVAL;
        janus_files_remove(p->folder);
        r = make_folders(p->folder);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(modules); i++)
                if (!modules[i].only_to_listen || p->listen_host)
                        r = link_module(p, &modules[i]);
        return r < 0 ? r : write_configuration(p);
}

/* Files and links of one folder; no recursion: what we make is two levels deep. */
static void remove_folder(const char *path)
{
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);

        if (!d) {
                close_fd(fd);
                (void)unlink(path); /* fails where there is nothing */
                return;
        }
        for (struct dirent *e = readdir(d); e; e = readdir(d))
                (void)unlinkat(dirfd(d), e->d_name, 0); /* folders stay: rmdir() is for them */
        closedir(d);
        (void)rmdir(path);
}

void janus_files_remove(const char *folder)
{
        struct stat st;
        char path[512];

        if (lstat(folder, &st) == 0 && S_ISDIR(st.st_mode))
                for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                        if (snprintf(path, sizeof(path), "%s/%s", folder, folders[i]) < (int)sizeof(path))
                                remove_folder(path);
        remove_folder(folder);
}

/* 1: it is one, and where it really is; 0: it is not. */
static int resolve_program(const char *path, char **ret)
{
        _cleanup_free_ char *resolved = NULL;
        struct stat st;

        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
                return 0;
        resolved = realpath(path, NULL);
        if (!resolved)
                return -errno;
        *ret = take_ptr(resolved);
        return 1;
}

static int find_executable(char **ret)
{
        const char *given = getenv("RTCROOMD_JANUS"), *path = getenv("PATH");
        _cleanup_free_ char *copy = NULL;
        char *save = NULL;
        int r = 0;

        if (given)
                return resolve_program(given, ret);
        copy = strdup(path ? path : "/usr/bin:/bin");
        if (!copy)
                return -ENOMEM;
        for (char *at = strtok_r(copy, ":", &save); at && r == 0; at = strtok_r(NULL, ":", &save)) {
                _cleanup_free_ char *file = NULL;

                if (asprintf(&file, "%s/janus", at) < 0)
                        return -ENOMEM;
                r = resolve_program(file, ret);
        }
        return r;
}

int janus_files_find(bool listens, char **ret)
{
        _cleanup_free_ char *executable = NULL;
        int r = find_executable(&executable);

        for (size_t i = 0; r > 0 && i < ARRAY_SIZE(modules); i++) {
                _cleanup_free_ char *module = NULL;

                if (!modules[i].only_to_listen || listens)
                        r = find_module(executable, &modules[i], &module);
        }
        if (r > 0)
                *ret = take_ptr(executable);
        return r;
}
