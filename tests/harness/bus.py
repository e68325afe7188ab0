"""bus.py - a D-Bus client of rtcroomd in Python (GDBus), as an application in another language would be."""
import time

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

BUS_NAME = "org.rtcroom.RtcRoom1"
ROOT = "/org/rtcroom/RtcRoom1"


def variant(value):
    """str, bool, int, float, dict, list → the variant an application would send."""
    if isinstance(value, GLib.Variant):
        return value
    if isinstance(value, bool):
        return GLib.Variant("b", value)
    if isinstance(value, int):
        return GLib.Variant("i", value)
    if isinstance(value, float):
        return GLib.Variant("d", value)
    if isinstance(value, str):
        return GLib.Variant("s", value)
    if isinstance(value, dict):
        return GLib.Variant("a{sv}", {k: variant(v) for k, v in value.items()})
    if isinstance(value, list):
        return GLib.Variant("av", [variant(v) for v in value])
    raise TypeError(type(value))


class Client:
    """One connection = one application. Signals are kept in order in `signals` as (path, interface, member, arguments)."""

    def __init__(self, desktop):
        self.signals = []
        self.context_loop = GLib.MainContext()
        self.context_loop.push_thread_default()
        try:
            self.bus = Gio.DBusConnection.new_for_address_sync(
                desktop.env["DBUS_SESSION_BUS_ADDRESS"],
                Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
            self.bus.set_exit_on_close(False)
            self.bus.signal_subscribe(BUS_NAME, None, None, None, None, Gio.DBusSignalFlags.NONE, self._on_signal)
        finally:
            self.context_loop.pop_thread_default()

    def _on_signal(self, _bus, _sender, path, interface, member, arguments):
        self.signals.append((path, interface.rsplit(".", 1)[-1], member, arguments.unpack()))

    def raw(self, path, interface, member, arguments=None, timeout_ms=20000):
        r = self.bus.call_sync(BUS_NAME, path, interface, member, arguments, None, Gio.DBusCallFlags.NONE, timeout_ms, None)
        return r.unpack()

    def error_of(self, path, interface, member, arguments=None):
        """The D-Bus error name and message of a call that must fail."""
        try:
            r = self.raw(path, interface, member, arguments)
        except GLib.Error as e:
            return Gio.DBusError.get_remote_error(e), e.message.split(": ", 1)[-1]
        raise AssertionError("%s.%s succeeded: %r" % (interface, member, r))

    def create(self, app_id, server=None, **more):
        options = dict(more, appId=app_id)
        if server:
            options["server"] = server
        return self.raw(ROOT, BUS_NAME + ".Manager", "CreateRtcRoomContext", GLib.Variant("(a{sv})", ({k: variant(v) for k, v in options.items()},)))[0]

    def call(self, path, method, **options):
        """Starts an operation; its request number."""
        interface = ".Voice" if method == "SendMessage" else ".Context"
        return self.raw(path, BUS_NAME + interface, method, GLib.Variant("(a{sv})", ({k: variant(v) for k, v in options.items()},)))[0]

    def get(self, path, interface, name):
        return self.raw(path, "org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (BUS_NAME + "." + interface, name)))[0]

    def set(self, path, interface, name, value):
        self.raw(path, "org.freedesktop.DBus.Properties", "Set", GLib.Variant("(ssv)", (BUS_NAME + "." + interface, name, variant(value))))

    def pump(self, seconds=0.0):
        end = time.monotonic() + seconds
        while True:
            while self.context_loop.iteration(False):
                pass
            if time.monotonic() >= end:
                return
            time.sleep(0.002)

    def wait_signal(self, path, member, condition=lambda a: True, seconds=10.0, since=0):
        """The arguments of the first such signal after index `since`."""
        end = time.monotonic() + seconds
        while True:
            self.pump()
            for at, _interface, name, arguments in self.signals[since:]:
                if at == path and name == member and condition(arguments):
                    return arguments
            if time.monotonic() > end:
                raise TimeoutError("no %s at %s in %g s; signals: %r" % (member, path, seconds, self.signals[-8:]))
            time.sleep(0.002)

    def completed(self, path, request, seconds=25.0):
        """(api, errNo, errorCode, errorType, errMsg) of a request."""
        return self.wait_signal(path, "Completed", lambda a: a[0] == request, seconds)[1:]

    def outcome(self, path, method, **options):
        return self.completed(path, self.call(path, method, **options))

    def join(self, path, room, user, token, key=None, **config):
        options = {"roomId": room, "userId": user, "token": token}
        if key:
            options["e2eeKey"] = key
        if config:
            options["roomConfig"] = config
        return self.call(path, "JoinRtcRoom", **options)

    def close(self):
        self.bus.close_sync(None)
