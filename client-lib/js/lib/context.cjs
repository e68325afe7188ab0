// context.cjs - RtcRoomContext: the operations with success, fail and complete; events with on… and off….
//
// Every operation calls back exactly once with success or fail, then with complete, whatever happens to the daemon or
// the bus, and never before the call has returned. Lists are complete, in join order, the own user included.
// A context whose daemon or bus has ended says so like one that was cut off by the server (its lists become empty, then
// onRtcChatInterrupted with -1084), and every operation fails with 115910 from then on.
'use strict';

const errors = require('./errors.cjs');
const { NAME } = require('./bus.cjs');
const { toOptions, fromVariants, ValueError } = require('./values.cjs');

const ROOT = '/org/rtcroom/RtcRoom1';
const CONTEXT = `${NAME}.Context`;
const VOICE = `${NAME}.Voice`;

const OPERATIONS = ['joinRtcRoom', 'exitRtcRoom', 'changeAudioCapture', 'changeVideoCapture', 'switchCamera', 'updateToken',
  'changeUserVisibility', 'setVideoEncoderConfig', 'setAudioPlaybackDevice', 'changeStreamPublishState',
  'changeStreamSubscribeState', 'changeScreenSubscribeState', 'changeAnsMode', 'sendMessage', 'destroy'];
const INTERFACES = { sendMessage: VOICE }; // of operations that are not the context's own

const list = ([userIdList]) => ({ userIdList });
// Signal → the event's name behind on and off, what its callbacks are given, and another name it goes by.
const EVENTS = {
  RtcChatMembersChanged: { payload: list, isList: true },
  RtcChatSpeakersChanged: { payload: list, isList: true },
  RtcVideoMembersChanged: { payload: list, isList: true },
  RtcPublishScreenMembersChanged: { payload: list, isList: true },
  RtcStateChanged: { payload: ([errNo, errMsg, data]) => ({ errNo, errMsg, data: fromVariants(data) }), alias: 'RtcStateChange' },
  RtcChatInterrupted: { payload: ([errNo, errMsg]) => ({ errNo, errMsg }) },
  RoomTokenWillExpire: { payload: () => undefined },
  NetworkQuality: { payload: ([local, remote]) => ({ local: fromVariants(local), remote: fromVariants(remote) }) },
  MessageReceived: { payload: ([message]) => fromVariants(message), interface: VOICE },
};

// The program's own mistakes are its own: they must not keep the next callback from being called.
function callBack(fn, argument) {
  if (typeof fn !== 'function') return;
  try {
    fn(argument);
  } catch (e) {
    setImmediate(() => { throw e; });
  }
}

class RtcRoomContext {
  #bus;
  #path = null;
  #owner = null; // unique name of the daemon
  #creation; // settles once the daemon has answered; rejects with why there is no context
  #creationError = null;
  #gone = false;
  #asking = 0; // calls whose number has not come yet
  #early = new Map(); // completions that overtook their number
  #pending = new Map(); // request number → its finish function
  #listeners = new Map(Object.keys(EVENTS).map((e) => [e, new Set()]));
  #filled = new Set(); // lists that had somebody in them
  #onSignal = (m) => this.#signal(m);
  #onGone = (name) => (name === null || name === this.#owner) && this.#end();

