/* test-client-events.c - librtcroom's events and loop hooks, and contexts freed inside each callback there is. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "fakes/client-rig.h"
#include "lib/test.h"

/* ---- freeing inside callbacks ---- */

static void free_in_operation(int where, int err_no)
{
        struct rig g;
        struct outcome o = { .free_in = where }, other = { .successes = 0 };
        struct rtcroom_callbacks cb = rig_watch(&g, &o), cb_other = rig_watch(&g, &other);

        rig_init(&g);
        ASSERT_OK(rtcroom_exit(g.c, &cb));
        ASSERT_OK(rtcroom_exit(g.c, &cb_other));
        rig_settle(&g);
        COMPLETE(&g, .number = 1, .err_no = err_no);
        COMPLETE(&g, .number = 2);
        rig_settle(&g);
        ASSERT_EQ(o.successes + o.fails, 1);
        ASSERT_EQ(o.completes, where == FREE_IN_COMPLETE); /* a freed context is silent */
        ASSERT_EQ(other.completes, 0);
        ASSERT_EQ(rig_destroys(&g), 1);
        rig_done(&g);
}

TEST(free_inside_outcomes)
{
        free_in_operation(FREE_IN_SUCCESS, 0);
        free_in_operation(FREE_IN_FAIL, 21102);
        free_in_operation(FREE_IN_COMPLETE, 0);
}

TEST(free_inside_the_failure_of_all)
{
        for (int where = FREE_IN_FAIL; where <= FREE_IN_COMPLETE; where++) {
                struct rig g;
                struct outcome o = { .free_in = where }, other = { .successes = 0 };
                struct rtcroom_callbacks cb = rig_watch(&g, &o), cb_other = rig_watch(&g, &other);

                rig_init(&g);
                ASSERT_OK(rtcroom_exit(g.c, &cb));
                ASSERT_OK(rtcroom_exit(g.c, &cb_other));
                rig_settle(&g);
                OWNER_CHANGES(&g, DOUBLE_DRIVER, DOUBLE_NAME, DOUBLE_DAEMON, "");
                rig_settle(&g);
                ASSERT_EQ(o.fails, 1);
                ASSERT_EQ(other.fails + other.completes + g.gone, 0);
                rig_done(&g);
        }
}

static void send_events(struct daemon_double *d, const void *arg)
{
        static const char *const lists[] = { "RtcChatMembersChanged", "RtcChatSpeakersChanged",
                                             "RtcVideoMembersChanged", "RtcPublishScreenMembersChanged" };
        static const char path[] = DOUBLE_ROOT "/context/1";

        (void)arg;
        for (int i = 0; i < 4; i++)
                double_signal(d, DOUBLE_DAEMON, path, CONTEXT, lists[i], "as", 2, "alice", "bob");
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "RtcStateChanged", "isa{sv}", -1004, "duplicate login", 1,
                      "elapsed", "u", 5u);
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "RtcChatInterrupted", "is", -1004, "duplicate login");
        double_signal(d, DOUBLE_DAEMON, path, CONTEXT, "RoomTokenWillExpire", "");
        double_signal(d, DOUBLE_DRIVER, "/org/freedesktop/DBus", DOUBLE_DRIVER, "NameOwnerChanged", "sss", DOUBLE_NAME,
                      DOUBLE_DAEMON, "");
}

enum { N_EVENTS = 8 };

TEST(every_event_arrives_and_may_free)
{
        for (unsigned at = 0; at <= N_EVENTS; at++) {
                struct rig g;

                rig_init(&g);
                g.free_at = at;
                daemon_double_run(&g.d, send_events, NULL);
                rig_settle(&g);
                ASSERT_EQ(g.events, at ? at : N_EVENTS);
                rig_done(&g);
        }
}

