/* test-engine-presence.c - the janus backend and who is in a room: two with one id, being thrown out, being there
 * unseen. */
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

/* ---- being there unseen ---- */

static const char alice[] = "{\"id\":\"alice\",\"publisher\":true}";
static const char alice_and_bob[] = "{\"id\":\"alice\",\"publisher\":true},{\"id\":\"bob\",\"publisher\":false}";

static void listen_to(struct bed *b, const char *present)
{
        strcpy(b->janus.present, present);
        b->params.visible = false;
        join(b);
}

static void second(struct bed *b)
{
        vloop_run_for(b->loop, US_PER_SEC);
}

static void set_visible(struct bed *b, uint32_t op, bool visible)
{
        ASSERT_OK(b->engine->ops->set_visible(b->engine, op, visible));
}

TEST(who_is_not_to_be_seen_does_not_join)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, alice_and_bob);
        recorder_expect(&b.rec, "done 1 ok; joined alice audio; joined bob; updated alice audio>audio; ");
        fake_janus_expect(&b.janus, "create attach attach create allowed listparticipants join start ");
        fake_rtc_expect(&b.rtc, "open 1; remote-offer 1; bind 1 0 alice; "); /* nothing is offered */
}

TEST(the_list_tells_who_comes_and_goes)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, "");
        recorder_expect(&b.rec, "done 1 ok; ");
        strcpy(b.janus.present, alice_and_bob);
        second(&b);
        recorder_expect(&b.rec, "joined alice audio; joined bob; updated alice audio>audio; ");
        strcpy(b.janus.present, "{\"id\":\"alice\",\"publisher\":false},{\"id\":\"me\",\"publisher\":true}");
        second(&b);
        recorder_expect(&b.rec, "updated alice; left bob; "); /* another of our name is not told of */
        fake_rtc_expect(&b.rtc, "open 1; remote-offer 1; bind 1 0 alice; unbind 1 0; ");
}

TEST(a_stream_that_came_anew_between_two_looks_is_found)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, alice);
        fake_janus_expect(&b.janus, "create attach attach create allowed listparticipants join start ");
        second(&b);
        fake_janus_expect(&b.janus, "listparticipants update "); /* nothing is missing: no offer */
        fake_janus_stream_ends(&b.janus, "alice");
        second(&b);
        fake_janus_expect(&b.janus, "listparticipants update start ");
        fake_rtc_expect(&b.rtc, "open 1; remote-offer 1; bind 1 0 alice; remote-offer 1; ");
}

TEST(a_stream_of_another_name_is_found)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, alice);
        second(&b);
        ASSERT_STR(b.janus.target_mid, "0");
        b.janus.refuse = "update";
        b.janus.refuse_code = 428;
        second(&b);
        second(&b);
        ASSERT_STR(b.janus.target_mid, ""); /* as a whole */
        recorder_clear(&b.rec);
        second(&b);
        ASSERT_STR(b.janus.target_mid, "");
        recorder_expect(&b.rec, "");
}

TEST(pictures_are_given_back)
{
        _bed_ b;

        bed_init(&b);
        b.janus.film = "alice";
        listen_to(&b, alice);
        fake_janus_expect(&b.janus, "create attach attach create allowed listparticipants join start update start ");
        ASSERT_STR(b.janus.streams[0].feed, "alice");
        ASSERT_STR(b.janus.streams[1].feed, "");
        second(&b); /* asked for by name from now on */
        ASSERT_STR(b.janus.streams[1].feed, "");
        recorder_expect(&b.rec, "done 1 ok; joined alice audio; updated alice audio>audio; ");
}

TEST(who_publishes_pictures_only_is_silent)
{
        _bed_ b;

        bed_init(&b);
        b.janus.picture = "alice";
        listen_to(&b, alice);
        recorder_expect(&b.rec, "done 1 ok; joined alice audio; updated alice; ");
        fake_janus_expect(&b.janus, "create attach attach create allowed listparticipants join start update start ");
        second(&b);
        fake_janus_expect(&b.janus, "listparticipants ");
        recorder_expect(&b.rec, "");
}

