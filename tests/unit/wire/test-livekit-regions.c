/* Unit tests of wire/livekit-regions.c: order, bounds, and what is skipped or refused. */
#include "wire/livekit-regions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "lib/test.h"

static int parse(const char *json, struct livekit_regions *ret)
{
        return livekit_regions_parse(json, strlen(json), ret);
}

TEST(the_nearest_is_first)
{
        struct livekit_regions r;

        ASSERT_OK(parse("{\"regions\":[{\"region\":\"a\",\"url\":\"https://a\",\"distance\":\"3000000000\"},"
                        "{\"url\":\"https://b\",\"distance\":20},{\"url\":\"https://c\",\"distance\":\"20\"},"
                        "{\"url\":\"https://here\"}],\"more\":[[]]}\n",
                        &r));
        ASSERT_EQ(r.n, 4);
        ASSERT_STR(r.list[0].url, "https://here");
        ASSERT_STR(r.list[1].url, "https://b");
        ASSERT_STR(r.list[2].url, "https://c");
        ASSERT_STR(r.list[3].url, "https://a");
        ASSERT_EQ(r.list[3].distance, 3000000000);
}

TEST(of_many_the_nearest_are_kept)
{
        char json[2048] = "{\"regions\":[";
        struct livekit_regions r;
        size_t len = strlen(json);

        for (int i = 20; i > 0; i--)
                len += (size_t)snprintf(json + len, sizeof(json) - len, "{\"url\":\"u%d\",\"distance\":%d}%s", i, i,
                                        i > 1 ? "," : "]}");
        ASSERT_OK(parse(json, &r));
        ASSERT_EQ(r.n, LIVEKIT_REGIONS_MAX);
        for (size_t i = 0; i < r.n; i++)
                ASSERT_EQ(r.list[i].distance, i + 1);
}

TEST(what_is_no_region_is_skipped)
{
        char json[1024], longest[LIVEKIT_REGION_URL_MAX + 1];
        struct livekit_regions r;

        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        (void)snprintf(json, sizeof(json),
                       "{\"regions\":[1,null,{},{\"url\":5},{\"url\":\"\"},{\"url\":\"a\\u0000b\"},{\"url\":\"%sy\"},"
                       "{\"url\":\"%s\"}]}",
                       longest, longest);
        ASSERT_OK(parse(json, &r));
        ASSERT_EQ(r.n, 1);
        ASSERT_STR(r.list[0].url, longest);
        ASSERT_OK(parse("{\"regions\":[]}", &r));
        ASSERT_EQ(r.n, 0);
}

TEST(what_is_no_list_is_refused)
{
        static const char *const bad[] = { "",
                                           "[]",
                                           "{}",
                                           "{\"regions\":{}}",
                                           "{\"regions\":null}",
                                           "{\"regions\":[",
                                           "<html>",
                                           "{\"regions\":[[[[[[[[[[]]]]]]]]]]}" };
        struct livekit_regions r = { .n = 77 };
        char *big = calloc(1, LIVEKIT_REGIONS_TEXT_MAX + 1);

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ASSERT_EQ(parse(bad[i], &r), -EBADMSG);
        ASSERT(big);
        ASSERT_EQ(livekit_regions_parse(big, LIVEKIT_REGIONS_TEXT_MAX + 1, &r), -EMSGSIZE);
        ASSERT_EQ(r.n, 77);
        free(big);
}
