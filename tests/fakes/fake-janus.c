/* fake-janus.c - see fake-janus.h. */
#include "fakes/fake-janus.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "lib/test.h"

struct request {
        const char *text;
        char transaction[32], word[32];
        uint64_t handle;
};

static void field(const char *text, const char *key, char *ret, size_t size)
{
        char pattern[64];
        const char *at;

        ret[0] = '\0';
        snprintf(pattern, sizeof(pattern), "\"%s\":\"", key);
        at = strstr(text, pattern);
        if (!at)
                return;
        at += strlen(pattern);
        snprintf(ret, size, "%.*s", (int)strcspn(at, "\""), at);
}

static uint64_t number(const char *text, const char *key)
{
        char pattern[64];
        const char *at;

        snprintf(pattern, sizeof(pattern), "\"%s\":", key);
        at = strstr(text, pattern);
        return at ? strtoull(at + strlen(pattern), NULL, 10) : 0;
}

static void send_text(struct fake_janus *j, const char *text)
{
        if (fake_sigconn_is_open(j->conn))
                fake_sigconn_message(j->conn, text);
}

static void reply(struct fake_janus *j, const char *text)
{
        send_text(j, text);
        if (j->twice)
                send_text(j, text);
}

static void reply_id(struct fake_janus *j, const struct request *q, uint64_t id)
{
        char text[256];

        snprintf(text, sizeof(text),
                 "{\"janus\":\"success\",\"session_id\":%" PRIu64 ",\"transaction\":\"%s\",\"data\":{\"id\":%" PRIu64
                 "}}",
                 j->session, q->transaction, id);
        reply(j, text);
}

static void reply_ack(struct fake_janus *j, const struct request *q)
{
        char text[160];

        snprintf(text, sizeof(text), "{\"janus\":\"ack\",\"session_id\":%" PRIu64 ",\"transaction\":\"%s\"}",
                 j->session, q->transaction);
        reply(j, text);
}

/* kind: "event" or "success"; jsep: "offer", "answer" or NULL */
static void reply_room(struct fake_janus *j, const struct request *q, const char *kind, const char *data,
                       const char *jsep)
{
        static char text[32768];
        char sdp[128] = "";

        if (jsep)
                snprintf(sdp, sizeof(sdp), ",\"jsep\":{\"type\":\"%s\",\"sdp\":\"v=0\\r\\ns=%u\\r\\n\"}", jsep,
                         j->offers);
        snprintf(text, sizeof(text),
                 "{\"janus\":\"%s\",\"session_id\":%" PRIu64 ",\"transaction\":\"%s\",\"sender\":%" PRIu64
                 ",\"plugindata\":{\"plugin\":\"janus.plugin.videoroom\",\"data\":{%s}}%s}",
                 kind, j->session, q->transaction, q->handle, data, sdp);
        reply(j, text);
}

static void refuse(struct fake_janus *j, const struct request *q)
{
        char data[128];

        if (j->refuse_times <= 1)
                j->refuse = NULL;
        else
                j->refuse_times--;
        snprintf(data, sizeof(data), "\"videoroom\":\"event\",\"error_code\":%d,\"error\":\"refused by the test\"",
                 j->refuse_code);
        if (q->handle) {
                reply_room(j, q, "event", data, NULL);
                return;
        }
        snprintf(data, sizeof(data),
                 "{\"janus\":\"error\",\"transaction\":\"%s\",\"error\":{\"code\":%d,\"reason\":\"no\"}}",
                 q->transaction, j->refuse_code);
        reply(j, data);
}

/* ---- the room ---- */

static void on_enter(struct fake_janus *j, const struct request *q)
{
        const char *data =
                "\"videoroom\":\"joined\",\"room\":\"r\",\"description\":\"Room\",\"id\":\"me\",\"private_id\":7,"
                "\"publishers\":[]";

        if (j->attendee)
                data = "\"videoroom\":\"joined\",\"room\":\"r\",\"id\":\"me\",\"private_id\":7,\"publishers\":[{"
                       "\"id\":\"alice\","
                       "\"streams\":[{\"type\":\"video\",\"mindex\":0,\"mid\":\"v\"},{\"type\":\"audio\",\"mindex\":1,"
                       "\"mid\":\"0\"}]}],"
                       "\"attendees\":[{\"id\":\"quiet\"}]";
        reply_ack(j, q);
        if (j->taken)
                reply_room(j, q, "event", "\"videoroom\":\"event\",\"error_code\":436,\"error\":\"taken\"", NULL);
        else
                reply_room(j, q, "event", data, strstr(q->text, "joinandconfigure") ? "answer" : NULL);
}

