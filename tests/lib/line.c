/* line.c - see line.h. */
#include "lib/line.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rand.h"

enum key {
        DELAY,
        JITTER,
        UNIFORM,
        LOSS,
        BURST,
        DUPLICATE,
        REORDER,
        LATE,
        RATE,
        QUEUE,
        STALL,
        EVERY,
        DRIFT,
        ORDER,
        TALK,
        PAUSE,
        _KEYS
};

static const struct {
        const char *name;
        double most;
} keys[_KEYS] = {
        [DELAY] = { "delay", 1e5 },     [JITTER] = { "jitter", 1e4 }, [UNIFORM] = { "uniform", 1e4 },
        [LOSS] = { "loss", 100 },       [BURST] = { "burst", 1000 },  [DUPLICATE] = { "duplicate", 100 },
        [REORDER] = { "reorder", 100 }, [LATE] = { "late", 1e4 },     [RATE] = { "rate", 1e7 },
        [QUEUE] = { "queue", 1e5 },     [STALL] = { "stall", 1e5 },   [EVERY] = { "every", 1e7 },
        [DRIFT] = { "drift", 1e4 },     [ORDER] = { "order", 1 },     [TALK] = { "talk", 1e6 },
        [PAUSE] = { "pause", 1e6 },
};

struct step {
        uint64_t at_us;
        double value[_KEYS];
};

struct line {
        struct step steps[LINE_STEPS_MAX];
        size_t n_steps;
        uint64_t again_us; /* 0: never */
        uint64_t start_us;
        bool started;
        struct rng rng;
        bool losing;          /* inside a burst */
        uint64_t last_due_us; /* for order */
        uint64_t outlet_us;   /* when the queue's outlet is free */
};

/* ---- reading ---- */

static int find_key(const char *word)
{
        for (int k = 0; k < _KEYS; k++)
                if (strcmp(keys[k].name, word) == 0)
                        return k;
        return -EINVAL;
}

static int number(char **rest, double ret[static 1])
{
        const char *word = strtok_r(NULL, " \t\r", rest);
        char *end;

        if (!word)
                return -EINVAL;
        *ret = strtod(word, &end);
        return *end || !isfinite(*ret) ? -EINVAL : 0;
}

static int read_settings(struct step *s, char **rest)
{
        const char *word;
        double value;

        while ((word = strtok_r(NULL, " \t\r", rest))) {
                int k = find_key(word);

                if (k < 0 || number(rest, &value) < 0)
                        return -EINVAL;
                if (value > keys[k].most || value < (k == DRIFT ? -keys[k].most : 0))
                        return -EINVAL;
                s->value[k] = value;
        }
        return 0;
}

static int read_step(struct line *l, double seconds, char **rest)
{
        struct step *s = &l->steps[l->n_steps];

        if (l->n_steps == LINE_STEPS_MAX || seconds < 0 || seconds > 1e6)
                return -EINVAL;
        if (l->n_steps > 0)
                *s = s[-1];
        s->at_us = (uint64_t)(seconds * 1e6);
        if (l->n_steps == 0 ? s->at_us != 0 : s->at_us <= s[-1].at_us)
                return -EINVAL;
        l->n_steps++;
        return read_settings(s, rest);
}

static int read_line(struct line *l, char *text)
{
        char *rest, *comment = strchr(text, '#');
        const char *word;
        double seconds;

        if (comment)
                *comment = '\0';
        word = strtok_r(text, " \t\r", &rest);
        if (!word)
                return 0;
        if (number(&rest, &seconds) < 0)
                return -EINVAL;
        if (strcmp(word, "at") == 0)
                return read_step(l, seconds, &rest);
        if (strcmp(word, "again") != 0 || seconds <= 0 || seconds > 1e6)
                return -EINVAL;
        l->again_us = (uint64_t)(seconds * 1e6);
        return strtok_r(NULL, " \t\r", &rest) ? -EINVAL : 0;
}

int line_new(const char *trace, uint64_t seed, struct line **ret, unsigned *ret_line_number)
{
        _cleanup_(line_freep) struct line *l = calloc(1, sizeof(*l));
        _cleanup_free_ char *copy = strdup(trace);
        unsigned n = 0;

        if (!l || !copy)
                return -ENOMEM;
        rand_seed(&l->rng, seed);
        for (char *at = copy, *text; (text = strsep(&at, "\n"));) {
                n++;
                if (read_line(l, text) < 0) {
                        *ret_line_number = n;
                        return -EINVAL;
                }
        }
        *ret_line_number = n;
        if (l->n_steps == 0)
                return -EINVAL;
        *ret = take_ptr(l);
        return 0;
}

