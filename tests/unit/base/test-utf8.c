/* Unit tests of base/utf8. */
#include "base/utf8.h"
#include "lib/test.h"

static void trim(const char *text, const char *wanted)
{
        char *copy = strdup(text); /* exactly as long: ASan sees what reads too far */

        utf8_trim(copy);
        ASSERT_STR(copy, wanted);
        free(copy);
}

TEST(what_is_whole_stays)
{
        trim("", "");
        trim("plain", "plain");
        trim("é", "é");
        trim("a\xe2\x82\xac\xf0\x9f\x8e\x99z", "a\xe2\x82\xac\xf0\x9f\x8e\x99z");
        trim("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");                 /* U+10FFFF */
        trim("\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"); /* around the surrogates */
}

TEST(lengths_of_characters)
{
        ASSERT_EQ(utf8_character("a"), 1);
        ASSERT_EQ(utf8_character(""), 1); /* the NUL is one too */
        ASSERT_EQ(utf8_character("\xc3\xa9"
                                 "a"),
                  2);
        ASSERT_EQ(utf8_character("\xe2\x82\xac"), 3);
        ASSERT_EQ(utf8_character("\xf0\x9f\x8e\x99"), 4);
        ASSERT_EQ(utf8_character("\xf0\x9f\x8e"), 0);
}

TEST(what_a_bus_carries_as_text)
{
        ASSERT(utf8_is_text("", 0));
        ASSERT(utf8_is_text("a\xc3\xa9\xf0\x9f\x8e\x99", 7));
        ASSERT(!utf8_is_text("a\0b", 3));
        ASSERT(!utf8_is_text("a\xc3\xa9", 2));               /* half a character, whatever stands behind it */
        ASSERT(!utf8_is_text("\xef\xbf\xbe", 3));            /* U+FFFE */
        ASSERT(!utf8_is_text("\xef\xb7\x90", 3));            /* U+FDD0 */
        ASSERT(!utf8_is_text("\xf4\x8f\xbf\xbf", 4));        /* U+10FFFF */
        ASSERT(utf8_is_text("\xef\xbf\xbd\xef\xb7\x8f", 6)); /* their neighbours */
}

TEST(what_was_cut_goes)
{
        trim("a\xc3", "a");
        trim("a\xe2\x82", "a");
        trim("a\xe2", "a");
        trim("a\xf0\x9f\x8e", "a");
        trim("a\xf0", "a");
}

TEST(what_is_no_utf8_ends_it)
{
        trim("a\xff"
             "b",
             "a");
        trim("a\x80"
             "b",
             "a");
        trim("a\xc3(", "a");
        trim("a\xc0\x80", "a"); /* too long forms */
        trim("a\xe0\x9f\xbf", "a");
        trim("a\xf0\x8f\xbf\xbf", "a");
        trim("a\xed\xa0\x80", "a");         /* a surrogate */
        trim("a\xf4\x90\x80\x80", "a");     /* beyond U+10FFFF */
        trim("a\xf8\x88\x80\x80\x80", "a"); /* five bytes */
}
