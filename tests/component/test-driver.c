/* test-driver.c - driver.h under a machine of a few lines: the order of things, and every way an engine may end. */
#include <errno.h>

#include "base/clock.h"
#include "engine/driver.h"
#include "fakes/engine-recorder.h"
#include "fakes/fake-rtc.h"
#include "fakes/fake-sigconn.h"
#include "lib/test.h"
#include "lib/vloop.h"

enum toy_kind { TOY_OPEN, TOY_SAY, TOY_CLOSE, TOY_FAIL, TOY_PEER, TOY_DONE, TOY_END };

struct toy_action {
        enum toy_kind kind;
        uint32_t op;
        struct list link; /* in driver.queue */
};

/* The "machine": what it is told is written down, what the test wants done is appended. */
struct toy {
        struct driver driver;
        uint64_t due_us;
        uint32_t ops[4], n_ops; /* in flight */
        bool has_track, in_room, enters;
        bool *destroyed;
        char *heard; /* of the bed */
};

static struct toy *toy(const struct driver *d)
{
        return container_of(d, struct toy, driver);
}

static void hear(const struct driver *d, const char *what)
{
        (void)strcat(strcat(toy(d)->heard, what), "; ");
}

static int want(struct toy *t, struct list *queue, enum toy_kind kind, uint32_t op)
{
        struct toy_action *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->kind = kind;
        a->op = op;
        list_append(queue, &a->link);
        if (queue == &t->driver.queue)
                driver_wake(&t->driver);
        return 0;
}

static void on_opened(struct driver *d)
{
        hear(d, "opened");
}

static void on_message(struct driver *d, const char *data, size_t len, bool binary)
{
        (void)len;
        hear(d, binary ? "binary" : data);
}

static void on_closed(struct driver *d, int err, unsigned http_status, const char *body, const char *why)
{
        char text[160];

        (void)snprintf(text, sizeof(text), "closed %d %u %s%s%s", err, http_status, why, body[0] ? ": " : "", body);
        hear(d, text);
        ASSERT_OK(want(toy(d), &d->queue, TOY_END, 0));
}

static uint64_t deadline(const struct driver *d)
{
        return toy(d)->due_us;
}

static void on_expired(struct driver *d)
{
        hear(d, "expired");
        toy(d)->due_us = LOOP_NEVER;
}

static bool take_op(struct driver *d, uint32_t *ret_op)
{
        if (toy(d)->n_ops == 0)
                return false;
        *ret_op = toy(d)->ops[--toy(d)->n_ops];
        return true;
}

static void reset(struct driver *d)
{
        hear(d, "reset");
        toy(d)->in_room = false;
}

static void farewell(struct driver *d, struct list *actions)
{
        (void)want(toy(d), actions, TOY_SAY, 0);
}

static bool get_stages(const struct driver *d, struct engine_stages *ret)
{
        ret->joined_us = 7;
        return toy(d)->in_room;
}

static uint32_t publisher(const struct driver *d)
{
        return toy(d)->has_track ? 1 : 0;
}

static bool find_track(const struct driver *d, const char *user_id, uint32_t *ret_peer, const char **ret_mid)
{
        (void)user_id;
        *ret_peer = 1;
        *ret_mid = "0";
        return toy(d)->has_track;
}

static int carry_down(struct driver *d, const struct list *l)
{
        const struct toy_action *a = container_of(l, struct toy_action, link);
        struct sigconn_params p = { .url = "ws://x" };

        switch (a->kind) {
        case TOY_OPEN: return driver_open_conn(d, &p);
        case TOY_SAY: return driver_send(d, "said", 4, false);
        case TOY_CLOSE: driver_close_conn(d); return 0;
        case TOY_FAIL: return -EBUSY;
        case TOY_PEER: return d->backend.rtc->open_peer(d->backend.rt, 1, &d->join.peer);
        case TOY_DONE:
        case TOY_END: break;
        }
        return 0;
}

static void on_failed(struct driver *d, const struct list *l, int err)
{
        ASSERT_EQ(container_of(l, struct toy_action, link)->kind, TOY_FAIL);
        ASSERT_EQ(err, -EBUSY);
        hear(d, "failed");
}

