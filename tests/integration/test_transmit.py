#!/usr/bin/python3
"""Transmit modes on real components: what is sent while a key is held, or while somebody speaks, and how soon.

The times of the first and the last packet are measured on the wire and printed, not asserted.
"""
import base64
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.bus import BUS_NAME, Client  # noqa: E402
from harness.desktop import APP_ID, APP_KEY  # noqa: E402
from harness.janus import secret_of  # noqa: E402
from harness.portal import BACKEND, Double, start_portal  # noqa: E402
from harness.workspace import wait_for  # noqa: E402
from test_chromium import Browser, signed  # noqa: E402

LISTEN = "127.0.0.1:8188"
SHORTCUT = "push-to-talk"


def now_us():
    return time.monotonic_ns() // 1000


class Wire:
    """Every RTP packet of one stream, as (µs, sequence number, timestamp, marker, bytes)."""

    def __init__(self, ssrc):
        self.ssrc, self.packets, self.seen, self.running = ssrc, [], set(), True
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.socket.settimeout(0.1)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.running:
            try:
                p = self.socket.recv(2048)
            except socket.timeout:
                continue
            rtp = p[(p[0] & 15) * 4 + 8:]
            if p[9] != 17 or len(rtp) < 12 or rtp[0] >> 6 != 2 or 192 <= rtp[1] <= 223:
                continue
            kind, seq, timestamp, ssrc = struct.unpack(">BHII", rtp[1:12])
            if ssrc == self.ssrc and seq not in self.seen:  # the same packet passes lo twice
                self.seen.add(seq)
                self.packets.append((now_us(), seq, timestamp, bool(kind & 128), len(rtp)))

    def between(self, start_us, end_us=1 << 62):
        return [p for p in list(self.packets) if start_us <= p[0] < end_us]

    def close(self):
        self.running = False
        self.thread.join()
        self.socket.close()


