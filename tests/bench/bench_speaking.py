"""Speaking indicators: from a voice at a microphone to the sign of it at the others; what meters cost on the bus.

One of ours speaks into a virtual microphone in a room of a livekit-server. Those who look on at the same time: one of ours
by the shared memory of levels and by the signal on the bus, livekit-client in Chromium and @livekit/rtc-node by their event.
Onsets are those of the sound itself, so frames, network and server are in the figures.
"""
import mmap
import os
import struct
import subprocess
import threading
import time

SPURTS, SPURT_S, PAUSE_S = 12, 1.0, 1.4  # a pause is longer than any of them needs to notice it
SPEAKER = "alice"
SPEAKING = 2  # RTCROOM_LEVELS_SPEAKING


def spurts(path):
    """Vowels, begun and ended at once, in a quiet room; the seconds at which they begin."""
    import numpy as np
    from harness import sound
    rng = np.random.default_rng(3)
    samples = 1e-4 * rng.standard_normal(int((1 + SPURTS * (SPURT_S + PAUSE_S)) * sound.RATE))
    t = np.arange(int(SPURT_S * sound.RATE)) / sound.RATE
    begins = []
    for i in range(SPURTS):
        begins.append(1 + i * (SPURT_S + PAUSE_S) + rng.uniform(0, 0.02))  # anywhere in a frame
        at = int(begins[-1] * sound.RATE)
        pitch = rng.uniform(110, 220)
        voice = sum(np.sin(2 * np.pi * h * pitch * t) / h for h in range(1, 12))
        samples[at:at + len(t)] += 0.1 * voice * (0.7 + 0.3 * np.sin(2 * np.pi * 4 * t))
    return sound.write_wav(path, samples), begins


class Memory:
    """A reader of Voice.OpenLevels, as rtcroom/levels.h lays it out."""

    def __init__(self, client, path):
        from gi.repository import Gio
        reply, fds = client.bus.call_with_unix_fd_list_sync("org.rtcroom.RtcRoom1", path, "org.rtcroom.RtcRoom1.Voice", "OpenLevels", None,
                                                            None, Gio.DBusCallFlags.NONE, 20000, None, None)
        fd = fds.get(reply.unpack()[0])
        self.map = mmap.mmap(fd, os.fstat(fd).st_size, mmap.MAP_SHARED, mmap.PROT_READ)
        os.close(fd)
        (_, _, self.slots, self.slot_size, self.n_slots, self.frames, self.frame_size, self.n_frames, self.entries, self.entry_size) = \
            struct.unpack_from("10I", self.map)

    def who_speaks(self):
        head, = struct.unpack_from("Q", self.map, 48)
        if not head:
            return set()
        frame = self.frames + (head - 1) % self.n_frames * self.frame_size
        n, = struct.unpack_from("I", self.map, frame + 16)
        found = set()
        for i in range(n):
            _, flags = struct.unpack_from("2I", self.map, frame + self.entries + i * self.entry_size)
            if flags & SPEAKING:
                found.add(self.map[self.slots + i * self.slot_size + 8:][:132].split(b"\0")[0].decode())
        return found


class Watch(threading.Thread):
    """Notes when SPEAKER begins to be among those who speak; `look` says who does."""

    def __init__(self, look, stop):
        super().__init__(daemon=True)
        self.look, self.stop, self.begins_us, self.was = look, stop, [], False
        self.start()

    def run(self):
        while not self.stop.is_set():
            now = SPEAKER in self.look()
            if now and not self.was:
                self.begins_us.append(time.monotonic_ns() // 1000)
            self.was = now
            time.sleep(0.001)

    def delays_ms(self, onsets_us):
        """Of each onset that was followed by a sign within a spurt."""
        out = []
        for onset in onsets_us:
            after = [b - onset for b in self.begins_us if 0 <= b - onset < SPURT_S * 1e6]
            out += [after[0] / 1000] if after else []
        return out


def told_by_signal(person):
    """Who speaks, as an application is told on the bus."""
    lists = person.told("RtcChatSpeakersChanged")
    return set(lists[-1][0]) if lists else set()


def told_by_event(peer):
    """The same at one of LiveKit's clients."""
    lists = [e["users"] for e in peer.events if e["event"] == "activeSpeakersChanged"]
    return set(lists[-1]) if lists else set()


def bus_messages(desktop, seconds):
    """Of the daemon and to it, everything on the session bus."""
    out = os.path.join(desktop.path, "bus.profile")
    with open(out, "wb") as f:
        monitor = desktop.start("dbus-monitor", "--session", "--profile", stdout=f, stderr=subprocess.DEVNULL)
        time.sleep(1)
        before = os.path.getsize(out)
        time.sleep(seconds)
        f.flush()
        desktop.ws.stop(monitor)
    with open(out, "rb") as f:
        f.seek(before)
        return f.read().count(b"\n") / seconds


def strangers(ws, server, cannot):
    """(name, peer) of LiveKit's own clients that are installed and get in."""
    import livekit_rooms
    found = []
    try:
        for name, peer in livekit_rooms.strangers(ws):
            peer.join(server, "room")
            found.append((name, peer))
    except (OSError, RuntimeError, TimeoutError) as e:
        cannot(e)
    return found


def run(build, report, cannot_run):
    import sys
    import numpy as np
    import livekit_rooms
    from bench_mouth_to_ear import real_time
    from harness import sound
    from harness.desktop import Desktop
    from harness.livekit import LiveKit
    from harness.livekit_room import Person
    from harness.workspace import Workspace, wait_for
    livekit_rooms.require(cannot_run)
    setup = "engine=livekit frame=20ms quantum=256 n=%d " % SPURTS + real_time()
    with Workspace() as ws:
        server = LiveKit(ws, log_level="warn")
        quiet = dict(livekit_rooms.QUIET, server=server.server)
        alice, bob = (Person(Desktop(ws, name, build, quiet), name) for name in (SPEAKER, "bob"))
        alice.join("room")
        bob.join("room")
        peers = strangers(ws, server, lambda e: print("without the rest of LiveKit's clients: %s" % e, file=sys.stderr))
        path, begins = spurts(os.path.join(ws.path, "spurts.wav"))
        stop = threading.Event()
        watches = [("", "shared memory", Watch(Memory(bob.client, bob.path).who_speaks, stop))]
        watches += [("", "signal on the bus", Watch(lambda: told_by_signal(bob), stop))]
        watches += [(name, "event", Watch(lambda p=peer: told_by_event(p), stop)) for name, peer in peers]
        time.sleep(2)
        sent = sound.play(alice.desktop, path).finish(120)
        time.sleep(1)
        stop.set()
        onsets = [sent["start_us"] + b * 1e6 for b in begins]
        for name, how, watch in watches:
            watch.join()
            delays = watch.delays_ms(onsets)
            if delays:
                report.add("onset_ms_p50", float(np.median(delays)), "ms", "%s, %s, seen %d" % (setup, how, len(delays)), name,
                           "" if name else "<= 60")
        meters = Memory(bob.client, bob.path)
        sound.play(alice.desktop, sound.tone(os.path.join(ws.path, "long.wav"), 440, 20, 0.3))
        wait_for(lambda: SPEAKER in meters.who_speaks(), "somebody who talks")
        time.sleep(1)
        report.add("dbus_messages_per_s", bus_messages(bob.desktop, 8), "1/s", "engine=livekit, somebody talks, meters read", goal="0")
        assert SPEAKER in meters.who_speaks()
