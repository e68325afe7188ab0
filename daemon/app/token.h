/* token.h - may this user enter this room with this token? And the clock of its expiry.
 *
 * With the app's AppKey the token is of the "001" form and judged here. Without one it is the server's own and passes
 * to an engine that can judge it; the embedded server has no tokens of its own.
 *
 * A LiveKit server takes its own JWT, of which only the grant can be judged here: its signature is the server's
 * affair. It opens the room and does not end it, as the server renews it by itself. A "001" token opens a LiveKit
 * where the configuration has the key pair with which the engine makes a JWT of it; it is judged, and ends, as ever.
 * Control thread.
 */
#pragma once

#include "app/config.h"
#include "app/manager.h"

enum token_verdict { TOKEN_GOOD, TOKEN_BAD };

struct token_claim { /* borrowed */
        const char *app_id, *room_id, *user_id, *token;
        const char *app_key; /* NULL: not known */
        const char *engine;  /* name */
        bool has_key_pair;   /* of LiveKit, for this app */
        uint64_t now_s;      /* Unix time */
};
struct token_life {
        uint64_t expires_at; /* Unix seconds; 0: never or not known */
        bool ends_room;      /* then it is over; else it only opens the room */
        bool only_listens;   /* the server will let him publish nothing */
};
/* ret: written for TOKEN_GOOD only. Logs why a token is bad. */
enum token_verdict token_judge(const struct token_claim *claim, struct token_life *ret);

enum { TOKEN_WARNING_S = 30 };

struct token_clock {
        struct loop_source *timer;
        struct loop *loop;
        uint64_t (*realtime_us)(void);
        struct token_life life;
        bool warned;
        void (*will_expire)(void *ctx);
        void (*expired)(void *ctx);
        void *ctx;
};
int token_clock_init(struct token_clock *t, struct loop *loop, uint64_t (*realtime_us)(void));
void token_clock_done(struct token_clock *t);
/* From the loop: will_expire() 30 s ahead (once; at once if less remains), expired() after the last valid second. A
 * life without an end, or that ends no room, stops the clock. */
void token_clock_set(struct token_clock *t, struct token_life life);
