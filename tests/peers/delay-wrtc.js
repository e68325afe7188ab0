// delay-wrtc.js - how long libwebrtc without a browser (@roamhq/wrtc) takes from one end of a call to the other: two connections
// in this process, straight to each other, no devices, no server.
//
//   node delay-wrtc.js SAID.wav HEARD.wav
//
// Both files are 48 kHz, mono, 16 bit. Prints {"said_us": T, "heard_us": T}: the monotonic time of the first frame of each.
'use strict';
const fs = require('fs');
const { RTCPeerConnection, MediaStream, nonstandard } = require('./node_modules/@roamhq/wrtc');

const CHUNK = 480, CHUNK_NS = 10_000_000n, TAIL_NS = 1_000_000_000n, SETTLE_MS = 500;
const [said, heard] = process.argv.slice(2);
const bytes = fs.readFileSync(said), body = bytes.indexOf('data') + 8;
const voice = new Int16Array(bytes.buffer.slice(bytes.byteOffset + body, bytes.byteOffset + body + (bytes.length - body & ~1)));

async function connect(a, b) {
  a.onicecandidate = e => e.candidate && b.addIceCandidate(e.candidate);
  b.onicecandidate = e => e.candidate && a.addIceCandidate(e.candidate);
  await a.setLocalDescription(await a.createOffer());
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription(await b.createAnswer());
  await a.setRemoteDescription(b.localDescription);
  while (a.iceConnectionState !== 'connected' && a.iceConnectionState !== 'completed') await new Promise(r => setTimeout(r, 10));
}

// 10 ms at a time, when they are due; the clock of the machine is the microphone's. Resolves at the end, with the beginning.
function speak(source) {
  const start = process.hrtime.bigint(), end = start + BigInt(Math.ceil(voice.length / CHUNK)) * CHUNK_NS + TAIL_NS;
  let chunk = 0n;
  return new Promise(resolve => {
    const beat = setInterval(() => {
      for (; start + chunk * CHUNK_NS <= process.hrtime.bigint(); chunk++) {
        const samples = new Int16Array(CHUNK);
        samples.set(voice.subarray(Number(chunk) * CHUNK, (Number(chunk) + 1) * CHUNK));
        source.onData({ samples, sampleRate: 48000, bitsPerSample: 16, channelCount: 1, numberOfFrames: CHUNK });
      }
      if (process.hrtime.bigint() < end) return;
      clearInterval(beat);
      resolve(start);
    }, 1);
  });
}

function wav(samples) {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8);
  [[16, 4], [1, 2], [1, 2], [48000, 4], [96000, 4], [2, 2], [16, 2]].reduce((at, [value, size]) => head.writeUIntLE(value, at, size), 16);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

(async () => {
  const a = new RTCPeerConnection({ iceServers: [] }), b = new RTCPeerConnection({ iceServers: [] });
  const source = new nonstandard.RTCAudioSource(), pieces = [], starts = [];
  b.ontrack = ({ track }) => {
    const sink = new nonstandard.RTCAudioSink(track);
    sink.ondata = ({ samples }) => {
      starts.push(process.hrtime.bigint() - BigInt(pieces.length) * CHUNK_NS);
      // before the first packet it is silence, at another rate
      pieces.push(Buffer.from(samples.length === CHUNK ? Int16Array.from(samples).buffer : new ArrayBuffer(2 * CHUNK)));
    };
  };
  a.addTrack(source.createTrack(), new MediaStream());
  await connect(a, b);
  await new Promise(r => setTimeout(r, SETTLE_MS));
  const begin = await speak(source);
  fs.writeFileSync(heard, wav(Buffer.concat(pieces)));
  starts.sort((x, y) => (x < y ? -1 : 1)); // the median: one late call does not matter
  console.log(JSON.stringify({ said_us: Number(begin / 1000n), heard_us: Number(starts[starts.length >> 1] / 1000n) }));
  process.exit(0); // the native library's threads have no other end
})();
