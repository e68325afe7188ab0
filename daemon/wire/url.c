/* url.c - see url.h.
 *
 * Strict on purpose: a server is typed once into a configuration, and what is refused here is told at once instead of
 * failing at the join. No user part (secrets do not belong into URLs), no fragment, lower-case schemes only.
 */
#include "wire/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static const struct scheme {
        const char *prefix, *engine;
        bool has_host, secure;
} schemes[] = {
        { "embedded:", "embedded", false, false },   { "fake:", "fake", false, false },
        { "janus+ws://", "janus", true, false },     { "janus+wss://", "janus", true, true },
        { "livekit+ws://", "livekit", true, false }, { "livekit+wss://", "livekit", true, true },
        { "ws://", "livekit", true, false },         { "wss://", "livekit", true, true },
};

static bool is_alnum(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Labels of letters, digits, '-' and '_' (seen in container networks), joined by single dots; also dotted IPv4. */
static bool is_host_name(const char *s)
{
        char before = '.';

        for (; *s; s++) {
                bool separator = *s == '.' || *s == '-';

                if (!is_alnum(*s) && !separator && *s != '_')
                        return false;
                if ((*s == '.' && (before == '.' || before == '-')) || (*s == '-' && before == '.'))
                        return false;
                before = *s;
        }
        return before != '.' && before != '-';
}

static bool is_ipv6(const char *s)
{
        struct in6_addr a;

        return inet_pton(AF_INET6, s, &a) == 1;
}

/* Copies what lies before `end`; false when it is empty or does not fit. */
static bool cut(const char *from, const char *end, char *ret, size_t size)
{
        size_t n = (size_t)(end - from);

        if (n == 0 || n >= size)
                return false;
        memcpy(ret, from, n);
        ret[n] = '\0';
        return true;
}

static bool parse_host(const char **at, struct url *u)
{
        const char *end;

        if (**at == '[') {
                end = strchr(*at, ']');
                if (!end || !cut(*at + 1, end, u->host, sizeof(u->host)) || !is_ipv6(u->host))
                        return false;
                *at = end + 1;
                return true;
        }
        end = *at + strcspn(*at, ":/");
        if (!cut(*at, end, u->host, sizeof(u->host)) || !is_host_name(u->host))
                return false;
        *at = end;
        return true;
}

/* Optional; 1–65535. */
static bool parse_port(const char **at, struct url *u)
{
        uint32_t port = 0;
        size_t n = 0;

        if (**at != ':')
                return true;
        for ((*at)++; **at >= '0' && **at <= '9' && n < 6; n++)
                port = port * 10 + (uint32_t)(*(*at)++ - '0');
        if (n == 0 || n > 5 || port == 0 || port > UINT16_MAX)
                return false;
        u->port = (uint16_t)port;
        return true;
}

/* pchar, '/' and '?' of RFC 3986; a '%' begins two hex digits. */
static bool is_path(const char *s)
{
        for (; *s; s++)
                if (*s == '%') {
                        if (!is_hex(s[1]) || !is_hex(s[2]))
                                return false;
                } else if (!is_alnum(*s) && !strchr("-._~!$&'()*+,;=:@/?", *s)) {
                        return false;
                }
        return true;
}

static bool parse_location(const char *at, struct url *u)
{
        if (!parse_host(&at, u) || !parse_port(&at, u))
                return false;
        if (*at == '\0')
                return true;
        return *at == '/' && is_path(at) && cut(at, at + strlen(at), u->path, sizeof(u->path));
}

int url_parse(const char *text, struct url *ret)
{
        for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
                const struct scheme *s = &schemes[i];
                size_t n = strlen(s->prefix);
                struct url u = { .secure = s->secure };

                if (strncmp(text, s->prefix, n) != 0)
                        continue;
                if (s->has_host ? !parse_location(text + n, &u) : text[n] != '\0')
                        return -EINVAL;
                snprintf(u.engine, sizeof(u.engine), "%s", s->engine);
                *ret = u;
                return 0;
        }
        return -EINVAL;
}

int url_to_ws(const struct url *u, char *buf, size_t size)
{
        bool brackets = strchr(u->host, ':') != NULL;
        char port[8] = "";
        int n;

        if (u->host[0] == '\0')
                return -EINVAL;
        if (u->port > 0)
                snprintf(port, sizeof(port), ":%u", u->port);
        n = snprintf(buf, size, "%s://%s%s%s%s%s", u->secure ? "wss" : "ws", brackets ? "[" : "", u->host,
                     brackets ? "]" : "", port, u->path);
        return n >= 0 && (size_t)n < size ? 0 : -EMSGSIZE;
}
