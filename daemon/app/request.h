/* request.h - one operation in flight: who asked, what for, and exactly one outcome.
 *
 * A request is pending until request_complete() writes its outcome, which can happen once; it is then told and freed
 * by the flush, which the loop runs (events.c), so that a method's reply always precedes its completion.
 * Nothing is allocated after request_new(): an outcome cannot be lost. A call for statistics is a request without a
 * number. Control thread.
 */
#pragma once

#include "app/consent.h"
#include "app/manager.h"
#include "app/params.h"
#include "app/token.h"
#include "base/list.h"

struct request {
        struct list link; /* in context.pending, then in context.done */
        uint32_t number;  /* 0: a call for statistics */
        enum api api;
        struct context *context;  /* whose it is */
        struct consent_wait wait; /* for the user's answer */
        uint32_t op;              /* the engine's number, 0 while none answers this request */
        uint64_t deadline_us;     /* of the op */
        bool completed;
        struct result result;
        struct params_stream stream; /* publish and subscribe: what success makes true */
        bool visible;                /* visibility: likewise */
        struct token_life life;      /* update of the token: likewise */
        context_stats_fn stats_done; /* statistics only */
        void *stats_ctx;
        char requester[]; /* unique name */
};

int request_new(const char *requester, uint32_t number, enum api api, struct request **ret);
struct request *request_free(struct request *rq);

DEFINE_CLEANUP(struct request *, request_free)
