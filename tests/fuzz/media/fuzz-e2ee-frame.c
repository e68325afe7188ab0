/* fuzz-e2ee-frame - a hostile sender to somebody with a key and to somebody without: nothing he sends is opened by
 * the one, and what either is given back lies within what came in. Records of the input: length (2), frame.
 */
#include <assert.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "media/e2ee.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct e2ee_keys *keys; /* for all inputs: it takes tens of ms */

/* Before OpenSSL cleans up their thread has to end. */
static void drop_keys(void)
{
        e2ee_keys_unref(keys);
}

static struct e2ee_keys *the_keys(void)
{
        if (keys)
                return keys;
        if (e2ee_keys_new("nobody has guessed it", &keys) < 0)
                abort();
        while (e2ee_keys_known(keys) == 0)
                sched_yield();
        atexit(drop_keys); /* that is before what OpenSSL has registered by now */
        return keys;
}

static void one_frame(struct e2ee_open *keyed, struct e2ee_open *bare, const uint8_t *frame, size_t len, uint64_t now)
{
        uint8_t room[E2EE_FRAME_MAX];
        const uint8_t *at = frame;
        size_t n = len;

        if (e2ee_open_frame(bare, &at, &n, room, now))
                assert(at == frame && n <= len);
        at = frame;
        n = len;
        if (e2ee_open_frame(keyed, &at, &n, room, now))
                assert(n == 0 || (n == 3 && memcmp(at, "\xf8\xff\xfe", 3) == 0));
        assert(keyed->state != E2EE_OK && keyed->state != E2EE_NO_KEY);
        assert(bare->state == E2EE_NONE || bare->state == E2EE_NO_KEY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct rbuf b = rbuf_init(data, size);
        struct e2ee_open keyed, bare;

        if (e2ee_open_init(&keyed, the_keys()) < 0 || e2ee_open_init(&bare, NULL) < 0)
                abort();
        for (uint64_t now = 1; rbuf_left(&b) > 2; now += 20000) {
                size_t len = rbuf_be16(&b);

                if (len > rbuf_left(&b))
                        len = rbuf_left(&b);
                one_frame(&keyed, &bare, rbuf_bytes(&b, len), len, now);
        }
        e2ee_open_done(&keyed);
        e2ee_open_done(&bare);
        return 0;
}
