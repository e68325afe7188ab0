/* pw-node.h - one node in the PipeWire graph: a pw_stream between a device and an audio_port, mono float at 48 kHz.
 *
 * Control thread. A node exists whether or not there is a connection; pwnode_attach() puts it into a graph and
 * pwnode_detach() takes it out, any number of times, under the same names. When it is detached PipeWire's data thread
 * is out of the port and the node silent; it leaves the graph a few milliseconds later.
 */
#pragma once

#include "audio/pw-core.h"
#include "base/cleanup.h"
#include "media/audio-io.h"

struct pwnode;

enum { PWNODE_NO_ID = UINT32_MAX };

/* `changed` (from PipeWire's callbacks): the node's id or health is another one. It must not free or detach. Copies
 * the parameters, refs the port. */
int pwnode_new(const struct audio_stream_params *p, struct audio_port *port, void (*changed)(void *ctx), void *ctx,
               struct pwnode **ret);
struct pwnode *pwnode_free(struct pwnode *n);

/* To be called while there is a connection. -ENOMEM …: the node stays out. */
int pwnode_attach(struct pwnode *n, struct pwcore *core);
void pwnode_detach(struct pwnode *n); /* legal when it is out */

/* "": the default. -ENOMEM: it stays where it is. Where no session manager can be asked the node is made anew. */
int pwnode_set_target(struct pwnode *n, const char *target);

/* Once the node is in the graph: tells the session manager where it goes, also when that is the default. What a node
 * is made with alone does not last: WirePlumber 0.4 takes a target that was the default for a wish to follow it.
 * Lets it rest when its port has not been needed for a while. Returns when to be called again; LOOP_NEVER: when
 * something has changed. */
uint64_t pwnode_settle(struct pwnode *n, uint64_t now_us);

bool pwnode_is_attached(const struct pwnode *n);
bool pwnode_can_wait(struct pwnode *n); /* one that is out: for playback, and until pwnode_wake() is due */
uint64_t pwnode_resting_since(const struct pwnode *n); /* 0: it does not rest, or is out */
int pwnode_need_fd(const struct pwnode *n);            /* readable: pwnode_wake() is due. The port's */
void pwnode_wake(struct pwnode *n);

uint32_t pwnode_id(const struct pwnode *n); /* in the graph it is attached to; PWNODE_NO_ID while it is in none */
bool pwnode_is_broken(
        const struct pwnode *n); /* attached, and given up by PipeWire: to be detached and attached again */
const char *pwnode_name(const struct pwnode *n);
bool pwnode_is_capture(const struct pwnode *n);

DEFINE_CLEANUP(struct pwnode *, pwnode_free)
