/* test-client-gone.c - librtcroom when the daemon or the bus goes away: every operation under way fails with 115910,
 * every context is told, once.
 */
#include <errno.h>
#include <sys/socket.h>

#include "fakes/client-rig.h"
#include "lib/test.h"

/* ---- the daemon or the bus goes ---- */

TEST(the_daemon_vanishes)
{
        struct rig g;
        struct outcome o[4] = { { .successes = 0 } };
        struct rtcroom_context *second;
        struct rtcroom_callbacks cb[4];

        for (int i = 0; i < 4; i++)
                cb[i] = rig_watch(&g, &o[i]);
        rig_init(&g);
        second = rig_create(&g);
        ASSERT_OK(rtcroom_exit(second, &cb[3]));
        ASSERT_OK(rtcroom_join(g.c, "r", "u", "t", 0, &cb[0]));
        ASSERT_OK(rtcroom_exit(g.c, &cb[1]));
        rig_settle(&g);
        daemon_double_set_hook(&g.d, stay_silent);
        ASSERT_OK(rtcroom_update_token(g.c, "t", &cb[2])); /* not even a number yet */
        OWNER_CHANGES(&g, DOUBLE_DRIVER, ":1.5", ":1.5", "");
        OWNER_CHANGES(&g, DOUBLE_DRIVER, "org.example.Other", DOUBLE_DAEMON, "");
        OWNER_CHANGES(&g, DOUBLE_DRIVER, DOUBLE_NAME, ":1.8", DOUBLE_DAEMON); /* one before ours */
        OWNER_CHANGES(&g, ":1.66", DOUBLE_NAME, DOUBLE_DAEMON, "");           /* a liar */
        rig_settle(&g);
        ASSERT_EQ(g.turns + g.gone, 0);
        OWNER_CHANGES(&g, DOUBLE_DRIVER, DOUBLE_NAME, DOUBLE_DAEMON, "");
        OWNER_CHANGES(&g, DOUBLE_DRIVER, DOUBLE_NAME, DOUBLE_DAEMON, ""); /* twice is once */
        rig_settle(&g);
        ASSERT_EQ(g.gone, 2);
        outcome_assert_destroyed(&o[0], "joinRtcRoom");
        outcome_assert_destroyed(&o[1], "exitRtcRoom");
        outcome_assert_destroyed(&o[2], "updateToken");
        outcome_assert_destroyed(&o[3], "exitRtcRoom");
        ASSERT_LT(o[0].turn, o[1].turn);
        ASSERT_LT(o[1].turn, o[2].turn);
        rtcroom_context_free(second);
        ASSERT_EQ(rig_destroys(&g), 0); /* it could be a context of the next daemon by now */
        rig_done(&g);
}

/* A program that tries again inside the failure. */
struct again {
        struct outcome o;
        unsigned left;
};

static void try_again(struct rtcroom_context *c, void *user)
{
        struct again *a = user;
        struct rtcroom_callbacks cb = { .fail = outcome_on_fail, .complete = try_again, .user = a };

        a->o.completes++;
        if (a->left-- > 0)
                ASSERT_OK(rtcroom_exit(c, &cb));
}

static int nobody_there(struct daemon_double *d, sd_bus_message *m)
{
        return is_operation(m) ? double_error(d, m, SD_BUS_ERROR_SERVICE_UNKNOWN, "nobody") : 0;
}

TEST(a_new_operation_inside_the_failure)
{
        struct rig g;
        struct again a = { .left = 1 };
        struct rtcroom_callbacks cb = { .fail = outcome_on_fail, .complete = try_again, .user = &a };

        rig_init(&g);
        ASSERT_OK(rtcroom_exit(g.c, &cb));
        rig_settle(&g);
        daemon_double_set_hook(&g.d, nobody_there);
        OWNER_CHANGES(&g, DOUBLE_DRIVER, DOUBLE_NAME, DOUBLE_DAEMON, "");
        RIG_PUMP_UNTIL(&g, a.o.completes == 2);
        rig_settle(&g);
        ASSERT_EQ(a.o.completes, 2);
        ASSERT_EQ(a.o.fails, 2);
        ASSERT_EQ(a.o.err_no, 115910);
        rig_done(&g);
}

