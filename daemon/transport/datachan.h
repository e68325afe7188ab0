/* datachan.h - data channels (RFC 8831, RFC 8832) over one SCTP association: messages by label.
 *
 * Network thread; a pure object like sctpctx, below it. Channels are either ordered and reliable, or unordered and
 * sent once: what others ask for in between is received all the same. A label names the first channel that has it,
 * whoever opened it. What is reliable waits here while the association is not up or full, within DATACHAN_QUEUE_MAX;
 * what is not is dropped then.
 *
 * Events come from input and timeout only (output also from the others); everything but datachan_free() is legal in
 * them.
 */
#pragma once

#include "transport/sctpctx.h"
#include "wire/dcep.h"

enum { DATACHAN_MAX = 16, DATACHAN_QUEUE_MAX = 2 * 1024 * 1024 };

struct datachan_message {
        const char *label;
        bool text;
        const void *data;
        size_t len; /* may be 0 */
};

struct datachan_events {
        uint32_t version;                                           /* 0 */
        void (*output)(const uint8_t *data, size_t len, void *ctx); /* one packet */
        void (*open)(const char *label, void *ctx);                 /* it can be sent on; each label once */
        void (*message)(const struct datachan_message *m, void *ctx);
        void (*closed)(void *ctx); /* the association is over; nothing is sent or received any more */
};

struct datachan;
int datachan_new(const struct datachan_events *ev, void *ctx, struct datachan **ret);
struct datachan_config {
        uint16_t remote_port;
        bool even;       /* our channels have even numbers (RFC 8832 6: the DTLS client's do) */
        size_t send_max; /* what the other side takes; 0: anything */
};
/* Begins the association; channels may be opened and sent on before, which then waits. -EALREADY. */
int datachan_start(struct datachan *d, const struct datachan_config *config, uint64_t now_us);
struct datachan *datachan_free(struct datachan *d);
DEFINE_CLEANUP(struct datachan *, datachan_free)

/* Opens a channel when the association is up. A label that is there already is left as it is. -EMSGSIZE: too many, or
 * a label above DCEP_LABEL_MAX. */
int datachan_open(struct datachan *d, const char *label, bool reliable, uint64_t now_us);
/* -ENOENT: no such channel; -EMSGSIZE: above SCTPCTX_SEND_MAX, or send_max; -ENOBUFS: too much waits; -ENOTCONN:
 * closed. */
int datachan_send(struct datachan *d, const struct datachan_message *m, uint64_t now_us);
size_t datachan_waiting(const struct datachan *d); /* bytes that the association has not taken yet */

void datachan_input(struct datachan *d, const uint8_t *data, size_t len, uint64_t now_us);
uint64_t datachan_next_us(const struct datachan *d);
void datachan_timeout(struct datachan *d, uint64_t now_us);

struct datachan_stats {
        uint64_t messages_sent, bytes_sent, messages_received, bytes_received;
        uint64_t dropped; /* too long, not of a channel, malformed; unreliable ones that found no room */
};
void datachan_get_stats(const struct datachan *d, struct datachan_stats *ret);
