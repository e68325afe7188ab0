/* test-engine-presence.c - the janus backend and who may be in a room: two with one id, being thrown out. */
#include <errno.h>

#include "base/clock.h"
#include "fakes/janus-bed.h"

static const char kicked[] = "\"leaving\":\"ok\",\"reason\":\"kicked\"";
static const char another_me[] = "{\"id\":\"me\",\"publisher\":true}";

/* ---- throwing out ---- */

TEST(who_has_our_id_is_thrown_out)
{
        _bed_ b;

        bed_init(&b);
        b.janus.taken = true;
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; ");
        fake_janus_expect(&b.janus,
                          "create attach attach create joinandconfigure kick detach attach create joinandconfigure ");
        fake_rtc_expect(&b.rtc, "open 1; capture 1; offer 1; answer 1; ");
}

TEST(a_kick_that_is_refused_fails_the_join)
{
        _bed_ b;

        bed_init(&b);
        b.janus.taken = true;
        b.janus.refuse = "kick";
        b.janus.refuse_code = 433;
        join(&b);
        recorder_expect(&b.rec, "done 1 server error 436; ");
        ASSERT(!fake_sigconn_is_open(b.janus.conn));
}

TEST(who_went_by_himself_need_not_be_thrown_out)
{
        _bed_ b;

        bed_init(&b);
        b.janus.taken = true;
        b.janus.refuse = "kick";
        b.janus.refuse_code = 428;
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; ");
}

TEST(somebody_who_always_comes_back_is_let_be)
{
        _bed_ b;

        bed_init(&b);
        b.janus.taken = b.janus.stubborn = true;
        join(&b);
        vloop_run_for(b.loop, US_PER_SEC);
        recorder_expect(&b.rec, "done 1 server error 436; ");
}

/* ---- being thrown out ---- */

TEST(who_is_there_with_our_id_is_a_duplicate_login)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        strcpy(b.janus.present, another_me);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, kicked);
        pass(&b);
        recorder_expect(&b.rec, "state idle duplicate login; ");
        fake_rtc_expect(&b.rtc, "close 1; ");
        vloop_run_for(b.loop, 60 * US_PER_SEC);
        recorder_expect(&b.rec, "");
        fake_janus_expect(&b.janus, "listparticipants destroy "); /* the session; the room is another's */
}

TEST(he_may_take_a_moment_to_come)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, kicked);
        vloop_run_for(b.loop, 500 * US_PER_MS);
        recorder_expect(&b.rec, "");
        fake_rtc_expect(&b.rtc, "close 1; "); /* nothing is sent or heard any more */
        strcpy(b.janus.present, another_me);
        vloop_run_for(b.loop, 200 * US_PER_MS);
        recorder_expect(&b.rec, "state idle duplicate login; ");
}

TEST(nobody_there_was_an_administrator)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        strcpy(b.janus.present, "{\"id\":\"alice\",\"publisher\":true}");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, kicked);
        vloop_run_for(b.loop, 900 * US_PER_MS);
        recorder_expect(&b.rec, "");
        vloop_run_for(b.loop, 200 * US_PER_MS);
        recorder_expect(&b.rec, "state idle kicked; ");
}

/* Whatever comes while we look for the reason, we were thrown out. */
TEST(the_reason_is_not_found)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        b.janus.silent = true;
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, kicked);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, kicked);
        vloop_run_for(b.loop, 1100 * US_PER_MS);
        recorder_expect(&b.rec, "state idle kicked; ");
        b.janus.silent = false;
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; ");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, kicked);
        fake_sigconn_drop(b.janus.conn, -ECONNRESET, 0, "reset");
        pass(&b);
        recorder_expect(&b.rec, "state idle kicked; ");
}

TEST(leaving_after_being_thrown_out)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, kicked);
        pass(&b);
        ASSERT_OK(b.engine->ops->publish(b.engine, 2, ENGINE_AUDIO, false));
        ASSERT_OK(b.engine->ops->subscribe(b.engine, 3, "alice", ENGINE_AUDIO, true));
        ASSERT_OK(b.engine->ops->leave(b.engine, 4));
        pass(&b);
        recorder_expect(&b.rec, "done 3 ok; done 2 cancelled; done 4 ok; ");
}

TEST(thrown_out_before_the_join_is_done)
{
        _bed_ b;

        bed_init(&b);
        b.rtc.never_connects = true; /* the publisher's transport does not come up */
        join(&b);
        recorder_expect(&b.rec, "");
        strcpy(b.janus.present, another_me);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, kicked);
        pass(&b);
        recorder_expect(&b.rec, "done 1 duplicate login; ");
}
