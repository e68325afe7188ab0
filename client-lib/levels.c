/* levels.c - opening the ring of levels of a context. See rtcroom.h; levels-view.c reads it.
 *
 * The memory comes from another process: it is mapped only if it can never shrink (reading beyond its end would be
 * fatal), which its seals say.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "internal.h"
#include "levels-view.h"

enum { LEVELS_SIZE_MAX = 64 << 20 };

struct rtcroom_levels {
        void *map; /* owned */
        size_t size;
        struct levels_view view;
};

static int map_levels(struct rtcroom_levels *l, int fd)
{
        struct stat st;
        int seals = fcntl(fd, F_GET_SEALS);

        if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 || st.st_size <= 0 ||
            st.st_size > LEVELS_SIZE_MAX)
                return -EIO;
        l->size = (size_t)st.st_size;
        l->map = mmap(NULL, l->size, PROT_READ, MAP_SHARED, fd, 0);
        if (l->map == MAP_FAILED) {
                l->map = NULL;
                return errno == ENOMEM ? -ENOMEM : -EIO;
        }
        return levels_view_init(&l->view, l->map, l->size);
}

int rtcroom_levels_map(int fd, struct rtcroom_levels **ret)
{
        struct rtcroom_levels *l;
        int k;

        if (fd < 0 || !ret)
                return -EINVAL;
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        k = map_levels(l, fd);
        if (k < 0) {
                rtcroom_levels_close(l);
                return k;
        }
        *ret = l;
        return 0;
}

int rtcroom_context_open_levels(struct rtcroom_context *c, struct rtcroom_levels **ret)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int k, fd;

        if (!c || c->freed || !ret)
                return -EINVAL;
        k = sd_bus_call_method(c->r->bus, c->owner, c->path, IFACE("Voice"), "OpenLevels", &error, &reply, "");
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        else if ((k = sd_bus_message_read(reply, "h", &fd)) < 0)
                k = fail_with_errno(c->r, k);
        else if ((k = rtcroom_levels_map(fd, ret)) < 0) /* fd is the message's */
                k = fail_with(c->r, k, k == -EIO ? "the daemon's levels have another form" : NULL);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

int rtcroom_levels_read(struct rtcroom_levels *l, struct rtcroom_levels_now *ret)
{
        return l && ret ? levels_view_read(&l->view, ret) : -EINVAL;
}

struct rtcroom_levels *rtcroom_levels_close(struct rtcroom_levels *l)
{
        if (!l)
                return NULL;
        levels_view_done(&l->view);
        if (l->map)
                munmap(l->map, l->size);
        free(l);
        return NULL;
}
