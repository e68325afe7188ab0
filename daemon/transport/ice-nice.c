/* ice-nice.c - ICE (RFC 8445, trickle RFC 8838, consent RFC 7675) on libnice; see ice.h. The only file that knows it.
 *
 * One agent, one stream, one component. libnice emits signals from inside its own calls, also the host candidates
 * from inside the call that starts gathering; the contract of ice.h allows no event before create() has returned, so
 * until the first turn of the loop, or the first get_local(), signals are ignored; then everything known is told.
 *
 * Nomination is libnice's aggressive mode: it works with every RFC 8445 and RFC 5245 peer, and saves the controlling
 * side one round trip. Checks are paced 5 ms apart (the least that RFC 8445 14.2 allows) instead of 20: on a desktop
 * the first one decides.
 *
 * Where TCP candidates are dialled (RFC 6544), libnice gives up aggressive nomination at the first one it hears of,
 * and takes none while checks are under way. So they are held back until there is no UDP candidate, or the checks of
 * those there are have ended in vain (which is made to take no longer than about three seconds).
 *
 * Servers that are told later are asked in the same case only: no allocation is made for a join that needs none.
 *
 * Host names of STUN and TURN servers are resolved by libnice, asynchronously. Remote candidates with mDNS names are
 * passed over: what they stand for shows up as a peer-reflexive candidate anyway.
 */
#include "transport/ice-nice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nice/agent.h>
#include <nice/interfaces.h>

#include "base/cleanup.h"
#include "transport/turns-bridge.h"

enum { COMPONENT = 1, LINE_MAX_BYTES = 512, HOST_MAX_BYTES = 256 };
enum { PACING_MS = 5, STUN_FIRST_TIMEOUT_MS = 200 };
enum { TOS_EXPEDITED = 46 << 2 }; /* RFC 8837: interactive audio */
enum { PORT_STUN = 3478, PORT_TURNS = 5349 };
enum { BRIDGES_MAX = 4, HELD_MAX = 8, LATE_MAX = 8 };
enum { HOLD_MS = 1000, HOLD_AGAIN_MS = 100, STUN_TRIES_WITH_TCP = 3 };

struct ice {
        struct ice_events ev;
        void *ctx;
        NiceAgent *agent; /* owned */
        GMainContext *context;
        GSource *first_turn; /* owned; after create() */
        guint stream;
        char *ufrag, *pwd; /* owned, by g_free() */
        char *remote_ufrag;
        char *ca_file;                             /* or NULL */
        struct turns_bridge *bridges[BRIDGES_MAX]; /* owned */
        size_t n_bridges;
        char *held[HELD_MAX]; /* owned: TCP candidates of the other side */
        size_t n_held;
        struct ice_server late[LATE_MAX]; /* owned texts: TURN servers for when there is no way without */
        size_t n_late;
        GSource *hold;         /* owned; NULL: not running */
        bool knows_udp, ended; /* of the other side's candidates: one is UDP; the end was held back */
        bool uses_turn, announced, gathered, tcp, relay_only;
        bool restarted;       /* by us: the other side's credentials for it are still to come */
        bool unreachable;     /* this machine has no address at all */
        enum ice_state state; /* as last told */
};

/* ---- what libnice tells ---- */

/* Those of TCP are not told: we only dial. libnice also listens, but nobody learns where. */
static void tell_candidate(struct ice *i, NiceCandidate *c)
{
        gchar *sdp;

        if (c->transport != NICE_CANDIDATE_TRANSPORT_UDP || (i->relay_only && c->type != NICE_CANDIDATE_TYPE_RELAYED))
                return;
        sdp = nice_agent_generate_local_candidate_sdp(i->agent, c);
        if (sdp && strncmp(sdp, "a=", 2) == 0)
                i->ev.candidate(sdp + 2, i->ctx);
        g_free(sdp);
}

