/* test-bus-consent.c - asking and remembering over the bus: the portal, the notification server and the permission
 * store are played by the other end of the connection, message by message; so are those who forge them.
 */
#include <stdarg.h>

#include "app/consent.h"
#include "bus/consent-notify.h"
#include "fakes/bus-rig.h"
#include "lib/test.h"

#define ASKED    ":5.1" /* who is asked about: the rig gives it an application id */
#define SERVER   ":7.1" /* portal, server or store */
#define FORGER   ":6.6"
#define VOICE_ID "org.example.Voice"
#define STORE    "org.freedesktop.impl.portal.PermissionStore"
#define NOTIFY   "org.freedesktop.Notifications"
#define PORTAL   "org.freedesktop.portal.Desktop"

/* ---- the other side ---- */

/* The nth call of that member that we have made, counted from the last p2p_bus_forget(). */
static sd_bus_message *called(struct bus_rig *rig, const char *member, unsigned nth)
{
        for (unsigned i = 0; i < rig->p.n_arrived; i++) {
                sd_bus_message *m = rig->p.arrived[i];

                if (sd_bus_message_is_method_call(m, NULL, member) > 0 && nth-- == 0) {
                        ASSERT_OK(sd_bus_message_rewind(m, true));
                        return m;
                }
        }
        return NULL;
}

static void send_as(struct bus_rig *rig, const char *sender, sd_bus_message *m)
{
        ASSERT_OK(sd_bus_message_set_sender(m, sender));
        p2p_bus_send(&rig->p, m);
        bus_rig_run_ms(rig, 1);
}

static void reply(struct bus_rig *rig, sd_bus_message *call, const char *types, ...)
{
        sd_bus_message *m;
        va_list ap;

        ASSERT(call);
        ASSERT_OK(sd_bus_message_new_method_return(call, &m));
        va_start(ap, types);
        ASSERT_OK(sd_bus_message_appendv(m, types, ap));
        va_end(ap);
        send_as(rig, SERVER, m);
}

static void refuse(struct bus_rig *rig, sd_bus_message *call, const char *name)
{
        sd_bus_message *m;

        ASSERT(call);
        ASSERT_OK(sd_bus_message_new_method_errorf(call, &m, name, "no"));
        send_as(rig, SERVER, m);
}

static void emit(struct bus_rig *rig, const char *sender, const char *path, const char *interface, const char *member,
                 const char *types, ...)
{
        sd_bus_message *m;
        va_list ap;

        ASSERT_OK(sd_bus_message_new_signal(rig->p.client, &m, path, interface, member));
        va_start(ap, types);
        ASSERT_OK(sd_bus_message_appendv(m, types, ap));
        va_end(ap);
        send_as(rig, sender, m);
}

static void name_passes(struct bus_rig *rig, const char *name, const char *from, const char *to)
{
        emit(rig, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss",
             name, from, to);
}

/* ---- the program ---- */

/* ASKED wants the microphone; the store (if it is there) knows nothing. Returns the request. */
static uint32_t want(struct bus_rig *rig, bool with_store)
{
        const char *path = bus_rig_context(rig, ASKED);
        uint32_t request;

        for (unsigned i = 0; i < 2; i++)
                refuse(rig, called(rig, "Lookup", i),
                       with_store ? "org.freedesktop.portal.Error.NotFound" : SD_BUS_ERROR_SERVICE_UNKNOWN);
        request = bus_rig_request(bus_rig_call(rig, ASKED, path, BUS_INTERFACE_CONTEXT, "ChangeAudioCapture", "a{sv}",
                                               1, "state", "i", 1));
        bus_rig_run_ms(rig, 1);
        return request;
}

static bool is_waiting(struct bus_rig *rig, const char *asked_by)
{
        struct consent_pending p;

        return consent_pending_at(manager_consent(rig->manager), 0, &p) && strcmp(p.asked_by, asked_by) == 0;
}

static enum consent_policy policy_of(struct bus_rig *rig, const char *program)
{
        struct consent_answer a;