static void carry_up(struct driver *d, const struct list *l)
{
        const struct toy_action *a = container_of(l, struct toy_action, link);
        struct engine_result why = { .reason = ENGINE_KICKED };

        ASSERT_NE(a->kind, TOY_FAIL);
        if (a->kind == TOY_DONE)
                driver_tell_done(d, a->op, &(struct engine_result){ .reason = ENGINE_OK }, toy(d)->enters);
        if (a->kind == TOY_END)
                driver_tell_state(d, ENGINE_STATE_IDLE, &why);
}

static void free_action(struct list *l)
{
        free(container_of(l, struct toy_action, link));
}

static void destroy(struct driver *d)
{
        *toy(d)->destroyed = true;
        free(toy(d));
}

static const struct rtc_runtime_events rtc_events = { .stats = driver_on_stats };

static const struct driver_ops toy_ops = {
        .rtc = &rtc_events,
        .opened = on_opened,
        .message = on_message,
        .closed = on_closed,
        .deadline = deadline,
        .expired = on_expired,
        .take_op = take_op,
        .reset = reset,
        .farewell = farewell,
        .get_stages = get_stages,
        .publisher = publisher,
        .find_track = find_track,
        .carry_down = carry_down,
        .failed = on_failed,
        .carry_up = carry_up,
        .action_free = free_action,
        .destroy = destroy,
};

/* ---- the bed ---- */

struct bed {
        struct loop *loop;
        struct rng rng;
        struct engine_env env;
        struct fake_sigconn *conn;
        struct fake_rtc rtc;
        struct recorder rec;
        struct toy *toy; /* NULL: freed */
        bool destroyed;
        char heard[512];
};

static void bed_done(struct bed *b)
{
        if (b->toy)
                driver_free(&b->toy->driver);
        ASSERT(b->destroyed);
        b->conn = b->conn ? fake_sigconn_free(b->conn) : NULL;
        b->loop = vloop_free(b->loop);
}
#define _bed_ __attribute__((cleanup(bed_done))) struct bed

static int toy_new(struct bed *b)
{
        struct driver_config config = { .env = &b->env,
                                        .ops = &toy_ops,
                                        .rtc = &fake_rtc_ops,
                                        .conn = b->conn ? fake_sigconn_provider(b->conn)
                                                        : (struct sigconn_provider){ 0 },
                                        .ev = &recorder_events,
                                        .ctx = &b->rec };
        struct toy *t = calloc(1, sizeof(*t));
        int r = t ? driver_init(&t->driver, &config) : -ENOMEM;

        if (r < 0) {
                free(t);
                b->destroyed = true;
                return r;
        }
        t->destroyed = &b->destroyed;
        t->heard = b->heard;
        t->due_us = LOOP_NEVER;
        t->in_room = true;
        b->toy = t;
        return 0;
}

static int bed_try(struct bed *b, bool with_line)
{
        *b = (struct bed){ .loop = vloop_new(US_PER_SEC) };
        if (!b->loop)
                return -ENOMEM;
        rand_seed(&b->rng, 1);
        b->env = (struct engine_env){ .loop = b->loop, .rng = &b->rng };
        if (with_line)
                b->conn = fake_sigconn_new(b->loop);
        fake_rtc_init(&b->rtc, b->loop);
        return toy_new(b);
}

static void bed_init(struct bed *b)
{
        ASSERT_OK(bed_try(b, true));
}

static void pass(struct bed *b)
{
        vloop_run_for(b->loop, 10 * US_PER_MS);
}

static void expect_heard(struct bed *b, const char *lines)
{
        ASSERT_STR(b->heard, lines);
        b->heard[0] = '\0';
}

static void connect(struct bed *b)
{
        ASSERT_OK(want(b->toy, &b->toy->driver.queue, TOY_OPEN, 0));
        pass(b);
        fake_sigconn_accept(b->conn);
        pass(b);
        expect_heard(b, "opened; ");
}

static void wish(struct bed *b, enum toy_kind kind, uint32_t op)
{
        ASSERT_OK(want(b->toy, &b->toy->driver.queue, kind, op));
}

static void prepare(struct bed *b)
{
        struct engine_join params = { .user_id = "me" };

        ASSERT_OK(driver_prepare(&b->toy->driver, &params));
}

static void free_the_engine(struct recorder *r, void *ctx)
{
        struct bed *b = ctx;

        r->hook = NULL;
        driver_free(&b->toy->driver);
        ASSERT(!b->destroyed); /* its timer is still running */
        b->toy = NULL;
}

