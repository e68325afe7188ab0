/* test-janus-room.c - the janus engine on a real Janus (lib/janus.sh): two of us hear each other, strangers do not get
 * in, and a Janus that is killed is noticed. Sound comes from and goes to ports of our own, so no sound server is
 * needed. */
#include "engine/janus/janus.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/test.h"
#include "wire/janus-token.h"
#include "world.h"

static const char app_id[] = "0123456789abcdef01234567", app_key[] = "an app's key for tests";

static void init(struct world *w)
{
        world_init(w, &janus_engine_ops, getenv("JANUS_URL"), "run it under lib/janus.sh");
}

static void join_as(struct user *u, const char *room, const char *key, const char *token)
{
        struct engine_join params = { .app_id = app_id,
                                      .room_id = room,
                                      .user_id = u->name,
                                      .token = token,
                                      .app_key = key,
                                      .auto_publish = true,
                                      .auto_subscribe = true,
                                      .visible = true,
                                      .voice = { 20, 32000, 5, false, true } };

        join(u, &params);
}

TEST(two_hear_each_other)
{
        _world_ w;
        struct user *alice = &w.user[0], *bob = &w.user[1];

        init(&w);
        join_as(alice, "room", app_key, "");
        await(&w, alice, "done 1 ok");
        join_as(bob, "room", app_key, "");
        await(&w, bob, "done 1 ok");
        await(&w, alice, "updated bob audio>audio");
        await(&w, bob, "alice audio>audio"); /* there already: in one word or two */
        await(&w, alice, "speaking bob 1");
        await(&w, bob, "speaking alice 1");
        expect_sound(&w);
        report_join(alice);
        report_join(bob);
        ASSERT_OK(bob->engine->ops->publish(bob->engine, 3, ENGINE_AUDIO, false));
        await(&w, alice, "updated bob; ");
        await(&w, bob, "done 3 ok");
        recorder_clear(&alice->rec);
        ASSERT_OK(bob->engine->ops->publish(bob->engine, 4, ENGINE_AUDIO, true));
        await(&w, bob, "done 4 ok");
        await(&w, alice, "updated bob audio>audio");
        recorder_clear(&alice->rec);
        leave(&w, bob);
        await(&w, alice, "left bob");
        leave(&w, alice);
}

TEST(cycles)
{
        _world_ w;
        struct user *alice = &w.user[0];

        init(&w);
        for (unsigned i = 0; i < 20; i++) {
                join_as(alice, "room", app_key, "");
                await(&w, alice, "done 1 ok");
                if (i % 5 == 0)
                        report_join(alice);
                leave(&w, alice);
        }
}

TEST(rooms_do_not_mix)
{
        _world_ w;

        init(&w);
        join_as(&w.user[0], "one", app_key, "");
        join_as(&w.user[1], "two", app_key, "");
        await(&w, &w.user[0], "done 1 ok");
        await(&w, &w.user[1], "done 1 ok");
        run_for(&w, 300);
        ASSERT(!recorder_has(&w.user[0].rec, "bob"));
        ASSERT(!recorder_has(&w.user[1].rec, "alice"));
}

/* The secret is right, the room another: Janus itself has to look. */
static void pair_for(const char *room, char *ret, size_t size)
{
        char secret[JANUS_SECRET_SIZE], name[JANUS_ROOM_NAME_SIZE];
        _cleanup_free_ char *api = NULL, *room_token = NULL;
        uint64_t expires = clock_realtime_us() / US_PER_SEC + 60;

        ASSERT_OK(janus_token_secret(app_key, app_id, secret));
        ASSERT_OK(janus_room_name(app_id, room, name));
        ASSERT_OK(janus_token_sign_api(secret, expires, &api));
        ASSERT_OK(janus_token_sign_room(secret, expires, name, &room_token));
        snprintf(ret, size, "janus:%s|%s", api, room_token);
}

TEST(janus_refuses_strangers)
{
        char pair[1024];
        _world_ w;
        struct user *alice = &w.user[0], *bob = &w.user[1];

        init(&w);
        join_as(alice, "room", app_key, "");
        await(&w, alice, "done 1 ok");
        join_as(bob, "room", "another key", "");
        await(&w, bob, "done 1 invalid token");
        join_as(bob, "room", NULL, "janus:nothing|nothing");
        await(&w, bob, "done 1 invalid token");
        pair_for("elsewhere", pair, sizeof(pair));
        join_as(bob, "room", NULL, pair);
        await(&w, bob, "done 1 invalid token");
        pair_for("room", pair, sizeof(pair));
        join_as(bob, "room", NULL, pair);
        await(&w, bob, "done 1 ok");
        await(&w, alice, "joined bob");
}

TEST(the_echo_comes_back)
{
        _world_ w;
        struct user *alice = &w.user[0];

        init(&w);
        ASSERT_OK(alice->engine->ops->set_playback(alice->engine, "bob", NULL));
        ASSERT_OK(alice->engine->ops->set_playback(alice->engine, "echo", alice->ear));
        join_as(alice, ENGINE_ECHO_ROOM, app_key, "");
        await(&w, alice, "joined echo audio>audio");
        run_for(&w, 2500);
        printf("# the echo of 440 Hz comes at %.3f\n", level(alice, 440));
        ASSERT(level(alice, 440) > 0.1);
        leave(&w, alice);
}

TEST(the_same_user_twice_is_the_later_one)
{
        _world_ w;

        init(&w);
        w.user[1].name = "alice";
        join_as(&w.user[0], "room", app_key, "");
        await(&w, &w.user[0], "done 1 ok");
        join_as(&w.user[1], "room", app_key, "");
        await(&w, &w.user[1], "done 1 ok");
        await(&w, &w.user[0], "state idle duplicate login");
        run_for(&w, 500);
        ASSERT(!recorder_has(&w.user[1].rec, "state")); /* and that is how it stays */
}

/* Last in the file: nothing is left to talk to. */
TEST(zz_a_killed_janus_is_noticed)
{
        _world_ w;
        struct user *alice = &w.user[0];

        init(&w);
        join_as(alice, "room", app_key, "");
        await(&w, alice, "done 1 ok");
        ASSERT_EQ(kill((pid_t)atoi(getenv("JANUS_PID")), SIGKILL), 0);
        await(&w, alice, "state idle server gone");
        join_as(alice, "room", app_key, "");
        await(&w, alice, "done 1 server unreachable");
}
