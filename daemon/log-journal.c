/* log-journal.c - see log-journal.h.
 *
 * The sinks run under the log's mutex, on whatever thread logs, and never log themselves. An entry is put together on
 * the stack; a field that does not fit is left out rather than cut, so that a match on it never lies.
 */
#include "log-journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION /* the line that logs is in the record; this file's own would hide it */
#include <systemd/sd-journal.h>

#include "base/log.h"

struct entry {
        char text[4096]; /* "NAME=value" one after the other, NUL between */
        size_t len;
        struct iovec fields[6 + _LOG_FIELD_MAX];
        int n;
};

__attribute__((format(printf, 2, 3))) static void entry_add(struct entry *e, const char *fmt, ...)
{
        size_t left = sizeof(e->text) - e->len;
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vsnprintf(e->text + e->len, left, fmt, ap);
        va_end(ap);
        if (n < 0 || (size_t)n >= left)
                return;
        e->fields[e->n++] = (struct iovec){ e->text + e->len, (size_t)n };
        e->len += (size_t)n + 1;
}

static void write_line(const struct log_record *rec, const char *prefix)
{
        char line[2048];
        int n = snprintf(line, sizeof(line), "%s%s: %s", prefix, rec->topic, rec->message);

        for (int f = 0; f < _LOG_FIELD_MAX && n < (int)sizeof(line); f++)
                if (rec->fields[f])
                        n += snprintf(line + n, sizeof(line) - (size_t)n, " %s=%s", log_field_name((enum log_field)f),
                                      rec->fields[f]);
        fprintf(stderr, "%s\n", line);
}

static void sink_terminal(const struct log_record *rec)
{
        char prefix[16];

        snprintf(prefix, sizeof(prefix), "%s: ", log_level_to_string(rec->level));
        write_line(rec, prefix);
}

static void sink_prefixed(const struct log_record *rec)
{
        char prefix[16];

        snprintf(prefix, sizeof(prefix), "<%d>", (int)rec->level);
        write_line(rec, prefix);
}

static void sink_journal(const struct log_record *rec)
{
        struct entry e;

        e.len = 0;
        e.n = 0;
        entry_add(&e, "MESSAGE=%s", rec->message);
        entry_add(&e, "PRIORITY=%d", (int)rec->level);
        entry_add(&e, "SYSLOG_IDENTIFIER=rtcroomd");
        entry_add(&e, "TOPIC=%s", rec->topic);
        entry_add(&e, "CODE_FILE=%s", rec->file);
        entry_add(&e, "CODE_LINE=%d", rec->line);
        for (int f = 0; f < _LOG_FIELD_MAX; f++)
                if (rec->fields[f])
                        entry_add(&e, "%s=%s", log_field_name((enum log_field)f), rec->fields[f]);
        if (sd_journal_sendv(e.fields, e.n) < 0)
                sink_prefixed(rec);
}

/* JOURNAL_STREAM is inherited by children whose stderr was redirected since: only device and inode tell. */
static bool is_stderr_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
               st.st_dev == device && st.st_ino == inode;
}

void log_journal_init(void)
{
        if (is_stderr_journal())
                log_set_sink(sink_journal);
        else if (isatty(STDERR_FILENO))
                log_set_sink(sink_terminal);
        else
                log_set_sink(sink_prefixed);
}

const char *log_journal_target(void)
{
        return is_stderr_journal() ? "journal" : "console";
}
