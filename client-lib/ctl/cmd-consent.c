/* cmd-consent.c - which programs may use the microphone: the daemon's Consent interface.
 *
 * With --config FILE nothing is asked of a daemon: the entries of consent.programs in that file are listed and
 * written.
 */
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "app/config.h"
#include "ctl/ctl.h"

#define NAME      "org.rtcroom.RtcRoom1"
#define ROOT      "/org/rtcroom/RtcRoom1"
#define INTERFACE NAME ".Consent"

/* Rows are printed as they are read; all strings borrowed. */
struct row {
        const char *program, *policy, *source, *asked_by;
};

static void print_row(const struct ctl *o, const struct row *row)
{
        const char *program = *row->program ? row->program : "(others)";

        if (o->json) {
                struct json_object *j = json_object_new_object();

                json_object_object_add(j, "program", json_object_new_string(program));
                json_object_object_add(j, "policy", json_object_new_string(row->policy));
                json_object_object_add(j, "source", json_object_new_string(row->source));
                if (row->asked_by)
                        json_object_object_add(j, "askedBy", json_object_new_string(row->asked_by));
                print_json(j);
        } else if (row->asked_by) {
                print_line(stdout, "%-8s %s  (waits for an answer; asked by %s)", row->policy, program,
                           *row->asked_by ? row->asked_by : "nobody");
        } else {
                print_line(stdout, "%-8s %s  (%s)", row->policy, program, row->source);
        }
}

/* ---- the file ---- */

static int list_file(const struct ctl *o)
{
        _cleanup_(config_freep) struct config *c = NULL;
        struct config_fault fault;

        if (config_load(o->config, &c, &fault) < 0)
                return fail(o, EXIT_FAILED, "%s", fault.text);
        for (size_t i = 0; i < c->n_programs; i++)
                print_row(o, &(struct row){ .program = c->programs[i].id,
                                            .policy = consent_policy_to_string(c->programs[i].policy),
                                            .source = "configuration" });
        print_row(o, &(struct row){ .program = "",
                                    .policy = consent_policy_to_string(c->consent_default),
                                    .source = "default" });
        return EXIT_OK;
}

static int set_file(const struct ctl *o, const char *program, enum consent_policy policy)
{
        struct config_fault fault;

        if (config_set_program(o->config, program, policy, &fault) < 0)
                return fail(o, EXIT_FAILED, "%s", fault.text);
        print_row(o, &(struct row){ .program = program,
                                    .policy = consent_policy_to_string(policy),
                                    .source = "configuration" });
        return EXIT_OK;
}

/* ---- the daemon ---- */

static int fail_call(const struct ctl *o, const sd_bus_error *e, int r)
{
        int code = EXIT_FAILED;

        if (sd_bus_error_has_name(e, SD_BUS_ERROR_ACCESS_DENIED))
                code = EXIT_DENIED;
        else if (sd_bus_error_has_name(e, SD_BUS_ERROR_INVALID_ARGS))
                code = EXIT_USAGE;
        else if (sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
                 sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER) || r == -ETIMEDOUT)
                code = EXIT_NO_DAEMON;
        return fail(o, code, "%s", e->message ? e->message : strerror(-r));
}

/* One {sv} of a row whose value is a string (others are skipped). */
static int read_entry(sd_bus_message *m, struct row *row)
{
        const char *key, *type, *value;
        int r = sd_bus_message_read(m, "s", &key);

        if (r >= 0)
                r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;
        if (strcmp(type, "s") != 0)
                return sd_bus_message_skip(m, "v");
        r = sd_bus_message_read(m, "v", "s", &value);
        if (strcmp(key, "program") == 0)
                row->program = value;
        else if (strcmp(key, "policy") == 0)
                row->policy = value;
        else if (strcmp(key, "source") == 0)
                row->source = value;
        else if (strcmp(key, "askedBy") == 0)
                row->asked_by = value;
        return r;
}

static int print_rows(const struct ctl *o, sd_bus_message *m)
{
        int r = sd_bus_message_enter_container(m, 'a', "a{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'a', "{sv}")) > 0) {
                struct row row = { .program = "", .policy = "ask", .source = "waiting" };

                while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                        r = read_entry(m, &row);
                        if (r >= 0)
                                r = sd_bus_message_exit_container(m);
                }
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r >= 0)
                        print_row(o, &row);
        }
        return r;
}

static int list(const struct ctl *o, sd_bus *bus)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *waiting = NULL, *programs = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        int r = sd_bus_get_property(bus, NAME, ROOT, INTERFACE, "Pending", &e, &waiting, "aa{sv}");

        if (r >= 0)
                r = sd_bus_call_method(bus, NAME, ROOT, INTERFACE, "List", &e, &programs, "");
        if (r >= 0)
                r = print_rows(o, waiting);
        if (r >= 0)
                r = print_rows(o, programs);
        return r < 0 ? fail_call(o, &e, r) : EXIT_OK;
}

static int set(const struct ctl *o, sd_bus *bus, const char *program, enum consent_policy policy)
{
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        const char *word = consent_policy_to_string(policy);
        int r = policy == CONSENT_ASK
                        ? sd_bus_call_method(bus, NAME, ROOT, INTERFACE, "Reset", &e, NULL, "s", program)
                        : sd_bus_call_method(bus, NAME, ROOT, INTERFACE, "Set", &e, NULL, "ss", program, word);

        if (r < 0)
                return fail_call(o, &e, r);
        print_row(o, &(struct row){ .program = program, .policy = word, .source = "answer" });
        return EXIT_OK;
}

static void bus_freep(sd_bus **bus)
{
        sd_bus_flush_close_unref(*bus);
}

static int call_daemon(const struct ctl *o, const char *program, enum consent_policy policy)
{
        _cleanup_(bus_freep) sd_bus *bus = NULL;

        if (sd_bus_open_user(&bus) < 0)
                return fail(o, EXIT_NO_DAEMON, "there is no session bus");
        return program ? set(o, bus, program, policy) : list(o, bus);
}

/* program NULL: the list. A path stands for the file it leads to: that is what the kernel tells of a program. */
static int run(const struct ctl *o, const char *program, enum consent_policy policy)
{
        char real[PATH_MAX];

        if (program && strchr(program, '/') && realpath(program, real))
                program = real;
        if (!o->config)
                return call_daemon(o, program, policy);
        return program ? set_file(o, program, policy) : list_file(o);
}

int cmd_consent(struct ctl *o, int argc, char **argv)
{
        static const struct {
                const char *word;
                enum consent_policy policy;
        } verbs[] = { { "allow", CONSENT_ALLOW }, { "deny", CONSENT_DENY }, { "reset", CONSENT_ASK } };

        if (argc == 1 && strcmp(argv[0], "list") == 0)
                return run(o, NULL, CONSENT_ASK);
        for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(verbs); i++)
                if (strcmp(argv[0], verbs[i].word) == 0)
                        return run(o, argv[1], verbs[i].policy);
        return fail(o, EXIT_USAGE, "usage: rtcroomctl consent list | allow PROGRAM | deny PROGRAM | reset PROGRAM");
}
