/* test-log-journal.c - the sink that is chosen and what a line looks like. stderr is a pipe of the test's meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "lib/test.h"
#include "log-journal.h"

LOG_TOPIC("test/journal");

/* Runs fn with stderr in a pipe; what it wrote is in text. */
static void capture(void (*fn)(void), char *text, size_t size)
{
        int fds[2], keep = dup(STDERR_FILENO);
        ssize_t n;

        ASSERT_OK(pipe2(fds, O_CLOEXEC | O_NONBLOCK));
        ASSERT_OK(dup2(fds[1], STDERR_FILENO));
        fn();
        ASSERT_OK(dup2(keep, STDERR_FILENO));
        n = read(fds[0], text, size - 1);
        text[n > 0 ? n : 0] = '\0';
        close(fds[0]);
        close(fds[1]);
        close(keep);
        log_set_sink(NULL);
}

static void log_two(void)
{
        LOG_SCOPE(LOG_FIELD_ROOM, "kitchen");

        log_journal_init();
        log_warning("line %d\nforged", 1);
}

TEST(a_pipe_gets_priorities)
{
        char text[512];

        unsetenv("JOURNAL_STREAM");
        capture(log_two, text, sizeof(text));
        ASSERT_STR(text, "<4>test/journal: line 1 forged ROOM=kitchen\n");
}

TEST(a_foreign_journal_stream_is_not_ours)
{
        char text[512];

        setenv("JOURNAL_STREAM", "1:2", 1);
        capture(log_two, text, sizeof(text));
        ASSERT_STR(text, "<4>test/journal: line 1 forged ROOM=kitchen\n");
}

static void log_to_journal(void)
{
        struct stat st;
        char stream[64];

        ASSERT_OK(fstat(STDERR_FILENO, &st));
        snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_journal_init();
        log_debug("below the level");
        log_info("in the journal or, without one, nowhere");
}

TEST(stderr_that_is_the_journal_gets_no_text)
{
        char text[512];

        capture(log_to_journal, text, sizeof(text));
        ASSERT_STR(text, "");
}

static int write_proc(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC), r;

        r = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -EPERM;
        close_fd(fd);
        return r;
}

/* Into namespaces in which we may mount; the ids stay what they are. */
static int own_mounts(void)
{
        char uid[32], gid[32];

        snprintf(uid, sizeof(uid), "%u %u 1", geteuid(), geteuid());
        snprintf(gid, sizeof(gid), "%u %u 1", getegid(), getegid());
        if (geteuid() == 0)
                return unshare(CLONE_NEWNS);
        if (unshare(CLONE_NEWNS | CLONE_NEWUSER) < 0 || write_proc("/proc/self/setgroups", "deny") < 0 ||
            write_proc("/proc/self/uid_map", uid) < 0)
                return -1;
        return write_proc("/proc/self/gid_map", gid);
}

/* A /run of our own with a journal's socket in it; negative where the machine does not let us. */
static int fake_journal(void)
{
        const struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };
        int fd;

        if (own_mounts() < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
                return -1;
        if (mkdir("/run/systemd", 0755) < 0 || mkdir("/run/systemd/journal", 0755) < 0)
                return -1;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ? -1 : fd;
}

/* The child of the test below: its status is the number of the first thing that is missing. */
static int send_and_look(void)
{
        static const char *const lines[] = { "MESSAGE=in the journal or, without one, nowhere\n",
                                             "PRIORITY=6\n",
                                             "TOPIC=test/journal\n",
                                             "SYSLOG_IDENTIFIER=rtcroomd\n",
                                             "CODE_LINE=",
                                             "\nROOM=kitchen\n",
                                             "\nENGINE=fake" };
        int fd = fake_journal();
        char entry[1024] = "\n", text[64];
        ssize_t n;

        if (fd < 0)
                return 77;
        {
                LOG_SCOPE(LOG_FIELD_ROOM, "kitchen");
                LOG_SCOPE(LOG_FIELD_ENGINE, "fake");

                capture(log_to_journal, text, sizeof(text));
        }
        n = recv(fd, entry + 1, sizeof(entry) - 2, 0);
        if (n <= 0 || text[0])
                return 1;
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                if (!memmem(entry, (size_t)n + 1, lines[i], strlen(lines[i])))
                        return 2 + (int)i;
        return 0;
}

TEST(the_journal_gets_fields)
{
        pid_t child = fork();
        int status;

        if (child == 0)
                _exit(send_and_look());
        ASSERT_EQ(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                printf("no /run of one's own here: nothing was tested\n");
        else
                ASSERT_EQ(status, 0);
}
