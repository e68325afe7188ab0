/* Unit tests of app/options. */
#include "app/options.h"
#include "lib/test.h"

static void add_one_of_each(struct options *o)
{
        struct options *inner;

        ASSERT_OK(options_add_string(o, "s", "text"));
        ASSERT_OK(options_add_number(o, "n", 2.5));
        ASSERT_OK(options_add_boolean(o, "b", true));
        ASSERT_OK(options_new(&inner));
        ASSERT_OK(options_add_string(inner, "in", "side"));
        ASSERT_OK(options_add_object(o, "o", inner));
        ASSERT_OK(options_add_array(o, "a"));
}

TEST(what_was_added_is_found)
{
        _cleanup_(options_freep) struct options *o = NULL;

        ASSERT_OK(options_new(&o));
        add_one_of_each(o);
        ASSERT_EQ(o->n, 5);
        ASSERT_STR(options_get(o, "s")->string, "text");
        ASSERT_NEAR(options_get(o, "n")->number, 2.5, 0);
        ASSERT(options_get(o, "b")->boolean);
        ASSERT_STR(options_get(options_get(o, "o")->object, "in")->string, "side");
        ASSERT_EQ(options_get(o, "a")->type, OPTION_ARRAY);
        ASSERT(options_get(o, "S") == NULL);
}

TEST(the_later_of_two_equal_keys_wins)
{
        _cleanup_(options_freep) struct options *o = NULL;

        ASSERT_OK(options_new(&o));
        add_one_of_each(o);
        ASSERT_OK(options_add_number(o, "s", 1));
        ASSERT_OK(options_add_string(o, "o", "x"));
        ASSERT_EQ(o->n, 5);
        ASSERT_EQ(options_get(o, "s")->type, OPTION_NUMBER);
        ASSERT(options_get(o, "s")->string == NULL);
        ASSERT_STR(options_get(o, "o")->string, "x");
        ASSERT(options_get(o, "o")->object == NULL);
}

TEST(types_have_the_names_of_json)
{
        ASSERT_STR(option_type_to_string(OPTION_STRING), "string");
        ASSERT_STR(option_type_to_string(OPTION_NUMBER), "number");
        ASSERT_STR(option_type_to_string(OPTION_BOOLEAN), "boolean");
        ASSERT_STR(option_type_to_string(OPTION_OBJECT), "object");
        ASSERT_STR(option_type_to_string(OPTION_ARRAY), "array");
}

TEST(free_takes_nothing)
{
        ASSERT(options_free(NULL) == NULL);
}

TEST_OOM(building_fails_cleanly)
{
        _cleanup_(options_freep) struct options *o = NULL, *inner = NULL;
        int r = options_new(&o);

        if (r == 0)
                r = options_add_string(o, "s", "text");
        if (r == 0)
                r = options_add_string(o, "s", "other");
        if (r == 0)
                r = options_new(&inner);
        if (r == 0)
                r = options_add_object(o, "o", take_ptr(inner)); /* taken also when it fails */
        return r;
}
