/* livekit-user.h - somebody in a room of a real livekit-server, as far as tests of our transport need it: signalling
 * by hand over wire/livekit-msg and signal/sigconn-ws, media by engine/rtc-runtime, a microphone that is a tone, and
 * an ear.
 *
 * Single-connection mode: the user always offers, one offer at a time, subscribes to every audio track it hears of,
 * and appends sections when the server asks for them.
 */
#pragma once

#include "engine/rtc-runtime.h"
#include "lib/tone.h"
#include "net/net-thread.h"
#include "signal/sigconn.h"
#include "wire/livekit-msg.h"

enum { LK_PERIOD = 256, LK_HEARD = 48000, LK_EARS = 4, LK_PEER = 1 };

struct lk_world {
        struct loop *loop;
        struct net_thread *net;
        struct loop_source *clock;
        struct lk_user *users; /* what the clock plays for: an array of */
        size_t n_users;
        uint64_t period_us;
};

struct lk_options {
        bool early_offer; /* in the join request: saves a round trip */
        bool relay_only, ignores_ice_servers;
        bool listens_only;
        const char *add_candidate; /* told to the server with the others */
};

struct lk_ear {
        char mid[LIVEKIT_MID_MAX + 1], sid[64]; /* "": free */
        struct audio_port *port;
        float gain, heard[LK_HEARD];
        size_t n_heard;
        unsigned silent, longest_silence; /* in periods, since lk_watch_silence() */
        bool first_media;
};

struct lk_user {
        struct lk_world *w;
        const char *name, *room;
        struct lk_options options;
        struct rtc_runtime *rt;
        struct sigconn *sig;
        char *token, *sid; /* owned */
        struct tone tone;
        struct audio_port *mic;
        struct capture_gate gate;
        struct lk_ear ears[LK_EARS];
        /* offers */
        char *offer, *answer; /* owned; the last ones, for SyncState */
        uint32_t offer_id, n_receive;
        bool offering, offer_again, restart;
        /* what has happened */
        bool joined, resumed, left, answered, signal_lost;
        enum peer_state state;
        enum peer_reason reason;
        unsigned n_connected; /* how often it became so */
        char *track_sid;      /* owned; of what we publish */
        uint64_t start_us, open_us, join_us, answer_us, connected_us, media_us;
        struct engine_stats stats;
        bool has_stats;
};

void lk_world_init(struct lk_world *w, struct lk_user *users, size_t n);
void lk_world_done(struct lk_world *w);
void lk_user_init(struct lk_user *u, struct lk_world *w, const char *name, double hz,
                  const struct lk_options *options);
void lk_user_done(struct lk_user *u);

void lk_join(struct lk_user *u, const char *room);
void lk_restart_ice(struct lk_user *u);
void lk_drop_signal(struct lk_user *u); /* without a word */
void lk_resume(struct lk_user *u);      /* a new connection for signalling, SyncState, restart */
void lk_leave(struct lk_user *u);
void lk_get_stats(struct lk_user *u); /* into u->stats */

/* Until it is true, or the test fails. */
bool lk_turn(struct lk_world *w, uint64_t *limit_us, const char *what);
#define lk_await(w, condition) for (uint64_t limit_us_ = 0; !(condition) && lk_turn((w), &limit_us_, #condition);)
void lk_run_for(struct lk_world *w, unsigned ms);

double lk_level(const struct lk_user *u, double hz); /* the loudest ear's, over the last second */
void lk_watch_silence(struct lk_user *u);
unsigned lk_longest_silence_ms(const struct lk_user *u); /* of the ears that have heard something */
