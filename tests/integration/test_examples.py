#!/usr/bin/python3
"""The programs of examples/, each against a real bus, daemon and embedded Janus: who is there and who speaks, a token that
expires, leaving, and what they say when it goes wrong."""
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.desktop import APP_ID  # noqa: E402
from harness.workspace import TOP, read, wait_for  # noqa: E402

LISTEN = "127.0.0.1:8188"


class Examples(case.Case):
    def absent(self, what):
        if os.environ.get("RTCROOMD_TESTS_STRICT"):
            self.fail(what + " is not installed")
        self.skipTest(what + " is not installed")

    # ---- how each is started ----

    def python(self):
        program = os.path.join(TOP, "build/venv/bin/python")
        if not os.path.exists(program):
            self.absent("dbus-fast in build/venv")
        return [program, os.path.join(TOP, "examples/room.py")]

    def javascript(self):
        peers = os.path.join(TOP, "tests/peers/node_modules")
        if not shutil.which("node") or not os.path.isdir(os.path.join(peers, "dbus-next")):
            self.absent("node or dbus-next")
        os.symlink(peers, os.path.join(self.ws.path, "node_modules"))
        return [shutil.which("node"), shutil.copy(os.path.join(TOP, "examples/room.mjs"), self.ws.path)]

    def glib(self):
        program = os.path.join(self.ws.path, "room")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gio-2.0", "gio-unix-2.0"], stdout=subprocess.PIPE, text=True, check=True)
        subprocess.run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", os.path.join(TOP, "examples/room.c"), "-o", program,
                        *flags.stdout.split()], check=True)
        return [program]

    def shell(self):
        folder = self.ws.folder("bin")
        os.symlink(os.path.join(case.BUILD, "client-lib/rtcroomctl"), os.path.join(folder, "rtcroomctl"))
        return ["/bin/bash", os.path.join(TOP, "examples/room.sh")]

    # ---- what each has to do ----

    def start(self, command, *args):
        self.log = os.path.join(self.a.path, "example.log")
        return self.a.start(*command, *args, log="example.log")

    def wait_line(self, line):
        def look():
            if line in read(self.log).splitlines():
                return True
            if self.process.poll() is not None:
                raise RuntimeError("the example ended:\n" + read(self.log))
            return False
        wait_for(look, "%r in\n%s" % (line, read(self.log)), 40)

    def write_token(self, *more):
        token = self.a.token("room", "alice", *more)
        with open(self.token_file + ".new", "w", encoding="utf-8") as f:
            f.write(token + "\n")
        os.rename(self.token_file + ".new", self.token_file)

    def check(self, command, renewed="token renewed", seconds=34):
        self.a = self.desktop("a", {"server": "embedded:", "embedded": {"listen": LISTEN}, "consent": {"default": "allow"}})
        self.a.env["PATH"] = os.path.join(self.ws.path, "bin") + ":" + self.a.env["PATH"]
        b = self.desktop("b", {"server": "janus+ws://" + LISTEN, "consent": {"default": "allow"}})
        self.token_file = os.path.join(self.ws.path, "token")
        self.write_token("--expires", str(seconds))
        self.process = self.start(command, APP_ID, "room", "alice", self.token_file)
        self.wait_line("joined")
        self.write_token()
        self.wait_line("in the room: alice")
        self.wait_line(renewed)  # 30 s before the first one's end, or at once
        bob = b.join("room", "bob")
        self.wait_line("in the room: alice bob")
        sound.play(b, sound.tone(os.path.join(b.path, "tone.wav"), 880, 60, 0.3))
        self.wait_line("speaking: bob")
        bob.leave()
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(20), 0, read(self.log))
        self.assertEqual(read(self.log).splitlines()[-1], "left")
        wait_for(lambda: self.a.ctl("status", check=False).returncode == 4, "the room to be left")
        self.check_failures(command)
        self.assert_no_sanitizer_report()

    def check_failures(self, command):
        with open(self.token_file, "w", encoding="utf-8") as f:
            f.write("bad\n")
        refused = self.a.run(*command, APP_ID, "room", "alice", self.token_file, check=False)
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("joinRtcRoom:fail invalid token (21101, 115902)", refused.stdout)
        self.write_token()
        os.remove(self.log)
        self.process = self.start(command, APP_ID, "room", "alice", self.token_file)
        self.wait_line("joined")
        os.kill(self.a.daemon_pid(), signal.SIGKILL)
        self.assertEqual(self.process.wait(20), 1)
        self.assertIn("the daemon has ended", read(self.log))

    def test_python(self):
        self.check(self.python())

    def test_javascript(self):
        self.check(self.javascript())

    def test_glib(self):
        self.check(self.glib())

    def test_shell(self):
        # it cannot renew for another connection: it joins again when the first token is over
        self.check(self.shell(), "interrupted: token expired (-1009)", 8)


if __name__ == "__main__":
    case.main()
