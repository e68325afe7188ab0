/* profile.c - see profile.h. */
#include "app/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/utf8.h"

LOG_TOPIC("app/profile");

static bool same(const char *a, const char *b)
{
        return strcmp(a ? a : "", b ? b : "") == 0;
}

static size_t length(const char *s)
{
        return s ? strlen(s) : 0;
}

/* Takes len of what is left of the room's bytes. */
static bool take_room(size_t len, size_t *left)
{
        if (len <= PROFILE_TEXT_MAX && len <= *left) {
                *left -= len;
                return true;
        }
        log_every_second(LOG_LEVEL_WARNING, "what the server says of somebody is left out: too much");
        return false;
}

static void count(struct profile *p, size_t before, size_t now, size_t *room_bytes)
{
        p->bytes = p->bytes - before + now;
        *room_bytes = *room_bytes - before + now;
}

/* ---- texts ---- */

static bool set_text(struct profile *p, char **slot, const char *text, size_t max, size_t *room_bytes)
{
        _cleanup_free_ char *copy = text ? strndup(text, max) : NULL;
        size_t before = length(*slot);

        if (text && !copy)
                return false;
        if (copy)
                utf8_trim(copy);
        if (same(copy, *slot))
                return false;
        free(*slot);
        *slot = take_ptr(copy);
        count(p, before, length(*slot), room_bytes);
        return true;
}

/* ---- attributes ---- */

static struct engine_attribute *free_attributes(struct engine_attribute *list, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                free((char *)list[i].key);
                free((char *)list[i].value);
        }
        free(list);
        return NULL;
}

static size_t attributes_bytes(const struct engine_attribute *list, size_t n)
{
        size_t bytes = 0;

        for (size_t i = 0; i < n; i++)
                bytes += length(list[i].key) + length(list[i].value);
        return bytes;
}

static int by_key(const void *a, const void *b)
{
        const struct engine_attribute *x = a, *y = b;

        return strcmp(x->key, y->key);
}

static bool copy_attribute(const struct engine_attribute *from, struct engine_attribute *to)
{
        char *key = strdup(from->key ? from->key : ""), *value = strdup(from->value ? from->value : "");

        *to = (struct engine_attribute){ key, value };
        if (!key || !value)
                return false;
        utf8_trim(key);
        utf8_trim(value);
        return true;
}

/* A dictionary has each key once: the later of two goes. Returns how many are left. */
static size_t drop_doubles(struct engine_attribute *list, size_t n)
{
        size_t kept = 0;

        for (size_t i = 0; i < n; i++) {
                if (kept > 0 && strcmp(list[kept - 1].key, list[i].key) == 0) {
                        free((char *)list[i].key);
                        free((char *)list[i].value);
                } else {
                        list[kept++] = list[i];
                }
        }
        return kept;
}

/* NULL for want of memory. */
static struct engine_attribute *copy_attributes(const struct engine_attribute *from, size_t n, size_t *ret_n)
{
        struct engine_attribute *list = calloc(n + 1, sizeof(*list));

        if (!list)
                return NULL;
        for (size_t i = 0; i < n; i++)
                if (!copy_attribute(&from[i], &list[i]))
                        return free_attributes(list, i + 1);
        qsort(list, n, sizeof(*list), by_key);
        *ret_n = drop_doubles(list, n);
        return list;
}

static bool equal(const struct profile *p, const struct engine_attribute *list, size_t n)
{
        if (n != p->n_attributes)
                return false;
        for (size_t i = 0; i < n; i++)
                if (strcmp(list[i].key, p->attributes[i].key) != 0 ||
                    strcmp(list[i].value, p->attributes[i].value) != 0)
                        return false;
        return true;
}

static bool set_attributes(struct profile *p, const struct engine_attribute *from, size_t n, size_t *room_bytes)
{
        struct engine_attribute *list = copy_attributes(from, n, &n);

        if (!list)
                return false;
        if (equal(p, list, n)) {
                free_attributes(list, n);
                return false;
        }
        count(p, attributes_bytes(p->attributes, p->n_attributes), attributes_bytes(list, n), room_bytes);
        free_attributes(p->attributes, p->n_attributes);
        p->attributes = list;
        p->n_attributes = n;
        return true;
}

uint32_t profile_set(struct profile *p, const struct engine_participant *from, size_t *room_bytes)
{
        size_t left = PROFILE_ROOM_MAX - (*room_bytes - p->bytes), n = from->n_attributes;
        const char *name = from->name, *metadata = from->metadata;
        uint32_t changed = 0;

        if (!take_room(name ? strnlen(name, PROFILE_NAME_MAX) : 0, &left))
                name = NULL;
        if (!take_room(length(metadata), &left))
                metadata = NULL;
        if (n > PROFILE_ATTRIBUTES_MAX || !take_room(attributes_bytes(from->attributes, n), &left))
                n = 0;
        if (set_text(p, &p->name, name, PROFILE_NAME_MAX, room_bytes))
                changed |= PROFILE_NAME;
        if (set_text(p, &p->metadata, metadata, PROFILE_TEXT_MAX, room_bytes))
                changed |= PROFILE_METADATA;
        if (set_attributes(p, from->attributes, n, room_bytes))
                changed |= PROFILE_ATTRIBUTES;
        return changed;
}

void profile_clear(struct profile *p, size_t *room_bytes)
{
        *room_bytes -= p->bytes;
        free(p->name);
        free(p->metadata);
        free_attributes(p->attributes, p->n_attributes);
        *p = (struct profile){ 0 };
}
