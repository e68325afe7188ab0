/* engine-recorder.c - see engine-recorder.h. */
#include "fakes/engine-recorder.h"

#include <stdarg.h>

#include "lib/test.h"

static void note(struct recorder *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct recorder *r, const char *fmt, ...)
{
        size_t at = strlen(r->text);
        va_list ap;

        va_start(ap, fmt);
        at += (size_t)vsnprintf(r->text + at, sizeof(r->text) - at, fmt, ap);
        va_end(ap);
        ASSERT_LT(at + 3, sizeof(r->text));
        memcpy(r->text + at, "; ", 3);
        if (r->hook)
                r->hook(r, r->hook_ctx);
}

static const char *result_words(const struct engine_result *res, char *buf, size_t size)
{
        if (res->err)
                snprintf(buf, size, "%s %d", engine_reason_to_string(res->reason), res->err);
        else
                snprintf(buf, size, "%s", engine_reason_to_string(res->reason));
        return buf;
}

static void on_op_done(uint32_t op, const struct engine_result *res, void *ctx)
{
        struct recorder *r = ctx;
        char words[64];

        r->last = *res;
        note(r, "done %u %s", op, result_words(res, words, sizeof(words)));
}

static void on_state(enum engine_state state, const struct engine_result *why, void *ctx)
{
        struct recorder *r = ctx;
        char words[64];

        r->last = *why;
        note(r, "state %s %s", engine_state_to_string(state), result_words(why, words, sizeof(words)));
}

static const char *media_words(const struct engine_participant *p)
{
        static const char *const words[2][2] = { { "", ">audio" }, { " audio", " audio>audio" } };

        return words[(p->published & ENGINE_AUDIO) != 0][(p->subscribed & ENGINE_AUDIO) != 0];
}

static void on_participant(enum engine_change change, const struct engine_participant *p, void *ctx)
{
        static const char *const words[] = { "joined", "updated", "left" };

        if (change == ENGINE_PARTICIPANT_LEFT)
                note(ctx, "left %s", p->user_id);
        else
                note(ctx, "%s %s%s%s%s%s", words[change], p->user_id, media_words(p), p->audio_muted ? " muted" : "",
                     p->encryption ? " encryption: " : "", p->encryption ? e2ee_state_to_string(p->encryption) : "");
}

static void on_speaking(const char *user_id, bool speaking, void *ctx)
{
        note(ctx, "speaking %s %d", user_id[0] ? user_id : "self", speaking);
}

static void on_stats(uint32_t op, const struct engine_stats *stats, void *ctx)
{
        note(ctx, "stats %u%s", op, stats ? "" : " none");
}

static void on_message(const struct engine_message *m, void *ctx)
{
        char to[128] = "";
        size_t at = 0;

        for (size_t i = 0; i < m->n_destinations && at < sizeof(to); i++)
                at += (size_t)snprintf(to + at, sizeof(to) - at, "%s%s", i > 0 ? "," : " to ", m->destinations[i]);
        note(ctx, "%s%s %s%s [%s] %.*s", m->reliable ? "" : "lossy ", m->text ? "text" : "data",
             m->user_id ? m->user_id : "server", to, m->topic, (int)(m->len < 64 ? m->len : 64),
             m->len > 0 ? (const char *)m->data : "");
}

static void on_microphone(enum engine_microphone what, void *ctx)
{
        static const char *const words[] = { "muted", "withdrawn", "permitted" };

        note(ctx, "microphone %s", words[what]);
}

const struct engine_events recorder_events = { 0,           on_op_done, on_state,   on_participant,
                                               on_speaking, on_stats,   on_message, on_microphone };

void recorder_clear(struct recorder *r)
{
        r->text[0] = '\0';
}

void recorder_expect(struct recorder *r, const char *lines)
{
        ASSERT_STR(r->text, lines);
        recorder_clear(r);
}

bool recorder_has(const struct recorder *r, const char *part)
{
        return strstr(r->text, part) != NULL;
}
