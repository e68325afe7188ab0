/* test-main.c - runs the registered tests of one program; see test.h. */
#include <errno.h>
#include <stdarg.h>

#include "lib/test.h"

/* GCC 12's LeakSanitizer takes the thread-local block of a library loaded at run time (GIO's TLS module) for one of
 * glibc 2.19, reads a bogus range from it and crashes; what such a library keeps there is not ours to check. */
__attribute__((visibility("default"), used)) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
        return "intercept_tls_get_addr=0";
}

static struct test *tests; /* in order of registration */
static const char *current = "";

void test_register(struct test *t)
{
        struct test **end = &tests;

        while (*end)
                end = &(*end)->next;
        *end = t;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
        va_list ap;

        fprintf(stderr, "FAIL %s at %s:%d: ", current, file, line);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputc('\n', stderr);
        exit(1);
}

void test_skip(const char *why)
{
        printf("skipped %s: %s\n", current, why);
        exit(77);
}

static void sweep(const struct test *t)
{
        for (long allow = 0; allow < 100000; allow++) {
                bool hit;
                int r;

                test_oom_allow(allow);
                r = t->oom_fn();
                hit = test_oom_hit();
                test_oom_allow(-1);
                if (r == 0 && !hit)
                        return;
                if (r == 0) /* a failure that was survived is legal; go on until nothing fails */
                        continue;
                if (r != -ENOMEM || !hit)
                        test_fail(__FILE__, __LINE__, "with %ld allocations: result %d", allow, r);
        }
        test_fail(__FILE__, __LINE__, "never succeeds");
}

/* "-NAME" leaves one out; names without the dash run only those. */
static bool is_named(const struct test *t, int argc, char **argv)
{
        bool any = true;

        for (int i = 1; i < argc; i++) {
                if (argv[i][0] == '-') {
                        if (strcmp(argv[i] + 1, t->name) == 0)
                                return false;
                        continue;
                }
                if (strcmp(argv[i], t->name) == 0)
                        return true;
                any = false;
        }
        return any;
}

int main(int argc, char **argv)
{
        unsigned run = 0;

        setvbuf(stdout, NULL, _IOLBF, 0);
        for (const struct test *t = tests; t; t = t->next) {
                if (!is_named(t, argc, argv))
                        continue;
                current = t->name;
                if (t->oom_fn)
                        sweep(t);
                else
                        t->fn();
                printf("ok %s\n", t->name);
                run++;
        }
        if (run == 0) {
                fprintf(stderr, "no such test\n");
                return 1;
        }
        return 0;
}
