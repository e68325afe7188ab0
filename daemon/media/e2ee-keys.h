/* e2ee-keys.h - the keys that the passphrase of a room becomes.
 *
 * LiveKit's way: the passphrase is the first material, and each step of the ratchet is PBKDF2-HMAC-SHA256 of the
 * material before it (salt "LKFrameEncryptionKey", 100000 rounds) to 32 bytes: the next material, whose first half is
 * the AES-128 key of the step. A step takes tens of milliseconds, so a thread of its own works them out: the first two
 * at once, further ones when they are wanted. Nobody waits for it: a key is there or not yet.
 *
 * Counted. The functions are for any thread; whoever drops the last reference waits for the step under way.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { E2EE_KEY_SIZE = 16, E2EE_STEPS_MAX = 128, E2EE_PASSPHRASE_MAX = 256 /* bytes */ };

struct e2ee_keys;

/* -EINVAL: empty or too long; -ENOMEM, -EAGAIN: no thread. The passphrase is copied, and wiped with the keys. */
int e2ee_keys_new(const char *passphrase, struct e2ee_keys **ret);
struct e2ee_keys *e2ee_keys_ref(struct e2ee_keys *k);
struct e2ee_keys *e2ee_keys_unref(struct e2ee_keys *k);

/* Steps known so far; 0: not even the passphrase's own key. */
unsigned e2ee_keys_known(const struct e2ee_keys *k);
/* The key of a step that is known: E2EE_KEY_SIZE bytes, never to change. */
const uint8_t *e2ee_keys_get(const struct e2ee_keys *k, unsigned step);
/* The step that the room is at, as far as anybody has shown: what we send with. It only grows; `step` is known. */
unsigned e2ee_keys_step(const struct e2ee_keys *k);
void e2ee_keys_advance(struct e2ee_keys *k, unsigned step);
/* So many steps are to be known, some time. */
void e2ee_keys_want(struct e2ee_keys *k, unsigned steps);

DEFINE_CLEANUP(struct e2ee_keys *, e2ee_keys_unref)
