#!/usr/bin/python3
"""Two livekit-servers with one Redis: a room of one node entered through the other; the owner is killed, the room goes on."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import NodePeer, start_redis  # noqa: E402
from harness.livekit_room import SignalRelay, outage  # noqa: E402


class Nodes(livekit_room.Case):
    def setUp(self):
        super().setUp()
        redis = start_redis(self.ws)
        self.one, self.two_ = self.server(0, redis=redis), self.server(1, redis=redis)

    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def own(self, node):
        """The room is created by the node that is asked for, whichever is idler."""
        ids = {n.name: n.log().split('"nodeID": "', 1)[1].split('"', 1)[0] for n in self.servers}
        node.create_room("room", node_id=ids[node.name])

    def test_a_room_of_the_other_node(self):
        self.own(self.one)
        bob = self.person("bob", self.two_, 880).join()
        alice = self.person("alice", self.one, 440).join()
        node = NodePeer(self.ws, "node")
        node.join(self.two_, "room")
        alice.wait_hears("bob", 880)
        bob.wait_hears("alice", 440)
        node.wait_hears("alice", 440)
        alice.wait_members("alice", "bob", "node")

    def test_the_owner_is_killed(self):
        """Both come in through the survivor, the room is the other's."""
        self.own(self.one)
        alice = self.person("alice", self.two_, 440, reconnectSeconds=90).join()
        bob = self.person("bob", self.two_, 880, reconnectSeconds=90).join()
        alice.wait_hears("bob", 880)
        bob.wait_hears("alice", 440)
        outage(self, alice, bob, 880, self.one.kill, seconds=120)
        bob.wait_hears("alice", 440, 60)
        for p in (alice, bob):
            p.wait_members("alice", "bob")
            self.assertEqual(p.told("RtcChatInterrupted"), [])
        self.assertEqual(sorted(self.two_.participants("room")), ["alice", "bob"])

    def test_the_node_of_the_signalling_is_killed(self):
        """The media's node lives; the way to it goes through a load balancer that finds the other node."""
        self.own(self.two_)
        relay = SignalRelay(self.ws, self.one)
        alice = self.person("alice", self.two_, 440).join()
        bob = self.person("bob", relay.server, 880).join()
        alice.wait_hears("bob", 880)

        def lose():
            relay.to = self.two_.port
            self.one.kill()
            relay.cut()
        outage(self, alice, bob, 880, lose, seconds=90)
        bob.wait_hears("alice", 440)


if __name__ == "__main__":
    livekit.require()
    main()
