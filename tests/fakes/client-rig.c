/* client-rig.c - see client-rig.h. */
#include "fakes/client-rig.h"

#include <poll.h>
#include <string.h>
#include <time.h>

#include "lib/test.h"

/* ---- callbacks ---- */

static void on_success(struct rtcroom_context *c, const char *err_msg, void *user)
{
        struct outcome *o = user;

        o->successes++;
        snprintf(o->msg, sizeof(o->msg), "%s", err_msg);
        if (o->free_in == FREE_IN_SUCCESS)
                rtcroom_context_free(c);
}

void outcome_on_fail(struct rtcroom_context *c, const struct rtcroom_error *e, void *user)
{
        struct outcome *o = user;

        o->fails++;
        o->err_no = e->err_no;
        o->error_code = e->error_code;
        snprintf(o->type, sizeof(o->type), "%s", e->error_type);
        snprintf(o->msg, sizeof(o->msg), "%s", e->err_msg);
        if (o->free_in == FREE_IN_FAIL)
                rtcroom_context_free(c);
}

static void on_complete(struct rtcroom_context *c, void *user)
{
        struct outcome *o = user;

        o->completes++;
        o->turn = ++o->rig->turns;
        if (o->free_in == FREE_IN_COMPLETE)
                rtcroom_context_free(c);
}

struct rtcroom_callbacks rig_watch(struct rig *g, struct outcome *o)
{
        o->rig = g;
        return (struct rtcroom_callbacks){
                .success = on_success, .fail = outcome_on_fail, .complete = on_complete, .user = o
        };
}

/* What a mark ends: the test's own signal on the Manager. */
static void on_room(struct rtcroom *r, bool in_room, void *user)
{
        (void)r;
        ((struct rig *)user)->marks += in_room;
}

static void count_event(struct rtcroom_context *c, struct rig *g)
{
        if (++g->events == g->free_at)
                rtcroom_context_free(c);
}

static void on_list(struct rtcroom_context *c, const char *const *ids, void *user)
{
        ASSERT_STR(ids[0], "alice");
        ASSERT_STR(ids[1], "bob");
        ASSERT(!ids[2]);
        count_event(c, user);
}

static void on_code(struct rtcroom_context *c, int err_no, const char *err_msg, void *user)
{
        ASSERT_EQ(err_no, -1004);
        ASSERT_STR(err_msg, "duplicate login");
        count_event(c, user);
}

static void on_plain(struct rtcroom_context *c, void *user)
{
        count_event(c, user);
}

static void on_gone(struct rtcroom_context *c, void *user)
{
        ((struct rig *)user)->gone++;
        count_event(c, user);
}

static const struct rtcroom_events events = {
        .members_changed = on_list,
        .speakers_changed = on_list,
        .video_members_changed = on_list,
        .screen_members_changed = on_list,
        .state_changed = on_code,
        .interrupted = on_code,
        .token_will_expire = on_plain,
        .gone = on_gone,
};

/* ---- the loop of a program that has only poll ---- */

uint64_t rig_now_us(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int rig_turn(struct rig *g)
{
        struct pollfd p = { .fd = rtcroom_get_fd(g->r) };
        uint64_t due_us, t_us = rig_now_us();
        int k;

        while ((k = rtcroom_dispatch(g->r)) > 0)
                ;
        if (k < 0)
                return k;
        p.events = (short)rtcroom_get_events(g->r);
        ASSERT_OK(rtcroom_get_timeout(g->r, &due_us));
        ASSERT_OK(poll(&p, 1, due_us <= t_us ? 0 : 20));
        return 0;
}

void rig_send_mark(struct daemon_double *d, const void *arg)
{
        (void)arg;
        double_signal(d, DOUBLE_DAEMON, DOUBLE_ROOT, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                      "sa{sv}as", DOUBLE_NAME ".Manager", 2, "Other", "s", "skipped", "InRoom", "b", 1, 0);
}

/* Everything sent before has been seen when this returns. */
void rig_settle(struct rig *g)
{
        unsigned before = g->marks;

        daemon_double_run(&g->d, rig_send_mark, NULL);
        RIG_PUMP_UNTIL(g, g->marks != before);
}

struct rtcroom_context *rig_create(struct rig *g)
{
        struct rtcroom_context *c = NULL;

        ASSERT_OK(rtcroom_create_context(g->r, "app", NULL, &c));
        rtcroom_context_set_events(c, &events, g);
        return c;
}

void rig_init(struct rig *g)
{
        *g = (struct rig){ .marks = 0 };
        daemon_double_init(&g->d);
        ASSERT_OK(rtcroom_open(&g->r));
        ASSERT_OK(rtcroom_set_room_watch(g->r, on_room, g));
        g->c = rig_create(g);
}

void rig_done(struct rig *g)
{
        rtcroom_close(g->r);
        daemon_double_done(&g->d);
}

/* ---- what the daemon sends ---- */

void rig_send_completed(struct daemon_double *d, const void *arg)
{
        const struct completion *p = arg;

        double_signal(d, DOUBLE_DAEMON, p->path ? p->path : DOUBLE_ROOT "/context/1", CONTEXT, "Completed", "usiiss",
                      p->number, "api", p->err_no, p->error_code, p->type ? p->type : "",
                      p->msg ? p->msg : "joinRtcRoom:ok");
}

void rig_send_owner_change(struct daemon_double *d, const void *arg)
{
        const struct owner_change *o = arg;

        double_signal(d, o->sender, "/org/freedesktop/DBus", DOUBLE_DRIVER, "NameOwnerChanged", "sss", o->name,
                      o->old_owner, o->new_owner);
}

static void read_destroys(struct daemon_double *d, const void *arg)
{
        *(unsigned *)(uintptr_t)arg = d->n_destroys;
}

unsigned rig_destroys(struct rig *g)
{
        unsigned n = 0;

        rig_settle(g); /* what the library sent before is there too: the double takes messages in order */
        daemon_double_run(&g->d, read_destroys, &n);
        return n;
}

int is_operation(sd_bus_message *m)
{
        return sd_bus_message_is_method_call(m, CONTEXT, NULL) > 0 && sd_bus_message_get_expect_reply(m) > 0;
}

int stay_silent(struct daemon_double *d, sd_bus_message *m)
{
        (void)d;
        return is_operation(m);
}

void outcome_assert_destroyed(const struct outcome *o, const char *api)
{
        char msg[256];

        snprintf(msg, sizeof(msg), "%s:fail " DESTROYED, api);
        ASSERT_EQ(o->successes, 0);
        ASSERT_EQ(o->fails, 1);
        ASSERT_EQ(o->completes, 1);
        ASSERT_EQ(o->err_no, 115910);
        ASSERT_EQ(o->error_code, 115910);
        ASSERT_STR(o->type, "D");
        ASSERT_STR(o->msg, msg);
}

void outcome_assert_framework(const struct outcome *o, const char *msg)
{
        ASSERT_EQ(o->fails, 1);
        ASSERT_EQ(o->completes, 1);
        ASSERT_EQ(o->err_no, 21102);
        ASSERT_EQ(o->error_code, 115903);
        ASSERT_STR(o->type, "F");
        ASSERT_STR(o->msg, msg);
}
