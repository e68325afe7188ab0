// livekit-chromium.js - a participant of a LiveKit room on livekit-client in a headless Chromium; orders, answers and
// news as livekit-node.js has them.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const readline = require('readline');
const { chromium } = require('./node_modules/playwright-core');

const dist = path.join(__dirname, 'node_modules/livekit-client/dist');
const files = {
  '/': [path.join(__dirname, 'livekit-page.html'), 'text/html'],
  '/livekit-client.js': [path.join(dist, 'livekit-client.umd.js'), 'text/javascript'],
  '/livekit-client.e2ee.worker.js': [path.join(dist, 'livekit-client.e2ee.worker.js'), 'text/javascript'],
};
const say = o => process.stdout.write(JSON.stringify(o) + '\n');

function serve() {
  return new Promise(resolve => {
    const server = http.createServer((request, response) => {
      const wav = decodeURIComponent(request.url); // what the page is to say
      const file = wav.endsWith('.wav') ? [wav, 'audio/wav'] : files[request.url];
      if (!file) return response.writeHead(404).end();
      response.writeHead(200, { 'content-type': file[1] }).end(fs.readFileSync(file[0]));
    }).listen(0, '127.0.0.1', () => resolve(server)); // 127.0.0.1 is a secure context: workers and crypto work without TLS
  });
}

(async () => {
  const server = await serve();
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium', headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
  });
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', e => say({ event: 'pageerror', text: e.message }));
  page.on('console', m => process.env.PEER_DEBUG && say({ event: 'console', text: m.text() }));
  await page.exposeFunction('tell', say);
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction('window.carryOut');
  say({ event: 'ready' });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    try {
      say({ answer: order.do, value: await page.evaluate(o => window.carryOut(o), order) });
    } catch (e) {
      say({ answer: order.do, error: e.message });
    }
  }
  await browser.close();
  server.close();
})().catch(e => { say({ event: 'error', text: e.message }); process.exit(1); });
