/* sctpctx.c - see sctpctx.h. The only file that knows usrsctp.
 *
 * usrsctp is one for the whole process: it has one table of associations, one output function without a context and
 * one clock, which stands still until it is told how much time went by. `stack` below is our side of it, begun by the
 * first association and ended by the last; the network thread's alone. Associations are known to usrsctp by numbers
 * instead of pointers, so what it still sends for one that is gone finds nobody.
 *
 * Of usrsctp's threads none works for us: usrsctp_init_nothreads() starts neither its timer nor its sockets. (Version
 * 0.9.5 starts one that waits for changes of IP addresses all the same, and sleeps for ever.) It locks itself while it
 * calls back, so what it delivers is put into `inbox` and told when the call that brought it has returned.
 *
 * It does not say when it wants to be called next. So it is called every TICK_US while anything may be under way, and
 * not at all once nothing was said for QUIET_US and nothing waits to be acknowledged: heartbeats are off, as ICE sees
 * to it that the path lives (RFC 7675). What is late it tells by the wall clock: one that is set back while something
 * is under way delays its repetition by as much.
 */
#include "transport/sctpctx.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <usrsctp.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/loop.h"

enum {
        TICK_US = 20000,
        QUIET_US = 3000000,
        RTO_FIRST_MS = 500,
        RTO_MIN_MS = 200,  /* RFC 9260 16 says a second, for networks that delay acknowledgements that long */
        RTO_MAX_MS = 2000, /* it doubles with each loss in a row, and that is no sign of a full network here */
        TRIES_MAX = 60,    /* about two minutes: ICE is restarted sooner, or the peer is given up */
        SACK_DELAY_MS = 20,
        INBOX_MAX = 1024,   /* deliveries of one packet or tick */
        COMMON_HEADER = 12, /* usrsctp counts it beside the MTU of a path without IP */
        RESET_WORDS = 8,    /* of streams in one notification that we look at */
};

enum delivery_kind { DELIVERY_DATA, DELIVERY_UP, DELIVERY_DOWN, DELIVERY_RESET };

struct delivery {
        struct list link; /* in sctpctx.inbox */
        enum delivery_kind kind;
        void *data; /* owned, malloc()ed by usrsctp; DATA */
        size_t len;
        uint16_t stream;
        uint32_t ppid;
        bool unordered, last;
};

struct sctpctx {
        struct list link;      /* in stack.all */
        uintptr_t number;      /* what usrsctp takes for our address */
        struct socket *socket; /* owned */
        struct sctpctx_events ev;
        void *ctx;
        uint16_t remote_port;
        bool up, down;
        uint64_t next_us, busy_until_us;
        struct list inbox; /* struct delivery */
        size_t n_inbox;
        /* the message that arrives in pieces */
        uint8_t *partial; /* owned */
        size_t partial_len;
        uint16_t partial_stream;
        bool has_partial, skips; /* skips: its rest is not wanted */
        uint64_t dropped;
};

static struct {
        struct list all;
        bool running;
        uintptr_t last_number;
        uint64_t told_us; /* usrsctp was told that it is that late */
} stack;

/* ---- usrsctp as a whole ---- */

static struct sctpctx *find(uintptr_t number)
{
        struct sctpctx *s;

        list_for_each (s, &stack.all, link)
                if (s->number == number)
                        return s;
        return NULL;
}

static int on_output(void *addr, void *buffer, size_t len, uint8_t tos, uint8_t set_df)
{
        struct sctpctx *s = find((uintptr_t)addr);

        (void)tos, (void)set_df;
        if (s)
                s->ev.output(buffer, len, s->ctx);
        return 0;
}

static void stack_start(uint64_t now_us)
{
        if (stack.running)
                return;
        list_init(&stack.all);
        usrsctp_init_nothreads(0, on_output, NULL);
        usrsctp_sysctl_set_sctp_asconf_enable(0);
        usrsctp_sysctl_set_sctp_auto_asconf(0);
        usrsctp_sysctl_set_sctp_auth_enable(0);
        usrsctp_sysctl_set_sctp_ecn_enable(0);
        usrsctp_sysctl_set_sctp_nrsack_enable(0);
        usrsctp_sysctl_set_sctp_pktdrop_enable(0);
        usrsctp_sysctl_set_sctp_no_csum_on_loopback(0); /* CRC32c always (RFC 8831 6.1) */
        usrsctp_sysctl_set_sctp_blackhole(2);           /* what belongs to no association is not answered */
        usrsctp_sysctl_set_sctp_rto_initial_default(RTO_FIRST_MS);
        usrsctp_sysctl_set_sctp_rto_min_default(RTO_MIN_MS);
        usrsctp_sysctl_set_sctp_rto_max_default(RTO_MAX_MS);
        usrsctp_sysctl_set_sctp_init_rto_max_default(RTO_MAX_MS);
        usrsctp_sysctl_set_sctp_init_rtx_max_default(TRIES_MAX);
        usrsctp_sysctl_set_sctp_assoc_rtx_max_default(TRIES_MAX);
        usrsctp_sysctl_set_sctp_path_rtx_max_default(TRIES_MAX);
        usrsctp_sysctl_set_sctp_delayed_sack_time_default(SACK_DELAY_MS);
        stack.running = true;
        stack.told_us = now_us;
}

