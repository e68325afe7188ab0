/* End to end in virtual time, encrypted: what whoever has the key hears, and whoever has not. */
#include <sched.h>

#include "fakes/voice-path.h"
#include "lib/test.h"

static const struct voice_config quick = { .frame_ms = 20, .bitrate = 16000, .complexity = 0 };

static struct e2ee_keys *keys_of(const char *passphrase)
{
        struct e2ee_keys *k;

        if (!passphrase)
                return NULL;
        ASSERT_OK(e2ee_keys_new(passphrase, &k));
        while (e2ee_keys_known(k) == 0)
                sched_yield();
        return k;
}

static struct path *encrypted_path(const struct netsim_config *net, const struct voice_config *c, const char *sender,
                                   const char *receiver)
{
        _cleanup_(e2ee_keys_unrefp) struct e2ee_keys *sealed = keys_of(sender), *opened = keys_of(receiver);
        struct path *p = path_new(net, c);

        if (sealed)
                ASSERT_OK(tx_track_encrypt(p->tx, sealed));
        ASSERT_OK(rx_track_decrypt(p->rx, opened, path_on_encryption));
        return p;
}

TEST(with_the_same_key_it_sounds_and_heals_as_ever)
{
        const struct netsim_config lossy = { .delay_us = 10000, .loss = 0.05, .seed = 3 };
        struct voice_config fec = { .frame_ms = 20, .bitrate = 24000, .fec = true };
        _cleanup_(path_freep) struct path *p = encrypted_path(&lossy, &fec, "secret", "secret");
        struct rx_stats s;

        tx_track_report(p->tx, &(struct adapt_report){ .loss_percent = 20 });
        path_run(p, 3);
        rx_track_get_stats(p->rx, &s);
        ASSERT_NEAR(path_tone(p, 440), 0.5, 0.1);
        ASSERT_EQ(p->encryption, E2EE_OK);
        ASSERT_EQ(p->encryption_changes, 1);
        ASSERT_EQ(p->started, 1);
        ASSERT_EQ(s.frames_undecrypted + s.decode_errors, 0);
        ASSERT_GT(s.packets_lost, 0);
}

/* Whoever sends, whoever listens: without the key for it there is silence, nobody speaks, and it is told once. */
TEST(what_cannot_be_decrypted_is_silence)
{
        static const struct {
                const char *sender, *receiver;
                enum e2ee_state state;
        } cases[] = { { "secret", "another", E2EE_WRONG_KEY },
                      { NULL, "secret", E2EE_CLEAR },
                      { "secret", NULL, E2EE_NO_KEY } };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(path_freep) struct path *p = encrypted_path(&(struct netsim_config){ .delay_us = 10000 },
                                                                      &quick, cases[i].sender, cases[i].receiver);
                struct rx_stats s;

                path_run(p, 2);
                rx_track_get_stats(p->rx, &s);
                ASSERT_NEAR(s.energy, 0, 0);
                ASSERT_EQ(s.packets, 0);
                ASSERT_NEAR(s.frames_undecrypted, 100, 3);
                ASSERT_EQ(p->encryption, cases[i].state);
                ASSERT_EQ(p->encryption_changes, 1);
                ASSERT_EQ(p->started, 0);
        }
}

TEST(until_the_key_is_there_nothing_is_sent)
{
        _cleanup_(path_freep) struct path *p = path_new(&(struct netsim_config){ .delay_us = 10000 }, &quick);
        _cleanup_(e2ee_keys_unrefp) struct e2ee_keys *k = NULL;
        struct tx_stats s;

        ASSERT_OK(e2ee_keys_new("secret", &k));
        ASSERT_OK(tx_track_encrypt(p->tx, k));
        for (unsigned i = 0; i < 10; i++)
                path_microphone(p); /* takes less time than the key does; sent it is only with the key in any case */
        tx_track_get_stats(p->tx, &s);
        ASSERT_EQ(s.frames_unsealed + p->sent, s.frames_encoded);
        while (e2ee_keys_known(k) == 0)
                sched_yield();
        ASSERT_OK(rx_track_decrypt(p->rx, k, path_on_encryption));
        path_run(p, 2);
        ASSERT_EQ(p->encryption, E2EE_OK);
        ASSERT_NEAR(path_tone(p, 440), 0.5, 0.1);
}
