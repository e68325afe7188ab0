/* e2ee.h - end-to-end encryption of Opus frames, readable by LiveKit's clients: what goes into an encoder's packet and
 * comes out before the jitter buffer, so that nothing between the two ends can listen or put in sound of its own.
 *
 * A frame: [TOC byte, clear, authenticated][ciphertext][tag 16][IV 12][12][key index], AES-128-GCM. There is one
 * passphrase for a room (e2ee-keys.h); it stands at every index of the ring of 16, and each index of each sender may
 * move along the ratchet by itself. We send at index 0, and follow who has moved on there.
 *
 * Not protected, as in LiveKit: header extensions (audio level), the length of frames, and their order: a server can
 * withhold and repeat. Network thread; no allocation per frame.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/e2ee-keys.h"

enum {
        E2EE_OVERHEAD = 30,    /* tag, IV and two bytes */
        E2EE_RING = 16,        /* key indices */
        E2EE_WINDOW = 16,      /* steps of the ratchet that a sender may be ahead */
        E2EE_TOLERANCE = 10,   /* consecutive bad frames that are not worth a word */
        E2EE_FRAME_MAX = 1500, /* of what comes in; longer ones are bad */
};

/* ---- sending ---- */

struct e2ee_seal;

int e2ee_seal_new(struct e2ee_keys *keys /* referenced */, struct e2ee_seal **ret);
struct e2ee_seal *e2ee_seal_free(struct e2ee_seal *s);
/* Writes len + E2EE_OVERHEAD bytes to `to` and returns their number; 0: there is no key yet. A frame has at least its
 * TOC byte. -EIO: OpenSSL failed. */
int e2ee_seal_frame(struct e2ee_seal *s, const uint8_t *frame, size_t len, uint8_t *to);

/* ---- receiving ---- */

enum e2ee_state {
        E2EE_NONE,      /* neither end encrypts, or nothing is known yet */
        E2EE_OK,        /* decrypted */
        E2EE_CLEAR,     /* we have a key and the sender does not encrypt: not played */
        E2EE_WRONG_KEY, /* encrypted with another key: not played */
        E2EE_NO_KEY,    /* encrypted, and we have no key: not played */
        _E2EE_STATE_MAX
};
const char *e2ee_state_to_string(enum e2ee_state s);
bool e2ee_state_is_bad(enum e2ee_state s); /* not played */

/* The frames of one sender. */
struct e2ee_open {
        struct e2ee_keys *keys; /* referenced; NULL: what is encrypted is recognised and held back */
        void *cipher;           /* owned; NULL without keys */
        enum e2ee_state state;
        uint64_t changed_us;
        enum e2ee_state bad; /* what the last frames were … */
        unsigned run;        /* … so many of them */
        bool keyed;          /* the cipher has the key of `step` */
        unsigned step;
        uint8_t steps[E2EE_RING]; /* where on the ratchet this sender is */
        uint64_t failures;        /* frames held back */
};

int e2ee_open_init(struct e2ee_open *o, struct e2ee_keys *keys);
void e2ee_open_done(struct e2ee_open *o);
/* True: *frame may be played; it points into itself or to `room` then. False: silence. o->state tells how the sender
 * is doing; it becomes bad after E2EE_TOLERANCE bad frames, at most once in a second, and good with the first good
 * frame. */
bool e2ee_open_frame(struct e2ee_open *o, const uint8_t **frame, size_t *len, uint8_t room[E2EE_FRAME_MAX],
                     uint64_t now_us);

/* ---- anything else, in one piece; any thread ---- */

enum { E2EE_IV_SIZE = 12, E2EE_TAG_SIZE = 16 };

/* Writes len + E2EE_TAG_SIZE bytes to `to`. -EAGAIN: there is no key yet; -ENOMEM, -EIO. */
int e2ee_seal_data(struct e2ee_keys *keys, const void *data, size_t len, uint8_t iv[static E2EE_IV_SIZE], uint8_t *to);
/* Writes len - E2EE_TAG_SIZE bytes to `to`. -EBADMSG: not sealed with any key that is known. */
int e2ee_open_data(const struct e2ee_keys *keys, const void *data, size_t len, const uint8_t iv[static E2EE_IV_SIZE],
                   uint8_t *to);

DEFINE_CLEANUP(struct e2ee_seal *, e2ee_seal_free)
