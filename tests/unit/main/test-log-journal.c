/* test-log-journal.c - the sink that is chosen and what a line looks like. stderr is a pipe of the test's meanwhile.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "lib/test.h"
#include "log-journal.h"

LOG_TOPIC("test/journal");

/* Runs fn with stderr in a pipe; what it wrote is in text. */
static void capture(void (*fn)(void), char *text, size_t size)
{
        int fds[2], keep = dup(STDERR_FILENO);
        ssize_t n;

        ASSERT_OK(pipe2(fds, O_CLOEXEC | O_NONBLOCK));
        ASSERT_OK(dup2(fds[1], STDERR_FILENO));
        fn();
        ASSERT_OK(dup2(keep, STDERR_FILENO));
        n = read(fds[0], text, size - 1);
        text[n > 0 ? n : 0] = '\0';
        close(fds[0]);
        close(fds[1]);
        close(keep);
        log_set_sink(NULL);
}

static void log_two(void)
{
        LOG_SCOPE(LOG_FIELD_ROOM, "kitchen");

        log_journal_init();
        log_warning("line %d\nforged", 1);
}

TEST(a_pipe_gets_priorities)
{
        char text[512];

        unsetenv("JOURNAL_STREAM");
        capture(log_two, text, sizeof(text));
        ASSERT_STR(text, "<4>test/journal: line 1 forged ROOM=kitchen\n");
}

TEST(a_foreign_journal_stream_is_not_ours)
{
        char text[512];

        setenv("JOURNAL_STREAM", "1:2", 1);
        capture(log_two, text, sizeof(text));
        ASSERT_STR(text, "<4>test/journal: line 1 forged ROOM=kitchen\n");
}

static void log_to_journal(void)
{
        struct stat st;
        char stream[64];

        ASSERT_OK(fstat(STDERR_FILENO, &st));
        snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_journal_init();
        log_debug("below the level");
        log_info("in the journal or, without one, nowhere");
}

TEST(stderr_that_is_the_journal_gets_no_text)
{
        char text[512];

        capture(log_to_journal, text, sizeof(text));
        ASSERT_STR(text, "");
}
