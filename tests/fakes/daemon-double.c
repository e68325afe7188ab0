/* daemon-double.c - see daemon-double.h. No memory of its own: allocation sweeps of the code under test see only that.
 */
#include "fakes/daemon-double.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/test.h"

struct command {
        void (*fn)(struct daemon_double *d, const void *arg);
        const void *arg;
        sem_t done;
};

/* ---- answering ---- */

static const char *self(sd_bus_message *call)
{
        const char *to = sd_bus_message_get_destination(call);

        return to && strcmp(to, DOUBLE_DRIVER) == 0 ? DOUBLE_DRIVER : DOUBLE_DAEMON;
}

void double_send(struct daemon_double *d, sd_bus_message *m)
{
        int r = sd_bus_send(d->bus, m, NULL);

        ASSERT(r >= 0 || r == -ECONNRESET || r == -EPIPE); /* the client may have hung up */
        sd_bus_message_unref(m);
}

int double_reply(struct daemon_double *d, sd_bus_message *call, const char *types, ...)
{
        sd_bus_message *m;
        va_list ap;

        ASSERT_OK(sd_bus_message_new_method_return(call, &m));
        ASSERT_OK(sd_bus_message_set_sender(m, self(call)));
        va_start(ap, types);
        ASSERT_OK(sd_bus_message_appendv(m, types, ap));
        va_end(ap);
        double_send(d, m);
        return 1;
}

int double_error(struct daemon_double *d, sd_bus_message *call, const char *name, const char *message)
{
        sd_bus_message *m;

        ASSERT_OK(sd_bus_message_new_method_error(call, &m, &SD_BUS_ERROR_MAKE_CONST(name, message)));
        ASSERT_OK(sd_bus_message_set_sender(m, self(call)));
        double_send(d, m);
        return 1;
}

void double_signal(struct daemon_double *d, const char *sender, const char *path, const char *interface,
                   const char *member, const char *types, ...)
{
        sd_bus_message *m;
        va_list ap;

        ASSERT_OK(sd_bus_message_new_signal(d->bus, &m, path, interface, member));
        ASSERT_OK(sd_bus_message_set_sender(m, sender));
        va_start(ap, types);
        ASSERT_OK(sd_bus_message_appendv(m, types, ap));
        va_end(ap);
        double_send(d, m);
}

static int answer(struct daemon_double *d, sd_bus_message *m)
{
        const char *member = sd_bus_message_get_member(m);
        char path[64];

        d->n_calls++;
        if (d->hook && d->hook(d, m) > 0)
                return 1;
        if (strcmp(member, "Destroy") == 0)
                d->n_destroys++;
        if (strcmp(member, "CreateRtcRoomContext") == 0) {
                snprintf(path, sizeof(path), DOUBLE_ROOT "/context/%u", ++d->contexts);
                return double_reply(d, m, "o", path);
        }
        if (sd_bus_message_get_expect_reply(m) > 0)
                return double_reply(d, m, "u", ++d->requests);
        return 1;
}

static int on_message(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct daemon_double *d = ctx;
        const char *to = sd_bus_message_get_destination(m);

        (void)error;
        if (sd_bus_message_is_method_call(m, NULL, NULL) <= 0)
                return 0;
        if (!to || strcmp(to, DOUBLE_DRIVER) != 0)
                return answer(d, m);
        if (sd_bus_message_is_method_call(m, NULL, "Hello") > 0)
                return double_reply(d, m, "s", ":1.7");
        return double_reply(d, m, "");
}

/* ---- the thread ---- */

static void take_connection(struct daemon_double *d)
{
        int fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        sd_id128_t id;

        ASSERT_OK(fd);
        ASSERT_OK(sd_id128_randomize(&id));
        ASSERT_OK(sd_bus_new(&d->bus));
        ASSERT_OK(sd_bus_set_fd(d->bus, fd, fd));
        ASSERT_OK(sd_bus_set_server(d->bus, true, id));
        ASSERT_OK(sd_bus_negotiate_fds(d->bus, true));
        ASSERT_OK(sd_bus_start(d->bus));
        ASSERT_OK(sd_bus_add_filter(d->bus, NULL, on_message, d));
}

