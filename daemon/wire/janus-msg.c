/* janus-msg.c - see janus-msg.h. The one place that knows json-c's types.
 *
 * Reading never trusts a type: every getter answers "absent" for a wrong one, and a text with a NUL inside or beyond
 * its bound is absent too, so nothing is ever cut to something else's name. Nothing of the JSON tree outlives a call.
 */
#include "wire/janus-msg.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/utf8.h"

enum { DEPTH_MAX = 24, ROOM_PUBLISHERS = 50 };

static inline void tree_putp(json_object **o)
{
        if (*o)
                json_object_put(*o);
}
#define _cleanup_tree_ _cleanup_(tree_putp)

/* ---- out ---- */

/* An object being built; the first failure is remembered and everything after it dropped. */
struct out {
        json_object *object; /* owned by the root */
        bool *failed;
};

static void put(struct out *o, const char *key, json_object *value)
{
        if (!value || *o->failed || json_object_object_add(o->object, key, value) < 0) {
                *o->failed = true;
                tree_putp(&value);
        }
}

static void put_text(struct out *o, const char *key, const char *value)
{
        if (value)
                put(o, key, json_object_new_string(value));
}

static void put_number(struct out *o, const char *key, uint64_t value)
{
        if (value)
                put(o, key, json_object_new_uint64(value));
}

static void put_flag(struct out *o, const char *key, bool value)
{
        put(o, key, json_object_new_boolean(value));
}

static struct out put_object(struct out *o, const char *key)
{
        json_object *child = json_object_new_object();

        put(o, key, child);
        return (struct out){ *o->failed ? o->object : child, o->failed };
}

static void put_targets(struct out *o, const char *key, const char *mid_key, const struct janus_target *t, size_t n)
{
        json_object *list;

        if (n == 0)
                return;
        list = json_object_new_array_ext((int)n);
        put(o, key, list);
        for (size_t i = 0; i < n && !*o->failed; i++) {
                struct out item = { json_object_new_object(), o->failed };

                if (!item.object || json_object_array_add(list, item.object) < 0) {
                        tree_putp(&item.object);
                        *o->failed = true;
                        return;
                }
                put_text(&item, "feed", t[i].feed);
                put_text(&item, mid_key, t[i].mid);
        }
}

static void put_jsep(struct out *o, const char *type, const char *sdp)
{
        struct out jsep;

        if (!sdp)
                return;
        jsep = put_object(o, "jsep");
        put_text(&jsep, "type", type);
        put_text(&jsep, "sdp", sdp);
}

static void put_candidate(struct out *o, const struct janus_request *r)
{
        struct out c = put_object(o, "candidate");

        if (!r->candidate) {
                put_flag(&c, "completed", true);
                return;
        }
        put_text(&c, "sdpMid", r->mid);
        put(&c, "sdpMLineIndex", json_object_new_int64(r->mline));
        put_text(&c, "candidate", r->candidate);
}

/* Voice only: what Janus would add for video by itself is switched off, to keep offers small. Members that do not
 * publish are announced too. Speaking is told by the packets, so Janus need not count it. */
static void put_room(struct out *b, const struct janus_request *r)
{
        put_text(b, "secret", r->room_secret);
        put_text(b, "admin_key", r->create_key);
        put_flag(b, "is_private", true);
        put_flag(b, "signed_tokens", true);
        put(b, "publishers", json_object_new_int(ROOM_PUBLISHERS));
        put_text(b, "audiocodec", "opus");
        put_flag(b, "opus_fec", true);
        put_flag(b, "opus_dtx", true);
        put_flag(b, "audiolevel_ext", true);
        put_flag(b, "audiolevel_event", false);
        put_flag(b, "videoorient_ext", false);
        put_flag(b, "playoutdelay_ext", false);
        put_flag(b, "notify_joining", true);
        put_flag(b, "permanent", false);
}

