/* test-datachan.c - two ends of an association over a lossy wire in virtual time: channels, order, sizes, bounds,
 * ends.
 */
#include "transport/datachan.h"

#include <errno.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/rand.h"
#include "fakes/fake-wallclock.h"
#include "lib/test.h"
#include "lib/vloop.h"

enum { FLYING_MAX = 4096, SEEN_MAX = 4096, LABELS_MAX = 4 };

struct end {
        struct datachan *d;
        struct world *w;
        unsigned n_open, n_messages, n_closed;
        char opened[LABELS_MAX][DCEP_LABEL_MAX + 1];
        uint32_t numbers[SEEN_MAX]; /* the first four bytes of each message */
        size_t last_len;
        bool last_text;
        char last_label[DCEP_LABEL_MAX + 1];
        uint8_t last[SCTPCTX_RECEIVE_MAX];
        bool echo; /* what comes is sent back from inside the event */
};

struct packet {
        struct end *to;
        uint64_t due_us;
        size_t len;
        uint8_t data[SCTPCTX_PACKET_MAX];
};

struct world {
        struct loop *loop; /* its time is that of gettimeofday(), too, by which usrsctp tells what is late */
        uint64_t delay_us;
        double loss;
        struct rng rng;
        struct end a, b;
        struct packet *flying;
        unsigned n_flying;
        bool cut;
};

static uint64_t now(const struct world *w)
{
        return loop_now_us(w->loop);
}

static void on_output(const uint8_t *data, size_t len, void *ctx)
{
        struct end *e = ctx;
        struct world *w = e->w;
        struct packet *p = &w->flying[w->n_flying];

        ASSERT_LE(len, SCTPCTX_PACKET_MAX);
        if (w->cut || rand_double(&w->rng) < w->loss)
                return;
        ASSERT_LT(w->n_flying, FLYING_MAX);
        *p = (struct packet){ .to = e == &w->a ? &w->b : &w->a, .due_us = now(w) + w->delay_us, .len = len };
        memcpy(p->data, data, len);
        w->n_flying++;
}

static void on_open(const char *label, void *ctx)
{
        struct end *e = ctx;

        ASSERT_LT(e->n_open, LABELS_MAX);
        snprintf(e->opened[e->n_open++], sizeof(e->opened[0]), "%s", label);
}

static void on_message(const struct datachan_message *m, void *ctx)
{
        struct end *e = ctx;
        uint32_t number = 0;

        if (m->len >= sizeof(number))
                memcpy(&number, m->data, sizeof(number));
        ASSERT_LT(e->n_messages, SEEN_MAX);
        e->numbers[e->n_messages++] = number;
        e->last_len = m->len;
        e->last_text = m->text;
        if (m->len > 0)
                memcpy(e->last, m->data, m->len);
        snprintf(e->last_label, sizeof(e->last_label), "%s", m->label);
        if (e->echo)
                ASSERT_OK(datachan_send(e->d, m, now(e->w)));
}

static void on_closed(void *ctx)
{
        ((struct end *)ctx)->n_closed++;
}

static const struct datachan_events events = {
        .output = on_output, .open = on_open, .message = on_message, .closed = on_closed
};

static void step(struct world *w)
{
        vloop_run_for(w->loop, US_PER_MS);
        for (unsigned i = 0; i < w->n_flying;) {
                struct packet p = w->flying[i];

                if (p.due_us > now(w)) {
                        i++;
                        continue;
                }
                memmove(&w->flying[i], &w->flying[i + 1], (--w->n_flying - i) * sizeof(p));
                if (p.to->d)
                        datachan_input(p.to->d, p.data, p.len, now(w));
        }
        for (struct end *e = &w->a; e <= &w->b; e++)
                if (e->d && datachan_next_us(e->d) <= now(w))
                        datachan_timeout(e->d, now(w));
}

static void run_ms(struct world *w, unsigned ms)
{
        while (ms-- > 0)
                step(w);
}

static const struct datachan_config client = { .remote_port = SCTPCTX_PORT, .even = true },
                                    server = { .remote_port = SCTPCTX_PORT };

static struct world *open_world(double loss)
{
        struct world *w = calloc(1, sizeof(*w));

