#!/usr/bin/python3
"""shortcuts-backend.py KEYS - the desktop's side of a portal, org.freedesktop.impl.portal.GlobalShortcuts.

KEYS is a file that says what is pressed: "up" or "down"; "refuse": no session is given a key. What happens is a line of
JSON on stdout, with the time in microseconds (monotonic).
"""
import json
import sys
import time

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

IMPL = "org.freedesktop.impl.portal."
PATH = "/org/freedesktop/portal/desktop"


def tell(event, **more):
    print(json.dumps(dict(more, event=event, us=time.monotonic_ns() // 1000)), flush=True)


class Session(dbus.service.Object):
    @dbus.service.method(IMPL + "Session")
    def Close(self):
        tell("closed")
        backend.sessions.pop(self.path)
        self.remove_from_connection()


class Shortcuts(dbus.service.Object):
    def __init__(self, bus, path):
        super().__init__(bus, path)
        self.sessions, self.was = {}, "up"
        GLib.timeout_add(5, self.look)

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="ss", out_signature="v")
    def Get(self, _interface, _name):
        return dbus.UInt32(1)

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="s", out_signature="a{sv}")
    def GetAll(self, _interface):
        return dbus.Dictionary({"version": dbus.UInt32(1)}, signature="sv")

    @dbus.service.method(IMPL + "GlobalShortcuts", in_signature="oosa{sv}", out_signature="ua{sv}")
    def CreateSession(self, _handle, session, app_id, _options):
        tell("session", app_id=app_id)
        s = Session(bus, session)
        s.path = str(session)
        self.sessions[s.path] = []
        return dbus.UInt32(0), dbus.Dictionary({"session_id": session.rsplit("/")[-1]}, signature="sv")

    @dbus.service.method(IMPL + "GlobalShortcuts", in_signature="ooa(sa{sv})sa{sv}", out_signature="ua{sv}")
    def BindShortcuts(self, _handle, session, shortcuts, _parent, _options):
        tell("bound", ids=[str(s[0]) for s in shortcuts], descriptions=[str(s[1].get("description", "")) for s in shortcuts])
        if self.read() == "refuse":
            return dbus.UInt32(1), dbus.Dictionary({}, signature="sv")
        self.sessions[str(session)] = [str(s[0]) for s in shortcuts]
        return dbus.UInt32(0), dbus.Dictionary({"shortcuts": shortcuts}, signature="sv")

    @dbus.service.signal(IMPL + "GlobalShortcuts", signature="osta{sv}")
    def Activated(self, session, shortcut, timestamp, options):
        pass

    @dbus.service.signal(IMPL + "GlobalShortcuts", signature="osta{sv}")
    def Deactivated(self, session, shortcut, timestamp, options):
        pass

    @staticmethod
    def read():
        with open(sys.argv[1], encoding="ascii") as f:
            return f.read().strip()

    def look(self):
        now = self.read()
        if now != self.was and now in ("up", "down"):
            tell("pressed" if now == "down" else "released")
            for session, ids in self.sessions.items():
                for one in ids:
                    (self.Activated if now == "down" else self.Deactivated)(dbus.ObjectPath(session), one, dbus.UInt64(0), dbus.Dictionary({}, signature="sv"))
        self.was = now
        return True


DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
backend = Shortcuts(bus, PATH)
name = dbus.service.BusName(IMPL + "desktop.test", bus)  # last: owning it = ready
GLib.MainLoop().run()
