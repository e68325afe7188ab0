/* backend.c - see backend.h. */
#include "engine/backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

LOG_TOPIC("engine/backend");

struct lent {                    /* a playback port */
        struct list link;        /* in backend.lent */
        struct audio_port *port; /* owned reference */
        char user[129];
};

struct stats_answer {
        struct list link; /* in backend.stats */
        uint32_t op;
        bool ready;
        struct engine_stats stats;
        struct engine_stats_inbound *inbound; /* owned; stats.inbound points to it */
};

void backend_init(struct backend *b, const struct engine_env *env, const struct rtc_ops *rtc,
                  const struct engine_events *ev, void *ctx)
{
        *b = (struct backend){ .env = env, .rtc = rtc ? rtc : &rtc_runtime_ops, .ev = *ev, .ctx = ctx };
        list_init(&b->lent);
        list_init(&b->stats);
        b->asleep_us = clock_asleep_us();
}

/* ---- the runtime ---- */

int backend_need_runtime(struct backend *b, const struct rtc_runtime_events *ev, void *ctx)
{
        struct rtc_runtime_config config = { .control = b->env->loop,
                                             .rng = &rand_system,
                                             .ice_loopback = b->env->ice_loopback };
        int r;

        if (b->rt)
                return 0;
        if (b->rtc == &rtc_runtime_ops) {
                r = engine_env_net(b->env, &config.net);
                if (r < 0)
                        return r;
        }
        return b->rtc->new (&config, ev, ctx, &b->rt);
}

void backend_drop_runtime(struct backend *b)
{
        b->rt = b->rtc->free(b->rt);
}

bool backend_has_slept(struct backend *b)
{
        uint64_t asleep_us = clock_asleep_us(), before_us = b->asleep_us;

        b->asleep_us = asleep_us;
        if (asleep_us <= before_us + US_PER_SEC)
                return false;
        log_info("the computer slept for %u s", (unsigned)((asleep_us - before_us) / US_PER_SEC));
        return true;
}

/* ---- ports ---- */

static struct lent *find_lent(const struct backend *b, const char *user)
{
        struct lent *l;

        list_for_each (l, &b->lent, link)
                if (strcmp(l->user, user) == 0)
                        return l;
        return NULL;
}

struct audio_port *backend_port_of(const struct backend *b, const char *user_id)
{
        const struct lent *l = find_lent(b, user_id);

        return l ? l->port : NULL;
}

void backend_set_capture(struct backend *b, struct audio_port *port, const struct capture_gate *gate)
{
        if (port)
                (void)audio_port_ref(port);
        audio_port_unref(b->capture);
        b->capture = port;
        b->gate = gate;
}

static void lent_free(struct lent *l)
{
        list_remove(&l->link);
        audio_port_unref(l->port);
        free(l);
}

int backend_set_playback(struct backend *b, const char *user_id, struct audio_port *port)
{
        struct lent *l = find_lent(b, user_id);

        if (l)
                lent_free(l);
        if (!port)
                return 0;
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        (void)snprintf(l->user, sizeof(l->user), "%s", user_id);
        l->port = audio_port_ref(port);
        list_append(&b->lent, &l->link);
        return 0;
}

/* ---- statistics ---- */

static void stats_free(struct stats_answer *s)
{
        list_remove(&s->link);
        free(s->inbound);
        free(s);
}

int backend_get_stats(struct backend *b, uint32_t op)
{
        struct stats_answer *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->op = op;
        list_append(&b->stats, &s->link);
        r = b->rtc->get_stats(b->rt, op);
        if (r < 0)
                stats_free(s);
        return r;
}

/* Kept until the timer: the app may do anything when it gets them, the runtime may not be freed from here. */
void backend_on_stats(struct backend *b, uint32_t op, const struct engine_stats *stats)
{
        struct stats_answer *s;

        list_for_each (s, &b->stats, link) {
                if (s->op != op || s->ready)
                        continue;
                s->ready = true;
                s->stats = *stats;
                s->inbound = calloc(stats->n_inbound ? stats->n_inbound : 1, sizeof(*s->inbound));
                if (!s->inbound)
                        s->stats.n_inbound = 0;
                else if (stats->n_inbound > 0)
                        memcpy(s->inbound, stats->inbound, stats->n_inbound * sizeof(*s->inbound));
                s->stats.inbound = s->inbound;
        }
}

bool backend_has_answers(const struct backend *b)
{
        struct stats_answer *s;

        list_for_each (s, &b->stats, link)
                if (s->ready)
                        return true;
        return false;
}

bool backend_answer(struct backend *b, const struct engine_stages *stages, bool gone)
{
        struct stats_answer *s, *due = NULL;

        list_for_each (s, &b->stats, link)
                if (!due && (s->ready || gone))
                        due = s;
        if (!due)
                return false;
        due->stats.stages = *stages;
        list_remove(&due->link);
        b->ev.stats(due->op, due->ready ? &due->stats : NULL, b->ctx);
        stats_free(due);
        return true;
}

void backend_done(struct backend *b)
{
        struct stats_answer *s;
        struct lent *l;

        backend_drop_runtime(b);
        list_for_each (s, &b->stats, link)
                stats_free(s);
        list_for_each (l, &b->lent, link)
                lent_free(l);
        b->capture = audio_port_unref(b->capture);
        b->dead = true;
}
