// livekit-node.js - participants of LiveKit rooms on @livekit/rtc-node (libwebrtc). livekit.py steers it.
//
// A line of JSON in is an order {"do": NAME, "as": WHO, …}, a line of JSON out is its answer {"answer": NAME, "value": …}
// or {"answer": NAME, "error": TEXT}, or news {"event": NAME, "as": WHO, …}. Each WHO is a participant of its own; most
// tests need one and leave the name out. Orders are carried out one after the other. Ends when standard input does.
'use strict';
const readline = require('readline');
const rtc = require('./node_modules/@livekit/rtc-node');
const { Mouth, Tape } = require('./sound');

const RATE = 48000, FRAME = 480, WINDOW = 9600;
const say = o => process.stdout.write(JSON.stringify(o) + '\n');

// ---- sound ----

// An ear holds the last WINDOW samples of a track, and all of them on a tape while that runs.
async function listen(ear, track) {
  for await (const frame of new rtc.AudioStream(track, RATE, 1)) {
    for (const x of frame.data) {
      ear.samples[ear.at] = x / 32768;
      ear.at = (ear.at + 1) % WINDOW;
    }
    ear.heard = Date.now();
    ear.tape.add(frame.data);
  }
}

// The strongest pitch within 100-2000 Hz, its share of the energy, and how loud all of it is.
function judge(ear) {
  if (Date.now() - ear.heard > 500) return { hertz: 0, share: 0, rms: 0 };
  const x = new Float64Array(WINDOW);
  let energy = 0, windowed = 0, best = 0, hertz = 0;
  for (let i = 0; i < WINDOW; i++) {
    const sample = ear.samples[(ear.at + i) % WINDOW];
    x[i] = sample * (0.5 - 0.5 * Math.cos(2 * Math.PI * i / WINDOW));
    energy += sample * sample;
    windowed += x[i] * x[i];
  }
  for (let f = 100; f <= 2000; f += RATE / WINDOW) {
    const c = 2 * Math.cos(2 * Math.PI * f / RATE);
    let s1 = 0, s2 = 0;
    for (let i = 0; i < WINDOW; i++) [s1, s2] = [x[i] + c * s1 - s2, s1];
    const power = s1 * s1 + s2 * s2 - c * s1 * s2;
    if (power > best) [best, hertz] = [power, f];
  }
  // a pure tone in a Hann window has 2/3 of its energy in the strongest bin
  return { hertz, share: windowed > 0 ? Math.min(1, best * 2 / WINDOW / windowed * 1.5) : 0, rms: Math.sqrt(energy / WINDOW) };
}

// Swells four times a second: a steady tone is noise to Opus' DTX. Without a pitch, what the mouth says.
async function play(source, hertz, level, mouth) {
  for (let n = 0; !source.closed; n += FRAME) {
    const data = mouth.next(FRAME);
    for (let i = 0; hertz && i < FRAME; i++) {
      const t = (n + i) / RATE;
      data[i] = 32767 * level * (0.6 + 0.4 * Math.sin(8 * Math.PI * t)) * Math.sin(2 * Math.PI * hertz * t);
    }
    await source.captureFrame(new rtc.AudioFrame(data, RATE, 1, FRAME)).catch(() => {}); // closed meanwhile
  }
}

// ---- participants ----

class Participant {
  constructor(who) {
    this.who = who;
    this.ears = new Map(); // identity → ear
    this.mouth = new Mouth();
  }

  tellAll() {
    const on = (event, f) => this.room.on(event, (...a) => say({ event, as: this.who, ...f(...a) }));
    on('participantConnected', p => ({ user: p.identity }));
    on('participantDisconnected', p => ({ user: p.identity, reason: p.disconnectReason }));
    on('trackPublished', (t, p) => ({ user: p.identity, sid: t.sid }));
    on('trackUnpublished', (t, p) => ({ user: p.identity, sid: t.sid }));
    on('trackUnsubscribed', (t, pub, p) => (this.ears.delete(p.identity), { user: p.identity }));
    on('trackMuted', (t, p) => ({ user: p.identity }));
    on('trackUnmuted', (t, p) => ({ user: p.identity }));
    on('activeSpeakersChanged', list => ({ users: list.map(p => p.identity) }));
    on('dataReceived', (data, p, kind, topic) => ({
      user: p?.identity ?? '', data: Buffer.from(data).toString('base64'), reliable: kind === rtc.DataPacketKind.KIND_RELIABLE, topic }));
    on('chatMessage', (m, p) => ({ user: p?.identity ?? '', text: m.message }));
    on('participantMetadataChanged', (m, p) => ({ user: p.identity, metadata: p.metadata }));
    on('participantNameChanged', (n, p) => ({ user: p.identity, name: p.name }));
    on('participantAttributesChanged', (c, p) => ({ user: p.identity, attributes: p.attributes }));
    on('participantEncryptionStatusChanged', (is, p) => ({ user: p.identity, encrypted: is }));
    for (const event of ['connected', 'reconnecting', 'reconnected', 'tokenRefreshed']) on(event, () => ({}));
    on('disconnected', reason => ({ reason: rtc.DisconnectReason[reason] }));
    this.room.on('trackSubscribed', (t, pub, p) => {
      say({ event: 'trackSubscribed', as: this.who, user: p.identity, sid: pub.sid });
      if (t.kind !== rtc.TrackKind.KIND_AUDIO) return;
      this.ears.set(p.identity, { samples: new Float64Array(WINDOW), at: 0, heard: 0, track: t, tape: new Tape() });
      listen(this.ears.get(p.identity), t);
    });
  }

