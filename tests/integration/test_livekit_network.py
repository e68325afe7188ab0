#!/usr/bin/python3
"""Ways to a livekit-server: TCP only, ICE-lite through a minute without a packet of ours, the server's own TURN over UDP, TCP and TLS,
and relays because the server wants nothing else."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import TlsFront  # noqa: E402
from harness.livekit_double import Double, pb  # noqa: E402
from harness.livekit_room import Filter, SignalRelay, over_tcp, simulate  # noqa: E402
from harness.workspace import Network, wait_for  # noqa: E402


class Ways(livekit_room.Case):
    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def test_server_that_takes_tcp_only(self):
        server = self.server(rtc={"force_tcp": True})
        alice, bob = self.two(server)
        self.assertEqual(alice.states() + bob.states(), [])
        self.assertTrue(over_tcp(alice, server))

    def test_network_that_lets_tcp_through_only(self):
        server, network = self.server(), Network(self.ws)
        bob = self.person("bob", server, 880, network=network)
        Filter(bob.desktop, network).drop("meta l4proto udp")
        alice = self.person("alice", server, 440).join()
        bob.join()
        alice.wait_hears("bob", 880)
        bob.wait_hears("alice", 440)

    def test_ice_lite_and_a_minute_of_silence(self):
        """A lite server sends no checks of its own: ours have to keep the way open, on which nothing else goes."""
        server = self.server(rtc={"use_ice_lite": True})
        alice, bob = self.two(server)
        for p in (alice, bob):
            p.mute(True)
        sids = [self.sid(server, u) for u in ("alice", "bob")]
        end = time.monotonic() + 60
        while time.monotonic() < end:
            self.assertEqual((alice.states(), bob.states()), ([], []))
            alice.client.pump(1)
        for p in (alice, bob):
            p.mute(False)
        alice.wait_hears("bob", 880)
        bob.wait_hears("alice", 440)
        self.assertEqual([self.sid(server, u) for u in ("alice", "bob")], sids)

    def test_over_tls(self):
        """The certificate is verified."""
        server = self.server()
        front = TlsFront(self.ws, server)
        careful = self.person("careful", front.server)
        self.assertEqual(careful.try_join()[1:], (21102, 115903, "F", "joinRtcRoom:fail server unreachable"))
        alice, bob = self.two(server, reached=front.server, tls={"caFile": front.ca})
        self.assertEqual(alice.states() + bob.states(), [])

    def test_over_the_turn_server_only(self):
        server, network = self.server(turn="udp"), Network(self.ws)
        bob = self.person("bob", server, 880, network=network)
        Filter(bob.desktop, network).drop("udp dport != %d" % server.turn_port, "tcp dport %d" % server.tcp_port)
        self.talk(server, bob)

    def talk(self, server, bob):
        """Bob, who has no way but a relay, and alice, who is where the server is."""
        alice = self.person("alice", server, 440).join()
        bob.join()
        alice.wait_hears("bob", 880)
        bob.wait_hears("alice", 440)
        self.assertEqual(bob.states(), [])
        self.assert_relayed(bob)

    def assert_relayed(self, person):
        self.assertRegex(self.way(person), "^relay ")

    @staticmethod
    def way(person):
        return person.client.raw(person.path, "org.rtcroom.RtcRoom1.Voice", "GetStats")[0]["candidate-pair"][0]["localCandidate"]

    def test_over_turn_with_tls_only(self):
        """Of an authority that only the configuration names."""
        server, network = self.server(turn="tls"), Network(self.ws)
        bob = self.person("bob", server, 880, network=network, tls={"caFile": server.ca})
        Filter(bob.desktop, network).drop("meta l4proto udp", "ip daddr %s tcp dport != { %d, %d }" % (livekit.HOST, server.port, server.turn_port))
        self.talk(server, bob)

    def double(self, server, host="127.0.0.1", forced=False):
        """In front of the server: tells of its TURN server as one for TCP, and lets nothing else be used where `forced`."""
        def change(message, _):
            if message.WhichOneof("message") != "join":
                return None
            urls = ["turn:%s:%d?transport=tcp" % (livekit.HOST, server.turn_port)]
            message.join.ice_servers[0].urls[:] = urls
            if forced:
                message.join.client_configuration.force_relay = pb.ENABLED
            return [message]
        return Double(self.ws, {"changed": lambda talk: talk.through(change)}, server.port, host)

    def test_over_turn_with_tcp_only(self):
        server, network = self.server(turn="tcp"), Network(self.ws)
        double = self.double(server, livekit.HOST)
        bob = self.person("bob", double.server("changed"), 880, network=network)
        Filter(bob.desktop, network).drop("meta l4proto udp", "ip daddr %s tcp dport != { %d, %d }" % (livekit.HOST, double.port, server.turn_port))
        self.talk(server, bob)

    def test_a_server_that_takes_relays_only(self):
        """It says so when the offer is already there. Every other way is open."""
        server = self.server(turn="tcp")
        alice, bob = self.two(server, reached=self.double(server, forced=True).server("changed"))
        self.assertEqual(alice.states() + bob.states(), [])
        self.assert_relayed(bob)
        self.assertRegex(self.way(alice), "^host ")

    def test_a_server_that_wants_relays_later(self):
        """The real one does at a resume, when it has seen that nothing but TLS helps; or was told so."""
        server = self.server(turn="tls")
        relay = SignalRelay(self.ws, server)
        alice, bob = self.two(server, reached=relay.server, tls={"caFile": server.ca})
        relay.say(simulate(switch_candidate_protocol=2))
        relay.cut()
        wait_for(lambda: bob.states()[-1:] == ["rejoined"], "bob to be back; told %r" % bob.states(), 40)
        self.assert_relayed(bob)
        alice.wait_hears("bob", 880)
        bob.wait_hears("alice", 440)


if __name__ == "__main__":
    livekit.require()
    main()