static void on_candidate(NiceAgent *agent, NiceCandidate *c, gpointer ctx)
{
        struct ice *i = ctx;

        (void)agent;
        if (i->announced)
                tell_candidate(i, c);
}

static void on_gathered(NiceAgent *agent, guint stream, gpointer ctx)
{
        struct ice *i = ctx;

        (void)agent;
        (void)stream;
        i->gathered = true;
        if (i->announced)
                i->ev.candidate(NULL, i->ctx);
}

static void enter_state(struct ice *i, enum ice_state state)
{
        if (state == i->state)
                return;
        i->state = state;
        i->ev.state(state, i->ctx);
}

/* Whatever was gathered while nobody could be told. */
static void announce(struct ice *i)
{
        GSList *all;

        if (i->announced)
                return;
        i->announced = true;
        all = nice_agent_get_local_candidates(i->agent, i->stream, COMPONENT);
        for (GSList *at = all; at; at = at->next)
                tell_candidate(i, at->data);
        g_slist_free_full(all, (GDestroyNotify)nice_candidate_free);
        if (i->gathered)
                i->ev.candidate(NULL, i->ctx);
}

static gboolean on_first_turn(gpointer ctx)
{
        struct ice *i = ctx;

        announce(i);
        if (i->unreachable)
                enter_state(i, ICE_STATE_FAILED);
        return G_SOURCE_REMOVE;
}

static void on_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer ctx)
{
        struct ice *i = ctx;

        (void)agent;
        (void)stream;
        (void)component;
        switch (state) {
        case NICE_COMPONENT_STATE_CONNECTING: enter_state(i, ICE_STATE_CONNECTING); break;
        case NICE_COMPONENT_STATE_CONNECTED:
        case NICE_COMPONENT_STATE_READY: enter_state(i, ICE_STATE_CONNECTED); break;
        case NICE_COMPONENT_STATE_FAILED: enter_state(i, ICE_STATE_FAILED); break;
        default: break; /* gathering and disconnected say nothing that create() and free() do not */
        }
}

static void on_packet(NiceAgent *agent, guint stream, guint component, guint len, gchar *data, gpointer ctx)
{
        struct ice *i = ctx;

        (void)agent;
        (void)stream;
        (void)component;
        i->ev.packet((const uint8_t *)data, len, i->ctx);
}

/* ---- servers ---- */

struct server_url {
        bool turn, tls, tcp;
        char host[HOST_MAX_BYTES];
        unsigned port;
};

/* stun:host[:port], turn[s]:host[:port][?transport=udp|tcp]; IPv6 in brackets (RFC 7064, RFC 7065). */
static int parse_server(const char *url, struct server_url *ret)
{
        struct server_url s = { .turn = strncmp(url, "turn", 4) == 0 };
        const char *at = strchr(url, ':'), *query = strchr(url, '?'), *end, *host;

        if (!at)
                return -EINVAL;
        s.tls = strncmp(url, "turns:", 6) == 0 || strncmp(url, "stuns:", 6) == 0;
        s.tcp = s.tls || (query && strcmp(query, "?transport=tcp") == 0);
        s.port = s.tls ? PORT_TURNS : PORT_STUN;
        host = at[1] == '[' ? at + 2 : at + 1;
        end = host + (at[1] == '[' ? strcspn(host, "]") : strcspn(host, ":?"));
        if (end == host || (size_t)(end - host) >= sizeof(s.host))
                return -EINVAL;
        memcpy(s.host, host, (size_t)(end - host));
        if (*end == ']')
                end++;
        if (*end == ':')
                s.port = (unsigned)strtoul(end + 1, NULL, 10);
        if (s.port == 0 || s.port > UINT16_MAX)
                return -EINVAL;
        *ret = s;
        return 0;
}

static void use_relay(struct ice *i, const struct ice_server *server, const char *host, unsigned port,
                      NiceRelayType type)
{
        if (nice_agent_set_relay_info(i->agent, i->stream, COMPONENT, host, port, server->username, server->credential,
                                      type))
                i->uses_turn = true;
}

