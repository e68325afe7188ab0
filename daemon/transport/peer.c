/* peer.c - see peer.h: descriptions, the order in which a connection comes up, states. Packets: peer-media.c.
 *
 * ICE is made with the peer and gathers at once. DTLS begins when ICE is connected and a description has told its
 * certificate and role; packets that come earlier are kept inside dtls. The SRTP keys make the peer CONNECTED. One
 * timer serves DTLS, RTCP and the limit on connecting; every entry point re-arms it at its end.
 *
 * Ownership: the peer owns ICE, DTLS, SRTP and RTCP objects; peer_free() says good-bye while ICE can still send.
 */
#include "transport/peer-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "transport/demux.h"

LOG_TOPIC("transport/peer");

#define CONNECT_LIMIT_US (30 * US_PER_SEC)

/* Where an offer leaves it to us. As client we send the first flight the moment ICE is up, and the other side, which
 * is to send, has its keys before we have. (And Janus 1.1.2 never begins the handshake of its own offer.) */
enum { ANSWERER_ROLE = DTLS_ROLE_CLIENT };

const char *peer_state_to_string(enum peer_state s)
{
        switch (s) {
        case PEER_STATE_NEW: return "new";
        case PEER_STATE_CONNECTING: return "connecting";
        case PEER_STATE_CONNECTED: return "connected";
        case PEER_STATE_DISCONNECTED: return "disconnected";
        case PEER_STATE_FAILED: return "failed";
        case PEER_STATE_CLOSED: return "closed";
        }
        return "";
}

const char *peer_reason_to_string(enum peer_reason r)
{
        switch (r) {
        case PEER_OK: return "ok";
        case PEER_ICE_FAILED: return "ice-failed";
        case PEER_CONSENT_LOST: return "consent-lost";
        case PEER_DTLS_FAILED: return "dtls-failed";
        case PEER_FINGERPRINT: return "fingerprint";
        case PEER_CLOSED_BY_REMOTE: return "closed-by-remote";
        }
        return "";
}

static bool is_over(const struct peer *p)
{
        return p->state == PEER_STATE_FAILED || p->state == PEER_STATE_CLOSED;
}

void peer_rearm(struct peer *p)
{
        uint64_t next_us = p->deadline_us;

        if (dtls_next_us(p->dtls) < next_us)
                next_us = dtls_next_us(p->dtls);
        if (p->srtp && rtcp_session_next_us(p->rtcp) < next_us)
                next_us = rtcp_session_next_us(p->rtcp);
        if (p->data && datachan_next_us(p->data) < next_us)
                next_us = datachan_next_us(p->data);
        (void)loop_set_timer(p->timer, is_over(p) ? LOOP_NEVER : next_us);
}

static void enter_state(struct peer *p, enum peer_state state, enum peer_reason reason)
{
        assert(!is_over(p) && state != p->state);
        log_debug("%s → %s (%s)", peer_state_to_string(p->state), peer_state_to_string(state),
                  peer_reason_to_string(reason));
        p->state = state;
        p->deadline_us = state == PEER_STATE_CONNECTING ? loop_now_us(p->loop) + CONNECT_LIMIT_US : LOOP_NEVER;
        p->ev.state(state, reason, p->ctx);
}

static void fail(struct peer *p, enum peer_reason reason)
{
        if (!is_over(p))
                enter_state(p, PEER_STATE_FAILED, reason);
}

/* ---- DTLS ---- */

static void on_dtls_output(const uint8_t *data, size_t len, void *ctx)
{
        struct peer *p = ctx;

        (void)p->ice_ops->send(p->ice, data, len); /* DTLS repeats what is lost */
}

static void take_keys(struct peer *p)
{
        struct srtp_keying keys;
        int r = dtls_export_srtp(p->dtls, &keys);

        if (r == 0)
                r = srtpctx_new(&keys, &p->srtp);
        if (r == 0)
                p->suite = keys.suite;
        explicit_bzero(&keys, sizeof(keys));
        if (r < 0) {
                fail(p, PEER_DTLS_FAILED);
                return;
        }
        enter_state(p, PEER_STATE_CONNECTED, PEER_OK);
        peer_data_start(p);
}

