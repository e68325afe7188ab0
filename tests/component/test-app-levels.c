/* test-app-levels.c - OpenLevels from the manager to a reader: who has a slot, when frames are written, and that
 * nothing is measured while nobody looks.
 */
#include <errno.h>
#include <unistd.h>

#include "app/levels.h"
#include "fakes/app-rig.h"
#include "fakes/bus-rig.h"
#include "lib/test.h"
#include "rtcroom/rtcroom.h"

static struct rtcroom_levels *open_levels(struct context *c)
{
        struct rtcroom_levels *l;
        int fd = context_open_levels(c);

        ASSERT_OK(fd);
        ASSERT_OK(rtcroom_levels_map(fd, &l));
        ASSERT_EQ(close(fd), 0);
        return l;
}

static const struct rtcroom_level *find(const struct rtcroom_levels_now *now, const char *user)
{
        for (size_t i = 0; i < now->n_people; i++)
                if (strcmp(now->people[i].user_id, user) == 0)
                        return &now->people[i];
        return NULL;
}

static struct audio_port *port_of(struct rig *rig, const char *user)
{
        char name[64];
        struct fake_stream *s;

        (void)snprintf(name, sizeof(name), "rtcroomd." RIG_APP ".%s", user);
        s = fake_audio_find(&rig->audio, name);
        ASSERT(s);
        return s->port;
}

TEST(everybody_has_a_level)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct rtcroom_levels *l = open_levels(c);
        struct rtcroom_levels_now now;
        static const float loud[] = { 0.1f, -0.75f, 0.5f };

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "alice", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "bob", 0, 0);
        rig_run_ms(rig, 100);
        ASSERT_EQ(rtcroom_levels_read(l, &now), 1);
        ASSERT(now.in_room);
        ASSERT_EQ(now.n_people, 3);
        ASSERT(find(&now, "me")->self && find(&now, "me")->flows);
        ASSERT(!find(&now, "bob")->flows && find(&now, "alice")->flows);
        ASSERT_EQ(find(&now, "alice")->participant, participant_number(rig_find(c, "alice")));
        atomic_store(&port_of(rig, "alice")->level, 0.25f);
        audio_port_meter(port_of(rig, "alice"), loud, 3);
        rig_run_ms(rig, 100);
        ASSERT_EQ(rtcroom_levels_read(l, &now), 1);
        ASSERT_NEAR(find(&now, "alice")->level, 0.25, 1e-6);
        ASSERT_NEAR(find(&now, "alice")->peak, 0.75, 1e-6);
        rig_run_ms(rig, 100);
        ASSERT_EQ(rtcroom_levels_read(l, &now), 1);
        ASSERT_NEAR(find(&now, "alice")->peak, 0, 1e-6); /* it was taken */
        rtcroom_levels_close(l);
}

TEST(who_begins_to_speak_is_seen_at_once)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct rtcroom_levels *l = open_levels(rig_joined(rig, true));
        struct rtcroom_levels_now now;
        bool speaking = false;

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "alice", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_run_ms(rig, 95);
        for (int i = 0; i < 4; i++) {
                speaking = !speaking;
                ASSERT_OK(fake_speak(&rig->script, "alice", speaking));
                rig_run_ms(rig, 1);
                ASSERT_EQ(rtcroom_levels_read(l, &now), 1);
                ASSERT_EQ(find(&now, "alice")->speaking, speaking);
        }
        rtcroom_levels_close(l);
}

TEST(slots_are_free_again)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct rtcroom_levels *l = open_levels(c);
        struct rtcroom_levels_now now;
        char name[16];

        for (unsigned i = 0; i < 600; i++) { /* more than there are slots */
                (void)snprintf(name, sizeof(name), "u%u", i);
                rig_person(rig, ENGINE_PARTICIPANT_JOINED, name, 0, 0);
                if (i >= 5) {
                        (void)snprintf(name, sizeof(name), "u%u", i - 5);
                        rig_person(rig, ENGINE_PARTICIPANT_LEFT, name, 0, 0);
                }
                rig_run_ms(rig, 40);
                (void)rig_take(rig);
        }
        ASSERT_EQ(rtcroom_levels_read(l, &now), 1);
        ASSERT_EQ(now.n_people, 6);
        ASSERT(find(&now, "me") && find(&now, "u599") && find(&now, "u595") && !find(&now, "u594"));
        rtcroom_levels_close(l);
}

TEST(more_people_than_slots)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct rtcroom_levels *l = open_levels(c);
        struct rtcroom_levels_now now;
        char name[16];

        for (unsigned i = 0; i < 300; i++) {
                (void)snprintf(name, sizeof(name), "u%u", i);
                rig_person(rig, ENGINE_PARTICIPANT_JOINED, name, 0, 0);
                rig_turn(rig);
                (void)rig_take(rig);
        }
        rig_run_ms(rig, 100);
        ASSERT_EQ(rtcroom_levels_read(l, &now), 1);
        ASSERT_EQ(now.n_people, 256);
        rtcroom_levels_close(l);
}

