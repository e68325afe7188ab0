/* test-janus-orders.c - the machine under whatever comes: random events and moments, from a server that makes no
 * sense. Asserted: what the app is told keeps to the contract of engine.h, every operation is answered once, and
 * nothing in the machine's own assertions (states, pending requests) is hit. */
#include "engine/janus/janus-fsm.h"

#include "base/clock.h"
#include "base/rand.h"
#include "lib/test.h"

enum { STEPS = 100000, OPS = 12, ASKED = 8 };

struct rig {
        struct janus_fsm *fsm;
        struct rng rng;
        uint64_t now_us;
        struct {
                uint64_t transaction;
                char word[24];
        } asked[ASKED]; /* the last requests */
        unsigned n_asked;
        struct list actions;
        enum engine_state told; /* what the app knows */
        uint32_t next_op, flight[OPS], peers;
        size_t n_flight;
        unsigned seen[_ENGINE_STATE_MAX];
};

static unsigned pick(struct rig *r, unsigned n)
{
        return rand_u32(&r->rng) % n;
}

static uint32_t take_off(struct rig *r)
{
        return r->flight[r->n_flight++] = ++r->next_op;
}

static void land(struct rig *r, const struct janus_action *a)
{
        size_t i = 0;

        while (i < r->n_flight && r->flight[i] != a->op)
                i++;
        ASSERT_LT(i, r->n_flight);
        r->flight[i] = r->flight[--r->n_flight];
        if (r->told == ENGINE_STATE_JOINING)
                r->told = a->on ? ENGINE_STATE_JOINED : ENGINE_STATE_IDLE;
        else if (r->told == ENGINE_STATE_LEAVING && r->n_flight == 0)
                r->told = ENGINE_STATE_IDLE;
}

static void field(const char *text, const char *key, char *ret, size_t size)
{
        const char *at = strstr(text, key);

        snprintf(ret, size, "%.*s", at ? (int)strcspn(at + strlen(key), "\"") : 0, at ? at + strlen(key) : "");
}

static void remember(struct rig *r, const char *text)
{
        char number[24];
        unsigned i = r->n_asked++ % ASKED;

        field(text, "\"transaction\":\"", number, sizeof(number));
        field(text, strstr(text, "\"request\"") ? "\"request\":\"" : "{\"janus\":\"", r->asked[i].word,
              sizeof(r->asked[i].word));
        if (strstr(text, "\"subscriber\""))
                snprintf(r->asked[i].word, sizeof(r->asked[i].word), "subscribe");
        r->asked[i].transaction = strtoull(number, NULL, 10);
}

static void hear(struct rig *r, const struct janus_action *a)
{
        bool in = r->told == ENGINE_STATE_JOINED || r->told == ENGINE_STATE_RECONNECTING;

        if (a->kind == JANUS_ACT_OP_DONE)
                land(r, a);
        if (a->kind == JANUS_ACT_PARTICIPANT)
                ASSERT_EQ(r->told, ENGINE_STATE_JOINED);
        if (a->kind == JANUS_ACT_OPEN_PEER)
                r->peers = a->peer;
        if (a->kind == JANUS_ACT_SEND)
                remember(r, a->text);
        if (a->kind != JANUS_ACT_STATE)
                return;
        ASSERT(in);
        ASSERT(a->state != r->told);
        ASSERT(a->state != ENGINE_STATE_IDLE || r->n_flight == 0);
        r->told = a->state;
        r->seen[a->state]++;
}

static void step(struct rig *r, const struct janus_event *ev)
{
        struct janus_action *a;

        ASSERT_OK(janus_fsm_step(r->fsm, ev, r->now_us, &r->actions));
        while ((a = list_first(&r->actions, struct janus_action, link))) {
                hear(r, a);
                janus_action_free(a);
        }
}

/* What a good server says to it. */
static void answer(struct janus_msg *m, const char *word)
{
        bool enters = strncmp(word, "join", 4) == 0, subscribes = strcmp(word, "subscribe") == 0;
        bool core = strcmp(word, "create") == 0 || strcmp(word, "attach") == 0 || strcmp(word, "kick") == 0;

        m->kind = core ? JANUS_SUCCESS : strcmp(word, "keepalive") == 0 ? JANUS_ACK : JANUS_EVENT;
        m->news = enters ? JANUS_NEWS_JOINED : subscribes ? JANUS_NEWS_ATTACHED : JANUS_NEWS_EVENT;
        if (strcmp(word, "update") == 0)
                m->news = JANUS_NEWS_UPDATED;
        m->jsep = strcmp(word, "joinandconfigure") == 0 || strcmp(word, "publish") == 0 ? JANUS_JSEP_ANSWER
                  : subscribes || m->news == JANUS_NEWS_UPDATED                         ? JANUS_JSEP_OFFER
                                                                                        : JANUS_JSEP_NONE;
}

static void misbehave(struct rig *r, struct janus_msg *m)
{
        static const int codes[] = { 0, 403, 426, 428, 432, 433, 436, 458, 490 };
        static const enum janus_msg_kind kinds[] = { JANUS_SUCCESS,  JANUS_EVENT,   JANUS_ACK,    JANUS_ERROR,
                                                     JANUS_DETACHED, JANUS_TIMEOUT, JANUS_HANGUP, JANUS_TRICKLE };

        m->kind = kinds[pick(r, ARRAY_SIZE(kinds))];
        m->has_transaction = pick(r, 2);
        m->error_code = codes[pick(r, ARRAY_SIZE(codes))];
        m->news = pick(r, JANUS_NEWS_EVENT + 1);
        m->jsep = pick(r, 3);
        strcpy(m->leaving, pick(r, 4) ? "alice" : "ok");
        strcpy(m->reason, pick(r, 3) ? "" : "kicked");
}

