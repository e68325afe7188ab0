#!/usr/bin/python3
"""test_unit_room.py BUILD: a room under the unit's hardening, in a real user manager beside the stock sound units.

The unit, its activation file and the programs are copied to a folder that the manager's user can read; only the path of the
daemon is changed. As root; the second half of this file (--inside) runs as that user, in the manager.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..")]  # inside, the harness is beside this file
from harness import desktop, sound, workspace  # noqa: E402
from harness.desktop import APP_ID, APP_KEY, BUS_NAME  # noqa: E402
from harness.workspace import read, wait_for  # noqa: E402

USER = "nobody"
UNIT = "rtcroomd.service"
PROGRAMS = ("daemon/rtcroomd", "client-lib/rtcroomctl", "client-lib/librtcroom.so.0", "tests/tools/audio-probe")
# The test's own conditions: a log, a short watchdog, no leak check (it needs ptrace); the AppKey as a credential.
DROP_IN = """[Service]
WatchdogSec=2s
StandardError=append:%(desk)s/rtcroomd.log
Environment=ASAN_OPTIONS=detect_leaks=0
LoadCredential=appkey.%(app)s:%(desk)s/appkey
"""


# ---- outside, as root ----

def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def prepare(top, build):
    """TOP/build: the programs; TOP/tests: this test; TOP/desk: what belongs to the user."""
    os.chmod(top, 0o755)
    for name in PROGRAMS:
        os.makedirs(os.path.dirname(os.path.join(top, "build", name)), exist_ok=True)
        shutil.copy(os.path.join(build, name), os.path.join(top, "build", name))
    shutil.copytree(os.path.join(HERE, "..", "..", "harness"), os.path.join(top, "tests", "harness"),
                    ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(os.path.abspath(__file__), os.path.join(top, "tests", "inside.py"))
    shutil.copy(os.path.join(HERE, "../lib/access-backend.py"), os.path.join(top, "tests"))
    desk, home = os.path.join(top, "desk"), os.path.join(top, "desk", "home")
    unit = re.sub(r"(?m)^ExecStart=.*$", "ExecStart=%s/build/daemon/rtcroomd" % top, read(os.path.join(build, "systemd", UNIT)))
    write(os.path.join(home, ".config/systemd/user", UNIT), unit)
    write(os.path.join(home, ".config/systemd/user", UNIT + ".d", "test.conf"), DROP_IN % {"desk": desk, "app": APP_ID})
    write(os.path.join(home, ".local/share/dbus-1/services", BUS_NAME + ".service"),
          read(os.path.join(build, "dbus-interfaces", BUS_NAME + ".service")))
    write(os.path.join(desk, "appkey"), APP_KEY, 0o600)
    subprocess.run([os.path.join(HERE, "../lib/audio-config.sh"), os.path.join(home, ".config")], check=True,
                   env=dict(os.environ, STACK_QUANTUM="256"))
    subprocess.run(["chown", "-R", USER, desk], check=True)


def outside(build):
    workspace.enter_namespace()
    with workspace.Workspace() as ws:
        prepare(ws.path, build)
        process = subprocess.Popen([os.path.join(HERE, "../lib/systemd-user.sh"), USER, os.path.join(ws.path, "desk"),
                                    sys.executable, os.path.join(ws.path, "tests/inside.py"), "--inside", ws.path, *sys.argv[2:]])
        try:
            return process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


# ---- inside, as the user ----

class UnitDesktop(desktop.Desktop):
    """The manager's user as a desktop of the harness: sound from the stock units, the daemon from ours."""

    def start_stack(self):
        self.env = dict(os.environ, LD_LIBRARY_PATH=os.path.join(self.build, "client-lib"))
        del self.config["apps"]  # the AppKey is a credential
        self.config["server"] = "embedded:"
        self.config["consent"]["default"] = "deny"
        self.config["consent"]["programs"].update({"org.example.Talker": "ask", "org.example.Shouter": "ask"})
        self.write_config()
        self.systemctl("start", "pipewire.socket", "pipewire.service", "wireplumber.service")
        wait_for(lambda: self.has_ports("test-sink:playback_FL", "test-mic:capture_MONO"), "PipeWire's ports")

    def has_ports(self, *names):
        listed = self.run("pw-link", "-io", check=False).stdout.split()
        return all(name in listed for name in names)

    def systemctl(self, *args, check=True):
        return self.run("systemctl", "--user", *args, check=check).stdout.strip()

    def show(self, what):
        return self.systemctl("show", UNIT, "-p", what, "--value")

    def token(self, room, user, *more):
        return super().token(room, user, "--key-file", os.path.join(self.path, "appkey"), *more)

    def pids(self):
        """What is in the unit's control group: name → pid."""
        group = self.show("ControlGroup")
        pids = read("/sys/fs/cgroup" + group + "/cgroup.procs", "").split() if group else []
        return {read("/proc/%s/comm" % pid, "").strip(): int(pid) for pid in pids}


