#!/usr/bin/python3
"""What the LiveKit tests stand on: a real server, @livekit/rtc-node and livekit-client in Chromium, without rtcroomd."""
import base64
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, livekit  # noqa: E402
from harness.livekit import BrowserPeer, LiveKit, NodePeer, Refused, token  # noqa: E402
from harness.workspace import wait_for  # noqa: E402


class Harness(case.Case):
    def enter(self, server, kind, user, hertz, **more):
        peer = kind(self.ws, user)
        peer.join(server, "room", **more)
        peer.ask("publish", hertz=hertz)
        return peer

    def both(self, server, **more):
        node, web = self.enter(server, NodePeer, "node", 660, **more), self.enter(server, BrowserPeer, "web", 880, **more)
        node.wait_hears("web", 880)
        web.wait_hears("node", 660)
        return node, web

    def test_tones_mutes_data_and_chat_between_the_peers(self):
        server = LiveKit(self.ws)
        node, web = self.both(server)
        self.assertEqual(sorted(server.participants("room")), ["node", "web"])
        for speaker, listener, hertz in ((node, web, 660), (web, node, 880)):
            speaker.ask("mute", on=True)
            listener.wait("trackMuted", lambda e, s=speaker: e["user"] == s.user)
            listener.wait_hears(speaker.user, 0)
            speaker.ask("mute", on=False)
            listener.wait_hears(speaker.user, hertz)
            for reliable in (True, False):
                data = base64.b64encode(b"\0bytes of " + speaker.user.encode()).decode()
                speaker.ask("send", data=data, reliable=reliable, topic="t")
                got = listener.wait("dataReceived", lambda e, r=reliable: e["reliable"] == r)
                self.assertEqual((got["user"], got["data"], got["topic"]), (speaker.user, data, "t"))
            speaker.ask("chat", text="good day")
            self.assertEqual(listener.wait("chat")["text"], "good day")
        node.ask("subscribe", user="web", on=False)
        node.wait("trackUnsubscribed")
        node.ask("subscribe", user="web", on=True)
        node.wait_hears("web", 880)
        node.ask("leave")
        web.wait("participantDisconnected", lambda e: e["user"] == "node")

    def test_the_peers_encrypt_alike(self):
        node, web = self.both(LiveKit(self.ws), key="a shared passphrase")
        stranger = self.enter(node_server := LiveKit(self.ws, 1), NodePeer, "other", 440)  # also: two servers at once
        self.assertEqual(list(node_server.participants("room")), ["other"])
        stranger.close()
        web.wait("participantEncryptionStatusChanged", lambda e: e["user"] == "node" and e["encrypted"])
        node.ask("leave")

    def test_administration(self):
        server = LiveKit(self.ws, room={"auto_create": False})
        node = NodePeer(self.ws, "node")
        with self.assertRaisesRegex(RuntimeError, "(?i)room|404|not"):
            node.join(server, "room")
        server.create_room("room", max_participants=5)
        node.join(server, "room")
        node.ask("publish", hertz=660)
        server.mute("room", "node")
        wait_for(lambda: [t for t in server.tracks("room", "node") if t["muted"]], "the track to be muted")
        server.send_data("room", b"from above", topic="news")
        self.assertEqual(base64.b64decode(node.wait("dataReceived")["data"]), b"from above")
        server.update("room", "node", name="The Node", metadata="m", attributes={"a": "1"})
        self.assertEqual(node.wait("participantAttributesChanged")["attributes"], {"a": "1"})
        server.permit("room", "node", can_publish=False)
        wait_for(lambda: not server.tracks("room", "node"), "the track to be taken away")
        server.remove("room", "node")
        self.assertEqual(node.wait("disconnected")["reason"], "PARTICIPANT_REMOVED")
        server.delete_room("room")
        wait_for(lambda: not server.rooms(), "the room to go")
        with self.assertRaises(Refused):
            server.remove("room", "nobody")

    def test_a_wrong_or_old_token_is_refused(self):
        server = LiveKit(self.ws)
        for bad in (token("room", "node", secret="x" * 32), token("room", "node", seconds=-100), token("room", "node", key="nokey")):
            peer = NodePeer(self.ws, "node")
            with self.assertRaises(RuntimeError):
                peer.join(server, "room", bearer=bad)
            peer.close()

    def test_our_tokens_are_those_of_the_official_library(self):
        script = ("const { TokenVerifier } = require('./node_modules/livekit-server-sdk');"
                  "new TokenVerifier(process.argv[1], process.argv[2]).verify(process.argv[3]).then(c => console.log(c.sub + ' ' + c.video.room))")
        r = subprocess.run(["node", "-e", script, livekit.KEY, livekit.SECRET, token("room", "somebody")], cwd=livekit.PEERS,
                           stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(r.stdout, "somebody room\n")

    def test_two_nodes_share_a_room(self):
        redis = livekit.start_redis(self.ws)
        one, two = LiveKit(self.ws, 0, redis), LiveKit(self.ws, 1, redis)
        node, other = NodePeer(self.ws, "node"), NodePeer(self.ws, "other")
        for peer, server, hertz in ((node, one, 660), (other, two, 880)):
            peer.join(server, "room")
            peer.ask("publish", hertz=hertz)
        node.wait_hears("other", 880)
        other.wait_hears("node", 660)


if __name__ == "__main__":
    livekit.require()
    case.main()