        return consent_answers_find(consent_list(manager_consent(rig->manager)), program, &a) ? a.policy : CONSENT_ASK;
}

/* ... to the notification on the screen; its number is 17. */
static uint32_t notified(struct bus_rig *rig)
{
        uint32_t request = want(rig, false);

        refuse(rig, called(rig, "Get", 0), SD_BUS_ERROR_SERVICE_UNKNOWN); /* no portal */
        reply(rig, called(rig, "GetCapabilities", 0), "as", 2, "body", "actions");
        reply(rig, called(rig, "Notify", 0), "u", 17);
        ASSERT(is_waiting(rig, "notification"));
        return request;
}

static void press(struct bus_rig *rig, const char *sender, uint32_t number, const char *key)
{
        emit(rig, sender, "/org/freedesktop/Notifications", NOTIFY, "ActionInvoked", "us", number, key);
}

/* ---- notifications ---- */

TEST(a_notification_is_answered)
{
        static const struct {
                const char *key;
                int err_no;
                enum consent_policy kept;
        } cases[] = { { "allow", 0, CONSENT_ALLOW }, { "deny", 10200, CONSENT_DENY } };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();
                uint32_t request = notified(rig), closed;

                press(rig, SERVER, 17, cases[i].key);
                ASSERT_EQ(bus_rig_completion(rig, request, NULL), cases[i].err_no);
                ASSERT_EQ(policy_of(rig, VOICE_ID), cases[i].kept);
                ASSERT_GT(sd_bus_message_read(called(rig, "CloseNotification", 0), "u", &closed), 0);
                ASSERT_EQ(closed, 17);
        }
}

TEST(what_is_not_the_servers_word)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();

        (void)notified(rig);
        press(rig, FORGER, 17, "allow");
        press(rig, SERVER, 18, "allow");
        press(rig, SERVER, 0, "allow");
        press(rig, SERVER, 17, "default");
        emit(rig, SERVER, "/org/freedesktop/Notifications", NOTIFY, "ActionInvoked", "s", "allow");
        emit(rig, FORGER, "/org/freedesktop/Notifications", NOTIFY, "NotificationClosed", "uu", 17, 2);
        ASSERT(is_waiting(rig, "notification"));
}

TEST(a_notification_that_goes)
{
        _cleanup_(bus_rig_freep) struct bus_rig *expired = bus_rig_make_asking(), *away = bus_rig_make_asking(),
                                                *gone = bus_rig_make_asking();
        uint32_t request;

        (void)notified(expired);
        emit(expired, SERVER, "/org/freedesktop/Notifications", NOTIFY, "NotificationClosed", "uu", 17, 1);
        ASSERT(is_waiting(expired, ""));

        request = notified(away);
        emit(away, SERVER, "/org/freedesktop/Notifications", NOTIFY, "NotificationClosed", "uu", 17, 2);
        ASSERT_EQ(bus_rig_completion(away, request, NULL), 10200);
        ASSERT_EQ(policy_of(away, VOICE_ID), CONSENT_ASK);

        (void)notified(gone);
        name_passes(gone, NOTIFY, ":7.9", "");
        ASSERT(is_waiting(gone, "notification"));
        name_passes(gone, NOTIFY, SERVER, "");
        ASSERT(is_waiting(gone, ""));
}

TEST(a_server_without_buttons)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();

        (void)want(rig, false);
        refuse(rig, called(rig, "Get", 0), SD_BUS_ERROR_SERVICE_UNKNOWN);
        reply(rig, called(rig, "GetCapabilities", 0), "as", 1, "body");
        ASSERT(is_waiting(rig, ""));
        ASSERT(!called(rig, "Notify", 0));
}

