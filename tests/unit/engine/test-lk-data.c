/* test-lk-data.c - LiveKit's messages as bytes and back: forms, numbers, what is sent again, what is refused. */
#include "engine/livekit/lk-data.h"

#include <errno.h>

#include "base/clock.h"
#include "base/loop.h"
#include "lib/test.h"

enum { SENT_MAX = 256, REALTIME_MS = 1700000000 };

struct sent {
        bool reliable;
        Livekit__DataPacket *m; /* owned */
        uint8_t *bytes;         /* owned */
        size_t len;
};

struct bed {
        struct lk_data *d;
        struct rng rng;
        struct sent sent[SENT_MAX];
        size_t n_sent;
        int error;        /* what sending answers, if negative */
        char heard[1024]; /* "text alice to me [topic] words; " */
        char *last;       /* owned: of the last message */
        size_t last_len;
};

static int on_send(const char *label, const void *data, size_t len, void *ctx)
{
        struct bed *b = ctx;
        struct sent *s = &b->sent[b->n_sent];

        if (b->error < 0)
                return b->error;
        ASSERT_LT(b->n_sent, SENT_MAX);
        ASSERT_LE(len, 64000);
        s->reliable = strcmp(label, "_reliable") == 0;
        ASSERT(s->reliable || strcmp(label, "_lossy") == 0);
        ASSERT_OK(livekit_data_parse(data, len, &s->m));
        s->bytes = malloc(len);
        memcpy(s->bytes, data, len);
        s->len = len;
        b->n_sent++;
        return 0;
}

static void on_message(const struct engine_message *m, void *ctx)
{
        struct bed *b = ctx;
        size_t at = strlen(b->heard);
        char to[256] = "";

        ASSERT(!m->text || (m->reliable && ((const char *)m->data)[m->len] == '\0'));
        for (size_t i = 0; i < m->n_destinations; i++)
                snprintf(to + strlen(to), sizeof(to) - strlen(to), "%s%s", i > 0 ? "," : " to ", m->destinations[i]);
        snprintf(b->heard + at, sizeof(b->heard) - at, "%s%s %s%s [%s] %.*s; ", m->reliable ? "" : "lossy ",
                 m->text ? "text" : "data", m->user_id ? m->user_id : "-", to, m->topic,
                 (int)(m->len < 32 ? m->len : 32), m->len > 0 ? (const char *)m->data : "");
        free(b->last);
        b->last = malloc(m->len + 1);
        if (m->len > 0)
                memcpy(b->last, m->data, m->len);
        b->last_len = m->len;
}

static const struct lk_data_events events = { .send = on_send, .message = on_message };

static void open_bed(struct bed *b, bool channels)
{
        *b = (struct bed){ 0 };
        rand_seed(&b->rng, 1);
        ASSERT_OK(lk_data_new(&b->rng, &events, b, &b->d));
        lk_data_begin(b->d);
        if (!channels)
                return;
        lk_data_open(b->d, "_reliable");
        lk_data_open(b->d, "_lossy");
}

static void forget_sent(struct bed *b)
{
        for (size_t i = 0; i < b->n_sent; i++) {
                livekit_data_free(b->sent[i].m);
                free(b->sent[i].bytes);
        }
        b->n_sent = 0;
}

static void close_bed(struct bed *b)
{
        lk_data_free(b->d);
        forget_sent(b);
        free(b->last);
}

static enum engine_reason say(struct bed *b, const struct engine_message *m)
{
        enum engine_reason r = lk_data_say(b->d, m, REALTIME_MS * US_PER_MS);

        lk_data_flush(b->d, 0);
        return r;
}

static void say_text(struct bed *b, const char *text)
{
        const struct engine_message m = {
                .topic = "", .data = text, .len = strlen(text), .text = true, .reliable = true
        };

        ASSERT_EQ(say(b, &m), ENGINE_OK);
}

