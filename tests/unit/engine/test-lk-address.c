/* Unit tests of engine/livekit/lk-address.c: prefixes and slashes, the query of old servers, regions in turn. */
#include <errno.h>

#include "base/cleanup.h"
#include "engine/livekit/lk-address.h"
#include "lib/test.h"

static void init(struct lk_address *a, const char *server)
{
        struct url u;

        ASSERT_OK(url_parse(server, &u));
        lk_address_init(a, &u);
}

static void expect(const struct lk_address *a, const char *url)
{
        _cleanup_free_ char *text = NULL;

        ASSERT_OK(lk_address_url(a, "/rtc/v1?join_request=A%3D", &text));
        ASSERT_STR(text, url);
}

TEST(prefixes_are_kept_and_slashes_are_one)
{
        static const struct {
                const char *server, *url;
        } cases[] = {
                { "livekit+ws://h", "ws://h/rtc/v1?join_request=A%3D" },
                { "wss://h:443/", "wss://h:443/rtc/v1?join_request=A%3D" },
                { "livekit+wss://h/prefix", "wss://h/prefix/rtc/v1?join_request=A%3D" },
                { "livekit+wss://h/a/b///", "wss://h/a/b/rtc/v1?join_request=A%3D" },
                { "livekit+wss://h//a//b", "wss://h/a/b/rtc/v1?join_request=A%3D" },
                { "livekit+ws://[::1]:7880//", "ws://[::1]:7880/rtc/v1?join_request=A%3D" },
                { "livekit+ws://h/p/?tenant=//x", "ws://h/p/rtc/v1?join_request=A%3D&tenant=//x" },
                { "livekit+ws://h/?", "ws://h/rtc/v1?join_request=A%3D" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct lk_address a;

                init(&a, cases[i].server);
                expect(&a, cases[i].url);
        }
}

TEST(long_requests_pass)
{
        _cleanup_free_ char *path = NULL, *text = NULL;
        struct lk_address a;

        init(&a, "livekit+ws://h/p");
        path = malloc(60001);
        ASSERT(path);
        memset(path, 'x', 60000);
        path[0] = '/';
        path[60000] = '\0';
        ASSERT_OK(lk_address_url(&a, path, &text));
        ASSERT_EQ(strlen(text), 60000 + strlen("ws://h/p"));
}

TEST(old_servers_are_told_in_the_query)
{
        struct lk_old_query q = { .version = "1.2-r&c=3", .protocol = 15 };
        _cleanup_free_ char *first = NULL, *again = NULL;

        ASSERT_OK(lk_address_old_path(&q, &first));
        ASSERT_STR(first, "/rtc?protocol=15&version=1.2-rc3&os=linux&auto_subscribe=0");
        q.auto_subscribe = true;
        q.resume_sid = "PA_x/y";
        q.reconnect_reason = 1;
        ASSERT_OK(lk_address_old_path(&q, &again));
        ASSERT_STR(again, "/rtc?protocol=15&version=1.2-rc3&os=linux&auto_subscribe=1&reconnect=1&sid=PA_xy"
                          "&reconnect_reason=1");
}

static void name_regions(struct lk_address *a, const char *const *urls, size_t n)
{
        Livekit__RegionInfo infos[LK_PLACES_MAX + 1], *list[LK_PLACES_MAX + 1];
        Livekit__RegionSettings regions = LIVEKIT__REGION_SETTINGS__INIT;

        for (size_t i = 0; i < n; i++) {
                livekit__region_info__init(&infos[i]);
                infos[i].url = (char *)urls[i];
                list[i] = &infos[i];
        }
        regions.n_regions = n;
        regions.regions = list;
        lk_address_regions(a, &regions);
}

TEST(regions_are_tried_in_turn_then_home)
{
        static const char *const urls[] = { "https://one.cloud",
                                            "not a place",
                                            "http://two.cloud",
                                            "ws://three.cloud",
                                            "janus+wss://four.cloud",
                                            "wss://five.cloud/x/",
                                            "" };
        struct lk_address a;

        init(&a, "livekit+wss://home/p");
        lk_address_regions(&a, NULL);
        expect(&a, "wss://home/p/rtc/v1?join_request=A%3D");
        name_regions(&a, urls, ARRAY_SIZE(urls));
        expect(&a, "wss://one.cloud/rtc/v1?join_request=A%3D");
        lk_address_failed(&a);
        expect(&a, "wss://five.cloud/x/rtc/v1?join_request=A%3D"); /* those without TLS are not gone to */
        lk_address_failed(&a);
        expect(&a, "wss://home/p/rtc/v1?join_request=A%3D");
        lk_address_failed(&a);
        expect(&a, "wss://one.cloud/rtc/v1?join_request=A%3D");
}

TEST(a_list_is_bounded_and_replaces_the_one_before)
{
        static const char *const many[] = { "ws://a", "ws://b", "ws://c", "ws://d", "ws://e",
                                            "ws://f", "ws://g", "ws://h", "ws://i" };
        struct lk_address a;

        init(&a, "livekit+ws://home");
        lk_address_failed(&a); /* nowhere else to go */
        expect(&a, "ws://home/rtc/v1?join_request=A%3D");
        name_regions(&a, many, ARRAY_SIZE(many));
        ASSERT_EQ(a.n_places, LK_PLACES_MAX);
        lk_address_alternative(&a, "");
        expect(&a, "ws://a/rtc/v1?join_request=A%3D");
        lk_address_alternative(&a, "wss://other");
        expect(&a, "wss://other/rtc/v1?join_request=A%3D");
        lk_address_failed(&a);
        expect(&a, "ws://home/rtc/v1?join_request=A%3D");
}

TEST_OOM(texts_fail_cleanly)
{
        struct lk_old_query q = { .version = "1" };
        _cleanup_free_ char *url = NULL, *path = NULL;
        struct lk_address a;
        int r;

        init(&a, "livekit+ws://h");
        r = lk_address_url(&a, "/rtc", &url);
        return r < 0 ? r : lk_address_old_path(&q, &path);
}
