/* test-lk-room.c - what a LiveKit server says of those in the room: their connections, what they may, and that the
 * room is another by now. */
#include "fakes/lk-rig.h"

static int connection(struct rig *r, const char *sid, Livekit__ConnectionQuality quality)
{
        Livekit__ConnectionQualityUpdate m = LIVEKIT__CONNECTION_QUALITY_UPDATE__INIT;
        Livekit__ConnectionQualityInfo info = LIVEKIT__CONNECTION_QUALITY_INFO__INIT, *list[] = { &info };

        info.participant_sid = (char *)sid;
        info.has_quality = quality != LIVEKIT__CONNECTION_QUALITY__POOR; /* as proto3 has it */
        info.quality = quality;
        m.updates = list;
        m.n_updates = 1;
        return SAY(r, CONNECTION_QUALITY, &m);
}

TEST(connections_are_told_of_when_they_change)
{
        struct somebody alice;
        _rig_ r;

        be_joined(&r);
        hear_alice(&r);
        ASSERT_OK(connection(&r, "PA_a", LIVEKIT__CONNECTION_QUALITY__EXCELLENT));
        expect(&r, "[updated alice 1>1 excellent] ");
        ASSERT_OK(connection(&r, "PA_a", LIVEKIT__CONNECTION_QUALITY__EXCELLENT));
        expect(&r, "");
        ASSERT_OK(connection(&r, "PA_a", LIVEKIT__CONNECTION_QUALITY__POOR));
        expect(&r, "[updated alice 1>1 poor] ");
        ASSERT_OK(connection(&r, "PA_nobody", LIVEKIT__CONNECTION_QUALITY__LOST));
        ASSERT_OK(connection(&r, NULL, LIVEKIT__CONNECTION_QUALITY__LOST));
        expect(&r, "");
        somebody(&alice, "alice", "PA_a", "TR_a")->track.muted = true;
        ASSERT_OK(update(&r, &alice));
        expect(&r, "[updated alice 1>1 muted poor] "); /* it is kept */
        ASSERT_OK(connection(&r, "PA_a", (Livekit__ConnectionQuality)77));
        expect(&r, "[updated alice 1>1 muted] ");
        ASSERT_OK(connection(&r, "PA_a", LIVEKIT__CONNECTION_QUALITY__LOST));
        expect(&r, "[updated alice 1>1 muted lost] ");
        ASSERT_OK(update(&r, somebody(&alice, "alice", "PA_again", "")));
        expect(&r, "[unbind 1] [updated alice 0>0] "); /* another session: nothing is known of it */
}

TEST(our_own_connection_is_told_of_by_itself)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(connection(&r, "PA_me", LIVEKIT__CONNECTION_QUALITY__GOOD));
        expect(&r, "[updated me 0>0 good] ");
        ASSERT_OK(connection(&r, "PA_me", LIVEKIT__CONNECTION_QUALITY__GOOD));
        expect(&r, "");
}

static int permit(struct rig *r, bool on)
{
        Livekit__ParticipantPermission p = LIVEKIT__PARTICIPANT_PERMISSION__INIT;
        struct somebody me;

        p.can_publish = on;
        somebody(&me, "me", "PA_me", on ? "TR_me" : "")->info.permission = &p;
        return update(r, &me);
}

TEST(a_permission_that_comes_back_opens_nothing_by_itself)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(permit(&r, true));
        expect(&r, "");
        ASSERT_OK(permit(&r, false));
        expect(&r, "[create-offer 3] [withdrawn] ");
        ASSERT_OK(permit(&r, false));
        expect(&r, "");
        ASSERT_OK(permit(&r, true));
        expect(&r, "[permitted] ");
        ASSERT_OK(permit(&r, true));
        expect(&r, "");
}

TEST(who_published_nothing_is_not_told_of_permissions)
{
        struct lk_join j = usual();
        _rig_ r;

        j.auto_publish = false;
        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join_as(&r, &j));
        ASSERT_OK(described(&r));
        ASSERT_OK(welcome(&r, NULL));
        r.trace[0] = '\0';
        ASSERT_OK(permit(&r, false));
        ASSERT_OK(permit(&r, true));
        expect(&r, "");
}

TEST(a_room_we_were_moved_to_has_other_rules)
{
        Livekit__ParticipantPermission may_not = LIVEKIT__PARTICIPANT_PERMISSION__INIT;
        Livekit__RoomMovedResponse m = LIVEKIT__ROOM_MOVED_RESPONSE__INIT;
        struct somebody me;
        _rig_ r;

        be_joined(&r);
        somebody(&me, "me", "PA_there", "")->info.permission = &may_not;
        me.info.name = (char *)"Me, there";
        m.participant = &me.info;
        ASSERT_OK(SAY(&r, ROOM_MOVED, &m));
        expect(&r, "[create-offer 3] [withdrawn] [updated me 0>0] ");
        ASSERT_OK(connection(&r, "PA_there", LIVEKIT__CONNECTION_QUALITY__GOOD));
        expect(&r, "[updated me 0>0 good] ");
}
