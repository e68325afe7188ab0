/* transmit.c - see transmit.h. */
#include "media/transmit.h"

#include <assert.h>
#include <string.h>

enum { FADE = 240, BLOCK_US = 10000 };

void transmit_init(struct transmit *t, uint32_t frame_ms)
{
        memset(t, 0, sizeof(*t));
        transmit_set_frame(t, frame_ms);
        activity_init(&t->activity);
}

/* How much silence ends a spurt was reckoned in frames: there their length stays. */
static void follow_frame(struct transmit *t)
{
        if (t->state != TRANSMIT_ENDING)
                t->frame_blocks = t->frame_blocks_next;
}

void transmit_set_frame(struct transmit *t, uint32_t frame_ms)
{
        t->frame_blocks_next = frame_ms / 10;
        assert(t->frame_blocks_next >= 1 && t->frame_blocks_next <= TRANSMIT_FRAME_MAX);
        follow_frame(t);
}

static void drop_oldest(struct transmit *t, uint32_t n)
{
        t->oldest = (t->oldest + n) % TRANSMIT_HELD_MAX;
        t->held -= n;
}

void transmit_clear(struct transmit *t)
{
        memset(t->blocks, 0, sizeof(t->blocks));
        t->held = 0;
        t->state = TRANSMIT_QUIET;
        t->shape = TRANSMIT_AS_IT_IS;
        t->begun = false;
        follow_frame(t);
        activity_close(&t->activity);
}

uint64_t transmit_forgotten_us(const struct transmit *t)
{
        if (t->state != TRANSMIT_QUIET || t->held < TRANSMIT_LOOK_BACK || t->end_us < TRANSMIT_LOOK_BACK * BLOCK_US)
                return 0;
        return t->end_us - TRANSMIT_LOOK_BACK * BLOCK_US;
}

static bool is_wanted(const struct transmit *t)
{
        switch (t->mode) {
        case TRANSMIT_CONTINUOUS: return true;
        case TRANSMIT_VOICE_ACTIVITY: return t->activity.open;
        case TRANSMIT_PUSH_TO_TALK: return t->pressed;
        case _TRANSMIT_MODE_MAX: break;
        }
        return false;
}

static float *block_at(struct transmit *t, uint32_t i)
{
        return t->blocks[(t->oldest + i) % TRANSMIT_HELD_MAX];
}

static void ramp(float *frames, float from, float to)
{
        for (uint32_t i = 0; i < FADE; i++)
                frames[i] *= from + (to - from) * (float)i / FADE;
}

static void begin(struct transmit *t)
{
        t->state = TRANSMIT_TALKING;
        if (t->held > 0)
                ramp(block_at(t, 0), 0, 1);
        else
                t->shape = TRANSMIT_FADE_IN;
}

static void end(struct transmit *t)
{
        if (!t->begun) {
                t->state = TRANSMIT_QUIET;
                t->shape = TRANSMIT_AS_IT_IS;
                return;
        }
        t->state = TRANSMIT_ENDING;
        t->tail = 2 * t->frame_blocks - t->held;
        if (t->held > 0)
                ramp(block_at(t, t->held - 1) + TRANSMIT_BLOCK - FADE, 1, 0);
        t->shape = t->held > 0 ? TRANSMIT_SILENCE : TRANSMIT_FADE_OUT;
}

/* One place where a spurt begins and is told to end. */
static void follow(struct transmit *t)
{
        bool wanted = is_wanted(t);

        switch (t->state) {
        case TRANSMIT_QUIET:
                if (wanted)
                        begin(t);
                else if (t->held > TRANSMIT_LOOK_BACK)
                        drop_oldest(t, t->held - TRANSMIT_LOOK_BACK);
                break;
        case TRANSMIT_TALKING:
                if (!wanted)
                        end(t);
                break;
        case TRANSMIT_ENDING:
                if (!wanted)
                        break;
                t->state = TRANSMIT_TALKING; /* pressed again at once: the same spurt */
                follow_frame(t);
                t->shape = t->shape == TRANSMIT_SILENCE ? TRANSMIT_FADE_IN : TRANSMIT_AS_IT_IS;
                break;
        }
}

void transmit_control(struct transmit *t, enum transmit_mode mode, bool pressed)
{
        if (mode != t->mode && mode == TRANSMIT_CONTINUOUS && t->state == TRANSMIT_QUIET)
                drop_oldest(t, t->held); /* there is no telling what was before */
        if (mode != t->mode)
                activity_close(&t->activity);
        t->mode = mode;
        t->pressed = pressed;
        follow(t);
}

/* Gives a new block the shape that is due. */
static void shape(struct transmit *t, float *block)
{
        uint32_t silent = 0; /* from here on */

        switch (t->shape) {
        case TRANSMIT_AS_IT_IS: return;
        case TRANSMIT_FADE_IN:
                ramp(block, 0, 1);
                t->shape = TRANSMIT_AS_IT_IS;
                return;
        case TRANSMIT_FADE_OUT:
                ramp(block, 1, 0);
                silent = FADE;
                t->shape = TRANSMIT_SILENCE;
                break;
        case TRANSMIT_SILENCE: break;
        }
        memset(block + silent, 0, (TRANSMIT_BLOCK - silent) * sizeof(*block));
        t->tail--;
}

void transmit_put(struct transmit *t, const float block[static TRANSMIT_BLOCK], uint64_t end_us)
{
        assert(t->held < TRANSMIT_HELD_MAX);
        memcpy(block_at(t, t->held), block, sizeof(t->blocks[0]));
        shape(t, block_at(t, t->held++));
        t->end_us = end_us;
        if (t->mode == TRANSMIT_VOICE_ACTIVITY)
                activity_update(&t->activity, block);
        follow(t);
}

bool transmit_get(struct transmit *t, float *frame, struct transmit_frame *ret)
{
        if (t->state == TRANSMIT_QUIET || t->held < t->frame_blocks)
                return false;
        for (uint32_t i = 0; i < t->frame_blocks; i++)
                memcpy(frame + i * TRANSMIT_BLOCK, block_at(t, i), sizeof(t->blocks[0]));
        drop_oldest(t, t->frame_blocks);
        *ret = (struct transmit_frame){ .end_us = t->end_us - t->held * BLOCK_US,
                                        .samples = t->frame_blocks * TRANSMIT_BLOCK,
                                        .first = !t->begun,
                                        .last = t->state == TRANSMIT_ENDING && t->tail == 0 };
        t->begun = !ret->last;
        if (ret->last) {
                t->state = TRANSMIT_QUIET;
                t->shape = TRANSMIT_AS_IT_IS;
                follow_frame(t);
        }
        return true;
}
