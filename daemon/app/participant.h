/* participant.h - the record of one person in a room, the local user included, and the playback node it is heard from.
 *
 * Owned by its context: in `participants` while present, in `gone` until its leaving has been told. While audio flows
 * from it a stream is open, whose port is lent to the engine; volume, local mute and deafness are the port's gain.
 * Control thread.
 */
#pragma once

#include "app/context.h"
#include "app/profile.h"
#include "media/audio-io.h"

struct participant {
        struct list link; /* in context.participants, then context.gone */
        struct context *context;
        uint32_t number;
        char *user_id; /* owned */
        bool self;
        bool announced;                 /* participant_added was told */
        uint32_t dirty;                 /* mask of enum participant_property */
        uint32_t published, subscribed; /* masks of enum engine_media */
        bool audio_muted, speaking, muted;
        enum e2ee_state encryption;
        struct profile profile; /* what the server says of it */
        double volume;
        struct audio_port *port;     /* owned reference, NULL while nothing flows */
        struct audio_stream *stream; /* owned */
        char *node_name;             /* owned: as the graph has it, NULL while it is not there */
        uint64_t node_serial;
        struct quality_stream received; /* of others */
        enum engine_quality said;       /* by the server; in `quality` every two seconds */
        struct quality_record quality;
};

/* Not yet in the context's list. */
int participant_new(struct context *c, const char *user_id, bool self, struct participant **ret);
struct participant *participant_free(struct participant *p);
DEFINE_CLEANUP(struct participant *, participant_free)

/* Joins the list, before `before` (NULL: at the end). Space was reserved by participant_new(). */
void participant_enter(struct participant *p, struct participant *before);
void participant_leave(struct participant *p);
struct participant *participant_find(struct context *c, const char *user_id); /* by name; NULL */
/* What the engine says of it. Opens and closes the stream. */
void participant_update(struct participant *p, uint32_t published, uint32_t subscribed, bool audio_muted);
void participant_describe(struct participant *p, const struct engine_participant *from);
void participant_set_speaking(struct participant *p, bool speaking);
void participant_changed(struct participant *p, uint32_t properties);
uint32_t participant_quality_grade(const struct participant *p); /* the property: the worse direction */
void participant_apply_gain(struct participant *p);
void participant_set_node(struct participant *p, const char *name /* "": not in the graph */, uint64_t serial);
