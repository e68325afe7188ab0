/* A ring of levels with any contents, read a few times while its head and its sequences move: the reader stays within
 * the memory and hands out only what is in range.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "levels-view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct levels_view *v, const struct rtcroom_levels_now *now)
{
        assert(now->n_people <= v->n_slots);
        assert(now->microphone_level >= 0 && now->microphone_peak <= 1);
        for (size_t i = 0; i < now->n_people; i++) {
                const struct rtcroom_level *p = &now->people[i];

                assert(strlen(p->user_id) > 0 && strlen(p->user_id) <= 128 && !strpbrk(p->user_id, "\x1b\n\x7f /"));
                assert(p->level >= 0 && p->level <= 1 && p->peak >= 0 && p->peak <= 1);
        }
}

/* What a writer would do next, on memory that need not be one's. */
static void advance(char *map, const struct levels_view *v)
{
        struct rtcroom_levels_header *h = (void *)map;
        struct rtcroom_levels_frame *f = (void *)(map + v->frames_offset + h->head % v->n_frames * v->frame_size);

        f->sequence = 2 * h->head + 2;
        h->head++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct rtcroom_levels_now now;
        struct levels_view v;
        char *map = malloc(size ? size : 1); /* exact: what lies behind it is seen by ASan */

        if (!map)
                abort();
        memcpy(map, data, size);
        if (levels_view_init(&v, map, size) >= 0) {
                for (int i = 0; i < 3; i++) {
                        if (levels_view_read(&v, &now) >= 0)
                                check(&v, &now);
                        if (v.frames_offset >= sizeof(struct rtcroom_levels_header))
                                advance(map, &v);
                }
                levels_view_done(&v);
        }
        free(map);
        return 0;
}
