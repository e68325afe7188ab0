/* test-service.c - what the service manager is told, and when: a socket of the test's stands for it. */
#include "service.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/test.h"
#include "lib/vloop.h"

/* The service manager's end; the environment tells where. */
static int manager_socket(void)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), n;
        char name[64];

        n = snprintf(name, sizeof(name), "@rtcroomd-test-%d", (int)getpid());
        memcpy(a.sun_path + 1, name + 1, (size_t)n - 1);
        ASSERT_OK(bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)));
        setenv("NOTIFY_SOCKET", name, 1);
        return fd;
}

/* The next notification, or "". */
static const char *told(int fd)
{
        static char text[256];
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

        text[n > 0 ? n : 0] = '\0';
        return text;
}

static void set_watchdog(unsigned us)
{
        char value[32];

        snprintf(value, sizeof(value), "%u", us);
        setenv("WATCHDOG_USEC", value, 1);
        snprintf(value, sizeof(value), "%d", (int)getpid());
        setenv("WATCHDOG_PID", value, 1);
}

TEST(every_state_is_told)
{
        int fd = manager_socket();
        struct loop *loop = vloop_new(1000000);
        struct service *s;

        ASSERT_OK(service_new(loop, &s));
        vloop_run_for(loop, 60000000);
        ASSERT_STR(told(fd), ""); /* nobody asked for a watchdog */
        service_ready(s);
        ASSERT_STR(told(fd), "READY=1");
        service_status(s, "In a room");
        ASSERT_STR(told(fd), "STATUS=In a room");
        service_reloading(s);
        ASSERT(strncmp(told(fd), "RELOADING=1\nMONOTONIC_USEC=", 27) == 0);
        service_stopping(s);
        ASSERT_STR(told(fd), "STOPPING=1\nSTATUS=Leaving");
        service_free(s);
        vloop_free(loop);
        close(fd);
        unsetenv("NOTIFY_SOCKET");
}

TEST(the_watchdog_is_fed_twice_as_often_as_asked)
{
        int fd = manager_socket();
        struct loop *loop = vloop_new(1000000);
        struct service *s;
        unsigned fed = 0;

        set_watchdog(2000000);
        ASSERT_OK(service_new(loop, &s));
        for (unsigned i = 0; i < 100; i++) {
                vloop_run_for(loop, 100000);
                while (strcmp(told(fd), "WATCHDOG=1") == 0)
                        fed++;
        }
        ASSERT_EQ(fed, 11); /* at once, then each second of ten */
        service_free(s);
        vloop_run_for(loop, 10000000);
        ASSERT_STR(told(fd), "");
        vloop_free(loop);
        close(fd);
        unsetenv("NOTIFY_SOCKET");
        unsetenv("WATCHDOG_USEC");
}

TEST(nobody_listens)
{
        struct loop *loop = vloop_new(1000000);
        struct service *s;

        ASSERT_OK(service_new(loop, &s));
        service_ready(s);
        service_status(s, "Idle");
        service_free(s);
        vloop_free(loop);
}

TEST_OOM(construction)
{
        struct loop *loop = vloop_new(0);
        struct service *s = NULL;
        int r;

        if (!loop)
                return -ENOMEM;
        set_watchdog(2000000);
        r = service_new(loop, &s);
        service_free(s);
        vloop_free(loop);
        unsetenv("WATCHDOG_USEC");
        return r;
}
