/* test-profile.c - what a server says of somebody, made fit for the bus: changes, UTF-8, bounds, want of memory. */
#include "app/profile.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "lib/test.h"

static const struct engine_attribute two[] = { { "b", "2" }, { "a", "1" } };

TEST(only_what_changed_is_told)
{
        struct engine_participant said = { .name = "Ann", .metadata = "{}", .attributes = two, .n_attributes = 2 };
        struct profile p = { 0 };
        size_t bytes = 0;

        ASSERT_EQ(profile_set(&p, &said, &bytes), PROFILE_NAME | PROFILE_METADATA | PROFILE_ATTRIBUTES);
        ASSERT_STR(p.name, "Ann");
        ASSERT_STR(p.metadata, "{}");
        ASSERT_EQ(p.n_attributes, 2);
        ASSERT_STR(p.attributes[0].key, "a");
        ASSERT_STR(p.attributes[1].value, "2");
        ASSERT_EQ(bytes, 3 + 2 + 4);
        ASSERT_EQ(profile_set(&p, &said, &bytes), 0);
        said.name = "Anna";
        ASSERT_EQ(profile_set(&p, &said, &bytes), PROFILE_NAME);
        said.n_attributes = 1;
        ASSERT_EQ(profile_set(&p, &said, &bytes), PROFILE_ATTRIBUTES);
        ASSERT_STR(p.attributes[0].key, "b");
        said.metadata = NULL;
        ASSERT_EQ(profile_set(&p, &said, &bytes), PROFILE_METADATA);
        ASSERT_EQ(bytes, 4 + 2);
        said = (struct engine_participant){ .name = "" };
        ASSERT_EQ(profile_set(&p, &said, &bytes), PROFILE_NAME | PROFILE_ATTRIBUTES);
        ASSERT_EQ(bytes, 0);
        profile_clear(&p, &bytes);
}

TEST(what_the_bus_would_not_carry_is_cut)
{
        static const struct engine_attribute odd[] = { { "k\xff", "v\xc3" }, { "k", "again" }, { NULL, NULL } };
        char name[PROFILE_NAME_MAX + 2];
        struct engine_participant said = { .name = name, .metadata = "ok\xff!", .attributes = odd, .n_attributes = 3 };
        struct profile p = { 0 };
        size_t bytes = 0;

        memset(name, 'x', sizeof(name));
        memcpy(name + PROFILE_NAME_MAX - 1, "\xc3\xa4", 3); /* half of it would be left */
        (void)profile_set(&p, &said, &bytes);
        ASSERT_EQ(strlen(p.name), PROFILE_NAME_MAX - 1);
        ASSERT_STR(p.metadata, "ok");
        ASSERT_EQ(p.n_attributes, 2); /* "" and one of the two that became the same */
        ASSERT_STR(p.attributes[0].key, "");
        ASSERT_STR(p.attributes[1].key, "k");
        profile_clear(&p, &bytes);
        ASSERT_EQ(bytes, 0);
}

TEST(too_much_is_left_out)
{
        static char long_text[PROFILE_TEXT_MAX + 2];
        struct engine_attribute many[PROFILE_ATTRIBUTES_MAX + 1] = { { "k", long_text } };
        struct engine_participant said = {
                .name = "Ann", .metadata = long_text, .attributes = many, .n_attributes = 1
        };
        struct profile p = { 0 };
        size_t bytes = 0;

        log_set_level(LOG_LEVEL_ERROR);
        memset(long_text, 'x', sizeof(long_text) - 1);
        ASSERT_EQ(profile_set(&p, &said, &bytes), PROFILE_NAME);
        long_text[PROFILE_TEXT_MAX] = '\0';
        ASSERT_EQ(profile_set(&p, &said, &bytes), PROFILE_METADATA);
        said.metadata = NULL;
        said.n_attributes = ARRAY_SIZE(many);
        ASSERT_EQ(profile_set(&p, &said, &bytes), PROFILE_METADATA);
        ASSERT_EQ(bytes, 3);
        bytes += PROFILE_ROOM_MAX - 3; /* the others have used up the rest */
        said.metadata = "x";
        ASSERT_EQ(profile_set(&p, &said, &bytes), 0);
        bytes--;
        ASSERT_EQ(profile_set(&p, &said, &bytes), PROFILE_METADATA);
        profile_clear(&p, &bytes);
        ASSERT_EQ(bytes, PROFILE_ROOM_MAX - 4);
}

TEST_OOM(without_memory_it_stays_as_it_was)
{
        static const struct engine_participant said = {
                .name = "Ann", .metadata = "{}", .attributes = two, .n_attributes = 2
        };
        struct profile p = { 0 };
        size_t bytes = 0;
        uint32_t changed = profile_set(&p, &said, &bytes);

        profile_clear(&p, &bytes);
        ASSERT_EQ(bytes, 0);
        return changed == (PROFILE_NAME | PROFILE_METADATA | PROFILE_ATTRIBUTES) ? 0 : -ENOMEM;
}
