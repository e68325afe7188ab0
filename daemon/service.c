/* service.c - see service.h. sd_notify(3), sd_watchdog_enabled(3). A notification that does not arrive is the service
 * manager's loss: results are dropped. */
#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <systemd/sd-daemon.h>

struct service {
        struct loop *loop; /* borrowed */
        struct loop_source *watchdog;
        uint64_t feed_every_us; /* half of what is allowed */
};

static void on_watchdog(void *ctx)
{
        struct service *s = ctx;

        (void)sd_notify(0, "WATCHDOG=1");
        (void)loop_set_timer(s->watchdog, loop_now_us(s->loop) + s->feed_every_us);
}

int service_new(struct loop *loop, struct service **ret)
{
        _cleanup_(service_freep) struct service *s = calloc(1, sizeof(*s));
        uint64_t limit_us;
        int r;

        if (!s)
                return -ENOMEM;
        s->loop = loop;
        if (sd_watchdog_enabled(0, &limit_us) > 0) {
                s->feed_every_us = limit_us / 2;
                r = loop_add_timer(loop, 0, on_watchdog, s, &s->watchdog);
                if (r < 0)
                        return r;
        }
        *ret = take_ptr(s);
        return 0;
}

struct service *service_free(struct service *s)
{
        if (!s)
                return NULL;
        loop_remove(s->watchdog);
        free(s);
        return NULL;
}

void service_ready(struct service *s)
{
        (void)s;
        (void)sd_notify(0, "READY=1");
}

void service_reloading(struct service *s)
{
        (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, loop_now_us(s->loop));
}

void service_stopping(struct service *s)
{
        (void)s;
        (void)sd_notify(0, "STOPPING=1\nSTATUS=Leaving");
}

void service_status(struct service *s, const char *text)
{
        (void)s;
        (void)sd_notifyf(0, "STATUS=%s", text);
}
