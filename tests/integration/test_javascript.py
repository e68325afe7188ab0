#!/usr/bin/python3
"""The JavaScript module against real daemons: two programs with a page of the original's shape in one room."""
import json
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
HERE = os.path.join(TOP, "tests/integration/javascript")


class Program:
    """node with the module installed beside the page, as npm would lay it out."""

    def __init__(self, test, desktop, user, token):
        self.desktop, self.log = desktop, os.path.join(desktop.path, "page.log")
        query = {"appId": APP_ID, "roomId": "room", "userId": user, "token": token}
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                [shutil.which("node"), "run-page.mjs", os.path.join(test.program, "room-page.mjs"), json.dumps(query)], env=desktop.env,
                cwd=test.program, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True)
        test.ws.processes.append(self.process)

    def stop(self):
        self.process.stdin.close()
        self.desktop.ws.stop(self.process)

    def wait(self, condition, what):
        """The first state of the page's data that fulfils the condition."""
        def look():
            states = [json.loads(line) for line in read(self.log).splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]
            hits = [s for s in states if condition(s)]
            if not hits and self.process.poll() is not None:
                raise RuntimeError("the program ended:\n" + read(self.log))
            return hits
        return wait_for(look, "%s; the page: %s" % (what, read(self.log)[-2000:]), 30)[0]

    def unload(self):
        self.process.stdin.write(b"unload\n")
        self.process.stdin.close()
        return self.process.wait(20)


class JavaScript(case.Case):
    def setUp(self):
        super().setUp()
        peers = os.path.join(TOP, "tests/peers/node_modules")
        if not shutil.which("node") or not os.path.isdir(os.path.join(peers, "dbus-next")):
            if os.environ.get("RTCROOMD_TESTS_STRICT"):
                self.fail("node or dbus-next is not installed")
            self.skipTest("node or dbus-next is not installed")
        self.program = self.ws.folder("program")
        shutil.copytree(peers, os.path.join(self.program, "node_modules"), ignore=shutil.ignore_patterns("playwright-core"))
        shutil.copytree(os.path.join(TOP, "client-lib/js"), os.path.join(self.program, "node_modules/rtcroom"))
        for name in os.listdir(HERE):
            shutil.copy(os.path.join(HERE, name), self.program)

    def two(self):
        node = os.path.realpath(shutil.which("node"))
        allow = {"consent": {"programs": {node: "allow"}}}
        a = self.desktop("a", {"server": "embedded:", "embedded": {"listen": LISTEN}, **allow})
        b = self.desktop("b", {"server": "janus+ws://" + LISTEN, **allow})
        alice = Program(self, a, "alice", a.token("room", "alice"))
        alice.wait(lambda s: s["line"] == "in the room", "alice's room, which bob's is, too")
        return a, b, alice, Program(self, b, "bob", b.token("room", "bob"))

    def test_two_pages_meet(self):
        a, b, alice, bob = self.two()
        for page, other in ((alice, "bob"), (bob, "alice")):
            page.wait(lambda s, o=other: s["others"] == [o] and s["isListed"] and s["line"] == "talking", "the other one")
            page.wait(lambda s, o=other: s.get("heard") == o, "to hear the other one")
        sound.play(b, sound.tone(os.path.join(b.path, "tone.wav"), 880, 60, 0.3))
        alice.wait(lambda s: s["speakers"] == ["bob"], "bob among the speakers")
        self.assertEqual(bob.unload(), 0)
        alice.wait(lambda s: s["others"] == [] and s.get("heard") == "bob", "bob gone")
        self.assertEqual(a.ctl_json("members")[0]["userId"], "alice")
        self.assertEqual(alice.unload(), 0)
        wait_for(lambda: a.ctl("status", check=False).returncode == 4, "the room to be left")
        self.assert_no_sanitizer_report()

    def test_every_operation(self):
        destroyed = "engine has been destroyed,please invoke tt.createRtcRoomContext create new engine"
        failures = {  # by place in operations.mjs; the others succeed
            2: ("changeVideoCapture:fail no camera", 21102, 115903, "F"),
            4: ('switchCamera:fail expect params.camera to be one of "back", "front", but got sideways', 20000, 172299, "D"),
            8: ("updateToken:fail not in a room", 21102, 115903, "F"),
            9: ("joinRtcRoom:fail params.token should be string, but got undefined", 20000, 115999, "D"),
            11: ("joinRtcRoom:fail user alice is already in the room room", 21100, 115901, "D"),
            20: ("changeAnsMode:fail " + destroyed, 115910, 115910, "D"),
        }
        a = self.desktop("a", {"server": "embedded:", "consent": {"programs": {os.path.realpath(shutil.which("node")): "allow"}}})
        query = {"appId": APP_ID, "roomId": "room", "userId": "alice", "token": a.token("room", "alice")}
        out = a.run(shutil.which("node"), "operations.mjs", json.dumps(query), cwd=self.program, timeout=60).stdout
        seen = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(seen), 21)
        self.assertEqual(len({api for api, _ in seen}), 14)
        for i, (api, callbacks) in enumerate(seen):
            if i in failures:
                result = dict(zip(("errMsg", "errNo", "errorCode", "errorType"), failures[i]))
                self.assertEqual(callbacks, [["fail", result], ["complete", result]])
            else:
                result = {"errMsg": api + ":ok"}
                self.assertEqual(callbacks, [["success", result], ["complete", result]])

    def test_failures(self):
        a = self.desktop("a", {"server": "embedded:", "consent": {"programs": {os.path.realpath(shutil.which("node")): "allow"}}})
        bad = Program(self, a, "alice", "bad")
        s = bad.wait(lambda s: s["line"].startswith("joinRtcRoom:fail"), "a refused join")
        self.assertEqual((s["line"], s["errNo"], s["errorCode"], s["errorType"]), ("joinRtcRoom:fail invalid token", 21101, 115902, "D"))
        bad.stop()
        os.remove(bad.log)
        good = Program(self, a, "alice", a.token("room", "alice"))
        good.wait(lambda s: s["line"] == "talking", "a room")
        os.kill(a.daemon_pid(), signal.SIGKILL)
        s = good.wait(lambda s: s["line"] == "interrupted: server gone", "the daemon's end")
        self.assertEqual((s["errNo"], s["others"]), (-1084, []))
        good.process.stdin.write(b"unload\n")
        good.process.stdin.flush()
        s = good.wait(lambda s: s.get("errNo") == 115910, "an operation on what is gone")
        self.assertIn("exitRtcRoom:fail engine has been destroyed", s["line"])
        good.stop()


if __name__ == "__main__":
    case.main()
