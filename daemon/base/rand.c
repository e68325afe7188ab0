/* rand.c - see rand.h. */
#include "base/rand.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void fill_system(struct rng *r, void *buf, size_t len)
{
        (void)r;
        for (size_t done = 0; done < len;) {
                ssize_t n = getrandom((char *)buf + done, len - done, 0);

                assert(n >= 0 || errno == EINTR); /* getrandom(2) with no flags fails for no other reason */
                if (n > 0)
                        done += (size_t)n;
        }
}

struct rng rand_system = { .fill = fill_system };

static uint64_t next_seeded(struct rng *r)
{
        uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

static void fill_seeded(struct rng *r, void *buf, size_t len)
{
        for (size_t done = 0; done < len; done += 8) {
                uint64_t v = next_seeded(r);

                memcpy((char *)buf + done, &v, len - done < 8 ? len - done : 8);
        }
}

void rand_seed(struct rng *ret, uint64_t seed)
{
        *ret = (struct rng){ .fill = fill_seeded, .state = seed };
}

uint32_t rand_u32(struct rng *r)
{
        uint32_t v;

        r->fill(r, &v, sizeof(v));
        return v;
}

uint64_t rand_u64(struct rng *r)
{
        uint64_t v;

        r->fill(r, &v, sizeof(v));
        return v;
}

double rand_double(struct rng *r)
{
        return (double)(rand_u64(r) >> 11) * 0x1p-53;
}

void rand_text(struct rng *r, char *buf, size_t len)
{
        static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

        assert(len > 0);
        r->fill(r, buf, len);
        for (size_t i = 0; i + 1 < len; i++)
                buf[i] = set[(unsigned char)buf[i] % (sizeof(set) - 1)];
        buf[len - 1] = '\0';
}