/* libnice's TURN over TLS is TURN over TCP: the bridge adds the TLS. */
static int use_tls_relay(struct ice *i, const struct ice_server *server, const struct server_url *s)
{
        struct turns_bridge *b;
        int r;

        if (i->n_bridges == BRIDGES_MAX)
                return -ENOSPC;
        r = turns_bridge_new(i->context, s->host, (uint16_t)s->port, i->ca_file, &b);
        if (r < 0)
                return r;
        i->bridges[i->n_bridges++] = b;
        use_relay(i, server, "127.0.0.1", turns_bridge_get_port(b), NICE_RELAY_TYPE_TURN_TCP);
        return 0;
}

static int use_server(struct ice *i, const struct ice_server *server, const struct server_url *s)
{
        if (!s->turn && s->tls)
                return 0; /* libnice has no STUN over TLS */
        if (!s->turn) {   /* and one STUN server: the last one counts */
                g_object_set(i->agent, "stun-server", s->host, "stun-server-port", s->port, NULL);
                return 0;
        }
        if (!server->username || !server->credential)
                return 0;
        if (s->tls)
                return use_tls_relay(i, server, s);
        use_relay(i, server, s->host, s->port, s->tcp ? NICE_RELAY_TYPE_TURN_TCP : NICE_RELAY_TYPE_TURN_UDP);
        return 0;
}

