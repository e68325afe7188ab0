/* stretch.c - see stretch.h.
 *
 * Splicing happens at the beginning of a chunk. To remove a period: the chunk goes on with its sample `lag` after
 * fading over from its beginning. To insert one: from the beginning of the chunk the sound fades over to what was
 * played `lag` before, and then runs through it into the chunk once more. Either way both sides of the fade are
 * continuous with what is around them.
 *
 * Periods are looked for at a quarter of the rate first, by normalised correlation whose energy runs along, and then
 * exactly around the best one.
 */
#include "media/stretch.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "media/voice-dec.h"

enum {
        FADE_MAX = 240,
        COARSE = 4,
        MEND = 96, /* 2 ms, over which a step is smoothed */
        COARSE_MAX = (STRETCH_PAST + STRETCH_LAG_MAX + FADE_MAX) / COARSE
};
static const float QUIET = 1e-5f;         /* mean square, -50 dBov: any place is good enough */
static const float HARDLY_SIMILAR = 0.4f; /* then the longest period sounds least like one */

void stretch_init(struct stretch *s)
{
        memset(s, 0, sizeof(*s));
}

/* ---- where it is similar ---- */

/* Two stretches of n frames that move apart: `a` stays, `b` is `lag` frames before (direction -1) or behind it. */
struct search {
        const float *a;
        uint32_t n;
        int direction;
        uint32_t lag_min, lag_max;
};

struct match {
        uint32_t lag;
        float similarity; /* −1 … 1 */
};

static float product(const float *a, const float *b, uint32_t n)
{
        float sum = 0;

        for (uint32_t i = 0; i < n; i++)
                sum += a[i] * b[i];
        return sum;
}

static float cosine(float ab, float aa, float bb)
{
        return ab / sqrtf((aa + 1e-9f) * (bb + 1e-9f));
}

static struct match best_of(const struct search *s)
{
        struct match best = { .lag = s->lag_min, .similarity = -1 };
        float aa = product(s->a, s->a, s->n), bb = 0;

        for (uint32_t lag = s->lag_min; lag <= s->lag_max; lag++) {
                const float *b = s->a + s->direction * (int)lag;
                float similarity;

                if (lag == s->lag_min)
                        bb = product(b, b, s->n);
                else if (s->direction < 0)
                        bb += b[0] * b[0] - b[s->n] * b[s->n];
                else
                        bb += b[s->n - 1] * b[s->n - 1] - b[-1] * b[-1];
                similarity = cosine(product(s->a, b, s->n), aa, bb > 0 ? bb : 0);
                if (similarity > best.similarity)
                        best = (struct match){ lag, similarity };
        }
        return best;
}

/* Means of four frames each. */
static void thin(const float *from, uint32_t n, float *to)
{
        for (uint32_t i = 0; i < n; i++, from += COARSE)
                to[i] = 0.25f * (from[0] + from[1] + from[2] + from[3]);
}

static struct match find_match(const struct search *fine)
{
        float thinned[COARSE_MAX];
        uint32_t n = fine->n / COARSE, reach = fine->lag_max / COARSE;
        struct search s = {
                .n = n, .direction = fine->direction, .lag_min = fine->lag_min / COARSE, .lag_max = reach
        };
        uint32_t lag;

        assert(n + reach <= COARSE_MAX);
        thin(fine->direction < 0 ? fine->a - (size_t)reach * COARSE : fine->a, n + reach, thinned);
        s.a = fine->direction < 0 ? thinned + reach : thinned;
        lag = best_of(&s).lag * COARSE;
        s = *fine;
        s.lag_min = lag > fine->lag_min + COARSE ? lag - COARSE + 1 : fine->lag_min;
        s.lag_max = lag + COARSE - 1 < fine->lag_max ? lag + COARSE - 1 : fine->lag_max;
        return best_of(&s);
}

/* ---- splicing ---- */

static void fade_over(const float *from, const float *to, uint32_t n, float *out)
{
        for (uint32_t i = 0; i < n; i++) {
                float t = ((float)i + 0.5f) / (float)n;

                out[i] = from[i] + (to[i] - from[i]) * t;
        }
}

static bool is_quiet(const float *x, uint32_t n)
{
        return product(x, x, n) < QUIET * (float)n;
}

