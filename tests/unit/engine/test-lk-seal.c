/* test-lk-seal.c - messages of a LiveKit room with end-to-end encryption: sealed, opened, and what is not let in. */
#include "engine/livekit/lk-seal.h"

#include <errno.h>
#include <sched.h>

#include "base/clock.h"
#include "engine/livekit/lk-data.h"
#include "lib/test.h"

#define PASSPHRASE "secret of the room"

/* What the worker of livekit-client 2 makes of a user packet "hi" on topic "t" with that passphrase. */
static const uint8_t known[] = { 0xec, 0x44, 0xa5, 0x78, 0x8f, 0xef, 0x32, 0xe4, 0xb9, 0xb6, 0x9b, 0xd0, 0xd0,
                                 0xf4, 0xd8, 0x66, 0xa5, 0x65, 0x65, 0xb0, 0x36, 0x6f, 0x40, 0x23, 0x76 },
                     known_iv[] = { 0x7c, 0x4f, 0xaa, 0xf6, 0x00, 0x00, 0x04, 0x7e, 0x00, 0x00, 0x04, 0x7e };

/* A key takes 30 ms; its thread must have ended before OpenSSL cleans up. */
static struct e2ee_keys *usual, *another;

static void drop_keys(void)
{
        e2ee_keys_unref(usual);
        e2ee_keys_unref(another);
}

static struct e2ee_keys *keys_of(const char *passphrase)
{
        struct e2ee_keys **k = strcmp(passphrase, PASSPHRASE) == 0 ? &usual : &another;

        if (!*k) {
                bool first = !usual && !another;

                ASSERT_OK(e2ee_keys_new(passphrase, k));
                while (e2ee_keys_known(*k) == 0)
                        sched_yield();
                if (first)
                        atexit(drop_keys); /* that is before what OpenSSL has registered by now */
        }
        return *k;
}

/* Two ends; what one says the other hears, as "alice" and as the server has it. */
struct bed {
        struct rng rng;
        struct lk_data *here, *there;
        const char *as; /* NULL: the server itself */
        char heard[512];
        uint8_t last[2048];
        size_t last_len;
};

static int on_send(const char *label, const void *data, size_t len, void *ctx)
{
        _cleanup_(livekit_data_freep) Livekit__DataPacket *m = NULL;
        struct bed *b = ctx;
        uint8_t *bytes = NULL;
        char *before;

        ASSERT_LE(len, sizeof(b->last));
        memcpy(b->last, data, len);
        b->last_len = len;
        ASSERT_OK(livekit_data_parse(data, len, &m));
        before = m->participant_identity;
        m->participant_identity = (char *)b->as;
        ASSERT_OK(livekit_pack(&m->base, &bytes, &len));
        m->participant_identity = before;
        lk_data_receive(b->there, label, bytes, len, US_PER_SEC);
        free(bytes);
        return 0;
}

static void on_message(const struct engine_message *m, void *ctx)
{
        struct bed *b = ctx;
        size_t at = strlen(b->heard);

        snprintf(b->heard + at, sizeof(b->heard) - at, "%s [%s] %.*s; ", m->user_id ? m->user_id : "-", m->topic,
                 (int)m->len, (const char *)m->data);
}

static const struct lk_data_events events = { .send = on_send, .message = on_message };

static void bed_init(struct bed *b, const char *here, const char *there)
{
        *b = (struct bed){ .as = "alice" };
        rand_seed(&b->rng, 1);
        ASSERT_OK(lk_data_new(&b->rng, &events, b, &b->here));
        ASSERT_OK(lk_data_new(&b->rng, &events, b, &b->there));
        lk_data_open(b->here, LK_DATA_RELIABLE);
        lk_data_open(b->here, LK_DATA_LOSSY);
        if (here)
                lk_data_encrypt(b->here, keys_of(here));
        if (there)
                lk_data_encrypt(b->there, keys_of(there));
}

static void bed_done(struct bed *b)
{
        lk_data_free(b->here);
        lk_data_free(b->there);
}
#define _bed_ _cleanup_(bed_done) struct bed

static void say(struct bed *b, const char *words, bool text, bool reliable)
{
        const struct engine_message m = {
                .topic = "t", .data = words, .len = strlen(words), .text = text, .reliable = reliable
        };

        ASSERT_EQ(lk_data_say(b->here, &m, 0), ENGINE_OK);
        lk_data_flush(b->here, 0);
}

static uint64_t undecrypted(const struct bed *b)
{
        struct lk_data_stats s;

        lk_data_get_stats(b->there, &s);
        return s.undecrypted;
}

