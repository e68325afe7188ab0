/* janus-probe.h - does the private Janus serve? Asked until it answers, without waiting.
 *
 * A connection alone proves nothing: the kernel accepts it into the backlog of a socket that Janus is about to close.
 * An answer to a ping does. Control thread; the caller's timer paces the steps.
 */
#pragma once

struct janus_probe {
        int fd; /* owned; negative: not connected */
};

enum janus_probe_result {
        JANUS_PROBE_WAITING, /* connected and asked, or no socket yet */
        JANUS_PROBE_REFUSED, /* the socket is there, and nobody listens (any more) */
        JANUS_PROBE_SERVES
};

void janus_probe_init(struct janus_probe *p);
void janus_probe_done(struct janus_probe *p); /* legal twice */
enum janus_probe_result janus_probe_step(struct janus_probe *p, const char *socket_path);