static void say_number(struct bed *b, uint8_t n)
{
        ASSERT_EQ(say(b, &(struct engine_message){ .topic = "", .data = &n, .len = 1, .reliable = true }), ENGINE_OK);
}

static void hear(struct bed *b, const char *label, const Livekit__DataPacket *m)
{
        uint8_t *bytes;
        size_t len;

        ASSERT_OK(livekit_pack(&m->base, &bytes, &len));
        lk_data_receive(b->d, label, bytes, len, US_PER_SEC);
        free(bytes);
}

/* What was sent comes back, as the server hands it on. */
static void hear_back(struct bed *b, const struct sent *s)
{
        s->m->participant_identity = strdup("alice");
        hear(b, s->reliable ? "_reliable" : "_lossy", s->m);
}

static void expect(struct bed *b, const char *heard)
{
        ASSERT_STR(b->heard, heard);
        b->heard[0] = '\0';
}

TEST(a_text_is_a_stream_of_the_chat)
{
        struct bed b;

        open_bed(&b, true);
        say_text(&b, "good morning");
        ASSERT_EQ(b.n_sent, 3);
        ASSERT_EQ(b.sent[0].m->value_case, LIVEKIT__DATA_PACKET__VALUE_STREAM_HEADER);
        ASSERT_STR(b.sent[0].m->stream_header->topic, "lk.chat");
        ASSERT_STR(b.sent[0].m->stream_header->mime_type, "text/plain");
        ASSERT_EQ(b.sent[0].m->stream_header->timestamp, REALTIME_MS);
        ASSERT_EQ(b.sent[0].m->stream_header->total_length, 12);
        ASSERT(b.sent[0].m->stream_header->text_header);
        ASSERT_EQ(strlen(b.sent[0].m->stream_header->stream_id), 32);
        ASSERT_EQ(b.sent[1].m->value_case, LIVEKIT__DATA_PACKET__VALUE_STREAM_CHUNK);
        ASSERT_MEM(b.sent[1].m->stream_chunk->content.data, "good morning", 12);
        ASSERT_EQ(b.sent[2].m->value_case, LIVEKIT__DATA_PACKET__VALUE_STREAM_TRAILER);
        ASSERT_STR(b.sent[2].m->stream_trailer->stream_id, b.sent[0].m->stream_header->stream_id);
        for (uint32_t i = 0; i < 3; i++)
                ASSERT(b.sent[i].reliable && b.sent[i].m->sequence == i + 1);
        for (size_t i = 0; i < 3; i++)
                hear_back(&b, &b.sent[i]);
        expect(&b, "text alice [] good morning; ");
        close_bed(&b);
}

TEST(long_texts_travel_in_whole_characters)
{
        char text[ENGINE_MESSAGE_MAX + 1] = "";
        struct bed b;

        for (size_t i = 0; i + 3 <= ENGINE_MESSAGE_MAX; i += 3)
                memcpy(text + i, i == 0 ? "aaa" : "\xe2\x82\xac", 4);
        memmove(text + 1, text, strlen(text)); /* no chunk ends where a character does */
        text[ENGINE_MESSAGE_MAX - 2] = '\0';
        open_bed(&b, true);
        say_text(&b, text);
        ASSERT_GE(b.n_sent, 2 + 4);
        for (size_t i = 1; i + 1 < b.n_sent; i++) {
                const Livekit__StreamChunk *c = b.sent[i].m->stream_chunk;

                ASSERT_EQ(c->chunk_index, i - 1);
                ASSERT_LE(c->content.len, 15000);
                ASSERT_NE(c->content.data[0] & 0xc0, 0x80);
        }
        for (size_t i = 0; i < b.n_sent; i++)
                hear_back(&b, &b.sent[i]);
        ASSERT_EQ(b.last_len, strlen(text));
        ASSERT_MEM(b.last, text, b.last_len);
        close_bed(&b);
}

