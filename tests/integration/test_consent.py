#!/usr/bin/python3
"""Who may have the microphone: a real xdg-desktop-portal and permission store, a notification server, the command line.

The portal's dialog and the notifications are played by lib/access-backend.py and lib/notification-server.py.
"""
import json
import os
import re
import shutil
import socket
import sys
import threading
import time

from gi.repository import GLib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
from harness import case, sound  # noqa: E402
from harness.bus import BUS_NAME, ROOT, Client  # noqa: E402
from harness.desktop import APP_ID, Joined  # noqa: E402
from harness.portal import BACKEND, Double, start_portal  # noqa: E402
from harness.workspace import TOP, read, wait_for  # noqa: E402

FLATPAK = "org.example.Voice"
STORE = ("org.freedesktop.impl.portal.PermissionStore", "/org/freedesktop/impl/portal/PermissionStore",
         "org.freedesktop.impl.portal.PermissionStore")
DENIED = (10200, 115990, "U", "joinRtcRoom:fail auth deny")


class ConsentCase(case.Case):
    consent = {"default": "ask"}

    def setUp(self):
        super().setUp()
        self.d = self.desktop("a", {"consent": self.consent, "server": "embedded:"})

    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    # ---- the desktop ----

    def store(self, *args, check=True):
        return self.d.run("busctl", "--user", "call", *STORE, *args, check=check).stdout

    def stored(self, table, program):
        m = re.search(r'"%s" \d+ "(\w+)"' % re.escape(program), self.store("Lookup", "ss", table, "microphone", check=False))
        return m and m[1]

    def start_store(self):
        self.d.start("/usr/libexec/xdg-permission-store", log="store.log")
        self.d.run("gdbus", "wait", "--session", "--timeout", "20", STORE[0])

    def start_portal(self, answer):
        dialog = Double(self.d, "access-backend.py", BACKEND, answer)
        self.start_store()
        start_portal(self.d, "org.freedesktop.impl.portal.Access")
        return dialog

    def start_notifications(self, behaviour):
        return Double(self.d, "notification-server.py", "org.freedesktop.Notifications", behaviour)

    # ---- programs ----

    def in_flatpak(self, *args, app_id=FLATPAK):
        """The command that runs args as Flatpak would: another root, with a file that says which application it is."""
        info = os.path.join(self.d.path, app_id + ".info")
        with open(info, "w", encoding="ascii") as f:
            f.write("[Application]\nname=%s\nruntime=runtime/org.example.Platform/x86_64/1\n\n[Instance]\ninstance-id=42\n" % app_id)
        links = [a for d in ("bin", "lib", "lib64", "sbin") if os.path.islink("/" + d)
                 for a in ("--symlink", os.readlink("/" + d), "/" + d)]
        return ["bwrap", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc", *links, "--proc", "/proc", "--dev", "/dev",
                "--bind", "/tmp", "/tmp", "--ro-bind", TOP, TOP, "--ro-bind", case.BUILD, case.BUILD,
                "--ro-bind", info, "/.flatpak-info", "--", *args]

    def join(self, user, sandboxed=True, app_id=FLATPAK):
        args = [self.d.ctl_path, "--json", "join", "room", "--app", APP_ID, "--user", user, "--token", self.d.token("room", user)]
        if sandboxed:
            args = self.in_flatpak(*args, app_id=app_id)
        name = "join-%s-%d.log" % (user, len(os.listdir(self.d.path)))
        return Joined(self.d, self.d.start(*args, log=name), os.path.join(self.d.path, name))

    def assert_denied(self, j):
        failed = j.wait("failed", seconds=30)
        self.assertEqual((failed["errNo"], failed["errorCode"], failed["errorType"], failed["errMsg"]), DENIED)
        j.process.wait(10)

    def assert_joined(self, j):
        j.wait("joined", seconds=30)

    def waiting(self):
        return [row for row in self.d.ctl_json("consent", "list") if row["source"] == "waiting"]

    def wait_waiting(self, asked_by, n=1):
        return wait_for(lambda: [r for r in self.waiting() if r["askedBy"] == asked_by][n - 1:], "a question by %r" % asked_by, 20)[0]


