/* lk-data.c - see lk-data.h.
 *
 * `packets` holds what is reliable, in order: first what was sent (kept for a resume, and given up from the oldest on
 * when there is too much), then what waits. A packet gets its number when it is first sent, as a member appended to
 * its bytes, which protobuf allows in any order: so what waits through a full reconnect is numbered in the session it
 * goes out in. A message is taken whole or not at all.
 */
#include "engine/livekit/lk-data.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/utf8.h"
#include "engine/livekit/lk-seal.h"
#include "engine/livekit/lk-streams.h"

LOG_TOPIC("engine/lk-data");

enum {
        CHUNK = 15000,        /* bytes of a stream's text in one packet, as LiveKit's SDKs do it */
        NUMBER_MAX = 2 + 5,   /* bytes of a packet's number */
        STREAM_ID_BYTES = 16, /* written in hexadecimal */
};
#define CHAT "lk.chat"

struct packet {
        struct list link; /* in lk_data.packets */
        uint32_t seq;     /* 0: not sent yet */
        size_t len;
        uint8_t bytes[]; /* with room for the number */
};

struct lk_data {
        struct lk_data_events ev;
        void *ctx;
        struct rng *rng;
        struct e2ee_keys *keys; /* referenced, or NULL */
        bool reliable_open, lossy_open, lost;
        struct list packets;
        size_t kept_bytes, waiting_bytes;
        uint32_t last_seq;
        uint64_t next_us;
        struct list streams; /* struct lk_stream */
        struct lk_data_sender senders[LK_DATA_SENDERS_MAX];
        size_t n_senders, next_sender; /* the latter: who gives way to the next stranger */
        struct lk_data_stats stats;
};

/* ---- packets ---- */

static void packet_free(struct lk_data *d, struct packet *p)
{
        list_remove(&p->link);
        d->kept_bytes -= p->len;
        if (p->seq == 0)
                d->waiting_bytes -= p->len;
        free(p);
}

/* The bytes of a packet, in no list. */
static int packet_new(struct e2ee_keys *keys, const Livekit__DataPacket *m, struct packet **ret)
{
        _cleanup_free_ uint8_t *bytes = NULL;
        struct packet *p;
        size_t len;
        int r = keys ? lk_seal(keys, m, &bytes, &len) : livekit_pack(&m->base, &bytes, &len);

        if (r < 0)
                return r;
        p = malloc(sizeof(*p) + len + NUMBER_MAX);
        if (!p)
                return -ENOMEM;
        list_init(&p->link);
        p->seq = 0;
        p->len = len;
        memcpy(p->bytes, bytes, len);
        *ret = p;
        return 0;
}

/* DataPacket.sequence, member 16. */
static size_t write_number(uint8_t *to, uint32_t seq)
{
        size_t n = 0;

        to[n++] = 0x80;
        to[n++] = 0x01;
        for (; seq > 0x7f; seq >>= 7)
                to[n++] = (uint8_t)(seq | 0x80);
        to[n++] = (uint8_t)seq;
        return n;
}

static void drop_list(struct list *packets)
{
        struct packet *p;

        while ((p = list_first(packets, struct packet, link))) {
                list_remove(&p->link);
                free(p);
        }
}

/* What was sent makes room for what was not. */
static void make_room(struct lk_data *d)
{
        struct packet *p;

        while (d->kept_bytes > LK_DATA_KEPT_MAX && (p = list_first(&d->packets, struct packet, link)) && p->seq > 0)
                packet_free(d, p);
}

/* Takes all of a message's packets, or none. */
static enum engine_reason enqueue(struct lk_data *d, struct list *packets)
{
        struct packet *p;
        size_t bytes = 0;

        list_for_each (p, packets, link)
                bytes += p->len;
        if (d->waiting_bytes + bytes > LK_DATA_KEPT_MAX)
                return ENGINE_CONGESTED;
        while ((p = list_first(packets, struct packet, link))) {
                list_remove(&p->link);
                list_append(&d->packets, &p->link);
        }
        d->kept_bytes += bytes;
        d->waiting_bytes += bytes;
        d->next_us = 0;
        make_room(d);
        return ENGINE_OK;
}

/* ---- saying something ---- */

struct saying {
        struct list packets; /* of this message */
        const struct engine_message *m;
        struct e2ee_keys *keys; /* borrowed, or NULL */
        char stream_id[2 * STREAM_ID_BYTES + 1];
};