/* The word in "janus", and in the body's "request"; NULL: no body. */
static const struct {
        const char *janus, *request;
} words[_JANUS_REQ_MAX] = {
        [JANUS_REQ_CREATE] = { "create", NULL },
        [JANUS_REQ_ATTACH] = { "attach", NULL },
        [JANUS_REQ_KEEPALIVE] = { "keepalive", NULL },
        [JANUS_REQ_CLAIM] = { "claim", NULL },
        [JANUS_REQ_DESTROY] = { "destroy", NULL },
        [JANUS_REQ_DETACH] = { "detach", NULL },
        [JANUS_REQ_TRICKLE] = { "trickle", NULL },
        [JANUS_REQ_ROOM_CREATE] = { "message", "create" },
        [JANUS_REQ_JOIN] = { "message", "join" },
        [JANUS_REQ_PUBLISH] = { "message", "publish" },
        [JANUS_REQ_UNPUBLISH] = { "message", "unpublish" },
        [JANUS_REQ_LEAVE] = { "message", "leave" },
        [JANUS_REQ_SUBSCRIBE] = { "message", "join" },
        [JANUS_REQ_UPDATE] = { "message", "update" },
        [JANUS_REQ_START] = { "message", "start" },
        [JANUS_REQ_PARTICIPANTS] = { "message", "listparticipants" },
        [JANUS_REQ_KICK] = { "message", "kick" },
        [JANUS_REQ_MARK] = { "message", "allowed" },
        [JANUS_REQ_UNMARK] = { "message", "allowed" },
        [JANUS_REQ_ROOM_DESTROY] = { "message", "destroy" },
        [JANUS_REQ_ECHO] = { "message", NULL },
};

const char *janus_request_kind_to_string(enum janus_request_kind k)
{
        static const char *const names[_JANUS_REQ_MAX] = {
                [JANUS_REQ_CREATE] = "create",       [JANUS_REQ_ATTACH] = "attach",
                [JANUS_REQ_KEEPALIVE] = "keepalive", [JANUS_REQ_CLAIM] = "claim",
                [JANUS_REQ_DESTROY] = "destroy",     [JANUS_REQ_DETACH] = "detach",
                [JANUS_REQ_TRICKLE] = "trickle",     [JANUS_REQ_ROOM_CREATE] = "room-create",
                [JANUS_REQ_JOIN] = "join",           [JANUS_REQ_PUBLISH] = "publish",
                [JANUS_REQ_UNPUBLISH] = "unpublish", [JANUS_REQ_LEAVE] = "leave",
                [JANUS_REQ_SUBSCRIBE] = "subscribe", [JANUS_REQ_UPDATE] = "update",
                [JANUS_REQ_START] = "start",         [JANUS_REQ_PARTICIPANTS] = "participants",
                [JANUS_REQ_KICK] = "kick",           [JANUS_REQ_MARK] = "mark",
                [JANUS_REQ_UNMARK] = "unmark",       [JANUS_REQ_ROOM_DESTROY] = "room-destroy",
                [JANUS_REQ_ECHO] = "echo",
        };

        return k < _JANUS_REQ_MAX ? names[k] : NULL;
}

/* Of the texts that a room keeps, the list of allowed tokens is the one that anybody with the room's secret may add to
 * without touching anything else. Our rooms do not look at it. */
static void put_mark(struct out *b, const struct janus_request *r)
{
        json_object *list = json_object_new_array_ext(1);
        json_object *mark = json_object_new_string(r->mark);

        put_text(b, "action", r->kind == JANUS_REQ_MARK ? "add" : "remove");
        put(b, "allowed", list);
        if (*b->failed || !mark || json_object_array_add(list, mark) < 0) {
                *b->failed = true;
                tree_putp(&mark);
        }
}

static void put_body(struct out *root, const struct janus_request *r)
{
        struct out b = put_object(root, "body");

        put_text(&b, "request", r->kind == JANUS_REQ_JOIN && r->sdp ? "joinandconfigure" : words[r->kind].request);
        put_text(&b, "room", r->room);
        switch (r->kind) {
        case JANUS_REQ_ROOM_CREATE: put_room(&b, r); break;
        case JANUS_REQ_ROOM_DESTROY: put_text(&b, "secret", r->room_secret); break;
        case JANUS_REQ_KICK:
                put_text(&b, "secret", r->room_secret);
                put_text(&b, "id", r->user_id);
                break;
        case JANUS_REQ_MARK:
        case JANUS_REQ_UNMARK:
                put_text(&b, "secret", r->room_secret);
                put_mark(&b, r);
                break;
        case JANUS_REQ_JOIN:
                put_text(&b, "ptype", "publisher");
                put_text(&b, "id", r->user_id);
                put_text(&b, "token", r->room_token);
                break;
        case JANUS_REQ_SUBSCRIBE:
                put_text(&b, "ptype", "subscriber");
                put_text(&b, "token", r->room_token);
                put_flag(&b, "autoupdate", false);
                put_targets(&b, "streams", "mid", r->add, r->n_add);
                break;
        case JANUS_REQ_UPDATE:
                put_targets(&b, "subscribe", "mid", r->add, r->n_add);
                put_targets(&b, "unsubscribe", "sub_mid", r->remove, r->n_remove);
                break;
        case JANUS_REQ_ECHO: put_flag(&b, "audio", true); break;
        case JANUS_REQ_CREATE:
        case JANUS_REQ_ATTACH:
        case JANUS_REQ_KEEPALIVE:
        case JANUS_REQ_CLAIM:
        case JANUS_REQ_DESTROY:
        case JANUS_REQ_DETACH:
        case JANUS_REQ_TRICKLE:
        case JANUS_REQ_PUBLISH:
        case JANUS_REQ_UNPUBLISH:
        case JANUS_REQ_LEAVE:
        case JANUS_REQ_START:
        case JANUS_REQ_PARTICIPANTS:
        case _JANUS_REQ_MAX: break;
        }
}

