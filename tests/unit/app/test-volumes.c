/* test-volumes.c - remembered volumes: the file, what is not in it, bounds. */
#include "app/volumes.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "lib/test.h"
#include "lib/vloop.h"

struct place {
        struct loop *loop;
        char dir[32], file[64];
};

static void place_init(struct place *p)
{
        log_set_level(LOG_LEVEL_ERROR);
        p->loop = vloop_new(US_PER_SEC);
        (void)snprintf(p->dir, sizeof(p->dir), "/tmp/rtcroomd-test-XXXXXX");
        ASSERT(p->loop && mkdtemp(p->dir));
        (void)snprintf(p->file, sizeof(p->file), "%s/volumes", p->dir);
}

static void place_done(struct place *p)
{
        vloop_free(p->loop);
        (void)unlink(p->file); /* not every test writes it */
        ASSERT_EQ(rmdir(p->dir), 0);
}

static void read_back(const struct place *p, char *buf, size_t size)
{
        FILE *f = fopen(p->file, "re");
        size_t n;

        ASSERT(f);
        n = fread(buf, 1, size - 1, f);
        buf[n] = '\0';
        ASSERT_EQ(fclose(f), 0);
}

static void write_by_hand(const struct place *p, const char *text)
{
        FILE *f = fopen(p->file, "we");

        ASSERT(f);
        ASSERT_EQ(fwrite(text, 1, strlen(text), f), strlen(text));
        ASSERT_EQ(fclose(f), 0);
}

TEST(written_a_second_after_the_last_change)
{
        struct volumes *v;
        struct place p;
        struct stat st;
        char text[256];

        place_init(&p);
        ASSERT_OK(volumes_new(p.loop, p.dir, &v));
        ASSERT_OK(volumes_set(v, "app", "amy", 0.5, false));
        vloop_run_for(p.loop, 900000);
        ASSERT_OK(volumes_set(v, "app", "bob", 2, false));
        vloop_run_for(p.loop, 900000);
        ASSERT(stat(p.file, &st) < 0);
        vloop_run_for(p.loop, 100000);
        read_back(&p, text, sizeof(text));
        ASSERT_STR(text, "app amy 0.500\napp bob 2.000\n");
        ASSERT_EQ(stat(p.file, &st), 0);
        ASSERT_EQ(st.st_mode & 0777, 0600);
        ASSERT_OK(volumes_set(v, "app", "amy", 1, false)); /* as loud as everybody: needs no line */
        volumes_free(v);                                   /* writes at once */
        read_back(&p, text, sizeof(text));
        ASSERT_STR(text, "app bob 2.000\n");
        place_done(&p);
}

TEST(what_is_no_entry_is_skipped)
{
        struct volumes *v;
        bool muted;
        struct place p;

        place_init(&p);
        write_by_hand(&p, "app amy 0.25\n\napp\napp bob loud\napp eve 3\napp dan nan\nb/d bad 1.5\nother amy 1.5");
        ASSERT_OK(volumes_new(p.loop, p.dir, &v));
        ASSERT_NEAR(volumes_get(v, "app", "amy", &muted), 0.25, 0);
        ASSERT_NEAR(volumes_get(v, "other", "amy", &muted), 1.5, 0);
        ASSERT_NEAR(volumes_get(v, "app", "bob", &muted), 1, 0);
        ASSERT_NEAR(volumes_get(v, "app", "eve", &muted), 1, 0);
        ASSERT_NEAR(volumes_get(v, "app", "dan", &muted), 1, 0);
        ASSERT_NEAR(volumes_get(v, "b/d", "bad", &muted), 1, 0);
        volumes_free(v);
        place_done(&p);
}

TEST(muted_people_are_remembered)
{
        struct volumes *v;
        struct place p;
        bool muted;
        char text[256];

        place_init(&p);
        write_by_hand(&p, "app amy 0.5 muted\napp bob 1.000 muted\napp eve 0.5 loud\n");
        ASSERT_OK(volumes_new(p.loop, p.dir, &v));
        ASSERT_NEAR(volumes_get(v, "app", "amy", &muted), 0.5, 0);
        ASSERT(muted);
        ASSERT_NEAR(volumes_get(v, "app", "bob", &muted), 1, 0);
        ASSERT(muted);
        ASSERT_NEAR(volumes_get(v, "app", "eve", &muted), 0.5, 0);
        ASSERT(!muted);
        ASSERT_OK(volumes_set(v, "app", "amy", 0.5, false));
        ASSERT_OK(volumes_set(v, "app", "bob", 1, false)); /* nothing is left to say of him */
        ASSERT_OK(volumes_set(v, "app", "dan", 1, true));
        volumes_free(v);
        read_back(&p, text, sizeof(text));
        ASSERT_STR(text, "app eve 0.500\napp amy 0.500\napp dan 1.000 muted\n");
        place_done(&p);
}

TEST(the_oldest_are_forgotten)
{
        struct volumes *v;
        bool muted;
        struct place p;
        char user[16];

        place_init(&p);
        ASSERT_OK(volumes_new(p.loop, NULL, &v));
        ASSERT_OK(volumes_set(v, "app", "first", 0.5, false));
        ASSERT_OK(volumes_set(v, "app", "second", 0.5, false));
        ASSERT_OK(volumes_set(v, "app", "first", 0.6, false)); /* younger than the second now */
        for (int i = 0; i < 4095; i++) {
                (void)snprintf(user, sizeof(user), "u%d", i);
                ASSERT_OK(volumes_set(v, "app", user, 0.5, false));
        }
        ASSERT_NEAR(volumes_get(v, "app", "second", &muted), 1, 0);
        ASSERT_NEAR(volumes_get(v, "app", "first", &muted), 0.6, 0);
        volumes_free(v);
        place_done(&p);
}

TEST(a_place_that_cannot_be_written_costs_nothing_else)
{
        struct volumes *v;
        bool muted;
        struct place p;

        place_init(&p);
        ASSERT_OK(volumes_new(p.loop, "/proc/nowhere/rtcroom", &v));
        ASSERT_OK(volumes_set(v, "app", "amy", 0.5, false));
        vloop_run_for(p.loop, 2 * US_PER_SEC);
        ASSERT_NEAR(volumes_get(v, "app", "amy", &muted), 0.5, 0);
        volumes_free(v);
        place_done(&p);
}

TEST_OOM(new_and_set)
{
        struct loop *loop = vloop_new(US_PER_SEC);
        struct volumes *v = NULL;
        bool muted;
        int r = loop ? volumes_new(loop, "/dev/null/nowhere", &v) : -ENOMEM;

        log_set_level(LOG_LEVEL_ERROR);
        if (r >= 0)
                r = volumes_set(v, "app", "amy", 0.5, false);
        if (r < 0 && v)
                ASSERT_NEAR(volumes_get(v, "app", "amy", &muted), 1, 0);
        volumes_free(v);
        vloop_free(loop);
        return r;
}
