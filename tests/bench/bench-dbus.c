/* bench-dbus.c - round trips on the session bus: the daemon beside a bare sd-bus echo, call by call in turn.
 *
 *   bench-dbus echo                 serves org.rtcroom.BenchEcho: Call(a{sv}) → (u), property Version
 *   bench-dbus compare N            N pairs of: Get(Version) at rtcroomd, at the echo; ChangeAudioCapture{} (a request
 * that is refused) at rtcroomd, Call{} at the echo bench-dbus flood SECONDS        joins that are refused, 16 in
 * flight; prints completions per second
 *
 * Prints one JSON object: p50 and p99 in µs of each series. The context is made under appId "bench".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

#define DAEMON "org.rtcroom.RtcRoom1"
#define ECHO   "org.rtcroom.BenchEcho"
enum { WARMUP = 200, IN_FLIGHT = 16 };

static double now_us(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void check(int r, const char *what)
{
        if (r < 0) {
                fprintf(stderr, "bench-dbus: %s: %s\n", what, strerror(-r));
                exit(1);
        }
}

/* ---- the bare echo ---- */

static int on_call(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        (void)ctx, (void)error;
        return sd_bus_reply_method_return(m, "u", 1u);
}

static int get_version(sd_bus *bus, const char *path, const char *iface, const char *name, sd_bus_message *reply,
                       void *ctx, sd_bus_error *error)
{
        (void)bus, (void)path, (void)iface, (void)name, (void)ctx, (void)error;
        return sd_bus_message_append(reply, "s", "0.1.0");
}

static const sd_bus_vtable vtable[] = { SD_BUS_VTABLE_START(0),
                                        SD_BUS_METHOD("Call", "a{sv}", "u", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
                                        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                                        SD_BUS_VTABLE_END };

_Noreturn static void serve(sd_bus *bus)
{
        check(sd_bus_add_object_vtable(bus, NULL, "/echo", ECHO, vtable, NULL), "vtable");
        check(sd_bus_request_name(bus, ECHO, 0), "name");
        for (;;) {
                int r = sd_bus_process(bus, NULL);

                check(r, "process");
                if (r == 0)
                        check(sd_bus_wait(bus, UINT64_MAX), "wait");
        }
}

/* ---- the comparison ---- */

static double get_us(sd_bus *bus, const char *name, const char *path, const char *iface)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        double start = now_us();
        char *value = NULL;

        check(sd_bus_get_property_string(bus, name, path, iface, "Version", &error, &value), "Get");
        free(value);
        return now_us() - start;
}

static double call_us(sd_bus *bus, const char *name, const char *path, const char *iface, const char *member)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        double start = now_us();

        check(sd_bus_call_method(bus, name, path, iface, member, &error, &reply, "a{sv}", 0), member);
        sd_bus_message_unref(reply);
        return now_us() - start;
}

static int compare_doubles(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void print_series(const char *name, double *v, int n, const char *end)
{
        qsort(v, (size_t)n, sizeof(*v), compare_doubles);
        printf("\"%s_p50_us\": %.1f, \"%s_p99_us\": %.1f%s", name, v[n / 2], name, v[(long)n * 99 / 100], end);
}

static void drain(sd_bus *bus)
{
        while (sd_bus_process(bus, NULL) > 0)
                ;
}

static char *make_context(sd_bus *bus)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        const char *path;
        char *copy;

        check(sd_bus_call_method(bus, DAEMON, "/org/rtcroom/RtcRoom1", DAEMON ".Manager", "CreateRtcRoomContext",
                                 &error, &reply, "a{sv}", 1, "appId", "s", "bench"),
              "CreateRtcRoomContext");
        check(sd_bus_message_read(reply, "o", &path), "path");
        copy = strdup(path);
        sd_bus_message_unref(reply);
        return copy;
}

static int compare(sd_bus *bus, int n)
{
        double *series[4];
        char *path = make_context(bus);

        for (int i = 0; i < 4; i++)
                series[i] = calloc((size_t)n, sizeof(double));
        for (int i = -WARMUP; i < n; i++) {
                double v[4] = { get_us(bus, DAEMON, "/org/rtcroom/RtcRoom1", DAEMON ".Manager"),
                                get_us(bus, ECHO, "/echo", ECHO),
                                call_us(bus, DAEMON, path, DAEMON ".Context", "ChangeAudioCapture"),
                                call_us(bus, ECHO, "/echo", ECHO, "Call") };

                drain(bus); /* Completed of the refused request */
                for (int k = 0; i >= 0 && k < 4; k++)
                        series[k][i] = v[k];
        }
        printf("{");
        print_series("daemon_get", series[0], n, ", ");
        print_series("echo_get", series[1], n, ", ");
        print_series("daemon_call", series[2], n, ", ");
        print_series("echo_call", series[3], n, "}\n");
        free(path);
        return 0;
}

/* ---- the flood ---- */

static unsigned long completed;

static int on_completed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        (void)m, (void)ctx, (void)error;
        completed++;
        return 0;
}

static int flood(sd_bus *bus, double seconds)
{
        char *path = make_context(bus);
        double start = now_us();
        unsigned long sent = 0;

        check(sd_bus_match_signal(bus, NULL, DAEMON, path, DAEMON ".Context", "Completed", on_completed, NULL),
              "match");
        while (now_us() - start < seconds * 1e6 || completed < sent) {
                for (; sent < completed + IN_FLIGHT && now_us() - start < seconds * 1e6; sent++)
                        check(sd_bus_call_method_async(bus, NULL, DAEMON, path, DAEMON ".Context", "JoinRtcRoom", NULL,
                                                       NULL, "a{sv}", 3, "roomId", "s", "r", "userId", "s", "u",
                                                       "token", "s", "bad"),
                              "JoinRtcRoom");
                drain(bus);
                if (completed + IN_FLIGHT <= sent || now_us() - start >= seconds * 1e6)
                        check(sd_bus_wait(bus, 1000000), "wait");
        }
        printf("{\"refused_joins\": %lu, \"seconds\": %.3f}\n", completed, (now_us() - start) / 1e6);
        free(path);
        return 0;
}

int main(int argc, char **argv)
{
        sd_bus *bus;

        check(sd_bus_open_user(&bus), "session bus");
        if (argc == 2 && strcmp(argv[1], "echo") == 0)
                serve(bus);
        if (argc == 3 && strcmp(argv[1], "compare") == 0)
                return compare(bus, atoi(argv[2]));
        if (argc == 3 && strcmp(argv[1], "flood") == 0)
                return flood(bus, atof(argv[2]));
        return 2;
}