/* ---- the queue ---- */

TEST(nothing_is_told_from_inside_an_operation)
{
        _bed_ b;

        bed_init(&b);
        wish(&b, TOY_DONE, 1);
        ASSERT_OK(driver_answer(&b.toy->driver, 2, ENGINE_UNSUPPORTED, "no"));
        wish(&b, TOY_DONE, 3);
        recorder_expect(&b.rec, "");
        pass(&b);
        recorder_expect(&b.rec, "done 1 ok; done 2 not supported; done 3 ok; ");
}

TEST(of_a_room_that_is_being_left_nothing_is_told)
{
        struct engine_participant alice = { .user_id = "alice" };
        _bed_ b;

        bed_init(&b);
        b.toy->enters = true;
        wish(&b, TOY_DONE, 1); /* a join that succeeds at this very moment */
        wish(&b, TOY_END, 0);
        driver_leave(&b.toy->driver);
        pass(&b);
        driver_tell_participant(&b.toy->driver, ENGINE_PARTICIPANT_JOINED, &alice);
        driver_tell_speaking(&b.toy->driver, "alice", true);
        recorder_expect(&b.rec, "done 1 cancelled; ");
        ASSERT(!b.toy->driver.in_room);
}

TEST(what_fails_is_not_told_upwards)
{
        _bed_ b;

        bed_init(&b);
        wish(&b, TOY_FAIL, 0);
        wish(&b, TOY_DONE, 3);
        pass(&b);
        expect_heard(&b, "failed; ");
        recorder_expect(&b.rec, "done 3 ok; ");
}

TEST(the_deadline_is_kept)
{
        _bed_ b;

        bed_init(&b);
        b.toy->due_us = driver_now_us(&b.toy->driver) + US_PER_SEC;
        driver_wake(&b.toy->driver);
        vloop_run_for(b.loop, US_PER_SEC - 1);
        expect_heard(&b, "");
        vloop_run_for(b.loop, 1);
        expect_heard(&b, "expired; ");
}

TEST(an_event_may_free_the_engine)
{
        _bed_ b;

        bed_init(&b);
        prepare(&b);
        connect(&b);
        wish(&b, TOY_DONE, 1);
        ASSERT_OK(driver_answer(&b.toy->driver, 2, ENGINE_OK, ""));
        wish(&b, TOY_DONE, 3);
        b.rec.hook = free_the_engine;
        b.rec.hook_ctx = &b;
        pass(&b);
        recorder_expect(&b.rec, "done 1 ok; ");
        ASSERT(b.destroyed);
        ASSERT(!b.rtc.rt);
        ASSERT(!fake_sigconn_is_open(b.conn));
}

TEST(an_answer_may_free_the_engine)
{
        _bed_ b;

        bed_init(&b);
        ASSERT_OK(driver_answer(&b.toy->driver, 3, ENGINE_OK, ""));
        ASSERT_OK(driver_answer(&b.toy->driver, 4, ENGINE_OK, ""));
        b.rec.hook = free_the_engine;
        b.rec.hook_ctx = &b;
        pass(&b);
        recorder_expect(&b.rec, "done 3 ok; ");
        ASSERT(b.destroyed);
}

TEST(farewell_is_said_before_the_line_goes)
{
        _bed_ b;
        char *said;

        bed_init(&b);
        connect(&b);
        driver_free(&b.toy->driver);
        b.toy = NULL;
        ASSERT(b.destroyed);
        said = fake_sigconn_take(b.conn);
        ASSERT_STR(said, "said");
        free(said);
        recorder_expect(&b.rec, "");
}

/* ---- no memory ---- */

static void collapse(struct bed *b)
{
        b->toy->driver.in_room = true;
        b->toy->ops[0] = 5;
        b->toy->ops[1] = 6;
        b->toy->n_ops = 2;
        b->toy->driver.collapsed = true;
        driver_wake(&b->toy->driver);
        pass(b);
}

TEST(without_memory_the_room_goes)
{
        _bed_ b;

        bed_init(&b);
        prepare(&b);
        connect(&b);
        collapse(&b);
        recorder_expect(&b.rec, "done 6 internal error; done 5 internal error; state idle internal error; ");
        expect_heard(&b, "reset; ");
        ASSERT(!b.rtc.rt);
        ASSERT(!fake_sigconn_is_open(b.conn));
        prepare(&b); /* and another room may come */
        ASSERT(b.rtc.rt);
}

