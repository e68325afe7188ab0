/* real.h - what subjects on real servers share: time that is real, others in the room who are engines like ours, a
 * server that hangs by SIGSTOP, and connections that are cut. */
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include "conformance/conformance.h"

enum { REAL_PATIENCE_MS = 20000 };

struct other {
        struct engine *engine; /* owned; NULL: not there */
        struct recorder rec;
        char name[32];
};

struct real { /* first member of the subject's `far` */
        struct net_thread *net;
        struct other others[2];
        pid_t stopped;
};

void real_init(struct bed *b, struct real *r, const struct engine_ops *ops);
void real_done(struct real *r); /* but for `net`, which the subject frees last */

/* Until the recorder of the bed has those lines, and a bit longer. */
void real_run(struct bed *b, const char *lines);
void real_stop(struct bed *b, pid_t pid); /* until real_done() */
void real_enters(struct bed *b, const char *user_id);
void real_exits(struct bed *b, const char *user_id);
bool real_sees_us(struct bed *b, const char *user_id);
void real_replace_us(struct bed *b);
/* Everybody's connections to the port of the bed's server, over IPv4. */
bool real_leads_to(const struct bed *b, const struct sockaddr_storage *peer);
/* Those of which that is true; one at least. */
void real_cut(const struct bed *b, bool (*leads)(const struct bed *b, const struct sockaddr_storage *peer));