/* Taken back while the server has been asked to show it: closed as soon as its number is known. */
TEST(a_notification_taken_back_before_it_is_shown)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();
        uint32_t closed;

        (void)want(rig, false);
        refuse(rig, called(rig, "Get", 0), SD_BUS_ERROR_SERVICE_UNKNOWN);
        reply(rig, called(rig, "GetCapabilities", 0), "as", 1, "actions");
        p2p_bus_vanish(&rig->p, ASKED);
        bus_rig_run_ms(rig, 1);
        ASSERT(!is_waiting(rig, "notification"));
        ASSERT(!called(rig, "CloseNotification", 0));
        reply(rig, called(rig, "Notify", 0), "u", 17);
        ASSERT_GT(sd_bus_message_read(called(rig, "CloseNotification", 0), "u", &closed), 0);
        ASSERT_EQ(closed, 17);
}

TEST(texts)
{
        static const struct {
                struct consent_question q;
                bool markup;
                const char *text;
        } cases[] = {
                { { .application_id = "org.x", .exe_path = "/usr/bin/x", .unique_name = ":1.1" },
                  false,
                  "org.x wants to use the microphone." },
                { { .application_id = "org.x", .exe_path = "", .unique_name = ":1.1", .sandboxed = true },
                  false,
                  "The sandboxed application org.x wants to use the microphone." },
                { { .application_id = "", .exe_path = "/x/<b>&", .unique_name = ":1.1" },
                  false,
                  "/x/<b>& wants to use the microphone." },
                { { .application_id = "", .exe_path = "/x/<b>&", .unique_name = ":1.1", .claims_path = true },
                  true,
                  "A program that calls itself /x/&lt;b&gt;&amp; wants to use the microphone." },
                { { .application_id = "", .exe_path = "/a\nb\xff", .unique_name = ":1.1" },
                  true,
                  "/a?b? wants to use the microphone." },
                { { .application_id = "", .exe_path = "", .unique_name = ":1.1" },
                  true,
                  "A program that cannot be told (:1.1) wants to use the microphone." },
        };
        char text[256], small[12];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                consent_notify_text(&cases[i].q, cases[i].markup, text, sizeof(text));
                ASSERT_STR(text, cases[i].text);
        }
        consent_notify_text(&(struct consent_question){ .application_id = "", .exe_path = "/abcdef<&" }, true, small,
                            sizeof(small));
        ASSERT_STR(small, "/abcdef&lt;"); /* cut between characters, never inside an escape */
}

/* ---- the portal ---- */

/* ... to the portal's dialog. */
static uint32_t in_dialog(struct bus_rig *rig)
{
        uint32_t request = want(rig, true), pid;
        const char *device;

        reply(rig, called(rig, "Get", 0), "v", "u", 1);
        ASSERT_GT(sd_bus_message_read(called(rig, "AccessDevice", 0), "uas", &pid, 1, &device), 0);
        ASSERT_EQ(pid, 4711);
        ASSERT_STR(device, "microphone");
        reply(rig, called(rig, "AccessDevice", 0), "o", "/request/1");
        ASSERT(is_waiting(rig, "portal"));
        return request;
}

static void store_says(struct bus_rig *rig, const char *sender, const char *program, const char *word)
{
        emit(rig, sender, "/org/freedesktop/impl/portal/PermissionStore", STORE, "Changed", "ssbva{sas}", "devices",
             "microphone", 0, "y", 0, 1, program, 1, word);
}

static void respond(struct bus_rig *rig, const char *sender, const char *path, uint32_t code)
{
        emit(rig, sender, path, "org.freedesktop.portal.Request", "Response", "ua{sv}", code, 0);
}

TEST(the_portals_answer_is_what_it_stores)
{
        _cleanup_(bus_rig_freep) struct bus_rig *yes = bus_rig_make_asking(), *no = bus_rig_make_asking();
        uint32_t request = in_dialog(yes);

        store_says(yes, SERVER, VOICE_ID, "yes");
        respond(yes, SERVER, "/request/1", 0);
        ASSERT_EQ(bus_rig_completion(yes, request, NULL), 0);
        request = in_dialog(no);
        store_says(no, SERVER, VOICE_ID, "no");
        respond(no, SERVER, "/request/1", 1);
        ASSERT_EQ(bus_rig_completion(no, request, NULL), 10200);
}

