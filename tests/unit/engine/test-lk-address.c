/* Unit tests of engine/livekit/lk-address.c: prefixes and slashes, the query of old servers, regions in turn. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
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
        lk_address_regions(a, &regions, 0);
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
        lk_address_regions(&a, NULL, 0);
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

static const struct livekit_regions two = { .n = 4,
                                            .list = { { .url = "https://p.one.livekit.cloud" },
                                                      { .url = "https://evil.example" },
                                                      { .url = "http://p.plain.livekit.cloud" },
                                                      { .url = "wss://p.two.LiveKit.RUN" } } };

static enum lk_next fail(struct lk_address *a, uint64_t now_us)
{
        lk_address_failed(a);
        return lk_address_next(a, now_us);
}

TEST(a_cloud_is_asked_once_and_every_region_tried)
{
        _cleanup_free_ char *ask = NULL;
        struct lk_address a;

        init(&a, "livekit+wss://p.livekit.cloud:444/x?y");
        ASSERT_EQ(fail(&a, 0), LK_NEXT_ASK);
        ASSERT_OK(lk_address_ask_url(&a, &ask));
        ASSERT_STR(ask, "https://p.livekit.cloud:444/settings/regions");
        lk_address_answered(&a, &two, 60, 0);
        ASSERT_EQ(lk_address_next(&a, 0), LK_NEXT_TRY);
        expect(&a, "wss://p.one.livekit.cloud/rtc/v1?join_request=A%3D");
        ASSERT_EQ(fail(&a, 99 * US_PER_SEC), LK_NEXT_TRY); /* the list grows old meanwhile: it is not asked again */
        expect(&a, "wss://p.two.LiveKit.RUN/rtc/v1?join_request=A%3D");
        ASSERT_EQ(fail(&a, 99 * US_PER_SEC), LK_NEXT_NONE);
        expect(&a, "wss://p.livekit.cloud:444/x/rtc/v1?join_request=A%3D&y");
}

TEST(a_good_list_is_kept_for_the_next_room)
{
        struct lk_address a;

        init(&a, "wss://p.livekit.cloud");
        ASSERT_EQ(fail(&a, 0), LK_NEXT_ASK);
        lk_address_answered(&a, &two, 0, 0);
        lk_address_restart(&a, 4 * US_PER_SEC);
        expect(&a, "wss://p.livekit.cloud/rtc/v1?join_request=A%3D"); /* home is first */
        ASSERT_EQ(fail(&a, 4 * US_PER_SEC), LK_NEXT_TRY);
        expect(&a, "wss://p.one.livekit.cloud/rtc/v1?join_request=A%3D");
        lk_address_restart(&a, LK_REGIONS_S * US_PER_SEC);
        ASSERT_EQ(fail(&a, LK_REGIONS_S * US_PER_SEC), LK_NEXT_ASK);
}

TEST(an_answer_that_does_not_help)
{
        struct livekit_regions nothing = { 0 },
                               strange = { .n = 1, .list = { { .url = "wss://livekit.cloud.example" } } };
        struct lk_address a;

        init(&a, "wss://p.livekit.cloud");
        ASSERT_EQ(fail(&a, 0), LK_NEXT_ASK);
        lk_address_answered(&a, &nothing, 0, 0);
        ASSERT_EQ(lk_address_next(&a, 0), LK_NEXT_NONE);
        lk_address_settled(&a);
        ASSERT_EQ(fail(&a, 0), LK_NEXT_ASK); /* the next attempt */
        lk_address_answered(&a, &strange, 0, 0);
        ASSERT_EQ(a.n_places, 0);
        ASSERT_EQ(lk_address_next(&a, 0), LK_NEXT_NONE);
}

TEST(regions_of_a_farewell_need_no_asking)
{
        static const char *const urls[] = { "https://p.one.livekit.cloud", "https://p.livekit.cloud.example" };
        struct lk_address a;

        init(&a, "wss://p.livekit.cloud");
        name_regions(&a, urls, 2);
        expect(&a, "wss://p.one.livekit.cloud/rtc/v1?join_request=A%3D");
        ASSERT_EQ(fail(&a, 0), LK_NEXT_TRY);
        expect(&a, "wss://p.livekit.cloud/rtc/v1?join_request=A%3D");
        ASSERT_EQ(fail(&a, 0), LK_NEXT_NONE);
}

TEST(nobody_else_is_asked)
{
        static const char *const others[] = { "wss://home", "ws://p.livekit.cloud", "wss://livekit.cloud",
                                              "wss://p.livekit.cloud.example", "wss://notlivekit.cloud" };

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                struct lk_address a;

                init(&a, others[i]);
                ASSERT_EQ(fail(&a, 0), LK_NEXT_NONE);
        }
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