TEST(nothing_is_measured_while_nobody_looks)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_joined(rig, true);
        struct rtcroom_levels *l, *second;
        struct rtcroom_levels_now now;
        uint64_t last_us;

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "alice", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_run_ms(rig, 100);
        ASSERT(!port_of(rig, "alice")->metered);
        l = open_levels(c);
        second = open_levels(c);
        rig_run_ms(rig, 100);
        ASSERT(port_of(rig, "alice")->metered);
        rtcroom_levels_close(l);
        rig_run_ms(rig, 100);
        ASSERT(port_of(rig, "alice")->metered); /* for the second */
        ASSERT_EQ(rtcroom_levels_read(second, &now), 1);
        last_us = now.time_us;
        rtcroom_levels_close(second);
        rig_run_ms(rig, 100);
        ASSERT(!port_of(rig, "alice")->metered);
        l = open_levels(c); /* the last frame is an old one until the next comes */
        rig_run_ms(rig, 1000);
        ASSERT_EQ(rtcroom_levels_read(l, &now), 1);
        ASSERT_GT(now.time_us, last_us + 900000);
        rtcroom_levels_close(l);
}

TEST(it_outlives_rooms_and_ends_with_the_context)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);
        struct rtcroom_levels *l = open_levels(c), *late;
        struct rtcroom_levels_now now;

        rig_run_ms(rig, 100);
        ASSERT_EQ(rtcroom_levels_read(l, &now), 0);
        ASSERT(!now.in_room);
        for (int i = 0; i < 2; i++) {
                ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
                rig_run_ms(rig, 100);
                ASSERT_EQ(rtcroom_levels_read(l, &now), 1);
                ASSERT(now.in_room && find(&now, "me"));
                ASSERT_OK(rig_simple(rig, c, 1, API_EXIT));
                rig_run_ms(rig, 100);
                ASSERT_EQ(rtcroom_levels_read(l, &now), 0);
                ASSERT(!now.in_room);
                ASSERT_EQ(now.n_people, 0);
        }
        ASSERT_OK(rig_simple(rig, c, 1, API_DESTROY));
        rig_run_ms(rig, 100);
        ASSERT_EQ(rtcroom_levels_read(l, &now), -ENOENT);
        late = open_levels(c);
        ASSERT_EQ(rtcroom_levels_read(late, &now), -ENOENT);
        rtcroom_levels_close(l);
        rtcroom_levels_close(late);
}

TEST(the_end_of_the_daemon_is_seen)
{
        struct rig *rig = rig_make();
        struct rtcroom_levels *l = open_levels(rig_joined(rig, true));
        struct rtcroom_levels_now now;

        rig_free(rig);
        ASSERT_EQ(rtcroom_levels_read(l, &now), -ENOENT);
        rtcroom_levels_close(l);
}

/* The manager's own failures are its OOM test's; here only that of a ring. */
TEST_OOM(opening)
{
        static struct rig *rig;
        int fd;

        if (!rig) {
                int r = rig_new(NULL, &rig);

                if (r < 0)
                        return r;
        }
        if (!manager_first_context(rig->m)) {
                struct context *c;
                int r = rig_create(rig, 1, &c);

                if (r < 0)
                        return r;
        }
        fd = context_open_levels(manager_first_context(rig->m));
        if (fd < 0)
                return fd;
        close(fd);
        rig = rig_free(rig);
        return 0;
}

/* ---- on the bus ---- */

TEST(the_descriptor_comes_over_the_bus)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        static const char *const who[] = { OWNER, PANEL };
        struct rtcroom_levels_now now;

        bus_rig_join(rig, OWNER, path);
        for (size_t i = 0; i < ARRAY_SIZE(who); i++) {
                sd_bus_message *answer = bus_rig_call(rig, who[i], path, BUS_INTERFACE_VOICE, "OpenLevels", "");
                struct rtcroom_levels *l;
                int fd;

                ASSERT(answer && !sd_bus_message_is_method_error(answer, NULL));
                ASSERT_OK(sd_bus_message_read(answer, "h", &fd));
                ASSERT_OK(rtcroom_levels_map(fd, &l));
                sd_bus_message_unref(answer);
                bus_rig_run_ms(rig, 50);
                ASSERT_EQ(rtcroom_levels_read(l, &now), 1);
                ASSERT(find(&now, "alice") && find(&now, "me"));
                rtcroom_levels_close(l);
        }
        bus_rig_expect_error(bus_rig_call(rig, SANDBOX, path, BUS_INTERFACE_VOICE, "OpenLevels", ""),
                             SD_BUS_ERROR_ACCESS_DENIED);
}
