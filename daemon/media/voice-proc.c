/* voice-proc.c - see voice-proc.h.
 *
 * Two stages: the echo canceller, then speexdsp's preprocessor for all the rest. The preprocessor gives back the chunk
 * before the one it is given. To switch it in without a gap it is fed one chunk whose output is thrown away (PRIMED),
 * and with the next one the sound fades over from now to 10 ms ago; out again likewise.
 */
#include "media/voice-proc.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <speex/speex_preprocess.h>
#include <stdatomic.h>
#include <string.h>

#include "media/audio-port.h"
#include "media/echo.h"
#include "media/noise-floor.h"

_Static_assert((int)VOICE_PROC_CHUNK == (int)ECHO_CHUNK, "one chunk for all");

#define GAIN_TARGET 18000.0f /* speexdsp's measure of loudness: speech at about -25 dBFS */
enum { GAIN_MAX_DB = 24 };   /* above, it is the noise of the room that is made loud */

/* dB by level: what speexdsp is asked for, of which stationary noise loses somewhat less. */
static const int suppression_db[] = { [ANS_OFF] = 0, [ANS_LOW] = -8, [ANS_MEDIUM] = -18, [ANS_HIGH] = -30 };

enum stage { OUT, PRIMED, IN };

struct voice_proc {
        _Atomic uint32_t config;     /* packed; control → network */
        struct echo *_Atomic echo;   /* owned; NULL until first wanted. control → network */
        SpeexPreprocessState *speex; /* owned; the network thread's */
        enum stage stage;
        struct noise_floor floor;
        int told_db; /* what speex was told last … */
        bool told_gain, told_echo;
};

enum { CONFIG_ECHO = 1 << 0, CONFIG_GAIN = 1 << 1, CONFIG_NOISE_SHIFT = 2 };

static uint32_t pack(const struct voice_proc_config *c)
{
        return (c->echo ? CONFIG_ECHO : 0) | (c->gain ? CONFIG_GAIN : 0) | ((uint32_t)c->noise << CONFIG_NOISE_SHIFT);
}

static struct voice_proc_config unpack(uint32_t bits)
{
        return (struct voice_proc_config){ .echo = bits & CONFIG_ECHO,
                                           .gain = bits & CONFIG_GAIN,
                                           .noise = (enum ans_mode)(bits >> CONFIG_NOISE_SHIFT) };
}

static void set(struct voice_proc *v, int request, int value)
{
        (void)speex_preprocess_ctl(v->speex, request, &value);
}

int voice_proc_new(struct voice_proc **ret)
{
        _cleanup_(voice_proc_freep) struct voice_proc *v = calloc(1, sizeof(*v));
        float target = GAIN_TARGET;

        if (!v)
                return -ENOMEM;
        v->speex = speex_preprocess_state_init(VOICE_PROC_CHUNK, AUDIO_RATE);
        if (!v->speex)
                return -ENOMEM;
        noise_floor_init(&v->floor);
        set(v, SPEEX_PREPROCESS_SET_DENOISE, 1); /* without it a residual echo is let through, too */
        set(v, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, 0);
        set(v, SPEEX_PREPROCESS_SET_AGC_MAX_GAIN, GAIN_MAX_DB);
        (void)speex_preprocess_ctl(v->speex, SPEEX_PREPROCESS_SET_AGC_LEVEL, &target);
        *ret = take_ptr(v);
        return 0;
}

struct voice_proc *voice_proc_free(struct voice_proc *v)
{
        if (!v)
                return NULL;
        echo_free(atomic_load(&v->echo));
        if (v->speex)
                speex_preprocess_state_destroy(v->speex);
        free(v);
        return NULL;
}

int voice_proc_configure(struct voice_proc *v, const struct voice_proc_config *config)
{
        struct echo *echo = NULL;
        int r;

        if (config->echo && !atomic_load(&v->echo)) {
                r = echo_new(&echo);
                if (r < 0)
                        return r;
                atomic_store(&v->echo, echo);
        }
        atomic_store(&v->config, pack(config));
        return 0;
}

/* ---- the preprocessor ---- */

static int wanted_db(struct voice_proc *v, enum ans_mode mode, const float *x)
{
        float sum = 0;

        if (mode != ANS_AUTOMATIC)
                return suppression_db[mode];
        for (int i = 0; i < VOICE_PROC_CHUNK; i++)
                sum += x[i] * x[i];
        return suppression_db[noise_floor_update(&v->floor, sum / VOICE_PROC_CHUNK)];
}

static void tell_speex(struct voice_proc *v, int db, bool gain, struct echo *echo /* or NULL */)
{
        if (db != v->told_db)
                set(v, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, db);
        if (gain != v->told_gain)
                set(v, SPEEX_PREPROCESS_SET_AGC, gain);
        if (!echo == v->told_echo)
                (void)speex_preprocess_ctl(v->speex, SPEEX_PREPROCESS_SET_ECHO_STATE, echo ? echo_state(echo) : NULL);
        v->told_db = db;
        v->told_gain = gain;
        v->told_echo = echo;
}

static void preprocess(struct voice_proc *v, const float *in, float *out)
{
        int16_t x[VOICE_PROC_CHUNK];

        for (int i = 0; i < VOICE_PROC_CHUNK; i++)
                x[i] = (int16_t)lrintf(fmaxf(-32768.0f, fminf(32767.0f, in[i] * 32768.0f)));
        (void)speex_preprocess_run(v->speex, x);
        for (int i = 0; i < VOICE_PROC_CHUNK; i++)
                out[i] = (float)x[i] / 32768.0f;
}

/* It keeps the chunk before, and with the next one mixes a little of it: silence takes that place. */
void voice_proc_restart(struct voice_proc *v)
{
        static const float silence[VOICE_PROC_CHUNK];
        float done[VOICE_PROC_CHUNK];

        if (v->stage != OUT)
                preprocess(v, silence, done);
        v->stage = OUT;
}

static void fade(const float *from, const float *to, float *out)
{
        for (int i = 0; i < VOICE_PROC_CHUNK; i++)
                out[i] = from[i] + (to[i] - from[i]) * (float)(i + 1) / VOICE_PROC_CHUNK;
}

static void run_second_stage(struct voice_proc *v, bool wanted, float *x)
{
        float done[VOICE_PROC_CHUNK];

        if (!wanted && v->stage != IN) {
                v->stage = OUT;
                return;
        }
        preprocess(v, x, done);
        if (v->stage == IN && wanted)
                memcpy(x, done, sizeof(done));
        else if (v->stage == IN)
                fade(done, x, x);
        else if (v->stage == PRIMED)
                fade(x, done, x);
        v->stage = !wanted ? OUT : v->stage == OUT ? PRIMED : IN;
}

void voice_proc_run(struct voice_proc *v, float *mic, const float *far, uint32_t n)
{
        struct voice_proc_config c = unpack(atomic_load(&v->config));
        struct echo *echo = c.echo ? atomic_load(&v->echo) : NULL;

        assert(n % VOICE_PROC_CHUNK == 0);
        if (voice_proc_config_is_idle(&c) && v->stage == OUT)
                return;
        for (uint32_t i = 0; i < n; i += VOICE_PROC_CHUNK) {
                bool residual;

                if (echo)
                        echo_run(echo, mic + i, far + i);
                residual = echo && echo_is_heard(echo);
                tell_speex(v, wanted_db(v, c.noise, mic + i), c.gain, residual ? echo : NULL);
                run_second_stage(v, residual || c.gain || c.noise != ANS_OFF, mic + i);
        }
}
