#!/usr/bin/python3
"""rtcroomd with its fake engine on a real dbus-daemon: what a connection without a bus cannot show. The name, unicast that
is unicast, owners that vanish, who a caller is, the end of the bus, floods.

Arguments: FOLDER (empty, private) and the path of rtcroomd. Each test has a bus and a daemon of its own.
"""
import json
import os
import socket
import shutil
import signal
import subprocess
import sys
import time
import unittest

try:
    from gi.repository import Gio, GLib
except ImportError:
    print("skipped: python3-gi is not installed", file=sys.stderr)
    sys.exit(1 if os.environ.get("RTCROOMD_TESTS_STRICT") == "1" else 77)

FOLDER, RTCROOMD = sys.argv[1:3]
NAME, ROOT = "org.rtcroom.RtcRoom1", "/org/rtcroom/RtcRoom1"
MANAGER, CONTEXT, VOICE, CONSENT = NAME + ".Manager", NAME + ".Context", NAME + ".Voice", NAME + ".Consent"
PROPERTIES, OBJECT_MANAGER = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"
CONFIG = {"server": "fake:", "consent": {"default": "allow"}}


def pump(until=lambda: False, seconds=5.0):
    """Runs the main context until `until()`, at most `seconds`; says whether it came true."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            return False
        if not GLib.MainContext.default().iteration(False):
            time.sleep(0.002)
    return True


class Client:
    """One connection, with every signal it gets from rtcroomd: (path, interface, member, arguments)."""

    def __init__(self, address):
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        self.signals = []
        self.bus.signal_subscribe(NAME, None, None, None, None, Gio.DBusSignalFlags.NONE, self.on_signal)

    def on_signal(self, _bus, _sender, path, interface, member, arguments):
        self.signals.append((path, interface, member, arguments.unpack()))

    def call(self, path, interface, member, arguments=None):
        reply = self.bus.call_sync(NAME, path, interface, member, arguments, None, Gio.DBusCallFlags.NONE, 10000, None)
        return reply.unpack()

    def error(self, path, interface, member, arguments=None):
        """The name of the D-Bus error that the call gives."""
        try:
            self.call(path, interface, member, arguments)
        except GLib.Error as e:
            return Gio.DBusError.get_remote_error(e)
        return None

    def get(self, path, interface, name):
        return self.call(path, PROPERTIES, "Get", GLib.Variant("(ss)", (interface, name)))[0]

    def create(self):
        options = GLib.Variant("(a{sv})", ({"appId": GLib.Variant("s", "app")},))
        return self.call(ROOT, MANAGER, "CreateRtcRoomContext", options)[0]

    def operate(self, path, member, **options):
        variants = {k: GLib.Variant("i" if isinstance(v, int) else "s", v) for k, v in options.items()}
        return self.call(path, CONTEXT, member, GLib.Variant("(a{sv})", (variants,)))[0]

    def members(self, member):
        return [s for s in self.signals if s[2] == member]

    def join(self, path):
        request = self.operate(path, "JoinRtcRoom", roomId="room", userId="me", token="native")
        assert pump(lambda: self.members("Completed")), "no completion"
        assert self.members("Completed")[0][3][:3] == (request, "joinRtcRoom", 0), self.members("Completed")

    def close(self):
        self.bus.close_sync(None)


def accepts(path):
    """A socket that is bound is not yet one that listens."""
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(path) == 0


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = os.path.join(FOLDER, self.id().split(".")[-1])
        os.makedirs(self.folder, 0o700)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.folder, XDG_STATE_HOME=self.folder,
                                XDG_CONFIG_HOME=self.folder, RTCROOMD_FAKE_ENGINE="1", RTCROOMD_AUDIO="null",
                                DBUS_SESSION_BUS_ADDRESS="unix:path=" + self.folder + "/bus")
        self.environment["ASAN_OPTIONS"] = "quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")
        self.address = self.environment["DBUS_SESSION_BUS_ADDRESS"]
        self.config = os.path.join(self.folder, "config.json")
        with open(self.config, "w", encoding="utf-8") as f:
            json.dump(CONFIG, f)
        self.processes, self.clients = [], []
        self.bus = self.start("dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=" + self.address)
        self.assertTrue(pump(lambda: accepts(self.folder + "/bus")), "dbus-daemon did not come up")
        self.daemon = self.start_daemon()
        self.watch = self.client()
        self.assertTrue(pump(self.has_name), "rtcroomd did not come up")

    def tearDown(self):
        for client in self.clients:
            if not client.bus.is_closed():
                client.close()
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
            self.assertLessEqual(process.wait(5), 0, "a process failed: see " + self.folder)

    def start(self, *command):
        with open(os.path.join(self.folder, f"log-{len(self.processes)}"), "wb") as log:
            self.processes.append(subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL,
                                                   stdout=log, stderr=log))
        return self.processes[-1]

    def start_daemon(self):
        return self.start(RTCROOMD, "--config", self.config)

    def client(self):
        self.clients.append(Client(self.address))
        return self.clients[-1]

    def has_name(self):
        reply = self.watch.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                         "NameHasOwner", GLib.Variant("(s)", (NAME,)), None,
                                         Gio.DBusCallFlags.NONE, 5000, None)
        return reply.unpack()[0]

    def objects(self, client):
        return client.call(ROOT, OBJECT_MANAGER, "GetManagedObjects")[0]


class Names(Case):
    def test_a_second_daemon_gives_up(self):
        second = self.start_daemon()
        self.assertGreater(second.wait(5), 0)
        self.processes.remove(second)
        self.assertTrue(self.has_name())
        self.watch.create()

    def test_sigterm_leaves_and_lets_the_name_go(self):
        owner = self.client()
        path = owner.create()
        owner.join(path)
        started = time.monotonic()
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(5), 0)
        self.assertLess(time.monotonic() - started, 2)
        self.assertFalse(self.has_name())
        pump(seconds=0.1)
        self.assertEqual(owner.members("RtcChatMembersChanged")[-1][3], ([],), "the last list is empty")

    def test_the_bus_ends(self):
        self.watch.bus.set_exit_on_close(False)
        self.bus.terminate()
        self.bus.wait(5)
        self.assertEqual(self.daemon.wait(3), 0)


class Signals(Case):
    def test_unicast_is_unicast(self):
        owner, subscriber, third = self.client(), self.client(), self.client()
        subscriber.call(ROOT, MANAGER, "Subscribe")
        path = owner.create()
        owner.join(path)
        self.assertTrue(pump(lambda: [s for s in owner.members("RtcChatMembersChanged") if len(s[3][0]) == 3]))
        owner.operate(path, "ChangeAudioCapture", state=1)
        owner.operate(path, "ExitRtcRoom")
        self.assertTrue(pump(lambda: len(owner.members("Completed")) == 3))
        pump(seconds=0.2)
        for member in ("Completed", "RtcChatMembersChanged", "InterfacesAdded", "InterfacesRemoved", "PropertiesChanged"):
            self.assertTrue(owner.members(member), member)
            # who asks for the microphone is not the business of an application
            told = [s for s in subscriber.members(member) if s[3][0] != CONSENT]
            self.assertEqual(owner.members(member), told, member)
        self.assertTrue(third.signals)
        for path, interface, member, arguments in third.signals:
            self.assertEqual((path, interface, member), (ROOT, PROPERTIES, "PropertiesChanged"))
            self.assertEqual(arguments[0], MANAGER)
            self.assertEqual(list(arguments[1]), ["InRoom"])
            self.assertEqual(arguments[2], ["RoomId", "UserId"])

    def test_a_forged_vanishing_changes_nothing(self):
        owner, forger = self.client(), self.client()
        path = owner.create()
        name = owner.bus.get_unique_name()
        forger.bus.emit_signal(NAME, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged",
                               GLib.Variant("(sss)", (name, name, "")))
        forger.bus.emit_signal(NAME, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameLost",
                               GLib.Variant("(s)", (NAME,)))
        forger.bus.flush_sync(None)
        self.assertEqual(forger.get(path, CONTEXT, "State"), "idle")


class Owners(Case):
    def test_an_owner_vanishes_in_a_room(self):
        owner, subscriber = self.client(), self.client()
        subscriber.call(ROOT, MANAGER, "Subscribe")
        path = owner.create()
        owner.join(path)
        self.assertTrue(subscriber.get(ROOT, MANAGER, "InRoom"))
        owner.close()
        self.assertTrue(pump(lambda: not self.objects(subscriber)))
        self.assertTrue(pump(lambda: not subscriber.get(ROOT, MANAGER, "InRoom")))
        pump(seconds=0.1)
        self.assertIn(path, [s[3][0] for s in subscriber.members("InterfacesRemoved")])
        again = self.client()
        path = again.create()
        again.join(path)

    def test_an_owner_vanishes_while_joining(self):
        owner = self.client()
        path = owner.create()
        owner.operate(path, "JoinRtcRoom", roomId="fake.hang", userId="me", token="native")
        owner.close()
        self.assertTrue(pump(lambda: not self.objects(self.watch)))
        again = self.client()
        again.join(again.create())

    def test_many_come_and_go(self):
        for _ in range(300):
            client = Client(self.address)
            path = client.create()
            client.operate(path, "JoinRtcRoom", roomId="room", userId="me", token="native")
            client.close()
        self.assertTrue(pump(lambda: not self.objects(self.watch)))


SANDBOXED = r"""
import sys
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
bus = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
def call(path, interface, member, arguments=None):
    try:
        return bus.call_sync("org.rtcroom.RtcRoom1", path, "org.rtcroom.RtcRoom1." + interface if interface[0].isupper()
                             else interface, member, arguments, None, Gio.DBusCallFlags.NONE, 5000, None).unpack()
    except GLib.Error as e:
        return Gio.DBusError.get_remote_error(e)