static void on_dtls_state(enum dtls_state state, void *ctx)
{
        struct peer *p = ctx;

        if (is_over(p))
                return;
        switch (state) {
        case DTLS_STATE_NEW:
        case DTLS_STATE_HANDSHAKE: break;
        case DTLS_STATE_CONNECTED: take_keys(p); break;
        case DTLS_STATE_CLOSED: enter_state(p, PEER_STATE_CLOSED, PEER_CLOSED_BY_REMOTE); break;
        case DTLS_STATE_FAILED: fail(p, PEER_DTLS_FAILED); break;
        case DTLS_STATE_WRONG_FINGERPRINT: fail(p, PEER_FINGERPRINT); break;
        }
}

static void start_dtls_when_ready(struct peer *p)
{
        if (p->ice_connected && p->has_role && dtls_get_state(p->dtls) == DTLS_STATE_NEW)
                (void)dtls_start(p->dtls, p->role, loop_now_us(p->loop)); /* has its fingerprint: see apply() */
}

/* ---- ICE ---- */

static void keep_candidate(struct candidates *c, const char *line)
{
        if (c->n == PEER_CANDIDATES_MAX)
                return;
        c->lines[c->n] = strdup(line);
        if (c->lines[c->n]) /* out of memory: one way less */
                c->n++;
}

static void drop_candidates(struct candidates *c)
{
        while (c->n > 0)
                free(c->lines[--c->n]);
}

static void on_ice_candidate(const char *line, void *ctx)
{
        struct peer *p = ctx;
        int first = negotiate_find_accepted(p->has_offered ? &p->offered : &p->agreed);

        if (line)
                keep_candidate(&p->local, line);
        else
                p->gathered = true;
        if (p->described && first >= 0)
                p->ev.candidate((p->has_offered ? &p->offered : &p->agreed)->sections[first].mid, (uint32_t)first,
                                line, p->ctx);
}

/* With keys there is something worth keeping; without, nothing. */
static void lose_path(struct peer *p, enum peer_reason reason)
{
        p->ice_connected = false;
        if (!p->srtp)
                fail(p, reason);
        else if (!is_over(p) && p->state != PEER_STATE_DISCONNECTED)
                enter_state(p, PEER_STATE_DISCONNECTED, reason);
}

static void find_path(struct peer *p)
{
        p->ice_connected = true;
        if (is_over(p))
                return;
        if (!p->srtp)
                start_dtls_when_ready(p);
        else if (p->state != PEER_STATE_CONNECTED)
                enter_state(p, PEER_STATE_CONNECTED, PEER_OK);
}

static void on_ice_state(enum ice_state state, void *ctx)
{
        struct peer *p = ctx;

        switch (state) {
        case ICE_STATE_GATHERING:
        case ICE_STATE_CONNECTING: break;
        case ICE_STATE_CONNECTED: find_path(p); break;
        case ICE_STATE_FAILED: lose_path(p, p->ice_connected ? PEER_CONSENT_LOST : PEER_ICE_FAILED); break;
        }
        peer_rearm(p);
}

static void on_ice_packet(const uint8_t *data, size_t len, void *ctx)
{
        struct peer *p = ctx;
        uint64_t now_us = loop_now_us(p->loop);

        if (is_over(p))
                return;
        switch (demux_classify(data, len)) {
        case PACKET_DTLS: dtls_input(p->dtls, data, len, now_us); break;
        case PACKET_RTP:
                if (p->srtp)
                        peer_media_rtp(p, data, len, now_us);
                break;
        case PACKET_RTCP:
                if (p->srtp)
                        peer_media_rtcp(p, data, len, now_us);
                break;
        case PACKET_STUN:
        case PACKET_UNKNOWN: p->malformed++; break;
        }
        peer_rearm(p);
}

static void on_timer(void *ctx)
{
        struct peer *p = ctx;
        uint64_t now_us = loop_now_us(p->loop);

        dtls_timeout(p->dtls, now_us);
        if (p->srtp)
                rtcp_session_timeout(p->rtcp, now_us);
        if (p->data && !is_over(p))
                datachan_timeout(p->data, now_us);
        if (now_us >= p->deadline_us)
                lose_path(p, p->ice_connected && !p->srtp ? PEER_DTLS_FAILED : PEER_ICE_FAILED);
        peer_rearm(p);
}

/* ---- life ---- */

