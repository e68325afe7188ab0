/* janus-fsm-internal.h - what the files of the machine share.
 *
 *   janus-fsm.c    states, the way in, what the server says, deadlines
 *   janus-leave.c  the way out
 *   janus-listen.c being in the room unseen, and the ways between that and being a member
 *   janus-claim.c  two with one id: throwing out and being thrown out
 *   janus-link.c   actions, operations, requests, peers and what they tell
 *   janus-pub.c    the publishing peer and the queue of publish operations
 *   janus-room.c   who is there, and the subscription to them
 *   janus-rejoin.c the way back into a room that was lost
 */
#pragma once

#include "engine/janus/janus-fsm.h"

enum {
        JANUS_PENDING_MAX = 64,
        JANUS_OPS_MAX = 64,
        JANUS_CANDIDATES_MAX = 32,
        JANUS_ENTER_TRIES = 3,
        JANUS_CLAIM_TRIES = 3,
        JANUS_SUB_TRIES = 20,  /* 250 ms apart; a stream that comes anew is tried anew */
        JANUS_SUB_CHANGES = 32 /* in one request: it has to fit the Unix socket */
};

#define JANUS_JOIN_TIMEOUT_US   (5 * US_PER_SEC)  /* a request of the join without answer */
#define JANUS_ROOM_TIMEOUT_US   (7 * US_PER_SEC)  /* one in the room, keepalive included: with … */
#define JANUS_KEEPALIVE_US      (5 * US_PER_SEC)  /* … these, a server that is silent for 12 s counts as lost */
#define JANUS_PROBE_TIMEOUT_US  (2 * US_PER_SEC)  /* the keepalive after the machine slept */
#define JANUS_OFFER_TIMEOUT_US  (10 * US_PER_SEC) /* the network thread owes it; much less when it lives */
#define JANUS_MEDIA_TIMEOUT_US  (5 * US_PER_SEC)  /* answer → connected */
#define JANUS_LEAVE_TIMEOUT_US  (1 * US_PER_SEC)
#define JANUS_HANGUP_TIMEOUT_US (1 * US_PER_SEC) /* Janus tears a transport down after it has said "unpublished" */
#define JANUS_LOSS_GRACE_US     (1 * US_PER_SEC) /* transport lost → the reason, which travels another way, is awaited */
#define JANUS_OUSTED_US         (1 * US_PER_SEC) /* thrown out → who did it joins again, or nobody did */
#define JANUS_POLL_US           (1 * US_PER_SEC) /* between two looks at the list of members, of who is not told */
#define JANUS_LOOK_US           (100 * US_PER_MS)
#define JANUS_SUB_RETRY_US      (250 * US_PER_MS)
#define JANUS_STABLE_US         (10 * US_PER_SEC) /* in the room for that long: the next loss is a new one */
#define JANUS_SETTLE_US         (10 * US_PER_SEC) /* after a server restarted, everybody has to find back */
#define JANUS_GHOST_RETRY_US    (250 * US_PER_MS) /* our id is in use: our own ghost goes within moments */
#define JANUS_GHOST_TRIES       8
#define JANUS_GHOSTS            4 /* sessions that are looked after: the last ones */

enum handle { HANDLE_NONE, HANDLE_PUB, HANDLE_SUB, _HANDLE_MAX };

struct pending { /* a request without its answer */
        uint64_t transaction, deadline_us;
        enum janus_request_kind kind;
        enum handle handle;
};

enum op_kind { JOP_JOIN, JOP_LEAVE, JOP_PUBLISH, JOP_SUBSCRIBE, JOP_VISIBLE };

struct op {
        uint32_t number;
        enum op_kind kind;
        bool on;
};

struct candidate {
        struct list link; /* in side.candidates */
        char *line;       /* owned; NULL: no more */
        char mid[JANUS_MID_MAX + 1];
        uint32_t mline;
};

/* One handle of ours and the peer behind it. */
struct side {
        uint64_t handle;        /* at the server; 0: not attached */
        uint32_t peer;          /* 0: none */
        bool described;         /* our description is on its way: candidates may follow */
        struct list candidates; /* those that came before */
        size_t n_candidates;
};