static struct rtcroom_context *victims[3];

static void free_the_others(struct rtcroom_context *c, void *user)
{
        ((struct rig *)user)->gone++;
        for (int i = 0; i < 3; i++)
                if (victims[i] != c)
                        rtcroom_context_free(victims[i]);
}

TEST(one_context_frees_the_others_when_gone)
{
        static const struct rtcroom_events freeing = { .gone = free_the_others };
        struct rig g;

        rig_init(&g);
        for (int i = 0; i < 3; i++) {
                victims[i] = rig_create(&g);
                rtcroom_context_set_events(victims[i], &freeing, &g);
        }
        OWNER_CHANGES(&g, DOUBLE_DRIVER, DOUBLE_NAME, DOUBLE_DAEMON, "");
        rig_settle(&g);
        ASSERT_EQ(g.gone, 2); /* one of the three, and the rig's */
        rig_done(&g);
}

static void hang_up(struct daemon_double *d, const void *arg)
{
        (void)arg;
        d->bus = sd_bus_close_unref(d->bus);
}

static void send_rubbish(struct daemon_double *d, const void *arg)
{
        static const char rubbish[64] = "this is no D-Bus message";

        (void)arg;
        ASSERT_EQ(send(sd_bus_get_fd(d->bus), rubbish, sizeof(rubbish), MSG_NOSIGNAL), sizeof(rubbish));
}

static void lose_bus(void (*how)(struct daemon_double *d, const void *arg))
{
        struct rig g;
        struct outcome o = { .successes = 0 }, o2 = { .successes = 0 };
        struct rtcroom_callbacks cb = rig_watch(&g, &o), cb2 = rig_watch(&g, &o2);
        struct rtcroom_state state;
        uint64_t due_us;
        int k;

        rig_init(&g);
        ASSERT_OK(rtcroom_join(g.c, "r", "u", "t", 0, &cb));
        rig_settle(&g);
        daemon_double_set_hook(&g.d, stay_silent);
        ASSERT_OK(rtcroom_exit(g.c, &cb2));
        daemon_double_run(&g.d, how, NULL);
        while ((k = rig_turn(&g)) >= 0)
                ;
        ASSERT_EQ(k, -ENOTCONN);
        outcome_assert_destroyed(&o, "joinRtcRoom");
        outcome_assert_destroyed(&o2, "exitRtcRoom");
        ASSERT_EQ(g.gone, 1);
        ASSERT_EQ(rtcroom_dispatch(g.r), -ENOTCONN);
        ASSERT_EQ(rtcroom_wait(g.r, UINT64_MAX), -ENOTCONN);
        ASSERT_EQ(g.gone, 1);
        ASSERT_EQ(rtcroom_get_fd(g.r), -ENOTCONN);
        ASSERT_EQ(rtcroom_get_events(g.r), -ENOTCONN);
        ASSERT_EQ(rtcroom_get_timeout(g.r, &due_us), -ENOTCONN);
        ASSERT_EQ(rtcroom_exit(g.c, &cb), -ENOTCONN);
        ASSERT_EQ(rtcroom_context_get_state(g.c, &state), -ENOTCONN);
        ASSERT_STR(rtcroom_last_error(g.r), "the session bus is gone");
        ASSERT_EQ(o.completes, 1);
        rig_done(&g);
}

TEST(the_bus_hangs_up)
{
        lose_bus(hang_up);
}

TEST(the_bus_sends_rubbish)
{
        lose_bus(send_rubbish);
}

TEST(no_bus)
{
        struct rtcroom *r;

        ASSERT_OK(setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1));
        ASSERT_EQ(rtcroom_open(&r), -ENOTCONN);
}
