#!/usr/bin/python3
"""notification-server.py BEHAVIOUR - stands in for a desktop's notification server, org.freedesktop.Notifications.

BEHAVIOUR is a file, read at each notification: "allow" or "deny" (that button is pressed), "close" (put away by the user),
"expire", "nothing", "plain" (a server without buttons), "quit" (ends as soon as it has shown one). What happens is told as
lines of JSON on stdout.
"""
import json
import sys

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = "org.freedesktop.Notifications"


def tell(**what):
    print(json.dumps(what), flush=True)


def behaviour():
    with open(sys.argv[1], encoding="ascii") as f:
        return f.read().strip()


class Server(dbus.service.Object):
    shown = 0

    @dbus.service.method(NAME, out_signature="as")
    def GetCapabilities(self):
        return ["body", "body-markup"] + ([] if behaviour() == "plain" else ["actions"])

    @dbus.service.method(NAME, in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, app, _replaces, icon, summary, body, actions, hints, timeout):
        self.shown += 1
        tell(event="shown", id=self.shown, app=app, icon=icon, summary=summary, body=body, actions=list(actions),
             urgency=int(hints.get("urgency", 1)), timeout=int(timeout))
        GLib.idle_add(self.react, self.shown, behaviour())
        return dbus.UInt32(self.shown)

    def react(self, number, what):
        if what in ("allow", "deny"):
            self.ActionInvoked(number, what)
            self.NotificationClosed(number, 2)
        elif what == "close":
            self.NotificationClosed(number, 2)
        elif what == "expire":
            self.NotificationClosed(number, 1)
        elif what == "quit":
            loop.quit()
        return False

    @dbus.service.method(NAME, in_signature="u")
    def CloseNotification(self, number):
        tell(event="closed", id=int(number))
        self.NotificationClosed(number, 3)

    @dbus.service.method("org.example.Test", in_signature="us")
    def Press(self, number, key):
        """The user, later."""
        self.ActionInvoked(number, key)
        self.NotificationClosed(number, 2)

    @dbus.service.signal(NAME, signature="us")
    def ActionInvoked(self, number, key):
        pass

    @dbus.service.signal(NAME, signature="uu")
    def NotificationClosed(self, number, reason):
        pass


DBusGMainLoop(set_as_default=True)
session = dbus.SessionBus()
server = Server(session, "/org/freedesktop/Notifications")
loop = GLib.MainLoop()
name = dbus.service.BusName(NAME, session)  # last: owning it = ready
loop.run()