/* The lag to splice at, or 0. `here` is preceded by the past and followed by n frames. */
static uint32_t choose_lag(const float *here, uint32_t n, uint32_t fade, int32_t wish, float similar)
{
        uint32_t room = wish < 0 ? n - fade : STRETCH_LAG_MAX, most = (uint32_t)(wish < 0 ? -(int64_t)wish : wish);
        struct search s = { .a = here - STRETCH_CONTEXT,
                            .n = STRETCH_CONTEXT + fade,
                            .direction = wish < 0 ? 1 : -1,
                            .lag_min = STRETCH_LAG_MIN };
        struct match m;

        if (room > STRETCH_LAG_MAX)
                room = STRETCH_LAG_MAX;
        s.lag_max = most < room ? most : room;
        if (s.lag_max < STRETCH_LAG_MIN)
                return 0;
        if (is_quiet(here, n) && is_quiet(here - s.lag_max, s.lag_max))
                return s.lag_max;
        m = find_match(&s);
        return m.similarity > similar ? m.lag : 0;
}

static uint32_t remove_lag(const float *here, uint32_t n, uint32_t lag, uint32_t fade, float *out)
{
        fade_over(here, here + lag, fade, out);
        memcpy(out + fade, here + lag + fade, (n - lag - fade) * sizeof(*out));
        return n - lag;
}

static uint32_t insert_lag(const float *here, uint32_t n, uint32_t lag, uint32_t fade, float *out)
{
        if (fade > lag)
                fade = lag;
        fade_over(here, here - lag, fade, out);
        memcpy(out + fade, here - lag + fade, (lag - fade + n) * sizeof(*out));
        return n + lag;
}

static void remember(struct stretch *s, const float *frames, uint32_t n)
{
        if (n >= STRETCH_PAST) {
                memcpy(s->past, frames + n - STRETCH_PAST, sizeof(s->past));
                return;
        }
        memmove(s->past, s->past + n, (STRETCH_PAST - n) * sizeof(*s->past));
        memcpy(s->past + STRETCH_PAST - n, frames, n * sizeof(*s->past));
}

static uint32_t splice(const struct stretch *s, const float *in, uint32_t n, int32_t wish, float similar, float *out)
{
        float with_past[STRETCH_PAST + VOICE_SAMPLES_MAX], *here = with_past + STRETCH_PAST;
        uint32_t fade = n / 6 < FADE_MAX ? n / 6 : FADE_MAX, lag;

        memcpy(with_past, s->past, sizeof(s->past));
        memcpy(here, in, n * sizeof(*in));
        lag = choose_lag(here, n, fade, wish, similar);
        if (lag > 0)
                return wish < 0 ? remove_lag(here, n, lag, fade, out) : insert_lag(here, n, lag, fade, out);
        memcpy(out, in, n * sizeof(*out));
        return n;
}

uint32_t stretch_process(struct stretch *s, const float *in, uint32_t n, int32_t wish, float similar, float *out)
{
        assert(n <= VOICE_SAMPLES_MAX);
        if (n >= 2 * STRETCH_LAG_MIN && (wish >= STRETCH_LAG_MIN || wish <= -STRETCH_LAG_MIN))
                n = splice(s, in, n, wish, similar, out);
        else
                memcpy(out, in, n * sizeof(*out));
        remember(s, out, n);
        return n;
}

/* What followed one period ago follows now. Where the two do not meet exactly the difference fades out. */
uint32_t stretch_draw(struct stretch *s, float *out)
{
        const float *end = s->past + STRETCH_PAST;
        struct match m = find_match(&(struct search){ .a = end - STRETCH_CONTEXT,
                                                      .n = STRETCH_CONTEXT,
                                                      .direction = -1,
                                                      .lag_min = STRETCH_LAG_MIN,
                                                      .lag_max = STRETCH_LAG_MAX });
        uint32_t lag = m.similarity < HARDLY_SIMILAR ? STRETCH_LAG_MAX : m.lag;
        float step = end[-1] - end[-(int)lag - 1];

        memcpy(out, end - lag, lag * sizeof(*out));
        for (int i = 0; i < MEND; i++)
                out[i] += step * (float)(MEND - 1 - i) / MEND;
        remember(s, out, lag);
        return lag;
}
