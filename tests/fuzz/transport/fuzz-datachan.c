/* fuzz-datachan.c - what an association may be sent. Each piece: one byte of kind, one of stream, two of length, the
 * bytes.
 *
 *   kind 0   a datagram as it is
 *   kind 1   chunks, made a packet of the association: ports, verification tag, CRC32c
 *   kind 2   a DCEP message on the stream
 *   kind 3   a message on it, its payload protocol being the first byte
 *
 * The far end is an association without channels, so that 2 and 3 arrive as anybody might send them. Whatever comes,
 * labels are texts within their bound, messages within theirs, and it ends without anything left.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <usrsctp.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "transport/datachan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PACKETS_MAX = 512, HEADER = 12 };

static struct net {
        struct sctpctx *far;
        struct datachan *near;
        struct packet {
                bool to_near;
                size_t len;
                uint8_t data[SCTPCTX_PACKET_MAX];
        } packets[PACKETS_MAX];
        size_t n;
        uint8_t header[HEADER]; /* of the last packet to the near end */
        uint64_t now_us;
        bool far_up;
} net;

static void send_to(bool near, const uint8_t *data, size_t len)
{
        if (net.n == PACKETS_MAX || len > SCTPCTX_PACKET_MAX)
                return;
        net.packets[net.n].to_near = near;
        net.packets[net.n].len = len;
        memcpy(net.packets[net.n++].data, data, len);
}

static void far_output(const uint8_t *data, size_t len, void *ctx)
{
        (void)ctx;
        memcpy(net.header, data, HEADER);
        send_to(true, data, len);
}

static void far_state(bool up, void *ctx)
{
        (void)ctx;
        net.far_up = up;
}

static void far_message(const struct sctpctx_message *m, void *ctx)
{
        (void)ctx;
        if (m->len > SCTPCTX_RECEIVE_MAX)
                abort();
}

static void far_reset(uint16_t stream, void *ctx)
{
        (void)stream, (void)ctx;
}

static void near_output(const uint8_t *data, size_t len, void *ctx)
{
        (void)ctx;
        send_to(false, data, len);
}

static void near_open(const char *label, void *ctx)
{
        (void)ctx;
        if (strlen(label) > DCEP_LABEL_MAX)
                abort();
}

static void near_message(const struct datachan_message *m, void *ctx)
{
        (void)ctx;
        if (m->len > SCTPCTX_RECEIVE_MAX || strlen(m->label) > DCEP_LABEL_MAX)
                abort();
}

static void near_closed(void *ctx)
{
        (void)ctx;
}

static void deliver(void)
{
        for (size_t i = 0; i < net.n; i++) {
                struct packet p = net.packets[i];

                if (p.to_near)
                        datachan_input(net.near, p.data, p.len, net.now_us);
                else
                        sctpctx_input(net.far, p.data, p.len, net.now_us);
        }
        net.n = 0;
}

static void turn(unsigned ms)
{
        net.now_us += ms * US_PER_MS;
        deliver();
        if (sctpctx_next_us(net.far) <= net.now_us)
                sctpctx_timeout(net.far, net.now_us);
        if (datachan_next_us(net.near) <= net.now_us)
                datachan_timeout(net.near, net.now_us);
        deliver();
}

static void inject_chunks(const uint8_t *data, size_t len)
{
        uint8_t packet[SCTPCTX_PACKET_MAX];
        uint32_t crc;

        if (len > sizeof(packet) - HEADER)
                return;
        memcpy(packet, net.header, HEADER);
        memset(packet + 8, 0, 4);
        memcpy(packet + HEADER, data, len);
        crc = usrsctp_crc32c(packet, HEADER + len); /* in the order of the wire */
        memcpy(packet + 8, &crc, 4);
        datachan_input(net.near, packet, HEADER + len, net.now_us);
}

static void send_message(uint16_t stream, uint32_t ppid, const uint8_t *data, size_t len)
{
        const struct sctpctx_message m = { .stream = stream, .ppid = ppid, .data = data, .len = len };

        if (net.far_up && len > 0)
                (void)sctpctx_send(net.far, &m, net.now_us);
}

static void inject(uint8_t kind, uint8_t stream, const uint8_t *data, size_t len)
{
        switch (kind % 4) {
        case 0: datachan_input(net.near, data, len, net.now_us); break;
        case 1: inject_chunks(data, len); break;
        case 2: send_message(stream % SCTPCTX_STREAMS, PPID_DCEP, data, len); break;
        case 3:
                if (len > 0)
                        send_message(stream % SCTPCTX_STREAMS, data[0], data + 1, len - 1);
                break;
        }
}

static void start(void)
{
        static const struct sctpctx_events far = {
                .output = far_output, .state = far_state, .message = far_message, .reset = far_reset
        };
        static const struct datachan_events near = {
                .output = near_output, .open = near_open, .message = near_message, .closed = near_closed
        };
        static const struct datachan_config config = { .remote_port = SCTPCTX_PORT };

        net.n = 0;
        net.far_up = false;
        net.now_us += US_PER_SEC;
        if (datachan_new(&near, NULL, &net.near) < 0 || datachan_start(net.near, &config, net.now_us) < 0 ||
            sctpctx_new(SCTPCTX_PORT, net.now_us, &far, NULL, &net.far) < 0 ||
            datachan_open(net.near, "ours", true, net.now_us) < 0)
                abort();
        for (unsigned i = 0; i < 20; i++)
                turn(20);
        if (!net.far_up)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct rbuf in = rbuf_init(data, size);

        start();
        while (rbuf_left(&in) >= 4) {
                uint8_t kind = rbuf_u8(&in), stream = rbuf_u8(&in);
                size_t len = rbuf_be16(&in), left = rbuf_left(&in);
                const uint8_t *bytes = rbuf_bytes(&in, len < left ? len : left);

                inject(kind, stream, bytes, len < left ? len : left);
                turn(20);
        }
        for (unsigned i = 0; i < 5; i++)
                turn(100);
        net.far = sctpctx_free(net.far);
        net.near = datachan_free(net.near);
        return 0;
}
