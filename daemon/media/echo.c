/* echo.c - see echo.h.
 *
 * The model is speexdsp's adaptive filter (multidelay block frequency domain, with a second set of weights that is
 * taken over only when it does better, so that double talk does not spoil what was learnt).
 *
 * When the far end has been silent for longer than the tail there is nothing to model, and it is passed by. Its
 * history of the far end is all silence then, as is what it will see next: it goes on where it stopped. It takes
 * constant offsets out of the sound, too, so that passing it by and coming back are cross-faded.
 *
 * An echo counts as heard when the model took out half the power of the microphone in EVIDENCE windows of 100 ms while
 * the far end was loud. A wrong model cannot do that: it adds.
 */
#include "media/echo.h"

#include <errno.h>
#include <math.h>
#include <speex/speex_echo.h>

#include "media/audio-port.h"

#define SILENCE   1e-4f /* -80 dBFS, peak: an echo of this is not heard */
#define LOUD      1e-5f /* -50 dBFS, mean square */
#define MIC_FLOOR 1e-6f /* -60 dBFS */

enum { WINDOW = 10, EVIDENCE = 5 };

struct echo {
        SpeexEchoState *speex;
        unsigned silent;                       /* chunks of the far end */
        bool passed_by;                        /* in the chunk before */
        unsigned chunks;                       /* of the window under way */
        float far_power, mic_power, out_power; /* sums over its chunks */
        unsigned evidence;
};

int echo_new(struct echo **ret)
{
        _cleanup_(echo_freep) struct echo *e = calloc(1, sizeof(*e));
        int rate = AUDIO_RATE;

        if (!e)
                return -ENOMEM;
        e->speex = speex_echo_state_init(ECHO_CHUNK, ECHO_TAIL_FRAMES);
        if (!e->speex)
                return -ENOMEM;
        (void)speex_echo_ctl(e->speex, SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
        e->passed_by = true;
        e->silent = ECHO_TAIL_FRAMES / ECHO_CHUNK + 1;
        *ret = take_ptr(e);
        return 0;
}

struct echo *echo_free(struct echo *e)
{
        if (!e)
                return NULL;
        if (e->speex)
                speex_echo_state_destroy(e->speex);
        free(e);
        return NULL;
}

static float power(const float *x)
{
        float sum = 0;

        for (int i = 0; i < ECHO_CHUNK; i++)
                sum += x[i] * x[i];
        return sum / ECHO_CHUNK;
}

static bool is_silent(const float *x)
{
        for (int i = 0; i < ECHO_CHUNK; i++)
                if (fabsf(x[i]) > SILENCE)
                        return false;
        return true;
}

static void to_int16(const float *in, int16_t *out)
{
        for (int i = 0; i < ECHO_CHUNK; i++)
                out[i] = (int16_t)lrintf(fmaxf(-32768.0f, fminf(32767.0f, in[i] * 32768.0f)));
}

/* What the model leaves of mic. */
static void model(struct echo *e, const float *mic, const float *far, float *out)
{
        int16_t m[ECHO_CHUNK], f[ECHO_CHUNK], o[ECHO_CHUNK];

        to_int16(mic, m);
        to_int16(far, f);
        speex_echo_cancellation(e->speex, m, f, o);
        for (int i = 0; i < ECHO_CHUNK; i++)
                out[i] = (float)o[i] / 32768.0f;
}

static void look_for_evidence(struct echo *e, const float *mic, const float *far, const float *out)
{
        e->far_power += power(far);
        e->mic_power += power(mic);
        e->out_power += power(out);
        if (++e->chunks < WINDOW)
                return;
        if (e->far_power > LOUD * WINDOW && e->mic_power > MIC_FLOOR * WINDOW && 2 * e->out_power < e->mic_power)
                e->evidence++;
        e->chunks = 0;
        e->far_power = e->mic_power = e->out_power = 0;
}

void echo_run(struct echo *e, float *mic, const float *far)
{
        bool pass_by;
        float out[ECHO_CHUNK];

        e->silent = is_silent(far) ? e->silent + 1 : 0;
        pass_by = e->silent > ECHO_TAIL_FRAMES / ECHO_CHUNK;
        if (pass_by && e->passed_by)
                return;
        model(e, mic, far, out);
        if (e->evidence < EVIDENCE)
                look_for_evidence(e, mic, far, out);
        for (int i = 0; i < ECHO_CHUNK; i++) {
                float share = (float)(i + 1) / ECHO_CHUNK; /* of what is faded in */

                if (pass_by != e->passed_by)
                        out[i] += ((pass_by ? share : 1 - share)) * (mic[i] - out[i]);
                mic[i] = out[i];
        }
        e->passed_by = pass_by;
}

bool echo_is_heard(const struct echo *e)
{
        return e->evidence >= EVIDENCE;
}

void *echo_state(struct echo *e)
{
        return e->speex;
}
