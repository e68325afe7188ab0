/* lk-profile.c - see lk-profile.h. */
#include "engine/livekit/lk-profile.h"

#include <errno.h>
#include <string.h>

static size_t text_size(const char *text)
{
        return (text ? strlen(text) : 0) + 1;
}

static char *put(char *to, const char *text)
{
        size_t size = text_size(text);

        memcpy(to, text ? text : "", size);
        return to + size;
}

static size_t attributes_size(const Livekit__ParticipantInfo *p)
{
        size_t size = 0;

        for (size_t i = 0; i < p->n_attributes; i++)
                size += text_size(p->attributes[i]->key) + text_size(p->attributes[i]->value);
        return size;
}

int lk_profile_pack(const Livekit__ParticipantInfo *p, struct lk_profile *ret)
{
        size_t n = p->n_attributes <= LK_ATTRIBUTES_MAX ? p->n_attributes : 0, more = n ? attributes_size(p) : 0;
        const char *name = p->name, *metadata = p->metadata;
        char *bytes, *at;

        if (text_size(name) + text_size(metadata) + more > LK_PROFILE_MAX) {
                metadata = NULL;
                n = more = 0;
        }
        if (text_size(name) > LK_PROFILE_MAX)
                name = NULL;
        if (text_size(name) + text_size(metadata) + more == 2) {
                *ret = (struct lk_profile){ 0 };
                return 0;
        }
        bytes = malloc(text_size(name) + text_size(metadata) + more);
        if (!bytes)
                return -ENOMEM;
        at = put(put(bytes, name), metadata);
        for (size_t i = 0; i < n; i++)
                at = put(put(at, p->attributes[i]->key), p->attributes[i]->value);
        *ret = (struct lk_profile){ bytes, (size_t)(at - bytes) };
        return 0;
}

int lk_profile_copy(const struct lk_profile *p, struct lk_profile *ret)
{
        char *bytes = NULL;

        if (p->len > 0) {
                bytes = malloc(p->len);
                if (!bytes)
                        return -ENOMEM;
                memcpy(bytes, p->bytes, p->len);
        }
        *ret = (struct lk_profile){ bytes, p->len };
        return 0;
}

bool lk_profile_equal(const struct lk_profile *a, const struct lk_profile *b)
{
        return a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

void lk_profile_done(struct lk_profile *p)
{
        free(p->bytes);
        *p = (struct lk_profile){ 0 };
}

static const char *next(const char **at)
{
        const char *text = *at;

        *at += strlen(text) + 1;
        return text;
}

void lk_profile_unpack(const struct lk_profile *p, struct engine_participant *ret,
                       struct engine_attribute attributes[LK_ATTRIBUTES_MAX])
{
        const char *at = p->bytes, *end = at + p->len;

        if (p->len == 0)
                return;
        ret->name = next(&at);
        ret->metadata = next(&at);
        ret->attributes = attributes;
        while (at < end) {
                struct engine_attribute *a = &attributes[ret->n_attributes++];

                a->key = next(&at);
                a->value = next(&at);
        }
}
