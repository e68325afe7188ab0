/* levels.h - the shared memory that org.rtcroom.RtcRoom1.Voice.OpenLevels() hands out: who is how loud, 25 times a
 * second.
 *
 * rtcroom_open_levels() of rtcroom.h reads it; this file is for programs that read it themselves, in whatever
 * language. All numbers are in the machine's byte order, all offsets are from the start of the memory, nothing is
 * padded but as written here. The descriptor is read-only and sealed: map it PROT_READ, MAP_SHARED; its size never
 * changes (a reader should see F_SEAL_SHRINK among its seals before it trusts that). A reader takes the offsets, sizes
 * and counts from the header, for they may grow within a version; of fields that it does not know it reads nothing.
 *
 *   header | slots: who has which number | frames: a ring, frame k (from 0) at place k % n_frames
 *
 * One writer, readers that never wait. `head` counts the frames that are complete. The frame's own sequence says
 * whether it still is the one that was looked for, and complete: 2k + 1 while frame k is written, 2k + 2 when it is.
 * A reader loads it (acquire), then the frame's fields (acquire), then it again: if the two differ the frame was
 * overtaken, and a newer one is at hand. Slots have the same, odd while they are written.
 *
 * Entry i of a frame belongs to slot i if both name the same participant; if they do not, the slot has just changed
 * hands. Slots are taken again after somebody left; participants beyond n_slots have none.
 *
 * State: while `state` is RTCROOM_LEVELS_ROOM a frame comes at least every interval_us, and one at once when somebody
 * begins or ends speaking. Outside of a room none come, and nobody has a slot. RTCROOM_LEVELS_CLOSED: the context or
 * the daemon has ended, nothing comes any more. A daemon that was killed leaves no mark, but frames cease to come
 * (time_us is CLOCK_MONOTONIC).
 */
#ifndef RTCROOM_LEVELS_H
#define RTCROOM_LEVELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
        RTCROOM_LEVELS_MAGIC = 0x4c564c52, /* "RLVL" */
        RTCROOM_LEVELS_VERSION = 1,        /* raised when a reader of the old one would misread the new one */
        RTCROOM_LEVELS_ID_SIZE = 132       /* 128 characters, and zeros to the end */
};

enum rtcroom_levels_state { RTCROOM_LEVELS_IDLE = 0, RTCROOM_LEVELS_ROOM = 1, RTCROOM_LEVELS_CLOSED = 2 };

enum {
        RTCROOM_LEVELS_SELF = 1,     /* the local user */
        RTCROOM_LEVELS_SPEAKING = 2, /* as Participant.Speaking */
        RTCROOM_LEVELS_FLOWS = 4     /* the microphone is open, or this participant is played */
};

struct rtcroom_levels_header {
        uint32_t magic, version;
        uint32_t slots_offset, slot_size, n_slots;
        uint32_t frames_offset, frame_size, n_frames;
        uint32_t entries_offset, entry_size; /* within a frame; it has n_slots of them */
        uint32_t interval_us;
        uint32_t state; /* the first field that changes */
        uint64_t head;
};

struct rtcroom_levels_slot {
        uint32_t sequence;
        uint32_t participant; /* the number in its object path; 0: the slot is free */
        char user_id[RTCROOM_LEVELS_ID_SIZE];
        uint32_t reserved;
};

struct rtcroom_levels_frame {
        uint64_t sequence;
        uint64_t time_us;
        uint32_t n_entries; /* those beyond belong to nobody */
        uint32_t reserved;
        /* Loudness of the microphone as it is captured, also while voice activity or push-to-talk sends nothing:
         * whether it works can be seen before anybody hears it. 0 while muted and while no device is open. */
        float microphone_level, microphone_peak;
};

struct rtcroom_levels_entry {
        uint32_t participant, flags;
        float level; /* 0–1, RMS, quick to rise and slow to fall: what a meter shows */
        float peak;  /* 0–1, the loudest sample since the frame before */
};

#ifdef __cplusplus
}
#endif

#endif
