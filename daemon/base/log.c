/* log.c - see log.h. The only mutable state at file scope in the daemon: level, topics, sink, and each thread's
 * fields. The level and the sink are read without the mutex; only the call of the sink is serialised. */
#include "base/log.h"

#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

static _Atomic int current_level = LOG_LEVEL_INFO;
static void (*_Atomic current_sink)(const struct log_record *rec);
static char debug_topics[256]; /* set before threads start, or by a reload on control: guarded by the mutex */
static atomic_bool has_debug_topics;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local const char *thread_fields[_LOG_FIELD_MAX];

static const char *const field_names[_LOG_FIELD_MAX] = { "CONTEXT", "ROOM", "PARTICIPANT", "REQUEST", "ENGINE" };
static const char *const level_names[] = { [LOG_LEVEL_ERROR] = "error",
                                           [LOG_LEVEL_WARNING] = "warning",
                                           [LOG_LEVEL_NOTICE] = "notice",
                                           [LOG_LEVEL_INFO] = "info",
                                           [LOG_LEVEL_DEBUG] = "debug" };

const char *log_field_name(enum log_field f)
{
        return field_names[f];
}

const char *log_level_to_string(enum log_level l)
{
        return level_names[l];
}

int log_level_from_string(const char *s, enum log_level *ret)
{
        for (int l = LOG_LEVEL_ERROR; l <= LOG_LEVEL_DEBUG; l++)
                if (strcmp(s, level_names[l]) == 0) {
                        *ret = (enum log_level)l;
                        return 0;
                }
        if (strcmp(s, "err") == 0)
                return log_level_from_string("error", ret);
        if (strcmp(s, "warn") == 0)
                return log_level_from_string("warning", ret);
        return -EINVAL;
}

void log_set_sink(void (*sink)(const struct log_record *rec))
{
        atomic_store(&current_sink, sink);
}

void log_set_level(enum log_level level)
{
        atomic_store(&current_level, (int)level);
}

enum log_level log_get_level(void)
{
        return (enum log_level)atomic_load(&current_level);
}

void log_set_debug_topics(const char *globs)
{
        pthread_mutex_lock(&lock);
        snprintf(debug_topics, sizeof(debug_topics), "%s", globs ? globs : "");
        atomic_store(&has_debug_topics, debug_topics[0] != '\0');
        pthread_mutex_unlock(&lock);
}

static bool topic_is_debugged(const char *topic)
{
        char copy[sizeof(debug_topics)], *save = NULL;

        pthread_mutex_lock(&lock);
        memcpy(copy, debug_topics, sizeof(copy));
        pthread_mutex_unlock(&lock);
        for (char *glob = strtok_r(copy, ",", &save); glob; glob = strtok_r(NULL, ",", &save))
                if (fnmatch(glob, topic, 0) == 0)
                        return true;
        return false;
}

bool log_is_enabled(enum log_level level, const char *topic)
{
        return (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed) ||
               (atomic_load_explicit(&has_debug_topics, memory_order_relaxed) && topic_is_debugged(topic));
}

static void sink_stderr(const struct log_record *rec)
{
        fprintf(stderr, "%s: %s: %s", level_names[rec->level], rec->topic, rec->message);
        for (int f = 0; f < _LOG_FIELD_MAX; f++)
                if (rec->fields[f])
                        fprintf(stderr, " %s=%s", field_names[f], rec->fields[f]);
        fputc('\n', stderr);
}

void log_write(enum log_level level, const char *topic, const char *file, int line, const char *fmt, ...)
{
        struct log_record rec = { .level = level, .topic = topic, .file = file, .line = line };
        void (*sink)(const struct log_record *) = atomic_load(&current_sink);
        char message[1024];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(message, sizeof(message), fmt, ap);
        va_end(ap);
        for (char *p = message; *p; p++) /* what a peer sent must not forge lines */
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        *p = ' ';
        rec.message = message;
        memcpy(rec.fields, thread_fields, sizeof(rec.fields));
        pthread_mutex_lock(&lock);
        (sink ? sink : sink_stderr)(&rec);
        pthread_mutex_unlock(&lock);
}

const char *log_field_swap(enum log_field f, const char *value)
{
        const char *old = thread_fields[f];

        thread_fields[f] = value;
        return old;
}

bool log_limit_pass(struct log_limit *l, uint32_t *ret_suppressed)
{
        uint64_t now_us = clock_monotonic_us();
        bool pass;

        pthread_mutex_lock(&lock);
        pass = l->last_us == 0 || now_us - l->last_us >= US_PER_SEC;
        if (pass) {
                *ret_suppressed = l->suppressed;
                *l = (struct log_limit){ .last_us = now_us };
        } else {
                l->suppressed++;
        }
        pthread_mutex_unlock(&lock);
        return pass;
}

/* Keyed by a number of this process, so that a log cannot be used to test guesses of a secret. */
static uint64_t secret_key(void)
{
        static _Atomic uint64_t key;
        uint64_t k = atomic_load(&key), none = 0;

        if (k == 0) {
                while (getrandom(&k, sizeof(k), 0) != (ssize_t)sizeof(k) || k == 0)
                        ;
                if (!atomic_compare_exchange_strong(&key, &none, k))
                        k = none;
        }
        return k;
}

const char *log_secret_to(struct log_secret_buf *buf, const char *secret)
{
        uint64_t h = secret_key();

        if (!secret || !*secret)
                return strcpy(buf->text, "#empty");
        for (const char *p = secret; *p; p++) { /* FNV-1a, then folded: identifies, does not reveal */
                h ^= (unsigned char)*p;
                h *= UINT64_C(0x100000001b3);
        }
        h ^= h >> 32;
        snprintf(buf->text, sizeof(buf->text), "#%08x", (unsigned)h);
        return buf->text;
}
