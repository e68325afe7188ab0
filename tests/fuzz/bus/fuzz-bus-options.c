/* fuzz-bus-options.c - the input is the body of a method call of signature a{sv}, as it comes over the wire.
 *
 * It travels through a real connection (sd-bus looks at a body only when it is read), so that malformed bodies, which
 * a bus would not let through, reach the reader as well. What was read must be within the bounds.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bus/bus-options.h"

enum { BODY_MAX = 96 * 1024 };

static size_t count(const struct options *o, unsigned depth)
{
        size_t n = o->n;

        assert(depth <= OPTIONS_MAX_DEPTH);
        for (size_t i = 0; i < o->n; i++) {
                assert(o->items[i].key);
                if (o->items[i].type == OPTION_STRING)
                        assert(strlen(o->items[i].string) <= OPTIONS_MAX_BYTES);
                if (o->items[i].type == OPTION_OBJECT)
                        n += count(o->items[i].object, depth + 1);
        }
        return n;
}

static int on_message(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        _cleanup_(options_freep) struct options *o = NULL;
        int r;

        (void)error;
        if (!sd_bus_message_is_method_call(m, NULL, "Z"))
                return 0;
        *(bool *)ctx = true;
        r = bus_options_read(m, &o);
        assert((r < 0) == !o);
        assert(!o || count(o, 1) <= OPTIONS_MAX_ENTRIES);
        assert(!o || !o->too_large || o->n == 0);
        return 1;
}

static sd_bus *start(int fd, bool is_server)
{
        sd_id128_t id = { 0 };
        sd_bus *bus = NULL;

        assert(sd_bus_new(&bus) >= 0);
        assert(sd_bus_set_fd(bus, fd, fd) >= 0);
        assert(sd_bus_set_server(bus, is_server, id) >= 0);
        assert(sd_bus_start(bus) >= 0);
        return bus;
}

/* The header of a call without reply: path "/", member "Z", signature "a{sv}". */
static size_t make_header(uint8_t *to, size_t body)
{
        static const uint8_t header[] = {
                'l', 1, 1,   1, 0, 0,   0,   0,   1,   0,   0, 0, 38, 0, 0, 0, /* fixed part, length of the fields */
                1,   1, 'o', 0, 1, 0,   0,   0,   '/', 0,   0, 0, 0,  0, 0, 0, /* path */
                3,   1, 's', 0, 1, 0,   0,   0,   'Z', 0,   0, 0, 0,  0, 0, 0, /* member */
                8,   1, 'g', 0, 5, 'a', '{', 's', 'v', '}', 0, 0, 0,  0, 0, 0, /* signature, padding */
        };
        uint32_t n = (uint32_t)body;

        memcpy(to, header, sizeof(header));
        to[12] = 16 + 16 + 11; /* up to the signature's NUL */
        memcpy(to + 4, &n, sizeof(n));
        return sizeof(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t wire[64 + BODY_MAX];
        static sd_bus *server, *client;
        static bool arrived;
        size_t len;

        if (size > BODY_MAX)
                return 0;
        if (!server) {
                int fds[2], big = 4 * BODY_MAX;

                assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) >= 0);
                assert(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big)) >= 0);
                server = start(fds[0], true);
                client = start(fds[1], false);
                assert(sd_bus_add_filter(server, NULL, on_message, &arrived) >= 0);
                while (sd_bus_is_ready(client) <= 0 || sd_bus_is_ready(server) <= 0)
                        assert(sd_bus_process(client, NULL) >= 0 && sd_bus_process(server, NULL) >= 0);
        }
        len = make_header(wire, size);
        memcpy(wire + len, data, size);
        assert(write(sd_bus_get_fd(client), wire, len + size) == (ssize_t)(len + size));
        for (arrived = false; !arrived;)
                assert(sd_bus_process(server, NULL) >= 0);
        return 0;
}
