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

/* One to five digits and nothing else. */
static bool parse_port(const char *text, uint16_t *ret)
{
        size_t n = strspn(text, "0123456789");
        unsigned long port;

        if (n == 0 || n > 5 || text[n])
                return false;
        port = strtoul(text, NULL, 10);
        if (port == 0 || port > UINT16_MAX)
                return false;
        *ret = (uint16_t)port;
        return true;
}

int listen_address_parse(const char *text, struct listen_address *ret)
{
        static const char any_v6[] = "[::]";
        struct listen_address a = { "", 0 };
        struct in_addr v4;
        const char *colon;
        size_t len;

        if (!text) {
                *ret = a;
                return 0;
        }
        colon = strrchr(text, ':');
        if (!colon || !parse_port(colon + 1, &a.port))
                return -EINVAL;
        len = (size_t)(colon - text);
        if (len == strlen(any_v6) && strncmp(text, any_v6, len) == 0) {
                strcpy(a.host, "::");
        } else {
                if (len >= sizeof(a.host))
                        return -EINVAL;
                memcpy(a.host, text, len);
                if (inet_pton(AF_INET, a.host, &v4) != 1)
                        return -EINVAL;
        }
        *ret = a;
        return 0;
}

int listen_address_check(const struct listen_address *a)
{
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(a->port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_addr = in6addr_any };
        bool is_v4 = inet_pton(AF_INET, a->host, &v4.sin_addr) == 1;
        _cleanup_close_ int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int on = 1, r;

        if (fd < 0)
                return -errno;
        /* old connections in TIME_WAIT do not count */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        r = is_v4 ? bind(fd, (struct sockaddr *)&v4, sizeof(v4)) : bind(fd, (struct sockaddr *)&v6, sizeof(v6));
        return r < 0 ? -errno : 0;
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