class Portal(ConsentCase):
    consent = {"default": "ask", "askSeconds": 6}

    def test_allowed_once_and_for_all(self):
        dialog = self.start_portal("0")
        j = self.join("u")
        self.assert_joined(j)
        self.assertEqual(dialog.wait("asked")["app_id"], FLATPAK)
        self.assertEqual(self.stored("devices", FLATPAK), "yes")
        j.leave()
        self.d.stop_daemon()  # what is known is the store's
        dialog.behave("1")
        j = self.join("u")
        self.assert_joined(j)
        self.assertEqual(len(dialog.events("asked")), 1)
        j.leave()

    def test_denied_once_and_for_all(self):
        dialog = self.start_portal("1")
        self.assert_denied(self.join("u"))
        self.assertEqual(self.stored("devices", FLATPAK), "no")
        self.assert_denied(self.join("u"))
        self.assertEqual(len(dialog.events("asked")), 1)
        self.d.ctl("consent", "reset", FLATPAK)
        wait_for(lambda: self.stored("devices", FLATPAK) is None, "the answer to be forgotten")
        dialog.behave("0")
        j = self.join("u")
        self.assert_joined(j)
        j.leave()

    def test_no_answer_is_not_remembered(self):
        dialog = self.start_portal("wait")
        j = self.join("u")
        dialog.wait("asked")
        self.assertEqual(self.wait_waiting("portal")["program"], FLATPAK)
        self.assert_denied(j)
        self.assertIsNone(self.stored("devices", FLATPAK))
        self.assertEqual([r for r in self.d.ctl_json("consent", "list") if r["program"] == FLATPAK], [])
        self.assert_denied(self.join("u"))  # and not asked again at once
        # this portal keeps the dialog up: what the user says there later holds from then on
        dialog.behave("0")
        wait_for(lambda: self.stored("devices", FLATPAK) == "yes", "the late answer", 20)
        j = self.join("u")
        self.assert_joined(j)
        self.assertEqual(len(dialog.events("asked")), 1)
        j.leave()

    def test_the_command_line_answers_over_the_open_dialog(self):
        dialog = self.start_portal("wait")
        j = self.join("u")
        dialog.wait("asked")
        self.d.ctl("consent", "allow", FLATPAK)
        self.assert_joined(j)
        self.assertEqual(self.stored("devices", FLATPAK), "yes")
        dialog.behave("1")  # the user's last word counts
        j.wait("state", lambda e: e["errNo"] == 21106)
        self.assertEqual(self.stored("devices", FLATPAK), "no")
        j.leave()

    def test_a_client_that_goes_takes_the_question_along(self):
        dialog = self.start_portal("wait")
        j = self.join("u")
        dialog.wait("asked")
        j.process.kill()
        wait_for(lambda: not self.waiting(), "the end of the question", 20)
        wait_for(lambda: self.d.ctl("status", check=False).returncode == 4, "the room to be free", 20)
        again = self.join("u")  # joins those who wait for the dialog that is up
        self.wait_waiting("portal")
        dialog.behave("0")
        self.assert_joined(again)
        self.assertEqual(len(dialog.events("asked")), 1)
        again.leave()

    def test_others_are_not_asked_about_by_the_portal(self):
        """A program outside of sandboxes has no id: the portal would ask, and answer for all of its kind."""
        dialog = self.start_portal("0")
        server = self.start_notifications("allow")
        self.store("SetPermission", "sbssas", "devices", "true", "microphone", "", "1", "yes")
        j = self.join("u", sandboxed=False)
        self.assert_joined(j)
        self.assertEqual(dialog.events("asked"), [])
        self.assertIn(self.d.ctl_path, server.wait("shown")["body"])
        self.assertEqual(self.stored("rtcroom", self.d.ctl_path), "yes")
        j.leave()

    def test_taken_back_in_the_settings_during_a_call(self):
        self.start_portal("0")
        j = self.join("u")
        self.assert_joined(j)
        self.store("SetPermission", "sbssas", "devices", "true", "microphone", FLATPAK, "1", "no")
        self.assertEqual(j.wait("state", lambda e: e["errNo"] == 21106)["errMsg"], "microphone permission denied")
        self.assertEqual(self.d.ctl_json("status")[0]["state"], "joined")
        j.leave()


