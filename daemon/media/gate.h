/* gate.h - the consent gate: the one function through which every captured sample passes.
 *
 * Control sets and clears the conditions; the network thread asks capture_gate_pass() for each frame between the
 * capture ring and the encoder, and nowhere else do captured samples go. All conditions must hold; a condition that
 * is withdrawn holds from the next frame on. While the gate is shut the reader goes on emptying the ring, and on
 * opening it throws away what was captured before: nothing that was said behind a shut gate is ever sent.
 *
 * The gate may shut and open again between any two steps of the reader. So it counts its closings: the reader looks
 * (capture_gate_look), takes samples, and lets them pass under the closings it saw. What was captured behind a gate
 * that was shut in between passes no more, however briefly it was shut.
 *
 * Whoever clears a condition wakes the network thread (audio_port_wake), which then drops what it holds at once.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gate_condition {
        GATE_CONSENT = 1 << 0,   /* the desktop user allowed this program the microphone */
        GATE_JOINED = 1 << 1,    /* the room is joined: not while it is being reconnected to */
        GATE_CAPTURE = 1 << 2,   /* ChangeAudioCapture 1, or auto-publish */
        GATE_PUBLISHED = 1 << 3, /* the audio stream is published */
        GATE_UNMUTED = 1 << 4,   /* Voice.Muted is false */
        GATE_MICROPHONE = 1 << 5 /* what is linked to us is a source, not the monitor of a sink */
};
enum { GATE_ALL = (1 << 6) - 1 };

/* What is sent of that which may be sent: media/transmit.h. */
enum transmit_mode { TRANSMIT_CONTINUOUS, TRANSMIT_VOICE_ACTIVITY, TRANSMIT_PUSH_TO_TALK, _TRANSMIT_MODE_MAX };

/* Zeroed memory is a shut gate. */
struct capture_gate {
        _Atomic uint32_t conditions;
        _Atomic uint32_t closings; /* times a condition was withdrawn, counted before it may hold again */
        _Atomic uint32_t transmit; /* mode << 1 | talking: both at once */
};

/* control */
static inline void capture_gate_set(struct capture_gate *g, enum gate_condition c, bool holds)
{
        if (holds)
                atomic_fetch_or(&g->conditions, (uint32_t)c);
        else if (atomic_fetch_and(&g->conditions, ~(uint32_t)c) & (uint32_t)c)
                atomic_fetch_add(&g->closings, 1);
}

/* control: as if every condition were withdrawn */
static inline void capture_gate_shut(struct capture_gate *g)
{
        if (atomic_exchange(&g->conditions, 0))
                atomic_fetch_add(&g->closings, 1);
}

/* control. talking: push-to-talk is pressed. */
static inline void capture_gate_set_transmit(struct capture_gate *g, enum transmit_mode mode, bool talking)
{
        atomic_store(&g->transmit, (uint32_t)mode << 1 | talking);
}

/* any thread */
static inline bool capture_gate_is_open(const struct capture_gate *g)
{
        return atomic_load(&g->conditions) == GATE_ALL;
}

static inline enum transmit_mode capture_gate_transmit(const struct capture_gate *g, bool *ret_talking)
{
        uint32_t transmit = atomic_load(&g->transmit);

        *ret_talking = transmit & 1;
        return (enum transmit_mode)(transmit >> 1);
}

/* network thread: whether it is open, and under which closings the samples that are taken next may pass. */
static inline bool capture_gate_look(const struct capture_gate *g, uint32_t *ret_closings)
{
        *ret_closings = atomic_load(&g->closings);
        return capture_gate_is_open(g);
}

/* network thread: true and the frames untouched, or false and every frame zero. closings: as last looked at, before
 * the frames were taken. */
bool capture_gate_pass(const struct capture_gate *g, uint32_t closings, float *frames, size_t n);
