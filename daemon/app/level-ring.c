/* level-ring.c - see level-ring.h.
 *
 * Every store that a reader may see is atomic, and all but the first of a sequence (odd) are releases: a reader that
 * sees any of them therefore sees that sequence, too, when it looks at it again. Bytes of names are stored one by one,
 * which is seldom. Only frames and slots that are used are touched: the memory of the others is never allocated.
 *
 * Who reads: inotify says that a descriptor was closed for good (events are merged, so they cannot be counted), and
 * a write lease is what the kernel grants only if no other description of the file is open, so asking for one tells.
 * Somebody who opens the file in just that moment has its owner sent a signal: one that is ignored is chosen.
 *
 * Control thread. The mapping, the memfd and the inotify descriptor are owned.
 */
#include "app/level-ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>

enum {
        SLOTS_OFFSET = 64,
        FRAMES_OFFSET = SLOTS_OFFSET + LEVEL_RING_SLOTS * sizeof(struct rtcroom_levels_slot),
        FRAME_SIZE = sizeof(struct rtcroom_levels_frame) + LEVEL_RING_SLOTS * sizeof(struct rtcroom_levels_entry),
        RING_SIZE = FRAMES_OFFSET + LEVEL_RING_FRAMES * FRAME_SIZE
};
_Static_assert(sizeof(struct rtcroom_levels_header) <= SLOTS_OFFSET, "the slots follow the header");
_Static_assert(sizeof(struct rtcroom_levels_slot) == 144 && FRAMES_OFFSET % 8 == 0 && FRAME_SIZE % 8 == 0,
               "no padding; 64-bit fields are aligned");

struct level_ring {
        int fd, watch_fd;
        union {
                char *bytes;
                struct rtcroom_levels_header *header;
        } map;
};

#define STORE(p, value) __atomic_store_n(p, value, __ATOMIC_RELEASE)

static void store_float(float *p, float value)
{
        __atomic_store(p, &value, __ATOMIC_RELEASE);
}

static struct rtcroom_levels_slot *slot_at(struct level_ring *ring, uint32_t i)
{
        return (void *)(ring->map.bytes + SLOTS_OFFSET + i * sizeof(struct rtcroom_levels_slot));
}

static struct rtcroom_levels_frame *frame_at(struct level_ring *ring, uint64_t k)
{
        return (void *)(ring->map.bytes + FRAMES_OFFSET + k % LEVEL_RING_FRAMES * FRAME_SIZE);
}

/* ---- life ---- */

/* Another description of the same file. */
static int open_again(int fd, int flags)
{
        char path[32];
        int again;

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        again = open(path, flags | O_CLOEXEC);
        return again < 0 ? -errno : again;
}

/* The mapping must be there before the seal that allows no other; and leases are for files that were opened. */
static int make_memory(struct level_ring *ring)
{
        _cleanup_close_ int fd = memfd_create("rtcroom-levels", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0 || ftruncate(fd, RING_SIZE) < 0)
                return -errno;
        ring->fd = open_again(fd, O_RDWR);
        if (ring->fd < 0)
                return ring->fd;
        ring->map.bytes = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
        if (ring->map.bytes == MAP_FAILED) {
                ring->map.bytes = NULL;
                return -errno;
        }
        if (fcntl(ring->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0)
                return -errno;
        return 0;
}

static int watch_readers(struct level_ring *ring)
{
        char path[32];

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ring->fd);
        ring->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (ring->watch_fd < 0 || inotify_add_watch(ring->watch_fd, path, IN_CLOSE) < 0 ||
            fcntl(ring->fd, F_SETSIG, SIGURG) < 0)
                return -errno;
        return 0;
}

