/* rtc-internal.h - what the two halves of the runtime say to each other; private to rtc-*.c.
 *
 * rtc-runtime.c is control's half, rtc-media.c the network thread's. Down go commands (rtc_command), up come events
 * (rtc_event); both own what they carry. The media half lives from rtc_runtime_new() until rtc_runtime_free() has seen
 * it finish, so commands point at it; events hold a counted reference of control's half, which may be gone before
 * them.
 */
#pragma once

#include "engine/rtc-runtime.h"

struct rtc_media;

/* ---- down ---- */

struct rtc_command {
        void (*run)(struct rtc_media *m, struct rtc_command *c); /* network thread; may take from c */
        struct rtc_media *media;                                 /* borrowed */
        uint32_t peer;                                           /* for stats: the op */
        uint32_t generation;                                     /* of a binding */
        enum rtc_sdp type;
        struct rtc_offer offer;
        char *mid, *text;                /* owned; text: SDP, candidate line, track id, or key of a binding */
        struct audio_port *port;         /* reference, or NULL */
        const struct capture_gate *gate; /* borrowed */
        struct rtc_peer_params *params;  /* owned, with all it points at */
        void *data; /* owned; of a message to the channel `mid`; NULL: only how much waits is looked at */
        size_t len;
        bool reliable;
};

void rtc_media_open_peer(struct rtc_media *m, struct rtc_command *c);
void rtc_media_close_peer(struct rtc_media *m, struct rtc_command *c);
void rtc_media_create_offer(struct rtc_media *m, struct rtc_command *c);
void rtc_media_add_ice_servers(struct rtc_media *m, struct rtc_command *c);
void rtc_media_set_remote(struct rtc_media *m, struct rtc_command *c);
void rtc_media_add_candidate(struct rtc_media *m, struct rtc_command *c);
void rtc_media_set_capture(struct rtc_media *m, struct rtc_command *c);
void rtc_media_bind(struct rtc_media *m, struct rtc_command *c);
void rtc_media_unbind(struct rtc_media *m, struct rtc_command *c);
void rtc_media_open_channel(struct rtc_media *m, struct rtc_command *c);
void rtc_media_send_data(struct rtc_media *m, struct rtc_command *c);
void rtc_media_get_stats(struct rtc_media *m, struct rtc_command *c);

/* control, before the first command */
int rtc_media_new(struct rtc_runtime *rt, const struct rtc_runtime_config *config, struct rtc_media **ret);
/* network thread, or any when no command was ever posted: closes the peers, frees all. NULL is legal. */
struct rtc_media *rtc_media_free(struct rtc_media *m);

/* ---- up ---- */

enum rtc_event_type {
        RTC_EVENT_DESCRIPTION,
        RTC_EVENT_DESCRIPTION_FAILED,
        RTC_EVENT_CANDIDATE,
        RTC_EVENT_PEER_STATE,
        RTC_EVENT_SPEAKING,
        RTC_EVENT_FIRST_MEDIA,
        RTC_EVENT_ENCRYPTION,
        RTC_EVENT_STATS,
        RTC_EVENT_DATA_OPEN,
        RTC_EVENT_DATA,
};

struct rtc_event {
        struct rtc_runtime *rt; /* reference */
        enum rtc_event_type type;
        uint32_t peer;       /* for stats: the op */
        uint32_t generation; /* SPEAKING, FIRST_MEDIA, ENCRYPTION: of the binding it is about */
        enum rtc_sdp sdp;
        enum peer_state state;
        enum peer_reason reason;
        enum e2ee_state encryption;
        int err;
        uint32_t mline;
        bool speaking;
        char *mid, *text; /* owned; mid: also the label of a channel */
        void *data;       /* owned */
        size_t len;
        struct engine_stats *stats; /* owned, in one piece with its inbound */
};

/* Network thread. An event that finds no memory or no room is lost with a line in the log: control hangs then. */
struct rtc_event *rtc_event_new(struct rtc_runtime *rt, enum rtc_event_type type, uint32_t peer); /* or NULL */
/* Bytes of messages that wait in the peers; what was posted of one (`done`) is then counted there. */
void rtc_data_count(struct rtc_runtime *rt, size_t done, size_t waiting);
void rtc_event_post(struct rtc_event *e); /* takes; NULL is legal */
struct rtc_event *rtc_event_free(struct rtc_event *e);
DEFINE_CLEANUP(struct rtc_event *, rtc_event_free)
