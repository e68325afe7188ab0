#!/usr/bin/python3
"""Rooms of a real livekit-server: rtcroomd with rtcroomd, with LiveKit's own clients, heard both ways; mutes, subscriptions."""
import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room, sound  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import BrowserPeer, NodePeer, token  # noqa: E402
from harness.workspace import wait_for  # noqa: E402


class Room(livekit_room.Case):
    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def stranger(self, kind, server, hertz, **more):
        peer = kind(self.ws, "stranger")
        peer.join(server, "room", **more)
        peer.ask("publish", hertz=hertz)
        return peer

    def test_two_desktops_hear_each_other(self):
        server = self.server()
        alice, bob = self.two(server)
        for p, other, hertz in ((alice, bob, 880), (bob, alice, 440)):
            self.assertLess(sound.power(p.heard(other.user), 1320 - hertz), 0.01, "nobody hears himself")
            self.assertEqual(p.get("Engine"), "livekit")
            self.assertFalse(p.told("RtcChatInterrupted") + p.states())
        alice.wait_told("RtcChatSpeakersChanged", lambda a: sorted(a[0]) == ["alice", "bob"])
        bob.leave()
        alice.wait_members("alice")
        server.wait_participants("room", "alice")
        self.assertEqual(alice.told("RtcChatMembersChanged")[-1], (["alice"],))
        bob.join()  # the room of before, with another session
        alice.wait_hears("bob", 880)

    def test_two_desktops_mute_themselves(self):
        """And their lines: how one comes from the other is measured, what is before that the server says, also while nothing comes."""
        alice, bob = self.two(self.server())
        alice.wait_told("NetworkQuality", lambda a: [q for q in a[1] if q["userId"] == "bob" and q["rxQuality"] and 1 <= q["txQuality"] <= 3])
        for speaker, listener, hertz in ((alice, bob, 440), (bob, alice, 880)):
            speaker.mute(True)
            listener.wait_member(speaker.user, audioMuted=True)
            listener.wait_silence(speaker.user)
            listener.wait_told("NetworkQuality", lambda a: [q for q in a[1] if not q["rxQuality"] and 1 <= q["txQuality"] <= 3])
            speaker.mute(False)
            listener.wait_member(speaker.user, audioMuted=False)
            listener.wait_hears(speaker.user, hertz)

    def test_a_key_that_is_not_pressed_is_no_lost_line(self):
        """Between the spurts of push-to-talk a server would take the way for lost, and say so to everybody."""
        server = self.server()
        alice, bob = self.person("alice", server, 440), self.person("bob", server)
        alice.client.set(alice.path, "Voice", "TransmitMode", "push-to-talk")
        bob.join()
        alice.join()
        alice.client.raw(alice.path, "org.rtcroom.RtcRoom1.Voice", "StartTalking")
        bob.wait_hears("alice", 440)
        alice.client.raw(alice.path, "org.rtcroom.RtcRoom1.Voice", "StopTalking")
        bob.client.signals.clear()
        grades = lambda: [q["txQuality"] for a in bob.told("NetworkQuality") for q in a[1] if q["userId"] == "alice"]  # noqa: E731
        wait_for(lambda: len(grades()) >= 12, "half a minute of quality", 60)
        print("alice, as the server grades her line: %r" % grades(), file=sys.stderr)
        self.assertTrue(set(grades()[4:]) <= {1, 2}, grades())  # 0: we do not believe a server that has lost who says nothing
        alice.client.raw(alice.path, "org.rtcroom.RtcRoom1.Voice", "StartTalking")
        bob.wait_hears("alice", 440)

    def test_silence_costs_little_where_dtx_is_agreed(self):
        """An open microphone in a silent room: a packet now and then with DTX, each frame without."""
        server, sent = self.server(), {}
        for user, dtx in (("alice", True), ("bob", False)):
            p = self.person(user, server, audio={"dtx": dtx}).join()
            out = lambda p=p: p.client.raw(p.path, "org.rtcroom.RtcRoom1.Voice", "GetStats")[0].get("outbound-rtp", [{}])[0].get("packetsSent", 0)  # noqa: E731
            wait_for(out, "a packet of %s" % user, 20)
            p.client.pump(1)
            before = out()
            p.client.pump(4)
            sent[user] = out() - before
        print("packets in four silent seconds: %d with DTX, %d without" % (sent["alice"], sent["bob"]), file=sys.stderr)
        self.assertGreater(sent["alice"], 2, "signs of life")
        self.assertLess(sent["alice"], sent["bob"] / 5)

    def with_a_stranger(self, kind):
        """The same with LiveKit's own client: who is there, what is heard, mutes, subscriptions, the end."""
        server = self.server()
        alice = self.person("alice", server, 440).join()
        peer = self.stranger(kind, server, 880)
        alice.wait_members("alice", "stranger")
        alice.wait_hears("stranger", 880)
        peer.wait_hears("alice", 440)
        alice.mute(True)
        peer.wait("trackMuted", lambda e: e["user"] == "alice")
        peer.wait_hears("alice", 0)
        alice.mute(False)
        peer.wait_hears("alice", 440)
        peer.ask("mute", on=True)
        alice.wait_member("stranger", audioMuted=True)
        alice.wait_silence("stranger")
        peer.ask("mute", on=False)
        alice.wait_hears("stranger", 880)
        peer.ask("unpublish")
        alice.wait_member("stranger", audioPublished=False)
        peer.ask("publish", hertz=1320)
        alice.wait_hears("stranger", 1320)
        alice.do("ChangeStreamPublishState", state=0, streamType="audio")
        peer.wait("trackUnpublished", lambda e: e["user"] == "alice")
        alice.do("ChangeStreamPublishState", state=1, streamType="audio")
        peer.wait_hears("alice", 440)
        peer.ask("leave")
        alice.wait_members("alice")
        self.assertEqual(alice.told("RtcChatInterrupted") + alice.states(), [])

    def test_with_rtc_node(self):
        self.with_a_stranger(NodePeer)

    def test_with_livekit_client_in_chromium(self):
        self.with_a_stranger(BrowserPeer)

    def test_who_was_there_before_is_heard(self):
        """Tracks that were published before the join; and one that was muted then."""
        server = self.server()
        node = self.stranger(NodePeer, server, 880)
        node.ask("mute", on=True)
        alice = self.person("alice", server).join(autoPublish=False)
        alice.wait_members("alice", "stranger")
        alice.wait_member("stranger", audioMuted=True)
        node.ask("mute", on=False)
        alice.wait_hears("stranger", 880)
        self.assertEqual(server.tracks("room", "alice"), [], "nothing was published")
        self.assertFalse(alice.get("AudioCapture"))

    def test_subscriptions_twenty_times(self):
        """The server puts a track into a section that was another's before; each time it has to be the right one."""
        server = self.server()
        alice = self.person("alice", server).join(autoPublish=False, autoSubscribe=False)
        node = NodePeer(self.ws, "node")
        tones = {"n0": 500, "n1": 900}
        for who, hertz in tones.items():
            node.ask("join", **{"as": who}, url=server.url, token=token("room", who))
            node.ask("publish", **{"as": who}, hertz=hertz)
            alice.wait_member(who, audioPublished=True)
        for i in range(20):
            who = "n%d" % (i % 2)
            self.assertFalse(alice.member(who)["audioSubscribed"])
            alice.subscribe(who, True)
            if i % 5 == 0 or i == 19:
                alice.wait_hears(who, tones[who])
            alice.subscribe(who, False)
            alice.wait_member(who, audioSubscribed=False, nodeSerial=0)
        for who, hertz in tones.items():
            alice.subscribe(who, True)
            alice.wait_hears(who, hertz)
        self.assertEqual(alice.states(), [], "no reconnect was needed")
        sids = self.sid(server, "alice")
        self.assertEqual(server.call("GetParticipant", "room", identity="alice")["sid"], sids)

    def test_a_server_mutes_a_microphone(self):
        server = self.server()
        alice, bob = self.two(server)
        server.mute("room", "bob")
        wait_for(lambda: bob.get("Muted", "Voice"), "bob to know that he is muted", 20)
        alice.wait_member("bob", audioMuted=True)
        alice.wait_silence("bob")
        bob.mute(False)  # his own decision: LiveKit lets him
        alice.wait_hears("bob", 880)

    def test_names_and_attributes(self):
        server = self.server()
        alice = self.person("alice", server).join(autoPublish=False)
        node = NodePeer(self.ws, "node")
        node.join(server, "room", bearer=token("room", "node", claims={"name": "Nora", "metadata": "{\"a\":1}", "attributes": {"team": "red"}}))
        alice.wait_members("alice", "node")
        alice.wait_member("node", name="Nora", metadata="{\"a\":1}")
        self.assertEqual(alice.member("node")["attributes"], {"team": "red"})
        server.update("room", "node", name="Eleonora", metadata="{}", attributes={"team": "blue", "desk": "4"})
        alice.wait_member("node", name="Eleonora", metadata="{}")
        wait_for(lambda: alice.member("node")["attributes"] == {"team": "blue", "desk": "4"}, "the attributes", 20)

    def test_messages(self):
        """Data and chat both ways, reliable and not, to all and to one; and from the server itself."""
        server = self.server()
        alice = self.person("alice", server).join(autoPublish=False)
        node, web = NodePeer(self.ws, "node"), BrowserPeer(self.ws, "web")
        for peer in (node, web):
            peer.join(server, "room")
        alice.wait_members("alice", "node", "web")
        for peer in (node, web):
            for reliable in (True, False):
                data = b"\0\1" + peer.user.encode()
                peer.ask("send", data=base64.b64encode(data).decode(), reliable=reliable, topic="t%d" % reliable)
                got = self.received(alice, peer.user, "t%d" % reliable)
                self.assertEqual((bytes(got["data"]), got["reliable"]), (data, reliable))
            peer.ask("chat", text="good day – " + peer.user)
            self.assertEqual(self.received(alice, peer.user, "")["text"], "good day – " + peer.user)
        since = [len(p.events) for p in (node, web)]

        def from_alice(event):
            return event["user"] == "alice"
        self.send(alice, text="hello all")
        self.send(alice, data=b"\xff\0 for the web", topic="d", destinations=["web"])
        for peer, n in zip((node, web), since):
            self.assertEqual(peer.wait("chat", from_alice, since=n)["text"], "hello all")  # what the others said may be late
        got = web.wait("dataReceived", from_alice, since=since[1])
        self.assertEqual((base64.b64decode(got["data"]), got["user"], got["topic"]), (b"\xff\0 for the web", "alice", "d"))
        self.assertEqual([e for e in node.events[since[0]:] if e["event"] == "dataReceived" and from_alice(e)], [],
                         "it was for the web alone")
        server.send_data("room", b"from above", topic="news")
        self.assertEqual(bytes(self.received(alice, "", "news")["data"]), b"from above")

    @staticmethod
    def received(person, user, topic):
        return person.wait_told("MessageReceived", lambda a: a[0]["userId"] == user and a[0]["topic"] == topic)[0]

    @staticmethod
    def send(person, **message):
        from gi.repository import GLib
        if "data" in message:
            message["data"] = GLib.Variant("ay", message["data"])
        if "destinations" in message:
            message["destinations"] = GLib.Variant("as", message["destinations"])
        from harness.bus import BUS_NAME, variant
        options = {k: variant(v) for k, v in message.items()}
        request = person.client.raw(person.path, BUS_NAME + ".Voice", "SendMessage", GLib.Variant("(a{sv})", (options,)))[0]
        outcome = person.client.completed(person.path, request)
        assert outcome[1] == 0, outcome


if __name__ == "__main__":
    livekit.require()
    main()
