/* wishes.c - see wishes.h. */
#include "app/wishes.h"

#include <errno.h>
#include <string.h>

void wishes_init(struct wishes *w)
{
        list_init(&w->users);
        w->n = 0;
}

void wishes_clear(struct wishes *w)
{
        struct wish *one;

        list_for_each (one, &w->users, link) {
                list_remove(&one->link);
                free(one);
        }
        w->n = 0;
}

static struct wish *find(const struct wishes *w, const char *user_id)
{
        struct wish *one;

        list_for_each (one, &w->users, link)
                if (strcmp(one->user_id, user_id) == 0)
                        return one;
        return NULL;
}

const struct wish *wishes_find(const struct wishes *w, const char *user_id)
{
        return find(w, user_id);
}

static int add(struct wishes *w, const char *user_id, struct wish **ret)
{
        size_t len = strlen(user_id) + 1;
        struct wish *one;

        if (w->n == MAX_WISHES)
                return -ENOBUFS;
        one = calloc(1, sizeof(*one) + len);
        if (!one)
                return -ENOMEM;
        memcpy(one->user_id, user_id, len);
        list_append(&w->users, &one->link);
        w->n++;
        *ret = one;
        return 0;
}

int wishes_put(struct wishes *w, const char *user_id, uint32_t media, bool on)
{
        struct wish *one = find(w, user_id);
        int r = one ? 0 : add(w, user_id, &one);

        if (r < 0)
                return r;
        one->on = on ? one->on | media : one->on & ~media;
        one->off = on ? one->off & ~media : one->off | media;
        return 0;
}