static int use_servers(struct ice *i, const struct ice_config *config)
{
        for (size_t n = 0; n < config->n_servers; n++) {
                struct server_url s;
                int r = parse_server(config->servers[n].url, &s);

                if (r == 0)
                        r = use_server(i, &config->servers[n], &s);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* libnice leaves loopback out unless it is told every address. */
static void use_loopback(struct ice *i)
{
        GList *ips = nice_interfaces_get_local_ips(TRUE);
        NiceAddress address;

        for (GList *at = ips; at; at = at->next) {
                nice_address_init(&address);
                if (nice_address_set_from_string(&address, at->data))
                        (void)nice_agent_add_local_address(i->agent, &address);
        }
        g_list_free_full(ips, g_free);
}

/* ---- ice_ops ---- */

static int read_local(struct ice *i)
{
        g_clear_pointer(&i->ufrag, g_free);
        g_clear_pointer(&i->pwd, g_free);
        return nice_agent_get_local_credentials(i->agent, i->stream, &i->ufrag, &i->pwd) ? 0 : -EIO;
}

static void watch(struct ice *i)
{
        g_signal_connect(i->agent, "new-candidate-full", G_CALLBACK(on_candidate), i);
        g_signal_connect(i->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), i);
        g_signal_connect(i->agent, "component-state-changed", G_CALLBACK(on_state), i);
        (void)nice_agent_attach_recv(i->agent, i->stream, COMPONENT, i->context, on_packet, i);
        i->first_turn = g_idle_source_new();
        g_source_set_priority(i->first_turn, G_PRIORITY_HIGH); /* before any answer from a socket */
        g_source_set_callback(i->first_turn, on_first_turn, i, NULL);
        g_source_attach(i->first_turn, i->context);
}

static int open_agent(struct ice *i, const struct ice_config *config)
{
        i->agent = nice_agent_new_full(i->context, NICE_COMPATIBILITY_RFC5245,
                                       NICE_AGENT_OPTION_ICE_TRICKLE | NICE_AGENT_OPTION_CONSENT_FRESHNESS);
        if (!i->agent)
                return -ENOMEM;
        g_object_set(i->agent, "upnp", FALSE, "ice-tcp", (gboolean)config->tcp, "controlling-mode",
                     (gboolean)config->controlling, "keepalive-conncheck", TRUE, "force-relay",
                     (gboolean)config->relay_only, "stun-pacing-timer", PACING_MS, "stun-initial-timeout",
                     STUN_FIRST_TIMEOUT_MS, NULL);
        if (config->tcp)
                g_object_set(i->agent, "stun-max-retransmissions", STUN_TRIES_WITH_TCP, NULL);
        i->stream = nice_agent_add_stream(i->agent, 1);
        if (i->stream == 0)
                return -EIO;
        nice_agent_set_stream_tos(i->agent, i->stream, TOS_EXPEDITED);
        if (config->loopback)
                use_loopback(i);
        return use_servers(i, config);
}

static void agent_free(struct ice *i);

static int agent_create(void *factory, const struct ice_config *config, const struct ice_events *ev, void *ctx,
                        struct ice **ret)
{
        struct ice *i = calloc(1, sizeof(*i));
        int r;

        if (!i)
                return -ENOMEM;
        i->ev = *ev;
        i->ctx = ctx;
        i->context = factory;
        i->tcp = config->tcp;
        i->relay_only = config->relay_only;
        i->ca_file = g_strdup(config->ca_file);
        r = open_agent(i, config);
        if (r == 0) {
                watch(i);
                i->unreachable = !nice_agent_gather_candidates(i->agent, i->stream);
                r = read_local(i);
        }
        if (r < 0) {
                agent_free(i);
                return r;
        }
        *ret = i;
        return 0;
}

static int agent_get_local(struct ice *i, const char **ret_ufrag, const char **ret_pwd)
{
        announce(i); /* so that they can stand in the description that asks */
        *ret_ufrag = i->ufrag;
        *ret_pwd = i->pwd;
        return 0;
}

static void stop_holding(struct ice *i)
{
        if (i->hold) {
                g_source_destroy(i->hold);
                g_source_unref(i->hold);
        }
        i->hold = NULL;
}

static gboolean on_hold(gpointer ctx);

static void hold_for(struct ice *i, guint ms)
{
        stop_holding(i);
        i->hold = g_timeout_source_new(ms);
        g_source_set_callback(i->hold, on_hold, i, NULL);
        g_source_attach(i->hold, i->context);
}

static void drop_held(struct ice *i)
{
        stop_holding(i);
        while (i->n_held > 0)
                free(i->held[--i->n_held]);
        i->knows_udp = i->ended = false;
}

static void use_late_servers(struct ice *i);

/* libnice asks for it whenever it pairs, hears or tells. */
static void use_relays_only(struct ice *i)
{
        g_object_set(i->agent, "force-relay", TRUE, NULL);
        i->relay_only = true;
        use_late_servers(i);
}

static int agent_restart(struct ice *i, bool relay_only)
{
        drop_held(i);
        if (relay_only && !i->relay_only)
                use_relays_only(i);
        if (!nice_agent_restart_stream(i->agent, i->stream))
                return -EIO;
        i->restarted = true;
        i->state = ICE_STATE_CONNECTING; /* libnice goes back to gathering, which is not told */
        return read_local(i);
}

/* Other credentials than before are the other side's ICE restart (RFC 8445 9): ours change with it. */
static int agent_set_remote(struct ice *i, const char *ufrag, const char *pwd)
{
        int r;

        if (i->remote_ufrag && !i->restarted && strcmp(i->remote_ufrag, ufrag) == 0)
                return 0;
        if (i->remote_ufrag && !i->restarted) {
                r = agent_restart(i, false);
                if (r < 0)
                        return r;
        }
        i->restarted = false;
        if (!nice_agent_set_remote_credentials(i->agent, i->stream, ufrag, pwd))
                return -EINVAL;
        g_free(i->remote_ufrag);
        i->remote_ufrag = g_strdup(ufrag);
        if (i->n_late > 0 && !i->hold)
                hold_for(i, HOLD_MS);
        return 0;
}

static bool is_tcp(const char *line)
{
        char transport[8];

        return sscanf(line, "candidate:%*32s %*u %7s", transport) == 1 && strcasecmp(transport, "tcp") == 0;
}

/* "candidate:FOUNDATION COMPONENT TRANSPORT PRIORITY ADDRESS PORT typ …": component 1, by address, UDP or (if wanted)
 * a TCP port that listens. */
static bool is_usable(const struct ice *i, const char *line)
{
        char transport[8], address[64];
        unsigned component;

        if (strlen(line) >= LINE_MAX_BYTES ||
            sscanf(line, "candidate:%*32s %u %7s %*u %63s", &component, transport, address) != 3 ||
            component != COMPONENT || g_str_has_suffix(address, ".local"))
                return false;
        if (is_tcp(line))
                return i->tcp && strstr(line, " tcptype passive");
        return strcasecmp(transport, "udp") == 0;
}

/* Whether libnice took it. */
static int give_candidate(struct ice *i, const char *line)
{
        char sdp[LINE_MAX_BYTES + 2];
        NiceCandidate *c;
        GSList one = { 0 };
        int n;

        snprintf(sdp, sizeof(sdp), "a=%s", line);
        c = nice_agent_parse_remote_candidate_sdp(i->agent, i->stream, sdp);
        if (!c)
                return -EPROTO;
        one.data = c;
        n = nice_agent_set_remote_candidates(i->agent, i->stream, COMPONENT, &one);
        nice_candidate_free(c);
        return n > 0 ? 0 : -EAGAIN;
}

/* False: not now. */
static bool give_held(struct ice *i)
{
        while (i->n_held > 0) {
                if (give_candidate(i, i->held[i->n_held - 1]) == -EAGAIN)
                        return false;
                free(i->held[--i->n_held]);
        }
        if (i->ended)
                (void)nice_agent_peer_candidate_gathering_done(i->agent, i->stream);
        i->ended = false;
        return true;
}

static void drop_server(struct ice_server *s)
{
        free((char *)s->url);
        free((char *)s->username);
        free((char *)s->credential);
        *s = (struct ice_server){ 0 };
}

static void use_late_servers(struct ice *i)
{
        while (i->n_late > 0) {
                struct ice_server *s = &i->late[--i->n_late];
                struct server_url url;

                if (parse_server(s->url, &url) == 0)
                        (void)use_server(i, s, &url); /* one way less */
                drop_server(s);
        }
}

static int keep_server(struct ice *i, const struct ice_server *from)
{
        struct ice_server s = { .url = strdup(from->url),
                                .username = strdup(from->username),
                                .credential = strdup(from->credential) };

        if (!s.url || !s.username || !s.credential) {
                drop_server(&s);
                return -ENOMEM;
        }
        i->late[i->n_late++] = s;
        return 0;
}

static int agent_add_servers(struct ice *i, const struct ice_server *servers, size_t n)
{
        int r = 0;

        for (size_t k = 0; k < n && r == 0; k++)
                if (strncmp(servers[k].url, "turn", 4) == 0 && servers[k].username && servers[k].credential &&
                    i->n_late < LATE_MAX)
                        r = keep_server(i, &servers[k]);
        if (i->relay_only)
                use_late_servers(i);
        else if (i->n_late > 0 && !i->hold)
                hold_for(i, HOLD_MS);
        return r;
}

static bool needs_no_more(const struct ice *i)
{
        return i->state == ICE_STATE_CONNECTED || i->state == ICE_STATE_FAILED;
}

static gboolean on_hold(gpointer ctx)
{
        struct ice *i = ctx;

        if (!needs_no_more(i))
                use_late_servers(i);
        if (needs_no_more(i) || give_held(i))
                stop_holding(i);
        else
                hold_for(i, HOLD_AGAIN_MS);
        return G_SOURCE_REMOVE;
}

static int hold(struct ice *i, const char *line)
{
        if (i->n_held == HELD_MAX)
                return 0;
        i->held[i->n_held] = strdup(line);
        if (!i->held[i->n_held])
                return -ENOMEM;
        i->n_held++;
        if (!i->hold)
                hold_for(i, HOLD_MS);
        return 0;
}

static int end_candidates(struct ice *i)
{
        i->ended = true;
        if (i->n_held == 0 || !i->knows_udp)
                (void)give_held(i); /* if not, the timer does */
        return 0;
}

static int agent_add_remote_candidate(struct ice *i, const char *line)
{
        if (!line)
                return end_candidates(i);
        if (!is_usable(i, line))
                return 0;
        if (is_tcp(line))
                return hold(i, line);
        i->knows_udp = true;
        return give_candidate(i, line) == -EPROTO ? -EPROTO : 0;
}

static int agent_send(struct ice *i, const void *data, size_t len)
{
        return nice_agent_send(i->agent, i->stream, COMPONENT, (guint)len, data) == (gint)len ? 0 : -EAGAIN;
}

static const char *type_name(NiceCandidateType t)
{
        switch (t) {
        case NICE_CANDIDATE_TYPE_HOST: return "host";
        case NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE: return "srflx";
        case NICE_CANDIDATE_TYPE_PEER_REFLEXIVE: return "prflx";
        case NICE_CANDIDATE_TYPE_RELAYED: return "relay";
        }
        return "";
}

static void describe(const NiceCandidate *c, char *text, size_t size, char *type, size_t type_size)
{
        gchar ip[INET6_ADDRSTRLEN];

        nice_address_to_string(&c->addr, ip);
        snprintf(text, size, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, nice_address_get_port(&c->addr));
        snprintf(type, type_size, "%s", type_name(c->type));
}

static void agent_get_stats(struct ice *i, struct ice_stats *ret)
{
        NiceCandidate *local = NULL, *remote = NULL;

        *ret = (struct ice_stats){ 0 };
        if (!nice_agent_get_selected_pair(i->agent, i->stream, COMPONENT, &local, &remote))
                return;
        describe(local, ret->local, sizeof(ret->local), ret->local_type, sizeof(ret->local_type));
        describe(remote, ret->remote, sizeof(ret->remote), ret->remote_type, sizeof(ret->remote_type));
        snprintf(ret->protocol, sizeof(ret->protocol), "%s",
                 local->transport == NICE_CANDIDATE_TRANSPORT_UDP ? "udp" : "tcp");
}

static void release(struct ice *i)
{
        if (i->agent)
                g_object_unref(i->agent);
        for (size_t n = 0; n < i->n_bridges; n++)
                turns_bridge_free(i->bridges[n]);
        free(i);
}

static void on_closed(GObject *agent, GAsyncResult *result, gpointer ctx)
{
        (void)agent;
        (void)result;
        release(ctx);
}

static void agent_free(struct ice *i)
{
        drop_held(i);
        while (i->n_late > 0)
                drop_server(&i->late[--i->n_late]);
        if (i->first_turn) {
                g_source_destroy(i->first_turn);
                g_source_unref(i->first_turn);
        }
        if (i->agent) {
                (void)g_signal_handlers_disconnect_by_data(i->agent, i);
                if (i->stream > 0)
                        (void)nice_agent_attach_recv(i->agent, i->stream, COMPONENT, i->context, NULL, NULL);
        }
        g_free(i->ufrag);
        g_free(i->pwd);
        g_free(i->remote_ufrag);
        g_free(i->ca_file);
        /* A TURN allocation is handed back by a message, after which everything goes. */
        if (i->agent && i->uses_turn)
                nice_agent_close_async(i->agent, on_closed, i);
        else
                release(i);
}

static const struct ice_ops ops = {
        .create = agent_create,
        .get_local = agent_get_local,
        .set_remote = agent_set_remote,
        .restart = agent_restart,
        .add_servers = agent_add_servers,
        .add_remote_candidate = agent_add_remote_candidate,
        .send = agent_send,
        .get_stats = agent_get_stats,
        .free = agent_free,
};

struct ice_provider ice_nice_provider(struct _GMainContext *context)
{
        return (struct ice_provider){ .ops = &ops, .factory = context };
}
