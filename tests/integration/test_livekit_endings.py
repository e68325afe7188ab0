#!/usr/bin/python3
"""How a livekit-server ends a stay, and what it changes during one: thrown out, room deleted, the same id again, permissions, SIGTERM."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import NodePeer  # noqa: E402
from harness.livekit_room import DISMISSED, DUPLICATE, KICKED, SERVER_GONE  # noqa: E402
from harness.workspace import wait_for  # noqa: E402


class Endings(livekit_room.Case):
    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def test_thrown_out(self):
        server = self.server()
        alice, bob = self.two(server)
        server.remove("room", "bob")
        self.assertEqual(bob.interrupted(KICKED), "kicked")
        alice.wait_members("alice")
        server.wait_participants("room", "alice")
        bob.join()  # the token is as good as before
        alice.wait_hears("bob", 880)

    def test_room_deleted(self):
        server = self.server()
        alice, bob = self.two(server)
        server.delete_room("room")
        for p in (alice, bob):
            self.assertEqual(p.interrupted(DISMISSED), "room dismissed")
            self.assertEqual(p.states()[-1:], ["room dismissed"])
        self.assertEqual(server.rooms(), [])

    def test_the_same_id_again(self):
        """The later wins, the earlier does not fight for its place."""
        server = self.server()
        alice = self.person("alice", server, 440).join()
        first = self.sid(server, "alice")
        node = NodePeer(self.ws, "alice")
        node.join(server, "room")
        self.assertEqual(alice.interrupted(DUPLICATE), "duplicate login")
        node.ask("publish", hertz=880)
        bob = self.person("bob", server).join(autoPublish=False)
        bob.wait_hears("alice", 880)
        second = self.sid(server, "alice")
        self.assertNotEqual(first, second)
        other = self.person("alice2", server)
        other.user = "alice"
        other.join(autoPublish=False)
        self.assertEqual(node.wait("disconnected")["reason"], "DUPLICATE_IDENTITY")
        bob.wait_members("alice", "bob")
        self.assertNotEqual(self.sid(server, "alice"), second)
        self.assertEqual((alice.get("State"), other.get("State"), alice.states()[-1:]), ("idle", "joined", ["duplicate login"]))

    def test_permissions_taken_and_given_back(self):
        server = self.server()
        alice, bob = self.two(server)
        server.permit("room", "bob", can_publish=False)
        alice.wait_member("bob", audioPublished=False)
        wait_for(lambda: not bob.get("AudioPublished"), "bob to know that he may not speak", 20)
        self.assertEqual(bob.told("RtcStateChanged")[-1][:2], (-1002, "publishing not permitted"))
        self.assertNotEqual(bob.client.outcome(bob.path, "ChangeStreamPublishState", state=1, streamType="audio")[1], 0)
        bob.wait_hears("alice", 440)
        server.permit("room", "bob")
        bob.wait_told("RtcStateChanged", lambda a: a[:2] == (0, "publishing permitted"), 20)
        self.assertFalse(bob.get("AudioPublished"), "nobody else opens a microphone")
        bob.do("ChangeStreamPublishState", state=1, streamType="audio")
        alice.wait_hears("bob", 880)
        server.permit("room", "bob", can_subscribe=False)
        bob.wait_silence("alice")
        self.assertEqual(alice.told("RtcChatInterrupted") + bob.told("RtcChatInterrupted"), [])

    def test_server_ends(self):
        """One SIGTERM lets the room go on, the second ends it at once."""
        server = self.server()
        alice, bob = self.two(server, reconnectSeconds=5)
        server.terminate()
        alice.wait_hears("bob", 880)
        self.assertEqual((alice.states(), bob.states()), ([], []))
        server.terminate()
        server.process.wait(30)
        self.assertEqual(bob.interrupted(SERVER_GONE, 60), "server gone")

    def test_server_ends_and_another_takes_its_place(self):
        server = self.server()
        alice, bob = self.two(server)
        server.stop(signal.SIGKILL)
        for p in (alice, bob):
            p.wait_told("RtcStateChanged", lambda a: a[1] == "reconnecting", 60)
        server.start()
        for p in (alice, bob):
            p.wait_told("RtcStateChanged", lambda a: a[1] == "rejoined", 90)
        alice.wait_hears("bob", 880)
        bob.wait_hears("alice", 440)


if __name__ == "__main__":
    livekit.require()
    main()
