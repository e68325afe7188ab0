/* port-rt.h - one period of sound between a device's buffer and an audio_port: the whole of what the RT thread does.
 *
 * RT safe: no allocation, no lock, no log; the one system call is write(2) on the port's eventfd. Called by the RT
 * thread of PipeWire (pw-node.c) and by the clock of null-io.c, never by two at once for one port.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "media/audio-port.h"

/* n frames of the microphone. What does not fit is dropped and counted in xruns. */
void port_capture_rt(struct audio_port *p, const float *src, uint32_t n);
/* The same with what was played beside it, for a port that wants_far. */
void port_capture_far_rt(struct audio_port *p, const float *src, const float *far, uint32_t n);

/* n frames for the loudspeaker: what the ring has, then zeros, times a gain that runs from *gain towards the port's.
 * *gain is the caller's, kept from period to period; it starts at 0. Zeros while `active` are counted in xruns. */
void port_playback_rt(struct audio_port *p, float *gain, float *dst, uint32_t n);
