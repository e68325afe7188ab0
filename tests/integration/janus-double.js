// janus-double.js - a Janus that misbehaves: enough of its JSON API to let one publisher into a room, and a way to break each step.
//
//   node janus-double.js PORT
//
// How it behaves is the path of the connection's URL: /good, /close-attach, /garbage-join … (`modes` below). Prints "listening",
// then one line for each connection with its mode. PORT + 1 accepts TCP connections and says nothing to them, PORT + 2 answers
// with what is no HTTP.
'use strict';
const crypto = require('crypto');
const http = require('http');
const net = require('net');
const path = require('path');

const { WebSocketServer } = require(path.join(__dirname, '..', 'peers', 'node_modules', 'ws'));

// ---- session descriptions ----

const FINGERPRINT = Array.from({ length: 32 }, () => 'AB').join(':');

function sdp(kind, change = s => s) {
  const lines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=double', 't=0 0', 'a=group:BUNDLE 0', 'a=ice-options:trickle',
    'a=fingerprint:sha-256 ' + FINGERPRINT, 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 127.0.0.1',
    kind === 'offer' ? 'a=sendonly' : 'a=recvonly', 'a=mid:0', 'a=rtcp-mux', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123456789abcdef01234567',
    kind === 'offer' ? 'a=setup:actpass' : 'a=setup:active', 'a=rtpmap:111 opus/48000/2',
    'a=candidate:1 1 udp 2015363327 127.0.0.1 9 typ host', 'a=end-of-candidates'];
  return change(lines.join('\r\n') + '\r\n');
}

const without = name => s => s.split('\r\n').filter(l => !l.startsWith(name)).join('\r\n');
const sdpFaults = {
  empty: () => '',
  text: () => 'this is no session description',
  binary: () => '\u0001\u0002\u0000\uffff'.repeat(50),
  truncated: s => s.slice(0, s.indexOf('m=audio') + 12),
  huge: s => s + 'a=x:'.padEnd(200 * 1024, 'x') + '\r\n',
  sections: s => s + 'm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n'.repeat(2000),
  attributes: s => s + 'a=fmtp:111 x\r\n'.repeat(5000),
  nofingerprint: without('a=fingerprint'),
  fingerprint: s => s.replace('sha-256 ' + FINGERPRINT, 'sha-256 ZZ:ZZ'),
  noice: s => without('a=ice-pwd')(without('a=ice-ufrag')(s)),
  nomid: without('a=mid'),
  video: s => s.replace('m=audio', 'm=video').replace('opus/48000/2', 'VP8/90000'),
  nocodec: s => s.replace('opus/48000/2', 'PCMA/8000'),
  nosections: s => s.slice(0, s.indexOf('m=audio')),
  numbers: s => s.replace('m=audio 9', 'm=audio 99999999999').replace('a=rtpmap:111', 'a=rtpmap:-5'),
  candidates: s => s + 'a=candidate:1 1 udp 99999999999999999999 999.999.999.999 99999 typ nonsense\r\n'.repeat(300),
};

// ---- rubbish ----

const deep = n => '['.repeat(n) + ']'.repeat(n);
const rubbish = [
  Buffer.from([0, 1, 2, 255, 254]), Buffer.alloc(100000, 7),
  '', ' ', '{', '}', 'null', '5', '"text"', '[]', '{}', '{"janus":', '{"janus":}', 'nonsense', '\u0000', '{"janus":"event"}{"janus":"event"}',
  deep(100), deep(20000), '{"janus":'.repeat(5000), '{"a":'.repeat(3000) + '1' + '}'.repeat(3000),
  '{"janus":"' + 'x'.repeat(100000) + '"}', '{"janus":"event","plugindata":{"data":{"publishers":' + JSON.stringify(Array(2000).fill({ id: 'x' })) + '}}}',
  '{"janus":"unheard-of","transaction":"1"}', '{"janus":"event","sender":-1}', '{"janus":"event","sender":1e400}',
  '{"janus":"event","sender":99999999999999999999999999}', '{"janus":"success","transaction":"18446744073709551616"}',
  '{"janus":"ack","transaction":"-1"}', '{"janus":"trickle","sender":1,"candidate":{"candidate":"\\u0000"}}',
];
const oddities = [null, true, -1, 1.5, 1e300, '', 'x', '\u0000', 'x'.repeat(1000), [], [[]], {}, { a: 1 }, 18446744073709551615n];
const stringify = o => JSON.stringify(o, (_, v) => typeof v === 'bigint' ? '@' + v + '@' : v).replace(/"@(\d+)@"/g, '$1');

// Every member of a message, at every depth, replaced by something of another kind.
function* mutations(message) {
  const places = [];
  (function walk(o, at) {
    for (const key of Object.keys(o)) {
      places.push([...at, key]);
      if (o[key] && typeof o[key] === 'object') walk(o[key], [...at, key]);
    }
  })(message, []);
  for (const place of places)
    for (const odd of oddities) {
      const copy = JSON.parse(JSON.stringify(message));
      let o = copy;
      for (const key of place.slice(0, -1)) o = o[key];
      o[place[place.length - 1]] = odd;
      yield stringify(copy);
    }
}