enum turn { TURN_NONE, TURN_HIDING, TURN_SHOWING };

enum pub_state {
        PUB_NONE,
        PUB_OFFERING,   /* the peer makes its offer */
        PUB_ASKING,     /* the offer is with the server */
        PUB_CONNECTING, /* answered */
        PUB_UP,
        PUB_STOPPING,
};

struct member {
        struct list link; /* in janus_fsm.members */
        char user[JANUS_ID_MAX + 1];
        char feed_mid[JANUS_MID_MAX + 1]; /* of the audio stream; "": publishes none */
        char sub_mid[JANUS_MID_MAX + 1];  /* the section of our subscription; "": not subscribed */
        enum handle side;                 /* whose peer carries the section */
        bool muted;
        bool unnamed;               /* publishes; what, we have not been told */
        bool soundless;             /* publishes, but no sound */
        bool listed;                /* in the list that is being read */
        bool bound;                 /* the section is bound to this user: his sound may be heard */
        bool asked;                 /* a subscription to this stream is in flight */
        unsigned failures;          /* to subscribe to this stream */
        enum e2ee_state encryption; /* of what comes in the section */
        bool missing;               /* was here before the loss, and is not back yet */
        bool told;                  /* the app knows of this member, namely: */
        uint32_t told_published, told_subscribed;
        bool told_muted;
        enum e2ee_state told_encryption;
};

struct wish {             /* an explicit subscribe or unsubscribe; kept until the room ends */
        struct list link; /* in janus_fsm.wishes */
        bool on;
        char user[JANUS_ID_MAX + 1];
};

struct stale { /* a section of ours whose stream has ended, which the server may not have noticed yet */
        char mid[JANUS_MID_MAX + 1], user[JANUS_ID_MAX + 1];
};

struct janus_fsm {
        enum janus_state state;
        struct janus_join join; /* user_id points to `user` */
        char user[JANUS_ID_MAX + 1];
        char *api_token, *room_token; /* owned */
        uint64_t next_transaction, start_us;
        uint32_t next_peer;
        struct pending pending[JANUS_PENDING_MAX];
        size_t n_pending;
        struct op ops[JANUS_OPS_MAX];
        size_t n_ops;
        bool conn, session, room_created, enter_sent; /* conn: open or being opened */
        unsigned enter_tries, claim_tries;
        struct engine_result taken;      /* our id was, and that is how the join fails if it stays so */
        uint64_t ousted_us, look_us;     /* due: the last and the next look for our id; LOOP_NEVER */
        uint64_t keepalive_us, leave_us; /* due; LOOP_NEVER */
        uint64_t loss_us;                /* a transport was lost and nobody said why until then */
        struct engine_result loss;

        bool rejoining; /* lost, and not yet back */
        bool publish;   /* what is wanted: as of the join, and of the last publish that succeeded */
        unsigned attempts, ghost_tries;
        uint64_t first_ghost;          /* sessions from this number to ours may still be at the server */
        uint64_t retry_us, give_up_us; /* the next try; the end of all tries */
        uint64_t enter_us;             /* a fresh handle is asked for */
        uint64_t settle_us;            /* who is not back by then has left */
        uint64_t back_us;              /* when the room was last come back to; 0: never lost */
        struct engine_result failure;  /* of the last try */
        bool listening;                /* in the room and no member */
        enum turn turn;
        uint64_t poll_us; /* the next look; LOOP_NEVER */

        struct side side[_HANDLE_MAX];
        enum pub_state pub;
        uint64_t media_us, hangup_us; /* deadlines of the publisher */
        char *offer;                  /* owned: made before it could be sent */
        char echo_mid[JANUS_MID_MAX + 1];

        struct list members, wishes;
        size_t n_members, n_wishes;
        bool sub_entered; /* the handle has its subscription: it is updated from now on */
        bool sub_busy;    /* a change is in flight, or an offer not yet answered */
        bool sub_up;
        bool sub_again;        /* what is subscribed to is asked for again, … */
        size_t sub_again_from; /* … from this one on: one request names only so many */
        struct stale stale[JANUS_SUB_CHANGES];
        size_t n_stale, n_stale_sent;                       /* of these the request in flight gives up the first */
        char surplus[JANUS_SUB_CHANGES][JANUS_MID_MAX + 1]; /* sections to be given back */
        size_t n_surplus;
        uint64_t sub_retry_us;

