/* janus-child.h - the supervisor of the private Janus: started on first use, restarted with back-off, stopped when
 * idle.
 *
 * One per daemon, in the slot engine_env.janus: rooms come and go, the Janus stays for `embedded_idle_s` after the
 * last. It checks entry with one secret, so it serves one application at a time; a user with another secret gets a new
 * one. While it listens for others, it stays up as long as somebody is connected to its port.
 *
 * Control thread. The answer to janus_child_acquire() comes from the loop, never from inside.
 */
#pragma once

#include "engine/engine.h"

struct janus_child;
struct janus_user; /* somebody who needs it running */

enum { JANUS_CHILD_SOCKET_SIZE = 108 };

/* The one of this environment, made when there was none. */
int janus_child_get(const struct engine_env *env, struct janus_child **ret);
struct janus_child *janus_child_free(struct janus_child *c); /* ends Janus; no user may be left */

/* "unix:/…/janus.sock", whether or not it runs; borrowed. */
const char *janus_child_url(const struct janus_child *c);

/* `ready` is called once: with ENGINE_OK when Janus accepts connections, else with the reason why it does not. */
int janus_child_acquire(struct janus_child *c, const char *secret,
                        void (*ready)(const struct engine_result *res, void *ctx), void *ctx, struct janus_user **ret);
/* Legal before and after `ready`, which is then not called any more. NULL is legal. */
struct janus_user *janus_child_release(struct janus_user *u);
/* It accepted a connection and does not answer: it is ended, and the next user gets a new one. */
void janus_child_distrust(struct janus_child *c);
