/* lk-fsm-internal.h - what the files of the machine share.
 *
 *   lk-fsm.c     states, the way in, the way out, what the server says, deadlines
 *   lk-link.c    actions, operations, timers, what is sent
 *   lk-offer.c   the peer: offers, answers, candidates
 *   lk-pub.c     our track and the queue of operations on it
 *   lk-room.c    who is there and what they publish
 *   lk-sub.c     what of it we want and where it arrives
 *   lk-rejoin.c  the way back into a room that was lost
 *   lk-dual.c    old servers: a second peer, in which they offer
 */
#pragma once

#include "engine/livekit/lk-fsm.h"

enum {
        LK_OPS_MAX = 64,
        LK_CANDIDATES_MAX = 32,
        LK_WISHES_MAX = 512,
        LK_FIRST_SECTIONS =
                3, /* to receive with, offered from the start: nobody has to wait for one in a small room */
        LK_SECTIONS_MAX = 100, /* of audio: descriptions have a bound */
        LK_REQUEST_MAX = 6000, /* of the line that opens the connection; proxies often take 8 KiB at most */
        LK_RESUME_TRIES = 3,
        LK_PROTOCOL = 17
};

#define LK_FIRST_TIMEOUT_US   (5 * US_PER_SEC)  /* opened → the first message */
#define LK_UNHEARD_US         (3 * US_PER_SEC)  /* welcomed, and our offer is not answered: it is sent once more */
#define LK_OFFER_TIMEOUT_US   (10 * US_PER_SEC) /* an offer made, or answered */
#define LK_PUBLISH_TIMEOUT_US (10 * US_PER_SEC)
#define LK_MEDIA_TIMEOUT_US   (15 * US_PER_SEC) /* answer → connected */
#define LK_PING_US            (5 * US_PER_SEC)  /* unless the server says otherwise, like … */
#define LK_SILENCE_US         (15 * US_PER_SEC) /* … this: nothing was heard for that long */
#define LK_PROBE_US           (2 * US_PER_SEC)  /* the same after the machine slept */
#define LK_LOSS_GRACE_US      (1 * US_PER_SEC) /* transport lost → the reason, which travels another way, is awaited */
#define LK_STABLE_US          (10 * US_PER_SEC) /* in the room for that long: the next loss is a new one */
#define LK_SETTLE_US          (10 * US_PER_SEC) /* after a server restarted, everybody has to find back */
#define LK_RESUME_US          (15 * US_PER_SEC) /* a session is not kept much longer for us */

enum lk_timer {
        T_FIRST,   /* of the first message */
        T_OFFER,   /* of an offer or its answer */
        T_UNHEARD, /* the offer in the request seems not to have been read */
        T_PUBLISH, /* of our track */
        T_MEDIA,   /* of the transport */
        T_PING,
        T_SILENCE,
        T_LOSS, /* of the transport: until then the server may tell why */
        T_RETRY,
        T_GIVE_UP,
        T_SETTLE,
        _T_MAX
};

enum op_kind { LOP_JOIN, LOP_LEAVE, LOP_PUBLISH, LOP_SUBSCRIBE, LOP_VISIBLE };

struct op {
        uint32_t number;
        enum op_kind kind;
        bool on;
};

struct candidate {
        struct list link; /* in lk_fsm.candidates */
        char *line;       /* owned; NULL: no more */
        char mid[LIVEKIT_MID_MAX + 1];
        uint32_t mline;
};

enum offer_state {
        OFFER_NONE,
        OFFER_MAKING, /* the peer makes it */
        OFFER_MADE,   /* the connection is not there yet */
        OFFER_SENT
};

enum pub_state {
        PUB_OFF,
        PUB_STARTING, /* the track is being added; see lk-pub.c for when that has happened */
        PUB_ON,
        PUB_STOPPING /* the offer without it is not answered yet */
};

/* What is to be done about a failure. */
enum remedy { REMEDY_RESUME, REMEDY_REJOIN, REMEDY_NONE };

