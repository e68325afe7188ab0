/* fuzz-janus-fsm.c - the machine under a caller who keeps the contract and a world that does not: bytes choose what
 * happens next. The far end may say anything at any time; what must hold is the contract upwards (each operation
 * answered once, nothing told of a room that is not) and downwards (no command to a peer that is not open, no send
 * without a connection), and that time always helps: whatever is asked, it is answered within a bounded time. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/janus/janus-fsm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
        const uint8_t *data;
        size_t left;
        struct janus_fsm *fsm;
        uint64_t now_us;
        bool conn, joined;
        bool peers[256];
        uint32_t last_peer, next_op, in_flight;
        uint64_t transactions, handles;
        char asked[64][24]; /* the words of what was sent; [n % 64] belongs to transaction n */
        uint64_t answered;  /* transactions up to here were answered well */
};

static uint8_t byte(struct world *w)
{
        if (w->left == 0)
                return 0;
        w->left--;
        return *w->data++;
}

static const char *user(struct world *w)
{
        static const char *const users[] = { "a", "b", "ok", "me", "echo" };

        return users[byte(w) % ARRAY_SIZE(users)];
}

/* ---- what the machine does ---- */

static void check_peer(const struct world *w, const struct janus_action *a)
{
        assert(a->peer < 256 && w->peers[a->peer]);
}

static void on_op_done(struct world *w, const struct janus_action *a)
{
        assert(w->in_flight > 0);
        w->in_flight--;
        if (a->on)
                w->joined = true;
}

/* {"janus":"WORD" … "request":"WORD" */
static void note_request(struct world *w, const char *text)
{
        static const char janus[] = "{\"janus\":\"", request[] = "\"request\":\"";
        const char *word = strstr(text, request);
        char *to = w->asked[++w->transactions % ARRAY_SIZE(w->asked)];

        assert(strncmp(text, janus, strlen(janus)) == 0);
        word = word ? word + strlen(request) : text + strlen(janus);
        memset(to, 0, sizeof(w->asked[0]));
        memcpy(to, word, strcspn(word, "\""));
        if (strstr(text, "\"subscriber\""))
                strcpy(to, "subscribe");
}

static void carry_out(struct world *w, const struct janus_action *a)
{
        switch (a->kind) {
        case JANUS_ACT_OPEN_CONN:
                assert(!w->conn);
                w->conn = true;
                break;
        case JANUS_ACT_CLOSE_CONN:
                assert(w->conn);
                w->conn = false;
                break;
        case JANUS_ACT_SEND:
                assert(w->conn);
                note_request(w, a->text);
                break;
        case JANUS_ACT_OPEN_PEER:
                assert(a->peer == ++w->last_peer);
                if (a->peer < 256)
                        w->peers[a->peer] = true;
                break;
        case JANUS_ACT_CLOSE_PEER:
                check_peer(w, a);
                w->peers[a->peer] = false;
                break;
        case JANUS_ACT_CREATE_OFFER:
        case JANUS_ACT_SET_REMOTE:
        case JANUS_ACT_ADD_CANDIDATE:
        case JANUS_ACT_BIND:
        case JANUS_ACT_UNBIND: check_peer(w, a); break;
        case JANUS_ACT_OP_DONE: on_op_done(w, a); break;
        case JANUS_ACT_STATE:
                assert(w->joined && w->in_flight == 0);
                w->joined = false;
                break;
        case JANUS_ACT_PARTICIPANT: assert(w->joined && a->user[0]); break;
        case JANUS_ACT_SPEAKING: assert(w->joined); break;
        case _JANUS_ACT_MAX: assert(false);
        }
}

static void step(struct world *w, const struct janus_event *ev)
{
        struct janus_action *a;
        struct list actions;

        list_init(&actions);
        assert(janus_fsm_step(w->fsm, ev, w->now_us, &actions) == 0);
        list_for_each (a, &actions, link) {
                carry_out(w, a);
                janus_action_free(a);
        }
}

/* ---- what happens to it ---- */

static void join(struct world *w)
{
        uint8_t how = byte(w);
        struct janus_join j = { .room = "app/room",
                                .room_secret = "secret",
                                .user_id = "me",
                                .session_id = 5,
                                .auto_publish = how & 1,
                                .auto_subscribe = how & 2,
                                .echo = how % 16 == 4 };

        if (janus_fsm_state(w->fsm) != JANUS_STATE_IDLE)
                return;
        w->in_flight++;
        step(w, &(struct janus_event){ .kind = JANUS_EV_JOIN, .op = ++w->next_op, .join = &j });
}

static void leave(struct world *w)
{
        if (w->in_flight > 32)
                return;
        w->in_flight++;
        w->joined = false;
        step(w, &(struct janus_event){ .kind = JANUS_EV_LEAVE, .op = ++w->next_op });
}