int level_ring_new(uint32_t interval_us, struct level_ring **ret)
{
        _cleanup_(level_ring_freep) struct level_ring *ring = calloc(1, sizeof(*ring));
        int r;

        if (!ring)
                return -ENOMEM;
        ring->fd = ring->watch_fd = -1;
        r = make_memory(ring);
        if (r >= 0)
                r = watch_readers(ring);
        if (r < 0)
                return r;
        *ring->map.header = (struct rtcroom_levels_header){
                .magic = RTCROOM_LEVELS_MAGIC,
                .version = RTCROOM_LEVELS_VERSION,
                .slots_offset = SLOTS_OFFSET,
                .slot_size = sizeof(struct rtcroom_levels_slot),
                .n_slots = LEVEL_RING_SLOTS,
                .frames_offset = FRAMES_OFFSET,
                .frame_size = FRAME_SIZE,
                .n_frames = LEVEL_RING_FRAMES,
                .entries_offset = sizeof(struct rtcroom_levels_frame),
                .entry_size = sizeof(struct rtcroom_levels_entry),
                .interval_us = interval_us,
        };
        *ret = take_ptr(ring);
        return 0;
}

struct level_ring *level_ring_free(struct level_ring *ring)
{
        if (!ring)
                return NULL;
        if (ring->map.bytes) {
                level_ring_set_state(ring, RTCROOM_LEVELS_CLOSED);
                (void)munmap(ring->map.bytes, RING_SIZE);
        }
        ring->watch_fd = close_fd(ring->watch_fd);
        ring->fd = close_fd(ring->fd);
        free(ring);
        return NULL;
}

/* ---- readers ---- */

int level_ring_open(struct level_ring *ring)
{
        return open_again(ring->fd, O_RDONLY);
}

int level_ring_watch_fd(const struct level_ring *ring)
{
        return ring->watch_fd;
}

bool level_ring_is_read(struct level_ring *ring)
{
        char events[1024];

        while (read(ring->watch_fd, events, sizeof(events)) > 0)
                ;
        if (fcntl(ring->fd, F_SETLEASE, F_WRLCK) < 0)
                return true;
        (void)fcntl(ring->fd, F_SETLEASE, F_UNLCK);
        return false;
}

/* ---- writing ---- */

void level_ring_set_state(struct level_ring *ring, enum rtcroom_levels_state state)
{
        STORE(&ring->map.header->state, (uint32_t)state);
}

void level_ring_set_slot(struct level_ring *ring, uint32_t slot, uint32_t participant, const char *user_id)
{
        struct rtcroom_levels_slot *s = slot_at(ring, slot);
        char id[RTCROOM_LEVELS_ID_SIZE] = "";
        uint32_t sequence = s->sequence;

        assert(slot < LEVEL_RING_SLOTS);
        if (participant)
                (void)snprintf(id, sizeof(id), "%s", user_id);
        STORE(&s->sequence, sequence + 1);
        STORE(&s->participant, participant);
        for (size_t i = 0; i < sizeof(id); i++)
                STORE(&s->user_id[i], id[i]);
        STORE(&s->sequence, sequence + 2);
}

void level_ring_write(struct level_ring *ring, const struct level_frame *frame)
{
        uint64_t k = ring->map.header->head;
        struct rtcroom_levels_frame *f = frame_at(ring, k);
        struct rtcroom_levels_entry *entries = (void *)(f + 1);

        assert(frame->n_entries <= LEVEL_RING_SLOTS);
        STORE(&f->sequence, 2 * k + 1);
        STORE(&f->time_us, frame->time_us);
        STORE(&f->n_entries, frame->n_entries);
        store_float(&f->microphone_level, frame->microphone_level);
        store_float(&f->microphone_peak, frame->microphone_peak);
        for (uint32_t i = 0; i < frame->n_entries; i++) {
                STORE(&entries[i].participant, frame->entries[i].participant);
                STORE(&entries[i].flags, frame->entries[i].flags);
                store_float(&entries[i].level, frame->entries[i].level);
                store_float(&entries[i].peak, frame->entries[i].peak);
        }
        STORE(&f->sequence, 2 * k + 2);
        STORE(&ring->map.header->head, k + 1);
}
