/* lk-fsm.h - the life of one room on a LiveKit server, as a pure machine: events in, actions out.
 *
 *   IDLE → PREPARING → CONNECTING → SETTLING → JOINED → IDLE
 *              ↑           any of these, when the room is lost ↘
 *              └────────────────────────────────────────────── WAITING ⇄ RESUMING → JOINED
 *
 * One connection to the server and one peer for everything (single-connection mode, /rtc/v1): the client always
 * offers. The offer is made first, so that it and what we publish ride in the request that opens the connection; the
 * answer follows the server's first message. What the server wants to add (sections for what we subscribe to) it asks
 * for, and the next offer has it. One offer is in flight at a time, known by its number. A request that would be too
 * long for a proxy, or a server that leaves it unanswered, gets the offer as a message.
 *
 * The join has succeeded when the server said so and, with auto-publish, our track is published and media flows. Media
 * that does not come up is tried once more, from PREPARING.
 *
 * The server subscribes us to nothing by itself: what is wanted (by auto-subscribe or an explicit wish, which
 * outweighs it) is compared with what was asked for. Of several audio tracks of one participant one is taken, the
 * microphone before others: the app lends one port for each participant.
 *
 * A server may want media to come through relays only, and says so in its first message: too late for the offer that
 * went before it. The answer to that one is left unread; ICE is restarted, with relays alone.
 *
 * A server of before 1.9.1 does without all that: lk-dual.c.
 *
 * A room that was lost is resumed where that is allowed, media going on meanwhile, and otherwise joined anew; see
 * lk-rejoin.c.
 *
 * No clock, no I/O, no callbacks: time is a parameter, the timer is asked for by lk_fsm_deadline(). Control thread.
 * The caller carries out the actions in order. After -ENOMEM from lk_fsm_step() the caller fails what is in flight
 * (lk_fsm_take_op()) and calls lk_fsm_reset().
 */
#pragma once

#include "base/list.h"
#include "engine/engine.h"
#include "engine/livekit/lk-profile.h"
#include "engine/rtc-runtime.h"
#include "wire/livekit-msg.h"

enum { LK_ID_MAX = 128, LK_SID_MAX = 64, LK_MEMBERS_MAX = 512 };
enum { LK_OPEN_MS = 20000 }; /* of a connection: the server itself tries for up to 18 s before it answers */

enum lk_state {
        LK_STATE_IDLE,
        LK_STATE_PREPARING,  /* the offer is being made */
        LK_STATE_CONNECTING, /* the connection is being opened, the first message awaited */
        LK_STATE_SETTLING,   /* welcomed; media and our track are coming up */
        LK_STATE_JOINED,
        LK_STATE_WAITING,  /* lost; for the next try to come back */
        LK_STATE_RESUMING, /* on a new connection, for the session of before */
        _LK_STATE_MAX
};
const char *lk_state_to_string(enum lk_state s);

/* ---- events ---- */

enum lk_event_kind {
        LK_EV_JOIN,      /* op, join */
        LK_EV_LEAVE,     /* op */
        LK_EV_PUBLISH,   /* op, media, on */
        LK_EV_SUBSCRIBE, /* op, user_id, media, on */
        LK_EV_VISIBLE,   /* op, on */
        LK_EV_MUTED,     /* on: what the others are to be told of our microphone */
        LK_EV_SAY,       /* something is to be said over data channels: they are needed */
        LK_EV_OPENED,
        LK_EV_CLOSED,             /* err, http_status, text */
        LK_EV_ELSEWHERE,          /* instead of that, while CONNECTING: another place is to be tried */
        LK_EV_MESSAGE,            /* msg */
        LK_EV_SEND_FAILED,        /* err */
        LK_EV_DESCRIPTION,        /* peer, sdp_type, text */
        LK_EV_DESCRIPTION_FAILED, /* peer */
        LK_EV_CANDIDATE,          /* peer, mid, mline, text or NULL */
        LK_EV_PEER_STATE,         /* peer, peer_state, text */
        LK_EV_SPEAKING,           /* peer, mid or NULL, on */
        LK_EV_FIRST_MEDIA,        /* peer */
        LK_EV_ENCRYPTION,         /* peer, mid, encryption */
        LK_EV_AWAKE,              /* the machine slept */
        LK_EV_DEADLINE
};

struct lk_join {
        const char *user_id;   /* borrowed: the identity in the token */
        uint64_t reconnect_us; /* how long a lost room is tried to come back to; 0: not at all */
        uint32_t chance;       /* random: of the pauses between tries */
        bool auto_publish, auto_subscribe;
        bool visible;   /* false: the token hides us */
        bool muted;     /* LK_EV_MUTED of before */
        bool can_turn;  /* a token of either kind can be had: set_visible works */
        bool encrypted; /* what we send is, end to end */
};

