#!/usr/bin/python3
"""Echo, noise and quiet voices between two desktops in a real room: what the far end hears of them. The room of the near end is
a filter in its graph, from its loudspeaker to its microphone: 30 ms away, reverberating for 150 ms, -6 dB.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.workspace import wait_for  # noqa: E402

LISTEN = "127.0.0.1:8188"
FAR = "The quick brown fox jumps over the lazy dog. Many people talk about the weather, and nobody does anything about it at all. "
NEAR = "Sphinx of black quartz, judge my vow. She sells sea shells by the sea shore, while five wizards box quickly. "
PATH_MS = 20  # from microphone to far end, at least


class Echo(case.Case):
    """alice is near, with the room around her; bob is far."""

    def setUp(self):
        super().setUp()
        from harness.bus import Client
        from harness.desktop import APP_ID
        common = {"audio": {"dtx": False}, "consent": {"default": "allow"}}  # noise is to be measured, not replaced
        self.alice = self.desktop("a", dict(common, server="embedded:", embedded={"listen": LISTEN}))
        self.bob = self.desktop("b", dict(common, server="janus+ws://" + LISTEN))
        self.client = Client(self.alice)
        self.context = self.client.create(APP_ID)
        r = self.client.join(self.context, "room", "alice", self.alice.token("room", "alice"), autoPublish=True)
        self.assertEqual(self.client.completed(self.context, r)[1], 0)
        self.bob.join("room", "bob").wait_members("alice", "bob")
        self.node = wait_for(lambda: next((m["nodeName"] for m in self.bob.ctl_json("members", check=False)
                                           if m["userId"] == "alice" and m["nodeSerial"]), None), "alice at bob's")

    def set(self, name, value):
        self.client.set(self.context, "Voice", name, value)

    def set_ans_mode(self, mode):
        self.assertEqual(self.client.outcome(self.context, "ChangeAnsMode", mode=mode)[1], 0)

    def speech(self, name, text, times, voice="en-gb", rms=0.06):
        path = sound.speak(os.path.join(self.ws.path, name), text * times, voice)
        samples = sound.read_wav(path)
        return sound.write_wav(path, samples * rms / sound.rms(samples))

    def listen(self, seconds, source=None):
        """Records alice's microphone and what bob hears of it for so long, from the start of `source` on if one is given."""
        from harness import acoustics
        mic = sound.record(self.alice, os.path.join(self.alice.path, "mic.wav"), "test-mic:capture_MONO", seconds + 2, "probe-mic")
        ear = sound.record(self.bob, os.path.join(self.bob.path, "ear.wav"), self.node + ":output_FL", seconds + 2, "probe-ear")
        player = sound.play(self.alice, source, name="probe-near") if source else None
        stamps = [mic.finish(seconds + 30), ear.finish(seconds + 30)]
        start = player.finish(120)["start_us"] if player else max(s["start_us"] for s in stamps)
        return (acoustics.cut(sound.read_wav(mic.path), stamps[0]["start_us"], start, seconds),
                acoustics.cut(sound.read_wav(ear.path), stamps[1]["start_us"], start + PATH_MS * 1000, seconds))

    def far_speaks(self):
        from harness import acoustics
        acoustics.Room(self.alice)
        return sound.play(self.bob, self.speech("far.wav", FAR, 12))

    def attenuation(self, seconds, skip=0):
        """By how many dB the echo is weaker at bob's than in alice's microphone, after the first `skip` seconds: the median of the
        half seconds, as a graph that shares two cores with other tests has gaps of its own."""
        import numpy as np
        from harness.acoustics import db
        mic, ear = self.listen(seconds)
        self.assertGreater(db(mic), -45, "bob is heard in alice's room")
        half = sound.RATE // 2
        return float(np.median([db(mic[i:i + half]) - db(ear[i:i + half]) for i in range(skip * sound.RATE, len(ear) - half, half)
                                if db(mic[i:i + half]) > -45]))

    def test_the_echo_is_weak_after_3_s_and_the_setting_is_live(self):
        self.far_speaks()
        self.assertGreater(self.attenuation(9, skip=3), 20)
        self.set("EchoCancellation", False)
        self.assertLess(self.attenuation(5, skip=1), 5)
        self.set("EchoCancellation", True)
        self.assertGreater(self.attenuation(9, skip=3), 20)
        self.assert_no_sanitizer_report()

    def near_voice_at_bob(self, path):
        """What bob hears of alice saying `path`, in its time."""
        import numpy as np
        said = sound.read_wav(path)
        _, ear = self.listen(len(said) / sound.RATE + 1, path)
        lags = [ms for ms, c in sound.delay_ms(said, 0, ear, 0) if c > 0.5]
        self.assertGreater(len(lags), 3, "alice's words are recognised")
        lag = int(np.median(lags) * sound.RATE / 1000)
        return ear[lag:lag + len(said)]

    def test_double_talk_is_not_chopped(self):
        """Alice talks while bob does. Of her loud 20 ms at bob's, half are within 2 dB of what they are when she talks alone, and three
        in four within 6 dB."""
        import numpy as np
        near = self.speech("near.wav", NEAR, 2, "en-us+f3")
        alone = self.near_voice_at_bob(near)
        self.far_speaks()
        self.assertGreater(self.attenuation(8, skip=4), 20, "the room is known")
        both = self.near_voice_at_bob(near)
        n = min(len(alone), len(both)) // 960 * 960
        said = np.sqrt(np.mean(sound.read_wav(near)[:n].reshape(-1, 960) ** 2, axis=1))
        loud = said > 0.03
        self.assertGreater(np.count_nonzero(loud), 50)
        a, b = (np.sqrt(np.mean(x[:n].reshape(-1, 960)[loud] ** 2, axis=1)) for x in (alone, both))
        lost = 20 * np.log10((a + 1e-6) / (b + 1e-6))
        self.assertAlmostEqual(np.median(lost), 0, delta=2)
        self.assertLess(np.mean(lost > 6), 0.25, "chopped")
        self.assertGreater(np.corrcoef(a, b)[0, 1], 0.7)

    def test_noise_loses_10_db_and_speech_does_not(self):
        import numpy as np
        from harness import acoustics
        noise = acoustics.noise(os.path.join(self.ws.path, "noise.wav"), 100, 0.006)
        near = self.speech("near.wav", NEAR, 2)
        said = sound.envelope(sound.read_wav(near), 960)
        sound.play(self.alice, noise, name="probe-noise")
        levels, voices = {}, {}
        for mode in (0, 2):
            self.set_ans_mode(mode)
            levels[mode] = acoustics.db(self.listen(8)[1][3 * sound.RATE:])
            heard = sound.envelope(self.near_voice_at_bob(near), 960)
            n = min(len(heard), len(said))
            voices[mode] = 20 * np.log10(np.sqrt(np.mean(heard[:n][said[:n] > 0.05] ** 2)))
        self.assertGreater(levels[0] - levels[2], 10)
        self.assertAlmostEqual(voices[0], voices[2], delta=2)

    def test_gain_brings_a_quiet_voice_up(self):
        from harness import acoustics
        near = self.speech("near.wav", NEAR, 8, rms=0.005)
        sound.play(self.alice, near, name="probe-quiet")
        before = acoustics.db(self.listen(5)[1])
        self.set("AutomaticGainControl", True)
        self.assertGreater(acoustics.db(self.listen(10)[1][5 * sound.RATE:]), before + 10)


if __name__ == "__main__":
    case.main()