static int open_transport(struct peer *p, const struct peer_config *config)
{
        static const struct ice_events ice_events = { .candidate = on_ice_candidate,
                                                      .state = on_ice_state,
                                                      .packet = on_ice_packet };
        static const struct dtls_events dtls_events = { .output = on_dtls_output,
                                                        .state = on_dtls_state,
                                                        .data = peer_data_input };
        int r = dtls_new(config->identity, &dtls_events, p, &p->dtls);

        if (r < 0)
                return r;
        return config->ice.ops->create(config->ice.factory, &config->ice_config, &ice_events, p, &p->ice);
}

DEFINE_CLEANUP(struct peer *, peer_free)

int peer_new(const struct peer_config *config, const struct peer_events *ev, void *ctx, struct peer **ret)
{
        _cleanup_(peer_freep) struct peer *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->loop = config->loop;
        p->rng = config->rng;
        p->ev = *ev;
        p->ctx = ctx;
        p->dtx = config->dtx;
        p->fec = config->fec;
        p->echo = config->echo;
        p->agreed.red = config->red;
        p->agreed.data = config->data;
        p->identity = config->identity;
        p->ice_ops = config->ice.ops;
        p->deadline_us = LOOP_NEVER;
        p->session_id = rand_u64(p->rng) >> 2; /* RFC 8829 5.2.1: 62 bits */
        snprintf(p->cname, sizeof(p->cname), "%s", config->cname);
        snprintf(p->track_id, sizeof(p->track_id), "audio");
        r = loop_add_timer(p->loop, LOOP_NEVER, on_timer, p, &p->timer);
        if (r == 0)
                r = peer_media_init(p, loop_now_us(p->loop));
        if (r == 0)
                r = open_transport(p, config);
        if (r < 0)
                return r;
        *ret = take_ptr(p);
        return 0;
}

static void say_goodbye(struct peer *p)
{
        if (!p->srtp || is_over(p))
                return;
        rtcp_session_bye(p->rtcp, loop_now_us(p->loop));
        dtls_close(p->dtls);
}

struct peer *peer_free(struct peer *p)
{
        if (!p)
                return NULL;
        p->data = datachan_free(p->data); /* says so */
        say_goodbye(p);
        if (p->ice)
                p->ice_ops->free(p->ice);
        dtls_free(p->dtls);
        rtcp_session_free(p->rtcp);
        srtpctx_free(p->srtp);
        negotiation_done(&p->agreed);
        negotiation_done(&p->offered);
        drop_candidates(&p->local);
        drop_candidates(&p->early);
        loop_remove(p->timer);
        free(p);
        return NULL;
}

/* ---- descriptions ---- */

static bool is_restart(const struct peer *p, const struct neg_remote *next)
{
        return p->agreed.remote.ufrag[0] && strcmp(p->agreed.remote.ufrag, next->ufrag) != 0;
}

static int describe(struct peer *p, const struct negotiation *n, enum sdp_setup setup, char **ret_sdp)
{
        bool restarts = p->restarting || is_restart(p, &n->remote);
        struct neg_local local = { .id = p->session_id,
                                   .version = p->version + 1,
                                   .cname = p->cname,
                                   .track_id = p->track_id,
                                   .sha256 = dtls_identity_fingerprint(p->identity),
                                   .setup = setup,
                                   .ssrc = p->ssrc,
                                   .dtx = p->dtx,
                                   .fec = p->fec };
        int r = p->ice_ops->get_local(p->ice, &local.ufrag, &local.pwd);

        if (r < 0)
                return r;
        if (!p->ice_connected || restarts) { /* the ways to us; later on they would only be ballast */
                local.candidates = (const char *const *)p->local.lines;
                local.n_candidates = p->local.n;
                local.end_of_candidates = p->gathered;
        }
        r = negotiate_write(n, &local, ret_sdp);
        if (r < 0)
                return r;
        p->version++;
        p->described = true;
        return 0;
}

static bool is_token(const char *s)
{
        return *s && strlen(s) <= NEG_TRACK_ID_MAX && !strpbrk(s, " \t\r\n");
}

static void forget_all_but_relays(struct candidates *c)
{
        size_t n = 0;

        for (size_t i = 0; i < c->n; i++)
                if (strstr(c->lines[i], " typ relay"))
                        c->lines[n++] = c->lines[i];
                else
                        free(c->lines[i]);
        c->n = n;
}

