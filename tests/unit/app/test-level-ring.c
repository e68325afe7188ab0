/* test-level-ring.c - the ring of levels from both sides: seals, readers counted, what is read, and that nothing read
 * is torn while somebody writes.
 */
#include "app/level-ring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/test.h"
#include "rtcroom/rtcroom.h"

struct pair {
        struct level_ring *ring;
        struct rtcroom_levels *reader;
};

static void pair_init(struct pair *p)
{
        int fd;

        ASSERT_OK(level_ring_new(40000, &p->ring));
        fd = level_ring_open(p->ring);
        ASSERT_OK(fd);
        ASSERT_OK(rtcroom_levels_map(fd, &p->reader));
        ASSERT_EQ(close(fd), 0);
}

static void pair_done(struct pair *p)
{
        rtcroom_levels_close(p->reader);
        level_ring_free(p->ring);
}

static void write_one(struct level_ring *ring, uint32_t participant, float level, float peak)
{
        struct level_frame f = { .time_us = 1000, .n_entries = 1, .microphone_level = 0.5f, .microphone_peak = peak };

        f.entries[0] = (struct rtcroom_levels_entry){ participant, RTCROOM_LEVELS_SPEAKING, level, peak };
        level_ring_write(ring, &f);
}

/* ---- who may do what with the memory ---- */

TEST(nobody_else_can_write_it)
{
        struct level_ring *ring;
        char path[32];
        struct stat st;
        int fd, again;

        ASSERT_OK(level_ring_new(40000, &ring));
        fd = level_ring_open(ring);
        ASSERT_OK(fd);
        ASSERT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        ASSERT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
        ASSERT_EQ(fstat(fd, &st), 0);
        ASSERT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
        ASSERT(ftruncate(fd, 0) < 0);
        /* the way around a read-only descriptor */
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        again = open(path, O_RDWR | O_CLOEXEC);
        if (again >= 0) {
                ASSERT(write(again, "x", 1) < 0);
                ASSERT(fallocate(again, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0);
                ASSERT(ftruncate(again, 0) < 0 && ftruncate(again, st.st_size + 1) < 0);
                ASSERT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
                close(again);
        }
        close(fd);
        level_ring_free(ring);
}

static bool is_readable(int fd)
{
        return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) > 0;
}

TEST(it_is_known_whether_anybody_reads)
{
        struct level_ring *ring;
        void *map;
        int a, b;

        ASSERT_OK(level_ring_new(40000, &ring));
        ASSERT(!level_ring_is_read(ring));
        a = level_ring_open(ring);
        b = level_ring_open(ring);
        ASSERT(level_ring_is_read(ring));
        map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, a, 0);
        ASSERT(map != MAP_FAILED);
        ASSERT(!is_readable(level_ring_watch_fd(ring)));
        close(a);
        close(b);
        ASSERT(is_readable(level_ring_watch_fd(ring)));
        ASSERT(level_ring_is_read(ring)); /* the mapping is in use */
        ASSERT(!is_readable(level_ring_watch_fd(ring)));
        ASSERT_EQ(munmap(map, 4096), 0);
        ASSERT(is_readable(level_ring_watch_fd(ring)));
        ASSERT(!level_ring_is_read(ring));
        level_ring_free(ring);
}

TEST_OOM(making_one)
{
        struct level_ring *ring;
        struct rtcroom_levels *reader;
        int fd, r = level_ring_new(40000, &ring);

        if (r < 0)
                return r;
        fd = level_ring_open(ring);
        ASSERT_OK(fd);
        r = rtcroom_levels_map(fd, &reader);
        if (r >= 0)
                rtcroom_levels_close(reader);
        close(fd);
        level_ring_free(ring);
        return r;
}

/* ---- reading ---- */

TEST(what_is_written_is_read)
{
        struct rtcroom_levels_now now;
        struct pair p;

        pair_init(&p);
        ASSERT_EQ(rtcroom_levels_read(p.reader, &now), 0);
        ASSERT(!now.in_room && now.n_people == 0);
        level_ring_set_state(p.ring, RTCROOM_LEVELS_ROOM);
        level_ring_set_slot(p.ring, 0, 7, "alice");
        write_one(p.ring, 7, 0.25f, 0.5f);
        ASSERT_EQ(rtcroom_levels_read(p.reader, &now), 1);
        ASSERT(now.in_room);
        ASSERT_EQ(now.time_us, 1000);
        ASSERT_NEAR(now.microphone_level, 0.5, 1e-6);
        ASSERT_EQ(now.n_people, 1);
        ASSERT_STR(now.people[0].user_id, "alice");
        ASSERT_EQ(now.people[0].participant, 7);
        ASSERT(now.people[0].speaking && !now.people[0].self && !now.people[0].flows);
        ASSERT_NEAR(now.people[0].level, 0.25, 1e-6);
        ASSERT_NEAR(now.people[0].peak, 0.5, 1e-6);
        ASSERT_EQ(rtcroom_levels_read(p.reader, &now), 0); /* nothing new; told again */
        ASSERT_EQ(now.n_people, 1);
        pair_done(&p);
}

