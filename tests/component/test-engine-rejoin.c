/* test-engine-rejoin.c - the janus backend when the connection is lost: every kind of loss, in a room and on the way
 * back to it; what is kept, who is told to have left, and what ends the room for good. */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fakes/janus-bed.h"

#define GREETING "claim destroy create attach attach create joinandconfigure "

static void run_ms(struct bed *b, unsigned ms)
{
        vloop_run_for(b->loop, ms * US_PER_MS);
}

/* Joins; what that took is forgotten. */
static void be_in(struct bed *b)
{
        join(b);
        ASSERT(recorder_has(&b->rec, "done 1 ok; "));
        recorder_clear(&b->rec);
        b->janus.heard[0] = b->rtc.trace[0] = '\0';
}

static void set_out(struct bed *b)
{
        bed_init(b);
        b->params.reconnect_s = 300;
        b->janus.attendee = true; /* alice publishes, quiet listens */
}

/* ---- kinds of loss ---- */

static void drop(struct bed *b)
{
        fake_sigconn_drop(b->janus.conn, -ECONNRESET, 0, "reset");
}

static void fall_silent(struct bed *b)
{
        b->janus.silent = true;
        run_ms(b, 11900); /* the keepalive of 5 s has 7 s */
        recorder_expect(&b->rec, "");
        b->janus.silent = false;
        run_ms(b, 100);
}

static void forget_session(struct bed *b)
{
        b->janus.refuse = "keepalive";
        b->janus.refuse_code = 458;
        run_ms(b, 5000);
}

static void end_session(struct bed *b)
{
        char text[128];

        snprintf(text, sizeof(text), "{\"janus\":\"timeout\",\"session_id\":%llu}",
                 (unsigned long long)b->janus.session);
        fake_sigconn_message(b->janus.conn, text);
}

static void detach(struct bed *b)
{
        fake_sigconn_message(b->janus.conn, "{\"janus\":\"detached\",\"session_id\":1,\"sender\":1002}");
}

static void hang_up(struct bed *b)
{
        fake_sigconn_message(b->janus.conn,
                             "{\"janus\":\"hangup\",\"session_id\":1,\"sender\":1001,\"reason\":\"ICE failed\"}");
        run_ms(b, 1000); /* another reason may follow */
}

static void lose_consent(struct bed *b)
{
        fake_rtc_peer_state(&b->rtc, 2, PEER_STATE_FAILED, PEER_CONSENT_LOST);
        run_ms(b, 1000);
}

static void break_dtls(struct bed *b)
{
        fake_rtc_peer_state(&b->rtc, 1, PEER_STATE_FAILED, PEER_CLOSED_BY_REMOTE);
        run_ms(b, 1000);
}

static const struct {
        void (*lose)(struct bed *b);
        const char *told;
} losses[] = {
        { drop, "state reconnecting server gone; state joined ok; " },
        { fall_silent, "state reconnecting timed out; state joined ok; " },
        { forget_session, "state reconnecting server gone; state joined ok; " },
        { end_session, "state reconnecting server gone; state joined ok; " },
        { detach, "state reconnecting server gone; state joined ok; " },
        { hang_up, "state reconnecting media connection failed; state joined ok; " },
        { lose_consent, "state reconnecting media connection failed; state joined ok; " },
        { break_dtls, "state reconnecting media connection failed; state joined ok; " },
};

TEST(every_loss_in_a_room_is_healed_without_another_word)
{
        for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
                _bed_ b;

                set_out(&b);
                be_in(&b);
                losses[i].lose(&b);
                run_ms(&b, 30);
                recorder_expect(&b.rec, losses[i].told);
                ASSERT(strstr(b.janus.heard, GREETING "join start "));
                run_ms(&b, 30000);
                recorder_expect(&b.rec, "");
        }
}

TEST(ports_are_used_again)
{
        static const struct capture_gate gate;
        _cleanup_(audio_port_unrefp) struct audio_port *mic = NULL, *ear = NULL;
        _bed_ b;

        set_out(&b);
        ASSERT_OK(audio_port_new(4096, &mic));
        ASSERT_OK(audio_port_new(4096, &ear));
        ASSERT_OK(b.engine->ops->set_capture(b.engine, mic, &gate));
        ASSERT_OK(b.engine->ops->set_playback(b.engine, "alice", ear));
        be_in(&b);
        drop(&b);
        run_ms(&b, 10);
        fake_rtc_expect(&b.rtc, "close 1; close 2; open 3; capture 3 port; offer 3; open 4; answer 3; remote-offer 4; "
                                "bind 4 0 alice port; ");
}

