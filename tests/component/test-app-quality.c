/* test-app-quality.c - NetworkQuality every two seconds, from scripted figures of the engine: grades, the property,
 * people who come and go, and a connection that is lost.
 */
#include "app/context.h"
#include "app/participant.h"
#include "fakes/app-rig.h"
#include "lib/test.h"
#include "lib/vloop.h"

struct world {
        struct rig *rig;
        struct context *c;
        struct engine_stats_inbound amy;
};

static const struct quality_record *record(struct world *w, const char *user)
{
        ASSERT(rig_find(w->c, user));
        return participant_quality(rig_find(w->c, user));
}

static uint32_t grade(struct world *w, const char *user)
{
        struct participant_view v;

        participant_get(rig_find(w->c, user), &v);
        return v.quality;
}

static struct world make(void)
{
        struct world w = { .rig = rig_make(), .amy = { .user_id = "amy" } };

        w.c = rig_joined(w.rig, true);
        rig_person(w.rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_turn(w.rig);
        return w;
}

/* Two seconds in which 100 packets went out and 100 should have come in. */
static void pass(struct world *w, int32_t out_lost, uint64_t in_lost, uint64_t in_repaired)
{
        struct engine_stats *s = &w->rig->script.stats;

        s->outbound.packets_sent += 100;
        s->outbound.bytes_sent += 8000;
        s->outbound.remote_packets_lost += out_lost;
        s->outbound.reports += 2;
        s->outbound.rtt_us = 40000;
        w->amy.rx.packets += 100 - in_lost;
        w->amy.rx.packets_lost += in_lost;
        w->amy.rx.bytes += 6000;
        w->amy.repaired += in_repaired;
        w->amy.rx.jitter_us = 5000;
        s->inbound = &w->amy;
        s->n_inbound = 1;
        rig_run_ms(w->rig, 2000);
}

TEST(figures_of_two_seconds)
{
        struct world w = make();

        ASSERT_EQ(w.rig->n_quality, 0); /* the first look only begins */
        w.rig->participant_properties = 0;
        pass(&w, 0, 0, 0);
        ASSERT_EQ(w.rig->n_quality, 1);
        ASSERT_EQ(record(&w, "me")->tx, QUALITY_EXCELLENT);
        ASSERT_EQ(record(&w, "me")->rtt_ms, 40);
        ASSERT_EQ(record(&w, "me")->bitrate, 32000);
        ASSERT_EQ(record(&w, "amy")->tx, QUALITY_UNKNOWN);
        pass(&w, 5, 10, 5); /* 15 were lost on the way, 5 of which came when asked for */
        ASSERT_EQ(w.rig->n_quality, 2);
        ASSERT_NEAR(record(&w, "me")->loss_rate, 0.05, 1e-9);
        ASSERT_EQ(record(&w, "me")->tx, QUALITY_POOR);
        ASSERT_NEAR(record(&w, "amy")->loss_rate, 0.15, 1e-9);
        ASSERT_EQ(record(&w, "amy")->rx, QUALITY_BAD);
        ASSERT_EQ(record(&w, "amy")->bitrate, 24000);
        ASSERT_EQ(record(&w, "amy")->rtt_ms, 0);
        ASSERT_EQ(record(&w, "me")->rx, QUALITY_BAD); /* everybody together */
        ASSERT(w.rig->participant_properties & PARTICIPANT_QUALITY);
        ASSERT_EQ(grade(&w, "me"), QUALITY_BAD);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_BAD);
        pass(&w, 0, 0, 0);
        ASSERT_EQ(grade(&w, "me"), QUALITY_EXCELLENT);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_EXCELLENT);
        rig_free(w.rig);
}

static void say(struct world *w, const char *user, enum engine_quality quality, bool muted)
{
        ASSERT_OK(fake_participant(&w->rig->script, ENGINE_PARTICIPANT_UPDATED,
                                   &(struct engine_participant){ .user_id = user,
                                                                 .published = ENGINE_AUDIO,
                                                                 .subscribed = ENGINE_AUDIO,
                                                                 .audio_muted = muted,
                                                                 .quality = quality }));
        rig_turn(w->rig);
}