static void add_stream(struct fake_janus *j, const char *feed, bool video)
{
        size_t i = 0;

        for (size_t k = 0; k < j->n_streams; k++)
                if (strcmp(j->streams[k].feed, feed) == 0 && j->streams[k].video == video)
                        return;
        while (i < j->n_streams && (j->streams[i].feed[0] || j->streams[i].video != video))
                i++;
        if (i == j->n_streams)
                snprintf(j->streams[j->n_streams++].mid, sizeof(j->streams[0].mid), "%zu", i);
        (void)snprintf(j->streams[i].feed, sizeof(j->streams[i].feed), "%.128s", feed);
        j->streams[i].video = video;
        j->changed = true;
}

static void subscribe_to(struct fake_janus *j, const char *feed)
{
        if (!j->picture || strcmp(j->picture, feed) != 0)
                add_stream(j, feed, false);
}

/* A target without "mid". */
static void subscribe_wholly(struct fake_janus *j, const char *text)
{
        const char *const films[] = { j->film, j->picture };
        char whole[160];

        for (size_t i = 0; i < ARRAY_SIZE(films); i++) {
                snprintf(whole, sizeof(whole), "{\"feed\":\"%s\"}", films[i] ? films[i] : "");
                if (films[i] && strstr(text, whole))
                        add_stream(j, films[i], true);
        }
}

static void each(struct fake_janus *j, const char *text, const char *key,
                 void (*fn)(struct fake_janus *j, const char *value))
{
        char pattern[32], value[160];

        snprintf(pattern, sizeof(pattern), "\"%s\":\"", key);
        for (const char *at = text; (at = strstr(at, pattern)); at++) {
                field(at, key, value, sizeof(value));
                fn(j, value);
        }
}

static void drop_mid(struct fake_janus *j, const char *mid)
{
        for (size_t i = 0; i < j->n_streams; i++)
                if (strcmp(j->streams[i].mid, mid) == 0) {
                        j->streams[i].feed[0] = '\0';
                        j->changed = true;
                }
}

static void on_subscribe(struct fake_janus *j, const struct request *q, const char *word)
{
        static char data[16384];
        size_t at = (size_t)snprintf(data, sizeof(data), "\"videoroom\":\"%s\",\"room\":\"r\",\"streams\":[", word);

        j->changed = false;
        each(j, q->text, "sub_mid", drop_mid);
        each(j, q->text, "feed", subscribe_to);
        subscribe_wholly(j, q->text);
        if (!j->changed) {
                reply_ack(j, q);
                reply_room(j, q, "event", "\"videoroom\":\"updated\",\"room\":\"r\"", NULL);
                return;
        }
        for (size_t i = 0; i < j->n_streams; i++)
                at += (size_t)snprintf(data + at, sizeof(data) - at,
                                       "%s{\"type\":\"%s\",\"mid\":\"%s\",\"feed_mid\":\"0\",\"active\":%s%s%s%s}",
                                       i ? "," : "", j->streams[i].video ? "video" : "audio", j->streams[i].mid,
                                       j->streams[i].feed[0] ? "true" : "false",
                                       j->streams[i].feed[0] ? ",\"feed_id\":\"" : "", j->streams[i].feed,
                                       j->streams[i].feed[0] ? "\"" : "");
        snprintf(data + at, sizeof(data) - at, "]");
        j->offers++;
        reply_ack(j, q);
        reply_room(j, q, "event", data, "offer");
}

static void on_unpublish(struct fake_janus *j, const struct request *q)
{
        char text[160];

        reply_ack(j, q);
        reply_room(j, q, "event", "\"videoroom\":\"event\",\"unpublished\":\"ok\"", NULL);
        snprintf(text, sizeof(text),
                 "{\"janus\":\"hangup\",\"session_id\":%" PRIu64 ",\"sender\":%" PRIu64 ",\"reason\":\"Close PC\"}",
                 j->session, q->handle);
        send_text(j, text);
}

static void on_participants(struct fake_janus *j, const struct request *q)
{
        char data[3072] = "\"videoroom\":\"participants\",\"participants\":[";

        for (unsigned i = 0; i < j->others; i++)
                strcat(data, i ? ",{}" : "{}");
        strcat(strcat(data, j->others && j->present[0] ? "," : ""), j->present);
        strcat(data, "]");
        reply_room(j, q, "success", data, NULL);
}

static void on_mark(struct fake_janus *j, const struct request *q)
{
        char data[128];

        j->marked = strstr(q->text, "\"action\":\"add\"");
        snprintf(data, sizeof(data), "\"videoroom\":\"success\",\"allowed\":[\"token\"%s%s]",
                 j->marked ? ",\"listener-5\"" : "", j->listener ? ",\"listener-77\"" : "");
        reply_room(j, q, "success", data, NULL);
}

static void on_kick(struct fake_janus *j, const struct request *q)
{
        j->taken = j->stubborn;
        reply_room(j, q, "success", "\"videoroom\":\"success\"", NULL);
}