ROOT = "/org/rtcroom/RtcRoom1"
get = lambda path, interface, name: call(path, "org.freedesktop.DBus.Properties", "Get",
                                         GLib.Variant("(ss)", ("org.rtcroom.RtcRoom1." + interface, name)))
objects = lambda: list(call(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0])
print([objects(), get(ROOT, "Manager", "RoomId"), get(ROOT, "Manager", "InRoom"), get(sys.argv[2], "Context", "RoomId"),
       call(sys.argv[2], "Context", "ExitRtcRoom", GLib.Variant("(a{sv})", ({},))), call(ROOT, "Manager", "Subscribe"),
       call(ROOT, "Manager", "CreateRtcRoomContext", GLib.Variant("(a{sv})", ({"appId": GLib.Variant("s", "app")},))),
       objects()])
"""

# As Flatpak does it: a root of its own with a file that says which application it is.
SANDBOX = r"""
set -e
mount -t tmpfs tmpfs "$1"
for d in usr etc proc tmp; do mkdir "$1/$d"; mount --rbind "/$d" "$1/$d"; done
for d in bin lib lib64; do [ ! -e "/$d" ] || ln -s "usr/$d" "$1/$d"; done
printf '[Application]\nname=org.example.Sandboxed\n' >"$1/.flatpak-info"
root=$1
shift
exec chroot "$root" "$@"
"""


class Callers(Case):
    def test_a_sandboxed_program(self):
        if not shutil.which("unshare"):
            self.skipTest("unshare is not installed")
        root = os.path.join(self.folder, "root")
        os.mkdir(root)
        owner = self.client()
        path = owner.create()
        owner.join(path)
        run = subprocess.run(["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c", SANDBOX, "sh",
                              root, "/usr/bin/python3", "-c", SANDBOXED, self.address, path],
                             capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        denied = "org.freedesktop.DBus.Error.AccessDenied"
        created = f"{ROOT}/context/2"
        self.assertEqual(eval(run.stdout),  # our own script's literal
                         [[], denied, (True,), denied, denied, denied, (created,), [created]])
        self.assertEqual(owner.get(path, CONTEXT, "State"), "joined")

    def test_an_unsandboxed_program_may_look_and_mute(self):
        owner, panel = self.client(), self.client()
        path = owner.create()
        owner.join(path)
        self.assertEqual(panel.get(ROOT, MANAGER, "RoomId"), "room")
        panel.call(path, PROPERTIES, "Set", GLib.Variant("(ssv)", (VOICE, "Muted", GLib.Variant("b", True))))
        self.assertTrue(owner.get(path, VOICE, "Muted"))
        self.assertEqual(panel.error(path, CONTEXT, "Destroy", GLib.Variant("(a{sv})", ({},))),
                         "org.freedesktop.DBus.Error.AccessDenied")


class Floods(Case):
    def memory_kb(self):
        with open(f"/proc/{self.daemon.pid}/smaps_rollup", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Private_Dirty:"))

    def flood(self, path, n):
        bad = GLib.Variant("(a{sv})", ({"roomId": GLib.Variant("s", "x" * 2000)},))
        other = self.client()
        for _ in range(n):
            self.watch.bus.call(NAME, path, CONTEXT, "JoinRtcRoom", bad, None, Gio.DBusCallFlags.NONE, -1, None, None)
            other.bus.call(NAME, path, CONTEXT, "Destroy", bad, None, Gio.DBusCallFlags.NONE, -1, None, None)
        other.bus.flush_sync(None)
        self.watch.bus.flush_sync(None)
        self.assertEqual(self.watch.get(path, CONTEXT, "State"), "idle")
        self.assertEqual(other.get(path, CONTEXT, "State"), "idle")
        pump(seconds=0.2)
        other.close()
        self.watch.signals.clear()

    def test_memory_is_flat(self):
        path = self.watch.create()
        for _ in range(3):
            self.flood(path, 1000)
        before = self.memory_kb()
        for _ in range(6):
            self.flood(path, 1000)
        self.assertLess(self.memory_kb() - before, 1024)


if __name__ == "__main__":
    if not shutil.which("dbus-daemon"):
        print("skipped: dbus-daemon is not installed", file=sys.stderr)
        sys.exit(1 if os.environ.get("RTCROOMD_TESTS_STRICT") == "1" else 77)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