/* When somebody in it still waits for a timer it is kept, for the next association. */
static void stack_stop_when_unused(void)
{
        if (list_is_empty(&stack.all) && usrsctp_finish() == 0)
                stack.running = false;
}

static void stack_advance(uint64_t now_us)
{
        uint64_t ms = now_us > stack.told_us ? (now_us - stack.told_us) / US_PER_MS : 0;

        stack.told_us += ms * US_PER_MS;
        if (ms > 0)
                usrsctp_handle_timers(ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX);
}

/* ---- what usrsctp delivers ---- */

/* Takes data. */
static void deliver(struct sctpctx *s, struct delivery what)
{
        struct delivery *d = s->n_inbox < INBOX_MAX ? malloc(sizeof(*d)) : NULL;

        if (!d) {
                free(what.data);
                s->dropped++;
                s->skips = s->has_partial; /* a hole would go unnoticed otherwise */
                return;
        }
        *d = what;
        list_append(&s->inbox, &d->link);
        s->n_inbox++;
}

static void deliver_resets(struct sctpctx *s, const struct sctp_stream_reset_event *e, size_t len)
{
        if (!(e->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN))
                return;
        for (size_t i = 0; i < RESET_WORDS && sizeof(*e) + (i + 1) * sizeof(uint16_t) <= len; i++)
                deliver(s, (struct delivery){ .kind = DELIVERY_RESET, .stream = e->strreset_stream_list[i] });
}

static void deliver_notification(struct sctpctx *s, const union sctp_notification *n, size_t len)
{
        if (len < sizeof(n->sn_header) || n->sn_header.sn_length != len)
                return;
        if (n->sn_header.sn_type == SCTP_ASSOC_CHANGE && len >= sizeof(n->sn_assoc_change))
                deliver(s, (struct delivery){ .kind = n->sn_assoc_change.sac_state == SCTP_COMM_UP ? DELIVERY_UP
                                                                                                   : DELIVERY_DOWN });
        else if (n->sn_header.sn_type == SCTP_STREAM_RESET_EVENT && len >= sizeof(n->sn_strreset_event))
                deliver_resets(s, &n->sn_strreset_event, len);
}

/* data is ours; NULL when the socket is closed. ctx is NULL in sctpctx_free(). Returns 1: no need to look further. */
static int on_receive(struct socket *socket, union sctp_sockstore addr, void *data, size_t len,
                      struct sctp_rcvinfo info, int flags, void *ctx)
{
        struct sctpctx *s = ctx;

        (void)socket, (void)addr;
        if (!data || !s || flags & MSG_NOTIFICATION) {
                if (data && s)
                        deliver_notification(s, data, len);
                free(data);
                return 1;
        }
        deliver(s, (struct delivery){ .kind = DELIVERY_DATA,
                                      .data = data,
                                      .len = len,
                                      .stream = info.rcv_sid,
                                      .ppid = ntohl(info.rcv_ppid),
                                      .unordered = (info.rcv_flags & SCTP_UNORDERED) != 0,
                                      .last = (flags & MSG_EOR) != 0 });
        return 1;
}

/* ---- telling it ---- */

static void tell(struct sctpctx *s, const struct delivery *d, const void *data, size_t len)
{
        const struct sctpctx_message m = {
                .stream = d->stream, .ppid = d->ppid, .unordered = d->unordered, .data = data, .len = len
        };

        if (len > 0 && len <= SCTPCTX_RECEIVE_MAX)
                s->ev.message(&m, s->ctx);
        else
                s->dropped++;
}

/* False: too long, or no memory. */
static bool append(struct sctpctx *s, const struct delivery *d)
{
        uint8_t *grown;

        if (s->skips || s->partial_len + d->len > SCTPCTX_RECEIVE_MAX)
                return false;
        grown = realloc(s->partial, s->partial_len + d->len);
        if (!grown)
                return false;
        memcpy(grown + s->partial_len, d->data, d->len);
        s->partial = grown;
        s->partial_len += d->len;
        return true;
}

static void forget_partial(struct sctpctx *s)
{
        free(take_ptr(s->partial));
        s->partial_len = 0;
        s->has_partial = s->skips = false;
}

