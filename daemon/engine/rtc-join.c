/* rtc-join.c - see rtc-join.h. */
#include "engine/rtc-join.h"

#include <errno.h>
#include <string.h>

static void free_server(struct ice_server *s)
{
        free((char *)s->url);
        free((char *)s->username);
        free((char *)s->credential);
}

/* All or, on failure, as much as has to be freed. */
static bool copy_server(const struct ice_server *from, struct ice_server *to)
{
        to->url = strdup(from->url);
        to->username = from->username ? strdup(from->username) : NULL;
        to->credential = from->credential ? strdup(from->credential) : NULL;
        return to->url && (to->username || !from->username) && (to->credential || !from->credential);
}

void rtc_join_copy_done(struct rtc_join_copy *c)
{
        for (size_t i = 0; i < c->peer.n_ice_servers; i++)
                free_server(&c->servers[i]);
        free(c->servers);
        e2ee_keys_unref(c->peer.e2ee);
        *c = (struct rtc_join_copy){ .servers = NULL };
}

int rtc_join_copy(struct rtc_join_copy *c, const struct engine_join *params, struct rng *rng)
{
        rtc_join_copy_done(c);
        c->peer.e2ee = params->e2ee ? e2ee_keys_ref(params->e2ee) : NULL;
        c->servers = calloc(params->n_ice_servers + 1, sizeof(*c->servers));
        if (!c->servers)
                return -ENOMEM;
        c->peer.ice_servers = c->servers;
        while (c->peer.n_ice_servers < params->n_ice_servers) {
                size_t i = c->peer.n_ice_servers++;

                if (!copy_server(&params->ice_servers[i], &c->servers[i]))
                        return -ENOMEM;
        }
        rand_text(rng, c->cname, sizeof(c->cname)); /* RFC 7022: says nothing about the user */
        c->peer.relay_only = params->relay_only;
        c->peer.controlling = true; /* both kinds of server take what we choose */
        c->peer.voice = params->voice;
        c->peer.cname = c->cname;
        return 0;
}
