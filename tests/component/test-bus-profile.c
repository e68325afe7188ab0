/* test-bus-profile.c - what the server says of a participant, as properties on the bus and their changes. */
#include "fakes/bus-rig.h"
#include "lib/test.h"

TEST(what_the_server_says_of_somebody)
{
        static const struct engine_attribute attributes[] = { { "team", "blue" }, { "role", "host" } };
        struct engine_participant alice = { .user_id = "alice",
                                            .published = ENGINE_AUDIO,
                                            .name = "Alice Ä.",
                                            .metadata = "{}",
                                            .attributes = attributes,
                                            .n_attributes = 2 };
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER), *name, *metadata, *attribute, *k[2], *v[2];
        uint32_t alice_number;
        sd_bus_message *m;
        char who[128];

        bus_rig_join(rig, OWNER, path);
        alice_number = participant_number(rig_find(manager_first_context(rig->manager), "alice"));
        (void)snprintf(who, sizeof(who), "%s/participant/%u", path, alice_number);
        ASSERT_OK(fake_participant(&rig->script, ENGINE_PARTICIPANT_UPDATED, &alice));
        bus_rig_run_ms(rig, 1);
        m = bus_rig_call(rig, PANEL, who, PROPERTIES, "Get", "ss", BUS_INTERFACE_PARTICIPANT, "Name");
        ASSERT_GT(sd_bus_message_read(m, "v", "s", &name), 0);
        ASSERT_STR(name, "Alice Ä.");
        sd_bus_message_unref(m);
        m = bus_rig_call(rig, PANEL, who, PROPERTIES, "Get", "ss", BUS_INTERFACE_PARTICIPANT, "Attributes");
        ASSERT_GT(sd_bus_message_read(m, "v", "a{ss}", 2, &k[0], &v[0], &k[1], &v[1]), 0);
        ASSERT_STR(k[0], "role");
        ASSERT_STR(v[1], "blue");
        sd_bus_message_unref(m);
        for (unsigned n = 0; p2p_bus_signal(&rig->p, "PropertiesChanged", OWNER, n); n++)
                m = p2p_bus_signal(&rig->p, "PropertiesChanged", OWNER, n);
        ASSERT_STR(sd_bus_message_get_path(m), who);
        ASSERT_GT(sd_bus_message_read(m, "sa{sv}", NULL, 3, &k[0], "s", &name, &k[1], "s", &metadata, &attribute,
                                      "a{ss}", 2, &k[0], &v[0], &k[1], &v[1]),
                  0);
        ASSERT_STR(metadata, "{}");
        ASSERT_STR(attribute, "Attributes");
}