struct member {
        struct list link; /* in lk_fsm.members */
        char user[LK_ID_MAX + 1], sid[LK_SID_MAX + 1];
        uint32_t version;
        char track[LK_SID_MAX + 1];    /* the audio track that is taken; "": there is none */
        char mid[LIVEKIT_MID_MAX + 1]; /* the section in which it arrives, "": none */
        uint32_t published;            /* mask of enum engine_media */
        bool muted;
        bool asked;                 /* the server was told to send the track */
        bool bound;                 /* the section is bound to this user: his sound may be heard */
        enum e2ee_state encryption; /* of what comes in the section */
        bool speaking;              /* as the server says, of one who is not heard */
        bool missing;               /* was here before the loss, and is not back yet */
        bool told;                  /* the app knows of this member, namely: */
        uint32_t told_published, told_subscribed;
        bool told_muted;
        enum e2ee_state told_encryption;
        struct lk_profile profile;
        enum engine_quality quality;
        bool news; /* either is another than the app was told */
};

struct wish {             /* an explicit subscribe or unsubscribe; kept until the room ends */
        struct list link; /* in lk_fsm.wishes */
        bool on;
        char user[LK_ID_MAX + 1];
};

struct inbound {       /* lk-dual.c */
        uint32_t peer; /* 0: none */
        bool up, keyed;
        bool answering;       /* the peer makes the answer to … */
        uint32_t id;          /* … this offer */
        bool awaited;         /* an offer that the server owes us */
        char *offer, *answer; /* owned: the last ones */
        char *next;           /* owned: the offer that came meanwhile, or NULL */
        uint32_t next_id;
};

struct lk_fsm {
        enum lk_state state;
        struct lk_join join; /* user_id points to `user` */
        char user[LK_ID_MAX + 1], sid[LK_SID_MAX + 1];
        uint64_t start_us, due[_T_MAX];
        struct op ops[LK_OPS_MAX];
        size_t n_ops;
        bool conn;    /* open or being opened */
        bool greeted; /* the server's first message was there */
        uint64_t ping_us, silence_us, rtt_ms;

        uint32_t next_peer, peer; /* 0: none */
        bool peer_up;             /* media flows */
        bool peer_keyed;          /* it once did: an ICE restart can bring it back */
        enum offer_state offer;
        bool offer_again;   /* something has changed since */
        bool restart_ice;   /* the next offer does … */
        bool restarted;     /* … and the last one did */
        bool relay_only;    /* the server takes media from nowhere else … */
        bool peer_relayed;  /* … and `peer` knows it, since it was opened or with its next offer */
        bool offer_carried; /* it went with the request */
        uint32_t offer_id, n_receive;
        char *local, *remote; /* owned: the last offer, and the last answer */
        struct list candidates;
        size_t n_candidates;
        bool says; /* something was said, or tried to be, over data channels */
        bool dual; /* `peer` only sends; what arrives does so in … */
        struct inbound in;

        enum pub_state pub;
        bool publish;               /* what is wanted: as of the join, and of the last operation that succeeded */
        bool may_publish;           /* the server lets us */
        bool may_say;               /* and say something over data channels */
        const struct lk_data *data; /* borrowed */
        bool sending;               /* the next offer has our track in it … */
        bool offered;               /* … and the last one has */
        bool pub_answered;
        bool told_muted;  /* of our track: as the server knows it … */
        bool muted_since; /* … by a message of its own */
        bool withdrawn;   /* LK_ACT_WITHDRAWN is due when we are in the room */
        bool barred;      /* it was told, LK_ACT_PERMITTED not yet */
        unsigned tracks;  /* of ours, ever: each has another id */
        char track[LK_SID_MAX + 1];

        struct list members, wishes;
        size_t n_members, n_wishes;
        size_t profile_bytes; /* of all members */
        struct lk_profile own_profile;
        enum engine_quality own_quality;
        bool own_news;

        bool rejoining; /* lost, and not yet back */
        bool retried;   /* the way in was tried once more, because media did not come up */
        bool turning;   /* in between two tokens, which nobody needs to know */
        bool resumable;
        Livekit__ReconnectReason resume_reason;
        unsigned attempts, resumes;
        uint64_t back_us;             /* when the room was last come back to; 0: never lost */
        struct engine_result failure; /* of the last try */
        struct engine_result loss;

        struct engine_stages stages;
        /* of the step that is running */
        uint64_t now_us;
        struct list *actions; /* borrowed */
        bool oom;
        struct lk_action scratch; /* stands in for an action there was no memory for */
};

