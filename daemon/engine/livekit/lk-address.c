/* lk-address.c - see lk-address.h. Percent-encoding is RFC 3986 section 2.1. */
#include "engine/livekit/lk-address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

LOG_TOPIC("engine/lk-address");

/* Runs of slashes become one and the last goes: what is appended begins with one. The query stays as it is. */
static void tidy_path(char *path)
{
        size_t end = strcspn(path, "?"), n = 0;

        for (size_t i = 0; i < end; i++)
                if (path[i] != '/' || n == 0 || path[n - 1] != '/')
                        path[n++] = path[i];
        while (n > 0 && path[n - 1] == '/')
                n--;
        memmove(path + n, path + end, strlen(path + end) + 1);
}

void lk_address_init(struct lk_address *a, const struct url *home)
{
        *a = (struct lk_address){ .home = *home };
        tidy_path(a->home.path);
}

/* Also the form in which a cloud writes it: https for wss. */
static int parse_place(const char *text, struct url *ret)
{
        char url[1024];
        int n;

        if (strncmp(text, "http", 4) != 0)
                return url_parse(text, ret);
        n = snprintf(url, sizeof(url), "ws%s", text + 4);
        return n >= 0 && (size_t)n < sizeof(url) ? url_parse(url, ret) : -EINVAL;
}

static void add_place(struct lk_address *a, const char *text)
{
        struct url u;

        if (a->n_places == LK_PLACES_MAX)
                return;
        if (parse_place(text, &u) < 0 || strcmp(u.engine, "livekit") != 0 || (a->home.secure && !u.secure)) {
                log_every_second(LOG_LEVEL_WARNING, "the server names a place that is not gone to");
                return;
        }
        tidy_path(u.path);
        a->places[a->n_places++] = u;
}

void lk_address_alternative(struct lk_address *a, const char *url)
{
        if (!url || !*url)
                return;
        a->n_places = a->at = 0;
        add_place(a, url);
}

void lk_address_regions(struct lk_address *a, const Livekit__RegionSettings *regions)
{
        if (!regions || regions->n_regions == 0)
                return;
        a->n_places = a->at = 0;
        for (size_t i = 0; i < regions->n_regions; i++)
                if (regions->regions[i]->url && regions->regions[i]->url[0])
                        add_place(a, regions->regions[i]->url);
}

void lk_address_failed(struct lk_address *a)
{
        a->at = a->at == a->n_places ? 0 : a->at + 1;
}

int lk_address_url(const struct lk_address *a, const char *path, char **ret)
{
        struct url u = a->at < a->n_places ? a->places[a->at] : a->home;
        char base[sizeof(u.host) + sizeof(u.path) + 32];
        char *query = strchr(u.path, '?'), *text;
        int r;

        if (query)
                *query++ = '\0';
        r = url_to_ws(&u, base, sizeof(base));
        if (r < 0)
                return r;
        if (asprintf(&text, "%s%s%s%s", base, path, query && *query ? strchr(path, '?') ? "&" : "?" : "",
                     query ? query : "") < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}

/* Letters, digits, '-', '.' and '_' of at most `size` bytes: a sid or a version. Others are left out. */
static void plain(const char *text, char *buf, size_t size)
{
        size_t n = 0;

        for (; *text && n + 1 < size; text++)
                if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                    (*text >= '0' && *text <= '9') || strchr("-._", *text))
                        buf[n++] = *text;
        buf[n] = '\0';
}

int lk_address_old_path(const struct lk_old_query *q, char **ret)
{
        char sid[64] = "", version[32], resume[160] = "", *text;

        plain(q->version, version, sizeof(version));
        if (q->resume_sid) {
                plain(q->resume_sid, sid, sizeof(sid));
                (void)snprintf(resume, sizeof(resume), "&reconnect=1&sid=%s&reconnect_reason=%d", sid,
                               q->reconnect_reason);
        }
        if (asprintf(&text, "/rtc?protocol=%d&version=%s&os=linux&auto_subscribe=%d%s", q->protocol, version,
                     q->auto_subscribe, resume) < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}
