/* test-janus-files.c - the folder of a private Janus, beside an installation made of empty files. */
#include "engine/embedded/janus-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fakes/janus-stand-in.h"
#include "lib/test.h"

struct bed {
        struct janus_stand_in janus;
        char executable[96], folder[96];
        struct janus_files_params params;
};

static void bed_init(struct bed *b)
{
        janus_stand_in_init(&b->janus);
        snprintf(b->executable, sizeof(b->executable), "%s/bin/janus", b->janus.folder);
        snprintf(b->folder, sizeof(b->folder), "%s/janus", b->janus.runtime);
        b->params =
                (struct janus_files_params){ .executable = b->executable, .folder = b->folder, .secret = "5ec7e7" };
}

static void bed_done(struct bed *b)
{
        janus_stand_in_done(&b->janus);
}

#define _bed_ _cleanup_(bed_done) struct bed

static const char *path_of(const struct bed *b, const char *name)
{
        static char path[512];

        snprintf(path, sizeof(path), "%s/%s", b->folder, name);
        return path;
}

static int mode_of(const struct bed *b, const char *name)
{
        struct stat st;

        return lstat(path_of(b, name), &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

static bool exists(const struct bed *b, const char *name)
{
        return mode_of(b, name) >= 0;
}

static unsigned count_entries(const struct bed *b, const char *name)
{
        DIR *d = opendir(path_of(b, name));
        unsigned n = 0;

        ASSERT(d);
        for (struct dirent *e = readdir(d); e; e = readdir(d))
                n += e->d_name[0] != '.';
        closedir(d);
        return n;
}

static void read_text(const struct bed *b, const char *name, char *ret, size_t size)
{
        _cleanup_close_ int fd = open(path_of(b, name), O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

        ASSERT_OK(n);
        ret[n] = '\0';
}

static void make_file(const char *path)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        ASSERT_OK(fd);
        close(fd);
}

TEST(what_is_private_is_private)
{
        _bed_ b;
        char text[2048];
        mode_t old;

        bed_init(&b);
        old = umask(0);
        ASSERT_OK(janus_files_write(&b.params));
        umask(old);
        ASSERT_EQ(mode_of(&b, ""), 0700);
        ASSERT_EQ(mode_of(&b, "cfg"), 0700);
        ASSERT_EQ(mode_of(&b, "cfg/janus.jcfg"), 0600);
        read_text(&b, "cfg/janus.jcfg", text, sizeof(text));
        ASSERT(strstr(text, "token_auth = true\n"));
        ASSERT(strstr(text, "token_auth_secret = \"5ec7e7\"\n"));
        ASSERT(strstr(text, "/run/janus/plugins\"\n"));
        read_text(&b, "cfg/janus.transport.pfunix.jcfg", text, sizeof(text));
        ASSERT(strstr(text, "/run/janus/janus.sock\"\n"));
        ASSERT(strstr(text, "SOCK_SEQPACKET"));
        ASSERT(strstr(text, "admin_enabled = false"));
}

TEST(only_what_is_needed_is_loaded)
{
        _bed_ b;

        bed_init(&b);
        ASSERT_OK(janus_files_write(&b.params));
        ASSERT_EQ(count_entries(&b, "plugins"), 2);
        ASSERT(exists(&b, "plugins/libjanus_videoroom.so"));
        ASSERT(exists(&b, "plugins/libjanus_echotest.so"));
        ASSERT_EQ(count_entries(&b, "transports"), 1);
        ASSERT(exists(&b, "transports/libjanus_pfunix.so"));
        ASSERT_EQ(access(path_of(&b, "transports/libjanus_pfunix.so"), F_OK), 0); /* the link leads somewhere */
        ASSERT_EQ(count_entries(&b, "none"), 0);
        ASSERT(!exists(&b, "cfg/janus.transport.websockets.jcfg"));
}

TEST(a_websocket_only_when_asked)
{
        _bed_ b;
        char text[2048];

        bed_init(&b);
        b.params.listen_host = "192.0.2.7";
        b.params.listen_port = 8188;
        ASSERT_OK(janus_files_write(&b.params));
        ASSERT_EQ(count_entries(&b, "transports"), 2);
        ASSERT(exists(&b, "transports/libjanus_websockets.so"));
        read_text(&b, "cfg/janus.transport.websockets.jcfg", text, sizeof(text));
        ASSERT(strstr(text, "ws_port = 8188\n"));
        ASSERT(strstr(text, "ws_ip = \"192.0.2.7\"\n"));
        ASSERT(strstr(text, "admin_ws = false"));
        b.params.listen_host = NULL;
        ASSERT_OK(janus_files_write(&b.params)); /* and gone when it is not asked for any more */
        ASSERT_EQ(count_entries(&b, "transports"), 1);
        ASSERT(!exists(&b, "cfg/janus.transport.websockets.jcfg"));
}

TEST(nothing_foreign_is_left)
{
        _bed_ b;

        bed_init(&b);
        ASSERT_OK(janus_files_write(&b.params));
        make_file(path_of(&b, "plugins/libjanus_evil.so"));
        make_file(path_of(&b, "none/logger.so"));
        make_file(path_of(&b, "janus.sock"));
        b.params.secret = "0ther";
        ASSERT_OK(janus_files_write(&b.params));
        ASSERT_EQ(count_entries(&b, "plugins"), 2);
        ASSERT_EQ(count_entries(&b, "none"), 0);
        ASSERT(!exists(&b, "janus.sock"));
        janus_files_remove(b.folder);
        ASSERT(!exists(&b, ""));
        janus_files_remove(b.folder); /* legal again */
}

TEST(a_link_in_place_of_a_folder_is_not_followed)
{
        _bed_ b;
        char elsewhere[128], precious[160];

        bed_init(&b);
        snprintf(elsewhere, sizeof(elsewhere), "%s/lib", b.janus.folder);
        snprintf(precious, sizeof(precious), "%s/precious", elsewhere);
        make_file(precious);
        ASSERT_EQ(symlink(elsewhere, b.folder), 0);
        ASSERT_OK(janus_files_write(&b.params));
        ASSERT_EQ(mode_of(&b, ""), 0700);
        janus_files_remove(b.folder);
        ASSERT_EQ(mkdir(b.folder, 0700), 0);
        ASSERT_EQ(symlink(elsewhere, path_of(&b, "cfg")), 0);
        ASSERT_OK(janus_files_write(&b.params));
        ASSERT_EQ(mode_of(&b, "cfg"), 0700);
        ASSERT_EQ(access(precious, F_OK), 0);
}

TEST(a_folder_that_is_not_ours_stays_and_fails_the_start)
{
        _bed_ b;

        bed_init(&b);
        ASSERT_EQ(mkdir(b.folder, 0700), 0);
        ASSERT_EQ(mkdir(path_of(&b, "photos"), 0700), 0);
        ASSERT_EQ(janus_files_write(&b.params), -EEXIST);
        ASSERT(exists(&b, "photos"));
}

TEST(paths_that_the_configuration_cannot_hold_are_refused)
{
        static const char *const bad[] = { "/tmp/a\"b", "/tmp/a\\b", "/tmp/a\nb" };
        char longer[600];
        _bed_ b;

        bed_init(&b);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                b.params.folder = bad[i];
                ASSERT_EQ(janus_files_write(&b.params), -EINVAL);
                ASSERT_LT(access(bad[i], F_OK), 0);
        }
        memset(longer, '/', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        memcpy(longer, b.folder, strlen(b.folder));
        b.params.folder = longer; /* exists once made, but nothing fits into it */
        ASSERT_EQ(janus_files_write(&b.params), -ENAMETOOLONG);
        snprintf(longer, sizeof(longer), "%s/none/janus", b.janus.folder);
        ASSERT_EQ(janus_files_write(&b.params), -ENOENT);
}

TEST(the_executable_is_the_one_given_or_the_first_in_the_path)
{
        _cleanup_free_ char *given = NULL, *found = NULL;
        char *untouched = NULL, path[256], resolved[96];
        _bed_ b;

        bed_init(&b);
        ASSERT_EQ(janus_files_find(true, &given), 1);
        ASSERT_STR(given, b.executable);
        setenv("RTCROOMD_JANUS", "/dev/null/janus", 1);
        ASSERT_EQ(janus_files_find(true, &untouched), 0);
        setenv("RTCROOMD_JANUS", b.janus.folder, 1); /* a folder can be "executed", too */
        ASSERT_EQ(janus_files_find(true, &untouched), 0);
        unsetenv("RTCROOMD_JANUS");
        snprintf(path, sizeof(path), "/dev/null:%s/lib::%s/bin:/usr/bin", b.janus.folder, b.janus.folder);
        setenv("PATH", path, 1);
        snprintf(resolved, sizeof(resolved), "%s/bin/janus", b.janus.folder);
        ASSERT_EQ(janus_files_find(true, &found), 1); /* lib/janus is a folder */
        ASSERT_STR(found, resolved);
        setenv("PATH", "/dev/null", 1);
        ASSERT_EQ(janus_files_find(true, &untouched), 0);
        ASSERT(!untouched);
}

TEST(without_a_module_it_is_not_installed)
{
        _cleanup_free_ char *found = NULL, *again = NULL;
        char module[160];
        _bed_ b;

        bed_init(&b);
        snprintf(module, sizeof(module), "%s/lib/janus/transports/libjanus_websockets.so", b.janus.folder);
        ASSERT_EQ(unlink(module), 0);
        ASSERT_EQ(janus_files_find(true, &found), 0);
        ASSERT_EQ(janus_files_find(false, &found), 1); /* nobody asked for that one */
        b.params.listen_host = "0.0.0.0";
        ASSERT_EQ(janus_files_write(&b.params), -ENOENT);
        snprintf(module, sizeof(module), "%s/lib/janus/plugins/libjanus_echotest.so", b.janus.folder);
        ASSERT_EQ(unlink(module), 0);
        ASSERT_EQ(janus_files_find(false, &again), 0);
}

TEST_OOM(find_and_write)
{
        _cleanup_free_ char *found = NULL;
        struct bed b;
        int r;

        bed_init(&b);
        r = janus_files_find(true, &found);
        if (r > 0) {
                b.params.executable = found;
                r = janus_files_write(&b.params);
        }
        janus_files_remove(b.folder);
        bed_done(&b);
        return r;
}
