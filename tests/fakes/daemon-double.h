/* daemon-double.h - plays the session bus and rtcroomd for one client library connection, on a thread of its own, as
 * the library's calls block.
 *
 * The double answers Hello and AddMatch as the bus, CreateRtcRoomContext with the next context, operations with the
 * next number, and everything else with what the test's hook sends. Whatever the test does to it after the start goes
 * through daemon_double_run(), which runs a function on the double's thread and waits for it: no locks elsewhere.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#define DOUBLE_DRIVER "org.freedesktop.DBus"
#define DOUBLE_DAEMON ":1.9" /* unique name of the daemon played */
#define DOUBLE_NAME   "org.rtcroom.RtcRoom1"
#define DOUBLE_ROOT   "/org/rtcroom/RtcRoom1"

struct daemon_double;
typedef int (*double_hook)(struct daemon_double *d, sd_bus_message *m);

struct daemon_double {
        pthread_t thread;
        int listen_fd, commands[2];
        /* the double's thread only, from here on */
        sd_bus *bus; /* the client's connection, or NULL */
        bool is_over;
        uint32_t contexts, requests; /* numbers given out */
        unsigned n_destroys, n_calls;
        double_hook hook; /* sees each call first; 1: answered. NULL: none */
        const void *hook_arg;
};

/* Listens, and points DBUS_SESSION_BUS_ADDRESS at itself. */
void daemon_double_init(struct daemon_double *d);
void daemon_double_done(struct daemon_double *d);
void daemon_double_run(struct daemon_double *d, void (*fn)(struct daemon_double *d, const void *arg), const void *arg);

void daemon_double_set_hook(struct daemon_double *d, double_hook hook);
void daemon_double_set_hook_arg(struct daemon_double *d, const void *arg);

/* ---- on the double's thread ---- */

/* Takes the message. */
void double_send(struct daemon_double *d, sd_bus_message *m);
int double_reply(struct daemon_double *d, sd_bus_message *call, const char *types, ...);
int double_error(struct daemon_double *d, sd_bus_message *call, const char *name, const char *message);
void double_signal(struct daemon_double *d, const char *sender, const char *path, const char *interface,
                   const char *member, const char *types, ...);
