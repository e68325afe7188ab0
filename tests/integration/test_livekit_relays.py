#!/usr/bin/python3
"""Media through the TURN server of a livekit-server, over UDP, TCP and TLS: where nothing else passes, or the server wants nothing else."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit_double import Double, pb  # noqa: E402
from harness.livekit_room import Filter, SignalRelay, simulate  # noqa: E402
from harness.workspace import Network, wait_for  # noqa: E402


class Relays(livekit_room.Case):
    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

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
