#!/usr/bin/python3
"""NetworkQuality on a real Janus: plausible on loopback; packets thrown away lower the grade and are named; a mute is not a bad line."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.workspace import wait_for  # noqa: E402

LISTEN = "127.0.0.1:8188"


class Quality(case.Case):
    def talking(self):
        """Two people who both make sound; every later event is of a call that runs."""
        a = self.desktop("a", {"server": "embedded:", "embedded": {"listen": LISTEN}})
        b = self.desktop("b", {"server": "janus+ws://" + LISTEN})
        ja, jb = a.join("room", "alice"), b.join("room", "bob")
        for d, j, hertz in ((a, ja, 440), (b, jb, 880)):
            j.wait_members("alice", "bob")
            sound.play(d, sound.tone(os.path.join(d.path, "tone.wav"), hertz, 120, 0.3))
        return a, b, ja, jb

    def quality(self, joined, condition, seconds=30):
        """The first event from now on that is as wanted."""
        since = len(joined.events("quality"))

        def look():
            hits = [e for e in joined.events("quality")[since:] if condition(e)]
            return hits and hits[0]
        try:
            return wait_for(look, "such a NetworkQuality", seconds)
        except TimeoutError as e:
            raise TimeoutError("%s; last: %r" % (e, joined.events("quality")[-3:])) from e

    def lose(self, desktop, percent):
        """Throws so many of all UDP packets of this namespace away; 0: none."""
        desktop.run("nft", "flush", "ruleset")
        if percent:
            desktop.run("nft", "add table inet t; add chain inet t c { type filter hook input priority 0; }; "
                        "add rule inet t c meta l4proto udp numgen random mod 100 < %d drop" % percent)

    def test_loopback_is_excellent_and_loss_is_named(self):
        a, b, ja, jb = self.talking()
        for j, me, other in ((ja, "alice", "bob"), (jb, "bob", "alice")):
            e = self.quality(j, lambda e: min(f["bitrate"] for f in [e["local"], *e["remote"]]) > 5000 and e["remote"])
            self.assertTrue(e["local"]["txQuality"] and e["remote"][0]["rxQuality"], e)
            self.assertEqual((e["local"]["userId"], [r["userId"] for r in e["remote"]]), (me, [other]))
            self.assertEqual(e["remote"][0]["txQuality"], 0)
            for figures in (e["local"], e["remote"][0]):
                self.assertLess(figures["lossRate"], 0.05)
                self.assertLess(figures["bitrate"], 200000)
            wait_for(lambda d=j.desktop, u=other: [m for m in d.ctl_json("members") if m["userId"] == u and m["quality"]], "the property")
        wait_for(lambda: any(e["local"]["rtt"] for e in ja.events("quality")), "a round trip that was measured", 30)
        self.quality(ja, lambda e: 1 <= e["local"]["txQuality"] <= 2 and 1 <= e["local"]["rxQuality"] <= 2)

        self.lose(a, 15)
        try:
            e = self.quality(ja, lambda e: 0.08 < e["local"]["lossRate"] < 0.6 and 0.08 < e["remote"][0]["lossRate"] < 0.6)
            print("15 % of all packets lost:", e)
            for grade in (e["local"]["txQuality"], e["local"]["rxQuality"], e["remote"][0]["rxQuality"]):
                self.assertGreaterEqual(grade, 4)
        finally:
            self.lose(a, 0)
        self.quality(ja, lambda e: 1 <= e["local"]["txQuality"] <= 2 and 1 <= e["local"]["rxQuality"] <= 2, 60)
        self.assert_no_sanitizer_report()

    def test_a_mute_is_not_a_bad_line(self):
        a, b, ja, _ = self.talking()
        self.quality(ja, lambda e: e["remote"] and e["remote"][0]["rxQuality"])
        b.ctl("mute")
        self.quality(ja, lambda e: e["remote"][0]["rxQuality"] == 0 and e["remote"][0]["bitrate"] < 1000)
        a.ctl("mute")
        e = self.quality(ja, lambda e: e["local"]["bitrate"] < 1000)
        self.assertLessEqual(e["local"]["txQuality"], 2)


if __name__ == "__main__":
    case.main()
