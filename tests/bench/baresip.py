"""baresip.py - a call of two baresips (SIP, Opus with in-band FEC, a jitter buffer of fixed length): the floor. It has no counters; its
recorded sound is what it decoded."""
import glob
import os
import shutil

from pairs import Missing, Pair

CONFIG = """poll_method epoll
net_interface %(interface)s
sip_listen %(address)s:%(port)d
audio_source %(source)s
audio_player aubridge,loudspeaker
audio_alert aubridge,alert
audio_buffer 20-160
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 1
auplay_channels 1
jitter_buffer_delay 5-10
module_path /usr/lib/baresip/modules
module opus.so
module sndfile.so
module aubridge.so
module aufile.so
module_app menu.so
module_tmp account.so
snd_path %(folder)s
opus_bitrate 32000
opus_stereo no
opus_sprop_stereo no
opus_inbandfec yes
opus_packet_loss 10
opus_application voip
opus_dtx %(dtx)s
"""
PORT = 5070


class Baresip(Pair):
    peer, setup = "baresip", "direct"
    counts = False
    sender = receiver = None

    def prepare(self):
        if not shutil.which("baresip"):
            raise Missing("baresip is not installed")
        self.address = "10.79.%d.2" % (self.line.number + 1)

    def run(self, name, network, interface, address, port, source, *more):
        folder = self.ws.folder("baresip-" + name)
        with open(os.path.join(folder, "config"), "w", encoding="ascii") as f:
            f.write(CONFIG % {"interface": interface, "address": address, "port": port, "source": source, "folder": folder,
                              "dtx": "yes" if self.dtx else "no"})
        with open(os.path.join(folder, "accounts"), "w", encoding="ascii") as f:
            f.write("<sip:%s@%s:%d>;regint=0;answermode=auto\n" % (name, address, port))
        return self.ws.start([*(network.inside if network else []), "baresip", "-4", "-f", folder, *more], log="baresip-%s/log" % name)

    def dumps(self):
        return set(glob.glob(os.path.join(self.ws.path, "baresip-b", "dump-*-dec.wav")))

    def join(self, _room):
        self.receiver = self.run("b", self.line, "line0", self.address, PORT, "aubridge,nothing")
        self.before = self.dumps()

    def say(self, path):
        """The call begins with the first word."""
        where = ("line0", self.address) if self.near else ("veA", "10.79.0.1")
        self.sender = self.run("a", self.near, *where, PORT + 10, "aufile," + path, "-e", "/dial sip:b@%s:%d" % (self.address, PORT))

    def record(self):
        pass

    def recorded(self):
        from harness import sound
        self.leave()  # the file is whole only then
        return sound.read_wav(max(self.dumps() - self.before))

    def leave(self):
        for process in filter(None, (self.sender, self.receiver)):
            self.ws.stop(process)
        self.sender = self.receiver = None

    def counters(self):
        return {}