class Transmit(case.Case):
    def setUp(self):
        super().setUp()
        self.a = self.desktop("a", {"server": "embedded:", "embedded": {"listen": LISTEN}})
        self.b = self.desktop("b", {"server": "janus+ws://" + LISTEN})
        self.ja = self.a.join("room", "alice")

    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def join(self, mode):
        self.jb = self.b.join("room", "bob")
        self.ja.wait_members("alice", "bob")
        self.client = Client(self.b)
        self.ws.closers.append(self.client.close)
        self.path = "/org/rtcroom/RtcRoom1/context/1"
        self.b.ctl("transmit", mode)

    def watch(self):
        self.client.raw(self.path, BUS_NAME + ".Voice", "GetStats")
        ssrc = wait_for(lambda: self.client.raw(self.path, BUS_NAME + ".Voice", "GetStats")[0].get("outbound-rtp", [{}])[0].get("ssrc"), "the stream of bob")
        wire = Wire(ssrc)
        self.ws.closers.append(wire.close)
        return wire

    def talk(self, on):
        at = now_us()
        self.client.raw(self.path, BUS_NAME + ".Voice", "StartTalking" if on else "StopTalking")
        return at

    def talking(self):
        return self.client.get(self.path, "Voice", "Talking")

    def node_of(self, user):
        return wait_for(lambda: [m["nodeName"] for m in self.a.ctl_json("members") if m["userId"] == user and m["nodeSerial"]], "node of " + user)[0]

    def play_tone(self):
        sound.play(self.b, sound.tone(os.path.join(self.b.path, "tone.wav"), 880, 120, 0.3))
        time.sleep(0.5)  # until it has reached the microphone: there is nothing to see meanwhile

    def assert_spurt(self, packets):
        """Contiguous, and its pre-roll came as one burst that begins with the marker."""
        self.assertGreater(len(packets), 5)
        self.assertTrue(packets[0][3], "the marker")
        for one, two in zip(packets, packets[1:]):
            self.assertEqual((two[1] - one[1], two[2] - one[2], two[3]), (1, 960, False))
        self.assertLess(packets[2][0] - packets[0][0], 40000, "60 ms of sound did not come at once")

    # ---- what a browser makes of spurts ----

    SWEEP = (400, 4400)  # Hz, once a second: a pitch tells when it was captured

    def captured_at(self, samples, at):
        """The second, modulo 1, at which what is heard around `at` (a sample) was captured."""
        window = samples[at - 360:at + 360] * np.hanning(720)
        spectrum = np.abs(np.fft.rfft(window, 1 << 15))
        hertz = np.argmax(spectrum) * sound.RATE / (1 << 15)
        return (hertz - self.SWEEP[0]) / (self.SWEEP[1] - self.SWEEP[0])

    def spurts_of(self, samples):
        """(first, last) sample of each stretch of sound."""
        loud = np.flatnonzero(np.convolve(np.abs(samples), np.ones(480) / 480, "same") > 0.02)
        edges = np.flatnonzero(np.diff(loud) > sound.RATE // 10)
        return list(zip(np.concatenate(([loud[0]], loud[edges + 1])), np.concatenate((loud[edges], [loud[-1]]))))

    def join_browser(self):
        secret, room = secret_of(APP_ID, APP_KEY), APP_ID + "/room"
        browser = Browser(url="ws://" + LISTEN, room=room, user="web", apiToken=signed(secret, "janus", "janus.plugin.videoroom"),
                          roomToken=signed(secret, "janus.plugin.videoroom", "room=" + room))
        self.ws.closers.append(browser.close)
        self.assertEqual(browser.first["event"], "joined", browser.first)
        self.jb.wait_members("alice", "bob", "web")
        return browser

    def of_bob(self, browser):
        people = [s for s in browser.ask("stats") if s["type"] == "inbound-rtp"]
        return max(people, key=lambda s: s["packetsReceived"])

    def test_a_browser_keeps_the_beginnings(self):
        """Each spurt begins with a burst of 60 ms: none of it is lost in Chromium, and the delay does not stay."""
        self.a.ctl("mute")
        self.join(SHORTCUT)
        t = np.arange(60 * sound.RATE) / sound.RATE % 1
        sweep = 0.3 * np.sin(2 * np.pi * (self.SWEEP[0] * t + (self.SWEEP[1] - self.SWEEP[0]) * t ** 2 / 2))
        sound.play(self.b, sound.write_wav(os.path.join(self.b.path, "sweep.wav"), sweep))
        browser = self.join_browser()
        self.talk(True)
        wait_for(lambda: (browser.ask("heard").get("bob", {}).get("db") or -200) > -60, "bob in the browser", 20)
        self.talk(False)
        time.sleep(1)
        browser.ask("record('bob')")
        held = []
        for _ in range(12):
            down_us = self.talk(True)
            time.sleep(0.45)
            held.append((self.talk(False) - down_us) / 1e6)
            time.sleep(0.5)
        before = self.of_bob(browser)
        self.talk(True)
        time.sleep(4)
        after = self.of_bob(browser)
        self.talk(False)
        time.sleep(0.5)
        samples = np.frombuffer(base64.b64decode(browser.ask("recorded")), "<i2") / 32768
        spurts = self.spurts_of(samples)
        self.assertEqual(len(spurts), 13)
        margin = sound.RATE // 100
        lead = [((self.captured_at(samples, last - margin) - self.captured_at(samples, first + margin)) % 1 + 0.02 - time_held) * 1000
                for (first, last), time_held in zip(spurts, held)]
        delay = (after["jitterBufferDelay"] - before["jitterBufferDelay"]) / (after["jitterBufferEmittedCount"] - before["jitterBufferEmittedCount"])
        print("\n  heard from before the key, ms: median %.0f, least %.0f; jitter buffer after 13 spurts %.0f ms" %
              (np.median(lead), min(lead), 1000 * delay), file=sys.stderr)
        self.assertGreater(np.median(lead), 40)
        self.assertLess(delay, 0.15)

    # ---- push-to-talk ----

    def test_a_key_lets_the_tone_through(self):
        self.join(SHORTCUT)
        wire = self.watch()
        self.play_tone()
        first, last = [], []
        quiet_us = now_us()
        node = None
        for _ in range(8):
            time.sleep(0.4)
            self.assertEqual(wire.between(quiet_us), [], "nothing is sent while nothing is pressed")
            down_us = self.talk(True)
            if node is None:
                node = self.node_of("bob")
            heard = sound.record_node(self.a, os.path.join(self.a.path, "n.wav"), node, 0.6)
            up_us = self.talk(False)
            wait_for(lambda: now_us() - wire.packets[-1][0] > 200000, "the last packet")
            quiet_us = now_us()
            spurt = wire.between(down_us)
            self.assert_spurt(spurt)
            self.assertGreater(sound.power(heard[sound.RATE // 5:], 880), 0.6)  # short: the tone swells
            first.append((spurt[0][0] - down_us) / 1000)
            # the frame that fades out, then one of silence: from that on nothing is heard
            last.append(((spurt[-2][0] if spurt[-2][0] > up_us else up_us) - up_us) / 1000)
        print("\n  press → first packet, ms: median %.2f, worst %.2f; release → last packet with sound: median %.1f, worst %.1f" %
              (np.median(first), max(first), np.median(last), max(last)), file=sys.stderr)
        self.assertLess(sound.rms(sound.record_node(self.a, os.path.join(self.a.path, "n.wav"), node, 0.5)), 1e-3)

    def test_what_was_said_just_before_is_heard(self):
        """The tone ends before the key goes down: what is heard of it is the pre-roll."""
        self.join(SHORTCUT)
        wire = self.watch()
        self.play_tone()
        self.talk(True)  # once, so that alice has the node
        node = self.node_of("bob")
        self.talk(False)
        time.sleep(0.5)
        ear = sound.record(self.a, os.path.join(self.a.path, "ear.wav"), node + ":output_FL")
        down_us = self.talk(True)
        time.sleep(0.3)
        self.talk(False)
        time.sleep(0.3)
        ear.stop()
        heard = sound.read_wav(os.path.join(self.a.path, "ear.wav"))
        loud = np.flatnonzero(np.abs(heard) > 0.01)
        spurt = wire.between(down_us)
        self.assert_spurt(spurt)
        sent_ms = (spurt[-1][2] - spurt[0][2]) / 48  # without the last frame, which is silent
        self.assertAlmostEqual((loud[-1] - loud[0]) / 48, sent_ms, delta=60)
        print("\n  pressed 300 ms: %.0f ms sent, %.0f ms heard" % (sent_ms, (loud[-1] - loud[0]) / 48), file=sys.stderr)

    def test_mute_wins(self):
        self.join(SHORTCUT)
        wire = self.watch()
        self.play_tone()
        self.talk(True)
        wait_for(lambda: len(wire.packets) > 20, "packets")
        self.b.ctl("mute")
        muted_us = now_us()
        time.sleep(0.3)
        self.assertEqual(wire.between(muted_us), [])
        self.assertTrue(self.talking())
        self.b.ctl("unmute")
        wait_for(lambda: len(wire.between(muted_us)) > 20, "packets after the mute")
        self.talk(False)

    def test_rtcroomctl_holds_the_key(self):
        self.join(SHORTCUT)
        self.play_tone()
        self.assertEqual(self.b.ctl("transmit").stdout.strip(), SHORTCUT)
        key = self.b.start(self.b.ctl_path, "ptt", "start", log="ptt.log")
        wait_for(self.talking, "the key")
        self.b.ctl("ptt", "stop")
        self.assertEqual(key.wait(10), 0)
        self.assertFalse(self.talking())
        key = self.b.start(self.b.ctl_path, "ptt", "start", log="ptt.log")
        wait_for(self.talking, "the key")
        key.send_signal(signal.SIGKILL)
        wait_for(lambda: not self.talking(), "the key to go up with its holder")
        key = self.b.start(self.b.ctl_path, "ptt", "start", log="ptt.log")
        wait_for(self.talking, "the key")
        self.jb.leave()
        self.assertNotEqual(key.wait(10), None)

    # ---- the desktop's key ----

    def test_the_portal_presses(self):
        keys = Double(self.b, "shortcuts-backend.py", BACKEND, "up")
        portal = start_portal(self.b, "org.freedesktop.impl.portal.GlobalShortcuts")
        self.join("continuous")
        self.assertEqual(keys.events("session"), [])
        self.b.ctl("transmit", SHORTCUT)
        self.assertEqual(keys.wait("bound")["ids"], [SHORTCUT])
        wire = self.watch()
        self.play_tone()
        delays = []
        for i in range(1, 5):
            keys.behave("down")
            down_us = keys.wait("pressed", i)["us"]
            wait_for(lambda: len(wire.between(down_us)) > 10, "packets")
            self.assertTrue(self.talking())
            delays.append((wire.between(down_us)[0][0] - down_us) / 1000)
            keys.behave("up")
            keys.wait("released", i)
            wait_for(lambda: not self.talking(), "the key to go up")
            wait_for(lambda: now_us() - wire.packets[-1][0] > 200000, "the last packet")
        print("\n  the desktop's key → first packet, ms: median %.1f, worst %.1f" % (np.median(delays), max(delays)), file=sys.stderr)
        self.b.ctl("transmit", "continuous")
        keys.wait("closed")
        self.b.ctl("transmit", SHORTCUT)
        keys.wait("bound", 2)
        keys.behave("down")
        wait_for(self.talking, "the key")
        self.ws.stop(portal)  # nobody can tell any more that the key goes up
        wait_for(lambda: not self.talking(), "the key to go up with the portal")

    def test_a_desktop_without_such_keys(self):
        self.join(SHORTCUT)
        wait_for(lambda: "no key for push-to-talk from the desktop" in self.b.log(), "a line in the log")
        self.talk(True)
        self.assertTrue(self.talking())

    def test_a_user_who_wants_no_key(self):
        keys = Double(self.b, "shortcuts-backend.py", BACKEND, "refuse")
        start_portal(self.b, "org.freedesktop.impl.portal.GlobalShortcuts")
        self.join(SHORTCUT)
        keys.wait("closed")
        self.assertIsNotNone(self.b.daemon_pid())

    # ---- voice activity ----

    def test_speech_is_sent_and_noise_is_not(self):
        speech = sound.read_wav(sound.speak(os.path.join(self.b.path, "s.wav"), "She sells sea shells. Five fat friars."))
        noisy, clean = in_noise(speech, -54)
        self.join("voice-activity")
        wire = self.watch()
        player = sound.play(self.b, sound.write_wav(os.path.join(self.b.path, "noisy.wav"), noisy))
        wait_for(lambda: wire.packets, "the first word", 20)
        ear = sound.record(self.a, os.path.join(self.a.path, "ear.wav"), self.node_of("bob") + ":output_FL")
        player.finish(60)
        ear.stop()
        heard = sound.read_wav(os.path.join(self.a.path, "ear.wav"))
        share = len(wire.packets) * 0.02 / (len(clean) / sound.RATE)
        match = sound.spectral_match(clean, heard)
        print("\n  %.0f %% of the time sent, of which %.0f %% is speech; spectrum of what is heard: %.2f like the source" %
              (100 * share, 100 * SENTENCES * len(speech) / len(clean), match), file=sys.stderr)
        self.assertGreater(match, 0.8)
        self.assertLess(share, 0.8)


SENTENCES = 4


def in_noise(speech, noise_dbov):
    """Sentences with three seconds between them, in white noise and without."""
    pause = np.zeros(3 * sound.RATE)
    clean = 0.5 * np.concatenate([pause] + [x for _ in range(SENTENCES) for x in (speech, pause)])
    return clean + np.random.default_rng(3).normal(0, 10 ** (noise_dbov / 20), len(clean)), clean


class Speech(case.Case):
    """The detector alone on speech and noise, beside the source: no device whose clock could blur it."""

    TEXTS = {"en-gb": "She sells sea shells. Five fat friars.", "en-us": "Hello? Thank you, that is fine.", "de": "Schoen, dass du da bist. Fuenf Affen.",
             "fr": "Salut tout le monde, ca va?"}

    def sent(self, samples):
        wav = sound.write_wav(os.path.join(self.ws.path, "probe.wav"), samples)
        out = subprocess.run([os.path.join(case.BUILD, "tests/tools/transmit-probe"), wav], stdout=subprocess.PIPE, text=True, check=True).stdout
        return [tuple(map(float, line.split())) for line in out.splitlines()]

    def test_no_first_syllable_is_lost(self):
        worst, shares = 1e9, []
        for voice, text in self.TEXTS.items():
            speech = sound.read_wav(sound.speak(os.path.join(self.ws.path, "s.wav"), text, voice=voice))
            for noise in (-75, -60, -50, -44):
                noisy, clean = in_noise(speech, noise)
                envelope = sound.envelope(clean)
                # what can be told from the noise: 3 dB above it, and not the last tail of a fade
                voiced = np.flatnonzero(envelope > max(0.02 * envelope.max(), 1.4 * 10 ** (noise / 20))) * 10
                onsets = [ms for ms, before in zip(voiced, np.concatenate(([-9999], voiced[:-1]))) if ms - before > 1500]
                spurts = self.sent(noisy)
                for onset in onsets:
                    begin = [b for b, e in spurts if b <= onset + 200 and e > onset]
                    self.assertTrue(begin, "%s in %d dBov: nothing was sent at %d ms: %r" % (voice, noise, onset, spurts))
                    if noise <= -50:  # in louder noise a quiet consonant is noise for the ear, too
                        worst = min(worst, onset - max(begin))
                    self.assertLessEqual(max(begin), onset + (0 if noise <= -50 else 60), "%s in %d dBov: a beginning was lost" % (voice, noise))
                busy = np.zeros(len(clean) * 1000 // sound.RATE + 1000, bool)
                for ms in voiced:
                    busy[max(0, ms - 100):ms + 500] = True  # look-back, hold
                shares.append(sum(np.sum(~busy[int(b):int(e)]) for b, e in spurts) / float(np.sum(~busy)))
        print("\n  speech is sent from at least %d ms before its beginning; noise that was sent: median %.1f %%, worst %.1f %%" %
              (worst, 100 * np.median(shares), 100 * max(shares)), file=sys.stderr)
        self.assertLess(np.median(shares), 0.1)
        self.assertLess(max(shares), 0.25)  # in loud noise the ends of words are noise by this judge


if __name__ == "__main__":
    case.main()
