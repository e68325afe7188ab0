/* e2ee-keys.c - see e2ee-keys.h. PBKDF2 is RFC 8018 section 5.2.
 *
 * Two derivations in one: the SDKs derive the key (16 bytes) and the next material (32 bytes) from the same material
 * with the same salt, and PBKDF2's first block is the same for both.
 *
 * Threads: `material` and keys not yet known are the deriving thread's; a key is known, and constant from then on,
 * once `known` is past it (release, acquire). The semaphore wakes the thread for `wanted` and `stop`.
 */
#include "media/e2ee-keys.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/log.h"

LOG_TOPIC("media/e2ee");

enum { ROUNDS = 100000, MATERIAL_SIZE = 32 };
static const uint8_t salt[] = { 'L', 'K', 'F', 'r', 'a', 'm', 'e', 'E', 'n', 'c',
                                'r', 'y', 'p', 't', 'i', 'o', 'n', 'K', 'e', 'y' };

struct e2ee_keys {
        _Atomic int refs;
        pthread_t thread;
        sem_t work;
        _Atomic bool stop;
        _Atomic unsigned wanted, known, step;
        size_t material_len;
        char material[E2EE_PASSPHRASE_MAX];
        uint8_t key[E2EE_STEPS_MAX][E2EE_KEY_SIZE];
};

/* Moves on by one step. */
static bool ratchet(struct e2ee_keys *k, unsigned step)
{
        uint8_t next[MATERIAL_SIZE];

        if (PKCS5_PBKDF2_HMAC(k->material, (int)k->material_len, salt, sizeof(salt), ROUNDS, EVP_sha256(),
                              sizeof(next), next) != 1)
                return false;
        memcpy(k->key[step], next, E2EE_KEY_SIZE);
        OPENSSL_cleanse(k->material, sizeof(k->material));
        memcpy(k->material, next, sizeof(next));
        k->material_len = sizeof(next);
        OPENSSL_cleanse(next, sizeof(next));
        return true;
}

static void *derive(void *arg)
{
        struct e2ee_keys *k = arg;

        pthread_setname_np(pthread_self(), "rtcroomd-keys");
        while (!atomic_load(&k->stop)) {
                unsigned known = atomic_load(&k->known);

                if (known >= atomic_load(&k->wanted)) {
                        (void)sem_wait(&k->work); /* EINTR: looks again */
                        continue;
                }
                if (!ratchet(k, known)) {
                        log_error("no key for end-to-end encryption: out of memory");
                        break;
                }
                atomic_store(&k->known, known + 1);
        }
        return NULL;
}

static int start(struct e2ee_keys *k)
{
        sigset_t all, old;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = pthread_create(&k->thread, NULL, derive, k);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return -r;
}

static void release(struct e2ee_keys *k)
{
        sem_destroy(&k->work);
        OPENSSL_cleanse(k, sizeof(*k));
        free(k);
}

int e2ee_keys_new(const char *passphrase, struct e2ee_keys **ret)
{
        size_t len = strlen(passphrase);
        struct e2ee_keys *k;
        int r;

        if (len == 0 || len > E2EE_PASSPHRASE_MAX)
                return -EINVAL;
        k = calloc(1, sizeof(*k));
        if (!k)
                return -ENOMEM;
        k->refs = 1;
        k->wanted = 2; /* a sender that ratchets once is followed without a gap */
        memcpy(k->material, passphrase, len);
        k->material_len = len;
        sem_init(&k->work, 0, 0);
        r = start(k);
        if (r < 0) {
                release(k);
                return r;
        }
        *ret = k;
        return 0;
}

struct e2ee_keys *e2ee_keys_ref(struct e2ee_keys *k)
{
        atomic_fetch_add(&k->refs, 1);
        return k;
}

struct e2ee_keys *e2ee_keys_unref(struct e2ee_keys *k)
{
        if (!k || atomic_fetch_sub(&k->refs, 1) > 1)
                return NULL;
        atomic_store(&k->stop, true);
        sem_post(&k->work);
        pthread_join(k->thread, NULL);
        release(k);
        return NULL;
}

unsigned e2ee_keys_known(const struct e2ee_keys *k)
{
        return atomic_load(&k->known);
}

const uint8_t *e2ee_keys_get(const struct e2ee_keys *k, unsigned step)
{
        assert(step < atomic_load(&k->known));
        return k->key[step];
}

/* True: it was less. */
static bool raise_to(_Atomic unsigned *number, unsigned to)
{
        unsigned now = atomic_load(number);

        while (now < to)
                if (atomic_compare_exchange_weak(number, &now, to))
                        return true;
        return false;
}

unsigned e2ee_keys_step(const struct e2ee_keys *k)
{
        return atomic_load(&k->step);
}

void e2ee_keys_advance(struct e2ee_keys *k, unsigned step)
{
        assert(step < atomic_load(&k->known));
        (void)raise_to(&k->step, step);
}

void e2ee_keys_want(struct e2ee_keys *k, unsigned steps)
{
        if (raise_to(&k->wanted, steps < E2EE_STEPS_MAX ? steps : E2EE_STEPS_MAX))
                sem_post(&k->work);
}