static int restart_ice(struct peer *p, bool relay_only)
{
        int r;

        if (!p->agreed.remote.ufrag[0] && !relay_only)
                return 0; /* at first there is nothing to renew */
        r = p->ice_ops->restart(p->ice, relay_only);
        if (r < 0)
                return r;
        if (relay_only)
                forget_all_but_relays(&p->local);
        p->restarting = true;
        return 0;
}

static int make_offer(struct peer *p, const struct peer_offer *offer, char **ret_sdp)
{
        const struct neg_offer want = {
                .send = offer->send_audio, .echo = p->echo, .n_receive = offer->n_receive, .data = offer->data
        };
        struct negotiation n = { 0 };
        int r = negotiate_offer(&p->agreed, &want, &n);

        if (r == 0 && offer->restart_ice)
                r = restart_ice(p, offer->relay_only);
        if (r == 0)
                r = describe(p, &n, SDP_SETUP_ACTPASS, ret_sdp);
        if (r < 0) {
                negotiation_done(&n);
                return r;
        }
        negotiation_done(&p->offered);
        p->offered = n;
        p->has_offered = true;
        return 0;
}

int peer_create_offer(struct peer *p, const struct peer_offer *offer, char **ret_sdp)
{
        if (is_over(p) || (offer->track_id && !is_token(offer->track_id)))
                return -EINVAL;
        if (offer->track_id)
                snprintf(p->track_id, sizeof(p->track_id), "%s", offer->track_id);
        return make_offer(p, offer, ret_sdp);
}

/* Once the handshake has begun its roles stay, whatever later descriptions say (RFC 8842 5.5). */
static void decide_role(struct peer *p, enum sdp_setup remote, bool answering)
{
        if (p->has_role)
                return;
        switch (remote) {
        case SDP_SETUP_ACTIVE: p->role = DTLS_ROLE_SERVER; break;
        case SDP_SETUP_PASSIVE: p->role = DTLS_ROLE_CLIENT; break;
        case SDP_SETUP_NONE:
        case SDP_SETUP_ACTPASS:
        case SDP_SETUP_HOLDCONN: p->role = answering ? (enum dtls_role)ANSWERER_ROLE : DTLS_ROLE_SERVER; break;
        }
        p->has_role = true;
}

static int apply_transport(struct peer *p, const struct neg_remote *remote)
{
        const struct sdp_fingerprint *f = &remote->fingerprint;
        int r = 0;

        if (dtls_get_state(p->dtls) == DTLS_STATE_NEW)
                r = dtls_set_fingerprint(p->dtls, f->hash, f->bytes, f->len);
        if (r == 0)
                r = p->ice_ops->set_remote(p->ice, remote->ufrag, remote->pwd);
        return r < 0 && r != -ENOMEM ? -EPROTO : r;
}

static void apply_candidates(struct peer *p, const struct sdp_session *s)
{
        bool ended = p->early_ended;

        for (size_t i = 0; i < s->n_sections; i++) {
                const struct sdp_section *m = &s->sections[i];

                if (!p->agreed.sections[i].accepted)
                        continue;
                for (size_t c = 0; c < m->n_candidates; c++)
                        (void)p->ice_ops->add_remote_candidate(p->ice, m->candidates[c]); /* others may do */
                ended = ended || m->end_of_candidates;
        }
        for (size_t i = 0; i < p->early.n; i++)
                (void)p->ice_ops->add_remote_candidate(p->ice, p->early.lines[i]);
        drop_candidates(&p->early);
        p->early_ended = false;
        if (ended)
                (void)p->ice_ops->add_remote_candidate(p->ice, NULL);
}

/* Takes `next`: from here on it is what counts. */
static void adopt(struct peer *p, struct negotiation *next, const struct sdp_session *remote)
{
        bool restarts = p->restarting || is_restart(p, &next->remote);
        struct negotiation before = p->agreed;

        p->restarting = false;
        p->agreed = *next;
        peer_media_sections_changed(p, &before);
        negotiation_done(&before);
        if (restarts)
                p->ice_connected = false;
        if (p->state == PEER_STATE_NEW || (restarts && p->srtp && p->state != PEER_STATE_CONNECTING))
                enter_state(p, PEER_STATE_CONNECTING, PEER_OK);
        apply_candidates(p, remote);
        start_dtls_when_ready(p);
        peer_data_start(p);
        peer_rearm(p);
}

