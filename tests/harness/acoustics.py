"""acoustics.py - a room in a desktop's graph: what the loudspeaker plays comes back to the microphone, later, weaker and reverberating."""
import os

import numpy as np

from . import sound
from .workspace import wait_for

RATE = sound.RATE
CONFIG = """
context.properties = { log.level = 2 }
context.modules = [
    { name = libpipewire-module-protocol-native }
    { name = libpipewire-module-client-node }
    { name = libpipewire-module-adapter }
    { name = libpipewire-module-filter-chain
        args = {
            node.description = "room"
            filter.graph = { nodes = [ { type = builtin name = room label = convolver config = { filename = "%s" gain = 1.0 } } ] }
            audio.rate = 48000 audio.channels = 1 audio.position = [ MONO ]
            capture.props = { node.name = room-in node.autoconnect = false }
            playback.props = { node.name = room-out node.autoconnect = false }
        }
    }
]
"""


def response(delay_ms, reverberation_ms, gain, seed=5):
    """Impulse response: a direct sound, then noise that dies away (60 dB in the reverberation time); gain of the power."""
    rng = np.random.default_rng(seed)
    n = int(reverberation_ms * RATE / 1000)
    h = 0.2 * rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    h[0] = 4
    return np.concatenate([np.zeros(int(delay_ms * RATE / 1000)), gain * h / np.sqrt(np.sum(h ** 2))])


class Room:
    """Between test-sink and test-mic of a desktop, as long as the workspace lives."""

    def __init__(self, desktop, delay_ms=30, reverberation_ms=150, gain=0.5):
        path = os.path.join(desktop.path, "room.wav")
        sound.write_wav(path, response(delay_ms, reverberation_ms, gain))
        config = os.path.join(desktop.path, "room.conf")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG % path)
        self.process = desktop.start("pipewire", "-c", config, log="room.log")
        for output, to in (("test-sink:monitor_FL", "room-in:input_MONO"), ("room-out:output_MONO", "test-mic:input_MONO")):
            wait_for(lambda o=output, i=to: desktop.run("pw-link", o, i, check=False).returncode == 0, "the link %s to %s" % (output, to))


def noise(path, seconds, rms, seed=3):
    """Stationary, more bass than treble, as a fan makes it."""
    rng = np.random.default_rng(seed)
    w = np.fft.rfft(rng.standard_normal(int(seconds * RATE)))
    w /= np.sqrt(np.maximum(np.fft.rfftfreq(int(seconds * RATE), 1 / RATE), 50))
    x = np.fft.irfft(w, int(seconds * RATE))
    return sound.write_wav(path, x * rms / np.sqrt(np.mean(x ** 2)))


def db(samples):
    return 20 * np.log10(sound.rms(samples) + 1e-9)


def cut(samples, start_us, from_us, seconds):
    """The piece of a recording that began at start_us."""
    at = int((from_us - start_us) * RATE / 1e6)
    return samples[at:at + int(seconds * RATE)]
