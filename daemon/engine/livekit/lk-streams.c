/* lk-streams.c - see lk-streams.h. */
#include "engine/livekit/lk-streams.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

struct lk_stream *lk_stream_free(struct lk_stream *s)
{
        if (!s)
                return NULL;
        list_remove(&s->link);
        for (size_t i = 0; i < s->n_destinations; i++)
                free(s->destinations[i]);
        free(s);
        return NULL;
}

static struct lk_stream *find(struct list *streams, const char *id, const char *user)
{
        struct lk_stream *s;

        list_for_each (s, streams, link)
                if (id && strcmp(s->id, id) == 0 && strcmp(s->user, user) == 0)
                        return s;
        return NULL;
}

static bool is_word(const char *s, size_t max)
{
        return s && *s && strlen(s) <= max;
}

int lk_stream_begin(struct list *streams, const Livekit__StreamHeader *h, const char *user, uint64_t now_us,
                    struct lk_stream **ret)
{
        const char *topic = h->topic ? h->topic : "";
        struct lk_stream *s;

        if (!h->text_header)
                return -ENOTSUP;
        if (!is_word(h->stream_id, LK_STREAM_ID_MAX) || strlen(user) > LK_STREAM_USER_MAX ||
            strlen(topic) > ENGINE_TOPIC_MAX || !utf8_is_text(topic, strlen(topic)))
                return -EBADMSG;
        if (h->has_total_length && h->total_length > ENGINE_MESSAGE_MAX)
                return -EMSGSIZE;
        s = malloc(sizeof(*s)); /* its text is not zeroed: it is large, and written before it is read */
        if (!s)
                return -ENOMEM;
        lk_stream_free(find(streams, h->stream_id, user));
        list_init(&s->link);
        (void)snprintf(s->id, sizeof(s->id), "%s", h->stream_id);
        (void)snprintf(s->user, sizeof(s->user), "%s", user);
        (void)snprintf(s->topic, sizeof(s->topic), "%s", topic);
        s->n_destinations = s->len = 0;
        s->next_chunk = 0;
        s->touched_us = now_us;
        list_append(streams, &s->link);
        *ret = s;
        return 0;
}

static int append(struct lk_stream *s, const Livekit__StreamChunk *c)
{
        uint64_t index = c->has_chunk_index ? c->chunk_index : 0;
        size_t len = c->has_content ? c->content.len : 0;

        if (index != s->next_chunk)
                return -EBADMSG;
        if (len > ENGINE_MESSAGE_MAX - s->len)
                return -EMSGSIZE;
        if (len > 0)
                memcpy(s->text + s->len, c->content.data, len);
        s->len += len;
        s->next_chunk++;
        return 0;
}

int lk_stream_chunk(struct list *streams, const Livekit__StreamChunk *c, const char *user, uint64_t now_us)
{
        struct lk_stream *s = find(streams, c->stream_id, user);
        int r = s ? append(s, c) : -ENOENT;

        if (r == 0)
                s->touched_us = now_us;
        else
                lk_stream_free(s);
        return r;
}

int lk_stream_end(struct list *streams, const Livekit__StreamTrailer *t, const char *user, struct lk_stream **ret)
{
        struct lk_stream *s = find(streams, t->stream_id, user);

        if (!s)
                return -ENOENT;
        if ((t->reason && *t->reason) || !utf8_is_text(s->text, s->len)) {
                lk_stream_free(s);
                return -ECANCELED;
        }
        list_remove(&s->link);
        s->text[s->len] = '\0';
        *ret = s;
        return 0;
}

unsigned lk_stream_expire(struct list *streams, uint64_t since_us)
{
        struct lk_stream *s;
        unsigned n = 0;

        list_for_each (s, streams, link) {
                if (s->touched_us >= since_us)
                        continue;
                lk_stream_free(s);
                n++;
        }
        return n;
}
