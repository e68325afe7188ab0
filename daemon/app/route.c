/* route.c - see route.h. What a device is is told by its form factor, else by its names. */
#include "app/route.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum kind { KIND_SPEAKER, KIND_EARPIECE, KIND_HEADSET };

static bool is_one_of(const char *word, const char *const *words)
{
        for (; *words; words++)
                if (strcasecmp(word, *words) == 0)
                        return true;
        return false;
}

static bool holds_one_of(const char *text, const char *const *words)
{
        for (; *words; words++)
                if (strcasestr(text, *words))
                        return true;
        return false;
}

/* Headphones count as a headset: what matters is that nobody else hears. */
static bool is_kind(const struct audio_device *d, enum kind kind)
{
        static const char *const factors[][6] = { [KIND_SPEAKER] = { "internal", "speaker", "hands-free", NULL },
                                                  [KIND_EARPIECE] = { "handset", NULL },
                                                  [KIND_HEADSET] = { "headset", "headphone", NULL } };
        static const char *const names[][5] = { [KIND_SPEAKER] = { "speaker", NULL },
                                                [KIND_EARPIECE] = { "earpiece", "handset", NULL },
                                                [KIND_HEADSET] = { "headset", "headphone", "earbud", NULL } };

        if (d->form_factor[0])
                return is_one_of(d->form_factor, factors[kind]);
        return holds_one_of(d->name, names[kind]) || holds_one_of(d->description, names[kind]);
}

static const struct audio_device *newest(enum kind kind, const struct audio_device *d, size_t n)
{
        const struct audio_device *found = NULL;

        for (size_t i = 0; i < n; i++)
                if (d[i].direction == AUDIO_PLAYBACK && is_kind(&d[i], kind) &&
                    (!found || d[i].serial > found->serial))
                        found = &d[i];
        return found;
}

static const char *resolve_word(enum kind kind, const struct audio_device *d, size_t n)
{
        const struct audio_device *to = newest(KIND_HEADSET, d, n);

        if (!to)
                to = newest(kind, d, n);
        return to ? to->name : "";
}

const char *route_resolve(const char *setting, enum audio_direction direction, const struct audio_device *devices,
                          size_t n_devices)
{
        if (direction == AUDIO_PLAYBACK && strcmp(setting, ROUTE_SPEAKERPHONE) == 0)
                return resolve_word(KIND_SPEAKER, devices, n_devices);
        if (direction == AUDIO_PLAYBACK && strcmp(setting, ROUTE_EARPIECE) == 0)
                return resolve_word(KIND_EARPIECE, devices, n_devices);
        for (size_t i = 0; i < n_devices; i++)
                if (devices[i].direction == direction && strcmp(devices[i].name, setting) == 0)
                        return setting;
        return n_devices == 0 ? setting : "";
}
