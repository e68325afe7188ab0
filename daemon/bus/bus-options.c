/* bus-options.c - a{sv} → struct options.
 *
 * Every value becomes the JSON type that the parameter texts speak of:
 *   string   s o g             number  y n q i u x t d      boolean  b
 *   object   any dictionary    array   arrays and structs   a variant counts as what it holds
 * A file descriptor is told as an object: nothing a caller may name a number or a string.
 *
 * Everything is walked, known or not, because everything counts against the bounds: entries of all dictionaries
 * together, bytes of keys and values as they are on the wire (without padding), levels of containers. The outer a{sv}
 * is level 1; each array, dictionary and struct below adds one, and so does a variant directly inside a variant (the
 * one that any value of an a{sv} is wrapped in adds none). Walking stops at the first bound exceeded, so that a
 * message of 128 MiB costs no more than one of 64 KiB, and the recursion is never deeper than OPTIONS_MAX_DEPTH.
 *
 * Entries of a dictionary whose keys are no strings are counted and dropped. Errors: negative errno of sd-bus,
 * -ENOMEM; exceeding a bound is no error here but a mark in the result (READ_TOO_LARGE inside this file).
 */
#include "bus/bus-options.h"

#include <errno.h>
#include <string.h>

enum { READ_OK, READ_TOO_LARGE };

struct reader {
        sd_bus_message *m; /* borrowed */
        size_t entries, bytes;
};

static int read_value(struct reader *rd, const char *key, unsigned depth, struct options *into);

static int count_bytes(struct reader *rd, size_t n)
{
        rd->bytes += n;
        return rd->bytes > OPTIONS_MAX_BYTES ? READ_TOO_LARGE : READ_OK;
}

static int count_entry(struct reader *rd)
{
        return ++rd->entries > OPTIONS_MAX_ENTRIES ? READ_TOO_LARGE : READ_OK;
}

/* The adders take a NULL tree or key as "counted, not kept". */
static int keep_string(struct options *into, const char *key, const char *value)
{
        return into && key ? options_add_string(into, key, value) : 0;
}

static int keep_number(struct options *into, const char *key, double value)
{
        return into && key ? options_add_number(into, key, value) : 0;
}

static int keep_boolean(struct options *into, const char *key, bool value)
{
        return into && key ? options_add_boolean(into, key, value) : 0;
}

static int keep_array(struct options *into, const char *key)
{
        return into && key ? options_add_array(into, key) : 0;
}

/* Takes the object. */
static int keep_object(struct options *into, const char *key, struct options *object)
{
        if (into && key)
                return options_add_object(into, key, object);
        options_free(object);
        return 0;
}

static int read_string(struct reader *rd, char type, const char *key, struct options *into)
{
        const char *s;
        int r = sd_bus_message_read_basic(rd->m, type, &s);

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = count_bytes(rd, strlen(s) + 5); /* length and final NUL */
        if (r != READ_OK)
                return r;
        if (key && strcmp(key, "token") == 0 && strlen(s) > OPTIONS_MAX_TOKEN)
                return READ_TOO_LARGE;
        return keep_string(into, key, s);
}

union basic {
        uint8_t y;
        int b; /* sd-bus reads a boolean into an int */
        int16_t n;
        uint16_t q;
        int32_t i;
        uint32_t u;
        int64_t x;
        uint64_t t;
        double d;
};

static double number_of(char type, const union basic *v, size_t *ret_size)
{
        switch (type) {
        case SD_BUS_TYPE_BYTE: *ret_size = 1; return v->y;
        case SD_BUS_TYPE_INT16: *ret_size = 2; return v->n;
        case SD_BUS_TYPE_UINT16: *ret_size = 2; return v->q;
        case SD_BUS_TYPE_INT32: *ret_size = 4; return v->i;
        case SD_BUS_TYPE_UINT32: *ret_size = 4; return v->u;
        case SD_BUS_TYPE_INT64: *ret_size = 8; return (double)v->x;
        case SD_BUS_TYPE_UINT64: *ret_size = 8; return (double)v->t;
        default: /* SD_BUS_TYPE_DOUBLE */ *ret_size = 8; return v->d;
        }
}

