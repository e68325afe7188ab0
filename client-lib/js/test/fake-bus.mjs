// fake-bus.mjs - plays bus and daemon for a context: what was called is kept, and answered when the test says so.

export const OWNER = ':1.7';
export const PATH = '/org/rtcroom/RtcRoom1/context/1';
export const turn = () => new Promise((resolve) => { setImmediate(resolve); });

export class FakeBus {
  constructor() {
    this.calls = []; // { member, options, resolve, reject }
    this.signalFns = new Set();
    this.goneFns = new Set();
    this.next = 0;
  }

  call(destination, path, iface, member, signature, body) {
    return new Promise((resolve, reject) => {
      this.calls.push({ destination, path, member, signature, options: body[0], resolve, reject });
    });
  }

  onSignal(fn) { this.signalFns.add(fn); }
  onGone(fn) { this.goneFns.add(fn); }
  forget(a, b) { this.signalFns.delete(a); this.goneFns.delete(b); }

  // The oldest call that is not answered yet.
  async taken(member) {
    for (let i = 0; i < 50 && this.calls.length === 0; i++) await turn();
    const call = this.calls.shift();
    if (!call || call.member !== member) throw new Error(`${call && call.member} was called, not ${member}`);
    return call;
  }

  async create() {
    (await this.taken('CreateRtcRoomContext')).resolve({ sender: OWNER, body: [PATH] });
    await turn();
  }

  // Answers the next call with a number; the number.
  async number(member) {
    (await this.taken(member)).resolve({ sender: OWNER, body: [++this.next] });
    await turn();
    return this.next;
  }

  signal(member, body, more) {
    const m = { sender: OWNER, path: PATH, interface: 'org.rtcroom.RtcRoom1.Context', member, body, ...more };
    for (const fn of [...this.signalFns]) fn(m);
  }

  completed(number, api, code = [0, 0, '', `${api}:ok`]) {
    this.signal('Completed', [number, api, ...code]);
  }

  gone(name) {
    for (const fn of [...this.goneFns]) fn(name);
  }
}
