/* janus-fsm.h - the life of one room on a Janus, as a pure machine: events in, actions out.
 *
 *   IDLE → CONNECTING → ATTACHING → ENTERING → SETTLING → JOINED → LEAVING → IDLE
 *              ↑                              any of these ↘ OUSTED ↗
 *           WAITING ← any of these, when the room is lost
 *
 * What need not wait is sent ahead. The session's number is ours to choose, so the session and both handles are asked
 * for in one flight; room and entry, with the publisher's offer in it, go in a second. `create` for a room that exists
 * is refused (427) and ignored; a room that vanished between the two (426) is tried again on a fresh handle. The join
 * has succeeded when the server said so and, with auto-publish, the publisher's transport stands.
 *
 * An id is one member's: who joins throws out whoever has it, and who is thrown out looks whether somebody of his id
 * is there again (janus-claim.c).
 *
 * Who is not to be seen does not join: the publishing handle is then one to ask for the list of members with
 * (janus-listen.c).
 *
 * One handle publishes, one subscribes to everybody: the wanted streams are compared with those there are, one change
 * is in flight at a time, each offer of the server is answered.
 *
 * A room that was lost is come back to on the same way. Members, wishes and whether we publish outlive the connection;
 * sessions, handles and peers do not. Who is not back soon after us is told to have left. See janus-rejoin.c.
 *
 * No clock, no I/O, no callbacks: time is a parameter, the timer is asked for by janus_fsm_deadline(). Control thread.
 * The caller carries out the actions in order. After -ENOMEM from janus_fsm_step() the caller fails what is in flight
 * (janus_fsm_take_op()) and calls janus_fsm_reset().
 */
#pragma once

#include "base/list.h"
#include "engine/engine.h"
#include "engine/rtc-runtime.h"
#include "wire/janus-msg.h"
#include "wire/janus-token.h"

enum janus_state {
        JANUS_STATE_IDLE,
        JANUS_STATE_CONNECTING, /* the connection is being opened */
        JANUS_STATE_ATTACHING,  /* session and handles are asked for, the offer is being made */
        JANUS_STATE_ENTERING,   /* room and entry are asked for */
        JANUS_STATE_SETTLING,   /* entered; the publisher's transport is coming up */
        JANUS_STATE_JOINED,
        JANUS_STATE_OUSTED, /* thrown out; why is being found out */
        JANUS_STATE_LEAVING,
        JANUS_STATE_WAITING, /* lost; for the next try to come back */
        _JANUS_STATE_MAX
};
const char *janus_state_to_string(enum janus_state s);

/* ---- events ---- */

enum janus_event_kind {
        JANUS_EV_JOIN,      /* op, join */
        JANUS_EV_LEAVE,     /* op */
        JANUS_EV_PUBLISH,   /* op, media, on */
        JANUS_EV_SUBSCRIBE, /* op, user_id, media, on */
        JANUS_EV_VISIBLE,   /* op, on */
        JANUS_EV_OPENED,
        JANUS_EV_CLOSED,             /* err, text */
        JANUS_EV_MESSAGE,            /* msg */
        JANUS_EV_SEND_FAILED,        /* err */
        JANUS_EV_DESCRIPTION,        /* peer, sdp_type, text */
        JANUS_EV_DESCRIPTION_FAILED, /* peer */
        JANUS_EV_CANDIDATE,          /* peer, mid, mline, text or NULL */
        JANUS_EV_PEER_STATE,         /* peer, peer_state, text */
        JANUS_EV_SPEAKING,           /* peer, mid or NULL, on */
        JANUS_EV_FIRST_MEDIA,        /* peer */
        JANUS_EV_ENCRYPTION,         /* peer, mid, encryption */
        JANUS_EV_RESUMED,            /* the machine slept */
        JANUS_EV_DEADLINE
};

struct janus_join {
        char room[JANUS_ROOM_NAME_SIZE], room_secret[JANUS_SECRET_SIZE];
        char create_key[JANUS_SECRET_SIZE]; /* "": we have none, only rooms that are there can be entered where one is
                                               asked for */
        const char *user_id;                /* borrowed */
        uint64_t session_id;                /* random, 1 … 2^53 - 1 */
        uint64_t reconnect_us;              /* how long a lost room is tried to come back to; 0: not at all */
        bool auto_publish, auto_subscribe;
        bool visible;
        bool echo; /* the echo test instead of a room */
};

