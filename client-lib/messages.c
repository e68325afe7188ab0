/* messages.c - messages of a room: what MessageReceived says, as struct rtcroom_message. See rtcroom.h. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

struct reading {
        struct rtcroom_message m;
        char **destinations; /* owned strings */
};

static void reading_done(struct reading *rd)
{
        for (char **p = rd->destinations; p && *p; p++)
                free(*p);
        free(rd->destinations);
}

/* m stands inside the variant. */
static int read_value(sd_bus_message *m, const char *key, const char *type, struct reading *rd)
{
        int flag = 0, k;

        if (strcmp(type, "s") == 0 && strcmp(key, "userId") == 0)
                return sd_bus_message_read(m, "s", &rd->m.user_id);
        if (strcmp(type, "s") == 0 && strcmp(key, "topic") == 0)
                return sd_bus_message_read(m, "s", &rd->m.topic);
        if (strcmp(type, "s") == 0 && strcmp(key, "text") == 0)
                return sd_bus_message_read(m, "s", &rd->m.text);
        if (strcmp(type, "ay") == 0 && strcmp(key, "data") == 0)
                return sd_bus_message_read_array(m, 'y', &rd->m.data, &rd->m.len);
        if (strcmp(type, "as") == 0 && strcmp(key, "destinations") == 0 && !rd->destinations)
                return sd_bus_message_read_strv(m, &rd->destinations);
        if (strcmp(type, "b") != 0 || strcmp(key, "reliable") != 0)
                return sd_bus_message_skip(m, type); /* of a newer daemon */
        k = sd_bus_message_read(m, "b", &flag);
        rd->m.reliable = flag;
        return k;
}

static int read_entry(sd_bus_message *m, struct reading *rd)
{
        const char *key, *type;
        int k = sd_bus_message_read(m, "s", &key);

        if (k >= 0)
                k = sd_bus_message_peek_type(m, NULL, &type);
        if (k >= 0)
                k = sd_bus_message_enter_container(m, 'v', type);
        if (k >= 0)
                k = read_value(m, key, type, rd);
        if (k >= 0)
                k = sd_bus_message_exit_container(m);
        return k < 0 ? k : sd_bus_message_exit_container(m);
}

static int read_message(sd_bus_message *m, struct reading *rd)
{
        int k = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (k >= 0 && (k = sd_bus_message_enter_container(m, 'e', "sv")) > 0)
                k = read_entry(m, rd);
        return k;
}

int message_on_signal(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct reading rd = { .m = { .user_id = "", .topic = "" } };
        struct rtcroom_context *c = ctx;

        (void)error;
        if (!c->ev || !c->ev->message_received)
                return 0;
        context_ref(c);
        if (read_message(m, &rd) >= 0) {
                if (rd.destinations && rd.destinations[0])
                        rd.m.destinations = (const char *const *)rd.destinations;
                if (rd.m.text)
                        rd.m.len = strlen(rd.m.text);
                c->ev->message_received(c, &rd.m, c->user);
        }
        reading_done(&rd);
        context_unref(c);
        return 0;
}
