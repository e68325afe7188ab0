/* pw-tap.h - one pw_stream, from its connection to its end, and what PipeWire's data thread does for it.
 *
 * Control thread. A tap is in use until pwtap_retire(); from then on it is silent, has given its port back and is
 * still there only until the server has taken its node away (pw-tap.c says why). pw-core.c keeps the list of these.
 */
#pragma once

#include "base/cleanup.h"
#include "base/list.h"
#include "media/audio-io.h"

struct far_mix;
struct pw_core;
struct pw_properties;
struct pw_registry;
struct pwtap;

enum { PWTAP_NO_ID = UINT32_MAX };

/* Connects. Takes `props`, also when it fails; refs the port; `far` (borrowed) is the mix of the core's data thread,
 * to which is added what is played and from which is taken what the port wants. `changed` (from PipeWire's callbacks,
 * until the tap is retired): id or health are others. It must not retire the tap. */
int pwtap_new(struct pw_core *core, struct pw_properties *props, enum audio_direction direction,
              struct audio_port *port, struct far_mix *far, void (*changed)(void *ctx), void *ctx, struct pwtap **ret);
struct pwtap *pwtap_free(struct pwtap *t);

uint32_t pwtap_id(const struct pwtap *t);    /* in the graph; PWTAP_NO_ID while it is not in it */
bool pwtap_is_broken(const struct pwtap *t); /* given up by PipeWire */
bool pwtap_is_linked(const struct pwtap *t); /* to something, so that sound can flow */
void pwtap_set_role(struct pwtap *t, const char *role);
/* False: it stays in the graph and linked, but nothing moves and nobody is woken for it. */
void pwtap_set_active(struct pwtap *t, bool active);

/* The data thread is out of the port when this returns, and `changed` is not called any more. The list takes the tap.
 */
void pwtap_retire(struct pwtap *t, uint64_t deadline_us, struct list *retired);
/* To be called when the server has said something and when it is due: does for each of the list what can be done by
 * now, and frees those that are over or have had their time. Returns when it is due again; LOOP_NEVER: none is left.
 */
uint64_t pwtap_end_retired(struct list *retired, struct pw_registry *registry, uint64_t now_us);
void pwtap_free_retired(struct list *retired); /* at once: the connection goes with them */

DEFINE_CLEANUP(struct pwtap *, pwtap_free)
