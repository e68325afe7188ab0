/* test-bus-caller.c - the table of programs: one look-up each, going, bounds. */
#include "bus/bus-caller.h"

#include <errno.h>

#include "bus/bus-loop.h"
#include "fakes/p2p-bus.h"
#include "lib/test.h"
#include "lib/vloop.h"

struct fixture {
        struct loop *loop;
        struct p2p_bus p;
        struct bus_loop *bl;
        struct bus_callers *cs;
        unsigned lookups, gone;
        char last_gone[32];
        const char *owner; /* "*": everybody owns something */
};

static int identify(sd_bus *bus, const char *unique_name, struct bus_identity *ret, void *ctx)
{
        struct fixture *f = ctx;

        (void)bus;
        f->lookups++;
        if (strcmp(unique_name, ":1.404") == 0)
                return -ENXIO;
        *ret = (struct bus_identity){ .application_id = "org.example.App", .exe_path = "/usr/bin/app" };
        return 0;
}

static void on_gone(const char *unique_name, void *ctx)
{
        struct fixture *f = ctx;

        f->gone++;
        snprintf(f->last_gone, sizeof(f->last_gone), "%s", unique_name);
}

static bool is_owner(const char *unique_name, void *ctx)
{
        struct fixture *f = ctx;

        return f->owner && (f->owner[0] == '*' || strcmp(f->owner, unique_name) == 0);
}

static const struct bus_caller_ops ops = { 0, identify };
static const struct bus_callers_events events = { 0, on_gone, is_owner };

static void connection_gone(int error, void *ctx)
{
        (void)error, (void)ctx;
}

static void begin(struct fixture *f)
{
        *f = (struct fixture){ .loop = vloop_new(0) };
        p2p_bus_init(&f->p, f->loop);
        ASSERT_OK(bus_loop_new(f->loop, f->p.server, connection_gone, f, &f->bl));
        ASSERT_OK(bus_callers_new(f->p.server, &ops, f, &events, f, &f->cs));
}

static void end(struct fixture *f)
{
        bus_callers_free(f->cs);
        bus_loop_free(f->bl);
        p2p_bus_done(&f->p);
        vloop_free(f->loop);
}

static const struct caller *get(struct fixture *f, const char *name)
{
        const struct caller *c;

        ASSERT_OK(bus_callers_get(f->cs, name, &c));
        ASSERT_STR(c->unique_name, name);
        return c;
}

TEST(looked_up_once_until_it_leaves)
{
        struct fixture f;

        begin(&f);
        ASSERT_STR(get(&f, ":1.1")->application_id, "org.example.App");
        ASSERT_STR(get(&f, ":1.1")->exe_path, "/usr/bin/app");
        (void)get(&f, ":1.2");
        ASSERT_EQ(f.lookups, 2);
        p2p_bus_vanish(&f.p, ":1.1");
        ASSERT_EQ(f.gone, 1);
        ASSERT_STR(f.last_gone, ":1.1");
        p2p_bus_vanish(&f.p, ":1.1"); /* nobody listens any more */
        p2p_bus_vanish(&f.p, ":1.3");
        ASSERT_EQ(f.gone, 1);
        (void)get(&f, ":1.1");
        ASSERT_EQ(f.lookups, 3);
        end(&f);
}

/* NameOwnerChanged counts from the bus only: anybody can send a signal of that name. */
TEST(a_forged_going_is_ignored)
{
        sd_bus_message *m;
        struct fixture f;

        begin(&f);
        (void)get(&f, ":1.1");
        ASSERT_OK(sd_bus_message_new_signal(f.p.client, &m, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                            "NameOwnerChanged"));
        ASSERT_OK(sd_bus_message_set_sender(m, ":1.66"));
        ASSERT_OK(sd_bus_message_append(m, "sss", ":1.1", ":1.1", ""));
        p2p_bus_send(&f.p, m);
        p2p_bus_settle(&f.p);
        ASSERT_EQ(f.gone, 0);
        end(&f);
}

TEST(who_is_not_there_is_not_kept)
{
        const struct caller *c;
        struct fixture f;

        begin(&f);
        ASSERT_EQ(bus_callers_get(f.cs, ":1.404", &c), -ENXIO);
        p2p_bus_vanish(&f.p, ":1.404");
        ASSERT_EQ(f.gone, 0);
        end(&f);
}

TEST(subscribers_in_turn)
{
        const char *first;
        struct fixture f;

        begin(&f);
        ASSERT(!bus_callers_next_subscriber(f.cs, NULL));
        ASSERT_OK(bus_callers_subscribe(f.cs, ":1.1", true));
        ASSERT_OK(bus_callers_subscribe(f.cs, ":1.1", true));
        (void)get(&f, ":1.2");
        ASSERT_OK(bus_callers_subscribe(f.cs, ":1.3", true));
        first = bus_callers_next_subscriber(f.cs, NULL);
        ASSERT_STR(first, ":1.1");
        ASSERT_STR(bus_callers_next_subscriber(f.cs, first), ":1.3");
        ASSERT(!bus_callers_next_subscriber(f.cs, bus_callers_next_subscriber(f.cs, first)));
        ASSERT_OK(bus_callers_subscribe(f.cs, ":1.1", false));
        ASSERT_STR(bus_callers_next_subscriber(f.cs, NULL), ":1.3");
        p2p_bus_vanish(&f.p, ":1.3");
        ASSERT(!bus_callers_next_subscriber(f.cs, NULL));
        end(&f);
}

/* Two thousand passers-by: owners and subscribers stay known, memory stays bounded. */
TEST(passers_by_are_forgotten)
{
        struct fixture f;

        begin(&f);
        f.owner = ":1.1";
        (void)get(&f, ":1.1");
        ASSERT_OK(bus_callers_subscribe(f.cs, ":1.2", true));
        for (unsigned i = 1010; i < 3010; i++) {
                char name[32];

                snprintf(name, sizeof(name), ":1.%u", i);
                (void)get(&f, name);
        }
        f.lookups = 0;
        (void)get(&f, ":1.1");
        (void)get(&f, ":1.2");
        (void)get(&f, ":1.3009");
        ASSERT_EQ(f.lookups, 0);
        (void)get(&f, ":1.1010");
        ASSERT_EQ(f.lookups, 1);
        end(&f);
}

TEST(no_room_when_all_are_needed)
{
        const struct caller *c;
        struct fixture f;
        int r = 0;

        begin(&f);
        f.owner = "*";
        for (unsigned i = 0; r >= 0 && i < 1000; i++) {
                char name[32];

                snprintf(name, sizeof(name), ":1.%u", 5000 + i);
                r = bus_callers_get(f.cs, name, &c);
        }
        ASSERT_EQ(r, -ENOBUFS);
        p2p_bus_vanish(&f.p, ":1.5000");
        (void)get(&f, ":1.1");
        end(&f);
}

TEST_OOM(construction_and_first_caller)
{
        _cleanup_(bus_callers_freep) struct bus_callers *cs = NULL;
        static struct fixture f;
        const struct caller *c;
        struct p2p_bus p;
        int r;

        p2p_bus_init(&p, NULL);
        r = bus_callers_new(p.server, &ops, &f, &events, &f, &cs);
        if (r >= 0)
                r = bus_callers_get(cs, ":1.1", &c);
        cs = bus_callers_free(cs);
        p2p_bus_done(&p);
        return r;
}
