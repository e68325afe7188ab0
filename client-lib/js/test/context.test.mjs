// context.test.mjs - RtcRoomContext on a bus that does what the test says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequire } from 'node:module';
import rtcroom, { createRtcRoomContext, tt } from '../index.mjs';
import { FakeBus, OWNER, turn } from './fake-bus.mjs';

const require = createRequire(import.meta.url);
const { OPERATIONS } = require('../lib/context.cjs');
const DESTROYED = 'engine has been destroyed,please invoke tt.createRtcRoomContext create new engine';
const EVENTS = ['RtcChatMembersChanged', 'RtcChatSpeakersChanged', 'RtcVideoMembersChanged', 'RtcPublishScreenMembersChanged',
  'RtcStateChanged', 'RtcChatInterrupted', 'RoomTokenWillExpire', 'NetworkQuality', 'MessageReceived'];

async function made() {
  const bus = new FakeBus();
  const context = createRtcRoomContext({ appId: 'app' }, bus);
  await bus.create();
  return { bus, context };
}

// Calls an operation; what its callbacks were given, in order.
function run(context, api, options = {}) {
  const seen = [];
  for (const name of ['success', 'fail', 'complete']) options[name] = (res) => seen.push([name, res]);
  assert.equal(context[api](options), undefined);
  assert.deepEqual(seen, [], 'nothing is called back before the call has returned');
  return seen;
}

test('import and require give the same', () => {
  assert.equal(require('../index.cjs'), rtcroom);
  assert.equal(tt.createRtcRoomContext, createRtcRoomContext);
});

test('every operation succeeds: success, then complete', async () => {
  const { bus, context } = await made();
  assert.equal(OPERATIONS.length, 15);
  for (const api of OPERATIONS) {
    const seen = run(context, api);
    bus.completed(await bus.number(api[0].toUpperCase() + api.slice(1)), api);
    const res = { errMsg: `${api}:ok` };
    assert.deepEqual(seen, [['success', res], ['complete', res]]);
  }
});

test('every operation fails with both codes: fail, then complete', async () => {
  const { bus, context } = await made();
  for (const api of OPERATIONS) {
    const seen = run(context, api);
    bus.completed(await bus.number(api[0].toUpperCase() + api.slice(1)), api, [21101, 115902, 'D', `${api}:fail invalid token`]);
    const res = { errMsg: `${api}:fail invalid token`, errNo: 21101, errorCode: 115902, errorType: 'D' };
    assert.deepEqual(seen, [['fail', res], ['complete', res]]);
  }
});

test('callbacks are optional, and so are options', async () => {
  const { bus, context } = await made();
  context.exitRtcRoom();
  context.exitRtcRoom(null);
  context.exitRtcRoom({ success: 'no function' });
  for (let i = 0; i < 3; i++) bus.completed(await bus.number('ExitRtcRoom'), 'exitRtcRoom');
});

test('what is called before the context is there waits for it, in order', async () => {
  const bus = new FakeBus();
  const context = createRtcRoomContext({ appId: 'app', server: 'embedded:' }, bus);
  const seen = run(context, 'changeAudioCapture', { state: 1 });
  run(context, 'joinRtcRoom', { roomId: 'r', userId: 'u', token: 't', roomConfig: { autoPublish: false } });
  assert.deepEqual(bus.calls[0].options, { appId: { signature: 's', value: 'app' }, server: { signature: 's', value: 'embedded:' } });
  await bus.create();
  const first = await bus.taken('ChangeAudioCapture');
  assert.equal(first.destination, OWNER);
  assert.deepEqual(first.options, { state: { signature: 'i', value: 1 } });
  const second = await bus.taken('JoinRtcRoom');
  assert.deepEqual(second.options.roomConfig, { signature: 'a{sv}', value: { autoPublish: { signature: 'b', value: false } } });
  first.resolve({ sender: OWNER, body: [1] });
  await turn();
  bus.completed(1, 'changeAudioCapture');
  assert.equal(seen.length, 2);
});

test('values go out as what they are', async () => {
  const { bus, context } = await made();
  const loop = {};
  loop.self = loop;
  run(context, 'joinRtcRoom', { a: 1.5, b: 2 ** 40, c: [1, 'x'], d: null, e: undefined, f: 5n, g: NaN, h: loop });
  const { options } = await bus.taken('JoinRtcRoom');
  assert.deepEqual(options.a, { signature: 'd', value: 1.5 });
  assert.deepEqual(options.b, { signature: 'd', value: 2 ** 40 });
  assert.equal(options.c.signature, 'av');
  assert.ok(!('d' in options) && !('e' in options) && !('success' in options));
  assert.deepEqual(options.f, { signature: 'd', value: 5 });
  assert.ok(options.h.value.self.value.self); // cut somewhere
});

