/* test-janus-fsm.c - the machine by itself: what it wants done at each step, when it wants to be woken, and that no
 * operation is lost when there is no memory. Its conversations are in component/test-engine-janus.c. */
#include "engine/janus/janus-fsm.h"

#include <errno.h>

#include "base/clock.h"
#include "lib/test.h"

struct rig {
        struct janus_fsm *fsm;
        uint64_t now_us;
        struct list actions;
        char trace[1024];
        unsigned done; /* operations answered */
        uint64_t transaction;
};

static void rig_done(struct rig *r)
{
        r->fsm = janus_fsm_free(r->fsm);
}

#define _rig_ _cleanup_(rig_done) struct rig

static int rig_init(struct rig *r)
{
        int err;

        *r = (struct rig){ .now_us = US_PER_SEC };
        list_init(&r->actions);
        err = janus_fsm_new(&r->fsm);
        return err < 0 ? err : janus_fsm_set_tokens(r->fsm, "api", "room");
}

/* "send joinandconfigure" for a request, else the action's name. */
static void note(struct rig *r, const struct janus_action *a)
{
        const char *word = a->text ? strstr(a->text, "\"request\":\"") : NULL;
        size_t at = strlen(r->trace);

        if (a->kind == JANUS_ACT_SEND) {
                r->transaction++;
                word = word ? word + strlen("\"request\":\"") : a->text + strlen("{\"janus\":\"");
                snprintf(r->trace + at, sizeof(r->trace) - at, "%.*s; ", (int)strcspn(word, "\""), word);
        } else {
                snprintf(r->trace + at, sizeof(r->trace) - at, "[%s] ", janus_action_kind_to_string(a->kind));
        }
        r->done += a->kind == JANUS_ACT_OP_DONE;
}

static int step(struct rig *r, const struct janus_event *ev)
{
        struct janus_action *a;
        int err = janus_fsm_step(r->fsm, ev, r->now_us, &r->actions);

        list_for_each (a, &r->actions, link) {
                note(r, a);
                janus_action_free(a);
        }
        return err;
}

static void expect(struct rig *r, const char *trace)
{
        ASSERT_STR(r->trace, trace);
        r->trace[0] = '\0';
}

static int join(struct rig *r)
{
        struct janus_join j = { .room = "app/r",
                                .user_id = "me",
                                .session_id = 5,
                                .auto_publish = true,
                                .auto_subscribe = true,
                                .visible = true };

        return step(r, &(struct janus_event){ .kind = JANUS_EV_JOIN, .op = 1, .join = &j });
}

static int answer(struct rig *r, uint64_t transaction, struct janus_msg m)
{
        m.has_transaction = true;
        m.transaction = transaction;
        return step(r, &(struct janus_event){ .kind = JANUS_EV_MESSAGE, .msg = &m });
}

static int success(struct rig *r, uint64_t transaction, uint64_t id)
{
        return answer(r, transaction, (struct janus_msg){ .kind = JANUS_SUCCESS, .id = id });
}

static int offer(struct rig *r)
{
        return step(r, &(struct janus_event){
                               .kind = JANUS_EV_DESCRIPTION, .peer = 1, .sdp_type = RTC_OFFER, .text = "v=0" });
}

static int joined(struct rig *r)
{
        struct janus_feed alice = { .id = "alice", .audio_mid = "0", .publishing = true };

        return answer(r, 5,
                      (struct janus_msg){ .kind = JANUS_EVENT,
                                          .news = JANUS_NEWS_JOINED,
                                          .jsep = JANUS_JSEP_ANSWER,
                                          .sdp = (char[]){ "v=0" },
                                          .feeds = &alice,
                                          .n_feeds = 1 });
}

static int connected(struct rig *r)
{
        return step(r, &(struct janus_event){
                               .kind = JANUS_EV_PEER_STATE, .peer = 1, .peer_state = PEER_STATE_CONNECTED });
}

TEST(every_state_and_action_has_a_word)
{
        for (int i = 0; i < _JANUS_STATE_MAX; i++)
                ASSERT(janus_state_to_string((enum janus_state)i));
        for (int i = 0; i < _JANUS_ACT_MAX; i++)
                ASSERT(janus_action_kind_to_string((enum janus_action_kind)i));
}

TEST(a_join_step_by_step)
{
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join(&r));
        expect(&r, "[open-conn] [open-peer] [create-offer] ");
        ASSERT_OK(step(&r, &(struct janus_event){ .kind = JANUS_EV_OPENED }));
        expect(&r, "create; attach; attach; ");
        ASSERT_OK(success(&r, 1, 5));
        ASSERT_OK(success(&r, 2, 1001));
        expect(&r, ""); /* the offer is not there yet */
        ASSERT_OK(offer(&r));
        expect(&r, "create; joinandconfigure; ");
        ASSERT_OK(joined(&r));
        expect(&r, "[set-remote] "); /* alice has to wait: no handle to subscribe with yet */
        ASSERT_OK(success(&r, 3, 1002));
        expect(&r, "[open-peer] join; ");
        ASSERT_OK(connected(&r));
        expect(&r, "[op-done] [participant] ");
        ASSERT_EQ(janus_fsm_state(r.fsm), JANUS_STATE_JOINED);
        ASSERT_EQ(janus_fsm_publisher(r.fsm), 1);
}