int janus_request_format(const struct janus_request *r, char **ret)
{
        _cleanup_tree_ json_object *tree = json_object_new_object();
        bool failed = !tree, create = r->kind == JANUS_REQ_CREATE;
        struct out root = { tree, &failed };
        char transaction[24];
        const char *text;
        char *copy;

        if (failed)
                return -ENOMEM;
        (void)snprintf(transaction, sizeof(transaction), "%" PRIu64, r->transaction);
        put_text(&root, "janus", words[r->kind].janus);
        put_text(&root, "transaction", transaction);
        put_number(&root, create ? "id" : "session_id", r->session_id);
        put_number(&root, "handle_id", r->handle_id);
        put_text(&root, "token", r->token);
        put_text(&root, "plugin", r->kind == JANUS_REQ_ATTACH ? r->plugin : NULL);
        if (r->kind == JANUS_REQ_TRICKLE)
                put_candidate(&root, r);
        if (strcmp(words[r->kind].janus, "message") == 0) {
                put_body(&root, r);
                put_jsep(&root, r->kind == JANUS_REQ_START ? "answer" : "offer", r->sdp);
        }
        text = failed ? NULL
                      : json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        copy = text ? strdup(text) : NULL;
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

/* ---- in: getters that answer "absent" for what is not as it should be ---- */

static json_object *get(json_object *o, const char *key, enum json_type type)
{
        json_object *v;

        if (!o || !json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v))
                return NULL;
        return json_object_is_type(v, type) ? v : NULL;
}

/* Borrowed from the tree, or NULL. */
static const char *get_text(json_object *o, const char *key)
{
        json_object *v = get(o, key, json_type_string);
        const char *s = v ? json_object_get_string(v) : NULL;

        return s && strlen(s) == (size_t)json_object_get_string_len(v) ? s : NULL;
}

static void copy_text(json_object *o, const char *key, char *to, size_t size)
{
        const char *s = get_text(o, key);

        to[0] = '\0';
        if (s && strlen(s) < size)
                memcpy(to, s, strlen(s) + 1);
}

static bool text_is(json_object *o, const char *key, const char *value)
{
        const char *s = get_text(o, key);

        return s && strcmp(s, value) == 0;
}

/* Texts for people may be cut. */
static void cut_text(json_object *o, const char *key, char *to, size_t size)
{
        const char *s = get_text(o, key);

        (void)snprintf(to, size, "%s", s ? s : "");
        utf8_trim(to);
}

static uint64_t get_number(json_object *o, const char *key)
{
        json_object *v = get(o, key, json_type_int);

        return v && json_object_get_int64(v) > 0 ? json_object_get_uint64(v) : 0;
}

static int get_code(json_object *o, const char *key)
{
        uint64_t v = get_number(o, key);

        return v < INT_MAX ? (int)v : INT_MAX;
}

static bool get_flag(json_object *o, const char *key)
{
        json_object *v = get(o, key, json_type_boolean);

        return v && json_object_get_boolean(v);
}

/* ---- in: the message ---- */

struct janus_msg *janus_msg_free(struct janus_msg *m)
{
        if (!m)
                return NULL;
        free(m->sdp);
        free(m->candidate);
        free(m->feeds);
        free(m->streams);
        free(m);
        return NULL;
}

static void read_audio_of_feed(json_object *streams, struct janus_feed *f)
{
        size_t n = streams ? json_object_array_length(streams) : 0;

        for (size_t i = 0; i < n && !f->audio_mid[0]; i++) {
                json_object *s = json_object_array_get_idx(streams, i);

                if (!text_is(s, "type", "audio") || get_flag(s, "disabled"))
                        continue;
                copy_text(s, "mid", f->audio_mid, sizeof(f->audio_mid));
                f->muted = get_flag(s, "moderated");
        }
}

