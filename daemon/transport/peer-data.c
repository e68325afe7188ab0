/* peer-data.c - data channels of a peer: SCTP in the application data of its DTLS (RFC 8261).
 *
 * Network thread. The association begins when DTLS is connected and a section for it has been agreed on, whichever is
 * later, and ends with the peer. What is asked for before waits in datachan.
 */
#include "transport/peer-internal.h"

#include <errno.h>

_Static_assert((int)SCTPCTX_PACKET_MAX <= (int)DTLS_DATA_MAX, "a packet is a record");
_Static_assert((int)NEG_MESSAGE_MAX == (int)SCTPCTX_RECEIVE_MAX && (int)NEG_SCTP_PORT == (int)SCTPCTX_PORT,
               "what is offered is what is taken");

static void on_output(const uint8_t *data, size_t len, void *ctx)
{
        (void)dtls_send(((struct peer *)ctx)->dtls, data, len); /* SCTP repeats what is lost */
}

static void on_open(const char *label, void *ctx)
{
        struct peer *p = ctx;

        p->ev.data_open(label, p->ctx);
}

static void on_message(const struct datachan_message *m, void *ctx)
{
        struct peer *p = ctx;

        p->ev.data(m, p->ctx);
}

static void on_closed(void *ctx)
{
        struct peer *p = ctx;

        p->ev.data_closed(p->ctx);
}

static int need_data(struct peer *p)
{
        static const struct datachan_events events = {
                .output = on_output, .open = on_open, .message = on_message, .closed = on_closed
        };

        return p->data ? 0 : datachan_new(&events, p, &p->data);
}

/* For want of memory there are no channels; sound does not need them. */
void peer_data_start(struct peer *p)
{
        int at = negotiate_find_data(&p->agreed);
        const struct neg_section *s = at < 0 ? NULL : &p->agreed.sections[at];

        if (!s || dtls_get_state(p->dtls) != DTLS_STATE_CONNECTED || need_data(p) < 0)
                return;
        (void)datachan_start(p->data,
                             &(struct datachan_config){ .remote_port = s->sctp_port,
                                                        .even = p->role == DTLS_ROLE_CLIENT,
                                                        .send_max = s->max_message_size },
                             loop_now_us(p->loop)); /* -EALREADY after the first time */
}

void peer_data_input(const uint8_t *record, size_t len, void *ctx)
{
        struct peer *p = ctx;

        if (p->data)
                datachan_input(p->data, record, len, loop_now_us(p->loop));
}

int peer_open_channel(struct peer *p, const char *label, bool reliable)
{
        int r = need_data(p);

        if (r == 0)
                r = datachan_open(p->data, label, reliable, loop_now_us(p->loop));
        peer_rearm(p);
        return r;
}

int peer_send_data(struct peer *p, const struct datachan_message *m)
{
        int r = p->data ? datachan_send(p->data, m, loop_now_us(p->loop)) : -ENOENT;

        peer_rearm(p);
        return r;
}

size_t peer_data_waiting(const struct peer *p)
{
        return p->data ? datachan_waiting(p->data) : 0;
}
