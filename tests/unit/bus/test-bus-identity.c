/* test-bus-identity.c - which application a process is, and that doubt means sandboxed. */
#include "bus/bus-identity.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lib/test.h"

struct id_case {
        const char *text, *id; /* NULL: none is found */
};

static void check(bool (*parse)(const char *text, char *ret_id), const struct id_case *cases, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                char id[BUS_APPLICATION_ID_MAX + 1] = "untouched";

                ASSERT_EQ(parse(cases[i].text, id), cases[i].id != NULL);
                ASSERT_STR(id, cases[i].id ? cases[i].id : "untouched");
        }
}

TEST(flatpak)
{
        static const struct id_case cases[] = {
                { "[Application]\nname=org.example.Voice\nruntime=x\n", "org.example.Voice" },
                { "[Instance]\nname=wrong\n\n[Application]\nruntime=x\nname=right", "right" },
                { "[Instance]\nname=wrong\n", NULL },
                { "[Application]\nname=\n", NULL },
                { "[Application]\n[Other]\nname=x\n", NULL },
                { "[ApplicationX]\nname=x\n", NULL },
                { "name=x\n", NULL },
                { "", NULL },
                { "\n\n\n", NULL },
                { "[Application]", NULL },
        };

        check(bus_identity_parse_flatpak, cases, ARRAY_SIZE(cases));
}

TEST(snap)
{
        static const struct id_case cases[] = {
                { "snap.firefox.firefox (enforce)", "snap.firefox" },
                { "0::/user.slice/user-1000.slice/snap.chat.chat-7a.scope\n", "snap.chat" },
                { "12:pids:/x\n1:name=systemd:/user.slice/snap.chat.chat.scope", "snap.chat" },
                { "unconfined", NULL },
                { "0::/user.slice/app-mysnap.chat.x.scope", NULL },
                { "snap.", NULL },
                { "snap..x", NULL },
                { "snap.x", NULL },
                { "", NULL },
        };

        check(bus_identity_parse_snap, cases, ARRAY_SIZE(cases));
}

TEST(unit)
{
        static const struct id_case cases[] = {
                { "0::/user.slice/app.slice/app-gnome-org.gnome.Terminal-4711.scope\n", "org.gnome.Terminal" },
                { "0::/a/app-org.gnome.Terminal-4711.scope", "org.gnome.Terminal" },
                { "0::/a/app-flatpak-org.mozilla.firefox-1.scope", "org.mozilla.firefox" },
                { "0::/a/app-gnome-my\\x2dapp-1.scope", "my-app" },
                { "0::/a/app-org.example.Panel.service", "org.example.Panel" },
                { "0::/a/app-gnome-org.example.Panel@autostart.service", "org.example.Panel" },
                { "3:cpu:/x\n0::/a/app-x.y-1.scope\n", "x.y" },
                { "0::/a/app-kde\\x2dplasma-org.kde.konsole-9f.scope", "org.kde.konsole" },
                { "0::/a/app-gnome-org.gnome.Foo\\x2dBar@4711.service", "org.gnome.Foo-Bar" },
                { "0::/a/app-org.example.Panel@.service", "org.example.Panel" },
                { "0::/a/app-a-b-c-1.scope", NULL }, /* an id with a dash that is not escaped */
                { "0::/a/app-a-b-c@1.service", NULL },
                { "0::/a/app-x-\\x2fusr\\x2fbin\\x2fallowed-1.scope", NULL }, /* an id is no path */
                { "0::/a/app-x-\\x3a1.42-1.scope", NULL },                    /* nor a bus name */
                { "0::/a/app-\\x41pp.x@1.service", "App.x" },
                { "0::/a/session-2.scope", NULL },
                { "0::/a/app-nothing.slice", NULL },
                { "0::/a/app-x.scope", NULL },
                { "0::/a/app-.service", NULL },
                { "0::/a/app-\\x00-1.scope", NULL }, /* no byte 0 is made of it, and a backslash is none of an id */
                { "0::/a/app-a\\x2-1.scope", NULL },
                { "1:cpu:/app-x.y-1.scope", NULL },
                { "0::", NULL },
                { "", NULL },
        };

        check(bus_identity_parse_unit, cases, ARRAY_SIZE(cases));
}

TEST(flatpak_scope)
{
        static const struct id_case cases[] = {
                { "0::/a/app.slice/app-flatpak-org.mozilla.firefox-4711.scope\n", "org.mozilla.firefox" },
                { "0::/a/app-gnome-org.mozilla.firefox-4711.scope\n", NULL },
                { "0::/a/app-flatpak-org.example.Chat-1.scope/app-x.y-2.scope", NULL },
                { "1:cpu:/app-flatpak-x.y-1.scope\n0::/a/session-2.scope", NULL },
                { "0::/a/app-flatpak-x.y", NULL },
                { "", NULL },
        };

        check(bus_identity_parse_flatpak_scope, cases, ARRAY_SIZE(cases));
}

TEST(too_long_an_id_is_none)
{
        char text[600] = "snap.", id[BUS_APPLICATION_ID_MAX + 1] = "untouched";

        memset(text + 5, 'x', 400);
        memcpy(text + 405, ".app", 5);
        ASSERT(!bus_identity_parse_snap(text, id));
        ASSERT_STR(id, "untouched");
}

