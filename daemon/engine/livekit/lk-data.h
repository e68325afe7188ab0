/* lk-data.h - messages of a LiveKit room: what its clients say over the data channels "_reliable" and "_lossy".
 *
 * A packet on a channel is one protobuf DataPacket. Data of ours is a user packet; a text is a text stream (header,
 * chunks, trailer), on topic "lk.chat" when it belongs to the room's chat, so that LiveKit's own clients show it. Both
 * are read, and so is the ChatMessage of older clients; byte streams (files) are not.
 *
 * Reliable packets are numbered. The last of them are kept: when a session is resumed the server says which it has,
 * and the others are sent again. What is said while there is no way to the server waits; what is not reliable is
 * dropped then. Numbers of others' packets are kept, too: a packet that comes twice is told of once, and a resumed
 * session begins with telling the server what we have.
 *
 * No clock and no I/O: time is a parameter. Nothing is emitted but from lk_data_receive() (messages) and from
 * lk_data_flush() (packets). Control thread.
 */
#pragma once

#include "base/rand.h"
#include "engine/engine.h"
#include "wire/livekit-msg.h"

#define LK_DATA_RELIABLE "_reliable"
#define LK_DATA_LOSSY    "_lossy"

enum {
        LK_DATA_KEPT_MAX = 2 * 1024 * 1024, /* bytes of packets, sent or not */
        LK_DATA_SENDERS_MAX = 512,
        LK_DATA_STREAMS_MAX = 32, /* that are arriving at a time; the oldest gives way */
};
#define LK_DATA_RETRY_US  (50 * US_PER_MS)  /* the channel was full: the next try */
#define LK_DATA_STREAM_US (30 * US_PER_SEC) /* of which nothing came for so long comes no more */

struct lk_data_events {
        uint32_t version;                                                        /* 0 */
        int (*send)(const char *label, const void *data, size_t len, void *ctx); /* -EAGAIN: full */
        void (*message)(const struct engine_message *m, void *ctx);
};

struct lk_data;
int lk_data_new(struct rng *rng /* borrowed */, const struct lk_data_events *ev, void *ctx, struct lk_data **ret);
struct lk_data *lk_data_free(struct lk_data *d);
/* From now on what is said is sealed with these keys (referenced; NULL: no more). What people say without them, or
 * with others, is dropped: anybody on the way could have. What the server itself says is told of as before. */
void lk_data_encrypt(struct lk_data *d, struct e2ee_keys *keys);
DEFINE_CLEANUP(struct lk_data *, lk_data_free)

/* ---- the way to the server ---- */
void lk_data_open(struct lk_data *d, const char *label);    /* a channel is there */
void lk_data_lost(struct lk_data *d);                       /* no way for now; channels may survive it */
void lk_data_resumed(struct lk_data *d, uint32_t last_seq); /* the session goes on; the server has up to that number */
/* A new session: numbers begin anew, channels are still to come. What was never sent is kept. */
void lk_data_begin(struct lk_data *d);
void lk_data_clear(struct lk_data *d); /* the room has ended */

/* ---- sending ---- */
/* Takes a message. ENGINE_OK, ENGINE_CONGESTED (also: there is no key yet), or ENGINE_INTERNAL: no memory.
 * realtime_us: since 1970. */
enum engine_reason lk_data_say(struct lk_data *d, const struct engine_message *m, uint64_t realtime_us);
/* Sends what waits, as far as it goes; to be called after anything above, and at lk_data_next_us(). */
void lk_data_flush(struct lk_data *d, uint64_t now_us);
bool lk_data_is_waiting(const struct lk_data *d);  /* something is still to be sent */
uint64_t lk_data_next_us(const struct lk_data *d); /* LOOP_NEVER: nothing to do */

/* ---- receiving ---- */
void lk_data_receive(struct lk_data *d, const char *label, const void *data, size_t len, uint64_t now_us);

/* What a sync_state tells: for each sender of reliable packets its session and last number. Borrowed until the next
 * packet. */
struct lk_data_sender {
        char sid[65];
        uint32_t last_seq;
};
size_t lk_data_senders(const struct lk_data *d, const struct lk_data_sender **ret);

struct lk_data_stats {
        uint64_t malformed, repeated, dropped; /* dropped: too long, unfinished, in no form that is read */
        uint64_t undecrypted;                  /* not sealed with our keys, or sealed and we have none */
};
void lk_data_get_stats(const struct lk_data *d, struct lk_data_stats *ret);
