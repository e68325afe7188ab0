/* test.h - the tests' own little framework.
 *
 *   TEST(name) { ASSERT_EQ(1 + 1, 2); }          registers itself; tests/lib/test-main.c runs all of a file
 *   TEST_OOM(name) { … return r; }                an int function that is run again and again under allocation
 * failure, allowing 0, 1, 2 … allocations, until it returns 0. Every run but the last must return -ENOMEM and leak
 * nothing (LSan tells).
 *
 * A failing assertion prints place and values and ends the program with status 1: one process per test file, one test
 * after the other. `test-x NAME…` runs the named ones, `test-x -NAME…` all but those; status 77 means skipped
 * (test_skip), with a sentence.
 */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
        const char *name;
        void (*fn)(void);
        int (*oom_fn)(void);
        struct test *next; /* in the list of test-main.c */
};
void test_register(struct test *t);
_Noreturn void test_fail(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void test_skip(const char *why);

/* Allocation sweep: allow n more allocations of our own objects, then fail (n < 0: no limit). See oom.c. */
void test_oom_allow(long n);
bool test_oom_hit(void);

/* RT guard: between these, malloc, free and mutexes of our own objects are counted as violations. See oom.c. */
void test_rt_enter(void);
unsigned test_rt_leave(void); /* violations seen */

#define TEST_REGISTER(id, f, o)                                                     \
        static struct test test_entry_##id = { .name = #id, .fn = f, .oom_fn = o }; \
        __attribute__((constructor)) static void test_add_##id(void)                \
        {                                                                           \
                test_register(&test_entry_##id);                                    \
        }
#define TEST(id)                              \
        static void test_fn_##id(void);       \
        TEST_REGISTER(id, test_fn_##id, NULL) \
        static void test_fn_##id(void)
#define TEST_OOM(id)                          \
        static int test_fn_##id(void);        \
        TEST_REGISTER(id, NULL, test_fn_##id) \
        static int test_fn_##id(void)

#define ASSERT(c)                                                \
        do {                                                     \
                if (!(c))                                        \
                        test_fail(__FILE__, __LINE__, "%s", #c); \
        } while (0)
#define ASSERT_CMP(a, op, b)                                                                        \
        do {                                                                                        \
                long long _a = (long long)(a), _b = (long long)(b);                                 \
                if (!(_a op _b))                                                                    \
                        test_fail(__FILE__, __LINE__, "%s %s %s: %lld, %lld", #a, #op, #b, _a, _b); \
        } while (0)
#define ASSERT_EQ(a, b) ASSERT_CMP(a, ==, b)
#define ASSERT_NE(a, b) ASSERT_CMP(a, !=, b)
#define ASSERT_LT(a, b) ASSERT_CMP(a, <, b)
#define ASSERT_LE(a, b) ASSERT_CMP(a, <=, b)
#define ASSERT_GT(a, b) ASSERT_CMP(a, >, b)
#define ASSERT_GE(a, b) ASSERT_CMP(a, >=, b)
#define ASSERT_OK(r)    ASSERT_CMP(r, >=, 0)
#define ASSERT_STR(a, b)                                                                                   \
        do {                                                                                               \
                const char *_a = (a), *_b = (b);                                                           \
                if (!_a || !_b ? _a != _b : strcmp(_a, _b) != 0)                                           \
                        test_fail(__FILE__, __LINE__, "%s: \"%s\", wanted \"%s\"", #a, _a ? _a : "(null)", \
                                  _b ? _b : "(null)");                                                     \
        } while (0)
#define ASSERT_MEM(a, b, n)                                                        \
        do {                                                                       \
                if (memcmp(a, b, n) != 0)                                          \
                        test_fail(__FILE__, __LINE__, "%s and %s differ", #a, #b); \
        } while (0)
#define ASSERT_NEAR(a, b, tolerance)                                                                              \
        do {                                                                                                      \
                double _a = (double)(a), _b = (double)(b);                                                        \
                if (!(fabs(_a - _b) <= (double)(tolerance)))                                                      \
                        test_fail(__FILE__, __LINE__, "%s: %g, wanted %g ± %g", #a, _a, _b, (double)(tolerance)); \
        } while (0)