        w->flying = calloc(FLYING_MAX, sizeof(*w->flying));
        w->loop = vloop_new(US_PER_SEC);
        fake_wallclock_follow(w->loop);
        w->delay_us = 10000;
        w->loss = loss;
        rand_seed(&w->rng, 7);
        w->a.w = w->b.w = w;
        ASSERT_OK(datachan_new(&events, &w->a, &w->a.d));
        ASSERT_OK(datachan_new(&events, &w->b, &w->b.d));
        ASSERT_OK(datachan_start(w->a.d, &client, now(w)));
        ASSERT_OK(datachan_start(w->b.d, &server, now(w)));
        return w;
}

static void close_world(struct world *w)
{
        datachan_free(w->a.d);
        datachan_free(w->b.d);
        fake_wallclock_follow(NULL);
        vloop_free(w->loop);
        free(w->flying);
        free(w);
}

/* As LiveKit's clients do it. */
static struct world *open_channels(double loss)
{
        struct world *w = open_world(loss);

        ASSERT_OK(datachan_open(w->a.d, "_reliable", true, now(w)));
        ASSERT_OK(datachan_open(w->a.d, "_lossy", false, now(w)));
        ASSERT_EQ(w->a.n_open, 0);
        run_ms(w, loss > 0 ? 5000 : 200);
        ASSERT_EQ(w->a.n_open, 2);
        ASSERT_EQ(w->b.n_open, 2);
        return w;
}

static int say(struct end *e, const char *label, uint32_t number, size_t len)
{
        static uint8_t bytes[SCTPCTX_SEND_MAX + 1];

        memset(bytes, (int)number, len);
        if (len >= sizeof(number))
                memcpy(bytes, &number, sizeof(number));
        return datachan_send(e->d, &(struct datachan_message){ .label = label, .data = bytes, .len = len }, now(e->w));
}

TEST(channels_are_opened_by_their_names)
{
        struct world *w = open_channels(0);

        ASSERT_STR(w->a.opened[0], "_reliable");
        ASSERT_STR(w->a.opened[1], "_lossy");
        ASSERT_STR(w->b.opened[0], "_reliable");
        ASSERT_STR(w->b.opened[1], "_lossy");
        ASSERT_OK(datachan_open(w->b.d, "_lossy", false, now(w))); /* it is there */
        ASSERT_OK(datachan_open(w->b.d, "theirs", true, now(w)));
        run_ms(w, 100);
        ASSERT_EQ(w->b.n_open, 3);
        ASSERT_STR(w->a.opened[2], "theirs");
        close_world(w);
}

TEST(messages_go_both_ways_on_one_channel)
{
        struct world *w = open_channels(0);
        const struct datachan_message hello = { .label = "_reliable", .text = true, .data = "hello", .len = 5 };

        ASSERT_OK(datachan_send(w->a.d, &hello, now(w)));
        ASSERT_OK(say(&w->b, "_lossy", 7, 100));
        run_ms(w, 100);
        ASSERT_EQ(w->b.n_messages, 1);
        ASSERT_EQ(w->b.last_len, 5);
        ASSERT(w->b.last_text);
        ASSERT_MEM(w->b.last, "hello", 5);
        ASSERT_STR(w->b.last_label, "_reliable");
        ASSERT_EQ(w->a.n_messages, 1);
        ASSERT_EQ(w->a.numbers[0], 7);
        ASSERT(!w->a.last_text);
        ASSERT_STR(w->a.last_label, "_lossy");
        close_world(w);
}

TEST(every_size_that_is_allowed_arrives_whole)
{
        static const size_t sizes[] = { 0, 1, 4, 1000, 1111, 1112, 1113, 1140, 1152, 15000, SCTPCTX_SEND_MAX };
        struct world *w = open_channels(0);

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                ASSERT_OK(say(&w->a, "_reliable", 40 + (uint32_t)i, sizes[i]));
                run_ms(w, 1000);
                ASSERT_EQ(w->b.n_messages, i + 1);
                ASSERT_EQ(w->b.last_len, sizes[i]);
                if (sizes[i] > 4)
                        ASSERT_EQ(w->b.last[sizes[i] - 1], 40 + i);
        }
        ASSERT_EQ(say(&w->a, "_reliable", 0, SCTPCTX_SEND_MAX + 1), -EMSGSIZE);
        ASSERT_EQ(say(&w->a, "nothing", 0, 1), -ENOENT);
        close_world(w);
}

