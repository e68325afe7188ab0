/* lk-relays.c - see lk-relays.h. */
#include "engine/livekit/lk-relays.h"

#include <stdlib.h>
#include <string.h>

static void server_done(struct ice_server *s)
{
        free((char *)s->url);
        free((char *)s->username);
        free((char *)s->credential);
        *s = (struct ice_server){ 0 };
}

static void forget(struct lk_relays *r)
{
        while (r->n > 0)
                server_done(&r->servers[--r->n]);
}

void lk_relays_done(struct lk_relays *r)
{
        forget(r);
        r->peer = 0;
}

static char *copy(const char *s)
{
        return strdup(s ? s : "");
}

static void add(struct lk_relays *r, const Livekit__IceServer *from)
{
        for (size_t i = 0; i < from->n_urls && r->n < LK_RELAYS_MAX; i++) {
                struct ice_server s = { copy(from->urls[i]), copy(from->username), copy(from->credential) };

                if (s.url && s.username && s.credential)
                        r->servers[r->n++] = s;
                else
                        server_done(&s);
        }
}

static void tell(const struct lk_relays *r, const struct backend *b)
{
        if (r->n > 0 && r->peer && b->rt)
                (void)b->rtc->add_ice_servers(b->rt, r->peer, r->servers, r->n);
}

static void take(struct lk_relays *r, const struct backend *b, Livekit__IceServer *const *from, size_t n)
{
        forget(r);
        for (size_t i = 0; i < n; i++)
                add(r, from[i]);
        tell(r, b);
}

void lk_relays_note(struct lk_relays *r, const struct backend *b, const Livekit__SignalResponse *m)
{
        if (m->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN)
                take(r, b, m->join->ice_servers, m->join->n_ice_servers);
        if (m->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT)
                take(r, b, m->reconnect->ice_servers, m->reconnect->n_ice_servers);
}

void lk_relays_opened(struct lk_relays *r, const struct backend *b, uint32_t peer)
{
        r->peer = peer;
        tell(r, b);
}
