#!/usr/bin/python3
"""Two and five rtcroomd and a Chromium in one room, on the embedded Janus and on a remote one: everybody hears everybody."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.desktop import APP_ID, APP_KEY  # noqa: E402
from harness.janus import secret_of  # noqa: E402
from harness.workspace import TOP, wait_for  # noqa: E402
from test_chromium import Browser, signed  # noqa: E402

ADDRESS = "127.0.0.1:8188"
URL = "janus+ws://" + ADDRESS
ROOM = APP_ID + "/room"
TONES = {"alice": 440, "bob": 700, "carol": 1000, "dave": 1300, "erin": 1600, "web": 880}


class Crowd(case.Case):
    def embedded(self, i):
        return {"server": "embedded:", "embedded": {"listen": ADDRESS}} if i == 0 else {"server": URL}

    def remote(self, _):
        return {"server": URL}

    def start_janus(self):
        script = os.path.join(TOP, "tests/integration/lib/janus.sh")
        self.ws.start(["/bin/bash", script, self.ws.folder("janus"), "8188", secret_of(APP_ID, APP_KEY), "sleep", "600"], log="janus.log")
        wait_for(self.listens, "janus to listen", 20)

    @staticmethod
    def listens():
        return subprocess.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8188"], stderr=subprocess.DEVNULL, check=False).returncode == 0

    def enter(self, users, config):
        """Desktops with these users in the room, each with its tone at the microphone."""
        out = {}
        for i, user in enumerate(users):
            d = self.desktop(user, config(i))
            out[user] = (d, d.join("room", user))
            sound.play(d, sound.tone(os.path.join(d.path, "tone.wav"), TONES[user], 240, 0.15))
        return out

    def browser(self):
        secret = secret_of(APP_ID, APP_KEY)
        b = Browser(url="ws://" + ADDRESS, room=ROOM, user="web", apiToken=signed(secret, "janus", "janus.plugin.videoroom"),
                    roomToken=signed(secret, "janus.plugin.videoroom", "room=" + ROOM),
                    wav=sound.tone(os.path.join(self.ws.folder("web"), "web.wav"), TONES["web"], 10, 0.3))
        self.ws.closers.append(b.close)
        self.assertEqual(b.first["event"], "joined", b.first)
        return b

    def hears(self, desktop, others):
        """Whether what the loudspeaker plays holds each of these tones, and none that is not there."""
        path = os.path.join(desktop.path, "ear.wav")
        sound.record(desktop, path, seconds=1.5, name="ear").finish()
        samples = sound.read_wav(path)[sound.RATE // 2:]
        shares = {user: sound.power(samples, TONES[user]) for user in TONES}
        return all(shares[u] > 0.02 for u in others) and sum(shares[u] for u in others) > 0.85 and \
            all(shares[u] < 0.005 for u in TONES if u not in others)

    def everybody_hears_everybody(self, people, browser):
        present = list(people) + ["web"]
        for _, joined in people.values():
            joined.wait_members(*present, seconds=30)
        for user, (d, _) in people.items():
            wait_for(lambda d=d, user=user: self.hears(d, [u for u in present if u != user]), "all tones at " + user, 40)
        wait_for(lambda: all(abs(browser.ask("heard").get(u, {"hertz": 0})["hertz"] - TONES[u]) < 12 for u in people), "all tones in the browser", 40)

    def one_leaves(self, people, browser):
        gone, (_, joined) = people.popitem()
        joined.leave()
        present = list(people) + ["web"]
        for user, (d, j) in people.items():
            j.wait("members", lambda e: sorted(e["userIdList"]) == sorted(present) and gone not in e["userIdList"], 15)
            wait_for(lambda d=d, user=user: self.hears(d, [u for u in present if u != user]), "the others at " + user, 40)
        browser.close()
        for _, j in people.values():
            wait_for(lambda j=j: sorted(j.events("members")[-1]["userIdList"]) == sorted(people), "the browser's leave", 15)

    def crowd(self, users, config):
        people = self.enter(users, config)
        browser = self.browser()
        self.everybody_hears_everybody(people, browser)
        self.one_leaves(people, browser)
        self.assert_no_sanitizer_report()

    def test_two_on_embedded(self):
        self.crowd(["alice", "bob"], self.embedded)

    def test_five_on_embedded(self):
        self.crowd(list(TONES)[:5], self.embedded)

    def test_two_on_a_remote_janus(self):
        self.start_janus()
        self.crowd(["alice", "bob"], self.remote)

    def test_five_on_a_remote_janus(self):
        self.start_janus()
        self.crowd(list(TONES)[:5], self.remote)


if __name__ == "__main__":
    case.main()
