/* p2p-bus.c - see p2p-bus.h. */
#include "fakes/p2p-bus.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/test.h"
#include "lib/vloop.h"

static int keep(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct p2p_bus *p = ctx;

        (void)error;
        ASSERT(p->n_arrived < P2P_ARRIVED_MAX);
        p->arrived[p->n_arrived++] = sd_bus_message_ref(m);
        return 1;
}

static sd_bus *start(int fd, bool is_server)
{
        sd_bus *bus;
        sd_id128_t id;

        ASSERT_OK(sd_id128_randomize(&id));
        ASSERT_OK(sd_bus_new(&bus));
        ASSERT_OK(sd_bus_set_fd(bus, fd, fd));
        if (is_server)
                ASSERT_OK(sd_bus_set_server(bus, true, id));
        ASSERT_OK(sd_bus_negotiate_fds(bus, true));
        ASSERT_OK(sd_bus_start(bus));
        return bus;
}

void p2p_bus_init(struct p2p_bus *p, struct loop *loop)
{
        int fds[2];

        *p = (struct p2p_bus){ .loop = loop };
        ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
        p->server = start(fds[0], true);
        p->client = start(fds[1], false);
        while (sd_bus_is_ready(p->client) <= 0 || sd_bus_is_ready(p->server) <= 0) {
                ASSERT_OK(sd_bus_process(p->client, NULL));
                ASSERT_OK(sd_bus_process(p->server, NULL));
        }
        ASSERT_OK(sd_bus_add_filter(p->client, NULL, keep, p));
}

void p2p_bus_forget(struct p2p_bus *p)
{
        while (p->n_arrived > 0)
                sd_bus_message_unref(p->arrived[--p->n_arrived]);
}

void p2p_bus_done(struct p2p_bus *p)
{
        p2p_bus_forget(p);
        sd_bus_close_unref(p->client);
        sd_bus_close_unref(p->server);
}

static bool is_busy(sd_bus *bus)
{
        struct pollfd fd = { .fd = sd_bus_get_fd(bus), .events = POLLIN };
        uint64_t until_us = UINT64_MAX;

        if (fd.fd < 0)
                return false;
        (void)sd_bus_get_timeout(bus, &until_us);
        return until_us == 0 || poll(&fd, 1, 0) > 0;
}

void p2p_bus_settle(struct p2p_bus *p)
{
        for (int idle = 0; idle < 3; idle++) {
                vloop_turn(p->loop);
                while (sd_bus_process(p->client, NULL) > 0)
                        idle = 0;
                if (is_busy(p->server))
                        idle = 0;
        }
}

sd_bus_message *p2p_bus_call(struct p2p_bus *p, const char *sender, const char *path, const char *interface,
                             const char *member)
{
        sd_bus_message *m;

        ASSERT_OK(sd_bus_message_new_method_call(p->client, &m, NULL, path, interface, member));
        if (sender)
                ASSERT_OK(sd_bus_message_set_sender(m, sender));
        return m;
}

void p2p_bus_send(struct p2p_bus *p, sd_bus_message *m)
{
        uint64_t cookie;

        ASSERT_OK(sd_bus_send(p->client, m, &cookie));
        sd_bus_message_unref(m);
}

sd_bus_message *p2p_bus_ask(struct p2p_bus *p, sd_bus_message *m)
{
        uint64_t cookie, to;

        ASSERT_OK(sd_bus_send(p->client, m, &cookie));
        sd_bus_message_unref(m);
        p2p_bus_settle(p);
        for (unsigned i = 0; i < p->n_arrived; i++)
                if (sd_bus_message_get_reply_cookie(p->arrived[i], &to) >= 0 && to == cookie)
                        return sd_bus_message_ref(p->arrived[i]);
        return NULL;
}

void p2p_bus_vanish(struct p2p_bus *p, const char *unique_name)
{
        sd_bus_message *m;

        ASSERT_OK(sd_bus_message_new_signal(p->client, &m, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                            "NameOwnerChanged"));
        ASSERT_OK(sd_bus_message_set_sender(m, "org.freedesktop.DBus"));
        ASSERT_OK(sd_bus_message_append(m, "sss", unique_name, unique_name, ""));
        p2p_bus_send(p, m);
        p2p_bus_settle(p);
}

static bool is_for(sd_bus_message *m, const char *destination)
{
        const char *to = sd_bus_message_get_destination(m);

        if (!destination)
                return !to;
        return destination[0] == '\0' || (to && strcmp(to, destination) == 0);
}

sd_bus_message *p2p_bus_signal(struct p2p_bus *p, const char *member, const char *destination, unsigned nth)
{
        for (unsigned i = 0; i < p->n_arrived; i++) {
                sd_bus_message *m = p->arrived[i];

                if (sd_bus_message_is_signal(m, NULL, member) > 0 && is_for(m, destination) && nth-- == 0) {
                        ASSERT_OK(sd_bus_message_rewind(m, true));
                        return m;
                }
        }
        return NULL;
}

int p2p_bus_place(const struct p2p_bus *p, const sd_bus_message *m)
{
        for (unsigned i = 0; i < p->n_arrived; i++)
                if (p->arrived[i] == m)
                        return (int)i;
        return -1;
}
