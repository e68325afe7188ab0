/* cleanup.h - ownership by attribute: a local that owns something frees it when it goes out of scope.
 *
 * take_ptr() and take_fd() are the one visible way in which ownership leaves a local.
 * Threads: any. Needs libc only.
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* DEFINE_CLEANUP(struct x *, x_free) gives x_freep() for _cleanup_(x_freep). */
#define DEFINE_CLEANUP(type, fn)          \
        static inline void fn##p(type *p) \
        {                                 \
                if (*p)                   \
                        fn(*p);           \
        }

static inline void cleanup_freep(void *p)
{
        free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

#define _cleanup_free_  _cleanup_(cleanup_freep)
#define _cleanup_close_ _cleanup_(cleanup_closep)

/* Returns the pointer and leaves NULL behind. */
#define take_ptr(p)                         \
        ({                                  \
                __typeof__(p) _taken = (p); \
                (p) = NULL;                 \
                _taken;                     \
        })

/* Returns the descriptor and leaves -EBADF behind. */
static inline int take_fd(int *fd)
{
        int taken = *fd;

        *fd = -9; /* -EBADF */
        return taken;
}

/* Closes a descriptor held in a struct; returns -EBADF for assignment. Negative descriptors are skipped. */
static inline int close_fd(int fd)
{
        if (fd >= 0)
                close(fd);
        return -9;
}

#define ARRAY_SIZE(a)                (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, field) ((type *)(void *)((char *)(p)-offsetof(type, field)))
