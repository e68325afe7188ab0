/* cmd-devices.c - devices, device: the sources and sinks there are, and which of them a call uses. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

static void print_device(const struct ctl *o, const struct rtcroom_device *d)
{
        struct json_object *j;

        if (!o->json) {
                print_line(stdout, "%-7s %s %-40s %s", d->output ? "output" : "input", d->is_default ? "*" : " ",
                           d->name, d->description);
                return;
        }
        j = json_object_new_object();
        add_text(j, "name", d->name);
        add_text(j, "description", d->description);
        add_text(j, "kind", d->output ? "output" : "input");
        add_text(j, "formFactor", d->form_factor);
        add_text(j, "bus", d->bus);
        add_flag(j, "isDefault", d->is_default);
        json_object_object_add(j, "serial", json_object_new_int64((int64_t)d->serial));
        print_json(j);
}

static int devices(struct ctl *o, struct rtcroom_context *c, char **argv)
{
        struct rtcroom_device *list;
        size_t n;
        int k = rtcroom_context_list_devices(c, &list, &n);

        (void)argv;
        if (k < 0)
                return k;
        for (size_t i = 0; i < n; i++)
                print_device(o, &list[i]);
        free(list);
        return 0;
}

int cmd_devices(struct ctl *o, int argc, char **argv)
{
        return argc == 0 ? on_context(o, devices, argv) : fail(o, EXIT_USAGE, "usage: rtcroomctl devices");
}

static int device(struct ctl *o, struct rtcroom_context *c, char **argv)
{
        const char *name = strcmp(argv[1], "default") == 0 ? "" : argv[1];

        (void)o;
        return strcmp(argv[0], "input") == 0 ? rtcroom_context_set_input_device(c, name)
                                             : rtcroom_context_set_output_device(c, name);
}

int cmd_device(struct ctl *o, int argc, char **argv)
{
        if (argc != 2 || (strcmp(argv[0], "input") != 0 && strcmp(argv[0], "output") != 0))
                return fail(o, EXIT_USAGE, "usage: rtcroomctl device input|output NAME|default");
        return on_context(o, device, argv);
}