/* ---- lk-link.c ---- */
struct lk_action *lf_act(struct lk_fsm *f, enum lk_action_kind kind, const char *text); /* never NULL */
void lf_act_peer(struct lk_fsm *f, enum lk_action_kind kind);
struct engine_result lf_result(enum engine_reason reason, int err, const char *detail);
void lf_add_op(struct lk_fsm *f, uint32_t number, enum op_kind kind, bool on);
void lf_done(struct lk_fsm *f, uint32_t op, const struct engine_result *res);
void lf_fail_ops(struct lk_fsm *f, const struct engine_result *why); /* all but the leaves, which come last */
void lf_succeed_leaves(struct lk_fsm *f);
void lf_set_timer(struct lk_fsm *f, enum lk_timer t, uint64_t in_us);
void lf_stop_timer(struct lk_fsm *f, enum lk_timer t);
bool lf_take_due(struct lk_fsm *f, enum lk_timer t);          /* it is stopped then */
void lf_copy(char *to, size_t size, const char *from);        /* from may be NULL; "" when it does not fit */
char *lf_keep(struct lk_fsm *f, char *old, const char *text); /* a copy in its place */
void lf_send(struct lk_fsm *f, const Livekit__SignalRequest *m);
void lf_send_leave(struct lk_fsm *f);
void lf_send_pings(struct lk_fsm *f);
void lf_heard(struct lk_fsm *f, const Livekit__SignalResponse *m); /* any message shows that the server lives */
void lf_open_conn(struct lk_fsm *f);

/* ---- lk-fsm.c ---- */
void lf_enter_state(struct lk_fsm *f, enum lk_state s, const char *why);
void lf_forget_link(struct lk_fsm *f); /* what belongs to one session */
/* The room ends from the far end, or the join fails: everything is undone, whoever waits is told. */
void lf_end(struct lk_fsm *f, const struct engine_result *why);
void lf_hang_up(struct lk_fsm *f);
void lf_prepare(struct lk_fsm *f, const char *why); /* the way in, from the start */
void lf_joined(struct lk_fsm *f, const char *why);
void lf_check_joined(struct lk_fsm *f);
bool lf_is_linked(const struct lk_fsm *f); /* messages can be sent */

/* ---- lk-offer.c ---- */
void lf_peer_open(struct lk_fsm *f);
void lf_peer_close(struct lk_fsm *f);
void lf_offer(struct lk_fsm *f);       /* now, or after the one that is in flight */
void lf_offer_flush(struct lk_fsm *f); /* the connection is there */
void lf_offer_unheard(struct lk_fsm *f);
void lf_offer_drop(struct lk_fsm *f); /* the one in flight */
void lf_on_description(struct lk_fsm *f, const struct lk_event *ev);
void lf_on_answer(struct lk_fsm *f, const Livekit__SessionDescription *sd);
void lf_on_sections(struct lk_fsm *f, const Livekit__MediaSectionsRequirement *m);
void lf_on_candidate(struct lk_fsm *f, const struct lk_event *ev);
void lf_on_trickle(struct lk_fsm *f, const Livekit__TrickleRequest *m);
void lf_on_peer_state(struct lk_fsm *f, const struct lk_event *ev);

void lf_media_check(struct lk_fsm *f);        /* a path was found */
bool lf_is_up(const struct lk_fsm *f);        /* every path that there is to be */
bool lf_is_keyed(const struct lk_fsm *f);     /* ICE restarts can bring everything back */
uint32_t lf_receiver(const struct lk_fsm *f); /* the peer in which sound arrives, or 0 */

/* ---- lk-dual.c ---- */
bool lf_dual_begin(struct lk_fsm *f); /* the way in was refused: false: there is no other */
int lf_dual_path(const struct lk_fsm *f, char **ret);
void lf_dual_welcome(struct lk_fsm *f, const Livekit__JoinResponse *j);
void lf_dual_say(struct lk_fsm *f); /* what there is to say has a way to the server */
void lf_dual_drop(struct lk_fsm *f);
void lf_dual_close(struct lk_fsm *f);
void lf_dual_resume(struct lk_fsm *f);
void lf_dual_description(struct lk_fsm *f, const char *answer);
void lf_dual_peer_state(struct lk_fsm *f, const struct lk_event *ev);
void lf_on_offer(struct lk_fsm *f, const Livekit__SessionDescription *sd);