static int add_packet(struct saying *s, Livekit__DataPacket *m)
{
        struct packet *p;
        int r;

        m->has_kind = !s->m->reliable;
        m->kind = LIVEKIT__DATA_KIND__LOSSY;
        m->destination_identities = (char **)s->m->destinations;
        m->n_destination_identities = s->m->n_destinations;
        r = packet_new(s->keys, m, &p);
        if (r == 0)
                list_append(&s->packets, &p->link);
        return r;
}

static int say_header(struct saying *s, uint64_t realtime_us)
{
        Livekit__StreamTextHeader text = LIVEKIT__STREAM_TEXT_HEADER__INIT;
        Livekit__StreamHeader h = LIVEKIT__STREAM_HEADER__INIT;
        Livekit__DataPacket p = LIVEKIT__DATA_PACKET__INIT;

        h.stream_id = s->stream_id;
        h.has_timestamp = h.has_total_length = true;
        h.timestamp = (int64_t)(realtime_us / US_PER_MS);
        h.total_length = s->m->len;
        h.topic = (char *)(s->m->topic[0] ? s->m->topic : CHAT);
        h.mime_type = (char *)"text/plain";
        h.text_header = &text;
        p.value_case = LIVEKIT__DATA_PACKET__VALUE_STREAM_HEADER;
        p.stream_header = &h;
        return add_packet(s, &p);
}

/* Whole characters: there are readers that decode each chunk for itself. */
static size_t chunk_length(const char *text, size_t left)
{
        size_t n = CHUNK;

        if (left <= CHUNK)
                return left;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
                n--;
        return n;
}

static int say_chunks(struct saying *s)
{
        const char *text = s->m->data;
        uint64_t index = 0;
        int r = 0;

        for (size_t at = 0, n; at < s->m->len && r == 0; at += n) {
                Livekit__StreamChunk c = LIVEKIT__STREAM_CHUNK__INIT;
                Livekit__DataPacket p = LIVEKIT__DATA_PACKET__INIT;

                n = chunk_length(text + at, s->m->len - at);
                c.stream_id = s->stream_id;
                c.has_chunk_index = c.has_content = true;
                c.chunk_index = index++;
                c.content = (ProtobufCBinaryData){ .len = n, .data = (uint8_t *)text + at };
                p.value_case = LIVEKIT__DATA_PACKET__VALUE_STREAM_CHUNK;
                p.stream_chunk = &c;
                r = add_packet(s, &p);
        }
        return r;
}

static int say_trailer(struct saying *s)
{
        Livekit__StreamTrailer t = LIVEKIT__STREAM_TRAILER__INIT;
        Livekit__DataPacket p = LIVEKIT__DATA_PACKET__INIT;

        t.stream_id = s->stream_id;
        p.value_case = LIVEKIT__DATA_PACKET__VALUE_STREAM_TRAILER;
        p.stream_trailer = &t;
        return add_packet(s, &p);
}

static int say_text(struct lk_data *d, struct saying *s, uint64_t realtime_us)
{
        int r;

        for (unsigned i = 0; i < STREAM_ID_BYTES; i++)
                (void)snprintf(s->stream_id + 2 * i, 3, "%02x", rand_u32(d->rng) & 0xff);
        r = say_header(s, realtime_us);
        if (r == 0)
                r = say_chunks(s);
        return r == 0 ? say_trailer(s) : r;
}

static int say_data(struct saying *s)
{
        Livekit__UserPacket u = LIVEKIT__USER_PACKET__INIT;
        Livekit__DataPacket p = LIVEKIT__DATA_PACKET__INIT;

        u.has_payload = true;
        u.payload = (ProtobufCBinaryData){ .len = s->m->len, .data = (uint8_t *)s->m->data };
        u.topic = s->m->topic[0] ? (char *)s->m->topic : NULL;
        p.value_case = LIVEKIT__DATA_PACKET__VALUE_USER;
        p.user = &u;
        return add_packet(s, &p);
}

/* At once or not at all. */
static void send_lossy(struct lk_data *d, const struct list *packets)
{
        const struct packet *p = list_first(packets, struct packet, link);

        if (!d->lossy_open || d->lost || d->ev.send(LK_DATA_LOSSY, p->bytes, p->len, d->ctx) < 0)
                d->stats.dropped++;
}

