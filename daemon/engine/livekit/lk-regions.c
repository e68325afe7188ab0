/* lk-regions.c - see lk-regions.h. */
#include "engine/livekit/lk-regions.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "signal/https-get.h"

LOG_TOPIC("engine/lk-regions");

enum { TIMEOUT_MS = 4000 }; /* below LK_FIRST_TIMEOUT_US, by which the machine waits longer than an opening takes */

static int read_answer(const struct https_answer *a, struct livekit_regions *ret)
{
        if (a->err < 0)
                return a->err;
        return a->status == 200 ? livekit_regions_parse(a->body, a->len, ret) : -EPROTO;
}

static void on_answered(const struct https_answer *a, void *ctx)
{
        struct lk_regions *r = ctx;
        struct livekit_regions regions = { 0 };
        unsigned refused = a->status == 401 || a->status == 403 ? a->status : 0;

        if (read_answer(a, &regions) < 0)
                log_info("the cloud does not tell its regions: status %u %s", a->status, a->err < 0 ? a->body : "");
        else
                log_debug("the cloud tells %zu regions", regions.n);
        r->answered(&regions, a->max_age_s, refused, r->ctx);
}

int lk_regions_ask(struct lk_regions *r, const struct engine_env *env, const struct lk_address *a,
                   struct lk_access *access)
{
        struct https_get_params p = { .ca_file = env->ca_file,
                                      .max_body = LIVEKIT_REGIONS_TEXT_MAX,
                                      .timeout_ms = TIMEOUT_MS };
        _cleanup_free_ char *url = NULL;
        struct net_thread *net;
        int e = engine_env_net(env, &net);

        if (e >= 0)
                e = lk_address_ask_url(a, &url);
        if (e >= 0)
                e = lk_access_authorization(access, clock_realtime_us(), &p.authorization);
        if (e < 0)
                return e;
        p.url = url;
        lk_regions_stop(r);
        return https_get_new(net, &p, on_answered, r, &r->get);
}

void lk_regions_stop(struct lk_regions *r)
{
        r->get = https_get_free(r->get);
}
