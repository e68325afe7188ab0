/* test-bus-options.c - a{sv} → options: types, what counts against the bounds, and where they lie. */
#include "bus/bus-options.h"

#include <errno.h>

#include "fakes/p2p-bus.h"
#include "lib/test.h"

static struct p2p_bus p; /* for its connection only: sd-bus makes messages on one */

static sd_bus_message *message(void)
{
        sd_bus_message *m;

        if (!p.client)
                p2p_bus_init(&p, NULL);
        ASSERT_OK(sd_bus_message_new_method_call(p.client, &m, NULL, "/x", "x.y", "Z"));
        return m;
}

static int read_back(sd_bus_message *m, struct options **ret)
{
        ASSERT_OK(sd_bus_message_seal(m, 1, 0));
        ASSERT_OK(sd_bus_message_rewind(m, true));
        return bus_options_read(m, ret);
}

static struct options *read_ok(sd_bus_message *m)
{
        struct options *o;

        ASSERT_OK(read_back(m, &o));
        sd_bus_message_unref(m);
        return o;
}

static const struct option *want(const struct options *o, const char *key, enum option_type type)
{
        const struct option *found = options_get(o, key);

        ASSERT(found);
        ASSERT_EQ(found->type, type);
        return found;
}

TEST(every_type_of_value)
{
        _cleanup_(options_freep) struct options *o = NULL;
        sd_bus_message *m = message();
        int fd = 0;

        ASSERT_OK(sd_bus_message_append(m, "a{sv}", 16, "y", "y", 1, "n", "n", -2, "q", "q", 3, "i", "i", -4, "u", "u",
                                        5, "x", "x", INT64_C(-6), "t", "t", UINT64_C(7), "d", "d", 8.5, "b", "b", 1,
                                        "s", "s", "text", "o", "o", "/path", "g", "g", "a{sv}", "h", "h", fd, "v", "v",
                                        "s", "inner", "as", "as", 1, "x", "r", "(si)", "x", 1));
        o = read_ok(m);
        ASSERT(!o->too_large);
        ASSERT_EQ(o->n, 16);
        ASSERT_NEAR(want(o, "y", OPTION_NUMBER)->number, 1, 0);
        ASSERT_NEAR(want(o, "n", OPTION_NUMBER)->number, -2, 0);
        ASSERT_NEAR(want(o, "q", OPTION_NUMBER)->number, 3, 0);
        ASSERT_NEAR(want(o, "i", OPTION_NUMBER)->number, -4, 0);
        ASSERT_NEAR(want(o, "u", OPTION_NUMBER)->number, 5, 0);
        ASSERT_NEAR(want(o, "x", OPTION_NUMBER)->number, -6, 0);
        ASSERT_NEAR(want(o, "t", OPTION_NUMBER)->number, 7, 0);
        ASSERT_NEAR(want(o, "d", OPTION_NUMBER)->number, 8.5, 0);
        ASSERT(want(o, "b", OPTION_BOOLEAN)->boolean);
        ASSERT_STR(want(o, "s", OPTION_STRING)->string, "text");
        ASSERT_STR(want(o, "o", OPTION_STRING)->string, "/path");
        ASSERT_STR(want(o, "g", OPTION_STRING)->string, "a{sv}");
        (void)want(o, "h", OPTION_OBJECT);
        ASSERT_STR(want(o, "v", OPTION_STRING)->string, "inner");
        (void)want(o, "as", OPTION_ARRAY);
        (void)want(o, "r", OPTION_ARRAY);
}

TEST(dictionaries)
{
        _cleanup_(options_freep) struct options *o = NULL;
        const struct options *inner;
        sd_bus_message *m = message();

        ASSERT_OK(sd_bus_message_append(m, "a{sv}", 4, "roomConfig", "a{sv}", 2, "autoPublish", "b", 0, "deep",
                                        "a{ss}", 1, "k", "v", "numbers", "a{ub}", 1, 7, 1, "empty", "a{sv}", 0,
                                        "after", "s", "x"));
        o = read_ok(m);
        inner = want(o, "roomConfig", OPTION_OBJECT)->object;
        ASSERT(!want(inner, "autoPublish", OPTION_BOOLEAN)->boolean);
        ASSERT_STR(want(want(inner, "deep", OPTION_OBJECT)->object, "k", OPTION_STRING)->string, "v");
        ASSERT_EQ(want(o, "numbers", OPTION_OBJECT)->object->n, 0);
        ASSERT_EQ(want(o, "empty", OPTION_OBJECT)->object->n, 0);
        ASSERT_STR(want(o, "after", OPTION_STRING)->string, "x");
}