/* ---- on the way back ---- */

static void refuse_to_open(struct bed *b, bool on)
{
        fake_sigconn_refuse_opens(b->janus.conn, on ? -ECONNREFUSED : 0);
}

static void be_silent_on_create(struct bed *b, bool on)
{
        b->janus.silent_on = on ? "create" : NULL;
}

static void be_silent_on_attach(struct bed *b, bool on)
{
        b->janus.silent_on = on ? "attach" : NULL;
}

static void be_silent_on_join(struct bed *b, bool on)
{
        b->janus.silent_on = on ? "joinandconfigure" : NULL;
}

static void refuse(struct bed *b, const char *what, int code, bool on)
{
        b->janus.refuse = on ? what : NULL;
        b->janus.refuse_code = code;
        b->janus.refuse_times = 1000;
}

static void refuse_sessions(struct bed *b, bool on)
{
        refuse(b, "create", 490, on);
}

static void be_full(struct bed *b, bool on)
{
        refuse(b, "joinandconfigure", 432, on);
}

static void have_no_room(struct bed *b, bool on)
{
        refuse(b, "joinandconfigure", 426, on);
}

static void carry_no_media(struct bed *b, bool on)
{
        b->rtc.never_connects = on;
}

static void (*const troubles[])(struct bed *b, bool on) = {
        refuse_to_open, be_silent_on_create, be_silent_on_attach, be_silent_on_join, refuse_sessions,
        be_full,        have_no_room,        carry_no_media,
};

TEST(every_trouble_on_the_way_back_is_outlasted)
{
        for (size_t i = 0; i < ARRAY_SIZE(troubles); i++) {
                _bed_ b;

                set_out(&b);
                be_in(&b);
                troubles[i](&b, true);
                drop(&b);
                run_ms(&b, 8000);
                recorder_expect(&b.rec, "state reconnecting server gone; ");
                troubles[i](&b, false);
                run_ms(&b, 15000);
                recorder_expect(&b.rec, "state joined ok; ");
        }
}

TEST(a_connection_cut_again_and_again)
{
        static const char *const at[] = { "create", "attach", "joinandconfigure" };
        _bed_ b;

        set_out(&b);
        be_in(&b);
        drop(&b);
        for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
                b.janus.silent_on = at[i];
                for (unsigned ms = 0; !fake_sigconn_is_open(b.janus.conn); ms++) {
                        ASSERT_LT(ms, 5000);
                        run_ms(&b, 1);
                }
                run_ms(&b, 10);
                drop(&b);
        }
        b.janus.silent_on = NULL;
        run_ms(&b, 5000);
        recorder_expect(&b.rec, "state reconnecting server gone; state joined ok; ");
}

/* In each state of the way back. */
static void on_the_way(struct bed *b, size_t trouble)
{
        set_out(b);
        be_in(b);
        troubles[trouble](b, true);
        drop(b);
        run_ms(b, 100);
        recorder_expect(&b->rec, "state reconnecting server gone; ");
}

TEST(leaving_on_the_way_back_is_quick)
{
        for (size_t i = 0; i < ARRAY_SIZE(troubles); i++) {
                _bed_ b;

                on_the_way(&b, i);
                ASSERT_OK(b.engine->ops->leave(b.engine, 2));
                run_ms(&b, 1001); /* where the server has let us in it is told */
                recorder_expect(&b.rec, "done 2 ok; ");
                ASSERT(!fake_sigconn_is_open(b.janus.conn));
                troubles[i](&b, false);
                be_in(&b); /* and another room */
        }
}

TEST(freeing_on_the_way_back)
{
        for (size_t i = 0; i < ARRAY_SIZE(troubles); i++) {
                _bed_ b;

                on_the_way(&b, i);
                b.engine->ops->free(b.engine);
                b.engine = NULL;
        }
}

/* ---- pauses and the end of patience ---- */

