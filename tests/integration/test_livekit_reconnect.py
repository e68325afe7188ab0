#!/usr/bin/python3
"""What is lost on the way to a livekit-server comes back: signalling cut or silent, UDP cut, cable pulled. Times are printed, not asserted."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit_room import Filter, SignalRelay, outage  # noqa: E402
from harness.workspace import Network, wait_for  # noqa: E402


class Reconnect(livekit_room.Case):
    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def relayed(self):
        """Alice hears bob, whose signalling can be tampered with."""
        server = self.server()
        relay = SignalRelay(self.ws, server)
        return (server, relay, *self.two(server, reached=relay.server))

    def assert_nobody_left(self, *people):
        for p in people:
            lists = [sorted(a[0]) for a in p.told("RtcChatMembersChanged")]
            first = lists.index(["alice", "bob"])
            self.assertEqual(lists[first:], [["alice", "bob"]] * len(lists[first:]))
            self.assertEqual(p.told("RtcChatInterrupted"), [])

    def test_signalling_cut(self):
        server, relay, alice, bob = self.relayed()
        sid = self.sid(server, "bob")
        outage(self, alice, bob, 880, relay.cut)
        self.assertEqual(self.sid(server, "bob"), sid, "resumed")
        self.assertEqual((alice.states(), bob.states()), ([], ["reconnecting", "rejoined"]))
        bob.wait_hears("alice", 440)
        self.assert_nobody_left(alice, bob)
        outage(self, alice, bob, 880, lambda: (bob.client.signals.clear(), relay.cut()))
        self.assertEqual(self.sid(server, "bob"), sid, "resumed again")

    def test_signalling_silent(self):
        server, relay, alice, bob = self.relayed()
        sid = self.sid(server, "bob")

        def lose():
            relay.silent = True
            bob.wait_told("RtcStateChanged", lambda a: a[1] == "reconnecting", 60)
            relay.silent = False
        outage(self, alice, bob, 880, lose)
        self.assertEqual(self.sid(server, "bob"), sid, "resumed")
        self.assert_nobody_left(alice, bob)

    def test_what_happens_meanwhile_holds_afterwards(self):
        """Mutes, subscriptions, people who come and go while the signalling is away."""
        server, relay, alice, bob = self.relayed()
        relay.silent = True
        bob.wait_told("RtcStateChanged", lambda a: a[1] == "reconnecting", 60)
        bob.mute(True)
        alice.leave()
        carol = self.person("carol", server, 660).join()
        relay.silent = False
        bob.wait_told("RtcStateChanged", lambda a: a[1] == "rejoined", 60)
        bob.wait_members("bob", "carol")
        bob.wait_hears("carol", 660)
        carol.wait_member("bob", audioMuted=True)
        bob.mute(False)
        carol.wait_hears("bob", 880)

    def own_network(self):
        server, network = self.server(), Network(self.ws)
        return (server, network, *self.two(server, network=network))

    def test_cable_pulled_and_plugged_in(self):
        server, network, alice, bob = self.own_network()

        def lose():
            network.pull()
            bob.wait_told("RtcStateChanged", lambda a: a[1] == "reconnecting", 60)
        outage(self, alice, bob, 880, lose, network.plug, seconds=90)
        wait_for(lambda: "alice" in bob.get("Members"), "bob to see alice", 30)
        bob.wait_hears("alice", 440)
        self.assertEqual(bob.told("RtcChatInterrupted"), [])
        server.wait_participants("room", "alice", "bob")

    def test_udp_cut_for_a_while(self):
        _, network, alice, bob = self.own_network()
        firewall = Filter(bob.desktop, network)

        def lose():
            firewall.drop("udp dport 7882")
            wait_for(lambda: sound_is_away(alice, "bob"), "the tone to be away", 30)
        outage(self, alice, bob, 880, lose, firewall.clear, back=(), seconds=90)
        bob.wait_hears("alice", 440, 60)
        self.assertEqual(bob.told("RtcChatInterrupted"), [])

    def test_udp_cut_for_good(self):
        """The way over TCP is found."""
        _, network, alice, bob = self.own_network()
        firewall = Filter(bob.desktop, network)

        def lose():
            firewall.drop("udp dport 7882")
            wait_for(lambda: sound_is_away(alice, "bob"), "the tone to be away", 30)
        outage(self, alice, bob, 880, lose, back=(), seconds=90)
        bob.wait_hears("alice", 440, 60)
        self.assertEqual(bob.told("RtcChatInterrupted"), [])


def sound_is_away(person, user):
    return float(livekit_room.sound.rms(person.heard(user, 0.5))) < 1e-3


if __name__ == "__main__":
    livekit.require()
    main()