static void take_command(struct daemon_double *d)
{
        struct command *c;

        ASSERT_EQ(read(d->commands[0], &c, sizeof(c)), sizeof(c));
        c->fn(d, c->arg);
        if (d->bus)
                (void)sd_bus_flush(d->bus);
        sem_post(&c->done);
}

static void process_bus(struct daemon_double *d)
{
        while (d->bus && sd_bus_process(d->bus, NULL) > 0)
                ;
        if (d->bus && sd_bus_is_open(d->bus) <= 0)
                d->bus = sd_bus_close_unref(d->bus);
}

static void *serve(void *ctx)
{
        struct daemon_double *d = ctx;

        while (!d->is_over) {
                struct pollfd fds[] = { { .fd = d->commands[0], .events = POLLIN },
                                        { .fd = d->bus ? sd_bus_get_fd(d->bus) : d->listen_fd, .events = POLLIN } };

                if (d->bus)
                        fds[1].events = (short)sd_bus_get_events(d->bus);
                ASSERT_OK(poll(fds, 2, -1));
                if (fds[1].revents && !d->bus)
                        take_connection(d);
                process_bus(d);
                if (fds[0].revents)
                        take_command(d);
                process_bus(d);
        }
        d->bus = sd_bus_close_unref(d->bus);
        return NULL;
}

void daemon_double_init(struct daemon_double *d)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        socklen_t len = sizeof(a.sun_family); /* autobind: the kernel chooses an abstract name */
        char address[64];

        *d = (struct daemon_double){ .listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) };
        ASSERT_OK(d->listen_fd);
        ASSERT_OK(bind(d->listen_fd, (struct sockaddr *)&a, len));
        len = sizeof(a);
        ASSERT_OK(getsockname(d->listen_fd, (struct sockaddr *)&a, &len));
        ASSERT_OK(listen(d->listen_fd, 1));
        snprintf(address, sizeof(address), "unix:abstract=%.*s", (int)(len - sizeof(a.sun_family) - 1),
                 a.sun_path + 1);
        ASSERT_OK(setenv("DBUS_SESSION_BUS_ADDRESS", address, 1));
        ASSERT_OK(pipe(d->commands));
        ASSERT_EQ(pthread_create(&d->thread, NULL, serve, d), 0);
}

void daemon_double_run(struct daemon_double *d, void (*fn)(struct daemon_double *d, const void *arg), const void *arg)
{
        struct command c = { .fn = fn, .arg = arg }, *p = &c;

        ASSERT_OK(sem_init(&c.done, 0, 0));
        ASSERT_EQ(write(d->commands[1], &p, sizeof(p)), sizeof(p));
        while (sem_wait(&c.done) < 0)
                ;
        sem_destroy(&c.done);
}

static void set_hook(struct daemon_double *d, const void *arg)
{
        memcpy(&d->hook, arg, sizeof(d->hook));
}

void daemon_double_set_hook(struct daemon_double *d, double_hook hook)
{
        daemon_double_run(d, set_hook, &hook);
}

static void set_hook_arg(struct daemon_double *d, const void *arg)
{
        d->hook_arg = arg;
}

void daemon_double_set_hook_arg(struct daemon_double *d, const void *arg)
{
        daemon_double_run(d, set_hook_arg, arg);
}

static void end(struct daemon_double *d, const void *arg)
{
        (void)arg;
        d->is_over = true;
}

void daemon_double_done(struct daemon_double *d)
{
        daemon_double_run(d, end, NULL);
        pthread_join(d->thread, NULL);
        close(d->listen_fd);
        close(d->commands[0]);
        close(d->commands[1]);
}