test('messages go out with their bytes and names', async () => {
  const { bus, context } = await made();
  run(context, 'sendMessage', { data: new Uint8Array([0, 255]), destinations: ['alice', 'bob'], reliable: false });
  const { options } = await bus.taken('SendMessage');
  assert.deepEqual(options.data, { signature: 'ay', value: Buffer.from([0, 255]) });
  assert.deepEqual(options.destinations, { signature: 'as', value: ['alice', 'bob'] });
  assert.deepEqual(options.reliable, { signature: 'b', value: false });
});

test('what cannot be on the bus is a parameter error', async () => {
  const { bus, context } = await made();
  for (const [options, words] of [[{ roomId: 'a\0b' }, 'params.roomId should not contain NUL'],
    [{ roomConfig: { x: '\0' } }, 'params.roomConfig.x should not contain NUL'], [{ token: 'x'.repeat(2 ** 21) }, 'params too large']]) {
    const seen = run(context, 'joinRtcRoom', options);
    await turn();
    assert.deepEqual(seen[0], ['fail', { errMsg: `joinRtcRoom:fail ${words}`, errNo: 20000, errorCode: 115999, errorType: 'D' }]);
    assert.equal(seen.length, 2);
  }
  assert.equal(bus.calls.length, 0);
});

test('a completion in the same breath as the number is not missed', async () => {
  const { bus, context } = await made();
  const seen = run(context, 'joinRtcRoom');
  const call = await bus.taken('JoinRtcRoom');
  call.resolve({ sender: OWNER, body: [5] });
  bus.completed(5, 'joinRtcRoom'); // before the promise's callbacks have run
  bus.completed(5, 'joinRtcRoom'); // and never twice
  await turn();
  bus.completed(5, 'joinRtcRoom');
  assert.deepEqual(seen.map(([name]) => name), ['success', 'complete']);
});

test('signals of others are not taken for ours', async () => {
  const { bus, context } = await made();
  const seen = run(context, 'joinRtcRoom');
  const members = [];
  context.onRtcChatMembersChanged((res) => members.push(res));
  const number = await bus.number('JoinRtcRoom');
  const body = [number, 'joinRtcRoom', 0, 0, '', 'joinRtcRoom:ok'];
  bus.signal('Completed', body, { sender: ':1.66' });
  bus.signal('Completed', body, { path: '/org/rtcroom/RtcRoom1/context/2' });
  bus.signal('Completed', body, { interface: 'x.y' });
  bus.signal('Completed', [number + 1, ...body.slice(1)]);
  bus.signal('RtcChatMembersChanged', [['mallory']], { sender: ':1.66' });
  bus.signal('constructor', []);
  assert.deepEqual([seen, members], [[], []]);
  bus.signal('Completed', body);
  assert.equal(seen.length, 2);
});

test('D-Bus errors become outcomes', async () => {
  const { bus, context } = await made();
  for (const [type, errNo, errorCode, text] of [
    ['org.freedesktop.DBus.Error.UnknownMethod', 21102, 115903, 'not supported by this rtcroomd'],
    ['org.rtcroom.RtcRoom1.Error.LimitsExceeded', 21102, 115903, 'the words'],
    ['org.freedesktop.DBus.Error.UnknownObject', 115910, 115910, DESTROYED]]) {
    const seen = run(context, 'changeAnsMode', { mode: 1 });
    (await bus.taken('ChangeAnsMode')).reject(Object.assign(new Error('x'), { type, text: 'the words' }));
    await turn();
    assert.deepEqual(seen[0][1], { errMsg: `changeAnsMode:fail ${text}`, errNo, errorCode, errorType: errNo === 21102 ? 'F' : 'D' });
    assert.equal(seen.length, 2);
  }
});

test('a context that could not be made says why', async () => {
  for (const [type, text, errNo, errorCode] of [
    ['org.rtcroom.RtcRoom1.Error.InvalidParams', 'createRtcRoomContext:fail params.appId should be string, but got undefined', 20000, 115999],
    ['org.rtcroom.RtcRoom1.Error.AuthDenied', 'createRtcRoomContext:fail platform auth deny', 10101, 10101],
    ['org.rtcroom.RtcRoom1.Error.LimitsExceeded', 'createRtcRoomContext:fail too many contexts', 21102, 115903]]) {
    const bus = new FakeBus();
    const context = createRtcRoomContext({}, bus);
    const seen = run(context, 'joinRtcRoom');
    (await bus.taken('CreateRtcRoomContext')).reject(Object.assign(new Error('x'), { type, text }));
    await turn();
    assert.equal(seen[0][1].errMsg, text.replace('createRtcRoomContext', 'joinRtcRoom'));
    assert.deepEqual([seen[0][1].errNo, seen[0][1].errorCode], [errNo, errorCode]);
    await assert.rejects(context.created);
  }
});