TEST(doubt_means_sandboxed)
{
        struct bus_identity id;

        bus_identity_of_pid(0, NULL, &id); /* the bus did not tell */
        ASSERT(id.sandboxed);
        ASSERT_STR(id.exe_path, "");
        bus_identity_of_pid(0x7ffffffe, NULL, &id); /* no such process */
        ASSERT(id.sandboxed);
}

TEST(ourselves)
{
        struct bus_identity id;
        char exe[1024] = "";

        ASSERT_GT(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
        bus_identity_of_pid(getpid(), "unconfined", &id);
        ASSERT_STR(id.exe_path, exe);
        bus_identity_of_pid(getpid(), "snap.chat.chat (enforce)", &id);
        ASSERT(id.sandboxed);
        ASSERT_STR(id.application_id, "snap.chat");
        ASSERT_STR(id.exe_path, ""); /* a path in there says nothing out here */
}

/* Whatever it is called: what goes into messages and dialogs is plain text. */
TEST(a_file_name_that_is_no_text)
{
        char folder[] = "/tmp/test-identity.XXXXXX", path[64], command[96];
        struct bus_identity id;
        int status, fds[2];
        pid_t child;

        ASSERT(mkdtemp(folder));
        snprintf(command, sizeof(command), "cp /bin/sleep %s/s", folder);
        ASSERT_EQ(system(command), 0);
        snprintf(command, sizeof(command), "%s/s", folder);
        snprintf(path, sizeof(path), "%s/s\xff", folder);
        ASSERT_OK(rename(command, path));
        ASSERT_OK(pipe2(fds, O_CLOEXEC)); /* its end tells that the program has been started */
        child = fork();
        if (child == 0)
                _exit(execl(path, "sleep", "60", NULL));
        close(fds[1]);
        ASSERT_EQ(read(fds[0], &status, 1), 0);
        close(fds[0]);
        bus_identity_of_pid(child, "unconfined", &id);
        ASSERT_STR(id.exe_path, "");
        ASSERT_OK(kill(child, SIGKILL));
        ASSERT_EQ(waitpid(child, NULL, 0), child);
        ASSERT_OK(unlink(path));
        ASSERT_OK(rmdir(folder));
}

TEST(which_mount_is_the_root)
{
        static const char table[] = "21 27 0:20 / /proc rw - proc proc rw\n"
                                    "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
                                    "30 27 0:30 /sub /mnt rw - tmpfs tmpfs rw\n";
        char root[64];

        ASSERT(bus_identity_parse_root(table, root, sizeof(root)));
        ASSERT_STR(root, "254:0 /");
        ASSERT(bus_identity_parse_root("1 1 8:1 /@root / rw\n2 1 8:2 /over / rw", root, sizeof(root)));
        ASSERT_STR(root, "8:2 /over");
        ASSERT(!bus_identity_parse_root("1 1 8:1 / /home rw\n\nrubbish /", root, sizeof(root)));
        ASSERT(!bus_identity_parse_root(table, root, 4));
}

/* From inside a user namespace, as under the unit's hardening, the kernel hides root and exe of who is outside. */
static int look_from_a_user_namespace(pid_t outside, const char *path)
{
        struct bus_identity id;
        char link[64], exe[1024];

        if (unshare(CLONE_NEWUSER) < 0)
                return 77;
        snprintf(link, sizeof(link), "/proc/%d/exe", (int)outside);
        if (readlink(link, exe, sizeof(exe)) >= 0)
                return 1;
        bus_identity_of_pid(outside, "unconfined", &id);
        return id.sandboxed ? 2 : strcmp(id.exe_path, path) != 0 ? 3 : id.claims_path ? 0 : 4;
}

/* Starts `file` as `name` and lets a child in a user namespace say whether it takes it for `path`. */
static int taken_for(const char *file, const char *name, const char *path)
{
        pid_t outside, inside;
        int status, fds[2];

        ASSERT_OK(pipe2(fds, O_CLOEXEC)); /* its end tells that the program has been started */
        outside = fork();
        if (outside == 0)
                _exit(execlp(file, name, "60", NULL));
        close(fds[1]);
        ASSERT_EQ(read(fds[0], &status, 1), 0);
        inside = fork();
        if (inside == 0)
                _exit(look_from_a_user_namespace(outside, path));
        ASSERT_EQ(waitpid(inside, &status, 0), inside);
        ASSERT_OK(kill(outside, SIGKILL));
        ASSERT_EQ(waitpid(outside, NULL, 0), outside);
        close(fds[0]);
        if (WEXITSTATUS(status) == 77)
                printf("no user namespaces here: nothing was tested\n");
        return WEXITSTATUS(status) == 77 ? 0 : status;
}

TEST(from_a_user_namespace)
{
        char exe[PATH_MAX];

        ASSERT(realpath("/bin/sleep", exe));
        ASSERT_EQ(taken_for("sleep", "sleep", exe), 0);
        ASSERT_EQ(taken_for("sleep", "/bin/sleep", exe), 0);
        ASSERT_EQ(taken_for("sleep", "./sleep", ""), 0);  /* relative to what is not known */
        ASSERT_EQ(taken_for("sleep", "/bin/cat", ""), 0); /* says it is another program */
        ASSERT_EQ(taken_for("sleep", "", ""), 0);
}