        struct engine_stages stages;
        /* of the step that is running */
        uint64_t now_us;
        struct list *actions; /* borrowed */
        bool oom;
        struct janus_action scratch; /* stands in for an action there was no memory for */
};

/* ---- janus-link.c ---- */
struct janus_action *jf_act(struct janus_fsm *f, enum janus_action_kind kind, const char *text); /* never NULL */
void jf_act_peer(struct janus_fsm *f, enum janus_action_kind kind, uint32_t peer);
struct engine_result jf_result(enum engine_reason reason, int err, const char *detail);
struct engine_result jf_result_of(const struct janus_msg *m); /* a refusal of the server */
struct janus_request jf_request(const struct janus_fsm *f, enum janus_request_kind kind, enum handle h);
/* expect: an answer is owed. */
void jf_send(struct janus_fsm *f, struct janus_request *r, enum handle h, bool expect);
void jf_send_simple(struct janus_fsm *f, enum janus_request_kind kind, enum handle h);
bool jf_take_pending(struct janus_fsm *f, uint64_t transaction, struct pending *ret);
bool jf_is_joining(const struct janus_fsm *f);
uint32_t jf_open_peer(struct janus_fsm *f, enum handle h);
void jf_close_peer(struct janus_fsm *f, enum handle h);
enum handle jf_side_of_peer(const struct janus_fsm *f, uint32_t peer);
void jf_on_description(struct janus_fsm *f, const struct janus_event *ev);
void jf_on_description_failed(struct janus_fsm *f, const struct janus_event *ev);
void jf_on_candidate(struct janus_fsm *f, const struct janus_event *ev);
void jf_on_peer_state(struct janus_fsm *f, const struct janus_event *ev);
void jf_on_speaking(struct janus_fsm *f, const struct janus_event *ev);
void jf_flush_candidates(struct janus_fsm *f, enum handle h);
void jf_clear_candidates(struct side *s);

void jf_add_op(struct janus_fsm *f, uint32_t number, enum op_kind kind, bool on);
void jf_done(struct janus_fsm *f, uint32_t op, const struct engine_result *res);
void jf_fail_ops(struct janus_fsm *f, const struct engine_result *why); /* all but the leaves, which come last */
void jf_succeed_leaves(struct janus_fsm *f);

/* ---- janus-fsm.c ---- */
void jf_enter_state(struct janus_fsm *f, enum janus_state s, const char *why);
void jf_forget(struct janus_fsm *f);      /* the room; tokens and counters stay */
void jf_forget_link(struct janus_fsm *f); /* what belongs to one connection */
/* The room ends from the far end, or the join fails: everything is undone, whoever waits is told. */
void jf_end(struct janus_fsm *f, const struct engine_result *why);
void jf_try_enter(struct janus_fsm *f);
/* On a fresh handle that is asked for then, with the same offer. */
void jf_enter_again(struct janus_fsm *f, uint64_t at_us, const char *why);
void jf_join_done(struct janus_fsm *f);
/* Opens the connection; for a join the offer is made meanwhile. */
void jf_connect(struct janus_fsm *f, const char *why);
void jf_attach(struct janus_fsm *f, enum handle h);

/* ---- janus-rejoin.c ---- */
/* Something broke: the join fails, or the room, if we were in it, is come back to or ends. */
void jf_fail(struct janus_fsm *f, const struct engine_result *why);
/* A transport is gone; it counts as a failure for that reason unless the server tells another in time. */
void jf_lost(struct janus_fsm *f, const char *what);
void jf_rejoin_greet(struct janus_fsm *f); /* the connection is open */
void jf_rejoin_refused(struct janus_fsm *f, const struct janus_msg *m);
void jf_rejoin_done(struct janus_fsm *f);
void jf_rejoin_resumed(struct janus_fsm *f); /* the machine slept */
void jf_rejoin_deadline(struct janus_fsm *f);
bool jf_due(const struct janus_fsm *f, uint64_t at_us);