class Notifications(ConsentCase):
    consent = {"default": "ask", "askSeconds": 6}

    def ask(self, behaviour):
        server = self.start_notifications(behaviour)
        return server, self.join("u", sandboxed=False)

    def test_allow(self):
        server, j = self.ask("allow")
        self.assert_joined(j)
        shown = server.wait("shown")
        self.assertEqual(shown["actions"], ["allow", "Allow", "deny", "Deny"])
        self.assertEqual((shown["body"], shown["urgency"], shown["timeout"]), (self.d.ctl_path + " wants to use the microphone.", 2, 0))
        j.leave()
        server.behave("deny")
        j = self.join("u", sandboxed=False)
        self.assert_joined(j)
        self.assertEqual(len(server.events("shown")), 1)
        j.leave()

    def test_deny(self):
        server, j = self.ask("deny")
        self.assert_denied(j)
        self.assert_denied(self.join("u", sandboxed=False))
        self.assertEqual(len(server.events("shown")), 1)

    def test_put_away(self):
        server, j = self.ask("close")
        self.assert_denied(j)
        self.assertEqual([r for r in self.d.ctl_json("consent", "list") if r["program"] == self.d.ctl_path], [], "no answer")
        self.assert_denied(self.join("u", sandboxed=False))
        self.assertEqual(len(server.events("shown")), 1, "not again at once")

    def test_nothing(self):
        server, j = self.ask("nothing")
        self.assertEqual(self.wait_waiting("notification")["program"], self.d.ctl_path)
        self.assert_denied(j)
        server.wait("closed")

    def test_exit_closes_it(self):
        server, j = self.ask("nothing")
        server.wait("shown")
        self.d.ctl("leave")
        failed = j.wait("failed", seconds=20)
        self.assertEqual((failed["errNo"], failed["errMsg"]), (21102, "joinRtcRoom:fail room exited"))
        server.wait("closed")

    def test_the_command_line_answers_what_it_cannot(self):
        """It expired, has no buttons, or died: the question stays, and rtcroomctl answers."""
        for behaviour in ("expire", "plain", "quit"):
            with self.subTest(behaviour):
                server, j = self.ask(behaviour)
                self.wait_waiting("")
                self.d.ctl("consent", "allow", self.d.ctl_path)
                self.assert_joined(j)
                j.leave()
                self.d.ctl("consent", "reset", self.d.ctl_path)
                self.ws.stop(server.process)
                self.d.stop_daemon()

    def test_two_at_once(self):
        self.start_store()
        server, j = self.ask("nothing")
        first = server.wait("shown")
        client = Client(self.d)  # this program
        path = client.create(APP_ID)
        capture = client.call(path, "ChangeAudioCapture", state=1)
        second = server.wait("shown", 2)
        python = os.path.realpath(sys.executable)
        self.assertEqual(second["body"], python + " wants to use the microphone.")
        self.assertEqual(sorted(r["program"] for r in self.waiting()), sorted([python, self.d.ctl_path]))
        for number, key in ((second["id"], "deny"), (first["id"], "allow")):
            self.d.run("busctl", "--user", "call", "org.freedesktop.Notifications", "/org/freedesktop/Notifications",
                       "org.example.Test", "Press", "us", str(number), key)
        self.assertEqual(client.completed(path, capture), ("changeAudioCapture", 10200, 115990, "U", "changeAudioCapture:fail auth deny"))
        self.assert_joined(j)
        self.assertEqual((self.stored("rtcroom", python), self.stored("rtcroom", self.d.ctl_path)), ("no", "yes"))
        j.leave()
        client.close()

    def test_forged_answers_are_not_heard(self):
        """Any program can send us the signals of the server and of the store."""
        server, j = self.ask("nothing")
        shown = server.wait("shown")
        daemon = self.d.run("busctl", "--user", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                            "GetNameOwner", "s", "org.rtcroom.RtcRoom1").stdout.split('"')[1]
        self.d.run("gdbus", "emit", "--session", "--dest", daemon, "--object-path", "/org/freedesktop/Notifications",
                   "--signal", "org.freedesktop.Notifications.ActionInvoked", "uint32 %d" % shown["id"], "'allow'")
        self.d.run("gdbus", "emit", "--session", "--dest", daemon, "--object-path", STORE[1], "--signal", STORE[2] + ".Changed",
                   "'rtcroom'", "'microphone'", "false", "<byte 0>", "{'%s': ['yes']}" % self.d.ctl_path)
        self.assert_denied(j)


