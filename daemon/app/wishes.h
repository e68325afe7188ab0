/* wishes.h - subscriptions that were asked for, by user: kept until the room ends, whether or not the user is there.
 *
 * Bounded: MAX_WISHES users. Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

enum { MAX_WISHES = 256 };

struct wish {
        struct list link; /* in wishes.users */
        uint32_t on, off; /* masks of enum engine_media; a medium in neither was not spoken of */
        char user_id[];
};

struct wishes {
        struct list users;
        unsigned n;
};

void wishes_init(struct wishes *w);
void wishes_clear(struct wishes *w); /* also frees what it holds */
const struct wish *wishes_find(const struct wishes *w, const char *user_id);
/* The later wish for a medium replaces the earlier. -ENOBUFS: too many users; -ENOMEM. */
int wishes_put(struct wishes *w, const char *user_id, uint32_t media, bool on);
