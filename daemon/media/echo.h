/* echo.h - takes what the loudspeaker plays out of what the microphone hears: a linear model of the room, from
 * speexdsp.
 *
 * Adds no delay. Knows whether the far end is silent (then it costs nothing) and whether there is an echo at all: what
 * the model leaves over is for voice-proc.h to suppress. Network thread, but for new and free.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

enum {
        ECHO_CHUNK = 480,                  /* frames: 10 ms */
        ECHO_TAIL_FRAMES = 25 * ECHO_CHUNK /* how late an echo is still known: device, air and reverberation */
};

struct echo;

int echo_new(struct echo **ret);
struct echo *echo_free(struct echo *e);

/* ECHO_CHUNK frames, in place; far: what was played meanwhile or a little before. */
void echo_run(struct echo *e, float *mic, const float *far);
/* The model has taken out most of the sound: there is an echo. Stays so. */
bool echo_is_heard(const struct echo *e);
/* What the residual suppressor of speexdsp wants to know (SpeexEchoState). Borrowed. */
void *echo_state(struct echo *e);

DEFINE_CLEANUP(struct echo *, echo_free)