TEST(the_engine_may_be_freed_by_the_news_that_the_room_went)
{
        _bed_ b;

        bed_init(&b);
        b.rec.hook = free_the_engine;
        b.rec.hook_ctx = &b;
        collapse(&b);
        recorder_expect(&b.rec, "done 6 internal error; ");
}

/* ---- the connection ---- */

TEST(a_connection_that_closed_is_let_go_of)
{
        _bed_ b;

        bed_init(&b);
        connect(&b);
        fake_sigconn_message(b.conn, "hello");
        pass(&b);
        fake_sigconn_drop(b.conn, 0, 404, "page not found");
        ASSERT_OK(driver_send(&b.toy->driver, "x", 1, true)); /* to nobody */
        pass(&b);
        expect_heard(&b, "hello; closed 0 404 HTTP status 404: page not found; ");
        recorder_expect(&b.rec, "state idle kicked; ");
        connect(&b);
        fake_sigconn_drop(b.conn, -ECONNRESET, 0, NULL);
        pass(&b);
        expect_heard(&b, "closed -104 0 Connection reset by peer; ");
        connect(&b);
        fake_sigconn_drop(b.conn, 0, 0, "");
        pass(&b);
        expect_heard(&b, "closed 0 0 closed by the server; ");
}

/* ---- ports and statistics ---- */

TEST(ports_go_where_the_sound_is)
{
        struct audio_port *port = NULL;
        struct capture_gate *gate = (void *)&gate;
        _bed_ b;

        bed_init(&b);
        ASSERT_OK(audio_port_new(4096, &port));
        prepare(&b);
        ASSERT_OK(driver_set_playback(&b.toy->driver, "alice", port));
        ASSERT_OK(driver_set_capture(&b.toy->driver, port, gate));
        ASSERT_OK(driver_bind(&b.toy->driver, 1, "0", "alice"));
        ASSERT_OK(driver_bind(&b.toy->driver, 1, "1", "bob"));
        fake_rtc_expect(&b.rtc, "bind 1 0 alice port; bind 1 1 bob; ");
        b.toy->has_track = true;
        ASSERT_OK(driver_set_playback(&b.toy->driver, "alice", NULL));
        ASSERT_OK(driver_set_playback(&b.toy->driver, "bob", port));
        ASSERT_OK(driver_set_capture(&b.toy->driver, NULL, NULL));
        fake_rtc_expect(&b.rtc, "bind 1 0 alice; bind 1 0 bob port; capture 1; ");
        port = audio_port_unref(port); /* the loan is a reference */
}

static void end_the_room(struct recorder *r, void *ctx)
{
        r->hook = NULL;
        ((struct bed *)ctx)->toy->in_room = false;
}

TEST(statistics_end_with_the_room)
{
        _bed_ b;

        bed_init(&b);
        prepare(&b);
        ASSERT_OK(driver_get_stats(&b.toy->driver, 1));
        pass(&b);
        recorder_expect(&b.rec, "stats 1; ");
        ASSERT_OK(driver_get_stats(&b.toy->driver, 2));
        ASSERT_OK(driver_get_stats(&b.toy->driver, 3));
        b.rec.hook = end_the_room;
        b.rec.hook_ctx = &b;
        pass(&b);
        recorder_expect(&b.rec, "stats 2; stats 3 none; ");
}

TEST(statistics_may_free_the_engine)
{
        _bed_ b;

        bed_init(&b);
        prepare(&b);
        ASSERT_OK(driver_get_stats(&b.toy->driver, 1));
        ASSERT_OK(driver_get_stats(&b.toy->driver, 2));
        b.rec.hook = free_the_engine;
        b.rec.hook_ctx = &b;
        pass(&b);
        recorder_expect(&b.rec, "stats 1; ");
}

TEST_OOM(everything_without_memory)
{
        struct bed b;
        struct engine_join params = { .user_id = "me" };
        int r = bed_try(&b, false);

        if (r >= 0)
                r = driver_prepare(&b.toy->driver, &params);
        if (r >= 0)
                r = driver_answer(&b.toy->driver, 1, ENGINE_OK, "");
        if (r >= 0)
                r = driver_get_stats(&b.toy->driver, 2);
        if (b.loop) {
                b.destroyed |= !b.toy;
                bed_done(&b);
        }
        return r;
}
