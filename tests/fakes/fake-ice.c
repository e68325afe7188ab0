/* fake-ice.c - see fake-ice.h. Everything happens in the box's one timer: no event comes out of a call. */
#include "fakes/fake-ice.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/rand.h"

enum { AGENTS_MAX = 64, CREDENTIAL_MAX = 64, TOO_LONG_US = 10000000 };

struct ice {
        struct fake_ice_box *box; /* NULL: freed by its owner, kept by the box for its number */
        unsigned number, restarts, n_servers;
        struct ice_events ev;
        void *ctx;
        char ufrag[CREDENTIAL_MAX], pwd[CREDENTIAL_MAX], remote_ufrag[CREDENTIAL_MAX], remote_pwd[CREDENTIAL_MAX];
        bool gathered, has_candidate, relay_only;
        bool has_path;  /* packets pass, also while a restart looks for a new one */
        bool restarted; /* by its owner: the partner's credentials for it are still to come */
        enum ice_state state;
        uint64_t since_us, due_us; /* when checks began; when they succeed or are given up */
};

struct datagram {
        struct list link; /* in fake_ice_box.flying, in no order */
        uint64_t due_us;
        unsigned to;
        size_t len;
        uint8_t data[];
};

struct fake_ice_box {
        struct loop *loop;
        struct loop_source *timer;
        struct rng rng;
        struct fake_ice_net net;
        struct ice *agents[AGENTS_MAX];
        unsigned n_agents;
        struct list flying;
};

static struct ice *partner(const struct ice *i)
{
        struct ice *p = i->box->agents[i->number ^ 1];

        return p && p->box ? p : NULL;
}

/* ---- the clock of the box ---- */

static uint64_t earliest(const struct fake_ice_box *b)
{
        uint64_t due_us = LOOP_NEVER;
        struct datagram *d;

        list_for_each (d, &b->flying, link)
                if (d->due_us < due_us)
                        due_us = d->due_us;
        for (unsigned n = 0; n < b->n_agents; n++)
                if (b->agents[n]->box && b->agents[n]->due_us < due_us)
                        due_us = b->agents[n]->due_us;
        return due_us;
}

static void rearm(struct fake_ice_box *b)
{
        (void)loop_set_timer(b->timer, earliest(b));
}

static void enter(struct ice *i, enum ice_state state)
{
        i->state = state;
        if (state == ICE_STATE_CONNECTED || state == ICE_STATE_FAILED)
                i->has_path = state == ICE_STATE_CONNECTED;
        i->ev.state(state, i->ctx);
}

static void announce(struct ice *i)
{
        char line[128];

        i->gathered = true;
        snprintf(line, sizeof(line), "candidate:1 1 UDP 2130706431 192.0.2.%u %u typ %s", i->number + 1,
                 5000 + i->number, i->relay_only ? "relay" : "host");
        i->ev.candidate(line, i->ctx);
        if (i->box)
                i->ev.candidate(NULL, i->ctx);
}

static bool knows(const struct ice *i, const struct ice *other)
{
        return i->has_candidate && strcmp(i->remote_ufrag, other->ufrag) == 0 &&
               strcmp(i->remote_pwd, other->pwd) == 0;
}

/* What this agent's checks have come to by now. */
static void check(struct ice *i)
{
        uint64_t now_us = loop_now_us(i->box->loop);
        struct ice *p = partner(i);
        bool matched = p && knows(i, p) && knows(p, i) && !i->box->net.blocked;
        uint64_t since_us = !p || i->since_us > p->since_us ? i->since_us : p->since_us;
        uint64_t ready_us = matched ? since_us + 2 * i->box->net.delay_us : i->since_us + TOO_LONG_US;

        if (now_us < ready_us)
                i->due_us = ready_us;
        else
                enter(i, matched ? ICE_STATE_CONNECTED : ICE_STATE_FAILED);
}

static void step(struct ice *i)
{
        i->due_us = LOOP_NEVER;
        if (!i->gathered)
                announce(i);
        if (i->box && i->state == ICE_STATE_GATHERING && i->remote_ufrag[0]) {
                i->since_us = loop_now_us(i->box->loop);
                enter(i, ICE_STATE_CONNECTING);
        }
        if (i->box && i->state == ICE_STATE_CONNECTING)
                check(i);
}

static void deliver(struct fake_ice_box *b, struct datagram *d)
{
        struct ice *to = b->agents[d->to];

        list_remove(&d->link);
        if (to->box)
                to->ev.packet(d->data, d->len, to->ctx);
        free(d);
}

static void on_timer(void *ctx)
{
        struct fake_ice_box *b = ctx;
        uint64_t now_us = loop_now_us(b->loop);
        struct datagram *d, *due;

        for (unsigned n = 0; n < b->n_agents; n++)
                if (b->agents[n]->box && b->agents[n]->due_us <= now_us)
                        step(b->agents[n]);
        do {
                due = NULL;
                list_for_each (d, &b->flying, link)
                        if (d->due_us <= now_us && (!due || d->due_us < due->due_us))
                                due = d;
                if (due)
                        deliver(b, due);
        } while (due);
        rearm(b);
}

static void wake(struct ice *i)
{
        i->due_us = 0;
        rearm(i->box);
}

/* ---- ice_ops ---- */

static void renew(struct ice *i)
{
        rand_text(&i->box->rng, i->ufrag, 9);
        rand_text(&i->box->rng, i->pwd, 25);
}

static int fake_create(void *factory, const struct ice_config *config, const struct ice_events *ev, void *ctx,
                       struct ice **ret)
{
        struct fake_ice_box *b = factory;
        struct ice *i;