/* ---- janus-leave.c ---- */
void jf_leave(struct janus_fsm *f, const struct janus_event *ev);
void jf_left(struct janus_fsm *f);
void jf_left_behind(struct janus_fsm *f, const struct janus_msg *m);  /* who is still in the room */
void jf_left_unheard(struct janus_fsm *f, const struct janus_msg *m); /* who still listens */
void jf_finish_leave(struct janus_fsm *f);
void jf_last_words(struct janus_fsm *f);
void jf_hang_up(struct janus_fsm *f); /* peers and connection */

/* ---- janus-listen.c ---- */
void jf_listen_mark(struct janus_fsm *f, enum janus_request_kind kind, bool expect);
void jf_listen_enter(struct janus_fsm *f);
void jf_listen_marked(struct janus_fsm *f, const struct janus_msg *m);
void jf_listen_entered(struct janus_fsm *f, const struct janus_msg *m);
void jf_listen_list(struct janus_fsm *f, const struct janus_msg *m);
void jf_listen_turn(struct janus_fsm *f, const struct op *op); /* an operation of set_visible */
void jf_listen_follow(struct janus_fsm *f);                    /* what was asked for while the room was lost */
void jf_listen_attached(struct janus_fsm *f);
void jf_listen_shown(struct janus_fsm *f, const struct janus_msg *m);
void jf_listen_claimed(struct janus_fsm *f, bool is_free);
void jf_listen_deadline(struct janus_fsm *f);

/* ---- janus-claim.c ---- */
/* Our id is taken. False: it stays so. */
bool jf_claim(struct janus_fsm *f, const struct engine_result *taken);
void jf_claim_answer(struct janus_fsm *f, const struct janus_msg *m);
void jf_oust(struct janus_fsm *f);
void jf_ousted_list(struct janus_fsm *f, const struct janus_msg *m);
void jf_ousted_deadline(struct janus_fsm *f);

/* ---- janus-pub.c ---- */
void jf_pub_start(struct janus_fsm *f);
void jf_pub_op(struct janus_fsm *f, uint32_t op, uint32_t media);
void jf_pub_next(struct janus_fsm *f);
void jf_pub_offer(struct janus_fsm *f, const char *sdp);
void jf_pub_answer(struct janus_fsm *f, const struct janus_msg *m);
void jf_pub_refused(struct janus_fsm *f, const struct janus_msg *m);
void jf_pub_unpublished(struct janus_fsm *f);
void jf_pub_peer_state(struct janus_fsm *f, enum peer_state state, const char *why);
void jf_pub_failed(struct janus_fsm *f, const struct engine_result *why);
void jf_pub_deadline(struct janus_fsm *f);
/* Operations in flight succeed: what they ask for holds once we are back. */
void jf_pub_keep(struct janus_fsm *f);

/* ---- janus-room.c ---- */
void jf_room_news(struct janus_fsm *f, const struct janus_msg *m);
void jf_room_list(struct janus_fsm *f, const struct janus_msg *m); /* everybody who is there */
void jf_room_announce(struct janus_fsm *f);
void jf_room_wish(struct janus_fsm *f, uint32_t op, const char *user, uint32_t media, bool on);
void jf_room_sync(struct janus_fsm *f);
void jf_room_sub_answer(struct janus_fsm *f, const struct janus_msg *m, enum janus_request_kind kind);
void jf_room_sub_description(struct janus_fsm *f, const char *sdp);
void jf_room_speaking(struct janus_fsm *f, const char *mid, bool on);
void jf_room_encryption(struct janus_fsm *f, const struct janus_event *ev);
void jf_room_unsubscribed(struct janus_fsm *f); /* the subscriber is gone, its sections with it */
void jf_room_lost(struct janus_fsm *f);         /* everybody is missing, too */
void jf_room_settled(struct janus_fsm *f);      /* whoever is still missing has left */
void jf_room_clear(struct janus_fsm *f);