struct line *line_free(struct line *l)
{
        free(l);
        return NULL;
}

/* ---- passing ---- */

static const struct step *step_of(const struct line *l, uint64_t elapsed_us)
{
        size_t i = l->n_steps;

        if (l->again_us)
                elapsed_us %= l->again_us;
        while (i > 1 && l->steps[i - 1].at_us > elapsed_us)
                i--;
        return &l->steps[i - 1];
}

static bool happens(struct line *l, double percent)
{
        return rand_double(&l->rng) * 100 < percent;
}

/* Two states (Gilbert): a mean length of 1 is independent loss. */
static bool is_lost(struct line *l, const struct step *s)
{
        double p = s->value[LOSS] / 100, burst = fmax(s->value[BURST], 1), roll = rand_double(&l->rng);

        if (p >= 1 || p <= 0)
                l->losing = p >= 1;
        else if (burst <= 1)
                l->losing = roll < p;
        else
                l->losing = l->losing ? roll >= 1 / burst : roll < p / (burst * (1 - p));
        return l->losing;
}

static uint64_t us_of(double ms)
{
        return (uint64_t)llround(ms * 1e3);
}

static uint64_t after_stall(const struct step *s, uint64_t elapsed_us)
{
        uint64_t every_us = us_of(s->value[EVERY]), stall_us = us_of(s->value[STALL]), into;

        if (every_us == 0 || stall_us == 0)
                return elapsed_us;
        into = elapsed_us % every_us;
        return into < stall_us && elapsed_us >= every_us ? elapsed_us - into + stall_us : elapsed_us;
}

/* False: the queue is full. */
static bool pass_queue(struct line *l, const struct step *s, uint64_t *at_us, size_t bytes)
{
        double kbps = s->value[RATE];
        uint64_t from_us = *at_us > l->outlet_us ? *at_us : l->outlet_us;

        if (kbps <= 0)
                return true;
        if (s->value[QUEUE] > 0 && from_us - *at_us > us_of(s->value[QUEUE]))
                return false;
        *at_us = l->outlet_us = from_us + us_of((double)bytes * 8 / kbps);
        return true;
}

static uint64_t constant_part(const struct step *s, uint64_t elapsed_us)
{
        double drift_ms = s->value[DRIFT] * (double)elapsed_us / 1e9;

        return us_of(fmax(s->value[DELAY] + drift_ms, 0));
}

static uint64_t due(struct line *l, const struct step *s, uint64_t from_us, uint64_t elapsed_us)
{
        double random_ms = 0;
        uint64_t due_us;

        if (s->value[JITTER] > 0)
                random_ms -= s->value[JITTER] * log(1 - rand_double(&l->rng));
        if (s->value[UNIFORM] > 0)
                random_ms += s->value[UNIFORM] * rand_double(&l->rng);
        due_us = from_us + constant_part(s, elapsed_us) + us_of(random_ms);
        if (s->value[REORDER] > 0 && happens(l, s->value[REORDER]))
                return due_us + us_of(s->value[LATE]);
        if (s->value[ORDER] > 0 && due_us < l->last_due_us)
                due_us = l->last_due_us;
        l->last_due_us = due_us;
        return due_us;
}

bool line_talk(const struct line *l, uint32_t *ret_talk_ms, uint32_t *ret_pause_ms)
{
        const double *value = l->steps[0].value;

        if (value[TALK] < 1 || value[PAUSE] < 1)
                return false;
        *ret_talk_ms = (uint32_t)value[TALK];
        *ret_pause_ms = (uint32_t)value[PAUSE];
        return true;
}

unsigned line_pass(struct line *l, uint64_t now_us, size_t bytes, bool impaired, uint64_t ret_due_us[LINE_COPIES_MAX])
{
        uint64_t elapsed_us, from_us;
        const struct step *s;
        unsigned n;

        if (!l->started)
                l->start_us = now_us;
        l->started = true;
        elapsed_us = now_us - l->start_us;
        s = step_of(l, elapsed_us);
        if (!impaired) {
                ret_due_us[0] = now_us + constant_part(s, elapsed_us);
                return 1;
        }
        if (is_lost(l, s))
                return 0;
        from_us = l->start_us + after_stall(s, elapsed_us);
        if (!pass_queue(l, s, &from_us, bytes))
                return 0;
        n = s->value[DUPLICATE] > 0 && happens(l, s->value[DUPLICATE]) ? 2 : 1;
        for (unsigned i = 0; i < n; i++)
                ret_due_us[i] = due(l, s, from_us, elapsed_us);
        return n;
}