static void ask(struct world *w)
{
        uint8_t what = byte(w);

        if (!w->joined || w->in_flight > 32)
                return;
        w->in_flight++;
        step(w, &(struct janus_event){ .kind = what & 1 ? JANUS_EV_PUBLISH : JANUS_EV_SUBSCRIBE,
                                       .op = ++w->next_op,
                                       .media = what & 2 ? ENGINE_VIDEO : ENGINE_AUDIO,
                                       .on = what & 4,
                                       .user_id = user(w) });
}

static void pass_time(struct world *w)
{
        uint64_t due = janus_fsm_deadline(w->fsm);

        w->now_us += byte(w) * 10 * US_PER_MS;
        if (due != LOOP_NEVER && due > w->now_us && byte(w) & 1)
                w->now_us = due;
        if (due <= w->now_us)
                step(w, &(struct janus_event){ .kind = JANUS_EV_DEADLINE });
        assert(janus_fsm_deadline(w->fsm) > w->now_us); /* nothing stays due: no busy loop */
}

static void fill_news(struct world *w, struct janus_msg *m)
{
        static const int codes[] = { 426, 427, 428, 433, 435, 0, 436, 458 };
        uint8_t what = byte(w);

        m->news = (enum janus_news)(byte(w) % (JANUS_NEWS_EVENT + 1));
        m->error_code = codes[byte(w) % ARRAY_SIZE(codes)];
        m->echo_ok = what & 1;
        m->has_participants = what & 2;
        m->n_participants = what & 4;
        if (what & 8)
                strcpy(m->leaving, user(w));
        if (what & 16)
                strcpy(m->reason, "kicked");
        if (what & 32)
                strcpy(m->unpublished, user(w));
        if (what & 64)
                strcpy(m->kicked, user(w));
        if (what & 128)
                strcpy(m->moderated, user(w));
}

static void fill_lists(struct world *w, struct janus_msg *m, struct janus_feed *feeds, struct janus_stream *streams)
{
        m->feeds = feeds;
        m->streams = streams;
        m->n_feeds = byte(w) % 3;
        m->n_streams = byte(w) % 3;
        for (size_t i = 0; i < m->n_feeds; i++) {
                strcpy(feeds[i].id, user(w));
                feeds[i].publishing = byte(w) & 1;
                feeds[i].audio_mid[0] = feeds[i].publishing ? (char)('0' + byte(w) % 3) : '\0';
        }
        for (size_t i = 0; i < m->n_streams; i++) {
                streams[i].mid[0] = (char)('0' + byte(w) % 3);
                strcpy(streams[i].feed, user(w));
                streams[i].audio = byte(w) & 1;
        }
}

static void message(struct world *w)
{
        struct janus_feed feeds[3] = { 0 };
        struct janus_stream streams[3] = { 0 };
        struct janus_msg m = { .kind = (enum janus_msg_kind)(byte(w) % (JANUS_OTHER + 1)) };
        uint8_t what = byte(w);
        char sdp[] = "v=0";

        m.has_transaction = what & 1;
        m.transaction = w->transactions - what / 32; /* one of the last sent */
        m.session_id = 5;
        m.sender = 1000 + (what >> 1) % 4;
        m.id = 1000 + (what >> 2) % 4;
        m.jsep = (enum janus_jsep)(byte(w) % 3);
        m.sdp = m.jsep == JANUS_JSEP_NONE ? NULL : sdp;
        fill_news(w, &m);
        fill_lists(w, &m, feeds, streams);
        step(w, &(struct janus_event){ .kind = JANUS_EV_MESSAGE, .msg = &m });
}

static void media(struct world *w)
{
        static const enum janus_event_kind kinds[] = { JANUS_EV_DESCRIPTION, JANUS_EV_DESCRIPTION_FAILED,
                                                       JANUS_EV_CANDIDATE,   JANUS_EV_PEER_STATE,
                                                       JANUS_EV_SPEAKING,    JANUS_EV_FIRST_MEDIA };
        uint8_t what = byte(w);
        enum janus_event_kind kind = kinds[byte(w) % ARRAY_SIZE(kinds)];
        struct janus_event ev = { .kind = kind,
                                  .peer = w->last_peer - what % 3,
                                  .on = what & 8,
                                  .mid = kind == JANUS_EV_SPEAKING && what & 16 ? NULL : "0",
                                  .text = kind == JANUS_EV_CANDIDATE && what & 32 ? NULL : "v=0\r\na=mid:0\r\n",
                                  .sdp_type = what & 4 ? RTC_OFFER : RTC_ANSWER,
                                  .peer_state = (enum peer_state)(byte(w) % (PEER_STATE_CLOSED + 1)) };

        step(w, &ev);
}