struct lk_event { /* everything borrowed */
        enum lk_event_kind kind;
        uint32_t op, media, peer, mline;
        bool on;
        const struct lk_join *join;
        const Livekit__SignalResponse *msg;
        const char *user_id, *mid, *text;
        enum rtc_sdp sdp_type;
        enum peer_state peer_state;
        enum e2ee_state encryption;
        int err;
        unsigned http_status;
};

/* ---- actions ---- */

enum lk_action_kind {
        LK_ACT_OPEN_CONN,     /* text: path and query, to be appended to the server's URL */
        LK_ACT_CLOSE_CONN,    /* what was sent before still goes out */
        LK_ACT_SEND,          /* text, len: bytes */
        LK_ACT_OPEN_PEER,     /* peer, receives, controlled, relay_only */
        LK_ACT_CLOSE_PEER,    /* peer */
        LK_ACT_CREATE_OFFER,  /* peer, offer, relay_only, text: the track's id or NULL */
        LK_ACT_SET_REMOTE,    /* peer, sdp_type, text */
        LK_ACT_ADD_CANDIDATE, /* peer, text or NULL */
        LK_ACT_BIND,          /* peer, mid, user */
        LK_ACT_UNBIND,        /* peer, mid */
        LK_ACT_TOKEN,         /* text: a newer token; never logged */
        LK_ACT_HIDE,          /* on: the next connection's token is to hide us, or not */
        LK_ACT_OP_DONE,       /* op, result, on: we are in a room now */
        LK_ACT_STATE,         /* state, result */
        LK_ACT_PARTICIPANT,   /* change, user, published, subscribed, on (muted), encryption, profile, quality; of our
                               * own id the last two only */
        LK_ACT_SPEAKING,      /* user, on */
        LK_ACT_MUTED,         /* the server has muted our microphone */
        LK_ACT_WITHDRAWN,     /* the server does not let us publish, and nobody waits for being told */
        LK_ACT_PERMITTED,     /* after that: it does */
        LK_ACT_DATA,          /* mid: the channel's label; text, len: bytes. Not the machine's: livekit.c queues it */
        _LK_ACT_MAX
};
const char *lk_action_kind_to_string(enum lk_action_kind k);

struct lk_offer {
        bool send_audio, restart_ice; /* data channels are in every offer of ours */
        uint32_t n_receive;
};

struct lk_action {
        struct list link; /* in the list handed to lk_fsm_step() */
        enum lk_action_kind kind;
        uint32_t op, peer, published, subscribed;
        bool on;
        bool receives;   /* the peer never sends */
        bool controlled; /* by the server, as to ICE */
        bool relay_only;
        enum rtc_sdp sdp_type;
        struct lk_offer offer;
        enum engine_state state;
        enum engine_change change;
        enum e2ee_state encryption;
        struct lk_profile profile; /* owned */
        enum engine_quality quality;
        struct engine_result result;
        char *text; /* owned; NUL-terminated */
        size_t len;
        char user[LK_ID_MAX + 1], mid[LIVEKIT_MID_MAX + 1];
};
struct lk_action *lk_action_free(struct lk_action *a);

/* ---- the machine ---- */

struct lk_fsm;

int lk_fsm_new(struct lk_fsm **ret);
struct lk_fsm *lk_fsm_free(struct lk_fsm *f);
/* Appends struct lk_action to `actions`; they are the caller's, also after a failure. */
int lk_fsm_step(struct lk_fsm *f, const struct lk_event *ev, uint64_t now_us, struct list *actions);
uint64_t lk_fsm_deadline(const struct lk_fsm *f); /* when LK_EV_DEADLINE is due; LOOP_NEVER: not at all */
/* What takes leave without waiting for an answer, for a caller that goes away. */
int lk_fsm_farewell(struct lk_fsm *f, struct list *actions);
/* Takes the operations in flight away one by one; false when there is none left. */
bool lk_fsm_take_op(struct lk_fsm *f, uint32_t *ret_op);
void lk_fsm_reset(struct lk_fsm *f); /* IDLE, without a word */

/* What was heard over data channels, which a resumed session tells the server. Borrowed; NULL at first. */
struct lk_data;
void lk_fsm_set_data(struct lk_fsm *f, const struct lk_data *data);
bool lk_fsm_may_say(const struct lk_fsm *f); /* messages: the server lets us */
enum lk_state lk_fsm_state(const struct lk_fsm *f);
void lk_fsm_get_stages(const struct lk_fsm *f, struct engine_stages *ret);
uint32_t lk_fsm_peer(const struct lk_fsm *f); /* the one that sends, or 0 */
/* Where this user's sound arrives: false when it does not. */
bool lk_fsm_find_track(const struct lk_fsm *f, const char *user_id, uint32_t *ret_peer, const char **ret_mid);

DEFINE_CLEANUP(struct lk_fsm *, lk_fsm_free)
