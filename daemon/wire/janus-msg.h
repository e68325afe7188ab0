/* janus-msg.h - the JSON API of Janus 1.x, as far as rooms for voice need it: requests → text, text → message.
 *
 * Requests are one struct; a field that its kind does not use is ignored. Incoming messages are one struct too, with
 * the room's news pulled out of plugindata. Unknown members and unknown kinds are ignored (JANUS_OTHER); what is known
 * must have the right type, or counts as absent. Bounded: 256 KiB, 24 levels, 512 feeds and streams; more is
 * -EMSGSIZE. Room and user ids are strings (string_ids = true); numeric ones count as absent.
 *
 * Pure; any thread. Errors: -ENOMEM, -EBADMSG (no JSON object), -EMSGSIZE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { JANUS_MSG_MAX = 256 * 1024, JANUS_LIST_MAX = 512, JANUS_ID_MAX = 128, JANUS_MID_MAX = 16 };

/* ---- out ---- */

enum janus_request_kind {
        JANUS_REQ_CREATE, /* session_id: the number we choose */
        JANUS_REQ_ATTACH, /* plugin */
        JANUS_REQ_KEEPALIVE,
        JANUS_REQ_CLAIM,   /* the session, for the connection this goes over */
        JANUS_REQ_DESTROY, /* the session */
        JANUS_REQ_DETACH,
        JANUS_REQ_TRICKLE, /* candidate (NULL: no more), mid, mline */
        /* videoroom */
        JANUS_REQ_ROOM_CREATE, /* room, room_secret, create_key */
        JANUS_REQ_JOIN,        /* room, user_id; with sdp: joins and publishes */
        JANUS_REQ_PUBLISH,     /* sdp */
        JANUS_REQ_UNPUBLISH,
        JANUS_REQ_LEAVE,
        JANUS_REQ_SUBSCRIBE,    /* room, add: the first of a handle */
        JANUS_REQ_UPDATE,       /* add, remove */
        JANUS_REQ_START,        /* sdp: our answer */
        JANUS_REQ_PARTICIPANTS, /* room */
        JANUS_REQ_KICK,         /* room, room_secret, user_id */
        JANUS_REQ_MARK,         /* room, room_secret, mark: notes a listener in the room … */
        JANUS_REQ_UNMARK,       /* … and strikes him out; the answer tells who is left */
        JANUS_REQ_ROOM_DESTROY, /* room, room_secret */
        /* echotest */
        JANUS_REQ_ECHO, /* sdp */
        _JANUS_REQ_MAX
};
const char *janus_request_kind_to_string(enum janus_request_kind k);

struct janus_target { /* of a subscription; strings borrowed */
        const char *feed,
                *mid; /* add: whose stream, mid NULL: all of them; remove: feed NULL, mid is the subscription's */
};

struct janus_request { /* strings borrowed */
        enum janus_request_kind kind;
        uint64_t transaction, session_id, handle_id;
        const char *token, *room_token; /* NULL: none */
        const char *plugin, *room, *room_secret, *create_key, *user_id, *sdp;
        const char *candidate, *mid, *mark;
        uint32_t mline;
        const struct janus_target *add, *remove;
        size_t n_add, n_remove;
};

/* Returns owned text without needless bytes: the Unix transport of Janus carries 8,192. */
int janus_request_format(const struct janus_request *r, char **ret);

/* ---- in ---- */

enum janus_msg_kind {
        JANUS_ACK, /* a request to a plugin was taken; the answer proper follows */
        JANUS_SUCCESS,
        JANUS_ERROR, /* error_code: of the core, or of the plugin */
        JANUS_EVENT,
        JANUS_WEBRTCUP,
        JANUS_HANGUP,
        JANUS_DETACHED,
        JANUS_TIMEOUT, /* the session is gone */
        JANUS_TRICKLE,
        JANUS_OTHER /* "media", "slowlink", what newer versions have */
};

enum janus_news {
        JANUS_NEWS_NONE,
        JANUS_NEWS_JOINED,
        JANUS_NEWS_ATTACHED,
        JANUS_NEWS_UPDATED,
        JANUS_NEWS_UPDATING,
        JANUS_NEWS_DESTROYED,
        JANUS_NEWS_EVENT
};
enum janus_jsep { JANUS_JSEP_NONE, JANUS_JSEP_OFFER, JANUS_JSEP_ANSWER };

struct janus_feed { /* somebody in the room */
        char id[JANUS_ID_MAX + 1];
        char audio_mid[JANUS_MID_MAX + 1]; /* of the first live audio stream; "": none */
        bool publishing;                   /* from the list of publishers, or a participant who is one */
        bool muted;                        /* by a moderator */
};

struct janus_stream {                                        /* one section of our subscription */
        char mid[JANUS_MID_MAX + 1], feed[JANUS_ID_MAX + 1]; /* feed "": inactive */
        char feed_mid[JANUS_MID_MAX + 1];                    /* at its source */
        bool audio;
};

#define JANUS_MARK "listener-" /* how a mark begins */

struct janus_msg {
        enum janus_msg_kind kind;
        bool has_transaction;
        uint64_t transaction, session_id, sender, id; /* 0: absent */
        int error_code;
        char error_text[128], reason[64];
        enum janus_jsep jsep;
        char *sdp; /* owned */
        /* candidate of a trickle; NULL with kind JANUS_TRICKLE: no more */
        char *candidate; /* owned */
        /* plugindata of the videoroom */
        enum janus_news news;
        struct janus_feed *feeds; /* owned; publishers, then attendees or the one who is joining; or participants */
        struct janus_stream *streams; /* owned */
        size_t n_feeds, n_streams;
        char self[JANUS_ID_MAX + 1]; /* "joined": our id */
        char leaving[JANUS_ID_MAX + 1], unpublished[JANUS_ID_MAX + 1],
                kicked[JANUS_ID_MAX + 1]; /* "ok": we ourselves */
        char moderated[JANUS_ID_MAX + 1]; /* whose stream a moderator muted or unmuted … */
        bool moderated_muted;             /* … and which of the two */
        bool started, configured;         /* "ok" */
        bool has_participants;            /* listparticipants: the first JANUS_LIST_MAX are in `feeds` … */
        size_t n_participants;            /* … and so many there are */
        bool has_marks;                   /* of listeners: … */
        size_t n_marks;                   /* … so many */
        /* echotest */
        bool echo_ok;
};

int janus_msg_parse(const char *text, size_t len, struct janus_msg **ret);
struct janus_msg *janus_msg_free(struct janus_msg *m);

DEFINE_CLEANUP(struct janus_msg *, janus_msg_free)
