#!/usr/bin/python3
"""A headless Chromium in the same room: the browser hears the desktop's tone, the desktop hears the browser's."""
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.desktop import APP_ID  # noqa: E402
from harness.workspace import TOP, wait_for  # noqa: E402

LISTEN = "127.0.0.1:8188"


class Browser:
    def __init__(self, **options):
        self.process = subprocess.Popen(["node", os.path.join(TOP, "tests/integration/chromium/peer.js"), json.dumps(options)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = json.loads(self.process.stdout.readline())

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        while True:
            answer = json.loads(self.process.stdout.readline())
            if answer["event"] == what:
                return answer["value"]
            print("browser:", answer, file=sys.stderr)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def signed(secret, realm, *descriptors):
    """A token as Janus checks them: for a web page this is made by the application's server."""
    text = ",".join([str(int(time.time()) + 600), realm, *descriptors])
    return text + ":" + base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


class Chromium(case.Case):
    def setUp(self):
        super().setUp()
        # Without DTX: it takes a tone for noise, and a browser counts the pauses as concealed.
        self.a = self.desktop("a", {"server": "embedded:", "embedded": {"listen": LISTEN}, "audio": {"dtx": False}})
        self.ja = self.a.join("room", "alice")
        self.secret = self.a.ctl("token", "janus-secret", "--app", APP_ID).stdout.strip()

    def browser(self, secret=None, room=APP_ID + "/room", **more):
        secret = secret or self.secret
        b = Browser(url="ws://" + LISTEN, room=room, user="web", apiToken=signed(secret, "janus", "janus.plugin.videoroom"),
                    roomToken=signed(secret, "janus.plugin.videoroom", "room=" + room), **more)
        self.ws.closers.append(b.close)
        return b

    @staticmethod
    def received(browser, samples):
        """How the browser's counters grew over so much sound: what it made up before the first packet is not the desktop's fault."""
        def counters():
            return next(s for s in browser.ask("stats") if s["type"] == "inbound-rtp")
        first = counters()
        wait_for(lambda: counters()["totalSamplesReceived"] - first["totalSamplesReceived"] > samples, "sound in the browser", 15, 0.2)
        last = counters()
        return {k: last[k] - first[k] for k in ("packetsReceived", "concealedSamples", "totalSamplesReceived")}

    def test_both_directions(self):
        sound.play(self.a, sound.tone(os.path.join(self.a.path, "t.wav"), 440, 60, 0.3))
        b = self.browser(wav=sound.tone(os.path.join(self.a.path, "web.wav"), 880, 10, 0.3))
        self.assertEqual(b.first["event"], "joined", b.first)
        self.ja.wait_members("alice", "web")
        node = wait_for(lambda: [m["nodeName"] for m in self.a.ctl_json("members") if m["userId"] == "web" and m["nodeSerial"]], "web's node")[0]
        wait_for(lambda: sound.power(sound.record_node(self.a, os.path.join(self.a.path, "n.wav"), node, 1.0), 880) > 0.9,
                 "the browser's tone at alice", 15)
        wait_for(lambda: abs(b.ask("heard").get("alice", {"hertz": 0})["hertz"] - 440) < 12, "alice's tone in the browser", 15)
        grown = self.received(b, 2 * 48000)
        self.assertGreater(grown["packetsReceived"], 40)
        self.assertLess(grown["concealedSamples"] / grown["totalSamplesReceived"], 0.1)
        b.close()
        self.ja.wait("members", lambda e: e["userIdList"] == ["alice"] and e["ms"] > 3000, 15)
        self.assert_no_sanitizer_report()

    def test_unsigned_stranger_is_refused(self):
        b = self.browser(secret="guessed")
        self.assertEqual(b.first["event"], "error", b.first)
        self.assertEqual([m["userId"] for m in self.a.ctl_json("members")], ["alice"])


if __name__ == "__main__":
    case.main()
