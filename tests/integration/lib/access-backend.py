#!/usr/bin/python3
"""access-backend.py ANSWER - the desktop's side of a portal, org.freedesktop.impl.portal.Access: stands in for the dialog.

ANSWER is a file that holds 0 (allow), 1 (deny), 2 (closed) or "wait": the dialog stays until the file says otherwise. Each
question is a line of JSON on stdout.
"""
import json
import sys

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib


class Access(dbus.service.Object):
    @dbus.service.method("org.freedesktop.impl.portal.Access", in_signature="osssssa{sv}", out_signature="ua{sv}",
                         async_callbacks=("done", "_failed"))
    def AccessDialog(self, _handle, app_id, _parent, title, _subtitle, _body, _options, done, _failed):
        print(json.dumps({"event": "asked", "app_id": app_id, "title": title}), flush=True)
        GLib.timeout_add(20, self.look, done)

    @staticmethod
    def look(done):
        with open(sys.argv[1], encoding="ascii") as f:
            answer = f.read().strip()
        if answer == "wait":
            return True
        done(dbus.UInt32(int(answer)), dbus.Dictionary({}, signature="sv"))
        return False


DBusGMainLoop(set_as_default=True)
session = dbus.SessionBus()
backend = Access(session, "/org/freedesktop/portal/desktop")
name = dbus.service.BusName("org.freedesktop.impl.portal.desktop.test", session)  # last: owning it = ready
GLib.MainLoop().run()