  async join({ url, token, key, subscribe = true, relay = false }) {
    this.room = new rtc.Room();
    this.tellAll();
    this.room.registerTextStreamHandler('lk.chat', async (reader, from) =>
      say({ event: 'chat', as: this.who, user: from.identity, text: await reader.readAll() }));
    const options = { autoSubscribe: subscribe, dynacast: false };
    // with a window it spends a second on each frame with a wrong key, and comes late when the right one is back
    if (key) options.encryption = { keyProviderOptions: { sharedKey: Buffer.from(key), ratchetWindowSize: 0 }, encryptionType: rtc.EncryptionType.GCM };
    if (relay)
      options.rtcConfig = {
        iceTransportType: rtc.IceTransportType.TRANSPORT_RELAY, continualGatheringPolicy: rtc.ContinualGatheringPolicy.GATHER_ONCE, iceServers: [] };
    const start = process.hrtime.bigint();
    await this.room.connect(url, token, options);
    return { ms: Number(process.hrtime.bigint() - start) / 1e6 };
  }

  async publish({ hertz, level = 0.3, red = true, dtx = true }) {
    this.source = new rtc.AudioSource(RATE, 1, 200);
    const start = process.hrtime.bigint();
    this.publication = await this.room.localParticipant.publishTrack(rtc.LocalAudioTrack.createAudioTrack('microphone', this.source),
      new rtc.TrackPublishOptions({ source: rtc.TrackSource.SOURCE_MICROPHONE, red, dtx }));
    const ms = Number(process.hrtime.bigint() - start) / 1e6;
    play(this.source, hertz, level, this.mouth);
    return { sid: this.publication.sid, ms };
  }

  // Joins, publishes, and hears the first sound of somebody else; ms from the call on.
  async enter({ url, token, hertz }) {
    const start = process.hrtime.bigint(), ms = () => Number(process.hrtime.bigint() - start) / 1e6;
    await this.join({ url, token });
    const connected = ms();
    await this.publish({ hertz });
    const published = ms();
    while (![...this.ears.values()].some(ear => ear.samples.some(x => Math.abs(x) > 0.003))) await new Promise(resolve => setTimeout(resolve, 1));
    return { connected, published, heard: ms() };
  }

  async unpublish() {
    await this.room.localParticipant.unpublishTrack(this.publication.sid);
    await this.source.close();
  }

  mute({ on }) { // the library has the request, but no method for it
    globalThis._ffiClientInstance.request({
      message: { case: 'localTrackMute', value: { trackHandle: this.publication.track.ffi_handle.handle, mute: on } } });
  }

  say({ path }) { this.mouth.say(path); }
  record({ user }) { this.ears.get(user).tape.start(); }
  recorded({ user }) { return this.ears.get(user).tape.take(); }

  // Of what is received of somebody, under the names that browsers have; the library has the request, but no method for it.
  async stats({ user }) {
    const client = globalThis._ffiClientInstance, handle = this.ears.get(user).track.ffi_handle.handle;
    const { asyncId } = client.request({ message: { case: 'getStats', value: { trackHandle: handle } } });
    const { stats } = await client.waitFor(e => e.message.case === 'getStats' && e.message.value.asyncId === asyncId);
    const inbound = stats.find(s => s.stats.case === 'inboundRtp').stats.value;
    const all = Object.entries({ ...inbound.stream, ...inbound.received, ...inbound.inbound }).map(([k, v]) => [k, typeof v === 'bigint' ? Number(v) : v]);
    return [{ ...Object.fromEntries(all), type: 'inbound-rtp' }];
  }

  heard() {
    return Object.fromEntries([...this.ears].map(([user, ear]) => [user, judge(ear)]));
  }

  people() {
    const track = t => ({ sid: t.sid, muted: !!t.muted, mime: t.mimeType, encryption: t.encryptionType });
    return Object.fromEntries([...this.room.remoteParticipants].map(([user, p]) => [user,
      { name: p.name, metadata: p.metadata, attributes: p.attributes, tracks: [...p.trackPublications.values()].map(track) }]));
  }

  subscribe({ user, on }) {
    for (const t of this.room.remoteParticipants.get(user).trackPublications.values()) t.setSubscribed(on);
  }

  async send({ data, reliable = true, topic, to }) {
    await this.room.localParticipant.publishData(Buffer.from(data, 'base64'), { reliable, topic, destination_identities: to });
  }

  async chat({ text, to }) {
    await this.room.localParticipant.sendText(text, { topic: 'lk.chat', destinationIdentities: to });
  }

  async metadata({ text }) { await this.room.localParticipant.updateMetadata(text); }
  async name({ text }) { await this.room.localParticipant.updateName(text); }
  async attributes({ map }) { await this.room.localParticipant.setAttributes(map); }
  ratchet() { return Buffer.from(this.room.e2eeManager.keyProvider.ratchetSharedKey(0)).toString('hex'); }
  key({ key }) { this.room.e2eeManager.keyProvider.setSharedKey(Buffer.from(key), 0); }
  async simulate({ scenario }) { await this.room.simulateScenario(rtc.SimulateScenarioKind[scenario]); }

  async leave() {
    await this.room.disconnect();
    await this.source?.close();
  }
}

(async () => {
  const people = new Map();
  say({ event: 'ready' });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line), who = order.as ?? '';
    if (!people.has(who)) people.set(who, new Participant(who));
    try {
      say({ answer: order.do, value: await people.get(who)[order.do](order) ?? null });
    } catch (e) {
      say({ answer: order.do, error: String(e?.message ?? e) });
    }
  }
  process.exit(0); // the native library's threads have no other end
})();
