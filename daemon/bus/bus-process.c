/* bus-process.c - see bus-process.h.
 *
 * The order closes every race between the bus's answer and what is read of /proc:
 *
 *   1. the process is pinned: by the descriptor that the bus gave (ProcessFD, made when the program connected), else
 * by pidfd_open() on the number that it told
 *   2. its start time is noted
 *   3. /proc is read
 *   4. the pinned process is alive, so the number was its own all along; the start time is the same
 *   5. the bus is asked once more: the name is there, and of that number
 *
 * A number that changed hands before 1 shows in 5, because the connection of a process ends with it. What is left is a
 * program that hands its connection on to a child and ends before its first call, on a bus without ProcessFD: then the
 * number can be another program's. On buses with it that, too, is seen in 1.
 *
 * Doubt is "unknown", which counts as sandboxed. Where pidfds are forbidden (ENOSYS, EPERM) the start time, which has
 * a resolution of 10 ms, stands alone.
 */
#include "bus/bus-process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/log.h"

LOG_TOPIC("bus/bus-process");

bool bus_process_parse_start_time(const char *stat, uint64_t *ret)
{
        const char *at = strrchr(stat, ')');
        char *end;

        if (!at)
                return false;
        at++;
        for (int field = 3; field < 22; field++) { /* `at` is before the space that precedes the field */
                at += strspn(at, " ");
                at += strcspn(at, " \n");
        }
        at += strspn(at, " ");
        if (*at < '0' || *at > '9')
                return false;
        *ret = strtoull(at, &end, 10);
        return *end == ' ' || *end == '\n' || *end == '\0';
}

bool bus_process_parse_fdinfo(const char *fdinfo, pid_t *ret)
{
        const char *at = strncmp(fdinfo, "Pid:", 4) == 0 ? fdinfo : strstr(fdinfo, "\nPid:");
        long pid;

        if (!at)
                return false;
        pid = strtol(strchr(at, ':') + 1, NULL, 10);
        *ret = (pid_t)pid;
        return pid > 0 && pid <= INT32_MAX;
}

/* ---- the kernel's ---- */

static int read_proc(const char *path, char *buf, size_t size)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, buf, size - 1); /* of a few hundred bytes: the kernel hands them out whole */
        if (n < 0)
                return -errno;
        buf[n] = '\0';
        return 0;
}

static int sys_pin(pid_t pid, void *ctx)
{
        int fd = (int)syscall(SYS_pidfd_open, pid, 0);

        (void)ctx;
        return fd < 0 ? -errno : fd;
}

static bool sys_is_alive(int pidfd, void *ctx)
{
        struct pollfd p = { .fd = pidfd, .events = POLLIN };

        (void)ctx;
        return poll(&p, 1, 0) == 0;
}

static int sys_pid_of(int pidfd, pid_t *ret, void *ctx)
{
        char path[64], text[512];
        int r;

        (void)ctx;
        (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
        r = read_proc(path, text, sizeof(text));
        if (r < 0)
                return r;
        return bus_process_parse_fdinfo(text, ret) ? 0 : -ESRCH;
}

static int sys_start_time(pid_t pid, uint64_t *ret, void *ctx)
{
        char path[64], text[1024];
        int r;

        (void)ctx;
        (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        r = read_proc(path, text, sizeof(text));
        if (r < 0)
                return r;
        return bus_process_parse_start_time(text, ret) ? 0 : -EBADMSG;
}

static void sys_look(pid_t pid, const char *label, struct bus_identity *ret, void *ctx)
{
        (void)ctx;
        bus_identity_of_pid(pid, label, ret);
}

const struct bus_process_ops bus_process_system = {
        .pin = sys_pin,
        .is_alive = sys_is_alive,
        .pid_of = sys_pid_of,
        .start_time = sys_start_time,
        .look = sys_look,
};

/* ---- identification ---- */

/* A descriptor to be closed, or -1: pidfds are forbidden. Other errors: nobody has that number. */
static int pin(const struct bus_process *p, const struct bus_process_ops *ops, void *ctx)
{
        int fd = ops->pin(p->pid, ctx);

        return fd == -ENOSYS || fd == -EPERM ? -1 : fd < 0 ? -ESRCH : fd;
}

static bool is_given_process(const struct bus_process *p, const struct bus_process_ops *ops, void *ctx)
{
        pid_t pid;

        return p->pidfd < 0 || (ops->pid_of(p->pidfd, &pid, ctx) >= 0 && pid == p->pid);
}

static bool look_safely(const struct bus_process *p, int pidfd, const struct bus_process_ops *ops, void *ctx,
                        struct bus_identity *ret)
{
        uint64_t before, after;

        if (ops->start_time(p->pid, &before, ctx) < 0)
                return false;
        ops->look(p->pid, p->label, ret, ctx);
        if (pidfd >= 0 && !ops->is_alive(pidfd, ctx))
                return false;
        if (ops->start_time(p->pid, &after, ctx) < 0 || before != after)
                return false;
        ret->pid = p->pid;
        ret->start_time = before;
        return ops->confirm(p->pid, ctx);
}

void bus_process_identify(const struct bus_process *p, const struct bus_process_ops *ops, void *ctx,
                          struct bus_identity *ret)
{
        _cleanup_close_ int own = -1;
        int pidfd = p->pidfd;

        bus_identity_unknown(ret);
        if (p->pid <= 0)
                return;
        if (pidfd < 0) {
                pidfd = own = pin(p, ops, ctx);
                if (pidfd == -ESRCH)
                        return;
        }
        if (is_given_process(p, ops, ctx) && look_safely(p, pidfd, ops, ctx, ret))
                return;
        log_notice("process %d changed while it was looked at: taken as sandboxed", (int)p->pid);
        bus_identity_unknown(ret);
}
