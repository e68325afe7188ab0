#!/usr/bin/python3
"""Every SimulateScenario that the open-source server implements, asked for in the daemon's name on its own connection."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit_room import SERVER_GONE, SignalRelay, outage, over_tcp, simulate  # noqa: E402
from harness.workspace import wait_for  # noqa: E402


class Scenarios(livekit_room.Case):
    def setUp(self):
        super().setUp()
        self.lk = self.server()
        self.relay = SignalRelay(self.ws, self.lk)
        self.alice, self.bob = self.two(self.lk, reached=self.relay.server, reconnectSeconds=30)

    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def test_speaker_update(self):
        """Somebody is told to be loud: of all scenarios the one that must change nothing but that."""
        self.bob.mute(True)
        self.alice.mute(True)
        self.bob.wait_told("RtcChatSpeakersChanged", lambda a: a[0] == [])
        self.relay.say(simulate(speaker_update=2))
        self.bob.wait_told("RtcChatSpeakersChanged", lambda a: "bob" in a[0])
        self.assertEqual(self.bob.states(), [])

    def full_reconnect(self, **scenario):
        sid = self.sid(self.lk, "bob")
        outage(self, self.alice, self.bob, 880, lambda: self.relay.say(simulate(**scenario)), seconds=90)
        self.assertNotEqual(self.sid(self.lk, "bob"), sid, "a new session")
        self.assertEqual(self.bob.states(), ["reconnecting", "rejoined"])
        self.bob.wait_members("alice", "bob")
        self.bob.wait_hears("alice", 440)
        self.assertEqual(self.alice.states() + self.alice.told("RtcChatInterrupted") + self.bob.told("RtcChatInterrupted"), [])

    def test_node_failure(self):
        self.full_reconnect(node_failure=True)

    def test_migration(self):
        self.full_reconnect(migration=True)

    def test_server_leave(self):
        self.relay.say(simulate(server_leave=True))
        self.bob.wait_told("RtcStateChanged", lambda a: a[0] == SERVER_GONE or a[1] == "rejoined", 60)
        self.alice.wait_hears("bob", 880) if self.bob.get("State") == "joined" else self.alice.wait_members("alice")

    def test_switch_candidate_protocol(self):
        """From the next restart of ICE on, which comes with a resume, the server offers TCP alone."""
        sid = self.sid(self.lk, "bob")
        self.relay.say(simulate(switch_candidate_protocol=1))
        outage(self, self.alice, self.bob, 880, self.relay.cut)
        self.bob.wait_hears("alice", 440)
        self.assertEqual(self.sid(self.lk, "bob"), sid, "resumed")
        wait_for(lambda: over_tcp(self.bob, self.lk), "a connection over TCP", 20)

    def test_subscriber_bandwidth(self):
        self.relay.say(simulate(subscriber_bandwidth=20000))
        self.bob.wait_hears("alice", 440)
        self.relay.say(simulate(subscriber_bandwidth=0))
        self.bob.wait_hears("alice", 440)
        self.assertEqual(self.bob.states(), [])

    def cut_on_resume(self, **scenario):
        """The resume that follows is cut as well: the one after it, or a full reconnect, has to do."""
        def lose():
            self.relay.say(simulate(**scenario))
            self.relay.cut()
        outage(self, self.alice, self.bob, 880, lose, seconds=90)
        self.bob.wait_hears("alice", 440)
        self.assertGreater(len(self.relay.requests), 2, "the first resume was cut")
        self.assertEqual(self.bob.told("RtcChatInterrupted"), [])

    def test_disconnect_signal_on_resume(self):
        self.cut_on_resume(disconnect_signal_on_resume=True)

    def test_disconnect_signal_on_resume_no_messages(self):
        self.cut_on_resume(disconnect_signal_on_resume_no_messages=True)


if __name__ == "__main__":
    livekit.require()
    main()
