/* rtc-media.c - the network thread's half of the runtime: peers, their tracks, and what drives them.
 *
 * Thread: the network thread, but for rtc_media_new(). A peer (transport/) and its tracks (media/) do not know each
 * other: frames of the sending track go to the peer, packets of the peer go to the track of their section. A track is
 * pumped whenever the audio graph wakes its port (each period), when a packet comes, and at the time it asks for.
 *
 * Ownership: media → peers → tracks. A track references its port; the wake-up of the port is watched here as long.
 * Teardown of a peer: the transport first (BYE; no packet any more), then the tracks. What happens is told to control
 * as events (rtc-internal.h); those of a track carry the generation of its binding.
 */
#include "engine/rtc-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/log.h"
#include "transport/datachan.h"
#include "transport/dtls.h"
#include "transport/ice-nice.h"

LOG_TOPIC("engine/rtc");

struct rtc_media {
        struct rtc_runtime *rt; /* borrowed: outlives this half */
        struct loop *loop;      /* borrowed from the thread */
        struct ice_provider ice;
        struct rng *rng; /* borrowed */
        bool ice_loopback;
        struct dtls_identity *identity; /* owned */
        struct list peers;
};

/* What wakes a track: the eventfd of its port, and a timer. */
struct pump {
        struct loop_source *wake, *timer; /* owned */
};

struct sender {
        struct tx_track *track; /* owned */
        struct pump pump;
        bool speaking;
};

struct media_peer {
        struct list link;        /* in rtc_media.peers */
        struct rtc_media *media; /* borrowed */
        uint32_t number;
        struct peer *peer; /* owned */
        struct voice_config voice;
        struct e2ee_keys *e2ee; /* referenced, or NULL */
        struct sender *sender;  /* owned, or NULL */
        uint32_t capture_generation;
        struct adapt_report report; /* the last one, for a sender made later */
        uint64_t woken_us;          /* when the sender was pumped last */
        uint64_t send_us_total;
        struct list receivers;
};

struct receiver {
        struct list link;        /* in media_peer.receivers */
        struct media_peer *peer; /* borrowed */
        char *mid, *key;         /* owned */
        uint32_t generation, ssrc;
        uint64_t repaired;
        struct rx_track *track; /* owned */
        struct pump pump;
        bool heard; /* the first packet was told */
};

static struct media_peer *find_peer(struct rtc_media *m, uint32_t number)
{
        struct media_peer *p;

        list_for_each (p, &m->peers, link)
                if (p->number == number)
                        return p;
        return NULL;
}

static struct receiver *find_receiver(struct media_peer *p, const char *mid)
{
        struct receiver *r;

        list_for_each (r, &p->receivers, link)
                if (strcmp(r->mid, mid) == 0)
                        return r;
        return NULL;
}

