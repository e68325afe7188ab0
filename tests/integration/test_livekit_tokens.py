#!/usr/bin/python3
"""Tokens for a real livekit-server: made by rtcroomctl, made of 001 tokens, renewed; and what a token says of its user."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.desktop import APP_ID, APP_KEY  # noqa: E402
from harness.livekit import KEY, SECRET, token  # noqa: E402
from harness.livekit_room import OK  # noqa: E402
from harness.workspace import wait_for  # noqa: E402

BAD = ("joinRtcRoom", 21101, 115902, "D", "joinRtcRoom:fail invalid token")


class Tokens(livekit_room.Case):
    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def mapped(self, user, server):
        """A desktop whose daemon makes LiveKit's tokens of 001 tokens."""
        path = os.path.join(self.ws.path, user + ".secret")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
            f.write(SECRET + "\n")
        return self.person(user, server, apps={APP_ID: {"appKey": APP_KEY, "livekit": {"apiKey": KEY, "apiSecretFile": path}}}), path

    def test_tokens_of_the_001_form(self):
        server = self.server()
        alice, _ = self.mapped("alice", server)
        bob = self.person("bob", server)
        room_token = alice.desktop.token("room", "alice", "--expires", "3600")
        self.assertEqual(bob.try_join(bearer=bob.desktop.token("room", "bob", "--key-file", self.key_file()), autoPublish=False), BAD)
        self.assertEqual(alice.try_join(bearer=alice.desktop.token("other", "alice"), autoPublish=False), BAD)
        self.assertEqual(alice.try_join(bearer=room_token), OK)
        self.assertEqual(alice.get("TokenExpiresAt"), alice.desktop.ctl_json("token", "inspect", room_token)[0]["expireAt"])
        bob.join(autoPublish=False)
        bob.wait_members("alice", "bob")
        bob.wait_member("alice", audioPublished=True)
        outcome = alice.client.outcome(alice.path, "UpdateToken", token=alice.desktop.token("room", "bob"))
        self.assertEqual(outcome[1:], (21101, 115902, "D", "updateToken:fail invalid token"))
        alice.do("UpdateToken", token=alice.desktop.token("room", "alice", "--expires", "2"))
        self.assertEqual(alice.interrupted(-1009), "token expired")
        bob.wait_members("bob")
        for secret in (SECRET, APP_KEY, room_token):
            self.assertNotIn(secret, alice.desktop.log())

    def key_file(self):
        path = os.path.join(self.ws.path, "appkey")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
            f.write(APP_KEY + "\n")
        return path

    def test_tokens_made_by_rtcroomctl(self):
        server = self.server()
        alice, path = self.mapped("alice", server)

        def made(*more):
            return alice.desktop.ctl("token", "create", "--livekit", "--room", "room", "--user", "alice", *more).stdout.strip()

        of_file, of_configuration = made("--api-key", KEY, "--secret-file", path), made("--app", APP_ID, "--no-publish")
        self.assertTrue(alice.desktop.ctl_json("token", "inspect", of_file)[0]["canPublish"])
        self.assertFalse(alice.desktop.ctl_json("token", "inspect", of_configuration)[0]["canPublish"])
        for bearer in (of_file, of_configuration):
            self.assertEqual(alice.try_join(bearer=bearer, autoPublish=False), OK)
            alice.leave()
        os.chmod(path, 0o644)
        refused = alice.desktop.ctl("token", "create", "--livekit", "--room", "room", "--user", "alice", "--api-key", KEY, "--secret-file", path, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("chmod 600", refused.stdout)

    def test_the_expiry_of_a_jwt_ends_no_room(self):
        server = self.server()
        alice = self.person("alice", server)
        alice.join(bearer=token("room", "alice", seconds=20), autoPublish=False)
        expires = alice.get("TokenExpiresAt")
        self.assertGreater(expires, 0)
        alice.do("UpdateToken", token=token("room", "alice", seconds=5))
        self.assertLess(alice.get("TokenExpiresAt"), expires)
        outcome = alice.client.outcome(alice.path, "UpdateToken", token=token("room", "bob"))
        self.assertEqual(outcome[1:], (21101, 115902, "D", "updateToken:fail invalid token"))
        wait_for(lambda: time.time() > alice.get("TokenExpiresAt") + 2, "the token to expire", 30)
        self.assertEqual(alice.get("State"), "joined")
        self.assertEqual(alice.told("RoomTokenWillExpire"), [])

    def test_what_a_token_says_of_its_user(self):
        server = self.server()
        says = {"name": "Älice", "metadata": "{\"team\": 1}", "attributes": {"b": "2", "a": "1"}}
        alice = self.person("alice", server).join(bearer=token("room", "alice", claims=says), autoPublish=False)
        bob = self.person("bob", server).join(autoPublish=False)
        bob.wait_member("alice", name="Älice")
        alice.wait_member("alice", name="Älice")  # herself
        self.assertEqual(bob.member("bob")["name"], "")
        bob.wait_member("alice", metadata=says["metadata"], attributes=says["attributes"])
        server.update("room", "alice", name="Bella", attributes={"a": "3", "b": ""})
        bob.wait_member("alice", name="Bella", attributes={"a": "3"})


if __name__ == "__main__":
    main()
