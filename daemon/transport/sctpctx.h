/* sctpctx.h - one SCTP association in the application data of DTLS (RFC 8261, RFC 8831): packets in and out, messages
 * of streams above them.
 *
 * Network thread. A pure object like dtls: the owner hands in what arrived, sends what comes out and calls
 * sctpctx_timeout() at the time that sctpctx_next_us() names. Both sides begin; both use port 5000 unless told. Events
 * come from input and timeout only (output also from the other calls), never from inside usrsctp, so everything but
 * sctpctx_free() is legal in them. All associations of a process belong to one thread and one clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum {
        SCTPCTX_PORT = 5000,
        SCTPCTX_PACKET_MAX = 1152,   /* with the DTLS record around it below DTLS_MTU */
        SCTPCTX_SEND_MAX = 64000,    /* bytes of a message, as LiveKit's SDKs do it */
        SCTPCTX_RECEIVE_MAX = 65536, /* a=max-message-size; longer ones are dropped whole */
        SCTPCTX_BUFFER = 256 * 1024, /* what may be under way in each direction */
        SCTPCTX_STREAMS = 64,
};

struct sctpctx_message {
        uint16_t stream;
        uint32_t ppid;
        bool unordered, once; /* once: not sent again when it is lost */
        const void *data;
        size_t len; /* at least 1 */
};

struct sctpctx_events {
        uint32_t version;                                           /* 0 */
        void (*output)(const uint8_t *data, size_t len, void *ctx); /* one packet */
        void (*state)(bool up, void *ctx);                          /* true once; false once, and then nothing else */
        void (*message)(const struct sctpctx_message *m, void *ctx);
        void (*reset)(uint16_t stream, void *ctx); /* the other side says nothing more on it */
};

struct sctpctx;
int sctpctx_new(uint16_t remote_port, uint64_t now_us, const struct sctpctx_events *ev, void *ctx,
                struct sctpctx **ret);
struct sctpctx *sctpctx_free(struct sctpctx *s); /* tells the other side (ABORT) */
DEFINE_CLEANUP(struct sctpctx *, sctpctx_free)

void sctpctx_input(struct sctpctx *s, const uint8_t *data, size_t len, uint64_t now_us);
uint64_t sctpctx_next_us(const struct sctpctx *s); /* LOOP_NEVER: nothing is under way */
void sctpctx_timeout(struct sctpctx *s, uint64_t now_us);

/* -ENOTCONN: not up; -EAGAIN: too much is under way, try again after an input; -EMSGSIZE. */
int sctpctx_send(struct sctpctx *s, const struct sctpctx_message *m, uint64_t now_us);
int sctpctx_reset(struct sctpctx *s, uint16_t stream, uint64_t now_us); /* we say nothing more on it */
void sctpctx_wake(struct sctpctx *s, uint64_t now_us); /* a timeout at once: the owner has something to do in one */
uint64_t sctpctx_dropped(const struct sctpctx *s); /* messages that were too long, or that there was no memory for */
