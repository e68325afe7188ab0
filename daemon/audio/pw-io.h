/* pw-io.h - struct audio_io (media/audio-io.h) on PipeWire. Control thread. */
#pragma once

#include "base/loop.h"
#include "media/audio-io.h"

/* Cheap: nothing of PipeWire is loaded before the first stream is opened. */
int pwio_new(struct loop *loop, struct audio_io **ret);
struct audio_io *pwio_free(struct audio_io *io); /* every stream must have been closed */