class Rtp(threading.Thread):
    """The times at which RTP packets leave: a look at every device of this namespace. Janus has nobody to send them on to."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.times = []

    def run(self):
        while True:
            packet = self.socket.recv(2048)
            payload = packet[(packet[0] & 15) * 4 + 8:]
            if packet[9] == 17 and len(payload) >= 12 and payload[0] & 0xc0 == 0x80 and not 64 <= payload[1] & 0x7f < 96:
                self.times.append(time.monotonic())


class Revoked(ConsentCase):
    """Taken back during a call: the room stays, the microphone is shut. How soon, is measured and printed."""

    def setUp(self):
        super().setUp()
        self.start_store()
        sound.play(self.d, sound.tone(os.path.join(self.d.path, "tone.wav"), 440, 60, 0.4))
        self.client = Client(self.d)
        self.allow()
        self.j = self.d.join("room", "u")
        self.rtp = Rtp()
        self.rtp.start()
        wait_for(lambda: len(self.rtp.times) > 50, "sound on its way", 20)

    def tearDown(self):
        self.client.close()
        super().tearDown()

    def allow(self):
        self.d.ctl("consent", "allow", self.d.ctl_path)

    def check(self, how, deny):
        start = time.monotonic()
        deny()
        answered = time.monotonic()
        self.j.wait("state", lambda e: e["errNo"] == 21106)
        self.client.pump(0.5)
        last, count = max(self.rtp.times), len(self.rtp.times)
        print("%s: answered after %.1f ms, last RTP packet %.1f ms after the call was sent" %
              (how, (answered - start) * 1e3, (last - start) * 1e3), file=sys.stderr)
        self.client.pump(0.5)
        self.assertEqual(len(self.rtp.times), count, "something is still sent")
        self.assertEqual(self.d.ctl_json("status")[0]["state"], "joined")
        self.allow()
        self.client.pump(0.3)
        self.assertEqual(len(self.rtp.times), count, "it opens by itself")
        self.j.leave()

    def test_by_rtcroomctl(self):
        self.check("Consent.Set", lambda: self.client.raw(ROOT, BUS_NAME + ".Consent", "Set", GLib.Variant("(ss)", (self.d.ctl_path, "deny"))))

    def test_by_the_permission_store(self):
        no = GLib.Variant("(sbssas)", ("rtcroom", True, "microphone", self.d.ctl_path, ["no"]))
        self.check("PermissionStore.SetPermission", lambda: self.client.bus.call_sync(*STORE, "SetPermission", no, None, 0, -1, None))


if __name__ == "__main__":
    case.main()