static void on_room_request(struct fake_janus *j, const struct request *q)
{
        const char *feed = strstr(q->text, "\"feed\":");
        bool subscriber = strstr(q->text, "\"ptype\":\"subscriber\"");

        if (feed)
                field(feed, "mid", j->target_mid, sizeof(j->target_mid));
        if (strcmp(q->word, "create") == 0)
                reply_room(j, q, "success", "\"videoroom\":\"created\",\"room\":\"r\",\"permanent\":false", NULL);
        else if (subscriber || strcmp(q->word, "update") == 0)
                on_subscribe(j, q, subscriber ? "attached" : "updated");
        else if (strncmp(q->word, "join", 4) == 0)
                on_enter(j, q);
        else if (strcmp(q->word, "publish") == 0)
                reply_room(j, q, "event", "\"videoroom\":\"event\",\"configured\":\"ok\"", "answer");
        else if (strcmp(q->word, "unpublish") == 0)
                on_unpublish(j, q);
        else if (strcmp(q->word, "start") == 0)
                reply_room(j, q, "event", "\"videoroom\":\"event\",\"started\":\"ok\"", NULL);
        else if (strcmp(q->word, "leave") == 0)
                reply_room(j, q, "event", "\"videoroom\":\"event\",\"leaving\":\"ok\"", NULL);
        else if (strcmp(q->word, "listparticipants") == 0)
                on_participants(j, q);
        else if (strcmp(q->word, "kick") == 0)
                on_kick(j, q);
        else if (strcmp(q->word, "allowed") == 0)
                on_mark(j, q);
        else if (strcmp(q->word, "destroy") == 0)
                reply_room(j, q, "success", "\"videoroom\":\"destroyed\",\"room\":\"r\"", NULL);
        else if (strstr(q->text, "\"audio\":true"))
                reply_room(j, q, "event", "\"echotest\":\"event\",\"result\":\"ok\"", "answer");
}

static void on_session(struct fake_janus *j, const struct request *q)
{
        j->attached_before = j->attached;
        j->n_streams = 0;
        j->session = number(q->text, "id");
        reply_id(j, q, j->session);
}

static void on_request(struct fake_sigconn *c, const char *text, size_t len, bool binary, void *ctx)
{
        struct fake_janus *j = ctx;
        struct request q = { .text = text, .handle = number(text, "handle_id") };
        char kind[32];

        (void)c, (void)len, (void)binary;
        field(text, "transaction", q.transaction, sizeof(q.transaction));
        field(text, "janus", kind, sizeof(kind));
        field(text, "request", q.word, sizeof(q.word));
        if (!q.word[0])
                snprintf(q.word, sizeof(q.word), "%s", kind);
        if (strlen(j->heard) + strlen(q.word) + 2 < sizeof(j->heard))
                strcat(strcat(j->heard, q.word), " ");
        if (j->silent || (j->silent_on && strcmp(j->silent_on, q.word) == 0))
                return;
        if (j->refuse && strcmp(j->refuse, q.word) == 0)
                refuse(j, &q);
        else if (strcmp(kind, "create") == 0)
                on_session(j, &q);
        else if (strcmp(kind, "attach") == 0)
                reply_id(j, &q, FAKE_JANUS_PUB + j->attached++);
        else if (strcmp(kind, "message") == 0)
                on_room_request(j, &q);
        else
                reply_ack(j, &q);
}

void fake_janus_stream_ends(struct fake_janus *j, const char *user)
{
        for (size_t i = 0; i < j->n_streams; i++)
                if (strcmp(j->streams[i].feed, user) == 0)
                        j->streams[i].feed[0] = '\0';
}

void fake_janus_say(struct fake_janus *j, uint64_t handle, const char *members)
{
        char text[2048];

        each(j, members, "leaving", fake_janus_stream_ends);
        each(j, members, "unpublished", fake_janus_stream_ends);
        snprintf(text, sizeof(text),
                 "{\"janus\":\"event\",\"session_id\":%" PRIu64 ",\"sender\":%" PRIu64
                 ",\"plugindata\":{\"plugin\":\"janus.plugin.videoroom\",\"data\":{\"videoroom\":\"event\",\"room\":"
                 "\"r\",%s}}}",
                 j->session, handle + j->attached_before, members);
        send_text(j, text);
}

void fake_janus_enters(struct fake_janus *j, const char *user)
{
        char members[512];

        snprintf(members, sizeof(members),
                 "\"publishers\":[{\"id\":\"%s\",\"audio_codec\":\"opus\",\"streams\":[{\"type\":\"audio\",\"mindex\":"
                 "0,\"mid\":\"0\","
                 "\"codec\":\"opus\",\"fec\":true}]}]",
                 user);
        fake_janus_say(j, FAKE_JANUS_PUB, members);
}

void fake_janus_expect(struct fake_janus *j, const char *words)
{
        ASSERT_STR(j->heard, words);
        j->heard[0] = '\0';
}

void fake_janus_init(struct fake_janus *j, struct loop *loop)
{
        *j = (struct fake_janus){ .conn = fake_sigconn_new(loop) };
        fake_sigconn_set_handler(j->conn, on_request, j);
}

void fake_janus_done(struct fake_janus *j)
{
        j->conn = fake_sigconn_free(j->conn);
}
