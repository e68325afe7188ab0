/* datachan.c - see datachan.h.
 *
 * A channel is a stream in both directions (RFC 8831 6.4). Ours is open as soon as its OPEN is sent: what is said
 * before the ACK comes is ordered behind it, on an unordered channel too (RFC 8832 6). Theirs is open when their OPEN
 * is here, and acknowledged. A message on a stream that has not been opened yet, which an unordered one may overtake,
 * is dropped.
 */
#include "transport/datachan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/loop.h"

struct channel {
        char label[DCEP_LABEL_MAX + 1];
        bool reliable;
        bool ours;  /* its OPEN is to be sent when the association is up */
        bool open;  /* … was, or came */
        bool acked; /* until then everything on it is ordered */
        bool deaf;  /* they say nothing more on it */
        uint16_t stream;
};

struct waiting {
        struct list link; /* in datachan.queue */
        size_t channel;   /* index; channels are never removed */
        uint32_t ppid;
        size_t len;
        uint8_t data[];
};

struct datachan {
        struct sctpctx *sctp; /* owned; NULL before the start */
        size_t send_max;
        struct datachan_events ev;
        void *ctx;
        struct channel channels[DATACHAN_MAX];
        size_t n_channels;
        uint16_t next_stream;
        struct list queue; /* struct waiting, in order */
        size_t queued_bytes;
        bool up, closed;
        uint64_t now_us; /* of the call being served */
        struct datachan_stats stats;
};

static struct channel *find_label(struct datachan *d, const char *label)
{
        for (size_t i = 0; i < d->n_channels; i++)
                if (strcmp(d->channels[i].label, label) == 0)
                        return &d->channels[i];
        return NULL;
}

static struct channel *find_stream(struct datachan *d, uint16_t stream)
{
        for (size_t i = 0; i < d->n_channels; i++)
                if (d->channels[i].open && d->channels[i].stream == stream)
                        return &d->channels[i];
        return NULL;
}

/* ---- sending ---- */

static int send_on(struct datachan *d, const struct channel *c, uint32_t ppid, const void *data, size_t len)
{
        static const uint8_t zero = 0;
        const struct sctpctx_message m = { .stream = c->stream,
                                           .ppid = ppid,
                                           .unordered = !c->reliable && c->acked && ppid != PPID_DCEP,
                                           .once = !c->reliable && ppid != PPID_DCEP,
                                           .data = len > 0 ? data : &zero,
                                           .len = len > 0 ? len : 1 };
        int r = sctpctx_send(d->sctp, &m, d->now_us);

        if (r < 0 || ppid == PPID_DCEP)
                return r;
        d->stats.messages_sent++;
        d->stats.bytes_sent += len;
        return 0;
}

static int send_open(struct datachan *d, struct channel *c)
{
        const struct dcep_open o = { .unordered = !c->reliable,
                                     .limit = c->reliable ? DCEP_RELIABLE : DCEP_RETRANSMITS,
                                     .label = c->label,
                                     .label_len = strlen(c->label) };
        uint8_t buf[DCEP_OPEN_MIN + DCEP_LABEL_MAX];
        int n = dcep_build_open(&o, buf, sizeof(buf));

        return n < 0 ? n : send_on(d, c, PPID_DCEP, buf, (size_t)n);
}

static void waiting_free(struct datachan *d, struct waiting *w)
{
        list_remove(&w->link);
        d->queued_bytes -= w->len + sizeof(*w);
        free(w);
}

static void drop_queue(struct datachan *d)
{
        struct waiting *w;

        while ((w = list_first(&d->queue, struct waiting, link)))
                waiting_free(d, w);
}

static void flush(struct datachan *d)
{
        struct waiting *w;

        while (d->up && !d->closed && (w = list_first(&d->queue, struct waiting, link))) {
                const struct channel *c = &d->channels[w->channel];
                int r = c->open ? send_on(d, c, w->ppid, w->data, w->len) : -EAGAIN;

                if (r == -EAGAIN)
                        return;
                if (r < 0)
                        d->stats.dropped++;
                waiting_free(d, w);
        }
}

