/* lk-address.h - where a LiveKit server is reached: its URL with prefix, the query of old servers, other regions.
 *
 * The configured URL is home. A cloud names other places: one to come back to when it welcomes us, a list of regions
 * (best first) when it sends us away. They are tried in turn, then home; a place is never less secure than home. Pure;
 * control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/livekit-msg.h"
#include "wire/url.h"

enum { LK_PLACES_MAX = 8 };

struct lk_address {
        struct url home, places[LK_PLACES_MAX];
        unsigned n_places, at; /* at == n_places: home */
};

void lk_address_init(struct lk_address *a, const struct url *home);
/* JoinResponse.alternative_url: the next connection goes there. What is no URL, or "", is ignored. */
void lk_address_alternative(struct lk_address *a, const char *url);
/* LeaveRequest.regions: the next connections go there. NULL or empty: nothing changes. */
void lk_address_regions(struct lk_address *a, const Livekit__RegionSettings *regions);
/* No connection came about at the place in turn: the next one's turn. After home it is the first place's again. */
void lk_address_failed(struct lk_address *a);
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