TEST(pauses_grow_and_patience_ends)
{
        unsigned opens;
        _bed_ b;

        set_out(&b);
        be_in(&b);
        be_silent_on_create(&b, true);
        opens = fake_sigconn_opens(b.janus.conn);
        drop(&b);
        run_ms(&b, 10);
        ASSERT_EQ(fake_sigconn_opens(b.janus.conn), opens + 1); /* at once */
        drop(&b);
        run_ms(&b, 180);
        ASSERT_EQ(fake_sigconn_opens(b.janus.conn), opens + 1);
        run_ms(&b, 140);
        ASSERT_EQ(fake_sigconn_opens(b.janus.conn), opens + 2); /* 250 ms, a quarter more or less */
        run_ms(&b, 299000); /* each try takes 5 s, and so do the pauses in the end */
        recorder_expect(&b.rec, "state reconnecting server gone; ");
        ASSERT_GE(fake_sigconn_opens(b.janus.conn), opens + 28);
        ASSERT_LE(fake_sigconn_opens(b.janus.conn), opens + 38);
        run_ms(&b, 1000);
        recorder_expect(&b.rec, "state idle server gone; ");
        ASSERT_STR(b.rec.last.detail, "no answer to create");
}

TEST(without_patience_the_room_ends_at_once)
{
        _bed_ b;

        set_out(&b);
        b.params.reconnect_s = 0;
        be_in(&b);
        drop(&b);
        run_ms(&b, 10);
        recorder_expect(&b.rec, "state idle server gone; ");
}

TEST(a_room_that_is_lost_again_at_once_is_not_hurried_back_to)
{
        unsigned opens;
        _bed_ b;

        set_out(&b);
        be_in(&b);
        for (unsigned i = 0; i < 6; i++) {
                drop(&b);
                run_ms(&b, 6500);
        }
        opens = fake_sigconn_opens(b.janus.conn);
        recorder_clear(&b.rec);
        drop(&b);
        run_ms(&b, 3700);
        ASSERT_EQ(fake_sigconn_opens(b.janus.conn), opens);
        run_ms(&b, 15000); /* stable by now */
        recorder_clear(&b.rec);
        drop(&b);
        run_ms(&b, 10);
        recorder_expect(&b.rec, "state reconnecting server gone; state joined ok; ");
}

/* ---- reasons that will not heal ---- */

static void expect_end(const char *request, int code, unsigned ms, const char *end)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        refuse(&b, request, code, true);
        drop(&b);
        run_ms(&b, ms);
        ASSERT(recorder_has(&b.rec, "state reconnecting server gone; "));
        ASSERT_STR(b.rec.text + strlen("state reconnecting server gone; "), end);
        ASSERT(!fake_sigconn_is_open(b.janus.conn));
        recorder_clear(&b.rec);
        refuse(&b, request, code, false);
        be_in(&b);
}

TEST(refusals_that_will_not_heal_end_the_room)
{
        expect_end("create", 403, 10, "state idle invalid token; ");
        expect_end("attach", 405, 10, "state idle invalid token; ");
        expect_end("joinandconfigure", 433, 10, "state idle invalid token; ");
        expect_end("joinandconfigure", 0, 10, "state idle protocol error; ");
        expect_end("joinandconfigure", 426, 20000, "state idle room dismissed; ");
}

TEST(a_server_that_admits_nobody_any_more)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        fake_sigconn_refuse_opens(b.janus.conn, -EACCES);
        drop(&b);
        run_ms(&b, 10);
        recorder_expect(&b.rec, "state reconnecting server gone; state idle invalid token; ");
}

/* A word over the old connection may arrive when we are back: it must not be about the session of then. */
TEST(sessions_are_never_used_again)
{
        uint64_t first;
        _bed_ b;

        set_out(&b);
        be_in(&b);
        first = b.janus.session;
        drop(&b);
        run_ms(&b, 10);
        ASSERT_EQ(b.janus.session, first + 1);
        be_silent_on_join(&b, true);
        for (unsigned i = 0; i < 6; i++) {
                run_ms(&b, 10000);
                if (fake_sigconn_is_open(b.janus.conn))
                        drop(&b);
        }
        ASSERT_GE(b.janus.session, first + 3);
        recorder_clear(&b.rec);
}

TEST(every_ghost_is_buried)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        b.janus.silent = true; /* what was asked for may have been done */
        drop(&b);
        run_ms(&b, 9000); /* one try has timed out, another will */
        b.janus.silent = false;
        run_ms(&b, 5000);
        ASSERT(strstr(b.janus.heard, "claim destroy claim destroy claim destroy create attach attach"));
        recorder_expect(&b.rec, "state reconnecting server gone; state joined ok; ");
}

TEST(our_own_ghost_is_not_somebody_else)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        refuse(&b, "joinandconfigure", 436, true);
        drop(&b);
        run_ms(&b, 600);
        recorder_expect(&b.rec, "state reconnecting server gone; ");
        refuse(&b, NULL, 0, false);
        run_ms(&b, 260);
        recorder_expect(&b.rec, "state joined ok; ");
}

