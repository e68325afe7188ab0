/* voice-proc.h - what is done to a voice between the microphone and the encoder: echo cancellation, noise suppression,
 * automatic gain.
 *
 * In chunks of 10 ms, in place. Echo cancellation (echo.h) adds no delay; noise suppression, automatic gain and the
 * suppression of what is left of an echo work on overlapping windows and put the voice 10 ms back. So that stage is
 * only switched in when one of them has something to do (for the echo: when there is one), by a cross-fade.
 *
 * voice_proc_configure() belongs to the control thread and may be called at any time; everything it needs is allocated
 * there and stays until the end. voice_proc_run() and _restart() belong to the network thread. One thread frees, when
 * no other uses it any more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { VOICE_PROC_CHUNK = 480 }; /* frames */

enum ans_mode { ANS_OFF, ANS_LOW, ANS_MEDIUM, ANS_HIGH, ANS_AUTOMATIC };

struct voice_proc_config {
        bool echo, gain;
        enum ans_mode noise;
};

struct voice_proc;

/* Does nothing until configured. */
int voice_proc_new(struct voice_proc **ret);
struct voice_proc *voice_proc_free(struct voice_proc *v);

/* -ENOMEM: as before. */
int voice_proc_configure(struct voice_proc *v, const struct voice_proc_config *config);
static inline bool voice_proc_config_is_idle(const struct voice_proc_config *c)
{
        return !c->echo && !c->gain && c->noise == ANS_OFF;
}

/* n frames, a multiple of VOICE_PROC_CHUNK. */
void voice_proc_run(struct voice_proc *v, float *mic, const float *far, uint32_t n);
/* What comes next does not follow what was before: nothing of that will be in the output. */
void voice_proc_restart(struct voice_proc *v);

DEFINE_CLEANUP(struct voice_proc *, voice_proc_free)
