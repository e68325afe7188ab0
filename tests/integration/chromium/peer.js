// peer.js - a headless Chromium as a participant of a Janus room; commands on standard input, one JSON object a line out.
//
//   node peer.js '{"url": "ws://…", "room": "app/room", "user": "id", "apiToken": "…", "roomToken": "…", "wav": "file"}'
//
// More options: "video": true, a camera, too; "roomSecret": "…", with which whoever has the id is thrown out.
// Prints {"event": "joined", "ms": …} or {"event": "error", "text": …}; then for each line "heard", "stats", "news",
// "record('userId')" or "recorded" on standard input one object; ends when standard input does.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const readline = require('readline');

const modules = path.join(__dirname, '..', '..', 'peers', 'node_modules');
const { chromium } = require(path.join(modules, 'playwright-core'));
const files = {
  '/': [path.join(__dirname, 'page.html'), 'text/html'],
  '/adapter.js': [path.join(modules, 'webrtc-adapter/out/adapter.js'), 'text/javascript'],
  '/janus.es.js': [path.join(modules, 'janus-gateway/npm/dist/janus.es.js'), 'text/javascript'],
};
const say = o => console.log(JSON.stringify(o));

function serve() {
  return new Promise(resolve => {
    const server = http.createServer((request, response) => {
      const file = files[request.url];
      if (!file) return response.writeHead(404).end();
      response.writeHead(200, { 'content-type': file[1] }).end(fs.readFileSync(file[0]));
    }).listen(0, '127.0.0.1', () => resolve(server)); // 127.0.0.1 is a secure context: getUserMedia works without TLS
  });
}

(async () => {
  const options = JSON.parse(process.argv[2]);
  const server = await serve();
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium', headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required', ...(options.wav ? ['--use-file-for-fake-audio-capture=' + options.wav] : [])],
  });
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', e => say({ event: 'pageerror', text: e.message }));
  page.on('console', m => process.env.PEER_DEBUG && say({ event: 'console', text: m.text() }));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction('window.ready');
  const started = Date.now();
  try {
    await page.evaluate(o => window.join(o), options);
    say({ event: 'joined', ms: Date.now() - started });
  } catch (e) {
    say({ event: 'error', text: e.message });
  }
  for await (const line of readline.createInterface({ input: process.stdin }))
    say({ event: line, value: await page.evaluate(/news|\(/.test(line) ? line : `${line}()`) });
  await browser.close();
  server.close();
})().catch(e => { say({ event: 'error', text: e.message }); process.exit(1); });