TEST(an_empty_text_is_a_stream_without_chunks)
{
        struct bed b;

        open_bed(&b, true);
        say_text(&b, "");
        ASSERT_EQ(b.n_sent, 2);
        for (size_t i = 0; i < 2; i++)
                hear_back(&b, &b.sent[i]);
        expect(&b, "text alice [] ; ");
        close_bed(&b);
}

TEST(data_is_a_user_packet)
{
        static const char *const to[] = { "bob", "carol" };
        struct engine_message m = {
                .topic = "position", .data = "xy", .len = 2, .destinations = to, .n_destinations = 2
        };
        struct bed b;

        open_bed(&b, true);
        ASSERT_EQ(say(&b, &m), ENGINE_OK);
        ASSERT_EQ(b.n_sent, 1);
        ASSERT(!b.sent[0].reliable && !b.sent[0].m->has_sequence);
        ASSERT_EQ(b.sent[0].m->kind, LIVEKIT__DATA_KIND__LOSSY);
        ASSERT_EQ(b.sent[0].m->n_destination_identities, 2);
        ASSERT_STR(b.sent[0].m->destination_identities[1], "carol");
        ASSERT_STR(b.sent[0].m->user->topic, "position");
        hear_back(&b, &b.sent[0]);
        expect(&b, "lossy data alice to bob,carol [position] xy; ");
        m = (struct engine_message){ .topic = "", .reliable = true };
        ASSERT_EQ(say(&b, &m), ENGINE_OK);
        ASSERT_EQ(b.sent[1].m->sequence, 1);
        ASSERT(!b.sent[1].m->user->topic);
        hear_back(&b, &b.sent[1]);
        expect(&b, "data alice [] ; ");
        close_bed(&b);
}

TEST(the_longest_message_to_most_fits_a_channel)
{
        static char data[ENGINE_MESSAGE_MAX], topic[ENGINE_TOPIC_MAX + 1], user[129];
        const char *to[ENGINE_DESTINATIONS_MAX];
        struct engine_message m = { .topic = topic,
                                    .data = data,
                                    .len = sizeof(data),
                                    .reliable = true,
                                    .destinations = to,
                                    .n_destinations = ENGINE_DESTINATIONS_MAX };
        struct bed b;

        memset(topic, 't', ENGINE_TOPIC_MAX);
        memset(user, 'u', 128);
        for (size_t i = 0; i < ENGINE_DESTINATIONS_MAX; i++)
                to[i] = user;
        open_bed(&b, true);
        ASSERT_EQ(say(&b, &m), ENGINE_OK); /* on_send: 64000 */
        ASSERT_EQ(b.n_sent, 1);
        close_bed(&b);
}

TEST(what_is_said_without_a_way_waits_or_is_dropped)
{
        struct engine_message lossy = { .topic = "", .data = "x", .len = 1 };
        struct lk_data_stats stats;
        struct bed b;

        open_bed(&b, false);
        say_number(&b, 1);
        ASSERT_EQ(say(&b, &lossy), ENGINE_OK);
        ASSERT_EQ(b.n_sent, 0);
        lk_data_open(b.d, "_lossy");
        lk_data_open(b.d, "_reliable");
        ASSERT_EQ(lk_data_next_us(b.d), 0);
        lk_data_flush(b.d, 0);
        ASSERT_EQ(b.n_sent, 1);
        ASSERT_EQ(b.sent[0].m->sequence, 1);
        ASSERT_EQ(lk_data_next_us(b.d), LOOP_NEVER);
        lk_data_get_stats(b.d, &stats);
        ASSERT_EQ(stats.dropped, 1);
        close_bed(&b);
}

TEST(a_full_channel_is_tried_again)
{
        struct bed b;

        open_bed(&b, true);
        b.error = -EAGAIN;
        say_number(&b, 1);
        say_number(&b, 2);
        ASSERT_EQ(lk_data_next_us(b.d), LK_DATA_RETRY_US);
        b.error = 0;
        lk_data_flush(b.d, LK_DATA_RETRY_US);
        ASSERT_EQ(b.n_sent, 2);
        ASSERT_EQ(b.sent[1].m->sequence, 2);
        close_bed(&b);
}

