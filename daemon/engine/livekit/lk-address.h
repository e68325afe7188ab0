/* lk-address.h - where a LiveKit server is reached: its URL with prefix, the query of old servers, other regions.
 *
 * The configured URL is home. A cloud names other places: one to come back to when it welcomes us, a list of regions
 * (best first) when it sends us away, or when it is asked. They are tried in turn, then home; a place is never less
 * secure than home, and from home in LiveKit's cloud (wss to a name below livekit.cloud or livekit.run) no place is
 * gone to, and no token sent, that is not there.
 *
 * Only that cloud is asked. One attempt to come in is at the place in turn, then at every region of a list that is
 * good still, asked for once if there is none, then at home: each once. Pure; control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/livekit-msg.h"
#include "wire/livekit-regions.h"
#include "wire/url.h"

enum { LK_PLACES_MAX = 8 };
enum { LK_REGIONS_S = 5 }; /* how long a list is good that does not say so; that of LiveKit's own clients */

struct lk_address {
        struct url home, places[LK_PLACES_MAX];
        unsigned n_places, at; /* at == n_places: home */
        uint64_t good_until_us;
        unsigned tried; /* places, in this attempt */
        bool asked;     /* in this attempt */
};

void lk_address_init(struct lk_address *a, const struct url *home);
/* A new room: from home, with the regions that are good still. */
void lk_address_restart(struct lk_address *a, uint64_t now_us);
/* JoinResponse.alternative_url: the next connection goes there. What is no URL, or "", is ignored. */
void lk_address_alternative(struct lk_address *a, const char *url);
/* LeaveRequest.regions: the next connections go there. NULL or empty: nothing changes. */
void lk_address_regions(struct lk_address *a, const Livekit__RegionSettings *regions, uint64_t now_us);
/* What the cloud answered, and for how long that is good (0: it does not say). Likewise. */
void lk_address_answered(struct lk_address *a, const struct livekit_regions *regions, uint32_t max_age_s,
                         uint64_t now_us);
/* No connection came about at the place in turn: the next one's turn. After home it is the first place's again. */
void lk_address_failed(struct lk_address *a);

enum lk_next {
        LK_NEXT_NONE, /* the attempt has failed */
        LK_NEXT_TRY,  /* at the place in turn */
        LK_NEXT_ASK   /* what lk_address_ask_url() names; then ask here again, whatever the answer */
};
/* After lk_address_failed(): what is left to do in this attempt. */
enum lk_next lk_address_next(struct lk_address *a, uint64_t now_us);
/* The attempt is over: a connection came about, or was given up. */
void lk_address_settled(struct lk_address *a);
/* Where home tells its regions; owned by the caller. -ENOMEM. */
int lk_address_ask_url(const struct lk_address *a, char **ret);
/* The place in turn with a path such as "/rtc/v1?join_request=…" behind its prefix; owned by the caller. -ENOMEM. */
int lk_address_url(const struct lk_address *a, const char *path, char **ret);

/* What servers before /rtc/v1 are told in the query of /rtc. */
struct lk_old_query {
        const char *version; /* ours */
        int protocol;
        bool auto_subscribe;
        const char *resume_sid; /* the participant's; NULL: a new session */
        int reconnect_reason;
};
/* "/rtc?…", owned by the caller. -ENOMEM. */
int lk_address_old_path(const struct lk_old_query *q, char **ret);
