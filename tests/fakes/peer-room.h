/* peer-room.h - two peers, a and b, who talk through a fake ICE box in virtual time, and what each of them saw. a's
 * frames are 80 bytes that end with 't'; candidates travel by themselves.
 */
#pragma once

#include "base/rand.h"
#include "fakes/fake-ice.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "transport/dtls.h"
#include "transport/peer.h"

enum { SEEN_MAX = 600, FRAME_TICKS = 960 };

struct end {
        struct peer *p;
        struct end *other;
        enum peer_state state;
        enum peer_reason reason;
        unsigned n_states, n_candidates, n_byes, n_repaired, n_packets, n_silent_level, n_copies;
        bool seen[SEEN_MAX]; /* by timestamp / 960 */
        bool copied[SEEN_MAX];
        uint16_t first_seq;
        uint32_t first_timestamp;
        char mid[32];
        int level_dbov;
        uint8_t loss_percent;
};

struct room {
        struct loop *loop;
        struct fake_ice_box *box;
        struct fake_ice_net *net;
        struct dtls_identity *ids[2];
        struct rng rng;
        bool red;
        unsigned copies; /* that go with each frame */
        unsigned spaced; /* how far back the older one of two is; 0: right before the other */
        struct end a, b;
        uint32_t timestamp;
};

extern const struct peer_events peer_room_events; /* ctx: struct end */

void open_room_with(struct room *r, bool red);
void open_room(struct room *r);
void close_room(struct room *r);

/* An offer and its answer; where it is redundant audio that was offered, the answer prefers it, as LiveKit's does. */
void exchange(struct end *from, struct end *to, const struct peer_offer *what);
void negotiate(struct end *from, struct end *to, bool send);
void connect_room(struct room *r); /* a sends */

void talk(struct room *r, unsigned n); /* n frames of 20 ms, sent by a */
unsigned count_seen(const struct end *e);
