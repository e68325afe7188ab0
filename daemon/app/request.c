/* request.c - see request.h. Control thread. A freed request leaves the list it sits in. */
#include "app/request.h"

#include <errno.h>
#include <string.h>

int request_new(const char *requester, uint32_t number, enum api api, struct request **ret)
{
        size_t len = strlen(requester) + 1;
        struct request *rq = calloc(1, sizeof(*rq) + len);

        if (!rq)
                return -ENOMEM;
        list_init(&rq->link);
        rq->number = number;
        rq->api = api;
        memcpy(rq->requester, requester, len);
        *ret = rq;
        return 0;
}

struct request *request_free(struct request *rq)
{
        if (!rq)
                return NULL;
        consent_cancel(&rq->wait);
        list_remove(&rq->link);
        free(rq);
        return NULL;
}
