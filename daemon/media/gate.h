/* gate.h - the consent gate: the one function through which every captured sample passes.
 *
 * Control sets and clears the conditions; the network thread asks capture_gate_pass() for each frame between the
 * capture ring and the encoder, and nowhere else do captured samples go. All conditions must hold; a condition that
 * is withdrawn holds from the next frame on (at most one frame, 20 ms, later). While the gate is shut the reader
 * goes on emptying the ring, and on opening it throws away what was captured before: nothing that was said behind a
 * shut gate is ever sent.
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

/* Zeroed memory is a shut gate. */
struct capture_gate {
        _Atomic uint32_t conditions;
        _Atomic uint32_t
                closings; /* times a condition was withdrawn: shut and opened again between two looks shows here */
};

/* control */
static inline void capture_gate_set(struct capture_gate *g, enum gate_condition c, bool holds)
{
        if (holds)
                atomic_fetch_or(&g->conditions, (uint32_t)c);
        else if (atomic_fetch_and(&g->conditions, ~(uint32_t)c) & (uint32_t)c)
                atomic_fetch_add(&g->closings, 1);
}

/* any thread */
static inline bool capture_gate_is_open(const struct capture_gate *g)
{
        return atomic_load(&g->conditions) == GATE_ALL;
}

/* network thread: true and the frames untouched, or false and every frame zero. */
bool capture_gate_pass(const struct capture_gate *g, float *frames, size_t n);
