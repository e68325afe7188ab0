/* log.h - one log for the process: levels, a topic per file, journal fields, rate limit, redaction.
 *
 * Who logs: app, bus, audio and engine glue, once per event. base, wire, media, transport and state machines stay at
 * debug: they return or emit. Per-packet conditions are counters. The audio RT thread never logs.
 *
 *   LOG_TOPIC("engine/janus");                            once, at the top of the file
 *   log_warning("session lost: %s", strerror(-r));        adds topic, file, line and the current fields
 *   log_every_second(LOG_LEVEL_WARNING, "bad packet …");  at most one line a second from that place, with a count
 *
 * Threads: any but RT. The sink is called under a mutex, so it sees whole lines; it must not log.
 * Secrets (tokens, keys, passwords, whole SDPs) go through log_secret(), which prints a hash of 8 hex digits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level {
        LOG_LEVEL_ERROR = 3,
        LOG_LEVEL_WARNING = 4,
        LOG_LEVEL_NOTICE = 5,
        LOG_LEVEL_INFO = 6,
        LOG_LEVEL_DEBUG = 7
};

/* Fields of the journal; a thread sets those it knows for the duration of a scope. Values are borrowed. */
enum log_field {
        LOG_FIELD_CONTEXT,
        LOG_FIELD_ROOM,
        LOG_FIELD_PARTICIPANT,
        LOG_FIELD_REQUEST,
        LOG_FIELD_ENGINE,
        _LOG_FIELD_MAX
};
const char *log_field_name(enum log_field f); /* "CONTEXT" … */

struct log_record {
        enum log_level level;
        const char *topic, *file;
        int line;
        const char *message;                /* no newline */
        const char *fields[_LOG_FIELD_MAX]; /* NULL: not set */
};

/* NULL: the default sink, one line on stderr. */
void log_set_sink(void (*sink)(const struct log_record *rec));
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
const char *log_level_to_string(enum log_level l);             /* "error" "warning" "notice" "info" "debug" */
int log_level_from_string(const char *s, enum log_level *ret); /* also "err", "warn"; -EINVAL */
/* Comma separated globs (fnmatch) whose topics log at debug whatever the level. Copies. */
void log_set_debug_topics(const char *globs);

bool log_is_enabled(enum log_level level, const char *topic);
void log_write(enum log_level level, const char *topic, const char *file, int line, const char *fmt, ...)
        __attribute__((format(printf, 5, 6)));

/* Sets a field for this thread and returns the old value, to be restored. */
const char *log_field_swap(enum log_field f, const char *value);

struct log_field_scope {
        enum log_field field;
        const char *old;
};
static inline void log_field_restore(struct log_field_scope *s)
{
        (void)log_field_swap(s->field, s->old);
}
#define LOG_SCOPE(f, v)                            \
        __attribute__((cleanup(log_field_restore), \
                       unused)) struct log_field_scope _scope_##f = { f, log_field_swap(f, v) }

/* State of one rate-limited place. */
struct log_limit {
        uint64_t last_us;
        uint32_t suppressed;
};
/* True when the line may be written; *ret_suppressed is how many were not since the last one. */
bool log_limit_pass(struct log_limit *l, uint32_t *ret_suppressed);

/* "#1a2b3c4d", a keyed hash of the secret; buf is returned. NULL and "" give "#empty". */
struct log_secret_buf {
        char text[16];
};
const char *log_secret_to(struct log_secret_buf *buf, const char *secret);
#define log_secret(s) log_secret_to(&(struct log_secret_buf){ { 0 } }, s)

#define LOG_TOPIC(t) static const char log_topic_here[] __attribute__((unused)) = t

#define log_at(level, ...)                                                                      \
        do {                                                                                    \
                if (log_is_enabled(level, log_topic_here))                                      \
                        log_write(level, log_topic_here, __FILE_NAME__, __LINE__, __VA_ARGS__); \
        } while (0)
#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#define log_every_second(level, fmt, ...)                                                                      \
        do {                                                                                                   \
                static struct log_limit _limit;                                                                \
                uint32_t _n;                                                                                   \
                if (log_is_enabled(level, log_topic_here) && log_limit_pass(&_limit, &_n)) {                   \
                        if (_n > 0)                                                                            \
                                log_write(level, log_topic_here, __FILE_NAME__, __LINE__,                      \
                                          fmt " (and %u more like it)", ##__VA_ARGS__, _n);                    \
                        else                                                                                   \
                                log_write(level, log_topic_here, __FILE_NAME__, __LINE__, fmt, ##__VA_ARGS__); \
                }                                                                                              \
        } while (0)
