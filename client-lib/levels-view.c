/* levels-view.c - see levels-view.h, and rtcroom/levels.h for how a ring is read.
 *
 * Every read looks at the frames that came since the last one: the newest says how it is, the peaks of all of them are
 * joined. A frame that was overtaken while it was read counts for nothing; that takes a writer sixteen frames, so it
 * happens to a reader that was stopped, and then the next newest is at hand.
 */
#include "levels-view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 4 };
#define NOBODY UINT32_MAX

#define LOAD(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)

static float load_unit(const float *p)
{
        float x;

        __atomic_load(p, &x, __ATOMIC_ACQUIRE);
        return x > 0 ? x < 1 ? x : 1 : 0; /* also what is not a number */
}

/* ---- the form ---- */

/* An array of n elements of this size lies within the memory, aligned for its 64-bit members. */
static bool fits(uint64_t size, uint64_t offset, uint64_t element, uint64_t n)
{
        return offset % 8 == 0 && element % 8 == 0 && offset >= sizeof(struct rtcroom_levels_header) &&
               offset <= size && element * n <= size - offset;
}

static bool frame_is_sound(const struct levels_view *v)
{
        return v->entries_offset % 8 == 0 && v->entries_offset >= sizeof(struct rtcroom_levels_frame) &&
               v->entry_size % 8 == 0 && v->entry_size >= sizeof(struct rtcroom_levels_entry) &&
               v->entries_offset + (uint64_t)v->entry_size * v->n_slots <= v->frame_size;
}

static bool form_is_sound(const struct levels_view *v, size_t size)
{
        return v->n_slots > 0 && v->n_slots <= LEVELS_VIEW_SLOTS_MAX && v->n_frames > 0 &&
               v->n_frames <= LEVELS_VIEW_FRAMES_MAX && v->slot_size >= sizeof(struct rtcroom_levels_slot) &&
               fits(size, v->slots_offset, v->slot_size, v->n_slots) &&
               fits(size, v->frames_offset, v->frame_size, v->n_frames) && frame_is_sound(v);
}

static const struct rtcroom_levels_header *header_of(const struct levels_view *v)
{
        return (const void *)v->map;
}

int levels_view_init(struct levels_view *v, const void *map, size_t size)
{
        const struct rtcroom_levels_header *h = map;

        *v = (struct levels_view){ .map = map };
        if (size < sizeof(*h) || LOAD(&h->magic) != RTCROOM_LEVELS_MAGIC ||
            LOAD(&h->version) != RTCROOM_LEVELS_VERSION)
                return -EIO;
        v->slots_offset = LOAD(&h->slots_offset);
        v->slot_size = LOAD(&h->slot_size);
        v->n_slots = LOAD(&h->n_slots);
        v->frames_offset = LOAD(&h->frames_offset);
        v->frame_size = LOAD(&h->frame_size);
        v->n_frames = LOAD(&h->n_frames);
        v->entries_offset = LOAD(&h->entries_offset);
        v->entry_size = LOAD(&h->entry_size);
        if (!form_is_sound(v, size))
                return -EIO;
        v->entries = calloc(v->n_slots, sizeof(*v->entries));
        v->person = calloc(v->n_slots, sizeof(*v->person));
        v->people = calloc(v->n_slots, sizeof(*v->people));
        if (v->entries && v->person && v->people)
                return 0;
        levels_view_done(v);
        return -ENOMEM;
}

void levels_view_done(struct levels_view *v)
{
        free(v->entries);
        free(v->person);
        free(v->people);
        v->entries = NULL;
        v->person = NULL;
        v->people = NULL;
}

/* ---- one frame, one slot ---- */

struct frame {
        uint64_t time_us;
        uint32_t n;
        float microphone_level, microphone_peak;
};

static void read_entries(struct levels_view *v, const char *at, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++, at += v->entry_size) {
                const struct rtcroom_levels_entry *e = (const void *)at;

                v->entries[i] = (struct rtcroom_levels_entry){ .participant = LOAD(&e->participant),
                                                               .flags = LOAD(&e->flags),
                                                               .level = load_unit(&e->level),
                                                               .peak = load_unit(&e->peak) };
        }
}

