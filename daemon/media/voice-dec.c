/* voice-dec.c - see voice-dec.h. The Opus state, 18 KB, is made with the first frame that is decoded: who never speaks
 * does not cost it. */
#include "media/voice-dec.h"

#include <errno.h>
#include <opus/opus.h>

enum {
        CONFIG_CELT = 16, /* RFC 6716 3.1: configurations from here on are CELT only and carry no FEC */
        SILK_FRAME = 960, /* a SILK layer of more than 20 ms consists of frames of 20 ms */
        DTX_BYTES_MAX = 2
};

struct voice_dec {
        OpusDecoder *opus; /* owned; NULL before the first frame */
};

/* RFC 6716 4.2.3: the SILK layer begins with one VAD bit for each of its frames and one bit for "FEC follows"; both
 * again for the side channel of stereo. */
static bool has_fec(const uint8_t *payload, const uint8_t *frame, int frame_len)
{
        int samples = opus_packet_get_samples_per_frame(payload, 48000);
        int n = samples > SILK_FRAME ? samples / SILK_FRAME : 1;

        if (payload[0] >> 3 >= CONFIG_CELT || frame_len < 1)
                return false;
        return frame[0] >> (7 - n) & 1 || (opus_packet_get_nb_channels(payload) == 2 && frame[0] >> (6 - 2 * n) & 1);
}

int voice_packet_inspect(const uint8_t *payload, size_t len, struct voice_packet_info *ret)
{
        const unsigned char *frames[48];
        opus_int16 sizes[48];
        unsigned char toc;
        int n;

        if (len < 1 || len > INT16_MAX || opus_packet_parse(payload, (int)len, &toc, frames, sizes, NULL) < 1)
                return -EBADMSG;
        n = opus_packet_get_nb_samples(payload, (int)len, 48000);
        if (n < VOICE_STEP || n > VOICE_SAMPLES_MAX)
                return -EBADMSG;
        *ret = (struct voice_packet_info){ .samples = (uint32_t)n,
                                           .dtx = len <= DTX_BYTES_MAX,
                                           .fec = has_fec(payload, frames[0], sizes[0]) };
        return 0;
}

int voice_dec_new(struct voice_dec **ret)
{
        struct voice_dec *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        *ret = d;
        return 0;
}

struct voice_dec *voice_dec_free(struct voice_dec *d)
{
        if (!d)
                return NULL;
        free(d->opus);
        free(d);
        return NULL;
}

void voice_dec_reset(struct voice_dec *d)
{
        free(d->opus);
        d->opus = NULL;
}

static int make_opus(struct voice_dec *d)
{
        OpusDecoder *o = calloc(1, (size_t)opus_decoder_get_size(1));

        if (!o)
                return -ENOMEM;
        (void)opus_decoder_init(o, 48000, 1); /* fails for other rates and channels */
        d->opus = o;
        return 0;
}

static uint32_t whole_steps(uint32_t samples)
{
        if (samples > VOICE_SAMPLES_MAX)
                return VOICE_SAMPLES_MAX;
        return samples < VOICE_STEP ? VOICE_STEP : samples - samples % VOICE_STEP;
}

/* All decoding ends here. A crafted packet can decode to samples of any size: they go no further than full scale. */
static int decode(struct voice_dec *d, const uint8_t *payload, size_t len, float *frames, uint32_t room, bool fec)
{
        int n = d->opus ? 0 : make_opus(d);

        if (n < 0)
                return n;
        n = opus_decode_float(d->opus, payload, (opus_int32)len, frames, (int)room, fec);
        if (n <= 0)
                return -EBADMSG;
        for (int i = 0; i < n; i++)
                frames[i] = frames[i] > -1 ? (frames[i] < 1 ? frames[i] : 1) : -1;
        return n;
}

int voice_dec_decode(struct voice_dec *d, const uint8_t *payload, size_t len, float *frames)
{
        return decode(d, payload, len, frames, VOICE_SAMPLES_MAX, false);
}

int voice_dec_decode_fec(struct voice_dec *d, const uint8_t *payload, size_t len, uint32_t samples, float *frames)
{
        return decode(d, payload, len, frames, whole_steps(samples), true);
}

int voice_dec_conceal(struct voice_dec *d, uint32_t samples, float *frames)
{
        return decode(d, NULL, 0, frames, whole_steps(samples), false);
}