TEST(somebody_newer_of_our_name_wins)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        refuse(&b, "joinandconfigure", 436, true);
        drop(&b);
        run_ms(&b, 3000);
        recorder_expect(&b.rec, "state reconnecting server gone; state idle duplicate login; ");
        ASSERT(!strstr(b.janus.heard, "kick"));
}

TEST(thrown_out_right_after_coming_back)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        drop(&b);
        run_ms(&b, 10);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"leaving\":\"ok\",\"reason\":\"kicked\"");
        run_ms(&b, 1100); /* nobody else took the id */
        recorder_expect(&b.rec, "state reconnecting server gone; state joined ok; state idle kicked; ");
}

/* ---- suspend ---- */

static time_t slept_s; /* so much more has passed for the clock that counts sleep */

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *ret)
{
        int r = (int)syscall(SYS_clock_gettime, id, ret);

        if (id == CLOCK_BOOTTIME)
                ret->tv_sec += slept_s;
        return r;
}

TEST(after_a_sleep_the_server_is_asked)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        slept_s += 3600;
        b.janus.silent = true; /* the connection is dead, and nobody said so */
        run_ms(&b, 5000 + 1900);
        recorder_expect(&b.rec, "");
        b.janus.silent = false;
        run_ms(&b, 110);
        recorder_expect(&b.rec, "state reconnecting timed out; state joined ok; ");
        slept_s += 3600; /* nothing was lost */
        run_ms(&b, 20000);
        recorder_expect(&b.rec, "");
}

TEST(a_sleep_ends_a_pause)
{
        unsigned opens;
        _bed_ b;

        on_the_way(&b, 0);
        run_ms(&b, 20000);
        opens = fake_sigconn_opens(b.janus.conn);
        refuse_to_open(&b, false);
        slept_s += 60;
        ASSERT_OK(b.engine->ops->publish(b.engine, 2, ENGINE_AUDIO, true)); /* anything that happens */
        run_ms(&b, 10);
        ASSERT_EQ(fake_sigconn_opens(b.janus.conn), opens + 1);
        recorder_expect(&b.rec, "done 2 ok; state joined ok; ");
}

/* ---- members ---- */

TEST(who_does_not_come_back_has_left)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        b.janus.attendee = false; /* nobody is there yet: the server was restarted */
        drop(&b);
        run_ms(&b, 5000);
        fake_janus_enters(&b.janus, "alice");
        fake_janus_enters(&b.janus, "bob");
        run_ms(&b, 4500);
        recorder_expect(&b.rec, "state reconnecting server gone; state joined ok; joined bob audio; "
                                "updated bob audio>audio; ");
        run_ms(&b, 600);
        recorder_expect(&b.rec, "left quiet; ");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"leaving\":\"alice\"");
        run_ms(&b, 10);
        recorder_expect(&b.rec, "left alice; ");
}

TEST(who_comes_back_with_less_is_told_of_later)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        b.janus.attendee = false;
        drop(&b);
        run_ms(&b, 100);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"joining\":{\"id\":\"alice\"}");
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"joining\":{\"id\":\"quiet\"}");
        run_ms(&b, 9000);
        recorder_expect(&b.rec, "state reconnecting server gone; state joined ok; ");
        run_ms(&b, 1000);
        recorder_expect(&b.rec, "updated alice; ");
}

TEST(ghosts_of_others_do_not_leave)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        drop(&b);
        run_ms(&b, 100);
        fake_janus_say(&b.janus, FAKE_JANUS_PUB, "\"leaving\":\"alice\""); /* her connection was cut, too */
        run_ms(&b, 1000);
        fake_janus_enters(&b.janus, "alice");
        run_ms(&b, 20000);
        recorder_expect(&b.rec, "state reconnecting server gone; state joined ok; ");
}

TEST(a_second_loss_does_not_lose_anybody)
{
        _bed_ b;

        set_out(&b);
        be_in(&b);
        b.janus.attendee = false;
        drop(&b);
        run_ms(&b, 9000);
        b.janus.attendee = true;
        drop(&b);
        run_ms(&b, 30000);
        recorder_expect(&b.rec, "state reconnecting server gone; state joined ok; state reconnecting server gone; "
                                "state joined ok; ");
}

/* ---- what is asked for meanwhile ---- */