enum engine_reason lk_data_say(struct lk_data *d, const struct engine_message *m, uint64_t realtime_us)
{
        struct saying s = { .m = m, .keys = d->keys };
        enum engine_reason reason = ENGINE_OK;
        int r;

        list_init(&s.packets);
        r = m->text ? say_text(d, &s, realtime_us) : say_data(&s);
        if (r < 0)
                reason = r == -EAGAIN ? ENGINE_CONGESTED : ENGINE_INTERNAL;
        else if (m->reliable)
                reason = enqueue(d, &s.packets);
        else
                send_lossy(d, &s.packets);
        drop_list(&s.packets);
        return reason;
}

static int send_packet(struct lk_data *d, struct packet *p, uint32_t seq)
{
        return d->ev.send(LK_DATA_RELIABLE, p->bytes, p->len + write_number(p->bytes + p->len, seq), d->ctx);
}

static bool can_send(const struct lk_data *d)
{
        return d->reliable_open && !d->lost;
}

void lk_data_flush(struct lk_data *d, uint64_t now_us)
{
        struct packet *p;

        d->next_us = LOOP_NEVER;
        list_for_each (p, &d->packets, link) {
                if (p->seq > 0)
                        continue;
                if (!can_send(d))
                        break;
                if (send_packet(d, p, d->last_seq + 1) < 0) {
                        d->next_us = now_us + LK_DATA_RETRY_US;
                        break;
                }
                p->seq = ++d->last_seq;
                d->waiting_bytes -= p->len;
        }
}

bool lk_data_is_waiting(const struct lk_data *d)
{
        return d->waiting_bytes > 0;
}

uint64_t lk_data_next_us(const struct lk_data *d)
{
        return d->next_us;
}

/* ---- the way to the server ---- */

void lk_data_open(struct lk_data *d, const char *label)
{
        d->reliable_open = d->reliable_open || strcmp(label, LK_DATA_RELIABLE) == 0;
        d->lossy_open = d->lossy_open || strcmp(label, LK_DATA_LOSSY) == 0;
        d->next_us = 0;
}

void lk_data_lost(struct lk_data *d)
{
        d->lost = true;
}

/* What the server lacks keeps its number: it knows by that what it has after all. */
void lk_data_resumed(struct lk_data *d, uint32_t last_seq)
{
        struct packet *p;

        d->lost = false;
        d->next_us = 0;
        list_for_each (p, &d->packets, link) {
                if (p->seq == 0)
                        continue;
                if (p->seq <= last_seq)
                        packet_free(d, p);
                else if (send_packet(d, p, p->seq) < 0)
                        log_warning("a message may be missing on the server after the connection was resumed");
        }
}

static void forget_session(struct lk_data *d)
{
        struct lk_stream *s;

        list_for_each (s, &d->streams, link)
                lk_stream_free(s);
        d->reliable_open = d->lossy_open = d->lost = false;
        d->last_seq = 0;
        d->n_senders = d->next_sender = 0;
}

void lk_data_begin(struct lk_data *d)
{
        struct packet *p;

        list_for_each (p, &d->packets, link)
                if (p->seq > 0)
                        packet_free(d, p);
        forget_session(d);
}

void lk_data_clear(struct lk_data *d)
{
        struct packet *p;

        list_for_each (p, &d->packets, link)
                packet_free(d, p);
        forget_session(d);
        d->next_us = LOOP_NEVER;
}

/* ---- receiving ---- */

static struct lk_data_sender *find_sender(struct lk_data *d, const char *sid)
{
        struct lk_data_sender *s;

        for (size_t i = 0; i < d->n_senders; i++)
                if (strcmp(d->senders[i].sid, sid) == 0)
                        return &d->senders[i];
        if (d->n_senders < LK_DATA_SENDERS_MAX)
                s = &d->senders[d->n_senders++];
        else
                s = &d->senders[d->next_sender++ % LK_DATA_SENDERS_MAX];
        (void)snprintf(s->sid, sizeof(s->sid), "%s", sid);
        s->last_seq = 0;
        return s;
}