TEST(the_unseen_are_told_when_the_room_is_gone)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, alice);
        recorder_clear(&b.rec);
        b.janus.refuse = "listparticipants";
        b.janus.refuse_code = 426;
        second(&b);
        recorder_expect(&b.rec, "state idle room dismissed; ");
        b.janus.refuse = "listparticipants";
        b.janus.refuse_code = 426;
        join(&b);
        recorder_expect(&b.rec, "done 1 ok; joined alice audio; updated alice audio>audio; "); /* made anew */
        b.janus.refuse = "listparticipants";
        b.janus.refuse_code = 403;
        second(&b);
        recorder_expect(&b.rec, "state idle invalid token; ");
}

TEST(the_unseen_leave_without_a_word)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, alice);
        recorder_clear(&b.rec);
        fake_janus_expect(&b.janus, "create attach attach create allowed listparticipants join start ");
        ASSERT_OK(b.engine->ops->leave(b.engine, 2));
        pass(&b);
        recorder_expect(&b.rec, "done 2 ok; ");
        fake_janus_expect(&b.janus, "listparticipants allowed destroy ");
        ASSERT(!b.janus.marked);
}

TEST(who_is_not_seen_cannot_publish)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, "");
        ASSERT_OK(b.engine->ops->publish(b.engine, 2, ENGINE_AUDIO, true));
        ASSERT_OK(b.engine->ops->publish(b.engine, 3, ENGINE_AUDIO, false));
        pass(&b);
        recorder_expect(&b.rec, "done 1 ok; done 2 not supported; done 3 ok; ");
        fake_rtc_expect(&b.rtc, "");
}

TEST(becoming_visible_is_joining)
{
        _bed_ b;

        bed_init(&b);
        b.janus.attendee = true; /* alice and "quiet", with all there is to know of them */
        listen_to(&b, alice_and_bob);
        recorder_clear(&b.rec);
        fake_janus_expect(&b.janus, "create attach attach create allowed listparticipants join start ");
        set_visible(&b, 2, true);
        ASSERT_OK(b.engine->ops->publish(b.engine, 3, ENGINE_AUDIO, true)); /* waits for its turn */
        pass(&b);
        recorder_expect(&b.rec, "joined quiet; left bob; done 2 ok; done 3 ok; "); /* alice is heard without a break */
        vloop_run_for(b.loop, 4 * US_PER_SEC);
        fake_janus_expect(&b.janus, "join allowed publish "); /* no list any more */
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"leaving\":\"quiet\"");
        pass(&b);
        recorder_expect(&b.rec, "left quiet; ");
}

TEST(becoming_invisible_is_leaving)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        fake_janus_enters(&b.janus, "alice");
        pass(&b);
        fake_rtc_expect(&b.rtc, "open 2; remote-offer 2; bind 2 0 alice; ");
        fake_janus_expect(&b.janus, "join start ");
        recorder_clear(&b.rec);
        strcpy(b.janus.present, alice);
        set_visible(&b, 2, false);
        pass(&b);
        recorder_expect(&b.rec, "done 2 ok; ");
        fake_rtc_expect(&b.rtc, "close 1; "); /* alice is heard without a break */
        fake_janus_expect(&b.janus, "detach attach allowed listparticipants update ");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"leaving\":\"alice\""); /* of a handle that is gone */
        second(&b);
        recorder_expect(&b.rec, "");
        set_visible(&b, 3, false);
        set_visible(&b, 4, true);
        set_visible(&b, 5, false);
        set_visible(&b, 6, true);
        pass(&b);
        ASSERT(strstr(b.rec.text, "done 3 ok; "));
        ASSERT(strstr(b.rec.text, "done 6 ok; "));
}

TEST(becoming_visible_may_fail)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, "");
        recorder_clear(&b.rec);
        b.janus.refuse = "join";
        b.janus.refuse_code = 432;
        set_visible(&b, 2, true);
        pass(&b);
        recorder_expect(&b.rec, "done 2 room full; ");
        strcpy(b.janus.present, alice);
        second(&b);
        recorder_expect(&b.rec, "joined alice audio; updated alice audio>audio; "); /* listening goes on */
        b.janus.refuse = "join";
        b.janus.refuse_code = 426;
        set_visible(&b, 3, true);
        pass(&b);
        recorder_expect(&b.rec, "done 3 room dismissed; state idle room dismissed; ");
}

