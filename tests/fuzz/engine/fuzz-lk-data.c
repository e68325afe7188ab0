/* fuzz-lk-data.c - what others in a LiveKit room may say. Each packet: one byte (bit 0: lossy), two of length, the
 * bytes.
 *
 * Whatever is told of is a message that the engine's contract allows. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "engine/livekit/lk-data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_send(const char *label, const void *data, size_t len, void *ctx)
{
        (void)label, (void)data, (void)len, (void)ctx;
        abort(); /* nothing was said */
}

static void on_message(const struct engine_message *m, void *ctx)
{
        (void)ctx;
        if (m->len > ENGINE_MESSAGE_MAX || m->n_destinations > ENGINE_DESTINATIONS_MAX ||
            strlen(m->topic) > ENGINE_TOPIC_MAX || !utf8_is_text(m->topic, strlen(m->topic)))
                abort();
        if (m->text && (!utf8_is_text(m->data, m->len) || ((const char *)m->data)[m->len] != '\0' || !m->reliable))
                abort();
        for (size_t i = 0; i < m->n_destinations; i++)
                if (!utf8_is_text(m->destinations[i], strlen(m->destinations[i])))
                        abort();
        if (m->user_id && !utf8_is_text(m->user_id, strlen(m->user_id)))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct lk_data_events events = { .send = on_send, .message = on_message };
        struct rbuf in = rbuf_init(data, size);
        uint64_t now_us = US_PER_SEC;
        struct lk_data *d;
        struct rng rng;

        rand_seed(&rng, 1);
        if (lk_data_new(&rng, &events, NULL, &d) < 0)
                abort();
        while (rbuf_left(&in) >= 3) {
                uint8_t kind = rbuf_u8(&in);
                size_t len = rbuf_be16(&in), left = rbuf_left(&in);

                len = len < left ? len : left;
                lk_data_receive(d, kind & 1 ? LK_DATA_LOSSY : LK_DATA_RELIABLE, rbuf_bytes(&in, len), len, now_us);
                now_us += US_PER_SEC;
        }
        lk_data_free(d);
        return 0;
}