class UnitRoom(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ws = workspace.Workspace(keep=TOP)
        cls.d = UnitDesktop(cls.ws, "desk", os.path.join(TOP, "build"))

    @classmethod
    def tearDownClass(cls):
        cls.ws.close()

    def tearDown(self):
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.errors + outcome.failures):
            print("%s\n---- log ----\n%s" % (self.d.systemctl("status", "--no-pager", UNIT, check=False), self.d.log()[-6000:]),
                  file=sys.stderr)
        self.d.systemctl("stop", UNIT)
        self.d.systemctl("reset-failed", UNIT, check=False)
        for word in ("AddressSanitizer", "runtime error:"):
            self.assertNotIn(word, self.d.log())

    def wait_until(self, what, value, seconds=8.0):
        wait_for(lambda: self.d.show(what) == value, "%s=%s, it is %s" % (what, value, self.d.show(what)), seconds)

    def assert_hardened(self, pid):
        status = read("/proc/%d/status" % pid)
        self.assertIn("NoNewPrivs:\t1\n", status)
        self.assertIn("Seccomp:\t2\n", status)
        for field in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertRegex(status, field + r":\t0+\n")
        self.assertEqual(read("/proc/%d/uid_map" % pid).split(), [str(os.getuid()), str(os.getuid()), "1"], "no user namespace")
        mounts = {line.split()[4]: line.split()[5].split(",") for line in read("/proc/%d/mountinfo" % pid).splitlines()}
        for path in ("/usr", "/etc", "/proc/sys", "/sys/fs/cgroup"):
            self.assertIn("ro", mounts.get(path, []), path)
        self.assertIn("/dev", mounts)

    def test_the_first_call_starts_it_and_the_tone_comes_back(self):
        self.assertEqual(self.d.show("ActiveState"), "inactive")
        sound.play(self.d, sound.tone(os.path.join(self.d.path, "tone.wav"), 660, 30, 0.3))
        echo = self.d.start(self.d.ctl_path, "--json", "echo-test", "--app", APP_ID, "--user", "u", "--token",
                            self.d.token("rtcroomd.echo-test", "u"), log="echo.log")
        echo = desktop.Joined(self.d, echo, os.path.join(self.d.path, "echo.log"))
        echo.wait("joined", seconds=20)
        echo.wait("delay", lambda e: e["packetsReceived"] > 20)
        ear = os.path.join(self.d.path, "ear.wav")
        sound.record(self.d, ear, seconds=4).finish()
        heard, step = sound.read_wav(ear), sound.RATE // 2
        # the clearest half second: an ordinary user has no real-time scheduling here, and other tests may take the processor
        self.assertGreater(max(sound.power(heard[i:i + step], 660) for i in range(0, len(heard), step)), 0.9)

        levels = self.d.ctl_json("levels", "--count", "3")[-1]  # their memory is sealed and watched under the hardening, too
        self.assertGreater(levels["levels"]["u"] + levels["microphone"], 0)
        self.assertEqual(self.d.show("ActiveState"), "active")
        self.assertEqual(self.d.show("StatusText"), "In a room")
        pids = self.d.pids()
        self.assertEqual(sorted(pids), ["janus", "rtcroomd"])
        self.assertEqual(pids["rtcroomd"], int(self.d.show("MainPID")))
        for pid in pids.values():
            self.assert_hardened(pid)
        self.assertEqual(echo.leave(), 0)
        self.wait_until("StatusText", "Idle")
        self.assertNotRegex(self.d.log(), "Operation not permitted|EPERM", "something needed is forbidden")

    def test_the_credential_is_the_appkey(self):
        good = self.d.token("room", "u")
        forged = good[:-5] + ("A" if good[-5] != "A" else "B") + good[-4:]
        j = self.d.join("room", "u", token=forged, wait=False)
        self.assertEqual(j.wait("failed")["errorCode"], 115902)
        self.d.join("room", "u", token=good).leave()

    def test_consent_by_path(self):
        """A copy of the allowed program, and one that says it is the allowed one, are other programs."""
        other = os.path.join(self.d.path, "other")
        shutil.copy(self.d.ctl_path, other)
        args = ["--json", "join", "room", "--app", APP_ID, "--user", "u", "--token", self.d.token("room", "u")]
        before = len(self.d.log())
        for name in (other, self.d.ctl_path):
            r = self.d.run("bash", "-c", 'n=$1 p=$2; shift 2; exec -a "$n" "$p" "$@"', "bash", name, other, *args, check=False)
            self.assertIn('"errorCode":115990', r.stdout, name)
        self.d.join("room", "u").leave()
        self.assertEqual(self.d.log()[before:].count("the path is what a program claims"), 1)

    def join_in_unit(self, unit):
        """rtcroomctl as a desktop starts an application: in a unit of its own."""
        log = os.path.join(self.d.path, unit + ".log")
        self.d.run("systemd-run", "--user", "--quiet", "--collect", "--unit", unit, "-p", "StandardOutput=truncate:" + log,
                   "-E", "LD_LIBRARY_PATH", self.d.ctl_path, "--json", "join", "room", "--app", APP_ID, "--user", "u", "--token",
                   self.d.token("room", "u"))
        self.addCleanup(self.d.systemctl, "stop", unit, check=False)
        return desktop.Joined(self.d, types.SimpleNamespace(poll=lambda: None), log)  # the manager's process, not ours

    def rows(self, program):
        return [(r["policy"], r["source"]) for r in self.d.ctl_json("consent", "list") if r["program"] == program]

    def test_consent_by_unit(self):
        """Nothing that the program says: the unit in which the service manager started it names it."""
        unit = "app-test-org.example.Talker@1.service"
        j = self.join_in_unit(unit)
        wait_for(lambda: ("ask", "waiting") in self.rows("org.example.Talker"), "the question", 20)
        self.d.ctl("consent", "allow", "org.example.Talker")
        j.wait("joined", seconds=25)
        self.assertIn('is "org.example.Talker" (', self.d.log())
        self.d.systemctl("stop", unit)
        self.d.ctl("consent", "reset", "org.example.Talker")

    def test_the_portal_asks_about_a_unit(self):
        """The stock portal, started by its own unit, finds the same id as we do from inside our user namespace."""
        portals, answer = os.path.join(self.d.path, "portals"), os.path.join(self.d.path, "answer")
        write(os.path.join(portals, "test.portal"), "[portal]\nDBusName=org.freedesktop.impl.portal.desktop.test\n"
              "Interfaces=org.freedesktop.impl.portal.Access;\nUseIn=test\n")
        write(answer, "0")
        self.d.systemctl("stop", "xdg-desktop-portal.service", check=False)
        self.d.systemctl("set-environment", "XDG_CURRENT_DESKTOP=test", "XDG_DESKTOP_PORTAL_DIR=" + portals, "GSETTINGS_BACKEND=memory")
        dialog = self.d.start("/usr/bin/python3", os.path.join(TOP, "tests/access-backend.py"), answer, log="dialog.log")
        self.d.run("gdbus", "wait", "--session", "--timeout", "20", "org.freedesktop.impl.portal.desktop.test")
        self.join_in_unit("app-org.example.Shouter@7.service").wait("joined", seconds=25)
        self.assertIn('"app_id": "org.example.Shouter"', read(os.path.join(self.d.path, "dialog.log")))
        self.assertIn(("allow", "answer"), self.rows("org.example.Shouter"))
        self.d.systemctl("stop", "app-org.example.Shouter@7.service")
        self.d.ws.stop(dialog)

    def test_a_reload_disturbs_nobody(self):
        j = self.d.join("room", "u")
        before = self.d.pids()
        self.d.config["log"] = {"level": "info"}
        self.d.write_config()
        self.d.systemctl("reload", UNIT)
        wait_for(lambda: "configuration reloaded" in self.d.log(), "the reload")
        self.assertEqual(self.d.pids(), before)
        self.assertIsNone(j.process.poll())
        self.d.config["log"] = {"level": "debug"}
        self.d.write_config()
        j.leave()

    def test_a_stop_leaves_the_room(self):
        j = self.d.join("room", "u")
        pids = self.d.pids()
        start = time.monotonic()
        self.d.systemctl("stop", UNIT)
        self.assertLess(time.monotonic() - start, 2.0)
        self.assertEqual(self.d.show("Result"), "success")
        self.assert_gone(pids)
        self.assertFalse(os.path.exists(os.path.join(os.environ["XDG_RUNTIME_DIR"], "rtcroom", "janus")), "Janus' folder stays")
        j.process.wait(5)
        self.assertTrue(j.events("interrupted") or j.events("gone"), "the program was not told")
        self.assertEqual(self.d.pids(), {})

    def assert_gone(self, pids):
        self.assertIn("janus", pids)
        for name, pid in pids.items():
            wait_for(lambda p=pid: not os.path.exists("/proc/%d" % p), "the end of %s" % name, 2)

    def restart_after(self, number):
        j = self.d.join("room", "u")
        pids = self.d.pids()
        self.d.systemctl("reset-failed", UNIT)
        before = int(self.d.show("NRestarts"))
        os.kill(pids["rtcroomd"], number)
        self.wait_until("NRestarts", str(before + 1))
        self.wait_until("ActiveState", "active")
        self.assert_gone(pids)
        j.process.wait(5)
        again = self.d.join("room", "u")
        self.assertNotEqual(self.d.pids()["janus"], pids["janus"])
        again.leave()

    def test_after_a_crash_the_next_join_works(self):
        self.restart_after(signal.SIGKILL)

    def test_after_a_hang_the_next_join_works(self):
        self.restart_after(signal.SIGSTOP)


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        TOP = sys.argv[2]
        unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
    sys.exit(outside(os.path.abspath(sys.argv[1])))