static int enqueue(struct datachan *d, const struct channel *c, uint32_t ppid, const void *data, size_t len)
{
        size_t size = sizeof(struct waiting) + len;
        struct waiting *w;

        if (d->queued_bytes + size > DATACHAN_QUEUE_MAX)
                return -ENOBUFS;
        w = malloc(size);
        if (!w)
                return -ENOMEM;
        *w = (struct waiting){ .channel = (size_t)(c - d->channels), .ppid = ppid, .len = len };
        if (len > 0)
                memcpy(w->data, data, len);
        list_append(&d->queue, &w->link);
        d->queued_bytes += size;
        return 0;
}

int datachan_send(struct datachan *d, const struct datachan_message *m, uint64_t now_us)
{
        const struct channel *c = find_label(d, m->label);
        uint32_t ppid = m->text ? PPID_TEXT : PPID_BINARY;
        int r = -EAGAIN;

        if (d->closed)
                return -ENOTCONN;
        if (!c)
                return -ENOENT;
        if (m->len > d->send_max)
                return -EMSGSIZE;
        if (m->len == 0)
                ppid = m->text ? PPID_TEXT_EMPTY : PPID_BINARY_EMPTY;
        d->now_us = now_us;
        if (d->up && c->open && (!c->reliable || list_is_empty(&d->queue)))
                r = send_on(d, c, ppid, m->data, m->len);
        if (r != -EAGAIN)
                return r;
        if (c->reliable)
                return enqueue(d, c, ppid, m->data, m->len);
        d->stats.dropped++;
        return 0;
}

size_t datachan_waiting(const struct datachan *d)
{
        return d->queued_bytes;
}

/* ---- channels ---- */

static void open_ours(struct datachan *d, struct channel *c)
{
        while (d->next_stream < SCTPCTX_STREAMS && find_stream(d, d->next_stream))
                d->next_stream += 2;
        c->stream = d->next_stream;
        if (d->next_stream >= SCTPCTX_STREAMS || send_open(d, c) < 0) /* full: with the next input */
                return;
        d->next_stream += 2;
        c->open = true;
        d->ev.open(c->label, d->ctx);
}

static void open_what_waits(struct datachan *d)
{
        for (size_t i = 0; d->up && !d->closed && i < d->n_channels; i++)
                if (d->channels[i].ours && !d->channels[i].open)
                        open_ours(d, &d->channels[i]);
}

int datachan_open(struct datachan *d, const char *label, bool reliable, uint64_t now_us)
{
        struct channel *c;

        if (find_label(d, label))
                return 0;
        if (d->n_channels == DATACHAN_MAX || strlen(label) > DCEP_LABEL_MAX)
                return -EMSGSIZE;
        c = &d->channels[d->n_channels++];
        *c = (struct channel){ .reliable = reliable, .ours = true };
        (void)snprintf(c->label, sizeof(c->label), "%s", label);
        d->now_us = now_us;
        if (d->sctp)
                sctpctx_wake(d->sctp, now_us); /* the event comes from a timeout, not from inside this call */
        return 0;
}

static void refuse(struct datachan *d, uint16_t stream)
{
        d->stats.dropped++;
        (void)sctpctx_reset(d->sctp, stream, d->now_us);
}

static void on_open(struct datachan *d, uint16_t stream, const struct dcep_open *o)
{
        static const uint8_t ack = DCEP_ACK;
        bool is_first;
        struct channel *c;

        if (find_stream(d, stream) || d->n_channels == DATACHAN_MAX || o->label_len > DCEP_LABEL_MAX ||
            memchr(o->label, '\0', o->label_len)) {
                refuse(d, stream);
                return;
        }
        c = &d->channels[d->n_channels];
        *c = (struct channel){
                .reliable = !o->unordered && o->limit == DCEP_RELIABLE, .open = true, .acked = true, .stream = stream
        };
        memcpy(c->label, o->label, o->label_len);
        is_first = find_label(d, c->label) == NULL;
        d->n_channels++;
        (void)send_on(d, c, PPID_DCEP, &ack, 1); /* without it they go on in order, which harms nobody */
        if (is_first)
                d->ev.open(c->label, d->ctx);
}