TEST(what_is_reliable_arrives_in_order_through_loss)
{
        enum { N = 300 };
        struct world *w = open_channels(0.1);

        for (uint32_t i = 0; i < N; i++) {
                ASSERT_OK(say(&w->a, "_reliable", i, 20 + i * 9));
                ASSERT_OK(say(&w->b, "_reliable", i, 20));
                run_ms(w, 10);
        }
        run_ms(w, 60000);
        ASSERT_EQ(w->a.n_messages, N);
        ASSERT_EQ(w->b.n_messages, N);
        for (uint32_t i = 0; i < N; i++)
                ASSERT(w->a.numbers[i] == i && w->b.numbers[i] == i);
        close_world(w);
}

TEST(what_is_not_is_sent_once)
{
        enum { N = 500 };
        struct world *w = open_channels(0.1);
        struct datachan_stats stats;
        bool seen[N] = { false };

        for (uint32_t i = 0; i < N; i++) {
                ASSERT_OK(say(&w->a, "_lossy", i, 200));
                run_ms(w, 20);
        }
        run_ms(w, 5000);
        ASSERT_GT(w->b.n_messages, N * 8 / 10);
        ASSERT_LT(w->b.n_messages, N * 97 / 100);
        for (uint32_t i = 0; i < w->b.n_messages; i++) {
                ASSERT_LT(w->b.numbers[i], N);
                ASSERT(!seen[w->b.numbers[i]]);
                seen[w->b.numbers[i]] = true;
        }
        datachan_get_stats(w->a.d, &stats);
        ASSERT_EQ(stats.messages_sent, N);
        close_world(w);
}

/* A loss holds nobody up who did not ask for order. */
TEST(the_unreliable_overtake)
{
        struct world *w = open_channels(0);

        ASSERT_OK(say(&w->a, "_lossy", 0, 100)); /* its ACK came: unordered from here on */
        run_ms(w, 100);
        w->cut = true;
        ASSERT_OK(say(&w->a, "_lossy", 1, 100));
        ASSERT_OK(say(&w->a, "_reliable", 2, 100));
        w->cut = false;
        ASSERT_OK(say(&w->a, "_lossy", 3, 100));
        run_ms(w, 15);
        ASSERT_EQ(w->b.n_messages, 2);
        ASSERT_EQ(w->b.numbers[1], 3);
        run_ms(w, 2000);
        ASSERT_EQ(w->b.n_messages, 3);
        ASSERT_EQ(w->b.numbers[2], 2);
        close_world(w);
}

TEST(what_is_sent_early_waits)
{
        struct world *w = open_world(0);

        ASSERT_EQ(datachan_start(w->a.d, &client, now(w)), -EALREADY);
        ASSERT_EQ(say(&w->a, "_reliable", 0, 10), -ENOENT);
        ASSERT_OK(datachan_open(w->a.d, "_reliable", true, now(w)));
        ASSERT_OK(datachan_open(w->a.d, "_lossy", false, now(w)));
        ASSERT_OK(say(&w->a, "_reliable", 1, 10));
        ASSERT_OK(say(&w->a, "_lossy", 2, 10)); /* it would come too late anyway */
        ASSERT_GT(datachan_waiting(w->a.d), 0);
        run_ms(w, 200);
        ASSERT_EQ(datachan_waiting(w->a.d), 0);
        ASSERT_EQ(w->b.n_messages, 1);
        ASSERT_EQ(w->b.numbers[0], 1);
        close_world(w);
}

TEST(what_waits_is_bounded_and_goes_out_in_order)
{
        struct world *w = open_channels(0);
        uint32_t n = 0;
        int r = 0;

        w->cut = true;
        while ((r = say(&w->a, "_reliable", n, 50000)) == 0)
                n++;
        ASSERT_EQ(r, -ENOBUFS);
        ASSERT_LE(datachan_waiting(w->a.d), DATACHAN_QUEUE_MAX);
        ASSERT_GT(n, DATACHAN_QUEUE_MAX / 50000 - 1);
        run_ms(w, 1000);
        w->cut = false;
        run_ms(w, 30000);
        ASSERT_EQ(w->b.n_messages, n);
        for (uint32_t i = 0; i < n; i++)
                ASSERT_EQ(w->b.numbers[i], i);
        ASSERT_EQ(datachan_waiting(w->a.d), 0);
        close_world(w);
}

