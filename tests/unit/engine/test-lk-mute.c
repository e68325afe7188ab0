/* test-lk-mute.c - what the others see of our microphone on a LiveKit server: muted by us, by the server, or taken
 * away. */
#include <errno.h>

#include "base/clock.h"
#include "fakes/lk-rig.h"

static int mute(struct rig *r, bool on)
{
        return step(r, &(struct lk_event){ .kind = LK_EV_MUTED, .on = on });
}

static int muted_from_afar(struct rig *r, const char *sid, bool on)
{
        Livekit__MuteTrackRequest m = LIVEKIT__MUTE_TRACK_REQUEST__INIT;

        m.sid = (char *)sid;
        m.has_muted = true;
        m.muted = on;
        return SAY(r, MUTE, &m);
}

TEST(a_mute_is_told_once)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(mute(&r, false));
        expect(&r, "");
        ASSERT_OK(mute(&r, true));
        expect(&r, "mute TR_me 1; ");
        ASSERT_OK(mute(&r, true));
        expect(&r, "");
        ASSERT_OK(mute(&r, false));
        expect(&r, "mute TR_me 0; ");
}

TEST(a_track_begins_as_muted_as_we_are)
{
        struct lk_join j = usual();
        _rig_ r;

        j.muted = true;
        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join_as(&r, &j));
        ASSERT_OK(described(&r));
        ASSERT_OK(welcome(&r, NULL));
        ASSERT_OK(mute(&r, false)); /* there is no track yet to say it of */
        ASSERT(!strstr(r.trace, "mute "));
        r.trace[0] = '\0';
        ASSERT_OK(published(&r, "audio-1", "TR_me"));
        expect(&r, "mute TR_me 0; ");
}

TEST(a_server_mutes_and_never_opens)
{
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(muted_from_afar(&r, "TR_other", true));
        ASSERT_OK(muted_from_afar(&r, NULL, true));
        ASSERT_OK(muted_from_afar(&r, "TR_me", false));
        expect(&r, "");
        ASSERT_OK(muted_from_afar(&r, "TR_me", true));
        expect(&r, "[muted] ");
        ASSERT_OK(mute(&r, true)); /* what the app makes of it */
        expect(&r, "");
        ASSERT_OK(muted_from_afar(&r, "TR_me", false));
        expect(&r, "");
        ASSERT_OK(mute(&r, false));
        expect(&r, "mute TR_me 0; ");
}

TEST(what_may_have_been_lost_is_said_again)
{
        Livekit__ReconnectResponse again = LIVEKIT__RECONNECT_RESPONSE__INIT;
        _rig_ r;

        be_joined(&r);
        ASSERT_OK(mute(&r, true));
        ASSERT_OK(closed(&r, -ECONNRESET, 0, "reset"));
        ASSERT_OK(mute(&r, false));
        ASSERT_OK(mute(&r, true));
        ASSERT_OK(deadline(&r));
        ASSERT_OK(step(&r, &(struct lk_event){ .kind = LK_EV_OPENED }));
        ASSERT_OK(SAY(&r, RECONNECT, &again));
        ASSERT_OK(described(&r));
        ASSERT_OK(answer(&r, r.offers, NULL, NULL));
        r.trace[0] = '\0';
        ASSERT_OK(peer_is(&r, PEER_STATE_CONNECTED));
        expect(&r, "[state joined ok] mute TR_me 1; ");
}
