/* lk-address.c - see lk-address.h. Percent-encoding is RFC 3986 section 2.1. */
#include "engine/livekit/lk-address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
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

static bool ends_with(const char *text, const char *end)
{
        size_t len = strlen(text), n = strlen(end);

        return len > n && strcasecmp(text + len - n, end) == 0;
}

static bool is_in_cloud(const struct url *u)
{
        return u->secure && (ends_with(u->host, ".livekit.cloud") || ends_with(u->host, ".livekit.run"));
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
        if (parse_place(text, &u) < 0 || strcmp(u.engine, "livekit") != 0 || (a->home.secure && !u.secure) ||
            (is_in_cloud(&a->home) && !is_in_cloud(&u))) {
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
        a->good_until_us = 0; /* it is no list */
        add_place(a, url);
}

static void begin_list(struct lk_address *a, uint64_t good_until_us)
{
        a->n_places = a->at = 0;
        a->good_until_us = good_until_us;
}

void lk_address_regions(struct lk_address *a, const Livekit__RegionSettings *regions, uint64_t now_us)
{
        if (!regions || regions->n_regions == 0)
                return;
        begin_list(a, now_us + LK_REGIONS_S * US_PER_SEC);
        for (size_t i = 0; i < regions->n_regions; i++)
                if (regions->regions[i]->url && regions->regions[i]->url[0])
                        add_place(a, regions->regions[i]->url);
}

void lk_address_answered(struct lk_address *a, const struct livekit_regions *regions, uint32_t max_age_s,
                         uint64_t now_us)
{
        if (regions->n == 0)
                return;
        begin_list(a, now_us + (max_age_s > 0 ? max_age_s : LK_REGIONS_S) * US_PER_SEC);
        a->tried = 1; /* what failed just now; all of these are to come */
        for (size_t i = 0; i < regions->n; i++)
                add_place(a, regions->list[i].url);
}

void lk_address_restart(struct lk_address *a, uint64_t now_us)
{
        if (now_us >= a->good_until_us)
                a->n_places = 0;
        a->at = a->n_places;
        lk_address_settled(a);
}

void lk_address_failed(struct lk_address *a)
{
        a->at = a->at == a->n_places ? 0 : a->at + 1;
        a->tried++;
}

void lk_address_settled(struct lk_address *a)
{
        a->tried = 0;
        a->asked = false;
}

enum lk_next lk_address_next(struct lk_address *a, uint64_t now_us)
{
        if (!is_in_cloud(&a->home))
                return LK_NEXT_NONE;
        if (!a->asked && now_us >= a->good_until_us) {
                a->asked = true;
                return LK_NEXT_ASK;
        }
        return a->tried <= a->n_places ? LK_NEXT_TRY : LK_NEXT_NONE;
}

int lk_address_ask_url(const struct lk_address *a, char **ret)
{
        struct url u = a->home;
        char base[sizeof(u.host) + 32];
        int r;

        u.path[0] = '\0'; /* prefixes are of self-hosted servers */
        r = url_to_ws(&u, base, sizeof(base));
        if (r < 0)
                return r;
        return asprintf(ret, "https%s/settings/regions", strchr(base, ':')) < 0 ? -ENOMEM : 0;
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