/* ---- lk-pub.c ---- */
void lf_pub_begin(struct lk_fsm *f); /* with the next offer */
void lf_pub_muted(struct lk_fsm *f, bool muted);
void lf_pub_joined(struct lk_fsm *f, bool resumed); /* what could not be said before is said */
void lf_on_mute(struct lk_fsm *f, const Livekit__MuteTrackRequest *m);
void lf_pub_add_track(struct lk_fsm *f, Livekit__AddTrackRequest *ret, char cid[16]);
void lf_pub_op(struct lk_fsm *f, uint32_t op, uint32_t media);
void lf_pub_next(struct lk_fsm *f);
void lf_pub_keep(struct lk_fsm *f);
void lf_pub_answered(struct lk_fsm *f);
void lf_pub_check(struct lk_fsm *f);
void lf_pub_late(struct lk_fsm *f);
void lf_pub_forget(struct lk_fsm *f);
void lf_on_track_published(struct lk_fsm *f, const Livekit__TrackPublishedResponse *m);
void lf_on_track_unpublished(struct lk_fsm *f, const char *sid);
void lf_on_request_response(struct lk_fsm *f, const Livekit__RequestResponse *m);
void lf_on_permission(struct lk_fsm *f, const Livekit__ParticipantPermission *p);

/* ---- lk-room.c ---- */
struct member *lf_find_member(const struct lk_fsm *f, const char *user);
void lf_room_infos(struct lk_fsm *f, Livekit__ParticipantInfo *const *infos, size_t n);
void lf_room_speakers(struct lk_fsm *f, const Livekit__SpeakersChanged *m);
void lf_room_quality(struct lk_fsm *f, const Livekit__ConnectionQualityUpdate *m);
void lf_room_own(struct lk_fsm *f, const Livekit__ParticipantInfo *p /* may be NULL */); /* what is said of us */
void lf_room_announce(struct lk_fsm *f);
void lf_room_missing(struct lk_fsm *f); /* everybody is, until seen again */
void lf_room_settled(struct lk_fsm *f); /* whoever is still missing has left */
void lf_room_tell(struct lk_fsm *f, struct member *m);
void lf_room_clear(struct lk_fsm *f);

/* ---- lk-sub.c ---- */
bool lf_sub_is_asked_for(const struct lk_fsm *f, const struct member *m);
void lf_sub_wish(struct lk_fsm *f, uint32_t op, const char *user, uint32_t media, bool on);
void lf_sub_sync(struct lk_fsm *f);
void lf_sub_give_up(struct lk_fsm *f, struct member *m);    /* the track that was taken so far */
void lf_sub_track_gone(struct lk_fsm *f, struct member *m); /* at its source */
void lf_sub_map(struct lk_fsm *f, const Livekit__SessionDescription *answer);
size_t lf_sub_state(struct lk_fsm *f, char *ret_sids[LK_MEMBERS_MAX]); /* the tracks that were asked for */
void lf_sub_speaking(struct lk_fsm *f, const char *mid, bool on);
void lf_sub_encryption(struct lk_fsm *f, const struct lk_event *ev);
void lf_sub_forget(struct lk_fsm *f); /* the peer is gone, its sections with it */
void lf_sub_clear(struct lk_fsm *f);

/* ---- lk-rejoin.c ---- */
/* Something broke: the join fails, or the room, if we were in it, is come back to or ends. */
void lf_fail(struct lk_fsm *f, enum remedy remedy, const struct engine_result *why);
/* The path is gone; it counts as a failure for that reason unless the server tells another in time. */
void lf_lost(struct lk_fsm *f, Livekit__ReconnectReason which, const char *what);
void lf_on_leave(struct lk_fsm *f, const Livekit__LeaveRequest *m);
void lf_on_reconnect(struct lk_fsm *f, const Livekit__ReconnectResponse *m);
void lf_on_moved(struct lk_fsm *f, const Livekit__RoomMovedResponse *m);
void lf_rejoin_done(struct lk_fsm *f);
void lf_rejoin_awake(struct lk_fsm *f);
void lf_rejoin_deadline(struct lk_fsm *f);
void lf_resume_check(struct lk_fsm *f); /* is everything up again? */
void lf_turn(struct lk_fsm *f, bool visible);