TEST(arrays_of_bytes_and_strings_are_kept)
{
        _cleanup_(options_freep) struct options *o = NULL;
        sd_bus_message *m = message();
        const struct option *data, *none, *names, *numbers;

        ASSERT_OK(sd_bus_message_append(m, "a{sv}", 4, "data", "ay", 3, 1, 0, 255, "none", "ay", 0, "names", "as", 2,
                                        "a", "b", "numbers", "au", 1, 7));
        o = read_ok(m);
        data = want(o, "data", OPTION_ARRAY), none = want(o, "none", OPTION_ARRAY);
        names = want(o, "names", OPTION_ARRAY), numbers = want(o, "numbers", OPTION_ARRAY);
        ASSERT(data->array.is_bytes && none->array.is_bytes);
        ASSERT_EQ(data->array.n, 3);
        ASSERT_MEM(data->array.bytes, "\1\0\377", 3);
        ASSERT_EQ(none->array.n, 0);
        ASSERT(names->array.is_strings);
        ASSERT_EQ(names->array.n, 2);
        ASSERT_STR(names->array.strings[1], "b");
        ASSERT(!numbers->array.is_bytes && !numbers->array.is_strings);
}

TEST(many_strings_are_too_large)
{
        for (unsigned n = OPTIONS_MAX_STRINGS; n <= OPTIONS_MAX_STRINGS + 1; n++) {
                _cleanup_(options_freep) struct options *o = NULL;
                sd_bus_message *m = message();

                ASSERT_OK(sd_bus_message_open_container(m, 'a', "{sv}"));
                ASSERT_OK(sd_bus_message_open_container(m, 'e', "sv"));
                ASSERT_OK(sd_bus_message_append(m, "s", "names"));
                ASSERT_OK(sd_bus_message_open_container(m, 'v', "as"));
                ASSERT_OK(sd_bus_message_open_container(m, 'a', "s"));
                for (unsigned i = 0; i < n; i++)
                        ASSERT_OK(sd_bus_message_append(m, "s", "x"));
                for (unsigned i = 0; i < 4; i++)
                        ASSERT_OK(sd_bus_message_close_container(m));
                o = read_ok(m);
                ASSERT_EQ(o->too_large, n > OPTIONS_MAX_STRINGS);
        }
}

TEST(the_later_of_two_keys)
{
        _cleanup_(options_freep) struct options *o = NULL;
        sd_bus_message *m = message();

        ASSERT_OK(sd_bus_message_append(m, "a{sv}", 2, "k", "s", "first", "k", "i", 2));
        o = read_ok(m);
        ASSERT_NEAR(want(o, "k", OPTION_NUMBER)->number, 2, 0);
}

/* ---- bounds ---- */

static void open_entry(sd_bus_message *m, const char *key, const char *contents)
{
        ASSERT_OK(sd_bus_message_open_container(m, 'e', "sv"));
        ASSERT_OK(sd_bus_message_append(m, "s", key));
        ASSERT_OK(sd_bus_message_open_container(m, 'v', contents));
}

static void close_entry(sd_bus_message *m)
{
        ASSERT_OK(sd_bus_message_close_container(m));
        ASSERT_OK(sd_bus_message_close_container(m));
}

static void check_bound(sd_bus_message *m, bool too_large)
{
        _cleanup_(options_freep) struct options *o = read_ok(m);

        ASSERT_EQ(o->too_large, too_large);
        if (too_large)
                ASSERT_EQ(o->n, 0);
}

static sd_bus_message *with_entries(unsigned outer, unsigned inner)
{
        sd_bus_message *m = message();

        ASSERT_OK(sd_bus_message_open_container(m, 'a', "{sv}"));
        for (unsigned i = 0; i < outer; i++) {
                char key[16];

                snprintf(key, sizeof(key), "k%u", i);
                ASSERT_OK(sd_bus_message_append(m, "{sv}", key, "i", 1));
        }
        open_entry(m, "inner", "a{ii}");
        ASSERT_OK(sd_bus_message_open_container(m, 'a', "{ii}"));
        for (unsigned i = 0; i < inner; i++)
                ASSERT_OK(sd_bus_message_append(m, "{ii}", i, i));
        ASSERT_OK(sd_bus_message_close_container(m));
        close_entry(m);
        ASSERT_OK(sd_bus_message_close_container(m));
        return m;
}

TEST(entries_of_all_dictionaries_together)
{
        check_bound(with_entries(63, 0), false);
        check_bound(with_entries(64, 0), true);
        check_bound(with_entries(3, 60), false);
        check_bound(with_entries(3, 61), true);
}