static void send_quality(struct daemon_double *d, const void *arg)
{
        (void)arg;
        double_signal(d, DOUBLE_DAEMON, DOUBLE_ROOT "/context/1", CONTEXT, "NetworkQuality", "a{sv}aa{sv}", 4,
                      "userId", "s", "me", "lossRate", "d", 0.25, "rtt", "u", 40u, "txQuality", "u", 5u, 2, 3,
                      "userId", "s", "alice", "rxQuality", "u", 2u, "notYetKnown", "as", 1, "x", 1, "userId", "s",
                      "bob");
        double_signal(d, DOUBLE_DAEMON, DOUBLE_ROOT "/context/1", CONTEXT, "NetworkQuality", "s", "of another form");
        double_signal(d, DOUBLE_DAEMON, DOUBLE_ROOT "/context/1", CONTEXT, "NetworkQuality", "a{sv}aa{sv}", 0, 0);
}

static void on_quality(struct rtcroom_context *c, const struct rtcroom_quality *local,
                       const struct rtcroom_quality *remote, size_t n, void *user)
{
        unsigned *told = user;

        (void)c;
        if (++*told == 2) {
                ASSERT_EQ(n, 0);
                ASSERT_STR(local->user_id, "");
                return;
        }
        ASSERT_STR(local->user_id, "me");
        ASSERT_NEAR(local->loss_rate, 0.25, 1e-9);
        ASSERT_EQ(local->rtt_ms, 40);
        ASSERT_EQ(local->tx_grade, 5);
        ASSERT_EQ(local->rx_grade, 0);
        ASSERT_EQ(n, 2);
        ASSERT_STR(remote[0].user_id, "alice");
        ASSERT_EQ(remote[0].rx_grade, 2);
        ASSERT_STR(remote[1].user_id, "bob");
        ASSERT_EQ(remote[1].rx_grade, 0);
}

TEST(quality_arrives)
{
        static const struct rtcroom_events only = { .network_quality = on_quality };
        struct rig g;
        unsigned n = 0;

        rig_init(&g);
        rtcroom_context_set_events(g.c, &only, &n);
        daemon_double_run(&g.d, send_quality, NULL);
        rig_settle(&g);
        ASSERT_EQ(n, 2);
        rig_done(&g);
}

static void send_messages(struct daemon_double *d, const void *arg)
{
        static const char path[] = DOUBLE_ROOT "/context/1", voice[] = "org.rtcroom.RtcRoom1.Voice";

        (void)arg;
        double_signal(d, DOUBLE_DAEMON, path, voice, "MessageReceived", "a{sv}", 6, "userId", "s", "alice", "topic",
                      "s", "t", "notYetKnown", "a{sv}", 0, "reliable", "b", 1, "text", "s", "hello", "destinations",
                      "as", 2, "me", "bob");
        double_signal(d, DOUBLE_DAEMON, path, voice, "MessageReceived", "s", "of another form");
        double_signal(d, DOUBLE_DAEMON, path, voice, "MessageReceived", "a{sv}", 1, "data", "ay", 2, 0, 255);
}

static void on_message(struct rtcroom_context *c, const struct rtcroom_message *m, void *user)
{
        unsigned *told = user;

        (void)c;
        if (++*told == 2) {
                ASSERT_STR(m->user_id, "");
                ASSERT_STR(m->topic, "");
                ASSERT(!m->text && !m->reliable && !m->destinations);
                ASSERT_EQ(m->len, 2);
                ASSERT_MEM(m->data, "\0\377", 2);
                return;
        }
        ASSERT_STR(m->user_id, "alice");
        ASSERT_STR(m->topic, "t");
        ASSERT_STR(m->text, "hello");
        ASSERT_EQ(m->len, 5);
        ASSERT(m->reliable);
        ASSERT_STR(m->destinations[1], "bob");
        ASSERT(!m->destinations[2]);
}

TEST(messages_arrive)
{
        static const struct rtcroom_events only = { .message_received = on_message };
        struct rig g;
        unsigned n = 0;

        rig_init(&g);
        rtcroom_context_set_events(g.c, &only, &n);
        daemon_double_run(&g.d, send_messages, NULL);
        rig_settle(&g);
        ASSERT_EQ(n, 2);
        rig_done(&g);
}

static void send_empty(struct daemon_double *d, const void *arg)
{
        (void)arg;
        double_signal(d, DOUBLE_DAEMON, DOUBLE_ROOT "/context/1", CONTEXT, "RtcChatMembersChanged", "as", 0);
}

static void on_nobody(struct rtcroom_context *c, const char *const *ids, void *user)
{
        (void)c;
        ASSERT(!ids[0]);
        ++*(unsigned *)user;
}

