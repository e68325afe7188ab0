/* token.c - the judgement of a token and the clock of its expiry. See token.h.
 *
 * Control thread. Expiry is a moment of the wall clock, timers count monotonic time: the clock looks again at least
 * every 30 s, so that a machine that slept or whose clock was set is not wrong for longer than that.
 */
#include "app/token.h"

#include <string.h>

#include "base/clock.h"
#include "wire/jwt.h"
#include "wire/room-token.h"

LOG_TOPIC("app/token");

enum { LOOK_AGAIN_S = 30, NOT_BEFORE_LEEWAY_S = 60 /* the server's own: clocks differ */ };

static enum token_verdict bad(const struct token_claim *claim, const char *why)
{
        log_info("token %s of %s for room %s: %s", log_secret(claim->token), claim->user_id, claim->room_id, why);
        return TOKEN_BAD;
}

static enum token_verdict judge_room_token(const struct token_claim *claim, struct token_life *ret)
{
        enum room_token_verdict v;
        uint32_t expire_at;

        v = room_token_verify(claim->token, claim->app_id, claim->app_key, claim->room_id, claim->user_id,
                              claim->now_s, &expire_at);
        if (v != ROOM_TOKEN_OK)
                return bad(claim, room_token_verdict_to_string(v));
        *ret = (struct token_life){ .expires_at = expire_at, .ends_room = true };
        return TOKEN_GOOD;
}

/* The server would refuse it for any of these, too, but only after a connection, and some in other words. */
static enum token_verdict judge_grant(const struct token_claim *claim, const struct jwt_grant *g,
                                      struct token_life *ret)
{
        if (!g->room_join)
                return bad(claim, "grants no joining");
        if (strcmp(g->room, claim->room_id) != 0)
                return bad(claim, "wrong room");
        if (strcmp(g->identity, claim->user_id) != 0)
                return bad(claim, "wrong user");
        if (g->expires_at && claim->now_s > g->expires_at)
                return bad(claim, "expired");
        if (g->not_before > claim->now_s + NOT_BEFORE_LEEWAY_S)
                return bad(claim, "not valid yet");
        *ret = (struct token_life){ .expires_at = g->expires_at, .only_listens = !g->can_publish };
        return TOKEN_GOOD;
}

static enum token_verdict judge_for_livekit(const struct token_claim *claim, struct token_life *ret)
{
        struct jwt_grant grant;

        if (jwt_parse(claim->token, &grant) >= 0)
                return judge_grant(claim, &grant, ret);
        if (claim->app_key && claim->has_key_pair)
                return judge_room_token(claim, ret);
        return bad(claim, "not LiveKit's, and apps.<appId>.livekit and appKey are not both configured for another");
}

enum token_verdict token_judge(const struct token_claim *claim, struct token_life *ret)
{
        if (strcmp(claim->engine, "livekit") == 0)
                return judge_for_livekit(claim, ret);
        if (claim->app_key)
                return judge_room_token(claim, ret);
        if (strcmp(claim->engine, "embedded") == 0) {
                log_notice("no appKey is configured for %s: the embedded server admits nobody; set \"apps\": "
                           "{\"%s\": {\"appKey\": …}} in rtcroomd.json",
                           claim->app_id, claim->app_id);
                return TOKEN_BAD;
        }
        *ret = (struct token_life){ 0 };
        return TOKEN_GOOD;
}

/* When the wall clock shows `moment_s`, as the loop counts, but no later than LOOK_AGAIN_S from now. */
static uint64_t due_at(const struct token_clock *t, uint64_t moment_s)
{
        uint64_t wall_us = t->realtime_us(), moment_us = moment_s * US_PER_SEC;
        uint64_t wait_us = moment_us > wall_us ? moment_us - wall_us : 0;

        if (wait_us > LOOK_AGAIN_S * US_PER_SEC)
                wait_us = LOOK_AGAIN_S * US_PER_SEC;
        return loop_now_us(t->loop) + wait_us;
}

static void on_timer(void *ctx)
{
        struct token_clock *t = ctx;
        uint64_t now_s = t->realtime_us() / US_PER_SEC;

        if (now_s > t->life.expires_at) {
                t->expired(t->ctx); /* may stop the clock */
                return;
        }
        if (!t->warned && now_s + TOKEN_WARNING_S >= t->life.expires_at) {
                t->warned = true;
                t->will_expire(t->ctx);
        }
        (void)loop_set_timer(t->timer,
                             due_at(t, t->warned ? t->life.expires_at + 1 : t->life.expires_at - TOKEN_WARNING_S));
}

int token_clock_init(struct token_clock *t, struct loop *loop, uint64_t (*realtime_us)(void))
{
        t->loop = loop;
        t->realtime_us = realtime_us;
        return loop_add_timer(loop, LOOP_NEVER, on_timer, t, &t->timer);
}

void token_clock_done(struct token_clock *t)
{
        t->timer = loop_remove(t->timer);
}

void token_clock_set(struct token_clock *t, struct token_life life)
{
        t->life = life;
        t->warned = false;
        (void)loop_set_timer(t->timer, life.ends_room && life.expires_at ? 0 : LOOP_NEVER);
}
