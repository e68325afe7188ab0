/* test-node-name.c - the node.name of a participant: legal, stable and nobody else's, whatever the ids. */
#include <ctype.h>

#include "app/voice.h"
#include "lib/test.h"

static const char *name_of(const char *app_id, const char *user_id)
{
        static char name[4][NODE_NAME_MAX + 1];
        static unsigned at;

        at = (at + 1) % ARRAY_SIZE(name);
        voice_node_name(app_id, user_id, name[at], sizeof(name[at]));
        return name[at];
}

static bool is_plain(const char *s)
{
        for (; *s; s++)
                if (!isalnum((unsigned char)*s) && !strchr("_-.%", *s))
                        return false;
        return true;
}

TEST(what_it_looks_like)
{
        ASSERT_STR(name_of("0123abcd", NULL), "rtcroomd.0123abcd");
        ASSERT_STR(name_of("0123abcd", "alice.b-c_d"), "rtcroomd.0123abcd.alice.b-c_d");
        ASSERT_STR(name_of("0123abcd", "a@b"), "rtcroomd.0123abcd.a%40b");
        ASSERT_STR(name_of("a", "J\xc3\xbcrgen \"x\" {y}\n"), "rtcroomd.a.J%C3%BCrgen%20%22x%22%20%7By%7D%0A");
}

TEST(different_people_have_different_names)
{
        static const char *const ids[][2] = { { "a", NULL },   { "a", "b" },     { "a", "b.c" }, { "a.b", "c" },
                                              { "a.b", NULL }, { "a", "%40" },   { "a", "@" },   { "a", "40" },
                                              { "a", "b c" },  { "a", "b%20c" }, { "a", "B" },   { "a%2Eb", "c" },
                                              { "a", "." },    { "a", "\xff" },  { "a", "%FF" } };

        for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
                ASSERT(is_plain(name_of(ids[i][0], ids[i][1])));
                for (size_t k = 0; k < i; k++)
                        ASSERT(strcmp(name_of(ids[i][0], ids[i][1]), name_of(ids[k][0], ids[k][1])) != 0);
        }
}

TEST(the_longest_ids_are_not_cut)
{
        char app_id[ID_MAX + 1], alice[ID_MAX + 1], bob[ID_MAX + 1];

        memset(app_id, '@', ID_MAX);
        memset(alice, '@', ID_MAX);
        app_id[ID_MAX] = alice[ID_MAX] = '\0';
        memcpy(bob, alice, sizeof(bob));
        bob[ID_MAX - 1] = 'b';
        ASSERT_EQ(strlen(name_of(app_id, alice)), NODE_NAME_MAX);
        ASSERT(strcmp(name_of(app_id, alice), name_of(app_id, bob)) != 0);
}
