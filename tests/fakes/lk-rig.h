/* lk-rig.h - the machine of a LiveKit room on a bench: what happens is handed to it, what it wants done is one line of
 * text, in virtual time.
 *
 *   "[open-peer] [create-offer audio-1 3] offer 2; subscribe TR_a; [bind 1 alice] [done 1 ok] "
 *
 * Actions stand in brackets, messages to the server do not. What is told of a peer that only receives is marked "in".
 * Every function that steps the machine returns what lk_fsm_step() did.
 */
#pragma once

#include "engine/livekit/lk-fsm.h"
#include "lib/test.h"

struct rig {
        struct lk_fsm *fsm;
        uint64_t now_us;
        struct list actions;
        char trace[2048];
        unsigned done; /* operations answered */
        uint32_t offers;
        uint32_t in;          /* the peer that only receives, or 0 */
        bool without_primary; /* the server will not offer that one */
        bool relays_only;     /* it takes media from nowhere else */
};

void rig_done(struct rig *r);
#define _rig_ _cleanup_(rig_done) struct rig
int rig_init(struct rig *r);
int step(struct rig *r, const struct lk_event *ev);
/* Asserts that this was wanted since the last time, and forgets it. */
void expect(struct rig *r, const char *trace);

/* ---- what happens ---- */

struct lk_join usual(void);
int join_as(struct rig *r, const struct lk_join *j);
int join(struct rig *r);
int described(struct rig *r); /* the peer has made its offer */
int peer_is(struct rig *r, enum peer_state state);
int say(struct rig *r, Livekit__SignalResponse__MessageCase kind, void *body);
#define SAY(r, KIND, body) say(r, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_##KIND, body)

/* Of an old server's second peer: the server offers, the peer has made its answer, is in another state. */
int offered(struct rig *r, uint32_t id, const char *sdp);
int in_answered(struct rig *r);
int in_is(struct rig *r, enum peer_state state);

/* Somebody with at most one audio track ("": none). */
struct somebody {
        Livekit__ParticipantInfo info, *list[1];
        Livekit__TrackInfo track, *tracks[1];
};

struct somebody *somebody(struct somebody *s, const char *name, const char *sid, const char *track);
int update(struct rig *r, struct somebody *s);
int welcome(struct rig *r, struct somebody *present);
/* mid and track: one that arrives; or NULL. */
int answer(struct rig *r, uint32_t id, const char *mid, const char *track);
int published(struct rig *r, const char *cid, const char *sid);
int sections(struct rig *r, uint32_t audios);
int leave(struct rig *r, Livekit__DisconnectReason reason, Livekit__LeaveAction action);
int publish(struct rig *r, uint32_t op, bool on);
int closed(struct rig *r, int err, unsigned status, const char *text);
int deadline(struct rig *r);
void be_joined(struct rig *r);
/* alice speaks to us in section 1. */
void hear_alice(struct rig *r);