TEST(what_the_server_lacks_is_sent_again)
{
        struct bed b;

        open_bed(&b, true);
        for (uint8_t i = 1; i <= 5; i++)
                say_number(&b, i);
        lk_data_lost(b.d);
        say_number(&b, 6);
        ASSERT_EQ(b.n_sent, 5);
        forget_sent(&b);
        lk_data_resumed(b.d, 3);
        lk_data_flush(b.d, 0);
        ASSERT_EQ(b.n_sent, 3);
        for (uint32_t i = 0; i < 3; i++) {
                ASSERT_EQ(b.sent[i].m->sequence, 4 + i);
                ASSERT_EQ(b.sent[i].m->user->payload.data[0], 4 + i);
        }
        close_bed(&b);
}

TEST(a_new_session_numbers_anew_what_was_never_sent)
{
        struct bed b;

        open_bed(&b, true);
        say_number(&b, 1);
        lk_data_lost(b.d);
        say_number(&b, 2);
        forget_sent(&b);
        lk_data_begin(b.d);
        lk_data_flush(b.d, 0);
        ASSERT_EQ(b.n_sent, 0); /* its channels are still to come */
        lk_data_open(b.d, "_reliable");
        lk_data_flush(b.d, 0);
        ASSERT_EQ(b.n_sent, 1);
        ASSERT_EQ(b.sent[0].m->sequence, 1);
        ASSERT_EQ(b.sent[0].m->user->payload.data[0], 2);
        lk_data_lost(b.d);
        say_number(&b, 3);
        lk_data_clear(b.d); /* the room is over, and nothing of it is told to the next */
        forget_sent(&b);
        lk_data_begin(b.d);
        lk_data_open(b.d, "_reliable");
        lk_data_flush(b.d, 0);
        ASSERT_EQ(b.n_sent, 0);
        close_bed(&b);
}

TEST(what_is_kept_is_bounded)
{
        static char data[ENGINE_MESSAGE_MAX];
        struct engine_message m = { .topic = "", .data = data, .len = sizeof(data), .reliable = true };
        enum engine_reason r;
        unsigned waiting = 0;
        struct bed b;

        open_bed(&b, true);
        for (unsigned i = 0; i < 60; i++) /* sent: the oldest give way */
                ASSERT_EQ(say(&b, &m), ENGINE_OK);
        lk_data_lost(b.d);
        while ((r = say(&b, &m)) == ENGINE_OK)
                waiting++;
        ASSERT_EQ(r, ENGINE_CONGESTED);
        ASSERT_GT(waiting, LK_DATA_KEPT_MAX / ENGINE_MESSAGE_MAX - 2);
        forget_sent(&b);
        lk_data_resumed(b.d, 0);
        lk_data_flush(b.d, 0);
        ASSERT_EQ(b.n_sent, waiting); /* those that were sent had made room for them */
        close_bed(&b);
}

static Livekit__DataPacket packet_from(const char *user, const char *sid, uint32_t seq)
{
        Livekit__DataPacket p = LIVEKIT__DATA_PACKET__INIT;

        p.participant_identity = (char *)user;
        p.participant_sid = (char *)sid;
        p.has_sequence = seq > 0;
        p.sequence = seq;
        return p;
}