/* Pieces of one message are not mixed with others (SCTP_FRAGMENT_INTERLEAVE is 0); should they be, both are lost. */
static void tell_data(struct sctpctx *s, const struct delivery *d)
{
        if (!s->has_partial && d->last) {
                tell(s, d, d->data, d->len);
                return;
        }
        if (s->has_partial && s->partial_stream != d->stream)
                s->skips = true;
        s->has_partial = true;
        s->partial_stream = d->stream;
        if (!append(s, d))
                s->skips = true;
        if (!d->last)
                return;
        if (s->skips)
                s->dropped++;
        else
                tell(s, d, s->partial, s->partial_len);
        forget_partial(s);
}

static void tell_state(struct sctpctx *s, bool up)
{
        if (up ? s->up : s->down)
                return;
        if (up)
                s->up = true;
        else
                s->down = true;
        s->ev.state(up, s->ctx);
}

static void tell_delivery(struct sctpctx *s, const struct delivery *d)
{
        if (s->down)
                return;
        switch (d->kind) {
        case DELIVERY_DATA: tell_data(s, d); break;
        case DELIVERY_UP: tell_state(s, true); break;
        case DELIVERY_DOWN: tell_state(s, false); break;
        case DELIVERY_RESET: s->ev.reset(d->stream, s->ctx); break;
        }
}

static void empty_inbox(struct sctpctx *s, bool telling)
{
        struct delivery *d;

        while ((d = list_first(&s->inbox, struct delivery, link))) {
                list_remove(&d->link);
                s->n_inbox--;
                if (telling)
                        tell_delivery(s, d);
                free(d->data);
                free(d);
        }
}

/* ---- time ---- */

static bool has_unacknowledged(struct sctpctx *s)
{
        struct sctp_status status = { 0 };
        socklen_t len = sizeof(status);

        return usrsctp_getsockopt(s->socket, IPPROTO_SCTP, SCTP_STATUS, &status, &len) == 0 &&
               (status.sstat_unackdata > 0 || status.sstat_penddata > 0);
}

static void touch(struct sctpctx *s, uint64_t now_us)
{
        s->busy_until_us = now_us + QUIET_US;
        if (s->next_us > now_us + TICK_US)
                s->next_us = now_us + TICK_US;
}

uint64_t sctpctx_next_us(const struct sctpctx *s)
{
        return s->down ? LOOP_NEVER : s->next_us;
}

void sctpctx_wake(struct sctpctx *s, uint64_t now_us)
{
        s->next_us = now_us;
}

void sctpctx_timeout(struct sctpctx *s, uint64_t now_us)
{
        if (now_us < s->next_us)
                return;
        stack_advance(now_us);
        s->next_us = now_us < s->busy_until_us || !s->up || has_unacknowledged(s) ? now_us + TICK_US : LOOP_NEVER;
        empty_inbox(s, true);
}

void sctpctx_input(struct sctpctx *s, const uint8_t *data, size_t len, uint64_t now_us)
{
        if (s->down || len == 0)
                return;
        stack_advance(now_us);
        touch(s, now_us);
        usrsctp_conninput((void *)s->number, data, len, 0);
        empty_inbox(s, true);
}

/* ---- sending ---- */

int sctpctx_send(struct sctpctx *s, const struct sctpctx_message *m, uint64_t now_us)
{
        struct sctp_sendv_spa spa = {
                .sendv_flags = SCTP_SEND_SNDINFO_VALID,
                .sendv_sndinfo = { .snd_sid = m->stream, .snd_flags = SCTP_EOR, .snd_ppid = htonl(m->ppid) }
        };
        ssize_t n;

        assert(m->len > 0);
        if (!s->up || s->down)
                return -ENOTCONN;
        if (m->len > SCTPCTX_SEND_MAX)
                return -EMSGSIZE;
        if (m->unordered)
                spa.sendv_sndinfo.snd_flags |= SCTP_UNORDERED;
        if (m->once) {
                spa.sendv_flags |= SCTP_SEND_PRINFO_VALID;
                spa.sendv_prinfo = (struct sctp_prinfo){ .pr_policy = SCTP_PR_SCTP_RTX };
        }
        stack_advance(now_us);
        touch(s, now_us);
        n = usrsctp_sendv(s->socket, m->data, m->len, NULL, 0, &spa, sizeof(spa), SCTP_SENDV_SPA, 0);
        return n >= 0 ? 0 : errno == EWOULDBLOCK || errno == ENOBUFS ? -EAGAIN : -errno;
}

