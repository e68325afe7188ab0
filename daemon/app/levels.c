/* levels.c - see levels.h.
 *
 * Slots are found by the participant's number. People and slots are gone through in the same order, so the search
 * begins where the last one ended and is mostly over at once. A slot whose participant was not met in a round is
 * free again; people beyond the last slot are not shown.
 *
 * Control thread. The context owns its levels, which own ring, watch and timer.
 */
#include "app/levels.h"

#include <errno.h>
#include <string.h>

#include "app/level-ring.h"
#include "app/manager-state.h"

LOG_TOPIC("app/levels");

struct levels {
        struct context *context;
        struct level_ring *ring;    /* owned */
        struct loop_source *watch;  /* readers come and go */
        struct loop_source *timer;  /* the next frame */
        bool runs;                  /* frames are written */
        struct level_frame frame;   /* the last one; entries[i].participant tells whose slot i is */
        bool met[LEVEL_RING_SLOTS]; /* in the round under way */
};

static struct levels *levels_free(struct levels *l)
{
        if (!l)
                return NULL;
        l->timer = loop_remove(l->timer);
        l->watch = loop_remove(l->watch);
        level_ring_free(l->ring);
        free(l);
        return NULL;
}
DEFINE_CLEANUP(struct levels *, levels_free)

static struct room *room_of(const struct levels *l)
{
        return &l->context->manager->room;
}

/* ---- slots ---- */

/* The participant's slot, or else a free one; LEVEL_RING_SLOTS: neither. */
static uint32_t find_slot(const struct levels *l, uint32_t participant, uint32_t from)
{
        uint32_t empty = LEVEL_RING_SLOTS;

        for (uint32_t n = 0; n < LEVEL_RING_SLOTS; n++) {
                uint32_t i = (from + n) % LEVEL_RING_SLOTS, whose = l->frame.entries[i].participant;

                if (whose == participant)
                        return i;
                if (whose == 0 && empty > i)
                        empty = i;
        }
        return empty;
}

static void free_slot(struct levels *l, uint32_t i)
{
        l->frame.entries[i] = (struct rtcroom_levels_entry){ 0 };
        level_ring_set_slot(l->ring, i, 0, NULL);
}

static void free_slots(struct levels *l, bool all)
{
        for (uint32_t i = 0; i < l->frame.n_entries; i++)
                if (l->frame.entries[i].participant && (all || !l->met[i]))
                        free_slot(l, i);
        while (l->frame.n_entries > 0 && l->frame.entries[l->frame.n_entries - 1].participant == 0)
                l->frame.n_entries--;
}

/* ---- frames ---- */

static struct audio_port *port_of(const struct levels *l, const struct participant *p)
{
        return p->self ? room_of(l)->voice.port : p->port;
}

static void measure(struct levels *l, uint32_t slot, const struct participant *p)
{
        struct rtcroom_levels_entry *e = &l->frame.entries[slot];
        struct audio_port *port = port_of(l, p);

        if (e->participant != p->number) {
                e->participant = p->number;
                level_ring_set_slot(l->ring, slot, p->number, p->user_id);
        }
        if (slot >= l->frame.n_entries)
                l->frame.n_entries = slot + 1;
        l->met[slot] = true;
        e->flags = (p->self ? RTCROOM_LEVELS_SELF : 0u) | (p->speaking ? RTCROOM_LEVELS_SPEAKING : 0u) |
                   (port ? RTCROOM_LEVELS_FLOWS : 0u);
        e->level = port ? atomic_load(&port->level) : 0;
        e->peak = port ? audio_port_take_peak(port) : 0; /* and asks for the next */
        if (p->self) {
                l->frame.microphone_level = port ? atomic_load(&port->captured_level) : 0;
                l->frame.microphone_peak = port ? audio_port_take_captured_peak(port) : 0;
        }
}

static void write_frame(struct levels *l, uint64_t now_us)
{
        struct participant *p;
        uint32_t at = 0, slot;

        memset(l->met, 0, sizeof(l->met));
        list_for_each (p, &l->context->participants, link) {
                slot = find_slot(l, p->number, at);
                if (slot == LEVEL_RING_SLOTS)
                        continue;
                measure(l, slot, p);
                at = slot + 1;
        }
        free_slots(l, false);
        l->frame.time_us = now_us;
        level_ring_write(l->ring, &l->frame);
}

static void on_timer(void *ctx)
{
        struct levels *l = ctx;
        uint64_t now_us = loop_now_us(l->context->manager->env.loop);

        write_frame(l, now_us);
        (void)loop_set_timer(l->timer, now_us + LEVELS_INTERVAL_US);
}

/* ---- when ---- */

static void start(struct levels *l)
{
        level_ring_set_state(l->ring, RTCROOM_LEVELS_ROOM);
        l->runs = true;
        on_timer(l);
}

static void stop(struct levels *l)
{
        struct participant *p;

        (void)loop_set_timer(l->timer, LOOP_NEVER);
        l->runs = false;
        list_for_each (p, &l->context->participants, link)
                if (port_of(l, p))
                        atomic_store(&port_of(l, p)->metered, false);
}

static void update(struct levels *l)
{
        bool in = context_is_in_room(l->context) && room_is_in(room_of(l));
        bool wanted = in && level_ring_is_read(l->ring);

        if (wanted && !l->runs)
                start(l);
        else if (!wanted && l->runs)
                stop(l);
        if (in)
                return;
        free_slots(l, true);
        level_ring_set_state(l->ring, RTCROOM_LEVELS_IDLE);
}

static void on_readers(int fd, uint32_t events, void *ctx)
{
        struct levels *l = ctx;

        (void)fd, (void)events;
        update(l);
}

static int levels_new(struct context *c, struct levels **ret)
{
        _cleanup_(levels_freep) struct levels *l = calloc(1, sizeof(*l));
        struct loop *loop = c->manager->env.loop;
        int r;

        if (!l)
                return -ENOMEM;
        l->context = c;
        r = level_ring_new(LEVELS_INTERVAL_US, &l->ring);
        if (r >= 0)
                r = loop_add_timer(loop, LOOP_NEVER, on_timer, l, &l->timer);
        if (r >= 0)
                r = loop_add_fd(loop, level_ring_watch_fd(l->ring), LOOP_READ, on_readers, l, &l->watch);
        if (r < 0)
                return r;
        *ret = take_ptr(l);
        return 0;
}

/* Of a destroyed context: a ring that says so. */
static int open_closed(void)
{
        _cleanup_(level_ring_freep) struct level_ring *ring = NULL;
        int r = level_ring_new(LEVELS_INTERVAL_US, &ring);

        return r < 0 ? r : level_ring_open(ring);
}

int context_open_levels(struct context *c)
{
        int r = 0, fd;

        if (c->destroyed)
                return open_closed();
        if (!c->levels)
                r = levels_new(c, &c->levels);
        if (r < 0)
                return r;
        fd = level_ring_open(c->levels->ring);
        update(c->levels);
        return fd;
}

void levels_follow_room(struct context *c)
{
        if (c->levels)
                update(c->levels);
}

void levels_follow_speaker(struct context *c)
{
        if (c->levels && c->levels->runs)
                (void)loop_set_timer(c->levels->timer, 0);
}

void levels_close(struct context *c)
{
        c->levels = levels_free(c->levels);
}
