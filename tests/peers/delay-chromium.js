// delay-chromium.js - the same in headless Chromium: two connections in one page, straight to each other, no devices, no server.
// Mouth and ear are on the clock of one AudioContext.
//
//   node delay-chromium.js SAID.wav HEARD.wav
'use strict';
const fs = require('fs');
const http = require('http');
const { chromium } = require('./node_modules/playwright-core');

const [said, heard] = process.argv.slice(2);

/* In the page. Frames of the context's clock, and what was heard as 16 bit samples in base64. */
async function call(wav) {
  const context = new AudioContext({ sampleRate: 48000 });
  const buffer = await context.decodeAudioData(Uint8Array.from(atob(wav), c => c.charCodeAt(0)).buffer);
  const ear = `registerProcessor('ear', class extends AudioWorkletProcessor {
    process([[x]]) { this.port.postMessage({ at: currentFrame, x: x ? x.slice() : new Float32Array(128) }); return true; } });`;
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([ear], { type: 'text/javascript' })));
  const a = new RTCPeerConnection(), b = new RTCPeerConnection(), mouth = context.createMediaStreamDestination();
  a.onicecandidate = e => b.addIceCandidate(e.candidate);
  b.onicecandidate = e => a.addIceCandidate(e.candidate);
  a.addTrack(mouth.stream.getTracks()[0], mouth.stream);
  const arrived = new Promise(resolve => { b.ontrack = e => resolve(e.track); });
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
  const stream = new MediaStream([await arrived]), element = new Audio();
  element.srcObject = stream; // Chromium feeds a remote track into WebAudio only while some element plays it too
  element.muted = true;
  await element.play();
  const node = new AudioWorkletNode(context, 'ear'), pieces = [];
  node.port.onmessage = ({ data }) => pieces.push(data);
  context.createMediaStreamSource(stream).connect(node);
  const player = new AudioBufferSourceNode(context, { buffer }), begin = context.currentTime + 0.5;
  player.connect(mouth);
  player.start(begin);
  await new Promise(resolve => { player.onended = resolve; });
  await new Promise(resolve => setTimeout(resolve, 1000));
  const samples = Int16Array.from(pieces.flatMap(p => [...p.x]), x => Math.max(-1, Math.min(1, x)) * 32767);
  const bytes = new Uint8Array(samples.buffer);
  let text = '';
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return { said: Math.round(begin * 48000), heard: pieces[0].at, pcm: btoa(text) };
}

(async () => {
  const server = http.createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>'));
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve)); // a secure context without TLS
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium', headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync',
      '--disable-features=WebRtcHideLocalIpsWithMdns', '--autoplay-policy=no-user-gesture-required'],
  });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const got = await page.evaluate(call, fs.readFileSync(said).toString('base64'));
  const head = Buffer.from(fs.readFileSync(said).subarray(0, 44)), pcm = Buffer.from(got.pcm, 'base64');
  head.writeUInt32LE(36 + pcm.length, 4);
  head.writeUInt32LE(pcm.length, 40);
  fs.writeFileSync(heard, Buffer.concat([head, pcm]));
  console.log(JSON.stringify({ said_us: got.said * 1e6 / 48000, heard_us: got.heard * 1e6 / 48000 }));
  await browser.close();
  server.close();
})();