TEST(the_server_knows_of_the_sending_of_others)
{
        struct world w = make();

        pass(&w, 0, 0, 0);
        say(&w, "amy", ENGINE_QUALITY_POOR, false);
        pass(&w, 0, 0, 0);
        ASSERT_EQ(record(&w, "amy")->tx, QUALITY_POOR);
        ASSERT_EQ(record(&w, "amy")->rx, QUALITY_EXCELLENT);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_POOR);
        rig_run_ms(w.rig, 2000); /* nothing comes: between two spurts, to the server, a line is poor */
        ASSERT_EQ(grade(&w, "amy"), QUALITY_UNKNOWN);
        say(&w, "amy", ENGINE_QUALITY_LOST, true);
        rig_run_ms(w.rig, 2000);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_DOWN);
        say(&w, "amy", ENGINE_QUALITY_GOOD, true);
        rig_run_ms(w.rig, 2000);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_GOOD);
        rig_person(w.rig, ENGINE_PARTICIPANT_UPDATED, "amy", ENGINE_AUDIO, 0);
        rig_run_ms(w.rig, 2000);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_UNKNOWN);
        rig_free(w.rig);
}

TEST(of_our_own_sending_the_figures_come_first)
{
        struct world w = make();

        say(&w, "me", ENGINE_QUALITY_GOOD, false);
        pass(&w, 15, 0, 0);
        ASSERT_EQ(record(&w, "me")->tx, QUALITY_BAD);
        rig_run_ms(w.rig, 2000); /* nothing is sent */
        ASSERT_EQ(record(&w, "me")->tx, QUALITY_GOOD);
        say(&w, "me", ENGINE_QUALITY_LOST, false);
        rig_run_ms(w.rig, 2000);
        ASSERT_EQ(record(&w, "me")->tx, QUALITY_UNKNOWN);
        rig_free(w.rig);
}

TEST(nothing_is_known_of_silence)
{
        struct world w = make();

        pass(&w, 0, 0, 0);
        pass(&w, 0, 0, 0);
        rig_run_ms(w.rig, 2000); /* nobody speaks */
        ASSERT_EQ(grade(&w, "me"), QUALITY_UNKNOWN);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_UNKNOWN);
        ASSERT_EQ(w.rig->n_quality, 3);
        pass(&w, 0, 0, 0);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_EXCELLENT);
        w.rig->script.stats.n_inbound = 0; /* no longer received */
        rig_run_ms(w.rig, 2000);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_UNKNOWN);
        rig_free(w.rig);
}

TEST(a_lost_connection_is_down)
{
        static const struct engine_result ok = { 0 };
        struct world w = make();

        pass(&w, 0, 0, 0);
        pass(&w, 0, 0, 0);
        ASSERT_OK(fake_state(&w.rig->script, ENGINE_STATE_RECONNECTING, &ok));
        pass(&w, 0, 0, 0);
        ASSERT_EQ(record(&w, "me")->tx, QUALITY_DOWN);
        ASSERT_EQ(record(&w, "me")->rx, QUALITY_DOWN);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_UNKNOWN);
        ASSERT_EQ(w.rig->n_quality, 3);
        ASSERT_OK(fake_state(&w.rig->script, ENGINE_STATE_JOINED, &ok));
        pass(&w, 0, 0, 0); /* only begins again */
        pass(&w, 0, 0, 0);
        ASSERT_EQ(grade(&w, "me"), QUALITY_EXCELLENT);
        ASSERT_EQ(grade(&w, "amy"), QUALITY_EXCELLENT);
        rig_free(w.rig);
}

TEST(nothing_is_told_outside_of_a_room)
{
        struct world w = make();
        unsigned told;

        pass(&w, 0, 0, 0);
        told = w.rig->n_quality;
        ASSERT_OK(rig_simple(w.rig, w.c, 1, API_EXIT));
        rig_run_ms(w.rig, 10000);
        ASSERT_EQ(w.rig->n_quality, told);
        ASSERT_OK(rig_join(w.rig, w.c, 1, "room", "me", true));
        rig_run_ms(w.rig, 10);
        ASSERT_EQ(w.rig->n_quality, told);
        rig_run_ms(w.rig, 4000);
        ASSERT_EQ(w.rig->n_quality, told + 2);
        rig_free(w.rig);
}
