#!/usr/bin/python3
"""Ways to a livekit-server: TCP only, ICE-lite through a minute without a packet of ours, TLS, a proxy."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import Proxy, TlsFront  # noqa: E402
from harness.livekit_room import Filter, over_tcp  # noqa: E402
from harness.workspace import Network  # noqa: E402


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

    def test_through_the_proxy_of_the_environment(self):
        """There is no other way to the server; media has its own."""
        server, network = self.server(), Network(self.ws)
        front, proxy = TlsFront(self.ws, server), Proxy(self.ws)
        with proxy.named():
            bob = self.person("bob", front.server, 880, network=network, tls={"caFile": front.ca})
        Filter(bob.desktop, network).drop("ip daddr %s tcp dport != %d" % (livekit.HOST, proxy.port))
        alice = self.person("alice", server, 440).join()
        bob.join()
        alice.wait_hears("bob", 880)
        bob.wait_hears("alice", 440)
        self.assertEqual(bob.states(), [])
        self.assertEqual(proxy.asked, [("CONNECT", front.server.rsplit("/", 1)[1])])


if __name__ == "__main__":
    livekit.require()
    main()