static void read_feed(json_object *o, bool publishing, struct janus_msg *m)
{
        struct janus_feed *f = &m->feeds[m->n_feeds];

        copy_text(o, "id", f->id, sizeof(f->id));
        if (!f->id[0])
                return;
        f->publishing = publishing;
        read_audio_of_feed(get(o, "streams", json_type_array), f);
        m->n_feeds++;
}

/* The answer to listparticipants. Its length is the server's affair: who is beyond the bound is not seen. */
static int read_participants(json_object *list, struct janus_msg *m)
{
        size_t n = json_object_array_length(list);

        m->has_participants = true;
        m->n_participants = n;
        n = n < JANUS_LIST_MAX ? n : JANUS_LIST_MAX;
        m->feeds = calloc(n + 1, sizeof(*m->feeds));
        if (!m->feeds)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                json_object *o = json_object_array_get_idx(list, i);

                read_feed(o, get_flag(o, "publisher"), m);
        }
        return 0;
}

static void read_marks(json_object *data, struct janus_msg *m)
{
        json_object *list = get(data, "allowed", json_type_array);
        size_t n = list ? json_object_array_length(list) : 0;

        m->has_marks = list != NULL;
        for (size_t i = 0; i < n; i++) {
                json_object *o = json_object_array_get_idx(list, i);

                if (json_object_is_type(o, json_type_string))
                        m->n_marks += strncmp(json_object_get_string(o), JANUS_MARK, strlen(JANUS_MARK)) == 0;
        }
}

static int read_feeds(json_object *data, struct janus_msg *m)
{
        json_object *participants = get(data, "participants", json_type_array);
        json_object *publishers = get(data, "publishers", json_type_array);
        json_object *attendees = get(data, "attendees", json_type_array);
        json_object *joining = get(data, "joining", json_type_object);
        size_t n_publishers = publishers ? json_object_array_length(publishers) : 0;
        size_t n_attendees = attendees ? json_object_array_length(attendees) : 0;
        size_t n = n_publishers + n_attendees + (joining ? 1 : 0);

        if (participants)
                return read_participants(participants, m);
        if (n == 0)
                return 0;
        if (n > JANUS_LIST_MAX)
                return -EMSGSIZE;
        m->feeds = calloc(n, sizeof(*m->feeds));
        if (!m->feeds)
                return -ENOMEM;
        for (size_t i = 0; i < n_publishers; i++)
                read_feed(json_object_array_get_idx(publishers, i), true, m);
        for (size_t i = 0; i < n_attendees; i++)
                read_feed(json_object_array_get_idx(attendees, i), false, m);
        if (joining)
                read_feed(joining, false, m);
        return 0;
}

static int read_streams(json_object *data, struct janus_msg *m)
{
        json_object *list = get(data, "streams", json_type_array);
        size_t n = list ? json_object_array_length(list) : 0;

        if (n == 0)
                return 0;
        if (n > JANUS_LIST_MAX)
                return -EMSGSIZE;
        m->streams = calloc(n, sizeof(*m->streams));
        if (!m->streams)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                json_object *o = json_object_array_get_idx(list, i);
                struct janus_stream *s = &m->streams[m->n_streams];

                copy_text(o, "mid", s->mid, sizeof(s->mid));
                if (!s->mid[0])
                        continue;
                copy_text(o, "feed_id", s->feed, sizeof(s->feed));
                copy_text(o, "feed_mid", s->feed_mid, sizeof(s->feed_mid));
                s->audio = text_is(o, "type", "audio");
                m->n_streams++;
        }
        return 0;
}

static enum janus_news read_news_word(json_object *data)
{
        static const struct {
                const char *word;
                enum janus_news news;
        } table[] = {
                { "joined", JANUS_NEWS_JOINED },       { "attached", JANUS_NEWS_ATTACHED },
                { "updated", JANUS_NEWS_UPDATED },     { "updating", JANUS_NEWS_UPDATING },
                { "destroyed", JANUS_NEWS_DESTROYED }, { "event", JANUS_NEWS_EVENT },
        };

        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (text_is(data, "videoroom", table[i].word))
                        return table[i].news;
        return JANUS_NEWS_NONE;
}

