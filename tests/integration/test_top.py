#!/usr/bin/python3
"""rtcroomctl top on a terminal, in a room of two over the embedded Janus: what is seen, what the keys do, how it ends."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.terminal import Terminal  # noqa: E402
from harness.workspace import read, wait_for  # noqa: E402

LISTEN = "127.0.0.1:8188"


class Top(case.Case):
    def room(self):
        """Alice's desktop, with bob in the room, whose microphone hears a tone."""
        self.a = self.desktop("a", {"server": "embedded:", "embedded": {"listen": LISTEN}})
        self.b = self.desktop("b", {"server": "janus+ws://" + LISTEN})
        self.alice, self.bob = self.a.join("room", "alice"), self.b.join("room", "bob")
        self.alice.wait_members("alice", "bob")
        return self.a

    def top(self, rows=24, columns=80, locale="C.UTF-8"):
        t = Terminal(self.ws, [self.a.ctl_path, "top"], dict(self.a.env, LC_ALL=locale, TERM="xterm"), rows, columns)
        self.ws.closers.append(t.close)
        before = t.settings()
        t.wait(lambda s: not s.main and s.line_with("bob"), "the room on the screen")
        t.before = before
        return t

    def assert_restored(self, t):
        self.assertTrue(t.screen.main and t.screen.cursor_shown)
        self.assertEqual(t.settings(), t.before)

    def member(self, user):
        return next(m for m in self.a.ctl_json("members") if m["userId"] == user)

    def test_what_is_seen(self):
        self.room()
        sound.play(self.b, sound.tone(os.path.join(self.b.path, "tone.wav"), 880, 60, 0.3))
        t = self.top(columns=110)
        t.wait(lambda s: "●" in s.line_with("bob") and s.line_with("bob").count("█") > 5, "bob speaking, with a meter")
        t.wait(lambda s: " ms" in s.line_with("bob") and "%" in s.line_with("bob"), "bob's delay and loss")
        t.wait(lambda s: "rtt " in s.lines()[1], "the round trip time")
        first = t.screen.lines()[0]
        for text in ("room room", "you are alice", "embedded", "joined"):
            self.assertIn(text, first)
        self.assertIn("q quit", t.screen.lines()[-1])
        self.assertIn("alice", t.screen.selected())
        t.keys("q")
        self.assertEqual(t.wait_end(), 0)
        self.assert_restored(t)
        self.assert_no_sanitizer_report()

    def test_keys(self):
        self.room()
        t = self.top()
        t.keys("\x1b[B")  # down
        t.wait(lambda s: "bob" in s.selected(), "bob selected")
        for key in "+++--":
            t.keys(key)
        t.wait(lambda s: "110 %" in s.selected(), "the volume")
        self.assertAlmostEqual(self.member("bob")["volume"], 1.1, places=3)
        t.keys("m")
        wait_for(lambda: self.member("bob")["muted"], "bob muted")
        t.wait(lambda s: " m bob" in s.selected(), "bob shown as muted")
        t.keys("k")
        t.wait(lambda s: "alice" in s.selected(), "alice selected")
        t.keys("+")  # one's own has no volume: nothing happens
        t.keys("M")
        t.wait(lambda s: "microphone MUTED" in s.lines()[1], "the microphone muted")
        self.assertTrue(self.a.ctl_json("status")[0]["muted"])
        t.keys("d")
        t.wait(lambda s: "sound OFF" in s.lines()[1], "deafened")
        self.assertTrue(self.a.ctl_json("status")[0]["deafened"])
        self.a.ctl("transmit", "push-to-talk")
        t.wait(lambda s: "push-to-talk: silent" in s.lines()[1], "the transmit mode")
        t.keys(" ")
        t.wait(lambda s: "push-to-talk: TALKING" in s.lines()[1], "the key pressed")
        self.assertTrue(self.a.ctl_json("transmit")[0]["talking"])
        t.keys(" ")
        t.wait(lambda s: "push-to-talk: silent" in s.lines()[1], "the key released")
        t.keys("\x1b\x1b[Zx\t\x00\x7f[A")  # means nothing
        self.a.ctl("unmute")  # what others do is seen
        t.wait(lambda s: "microphone on" in s.lines()[1], "unmuted by another program")
        t.keys("\x03")
        self.assertEqual(t.wait_end(), 0)
        self.assert_restored(t)

    def test_sizes_and_plain_terminals(self):
        self.room()
        t = self.top(locale="C")
        self.assertTrue(all(c < "\x80" for line in t.screen.lines() for c in line))
        for rows, columns in ((10, 40), (3, 20), (1, 5), (60, 250), (24, 80)):
            t.resize(rows, columns)
            t.wait(lambda s: s.lines()[0].startswith("room"), "the room on %dx%d" % (columns, rows))
            if rows >= 10:
                t.wait(lambda s: s.line_with("bob"), "bob on %dx%d" % (columns, rows))
        long_name = "x" * 128
        other = self.b.join("room", "y", wait=False)  # one room for a user: refused, and nothing is disturbed
        other.wait("failed")
        self.bob.leave()
        t.wait(lambda s: not s.line_with("bob"), "bob gone")
        c = self.b.join("room", long_name)
        t.wait(lambda s: "xxxx~" in s.line_with("xxxx"), "a long name, cut")
        c.leave()
        t.keys("q")
        self.assertEqual(t.wait_end(), 0)

    def test_nothing_is_sent_while_nothing_changes(self):
        self.room()
        for d in (self.a, self.b):
            d.ctl("mute")
        t = self.top(columns=50)  # no figures, which do change
        t.resize(4, 30)  # nor the round trip time
        t.wait(lambda s: s.lines()[0].startswith("room"), "the small picture")
        t.pump(1.0)
        before, cpu = t.screen.bytes_seen, self.cpu_of(t)
        for _ in range(30):
            t.pump(0.1)
        self.assertEqual(t.screen.bytes_seen, before)
        print("top, nothing changing: %.1f %% of a CPU" % ((self.cpu_of(t) - cpu) / 3.0 * 100), file=sys.stderr)

    @staticmethod
    def cpu_of(t):
        fields = read("/proc/%d/stat" % t.process.pid).rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_every_end_gives_the_terminal_back(self):
        self.room()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            t = self.top()
            t.process.send_signal(number)
            self.assertEqual(t.wait_end(), 0)
            self.assert_restored(t)
        t = self.top()
        self.alice.leave()
        self.assertEqual(t.wait_end(), 4)
        self.assert_restored(t)
        self.assertEqual(t.screen.printed, "rtcroomctl: the room has ended\r\n")
        self.alice = self.a.join("room", "alice")
        t = self.top()
        os.kill(self.a.daemon_pid(), signal.SIGKILL)
        self.assertIn(t.wait_end(), (3, 4))  # whichever is seen first
        self.assert_restored(t)

    def test_levels_end_as_well(self):
        self.room()
        for end, words, status in ((self.alice.leave, "the room has ended", 4),
                                   (lambda: os.kill(self.a.daemon_pid(), signal.SIGKILL), "the daemon has ended", 3)):
            log = "levels-%d.log" % status
            levels = self.a.start(self.a.ctl_path, "levels", log=log)
            path = os.path.join(self.a.path, log)
            wait_for(lambda p=path: "bob" in read(p) and "(microphone)" in read(p), "the meters")
            end()
            self.assertEqual(levels.wait(20), status)
            self.assertEqual(read(path).splitlines()[-1], "rtcroomctl: " + words)
            self.alice = self.a.join("room", "alice") if status == 4 else None

    def test_no_room_and_no_terminal(self):
        self.a = self.desktop("a", {"server": "embedded:"})
        self.assertEqual(self.a.ctl("top", check=False).returncode, 4)
        self.alice = self.a.join("room", "alice")
        r = self.a.ctl("top", check=False)
        self.assertEqual((r.returncode, r.stdout), (2, "rtcroomctl: top needs a terminal\n"))
        self.assertEqual(self.a.ctl("--json", "top", check=False).returncode, 2)


if __name__ == "__main__":
    case.main()