static int copy_text(const char *text, char **ret)
{
        if (!text)
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* An event with its texts; NULL (which posts as a lost one) if memory is short. */
static struct rtc_event *make_event(const struct media_peer *p, enum rtc_event_type type, const char *mid,
                                    const char *text)
{
        _cleanup_(rtc_event_freep) struct rtc_event *e = rtc_event_new(p->media->rt, type, p->number);

        if (!e || copy_text(mid, &e->mid) < 0 || copy_text(text, &e->text) < 0)
                return NULL;
        return take_ptr(e);
}

static void emit_track_event(const struct media_peer *p, enum rtc_event_type type, const char *mid,
                             uint32_t generation, bool speaking)
{
        struct rtc_event *e = make_event(p, type, mid, NULL);

        if (e) {
                e->generation = generation;
                e->speaking = speaking;
        }
        rtc_event_post(e);
}

/* ---- what wakes a track ---- */

static void pump_done(struct pump *p)
{
        p->wake = loop_remove(p->wake);
        p->timer = loop_remove(p->timer);
}

static int pump_watch(struct pump *p, struct loop *loop, struct audio_port *port, loop_fd_fn on_wake, void *ctx)
{
        p->wake = loop_remove(p->wake);
        return port ? loop_add_fd(loop, port->wake_fd, LOOP_READ, on_wake, ctx, &p->wake) : 0;
}

static void clear_wake(int fd)
{
        eventfd_t n;

        (void)eventfd_read(fd, &n); /* the count does not matter: a pump does all there is to do */
}

/* ---- sending ---- */

static void pump_sender(struct media_peer *p)
{
        p->woken_us = loop_now_us(p->media->loop);
        (void)loop_set_timer(p->sender->pump.timer, tx_track_pump(p->sender->track, p->woken_us));
}

static void on_capture_wake(int fd, uint32_t events, void *ctx)
{
        (void)events;
        clear_wake(fd);
        pump_sender(ctx);
}

static void on_capture_timer(void *ctx)
{
        pump_sender(ctx);
}

static void on_frame(const struct media_frame *f, void *ctx)
{
        struct media_peer *p = ctx;

        struct media_packet m = { .payload = f->payload,
                                  .len = f->len,
                                  .timestamp = f->timestamp,
                                  .marker = f->marker,
                                  .voice = f->voice,
                                  .level_dbov = f->level_dbov,
                                  .n_copies = f->n_copies };

        static_assert((int)PEER_COPIES_MAX == (int)REDUNDANCY_MAX, "every copy has a place");
        for (size_t i = 0; i < f->n_copies; i++)
                m.copies[i] =
                        (struct media_packet_copy){ f->copies[i].payload, f->copies[i].len, f->copies[i].timestamp };
        /* Before the peer is connected this fails, and the frame is meant to be lost. */
        if (peer_send(p->peer, &m, loop_now_us(p->media->loop)) >= 0)
                p->send_us_total += loop_now_us(p->media->loop) - p->woken_us;
}

/* After every change of what was agreed on. */
static void follow_format(struct media_peer *p)
{
        struct peer_send_format f;

        if (!p->sender)
                return;
        peer_get_send_format(p->peer, &f);
        log_debug("peer %u is to send dtx %d, fec %d, redundant %d", p->number, f.dtx, f.fec, f.redundant);
        tx_track_set_format(p->sender->track, f.dtx, f.fec, f.redundant);
}

static void tell_own_speech(struct media_peer *p, bool speaking)
{
        emit_track_event(p, RTC_EVENT_SPEAKING, NULL, p->capture_generation, speaking);
}

static void on_own_speech(bool speaking, void *ctx)
{
        struct media_peer *p = ctx;

        p->sender->speaking = speaking;
        tell_own_speech(p, speaking);
}

static struct sender *sender_free(struct sender *s)
{
        if (!s)
                return NULL;
        pump_done(&s->pump);
        tx_track_free(s->track);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(struct sender *, sender_free)

static int sender_new(struct media_peer *p, struct audio_port *port, const struct capture_gate *gate,
                      struct sender **ret)
{
        _cleanup_(sender_freep) struct sender *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        r = tx_track_new(&p->voice, port, gate, on_frame, on_own_speech, p, &s->track);
        if (r < 0)
                return r;
        tx_track_report(s->track, &p->report);
        r = p->e2ee ? tx_track_encrypt(s->track, p->e2ee) : 0;
        if (r < 0)
                return r;
        r = loop_add_timer(p->media->loop, 0, on_capture_timer, p, &s->pump.timer);
        if (r < 0)
                return r;
        r = pump_watch(&s->pump, p->media->loop, port, on_capture_wake, p);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

void rtc_media_set_capture(struct rtc_media *m, struct rtc_command *c)
{
        struct media_peer *p = find_peer(m, c->peer);
        int r;

        if (!p)
                return;
        p->capture_generation = c->generation;
        if (p->sender && p->sender->speaking)
                tell_own_speech(p, false);
        p->sender = sender_free(p->sender);
        r = c->port ? sender_new(p, c->port, c->gate, &p->sender) : 0;
        follow_format(p);
        if (r < 0)
                log_error("peer %u sends nothing: %s", p->number, strerror(-r));
}

/* ---- receiving ---- */

static void pump_receiver(struct receiver *r)
{
        (void)loop_set_timer(r->pump.timer, rx_track_pump(r->track, loop_now_us(r->peer->media->loop)));
}

static void on_playback_wake(int fd, uint32_t events, void *ctx)
{
        (void)events;
        clear_wake(fd);
        pump_receiver(ctx);
}

static void on_playback_timer(void *ctx)
{
        pump_receiver(ctx);
}

static void on_speech(bool speaking, void *ctx)
{
        const struct receiver *r = ctx;

        emit_track_event(r->peer, RTC_EVENT_SPEAKING, r->mid, r->generation, speaking);
}

static void on_encryption(enum e2ee_state state, void *ctx)
{
        const struct receiver *r = ctx;
        struct rtc_event *e = make_event(r->peer, RTC_EVENT_ENCRYPTION, r->mid, NULL);

        if (e) {
                e->generation = r->generation;
                e->encryption = state;
        }
        rtc_event_post(e);
}

static struct receiver *receiver_free(struct receiver *r)
{
        if (!r)
                return NULL;
        list_remove(&r->link);
        pump_done(&r->pump);
        rx_track_free(r->track);
        free(r->mid);
        free(r->key);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(struct receiver *, receiver_free)

static int receiver_new(struct media_peer *p, const struct rtc_command *c, struct receiver **ret)
{
        _cleanup_(receiver_freep) struct receiver *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return -ENOMEM;
        list_init(&r->link);
        r->peer = p;
        r->generation = c->generation;
        if (copy_text(c->mid, &r->mid) < 0 || copy_text(c->text, &r->key) < 0)
                return -ENOMEM;
        k = rx_track_new(c->port, on_speech, r, &r->track);
        if (k >= 0)
                k = rx_track_decrypt(r->track, p->e2ee, on_encryption);
        if (k < 0)
                return k;
        k = loop_add_timer(p->media->loop, LOOP_NEVER, on_playback_timer, r, &r->pump.timer);
        if (k < 0)
                return k;
        k = pump_watch(&r->pump, p->media->loop, c->port, on_playback_wake, r);
        if (k < 0)
                return k;
        list_append(&p->receivers, &r->link);
        *ret = take_ptr(r);
        return 0;
}

/* The same binding again only moves the sound to another port (or to none). */
void rtc_media_bind(struct rtc_media *m, struct rtc_command *c)
{
        struct media_peer *p = find_peer(m, c->peer);
        struct receiver *r = p ? find_receiver(p, c->mid) : NULL;
        int k;

        if (!p)
                return;
        if (r && r->generation == c->generation) {
                rx_track_set_port(r->track, c->port);
                k = pump_watch(&r->pump, m->loop, c->port, on_playback_wake, r);
        } else {
                receiver_free(r);
                k = receiver_new(p, c, &r);
        }
        if (k < 0)
                log_error("peer %u, section %s is not heard: %s", c->peer, c->mid, strerror(-k));
}

void rtc_media_unbind(struct rtc_media *m, struct rtc_command *c)
{
        struct media_peer *p = find_peer(m, c->peer);

        if (p)
                receiver_free(find_receiver(p, c->mid));
}

static void on_packet(const struct peer_packet *packet, void *ctx)
{
        struct receiver *r = find_receiver(ctx, packet->mid);

        if (!r)
                return;
        if (packet->copy) {
                rx_track_put_copy(r->track, packet->seq, packet->timestamp, packet->payload, packet->len,
                                  packet->arrival_us);
                return; /* the packet it came with follows */
        }
        r->ssrc = packet->ssrc;
        r->repaired += packet->repaired;
        if (!r->heard)
                emit_track_event(r->peer, RTC_EVENT_FIRST_MEDIA, r->mid, r->generation, false);
        r->heard = true;
        rx_track_put(r->track, packet->seq, packet->timestamp, packet->marker, packet->payload, packet->len,
                     packet->level_dbov, packet->arrival_us);
        pump_receiver(r);
}

/* ---- the peer ---- */

static void on_state(enum peer_state state, enum peer_reason reason, void *ctx)
{
        struct rtc_event *e = make_event(ctx, RTC_EVENT_PEER_STATE, NULL, NULL);

        if (e) {
                e->state = state;
                e->reason = reason;
        }
        rtc_event_post(e);
}

static void on_candidate(const char *mid, uint32_t mline, const char *line, void *ctx)
{
        struct rtc_event *e = make_event(ctx, RTC_EVENT_CANDIDATE, mid, line);

        if (e)
                e->mline = mline;
        rtc_event_post(e);
}

/* A stream that ended is silence to its track; who left is told by the signalling. */
static void on_bye(const char *mid, void *ctx)
{
        (void)mid;
        (void)ctx;
}

static void on_report(const struct rtcp_path_report *r, void *ctx)
{
        struct media_peer *p = ctx;

        p->report = (struct adapt_report){ .loss_percent = r->loss_percent, .rtt_us = r->rtt_us, .burst = r->burst };
        if (p->sender)
                tx_track_report(p->sender->track, &p->report);
}

static void on_data_open(const char *label, void *ctx)
{
        rtc_event_post(make_event(ctx, RTC_EVENT_DATA_OPEN, label, NULL));
}

static void on_data(const struct datachan_message *m, void *ctx)
{
        _cleanup_(rtc_event_freep) struct rtc_event *e = make_event(ctx, RTC_EVENT_DATA, m->label, NULL);

        if (e)
                e->data = malloc(m->len > 0 ? m->len : 1);
        if (!e || !e->data) {
                rtc_event_post(NULL); /* lost, and said so */
                return;
        }
        if (m->len > 0)
                memcpy(e->data, m->data, m->len);
        e->len = m->len;
        rtc_event_post(take_ptr(e));
}

static void on_data_closed(void *ctx)
{
        log_info("data channels of peer %u are closed", ((struct media_peer *)ctx)->number);
}

static const struct peer_events peer_events = { 0,         on_state,     on_candidate, on_packet,     on_bye,
                                                on_report, on_data_open, on_data,      on_data_closed };

static struct media_peer *media_peer_free(struct media_peer *p)
{
        struct receiver *r;

        if (!p)
                return NULL;
        list_remove(&p->link);
        peer_free(p->peer);
        sender_free(p->sender);
        list_for_each (r, &p->receivers, link)
                receiver_free(r);
        e2ee_keys_unref(p->e2ee);
        free(p);
        return NULL;
}
DEFINE_CLEANUP(struct media_peer *, media_peer_free)

static int media_peer_new(struct rtc_media *m, uint32_t number, const struct rtc_peer_params *params)
{
        _cleanup_(media_peer_freep) struct media_peer *p = calloc(1, sizeof(*p));
        struct peer_config config = { .loop = m->loop,
                                      .ice = m->ice,
                                      .ice_config = { .servers = params->ice_servers,
                                                      .n_servers = params->n_ice_servers,
                                                      .ca_file = params->ca_file,
                                                      .relay_only = params->relay_only,
                                                      .controlling = params->controlling,
                                                      .tcp = params->tcp,
                                                      .loopback = m->ice_loopback },
                                      .identity = m->identity,
                                      .rng = m->rng,
                                      .cname = params->cname,
                                      .echo = params->echo,
                                      .data = params->data,
                                      .red = params->red && !params->e2ee, /* LiveKit's SDKs would not decrypt it */
                                      .dtx = params->voice.dtx,
                                      .fec = params->voice.fec };
        int r;

        if (!p)
                return -ENOMEM;
        list_init(&p->link);
        list_init(&p->receivers);
        p->media = m;
        p->number = number;
        p->voice = params->voice;
        p->e2ee = params->e2ee ? e2ee_keys_ref(params->e2ee) : NULL;
        r = peer_new(&config, &peer_events, p, &p->peer);
        if (r < 0)
                return r;
        list_append(&m->peers, &p->link);
        p = NULL; /* the list's */
        return 0;
}

void rtc_media_open_peer(struct rtc_media *m, struct rtc_command *c)
{
        struct rtc_event *e;

        if (find_peer(m, c->peer) || media_peer_new(m, c->peer, c->params) >= 0)
                return;
        e = rtc_event_new(m->rt, RTC_EVENT_PEER_STATE, c->peer);
        if (e) {
                e->state = PEER_STATE_FAILED;
                e->reason = PEER_ICE_FAILED;
        }
        rtc_event_post(e);
}

void rtc_media_close_peer(struct rtc_media *m, struct rtc_command *c)
{
        media_peer_free(find_peer(m, c->peer));
}

/* Tells control the outcome of an operation that may have given a description. Takes sdp. */
static void answer(const struct media_peer *p, enum rtc_sdp type, int r, char *sdp)
{
        struct rtc_event *e = make_event(p, r < 0 ? RTC_EVENT_DESCRIPTION_FAILED : RTC_EVENT_DESCRIPTION, NULL, NULL);

        if (e) {
                e->sdp = type;
                e->err = r;
                e->text = take_ptr(sdp);
        }
        rtc_event_post(e);
        free(sdp);
}

void rtc_media_create_offer(struct rtc_media *m, struct rtc_command *c)
{
        struct media_peer *p = find_peer(m, c->peer);
        struct peer_offer offer;
        char *sdp = NULL;
        int r;

        if (!p)
                return;
        offer = (struct peer_offer){ .send_audio = c->offer.send_audio,
                                     .track_id = c->offer.track_id,
                                     .n_receive = c->offer.n_receive,
                                     .restart_ice = c->offer.restart_ice,
                                     .relay_only = c->offer.relay_only,
                                     .data = c->offer.data };
        r = peer_create_offer(p->peer, &offer, &sdp);
        answer(p, RTC_OFFER, r, sdp);
}

void rtc_media_add_ice_servers(struct rtc_media *m, struct rtc_command *c)
{
        struct media_peer *p = find_peer(m, c->peer);

        if (p) /* without them there may be a way as well */
                (void)peer_add_ice_servers(p->peer, c->params->ice_servers, c->params->n_ice_servers);
}

void rtc_media_set_remote(struct rtc_media *m, struct rtc_command *c)
{
        struct media_peer *p = find_peer(m, c->peer);
        char *sdp = NULL;
        int r;

        if (!p)
                return;
        if (c->type == RTC_OFFER) {
                r = peer_set_remote_offer(p->peer, c->text, &sdp);
                follow_format(p);
                answer(p, r < 0 ? RTC_OFFER : RTC_ANSWER, r, sdp);
                return;
        }
        r = peer_set_remote_answer(p->peer, c->text);
        follow_format(p);
        if (r < 0)
                answer(p, RTC_ANSWER, r, NULL);
}

void rtc_media_add_candidate(struct rtc_media *m, struct rtc_command *c)
{
        struct media_peer *p = find_peer(m, c->peer);

        if (p) /* a bad one is ignored: others may do */
                (void)peer_add_remote_candidate(p->peer, c->text);
}

/* ---- data channels ---- */

void rtc_media_open_channel(struct rtc_media *m, struct rtc_command *c)
{
        struct media_peer *p = find_peer(m, c->peer);
        int r = p ? peer_open_channel(p->peer, c->mid, c->reliable) : 0;

        if (r < 0)
                log_warning("data channel %s not opened: %s", c->mid, strerror(-r));
}

void rtc_media_send_data(struct rtc_media *m, struct rtc_command *c)
{
        const struct datachan_message message = { .label = c->mid, .data = c->data, .len = c->len };
        struct media_peer *p = find_peer(m, c->peer);
        size_t waiting = 0;
        int r = p && c->data ? peer_send_data(p->peer, &message) : 0;

        if (r < 0)
                log_every_second(LOG_LEVEL_WARNING, "message not sent: %s", strerror(-r));
        list_for_each (p, &m->peers, link)
                waiting += peer_data_waiting(p->peer);
        rtc_data_count(m->rt, c->len, waiting);
}

/* ---- stats ---- */

static void put_address(char *to, size_t size, const char *address, const char *type, const char *protocol)
{
        if (*address)
                (void)snprintf(to, size, "%s %s %s", type, protocol, address);
}

static void fill_peer_stats(const struct media_peer *p, struct engine_peer_stats *ret)
{
        struct peer_rtp_stats s;

        peer_get_stats(p->peer, &s);
        *ret = (struct engine_peer_stats){ .packets_sent = s.packets_sent,
                                           .bytes_sent = s.bytes_sent,
                                           .retransmitted = s.retransmitted,
                                           .nacks_received = s.nacks_received,
                                           .nacks_sent = s.nacks_sent,
                                           .reports = s.reports,
                                           .send_us_total = p->send_us_total,
                                           .copies_sent = s.copies_sent,
                                           .copy_bytes_sent = s.copy_bytes_sent,
                                           .packets_received = s.packets_received,
                                           .bytes_received = s.bytes_received,
                                           .srtp_errors = s.srtp_errors,
                                           .malformed = s.malformed,
                                           .rtt_us = s.rtt_us ? s.rtt_us : s.ice.rtt_us,
                                           .remote_jitter_us = s.remote_jitter_us,
                                           .ssrc = s.ssrc,
                                           .remote_packets_lost = s.remote_packets_lost,
                                           .remote_fraction_lost = s.remote_fraction_lost };
        memcpy(ret->srtp_cipher, s.srtp_cipher, sizeof(ret->srtp_cipher));
        memcpy(ret->dtls_role, s.dtls_role, sizeof(ret->dtls_role));
        put_address(ret->local_candidate, sizeof(ret->local_candidate), s.ice.local, s.ice.local_type, s.ice.protocol);
        put_address(ret->remote_candidate, sizeof(ret->remote_candidate), s.ice.remote, s.ice.remote_type,
                    s.ice.protocol);
}

static size_t count_receivers(struct rtc_media *m)
{
        struct media_peer *p;
        struct receiver *r;
        size_t n = 0;

        list_for_each (p, &m->peers, link)
                list_for_each (r, &p->receivers, link)
                        n++;
        return n;
}

static void add_inbound(struct media_peer *p, struct engine_stats *s, struct engine_stats_inbound *inbound)
{
        struct receiver *r;

        if (!list_is_empty(&p->receivers))
                fill_peer_stats(p, &s->inbound_transport);
        list_for_each (r, &p->receivers, link) {
                struct engine_stats_inbound *i = &inbound[s->n_inbound++];

                (void)snprintf(i->user_id, sizeof(i->user_id), "%s", r->key);
                i->ssrc = r->ssrc;
                i->repaired = r->repaired;
                rx_track_get_stats(r->track, &i->rx);
        }
}

void rtc_media_get_stats(struct rtc_media *m, struct rtc_command *c)
{
        _cleanup_(rtc_event_freep) struct rtc_event *e = rtc_event_new(m->rt, RTC_EVENT_STATS, c->peer);
        struct engine_stats_inbound *inbound;
        struct media_peer *p;

        if (e)
                e->stats = calloc(1, sizeof(*e->stats) + count_receivers(m) * sizeof(*inbound));
        if (!e || !e->stats) {
                rtc_event_post(NULL);
                return;
        }
        inbound = (struct engine_stats_inbound *)(e->stats + 1);
        e->stats->inbound = inbound;
        list_for_each (p, &m->peers, link) {
                if (p->sender) {
                        tx_track_get_stats(p->sender->track, &e->stats->tx);
                        fill_peer_stats(p, &e->stats->outbound);
                }
                add_inbound(p, e->stats, inbound);
        }
        rtc_event_post(take_ptr(e));
}

/* ---- beginning and end ---- */

int rtc_media_new(struct rtc_runtime *rt, const struct rtc_runtime_config *config, struct rtc_media **ret)
{
        struct rtc_media *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        list_init(&m->peers);
        m->rt = rt;
        m->loop = net_thread_loop(config->net);
        m->ice = ice_nice_provider(net_thread_context(config->net));
        m->rng = config->rng;
        m->ice_loopback = config->ice_loopback;
        r = dtls_identity_new(&m->identity);
        if (r < 0) {
                rtc_media_free(m);
                return r;
        }
        *ret = m;
        return 0;
}

struct rtc_media *rtc_media_free(struct rtc_media *m)
{
        struct media_peer *p;

        if (!m)
                return NULL;
        list_for_each (p, &m->peers, link)
                media_peer_free(p);
        dtls_identity_free(m->identity);
        free(m);
        return NULL;
}