test('events: on, off with the same function, off of all, the other name', async () => {
  const { bus, context } = await made();
  const bodies = { RtcStateChanged: [0, 'rejoined', { joinType: { signature: 'u', value: 1 } }], RtcChatInterrupted: [-1004, 'duplicate login'],
    RoomTokenWillExpire: [], NetworkQuality: [{ rtt: { signature: 'u', value: 9 } }, [{ userId: { signature: 's', value: 'bob' } }]],
    MessageReceived: [{ userId: { signature: 's', value: 'bob' }, data: { signature: 'ay', value: Buffer.from([1, 2]) },
      destinations: { signature: 'as', value: ['me'] } }] };
  const payloads = { RtcStateChanged: { errNo: 0, errMsg: 'rejoined', data: { joinType: 1 } },
    RtcChatInterrupted: { errNo: -1004, errMsg: 'duplicate login' }, RoomTokenWillExpire: undefined,
    NetworkQuality: { local: { rtt: 9 }, remote: [{ userId: 'bob' }] },
    MessageReceived: { userId: 'bob', data: Buffer.from([1, 2]), destinations: ['me'] } };
  for (const event of EVENTS) {
    const more = event === 'MessageReceived' ? { interface: 'org.rtcroom.RtcRoom1.Voice' } : {};
    const body = bodies[event] || [['alice', 'bob']];
    const payload = event in payloads ? payloads[event] : { userIdList: ['alice', 'bob'] };
    const seen = [];
    const first = (res) => seen.push(['first', res]);
    const second = (res) => seen.push(['second', res]);
    context[`on${event}`](first);
    context[`on${event}`](second);
    context[`on${event}`](undefined);
    bus.signal(event, body, more);
    assert.deepEqual(seen, [['first', payload], ['second', payload]]);
    context[`off${event}`](() => {}); // another function
    context[`off${event}`](undefined); // not the same as no argument
    context[`off${event}`](first);
    bus.signal(event, body, more);
    assert.equal(seen.length, 3);
    context[`off${event}`]();
    bus.signal(event, body, more);
    assert.equal(seen.length, 3);
  }
  let states = 0;
  const count = () => { states++; };
  context.onRtcStateChange(count);
  bus.signal('RtcStateChanged', bodies.RtcStateChanged);
  context.offRtcStateChanged(count);
  bus.signal('RtcStateChanged', bodies.RtcStateChanged);
  assert.equal(states, 1);
});

test('a callback may take itself and others away', async () => {
  const { bus, context } = await made();
  const seen = [];
  const once = () => { seen.push(1); context.offRtcChatMembersChanged(once); };
  context.onRtcChatMembersChanged(once);
  context.onRtcChatMembersChanged(() => seen.push(2));
  bus.signal('RtcChatMembersChanged', [['a']]);
  bus.signal('RtcChatMembersChanged', [['a']]);
  assert.deepEqual(seen, [1, 2, 2]);
});

test("a program's exception is its own", async (t) => {
  const { bus, context } = await made();
  const thrown = [];
  let complete = 0;
  context.exitRtcRoom({ success() { throw new Error('mine'); }, complete() { complete++; } });
  const number = await bus.number('ExitRtcRoom');
  t.mock.method(globalThis, 'setImmediate', (fn) => { try { fn(); } catch (e) { thrown.push(e.message); } });
  bus.completed(number, 'exitRtcRoom');
  t.mock.restoreAll();
  assert.deepEqual([complete, thrown], [1, ['mine']]);
});

test('the daemon ends: requests fail, lists become empty, the call is interrupted', async () => {
  for (const name of [OWNER, null]) {
    const { bus, context } = await made();
    const told = [];
    context.onRtcChatMembersChanged((res) => told.push(['members', res.userIdList]));
    context.onRtcChatSpeakersChanged((res) => told.push(['speakers', res.userIdList]));
    context.onRtcChatInterrupted((res) => told.push(['interrupted', res.errNo, res.errMsg]));
    bus.signal('RtcChatMembersChanged', [['alice']]);
    const waiting = run(context, 'updateToken');
    await bus.number('UpdateToken');
    const asked = run(context, 'exitRtcRoom');
    const call = await bus.taken('ExitRtcRoom');
    bus.gone(':1.99'); // another one
    assert.equal(waiting.length, 0);
    bus.gone(name);
    bus.gone(name);
    assert.deepEqual(told, [['members', ['alice']], ['members', []], ['interrupted', -1084, 'server gone']]);
    assert.deepEqual(waiting.map(([n, res]) => [n, res.errNo, res.errMsg]),
      [['fail', 115910, `updateToken:fail ${DESTROYED}`], ['complete', 115910, `updateToken:fail ${DESTROYED}`]]);
    call.reject(Object.assign(new Error('x'), { type: 'org.freedesktop.DBus.Error.NoReply' }));
    const late = run(context, 'joinRtcRoom');
    await turn();
    assert.equal(asked[0][1].errNo, 115910);
    assert.equal(late[0][1].errNo, 115910);
    assert.deepEqual([bus.signalFns.size, bus.calls.length], [0, 0]);
  }
});