static void on_dcep(struct datachan *d, const struct sctpctx_message *m)
{
        struct channel *c = find_stream(d, m->stream);
        enum dcep_kind kind;
        struct dcep_open o;

        if (dcep_parse(m->data, m->len, &kind, &o) < 0)
                d->stats.dropped++;
        else if (kind == DCEP_OPEN)
                on_open(d, m->stream, &o);
        else if (c)
                c->acked = true;
}

/* ---- from the association ---- */

static void on_output(const uint8_t *data, size_t len, void *ctx)
{
        struct datachan *d = ctx;

        d->ev.output(data, len, d->ctx);
}

static void on_state(bool up, void *ctx)
{
        struct datachan *d = ctx;

        d->up = up;
        if (up)
                return; /* settle() follows */
        d->closed = true;
        drop_queue(d);
        d->ev.closed(d->ctx);
}

static void on_message(const struct sctpctx_message *sm, void *ctx)
{
        struct datachan *d = ctx;
        const struct channel *c = find_stream(d, sm->stream);
        struct datachan_message m = { .data = sm->data, .len = sm->len };

        if (sm->ppid == PPID_DCEP) {
                on_dcep(d, sm);
                return;
        }
        if (sm->ppid == PPID_TEXT_EMPTY || sm->ppid == PPID_BINARY_EMPTY)
                m.len = 0;
        m.text = sm->ppid == PPID_TEXT || sm->ppid == PPID_TEXT_EMPTY;
        if (!c || c->deaf || (!m.text && sm->ppid != PPID_BINARY && sm->ppid != PPID_BINARY_EMPTY)) {
                d->stats.dropped++;
                return;
        }
        m.label = c->label;
        d->stats.messages_received++;
        d->stats.bytes_received += m.len;
        d->ev.message(&m, d->ctx);
}

/* Who closes a channel resets his half of it; the other half follows (RFC 8831 6.7). The number is not used again. */
static void on_reset(uint16_t stream, void *ctx)
{
        struct datachan *d = ctx;
        struct channel *c = find_stream(d, stream);

        if (!c || c->deaf)
                return;
        c->deaf = true;
        (void)sctpctx_reset(d->sctp, stream, d->now_us);
}

static void settle(struct datachan *d)
{
        open_what_waits(d);
        flush(d);
}

void datachan_input(struct datachan *d, const uint8_t *data, size_t len, uint64_t now_us)
{
        if (!d->sctp)
                return;
        d->now_us = now_us;
        sctpctx_input(d->sctp, data, len, now_us);
        settle(d);
}

uint64_t datachan_next_us(const struct datachan *d)
{
        return d->sctp ? sctpctx_next_us(d->sctp) : LOOP_NEVER;
}

void datachan_timeout(struct datachan *d, uint64_t now_us)
{
        if (!d->sctp)
                return;
        d->now_us = now_us;
        sctpctx_timeout(d->sctp, now_us);
        settle(d);
}

void datachan_get_stats(const struct datachan *d, struct datachan_stats *ret)
{
        *ret = d->stats;
        if (d->sctp)
                ret->dropped += sctpctx_dropped(d->sctp);
}

/* ---- life ---- */

int datachan_start(struct datachan *d, const struct datachan_config *config, uint64_t now_us)
{
        static const struct sctpctx_events events = {
                .output = on_output, .state = on_state, .message = on_message, .reset = on_reset
        };

        if (d->sctp)
                return -EALREADY;
        d->next_stream = config->even ? 0 : 1;
        if (config->send_max > 0 && config->send_max < d->send_max)
                d->send_max = config->send_max;
        d->now_us = now_us;
        return sctpctx_new(config->remote_port, now_us, &events, d, &d->sctp);
}

int datachan_new(const struct datachan_events *ev, void *ctx, struct datachan **ret)
{
        struct datachan *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        list_init(&d->queue);
        d->ev = *ev;
        d->ctx = ctx;
        d->send_max = SCTPCTX_SEND_MAX;
        *ret = d;
        return 0;
}

struct datachan *datachan_free(struct datachan *d)
{
        if (!d)
                return NULL;
        sctpctx_free(d->sctp);
        drop_queue(d);
        free(d);
        return NULL;
}