/* A server that does as it should, so that what lies behind a join is reached: the next request gets its answer. */
static void good_answer(struct world *w)
{
        char sdp[] = "v=0";
        struct janus_stream streams[2] = { { "0", "a", true }, { "1", "b", true } };
        struct janus_feed feeds[2] = { { .id = "a", .audio_mid = "x", .publishing = true },
                                       { .id = "b", .audio_mid = "y", .publishing = true } };
        struct janus_msg m = { .kind = JANUS_EVENT, .has_transaction = true, .sdp = sdp, .echo_ok = true };
        const char *word;

        if (w->answered >= w->transactions)
                return;
        m.transaction = ++w->answered;
        word = w->asked[m.transaction % ARRAY_SIZE(w->asked)];
        if (strcmp(word, "create") == 0 || strcmp(word, "attach") == 0 || strcmp(word, "listparticipants") == 0) {
                m = (struct janus_msg){ .kind = JANUS_SUCCESS, .has_transaction = true, .transaction = m.transaction };
                m.id = 1000 + ++w->handles;
                m.has_participants = true;
        } else if (strncmp(word, "join", 4) == 0) {
                m.news = JANUS_NEWS_JOINED;
                m.feeds = feeds;
                m.n_feeds = byte(w) % 3;
        } else if (strcmp(word, "subscribe") == 0 || strcmp(word, "update") == 0) {
                m.news = word[0] == 's' ? JANUS_NEWS_ATTACHED : JANUS_NEWS_UPDATED;
                m.streams = streams;
                m.n_streams = byte(w) % 3;
        }
        m.jsep = m.kind != JANUS_EVENT ? JANUS_JSEP_NONE : m.n_streams ? JANUS_JSEP_OFFER : JANUS_JSEP_ANSWER;
        step(w, &(struct janus_event){ .kind = JANUS_EV_MESSAGE, .msg = &m });
}

static void good_media(struct world *w)
{
        for (uint32_t peer = w->last_peer > 1 ? w->last_peer - 1 : 1; peer <= w->last_peer; peer++) {
                struct janus_event ev = { .kind = JANUS_EV_DESCRIPTION, .peer = peer, .text = "v=0\r\na=mid:0\r\n" };

                ev.sdp_type = RTC_OFFER;
                step(w, &ev);
                ev.sdp_type = RTC_ANSWER;
                step(w, &ev);
                step(w, &(struct janus_event){
                                .kind = JANUS_EV_PEER_STATE, .peer = peer, .peer_state = PEER_STATE_CONNECTED });
        }
}

static void connection(struct world *w)
{
        uint8_t what = byte(w) % 8;

        if (!w->conn)
                return;
        if (what == 0) {
                w->conn = false;
                step(w, &(struct janus_event){ .kind = JANUS_EV_CLOSED, .err = -1, .text = "closed" });
        } else if (what == 1) {
                step(w, &(struct janus_event){ .kind = JANUS_EV_SEND_FAILED, .err = -90 });
        } else {
                step(w, &(struct janus_event){ .kind = JANUS_EV_OPENED });
        }
}

/* The far end has gone quiet for good: what is in flight is answered, and a leave gets us out. */
static void wind_up(struct world *w)
{
        for (int i = 0; i < 100 && w->in_flight > 0; i++) {
                if (w->conn &&
                    janus_fsm_state(w->fsm) == JANUS_STATE_CONNECTING) { /* the connection has its own limit */
                        w->conn = false;
                        step(w, &(struct janus_event){ .kind = JANUS_EV_CLOSED, .err = -1, .text = "timed out" });
                }
                if (janus_fsm_deadline(w->fsm) != LOOP_NEVER) {
                        w->now_us = janus_fsm_deadline(w->fsm);
                        step(w, &(struct janus_event){ .kind = JANUS_EV_DEADLINE });
                }
        }
        assert(w->in_flight == 0);
        leave(w);
        for (int i = 0; i < 10 && w->in_flight > 0; i++) {
                w->now_us += 2 * US_PER_SEC;
                step(w, &(struct janus_event){ .kind = JANUS_EV_DEADLINE });
        }
        assert(w->in_flight == 0 && !w->conn);
        assert(janus_fsm_state(w->fsm) == JANUS_STATE_IDLE);
        assert(janus_fsm_deadline(w->fsm) == LOOP_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const happenings[])(struct world *) = {
                join,        leave,       ask,         ask,   pass_time,  message,    message,    good_answer,
                good_answer, good_answer, good_answer, media, good_media, good_media, connection,
        };
        struct world w = { .data = data, .left = size < 2048 ? size : 2048, .now_us = US_PER_SEC };

        assert(janus_fsm_new(&w.fsm) == 0);
        assert(janus_fsm_set_tokens(w.fsm, "api", "room") == 0);
        while (w.left > 0 && w.last_peer < 250)
                happenings[byte(&w) % ARRAY_SIZE(happenings)](&w);
        wind_up(&w);
        janus_fsm_free(w.fsm);
        return 0;
}