TEST(sending_is_legal_inside_of_events)
{
        struct world *w = open_channels(0);

        w->b.echo = true;
        for (uint32_t i = 0; i < 50; i++)
                ASSERT_OK(say(&w->a, "_reliable", i, 3000));
        run_ms(w, 3000);
        ASSERT_EQ(w->a.n_messages, 50);
        ASSERT_EQ(w->a.numbers[49], 49);
        close_world(w);
}

TEST(a_quiet_association_asks_for_nothing)
{
        struct world *w = open_channels(0);
        unsigned before;

        ASSERT_OK(say(&w->a, "_reliable", 1, 10));
        run_ms(w, 10000);
        ASSERT_EQ(datachan_next_us(w->a.d), LOOP_NEVER);
        ASSERT_EQ(datachan_next_us(w->b.d), LOOP_NEVER);
        vloop_run_for(w->loop, 3600 * US_PER_SEC);
        before = w->b.n_messages;
        ASSERT_OK(say(&w->a, "_reliable", 2, 10));
        run_ms(w, 100);
        ASSERT_EQ(w->b.n_messages, before + 1);
        ASSERT_EQ(w->a.n_closed + w->b.n_closed, 0);
        close_world(w);
}

TEST(the_other_side_is_told_of_the_end)
{
        struct world *w = open_channels(0);

        w->a.d = datachan_free(w->a.d);
        run_ms(w, 100);
        ASSERT_EQ(w->b.n_closed, 1);
        ASSERT_EQ(say(&w->b, "_reliable", 1, 10), -ENOTCONN);
        ASSERT_EQ(datachan_next_us(w->b.d), LOOP_NEVER);
        close_world(w);
}

TEST(an_association_that_nobody_answers_ends)
{
        struct world *w = open_channels(0);

        w->cut = true;
        ASSERT_OK(say(&w->a, "_reliable", 1, 10));
        run_ms(w, 200000);
        ASSERT_EQ(w->a.n_closed, 1);
        ASSERT_EQ(w->b.n_closed, 0); /* it had nothing to say */
        close_world(w);
}

TEST(several_associations_in_one_process)
{
        struct world *w[4];

        for (size_t i = 0; i < ARRAY_SIZE(w); i++)
                w[i] = open_world(0);
        for (unsigned ms = 0; ms < 300; ms++) {
                for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
                        if (ms == 0)
                                ASSERT_OK(datachan_open(w[i]->a.d, "x", true, now(w[i])));
                        if (ms == 200)
                                ASSERT_OK(say(&w[i]->b, "x", (uint32_t)i, 100));
                        step(w[i]);
                }
        }
        for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
                ASSERT_EQ(w[i]->a.n_messages, 1);
                ASSERT_EQ(w[i]->a.numbers[0], i);
                close_world(w[i]);
        }
}

TEST(channels_are_bounded)
{
        struct world *w = open_world(0);
        char label[DCEP_LABEL_MAX + 2] = "";

        memset(label, 'x', DCEP_LABEL_MAX + 1);
        ASSERT_EQ(datachan_open(w->a.d, label, true, now(w)), -EMSGSIZE);
        for (unsigned i = 0; i < DATACHAN_MAX; i++) {
                snprintf(label, sizeof(label), "%u", i);
                ASSERT_OK(datachan_open(w->a.d, label, true, now(w)));
        }
        ASSERT_EQ(datachan_open(w->a.d, "more", true, now(w)), -EMSGSIZE);
        close_world(w);
}

static void ignore(const uint8_t *data, size_t len, void *ctx)
{
        (void)data, (void)len, (void)ctx;
}

TEST_OOM(construction)
{
        static const struct datachan_events deaf = { .output = ignore };
        _cleanup_(datachan_freep) struct datachan *d = NULL;

        int r = datachan_new(&deaf, NULL, &d);

        return r < 0 ? r : datachan_start(d, &client, US_PER_SEC);
}
