#!/usr/bin/python3
"""End-to-end encryption: one passphrase is heard, any other is silence with its reason told; on Janus and on LiveKit, with its own clients."""
import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import BrowserPeer, NodePeer  # noqa: E402
from harness.livekit_room import Person  # noqa: E402

ADDRESS = "127.0.0.1:8188"
KEY, OTHER = "the passphrase – of the room", "another one"
TROUBLE = 21109


class Encryption(livekit_room.Case):
    def tearDown(self):
        for desktop in self.desktops:
            self.assertNotIn(KEY, desktop.log())
            self.assertNotIn(OTHER, desktop.log())
        self.assert_no_sanitizer_report()
        super().tearDown()

    @staticmethod
    def wait_trouble(person, user, text):
        """Told once, with whom it is about; heard is nothing of him."""
        person.wait_told("RtcStateChanged", lambda a: a == (TROUBLE, text, {"userId": user}))
        person.wait_member(user, encryption=text)
        person.wait_silence(user)
        assert user not in person.get("Speakers")

    @staticmethod
    def wait_both_hear(alice, bob):
        for p, other, hertz in ((alice, bob, 880), (bob, alice, 440)):
            p.wait_hears(other.user, hertz)
            p.wait_member(other.user, encryption="ok")
            p.wait_member(p.user, encryption="ok")

    def every_pair_of_keys(self, alice, bob, bearer):
        """bearer(person) gives the token."""
        alice.join(bearer=bearer(alice), key=KEY)
        bob.join(bearer=bearer(bob), key=KEY)
        self.wait_both_hear(alice, bob)
        self.assertEqual(alice.states() + bob.states(), [])
        for key, at_alice, at_bob in ((OTHER, "wrong key", "wrong key"), (None, "not encrypted", "no key")):
            bob.leave()
            alice.wait_members("alice")
            bob.join(bearer=bearer(bob), key=key)
            self.wait_trouble(alice, "bob", at_alice)
            self.wait_trouble(bob, "alice", at_bob)
        bob.leave()
        alice.wait_members("alice")
        bob.join(bearer=bearer(bob), key=KEY)
        self.wait_both_hear(alice, bob)
        self.assertEqual(alice.states(), ["wrong key", "not encrypted"])

    def test_on_janus(self):
        quiet = {"consent": {"default": "allow"}}
        alice = Person(self.desktop("a", dict(quiet, server="embedded:", embedded={"listen": ADDRESS})), "alice", 440)
        bob = Person(self.desktop("b", dict(quiet, server="janus+ws://" + ADDRESS)), "bob", 880)
        self.every_pair_of_keys(alice, bob, lambda p: p.desktop.token("room", p.user))

    def test_on_livekit(self):
        server = self.server()
        alice, bob = self.person("alice", server, 440), self.person("bob", server, 880)
        self.every_pair_of_keys(alice, bob, lambda p: livekit.token("room", p.user))

    def with_a_stranger(self, kind):
        """LiveKit's own client: both ways, its key changed to a wrong one and back, and one that does not encrypt."""
        server = self.server()
        alice = self.person("alice", server, 440).join(key=KEY)
        peer = kind(self.ws, "stranger")
        peer.join(server, "room", key=KEY)
        peer.ask("publish", hertz=880)
        alice.wait_hears("stranger", 880)
        alice.wait_member("stranger", encryption="ok")
        peer.wait_hears("alice", 440)
        peer.ask("mute", on=True)  # the server fills the gap with silence of its own, in clear
        alice.wait_silence("stranger")
        peer.ask("mute", on=False)
        alice.wait_hears("stranger", 880)
        self.assertEqual(alice.states(), [])
        peer.ask("key", key=OTHER)
        self.wait_trouble(alice, "stranger", "wrong key")
        peer.wait_hears("alice", 0)
        peer.ask("key", key=KEY)
        alice.wait_hears("stranger", 880)
        alice.wait_told("RtcStateChanged", lambda a: a == (0, "decrypted", {"userId": "stranger"}))
        peer.wait_hears("alice", 440)
        peer.ask("leave")
        alice.wait_members("alice")
        peer.join(server, "room")
        peer.ask("publish", hertz=880)
        self.wait_trouble(alice, "stranger", "not encrypted")
        return alice, peer

    def test_with_rtc_node(self):
        self.with_a_stranger(NodePeer)

    def test_ratchet(self):
        """A key that moves on is followed, in what is heard and in what is sent."""
        server = self.server()
        alice = self.person("alice", server, 440).join(key=KEY)
        node = NodePeer(self.ws, "node")
        node.join(server, "room", key=KEY)
        node.ask("publish", hertz=880)
        keys = set()
        for _ in range(3):
            alice.wait_hears("node", 880)
            node.wait_hears("alice", 440)
            keys.add(node.ask("ratchet"))
        self.assertEqual(len(keys), 3, "it moved on each time")
        alice.wait_hears("node", 880)
        node.wait_hears("alice", 440)
        self.assertEqual(alice.states(), [])

    def test_with_livekit_client_in_chromium(self):
        self.with_a_stranger(BrowserPeer)

    def test_messages(self):
        """Texts and data both ways; whoever has not the key is not listened to, and hears nothing."""
        from test_livekit_room import Room
        server = self.server()
        alice = self.person("alice", server).join(autoPublish=False, key=KEY)
        node, web, deaf = NodePeer(self.ws, "node"), BrowserPeer(self.ws, "web"), NodePeer(self.ws, "deaf")
        for peer in (node, web):
            peer.join(server, "room", key=KEY)
        deaf.join(server, "room")
        alice.wait_members("alice", "node", "web", "deaf")
        deaf.ask("send", data=base64.b64encode(b"in clear").decode(), topic="t")
        deaf.ask("chat", text="in clear")
        for peer in (node, web):
            peer.ask("send", data=base64.b64encode(b"data of " + peer.user.encode()).decode(), topic="t")
            self.assertEqual(bytes(Room.received(alice, peer.user, "t")["data"]), b"data of " + peer.user.encode())
            peer.ask("chat", text="good day – " + peer.user)
            self.assertEqual(Room.received(alice, peer.user, "")["text"], "good day – " + peer.user)
        since = [len(p.events) for p in (node, web)]
        Room.send(alice, text="hello all")
        Room.send(alice, data=b"\xff\0 data", topic="d")
        for peer, n in zip((node, web), since):
            self.assertEqual(peer.wait("chat", since=n)["text"], "hello all")
            self.assertEqual(base64.b64decode(peer.wait("dataReceived", since=n)["data"]), b"\xff\0 data")
        server.send_data("room", b"from above", topic="news")
        self.assertEqual(bytes(Room.received(alice, "", "news")["data"]), b"from above")
        self.assertEqual({a[0]["userId"] for a in alice.told("MessageReceived")}, {"node", "web", ""})
        deaf.wait("dataReceived", lambda e: e["topic"] == "news")  # the last of all
        self.assertEqual([e for e in deaf.events if e["event"] in ("chat", "dataReceived") and e.get("user")], [])


if __name__ == "__main__":
    livekit.require()
    main()
