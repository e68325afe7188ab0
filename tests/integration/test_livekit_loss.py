#!/usr/bin/python3
"""Redundant audio (RED, RFC 2198) on a line that loses packets, by a real livekit-server, with and without it: both ways, with both of LiveKit's clients.

What a receiver had to make up is measured and printed; asserted is who sends and takes copies, and that the voice stays.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, livekit, sound  # noqa: E402
from harness.livekit import BrowserPeer, LiveKit, NodePeer, token  # noqa: E402
from harness.workspace import BadLine, wait_for  # noqa: E402

LOSSY = "at 0 delay 20 loss 10"
WITHOUT_RED = [{"mime": m} for m in ("audio/opus", "video/vp8", "video/h264")]  # without a video codec browsers cannot offer at all
SPAN = 15  # seconds of sound that are compared


class Loss(case.Case):
    def talker(self, server, user, hertz, network=None):
        """A desktop user who makes sound in the room."""
        config = {"server": server.server, "audio": {"dtx": False}}  # DTX takes a tone for noise; a browser counts that as concealed
        d = self.desktop(user, config, network)
        j = d.join("room", user, token=token("room", user))
        sound.play(d, sound.tone(os.path.join(d.path, "tone.wav"), hertz, 300, 0.3))
        return d, j

    def bad_line(self):
        return BadLine(self.ws, case.BUILD, LOSSY)

    def enter(self, kind, red):
        """Alice at the end of a bad line, the peer on a good one; both make sound, and hear each other."""
        server = LiveKit(self.ws, **({} if red else {"room": {"enabled_codecs": WITHOUT_RED}}))
        d, j = self.talker(server, "alice", 440, self.bad_line())
        peer = kind(self.ws, "peer")
        peer.join(server, "room")
        peer.ask("publish", hertz=660)
        j.wait_members("alice", "peer")
        peer.wait_hears("alice", 440, 60)
        self.wait_sound(d)
        return d, peer

    def wait_sound(self, desktop):
        wait_for(lambda: self.ours(desktop, "inbound-rtp").get("totalSamplesReceived", 0) > 2 * 48000, "sound at " + desktop.name, 60)

    def ours(self, desktop, kind):
        """The figures of rtcroomd for its one sent or received stream."""
        return {s["name"]: s["value"] for s in desktop.ctl_json("stats") if s["object"].split(".")[0] == kind}

    def theirs(self, peer):
        """The figures of the browser for what it receives."""
        return next((s for s in peer.ask("stats") if s["type"] == "inbound-rtp" and s.get("kind") == "audio"), {})

    def over_a_while(self, read):
        """How much each counter grew while so much sound came in."""
        first = read()
        wait_for(lambda: read()["totalSamplesReceived"] - first["totalSamplesReceived"] > SPAN * 48000, "half a minute of sound", 4 * SPAN, 0.5)
        last = read()
        return {k: last[k] - first.get(k, 0) for k in last if isinstance(last[k], (int, float)) and not isinstance(last[k], bool)}

    def report(self, what, grown):
        print("%s: %d packets, %d lost, %d sent again, %d copies; %.2f %% concealed; %.0f ms in the jitter buffer" % (
            what, grown["packetsReceived"], grown.get("packetsLost", 0), grown.get("retransmittedPacketsReceived", 0),
            grown.get("fecPacketsReceived", 0), 100 * grown.get("concealedSamples", 0) / grown["totalSamplesReceived"],
            1000 * grown["jitterBufferDelay"] / max(1, grown["jitterBufferEmittedCount"])), file=sys.stderr)

    def both_ways(self, kind, red):
        d, peer = self.enter(kind, red)
        name = "%s, RED %s" % (kind.__name__, "on" if red else "off")
        if red:
            self.wait_copies(d)
        grown = self.over_a_while(lambda: self.ours(d, "inbound-rtp"))
        self.report(name + ", to rtcroomd", grown)
        print("%d copies stood in for a packet" % (grown["fecPacketsReceived"] - grown["fecPacketsDiscarded"]), file=sys.stderr)
        self.assertEqual(grown["fecPacketsReceived"] > grown["fecPacketsDiscarded"] > 0, red, grown)
        self.assertGreater(grown["packetsLost"] + grown["retransmittedPacketsReceived"], 0, "the line is bad")
        if kind is BrowserPeer:
            self.report(name + ", from rtcroomd", self.over_a_while(lambda: self.theirs(peer)))
        self.assertEqual(self.ours(d, "outbound-rtp")["fecPacketsSent"] > 0, red)
        peer.wait_hears("alice", 440, 60)
        self.assert_no_sanitizer_report()

    def wait_copies(self, desktop):
        wait_for(lambda: self.ours(desktop, "outbound-rtp")["fecPacketsSent"], "copies of what %s says" % desktop.name, 60)

    def test_two_desktops(self):
        server = LiveKit(self.ws)
        a, j = self.talker(server, "alice", 440, self.bad_line())
        b, _ = self.talker(server, "bob", 880)
        j.wait_members("alice", "bob")
        self.wait_copies(a)
        for d, other in ((a, "bob"), (b, "alice")):
            self.wait_sound(d)
            grown = self.over_a_while(lambda d=d: self.ours(d, "inbound-rtp"))
            self.report("from " + other, grown)
            self.assertGreater(grown["packetsLost"], 0)
            self.assertGreater(grown["fecPacketsReceived"] - grown["fecPacketsDiscarded"], 0, "copies stood in for packets")
        self.assert_no_sanitizer_report()

    def test_chromium_with_copies(self):
        self.both_ways(BrowserPeer, True)

    def test_chromium_without(self):
        self.both_ways(BrowserPeer, False)

    def test_rtc_node_with_copies(self):
        self.both_ways(NodePeer, True)

    def test_rtc_node_without(self):
        self.both_ways(NodePeer, False)


if __name__ == "__main__":
    livekit.require()
    case.main()
