/* fake-desktop.c - see fake-desktop.h. */
#include "fakes/fake-desktop.h"

#include <stdio.h>

#include "lib/test.h"

static int ask(struct consent *c, const struct consent_question *q, void *ctx)
{
        struct fake_asker *a = ctx;

        if (a->refuse < 0)
                return a->refuse;
        a->asked++;
        a->open = q->id;
        a->consent = c;
        a->seconds = q->seconds;
        (void)snprintf(a->program, sizeof(a->program), "%s", q->program);
        return 0;
}

static void withdraw(uint32_t id, void *ctx)
{
        struct fake_asker *a = ctx;

        ASSERT_LE(id, a->open);
        if (a->open != id)
                return; /* not the last one */
        a->open = 0;
}

static int load(struct consent *c, void *ctx)
{
        struct fake_desktop *d = ctx;

        d->loads++;
        d->consent = c;
        return d->load;
}

static int put(const char *program, enum consent_policy policy, void *ctx)
{
        struct fake_desktop *d = ctx;

        d->puts++;
        d->put_policy = policy;
        (void)snprintf(d->put_program, sizeof(d->put_program), "%s", program);
        return d->put;
}

void fake_desktop_init(struct fake_desktop *d, bool with_store)
{
        *d = (struct fake_desktop){ 0 };
        d->first.ops = (struct consent_asker){ 0, "first", ask, withdraw, &d->first };
        d->second.ops = (struct consent_asker){ 0, "second", ask, withdraw, &d->second };
        d->store = (struct consent_store){ 0, load, put, d };
        d->desktop = (struct consent_desktop){ .askers = { &d->first.ops, &d->second.ops },
                                               .store = with_store ? &d->store : NULL };
}
