/* fake-janus.h - a Janus made of text: one session, one room, as the videoroom plugin of 1.1.2 words things.
 *
 * Sits behind a fake_sigconn and answers from the loop. It checks nothing that the real one is there to check (tokens,
 * SDP); it is for the order of things and for what goes wrong. What is said to it can be read in `heard`.
 */
#pragma once

#include "fakes/fake-sigconn.h"

enum { FAKE_JANUS_PUB = 1001, FAKE_JANUS_SUB = 1002 }; /* handles, in the order they are attached */

struct fake_janus {
        struct fake_sigconn *conn; /* owned */
        bool silent;               /* never answers anything … */
        const char *silent_on;     /* … or this request (its word, as in "request":"join" or "janus":"create") */
        const char *refuse;        /* this request is refused, once (or refuse_times), with … */
        int refuse_code;
        unsigned refuse_times;
        bool twice;         /* answers everything twice */
        char heard[4096];   /* the words of what was said: "create attach attach create join …" */
        unsigned others;    /* what listparticipants tells: so many without a name, and … */
        char present[2048]; /* … these, as in "{\"id\":\"bob\",\"publisher\":true}" */
        bool marked;        /* we have left our mark as a listener … */
        bool listener;      /* … somebody else has */
        bool taken;         /* somebody of our id is in the room: joins are refused until he is thrown out … */
        bool stubborn;      /* … and he comes back each time */
        uint64_t session;
        unsigned attached, attached_before; /* before the session of now */
        bool attendee;                      /* "quiet" is in the room when we join, and "alice" publishes */
        const char *film;                   /* this member's second stream is a video */
        const char *picture;                /* this one's only stream */
        struct {
                char mid[8], feed[129];
                bool video;
        } streams[64];
        char target_mid[8]; /* of the last stream that was subscribed to; "": all of its publisher's */
        bool changed;       /* the streams, by the request that is being answered */
        size_t n_streams;
        unsigned offers; /* made to the subscriber */
};

void fake_janus_init(struct fake_janus *j, struct loop *loop);
void fake_janus_done(struct fake_janus *j);

/* A stream ends at its source: our section is inactive, and nobody says so. */
void fake_janus_stream_ends(struct fake_janus *j, const char *user);
/* News of the room: the members of "data" after "room", as in "\"leaving\":\"alice\"". FAKE_JANUS_PUB and _SUB stand
 * for the handles of the session of now. */
void fake_janus_say(struct fake_janus *j, uint64_t handle, const char *members);
void fake_janus_enters(struct fake_janus *j, const char *user);  /* and publishes */
void fake_janus_expect(struct fake_janus *j, const char *words); /* heard since the last call; forgotten */