TEST(what_comes_twice_is_told_once)
{
        Livekit__ChatMessage chat = LIVEKIT__CHAT_MESSAGE__INIT;
        Livekit__DataPacket p;
        const struct lk_data_sender *senders;
        struct lk_data_stats stats;
        struct bed b;

        open_bed(&b, true);
        chat.message = (char *)"hi";
        for (uint32_t seq = 1; seq <= 3; seq++) {
                p = packet_from("alice", "PA_1", seq < 3 ? seq : 2);
                p.value_case = LIVEKIT__DATA_PACKET__VALUE_CHAT_MESSAGE;
                p.chat_message = &chat;
                hear(&b, "_reliable", &p);
        }
        p.participant_sid = (char *)"PA_2"; /* the same one, come again: another session */
        hear(&b, "_reliable", &p);
        expect(&b, "text alice [] hi; text alice [] hi; text alice [] hi; ");
        lk_data_get_stats(b.d, &stats);
        ASSERT_EQ(stats.repeated, 1);
        ASSERT_EQ(lk_data_senders(b.d, &senders), 2);
        ASSERT_STR(senders[0].sid, "PA_1");
        ASSERT_EQ(senders[0].last_seq, 2);
        close_bed(&b);
}

TEST(senders_are_bounded)
{
        Livekit__UserPacket user = LIVEKIT__USER_PACKET__INIT;
        const struct lk_data_sender *senders;
        char sid[16];
        struct bed b;

        open_bed(&b, true);
        for (unsigned i = 0; i < LK_DATA_SENDERS_MAX + 10; i++) {
                snprintf(sid, sizeof(sid), "PA_%u", i);
                Livekit__DataPacket p = packet_from("", sid, 1);

                p.value_case = LIVEKIT__DATA_PACKET__VALUE_USER;
                p.user = &user;
                hear(&b, "_reliable", &p);
                b.heard[0] = '\0';
        }
        ASSERT_EQ(lk_data_senders(b.d, &senders), LK_DATA_SENDERS_MAX);
        close_bed(&b);
}

TEST(the_server_itself_has_no_name)
{
        Livekit__UserPacket user = LIVEKIT__USER_PACKET__INIT;
        Livekit__DataPacket p = packet_from(NULL, NULL, 0);
        struct bed b;

        open_bed(&b, true);
        user.has_payload = true;
        user.payload = (ProtobufCBinaryData){ .len = 1, .data = (uint8_t *)"!" };
        p.value_case = LIVEKIT__DATA_PACKET__VALUE_USER;
        p.user = &user;
        hear(&b, "_reliable", &p);
        expect(&b, "data - [] !; ");
        close_bed(&b);
}

/* ---- streams that go wrong ---- */

static void hear_header(struct bed *b, const char *user, const char *id, bool text)
{
        Livekit__StreamTextHeader th = LIVEKIT__STREAM_TEXT_HEADER__INIT;
        Livekit__StreamHeader h = LIVEKIT__STREAM_HEADER__INIT;
        Livekit__DataPacket p = packet_from(user, NULL, 0);

        h.stream_id = (char *)id;
        h.topic = (char *)"topic";
        h.text_header = text ? &th : NULL;
        p.value_case = LIVEKIT__DATA_PACKET__VALUE_STREAM_HEADER;
        p.stream_header = &h;
        hear(b, "_reliable", &p);
}

static void hear_chunk(struct bed *b, const char *user, const char *id, uint64_t index, const char *text, size_t len)
{
        Livekit__StreamChunk c = LIVEKIT__STREAM_CHUNK__INIT;
        Livekit__DataPacket p = packet_from(user, NULL, 0);

        c.stream_id = (char *)id;
        c.has_chunk_index = index > 0; /* zero is not on the wire */
        c.chunk_index = index;
        c.has_content = true;
        c.content = (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)text };
        p.value_case = LIVEKIT__DATA_PACKET__VALUE_STREAM_CHUNK;
        p.stream_chunk = &c;
        hear(b, "_reliable", &p);
}

static void hear_trailer(struct bed *b, const char *user, const char *id, const char *reason)
{
        Livekit__StreamTrailer t = LIVEKIT__STREAM_TRAILER__INIT;
        Livekit__DataPacket p = packet_from(user, NULL, 0);

        t.stream_id = (char *)id;
        t.reason = (char *)reason;
        p.value_case = LIVEKIT__DATA_PACKET__VALUE_STREAM_TRAILER;
        p.stream_trailer = &t;
        hear(b, "_reliable", &p);
}