static int accept_answer(struct peer *p, const struct sdp_session *answer)
{
        struct negotiation next;
        int r = negotiate_answer_received(&p->offered, answer, &next);

        if (r < 0)
                return r;
        r = apply_transport(p, &next.remote);
        if (r < 0) {
                negotiation_done(&next);
                return r;
        }
        decide_role(p, next.remote.setup, false);
        p->has_offered = false;
        negotiation_done(&p->offered);
        adopt(p, &next, answer);
        return 0;
}

/* Bounds that the parser has and we do not (-EMSGSIZE) are the other side's fault all the same. */
static int parse(const char *sdp, struct sdp_session *ret)
{
        int r = sdp_parse(sdp, ret);

        return r == -EMSGSIZE ? -EPROTO : r;
}

int peer_set_remote_answer(struct peer *p, const char *sdp)
{
        struct sdp_session answer;
        int r;

        if (is_over(p) || !p->has_offered)
                return -EINVAL;
        r = parse(sdp, &answer);
        if (r < 0)
                return r;
        r = accept_answer(p, &answer);
        sdp_done(&answer);
        return r;
}

static int answer_offer(struct peer *p, const struct sdp_session *offer, char **ret_answer)
{
        struct negotiation next;
        int r = negotiate_offer_received(&p->agreed, offer, &next);

        if (r < 0)
                return r;
        r = apply_transport(p, &next.remote);
        if (r == 0) {
                decide_role(p, next.remote.setup, true);
                r = describe(p, &next, p->role == DTLS_ROLE_CLIENT ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE, ret_answer);
        }
        if (r < 0) {
                negotiation_done(&next);
                return r;
        }
        adopt(p, &next, offer);
        return 0;
}

int peer_set_remote_offer(struct peer *p, const char *sdp, char **ret_answer)
{
        struct sdp_session offer;
        int r;

        if (is_over(p) || p->has_offered)
                return -EINVAL;
        r = parse(sdp, &offer);
        if (r < 0)
                return r;
        r = answer_offer(p, &offer, ret_answer);
        sdp_done(&offer);
        return r;
}

int peer_add_ice_servers(struct peer *p, const struct ice_server *servers, size_t n)
{
        return is_over(p) ? -EINVAL : p->ice_ops->add_servers(p->ice, servers, n);
}

int peer_add_remote_candidate(struct peer *p, const char *line)
{
        bool early = p->has_offered && (p->restarting || !p->agreed.remote.ufrag[0]);
        bool end = !line || !*line;

        if (is_over(p) || (!early && !p->agreed.remote.ufrag[0]))
                return -EINVAL;
        if (!early)
                return p->ice_ops->add_remote_candidate(p->ice, end ? NULL : line);
        if (end)
                p->early_ended = true;
        else
                keep_candidate(&p->early, line);
        return 0;
}

void peer_get_stats(const struct peer *p, struct peer_rtp_stats *ret)
{
        struct rtcp_session_stats s;

        rtcp_session_get_stats(p->rtcp, &s);
        *ret = (struct peer_rtp_stats){ .packets_sent = s.packets_sent,
                                        .bytes_sent = s.bytes_sent,
                                        .retransmitted = s.retransmitted,
                                        .nacks_received = s.nacks_received,
                                        .nacks_sent = s.nacks_sent,
                                        .reports = s.reports,
                                        .copies_sent = p->copies_sent,
                                        .copy_bytes_sent = p->copy_bytes_sent,
                                        .packets_received = p->packets_received,
                                        .bytes_received = p->bytes_received,
                                        .srtp_errors = p->srtp_errors,
                                        .malformed = p->malformed,
                                        .unknown = p->unknown,
                                        .rtt_us = s.rtt_us,
                                        .remote_jitter_us = s.remote_jitter_us,
                                        .remote_packets_lost = s.remote_packets_lost,
                                        .remote_fraction_lost = s.remote_fraction_lost,
                                        .ssrc = p->ssrc };
        if (p->srtp)
                snprintf(ret->srtp_cipher, sizeof(ret->srtp_cipher), "%s", srtp_suite_to_string(p->suite));
        if (p->has_role)
                snprintf(ret->dtls_role, sizeof(ret->dtls_role), "%s",
                         p->role == DTLS_ROLE_CLIENT ? "client" : "server");
        p->ice_ops->get_stats(p->ice, &ret->ice);
}