static void say(struct rig *r)
{
        struct janus_feed feeds[2] = { { .id = "alice", .audio_mid = "0", .publishing = true }, { .id = "bob" } };
        struct janus_stream stream = { .mid = "0", .feed = "alice", .audio = true };
        unsigned i = pick(r, ASKED);
        struct janus_msg m = { .has_transaction = true,
                               .transaction = r->asked[i].transaction,
                               .session_id = 5 + pick(r, 4),
                               .sender = 1001 + pick(r, 3),
                               .id = 1001 + pick(r, 3),
                               .sdp = (char[]){ "v=0" },
                               .feeds = feeds,
                               .n_feeds = pick(r, 3),
                               .streams = &stream,
                               .n_streams = pick(r, 2),
                               .has_participants = true,
                               .n_participants = pick(r, 2) };

        if (pick(r, 80))
                answer(&m, r->asked[i].word);
        else
                misbehave(r, &m);
        step(r, &(struct janus_event){ .kind = JANUS_EV_MESSAGE, .msg = &m });
}

static void tell_of_a_peer(struct rig *r)
{
        struct janus_event ev = { .peer = r->peers - pick(r, 2),
                                  .text = "v=0",
                                  .sdp_type = pick(r, 2) ? RTC_OFFER : RTC_ANSWER };

        switch (pick(r, 12)) {
        case 0: ev.kind = pick(r, 40) ? JANUS_EV_FIRST_MEDIA : JANUS_EV_DESCRIPTION_FAILED; break;
        case 1: ev.kind = JANUS_EV_CANDIDATE; break;
        case 2:
        case 3:
        case 4:
        case 5: ev.kind = JANUS_EV_DESCRIPTION; break;
        case 6: ev.kind = JANUS_EV_SPEAKING; break;
        default:
                ev.kind = JANUS_EV_PEER_STATE;
                ev.peer_state = pick(r, 40) ? PEER_STATE_CONNECTED : PEER_STATE_FAILED;
                break;
        }
        step(r, &ev);
}

/* What the app may ask for now. */
static void ask(struct rig *r)
{
        static const struct janus_join join = { .room = "app/r",
                                                .user_id = "me",
                                                .session_id = 7,
                                                .reconnect_us = 40 * US_PER_SEC,
                                                .auto_publish = true,
                                                .auto_subscribe = true };
        bool in = r->told == ENGINE_STATE_JOINED || r->told == ENGINE_STATE_RECONNECTING;

        if (r->n_flight + 2 > OPS)
                return;
        if (r->told == ENGINE_STATE_IDLE) {
                r->told = ENGINE_STATE_JOINING;
                step(r, &(struct janus_event){ .kind = JANUS_EV_JOIN, .op = take_off(r), .join = &join });
        } else if (!pick(r, 60)) {
                r->told = ENGINE_STATE_LEAVING;
                step(r, &(struct janus_event){ .kind = JANUS_EV_LEAVE, .op = take_off(r) });
        } else if (in && pick(r, 2)) {
                step(r,
                     &(struct janus_event){
                             .kind = JANUS_EV_PUBLISH, .op = take_off(r), .media = ENGINE_AUDIO, .on = pick(r, 2) });
        } else if (in) {
                step(r, &(struct janus_event){ .kind = JANUS_EV_SUBSCRIBE,
                                               .op = take_off(r),
                                               .user_id = "alice",
                                               .media = ENGINE_AUDIO,
                                               .on = pick(r, 2) });
        }
}

static void pass_time(struct rig *r)
{
        uint64_t due = janus_fsm_deadline(r->fsm);

        r->now_us += pick(r, 3) ? pick(r, 300000) : 0;
        if (due != LOOP_NEVER && !pick(r, 3))
                r->now_us = due > r->now_us ? due : r->now_us;
        if (due <= r->now_us)
                step(r, &(struct janus_event){ .kind = JANUS_EV_DEADLINE });
}

static void anything(struct rig *r)
{
        switch (pick(r, 24)) {
        case 0:
                if (!pick(r, 12))
                        step(r, &(struct janus_event){ .kind = JANUS_EV_CLOSED, .err = -1, .text = "cut" });
                break;
        case 1:
        case 2: step(r, &(struct janus_event){ .kind = JANUS_EV_OPENED }); break;
        case 3:
                if (!pick(r, 10))
                        step(r, &(struct janus_event){ .kind = pick(r, 2) ? JANUS_EV_RESUMED : JANUS_EV_SEND_FAILED,
                                                       .err = -107 });
                break;
        case 4:
        case 5: ask(r); break;
        case 6:
        case 7:
        case 8: pass_time(r); break;
        case 9:
        case 10:
        case 11:
        case 12: tell_of_a_peer(r); break;
        default: say(r); break;
        }
}

TEST(whatever_comes_the_app_is_told_in_order)
{
        struct rig r = { .now_us = US_PER_SEC };

        list_init(&r.actions);
        rand_seed(&r.rng, 13);
        ASSERT_OK(janus_fsm_new(&r.fsm));
        ASSERT_OK(janus_fsm_set_tokens(r.fsm, "api", "room"));
        for (unsigned i = 0; i < STEPS; i++)
                anything(&r);
        ASSERT_GE(r.seen[ENGINE_STATE_RECONNECTING], 100); /* it got around */
        ASSERT_GE(r.seen[ENGINE_STATE_JOINED], 50);
        ASSERT_GE(r.seen[ENGINE_STATE_IDLE], 50);
        janus_fsm_free(r.fsm);
}
