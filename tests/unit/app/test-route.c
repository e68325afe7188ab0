/* test-route.c - which device a setting means, by table. */
#include "app/route.h"

#include "lib/test.h"

#define SINK(n, desc, form, ser)                              \
        {                                                     \
                AUDIO_PLAYBACK, n, desc, form, "", ser, false \
        }
#define SOURCE(n, desc, form, ser)                           \
        {                                                    \
                AUDIO_CAPTURE, n, desc, form, "", ser, false \
        }

static const struct audio_device bare[] = { SINK("hdmi", "Monitor", "", 1) },
                                 laptop[] = { SOURCE("mic", "Built-in", "internal", 1),
                                              SINK("pci", "Built-in", "internal", 2), SINK("hdmi", "Monitor", "", 3) },
                                 phone[] = { SINK("spk", "Speaker", "", 1), SINK("ear", "Earpiece", "", 2) },
                                 by_form[] = { SINK("a", "x", "handset", 1), SINK("b", "x", "speaker", 2) },
                                 headset[] = { SINK("pci", "Built-in", "internal", 1),
                                               SINK("usb", "Jabra", "headset", 2),
                                               SOURCE("usb.mic", "Jabra", "headset", 9) },
                                 two[] = { SINK("bt", "WH-1000", "headphone", 7), SINK("usb", "USB Headset", "", 4),
                                           SINK("pci", "Built-in", "internal", 8) };

#define ROW(setting, direction, list, expected)                      \
        {                                                            \
                setting, direction, list, ARRAY_SIZE(list), expected \
        }

TEST(what_settings_mean)
{
        static const struct {
                const char *setting;
                enum audio_direction direction;
                const struct audio_device *list;
                size_t n;
                const char *expected;
        } rows[] = {
                ROW("", AUDIO_PLAYBACK, laptop, ""),
                ROW("hdmi", AUDIO_PLAYBACK, laptop, "hdmi"),
                ROW("gone", AUDIO_PLAYBACK, laptop, ""),
                ROW("mic", AUDIO_PLAYBACK, laptop, ""), /* a source is no sink */
                ROW("mic", AUDIO_CAPTURE, laptop, "mic"),
                ROW("pci", AUDIO_CAPTURE, laptop, ""),
                ROW("speakerphone", AUDIO_CAPTURE, laptop, ""),
                ROW("speakerphone", AUDIO_PLAYBACK, laptop, "pci"),
                ROW("earpiece", AUDIO_PLAYBACK, laptop, ""),
                ROW("speakerphone", AUDIO_PLAYBACK, bare, ""),
                ROW("speakerphone", AUDIO_PLAYBACK, phone, "spk"),
                ROW("earpiece", AUDIO_PLAYBACK, phone, "ear"),
                ROW("speakerphone", AUDIO_PLAYBACK, by_form, "b"),
                ROW("earpiece", AUDIO_PLAYBACK, by_form, "a"),
                ROW("speakerphone", AUDIO_PLAYBACK, headset, "usb"), /* takes over */
                ROW("earpiece", AUDIO_PLAYBACK, headset, "usb"),
                ROW("pci", AUDIO_PLAYBACK, headset, "pci"), /* but not from what was named */
                ROW("", AUDIO_PLAYBACK, headset, ""),
                ROW("earpiece", AUDIO_PLAYBACK, two, "bt"), /* the last attached */
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                ASSERT_STR(route_resolve(rows[i].setting, rows[i].direction, rows[i].list, rows[i].n),
                           rows[i].expected);
}

TEST(without_a_list)
{
        ASSERT_STR(route_resolve("usb", AUDIO_PLAYBACK, NULL, 0), "usb");
        ASSERT_STR(route_resolve("speakerphone", AUDIO_PLAYBACK, NULL, 0), "");
        ASSERT_STR(route_resolve("earpiece", AUDIO_PLAYBACK, NULL, 0), "");
        ASSERT_STR(route_resolve("", AUDIO_CAPTURE, NULL, 0), "");
}