TEST(streams_of_several_senders_are_kept_apart)
{
        struct bed b;

        open_bed(&b, true);
        hear_header(&b, "alice", "s", true);
        hear_header(&b, "bob", "s", true);
        hear_chunk(&b, "alice", "s", 0, "al", 2);
        hear_chunk(&b, "bob", "s", 0, "bob", 3);
        hear_chunk(&b, "alice", "s", 1, "ice", 3);
        hear_trailer(&b, "bob", "s", NULL);
        hear_trailer(&b, "alice", "s", "");
        expect(&b, "text bob [topic] bob; text alice [topic] alice; ");
        close_bed(&b);
}

TEST(streams_that_cannot_be_are_dropped)
{
        static char big[15000];
        struct lk_data_stats stats;
        struct bed b;

        open_bed(&b, true);
        hear_header(&b, "a", "gap", true);
        hear_chunk(&b, "a", "gap", 1, "x", 1);
        hear_trailer(&b, "a", "gap", NULL);
        hear_header(&b, "a", "file", false);
        hear_chunk(&b, "a", "file", 0, "x", 1);
        hear_trailer(&b, "a", "file", NULL);
        hear_header(&b, "a", "given up", true);
        hear_trailer(&b, "a", "given up", "tired");
        hear_header(&b, "a", "no text", true);
        hear_chunk(&b, "a", "no text", 0, "\xff", 1);
        hear_trailer(&b, "a", "no text", NULL);
        hear_header(&b, "a", "too long", true);
        for (uint64_t i = 0; i < 5; i++)
                hear_chunk(&b, "a", "too long", i, big, sizeof(big));
        hear_trailer(&b, "a", "too long", NULL);
        hear_trailer(&b, "a", "never begun", NULL);
        expect(&b, "");
        lk_data_get_stats(b.d, &stats);
        ASSERT_EQ(stats.dropped, 5);
        close_bed(&b);
}

TEST(streams_are_bounded)
{
        char id[16];
        struct bed b;

        open_bed(&b, true);
        for (unsigned i = 0; i <= LK_DATA_STREAMS_MAX; i++) {
                snprintf(id, sizeof(id), "%u", i);
                hear_header(&b, "a", id, true);
        }
        hear_trailer(&b, "a", "0", NULL); /* it gave way */
        hear_trailer(&b, "a", "1", NULL);
        expect(&b, "text a [topic] ; ");
        close_bed(&b);
}

TEST(garbage_is_counted)
{
        struct lk_data_stats stats;
        struct bed b;

        open_bed(&b, true);
        lk_data_receive(b.d, "_reliable", "\xff\xff\xff", 3, 0);
        lk_data_receive(b.d, "_lossy", "", 0, 0); /* a packet with nothing in it */
        lk_data_get_stats(b.d, &stats);
        ASSERT_EQ(stats.malformed, 1);
        ASSERT_EQ(stats.dropped, 1);
        expect(&b, "");
        close_bed(&b);
}

static int swallow(const char *label, const void *data, size_t len, void *ctx)
{
        (void)label, (void)data, (void)len, (void)ctx;
        return 0;
}

TEST_OOM(saying)
{
        static const struct lk_data_events deaf = { .send = swallow };
        static const struct engine_message m = {
                .topic = "", .data = "hello", .len = 5, .text = true, .reliable = true
        };
        _cleanup_(lk_data_freep) struct lk_data *d = NULL;
        struct rng rng;
        int r;

        rand_seed(&rng, 1);
        r = lk_data_new(&rng, &deaf, NULL, &d);
        if (r < 0)
                return r;
        return lk_data_say(d, &m, 0) == ENGINE_OK ? 0 : -ENOMEM;
}
