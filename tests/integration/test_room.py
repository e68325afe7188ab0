#!/usr/bin/python3
"""Two rtcroomd in one room over the embedded Janus: the right tone from the right person on the right node."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.workspace import wait_for  # noqa: E402

LISTEN = "127.0.0.1:8188"
TONES = {"alice": 440, "bob": 880, "carol": 1320}


class Room(case.Case):
    def people(self, *users):
        """Desktops and joins of these users; the first is the host."""
        out = {}
        for i, user in enumerate(users):
            config = {"server": "embedded:", "embedded": {"listen": LISTEN}} if i == 0 else {"server": "janus+ws://" + LISTEN}
            d = self.desktop(user[0], config)
            out[user] = (d, d.join("room", user))
        for _, j in out.values():
            j.wait_members(*users)
        return out

    def node_of(self, desktop, user):
        """The playback node of a participant, once it is in the graph."""
        def look():
            for m in desktop.ctl_json("members", check=False):
                if m["userId"] == user and m["nodeName"] and m["nodeSerial"]:
                    return m["nodeName"]
            return None
        return wait_for(look, "the node of " + user)

    def heard_on(self, desktop, node, seconds=2.0):
        """What one participant's node plays, recorded from that node alone."""
        return sound.record_node(desktop, os.path.join(desktop.path, "node.wav"), node, seconds)

    def hear_tone(self, desktop, node, hertz, what):
        """What is heard on a node while it is this tone: a graph that misses a cycle on a busy machine breaks one in two."""
        for _ in range(8):
            samples = self.heard_on(desktop, node)[sound.RATE // 2:]
            if sound.power(samples, hertz) > 0.9:
                break
        self.assertGreater(sound.power(samples, hertz), 0.9, what)
        return samples

    def test_each_hears_the_right_tone_on_the_right_node(self):
        people = self.people("alice", "bob", "carol")
        for user, (d, _) in people.items():
            sound.play(d, sound.tone(os.path.join(d.path, "tone.wav"), TONES[user], 40, 0.3))
        for listener, (d, _) in people.items():
            for speaker in people:
                if speaker == listener:
                    continue
                node = self.node_of(d, speaker)
                samples = self.hear_tone(d, node, TONES[speaker], "%s at %s" % (speaker, listener))
                for other, hertz in TONES.items():
                    if other != speaker:
                        self.assertLess(sound.power(samples, hertz), 0.01, "%s heard on the node of %s" % (other, speaker))
        self.assert_no_sanitizer_report()

    def test_silence_where_nobody_speaks(self):
        people = self.people("alice", "bob")
        d, _ = people["bob"]
        sound.play(d, sound.tone(os.path.join(d.path, "tone.wav"), 880, 60, 0.3))
        node = self.node_of(people["alice"][0], "bob")
        self.hear_tone(people["alice"][0], node, 880, "bob at alice")
        self.assertLess(sound.rms(self.heard_on(d, self.node_of(d, "alice"))), 1e-3)

    def states(self, desktop):
        """The states of rtcroomd's nodes in PipeWire's graph, by name."""
        infos = [o["info"] for o in json.loads(desktop.run("pw-dump").stdout) if o["type"].endswith(":Node")]
        return {i["props"].get("node.name"): i["state"] for i in infos if i["props"].get("node.name", "").startswith("rtcroomd.")}

    def test_streams_rest_in_silence_and_are_back_for_the_first_word(self):
        people = self.people("alice", "bob")
        (a, _), (b, _) = people["alice"], people["bob"]
        nodes = {d: self.node_of(d, other) for d, other in ((a, "bob"), (b, "alice"))}
        b.ctl("mute")
        wait_for(lambda: "running" not in self.states(b).values() and self.states(a)[nodes[a]] != "running", "streams to rest", 40)
        b.ctl("unmute")
        for d, user in ((a, "alice"), (b, "bob")):
            sound.play(d, sound.tone(os.path.join(d.path, "tone.wav"), TONES[user], 40, 0.3))
        for d, user in ((a, "bob"), (b, "alice")):
            wait_for(lambda d=d, user=user: sound.power(self.heard_on(d, nodes[d])[sound.RATE // 2:], TONES[user]) > 0.9, user + " heard", 20)
        self.assert_no_sanitizer_report()

    def test_mute_volume_and_speakers(self):
        people = self.people("alice", "bob")
        (a, ja), (b, jb) = people["alice"], people["bob"]
        sound.play(b, sound.tone(os.path.join(b.path, "tone.wav"), 880, 60, 0.3))
        ja.wait("speakers", lambda e: "bob" in e["userIdList"])
        node = self.node_of(a, "bob")
        loud = sound.rms(self.heard_on(a, node)[sound.RATE // 2:])
        a.ctl("volume", "bob", "50")
        half = sound.rms(self.heard_on(a, node)[sound.RATE // 2:])
        self.assertAlmostEqual(half / loud, 0.5, delta=0.08)
        b.ctl("mute")
        ja.wait("speakers", lambda e: e["userIdList"] == [] and e["ms"] > ja.events("speakers")[0]["ms"])
        self.assertLess(sound.rms(self.heard_on(a, node)[sound.RATE // 2:]), 1e-3)
        b.ctl("unmute")
        time.sleep(0.3)
        self.assertGreater(sound.rms(self.heard_on(a, node)[sound.RATE // 2:]), 0.2 * loud)
        a.ctl("mute", "bob")  # for alice only
        self.assertLess(sound.rms(self.heard_on(a, node)[sound.RATE // 2:]), 1e-3)

    def test_speakers_are_seen_though_not_heard(self):
        """Whoever is muted for oneself, or not heard for deafness, is still a speaker; and so is oneself."""
        from harness.bus import Client
        people = self.people("alice", "bob")
        (a, ja), (b, _) = people["alice"], people["bob"]
        panel = Client(a)
        number = a.ctl_json("status")[0]["context"]
        a.ctl("mute", "bob")
        panel.set("/org/rtcroom/RtcRoom1/context/%d" % number, "Voice", "Deafened", True)
        for speaks, silent in ((True, False), (False, True), (True, False)):
            since = len(ja.events("speakers"))
            if speaks:
                tone = sound.play(b, sound.tone(os.path.join(b.path, "tone.wav"), 880, 60, 0.3))
            else:
                self.ws.stop(tone.process)
            wait_for(lambda n=since, want=[] if silent else ["bob"]: [e for e in ja.events("speakers")[n:] if e["userIdList"] == want],
                     "bob to be " + ("silent" if silent else "a speaker"))
        self.assertLess(sound.rms(self.heard_on(a, self.node_of(a, "bob"))), 1e-3, "and nothing was heard")
        sound.play(a, sound.tone(os.path.join(a.path, "tone.wav"), 440, 60, 0.3))
        ja.wait("speakers", lambda e: e["userIdList"] == ["alice", "bob"])
        self.assertTrue(all(m["speaking"] for m in a.ctl_json("members")))
        panel.close()

    def test_publish_and_subscribe_are_separate(self):
        from harness.bus import Client
        from harness.desktop import APP_ID
        host = self.desktop("a", {"server": "embedded:", "embedded": {"listen": LISTEN}})
        guest = self.desktop("b", {"server": "janus+ws://" + LISTEN, "consent": {"default": "allow"}})
        ja = host.join("room", "alice")
        sound.play(host, sound.tone(os.path.join(host.path, "tone.wav"), 440, 60, 0.3))
        client = Client(guest)
        path = client.create(APP_ID)
        token = guest.token("room", "bob")
        request = client.join(path, "room", "bob", token, autoPublish=False, autoSubscribe=False)
        self.assertEqual(client.completed(path, request)[1], 0)
        ja.wait_members("alice", "bob")
        me = {m["userId"]: m for m in guest.ctl_json("members")}
        self.assertFalse(me["bob"]["audioPublished"] or me["alice"]["audioSubscribed"])
        self.assertTrue(me["alice"]["audioPublished"])
        self.assertFalse(client.get(path, "Context", "AudioCapture"), "no consent was asked, nothing is captured")

        subscribe = dict(userId="alice", streamType="audio")
        self.assertEqual(client.outcome(path, "ChangeStreamSubscribeState", state=1, **subscribe)[1], 0)
        node = self.node_of(guest, "alice")
        self.assertGreater(sound.power(self.heard_on(guest, node)[sound.RATE // 2:], 440), 0.9)
        self.assertEqual(client.outcome(path, "ChangeStreamSubscribeState", state=0, **subscribe)[1], 0)
        wait_for(lambda: not [m for m in guest.ctl_json("members") if m["userId"] == "alice" and m["audioSubscribed"]], "alice's stream to end")

        sound.play(guest, sound.tone(os.path.join(guest.path, "tone.wav"), 880, 60, 0.3))
        self.assertEqual(client.outcome(path, "ChangeAudioCapture", state=1)[1], 0)
        self.assertEqual(client.outcome(path, "ChangeStreamPublishState", state=1, streamType="audio")[1], 0)
        node = self.node_of(host, "bob")
        wait_for(lambda: sound.power(self.heard_on(host, node, 1.0), 880) > 0.9, "bob at alice", 10)
        self.assertEqual(client.outcome(path, "ChangeAudioCapture", state=0)[1], 0)
        time.sleep(0.3)
        self.assertLess(sound.rms(self.heard_on(host, node, 1.0)), 1e-3, "capture is off")
        self.assertEqual(client.outcome(path, "ChangeStreamPublishState", state=0, streamType="audio")[1], 0)
        wait_for(lambda: not [m for m in host.ctl_json("members") if m["userId"] == "bob" and m["audioPublished"]], "bob's stream to end")
        client.close()

    def test_an_expired_token_ends_the_stay(self):
        """Told 30 s ahead; at the end the user is out, knows why, and the others see it."""
        a = self.desktop("a", {"server": "embedded:", "embedded": {"listen": LISTEN}})
        b = self.desktop("b", {"server": "janus+ws://" + LISTEN})
        ja = a.join("room", "alice")
        made = time.time()
        jb = b.join("room", "bob", token=b.token("room", "bob", "--expires", "36"))
        ja.wait_members("alice", "bob")
        jb.wait("tokenWillExpire", seconds=20)
        ahead = made + 36 - time.time()
        self.assertTrue(20 < ahead <= 31, ahead)
        jb.wait("interrupted", lambda e: e["errNo"] == -1009, 60)
        self.assertEqual([e["errNo"] for e in jb.events("state")], [21108, -1009])
        left = jb.wait("interrupted")["ms"] - jb.wait("tokenWillExpire")["ms"]
        print("told %.1f s ahead, out %.1f s after that" % (ahead, left / 1000))
        ja.wait("members", lambda e: e["userIdList"] == ["alice"])
        self.assertEqual(b.ctl("status", check=False).returncode, 4, "there is no room any more")

    def test_leaving_is_seen(self):
        people = self.people("alice", "bob")
        (a, ja), (_, jb) = people["alice"], people["bob"]
        jb.leave()
        ja.wait("members", lambda e: e["userIdList"] == ["alice"])
        self.assertEqual([m["userId"] for m in a.ctl_json("members")], ["alice"])


if __name__ == "__main__":
    case.main()
