#!/usr/bin/python3
"""A server that sends rubbish, closes at each stage, answers twice or never: rtcroomd against janus-double.js.

Every join ends exactly once, with the documented words, within its bound; the daemon lives, does not grow, does not flood its
log, and the next join works.
"""
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# Freed memory would be kept for reports, which no figure of growth survives.
os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")
from harness import case  # noqa: E402
from harness.desktop import APP_ID  # noqa: E402
from harness.process import grown, private_kb, settled  # noqa: E402
from harness.workspace import TOP, wait_for  # noqa: E402

PORT = 8190
OK = ("joinRtcRoom", 0, 0, "", "joinRtcRoom:ok")
INVALID = ("joinRtcRoom", 21101, 115902, "D", "joinRtcRoom:fail invalid token")


def failed(text):
    return ("joinRtcRoom", 21102, 115903, "F", "joinRtcRoom:fail " + text)


UNREACHABLE, LATE = failed("server unreachable"), failed("timed out")
# mode → outcome of a join that only listens
REFUSED = {
    "status-401": UNREACHABLE, "status-404": UNREACHABLE, "status-503": UNREACHABLE, "status-200": UNREACHABLE, "hash": UNREACHABLE,
    "close-upgrade": UNREACHABLE, "cut-upgrade": UNREACHABLE, "words-upgrade": UNREACHABLE, "big-upgrade": UNREACHABLE,
    "close-create": UNREACHABLE, "close-attach": UNREACHABLE, "close-room": UNREACHABLE, "close-join": UNREACHABLE,
    "cut-create": UNREACHABLE, "cut-attach": UNREACHABLE, "cut-room": UNREACHABLE, "cut-join": UNREACHABLE,
    "big-create": UNREACHABLE, "big-join": UNREACHABLE, "flood-create": UNREACHABLE, "flood-join": UNREACHABLE,
    "error-create-403": INVALID, "error-attach-405": INVALID, "refuse-join-433": INVALID,
    "error-create-490": failed("error code:490"), "error-attach-460": failed("error code:460"),
    "refuse-join-426": failed("error code:426"), "refuse-join-432": failed("error code:-1080"),
    "error-create-none": failed("an error without a code"), "unnumbered-attach": failed("a handle without a number"),
    "other-join": failed("an unexpected answer to the join"),
}
NEVER = ["silent-create", "silent-attach", "silent-join", "acks-join", "drizzle-create", "drizzle-join"]
FINE = ["good", "twice", "rubbish", "refuse-room-427", "types-create", "types-join", "people-odd", "people-many", "people-flapping"]
ENDED = {"close": -1084, "cut": -1084, "big": -1084, "timeout": -1084, "detached": -1084, "kicked": -1006, "destroyed": -1011}
UNUSABLE = "the server's session description is unusable"
ANSWERS = ["empty", "text", "binary", "truncated", "huge", "sections", "attributes", "nofingerprint", "fingerprint", "noice", "nomid",
           "video", "nocodec", "nosections", "numbers", "candidates"]


