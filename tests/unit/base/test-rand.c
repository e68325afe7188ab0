/* Unit tests of base/rand: repeatability, ranges, and that the system's source gives something. */
#include <ctype.h>

#include "base/rand.h"
#include "lib/test.h"

TEST(a_seed_repeats)
{
        struct rng a, b, c;

        rand_seed(&a, 7);
        rand_seed(&b, 7);
        rand_seed(&c, 8);
        for (int i = 0; i < 100; i++) {
                uint64_t v = rand_u64(&a);

                ASSERT(v == rand_u64(&b));
                ASSERT(v != rand_u64(&c));
        }
}

TEST(known_values_of_splitmix64)
{
        struct rng r;

        rand_seed(&r, 1234567);
        ASSERT(rand_u64(&r) == UINT64_C(6457827717110365317));
        ASSERT(rand_u64(&r) == UINT64_C(3203168211198807973));
}

TEST(fill_writes_exactly_its_length)
{
        struct rng r;

        for (size_t n = 0; n < 20; n++) {
                uint8_t bytes[21];

                memset(bytes, 0xaa, sizeof(bytes));
                rand_seed(&r, n);
                r.fill(&r, bytes, n);
                ASSERT_EQ(bytes[n], 0xaa);
        }
}

TEST(doubles_are_spread_over_zero_to_one)
{
        double sum = 0;
        struct rng r;

        rand_seed(&r, 1);
        for (int i = 0; i < 10000; i++) {
                double v = rand_double(&r);

                ASSERT(v >= 0 && v < 1);
                sum += v;
        }
        ASSERT_NEAR(sum / 10000, 0.5, 0.02);
}

TEST(texts_are_letters_and_digits)
{
        char text[200];

        rand_text(&rand_system, text, sizeof(text));
        ASSERT_EQ(strlen(text), sizeof(text) - 1);
        for (const char *p = text; *p; p++)
                ASSERT(isalnum((unsigned char)*p));
        rand_text(&rand_system, text, 1);
        ASSERT_STR(text, "");
}

TEST(the_system_does_not_repeat)
{
        char a[33], b[33];

        rand_text(&rand_system, a, sizeof(a));
        rand_text(&rand_system, b, sizeof(b));
        ASSERT(strcmp(a, b) != 0);
        ASSERT(rand_u64(&rand_system) != rand_u64(&rand_system));
}