        (void)config;
        if (b->n_agents == AGENTS_MAX)
                return -ENOSPC;
        i = calloc(1, sizeof(*i));
        if (!i)
                return -ENOMEM;
        i->box = b;
        i->number = b->n_agents;
        i->ev = *ev;
        i->ctx = ctx;
        renew(i);
        b->agents[b->n_agents++] = i;
        wake(i);
        *ret = i;
        return 0;
}

static int fake_get_local(struct ice *i, const char **ret_ufrag, const char **ret_pwd)
{
        *ret_ufrag = i->ufrag;
        *ret_pwd = i->pwd;
        return 0;
}

static int fake_restart(struct ice *i, bool relay_only)
{
        i->relay_only |= relay_only;
        i->restarts++;
        i->restarted = true;
        i->has_candidate = false;
        i->gathered = false;
        i->remote_ufrag[0] = '\0';
        i->state = ICE_STATE_GATHERING;
        renew(i);
        return 0;
}

/* Other credentials than before are a restart: new ones of our own, new checks, while packets go on. */
static int fake_set_remote(struct ice *i, const char *ufrag, const char *pwd)
{
        if (strcmp(i->remote_ufrag, ufrag) == 0 && strcmp(i->remote_pwd, pwd) == 0)
                return 0;
        if (i->remote_ufrag[0] && !i->restarted)
                (void)fake_restart(i, false);
        i->restarted = false;
        snprintf(i->remote_ufrag, sizeof(i->remote_ufrag), "%s", ufrag);
        snprintf(i->remote_pwd, sizeof(i->remote_pwd), "%s", pwd);
        wake(i);
        return 0;
}

static int fake_add_remote_candidate(struct ice *i, const char *line)
{
        struct ice *p = partner(i);

        if (line)
                i->has_candidate = true;
        wake(i);
        if (p)
                wake(p);
        return 0;
}

static int fake_add_servers(struct ice *i, const struct ice_server *servers, size_t n)
{
        (void)servers;
        i->n_servers += (unsigned)n;
        return 0;
}

static int put_on_wire(struct fake_ice_box *b, unsigned to, const void *data, size_t len, uint64_t due_us)
{
        struct datagram *d = malloc(sizeof(*d) + len);

        if (!d)
                return -EAGAIN;
        d->due_us = due_us;
        d->to = to;
        d->len = len;
        memcpy(d->data, data, len);
        list_append(&b->flying, &d->link);
        rearm(b);
        return 0;
}

static int fake_send(struct ice *i, const void *data, size_t len)
{
        struct fake_ice_net *net = &i->box->net;
        struct ice *p = partner(i);
        uint64_t jitter_us = 0;

        if (!i->has_path)
                return -EAGAIN;
        if (net->tap && !net->tap(i->number, data, len, net->tap_ctx))
                return 0;
        if (!p || (net->loss > 0 && rand_double(&i->box->rng) < net->loss))
                return 0;
        if (net->jitter_us > 0)
                jitter_us = (uint64_t)(rand_double(&i->box->rng) * (double)net->jitter_us);
        return put_on_wire(i->box, p->number, data, len, loop_now_us(i->box->loop) + net->delay_us + jitter_us);
}

static void fake_get_stats(struct ice *i, struct ice_stats *ret)
{
        *ret = (struct ice_stats){ .rtt_us = (uint32_t)(2 * i->box->net.delay_us),
                                   .local_type = "host",
                                   .remote_type = "host",
                                   .protocol = "udp" };
        snprintf(ret->local, sizeof(ret->local), "192.0.2.%u", i->number + 1);
        snprintf(ret->remote, sizeof(ret->remote), "192.0.2.%u", (i->number ^ 1) + 1);
}

static void fake_free(struct ice *i)
{
        i->box = NULL;
}

static const struct ice_ops ops = { fake_create,  fake_get_local,   fake_set_remote,
                                    fake_restart, fake_add_servers, fake_add_remote_candidate,
                                    fake_send,    fake_get_stats,   fake_free };

/* ---- the box ---- */

struct fake_ice_box *fake_ice_box_new(struct loop *loop, uint64_t seed)
{
        struct fake_ice_box *b = calloc(1, sizeof(*b));

        if (!b)
                return NULL;
        b->loop = loop;
        rand_seed(&b->rng, seed);
        list_init(&b->flying);
        if (loop_add_timer(loop, LOOP_NEVER, on_timer, b, &b->timer) < 0) {
                free(b);
                return NULL;
        }
        return b;
}

struct fake_ice_box *fake_ice_box_free(struct fake_ice_box *b)
{
        struct datagram *d;

        if (!b)
                return NULL;
        list_for_each (d, &b->flying, link)
                free(d);
        for (unsigned n = 0; n < b->n_agents; n++) {
                assert(!b->agents[n]->box);
                free(b->agents[n]);
        }
        loop_remove(b->timer);
        free(b);
        return NULL;
}

struct ice_provider fake_ice_box_provider(struct fake_ice_box *b)
{
        return (struct ice_provider){ .ops = &ops, .factory = b };
}

struct fake_ice_net *fake_ice_box_net(struct fake_ice_box *b)
{
        return &b->net;
}

void fake_ice_inject(struct fake_ice_box *b, unsigned agent, const uint8_t *data, size_t len)
{
        struct ice *i = b->agents[agent];

        i->ev.packet(data, len, i->ctx);
}

void fake_ice_lose_consent(struct fake_ice_box *b, unsigned agent)
{
        enter(b->agents[agent], ICE_STATE_FAILED);
}

unsigned fake_ice_restarts(const struct fake_ice_box *b, unsigned agent)
{
        return b->agents[agent]->restarts;
}

unsigned fake_ice_servers(const struct fake_ice_box *b, unsigned agent)
{
        return b->agents[agent]->n_servers;
}
