#!/usr/bin/python3
"""Again and again, and many at once: 300 stays in a room leave nothing behind; a dozen people come and go."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# Freed memory would be kept for reports, which no figure of growth survives.
os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import NodePeer, token  # noqa: E402
from harness.process import grown, private_kb, settled  # noqa: E402
from harness.workspace import wait_for  # noqa: E402

GUESTS = ["g%d" % i for i in range(12)]


class Many(livekit_room.Case):
    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def test_300_stays_are_flat(self):
        server = self.server(log_level="warn")
        node = NodePeer(self.ws, "node")
        node.join(server, "room")
        node.ask("publish", hertz=880)
        alice = self.person("alice", server, log={"level": "warning"})
        pid, marks = alice.desktop.daemon_pid(), []
        for i in range(1, 301):
            alice.join(autoPublish=bool(i % 2))
            if i % 20 == 0:
                alice.wait_member("node", audioSubscribed=True)
            alice.leave()
            alice.client.signals.clear()
            if i in (100, 300):
                wait_for(lambda: not server.participants("room").get("alice"), "alice to be gone", 30)
                alice.client.pump(1.5)  # a closed connection has a second to say good-bye
                if marks:  # what was opened late may be closed late
                    wait_for(lambda: not grown(marks[0][1], settled(pid, 0)), "the descriptors of before", 20)
                held = settled(pid)
                marks.append((private_kb(pid), held))
        (kb0, held0), (kb1, held1) = marks
        print("stay 100: %d KB, %d fds; stay 300: %d KB, %d fds" % (kb0, len(held0[0]), kb1, len(held1[0])), file=sys.stderr)
        self.assertEqual(grown(held0, held1), [])
        self.assertLess(kb1 - kb0, 4000)  # 20 KB a stay would be the leak of one buffer; the sanitizer's own books grow as well
        self.assertEqual(alice.desktop.daemon_pid(), pid)

    def test_a_dozen_come_and_go(self):
        server = self.server(log_level="warn")
        alice = self.person("alice", server, 330).join()
        crowd, rng = NodePeer(self.ws, "crowd"), random.Random(4)
        tones = {g: 500 + 60 * i for i, g in enumerate(GUESTS)}
        present = set()

        def enter(guest):
            crowd.ask("join", **{"as": guest}, url=server.url, token=token("room", guest), subscribe=guest == "g0")
            crowd.ask("publish", **{"as": guest}, hertz=tones[guest], level=0.05)
            present.add(guest)

        def go(guest):
            crowd.ask("leave", **{"as": guest})
            present.remove(guest)
        for guest in GUESTS:
            enter(guest)
        alice.wait_members("alice", *present, seconds=60)
        for guest in ("g0", "g5", "g11"):
            alice.wait_hears(guest, tones[guest])
        for _ in range(24):
            guest = rng.choice(GUESTS[1:])
            (go if guest in present else enter)(guest)
        alice.wait_members("alice", *present, seconds=60)
        wait_for(lambda: {m["userId"] for m in alice.desktop.ctl_json("members") if m["audioSubscribed"]} == present, "all of them to be subscribed to", 40)
        for guest in sorted(present)[:4]:
            alice.wait_hears(guest, tones[guest])
        for guest in sorted(present):
            go(guest)
        alice.wait_members("alice", seconds=60)
        self.assertEqual(alice.states() + alice.told("RtcChatInterrupted"), [])


if __name__ == "__main__":
    livekit.require()
    main()
