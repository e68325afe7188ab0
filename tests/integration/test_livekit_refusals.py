#!/usr/bin/python3
"""Joins that a livekit-server, or rtcroomd before it, refuses; with the words of the server."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import NodePeer, token  # noqa: E402
from harness.livekit_room import OK, SignalRelay  # noqa: E402
from harness.workspace import wait_for  # noqa: E402


class Refusals(livekit_room.Case):
    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def refused(self, person, code, words, **join):
        api, err_no, error_code, kind, text = person.try_join(**join)
        self.assertEqual((api, err_no, error_code, kind), ("joinRtcRoom", code, {21101: 115902, 21102: 115903}[code], {21101: "D", 21102: "F"}[code]), text)
        self.assertTrue(text.startswith("joinRtcRoom:fail "), text)
        self.assertRegex(text, words or "fail .")
        self.assertEqual(person.get("State"), "idle")
        return text

    def test_tokens_that_are_wrong_by_themselves(self):
        """Nothing is asked of the server."""
        server = self.server()
        relay = SignalRelay(self.ws, server)
        alice = self.person("alice", relay.server)
        good = token("room", "alice")
        for what, bearer in (("another room", token("other", "alice")), ("another user", token("room", "bob")), ("expired", token("room", "alice", seconds=-100)),
                             ("no grant", token("room", "alice", roomJoin=False)), ("no token", "garbage"), ("half a token", good[:len(good) // 2])):
            with self.subTest(what):
                self.refused(alice, 21101, "", bearer=bearer)
        self.assertEqual(relay.requests, [])
        self.assertEqual(alice.try_join(bearer=good, autoPublish=False), OK)

    def test_tokens_that_the_server_refuses(self):
        server = self.server()
        alice = self.person("alice", server)
        self.refused(alice, 21101, "(?i)invalid|token|authorization", bearer=token("room", "alice", secret="x" * 32))
        self.refused(alice, 21101, "(?i)api key", bearer=token("room", "alice", key="nobody"))
        self.assertNotIn(token("room", "alice")[-40:], alice.desktop.log(), "tokens are in no log")
        self.assertEqual(alice.try_join(autoPublish=False), OK)

    def test_a_room_that_does_not_exist(self):
        server = self.server(room={"auto_create": False})
        alice = self.person("alice", server)
        self.refused(alice, 21102, "requested room does not exist")
        server.create_room("room")
        self.assertEqual(alice.try_join(autoPublish=False), OK)

    def test_a_room_that_is_full(self):
        server = self.server()
        server.create_room("room", max_participants=1)
        node = NodePeer(self.ws, "node")
        node.join(server, "room")
        alice = self.person("alice", server)
        self.assertEqual(self.refused(alice, 21102, ""), "joinRtcRoom:fail error code:-1080")
        node.ask("leave")
        wait_for(lambda: not server.participants("room"), "the room to be empty", 30)
        self.assertEqual(alice.try_join(autoPublish=False), OK)

    def test_nobody_there(self):
        alice = self.person("alice", "livekit+ws://10.79.0.1:9")
        self.refused(alice, 21102, "server unreachable")

    def test_whoever_may_not_publish_listens(self):
        server = self.server()
        node = NodePeer(self.ws, "node")
        node.join(server, "room")
        node.ask("publish", hertz=880)
        alice = self.person("alice", server).join(bearer=token("room", "alice", canPublish=False))
        alice.wait_hears("node", 880)
        self.assertEqual(server.tracks("room", "alice"), [])
        self.assertFalse(alice.get("AudioPublished"))
        self.assertNotEqual(alice.client.outcome(alice.path, "ChangeStreamPublishState", state=1, streamType="audio")[1], 0)
        self.assertEqual((alice.get("State"), alice.states()), ("joined", []))


if __name__ == "__main__":
    livekit.require()
    main()
