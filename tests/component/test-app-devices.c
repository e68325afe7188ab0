/* test-app-devices.c - the room's streams follow settings and devices; whoever asks for the list is answered once. */
#include <errno.h>

#include "fakes/app-rig.h"
#include "lib/test.h"

static const struct audio_device usb_mic = { AUDIO_CAPTURE, "usb.mic", "USB", "", "", 5, false },
                                 usb = { AUDIO_PLAYBACK, "usb", "USB", "headset", "usb", 6, false },
                                 pci = { AUDIO_PLAYBACK, "pci", "Built-in", "internal", "pci", 2, true };

static void put(struct rig *rig, const struct audio_device *a, const struct audio_device *b,
                const struct audio_device *c)
{
        const struct audio_device *all[] = { a, b, c };

        rig->audio.n_devices = 0;
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (all[i])
                        rig->audio.devices[rig->audio.n_devices++] = *all[i];
        rig->audio.changed(rig->audio.watcher);
}

static struct context *join_with_amy(struct rig *rig)
{
        struct context *c = rig_joined(rig, true);

        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_turn(rig);
        return c;
}

static const char *heard_on(struct rig *rig, struct context *c)
{
        struct audio_port *port = fake_playback(&rig->script, "amy");
        struct fake_stream *s;

        (void)c;
        list_for_each (s, &rig->audio.streams, link)
                if (s->port == port)
                        return s->target;
        return NULL;
}

TEST(streams_follow_the_settings)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = join_with_amy(rig);

        put(rig, &pci, &usb, &usb_mic);
        ASSERT_STR(fake_audio_capture(&rig->audio)->target, "");
        ASSERT_STR(heard_on(rig, c), "");
        ASSERT_OK(context_set_input_device(c, "usb.mic"));
        ASSERT_OK(context_set_output_device(c, "pci"));
        ASSERT_STR(fake_audio_capture(&rig->audio)->target, "usb.mic");
        ASSERT_STR(heard_on(rig, c), "pci");
        ASSERT_OK(context_set_output_device(c, "speakerphone"));
        ASSERT_STR(heard_on(rig, c), "usb");
        ASSERT_OK(context_set_output_device(c, ""));
        ASSERT_STR(heard_on(rig, c), "");
        ASSERT_EQ(rig->audio.n_opened, 2); /* moved, not made anew */
        ASSERT_EQ(context_set_input_device(c, "a\tb"), -EINVAL);
        ASSERT_STR(fake_audio_capture(&rig->audio)->target, "usb.mic");
}

TEST(a_device_that_goes_is_taken_again_when_it_is_back)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = join_with_amy(rig);

        put(rig, &pci, &usb, &usb_mic);
        ASSERT_OK(context_set_input_device(c, "usb.mic"));
        ASSERT_OK(context_set_output_device(c, "usb"));
        put(rig, &pci, NULL, NULL);
        ASSERT_STR(fake_audio_capture(&rig->audio)->target, "");
        ASSERT_STR(heard_on(rig, c), "");
        put(rig, &pci, &usb, &usb_mic);
        ASSERT_STR(fake_audio_capture(&rig->audio)->target, "usb.mic");
        ASSERT_STR(heard_on(rig, c), "usb");
}

TEST(settings_from_before_the_room)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();
        struct context *c = rig_context(rig, 1);

        put(rig, &pci, &usb, &usb_mic);
        ASSERT_OK(context_set_input_device(c, "usb.mic"));
        ASSERT_OK(context_set_output_device(c, "earpiece"));
        ASSERT_OK(rig_join(rig, c, 1, "room", "me", true));
        rig_run_ms(rig, 1);
        rig_person(rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        rig_turn(rig);
        ASSERT_STR(fake_audio_capture(&rig->audio)->target, "usb.mic");
        ASSERT_STR(heard_on(rig, c), "usb");
}

static unsigned answers;
static size_t last_n;

static void on_list(const struct audio_device *devices, size_t n, void *ctx)
{
        (void)ctx;
        answers++;
        last_n = n;
        if (n > 0)
                ASSERT_STR(devices[0].name, "pci");
}

TEST(the_list_is_answered_when_it_is_known)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make();

        answers = 0;
        ASSERT_OK(manager_list_devices(rig->m, on_list, NULL));
        ASSERT_OK(manager_list_devices(rig->m, on_list, NULL));
        ASSERT_EQ(rig->audio.n_refreshed, 2);
        ASSERT_EQ(answers, 0);
        put(rig, &pci, &usb, NULL);
        ASSERT_EQ(answers, 2);
        ASSERT_EQ(last_n, 2);
        put(rig, &pci, NULL, NULL);
        ASSERT_EQ(answers, 2);
}

TEST(nobody_knows_the_list)
{
        struct rig *rig = rig_make();

        answers = 0;
        ASSERT_OK(manager_list_devices(rig->m, on_list, NULL));
        rig_run_ms(rig, 1900);
        ASSERT_EQ(answers, 0);
        rig_run_ms(rig, 200);
        ASSERT_EQ(answers, 1);
        ASSERT_EQ(last_n, 0);
        ASSERT_OK(manager_list_devices(rig->m, on_list, NULL));
        rig_free(rig); /* nobody is left waiting */
        ASSERT_EQ(answers, 2);
}
