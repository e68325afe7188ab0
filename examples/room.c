/* room.c - join a voice room from C with GLib's D-Bus (GDBus), and print who is there and who speaks. Ctrl-C leaves.
 *
 *     cc room.c -o room $(pkg-config --cflags --libs gio-2.0 gio-unix-2.0) && ./room APPID ROOM USER TOKENFILE
 *
 * Everything is asynchronous on the main loop; one table maps request numbers to what is done with their outcome. The
 * token is read again from the file when it is about to expire: there your application puts the new one.
 */
#include <gio/gio.h>
#include <glib-unix.h>

#define NAME "org.rtcroom.RtcRoom1"
#define ROOT "/org/rtcroom/RtcRoom1"

struct room {
        GMainLoop *loop;
        GDBusConnection *bus;
        char *path, *daemon; /* the context; unique name of who has it */
        char **argv;
        GHashTable *pending; /* request number → finish_fn */
        GHashTable *early;   /* request number → outcome that was seen before the number was */
        int status;
};
typedef void (*finish_fn)(struct room *r, gboolean ok);

static void end(struct room *r, int status, const char *words)
{
        if (words)
                g_printerr("%s\n", words);
        r->status = status;
        g_main_loop_quit(r->loop);
}

static void finish(struct room *r, finish_fn fn, GVariant *outcome)
{
        gint32 err_no, error_code;
        const char *api, *type, *msg;
        guint32 number;

        g_variant_get(outcome, "(u&sii&s&s)", &number, &api, &err_no, &error_code, &type, &msg);
        if (err_no != 0)
                g_printerr("%s (%d, %d)\n", msg, err_no, error_code);
        fn(r, err_no == 0);
}

/* ---- operations: a number at once, the outcome in the signal Completed ---- */

struct asked {
        struct room *r;
        finish_fn finish;
};

static void on_number(GObject *source, GAsyncResult *res, gpointer user)
{
        g_autofree struct asked *asked = user;
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), res, &error);
        GVariant *outcome;
        guint32 number;

        if (!reply) {
                end(asked->r, 1, error->message);
                return;
        }
        g_variant_get(reply, "(u)", &number);
        outcome = g_hash_table_lookup(asked->r->early, GUINT_TO_POINTER(number));
        if (outcome)
                finish(asked->r, asked->finish, outcome);
        else
                g_hash_table_insert(asked->r->pending, GUINT_TO_POINTER(number), (gpointer)asked->finish);
        g_hash_table_remove(asked->r->early, GUINT_TO_POINTER(number));
}

static void operate(struct room *r, const char *member, GVariantDict *options, finish_fn finish)
{
        struct asked *asked = g_new(struct asked, 1);

        *asked = (struct asked){ r, finish };
        g_dbus_connection_call(r->bus, r->daemon, r->path, NAME ".Context", member,
                               g_variant_new("(@a{sv})", g_variant_dict_end(options)), G_VARIANT_TYPE("(u)"),
                               G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_number, asked);
}

static void on_completed(struct room *r, GVariant *outcome)
{
        finish_fn fn;
        guint32 number;

        g_variant_get_child(outcome, 0, "u", &number);
        fn = (finish_fn)g_hash_table_lookup(r->pending, GUINT_TO_POINTER(number));
        if (fn)
                finish(r, fn, outcome);
        else
                g_hash_table_insert(r->early, GUINT_TO_POINTER(number), g_variant_ref(outcome));
        g_hash_table_remove(r->pending, GUINT_TO_POINTER(number));
}

/* ---- join, renew, leave ---- */

static gboolean add_token(struct room *r, GVariantDict *options)
{
        g_autofree char *token = NULL;

        if (!g_file_get_contents(r->argv[4], &token, NULL, NULL))
                return FALSE;
        g_variant_dict_insert(options, "token", "s", g_strstrip(token));
        return TRUE;
}

static void on_joined(struct room *r, gboolean ok)
{
        if (!ok)
                end(r, 1, NULL);
        else
                g_print("joined\n");
}

static void join(struct room *r)
{
        GVariantDict options;

        g_variant_dict_init(&options, NULL);
        g_variant_dict_insert(&options, "roomId", "s", r->argv[2]);
        g_variant_dict_insert(&options, "userId", "s", r->argv[3]);
        if (!add_token(r, &options)) {
                g_variant_dict_clear(&options);
                end(r, 1, "the token cannot be read");
                return;
        }
        operate(r, "JoinRtcRoom", &options, on_joined);
}

