/* bus-consent.c - org.rtcroom.RtcRoom1.Consent, on the root object: who may have the microphone, and who is waiting
 * for an answer. For callers outside of sandboxes only (bus-access.c). Control thread.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "app/consent.h"
#include "base/log.h"
#include "bus/bus-errors.h"
#include "bus/bus-internal.h"

LOG_TOPIC("bus/bus-consent");

static struct consent *consent_of(const struct bus_object *o)
{
        return manager_consent(o->server->manager);
}

static int append_row(sd_bus_message *m, const char *program, enum consent_policy policy, const char *source)
{
        return sd_bus_message_append(m, "a{sv}", 3, "program", "s", program, "policy", "s",
                                     consent_policy_to_string(policy), "source", "s", source);
}

static int append_rows(sd_bus_message *m, const struct consent *c)
{
        static const char *const sources[_ANSWER_ORIGIN_MAX] = {
                [ANSWER_FILE] = "answer", [ANSWER_STORE] = "answer", [ANSWER_SESSION] = "session"
        };
        const struct config *config = consent_config(c);
        struct consent_answer a;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < config->n_programs; i++)
                r = append_row(m, config->programs[i].id, config->programs[i].policy, "configuration");
        for (size_t i = 0; r >= 0 && consent_answers_at(consent_list(c), i, &a); i++)
                r = append_row(m, a.program, a.policy, sources[a.origin]);
        return r < 0 ? r : append_row(m, "", config->consent_default, "default");
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct bus_object *o = userdata;
        int r = sd_bus_message_new_method_return(m, &reply);

        (void)error;
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        if (r >= 0)
                r = append_rows(reply, consent_of(o));
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(o->server->bus, reply, NULL);
}

static int set(sd_bus_message *m, struct bus_object *o, const char *program, enum consent_policy policy,
               sd_bus_error *error)
{
        int r = consent_set(consent_of(o), program, policy);

        if (r == -EINVAL)
                return bus_error_set(error, BUS_ERROR_INVALID_ARGS,
                                     "A program is an application id or an absolute path");
        if (r == -ENOENT)
                return bus_error_set(error, BUS_ERROR_INVALID_ARGS,
                                     "No program of that name is waiting for an answer");
        if (r == -EPERM)
                return bus_error_set(error, BUS_ERROR_ACCESS_DENIED, "The configuration denies it: consent.programs");
        if (r < 0)
                return r;
        log_info("%s says %s for %s", sd_bus_message_get_sender(m), consent_policy_to_string(policy), program);
        return sd_bus_reply_method_return(m, NULL);
}

static int on_set(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *program, *word;
        enum consent_policy policy;
        int r = sd_bus_message_read(m, "ss", &program, &word);

        if (r < 0)
                return r;
        if (consent_policy_from_string(word, &policy) < 0 || policy == CONSENT_ASK)
                return bus_error_set(error, BUS_ERROR_INVALID_ARGS, "The policy is \"allow\" or \"deny\"");
        return set(m, userdata, program, policy, error);
}

static int on_reset(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *program;
        int r = sd_bus_message_read(m, "s", &program);

        return r < 0 ? r : set(m, userdata, program, CONSENT_ASK, error);
}

static int append_pending(sd_bus_message *m, const struct consent_pending *p)
{
        const struct consent_question *q = &p->q;

        return sd_bus_message_append(m, "a{sv}", 7, "program", "s", q->program, "applicationId", "s",
                                     q->application_id, "path", "s", q->exe_path, "busName", "s", q->unique_name,
                                     "sandboxed", "b", (int)q->sandboxed, "claimed", "b", (int)q->claims_path,
                                     "askedBy", "s", p->asked_by);
}

static int get_pending(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const struct consent *c = consent_of(userdata);
        struct consent_pending p;
        int r = sd_bus_message_open_container(reply, 'a', "a{sv}");

        (void)bus, (void)path, (void)interface, (void)property, (void)error;
        for (size_t i = 0; r >= 0 && consent_pending_at(c, i, &p); i++)
                r = append_pending(reply, &p);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", programs), on_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Set", SD_BUS_ARGS("s", program, "s", policy), SD_BUS_NO_RESULT, on_set,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reset", SD_BUS_ARGS("s", program), SD_BUS_NO_RESULT, on_reset,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Pending", "aa{sv}", get_pending, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

static const struct bus_property_bit bits[] = { { 1, "Pending" } };

const struct bus_face bus_consent_face = {
        .interface = BUS_INTERFACE_CONSENT, .vtable = vtable, .bits = bits, .n_bits = ARRAY_SIZE(bits)
};