/* An answer that the portal has for somebody else (in particular for "") is none for this program: the next one asks.
 */
TEST(an_answer_for_another_id_does_not_count)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();

        (void)in_dialog(rig);
        store_says(rig, SERVER, "", "yes");
        respond(rig, SERVER, "/request/1", 0);
        ASSERT(called(rig, "GetCapabilities", 0));
        ASSERT_EQ(policy_of(rig, VOICE_ID), CONSENT_ASK);
}

TEST(what_is_not_the_portals_word)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();

        (void)in_dialog(rig);
        store_says(rig, FORGER, VOICE_ID, "yes");
        respond(rig, FORGER, "/request/1", 2);
        respond(rig, SERVER, "/request/2", 2);
        ASSERT(is_waiting(rig, "portal"));
        respond(rig, SERVER, "/request/1", 2); /* closed by the user */
        ASSERT(!is_waiting(rig, "portal"));
        ASSERT_EQ(policy_of(rig, VOICE_ID), CONSENT_ASK);
}

/* The portal of Debian 12 holds on to the dialog; the next question about the program is that dialog's. */
TEST(a_dialog_that_stays_is_used_again)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();
        const char *path = BUS_CONTEXTS "/1";
        uint32_t request;

        (void)in_dialog(rig);
        bus_rig_expect_ok(bus_rig_call(rig, ASKED, path, BUS_INTERFACE_CONTEXT, "ChangeAudioCapture", "a{sv}", 1,
                                       "state", "i", 0));
        bus_rig_run_ms(rig, 1);
        ASSERT(called(rig, "Close", 0));
        ASSERT(!is_waiting(rig, "portal"));
        request = bus_rig_request(bus_rig_call(rig, ASKED, path, BUS_INTERFACE_CONTEXT, "ChangeAudioCapture", "a{sv}",
                                               1, "state", "i", 1));
        ASSERT(is_waiting(rig, "portal"));
        ASSERT(!called(rig, "AccessDevice", 1));
        store_says(rig, SERVER, VOICE_ID, "yes");
        ASSERT_EQ(bus_rig_completion(rig, request, NULL), 0);
        respond(rig, SERVER, "/request/1", 0);
        refuse(rig, called(rig, "Close", 0), SD_BUS_ERROR_UNKNOWN_OBJECT); /* too late to matter */
}

TEST(a_portal_that_goes)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();

        (void)in_dialog(rig);
        name_passes(rig, PORTAL, SERVER, "");
        ASSERT(called(rig, "GetCapabilities", 0)); /* the notification's turn */
}

TEST(programs_without_an_id_are_not_the_portals)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();
        const char *path = bus_rig_context(rig, OWNER);

        for (unsigned i = 0; i < 2; i++)
                refuse(rig, called(rig, "Lookup", i), SD_BUS_ERROR_SERVICE_UNKNOWN);
        (void)bus_rig_request(bus_rig_call(rig, OWNER, path, BUS_INTERFACE_CONTEXT, "ChangeAudioCapture", "a{sv}", 1,
                                           "state", "i", 1));
        bus_rig_run_ms(rig, 1);
        ASSERT(!called(rig, "Get", 0));
        ASSERT(called(rig, "GetCapabilities", 0));
}

/* ---- the store ---- */

TEST(what_the_store_knows_is_not_asked)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();
        const char *path = bus_rig_context(rig, ASKED);
        uint32_t request = bus_rig_request(bus_rig_call(rig, ASKED, path, BUS_INTERFACE_CONTEXT, "ChangeAudioCapture",
                                                        "a{sv}", 1, "state", "i", 1));

        reply(rig, called(rig, "Lookup", 0), "a{sas}v", 4, "", 1, "no", VOICE_ID, 2, "yes", "more", "org.ask", 1,
              "ask", "org.empty", 0, "y", 0);
        ASSERT(!p2p_bus_signal(&rig->p, "Completed", ASKED, 0)); /* the other table is still out */
        refuse(rig, called(rig, "Lookup", 1), "org.freedesktop.portal.Error.NotFound");
        ASSERT_EQ(bus_rig_completion(rig, request, NULL), 0);
        ASSERT_EQ(policy_of(rig, "org.ask"), CONSENT_ASK);
        ASSERT_EQ(policy_of(rig, "org.empty"), CONSENT_ASK);
}