static int read_number(struct reader *rd, char type, const char *key, struct options *into)
{
        union basic v;
        size_t size;
        double d;
        int r = sd_bus_message_read_basic(rd->m, type, &v);

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        d = number_of(type, &v, &size);
        r = count_bytes(rd, size);
        return r != READ_OK ? r : keep_number(into, key, d);
}

static int read_boolean(struct reader *rd, const char *key, struct options *into)
{
        union basic v;
        int r = sd_bus_message_read_basic(rd->m, SD_BUS_TYPE_BOOLEAN, &v);

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = count_bytes(rd, 4);
        return r != READ_OK ? r : keep_boolean(into, key, v.b);
}

static int read_fd(struct reader *rd, const char *key, struct options *into)
{
        struct options *object = NULL;
        int fd, r = sd_bus_message_read_basic(rd->m, SD_BUS_TYPE_UNIX_FD, &fd); /* stays the message's */

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = count_bytes(rd, 4);
        if (r != READ_OK)
                return r;
        r = options_new(&object);
        return r < 0 ? r : keep_object(into, key, object);
}

/* *ret_key stays NULL for a key that is no string. */
static int read_key(struct reader *rd, char type, unsigned depth, const char **ret_key)
{
        int r;

        if (!strchr("sog", type))
                return read_value(rd, NULL, depth, NULL);
        r = sd_bus_message_read_basic(rd->m, type, ret_key);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        return count_bytes(rd, strlen(*ret_key) + 5);
}

/* One {…} of a dictionary. */
static int read_entry(struct reader *rd, const char *contents, unsigned depth, struct options *into)
{
        const char *key = NULL;
        int r = count_entry(rd);

        if (r != READ_OK)
                return r;
        r = sd_bus_message_enter_container(rd->m, SD_BUS_TYPE_DICT_ENTRY, contents);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = read_key(rd, contents[0], depth, &key);
        if (r != READ_OK)
                return r;
        r = read_value(rd, key, depth, into);
        return r != READ_OK ? r : sd_bus_message_exit_container(rd->m) < 0 ? -EBADMSG : READ_OK;
}

/* Between enter and exit of an array: everything in it. `into` NULL: counted, not kept. */
static int read_elements(struct reader *rd, unsigned depth, struct options *into)
{
        for (;;) {
                const char *contents;
                char type;
                int r = sd_bus_message_peek_type(rd->m, &type, &contents);

                if (r <= 0)
                        return r;
                r = type == SD_BUS_TYPE_DICT_ENTRY ? read_entry(rd, contents, depth, into)
                                                   : read_value(rd, NULL, depth, NULL);
                if (r != READ_OK)
                        return r;
        }
}

static int read_dict(struct reader *rd, const char *contents, unsigned depth, struct options *into)
{
        int r = sd_bus_message_enter_container(rd->m, SD_BUS_TYPE_ARRAY, contents);

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = count_bytes(rd, 4); /* its length */
        if (r == READ_OK)
                r = read_elements(rd, depth, into);
        return r != READ_OK ? r : sd_bus_message_exit_container(rd->m) < 0 ? -EBADMSG : READ_OK;
}

static int read_object(struct reader *rd, const char *key, const char *contents, unsigned depth, struct options *into)
{
        _cleanup_(options_freep) struct options *object = NULL;
        int r = options_new(&object);

        if (r < 0)
                return r;
        r = read_dict(rd, contents, depth, object);
        return r != READ_OK ? r : keep_object(into, key, take_ptr(object));
}

static int read_bytes(struct reader *rd, const char *key, struct options *into)
{
        const void *bytes;
        size_t n;
        int r = sd_bus_message_read_array(rd->m, SD_BUS_TYPE_BYTE, &bytes, &n);

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = count_bytes(rd, n + 4);
        return r != READ_OK || !into || !key ? r : options_add_bytes(into, key, bytes, n);
}

/* Between enter and exit of an array of strings. */
static int read_string_elements(struct reader *rd, const char **ret_strings, size_t *ret_n)
{
        for (;;) {
                const char *s;
                int r = sd_bus_message_read_basic(rd->m, SD_BUS_TYPE_STRING, &s);

                if (r <= 0)
                        return r;
                r = *ret_n == OPTIONS_MAX_STRINGS ? READ_TOO_LARGE : count_bytes(rd, strlen(s) + 5);
                if (r != READ_OK)
                        return r;
                ret_strings[(*ret_n)++] = s;
        }
}

