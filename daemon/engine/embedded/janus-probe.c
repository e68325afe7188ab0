/* janus-probe.c - see janus-probe.h. A ping needs no token: Janus answers it before it looks for one. */
#include "engine/embedded/janus-probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"

static const char ping[] = "{\"janus\":\"ping\",\"transaction\":\"ready\"}";

void janus_probe_init(struct janus_probe *p)
{
        p->fd = -EBADF;
}

void janus_probe_done(struct janus_probe *p)
{
        p->fd = close_fd(p->fd);
}

static int ask(struct janus_probe *p, const char *socket_path)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        if (snprintf(a.sun_path, sizeof(a.sun_path), "%s", socket_path) >= (int)sizeof(a.sun_path))
                return -ENAMETOOLONG;
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || send(fd, ping, strlen(ping), MSG_NOSIGNAL) < 0)
                return -errno;
        p->fd = take_fd(&fd);
        return 0;
}

enum janus_probe_result janus_probe_step(struct janus_probe *p, const char *socket_path)
{
        char answer[512];
        ssize_t n;
        int r;

        if (p->fd < 0) {
                r = ask(p, socket_path);
                return r == -ECONNREFUSED || r == -EPIPE || r == -ECONNRESET ? JANUS_PROBE_REFUSED
                                                                             : JANUS_PROBE_WAITING;
        }
        n = recv(p->fd, answer, sizeof(answer), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return JANUS_PROBE_WAITING;
        janus_probe_done(p);
        return n > 0 ? JANUS_PROBE_SERVES : JANUS_PROBE_REFUSED;
}
