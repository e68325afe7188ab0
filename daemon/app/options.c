/* options.c - see options.h. A list, searched linearly: it holds 64 entries at most. */
#include "app/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *option_type_to_string(enum option_type t)
{
        static const char *const names[] = { "string", "number", "boolean", "object", "array" };

        return names[t];
}

int options_new(struct options **ret)
{
        struct options *o = calloc(1, sizeof(*o));

        if (!o)
                return -ENOMEM;
        *ret = o;
        return 0;
}

static void option_done(struct option *item)
{
        free(item->key);
        if (item->string) /* may be a token or a key */
                explicit_bzero(item->string, strlen(item->string));
        free(item->string);
        for (size_t i = 0; item->array.strings && i < item->array.n; i++)
                free(item->array.strings[i]);
        free(item->array.strings);
        free(item->array.bytes);
        options_free(item->object);
}

/* Recursion is bounded by the depth that the reader allows. */
struct options *options_free(struct options *o)
{
        if (!o)
                return NULL;
        for (size_t i = 0; i < o->n; i++)
                option_done(&o->items[i]);
        free(o->items);
        free(o);
        return NULL;
}

static struct option *find(const struct options *o, const char *key)
{
        for (size_t i = 0; i < o->n; i++)
                if (strcmp(o->items[i].key, key) == 0)
                        return &o->items[i];
        return NULL;
}

/* Takes what `item` owns, also on failure. */
static int add(struct options *o, const char *key, struct option item)
{
        struct option *old = find(o, key), *items;
        char *copy;

        if (old) {
                item.key = take_ptr(old->key);
                option_done(old);
                *old = item;
                return 0;
        }
        copy = strdup(key);
        items = copy ? realloc(o->items, (o->n + 1) * sizeof(*items)) : NULL;
        if (!items) {
                free(copy);
                option_done(&item);
                return -ENOMEM;
        }
        item.key = copy;
        o->items = items;
        o->items[o->n++] = item;
        return 0;
}

int options_add_string(struct options *o, const char *key, const char *value)
{
        char *copy = strdup(value);

        return copy ? add(o, key, (struct option){ .type = OPTION_STRING, .string = copy }) : -ENOMEM;
}

int options_add_number(struct options *o, const char *key, double value)
{
        return add(o, key, (struct option){ .type = OPTION_NUMBER, .number = value });
}

int options_add_boolean(struct options *o, const char *key, bool value)
{
        return add(o, key, (struct option){ .type = OPTION_BOOLEAN, .boolean = value });
}

int options_add_object(struct options *o, const char *key, struct options *value)
{
        return add(o, key, (struct option){ .type = OPTION_OBJECT, .object = value });
}

int options_add_array(struct options *o, const char *key)
{
        return add(o, key, (struct option){ .type = OPTION_ARRAY });
}

int options_add_bytes(struct options *o, const char *key, const void *bytes, size_t n)
{
        struct option_array a = { .is_bytes = true, .n = n };

        if (n > 0) {
                a.bytes = malloc(n);
                if (!a.bytes)
                        return -ENOMEM;
                memcpy(a.bytes, bytes, n);
        }
        return add(o, key, (struct option){ .type = OPTION_ARRAY, .array = a });
}

int options_add_strings(struct options *o, const char *key, const char *const *strings, size_t n)
{
        struct option item = { .type = OPTION_ARRAY, .array = { .is_strings = true } };

        item.array.strings = calloc(n > 0 ? n : 1, sizeof(char *));
        if (!item.array.strings)
                return -ENOMEM;
        for (; item.array.n < n; item.array.n++) {
                char *copy = strdup(strings[item.array.n]);

                if (!copy) {
                        option_done(&item);
                        return -ENOMEM;
                }
                item.array.strings[item.array.n] = copy;
        }
        return add(o, key, item);
}

const struct option *options_get(const struct options *o, const char *key)
{
        return find(o, key);
}