TEST(a_packet_of_livekit_is_opened)
{
        _cleanup_(livekit_payload_freep) Livekit__EncryptedPacketPayload *payload = NULL;
        Livekit__EncryptedPacket sealed = LIVEKIT__ENCRYPTED_PACKET__INIT;
        Livekit__DataPacket m = LIVEKIT__DATA_PACKET__INIT;

        m.value_case = LIVEKIT__DATA_PACKET__VALUE_ENCRYPTED_PACKET;
        m.encrypted_packet = &sealed;
        sealed.iv = (ProtobufCBinaryData){ sizeof(known_iv), (uint8_t *)known_iv };
        sealed.encrypted_value = (ProtobufCBinaryData){ sizeof(known), (uint8_t *)known };
        ASSERT_EQ(lk_unseal(keys_of("another"), &m, &payload), -EBADMSG);
        ASSERT_OK(lk_unseal(keys_of(PASSPHRASE), &m, &payload));
        ASSERT_EQ(m.value_case, LIVEKIT__DATA_PACKET__VALUE_USER);
        ASSERT_EQ(m.user->payload.len, 2);
        ASSERT_MEM(m.user->payload.data, "hi", 2);
        ASSERT_STR(m.user->topic, "t");
}

TEST(whatever_is_said_arrives_and_cannot_be_read_on_the_way)
{
        _bed_ b;

        bed_init(&b, PASSPHRASE, PASSPHRASE);
        say(&b, "some data", false, true);
        ASSERT(!memmem(b.last, b.last_len, "some", 4));
        say(&b, "lossy data", false, false);
        say(&b, "a text", true, true); /* header, chunk, trailer */
        ASSERT_STR(b.heard, "alice [t] some data; alice [t] lossy data; alice [t] a text; ");
        ASSERT_EQ(undecrypted(&b), 0);
}

TEST(who_has_not_the_key_is_not_listened_to)
{
        static const char *const cases[][2] = { { "another", PASSPHRASE },
                                                { NULL, PASSPHRASE },
                                                { PASSPHRASE, NULL } };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _bed_ b;

                bed_init(&b, cases[i][0], cases[i][1]);
                say(&b, "data", false, true);
                say(&b, "text", true, true);
                ASSERT_STR(b.heard, "");
                ASSERT_EQ(undecrypted(&b), 4);
        }
}

TEST(the_server_speaks_for_itself)
{
        _bed_ b;

        bed_init(&b, NULL, PASSPHRASE);
        b.as = NULL;
        say(&b, "news", false, true);
        ASSERT_STR(b.heard, "- [t] news; ");
}

TEST(what_is_sealed_badly_is_dropped)
{
        _bed_ b;
        uint8_t bytes[2048];

        bed_init(&b, PASSPHRASE, PASSPHRASE);
        b.as = "";
        say(&b, "data", false, false);
        ASSERT_STR(b.heard, "- [t] data; "); /* the server may hide who it was, and no more */
        for (size_t i = 0; i < b.last_len; i++) {
                memcpy(bytes, b.last, b.last_len);
                bytes[i] ^= 0x40;
                b.heard[0] = '\0';
                lk_data_receive(b.there, LK_DATA_LOSSY, bytes, b.last_len, US_PER_SEC);
                ASSERT(b.heard[0] == '\0' || strcmp(b.heard + strcspn(b.heard, "["), "[t] data; ") == 0);
        }
}

TEST(before_there_is_a_key_nothing_is_said)
{
        const struct engine_message m = { .topic = "t", .data = "x", .len = 1, .reliable = true };
        struct e2ee_keys *k;
        enum engine_reason r;
        _bed_ b;

        bed_init(&b, NULL, NULL);
        ASSERT_OK(e2ee_keys_new("yet another", &k));
        lk_data_encrypt(b.here, k);
        r = lk_data_say(b.here, &m, 0);
        ASSERT(r == ENGINE_CONGESTED || e2ee_keys_known(k) > 0);
        while (e2ee_keys_known(k) == 0)
                sched_yield();
        ASSERT_EQ(lk_data_say(b.here, &m, 0), ENGINE_OK);
        e2ee_keys_unref(k);
}

TEST_OOM(sealing)
{
        Livekit__UserPacket user = LIVEKIT__USER_PACKET__INIT;
        Livekit__DataPacket m = LIVEKIT__DATA_PACKET__INIT;
        _cleanup_free_ uint8_t *bytes = NULL;
        static struct e2ee_keys *keys;
        size_t len;

        if (!keys) {
                test_oom_allow(-1);
                keys = keys_of(PASSPHRASE);
                test_oom_allow(0);
        }
        m.value_case = LIVEKIT__DATA_PACKET__VALUE_USER;
        m.user = &user;
        return lk_seal(keys, &m, &bytes, &len);
}