TEST(peaks_between_two_reads_are_joined)
{
        static const float peaks[] = { 0.1f, 0.9f, 0.2f };
        struct rtcroom_levels_now now;
        struct pair p;

        pair_init(&p);
        level_ring_set_state(p.ring, RTCROOM_LEVELS_ROOM);
        level_ring_set_slot(p.ring, 0, 7, "alice");
        for (int i = 0; i < 3; i++)
                write_one(p.ring, 7, 0.1f * (float)i, peaks[i]);
        ASSERT_EQ(rtcroom_levels_read(p.reader, &now), 1);
        ASSERT_NEAR(now.people[0].peak, 0.9, 1e-6);
        ASSERT_NEAR(now.microphone_peak, 0.9, 1e-6);
        ASSERT_NEAR(now.people[0].level, 0.2, 1e-6); /* the newest */
        write_one(p.ring, 7, 0, 0.3f);
        for (int i = 0; i < 2 * LEVEL_RING_FRAMES; i++) /* what was overtaken is forgotten */
                write_one(p.ring, 7, 0, 0.05f);
        ASSERT_EQ(rtcroom_levels_read(p.reader, &now), 1);
        ASSERT_NEAR(now.people[0].peak, 0.05, 1e-6);
        pair_done(&p);
}

TEST(a_slot_that_changed_hands_lends_nobody_a_level)
{
        struct rtcroom_levels_now now;
        struct pair p;

        pair_init(&p);
        level_ring_set_state(p.ring, RTCROOM_LEVELS_ROOM);
        level_ring_set_slot(p.ring, 0, 7, "alice");
        write_one(p.ring, 7, 1, 1);
        level_ring_set_slot(p.ring, 0, 8, "bob");
        ASSERT_EQ(rtcroom_levels_read(p.reader, &now), 1);
        ASSERT_EQ(now.n_people, 0);
        write_one(p.ring, 8, 0.5f, 0.5f);
        ASSERT_EQ(rtcroom_levels_read(p.reader, &now), 1);
        ASSERT_STR(now.people[0].user_id, "bob");
        ASSERT_NEAR(now.people[0].peak, 0.5, 1e-6); /* not alice's */
        level_ring_set_slot(p.ring, 0, 0, NULL);
        write_one(p.ring, 0, 0, 0);
        ASSERT_EQ(rtcroom_levels_read(p.reader, &now), 1);
        ASSERT_EQ(now.n_people, 0);
        pair_done(&p);
}

TEST(the_end_is_seen)
{
        struct rtcroom_levels_now now;
        struct pair p;

        pair_init(&p);
        level_ring_set_state(p.ring, RTCROOM_LEVELS_ROOM);
        write_one(p.ring, 7, 1, 1);
        p.ring = level_ring_free(p.ring);
        ASSERT_EQ(rtcroom_levels_read(p.reader, &now), -ENOENT);
        ASSERT_EQ(rtcroom_levels_read(p.reader, &now), -ENOENT);
        pair_done(&p);
}

TEST(other_memory_is_refused)
{
        struct rtcroom_levels *l = NULL;
        int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING), pipes[2];

        ASSERT_OK(fd);
        ASSERT_EQ(ftruncate(fd, 100000), 0);
        ASSERT_EQ(rtcroom_levels_map(fd, &l), -EIO); /* could be cut short under its reader */
        ASSERT_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
        ASSERT_EQ(rtcroom_levels_map(fd, &l), -EIO); /* no ring */
        close(fd);
        ASSERT_EQ(pipe2(pipes, O_CLOEXEC), 0);
        ASSERT_EQ(rtcroom_levels_map(pipes[0], &l), -EIO);
        close(pipes[0]);
        close(pipes[1]);
        ASSERT_EQ(rtcroom_levels_map(-1, &l), -EINVAL);
        ASSERT(!l);
}

/* ---- a reader beside a writer: two threads, for TSan as well ---- */

enum { ROUNDS = 20000, PEOPLE = 20 };

/* In round k everybody's level and peak is that of the round, and the names say which slots belong together. */
static void *write_rounds(void *arg)
{
        struct level_ring *ring = arg;
        struct level_frame f = { .n_entries = PEOPLE };
        char name[16];

        for (uint32_t k = 0; k < ROUNDS; k++) {
                float level = (float)(k % 1000) / 1000;
                uint32_t slot = k % PEOPLE, participant = k + 1;

                (void)snprintf(name, sizeof(name), "user-%u", participant);
                level_ring_set_slot(ring, slot, participant, name);
                f.entries[slot].participant = participant;
                f.time_us = k;
                for (uint32_t i = 0; i < PEOPLE; i++)
                        f.entries[i].level = f.entries[i].peak = level;
                f.microphone_level = level;
                level_ring_write(ring, &f);
        }
        level_ring_set_state(ring, RTCROOM_LEVELS_CLOSED);
        return NULL;
}

static void check_whole(const struct rtcroom_levels_now *now)
{
        float level = (float)(now->time_us % 1000) / 1000;
        char name[16];

        ASSERT_NEAR(now->microphone_level, level, 1e-6);
        for (size_t i = 0; i < now->n_people; i++) {
                ASSERT_NEAR(now->people[i].level, level, 1e-6);
                (void)snprintf(name, sizeof(name), "user-%u", now->people[i].participant);
                ASSERT_STR(now->people[i].user_id, name);
        }
}

TEST(nothing_read_is_torn)
{
        struct rtcroom_levels_now now;
        uint64_t last_us = 0;
        pthread_t thread;
        struct pair p;
        int r;

        pair_init(&p);
        level_ring_set_state(p.ring, RTCROOM_LEVELS_ROOM);
        ASSERT_EQ(pthread_create(&thread, NULL, write_rounds, p.ring), 0);
        while ((r = rtcroom_levels_read(p.reader, &now)) >= 0) {
                if (r == 0)
                        continue;
                ASSERT_GE(now.time_us, last_us);
                last_us = now.time_us;
                check_whole(&now);
        }
        ASSERT_EQ(r, -ENOENT);
        ASSERT_EQ(pthread_join(thread, NULL), 0);
        pair_done(&p);
}
