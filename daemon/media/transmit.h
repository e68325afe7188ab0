/* transmit.h - what is sent of that which may be sent: all of it, what is spoken, or what is said with a key pressed.
 *
 * Stands between gate and encoder. Samples that passed the gate come in as blocks of 10 ms; whole frames go out, in
 * spurts. Between spurts the last 60 ms are kept, so that a spurt begins with what was said just before it was
 * noticed: its first frames come out at once, one after the other. It fades in, and it ends with a fade in the block
 * at hand; from then on silence takes the place of what comes, until the frame is full and for one frame more, after
 * which a decoder has nothing to make up. So all but the look-back is sent when it is captured, and the clock of a
 * receiver is not misled by a hasty end.
 *
 * All that is held can be dropped at any time: whoever shuts the gate has it empty at once (transmit_clear). Pure: no
 * clock, no I/O; the caller's memory and thread; no errors.
 */
#pragma once

#include "media/activity.h"
#include "media/gate.h"

enum {
        TRANSMIT_BLOCK = ACTIVITY_BLOCK,
        TRANSMIT_LOOK_BACK = 6, /* blocks */
        TRANSMIT_FRAME_MAX = 6, /* blocks */
        TRANSMIT_HELD_MAX = TRANSMIT_LOOK_BACK + TRANSMIT_FRAME_MAX
};

enum transmit_state {
        TRANSMIT_QUIET,   /* the look-back is kept */
        TRANSMIT_TALKING, /* frames go out as they are full */
        TRANSMIT_ENDING   /* so do those that end the spurt */
};

enum transmit_shape { TRANSMIT_AS_IT_IS, TRANSMIT_FADE_IN, TRANSMIT_FADE_OUT, TRANSMIT_SILENCE };

struct transmit_frame {
        uint64_t end_us; /* when its last sample was captured */
        uint32_t samples;
        bool first, last; /* of a spurt */
};

struct transmit {
        enum transmit_mode mode;
        bool pressed;
        enum transmit_state state;
        bool begun;                 /* a frame of this spurt went out */
        uint32_t tail;              /* blocks of silence still to come until the spurt is over */
        enum transmit_shape shape;  /* of the next block */
        uint32_t frame_blocks;      /* in a frame */
        uint32_t frame_blocks_next; /* from where no spurt is about to end */
        uint32_t oldest, held;      /* of blocks */
        uint64_t end_us;            /* of the newest block */
        struct activity activity;
        float blocks[TRANSMIT_HELD_MAX][TRANSMIT_BLOCK];
};

void transmit_init(struct transmit *t, uint32_t frame_ms);
/* Frames of another length (10, 20, 40, 60), from the next one on; a spurt that is about to end does so before. */
void transmit_set_frame(struct transmit *t, uint32_t frame_ms);
/* The mode, and whether the key of push-to-talk is pressed: from now on. */
void transmit_control(struct transmit *t, enum transmit_mode mode, bool pressed);
/* A block whose last sample was captured at end_us. */
void transmit_put(struct transmit *t, const float block[static TRANSMIT_BLOCK], uint64_t end_us);
/* The next frame to be sent, if there is one; to be asked until there is none after each control and put. */
bool transmit_get(struct transmit *t, float *frame, struct transmit_frame *ret);
/* Between spurts: when the newest sample was captured that has left the look-back, never to be sent. 0: in a spurt, or
 * none has. */
uint64_t transmit_forgotten_us(const struct transmit *t);
/* Forgets every sample. A spurt under way is over. */
void transmit_clear(struct transmit *t);
