/* fake-livekit.h - a LiveKit server made of structs: one room, one session of ours, as v1.13 says things.
 *
 * Sits behind a fake_sigconn and answers from the loop. It checks nothing that the real one is there to check (tokens,
 * SDP); it is for the order of things and for what goes wrong. What is said to it can be read in `heard`: "join+offer
 * +track; offer 2; subscribe TR_alice; …".
 */
#pragma once

#include "fakes/fake-sigconn.h"
#include "wire/livekit-msg.h"

struct fake_livekit {
        struct fake_sigconn *conn;  /* owned */
        unsigned ignore_requests;   /* so many connections are accepted and nothing is said to them … */
        unsigned ignore_offers;     /* … so many offers are not answered … */
        bool ignore_pings;          /* … and these neither */
        bool takes_no_offer_inside; /* of a request, as before 1.9 */
        unsigned refuse_status;     /* the next connections are refused with this status and … */
        const char *refuse_body;
        bool forgets; /* no session is known any more when it is to be resumed */
        bool may_not; /* publish */
        const char
                *begins; /* the first message of the next connection is this: "garbage", "pong", "leave", or nothing */
        char heard[4096];
        char sid[24]; /* ours; "": there is no session */
        unsigned sessions, tracks, sections;
        uint32_t offer_id;
        struct fake_other {
                char name[32], sid[40], track[40], mid[8];
                bool asked;
        } others[4]; /* name "": none */
};

void fake_livekit_init(struct fake_livekit *f, struct loop *loop);
void fake_livekit_done(struct fake_livekit *f);

void fake_livekit_enters(struct fake_livekit *f, const char *name); /* and publishes */
void fake_livekit_exits(struct fake_livekit *f, const char *name);
void fake_livekit_leave(struct fake_livekit *f, Livekit__DisconnectReason reason, Livekit__LeaveAction action);
void fake_livekit_say(struct fake_livekit *f, const Livekit__SignalResponse *m);
void fake_livekit_expect(struct fake_livekit *f, const char *words); /* heard since the last call; forgotten */
