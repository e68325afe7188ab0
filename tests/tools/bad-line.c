/* bad-line - joins this network namespace and another one by a line that behaves as a trace says (lib/line.h).
 *
 *     bad-line NAMESPACE OURS THEIRS TRACE [SEED] [SIGNALLING]
 *
 * NAMESPACE is a path such as /proc/PID/ns/net. Two TUN devices named `line0`, `line1` … appear: here with
 * the address OURS, there with THEIRS (both /24). A packet that enters one leaves the other, both ways by a
 * line of its own; TRACE is a file. TCP suffers only the delay unless SIGNALLING is `all`. The name of the
 * device here is printed when packets flow. A line "up" or "down" (a pulled cable) or "trace FILE SEED"
 * (from now on it behaves like that) is read from standard input and answered; its end ends the program;
 * the counters are printed then. Needs CAP_NET_ADMIN in both namespaces; IPv4.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "lib/line.h"

enum { MTU = 1500, FLYING_MAX = 65536, PROTOCOL_AT = 9 /* of an IPv4 header */ };

struct packet {
        uint64_t due_us, number; /* equal times leave in the order they came in */
        int to;
        size_t len;
        unsigned char data[];
};

struct end {
        int fd;
        struct line *line; /* of what comes in here */
        unsigned long in, lost;
};

static struct packet *heap[FLYING_MAX]; /* owned; the first is due first */
static size_t n_flying;
static struct end ends[2];
static bool all_signalling, down;

static void fail(const char *what)
{
        (void)fprintf(stderr, "bad-line: %s: %s\n", what, strerror(errno));
        exit(1);
}

/* ---- packets on their way ---- */

static bool earlier(const struct packet *a, const struct packet *b)
{
        return a->due_us != b->due_us ? a->due_us < b->due_us : a->number < b->number;
}

static void swap(size_t a, size_t b)
{
        struct packet *p = heap[a];

        heap[a] = heap[b];
        heap[b] = p;
}

static void push(struct packet *p)
{
        size_t i = n_flying++;

        for (heap[i] = p; i > 0 && earlier(heap[i], heap[(i - 1) / 2]); i = (i - 1) / 2)
                swap(i, (i - 1) / 2);
}

static struct packet *pop(void)
{
        struct packet *first = heap[0];
        size_t i = 0;

        heap[0] = heap[--n_flying];
        for (size_t child; (child = 2 * i + 1) < n_flying; i = child) {
                child += child + 1 < n_flying && earlier(heap[child + 1], heap[child]);
                if (!earlier(heap[child], heap[i]))
                        break;
                swap(i, child);
        }
        return first;
}

static void fly(const unsigned char *data, size_t len, int to, uint64_t due_us)
{
        static uint64_t number;
        struct packet *p = n_flying < FLYING_MAX ? malloc(sizeof(*p) + len) : NULL;

        if (!p)
                return;
        *p = (struct packet){ .due_us = due_us, .number = number++, .to = to, .len = len };
        memcpy(p->data, data, len);
        push(p);
}

static void take(unsigned from)
{
        uint64_t due_us[LINE_COPIES_MAX], now_us = clock_monotonic_us();
        unsigned char data[MTU];
        struct end *e = &ends[from];
        bool impaired;
        ssize_t len;
        unsigned n;

        while ((len = read(e->fd, data, sizeof(data))) > 0) {
                e->in++;
                if (len <= PROTOCOL_AT || data[0] >> 4 != 4)
                        continue; /* a router solicitation or the like */
                impaired = all_signalling || data[PROTOCOL_AT] != IPPROTO_TCP;
                n = down ? 0 : line_pass(e->line, now_us, (size_t)len, impaired, due_us);
                e->lost += n == 0;
                for (unsigned i = 0; i < n; i++)
                        fly(data, (size_t)len, ends[!from].fd, due_us[i]);
        }
}

