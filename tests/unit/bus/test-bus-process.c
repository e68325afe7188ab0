/* test-bus-process.c - whose identity it is when the process changes under our eyes: told by fakes, step by step. */
#include "bus/bus-process.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lib/test.h"

struct world {
        int pin;        /* what pidfd_open() returns; 0: a descriptor */
        bool dies;      /* while /proc is read */
        bool reused;    /* the number is another process's by the time /proc has been read */
        bool leaves;    /* the bus does not know the name any more */
        pid_t fd_is_of; /* whom the bus's descriptor names; 0: nobody any more */
        bool no_stat;   /* there is no such process */
        unsigned looks, pins;
};

static int pin(pid_t pid, void *ctx)
{
        struct world *w = ctx;

        (void)pid;
        w->pins++;
        return w->pin ? w->pin : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool is_alive(int pidfd, void *ctx)
{
        struct world *w = ctx;

        ASSERT_GE(pidfd, 0);
        return !(w->dies && w->looks > 0);
}

static int pid_of(int pidfd, pid_t *ret, void *ctx)
{
        struct world *w = ctx;

        ASSERT_EQ(pidfd, 1000);
        *ret = w->fd_is_of;
        return w->fd_is_of ? 0 : -ESRCH;
}

static int start_time(pid_t pid, uint64_t *ret, void *ctx)
{
        struct world *w = ctx;

        (void)pid;
        *ret = w->reused && w->looks > 0 ? 200 : 100;
        return w->no_stat ? -ENOENT : 0;
}

static void look(pid_t pid, const char *label, struct bus_identity *ret, void *ctx)
{
        struct world *w = ctx;

        ASSERT_EQ(pid, 42);
        ASSERT_STR(label, "label");
        w->looks++;
        *ret = (struct bus_identity){ .application_id = "org.example.App", .exe_path = "/usr/bin/app" };
}

static bool confirm(pid_t pid, void *ctx)
{
        return pid == 42 && !((struct world *)ctx)->leaves;
}

static const struct bus_process_ops ops = { 0, pin, is_alive, pid_of, start_time, look, confirm };

static struct bus_identity identify(struct world *w, pid_t pid, int pidfd)
{
        struct bus_identity id;

        bus_process_identify(&(struct bus_process){ .pid = pid, .pidfd = pidfd, .label = "label" }, &ops, w, &id);
        return id;
}

static bool is_unknown(struct world w, int pidfd)
{
        struct bus_identity id = identify(&w, 42, pidfd);

        return id.sandboxed && !*id.application_id && !*id.exe_path && id.pid == 0;
}

TEST(a_process_that_stays)
{
        struct world w = { 0 };
        struct bus_identity id = identify(&w, 42, -1);

        ASSERT(!id.sandboxed);
        ASSERT_STR(id.application_id, "org.example.App");
        ASSERT_EQ(id.pid, 42);
        ASSERT_EQ(id.start_time, 100);
        ASSERT_EQ(w.pins, 1);
}

TEST(every_race_is_unknown)
{
        ASSERT(is_unknown((struct world){ .pin = -ESRCH }, -1));
        ASSERT(is_unknown((struct world){ .pin = -EMFILE }, -1));
        ASSERT(is_unknown((struct world){ .no_stat = true }, -1));
        ASSERT(is_unknown((struct world){ .dies = true }, -1));
        ASSERT(is_unknown((struct world){ .reused = true }, -1));
        ASSERT(is_unknown((struct world){ .leaves = true }, -1));
        ASSERT(!is_unknown((struct world){ 0 }, -1));
}

TEST(no_pid_no_look)
{
        struct world w = { 0 };

        ASSERT(identify(&w, 0, -1).sandboxed);
        ASSERT_EQ(w.looks + w.pins, 0);
}

/* A bus that hands out descriptors: ours is not asked for, and theirs has to name the same process. */
TEST(the_descriptor_of_the_bus)
{
        struct world w = { .fd_is_of = 42 };

        ASSERT(!identify(&w, 42, 1000).sandboxed);
        ASSERT_EQ(w.pins, 0);
        ASSERT(is_unknown((struct world){ .fd_is_of = 43 }, 1000));
        ASSERT(is_unknown((struct world){ .fd_is_of = 0 }, 1000));
        ASSERT(is_unknown((struct world){ .fd_is_of = 42, .dies = true }, 1000));
}

/* Where the system call is forbidden the start time has to do. */
TEST(without_pidfds)
{
        ASSERT(!is_unknown((struct world){ .pin = -ENOSYS }, -1));
        ASSERT(!is_unknown((struct world){ .pin = -EPERM }, -1));
        ASSERT(is_unknown((struct world){ .pin = -ENOSYS, .reused = true }, -1));
}

TEST(start_time)
{
        static const struct {
                const char *stat;
                uint64_t time; /* 0: none */
        } cases[] = {
                { "7 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20\n", 4711 },
                { "7 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99", 99 },
                { "7 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x\n", 0 },
                { "7 (sh) S 1 2 3\n", 0 },
                { "7 sh", 0 },
                { "", 0 },
                { ")", 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint64_t time = 0;

                ASSERT_EQ(bus_process_parse_start_time(cases[i].stat, &time), cases[i].time != 0);
                ASSERT_EQ(time, cases[i].time);
        }
}

TEST(fdinfo)
{
        pid_t pid = 0;

        ASSERT(bus_process_parse_fdinfo("pos:\t0\nflags:\t02000002\nPid:\t4711\nNSpid:\t4711\n", &pid));
        ASSERT_EQ(pid, 4711);
        ASSERT(bus_process_parse_fdinfo("Pid: 1", &pid));
        ASSERT(!bus_process_parse_fdinfo("pos:\t0\nPid:\t-1\n", &pid));
        ASSERT(!bus_process_parse_fdinfo("NSpid:\t4\n", &pid));
        ASSERT(!bus_process_parse_fdinfo("", &pid));
}

static bool yes(pid_t pid, void *ctx)
{
        (void)pid, (void)ctx;
        return true;
}

TEST(of_the_real_kernel)
{
        struct bus_process_ops real = bus_process_system;
        struct bus_identity id;
        struct bus_process p = { .pid = getpid(), .pidfd = -1 };
        pid_t child;

        real.confirm = yes;
        bus_process_identify(&p, &real, NULL, &id);
        ASSERT_EQ(id.pid, getpid());
        ASSERT_GT(id.start_time, 0);
        ASSERT(strstr(id.exe_path, "test-bus-process"));
        child = fork();
        if (child == 0)
                _exit(0);
        ASSERT_EQ(waitid(P_PID, (id_t)child, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
        p.pid = child; /* a zombie still has its number and start time, but is not alive */
        bus_process_identify(&p, &real, NULL, &id);
        ASSERT(id.sandboxed && id.pid == 0);
        ASSERT_EQ(waitpid(child, NULL, 0), child);
        bus_process_identify(&p, &real, NULL, &id);
        ASSERT(id.sandboxed && id.pid == 0);
}