// ---- one connection ----

// The step that a request belongs to.
function stepOf(m) {
  if (m.janus !== 'message') return m.janus;
  const request = m.body && m.body.request;
  if (request === 'create') return 'room';
  if (request === 'join' && m.body.ptype === 'subscriber') return 'subscribe';
  return request === 'joinandconfigure' ? 'join' : request;
}

class Connection {
  constructor(socket, mode) {
    this.socket = socket;
    [this.what, this.where, this.detail] = mode.split('-');
    this.handles = 0;
    this.seen = 0;
    socket.on('message', data => this.onMessage(JSON.parse(data)));
    socket.on('error', () => {});
    if (this.where === 'upgrade') this.misbehave({});
  }

  raw(text) { this.socket.send(text, { binary: Buffer.isBuffer(text) }); }
  send(m) { this.raw(JSON.stringify(m)); }
  event(data, more = {}) {
    this.send({ janus: 'event', session_id: this.session, sender: 1,
      plugindata: { plugin: 'janus.plugin.videoroom', data: { videoroom: 'event', room: this.room, ...data } }, ...more });
  }

  // What a Janus would answer.
  answers(m, step) {
    const head = { session_id: m.session_id, transaction: m.transaction };
    const plugin = data => ({ ...head, sender: m.handle_id, plugindata: { plugin: 'janus.plugin.videoroom', data } });
    switch (step) {
      case 'create': this.session = m.id; return [{ janus: 'success', transaction: m.transaction, data: { id: m.id } }];
      case 'attach': return [{ janus: 'success', ...head, data: { id: ++this.handles } }];
      case 'keepalive': return [{ janus: 'ack', ...head }];
      case 'trickle': return [{ janus: 'ack', ...head }];
      case 'room': this.room = m.body.room; return [{ janus: 'success', ...plugin({ videoroom: 'created', room: m.body.room, permanent: false }) }];
      case 'listparticipants': return [{ janus: 'success', ...plugin({ videoroom: 'participants', room: m.body.room, participants: [] }) }];
      case 'join': return [{ janus: 'ack', ...head }, { janus: 'event', ...plugin({ videoroom: 'joined', room: m.body.room, id: m.body.id,
        publishers: this.publishers(), attendees: [] }), ...(m.jsep ? { jsep: { type: 'answer', sdp: this.answerSdp() } } : {}) }];
      case 'subscribe': return [{ janus: 'ack', ...head }, { janus: 'event', ...plugin({ videoroom: 'attached', room: m.body.room,
        streams: [{ type: 'audio', mid: '0', feed_id: 'bob', feed_mid: '0', active: true }] }),
      jsep: { type: 'offer', sdp: sdp('offer', this.what === 'offer' ? sdpFaults[this.where] : undefined) } }];
      default: return [{ janus: 'ack', ...head }, { janus: 'event', ...plugin({ videoroom: 'event', leaving: 'ok', started: 'ok' }) }];
    }
  }

  publishers() {
    const feed = id => ({ id, streams: [{ type: 'audio', mid: '0', codec: 'opus' }] });
    if (this.what === 'offer') return [feed('bob')];
    if (this.what !== 'people') return [];
    if (this.where === 'many') return Array.from({ length: 300 }, (_, i) => feed('user' + i));
    if (this.where === 'toomany') return Array.from({ length: 2000 }, (_, i) => feed('user' + i));
    return [feed('x'.repeat(5000)), feed(7), feed(''), feed(null), 'bob', { id: 'nostreams', streams: 'none' }, feed('bob\u0000b'),
      { id: 'odd', streams: [5, null, { type: 'audio', mid: 'm'.repeat(500) }, { type: 9, mid: 9 }] }, feed('carol')];
  }

  answerSdp() { return sdp('answer', this.what === 'answer' ? sdpFaults[this.where] : undefined); }

  onMessage(m) {
    const step = stepOf(m);
    if (step === this.where) {
      if (this.what === 'after') {
        this.answers(m, step).forEach(a => this.send(a));
        setImmediate(() => this.afterwards());
      } else {
        this.misbehave(m);
      }
      return;
    }
    for (const a of this.answers(m, step)) {
      if (this.what === 'rubbish') rubbish.forEach(r => this.raw(r));
      this.send(a);
      if (this.what === 'twice') this.send(a);
    }
    if (step === 'join' && this.what === 'people') this.crowd();
    if (step === 'join' && this.what === 'hangup') this.send({ janus: 'hangup', session_id: this.session, sender: m.handle_id,
      reason: 'é'.repeat(60) });
  }