static void deliver(int timer)
{
        struct itimerspec at = { 0 };
        uint64_t now_us = clock_monotonic_us();

        while (n_flying > 0 && heap[0]->due_us <= now_us) {
                _cleanup_free_ struct packet *p = pop();

                if (!down)
                        (void)!write(p->to, p->data, p->len);
        }
        if (n_flying > 0)
                at.it_value = (struct timespec){ (time_t)(heap[0]->due_us / US_PER_SEC),
                                                 (long)(heap[0]->due_us % US_PER_SEC * 1000) };
        (void)timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* ---- beginning ---- */

static void set_address(struct ifreq r, const char *address)
{
        struct sockaddr_in *a = (struct sockaddr_in *)(void *)&r.ifr_addr;
        int fd = socket(AF_INET, SOCK_DGRAM, 0);

        a->sin_family = AF_INET;
        if (fd < 0 || inet_pton(AF_INET, address, &a->sin_addr) != 1 || ioctl(fd, SIOCSIFADDR, &r) < 0)
                fail(address);
        a->sin_addr.s_addr = htonl(0xffffff00);
        if (ioctl(fd, SIOCSIFNETMASK, &r) < 0)
                fail("netmask");
        r.ifr_flags = IFF_UP | IFF_RUNNING;
        if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
                fail("up");
        close(fd);
}

static int open_end(int namespace, const char *address, char ret_name[static IFNAMSIZ])
{
        struct ifreq r = { .ifr_name = "line%d", .ifr_flags = IFF_TUN | IFF_NO_PI };
        int fd;

        if (setns(namespace, CLONE_NEWNET) < 0)
                fail("setns");
        fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0)
                fail("/dev/net/tun");
        set_address(r, address);
        memcpy(ret_name, r.ifr_name, IFNAMSIZ);
        return fd;
}

static void read_trace(const char *path, char *text, size_t size)
{
        FILE *f = fopen(path, "re");
        size_t len = f ? fread(text, 1, size - 1, f) : 0;

        if (!f || len == 0)
                fail(path);
        text[len] = '\0';
        (void)fclose(f);
}

static struct line *make_line(const char *path, uint64_t seed)
{
        _cleanup_(line_freep) struct line *l = NULL;
        char text[8192];
        unsigned n = 0;

        read_trace(path, text, sizeof(text));
        if (line_new(text, seed, &l, &n) < 0) {
                (void)fprintf(stderr, "bad-line: %s:%u: not a trace\n", path, n);
                exit(1);
        }
        return take_ptr(l);
}

static void lay_lines(const char *path, uint64_t seed)
{
        for (unsigned i = 0; i < 2; i++) {
                line_free(ends[i].line);
                ends[i].line = make_line(path, seed + i);
        }
}

/* False at the end of the input. */
static bool obey(void)
{
        char text[4200], path[4096];
        ssize_t len = read(STDIN_FILENO, text, sizeof(text) - 1);
        uint64_t seed;

        if (len <= 0)
                return false;
        text[len] = '\0';
        if (sscanf(text, "trace %4095s %" SCNu64, path, &seed) == 2)
                lay_lines(path, seed);
        else
                down = strstr(text, "down") != NULL;
        (void)printf("%s\n", down ? "down" : "up");
        (void)fflush(stdout);
        return true;
}

int main(int argc, char *argv[])
{
        int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        int there = argc > 4 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
        int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        uint64_t seed = argc > 5 ? strtoull(argv[5], NULL, 10) : 1, expirations;
        char name[IFNAMSIZ];
        struct pollfd fds[4];

        if (here < 0 || there < 0 || timer < 0)
                fail("bad-line NAMESPACE OURS THEIRS TRACE [SEED] [all]");
        all_signalling = argc > 6 && strcmp(argv[6], "all") == 0;
        ends[1].fd = open_end(there, argv[3], name);
        ends[0].fd = open_end(here, argv[2], name); /* the last: here is where we stay */
        lay_lines(argv[4], seed);
        fds[0] = (struct pollfd){ ends[0].fd, POLLIN, 0 };
        fds[1] = (struct pollfd){ ends[1].fd, POLLIN, 0 };
        fds[2] = (struct pollfd){ timer, POLLIN, 0 };
        fds[3] = (struct pollfd){ STDIN_FILENO, POLLIN, 0 };
        (void)printf("%s\n", name);
        (void)fflush(stdout);
        for (;;) {
                if (poll(fds, 4, -1) < 0 && errno != EINTR)
                        fail("poll");
                (void)!read(timer, &expirations, sizeof(expirations));
                take(0);
                take(1);
                deliver(timer);
                if (fds[3].revents && !obey())
                        break;
        }
        (void)printf("there %lu lost %lu, back %lu lost %lu\n", ends[0].in, ends[0].lost, ends[1].in, ends[1].lost);
        while (n_flying > 0)
                free(pop());
        line_free(ends[0].line);
        line_free(ends[1].line);
        return 0;
}
