/* audio-port.h - what the audio RT thread and the network thread share for one direction of one stream.
 *
 * Capture: RT writes microphone frames into `ring`, the network thread reads and processes them (voice-proc.h).
 * Playback: the network thread writes decoded frames, RT reads them, zero-fills what is missing and applies `gain`.
 * After each period RT wakes the network thread through `wake_fd` (an eventfd). Mono float at 48 kHz throughout.
 *
 * A stream that has had nothing to move for a while rests: nobody is woken for silence. Whoever has something again
 * says so (audio_port_need), which wakes control through `need_fd`, and control its stream.
 *
 * Counted references: control holds one per stream, the network thread one per track; RT borrows. Control locks
 * RT out of the port (audio/rt-gate.h) before it drops its reference, so RT never sees a dead port.
 * Everything below the line is atomic and RT safe.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pcm-ring.h"
#include "media/voice-proc.h"

enum { AUDIO_RATE = 48000, AUDIO_QUANTUM_DEFAULT = 256 };
#define AUDIO_PORT_ALWAYS UINT64_MAX

struct audio_port {
        struct pcm_ring *ring;                 /* owned */
        int wake_fd;                           /* owned */
        int need_fd;                           /* owned */
        struct voice_proc *_Atomic voice_proc; /* owned; NULL until something is to be done. control → network */
        _Atomic int refs;
        /* ---- */
        _Atomic float gain;   /* playback, control → RT: 0.0–2.0; 0 for a local mute. RT ramps to it. */
        _Atomic float level;  /* network → control: linear 0–1 of what was last said (meters, Participant.Level) */
        _Atomic bool metered; /* control → network: somebody looks at the peaks and at what is captured */
        _Atomic float peak;   /* network → control, which takes it: the loudest sample since, linear 0–1 */
        /* The same for a microphone before it is decided what is sent; 0 while the gate is shut. */
        _Atomic float captured_level, captured_peak;
        _Atomic uint32_t quantum; /* RT → network: frames of the last period; 0 before the first */
        _Atomic uint64_t periods; /* RT: process calls so far */
        _Atomic uint64_t
                period_us; /* RT: when the last period began; 0: before the first. Set before the ring is touched */
        _Atomic uint64_t frames;     /* RT: frames moved so far */
        _Atomic uint64_t xruns;      /* RT: playback frames zero-filled while `active`, or capture frames dropped */
        _Atomic bool active;         /* network → RT: decoded sound is flowing (a short read is then an underrun) */
        _Atomic uint32_t latency_us; /* RT: delay between ring and device, as the graph reports it */
        _Atomic bool wants_far;      /* capture, control → RT: what is played is to be put beside what is heard */
        _Atomic uint64_t needed_us;  /* network (playback) or control (capture): when it was last needed */
        _Atomic bool resting;        /* control, until somebody needs it: the stream stands still */
};

int audio_port_new(uint32_t ring_frames, struct audio_port **ret); /* gain 1, one reference */
/* The same for a microphone: each frame of the ring has room for what was played beside it. */
int audio_port_new_capture(uint32_t ring_frames, struct audio_port **ret);
/* Control, on a port for a microphone; takes effect at once, without a gap. -ENOMEM: as before. */
int audio_port_set_processing(struct audio_port *p, const struct voice_proc_config *config);
struct audio_port *audio_port_ref(struct audio_port *p);
struct audio_port *audio_port_unref(struct audio_port *p); /* returns NULL; never from RT */
/* Network thread: these frames are sent or played; are captured. Costs nothing while nobody looks. */
void audio_port_meter(struct audio_port *p, const float *frames, size_t n);
void audio_port_meter_captured(struct audio_port *p, const float *frames, size_t n);
/* Control: the peak since the last time; from now on `metered`. */
float audio_port_take_peak(struct audio_port *p);
float audio_port_take_captured_peak(struct audio_port *p);
/* Network thread (playback: sound has come or is played) or control (capture: the gate is open; AUDIO_PORT_ALWAYS
 * until it shuts). Returns a stream that rests to work. */
void audio_port_need(struct audio_port *p, uint64_t now_us);
/* Control: the stream may rest, for nobody has needed it since `since_us`. False: somebody has by now. */
bool audio_port_rest(struct audio_port *p, uint64_t since_us);
void audio_port_wake(struct audio_port *p); /* control: have the network thread look at once, not after the period */

DEFINE_CLEANUP(struct audio_port *, audio_port_unref)