TEST(wishes_made_meanwhile_hold_afterwards)
{
        const struct engine_ops *ops;
        _bed_ b;

        on_the_way(&b, 0);
        ops = b.engine->ops;
        ASSERT_OK(ops->publish(b.engine, 2, ENGINE_AUDIO, false));
        ASSERT_OK(ops->subscribe(b.engine, 3, "alice", ENGINE_AUDIO, false));
        ASSERT_OK(ops->update_token(b.engine, 4, "token"));
        ASSERT_OK(ops->get_stats(b.engine, 5));
        run_ms(&b, 1);
        recorder_expect(&b.rec, "done 2 ok; done 3 ok; done 4 ok; stats 5; ");
        b.rtc.trace[0] = '\0';
        refuse_to_open(&b, false);
        run_ms(&b, 2000);
        recorder_expect(&b.rec, "state joined ok; updated alice audio; ");
        fake_rtc_expect(&b.rtc, "");
        ASSERT(strstr(b.janus.heard, "create join "));
        ASSERT_OK(ops->publish(b.engine, 6, ENGINE_AUDIO, true));
        ASSERT_OK(ops->subscribe(b.engine, 7, "alice", ENGINE_AUDIO, true));
        run_ms(&b, 10);
        ASSERT(recorder_has(&b.rec, "done 6 ok; "));
        ASSERT(recorder_has(&b.rec, "updated alice audio>audio; "));
}

TEST(a_wish_that_comes_when_the_offer_is_out)
{
        _bed_ b;

        on_the_way(&b, 3); /* no answer to the entry, in which we publish */
        ASSERT_OK(b.engine->ops->publish(b.engine, 2, ENGINE_AUDIO, false));
        drop(&b);
        be_silent_on_join(&b, false);
        run_ms(&b, 2000);
        recorder_expect(&b.rec, "done 2 ok; state joined ok; ");
        ASSERT(strstr(b.janus.heard, "create join "));
        drop(&b);
        carry_no_media(&b, true);
        ASSERT_OK(b.engine->ops->publish(b.engine, 3, ENGINE_AUDIO, true));
        run_ms(&b, 2000); /* settling */
        ASSERT_OK(b.engine->ops->publish(b.engine, 4, ENGINE_AUDIO, false));
        fake_rtc_peer_state(&b.rtc, 5, PEER_STATE_CONNECTED, PEER_OK);
        run_ms(&b, 10);
        recorder_expect(&b.rec, "state reconnecting server gone; done 3 ok; done 4 ok; state joined ok; ");
        ASSERT(strstr(b.janus.heard, "unpublish"));
}

TEST(operations_in_flight_are_kept)
{
        _bed_ b;

        set_out(&b);
        b.params.auto_publish = false;
        be_in(&b);
        b.janus.silent_on = "publish";
        ASSERT_OK(b.engine->ops->publish(b.engine, 2, ENGINE_AUDIO, true));
        run_ms(&b, 10);
        recorder_expect(&b.rec, "");
        drop(&b);
        b.rtc.trace[0] = '\0';
        run_ms(&b, 10);
        recorder_expect(&b.rec, "done 2 ok; state reconnecting server gone; state joined ok; ");
        ASSERT(strstr(b.janus.heard, GREETING));
        ASSERT(strstr(b.rtc.trace, "capture"));
}

TEST(the_echo_is_back_too)
{
        _bed_ b;

        set_out(&b);
        b.params.room_id = ENGINE_ECHO_ROOM;
        be_in(&b);
        drop(&b);
        run_ms(&b, 20000);
        recorder_expect(&b.rec, "state reconnecting server gone; state joined ok; ");
        ASSERT(strstr(b.rtc.trace, "bind 2 0 echo"));
}

/* A loss that there is not the memory for ends the room, or it is come back to; the next join works either way. False:
 * nothing was missing any more. */
static bool starve(long allowed)
{
        bool hit;
        _bed_ b;

        set_out(&b);
        be_in(&b);
        test_oom_allow(allowed);
        drop(&b);
        hit = test_oom_hit();
        test_oom_allow(-1);
        run_ms(&b, 2000);
        ASSERT(recorder_has(&b.rec, hit ? "state idle internal error; " : "state joined ok; "));
        if (!hit)
                ASSERT_OK(b.engine->ops->leave(b.engine, 2));
        run_ms(&b, 10);
        recorder_clear(&b.rec);
        be_in(&b);
        return hit;
}

TEST(losses_survive_want_of_memory)
{
        for (long n = 0; starve(n); n++)
                ASSERT_LT(n, 1000);
}