/* Frame k with its entries; false: it is no longer there, or not yet whole. */
static bool read_frame(struct levels_view *v, uint64_t k, struct frame *ret)
{
        const struct rtcroom_levels_frame *f =
                (const void *)(v->map + v->frames_offset + k % v->n_frames * v->frame_size);

        if (LOAD(&f->sequence) != 2 * k + 2)
                return false;
        ret->time_us = LOAD(&f->time_us);
        ret->n = LOAD(&f->n_entries);
        ret->microphone_level = load_unit(&f->microphone_level);
        ret->microphone_peak = load_unit(&f->microphone_peak);
        if (ret->n > v->n_slots)
                ret->n = v->n_slots;
        read_entries(v, (const char *)f + v->entries_offset, ret->n);
        return LOAD(&f->sequence) == 2 * k + 2;
}

static bool is_id(const char *s)
{
        static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@.-";
        size_t n = strspn(s, chars);

        return n > 0 && s[n] == '\0';
}

/* The name of who has the slot; false: another has it now, or it is no name. */
static bool read_name(const struct levels_view *v, uint32_t slot, uint32_t participant, char name[static 129])
{
        const struct rtcroom_levels_slot *s = (const void *)(v->map + v->slots_offset + slot * v->slot_size);
        uint32_t sequence = LOAD(&s->sequence);

        if (sequence % 2 || LOAD(&s->participant) != participant)
                return false;
        for (size_t i = 0; i < 128; i++)
                name[i] = LOAD(&s->user_id[i]);
        name[128] = '\0';
        return LOAD(&s->sequence) == sequence && is_id(name);
}

/* ---- what is handed out ---- */

static void take_people(struct levels_view *v, const struct frame *f)
{
        v->n_people = 0;
        for (uint32_t i = 0; i < v->n_slots; i++)
                v->person[i] = NOBODY;
        for (uint32_t i = 0; i < f->n; i++) {
                const struct rtcroom_levels_entry *e = &v->entries[i];
                struct rtcroom_level *p = &v->people[v->n_people];

                if (e->participant == 0 || !read_name(v, i, e->participant, p->user_id))
                        continue;
                p->participant = e->participant;
                p->self = e->flags & RTCROOM_LEVELS_SELF;
                p->speaking = e->flags & RTCROOM_LEVELS_SPEAKING;
                p->flows = e->flags & RTCROOM_LEVELS_FLOWS;
                p->level = e->level;
                p->peak = e->peak;
                v->person[i] = (uint32_t)v->n_people++;
        }
        v->time_us = f->time_us;
        v->microphone_level = f->microphone_level;
        v->microphone_peak = f->microphone_peak;
}

/* The peaks of an older frame that was not seen. */
static void join_peaks(struct levels_view *v, const struct frame *f)
{
        for (uint32_t i = 0; i < f->n; i++) {
                struct rtcroom_level *p = v->person[i] != NOBODY ? &v->people[v->person[i]] : NULL;

                if (p && v->entries[i].participant == p->participant && v->entries[i].peak > p->peak)
                        p->peak = v->entries[i].peak;
        }
        if (f->microphone_peak > v->microphone_peak)
                v->microphone_peak = f->microphone_peak;
}

/* True: there was something new. */
static bool read_new(struct levels_view *v)
{
        struct frame f;

        for (int i = 0; i < TRIES; i++) {
                uint64_t head = LOAD(&header_of(v)->head), first = v->seen;

                if (head == v->seen || head == 0 || !read_frame(v, head - 1, &f))
                        continue;
                take_people(v, &f);
                if (head < first || head - first > v->n_frames)
                        first = head > v->n_frames ? head - v->n_frames : 0;
                v->seen = head;
                for (uint64_t k = first; k + 1 < head; k++)
                        if (read_frame(v, k, &f))
                                join_peaks(v, &f);
                return true;
        }
        return false;
}

int levels_view_read(struct levels_view *v, struct rtcroom_levels_now *ret)
{
        uint32_t state = LOAD(&header_of(v)->state);
        bool is_new = state == RTCROOM_LEVELS_ROOM && read_new(v);

        if (state == RTCROOM_LEVELS_CLOSED)
                return -ENOENT;
        if (state != RTCROOM_LEVELS_ROOM) {
                v->n_people = 0;
                v->microphone_level = v->microphone_peak = 0;
        }
        *ret = (struct rtcroom_levels_now){ .in_room = state == RTCROOM_LEVELS_ROOM,
                                            .time_us = v->time_us,
                                            .microphone_level = v->microphone_level,
                                            .microphone_peak = v->microphone_peak,
                                            .people = v->people,
                                            .n_people = v->n_people };
        return is_new;
}