  constructor(bus, options) {
    this.#bus = bus;
    bus.onSignal(this.#onSignal);
    bus.onGone(this.#onGone);
    this.#creation = this.#create(options || {});
    this.#creation.catch((e) => { this.#creationError = e; });
  }

  // Resolves when the daemon has made the context; rejects with its error. Need not be waited for.
  get created() {
    return this.#creation.then(() => undefined);
  }

  async #create(options) {
    const body = toOptions(typeof options === 'string' ? { appId: options } : options);
    const reply = await this.#bus.call(NAME, ROOT, `${NAME}.Manager`, 'CreateRtcRoomContext', 'a{sv}', [body]);
    this.#owner = reply.sender;
    [this.#path] = reply.body;
  }

  // ---- operations ----

  _operate(api, options) {
    const given = options !== null && typeof options === 'object' ? options : {};
    let done = false;
    const finish = (result) => {
      if (done) return;
      done = true;
      callBack(result.errNo === undefined ? given.success : given.fail, result);
      callBack(given.complete, result);
    };
    this.#start(api, given, finish).catch((e) => finish(this.#explain(api, e)));
  }

  #explain(api, error) {
    if (error instanceof ValueError) return errors.invalid(api, error.message);
    if (error === this.#creationError) return errors.fromCreation(api, error);
    return this.#gone ? errors.destroyed(api) : errors.fromDBus(api, error);
  }

  async #start(api, given, finish) {
    const body = toOptions(given);
    await this.#creation;
    if (this.#gone) {
      finish(errors.destroyed(api));
      return;
    }
    this.#asking++;
    try {
      const member = api[0].toUpperCase() + api.slice(1);
      const reply = await this.#bus.call(this.#owner, this.#path, INTERFACES[api] || CONTEXT, member, 'a{sv}', [body]);
      this.#expect(reply.body[0], api, finish);
    } finally {
      if (--this.#asking === 0) this.#early.clear();
    }
  }

  // The number of a request: its outcome may have come in the same breath.
  #expect(number, api, finish) {
    if (this.#early.has(number)) finish(this.#early.get(number));
    else if (this.#gone) finish(errors.destroyed(api));
    else this.#pending.set(number, { api, finish });
  }

  #completed([number, , errNo, errorCode, errorType, errMsg]) {
    const result = errNo === 0 ? { errMsg } : { errMsg, errNo, errorCode, errorType };
    const request = this.#pending.get(number);
    if (request) {
      this.#pending.delete(number);
      request.finish(result);
    } else if (this.#asking > 0) {
      this.#early.set(number, result);
    }
  }

  // ---- events ----

  _on(event, fn) {
    if (typeof fn === 'function') this.#listeners.get(event).add(fn);
  }

  _off(event, args) {
    if (args.length === 0) this.#listeners.get(event).clear();
    else this.#listeners.get(event).delete(args[0]);
  }

  #emit(event, payload) {
    for (const fn of [...this.#listeners.get(event)]) callBack(fn, payload);
  }

  #signal(m) {
    if (this.#gone || this.#path === null || m.sender !== this.#owner || m.path !== this.#path) return;
    if (m.member === 'Completed' && m.interface === CONTEXT) {
      this.#completed(m.body);
      return;
    }
    const event = Object.hasOwn(EVENTS, m.member) ? EVENTS[m.member] : null;
    if (!event || m.interface !== (event.interface || CONTEXT)) return; // of a newer daemon
    const payload = event.payload(m.body);
    if (event.isList) this.#filled[payload.userIdList.length ? 'add' : 'delete'](m.member);
    this.#emit(m.member, payload);
  }

  // The daemon or the bus has ended.
  #end() {
    if (this.#gone) return;
    this.#gone = true;
    this.#bus.forget(this.#onSignal, this.#onGone);
    for (const { api, finish } of this.#pending.values()) finish(errors.destroyed(api));
    this.#pending.clear();
    const inRoom = this.#filled.size > 0;
    for (const event of this.#filled) this.#emit(event, { userIdList: [] });
    if (inRoom) this.#emit('RtcChatInterrupted', { errNo: -1084, errMsg: 'server gone' });
  }
}

for (const api of OPERATIONS) {
  RtcRoomContext.prototype[api] = function operation(options) {
    this._operate(api, options);
  };
}
for (const [event, { alias }] of Object.entries(EVENTS)) {
  for (const name of [event, alias].filter(Boolean)) {
    RtcRoomContext.prototype[`on${name}`] = function on(fn) {
      this._on(event, fn);
    };
    RtcRoomContext.prototype[`off${name}`] = function off(...args) {
      this._off(event, args);
    };
  }
}

module.exports = { RtcRoomContext, OPERATIONS };