/* Dictionaries one in the other; the outer is level 1. */
static sd_bus_message *nested(unsigned levels)
{
        sd_bus_message *m = message();

        ASSERT_OK(sd_bus_message_open_container(m, 'a', "{sv}"));
        for (unsigned i = 1; i < levels; i++) {
                open_entry(m, "k", "a{sv}");
                ASSERT_OK(sd_bus_message_open_container(m, 'a', "{sv}"));
        }
        for (unsigned i = 1; i < levels; i++) {
                ASSERT_OK(sd_bus_message_close_container(m));
                close_entry(m);
        }
        ASSERT_OK(sd_bus_message_close_container(m));
        return m;
}

TEST(levels_of_dictionaries)
{
        check_bound(nested(1), false);
        check_bound(nested(8), false);
        check_bound(nested(9), true);
        check_bound(nested(30), true);
}

static sd_bus_message *with_variants(unsigned n)
{
        sd_bus_message *m = message();

        ASSERT_OK(sd_bus_message_open_container(m, 'a', "{sv}"));
        open_entry(m, "k", n > 0 ? "v" : "s");
        for (unsigned i = 0; i < n; i++)
                ASSERT_OK(sd_bus_message_open_container(m, 'v', i + 1 < n ? "v" : "s"));
        ASSERT_OK(sd_bus_message_append(m, "s", "x"));
        for (unsigned i = 0; i < n; i++)
                ASSERT_OK(sd_bus_message_close_container(m));
        close_entry(m);
        ASSERT_OK(sd_bus_message_close_container(m));
        return m;
}

TEST(levels_of_variants)
{
        check_bound(with_variants(0), false);
        check_bound(with_variants(7), false);
        check_bound(with_variants(8), true);
        check_bound(with_variants(40), true);
}

TEST(levels_of_arrays_and_structs)
{
        sd_bus_message *m = message();

        ASSERT_OK(sd_bus_message_append(m, "a{sv}", 1, "k", "aaaaaaai", 1, 1, 1, 1, 1, 1, 1, 5)); /* 1 + 7 */
        check_bound(m, false);
        m = message();
        ASSERT_OK(sd_bus_message_append(m, "a{sv}", 1, "k", "aaaaaaaai", 1, 1, 1, 1, 1, 1, 1, 1, 5));
        check_bound(m, true);
        m = message();
        ASSERT_OK(sd_bus_message_append(m, "a{sv}", 1, "k", "((((((((i))))))))", 5));
        check_bound(m, true);
}

static sd_bus_message *with_text(const char *key, size_t len)
{
        _cleanup_free_ char *text = calloc(1, len + 1);
        sd_bus_message *m = message();

        memset(text, 'x', len);
        ASSERT_OK(sd_bus_message_append(m, "a{sv}", 1, key, "s", text));
        return m;
}

TEST(bytes)
{
        check_bound(with_text("k", OPTIONS_MAX_BYTES - 100), false);
        check_bound(with_text("k", OPTIONS_MAX_BYTES), true);
        check_bound(with_text("k", 8u << 20), true);
        check_bound(with_text("token", OPTIONS_MAX_TOKEN), false);
        check_bound(with_text("token", OPTIONS_MAX_TOKEN + 1), true);
}

/* Many small values that hold nothing are not free. */
TEST(bytes_of_empty_values)
{
        enum { N = 20000 };
        sd_bus_message *m = message();

        ASSERT_OK(sd_bus_message_open_container(m, 'a', "{sv}"));
        open_entry(m, "k", "aai");
        ASSERT_OK(sd_bus_message_open_container(m, 'a', "ai"));
        for (unsigned i = 0; i < N; i++)
                ASSERT_OK(sd_bus_message_append(m, "ai", 0));
        ASSERT_OK(sd_bus_message_close_container(m));
        close_entry(m);
        ASSERT_OK(sd_bus_message_close_container(m));
        check_bound(m, true);
}

TEST(not_a_dictionary)
{
        struct options *o = NULL;
        sd_bus_message *m = message();

        ASSERT_LT(read_back(m, &o), 0);
        sd_bus_message_unref(m);
        m = message();
        ASSERT_OK(sd_bus_message_append(m, "s", "x"));
        ASSERT_LT(read_back(m, &o), 0);
        sd_bus_message_unref(m);
        ASSERT(!o);
}

TEST_OOM(reading)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message();
        _cleanup_(options_freep) struct options *o = NULL;

        ASSERT_OK(sd_bus_message_append(m, "a{sv}", 3, "s", "s", "text", "d", "a{sv}", 1, "k", "b", 1, "as", "as", 1,
                                        "x"));
        return read_back(m, &o);
}
