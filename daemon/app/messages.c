/* messages.c - see messages.h. A message is one block of memory: the struct, and behind it copies of all it points to.
 */
#include "app/messages.h"

#include <string.h>

#include "app/manager-state.h"

LOG_TOPIC("app/messages");

struct message {
        struct list link; /* in context.messages */
        struct engine_message m;
        const char *destinations[ENGINE_DESTINATIONS_MAX];
        size_t size;
        char bytes[];
};

static size_t needed(const struct engine_message *m)
{
        size_t n = (m->user_id ? strlen(m->user_id) + 1 : 0) + strlen(m->topic) + 1 + m->len + 1;

        for (size_t i = 0; i < m->n_destinations; i++)
                n += strlen(m->destinations[i]) + 1;
        return n;
}

static const char *put(char **at, const void *data, size_t len)
{
        char *to = *at;

        if (len > 0)
                memcpy(to, data, len);
        to[len] = '\0';
        *at += len + 1;
        return to;
}

static void copy(const struct engine_message *from, struct message *to)
{
        char *at = to->bytes;

        to->m = *from;
        if (from->user_id)
                to->m.user_id = put(&at, from->user_id, strlen(from->user_id));
        to->m.topic = put(&at, from->topic, strlen(from->topic));
        to->m.data = put(&at, from->data, from->len);
        for (size_t i = 0; i < from->n_destinations; i++)
                to->destinations[i] = put(&at, from->destinations[i], strlen(from->destinations[i]));
        to->m.destinations = to->destinations;
}

void messages_add(struct context *c, const struct engine_message *m)
{
        size_t size = sizeof(struct message) + needed(m);
        struct message *copied = c->messages_bytes + size <= MESSAGES_MAX_BYTES ? malloc(size) : NULL;

        if (!copied) {
                log_every_second(LOG_LEVEL_WARNING, "message dropped: too many at once, or no memory");
                return;
        }
        copied->size = size;
        copy(m, copied);
        list_append(&c->messages, &copied->link);
        c->messages_bytes += size;
        manager_mark(c->manager);
}

static void message_free(struct context *c, struct message *m)
{
        list_remove(&m->link);
        c->messages_bytes -= m->size;
        free(m);
}

void messages_tell(struct context *c)
{
        struct manager *m = c->manager;
        struct message *next;

        while ((next = list_first(&c->messages, struct message, link))) {
                m->events.message(c, &next->m, m->ctx);
                message_free(c, next);
        }
}

void messages_drop(struct context *c)
{
        struct message *next;

        while ((next = list_first(&c->messages, struct message, link)))
                message_free(c, next);
}
