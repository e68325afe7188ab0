#!/usr/bin/python3
"""A real livekit-server whose messages are tampered with on the way: rubbish at each step, answers spoilt or missing, lines cut."""
import os
import random
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit_double import Double, Gone, pb, response  # noqa: E402
from harness.livekit_room import DISMISSED, OK  # noqa: E402
from harness.workspace import wait_for  # noqa: E402


class Tampered(livekit_room.Case):
    def setUp(self):
        super().setUp()
        self.lk, self.scripts = self.server(), {}
        self.double = Double(self.ws, self.scripts, self.lk.port)
        self.peer = livekit.NodePeer(self.ws, "node")
        self.peer.join(self.lk, "room")
        self.peer.ask("publish", hertz=880)

    def tearDown(self):
        self.assertEqual(self.double.failures, [])
        self.assert_no_sanitizer_report()
        super().tearDown()

    def alice(self, mode, **config):
        p = self.person("alice", self.double.server(mode), 440, reconnectSeconds=60, **config)
        return p

    def once(self, change):
        """The first connection has its messages changed, later ones go through."""
        def script(talk):
            talk.through(change if self.double.count(talk.mode) == 1 else None)
        return script

    def test_nothing_changed(self):
        self.scripts["plain"] = lambda talk: talk.through()
        alice = self.alice("plain").join()
        alice.wait_hears("node", 880)
        self.peer.wait_hears("alice", 440)

    def test_rubbish_at_every_step(self):
        """The n-th message of the server is rubbish, for each n of a join; the room is joined, or joined at the next attempt."""
        rng, n = random.Random(7), [0]

        def script(talk):
            seen = [0]

            def down(_, data):
                seen[0] += 1
                if seen[0] != n[0]:
                    return None
                return [bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200)))] + ([data] if n[0] % 2 else [])
            talk.through(down)
        self.scripts["rubbish"] = script
        self.scripts["plain"] = lambda talk: talk.through()
        alice = self.alice("rubbish")
        for n[0] in range(1, 9):
            with self.subTest(n[0]):
                outcome = alice.try_join()
                self.assertIn(outcome[1], (0, 21102), outcome)
                if outcome == OK:
                    alice.leave()
        n[0] = 0
        alice.join()
        alice.wait_hears("node", 880)

    def leaves_who_resumes(self, action, reason):
        """Alice in the room, whose connection is cut; of the server who wants to resume hears that."""
        def script(talk):
            if not talk.join_request().reconnect:
                return talk.through()
            talk.accept()
            talk.send(response(leave=pb.LeaveRequest(action=action, reason=reason)))
            return talk.close()
        self.scripts["room"] = script
        alice = self.alice("room").join()
        alice.wait_hears("node", 880)
        sid = self.sid(self.lk, "alice")
        for s in list(self.double.sockets):
            s.shutdown(socket.SHUT_RDWR)
        return alice, sid

    def test_a_resume_that_is_to_be_a_join(self):
        alice, sid = self.leaves_who_resumes(pb.RECONNECT, pb.STATE_MISMATCH)
        alice.wait_told("RtcStateChanged", lambda a: a[1] == "rejoined", 60)
        alice.wait_hears("node", 880)
        self.peer.wait_hears("alice", 440)
        self.assertNotEqual(self.sid(self.lk, "alice"), sid)
        self.assertEqual([bool(request.reconnect) for _, _, request in self.double.talks][-2:], [True, False])

    def test_a_resume_that_is_the_end(self):
        alice, _ = self.leaves_who_resumes(pb.DISCONNECT, pb.ROOM_DELETED)
        alice.interrupted(DISMISSED)
        self.assertTrue(self.double.talks[-1][2].reconnect, "it is not tried again")

    def test_no_answer_to_the_offer(self):
        def script(talk):
            talk.through(lambda m, data: [] if m.WhichOneof("message") == "answer" else None)
        self.scripts["mute"] = script
        alice = self.alice("mute")
        outcome = alice.try_join(seconds=90)
        self.assertEqual(outcome[1], 21102, outcome)
        self.assertEqual(alice.get("State"), "idle")

    def test_answers_that_are_rubbish(self):
        def spoil(sdp):
            yield ""
            yield "v=0\r\n"
            yield "\0" * 1000
            yield sdp[:len(sdp) // 2]
            yield sdp.replace("a=fingerprint", "a=fingerprunt")
            yield sdp.replace("a=ice-pwd", "a=ice-pwt")
            yield sdp.replace("m=audio", "m=video")
            yield sdp.replace("a=mid:", "a=mid:9")
            yield sdp + "a=x\r\n" * 100000
        wanted = [0]

        def down(m, _):
            if m.WhichOneof("message") != "answer":
                return None
            bad = pb.SignalResponse()
            bad.CopyFrom(m)
            bad.answer.sdp = list(spoil(m.answer.sdp))[wanted[0]]
            return [bad]
        self.scripts["spoilt"] = lambda talk: talk.through(down)
        alice = self.alice("spoilt")
        for wanted[0] in range(9):
            with self.subTest(wanted[0]):
                outcome = alice.try_join(seconds=60)
                self.assertIn(outcome[1], (0, 21102), outcome)
                if outcome[1] == 0:
                    alice.client.outcome(alice.path, "ExitRtcRoom")

    def test_signalling_lost_while_joining(self):
        """After each number of messages, once: the join succeeds or fails in its bound, the next one succeeds."""
        for n in range(1, 7):
            mode = "cut%d" % n

            def script(talk, n=n):
                seen = [0]

                def down(_, __):
                    seen[0] += 1
                    if seen[0] > n:
                        raise Gone
                talk.through(down)
            self.scripts[mode] = lambda talk, s=script: s(talk) if self.double.count(talk.mode) == 1 else talk.through()
            with self.subTest(n):
                alice = livekit_room.Person(self.desktops[0], "alice", server=self.double.server(mode)) if self.desktops else self.alice(mode)
                outcome = alice.try_join()
                self.assertIn(outcome[1], (0, 21102), outcome)
                if outcome == OK:
                    wait_for(lambda a=alice: a.get("State") == "joined", "the room to be back", 60)
                else:
                    alice.join()
                alice.wait_hears("node", 880)
                alice.do("Destroy")


if __name__ == "__main__":
    livekit.require()
    main()
