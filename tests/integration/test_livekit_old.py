#!/usr/bin/python3
"""Rooms of LiveKit servers of before 1.9.1, which know no /rtc/v1: one connection of media to send, another to receive.

The server is the real one, whose older way in is what those had; what stands before it answers the newer one as they did.
Where LIVEKIT_SERVER names such a server, that is what is tested.
"""
import contextlib
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room, sound  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import NodePeer, token  # noqa: E402
from harness.livekit_double import Double  # noqa: E402
from harness.livekit_room import outage  # noqa: E402
from harness.workspace import wait_for  # noqa: E402


class OldServer(livekit_room.Case):
    def setUp(self):
        super().setUp()
        self.double = None

    def tearDown(self):
        self.assertEqual(self.double.failures, [])
        self.assert_no_sanitizer_report()
        super().tearDown()

    def old(self, **options):
        """Everybody comes this way, each under a mode of his own."""
        def script(talk):
            if talk.path == "/rtc/v1":
                talk.status(404, b"404 page not found\n", "Not Found")
            else:
                talk.through()
        server = self.server(**options)
        self.double = Double(self.ws, dict.fromkeys(("alice", "bob"), script), server.port)
        return server

    def two_of_old(self):
        alice = self.person("alice", self.double.server("alice"), 440).join()
        bob = self.person("bob", self.double.server("bob"), 880).join()
        for p, other, hertz in ((alice, "bob", 880), (bob, "alice", 440)):
            p.wait_members("alice", "bob")
            p.wait_hears(other, hertz)
        return alice, bob

    def cut(self):
        """All signalling."""
        for s in list(self.double.sockets):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def ways(self, mode):
        return [path for m, path, _ in self.double.talks if m == mode]

    def test_two_desktops_hear_each_other(self):
        server = self.old()
        alice, bob = self.two_of_old()
        self.assertEqual(self.ways("alice"), ["/rtc/v1", "/rtc"])
        for p, other, hertz in ((alice, bob, 880), (bob, alice, 440)):
            self.assertLess(sound.power(p.heard(other.user), 1320 - hertz), 0.01, "nobody hears himself")
            self.assertFalse(p.told("RtcChatInterrupted") + p.states())
        alice.wait_told("RtcChatSpeakersChanged", lambda a: sorted(a[0]) == ["alice", "bob"])
        bob.mute(True)
        alice.wait_silence("bob")
        bob.mute(False)
        alice.wait_hears("bob", 880)
        for _ in range(3):
            bob.do("ChangeStreamPublishState", state=0, streamType="audio")
            alice.wait_member("bob", audioPublished=False)
            bob.do("ChangeStreamPublishState", state=1, streamType="audio")
            alice.wait_hears("bob", 880)
        bob.leave()
        alice.wait_members("alice")
        server.wait_participants("room", "alice")
        bob.join()
        alice.wait_hears("bob", 880)

    def test_a_listener_and_livekits_own_client(self):
        """Who publishes nothing has the server's connection only; subscriptions change what is in it."""
        server = self.old()
        node, tones = NodePeer(self.ws, "node"), {"n0": 500, "n1": 900}
        alice = self.person("alice", self.double.server("alice"), 440).join(autoPublish=False, autoSubscribe=False)
        for who, hertz in tones.items():
            node.ask("join", **{"as": who}, url=server.url, token=token("room", who))
            node.ask("publish", **{"as": who}, hertz=hertz)
            alice.wait_member(who, audioPublished=True)
        for i in range(10):
            who = "n%d" % (i % 2)
            alice.subscribe(who, True)
            alice.wait_member(who, audioSubscribed=True)
            if i % 3 == 0:
                alice.wait_hears(who, tones[who])
            alice.subscribe(who, False)
            alice.wait_member(who, audioSubscribed=False)
        for who, hertz in tones.items():
            alice.subscribe(who, True)
            alice.wait_hears(who, hertz)
        self.assertEqual(server.tracks("room", "alice"), [], "nothing was published")
        alice.do("ChangeStreamPublishState", state=1, streamType="audio")
        wait_for(lambda: server.tracks("room", "alice"), "a track of alice", 30)

    def test_signalling_cut(self):
        server = self.old()
        alice, bob = self.two_of_old()
        sids = [self.sid(server, who) for who in ("alice", "bob")]
        for n in (1, 2):
            outage(self, alice, bob, 880, lambda: (bob.client.signals.clear(), self.cut()))
            wait_for(lambda: alice.states()[-1:] == ["rejoined"], "alice to be back", 30)
            bob.wait_hears("alice", 440)
            self.assertEqual([self.sid(server, who) for who in ("alice", "bob")], sids, "resumed")
            self.assertEqual(self.ways("bob"), ["/rtc/v1"] + ["/rtc"] * (n + 1), "the newer way is not tried again")

    def test_a_session_that_the_server_has_lost(self):
        server = self.old()
        alice, bob = self.two_of_old()
        sid = self.sid(server, "bob")
        server.kill()
        bob.wait_told("RtcStateChanged", lambda a: a[1] == "reconnecting", 60)
        server.start()
        for p, other, hertz in ((alice, "bob", 880), (bob, "alice", 440)):
            p.wait_told("RtcStateChanged", lambda a: a[1] == "rejoined", 90)
            p.wait_hears(other, hertz)
        self.assertNotEqual(self.sid(server, "bob"), sid)

    def test_who_only_listens_can_talk(self):
        """The connection that sends is made for messages alone, when there is one."""
        server = self.old()
        alice, bob = (self.person(who, self.double.server(who)).join(autoPublish=False) for who in ("alice", "bob"))
        for p in (alice, bob):
            p.wait_members("alice", "bob")
        for n in range(2):
            for p, other in ((alice, bob), (bob, alice)):
                self.say(p, "hello %d" % n)
                self.wait_message(other, text="hello %d" % n, userId=p.user)
            if n == 0:
                self.cut()
                for p in (alice, bob):
                    p.wait_told("RtcStateChanged", lambda a: a[1] == "rejoined", 60)
        self.assertEqual([len(self.messages(p)) for p in (alice, bob)], [2, 2])
        self.assertEqual(server.tracks("room", "alice") + server.tracks("room", "bob"), [], "nothing was published")

    def test_ice_lite(self):
        self.old(rtc={"use_ice_lite": True})
        self.two_of_old()


if __name__ == "__main__":
    livekit.require()
    main()
