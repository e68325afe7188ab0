/* lk-regions.h - asks LiveKit's cloud for its regions (GET /settings/regions). What is done with the answer is said by
 * lk-address.h. Control thread.
 */
#pragma once

#include "engine/engine.h"
#include "engine/livekit/lk-access.h"
#include "engine/livekit/lk-address.h"
#include "wire/livekit-regions.h"

struct https_get;

struct lk_regions {
        struct https_get *get; /* owned; NULL: nothing is asked */
        /* Once for each that is asked and not stopped, from the loop. regions: empty where there is no good answer.
         * refused: 401 or 403, when the cloud does not take the token, else 0. */
        void (*answered)(const struct livekit_regions *regions, uint32_t max_age_s, unsigned refused, void *ctx);
        void *ctx;
};

/* Home of the address, with the token in force. */
int lk_regions_ask(struct lk_regions *r, const struct engine_env *env, const struct lk_address *a,
                   struct lk_access *access);
void lk_regions_stop(struct lk_regions *r); /* also when nothing is asked */
