/* guests.c - see guests.h. */
#include "engine/embedded/guests.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

int listen_address_parse(const char *text, struct listen_address *ret)
{
        struct listen_address a = { "", 0 };
        const char *colon;
        unsigned long port;
        size_t len;
        char *end;

        if (!text) {
                *ret = a;
                return 0;
        }
        colon = strrchr(text, ':');
        if (!colon)
                return -EINVAL;
        port = strtoul(colon + 1, &end, 10);
        len = (size_t)(colon - text);
        if (*end || port == 0 || port > UINT16_MAX)
                return -EINVAL;
        if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
                text++;
                len -= 2;
        }
        if (len >= sizeof(a.host))
                return -EINVAL;
        memcpy(a.host, text, len);
        a.port = (uint16_t)port;
        *ret = a;
        return 0;
}

bool listen_address_is_free(const struct listen_address *a)
{
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(a->port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port) };
        bool is_v4 = inet_pton(AF_INET, a->host, &v4.sin_addr) == 1;
        _cleanup_close_ int fd = -1;
        int on = 1;

        if (!is_v4 && inet_pton(AF_INET6, a->host, &v6.sin6_addr) != 1)
                return true; /* a name: Janus resolves it */
        fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return true;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
                         sizeof(on)); /* old connections in TIME_WAIT do not count */
        return (is_v4 ? bind(fd, (struct sockaddr *)&v4, sizeof(v4)) : bind(fd, (struct sockaddr *)&v6, sizeof(v6))) ==
               0;
}

/* Lines read "N: LOCAL:PORT REMOTE:PORT STATE …" in hex; state 01 is ESTABLISHED. */
static bool table_has(const char *path, uint16_t port)
{
        unsigned local, state;
        char line[512];
        bool found = false;
        FILE *f = fopen(path, "re");

        if (!f)
                return false;
        while (!found && fgets(line, sizeof(line), f))
                found = sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) == 2 &&
                        local == port && state == 1;
        fclose(f);
        return found;
}

bool guests_are_connected(uint16_t port)
{
        return table_has("/proc/self/net/tcp", port) || table_has("/proc/self/net/tcp6", port);
}