/* True: it was here before. */
static bool is_repeated(struct lk_data *d, const Livekit__DataPacket *m)
{
        struct lk_data_sender *s;

        if (!m->has_sequence || m->sequence == 0 || !m->participant_sid || !*m->participant_sid ||
            strlen(m->participant_sid) >= sizeof(s->sid))
                return false;
        s = find_sender(d, m->participant_sid);
        if (m->sequence <= s->last_seq)
                return true;
        s->last_seq = m->sequence;
        return false;
}

struct hearing {
        const Livekit__DataPacket *m;
        const char *user; /* "": the server */
        bool reliable;
        uint64_t now_us;
};

static bool is_text(const char *s, size_t max)
{
        return strlen(s) <= max && utf8_is_text(s, strlen(s));
}

/* Whom it is for, as far as the app can name them. */
static size_t read_destinations(const Livekit__DataPacket *m, const char *ret[ENGINE_DESTINATIONS_MAX])
{
        size_t n = 0;

        for (size_t i = 0; i < m->n_destination_identities && n < ENGINE_DESTINATIONS_MAX; i++)
                if (is_text(m->destination_identities[i], LK_STREAM_USER_MAX))
                        ret[n++] = m->destination_identities[i];
        return n;
}

static void tell(struct lk_data *d, const struct hearing *h, struct engine_message *m)
{
        m->user_id = *h->user ? h->user : NULL;
        m->reliable = h->reliable || m->text;
        d->ev.message(m, d->ctx);
}

static void hear_user(struct lk_data *d, const struct hearing *h)
{
        const Livekit__UserPacket *u = h->m->user;
        const char *destinations[ENGINE_DESTINATIONS_MAX];
        struct engine_message m = { .topic = u->topic ? u->topic : "",
                                    .destinations = destinations,
                                    .n_destinations = read_destinations(h->m, destinations) };

        if (u->has_payload) {
                m.data = u->payload.data;
                m.len = u->payload.len;
        }
        if (m.len > ENGINE_MESSAGE_MAX || !is_text(m.topic, ENGINE_TOPIC_MAX))
                d->stats.dropped++;
        else
                tell(d, h, &m);
}

static void hear_chat(struct lk_data *d, const struct hearing *h)
{
        const Livekit__ChatMessage *c = h->m->chat_message;
        const char *destinations[ENGINE_DESTINATIONS_MAX];
        struct engine_message m = { .topic = "",
                                    .data = c->message,
                                    .len = c->message ? strlen(c->message) : 0,
                                    .text = true,
                                    .destinations = destinations,
                                    .n_destinations = read_destinations(h->m, destinations) };

        if (!c->message || c->deleted || !is_text(c->message, ENGINE_MESSAGE_MAX))
                d->stats.dropped++;
        else
                tell(d, h, &m);
}

static void keep_destinations(struct lk_stream *s, const Livekit__DataPacket *m)
{
        const char *destinations[ENGINE_DESTINATIONS_MAX];
        size_t n = read_destinations(m, destinations);

        for (size_t i = 0; i < n; i++) {
                s->destinations[s->n_destinations] = strdup(destinations[i]);
                if (s->destinations[s->n_destinations]) /* out of memory: one name less */
                        s->n_destinations++;
        }
}

static size_t count(const struct list *l)
{
        size_t n = 0;

        for (const struct list *at = l->next; at != l; at = at->next)
                n++;
        return n;
}

static void hear_header(struct lk_data *d, const struct hearing *h)
{
        uint64_t since_us = h->now_us > LK_DATA_STREAM_US ? h->now_us - LK_DATA_STREAM_US : 0;
        struct lk_stream *s;

        d->stats.dropped += lk_stream_expire(&d->streams, since_us);
        if (count(&d->streams) == LK_DATA_STREAMS_MAX) {
                lk_stream_free(list_first(&d->streams, struct lk_stream, link));
                d->stats.dropped++;
        }
        if (lk_stream_begin(&d->streams, h->m->stream_header, h->user, h->now_us, &s) < 0)
                d->stats.dropped++;
        else
                keep_destinations(s, h->m);
}

static void hear_chunk(struct lk_data *d, const struct hearing *h)
{
        int r = lk_stream_chunk(&d->streams, h->m->stream_chunk, h->user, h->now_us);

        if (r < 0 && r != -ENOENT) /* of a stream that is not read there may be many */
                d->stats.dropped++;
}