TEST(becoming_visible_takes_the_id)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, another_me);
        recorder_expect(&b.rec, "done 1 ok; ");
        b.janus.taken = true;
        set_visible(&b, 2, true);
        pass(&b);
        recorder_expect(&b.rec, "done 2 ok; ");
        fake_janus_expect(&b.janus, "create attach attach create allowed listparticipants join kick join allowed ");
        set_visible(&b, 3, false);
        pass(&b);
        b.janus.taken = true;
        b.janus.refuse = "kick";
        b.janus.refuse_code = 433;
        set_visible(&b, 4, true);
        pass(&b);
        recorder_expect(&b.rec, "done 3 ok; done 4 server error 436; ");
}

TEST(leaving_while_visibility_changes)
{
        for (int visible = 0; visible < 2; visible++) {
                _bed_ b;

                bed_init(&b);
                b.params.visible = !visible;
                join(&b);
                recorder_expect(&b.rec, "done 1 ok; ");
                b.janus.silent_on = visible ? "join" : "attach";
                set_visible(&b, 2, visible);
                pass(&b);
                ASSERT_OK(b.engine->ops->leave(b.engine, 3));
                vloop_run_for(b.loop, 2 * US_PER_SEC);
                recorder_expect(&b.rec, "done 2 cancelled; done 3 ok; ");
        }
}

TEST(more_than_one_request_can_name_take_turns)
{
        char *at;
        _bed_ b;

        bed_init(&b);
        at = b.janus.present;
        for (int i = 0; i < 40; i++)
                at += sprintf(at, "%s{\"id\":\"u%d\",\"publisher\":true}", i ? "," : "", i);
        b.params.visible = false;
        join(&b);
        second(&b);
        ASSERT_EQ(b.janus.n_streams, 40);
        fake_janus_stream_ends(&b.janus, "u35");
        fake_janus_stream_ends(&b.janus, "u3");
        second(&b);
        second(&b);
        second(&b);
        for (int i = 0; i < 40; i++)
                ASSERT(b.janus.streams[i].feed[0]);
}

/* ---- the room of those who listen ---- */

TEST(the_last_member_leaves_the_room_to_who_listens)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        b.janus.listener = true;
        ASSERT_OK(b.engine->ops->leave(b.engine, 2));
        pass(&b);
        recorder_expect(&b.rec, "done 2 ok; ");
        fake_janus_expect(&b.janus, "leave listparticipants allowed destroy "); /* the session only */
}

TEST(the_last_listener_destroys_the_room)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, "");
        ASSERT(b.janus.marked);
        fake_janus_expect(&b.janus, "create attach attach create allowed listparticipants ");
        ASSERT_OK(b.engine->ops->leave(b.engine, 2));
        pass(&b);
        recorder_expect(&b.rec, "done 1 ok; done 2 ok; ");
        fake_janus_expect(&b.janus, "listparticipants allowed destroy destroy ");
        ASSERT(!b.janus.marked);
}

TEST(a_room_that_does_not_know_our_secret_is_let_be)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        b.janus.refuse = "allowed";
        b.janus.refuse_code = 433;
        ASSERT_OK(b.engine->ops->leave(b.engine, 2));
        pass(&b);
        recorder_expect(&b.rec, "done 2 ok; ");
        fake_janus_expect(&b.janus, "leave listparticipants allowed destroy ");
}

TEST(a_mark_that_overtook_the_room_is_left_again)
{
        _bed_ b;

        bed_init(&b);
        b.janus.refuse = "allowed";
        b.janus.refuse_code = 426;
        listen_to(&b, "");
        recorder_expect(&b.rec, "done 1 ok; ");
        fake_janus_expect(&b.janus,
                          "create attach attach create allowed detach attach create allowed listparticipants ");
        ASSERT(b.janus.marked);
}

