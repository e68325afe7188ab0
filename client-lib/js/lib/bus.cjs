// bus.cjs - the session bus through dbus-next, as lib/context.cjs wants it:
//
//   call(destination, path, interface, member, signature, body) → Promise of { sender, body }; rejects with an error that has
//       `type` (D-Bus name) and `text`
//   onSignal(fn), onGone(fn): fn({ sender, path, interface, member, body }) for each signal in the order of arrival;
//       fn(uniqueName) when the daemon of that name has left the bus, fn(null) when the bus itself is gone
//
// One connection for the process: rooms belong to it. It keeps node running until it is closed.
'use strict';

const NAME = 'org.rtcroom.RtcRoom1';
const DRIVER = 'org.freedesktop.DBus';
const DRIVER_PATH = '/org/freedesktop/DBus';

class Bus {
  constructor(dbus) {
    this.dbus = dbus;
    this.signalFns = new Set();
    this.goneFns = new Set();
    this.waiting = new Set();
    this.lost = false;
    try {
      this.connection = dbus.sessionBus();
    } catch {
      this.lost = true; // there is no address of a bus: every call says so
      return;
    }
    this.connection.on('message', (m) => this._onMessage(m));
    this.connection.on('error', () => this._onLost());
    this.connection._connection.on('end', () => this._onLost()); // of which the library tells nobody else
    this.call(DRIVER, DRIVER_PATH, DRIVER, 'AddMatch', 's', [
      `type='signal',sender='${DRIVER}',path='${DRIVER_PATH}',interface='${DRIVER}',member='NameOwnerChanged',arg0='${NAME}'`,
    ]).catch(() => {}); // then the bus is gone, which was told
  }

  call(destination, path, iface, member, signature, body) {
    if (this.lost) return Promise.reject(disconnected());
    return new Promise((resolve, reject) => {
      const waiting = { reject };
      this.waiting.add(waiting);
      const message = new this.dbus.Message({ destination, path, interface: iface, member, signature, body: wrap(this.dbus, body) });
      this.connection.call(message).then(resolve, reject).finally(() => this.waiting.delete(waiting));
    });
  }

  onSignal(fn) {
    this.signalFns.add(fn);
  }

  onGone(fn) {
    this.goneFns.add(fn);
  }

  forget(signalFn, goneFn) {
    this.signalFns.delete(signalFn);
    this.goneFns.delete(goneFn);
  }

  close() {
    if (!this.lost) this.connection.disconnect();
    this._onLost();
  }

  _onMessage(m) {
    if (m.type !== this.dbus.MessageType.SIGNAL) return;
    if (m.sender === DRIVER && m.member === 'NameOwnerChanged' && m.body[0] === NAME && m.body[1]) this._tellGone(m.body[1]);
    for (const fn of [...this.signalFns]) fn(m);
  }

  _tellGone(owner) {
    for (const fn of [...this.goneFns]) fn(owner);
  }

  _onLost() {
    if (this.lost) return;
    this.lost = true;
    for (const waiting of this.waiting) waiting.reject(disconnected());
    this._tellGone(null);
  }
}

function disconnected() {
  return Object.assign(new Error('the session bus is gone'), { type: 'org.freedesktop.DBus.Error.Disconnected' });
}

// { signature, value } → dbus-next's own class.
function wrap(dbus, value) {
  if (Array.isArray(value)) return value.map((v) => wrap(dbus, v));
  if (value === null || typeof value !== 'object') return value;
  if ('signature' in value && 'value' in value) return new dbus.Variant(value.signature, wrap(dbus, value.value));
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, wrap(dbus, v)]));
}

// A bus that is gone is replaced by the next context.
function sessionBus() {
  if (!sessionBus.current || sessionBus.current.lost) sessionBus.current = new Bus(require('dbus-next'));
  return sessionBus.current;
}
sessionBus.current = null;
sessionBus.close = () => sessionBus.current && sessionBus.current.close();

module.exports = { sessionBus, NAME };