static void hear_trailer(struct lk_data *d, const struct hearing *h)
{
        _cleanup_(lk_stream_freep) struct lk_stream *s = NULL;
        struct engine_message m = { .text = true };
        int r = lk_stream_end(&d->streams, h->m->stream_trailer, h->user, &s);

        if (r < 0) {
                d->stats.dropped += r != -ENOENT;
                return;
        }
        m.topic = strcmp(s->topic, CHAT) == 0 ? "" : s->topic;
        m.data = s->text;
        m.len = s->len;
        m.destinations = (const char *const *)s->destinations;
        m.n_destinations = s->n_destinations;
        tell(d, h, &m);
}

static void hear(struct lk_data *d, const struct hearing *h)
{
        switch (h->m->value_case) {
        case LIVEKIT__DATA_PACKET__VALUE_USER: hear_user(d, h); break;
        case LIVEKIT__DATA_PACKET__VALUE_CHAT_MESSAGE: hear_chat(d, h); break;
        case LIVEKIT__DATA_PACKET__VALUE_STREAM_HEADER: hear_header(d, h); break;
        case LIVEKIT__DATA_PACKET__VALUE_STREAM_CHUNK: hear_chunk(d, h); break;
        case LIVEKIT__DATA_PACKET__VALUE_STREAM_TRAILER: hear_trailer(d, h); break;
        case LIVEKIT__DATA_PACKET__VALUE_ENCRYPTED_PACKET: /* in one that was sealed: there is no such thing */
        case LIVEKIT__DATA_PACKET__VALUE__NOT_SET:         /* speakers, metrics, calls: of no use to us */
        case _LIVEKIT__DATA_PACKET__VALUE__CASE_IS_INT_SIZE: d->stats.dropped++; break;
        }
}

static void hear_sealed(struct lk_data *d, const struct hearing *h)
{
        _cleanup_(livekit_payload_freep) Livekit__EncryptedPacketPayload *payload = NULL;
        Livekit__DataPacket m = *h->m;
        struct hearing inner = *h;

        inner.m = &m;
        if (!d->keys || lk_unseal(d->keys, &m, &payload) < 0)
                d->stats.undecrypted++;
        else
                hear(d, &inner);
}

static void hear_any(struct lk_data *d, const struct hearing *h)
{
        if (h->m->value_case == LIVEKIT__DATA_PACKET__VALUE_ENCRYPTED_PACKET)
                hear_sealed(d, h);
        else if (d->keys && *h->user)
                d->stats.undecrypted++;
        else
                hear(d, h);
}

void lk_data_receive(struct lk_data *d, const char *label, const void *data, size_t len, uint64_t now_us)
{
        _cleanup_(livekit_data_freep) Livekit__DataPacket *m = NULL;
        struct hearing h = { .reliable = strcmp(label, LK_DATA_RELIABLE) == 0, .now_us = now_us };

        if (livekit_data_parse(data, len, &m) < 0) {
                d->stats.malformed++;
                return;
        }
        if (h.reliable && is_repeated(d, m)) {
                d->stats.repeated++;
                return;
        }
        h.m = m;
        h.user = m->participant_identity ? m->participant_identity : "";
        if (is_text(h.user, LK_STREAM_USER_MAX))
                hear_any(d, &h);
        else
                d->stats.malformed++;
}

size_t lk_data_senders(const struct lk_data *d, const struct lk_data_sender **ret)
{
        *ret = d->senders;
        return d->n_senders;
}

void lk_data_get_stats(const struct lk_data *d, struct lk_data_stats *ret)
{
        *ret = d->stats;
}

/* ---- life ---- */

int lk_data_new(struct rng *rng, const struct lk_data_events *ev, void *ctx, struct lk_data **ret)
{
        struct lk_data *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->ev = *ev;
        d->ctx = ctx;
        d->rng = rng;
        d->next_us = LOOP_NEVER;
        list_init(&d->packets);
        list_init(&d->streams);
        *ret = d;
        return 0;
}

struct lk_data *lk_data_free(struct lk_data *d)
{
        if (!d)
                return NULL;
        lk_data_clear(d);
        e2ee_keys_unref(d->keys);
        free(d);
        return NULL;
}

void lk_data_encrypt(struct lk_data *d, struct e2ee_keys *keys)
{
        e2ee_keys_unref(d->keys);
        d->keys = keys ? e2ee_keys_ref(keys) : NULL;
}