static void on_renewed(struct room *r, gboolean ok)
{
        (void)r;
        if (ok)
                g_print("token renewed\n"); /* if not, the old one stays in force as long as it lasts */
}

static void renew(struct room *r)
{
        GVariantDict options;

        g_variant_dict_init(&options, NULL);
        if (add_token(r, &options))
                operate(r, "UpdateToken", &options, on_renewed);
        else
                g_variant_dict_clear(&options);
}

static void on_left(struct room *r, gboolean ok)
{
        if (ok)
                g_print("left\n");
        end(r, ok ? 0 : 1, NULL);
}

static gboolean on_interrupt(gpointer user)
{
        GVariantDict options;

        g_variant_dict_init(&options, NULL);
        operate(user, "ExitRtcRoom", &options, on_left);
        return G_SOURCE_CONTINUE;
}

/* ---- events ---- */

static void print_list(const char *title, GVariant *arguments)
{
        g_autofree const char **ids = NULL;
        g_autofree char *line = NULL;

        g_variant_get(arguments, "(^a&s)", &ids);
        line = g_strjoinv(" ", (char **)ids);
        g_print("%s %s\n", title, line);
}

static void on_signal(GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                      const char *member, GVariant *arguments, gpointer user)
{
        struct room *r = user;

        (void)bus, (void)sender, (void)path, (void)interface;
        if (g_str_equal(member, "Completed"))
                on_completed(r, arguments);
        else if (g_str_equal(member, "RtcChatMembersChanged"))
                print_list("in the room:", arguments);
        else if (g_str_equal(member, "RtcChatSpeakersChanged"))
                print_list("speaking:", arguments);
        else if (g_str_equal(member, "RoomTokenWillExpire"))
                renew(r);
        else if (g_str_equal(member, "RtcChatInterrupted"))
                end(r, 1, "interrupted");
}

static void on_daemon_gone(GDBusConnection *bus, const char *name, gpointer user)
{
        (void)bus, (void)name;
        end(user, 1, "the daemon has ended");
}

/* ---- the context ---- */

static gboolean create(struct room *r, GError **error)
{
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GVariant) owner = NULL;
        GVariantDict options;

        g_variant_dict_init(&options, NULL);
        g_variant_dict_insert(&options, "appId", "s", r->argv[1]);
        reply = g_dbus_connection_call_sync(r->bus, NAME, ROOT, NAME ".Manager", "CreateRtcRoomContext",
                                            g_variant_new("(@a{sv})", g_variant_dict_end(&options)),
                                            G_VARIANT_TYPE("(o)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);
        if (!reply)
                return FALSE;
        g_variant_get(reply, "(o)", &r->path);
        owner = g_dbus_connection_call_sync(r->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                            "org.freedesktop.DBus", "GetNameOwner", g_variant_new("(s)", NAME),
                                            G_VARIANT_TYPE("(s)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);
        if (!owner)
                return FALSE;
        g_variant_get(owner, "(s)", &r->daemon);
        g_dbus_connection_signal_subscribe(r->bus, r->daemon, NAME ".Context", NULL, r->path, NULL,
                                           G_DBUS_SIGNAL_FLAGS_NONE, on_signal, r, NULL);
        g_bus_watch_name_on_connection(r->bus, r->daemon, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL, on_daemon_gone, r,
                                       NULL);
        return TRUE;
}

int main(int argc, char **argv)
{
        g_autoptr(GError) error = NULL;
        struct room r = { .argv = argv };

        if (argc != 5) {
                g_printerr("usage: %s APPID ROOM USER TOKENFILE\n", argv[0]);
                return 2;
        }
        r.loop = g_main_loop_new(NULL, FALSE);
        r.pending = g_hash_table_new(NULL, NULL);
        r.early = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_variant_unref);
        r.bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, &error);
        if (!r.bus || !create(&r, &error)) {
                g_printerr("%s\n", error->message);
                return 1;
        }
        g_unix_signal_add(SIGINT, on_interrupt, &r);
        g_unix_signal_add(SIGTERM, on_interrupt, &r);
        join(&r);
        g_main_loop_run(r.loop);
        g_hash_table_unref(r.pending);
        g_hash_table_unref(r.early);
        g_main_loop_unref(r.loop);
        g_object_unref(r.bus);
        g_free(r.path);
        g_free(r.daemon);
        return r.status;
}
