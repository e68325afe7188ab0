/* Component tests of app/: a join with a key, and what is told of people whose sound is not encrypted as it should be.
 */
#include "fakes/app-rig.h"
#include "lib/test.h"

static struct context *joined_with_key(struct rig *rig)
{
        struct context *c = rig_context(rig, 1);
        _cleanup_free_ char *token = rig_token("room", "me", 0);
        struct options *o;

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_string(o, "roomId", "room"));
        ASSERT_OK(options_add_string(o, "userId", "me"));
        ASSERT_OK(options_add_string(o, "token", token));
        ASSERT_OK(options_add_string(o, "e2eeKey", "secret"));
        ASSERT_GT(rig_call(rig, c, 1, API_JOIN, o), 0);
        rig_turn(rig);
        rig_turn(rig);
        ASSERT(strstr(rig_take(rig), "joinRtcRoom:ok"));
        return c;
}

static void sounds(struct rig *rig, enum engine_change change, uint32_t subscribed, enum e2ee_state encryption)
{
        ASSERT_OK(fake_participant(&rig->script, change,
                                   &(struct engine_participant){ .user_id = "alice",
                                                                 .published = ENGINE_AUDIO,
                                                                 .subscribed = subscribed,
                                                                 .encryption = encryption }));
        rig_turn(rig);
        rig_turn(rig);
}

static const char *encryption_of(struct context *c, const char *user)
{
        struct participant_view v;

        participant_get(rig_find(c, user), &v);
        return v.encryption;
}

TEST(the_engine_gets_keys_only_for_a_key)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make(), *plain = rig_make();
        struct context *c = joined_with_key(rig), *without = rig_joined(plain, false);

        ASSERT(rig->script.encrypted);
        ASSERT_STR(encryption_of(c, "me"), "ok");
        ASSERT(!plain->script.encrypted);
        ASSERT_STR(encryption_of(without, "me"), "none");
}

TEST(trouble_is_told_with_whom_and_so_is_its_end)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = joined_with_key(rig);

        sounds(rig, ENGINE_PARTICIPANT_JOINED, ENGINE_AUDIO, E2EE_NONE);
        sounds(rig, ENGINE_PARTICIPANT_UPDATED, ENGINE_AUDIO, E2EE_OK);
        ASSERT(!strstr(rig_take(rig), "state"));
        ASSERT_STR(encryption_of(c, "alice"), "ok");
        (void)rig_take(rig);
        sounds(rig, ENGINE_PARTICIPANT_UPDATED, ENGINE_AUDIO, E2EE_WRONG_KEY);
        ASSERT_EQ(rig->participant_properties, PARTICIPANT_ENCRYPTION);
        ASSERT_STR(rig_take(rig), "state 1 21109 wrong key of alice\n");
        sounds(rig, ENGINE_PARTICIPANT_UPDATED, ENGINE_AUDIO, E2EE_CLEAR);
        ASSERT_STR(rig_take(rig), "state 1 21109 not encrypted of alice\n");
        sounds(rig, ENGINE_PARTICIPANT_UPDATED, ENGINE_AUDIO, E2EE_OK);
        ASSERT_STR(rig_take(rig), "state 1 0 decrypted of alice\n");
}

TEST(who_is_in_trouble_when_announced_is_told_of)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, false);

        sounds(rig, ENGINE_PARTICIPANT_JOINED, ENGINE_AUDIO, E2EE_NO_KEY);
        ASSERT(strstr(rig_take(rig), "state 1 21109 no key of alice\n"));
        ASSERT_STR(encryption_of(c, "alice"), "no key");
}

TEST(who_is_no_longer_received_is_not_better)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = joined_with_key(rig);

        sounds(rig, ENGINE_PARTICIPANT_JOINED, ENGINE_AUDIO, E2EE_WRONG_KEY);
        (void)rig_take(rig);
        sounds(rig, ENGINE_PARTICIPANT_UPDATED, 0, E2EE_NONE);
        ASSERT(!strstr(rig_take(rig), "state"));
        ASSERT_STR(encryption_of(c, "alice"), "none");
}
