/* Unit tests of engine/livekit/lk-profile.c: what goes in comes out, and what is too much does not go in. */
#include <errno.h>

#include "engine/livekit/lk-profile.h"
#include "lib/test.h"

static Livekit__Entry entries[LK_ATTRIBUTES_MAX + 1], *list[LK_ATTRIBUTES_MAX + 1];

static Livekit__ParticipantInfo info(const char *name, const char *metadata, size_t n)
{
        Livekit__ParticipantInfo p = LIVEKIT__PARTICIPANT_INFO__INIT;

        for (size_t i = 0; i < n; i++) {
                livekit__entry__init(&entries[i]);
                entries[i].key = (char *)"key";
                entries[i].value = i == 0 ? NULL : (char *)"value";
                list[i] = &entries[i];
        }
        p.name = (char *)name;
        p.metadata = (char *)metadata;
        p.n_attributes = n;
        p.attributes = list;
        return p;
}

static void unpack(const struct lk_profile *p, struct engine_participant *ret)
{
        static struct engine_attribute attributes[LK_ATTRIBUTES_MAX];

        *ret = (struct engine_participant){ 0 };
        lk_profile_unpack(p, ret, attributes);
}

TEST(what_goes_in_comes_out)
{
        Livekit__ParticipantInfo p = info("Ann", NULL, 2), nothing = info("", NULL, 0);
        struct lk_profile packed, copy, empty;
        struct engine_participant out;

        ASSERT_OK(lk_profile_pack(&p, &packed));
        ASSERT_OK(lk_profile_copy(&packed, &copy));
        ASSERT(lk_profile_equal(&packed, &copy));
        unpack(&copy, &out);
        ASSERT_STR(out.name, "Ann");
        ASSERT_STR(out.metadata, "");
        ASSERT_EQ(out.n_attributes, 2);
        ASSERT_STR(out.attributes[0].key, "key");
        ASSERT_STR(out.attributes[0].value, "");
        ASSERT_STR(out.attributes[1].value, "value");
        ASSERT_OK(lk_profile_pack(&nothing, &empty));
        ASSERT(!empty.bytes && !lk_profile_equal(&packed, &empty));
        unpack(&empty, &out);
        ASSERT(!out.name && out.n_attributes == 0);
        lk_profile_done(&packed);
        lk_profile_done(&copy);
}

TEST(too_much_is_left_out)
{
        static char text[LK_PROFILE_MAX];
        Livekit__ParticipantInfo many = info("Ann", "{}", LK_ATTRIBUTES_MAX + 1), p;
        struct engine_participant out;
        struct lk_profile packed;

        ASSERT_OK(lk_profile_pack(&many, &packed));
        unpack(&packed, &out);
        ASSERT_STR(out.metadata, "{}");
        ASSERT_EQ(out.n_attributes, 0);
        lk_profile_done(&packed);
        memset(text, 'x', sizeof(text) - 1);
        p = info("Ann", text, 1);
        ASSERT_OK(lk_profile_pack(&p, &packed));
        unpack(&packed, &out);
        ASSERT_STR(out.name, "Ann");
        ASSERT_STR(out.metadata, "");
        lk_profile_done(&packed);
}

TEST_OOM(packing_fails_cleanly)
{
        Livekit__ParticipantInfo p = info("Ann", "{}", 1);
        struct lk_profile packed = { 0 }, copy = { 0 };
        int r = lk_profile_pack(&p, &packed);

        if (r >= 0)
                r = lk_profile_copy(&packed, &copy);
        lk_profile_done(&packed);
        lk_profile_done(&copy);
        return r;
}