int sctpctx_reset(struct sctpctx *s, uint16_t stream, uint64_t now_us)
{
        _Alignas(struct sctp_reset_streams) uint8_t room[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)] = { 0 };
        struct sctp_reset_streams *reset = (struct sctp_reset_streams *)room;

        if (!s->up || s->down)
                return -ENOTCONN;
        reset->srs_flags = SCTP_STREAM_RESET_OUTGOING;
        reset->srs_number_streams = 1;
        reset->srs_stream_list[0] = stream;
        stack_advance(now_us);
        touch(s, now_us);
        return usrsctp_setsockopt(s->socket, IPPROTO_SCTP, SCTP_RESET_STREAMS, reset, sizeof(room)) < 0 ? -errno : 0;
}

uint64_t sctpctx_dropped(const struct sctpctx *s)
{
        return s->dropped;
}

/* ---- life ---- */

static struct sockaddr_conn address_of(const struct sctpctx *s, uint16_t port)
{
        return (struct sockaddr_conn){ .sconn_family = AF_CONN,
                                       .sconn_port = htons(port),
                                       .sconn_addr = (void *)s->number };
}

static int set(struct sctpctx *s, int level, int name, const void *value, size_t len)
{
        return usrsctp_setsockopt(s->socket, level, name, value, (socklen_t)len) < 0 ? -errno : 0;
}

static int set_up_socket(struct sctpctx *s)
{
        static const uint16_t events[] = { SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT };
        const struct linger abort_on_close = { .l_onoff = 1 };
        const struct sctp_assoc_value resets = { SCTP_ALL_ASSOC, SCTP_ENABLE_RESET_STREAM_REQ };
        const struct sctp_initmsg init = { .sinit_num_ostreams = SCTPCTX_STREAMS,
                                           .sinit_max_instreams = SCTPCTX_STREAMS };
        const int on = 1, off = 0, buffer = SCTPCTX_BUFFER;
        int r = usrsctp_set_non_blocking(s->socket, 1) < 0 ? -errno : 0;

        if (r == 0)
                r = set(s, SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof(abort_on_close));
        if (r == 0)
                r = set(s, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
        if (r == 0)
                r = set(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
        if (r == 0)
                r = set(s, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on));
        if (r == 0)
                r = set(s, IPPROTO_SCTP, SCTP_FRAGMENT_INTERLEAVE, &off, sizeof(off));
        if (r == 0)
                r = set(s, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &resets, sizeof(resets));
        if (r == 0)
                r = set(s, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof(init));
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(events); i++) {
                const struct sctp_event event = { .se_assoc_id = SCTP_ALL_ASSOC, .se_type = events[i], .se_on = 1 };

                r = set(s, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof(event));
        }
        return r;
}

/* Both sides connect; SCTP makes one association of it (RFC 9260 5.2.1). */
static int start(struct sctpctx *s)
{
        struct sockaddr_conn local = address_of(s, SCTPCTX_PORT), remote = address_of(s, s->remote_port);
        struct sctp_paddrparams path = { .spp_pathmtu = SCTPCTX_PACKET_MAX - COMMON_HEADER,
                                         .spp_flags = SPP_PMTUD_DISABLE | SPP_HB_DISABLE };

        if (usrsctp_bind(s->socket, (struct sockaddr *)&local, sizeof(local)) < 0)
                return -errno;
        if (usrsctp_connect(s->socket, (struct sockaddr *)&remote, sizeof(remote)) < 0 && errno != EINPROGRESS)
                return -errno;
        memcpy(&path.spp_address, &remote, sizeof(remote));
        return set(s, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path));
}

int sctpctx_new(uint16_t remote_port, uint64_t now_us, const struct sctpctx_events *ev, void *ctx,
                struct sctpctx **ret)
{
        _cleanup_(sctpctx_freep) struct sctpctx *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        stack_start(now_us);
        stack_advance(now_us);
        list_init(&s->inbox);
        list_append(&stack.all, &s->link);
        s->number = ++stack.last_number;
        s->ev = *ev;
        s->ctx = ctx;
        s->remote_port = remote_port;
        s->next_us = now_us + TICK_US;
        usrsctp_register_address((void *)s->number);
        s->socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, on_receive, NULL, 0, s);
        r = s->socket ? set_up_socket(s) : -ENOMEM;
        if (r == 0)
                r = start(s);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

struct sctpctx *sctpctx_free(struct sctpctx *s)
{
        if (!s)
                return NULL;
        if (s->socket) {
                (void)usrsctp_set_ulpinfo(s->socket, NULL);
                usrsctp_close(s->socket);
        }
        usrsctp_deregister_address((void *)s->number);
        empty_inbox(s, false);
        forget_partial(s);
        list_remove(&s->link);
        free(s);
        stack_stop_when_unused();
        return NULL;
}
