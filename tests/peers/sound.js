// sound.js - the microphone and the recorder of the peers on node: 48 kHz, mono, 16 bit.
'use strict';
const fs = require('fs');

// Silence, and now and then a file (PCM WAV of that format) from its beginning to its end.
class Mouth {
  say(path) {
    const bytes = fs.readFileSync(path), body = bytes.indexOf('data') + 8;
    this.samples = new Int16Array(bytes.buffer.slice(bytes.byteOffset + body, bytes.byteOffset + body + (bytes.length - body & ~1)));
    this.at = 0;
  }

  next(n) {
    const out = new Int16Array(n);
    if (this.samples) {
      out.set(this.samples.subarray(this.at, this.at + n));
      this.at += n;
    }
    return out;
  }
}

class Tape {
  start() { this.pieces = []; }
  add(samples) { this.pieces?.push(Int16Array.from(samples)); }

  take() {
    const out = Buffer.concat((this.pieces ?? []).map(p => Buffer.from(p.buffer, p.byteOffset, p.byteLength)));
    this.pieces = null;
    return out.toString('base64');
  }
}

module.exports = { Mouth, Tape };