static int read_strings(struct reader *rd, const char *key, struct options *into)
{
        const char *strings[OPTIONS_MAX_STRINGS]; /* borrowed from the message */
        size_t n = 0;
        int r = sd_bus_message_enter_container(rd->m, SD_BUS_TYPE_ARRAY, "s");

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = count_bytes(rd, 4);
        if (r == READ_OK)
                r = read_string_elements(rd, strings, &n);
        if (r != READ_OK)
                return r;
        if (sd_bus_message_exit_container(rd->m) < 0)
                return -EBADMSG;
        return into && key ? options_add_strings(into, key, strings, n) : READ_OK;
}

/* Another array that is no dictionary, or a struct: only its type is told. */
static int read_list(struct reader *rd, char type, const char *key, const char *contents, unsigned depth,
                     struct options *into)
{
        int r = sd_bus_message_enter_container(rd->m, type, contents);

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = count_bytes(rd, 4); /* so that a million empty ones are not free */
        if (r == READ_OK)
                r = read_elements(rd, depth, NULL);
        if (r != READ_OK)
                return r;
        return sd_bus_message_exit_container(rd->m) < 0 ? -EBADMSG : keep_array(into, key);
}

static int read_variant(struct reader *rd, const char *key, const char *contents, unsigned depth, struct options *into)
{
        int r = sd_bus_message_enter_container(rd->m, SD_BUS_TYPE_VARIANT, contents);

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = count_bytes(rd, strlen(contents) + 2); /* its signature */
        if (r == READ_OK && contents[0] == SD_BUS_TYPE_VARIANT && ++depth > OPTIONS_MAX_DEPTH)
                r = READ_TOO_LARGE;
        if (r == READ_OK)
                r = read_value(rd, key, depth, into);
        return r != READ_OK ? r : sd_bus_message_exit_container(rd->m) < 0 ? -EBADMSG : READ_OK;
}

static int read_container(struct reader *rd, char type, const char *key, const char *contents, unsigned depth,
                          struct options *into)
{
        if (type == SD_BUS_TYPE_VARIANT)
                return read_variant(rd, key, contents, depth, into);
        if (depth + 1 > OPTIONS_MAX_DEPTH)
                return READ_TOO_LARGE;
        if (type == SD_BUS_TYPE_ARRAY && contents[0] == SD_BUS_TYPE_DICT_ENTRY_BEGIN)
                return read_object(rd, key, contents, depth + 1, into);
        if (type == SD_BUS_TYPE_ARRAY && strcmp(contents, "y") == 0)
                return read_bytes(rd, key, into);
        if (type == SD_BUS_TYPE_ARRAY && strcmp(contents, "s") == 0 && into && key)
                return read_strings(rd, key, into);
        return read_list(rd, type, key, contents, depth + 1, into);
}

/* The value at the message's position, kept under `key` in `into` (either NULL: counted only). */
static int read_value(struct reader *rd, const char *key, unsigned depth, struct options *into)
{
        const char *contents;
        char type;
        int r = sd_bus_message_peek_type(rd->m, &type, &contents);

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        if (strchr("sog", type))
                return read_string(rd, type, key, into);
        if (strchr("ynqiuxtd", type))
                return read_number(rd, type, key, into);
        if (type == SD_BUS_TYPE_BOOLEAN)
                return read_boolean(rd, key, into);
        if (type == SD_BUS_TYPE_UNIX_FD)
                return read_fd(rd, key, into);
        return read_container(rd, type, key, contents, depth, into);
}

static int new_too_large(struct options **ret)
{
        int r = options_new(ret);

        if (r >= 0)
                (*ret)->too_large = true;
        return r;
}

int bus_options_read(sd_bus_message *m, struct options **ret)
{
        _cleanup_(options_freep) struct options *o = NULL;
        struct reader rd = { .m = m };
        int r = sd_bus_message_peek_type(m, NULL, NULL);

        if (r <= 0)
                return r < 0 ? r : -ENXIO;
        r = options_new(&o);
        if (r < 0)
                return r;
        r = read_dict(&rd, "{sv}", 1, o);
        if (r < 0)
                return r;
        if (r == READ_TOO_LARGE)
                return new_too_large(ret);
        *ret = take_ptr(o);
        return 0;
}