struct janus_event { /* everything borrowed */
        enum janus_event_kind kind;
        uint32_t op, media, peer, mline;
        bool on;
        const struct janus_join *join;
        const struct janus_msg *msg;
        const char *user_id, *mid, *text;
        enum rtc_sdp sdp_type;
        enum peer_state peer_state;
        enum e2ee_state encryption;
        int err;
};

/* ---- actions ---- */

enum janus_action_kind {
        JANUS_ACT_OPEN_CONN,
        JANUS_ACT_CLOSE_CONN,    /* what was sent before still goes out */
        JANUS_ACT_SEND,          /* text; a token is in it: never logged */
        JANUS_ACT_OPEN_PEER,     /* peer, publisher */
        JANUS_ACT_CLOSE_PEER,    /* peer */
        JANUS_ACT_CREATE_OFFER,  /* peer */
        JANUS_ACT_SET_REMOTE,    /* peer, sdp_type, text */
        JANUS_ACT_ADD_CANDIDATE, /* peer, text or NULL */
        JANUS_ACT_BIND,          /* peer, mid, user */
        JANUS_ACT_UNBIND,        /* peer, mid */
        JANUS_ACT_OP_DONE,       /* op, result, on: we are in a room now */
        JANUS_ACT_STATE,         /* state, result */
        JANUS_ACT_PARTICIPANT,   /* change, user, published, subscribed, on (muted), encryption */
        JANUS_ACT_SPEAKING,      /* user, on */
        JANUS_ACT_UNANSWERED,    /* the server left a request or a connection without answer */
        _JANUS_ACT_MAX
};
const char *janus_action_kind_to_string(enum janus_action_kind k);

struct janus_action {
        struct list link; /* in the list handed to janus_fsm_step() */
        enum janus_action_kind kind;
        uint32_t op, peer, published, subscribed;
        bool on, publisher;
        enum rtc_sdp sdp_type;
        enum engine_state state;
        enum engine_change change;
        enum e2ee_state encryption;
        struct engine_result result;
        char *text; /* owned */
        char user[JANUS_ID_MAX + 1], mid[JANUS_MID_MAX + 1];
};
struct janus_action *janus_action_free(struct janus_action *a);

/* ---- the machine ---- */

struct janus_fsm;

int janus_fsm_new(struct janus_fsm **ret);
struct janus_fsm *janus_fsm_free(struct janus_fsm *f);
/* Tokens for the requests to come, copied; room may be NULL. -ENOMEM leaves the old ones in force. */
int janus_fsm_set_tokens(struct janus_fsm *f, const char *api, const char *room);
/* Appends struct janus_action to `actions`; they are the caller's, also after a failure. */
int janus_fsm_step(struct janus_fsm *f, const struct janus_event *ev, uint64_t now_us, struct list *actions);
uint64_t janus_fsm_deadline(const struct janus_fsm *f); /* when JANUS_EV_DEADLINE is due; LOOP_NEVER: not at all */
/* The requests that take leave without waiting for answers, for a caller that goes away. */
int janus_fsm_farewell(struct janus_fsm *f, struct list *actions);
/* Takes the operations in flight away one by one; false when there is none left. */
bool janus_fsm_take_op(struct janus_fsm *f, uint32_t *ret_op);
void janus_fsm_reset(struct janus_fsm *f); /* IDLE, without a word */

enum janus_state janus_fsm_state(const struct janus_fsm *f);
void janus_fsm_get_stages(const struct janus_fsm *f, struct engine_stages *ret);
uint32_t janus_fsm_publisher(const struct janus_fsm *f); /* the publishing peer, or 0 */
/* Where this user's sound arrives: false when it does not. */
bool janus_fsm_find_track(const struct janus_fsm *f, const char *user_id, uint32_t *ret_peer, const char **ret_mid);

DEFINE_CLEANUP(struct janus_fsm *, janus_fsm_free)
