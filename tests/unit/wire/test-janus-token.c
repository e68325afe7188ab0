/* test-janus-token.c - signatures against values made with the openssl command line; strictness of the pair form. */
#include "wire/janus-token.h"

#include <errno.h>

#include "base/cleanup.h"
#include "lib/test.h"

static const char app[] = "0123456789abcdef01234567";
static const char secret[] = "415b2170d2f3881ceeb836a217c5402df778f178d08eccccc2e61bd16926212e";

/* printf 'rtcroomd janus 1 APP' | openssl dgst -sha256 -hmac appkey */
TEST(secrets_are_those_an_administrator_computes)
{
        char got[JANUS_SECRET_SIZE];

        ASSERT_OK(janus_token_secret("appkey", app, got));
        ASSERT_STR(got, secret);
        ASSERT_OK(janus_token_room_secret("appkey", "0123456789abcdef01234567/room", got));
        ASSERT_STR(got, "a2521066511143e6d130eb8b23096378777a911f80503a49b73eb4d318e6d1e1");
}

TEST(secrets_differ_by_app)
{
        char a[JANUS_SECRET_SIZE], b[JANUS_SECRET_SIZE];

        ASSERT_OK(janus_token_secret("appkey", "a", a));
        ASSERT_OK(janus_token_secret("appkey", "b", b));
        ASSERT(strcmp(a, b) != 0);
}

/* printf CLAIMS | openssl dgst -sha1 -hmac SECRET -binary | base64 */
TEST(tokens_are_signed_as_janus_checks_them)
{
        _cleanup_free_ char *api = NULL, *room = NULL;

        ASSERT_OK(janus_token_sign_api(secret, 1700000000, &api));
        ASSERT_STR(api, "1700000000,janus,janus.plugin.videoroom,janus.plugin.echotest:x1oQJl/LzJPB6GJmoo5tmiX+F+8=");
        ASSERT_OK(janus_token_sign_room(secret, 1700000000, "0123456789abcdef01234567/room", &room));
        ASSERT_STR(room, "1700000000,janus.plugin.videoroom,room=0123456789abcdef01234567/room:"
                         "Y5krL7m2lszSTb1HBeOyvs9DqRo=");
}

TEST(a_room_name_cannot_end_the_descriptor)
{
        char *room = NULL;

        ASSERT_EQ(janus_token_sign_room(secret, 1, "a,room=b", &room), -EINVAL);
        ASSERT_EQ(janus_token_sign_room(secret, 1, "a:b", &room), -EINVAL);
        ASSERT(!room);
}

TEST(room_names_carry_the_app)
{
        char name[JANUS_ROOM_NAME_SIZE];

        ASSERT_OK(janus_room_name(app, "room", name));
        ASSERT_STR(name, "0123456789abcdef01234567/room");
}

/* Janus compares the first 99 characters of "room=NAME". */
TEST(long_room_names_are_hashed_within_what_janus_compares)
{
        char room_id[129], name[JANUS_ROOM_NAME_SIZE], other[JANUS_ROOM_NAME_SIZE];

        memset(room_id, '0', 128);
        room_id[128] = '\0';
        ASSERT_OK(janus_room_name(app, room_id, name));
        ASSERT_STR(name, "0123456789abcdef01234567/~5a99351fc4a58eee7058e537f0e282b93f81a1135de1e8cdfddf20fea106512e");
        room_id[127] = '1';
        ASSERT_OK(janus_room_name(app, room_id, other));
        ASSERT(strcmp(name, other) != 0);
        room_id[69] = '\0'; /* the longest that is still told in clear */
        ASSERT_OK(janus_room_name(app, room_id, name));
        ASSERT_EQ(strlen(name), 94);
        ASSERT(!strchr(name, '~'));
}

TEST(too_long_an_app_id_is_refused)
{
        char app_id[200], name[JANUS_ROOM_NAME_SIZE] = "untouched";

        memset(app_id, 'a', sizeof(app_id) - 1);
        app_id[sizeof(app_id) - 1] = '\0';
        ASSERT_EQ(janus_room_name(app_id, "room", name), -EINVAL);
        ASSERT_STR(name, "untouched");
}

TEST(pairs_are_split)
{
        _cleanup_free_ char *api = NULL, *room = NULL;

        ASSERT_OK(janus_token_parse_pair("janus:1,janus,p:c2ln|2,v,room=r:c2ln", &api, &room));
        ASSERT_STR(api, "1,janus,p:c2ln");
        ASSERT_STR(room, "2,v,room=r:c2ln");
}

TEST(what_is_no_pair_is_refused)
{
        static const char *const bad[] = { "",         "janus:",      "janus:|",     "janus:a",     "janus:a|",
                                           "janus:|b", "janus:a|b|c", "janus:a b|c", "janus:a|b\n", "Janus:a|b",
                                           "a|b",      "001abc",      "janus:a|\x80" };
        char *api = NULL, *room = NULL, *big;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ASSERT_EQ(janus_token_parse_pair(bad[i], &api, &room), -EINVAL);
        big = malloc(JANUS_TOKEN_PART_MAX + 16);
        ASSERT(big);
        memset(big, 'x', JANUS_TOKEN_PART_MAX + 16);
        memcpy(big, "janus:", 6);
        memcpy(big + 6 + JANUS_TOKEN_PART_MAX + 1, "|b", 3);
        ASSERT_EQ(janus_token_parse_pair(big, &api, &room), -EINVAL);
        free(big);
        ASSERT(!api && !room);
}

TEST_OOM(pair_and_sign)
{
        _cleanup_free_ char *api = NULL, *room = NULL, *signed_api = NULL;
        int r = janus_token_parse_pair("janus:a|b", &api, &room);

        return r < 0 ? r : janus_token_sign_api(secret, 1, &signed_api);
}

TEST(the_key_that_makes_rooms_follows_from_the_secret)
{
        char key[JANUS_SECRET_SIZE];

        /* printf 'rtcroomd create 1 ' | openssl dgst -sha256 -hmac 5ec7e7 */
        ASSERT_OK(janus_token_create_key("5ec7e7", key));
        ASSERT_STR(key, "931ddd6653cbadda9296a652e6667633e977e3dad64fa6d0bc3d35b975368988");
}
