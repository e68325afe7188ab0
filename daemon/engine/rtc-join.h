/* rtc-join.h - a copy of what a join says about media, for peers that are opened while the room lasts. Control
 * thread. */
#pragma once

#include "engine/engine.h"
#include "engine/rtc-runtime.h"

struct rtc_join_copy {
        struct rtc_peer_params peer; /* points into what follows */
        struct ice_server *servers;  /* owned, with their texts */
        char cname[17];
};

/* Replaces what was there. */
int rtc_join_copy(struct rtc_join_copy *c, const struct engine_join *params, struct rng *rng);
void rtc_join_copy_done(struct rtc_join_copy *c);
