/* lk-profile.h - what a LiveKit server says of a participant, packed into one piece of memory: name, metadata, and the
 * keys and values of the attributes, a NUL behind each. What is too much is left out. Pure; any thread.
 */
#pragma once

#include "engine/engine.h"
#include "wire/livekit-msg.h"

enum { LK_PROFILE_MAX = 130 * 1024, LK_ATTRIBUTES_MAX = 256 };

struct lk_profile {
        char *bytes; /* owned; NULL: it says nothing */
        size_t len;
};

/* -ENOMEM. */
int lk_profile_pack(const Livekit__ParticipantInfo *p, struct lk_profile *ret);
int lk_profile_copy(const struct lk_profile *p, struct lk_profile *ret);
bool lk_profile_equal(const struct lk_profile *a, const struct lk_profile *b);
void lk_profile_done(struct lk_profile *p);
/* Sets name, metadata and attributes; they point into the profile and into `attributes`. */
void lk_profile_unpack(const struct lk_profile *p, struct engine_participant *ret,
                       struct engine_attribute attributes[LK_ATTRIBUTES_MAX]);