class BadServer(case.Case):
    def patience(self):
        return 60 if self._testMethodName == "test_rooms_that_end_again_and_again" else 0

    def setUp(self):
        super().setUp()
        if not shutil.which("node") or not os.path.isdir(os.path.join(TOP, "tests/peers/node_modules/ws")):
            self.skipTest("node with the package ws is not installed (./dev check installs it)")
        from harness.bus import Client
        self.d = self.desktop("a", {"consent": {"default": "allow"}, "log": {"level": "info"}, "reconnectSeconds": self.patience()})
        log = os.path.join(self.ws.path, "double.log")
        self.ws.start(["node", os.path.join(TOP, "tests/integration/janus-double.js"), str(PORT)], log="double.log")
        wait_for(lambda: "listening" in open(log, encoding="utf-8").read(), "the double")
        self.client = Client(self.d)
        self.token = self.d.token("room", "alice")
        self.pid = self.d.activate()

    def tearDown(self):
        if self.d.daemon_pid() != self.pid:
            print(self.d.log()[-3000:], file=sys.stderr)
        self.assertEqual(self.d.daemon_pid(), self.pid, "the daemon lived")
        self.client.close()
        self.assert_no_sanitizer_report()
        super().tearDown()

    def context(self, mode, port=PORT):
        return self.client.create(APP_ID, "janus+ws://127.0.0.1:%d/%s" % (port, mode))

    def attempt(self, mode, bound=4.0, publish=False, port=PORT):
        """(path, outcome) of a join, which must come within the bound."""
        path, start = self.context(mode, port), time.monotonic()
        outcome = self.client.completed(path, self.client.join(path, "room", "alice", self.token, autoPublish=publish), bound)
        self.assertLess(time.monotonic() - start, bound, mode)
        return path, outcome

    def leave(self, path):
        """Leaves the room, destroys the context; one completion for each request there was."""
        self.assertEqual(self.client.outcome(path, "ExitRtcRoom"), ("exitRtcRoom", 0, 0, "", "exitRtcRoom:ok"))
        self.assertEqual(self.client.outcome(path, "Destroy")[1], 0)
        numbers = [a[0] for p, _, m, a in self.client.signals if p == path and m == "Completed"]
        self.assertEqual(len(numbers), len(set(numbers)), "each exactly once")
        self.client.signals.clear()

    def assert_good(self):
        path, outcome = self.attempt("good")
        self.assertEqual(outcome, OK)
        self.leave(path)

    def test_refusals_and_closes_at_each_stage(self):
        for mode, wanted in REFUSED.items():
            with self.subTest(mode):
                path, outcome = self.attempt(mode)
                self.assertEqual(outcome, wanted)
                self.leave(path)
        self.assert_good()
        self.assertNotIn("\nforged line", self.d.log())
        self.assertNotIn("\x1b", self.d.log())

    def test_a_real_server_afterwards(self):
        for mode in ("close-join", "drizzle-create", "answer-video"):
            path, outcome = self.attempt(mode, 12, publish=True)
            self.assertEqual(outcome[1], 21102)
        path = self.client.create(APP_ID, "embedded:")
        self.assertEqual(self.client.completed(path, self.client.join(path, "room", "alice", self.token)), OK)
        self.leave(path)

    def test_answers_that_never_come(self):
        for mode in NEVER:
            with self.subTest(mode):
                path, outcome = self.attempt(mode, 12)
                self.assertEqual(outcome, LATE)
                self.leave(path)
        self.assert_good()

    def test_no_websocket_at_all(self):
        path, outcome = self.attempt("", 8, port=PORT + 1)
        self.assertEqual(outcome, LATE)
        self.leave(path)
        path, outcome = self.attempt("", 8, port=PORT + 2)
        self.assertEqual(outcome, UNREACHABLE)
        self.leave(path)
        self.assert_good()

    def test_a_silent_server_can_be_left(self):
        path = self.context("silent-create")
        join = self.client.join(path, "room", "alice", self.token, autoPublish=False)
        self.client.pump(0.3)
        self.assertEqual(self.client.outcome(path, "ExitRtcRoom")[1], 0)
        self.assertEqual(self.client.completed(path, join), failed("room exited"))
        self.assert_good()

    def test_what_does_no_harm(self):
        for mode in FINE:
            with self.subTest(mode):
                path, outcome = self.attempt(mode, 8)
                self.assertEqual(outcome, OK)
                self.client.pump(1.5 if mode == "people-flapping" else 0.3)
                self.assertEqual(self.client.get(path, "Context", "State"), "joined")
                if mode == "people-odd":
                    self.assertEqual(self.client.get(path, "Context", "Members"), ["nostreams", "odd", "carol", "alice"])
                if mode == "people-many":
                    self.assertEqual(len(self.client.get(path, "Context", "Members")), 301)
                self.leave(path)

    def test_rooms_that_end(self):
        for how, code in ENDED.items():
            with self.subTest(how):
                path, outcome = self.attempt("after-join-" + how)
                self.assertEqual(outcome, OK)
                self.assertEqual(self.client.wait_signal(path, "RtcChatInterrupted")[0], code)
                wait_for(lambda p=path: self.client.get(p, "Context", "State") == "idle", "the room to have ended")
                self.assertFalse(self.client.get("/org/rtcroom/RtcRoom1", "Manager", "InRoom"))
                self.leave(path)
        self.assert_good()

    def test_rooms_that_end_again_and_again(self):
        """The way back leads to a server that does the same once more; it is not hurried on, and can be left at any time."""
        for how, code in ENDED.items():
            if code != -1084:
                continue
            with self.subTest(how):
                path, outcome = self.attempt("after-join-" + how)
                self.assertEqual(outcome, OK)
                wait_for(lambda p=path: self.states(p)[:4] == ["reconnecting", "rejoined"] * 2, "two ways back", 20)
                self.assertEqual(self.client.outcome(path, "ExitRtcRoom")[1], 0)
                states = self.states(path)
                self.assertEqual(states, (["reconnecting", "rejoined"] * len(states))[:len(states)])
                self.leave(path)
        self.assert_good()

    def states(self, path):
        self.client.pump()
        return [a[1] for p, _, m, a in self.client.signals if p == path and m == "RtcStateChanged"]

    def test_rubbish_in_a_room(self):
        for what in ("rubbish", "types"):
            path, outcome = self.attempt("after-join-" + what)
            self.assertEqual(outcome, OK)
            self.client.pump(1)
            self.assertEqual(self.client.get(path, "Context", "State"), "joined")
            self.leave(path)
        self.assert_good()

    def test_session_descriptions(self):
        for fault in ANSWERS:
            with self.subTest(fault):
                path, outcome = self.attempt("answer-" + fault, 12, publish=True)
                self.assertEqual(outcome[:4], failed("")[:4])
                self.assertIn(outcome[4].split("fail ")[1], (UNUSABLE, "no media connection in time", "the server did not answer the offer"))
                self.leave(path)
        path, outcome = self.attempt("silent-nothing", 12, publish=True)  # a good answer, and nobody behind it
        self.assertEqual(outcome, failed("no media connection in time"))
        self.leave(path)

    def test_offers(self):
        for fault in ANSWERS:
            with self.subTest(fault):
                path, outcome = self.attempt("offer-" + fault, 8)
                self.assertEqual(outcome, OK)
                self.client.pump(0.2)
                self.leave(path)
        self.assert_good()

    def test_a_reason_in_many_letters(self):
        """The server's words become the outcome's, cut: they must stay UTF-8, or the bus would not carry them."""
        path, outcome = self.attempt("hangup", 12, publish=True)
        self.assertEqual(outcome[:4], failed("")[:4])
        self.assertTrue(outcome[4].startswith("joinRtcRoom:fail éé"))
        self.leave(path)

    def test_the_log_is_not_flooded(self):
        start = time.monotonic()
        path, outcome = self.attempt("drizzle-create", 12)
        self.assertEqual(outcome, LATE)
        seconds = time.monotonic() - start
        self.leave(path)
        lines = [line for line in self.d.log().splitlines() if "is dropped" in line]
        self.assertTrue(1 <= len(lines) <= seconds + 2, lines)
        self.assertTrue(re.search(r"and \d+ more", self.d.log()))

    def test_200_bad_joins_are_flat(self):
        modes = [m for m in REFUSED if not m.startswith("big")] + ["twice", "rubbish"]
        marks = []
        for i in range(200):
            mode = modes[i % len(modes)]
            path, outcome = self.attempt(mode)
            self.assertEqual(outcome, REFUSED.get(mode, OK))
            self.leave(path)
            if i in (2 * len(modes), 199):
                held = settled(self.pid, pause=self.client.pump)
                marks.append((private_kb(self.pid), held))
        print("private KB:", *(m[0] for m in marks))
        self.assertEqual(grown(marks[0][1], marks[1][1]), [])
        self.assertLess(marks[1][0] - marks[0][0], 3000)
        self.assert_good()


if __name__ == "__main__":
    case.main()
