/* p2p-bus.h - two sd-bus connections over a socketpair, no bus between them: one is handed to the code under test, the
 * other plays everybody else. The second names itself as it likes in each message (sender), and keeps what arrives.
 *
 * One thread. Nothing waits: both ends are driven by p2p_bus_settle().
 */
#pragma once

#include <systemd/sd-bus.h>

#include "base/loop.h"

enum { P2P_ARRIVED_MAX = 512 };

struct p2p_bus {
        sd_bus *server, *client;
        struct loop *loop;                        /* drives the server's end; borrowed */
        sd_bus_message *arrived[P2P_ARRIVED_MAX]; /* signals and answers in order; references */
        unsigned n_arrived;
};

void p2p_bus_init(struct p2p_bus *p, struct loop *loop);
void p2p_bus_done(struct p2p_bus *p);
/* Turns of the loop and of the client until neither side has anything to do. */
void p2p_bus_settle(struct p2p_bus *p);
/* Forgets what arrived. */
void p2p_bus_forget(struct p2p_bus *p);

/* A call from `sender`; not sent yet, arguments are appended by the test. */
sd_bus_message *p2p_bus_call(struct p2p_bus *p, const char *sender, const char *path, const char *interface,
                             const char *member);
/* Sends (takes m) and settles. Returns the answer: a method return or error, owned; everything else is in `arrived`,
 * and so is the answer, in its place. NULL: there was none. */
sd_bus_message *p2p_bus_ask(struct p2p_bus *p, sd_bus_message *m);
/* Sends (takes m) and does not wait. */
void p2p_bus_send(struct p2p_bus *p, sd_bus_message *m);
/* What the bus would say when a program leaves it. */
void p2p_bus_vanish(struct p2p_bus *p, const char *unique_name);

/* The nth signal of that member that arrived for `destination` (NULL: broadcast; "": any), rewound. NULL: none.
 * Borrowed. */
sd_bus_message *p2p_bus_signal(struct p2p_bus *p, const char *member, const char *destination, unsigned nth);
/* Its place among what arrived, -1: it is not there. */
int p2p_bus_place(const struct p2p_bus *p, const sd_bus_message *m);
