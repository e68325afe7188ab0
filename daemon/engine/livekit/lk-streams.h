/* lk-streams.h - text streams that arrive in pieces: header, chunks, trailer (livekit.proto, DataStream).
 *
 * Streams are known by their id and sender. Chunks come in order, for the channel is ordered; one that does not fit,
 * and one too many bytes, ends the stream. Bounded in number, size and time. Pure; control thread.
 */
#pragma once

#include "base/list.h"
#include "engine/engine.h"
#include "wire/livekit-msg.h"

enum { LK_STREAM_ID_MAX = 64, LK_STREAM_USER_MAX = 128 };

struct lk_stream {
        struct list link; /* in the list of streams, the oldest first */
        char id[LK_STREAM_ID_MAX + 1], user[LK_STREAM_USER_MAX + 1], topic[ENGINE_TOPIC_MAX + 1];
        char *destinations[ENGINE_DESTINATIONS_MAX]; /* owned */
        size_t n_destinations, len;
        uint64_t next_chunk, touched_us;
        char text[ENGINE_MESSAGE_MAX + 1];
};

struct lk_stream *lk_stream_free(struct lk_stream *s); /* out of its list */
DEFINE_CLEANUP(struct lk_stream *, lk_stream_free)

/* user "": the server. -ENOTSUP: no text stream; -EBADMSG; -ENOMEM. A stream of the same name begins anew. */
int lk_stream_begin(struct list *streams, const Livekit__StreamHeader *h, const char *user, uint64_t now_us,
                    struct lk_stream **ret);
/* -ENOENT: no such stream; -EBADMSG, -EMSGSIZE: it is ended. */
int lk_stream_chunk(struct list *streams, const Livekit__StreamChunk *c, const char *user, uint64_t now_us);
/* The whole stream, taken out of the list and owned by the caller. -ENOENT; -ECANCELED: its sender gave up, or it is
 * no text. */
int lk_stream_end(struct list *streams, const Livekit__StreamTrailer *t, const char *user, struct lk_stream **ret);
/* Those of which nothing has come since then go; returns how many. */
unsigned lk_stream_expire(struct list *streams, uint64_t since_us);