TEST(deadlines_are_asked_for)
{
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        ASSERT(janus_fsm_deadline(r.fsm) == LOOP_NEVER);
        ASSERT_OK(join(&r));
        ASSERT_EQ(janus_fsm_deadline(r.fsm), r.now_us + 10 * US_PER_SEC); /* the offer; the connection has its own */
        ASSERT_OK(step(&r, &(struct janus_event){ .kind = JANUS_EV_OPENED }));
        ASSERT_EQ(janus_fsm_deadline(r.fsm), r.now_us + 5 * US_PER_SEC);
        r.now_us += 5 * US_PER_SEC;
        r.trace[0] = '\0';
        ASSERT_OK(step(&r, &(struct janus_event){ .kind = JANUS_EV_DEADLINE }));
        expect(&r, "[unanswered] [close-peer] [close-conn] [op-done] ");
        ASSERT(janus_fsm_deadline(r.fsm) == LOOP_NEVER);
}

TEST(stages_are_measured_from_the_join)
{
        struct engine_stages stages;
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join(&r));
        r.now_us += 10;
        ASSERT_OK(step(&r, &(struct janus_event){ .kind = JANUS_EV_OPENED }));
        ASSERT_OK(offer(&r));
        ASSERT_OK(success(&r, 1, 5));
        ASSERT_OK(success(&r, 2, 1001));
        r.now_us += 10;
        ASSERT_OK(joined(&r));
        r.now_us += 10;
        ASSERT_OK(connected(&r));
        r.now_us += 10;
        ASSERT_OK(step(&r, &(struct janus_event){ .kind = JANUS_EV_FIRST_MEDIA, .peer = 2 }));
        ASSERT_OK(step(&r, &(struct janus_event){ .kind = JANUS_EV_FIRST_MEDIA, .peer = 2 }));
        janus_fsm_get_stages(r.fsm, &stages);
        ASSERT_EQ(stages.connected_us, 10);
        ASSERT_EQ(stages.joined_us, 20);
        ASSERT_EQ(stages.publisher_up_us, 30);
        ASSERT_EQ(stages.first_audio_us, 40);
        ASSERT_EQ(stages.subscriber_up_us, 0);
}

TEST(taking_leave_without_waiting)
{
        struct janus_action *a;
        _rig_ r;

        ASSERT_OK(rig_init(&r));
        ASSERT_OK(join(&r));
        ASSERT_OK(janus_fsm_farewell(r.fsm, &r.actions));
        ASSERT(list_is_empty(&r.actions)); /* nobody knows us yet */
        ASSERT_OK(step(&r, &(struct janus_event){ .kind = JANUS_EV_OPENED }));
        ASSERT_OK(success(&r, 1, 5));
        r.trace[0] = '\0';
        ASSERT_OK(janus_fsm_farewell(r.fsm, &r.actions));
        list_for_each (a, &r.actions, link) {
                note(&r, a);
                janus_action_free(a);
        }
        expect(&r, "destroy; ");
}

/* Everything up to being in the room and out again; the first failure ends it. */
static int whole_call(struct rig *r)
{
        int err = join(r);

        if (err >= 0)
                err = step(r, &(struct janus_event){
                                      .kind = JANUS_EV_CANDIDATE, .peer = 1, .mid = "0", .text = "candidate" });
        if (err >= 0)
                err = step(r, &(struct janus_event){ .kind = JANUS_EV_OPENED });
        if (err >= 0)
                err = offer(r);
        for (uint64_t t = 1; t <= 3 && err >= 0; t++)
                err = success(r, t, 1000 + t);
        if (err >= 0)
                err = joined(r);
        if (err >= 0)
                err = connected(r);
        if (err >= 0)
                err = step(r, &(struct janus_event){ .kind = JANUS_EV_SUBSCRIBE,
                                                     .op = 2,
                                                     .user_id = "bob",
                                                     .media = ENGINE_AUDIO,
                                                     .on = true });
        if (err >= 0)
                err = step(r, &(struct janus_event){ .kind = JANUS_EV_CLOSED, .err = -ECONNRESET, .text = "reset" });
        return err;
}

/* Whatever is missing, each operation is answered once: by an action, or by being there to be taken. */
TEST_OOM(no_operation_is_lost)
{
        _cleanup_(rig_done) struct rig r = { 0 };
        uint32_t op;
        int err = rig_init(&r);

        if (err < 0)
                return err;
        err = whole_call(&r);
        while (janus_fsm_take_op(r.fsm, &op))
                r.done++;
        ASSERT(r.done == 1 || r.done == 2);
        ASSERT(err < 0 || r.done == 2);
        janus_fsm_reset(r.fsm);
        ASSERT(janus_fsm_deadline(r.fsm) == LOOP_NEVER);
        return err;
}
