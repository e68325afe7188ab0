/* null-io.h - struct audio_io without a device: a clock that takes what is played and gives silence to who records.
 *
 * For machines that have no sound and want none (servers, tests); chosen explicitly, never as a fallback. Control
 * thread, which also stands in for the RT thread of every stream.
 */
#pragma once

#include "base/loop.h"
#include "media/audio-io.h"

int nullio_new(struct loop *loop, struct audio_io **ret);
struct audio_io *nullio_free(struct audio_io *io); /* every stream must have been closed */