TEST(answers_are_written_to_their_tables)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();
        const char *table, *id, *program, *word;
        int create;

        (void)want(rig, true);
        bus_rig_expect_ok(
                bus_rig_call(rig, PANEL, BUS_ROOT, BUS_INTERFACE_CONSENT, "Set", "ss", "/usr/bin/x", "deny"));
        ASSERT_GT(sd_bus_message_read(called(rig, "SetPermission", 0), "sbssas", &table, &create, &id, &program, 1,
                                      &word),
                  0);
        ASSERT_STR(table, "rtcroom");
        ASSERT_STR(program, "/usr/bin/x");
        ASSERT_STR(word, "no");
        bus_rig_expect_ok(bus_rig_call(rig, PANEL, BUS_ROOT, BUS_INTERFACE_CONSENT, "Set", "ss", "org.x", "allow"));
        ASSERT_GT(sd_bus_message_read(called(rig, "SetPermission", 1), "sbssas", &table, &create, &id, &program, 1,
                                      &word),
                  0);
        ASSERT_STR(table, "devices");
        ASSERT_STR(word, "yes");
        refuse(rig, called(rig, "SetPermission", 1), SD_BUS_ERROR_FAILED); /* then it is ours to keep */
        ASSERT_EQ(policy_of(rig, "org.x"), CONSENT_ALLOW);
        bus_rig_expect_ok(bus_rig_call(rig, PANEL, BUS_ROOT, BUS_INTERFACE_CONSENT, "Reset", "s", "/usr/bin/x"));
        ASSERT_GT(sd_bus_message_read(called(rig, "DeletePermission", 0), "sss", &table, &id, &program), 0);
        ASSERT_STR(program, "/usr/bin/x");
}

TEST(a_store_that_comes_later)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();

        (void)want(rig, false);
        name_passes(rig, STORE, "", SERVER);
        reply(rig, called(rig, "Lookup", 2), "a{sas}v", 1, VOICE_ID, 1, "no", "y", 0);
        refuse(rig, called(rig, "Lookup", 3), "org.freedesktop.portal.Error.NotFound");
        ASSERT_EQ(policy_of(rig, VOICE_ID), CONSENT_DENY);
        ASSERT(!is_waiting(rig, "portal"));
}

/* ---- the interface ---- */

TEST(pending_is_told_to_subscribers)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();
        const char *interface;
        sd_bus_message *m;

        bus_rig_expect_ok(bus_rig_call(rig, PANEL, BUS_ROOT, BUS_INTERFACE_MANAGER, "Subscribe", ""));
        (void)want(rig, true);
        for (unsigned i = 0;; i++) {
                m = p2p_bus_signal(&rig->p, "PropertiesChanged", PANEL, i);
                ASSERT(m);
                ASSERT_GT(sd_bus_message_read(m, "s", &interface), 0);
                if (strcmp(interface, BUS_INTERFACE_CONSENT) == 0)
                        break;
        }
        for (unsigned i = 0; (m = p2p_bus_signal(&rig->p, "PropertiesChanged", ASKED, i)); i++) {
                ASSERT_GT(sd_bus_message_read(m, "s", &interface), 0);
                ASSERT(strcmp(interface, BUS_INTERFACE_CONSENT) != 0);
        }
}

TEST(what_cannot_be_set)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make_asking();
        static const char *const bad[][2] = {
                { "", "allow" }, { "a b", "deny" }, { "org.x", "ask" }, { "org.x", "maybe" }, { ":1.77", "allow" }
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                bus_rig_expect_error(
                        bus_rig_call(rig, PANEL, BUS_ROOT, BUS_INTERFACE_CONSENT, "Set", "ss", bad[i][0], bad[i][1]),
                        SD_BUS_ERROR_INVALID_ARGS);
}
