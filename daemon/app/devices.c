/* devices.c - see devices.h. Control thread. */
#include "app/devices.h"

#include <errno.h>
#include <string.h>

#include "app/manager-state.h"
#include "app/route.h"
#include "base/clock.h"

LOG_TOPIC("app/devices");

enum { PATIENCE_MS = 2000 }; /* with a sound server that does not tell its devices */

struct asked {
        struct list link; /* in devices.asked */
        manager_devices_fn done;
        void *ctx;
};

static size_t list_now(const struct manager *m, struct audio_device ret[static DEVICES_MAX])
{
        return m->env.audio->ops->devices(m->env.audio, ret, DEVICES_MAX);
}

/* ---- where streams go ---- */

const char *devices_target(const struct context *c, enum audio_direction direction)
{
        struct audio_device list[DEVICES_MAX];
        size_t n = list_now(c->manager, list);

        return route_resolve(direction == AUDIO_CAPTURE ? c->settings.input_device : c->settings.output_device,
                             direction, list, n);
}

static void aim(struct audio_stream *s, const char *target)
{
        int r = s ? s->io->ops->set_target(s, target) : 0;

        if (r < 0)
                log_warning("a stream stays where it is: %s", strerror(-r));
}

void devices_apply(struct room *room)
{
        struct context *c = room->context;
        struct participant *p;

        if (!c)
                return;
        aim(room->voice.stream, devices_target(c, AUDIO_CAPTURE));
        list_for_each (p, &c->participants, link)
                aim(p->stream, devices_target(c, AUDIO_PLAYBACK));
}

/* ---- who asks ---- */

static void answer(struct devices *d, const struct audio_device *list, size_t n)
{
        struct asked *a;

        while ((a = list_first(&d->asked, struct asked, link))) {
                list_remove(&a->link);
                a->done(list, n, a->ctx);
                free(a);
        }
        if (d->patience)
                (void)loop_set_timer(d->patience, LOOP_NEVER);
}

static void on_changed(void *ctx)
{
        struct devices *d = ctx;
        struct audio_device list[DEVICES_MAX];

        devices_apply(&d->manager->room);
        answer(d, list, list_now(d->manager, list));
}

static void on_patience(void *ctx)
{
        answer(ctx, NULL, 0);
}

int manager_list_devices(struct manager *m, manager_devices_fn done, void *ctx)
{
        struct devices *d = &m->devices;
        struct asked *a = malloc(sizeof(*a));

        if (!a)
                return -ENOMEM;
        *a = (struct asked){ .done = done, .ctx = ctx };
        list_append(&d->asked, &a->link);
        (void)loop_set_timer(d->patience, loop_now_us(m->env.loop) + PATIENCE_MS * US_PER_MS);
        m->env.audio->ops->refresh(m->env.audio);
        return 0;
}

int devices_init(struct devices *d, struct manager *m)
{
        int r = loop_add_timer(m->env.loop, LOOP_NEVER, on_patience, d, &d->patience);

        if (r < 0)
                return r;
        d->manager = m;
        list_init(&d->asked);
        m->env.audio->ops->watch(m->env.audio, on_changed, d);
        return 0;
}

void devices_done(struct devices *d)
{
        if (!d->manager)
                return;
        d->manager->env.audio->ops->watch(d->manager->env.audio, NULL, NULL);
        answer(d, NULL, 0);
        d->patience = loop_remove(d->patience);
}
