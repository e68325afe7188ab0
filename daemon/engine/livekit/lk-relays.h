/* lk-relays.h - the STUN and TURN servers that a LiveKit server names, for peers opened before and after it does.
 *
 * Control thread. They come with its first message, when an offer that went along with the request to join is made
 * already; an older server's second connection is opened later. Bounded; copies.
 */
#pragma once

#include "engine/backend.h"
#include "wire/livekit-msg.h"

enum { LK_RELAYS_MAX = 16 };

struct lk_relays {
        struct ice_server servers[LK_RELAYS_MAX]; /* owned texts */
        size_t n;
        uint32_t peer; /* the one opened last; 0: none */
};
void lk_relays_done(struct lk_relays *r); /* legal on zeros, and twice */

/* A message of the server: what it names takes the place of what was named before, and goes to the peer that is open.
 * Short of memory there are fewer ways, which is no failure. */
void lk_relays_note(struct lk_relays *r, const struct backend *b, const Livekit__SignalResponse *m);
/* A peer was opened. */
void lk_relays_opened(struct lk_relays *r, const struct backend *b, uint32_t peer);