  // Somebody comes, publishes, stops and goes, again and again.
  crowd(from = 0) {
    if (this.where !== 'flapping' || this.socket.readyState !== 1) return;
    for (let i = from; i < from + 20; i++) {
      this.event({ joining: { id: 'guest' + i } });
      this.event({ publishers: [{ id: 'guest' + i, streams: [{ type: 'audio', mid: '0' }] }] });
      this.event({ unpublished: 'guest' + i });
      this.event({ leaving: 'guest' + i });
    }
    if (from < 2000) setTimeout(() => this.crowd(from + 20), 10);
  }

  // At the step that the mode names.
  misbehave(m) {
    const step = stepOf(m);
    switch (this.what) {
      case 'close': this.socket.close(); break;
      case 'cut': this.socket.terminate(); break;
      case 'words': this.socket.close(1011, 'no\nforged line\u001b[31m'); break;
      case 'silent': break;
      case 'acks': for (let i = 0; i < 100; i++) this.send({ janus: 'ack', session_id: this.session, transaction: m.transaction }); break;
      case 'big': this.raw('{"janus":"' + 'x'.repeat(2 * 1024 * 1024) + '"}'); break;
      case 'flood': for (let i = 0; i < 300; i++) rubbish.forEach(r => this.raw(r)); break;
      case 'drizzle': this.drizzle(2000); break;
      case 'types': for (const a of this.answers(m, step)) for (const t of mutations(a)) this.raw(t); break;
      case 'error': this.send({ janus: 'error', session_id: m.session_id, transaction: m.transaction,
        error: this.detail === 'none' ? {} : { code: Number(this.detail), reason: 'so it is' } }); break;
      case 'refuse': this.send({ janus: 'event', session_id: m.session_id, sender: m.handle_id, transaction: m.transaction, plugindata: {
        plugin: 'janus.plugin.videoroom', data: { videoroom: 'event', error_code: Number(this.detail), error: 'so it is' } } }); break;
      case 'other': this.send({ janus: 'event', session_id: m.session_id, sender: m.handle_id, transaction: m.transaction, plugindata: {
        plugin: 'janus.plugin.videoroom', data: { videoroom: 'participants' } } }); break;
      case 'unnumbered': this.send({ janus: 'success', session_id: m.session_id, transaction: m.transaction, data: {} }); break;
    }
  }

  // Rubbish at a pace that a reader can follow.
  drizzle(n) {
    for (let i = 0; i < 20 && n > 0; i++, n--) this.raw(rubbish.filter(r => r.length < 1000)[n % 20]);
    if (n > 0 && this.socket.readyState === 1) setTimeout(() => this.drizzle(n), 10);
  }

  // Once in the room.
  afterwards() {
    switch (this.detail) {
      case 'close': this.socket.close(); break;
      case 'cut': this.socket.terminate(); break;
      case 'timeout': this.send({ janus: 'timeout', session_id: this.session }); break;
      case 'detached': this.send({ janus: 'detached', session_id: this.session, sender: 1 }); break;
      case 'kicked': this.event({ leaving: 'ok', reason: 'kicked' }); break;
      case 'destroyed': this.event({ videoroom: 'destroyed' }); break;
      case 'big': this.raw('{"janus":"' + 'x'.repeat(2 * 1024 * 1024) + '"}'); break;
      case 'rubbish': this.drizzle(1000); break;
      case 'types': for (const t of mutations({ janus: 'event', session_id: this.session, sender: 1, plugindata: { plugin: 'p', data: {
        videoroom: 'event', room: this.room, publishers: [{ id: 'bob', streams: [{ type: 'audio', mid: '0', moderated: true }] }],
        leaving: 'x', unpublished: 'y', joining: { id: 'z' }, mid: '0', moderation: 'muted', id: 'w' } } })) this.raw(t); break;
    }
  }
}

// ---- servers ----

const port = Number(process.argv[2]);
const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'janus-protocol', perMessageDeflate: false });
const server = http.createServer((_, response) => response.writeHead(404).end());
server.on('upgrade', (request, socket, head) => {
  const mode = request.url.slice(1);
  const status = /^status-(\d+)$/.exec(mode);
  console.log(mode);
  socket.on('error', () => {});
  if (status) return socket.end('HTTP/1.1 ' + status[1] + ' No\r\nContent-Length: 0\r\n\r\n');
  if (mode === 'hash') {
    return socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ' +
      crypto.randomBytes(20).toString('base64') + '\r\n\r\n');
  }
  sockets.handleUpgrade(request, socket, head, ws => new Connection(ws, mode));
});
const mute = net.createServer(socket => socket.on('error', () => {}).resume());
const babbling = net.createServer(socket => socket.on('error', () => {}).end(Buffer.alloc(70000, 'SSH-2.0 ')));
server.listen(port, '127.0.0.1', () => mute.listen(port + 1, '127.0.0.1', () => babbling.listen(port + 2, '127.0.0.1', () =>
  console.log('listening'))));
