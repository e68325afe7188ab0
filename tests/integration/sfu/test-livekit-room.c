/* test-livekit-room.c - the livekit engine on a real server (lib/livekit.sh): two of us hear each other, strangers do
 * not get in, what is lost is come back to, whatever the server is asked to simulate. */
#include "engine/livekit/livekit.h"

#include <errno.h>

#include "base/clock.h"
#include "lib/test.h"
#include "wire/jwt.h"
#include "world.h"

static const char key[] = "devkey", secret[] = "0123456789abcdef0123456789abcdef";

static void init(struct world *w)
{
        world_init(w, &livekit_engine_ops, getenv("LIVEKIT_URL"), "run it under lib/livekit.sh");
}

static struct jwt_grant grant_for(const struct user *u, const char *room)
{
        struct jwt_grant g = { .expires_at = clock_realtime_us() / US_PER_SEC + 600,
                               .room_join = true,
                               .can_publish = true,
                               .can_subscribe = true,
                               .can_publish_data = true };

        snprintf(g.key, sizeof(g.key), "%s", key);
        snprintf(g.identity, sizeof(g.identity), "%s", u->name);
        snprintf(g.room, sizeof(g.room), "%s", room);
        return g;
}

static struct engine_join params_for(const struct user *u, const char *room, const char *token)
{
        return (struct engine_join){ .app_id = "0123456789abcdef01234567",
                                     .room_id = room,
                                     .user_id = u->name,
                                     .token = token,
                                     .auto_publish = true,
                                     .auto_subscribe = true,
                                     .visible = true,
                                     .voice = { 20, 32000, 5, false, true },
                                     .reconnect_s = 30 };
}

static void join_with(struct user *u, const char *room, const struct jwt_grant *g, const char *signed_with)
{
        _cleanup_free_ char *token = NULL;
        struct engine_join params;

        ASSERT_OK(jwt_mint(g, signed_with, &token));
        params = params_for(u, room, token);
        params.visible = !g->hidden;
        join(u, &params);
}

static void join_as(struct user *u, const char *room)
{
        struct jwt_grant g = grant_for(u, room);

        join_with(u, room, &g, secret);
}

static void both_join(struct world *w)
{
        join_as(&w->user[0], "room");
        await(w, &w->user[0], "done 1 ok");
        join_as(&w->user[1], "room");
        await(w, &w->user[1], "done 1 ok");
        await(w, &w->user[0], "bob audio>audio");
        await(w, &w->user[1], "alice audio>audio");
        await(w, &w->user[0], "speaking bob 1");
        await(w, &w->user[1], "speaking alice 1");
}

TEST(two_hear_each_other)
{
        _world_ w;
        struct user *alice = &w.user[0], *bob = &w.user[1];

        init(&w);
        both_join(&w);
        expect_sound(&w);
        report_join(alice);
        report_join(bob);
        recorder_clear(&alice->rec);
        ASSERT_OK(bob->engine->ops->publish(bob->engine, 3, ENGINE_AUDIO, false));
        await(&w, bob, "done 3 ok");
        await(&w, alice, "updated bob; ");
        for (uint32_t op = 4; op < 8; op += 2) {
                recorder_clear(&alice->rec);
                ASSERT_OK(bob->engine->ops->publish(bob->engine, op, ENGINE_AUDIO, true));
                await(&w, alice, "updated bob audio>audio");
                ASSERT_OK(bob->engine->ops->publish(bob->engine, op + 1, ENGINE_AUDIO, false));
                await(&w, alice, "updated bob; ");
        }
        ASSERT_OK(bob->engine->ops->publish(bob->engine, 8, ENGINE_AUDIO, true));
        await(&w, bob, "done 8 ok");
        recorder_clear(&alice->rec);
        leave(&w, bob);
        await(&w, alice, "left bob");
        leave(&w, alice);
}

TEST(subscribed_and_not)
{
        _world_ w;
        struct user *alice = &w.user[0];

        init(&w);
        both_join(&w);
        for (uint32_t op = 10; op < 50; op += 2) {
                recorder_clear(&alice->rec);
                ASSERT_OK(alice->engine->ops->subscribe(alice->engine, op, "bob", ENGINE_AUDIO, false));
                await(&w, alice, "updated bob audio; ");
                ASSERT_OK(alice->engine->ops->subscribe(alice->engine, op + 1, "bob", ENGINE_AUDIO, true));
                await(&w, alice, "updated bob audio>audio; ");
        }
        expect_sound(&w);
}

TEST(cycles)
{
        _world_ w;
        struct user *alice = &w.user[0];

        init(&w);
        for (unsigned i = 0; i < 20; i++) {
                join_as(alice, "room");
                await(&w, alice, "done 1 ok");
                if (i % 5 == 0)
                        report_join(alice);
                leave(&w, alice);
        }
}

TEST(strangers_are_refused)
{
        _world_ w;
        struct user *alice = &w.user[0];
        struct jwt_grant g;

        init(&w);
        g = grant_for(alice, "room");
        join_with(alice, "room", &g, "another secret of thirty-two bytes");
        await(&w, alice, "done 1 invalid token");
        printf("# %s\n", alice->rec.last.detail);
        g.expires_at = 1000;
        join_with(alice, "room", &g, secret);
        await(&w, alice, "done 1 token expired");
        printf("# %s\n", alice->rec.last.detail);
        g = grant_for(alice, "room");
        g.room_join = false;
        join_with(alice, "room", &g, secret);
        await(&w, alice, "done 1 invalid token");
        printf("# %s\n", alice->rec.last.detail);
}

TEST(who_may_not_publish_listens)
{
        _world_ w;
        struct user *alice = &w.user[0], *bob = &w.user[1];
        struct jwt_grant g;

        init(&w);
        g = grant_for(alice, "room");
        g.can_publish = false;
        join_with(alice, "room", &g, secret);
        await(&w, alice, "done 1 ok");
        join_as(bob, "room");
        await(&w, alice, "bob audio>audio");
        await(&w, alice, "speaking bob 1");
        await(&w, bob, "joined alice; ");
        ASSERT_OK(alice->engine->ops->publish(alice->engine, 3, ENGINE_AUDIO, true));
        await(&w, alice, "done 3 not supported");
}

TEST(the_hidden_are_not_seen)
{
        _world_ w;
        struct user *alice = &w.user[0], *bob = &w.user[1];
        struct jwt_grant g;

        init(&w);
        join_as(bob, "room");
        await(&w, bob, "done 1 ok");
        g = grant_for(alice, "room");
        g.hidden = true;
        join_with(alice, "room", &g, secret);
        await(&w, alice, "done 1 ok");
        await(&w, alice, "bob audio>audio");
        await(&w, alice, "speaking bob 1");
        ASSERT(!recorder_has(&bob->rec, "alice"));
}

TEST(the_same_user_twice_is_the_later_one)
{
        _world_ w;

        init(&w);
        w.user[1].name = "alice";
        join_as(&w.user[0], "room");
        await(&w, &w.user[0], "done 1 ok");
        join_as(&w.user[1], "room");
        await(&w, &w.user[1], "done 1 ok");
        await(&w, &w.user[0], "state idle duplicate login");
        run_for(&w, 500);
        ASSERT(!recorder_has(&w.user[1].rec, "state")); /* and that is how it stays */
}
