/* voice-enc.c - see voice-enc.h.
 *
 * DTX (RFC 7587 3.1.3): in silence Opus gives packets of one or two bytes that need not be sent. The first of a run is
 * sent nevertheless: it tells the receiver that what follows is silence and not loss. About every 400 ms Opus makes a
 * real packet to refresh the receiver's noise, after which the next empty one is sent again.
 */
#include "media/voice-enc.h"

#include <errno.h>
#include <opus/opus.h>
#include <stdbool.h>
#include <stddef.h>

#include "media/track.h"

enum { DTX_BYTES_MAX = 2 };

struct voice_enc {
        uint32_t samples;
        bool in_dtx; /* the receiver knows that there is silence */
        _Alignas(max_align_t) unsigned char opus[];
};

static OpusEncoder *opus(struct voice_enc *e)
{
        return (OpusEncoder *)(void *)e->opus;
}

static bool is_valid(const struct voice_config *c)
{
        bool frame = c->frame_ms == 10 || c->frame_ms == 20 || c->frame_ms == 40 || c->frame_ms == 60;

        return frame && c->complexity <= 10 && c->bitrate >= 6000 && c->bitrate <= 510000;
}

static int configure(OpusEncoder *o, const struct voice_config *c)
{
        int r = opus_encoder_ctl(o, OPUS_SET_BITRATE((opus_int32)c->bitrate));

        r |= opus_encoder_ctl(o, OPUS_SET_VBR(1));
        r |= opus_encoder_ctl(o, OPUS_SET_COMPLEXITY((opus_int32)c->complexity));
        r |= opus_encoder_ctl(o, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
        r |= opus_encoder_ctl(o, OPUS_SET_INBAND_FEC(c->fec ? 1 : 0));
        r |= opus_encoder_ctl(o, OPUS_SET_DTX(c->dtx ? 1 : 0));
        return r == OPUS_OK ? 0 : -EINVAL;
}

int voice_enc_new(const struct voice_config *config, struct voice_enc **ret)
{
        _cleanup_(voice_enc_freep) struct voice_enc *e = NULL;
        int r;

        if (!is_valid(config))
                return -EINVAL;
        e = calloc(1, sizeof(*e) + (size_t)opus_encoder_get_size(1));
        if (!e)
                return -ENOMEM;
        e->samples = config->frame_ms * 48;
        if (opus_encoder_init(opus(e), 48000, 1, OPUS_APPLICATION_VOIP) != OPUS_OK)
                return -EINVAL;
        r = configure(opus(e), config);
        if (r < 0)
                return r;
        *ret = take_ptr(e);
        return 0;
}

struct voice_enc *voice_enc_free(struct voice_enc *e)
{
        free(e);
        return NULL;
}

void voice_enc_set_frame(struct voice_enc *e, uint32_t samples)
{
        e->samples = samples;
}

void voice_enc_set_bitrate(struct voice_enc *e, uint32_t bitrate)
{
        (void)opus_encoder_ctl(opus(e), OPUS_SET_BITRATE((opus_int32)bitrate));
}

uint32_t voice_enc_frame_samples(const struct voice_enc *e)
{
        return e->samples;
}

int voice_enc_encode(struct voice_enc *e, const float *frames, uint8_t *packet)
{
        int n = opus_encode_float(opus(e), frames, (int)e->samples, packet, VOICE_PACKET_MAX);
        bool told = e->in_dtx;

        if (n < 0)
                return -EIO;
        e->in_dtx = n <= DTX_BYTES_MAX;
        return e->in_dtx && told ? 0 : n;
}

void voice_enc_reset(struct voice_enc *e)
{
        (void)opus_encoder_ctl(opus(e), OPUS_RESET_STATE);
        e->in_dtx = false;
}

void voice_enc_set_loss(struct voice_enc *e, uint8_t percent)
{
        (void)opus_encoder_ctl(opus(e), OPUS_SET_PACKET_LOSS_PERC(percent > 100 ? 100 : percent));
}

void voice_enc_set_dtx(struct voice_enc *e, bool on)
{
        (void)opus_encoder_ctl(opus(e), OPUS_SET_DTX(on ? 1 : 0));
}

void voice_enc_set_fec(struct voice_enc *e, bool on)
{
        (void)opus_encoder_ctl(opus(e), OPUS_SET_INBAND_FEC(on ? 1 : 0));
}
