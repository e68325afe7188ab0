/* cmd-consent.c - which programs may use the microphone: entries of consent.programs in the user's configuration file.
 *
 * The file is rewritten in one step (app/config.h); a running daemon is then told to read it again (SIGHUP), without
 * being started for it.
 */
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "app/config.h"
#include "ctl/ctl.h"

static void print_policy(const struct ctl *o, const char *program, enum consent_policy policy)
{
        const char *word = consent_policy_to_string(policy);

        if (o->json) {
                struct json_object *j = json_object_new_object();

                json_object_object_add(j, "program", json_object_new_string(program));
                json_object_object_add(j, "policy", json_object_new_string(word));
                print_json(j);
        } else {
                print_line(stdout, "%-8s %s", word, program);
        }
}

static int list(const struct ctl *o)
{
        _cleanup_(config_freep) struct config *c = NULL;
        _cleanup_free_ char *path = NULL;
        struct config_fault fault;

        if (o->config)
                path = strdup(o->config);
        else if (config_find(&path) < 0)
                return fail(o, EXIT_FAILED, "there is no home to look for a configuration in");
        if (config_load(path, &c, &fault) < 0)
                return fail(o, EXIT_FAILED, "%s", fault.text);
        for (size_t i = 0; i < c->n_programs; i++)
                print_policy(o, c->programs[i].id, c->programs[i].policy);
        print_policy(o, "(others)", c->consent_default);
        return EXIT_OK;
}

/* The daemon of this bus, if it runs. */
static pid_t daemon_pid(void)
{
        sd_bus_creds *creds = NULL;
        sd_bus *bus = NULL;
        pid_t pid = 0;

        if (sd_bus_open_user(&bus) >= 0 &&
            sd_bus_get_name_creds(bus, "org.rtcroom.RtcRoom1", SD_BUS_CREDS_PID, &creds) >= 0 &&
            sd_bus_creds_get_pid(creds, &pid) < 0)
                pid = 0;
        sd_bus_creds_unref(creds);
        sd_bus_flush_close_unref(bus);
        return pid;
}

static int set(const struct ctl *o, const char *program, enum consent_policy policy)
{
        _cleanup_free_ char *path = NULL;
        struct config_fault fault;
        pid_t pid;

        if (o->config)
                path = strdup(o->config);
        else if (config_user_path(&path) < 0)
                return fail(o, EXIT_FAILED, "there is no home to keep a configuration in");
        if (config_set_program(path, program, policy, &fault) < 0)
                return fail(o, EXIT_FAILED, "%s", fault.text);
        pid = o->config ? 0 : daemon_pid();
        if (pid > 0)
                (void)kill(pid, SIGHUP); /* gone in between: it will read the file when it starts */
        print_policy(o, program, policy);
        return EXIT_OK;
}

int cmd_consent(struct ctl *o, int argc, char **argv)
{
        if (argc == 1 && strcmp(argv[0], "list") == 0)
                return list(o);
        if (argc == 2 && strcmp(argv[0], "allow") == 0)
                return set(o, argv[1], CONSENT_ALLOW);
        if (argc == 2 && strcmp(argv[0], "deny") == 0)
                return set(o, argv[1], CONSENT_DENY);
        return fail(o, EXIT_USAGE, "usage: rtcroomctl consent list | allow PROGRAM | deny PROGRAM");
}
