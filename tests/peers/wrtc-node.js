// wrtc-node.js - one end of a call on @roamhq/wrtc: libwebrtc without a browser and without a server in between. Steered
// like livekit-node.js: {"do": "offer"} at one end, "answer" at the other, "accept" back at the first; both can "say" a
// file and "record" what they hear (sound.js).
'use strict';
const readline = require('readline');
const { RTCPeerConnection, MediaStream, nonstandard } = require('./node_modules/@roamhq/wrtc');
const { Mouth, Tape } = require('./sound');

const say = o => process.stdout.write(JSON.stringify(o) + '\n');
const FRAME_NS = 10_000_000n;
const source = new nonstandard.RTCAudioSource(), mouth = new Mouth(), tape = new Tape();
let pc, sink;

// The library takes 10 ms at a time, at once: the beat is ours, on a clock that does not drift.
function beat() {
  const start = process.hrtime.bigint();
  let frames = 0n;
  setInterval(() => {
    for (; start + frames * FRAME_NS <= process.hrtime.bigint(); frames++)
      source.onData({ samples: mouth.next(480), sampleRate: 48000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 });
  }, 2);
}

async function gathered() {
  while (pc.iceGatheringState !== 'complete') await new Promise(resolve => setTimeout(resolve, 10));
  return pc.localDescription.sdp;
}

// usedtx is the receiver's wish (RFC 7587): it stands in what the other end is told.
const wish = (sdp, dtx) => sdp.replace('useinbandfec=1', 'useinbandfec=1;usedtx=' + (dtx ? 1 : 0));

function begin() {
  pc?.close();
  sink?.stop();
  pc = new RTCPeerConnection({ iceServers: [] });
  pc.ontrack = ({ track }) => {
    sink = new nonstandard.RTCAudioSink(track);
    sink.ondata = ({ samples }) => tape.add(samples);
  };
  pc.addTrack(source.createTrack(), new MediaStream());
}

const orders = {
  async offer() {
    begin();
    await pc.setLocalDescription(await pc.createOffer());
    return gathered();
  },
  async answer({ sdp, dtx }) {
    begin();
    await pc.setRemoteDescription({ type: 'offer', sdp: wish(sdp, dtx) });
    await pc.setLocalDescription(await pc.createAnswer());
    return gathered();
  },
  async accept({ sdp, dtx }) { await pc.setRemoteDescription({ type: 'answer', sdp: wish(sdp, dtx) }); },
  state: () => pc.iceConnectionState,
  say: ({ path }) => mouth.say(path),
  record: () => tape.start(),
  recorded: () => tape.take(),
  async stats() { return [...(await pc.getStats()).values()].filter(s => ['inbound-rtp', 'outbound-rtp', 'remote-inbound-rtp'].includes(s.type)); },
};

(async () => {
  beat();
  say({ event: 'ready' });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    try {
      say({ answer: order.do, value: await orders[order.do](order) ?? null });
    } catch (e) {
      say({ answer: order.do, error: String(e?.message ?? e) });
    }
  }
  process.exit(0); // the native library's threads have no other end
})();
