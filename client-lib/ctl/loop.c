/* loop.c - waiting: the bus, and SIGINT or SIGTERM through a signalfd. See ctl.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ctl/ctl.h"

static int signal_fd(void)
{
        static int fd = -1; /* one for the life of the program */
        sigset_t set;

        if (fd >= 0)
                return fd;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd;
}

static int timeout_ms(struct rtcroom *r, uint64_t end_us)
{
        uint64_t now_us = ctl_now_us(), due_us = UINT64_MAX;

        (void)rtcroom_get_timeout(r, &due_us);
        if (end_us < due_us)
                due_us = end_us;
        if (due_us == UINT64_MAX)
                return -1;
        if (due_us <= now_us)
                return 0;
        return (int)((due_us - now_us + 999) / 1000 > 60000 ? 60000 : (due_us - now_us + 999) / 1000);
}

static int run(struct rtcroom *r, const bool *done, bool keys, uint64_t timeout_us)
{
        uint64_t start_us = ctl_now_us();
        uint64_t end_us = timeout_us == UINT64_MAX ? UINT64_MAX : start_us + timeout_us;
        struct signalfd_siginfo info;
        int k;

        for (;;) {
                struct pollfd p[] = { { .fd = rtcroom_get_fd(r) },
                                      { .fd = signal_fd(), .events = POLLIN },
                                      { .fd = keys ? STDIN_FILENO : -1, .events = POLLIN } };

                do
                        k = rtcroom_dispatch(r);
                while (k > 0 && !(done && *done));
                if (k < 0 || (done && *done))
                        return k < 0 ? k : 0;
                if (ctl_now_us() >= end_us)
                        return 0;
                p[0].events = (short)rtcroom_get_events(r);
                if (poll(p, 3, timeout_ms(r, end_us)) < 0 && errno != EINTR)
                        return -errno;
                if (p[1].revents & POLLIN && read(p[1].fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
                        return 1;
                if (p[2].revents)
                        return 2;
        }
}

int loop_until(struct rtcroom *r, const bool *done, uint64_t timeout_us)
{
        return run(r, done, false, timeout_us);
}

int loop_until_input(struct rtcroom *r, const bool *done, uint64_t timeout_us)
{
        return run(r, done, true, timeout_us);
}

int loop_until_key(struct rtcroom *r, uint64_t timeout_us)
{
        return run(r, NULL, true, timeout_us);
}

int open_room(const struct ctl *o, struct rtcroom **ret_r, struct rtcroom_context **ret_c)
{
        struct rtcroom *r;
        int k = rtcroom_open(&r);

        if (k < 0)
                return fail(o, EXIT_NO_DAEMON, "there is no session bus");
        k = rtcroom_attach_context(r, o->context, ret_c);
        if (k < 0) {
                k = fail_errno(o, r, k);
                rtcroom_close(r);
                return k;
        }
        *ret_r = r;
        return 0;
}

int on_context(struct ctl *o, int (*fn)(struct ctl *o, struct rtcroom_context *c, char **argv), char **argv)
{
        struct rtcroom_context *c;
        struct rtcroom *r;
        int k = open_room(o, &r, &c);

        if (k != 0)
                return k;
        k = fn(o, c, argv);
        if (k < 0)
                k = fail_errno(o, r, k);
        rtcroom_close(r);
        return k;
}
