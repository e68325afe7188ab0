/* oom.c - allocation sweep and RT guard, by the linker's --wrap: sees the calls of our own objects only.
 *
 * The limit is per process and counts allocations of every thread; the guard counts those of the thread that entered
 * it.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lib/test.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void __real_free(void *p);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
int __real_pthread_mutex_lock(pthread_mutex_t *m);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
void __wrap_free(void *p);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);

static atomic_long left = -1;
static atomic_bool hit;
static _Thread_local unsigned rt_depth, rt_violations;

void test_oom_allow(long n)
{
        atomic_store(&hit, false);
        atomic_store(&left, n);
}

bool test_oom_hit(void)
{
        return atomic_load(&hit);
}

void test_rt_enter(void)
{
        if (rt_depth++ == 0)
                rt_violations = 0;
}

unsigned test_rt_leave(void)
{
        rt_depth--;
        return rt_violations;
}

static void note_rt(void)
{
        if (rt_depth > 0)
                rt_violations++;
}

static bool may_allocate(void)
{
        long n = atomic_load(&left);

        note_rt();
        if (n < 0)
                return true;
        while (n > 0)
                if (atomic_compare_exchange_weak(&left, &n, n - 1))
                        return true;
        atomic_store(&hit, true);
        return false;
}

void *__wrap_malloc(size_t n)
{
        return may_allocate() ? __real_malloc(n) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
        return may_allocate() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
        return may_allocate() ? __real_realloc(p, n) : NULL;
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
        return may_allocate() ? __real_aligned_alloc(alignment, n) : NULL;
}

char *__wrap_strdup(const char *s)
{
        return may_allocate() ? __real_strdup(s) : NULL;
}

char *__wrap_strndup(const char *s, size_t n)
{
        return may_allocate() ? __real_strndup(s, n) : NULL;
}

void __wrap_free(void *p)
{
        note_rt();
        __real_free(p);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
        note_rt();
        return __real_pthread_mutex_lock(m);
}