static int read_plugin_data(json_object *data, struct janus_msg *m)
{
        int r;

        m->error_code = get_code(data, "error_code");
        if (m->error_code) {
                m->kind = JANUS_ERROR;
                cut_text(data, "error", m->error_text, sizeof(m->error_text));
        }
        m->news = read_news_word(data);
        copy_text(data, "id", m->news == JANUS_NEWS_JOINED ? m->self : m->moderated, sizeof(m->self));
        copy_text(data, "leaving", m->leaving, sizeof(m->leaving));
        copy_text(data, "unpublished", m->unpublished, sizeof(m->unpublished));
        copy_text(data, "kicked", m->kicked, sizeof(m->kicked));
        copy_text(data, "reason", m->reason, sizeof(m->reason));
        m->moderated_muted = text_is(data, "moderation", "muted");
        if (!get_text(data, "moderation"))
                m->moderated[0] = '\0';
        m->started = text_is(data, "started", "ok");
        m->configured = text_is(data, "configured", "ok");
        m->echo_ok = text_is(data, "result", "ok");
        read_marks(data, m);
        r = read_feeds(data, m);
        return r < 0 ? r : read_streams(data, m);
}

static int read_jsep(json_object *root, struct janus_msg *m)
{
        json_object *jsep = get(root, "jsep", json_type_object);
        const char *sdp = get_text(jsep, "sdp");

        if (!sdp)
                return 0;
        if (text_is(jsep, "type", "offer"))
                m->jsep = JANUS_JSEP_OFFER;
        else if (text_is(jsep, "type", "answer"))
                m->jsep = JANUS_JSEP_ANSWER;
        else
                return 0;
        m->sdp = strdup(sdp);
        return m->sdp ? 0 : -ENOMEM;
}

static int read_candidate(json_object *root, struct janus_msg *m)
{
        const char *line = get_text(get(root, "candidate", json_type_object), "candidate");

        if (m->kind != JANUS_TRICKLE || !line || !line[0])
                return 0;
        m->candidate = strdup(line);
        return m->candidate ? 0 : -ENOMEM;
}

static enum janus_msg_kind read_kind(json_object *root)
{
        static const struct {
                const char *word;
                enum janus_msg_kind kind;
        } table[] = {
                { "ack", JANUS_ACK },           { "success", JANUS_SUCCESS },   { "error", JANUS_ERROR },
                { "event", JANUS_EVENT },       { "webrtcup", JANUS_WEBRTCUP }, { "hangup", JANUS_HANGUP },
                { "detached", JANUS_DETACHED }, { "timeout", JANUS_TIMEOUT },   { "trickle", JANUS_TRICKLE },
        };

        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (text_is(root, "janus", table[i].word))
                        return table[i].kind;
        return JANUS_OTHER;
}

/* Ours are numbers in decimal; anything else belongs to nobody. */
static void read_transaction(json_object *root, struct janus_msg *m)
{
        const char *s = get_text(root, "transaction");
        char *end;

        if (!s || s[0] < '0' || s[0] > '9' || strlen(s) > 20)
                return;
        m->transaction = strtoull(s, &end, 10);
        m->has_transaction = *end == '\0';
}

static int read_message(json_object *root, struct janus_msg *m)
{
        json_object *error = get(root, "error", json_type_object);
        json_object *data = get(get(root, "plugindata", json_type_object), "data", json_type_object);
        int r;

        m->kind = read_kind(root);
        read_transaction(root, m);
        m->session_id = get_number(root, "session_id");
        m->sender = get_number(root, "sender");
        m->id = get_number(get(root, "data", json_type_object), "id");
        cut_text(root, "reason", m->reason, sizeof(m->reason));
        if (data) {
                r = read_plugin_data(data, m);
                if (r < 0)
                        return r;
        }
        if (error) {
                m->error_code = get_code(error, "code");
                cut_text(error, "reason", m->error_text, sizeof(m->error_text));
        }
        r = read_candidate(root, m);
        return r < 0 ? r : read_jsep(root, m);
}

static int parse_tree(const char *text, size_t len, json_object **ret)
{
        struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
        _cleanup_tree_ json_object *tree = NULL;
        bool whole;

        if (!t)
                return -ENOMEM;
        json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        tree = json_tokener_parse_ex(t, text, (int)len);
        whole = json_tokener_get_error(t) == json_tokener_success;
        json_tokener_free(t);
        if (!whole || !tree || !json_object_is_type(tree, json_type_object))
                return -EBADMSG;
        *ret = take_ptr(tree);
        return 0;
}

int janus_msg_parse(const char *text, size_t len, struct janus_msg **ret)
{
        _cleanup_(janus_msg_freep) struct janus_msg *m = NULL;
        _cleanup_tree_ json_object *root = NULL;
        int r;

        if (len > JANUS_MSG_MAX)
                return -EMSGSIZE;
        r = parse_tree(text, len, &root);
        if (r < 0)
                return r;
        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        r = read_message(root, m);
        if (r < 0)
                return r;
        *ret = take_ptr(m);
        return 0;
}