TEST(an_empty_list)
{
        static const struct rtcroom_events only = { .members_changed = on_nobody };
        struct rig g;
        unsigned n = 0;

        rig_init(&g);
        rtcroom_context_set_events(g.c, &only, &n);
        daemon_double_run(&g.d, send_empty, NULL);
        rig_settle(&g);
        ASSERT_EQ(n, 1);
        rtcroom_context_set_events(g.c, NULL, NULL); /* of no more interest */
        daemon_double_run(&g.d, send_empty, NULL);
        rig_settle(&g);
        ASSERT_EQ(n, 1);
        rig_done(&g);
}

/* ---- hooks ---- */

static void dispatch_inside(struct rtcroom_context *c, void *user)
{
        struct rig *g = user;

        (void)c;
        ASSERT_EQ(rtcroom_dispatch(g->r), -EINVAL);
        ASSERT_EQ(rtcroom_wait(g->r, 0), -EINVAL);
        g->events++;
}

TEST(the_hooks_tell_of_what_a_blocking_call_left)
{
        struct rig g;
        struct rtcroom_state state;
        uint64_t due_us = 0;

        rig_init(&g);
        rig_settle(&g); /* what the daemon says at the beginning has come */
        g.marks = 0;
        while (rtcroom_dispatch(g.r) > 0)
                ;
        ASSERT_OK(rtcroom_get_timeout(g.r, &due_us));
        ASSERT_EQ(due_us, UINT64_MAX);
        ASSERT_EQ(rtcroom_get_events(g.r), POLLIN);
        daemon_double_run(&g.d, rig_send_mark, NULL);
        ASSERT_EQ(rtcroom_context_get_state(g.c, &state), -EIO); /* the double's "u" is no a{sv} */
        ASSERT_EQ(g.marks, 0);
        ASSERT_OK(rtcroom_get_timeout(g.r, &due_us));
        ASSERT_LE(due_us, rig_now_us()); /* nothing will come on the descriptor */
        RIG_PUMP_UNTIL(&g, g.marks == 1);
        rig_done(&g);
}

TEST(a_timeout_while_an_answer_is_awaited)
{
        struct rig g;
        uint64_t due_us = 0;

        rig_init(&g);
        daemon_double_set_hook(&g.d, stay_silent);
        ASSERT_OK(rtcroom_exit(g.c, NULL));
        rig_settle(&g);
        ASSERT_OK(rtcroom_get_timeout(g.r, &due_us));
        ASSERT_GT(due_us, rig_now_us());
        ASSERT_LT(due_us, rig_now_us() + 120000000);
        rig_done(&g);
}

TEST(wait_is_such_a_loop)
{
        struct rig g;
        struct outcome o = { .successes = 0 };
        struct rtcroom_callbacks cb = rig_watch(&g, &o);
        struct rtcroom_callbacks inside = { .complete = dispatch_inside, .user = &g };

        rig_init(&g);
        rig_settle(&g); /* what the daemon says at the beginning has come */
        while (rtcroom_wait(g.r, 0) > 0)
                ;
        ASSERT_EQ(rtcroom_wait(g.r, 1000), 0);
        ASSERT_OK(rtcroom_exit(g.c, &cb));
        ASSERT_OK(rtcroom_exit(g.c, &inside));
        rig_settle(&g);
        COMPLETE(&g, .number = 1);
        COMPLETE(&g, .number = 2);
        while (!o.completes || !g.events)
                ASSERT_OK(rtcroom_wait(g.r, UINT64_MAX));
        rig_done(&g);
}

TEST(room_watch)
{
        struct rig g;

        rig_init(&g);
        rig_settle(&g);
        ASSERT_EQ(g.marks, 1);
        ASSERT_OK(rtcroom_set_room_watch(g.r, NULL, NULL));
        daemon_double_run(&g.d, rig_send_mark, NULL);
        ASSERT_OK(rtcroom_set_room_watch(g.r, NULL, NULL));
        daemon_double_run(&g.d, send_events, NULL);
        RIG_PUMP_UNTIL(&g, g.gone == 1); /* everything before came, too */
        ASSERT_EQ(g.marks, 1);
        rig_done(&g);
}
