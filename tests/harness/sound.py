"""sound.py - making, playing, recording and judging sound in a desktop's graph. 48 kHz mono throughout."""
import json
import os
import signal
import subprocess
import wave

import numpy as np

from .workspace import read, wait_for

RATE = 48000


def speak(path, text, voice="en-gb", speed=150, pitch=50):
    """espeak-ng → 48 kHz mono 16 bit, half a second of silence before and after."""
    raw = path + ".raw.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", raw, text], check=True)
    subprocess.run(["sox", "-q", raw, "-r", str(RATE), "-c", "1", "-b", "16", "-e", "signed-integer", path, "pad", "0.5", "0.5",
                    "gain", "-n", "-3"], check=True)
    os.remove(raw)
    return path


def write_wav(path, samples):
    """A 16 bit mono file from floats."""
    with wave.open(path, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def tone(path, hertz, seconds, level=0.5):
    """A tone that swells four times a second: a steady one is noise to Opus' DTX, which then stops sending it."""
    t = np.arange(int(seconds * RATE)) / RATE
    return write_wav(path, level * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)) * np.sin(2 * np.pi * hertz * t))


def read_wav(path):
    """16 bit or float mono → float array."""
    with open(path, "rb") as f:
        data = f.read()
    fmt = data.index(b"fmt ") + 8
    kind = int.from_bytes(data[fmt:fmt + 2], "little")
    body = data.index(b"data") + 8
    if kind == 3:
        return np.frombuffer(data[body:body + (len(data) - body) // 4 * 4], "<f4").astype(float)
    return np.frombuffer(data[body:body + (len(data) - body) // 2 * 2], "<i2").astype(float) / 32768


def power(samples, hertz):
    """Share of the energy within 15 Hz of a pitch, 0-1; one of our tones gives about 1."""
    n = len(samples)
    if n == 0 or float(np.sum(samples ** 2)) < 1e-9 * n:
        return 0.0
    p = np.abs(np.fft.rfft(samples * np.hanning(n))) ** 2
    f = np.fft.rfftfreq(n, 1 / RATE)
    return float(np.sum(p[np.abs(f - hertz) < 15]) / np.sum(p))


def rms(samples):
    return float(np.sqrt(np.mean(samples ** 2))) if len(samples) else 0.0


class Probe:
    """audio-probe in a desktop: a player or a recorder."""

    def __init__(self, desktop, args, path):
        self.desktop, self.path = desktop, path
        self.out = path + ".json"
        tool = os.path.join(desktop.build, "tests", "tools", "audio-probe")
        with open(self.out, "wb") as out:
            self.process = desktop.start(tool, *args, stdout=out, stderr=subprocess.DEVNULL)

    def finish(self, seconds=60):
        """Waits for the end (a player) and returns its stamps."""
        self.process.wait(seconds)
        return self.stamps()

    def stop(self):
        self.desktop.ws.stop(self.process, signal.SIGINT)
        return self.stamps()

    def stamps(self):
        return json.loads(read(self.out))


def play(desktop, path, into="test-mic", name="probe-play"):
    """Plays a file into a microphone node: a stream that we link by hand, as no session manager routes to a source."""
    probe = Probe(desktop, ["play", path, "--name", name], path + "." + name)

    def link():
        if probe.process.poll() is not None:
            raise RuntimeError("the player ended at once")
        return desktop.run("pw-link", name + ":output_MONO", into + ":input_MONO", check=False).returncode == 0
    wait_for(link, "the link %s to %s" % (name, into))
    return probe


def record(desktop, path, port="test-sink:monitor_FL", seconds=600, name="probe-record"):
    """Records one port: what a sink plays, by its monitor, one channel as it is (a mix of two would be louder)."""
    probe = Probe(desktop, ["record", path, "--seconds", str(seconds), "--name", name], path)
    wait_for(lambda: desktop.run("pw-link", port, name + ":input_MONO", check=False).returncode == 0, "the link from " + port)
    return probe


def record_node(desktop, path, node, seconds=2.0):
    """What one playback stream plays, taken from its own port; returns the samples: fewer, if it comes to rest."""
    probe = record(desktop, path, node + ":output_FL", seconds, "probe-ear")
    try:
        probe.finish(seconds + 10)
    except subprocess.TimeoutExpired:  # a node that rests moves nothing, and so does who is linked to it alone
        probe.stop()
    return read_wav(path)


# ---- judging ----

def delay_ms(sent, sent_start_us, heard, heard_start_us, window_s=1.0, most_ms=500.0):
    """Delay of each window of `sent` that holds sound, by normalised cross-correlation: [(ms, correlation)]."""
    out = []
    size, most = int(window_s * RATE), int(most_ms / 1000 * RATE)
    for at in range(0, len(sent) - size, size // 2):
        a = sent[at:at + size]
        if rms(a) < 0.02:
            continue
        # where this window would be in `heard` without any delay
        base = int(round((sent_start_us + at * 1e6 / RATE - heard_start_us) * RATE / 1e6))
        if base < 0 or base + size + most > len(heard):
            continue
        b = heard[base:base + size + most]
        n = 1 << (len(b) + size - 1).bit_length()
        c = np.fft.irfft(np.fft.rfft(b, n) * np.conj(np.fft.rfft(a, n)), n)[:most]
        energy = np.cumsum(np.concatenate(([0.0], b ** 2)))
        norm = np.sqrt((energy[size:size + most] - energy[:most]) * np.sum(a ** 2)) + 1e-9
        k = int(np.argmax(c / norm))
        out.append((k * 1000 / RATE, float(c[k] / norm[k])))
    return out


def spectrum(samples, bands=24):
    """Mean log energy in bands from 100 Hz to 7 kHz, spaced as the ear has them."""
    size = 1024
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::size // 2] * np.hanning(size)
    p = np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0) + 1e-10
    edges = np.geomspace(100, 7000, bands + 1) / RATE * size
    return np.array([10 * np.log10(np.mean(p[int(a):max(int(a) + 1, int(b))])) for a, b in zip(edges, edges[1:])])


def spectral_match(sent, heard):
    """Correlation of the two long-term spectra, 0–1 for speech; another speaker with another text stays well below."""
    return float(np.corrcoef(spectrum(sent), spectrum(heard))[0, 1])


def envelope(samples, step=480):
    n = len(samples) // step * step
    return np.sqrt(np.mean(samples[:n].reshape(-1, step) ** 2, axis=1))
