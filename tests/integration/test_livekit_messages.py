#!/usr/bin/python3
"""Messages in rooms of a real livekit-server: texts and data, reliable or not, to all or to some, with LiveKit's own clients and over a cut."""
import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.desktop import APP_ID  # noqa: E402
from harness.livekit import BrowserPeer, NodePeer, token  # noqa: E402
from harness.livekit_room import SignalRelay  # noqa: E402
from harness.workspace import read, wait_for  # noqa: E402

LONG = "".join(chr(0x4e00 + i % 5000) for i in range(19000))  # 57000 bytes in four chunks, each of whole characters


class Messages(livekit_room.Case):
    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def quiet(self, user, server, **more):
        return self.person(user, server, **more).join(autoPublish=False)

    def test_two_desktops_talk(self):
        server = self.server()
        alice, bob = self.quiet("alice", server), self.quiet("bob", server)
        alice.wait_members("alice", "bob")
        self.say(alice, "good morning 👋")
        m = self.wait_message(bob, text="good morning 👋")
        self.assertEqual(m, {"userId": "alice", "topic": "", "reliable": True, "text": "good morning 👋"})
        self.say(bob, "")
        self.wait_message(alice, text="", userId="bob")
        self.say(bob, LONG, topic="story")
        self.wait_message(alice, text=LONG, topic="story")
        self.say(bob, data=bytes(range(256)), topic="bytes")
        self.assertEqual(self.wait_message(alice, topic="bytes")["data"], list(range(256)))
        self.say(alice, data=b"", reliable=False)
        self.assertEqual(self.wait_message(bob, reliable=False)["data"], [])
        self.say(alice, data=bytes(60000))
        wait_for(lambda: any(len(m.get("data", [])) == 60000 for m in self.messages(bob)), "60000 bytes", 30)
        for i in range(100):
            self.say(alice, "line %d" % i)
        self.wait_message(bob, text="line 99")
        lines = [m["text"] for m in self.messages(bob) if m.get("text", "").startswith("line ")]
        self.assertEqual(lines, ["line %d" % i for i in range(100)])
        self.assertFalse([m for m in self.messages(alice) if m["userId"] == "alice"], "what one says does not come back")
        self.assertEqual(self.send(alice, data=bytes(60001))[1], "sendMessage:fail params too large")
        alice.leave()
        self.assertEqual(self.send(alice, "anybody?"), (21102, "sendMessage:fail not in a room"))

    def test_a_message_to_one(self):
        server = self.server()
        alice, bob, carol = (self.quiet(who, server) for who in ("alice", "bob", "carol"))
        alice.wait_members("alice", "bob", "carol")
        self.say(alice, "only for bob", to=["bob", "nobody"])
        self.assertEqual(self.wait_message(bob, text="only for bob")["destinations"], ["bob", "nobody"])
        self.say(alice, "for all")
        self.wait_message(carol, text="for all")
        self.assertEqual(len(self.messages(carol)), 1)

    def with_a_stranger(self, kind):
        server = self.server()
        peer = kind(self.ws, "stranger")
        peer.join(server, "room")
        alice = self.quiet("alice", server)
        alice.wait_members("alice", "stranger")
        peer.wait("participantConnected", lambda e: e["user"] == "alice")  # LiveKit tells of who does not publish after seconds
        self.say(alice, "hello there")
        self.assertEqual(peer.wait("chat", lambda e: e["user"] == "alice")["text"], "hello there")
        self.say(alice, LONG)
        peer.wait("chat", lambda e: e["text"] == LONG)
        for reliable in (True, False):
            # of the first on a channel that was just opened nobody knows whether it is lost
            wait_for(lambda: self.say(alice, data=b"\0\xff", topic="t", reliable=reliable) or
                     [e for e in peer.events if e["event"] == "dataReceived" and e["reliable"] == reliable], "data, reliable: %s" % reliable, 20, 0.5)
            e = peer.wait("dataReceived", lambda e: e["reliable"] == reliable)
            self.assertEqual((base64.b64decode(e["data"]), e["topic"], e["user"]), (b"\0\xff", "t", "alice"))
            peer.ask("send", data=base64.b64encode(b"abc").decode(), reliable=reliable, topic="back")
            if reliable:
                self.assertEqual(self.wait_message(alice, topic="back"), {"userId": "stranger", "topic": "back", "reliable": True, "data": [97, 98, 99]})
        wait_for(lambda: peer.ask("send", data="eA==", reliable=False, topic="lossy") or
                 [m for m in self.messages(alice) if m["topic"] == "lossy"], "lossy data", 20, 0.5)
        self.assertEqual([m["reliable"] for m in self.messages(alice) if m["topic"] == "lossy"][0], False)
        peer.ask("chat", text="good evening €")
        self.assertEqual(self.wait_message(alice, text="good evening €"), {"userId": "stranger", "topic": "", "reliable": True, "text": "good evening €"})
        peer.ask("chat", text=LONG, to=["alice"])
        self.assertEqual(self.wait_message(alice, text=LONG)["destinations"], ["alice"])

    def test_with_rtc_node(self):
        self.with_a_stranger(NodePeer)

    def test_with_livekit_client_in_chromium(self):
        self.with_a_stranger(BrowserPeer)

    def test_the_server_has_a_word(self):
        server = self.server()
        alice = self.quiet("alice", server)
        # nobody keeps it for somebody whose channels are still coming up
        wait_for(lambda: server.send_data("room", b"news", topic="news") or self.messages(alice), "news", 30, 0.5)
        self.assertEqual(self.wait_message(alice, topic="news"), {"userId": "", "topic": "news", "reliable": True, "data": list(b"news")})

    def test_who_may_not(self):
        server = self.server()
        alice = self.person("alice", server).join(autoPublish=False, bearer=token("room", "alice", canPublishData=False))
        self.assertEqual(self.send(alice, "psst"), (21102, "sendMessage:fail the token does not permit messages"))

    def test_nothing_is_missing_after_a_resume(self):
        server = self.server()
        relay = SignalRelay(self.ws, server)
        alice, bob = self.quiet("alice", server), self.quiet("bob", relay.server)
        alice.wait_members("alice", "bob")
        sid = self.sid(server, "bob")
        for who, other in ((alice, bob), (bob, alice)):
            self.say(who, "before")
            self.wait_message(other, text="before")
        relay.cut()
        bob.wait_told("RtcStateChanged", lambda a: a[1] == "reconnecting", 60)
        for i in range(10):
            self.say(alice, "meanwhile %d" % i)
            self.say(bob, "meanwhile %d" % i)
        bob.wait_told("RtcStateChanged", lambda a: a[1] == "rejoined", 60)
        self.assertEqual(self.sid(server, "bob"), sid, "resumed")
        for who, other in ((alice, bob), (bob, alice)):
            self.say(who, "after")
            self.wait_message(other, text="after")
            self.assertEqual([m["text"] for m in self.messages(other)], ["before"] + ["meanwhile %d" % i for i in range(10)] + ["after"])

    def test_the_command_line(self):
        server = self.server()
        peer = NodePeer(self.ws, "stranger")
        peer.join(server, "room")
        desktop = self.person("alice", server).desktop
        desktop.ctl("send", "room", "by the way", "--app", APP_ID, "--user", "alice", "--token", token("room", "alice"))
        peer.wait("chat", lambda e: e["text"] == "by the way" and e["user"] == "alice")
        fifo = os.path.join(desktop.path, "typed")
        os.mkfifo(fifo)
        chat = desktop.start("sh", "-c", 'exec "$@" < "$0"', fifo, desktop.ctl_path, "--json", "chat", "room", "--app", APP_ID, "--user", "bob",
                             "--no-publish", "--token", token("room", "bob"), log="chat.log")
        typed = open(fifo, "wb", buffering=0)
        self.addCleanup(typed.close)
        typed.write(b"first\nsecond")
        peer.wait("chat", lambda e: e["text"] == "first" and e["user"] == "bob")
        peer.wait("participantConnected", lambda e: e["user"] == "bob")  # before that it speaks to nobody
        peer.ask("chat", text="seen")
        wait_for(lambda: '"text":"seen"' in read(os.path.join(desktop.path, "chat.log"), "").replace(" ", ""), "the answer at rtcroomctl", 30)
        typed.close()
        peer.wait("chat", lambda e: e["text"] == "second")
        self.assertEqual(chat.wait(30), 0)


if __name__ == "__main__":
    livekit.require()
    main()