TEST(where_nobody_may_leave_marks_one_listens_without)
{
        _bed_ b;

        bed_init(&b);
        b.janus.refuse = "allowed";
        b.janus.refuse_code = 433;
        listen_to(&b, "");
        recorder_expect(&b.rec, "done 1 ok; ");
        ASSERT(!b.janus.marked);
}

TEST(who_hides_is_hidden_when_the_mark_is_left)
{
        _bed_ b;

        bed_init(&b);
        b.params.visible = true;
        join(&b);
        recorder_clear(&b.rec);
        b.janus.silent_on = "allowed";
        set_visible(&b, 2, false);
        pass(&b);
        recorder_expect(&b.rec, "");
        b.engine->ops->free(b.engine);
        b.engine = NULL;
        pass(&b);
}

TEST(marks_go_with_visibility)
{
        _bed_ b;

        bed_init(&b);
        listen_to(&b, "");
        ASSERT(b.janus.marked);
        set_visible(&b, 2, true);
        pass(&b);
        ASSERT(!b.janus.marked);
        set_visible(&b, 3, false);
        pass(&b);
        ASSERT(b.janus.marked);
        recorder_expect(&b.rec, "done 1 ok; done 2 ok; done 3 ok; ");
        b.engine->ops->free(b.engine);
        b.engine = NULL;
        pass(&b);
        ASSERT(!b.janus.marked);
}

/* ---- and when the connection is lost ---- */

TEST(the_unseen_come_back_unseen)
{
        _bed_ b;

        bed_init(&b);
        b.params.reconnect_s = 60;
        listen_to(&b, alice);
        recorder_clear(&b.rec);
        fake_janus_expect(&b.janus, "create attach attach create allowed listparticipants join start ");
        fake_sigconn_drop(b.janus.conn, -ECONNRESET, 0, "reset");
        pass(&b);
        recorder_expect(&b.rec, "state reconnecting server gone; state joined ok; ");
        fake_janus_expect(&b.janus, "claim destroy create attach attach create allowed listparticipants join start ");
        vloop_run_for(b.loop, 20 * US_PER_SEC);
        recorder_expect(&b.rec, ""); /* alice was never away */
}

TEST(visibility_that_is_asked_for_meanwhile_holds_when_back)
{
        _bed_ b;

        bed_init(&b);
        b.params.reconnect_s = 60;
        join_well(&b);
        fake_sigconn_refuse_opens(b.janus.conn, -ECONNREFUSED);
        fake_sigconn_drop(b.janus.conn, -ECONNRESET, 0, "reset");
        pass(&b);
        set_visible(&b, 2, false);
        ASSERT_OK(b.engine->ops->publish(b.engine, 3, ENGINE_AUDIO, true));
        pass(&b);
        recorder_expect(&b.rec, "state reconnecting server gone; done 2 ok; done 3 not supported; ");
        fake_sigconn_refuse_opens(b.janus.conn, 0);
        vloop_run_for(b.loop, 400 * US_PER_MS);
        recorder_expect(&b.rec, "state joined ok; ");
        fake_janus_expect(&b.janus, "claim destroy create attach attach create allowed listparticipants ");
        fake_rtc_expect(&b.rtc, "close 1; ");
}

/* ---- two streams of one name ---- */

TEST(the_stream_of_who_was_thrown_out_is_not_taken_for_the_new_one)
{
        _bed_ b;

        bed_init(&b);
        join_well(&b);
        fake_janus_enters(&b.janus, "alice");
        pass(&b);
        recorder_clear(&b.rec);
        fake_janus_expect(&b.janus, "join start ");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"kicked\":\"alice\""); /* her stream is not yet taken down */
        fake_janus_enters(&b.janus, "alice");
        pass(&b);
        recorder_expect(&b.rec, "left alice; joined alice audio; updated alice audio>audio; ");
        fake_janus_expect(&b.janus, "update start "); /* with which the old one is given up */
        fake_rtc_expect(&b.rtc,
                        "open 2; remote-offer 2; bind 2 0 alice; unbind 2 0; remote-offer 2; bind 2 0 alice; ");
}
